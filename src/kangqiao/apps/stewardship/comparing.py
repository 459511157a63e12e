"""Two residents side by side, or a registration beside the resident it is linked to: what they say, what differs."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from kangqiao.apps.stewardship.evidence import Evidence, Side, evidence_of
from kangqiao.identity.decisions import Decision, Doubt, Risk
from kangqiao.identity.documents import HELD, DocumentType
from kangqiao.identity.explaining import Explanation, explanation_of
from kangqiao.identity.models import Link, Patient, Resident, ResidentIdentifier
from kangqiao.identity.standing import root_of
from kangqiao.identity.survivorship import Attribute, attributes_among, citizen_number, read_value
from kangqiao.records.queries import Names, institution_names
from kangqiao.registry.queries import division_names
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.queries import actor_names

COLUMNS: Final = {
    "name": "姓名",
    "sex": "性别",
    "birth_date": "出生日期",
    "document": "证件号码",
    "phone": "电话",
    "division": "现住址",
    "mother_name": "母亲姓名",
    "mother_number": "母亲证件号码",
    **HELD,
}

Pieces = tuple[tuple[str, bool], ...]
"""A value taken apart: text, and whether the other side says it otherwise."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One registration: where, under which number, when, and what it says by the columns of `COLUMNS`."""

    patient_id: UUID
    institution: str
    local_number: str
    registered_on: dt.date | None
    in_doubt: bool
    cells: tuple[tuple[str, Pieces], ...]


