"""The verbs of the review desk: each answers a doubt, and where that decides who is who, takes the decision.

Two people may answer at once. Whoever comes second waits for the first one's locks and is told what became of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from kangqiao.identity.deciding import (
    confirm_link,
    keep_apart,
    merge_residents,
    needs_second_person,
    undo_decision,
    unlink_patient,
)
from kangqiao.identity.decisions import Decision, Doubt
from kangqiao.identity.doubt_rules import WAITING, Act, after
from kangqiao.identity.errors import DoubtMoved, IdentityError, ReasonMissing, SecondPersonNeeded
from kangqiao.identity.models import Link
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

_NOBODY: Final = dict.fromkeys(("decided_by", "decided_at", "decision_id", "proposed_by", "proposed_at"))
"""An answer that does not stand any more."""


def answer_same(*, doubt_id: UUID, reason: str, actor: Actor) -> Doubt:
    """Say that both are one person; of a link that stands, that it is right. Return the doubt as it is then.

    Two residents with citizen numbers of their own are only proposed: another person must confirm. Raises
    `DoubtMoved`, `ReasonMissing`, and what `merge_residents` raises.
    """
    with _answering(doubt_id, actor) as doubt:
        after(doubt.state, Act.SAME)
        if _about_a_link(doubt):
            decision = confirm_link(link_id=_link_of(doubt), reason=reason, actor=actor)
        elif needs_second_person(doubt.first_id, doubt.second_id):
            return _propose(doubt, reason, actor)
        else:
            decision = _merge(doubt, reason, actor)
        return _move(doubt, Act.SAME, actor, decided_by=actor.id, decision_id=decision.id, note=decision.reason)


def confirm(*, doubt_id: UUID, actor: Actor) -> Doubt:
    """Approve what somebody else proposed, a merge or its undoing: it is done now.

    Raises `DoubtMoved`, `SecondPersonNeeded`.
    """
    with _answering(doubt_id, actor) as doubt:
        after(doubt.state, Act.CONFIRM)
        if doubt.proposed_by == actor.id:
            raise SecondPersonNeeded
        if doubt.state == Doubt.State.UNDOING:
            return _undo(doubt, actor)
        decision = _merge(doubt, doubt.note or "", actor, proposed_by=doubt.proposed_by)
        return _move(doubt, Act.CONFIRM, actor, decided_by=actor.id, decision_id=decision.id)


def reject(*, doubt_id: UUID, reason: str, actor: Actor) -> Doubt:
    """Send a proposal back, or take one's own back: the doubt is open, or answered, as before.

    Raises `DoubtMoved`, `ReasonMissing`.
    """
    with _answering(doubt_id, actor) as doubt:
        return _move(doubt, Act.REJECT, actor, note=_required(reason), proposed_by=None, proposed_at=None)


def answer_apart(*, doubt_id: UUID, reason: str, actor: Actor) -> Doubt:
    """Say that both are different people; a patient wrongly linked becomes its own resident again.

    Raises `DoubtMoved`, `ReasonMissing`, and what `keep_apart` and `unlink_patient` raise.
    """
    with _answering(doubt_id, actor) as doubt:
        after(doubt.state, Act.APART)
        if _about_a_link(doubt):
            decision = unlink_patient(link_id=_link_of(doubt), reason=reason, actor=actor)
        else:
            decision = keep_apart(resident_id=doubt.first_id, other_id=doubt.second_id, reason=reason, actor=actor)
        return _move(doubt, Act.APART, actor, decided_by=actor.id, decision_id=decision.id, note=decision.reason)


def postpone(*, doubt_id: UUID, note: str, actor: Actor) -> Doubt:
    """Put a doubt behind all others, with a note or without. Raises `DoubtMoved`."""
    with _answering(doubt_id, actor) as doubt:
        return _move(doubt, Act.LATER, actor, postponed_at=timezone.now(), note=note.strip() or doubt.note)


def take_back(*, decision_id: UUID, reason: str, actor: Actor) -> Decision:
    """Take a decision back, and let the doubts that it answered be open again; return the decision as it is then.

    What two people decided is only proposed to be taken back: another person must confirm. Raises `DoubtMoved` where
    that is proposed already, and what `undo_decision` raises.
    """
    actor.require(Permission.IDENTITY_DECIDE)
    with transaction.atomic():
        decision = Decision.objects.get(id=decision_id)
        answered = Doubt.objects.filter(decision_id=decision_id).exclude(state=Doubt.State.SETTLED)
        if decision.approved_by and not decision.undone_at and (doubt := answered.first()):
            _propose(doubt, reason, actor)
            return decision
        decision = undo_decision(decision_id=decision_id, reason=reason, actor=actor)
        for doubt in answered:
            if not _raised_again(doubt):
                _move(doubt, Act.UNDO, actor, **_NOBODY, note=reason.strip())
    return decision


@contextmanager
def _answering(doubt_id: UUID, actor: Actor) -> Iterator[Doubt]:
    """Hand out the doubt in a transaction; what fails because somebody else has just answered says so."""
    actor.require(Permission.IDENTITY_DECIDE)
    doubt = Doubt.objects.get(id=doubt_id)
    try:
        with transaction.atomic():
            yield doubt
    except DoubtMoved:
        raise
    except IdentityError as error:
        now = Doubt.objects.get(id=doubt_id)
        if now.state != doubt.state:
            raise DoubtMoved(Doubt.State(now.state).label) from error
        raise


def _about_a_link(doubt: Doubt) -> bool:
    return doubt.first_id == doubt.second_id


def _link_of(doubt: Doubt) -> UUID:
    """Return the link in doubt; raises `DoubtMoved` when the patient is linked elsewhere by now."""
    link = Link.objects.filter(patient_id=doubt.patient_id, resident_id=doubt.first_id, undone_at=None).first()
    if link is None:
        raise DoubtMoved(Doubt.State.SETTLED.label)
    return link.id


def _merge(doubt: Doubt, reason: str, actor: Actor, proposed_by: UUID | None = None) -> Decision:
    first, second = doubt.first_id, doubt.second_id
    return merge_residents(resident_id=first, other_id=second, reason=reason, actor=actor, proposed_by=proposed_by)


def _propose(doubt: Doubt, reason: str, actor: Actor) -> Doubt:
    return _move(doubt, Act.PROPOSE, actor, note=_required(reason), proposed_by=actor.id, proposed_at=timezone.now())


def _undo(doubt: Doubt, actor: Actor) -> Doubt:
    reason, proposed_by = doubt.note or "", doubt.proposed_by
    assert doubt.decision_id is not None
    undo_decision(decision_id=doubt.decision_id, reason=reason, actor=actor, proposed_by=proposed_by)
    return _move(doubt, Act.SETTLE if _raised_again(doubt) else Act.CONFIRM, actor, **_NOBODY)


def _required(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing
    return reason.strip()


def _move(doubt: Doubt, act: Act, actor: Actor, **changes: Any) -> Doubt:
    """Write the state that follows, unless somebody else was quicker.

    Deciding has settled the doubt already where it decides about the same two residents; that is this very answer.
    """
    state, decided = after(doubt.state, act), changes.get("decision_id")
    still = Q(state=doubt.state) | Q(decision_id=decided) if decided else Q(state=doubt.state)
    changes |= {"decided_at": timezone.now()} if decided else {}
    if not Doubt.objects.filter(still, id=doubt.id).update(state=state, **changes):
        raise DoubtMoved(Doubt.State(Doubt.objects.get(id=doubt.id).state).label)
    record_act(
        actor=actor,
        action=Action.DOUBT_MOVE,
        resident_id=doubt.first_id,
        patient_id=doubt.patient_id,
        object_kind="doubt",
        object_id=doubt.id,
        detail={"act": act.value, "from": doubt.state, "to": state.value},
    )
    doubt.refresh_from_db()
    return doubt


def _raised_again(doubt: Doubt) -> bool:
    same = Doubt.objects.filter(first_id=doubt.first_id, second_id=doubt.second_id, patient_id=doubt.patient_id)
    return same.filter(state__in=WAITING).exists()
