"""The verbs by which people decide who is who: merge, link, unlink, keep apart, and take any of it back.

Each is a `Decision` with actor, reason and audit entry in one transaction; the links it ends and makes carry its id. A
decision taken back leaves what was decided later as it is and restores everything else.
"""

from typing import Final
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from kangqiao.identity.absorbing import Absorption, absorb
from kangqiao.identity.documents import DocumentType
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
from kangqiao.identity.statements import FOLLOW_PATIENTS_OF_ONE
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act

WAITING: Final = (Doubt.State.OPEN, Doubt.State.PROPOSED)


def merge_residents(
    *, resident_id: UUID, other_id: UUID, reason: str, actor: Actor, approved_by: UUID | None = None
) -> Decision:
    """Take two residents for one person. Who has a document stays, else the first one named.

    Raises `ReasonMissing`, `ResidentMerged`, `KeptApart`, and `SecondPersonNeeded` for two citizen numbers unless
    somebody other than the actor has approved.
    """
    _require(reason)
    with transaction.atomic():
        locked = _locked(resident_id, other_id)
        kept, absorbed = locked[resident_id], locked[other_id]
        if kept.state == Resident.State.PENDING and absorbed.state == Resident.State.CONFIRMED:
            kept, absorbed = absorbed, kept
        if needs_second_person(kept.id, absorbed.id) and approved_by in (None, actor.id):
            raise SecondPersonNeeded
        decision_id = uuid7()
        absorption = Absorption(
            decision_id, kept.id, absorbed.id, Decision.Kind.MERGE, reason.strip(), actor.id, approved_by
        )
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
        _settle(current.resident_id, patient.id)
        _audit(
            actor, Action.PATIENT_LINK, resident_id, decision.id, {"instead_of": str(current.id)}, patient_id=patient_id
        )
    return decision


def unlink_patient(*, link_id: UUID, reason: str, actor: Actor) -> Decision:
    """Undo a current link: the patient is its own resident again, 待核, and is never joined to the other one again.

    Raises `ReasonMissing`, `LinkUndone`, `NothingToUndo`.
    """
    _require(reason)
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(links=link_id)
        link = Link.objects.get(id=link_id)
        if link.undone_at is not None:
            raise LinkUndone
        if link.resident_id == patient.id:
            raise NothingToUndo
        decision = _decide(Decision.Kind.UNLINK, link.resident_id, patient.id, reason.strip(), actor)
        _move(link, patient.id, decision)
        Apart.objects.get_or_create(**_in_order(link.resident_id, patient.id), defaults={"decision_id": decision.id})
        _settle(link.resident_id, patient.id)
        _audit(
            actor, Action.PATIENT_UNLINK, link.resident_id, decision.id, {"link": str(link.id)}, patient_id=patient.id
        )
    return decision


def undo_decision(*, decision_id: UUID, reason: str, actor: Actor) -> Decision:
    """Take a decision back: what it joined is parted, what it parted is joined, as it was before.

    Patients that came later stay where they are, unless by a document that goes back. What only a comparison had
    joined is kept apart from now on, or the next comparison would join it again. Raises `ReasonMissing`,
    `AlreadyUndone`.
    """
    _require(reason)
    with transaction.atomic():
        decision = Decision.objects.select_for_update().get(id=decision_id)
        if decision.undone_at is not None:
            raise AlreadyUndone
        now_at = root_of(decision.resident_id)
        moved = _patients_to_return(decision, now_at)
        decision.undone_at, decision.undone_by, decision.undone_reason = timezone.now(), actor.id, reason.strip()
        decision.save(update_fields=["undone_at", "undone_by", "undone_reason"])
        Apart.objects.filter(decision_id=decision.id).delete()
        if decision.kind in (Decision.Kind.MATCH, Decision.Kind.MERGE):
            _part(decision, now_at)
        for former in moved:
            _return(former, decision)
        _follow(now_at, decision.other_id)
        if decision.kind == Decision.Kind.MATCH:
            _keep_apart(now_at, decision.other_id, reason.strip(), actor)
        _compare_again(now_at, decision.other_id)
        _audit(actor, Action.DECISION_UNDO, now_at, decision.id, {"other": str(decision.other_id)})
    return decision


def root_of(resident_id: UUID) -> UUID:
    """Return the resident that this one is now; itself unless it was merged."""
    merged_into = Resident.objects.filter(id=resident_id).values_list("merged_into_id", flat=True).first()
    return root_of(merged_into) if merged_into else resident_id


# -- what the verbs are made of ---------------------------------------------------------------------------------------


def _require(reason: str) -> None:
    if not reason.strip():
        raise ReasonMissing


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
    Apart.objects.get_or_create(**_in_order(resident_id, other_id), defaults={"decision_id": decision.id})
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
    _follow(link.resident_id, resident_id)
    _merge_if_left(link.resident_id)
    _compare_again(link.resident_id, resident_id)


def _end(link: Link, reason: str, decision: Decision) -> None:
    link.undone_at, link.undone_by, link.undone_reason = timezone.now(), decision.actor_id, reason
    link.ended_by = decision.id
    link.save(update_fields=["undone_at", "undone_by", "undone_reason", "ended_by"])


