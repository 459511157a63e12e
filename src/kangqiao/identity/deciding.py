"""The verbs by which people decide who is who: merge, link, unlink, keep apart, and take any of it back.

Each is a `Decision` with actor, reason and audit entry in one transaction; the links it ends and makes carry its id,
and those that taking it back makes, too. Those without one were made by registrations.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from kangqiao.identity.absorbing import Absorption, absorb
from kangqiao.identity.documents import DocumentType
from kangqiao.identity.doubt_rules import WAITING
from kangqiao.identity.errors import (
    AlreadyLinked,
    AlreadyUndone,
    KeptApart,
    LinkUndone,
    NothingToUndo,
    ReasonMissing,
    ResidentMerged,
    SecondPersonNeeded,
)
from kangqiao.identity.models import Apart, Decision, Doubt, Link, Patient, Resident, ResidentIdentifier, Unmatched
from kangqiao.identity.standing import (
    FROM_DOCUMENT,
    Place,
    followed,
    place_of_identifier,
    place_of_patient,
    place_of_resident,
    registered_link,
    root_of,
)
from kangqiao.identity.statements import follow_patients
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act


def merge_residents(
    *, resident_id: UUID, other_id: UUID, reason: str, actor: Actor, proposed_by: UUID | None = None
) -> Decision:
    """Take two residents for one person. Who has a document stays, else the first one named.

    Raises `ReasonMissing`, `ResidentMerged`, `KeptApart`, and `SecondPersonNeeded` for two citizen numbers unless
    the actor approves what somebody else has proposed.
    """
    _require(reason)
    with transaction.atomic():
        locked = _locked(resident_id, other_id)
        kept, absorbed = locked[resident_id], locked[other_id]
        if kept.state == Resident.State.PENDING and absorbed.state == Resident.State.CONFIRMED:
            kept, absorbed = absorbed, kept
        if needs_second_person(kept.id, absorbed.id) and proposed_by in (None, actor.id):
            raise SecondPersonNeeded
        decision_id = uuid7()
        by = (proposed_by, actor.id) if proposed_by else (actor.id, None)
        absorption = Absorption(decision_id, kept.id, absorbed.id, Decision.Kind.MERGE, reason.strip(), *by)
        if not absorb(connection.connection, [absorption]):
            raise KeptApart
        _audit(actor, Action.RESIDENT_MERGE, kept.id, decision_id, {"merged": str(absorbed.id)})
    return Decision.objects.get(id=decision_id)


def needs_second_person(resident_id: UUID, other_id: UUID) -> bool:
    """Return whether each of both holds a citizen number: joining them is for two people to decide."""
    held = ResidentIdentifier.objects.filter(
        resident_id__in=[resident_id, other_id], type=DocumentType.CITIZEN_ID, valid=True
    )
    return len(set(held.values_list("resident_id", flat=True))) == 2


def keep_apart(*, resident_id: UUID, other_id: UUID, reason: str, actor: Actor) -> Decision:
    """Say that two residents are different people, for ever. Raises `ReasonMissing`, `ResidentMerged`, `KeptApart`."""
    _require(reason)
    with transaction.atomic():
        _locked(resident_id, other_id)
        if Apart.objects.filter(**_in_order(resident_id, other_id)).exists():
            raise KeptApart
        decision = _keep_apart(resident_id, other_id, reason.strip(), actor)
    return decision


def link_patient(*, patient_id: UUID, resident_id: UUID, reason: str, actor: Actor) -> Decision:
    """Link the patient to the resident instead of the one it is linked to.

    Raises `ReasonMissing`, `AlreadyLinked`, `ResidentMerged`, `KeptApart`.
    """
    _require(reason)
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(id=patient_id)
        current = Link.objects.get(patient=patient, undone_at=None)
        if current.resident_id == resident_id:
            raise AlreadyLinked
        locked = Resident.objects.select_for_update().order_by("id").in_bulk([resident_id, current.resident_id])
        if locked[resident_id].state == Resident.State.MERGED:
            raise ResidentMerged
        if Apart.objects.filter(**_in_order(resident_id, patient.id)).exists():
            raise KeptApart
        decision = _decide(Decision.Kind.LINK, resident_id, current.resident_id, reason.strip(), actor)
        _move(current, resident_id, decision)
        _settle(current.resident_id, patient.id, decision)
        _audit(
            actor, Action.PATIENT_LINK, resident_id, decision.id, {"instead_of": str(current.id)}, patient_id=patient_id
        )
    return decision


def confirm_link(*, link_id: UUID, reason: str, actor: Actor) -> Decision:
    """Say that a link that a registration or a comparison made is right: from now on it stands by hand.

    Raises `ReasonMissing`, `LinkUndone`, `NothingToUndo`.
    """
    _require(reason)
    with transaction.atomic():
        link = _locked_link(link_id)
        decision = _decide(Decision.Kind.LINK, link.resident_id, link.resident_id, reason.strip(), actor)
        _move(link, link.resident_id, decision)
        _settle(link.resident_id, link.patient_id, decision)
        _audit(actor, Action.PATIENT_LINK, link.resident_id, decision.id, {}, patient_id=link.patient_id)
    return decision


def unlink_patient(*, link_id: UUID, reason: str, actor: Actor) -> Decision:
    """Undo a current link: the patient is its own resident again, 待核, and is never joined to the other one again.

    Raises `ReasonMissing`, `LinkUndone`, `NothingToUndo`.
    """
    _require(reason)
    with transaction.atomic():
        link = _locked_link(link_id)
        own = link.patient_id
        decision = _decide(Decision.Kind.UNLINK, link.resident_id, own, reason.strip(), actor)
        _move(link, own, decision)
        Apart.objects.create(**_in_order(link.resident_id, own), decision_id=decision.id)
        _settle(link.resident_id, own, decision)
        _audit(actor, Action.PATIENT_UNLINK, link.resident_id, decision.id, {"link": str(link.id)}, patient_id=own)
    return decision


def undo_decision(*, decision_id: UUID, reason: str, actor: Actor, proposed_by: UUID | None = None) -> Decision:
    """Take a decision back: everything stands as if it had never been made (`standing`), later decisions included.

    What only a comparison had joined is kept apart from now on, or the next comparison would join it again. Raises
    `ReasonMissing`, `AlreadyUndone`, and `SecondPersonNeeded` for what two people decided unless the actor approves
    what somebody else has proposed.
    """
    _require(reason)
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(id=decision_id)
        if decision.undone_at is not None:
            raise AlreadyUndone
        if decision.approved_by is not None and proposed_by in (None, actor.id):
            raise SecondPersonNeeded
        moved = _Moved.by(decision)
        decision.undone_at, decision.undone_reason = timezone.now(), reason.strip()
        decision.undone_by, decision.undo_approved_by = (proposed_by, actor.id) if proposed_by else (actor.id, None)
        decision.save(update_fields=["undone_at", "undone_by", "undone_reason", "undo_approved_by"])
        now_at = root_of(decision.resident_id)
        _put_back(moved, decision)
        parted = root_of(now_at), root_of(decision.other_id)
        if decision.kind == Decision.Kind.MATCH and parted[0] != parted[1]:
            _keep_apart(*parted, reason.strip(), actor)
        _compare_again(now_at, decision.other_id)
        _audit(actor, Action.DECISION_UNDO, now_at, decision.id, {"other": str(decision.other_id)})
    return decision


# -- what the verbs are made of ---------------------------------------------------------------------------------------


def _require(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


def _locked_link(link_id: UUID) -> Link:
    """Lock the patient, so that the link stays current, and return the link to somebody else than itself."""
    patient = Patient.objects.select_for_update().get(links=link_id)
    link = Link.objects.get(id=link_id)
    if link.undone_at is not None:
        raise LinkUndone
    if link.resident_id == patient.id:
        raise NothingToUndo
    return link


def _locked(resident_id: UUID, other_id: UUID) -> dict[UUID, Resident]:
    if resident_id == other_id:
        raise AlreadyLinked
    locked = Resident.objects.select_for_update(no_key=True).order_by("id").in_bulk([resident_id, other_id])
    if any(each.state == Resident.State.MERGED for each in locked.values()):
        raise ResidentMerged
    return locked


def _in_order(one: UUID, other: UUID) -> dict[str, UUID]:
    first, second = sorted((one, other))
    return {"first_id": first, "second_id": second}


def _decide(kind: Decision.Kind, resident_id: UUID, other_id: UUID, reason: str, actor: Actor) -> Decision:
    return Decision.objects.create(
        kind=kind, resident_id=resident_id, other_id=other_id, reason=reason, actor_id=actor.id
    )


def _keep_apart(resident_id: UUID, other_id: UUID, reason: str, actor: Actor) -> Decision:
    decision = _decide(Decision.Kind.APART, resident_id, other_id, reason, actor)
    Apart.objects.create(**_in_order(resident_id, other_id), decision_id=decision.id)
    waiting = Doubt.objects.filter(**_in_order(resident_id, other_id), state__in=WAITING)
    waiting.update(state=Doubt.State.APART, decided_by=actor.id, decided_at=timezone.now(), decision_id=decision.id)
    _audit(actor, Action.RESIDENT_APART, resident_id, decision.id, {"other": str(other_id)})
    return decision


def _move(link: Link, resident_id: UUID, decision: Decision) -> None:
    """End a link and make another one; the resident that is left empty follows its patient, the own one revives."""
    _end(link, decision.reason, decision)
    own = resident_id == link.patient_id
    if own:
        _revive(link.patient_id)
    Link.objects.create(
        patient_id=link.patient_id,
        resident_id=resident_id,
        reason=Link.Reason.OWN if own else Link.Reason.MANUAL,
        actor_id=decision.actor_id,
        decision_id=decision.id,
    )
    _restate(resident_id)
    _restate(link.resident_id)
    follow_patients(connection.connection, {link.resident_id, resident_id})
    _compare_again(link.resident_id, resident_id)


def _end(link: Link, reason: str, decision: Decision) -> None:
    link.undone_at, link.undone_by, link.undone_reason = timezone.now(), decision.actor_id, reason
    link.ended_by = decision.id
    link.save(update_fields=["undone_at", "undone_by", "undone_reason", "ended_by"])


def _revive(patient_id: UUID) -> None:
    """Make sure that the patient's own resident exists; it is called what the patient is called."""
    patient = Patient.objects.get(id=patient_id)
    told = {"name": patient.name, "sex": patient.sex, "birth_date": patient.birth_date}
    Resident.objects.get_or_create(id=patient_id, defaults=told | {"state": Resident.State.PENDING})


