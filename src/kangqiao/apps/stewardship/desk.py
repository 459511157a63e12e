"""The queue and what a steward did last: which doubt comes next, and how the last answer is taken back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import transaction

from kangqiao.identity.decisions import Doubt, Risk
from kangqiao.identity.doubt_queries import DoubtFilter, doubts_in_order, find_doubts, visible_doubts
from kangqiao.identity.doubt_rules import TO_CONFIRM
from kangqiao.identity.doubts import reject, take_back
from kangqiao.identity.models import Patient, Resident
from kangqiao.identity.queries import Person, people
from kangqiao.records.queries import Names, institution_names
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act

SAME_REASONS: Final = (
    "各项信息一致，判断为同一人",
    "本人到场核对证件",
    "电话核实",
    "证件号录入有误",
    "改过姓名",
    "新生儿取名后登记",
)
APART_REASONS: Final = (
    "各项信息不符，判断为不同的人",
    "同名不同人",
    "双胞胎或兄弟姐妹",
    "母亲与孩子",
    "冒用或借用他人证件",
    "电话核实不是同一人",
)
TAKEN_BACK: Final = "经办人撤销"
UNDO_PROPOSED: Final = "这次合并由两人认定：已提议撤销，等另一人复核。"


@dataclass(frozen=True, slots=True)
class Queued:
    """A doubt of the queue with the residents it is about: two, or one where a link or its undoing is in question."""

    doubt: Doubt
    risk: Risk
    people: tuple[Person, ...]
    places: tuple[str, ...]


def listed(doubts: Sequence[Doubt], *, actor: Actor) -> list[Queued]:
    """Return doubts for a list on the screen, and write down who was shown."""
    ids = list(dict.fromkeys(id for doubt in doubts for id in (doubt.first_id, doubt.second_id)))
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.DOUBT_READ,
            object_kind="doubt",
            purpose=Purpose.OPERATION,
            detail={"by": "list", "residents": [str(id) for id in ids]},
        )
        known = {person.id: person for person in people(ids)}
    where = _places(doubts)
    return [Queued(doubt, Risk(doubt.risk), _standing(doubt, known), where[doubt.id]) for doubt in doubts]


def _standing(doubt: Doubt, known: dict[UUID, Person]) -> tuple[Person, ...]:
    both = [known[id] for id in dict.fromkeys((doubt.first_id, doubt.second_id)) if id in known]
    return tuple(person for person in both if person.state != Resident.State.MERGED)


def _places(doubts: Sequence[Doubt]) -> dict[UUID, tuple[str, ...]]:
    pairs = {doubt.id: (doubt.patient_id, doubt.other_patient_id) for doubt in doubts}
    patients = Patient.objects.filter(id__in=[id for pair in pairs.values() for id in pair])
    at = dict(patients.values_list("id", "institution_id"))
    names: dict[int, Names] = institution_names(at.values())
    return {
        doubt: tuple(dict.fromkeys(names[at[id]].short for id in pair if id in at and at[id] in names))
        for doubt, pair in pairs.items()
    }


def next_doubt(*, actor: Actor, wanted: DoubtFilter, but: UUID | None = None) -> Doubt | None:
    """Return the first doubt of the queue that is not the given one."""
    waiting = find_doubts(actor=actor, wanted=wanted).values_list("id", flat=True)
    return next(iter(doubts_in_order((waiting.exclude(id=but) if but else waiting)[:1])), None)


def take_back_answer(*, doubt_id: UUID, actor: Actor) -> Doubt | None:
    """Take the actor's own answer or proposal back, where it still stands, and return the doubt."""
    doubt = visible_doubts(actor).filter(id=doubt_id).first()
    if doubt is None:
        return None
    if doubt.state in TO_CONFIRM and doubt.proposed_by == actor.id:
        return reject(doubt_id=doubt.id, reason=TAKEN_BACK, actor=actor)
    if doubt.decision_id and doubt.decided_by == actor.id:
        take_back(decision_id=doubt.decision_id, reason=TAKEN_BACK, actor=actor)
        doubt.refresh_from_db()
    return doubt


def today_of(actor: Actor, day: dt.date) -> int:
    """Return how many doubts the actor has answered on a day."""
    return Doubt.objects.filter(decided_by=actor.id, decided_at__date=day).count()
