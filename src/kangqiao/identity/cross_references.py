"""From one number of a person to all others, and from what is known of a person to who it may be.

What the transactions “Patient Identifier Cross-reference” and “Patient Demographics Query” of IHE ask for, under names
of our own: other messages can be made of what is returned here.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from kangqiao.identity.documents import DocumentKey
from kangqiao.identity.errors import NothingToCompare, SeveralResidents
from kangqiao.identity.models import Patient, Resident, ResidentIdentifier
from kangqiao.identity.numbers import Number, numbers_of
from kangqiao.identity.queries import Person, people, residents_of
from kangqiao.identity.standing import root_of
from kangqiao.infra.paging import key_page
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

LARGEST_PAGE: Final = 50
MOST_HOLDERS, MOST_NAMED = 1000, 20
"""Patients that are looked at, and residents that are named, where many hold one number."""
SHORTEST_NAME: Final = 2
"""Characters a name must begin with where nothing else is known."""


@dataclass(frozen=True, slots=True, repr=False)
class LocalNumber:
    """How one institution knows the person."""

    institution_id: int
    local_number: str


@dataclass(frozen=True, slots=True, repr=False)
class HeldNumber:
    """A health card, an archive or an insurance number: `kind` is one of `HELD`."""

    kind: str
    number: str


By: TypeAlias = DocumentKey | LocalNumber | HeldNumber | UUID
"""What one person is known by; of a resident that was merged since, the id it had."""


@dataclass(frozen=True, slots=True, repr=False)
class CrossReference:
    """Everything one person is known by, without documents that do not count any more."""

    resident_id: UUID
    state: Resident.State
    numbers: tuple[Number, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Sought:
    """What is known of a person. The name may be only its beginning; of the birth date the year is enough."""

    name: str | None = None
    birth_date: date | None = None
    birth_year: int | None = None
    sex: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """Some of the people that fit, and the id after which the next ones come; None where these are the last."""

    people: list[Person]
    next: UUID | None


def identifiers_of(*, by: By, actor: Actor) -> CrossReference | None:
    """Return all that the person is known by, None where nobody is known by this.

    Raises `SeveralResidents` where a number is told of several: which of them it is belongs to, nobody guesses.
    """
    actor.require(Permission.IDENTITY_MATCH)
    with transaction.atomic():
        residents = _residents(by)
        found = _known_by(residents[0]) if len(residents) == 1 else None
        _record(actor, "identifier", residents)
    if len(residents) > 1:
        raise SeveralResidents(residents)
    return found


def people_like(*, sought: Sought, actor: Actor, after: UUID | None = None, size: int = 20) -> Page:
    """Return a page of the people that fit, in the order of their ids. Raises `NothingToCompare` for too little."""
    actor.require(Permission.IDENTITY_MATCH)
    size = max(1, min(size, LARGEST_PAGE))
    with transaction.atomic():
        fitting = _fitting(sought).order_by("id").values_list("id", flat=True)
        page = key_page((fitting.filter(id__gt=after) if after else fitting)[: size + 1], size=size, key=str)
        shown = people(page.rows)
        _record(actor, "demographics", [each.id for each in shown])
    return Page(shown, UUID(page.next_key) if page.next_key else None)


def _residents(by: By) -> list[UUID]:
    if isinstance(by, UUID):
        return [root_of(by)] if Resident.objects.filter(id=by).exists() else []
    if isinstance(by, DocumentKey):
        held = ResidentIdentifier.objects.filter(type=by.type_code, number=by.number, valid=True)
        return list(held.values_list("resident_id", flat=True))
    if isinstance(by, LocalNumber):
        patients = Patient.objects.filter(institution_id=by.institution_id, local_number=by.local_number)
    else:
        patients = Patient.objects.filter(**{by.kind: by.number})
    some = patients.values_list("id", flat=True)[:MOST_HOLDERS]
    return sorted(set(residents_of(some).values()))[:MOST_NAMED]


def _known_by(resident_id: UUID) -> CrossReference:
    resident = Resident.objects.get(id=resident_id)
    return CrossReference(
        resident_id=resident_id,
        state=Resident.State(resident.state),
        numbers=tuple(number for number in numbers_of(resident_id) if number.current),
    )


def _fitting(sought: Sought) -> QuerySet[Resident]:
    name = (sought.name or "").strip()
    if not name or (len(name) < SHORTEST_NAME and not (sought.birth_date or sought.birth_year)):
        raise NothingToCompare
    fits = Q(name__gte=name, name__lt=name + chr(0x10FFFF))
    if sought.birth_date:
        fits &= Q(birth_date=sought.birth_date)
    elif sought.birth_year:
        fits &= Q(birth_date__gte=date(sought.birth_year, 1, 1), birth_date__lte=date(sought.birth_year, 12, 31))
    if sought.sex:
        fits &= Q(sex=sought.sex)
    return Resident.objects.filter(fits).exclude(state=Resident.State.MERGED)


def _record(actor: Actor, by: str, found: list[UUID]) -> None:
    record_act(
        actor=actor,
        action=Action.RESIDENT_FIND,
        resident_id=found[0] if len(found) == 1 else None,
        object_kind="resident",
        detail={"by": by, "found": len(found), "residents": [str(id) for id in found]},
    )