def _revive(patient_id: UUID) -> None:
    """Make the patient's own resident stand for itself again (or for the first time)."""
    patient = Patient.objects.get(id=patient_id)
    told = {"name": patient.name, "sex": patient.sex, "birth_date": patient.birth_date}
    own, made = Resident.objects.get_or_create(id=patient_id, defaults=told | {"state": Resident.State.PENDING})
    if not made and own.state == Resident.State.MERGED:
        Resident.objects.filter(id=patient_id).update(**told, state=Resident.State.PENDING, merged_into=None)


def _merge_if_left(resident_id: UUID) -> None:
    """Mark a pending resident to whom nobody is linked any more as merged into whoever its patient is now."""
    left = Resident.objects.select_for_update(no_key=True).get(id=resident_id)
    if left.state == Resident.State.PENDING and not left.links.filter(undone_at=None).exists():
        now_at = Link.objects.get(patient_id=resident_id, undone_at=None).resident_id
        left.state, left.merged_into_id = Resident.State.MERGED, now_at
        left.save(update_fields=["state", "merged_into"])


def _settle(resident_id: UUID, other_id: UUID) -> None:
    """Doubts about a link that was just decided by hand are no doubts any more."""
    pairs = [_in_order(resident_id, other_id), {"first_id": resident_id, "second_id": resident_id}]
    for pair in pairs:
        Doubt.objects.filter(**pair, patient_id=other_id, state__in=WAITING).update(
            state=Doubt.State.SETTLED, decided_at=timezone.now()
        )


def _follow(*residents: UUID) -> None:
    with connection.cursor() as cursor:
        for resident_id in residents:
            cursor.execute(FOLLOW_PATIENTS_OF_ONE, {"resident_id": resident_id})


def _compare_again(*residents: UUID) -> None:
    """Let the next matching look at the patients of these residents: doubts about them may be others now."""
    patients = Link.objects.filter(resident_id__in=residents, undone_at=None).values_list("patient_id", flat=True)
    Unmatched.objects.bulk_create([Unmatched(patient_id=each) for each in patients], ignore_conflicts=True)


def _patients_to_return(decision: Decision, now_at: UUID) -> list[Link]:
    """Return the links that the decision ended, of patients that are still where it brought them, and lock these."""
    ended = Link.objects.filter(ended_by=decision.id)
    list(Patient.objects.select_for_update().filter(links__in=ended).order_by("institution_id", "local_number"))
    list(Resident.objects.select_for_update(no_key=True).filter(id__in=[now_at, decision.other_id]).order_by("id"))
    brought_to = decision.other_id if decision.kind == Decision.Kind.UNLINK else now_at
    current = Link.objects.filter(undone_at=None, resident_id=root_of(brought_to))
    return list(ended.filter(patient__in=current.values("patient_id")).order_by("id"))


def _part(decision: Decision, now_at: UUID) -> None:
    """Give the resident that was joined its state, its identifiers and those who had been merged into it back."""
    other = decision.other_id
    Resident.objects.filter(id=other).update(state=decision.detail["state"], merged_into=None)
    Resident.objects.filter(id__in=decision.detail["merged"], merged_into_id=now_at).update(merged_into=other)
    back = ResidentIdentifier.objects.filter(id__in=decision.detail["identifiers"], resident_id=now_at)
    keys = [tuple(key) for key in back.values_list("type", "number")]
    back.update(resident_id=other)
    for kind, number in keys:
        _bring_along(now_at, other, kind, number, decision)
    if not ResidentIdentifier.objects.filter(resident_id=now_at).exists():
        Resident.objects.filter(id=now_at, state=Resident.State.CONFIRMED).update(state=Resident.State.PENDING)


def _bring_along(now_at: UUID, other: UUID, kind: str, number: str, decision: Decision) -> None:
    """Patients who came later by a document that goes back go with it."""
    by_document = Link.objects.filter(
        resident_id=now_at,
        undone_at=None,
        reason__in=[Link.Reason.CITIZEN_ID, Link.Reason.DOCUMENT],
        patient__key_type=kind,
        patient__key_number=number,
    )
    for link in by_document:
        _end(link, decision.undone_reason or "", decision)
        _again(link, other)


def _return(former: Link, decision: Decision) -> None:
    """Link a patient again as it was linked before the decision."""
    current = Link.objects.get(patient_id=former.patient_id, undone_at=None)
    own = former.resident_id == former.patient_id
    if own:
        _revive(former.patient_id)
    resident_id = former.resident_id if own else root_of(former.resident_id)
    if current.resident_id == resident_id:
        return
    _end(current, decision.undone_reason or "", decision)
    _again(former, resident_id)
    _merge_if_left(current.resident_id)


def _again(former: Link, resident_id: UUID) -> None:
    own = resident_id == former.patient_id
    Link.objects.create(
        patient_id=former.patient_id,
        resident_id=resident_id,
        reason=Link.Reason.OWN if own else former.reason,
        score=former.score,
        actor_id=former.actor_id,
        batch_id=former.batch_id,
        decision_id=former.decision_id,
    )


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