def _restate(resident_id: UUID) -> None:
    """Say what the resident is: confirmed with a number, pending with somebody linked, else merged into another."""
    state, merged_into = Resident.State.MERGED, None
    if ResidentIdentifier.objects.filter(resident_id=resident_id).exists():
        state = Resident.State.CONFIRMED
    elif Link.objects.filter(resident_id=resident_id, undone_at=None).exists():
        state = Resident.State.PENDING
    else:
        merged_into = place_of_resident(resident_id)
    Resident.objects.filter(id=resident_id).update(state=state, merged_into=merged_into)


def _settle(resident_id: UUID, other_id: UUID, decision: Decision) -> None:
    """Doubts about a link that was just decided by hand are no doubts any more."""
    pairs = [_in_order(resident_id, other_id), {"first_id": resident_id, "second_id": resident_id}]
    for pair in pairs:
        Doubt.objects.filter(**pair, patient_id=other_id, state__in=WAITING).update(
            state=Doubt.State.SETTLED, decided_at=timezone.now(), decision_id=decision.id
        )


def _compare_again(*residents: UUID) -> None:
    """Let the next matching look at the patients of these residents: doubts about them may be others now."""
    patients = Link.objects.filter(resident_id__in=residents, undone_at=None).values_list("patient_id", flat=True)
    now = timezone.now()
    Unmatched.objects.bulk_create(
        [Unmatched(patient_id=each, since=now) for each in patients],
        update_conflicts=True,
        update_fields=["since"],
        unique_fields=["patient_id"],
    )