@dataclass(frozen=True, slots=True)
class Person:
    """One side: the resident, or in a doubt about a link the registration alone."""

    title: str
    resident: Resident | None
    registrations: tuple[Registered, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """An attribute on both sides: the best value of each with its source, and whether they differ."""

    title: str
    first: Attribute
    second: Attribute
    first_said: str
    second_said: str
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both sides, what differs, and what the records say about them."""

    persons: tuple[Person, Person]
    lines: Sequence[Line]
    evidence: Sequence[Evidence]
    institutions: dict[int, Names]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDoubt:
    """Everything the page of a doubt shows."""

    doubt: Doubt
    risk: Risk
    about_a_link: bool
    compared: Comparison
    explanation: Explanation | None
    decision: Decision | None
    names: dict[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDecision:
    """Everything the page of a decision shows: whom it moved, beside those it moved them to or from.

    `proposal` is the doubt whose answer it is, while it waits that another person confirms that it is taken back.
    """

    decision: Decision
    proposal: Doubt | None
    compared: Comparison
    explanation: Explanation | None
    names: dict[UUID, str]


def open_doubt(*, doubt: Doubt, actor: Actor, day: dt.date) -> OpenedDoubt:
    """Return a doubt with both sides, and write down who looked at whom."""
    with transaction.atomic():
        _record_look(Action.DOUBT_READ, "doubt", doubt, (doubt.first_id, doubt.second_id), actor)
        about_a_link = doubt.first_id == doubt.second_id
        decision = Decision.objects.filter(id=doubt.decision_id).first() if doubt.decision_id else None
        merged = decision is not None and decision.kind == Decision.Kind.MERGE
        return OpenedDoubt(
            doubt=doubt,
            risk=Risk(doubt.risk),
            about_a_link=about_a_link,
            compared=_compared_by_decision(decision, day) if decision and merged else _compared_by_doubt(doubt, day),
            explanation=explanation_of(doubt),
            decision=decision,
            names=actor_names({each for each in (doubt.proposed_by, doubt.decided_by) if each}),
        )


def open_decision(*, decision: Decision, actor: Actor, day: dt.date) -> OpenedDecision:
    """Return a decision with both sides as they are now, and write down who looked at whom."""
    with transaction.atomic():
        _record_look(Action.DECISION_READ, "decision", decision, (decision.resident_id, decision.other_id), actor)
        proposal = Doubt.objects.filter(decision_id=decision.id, state=Doubt.State.UNDOING).first()
        people = {decision.actor_id, decision.approved_by, decision.undone_by, decision.undo_approved_by}
        people |= {proposal.proposed_by} if proposal else set()
        return OpenedDecision(
            decision=decision,
            proposal=proposal,
            compared=_compared_by_decision(decision, day),
            explanation=explanation_of(decision),
            names=actor_names({each for each in people if each}),
        )


def _record_look(action: Action, kind: str, seen: Doubt | Decision, residents: tuple[UUID, UUID], actor: Actor) -> None:
    for resident_id in dict.fromkeys(residents):
        record_act(
            actor=actor,
            action=action,
            resident_id=resident_id,
            patient_id=seen.patient_id,
            object_kind=kind,
            object_id=seen.id,
            purpose=Purpose.OPERATION,
        )


class Titled(NamedTuple):
    """What a side is called, and its resident where it is one."""

    title: str
    resident: Resident | None


def _compared_by_doubt(doubt: Doubt, day: dt.date) -> Comparison:
    about_a_link = doubt.first_id == doubt.second_id
    first, second = _sides_of_doubt(doubt)
    numbers = (None if about_a_link else citizen_number(doubt.first_id), citizen_number(doubt.second_id))
    residents = Resident.objects.in_bulk([doubt.first_id, doubt.second_id])
    titled = (
        Titled("存疑的登记" if about_a_link else "居民甲", None if about_a_link else residents.get(doubt.first_id)),
        Titled("关联的居民" if about_a_link else "居民乙", residents.get(doubt.second_id)),
    )
    pair = {doubt.patient_id, doubt.other_patient_id}
    return _compared(first, second, titled=titled, numbers=numbers, pair=pair, day=day)


def _compared_by_decision(decision: Decision, day: dt.date) -> Comparison:
    first, second = _sides_of_decision(decision)
    now_at = root_of(decision.resident_id)
    titled = (
        Titled("并入或移动的登记", None),
        Titled("这位居民的其他登记", Resident.objects.filter(id=now_at).first()),
    )
    pair = {each for each in (decision.patient_id, decision.compared_with) if each}
    return _compared(first, second, titled=titled, numbers=_numbers(decision, now_at), pair=pair, day=day)


def _compared(
    first: list[Patient],
    second: list[Patient],
    *,
    titled: tuple[Titled, Titled],
    numbers: tuple[str | None, str | None],
    pair: set[UUID],
    day: dt.date,
) -> Comparison:
    best = [attributes_among(side, number=number) for side, number in zip((first, second), numbers, strict=True)]
    divisions = division_names({each.division for each in (*first, *second) if each.division}, day)
    evidence = evidence_of(_side(first, best[0]), _side(second, best[1]))
    shown_at = {row.institution_id for piece in evidence for row in piece.rows}
    institutions = institution_names({each.institution_id for each in (*first, *second)} | shown_at)

    def person(side: Titled, mine: list[Patient], others: list[Patient]) -> Person:
        rows = tuple(_registered(each, others, divisions, institutions, pair) for each in mine)
        return Person(side.title, side.resident, rows)

    persons = (person(titled[0], first, second), person(titled[1], second, first))
    return Comparison(persons, _lines(best[0], best[1], divisions), evidence, institutions)


def _sides_of_doubt(doubt: Doubt) -> tuple[list[Patient], list[Patient]]:
    """Return the patients of both; where a link is in doubt, the patient and the others of its resident."""
    first = _patients_of(doubt.first_id)
    if doubt.first_id != doubt.second_id:
        return first, _patients_of(doubt.second_id)
    others = [each for each in first if each.id != doubt.patient_id]
    return list(Patient.objects.filter(id=doubt.patient_id)), others


def _sides_of_decision(decision: Decision) -> tuple[list[Patient], list[Patient]]:
    """Return the patients that the decision moved (kept apart, those of the other one), and the resident's others."""
    if decision.kind == Decision.Kind.APART:
        return _patients_of(root_of(decision.other_id)), _patients_of(root_of(decision.resident_id))
    moved = set(Link.objects.filter(decision_id=decision.id).values_list("patient_id", flat=True))
    others = [each for each in _patients_of(root_of(decision.resident_id)) if each.id not in moved]
    return list(Patient.objects.filter(id__in=moved).order_by("institution_id", "local_number")), others


def _numbers(decision: Decision, now_at: UUID) -> tuple[str | None, str | None]:
    """Return the citizen number that the decision brought along, and another one of the resident."""
    held = ResidentIdentifier.objects.filter(resident_id=now_at, type=DocumentType.CITIZEN_ID, valid=True)
    brought = held.filter(id__in=decision.detail.get("identifiers", ()))
    return _lowest(brought), _lowest(held.exclude(id__in=brought.values("id")))


def _lowest(held: QuerySet[ResidentIdentifier]) -> str | None:
    return held.order_by("number").values_list("number", flat=True).first()


def _patients_of(resident_id: UUID) -> list[Patient]:
    current = Link.objects.filter(resident_id=resident_id, undone_at=None).values("patient_id")
    return list(Patient.objects.filter(id__in=current).order_by("institution_id", "local_number"))


def _side(patients: Iterable[Patient], best: Iterable[Attribute]) -> Side:
    sex = next((each.best.value for each in best if each.word == "sex" and each.best), None)
    return Side(tuple(each.id for each in patients), str(sex) if sex else None)


# -- what differs ------------------------------------------------------------------------------------------------------


def _registered(
    patient: Patient,
    others: Sequence[Patient],
    divisions: dict[str, str],
    institutions: dict[int, Names],
    pair: set[UUID],
) -> Registered:
    cells = []
    for word, title in COLUMNS.items():
        said = _said(patient, word, divisions)
        against = [text for other in others if (text := _said(other, word, divisions))]
        if said:
            cells.append((title, differing(said, against)))
    known = institutions.get(patient.institution_id)
    place = known.full if known else ""
    in_doubt = patient.id in pair
    return Registered(patient.id, place, patient.local_number, patient.registered_on, in_doubt, tuple(cells))


def _said(patient: Patient, word: str, divisions: dict[str, str]) -> str:
    if word == "document":
        kind = DocumentType(patient.key_type).label if patient.key_type else "填写"
        number = patient.key_number or patient.shown_number
        return f"{kind} {number}" if number else ""
    return read_value(word, getattr(patient, word), divisions)


def differing(said: str, against: Sequence[str]) -> Pieces:
    """Take a value apart: the characters that the closest value of the other side has otherwise are marked."""
    if not against or said in against:
        return ((said, False),)
    matchers = [SequenceMatcher(None, said, other, autojunk=False) for other in against]
    closest = max(matchers, key=SequenceMatcher.ratio)
    pieces = [(said[begin:end], kind != "equal") for kind, begin, end, *_ in closest.get_opcodes() if end > begin]
    if all(not marked for _, marked in pieces):
        return ((said, True),)
    return tuple(pieces)


def _lines(first: Sequence[Attribute], second: Sequence[Attribute], divisions: dict[str, str]) -> list[Line]:
    return [_line(one, other, divisions) for one, other in zip(first, second, strict=True) if one.said or other.said]


def _line(one: Attribute, other: Attribute, divisions: dict[str, str]) -> Line:
    first, second = (read_value(each.word, each.best.value, divisions) if each.best else "" for each in (one, other))
    return Line(one.title, one, other, first, second, differs=bool(first and second and first != second))
