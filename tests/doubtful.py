"""Doubts for tests: residents that may be one person, as matching would ask about them."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction

from kangqiao.identity.decisions import Doubt
from kangqiao.identity.linkage.comparison import Birth, Document, Name, Phone, Place, Sex, pattern_of
from kangqiao.identity.models import Link, Patient
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.permissions import PERMISSIONS_OF, Role

SIMILAR = pattern_of(Document.SILENT, Name.HOMOPHONE, Birth.SAME, Sex.SAME, Phone.SAME, Place.SAME_VILLAGE)


def steward(name: str = "段主索引", institution_id: int | None = None) -> Actor:
    """Return a steward: of the whole city, or of an institution's county."""
    return Actor(
        kind=ActorKind.ACCOUNT,
        id=uuid4(),
        name=name,
        institution_id=institution_id,
        permissions=PERMISSIONS_OF[Role.STEWARD],
    )


def told(institution_id: int, number: str, name: str, *, key: str | None = None, **said: Any) -> UUID:
    """Register a patient, and return its id."""
    known = {"sex": "2", "birth_date": date(1965, 8, 12)} | said
    row = Registration(institution_id, number, name, key_type="01" if key else None, key_number=key, **known)
    with transaction.atomic():
        register_patients(connection.connection, source=Source.registrations([row]), actor_id=None)
    return Patient.objects.get(institution_id=institution_id, local_number=number).id


def resident_of(patient_id: UUID) -> UUID:
    """Return the resident a patient is linked to."""
    return Link.objects.get(patient_id=patient_id, undone_at=None).resident_id


def counties_of(*patients: UUID) -> list[str]:
    """Return the six digits of the counties in which patients are registered."""
    at = Patient.objects.filter(id__in=patients).values("institution_id")
    codes = Institution.objects.filter(id__in=at).values_list("division_code", flat=True)
    return sorted({code[:COUNTY_DIGITS] for code in codes})


def doubt(one: UUID, other: UUID, *, kind: Doubt.Kind = Doubt.Kind.SIMILAR, weight: float = 4.5) -> Doubt:
    """Raise a doubt about the residents of two patients; where both are one, about the link of the first patient."""
    (first, patient), (second, other_patient) = sorted([(resident_of(one), one), (resident_of(other), other)])
    if first == second:
        patient, other_patient = one, other
    return Doubt.objects.create(
        kind=kind,
        first_id=first,
        second_id=second,
        patient_id=patient,
        other_patient_id=other_patient,
        rule="phone-name",
        pattern=SIMILAR,
        weight=weight,
        counties=counties_of(one, other),
        model="simulated-city-2",
    )