@dataclass(frozen=True, slots=True)
class _Moved:
    """What a decision moved, locked: patients, identifiers, and every resident that may be touched."""

    patients: list[Patient]
    identifiers: list[ResidentIdentifier]
    residents: set[UUID]

    @classmethod
    def by(cls, decision: Decision) -> "_Moved":
        """Lock in the order of registration: patients, identifiers, residents."""
        numbers = ResidentIdentifier.objects.filter(id__in=decision.detail.get("identifiers", ()))
        by_number = Link.objects.filter(
            undone_at=None,
            reason__in=FROM_DOCUMENT,
            resident_id__in=numbers.values("resident_id"),
        )
        links = Link.objects.filter(Q(decision_id=decision.id) | Q(ended_by=decision.id) | Q(id__in=by_number))
        patients = Patient.objects.filter(id__in=links.values("patient_id"))
        locked = list(patients.select_for_update().order_by("institution_id", "local_number"))
        identifiers = list(numbers.select_for_update().order_by("type", "number"))
        touched = set(Link.objects.filter(patient__in=locked).values_list("resident_id", flat=True))
        touched |= {decision.resident_id, decision.other_id, root_of(decision.resident_id), root_of(decision.other_id)}
        touched |= {UUID(each) for each in decision.detail.get("merged", ())}
        touched |= {each.resident_id for each in identifiers}
        list(Resident.objects.select_for_update(no_key=True).filter(id__in=touched).order_by("id"))
        return cls(locked, identifiers, touched)


