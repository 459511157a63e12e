"""Where somebody stands: what was registered, then every decision that nobody has taken back, in their order.

Patients, numbers and residents are told alike, so that a decision taken back leaves everything as if it had never been
made (`tests/generative/test_decision_sequences.py`).
"""

from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

from kangqiao.identity.models import Decision, Link, Patient, Resident, ResidentIdentifier

JOINING: Final = (Decision.Kind.MATCH, Decision.Kind.MERGE)
ABOUT_A_PATIENT: Final = (Decision.Kind.LINK, Decision.Kind.UNLINK)
EVER: Final = datetime.min.replace(tzinfo=UTC)
FROM_DOCUMENT: Final = (Link.Reason.CITIZEN_ID, Link.Reason.DOCUMENT)


class Place(NamedTuple):
    """A resident, and the last decision that brought there; None where a registration did."""

    resident_id: UUID
    by: Decision | None = None


def followed(start: UUID, since: datetime = EVER, by: Decision | None = None) -> Place:
    """Return where somebody who stood with a resident at a time is now, by the residents joined then and since."""
    standing = Decision.objects.filter(other_id=start, kind__in=JOINING, undone_at=None, decided_at__gte=since)
    joined = standing.order_by("decided_at", "id").first()
    return followed(joined.resident_id, joined.decided_at, joined) if joined else Place(start, by)


def place_of_patient(patient: Patient) -> Place:
    """Return where the patient is: by the last decision about it since its registration, else by its registration."""
    registered = registered_link(patient.id)
    told = Link.objects.filter(patient=patient, decision_id__isnull=False).values("decision_id")
    about = Decision.objects.filter(
        id__in=told, kind__in=ABOUT_A_PATIENT, undone_at=None, decided_at__gt=registered.linked_at
    )
    last = about.order_by("-decided_at", "-id").first()
    if last is not None:
        linked_to = last.resident_id if last.kind == Decision.Kind.LINK else patient.id
        return followed(linked_to, last.decided_at, last)
    return _registered_place(patient, registered)


def registered_link(patient_id: UUID) -> Link:
    """Return the link that the patient's registration made; none of a decision's."""
    return Link.objects.filter(patient_id=patient_id, decision_id=None).latest("linked_at")


def _registered_place(patient: Patient, link: Link) -> Place:
    held = ResidentIdentifier.objects.filter(type=patient.key_type, number=patient.key_number, valid=True).first()
    if link.reason not in FROM_DOCUMENT or held is None:
        return followed(link.resident_id, link.linked_at)
    place = place_of_identifier(held)
    earlier = place.by is not None and place.by.decided_at < link.linked_at
    return Place(place.resident_id) if earlier else place


def place_of_identifier(identifier: ResidentIdentifier) -> Place:
    """Return whose the number is: of whoever it was first seen with, and whoever that is now."""
    return followed(_first_holder(identifier.id, identifier.resident_id))


def _first_holder(identifier_id: UUID, held_by: UUID) -> UUID:
    """Go back over all who ever brought the number along when they were joined."""
    brought = Decision.objects.filter(
        resident_id=held_by, kind__in=JOINING, detail__identifiers__contains=[str(identifier_id)]
    ).first()
    return _first_holder(identifier_id, brought.other_id) if brought else held_by


def place_of_resident(resident_id: UUID) -> UUID:
    """Return who a resident with nobody linked is now: whoever its patient is, or whoever it was joined to."""
    own = Link.objects.filter(patient_id=resident_id, undone_at=None).values_list("resident_id", flat=True).first()
    return own or followed(resident_id).resident_id


def root_of(resident_id: UUID) -> UUID:
    """Return the resident that this one is now; itself unless it was merged."""
    merged_into = Resident.objects.filter(id=resident_id).values_list("merged_into_id", flat=True).first()
    return root_of(merged_into) if merged_into else resident_id