def _put_back(moved: _Moved, decision: Decision) -> None:
    """Let everybody whom the decision moved stand where the decisions that are left say."""
    touched = set(moved.residents)
    for identifier in moved.identifiers:
        identifier.resident_id = place_of_identifier(identifier).resident_id
        identifier.save(update_fields=["resident_id"])
    for patient in moved.patients:
        touched.add(_stand_again(patient, decision))
    Apart.objects.filter(decision_id=decision.id).delete()
    for resident_id in sorted(touched):
        _restate(resident_id)
    _keep_apart_again(touched)
    follow_patients(connection.connection, touched)


def _stand_again(patient: Patient, decision: Decision) -> UUID:
    """Link the patient as it stands now that the decision is taken back, and return the resident."""
    current = Link.objects.get(patient=patient, undone_at=None)
    place = place_of_patient(patient)
    if place.resident_id == current.resident_id and current.decision_id != decision.id:
        return place.resident_id
    _end(current, decision.undone_reason or "", decision)
    former = _former(patient, place)
    own = place.resident_id == patient.id
    if own:
        _revive(patient.id)
    Link.objects.create(
        patient=patient,
        resident_id=place.resident_id,
        reason=Link.Reason.OWN if own else _reason(place, former),
        score=former.score,
        actor_id=former.actor_id,
        batch_id=former.batch_id,
        decision_id=place.by.id if place.by else decision.id,
    )
    return place.resident_id


def _former(patient: Patient, place: Place) -> Link:
    """Return the link that brought the patient there before: what it said is said again."""
    by_decision = Link.objects.filter(patient=patient, decision_id=place.by.id) if place.by else Link.objects.none()
    return by_decision.order_by("linked_at").last() or registered_link(patient.id)


def _reason(place: Place, former: Link) -> str:
    if place.by is None:
        return former.reason
    return Link.Reason.MATCHED if place.by.kind == Decision.Kind.MATCH else Link.Reason.MANUAL


def _keep_apart_again(touched: set[UUID]) -> None:
    """Let what is kept apart follow those who were touched: each pair as its decision named it, wherever it is now."""
    for apart in Apart.objects.filter(Q(first_id__in=touched) | Q(second_id__in=touched)):
        said = Decision.objects.get(id=apart.decision_id)
        ends = (followed(each, said.decided_at).resident_id for each in (said.resident_id, said.other_id))
        apart.first_id, apart.second_id = sorted(ends)
        apart.save(update_fields=["first_id", "second_id"])


def _audit(
    actor: Actor, action: Action, resident_id: UUID, decision_id: UUID, detail: dict[str, object], **about: UUID
) -> None:
    record_act(
        actor=actor,
        action=action,
        resident_id=resident_id,
        patient_id=about.get("patient_id"),
        object_kind="decision",
        object_id=decision_id,
        detail=detail,
    )
