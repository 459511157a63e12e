"""What the records say about whether two residents are one person: each kind of evidence is a function in `PIECES`.

A steward weighs it; nothing here decides. A function gets both sides and says whether their records support that they
are one person, contradict it, or say nothing, with the rows behind it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final
from uuid import UUID

from django.db.models import TextChoices

from kangqiao.identity.models import Patient
from kangqiao.records.health_record.models import ArchiveCover
from kangqiao.records.items import headline
from kangqiao.records.medical_record.models import Diagnosis, FrontPage, InpatientStay, LabResult, OutpatientEncounter
from kangqiao.records.population.models import Birth, Death, PatientRegistration
from kangqiao.records.wording import words
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import Record
from kangqiao.standards.limits import FEMALE, MALE, diagnosis_limits

MOST_READ: Final = 2000
"""Rows of one data set that are read of one side, the newest."""
MOST_SHOWN: Final = 6
KNOWN_GROUPS: Final = ("1", "2", "3", "4")
LASTING: Final = (
    "B18",
    "B20",
    "C",
    "D66",
    "D67",
    "E10",
    "E11",
    "F20",
    "G20",
    "G40",
    "I10",
    "I25",
    "J44",
    "M05",
    "N18",
    "Q",
)
"""Diagnoses that stay for life, as categories of ICD-10 or how they begin (ours, from general medical knowledge)."""
TRANSFER: Final = dt.timedelta(days=1)
"""A stay that ends within a day of the next one's beginning is a transfer."""


class Finding(TextChoices):
    """What a kind of evidence says."""

    CONTRADICTS = "contradicts", "不像同一人"
    SUPPORTS = "supports", "支持同一人"
    SILENT = "silent", "看不出"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two who are compared: its patients, and the sex its resident is known by."""

    patients: tuple[UUID, ...]
    sex: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row behind the evidence: whose (`first` or the second), when, at which institution, and what it says."""

    first: bool
    at: dt.datetime
    institution_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one kind of evidence says, in a sentence, with some of the rows behind it."""

    title: str
    finding: Finding
    said: str
    rows: tuple[Row, ...] = field(default=())


Piece = Callable[[Side, Side], Evidence]


def evidence_of(first: Side, second: Side) -> list[Evidence]:
    """Return every kind of evidence, what contradicts before what supports and what says nothing."""
    found = [piece(first, second) for piece in PIECES]
    return sorted(found, key=lambda each: list(Finding).index(each.finding))


# -- the pieces --------------------------------------------------------------------------------------------------------


def visits_on_one_day(first: Side, second: Side) -> Evidence:
    """Visits on one day in two counties: nobody is at two places at once."""
    title = "同一天在两个县就诊"
    counties = dict(Institution.objects.values_list("id", "division_code"))
    mine, others = _by_day(OutpatientEncounter, first), _by_day(OutpatientEncounter, second)
    pairs = [
        (one, other)
        for day in sorted(mine.keys() & others.keys(), reverse=True)
        for one, other in product(mine[day], others[day])
        if counties[one.institution_id][:COUNTY_DIGITS] != counties[other.institution_id][:COUNTY_DIGITS]
    ]
    if pairs:
        days = len({_day(one.occurred_at) for one, _ in pairs})
        return Evidence(title, Finding.CONTRADICTS, f"有 {days} 天双方在不同的县就诊。", _rows(pairs))
    return Evidence(title, Finding.SILENT, "没有这样的日子。")


def diagnoses_of_the_other_sex(first: Side, second: Side) -> Evidence:
    """Diagnoses that the other side's sex cannot have."""
    title = "分性别的诊断"
    wrong = [
        *((row, True) for row in _diagnoses_of(first, other_than=second.sex)),
        *((row, False) for row in _diagnoses_of(second, other_than=first.sex)),
    ]
    if wrong:
        rows = tuple(_row(row, first) for row, first in wrong[:MOST_SHOWN])
        return Evidence(title, Finding.CONTRADICTS, "一方有另一方性别不会有的诊断。", rows)
    return Evidence(title, Finding.SILENT, "没有与对方性别不符的诊断。")


def blood_groups(first: Side, second: Side) -> Evidence:
    """ABO groups in registrations, archives and front pages; a group never changes, a clerk errs."""
    title = "ABO 血型"
    mine, others = _blood_groups(first), _blood_groups(second)
    known, known_too = ({_group(row) for row in rows} for rows in (mine, others))
    rows = (*(_blood_row(row, True) for row in mine[:3]), *(_blood_row(row, False) for row in others[:3]))
    if not known or not known_too:
        return Evidence(title, Finding.SILENT, "至少一方没有血型记录。", rows)
    said = f"一方记录为 {'、'.join(sorted(known))}，另一方为 {'、'.join(sorted(known_too))}。"
    return Evidence(title, Finding.SUPPORTS if known & known_too else Finding.CONTRADICTS, said, rows)


def lasting_diseases(first: Side, second: Side) -> Evidence:
    """Diseases that stay for life, known on both sides."""
    title = "长期疾病"
    mine, others = _lasting(first), _lasting(second)
    both = sorted(mine.keys() & others.keys())
    if both:
        names = "、".join(mine[code].code_name or code for code in both[:4])
        pairs = [(mine[code], others[code]) for code in both]
        return Evidence(title, Finding.SUPPORTS, f"双方都有：{names}。", _rows(pairs))
    return Evidence(title, Finding.SILENT, "没有双方共有的长期疾病。")


def shared_laboratory_results(first: Side, second: Side) -> Evidence:
    """The same result of one specimen on both sides: one report sent by two institutions."""
    title = "检验结果"
    mine, others = _results(first), _results(second)
    both = sorted(mine.keys() & others.keys(), reverse=True)
    if both:
        pairs = [(mine[key], others[key]) for key in both]
        return Evidence(title, Finding.SUPPORTS, f"有 {len(both)} 项采样时间和数值都相同的结果。", _rows(pairs))
    return Evidence(title, Finding.SILENT, "没有出现在双方的同一项结果。")


def records_after_death(first: Side, second: Side) -> Evidence:
    """One side died, and the other one was treated later."""
    title = "死亡与就诊"
    for side, other, is_first in ((first, second, True), (second, first, False)):
        death = _death(side)
        later = _visits_after(other, death) if death else []
        if death and later:
            rows = (_row(death, is_first), *(_row(each, not is_first) for each in later[: MOST_SHOWN - 1]))
            return Evidence(title, Finding.CONTRADICTS, "一方死亡之后，另一方还在就诊。", rows)
    return Evidence(title, Finding.SILENT, "没有死亡之后的就诊。")


def births(first: Side, second: Side) -> Evidence:
    """Birth records: one is the other's mother, or both were born by one mother, at one time or at two."""
    title = "出生记录"
    children = [*((row, False) for row in _born_by(first, second)), *((row, True) for row in _born_by(second, first))]
    if children:
        rows = tuple(_row(row, first) for row, first in children[:MOST_SHOWN])
        return Evidence(title, Finding.CONTRADICTS, "一方是另一方的父亲或母亲。", rows)
    mine, others = _read(Birth, first), _read(Birth, second)
    if not mine or not others:
        return Evidence(title, Finding.SILENT, "至少一方没有出生记录。")
    same = any(_birth_key(one) == _birth_key(other) for one, other in product(mine, others))
    rows = _rows([(mine[0], others[0])])
    if same:
        return Evidence(title, Finding.SUPPORTS, "双方的出生记录是同一次出生。", rows)
    return Evidence(title, Finding.CONTRADICTS, "双方的出生记录不是同一次出生，可能是双胞胎或兄弟姐妹。", rows)


def overlapping_stays(first: Side, second: Side) -> Evidence:
    """Stays in two institutions at once; a transfer may share a day."""
    title = "同时住院"
    mine, others = _read(InpatientStay, first), _read(InpatientStay, second)
    pairs = [
        (one, other)
        for one, other in product(mine, others)
        if one.institution_id != other.institution_id and _overlap(one, other) > TRANSFER
    ]
    if pairs:
        return Evidence(title, Finding.CONTRADICTS, f"有 {len(pairs)} 次同时住在两家医院。", _rows(pairs))
    return Evidence(title, Finding.SILENT, "没有时间重叠的住院。")


PIECES: Final[tuple[Piece, ...]] = (
    records_after_death,
    births,
    overlapping_stays,
    visits_on_one_day,
    diagnoses_of_the_other_sex,
    blood_groups,
    lasting_diseases,
    shared_laboratory_results,
)


# -- reading -----------------------------------------------------------------------------------------------------------


def _read(data_set: type[Record], side: Side, **wanted: Any) -> list[Any]:
    rows = data_set._default_manager.filter(patient_id__in=side.patients, voided=False, **wanted)
    return list(rows.order_by("-occurred_at", "-id")[:MOST_READ])


def _day(at: dt.datetime) -> dt.date:
    return at.astimezone(CITY_TIME).date()


def _by_day(data_set: type[Record], side: Side) -> dict[dt.date, list[Any]]:
    days: dict[dt.date, list[Any]] = {}
    for row in _read(data_set, side):
        days.setdefault(_day(row.occurred_at), []).append(row)
    return days


def _row(row: Any, first: bool) -> Row:
    return Row(first, row.occurred_at, row.institution_id, f"{type(row).title}：{headline(row)}")


def _rows(pairs: Iterable[tuple[Any, Any]]) -> tuple[Row, ...]:
    both = [row for one, other in pairs for row in (_row(one, True), _row(other, False))]
    return tuple(dict.fromkeys(both))[:MOST_SHOWN]


def _diagnoses_of(side: Side, *, other_than: str | None) -> list[Any]:
    """Return the diagnoses that a person of a known sex cannot have."""
    if other_than not in (MALE, FEMALE):
        return []
    categories = {each: limit.sex for limit in diagnosis_limits() for each in limit.categories if limit.sex}
    wrong = {category for category, sex in categories.items() if sex != other_than}
    return [row for row in _read(Diagnosis, side) if row.code and row.code[:3] in wrong]


def _blood_groups(side: Side) -> list[Any]:
    known = {"abo__in": KNOWN_GROUPS}
    return [
        row for data_set in (PatientRegistration, ArchiveCover, FrontPage) for row in _read(data_set, side, **known)
    ]


def _blood_row(row: Any, first: bool) -> Row:
    return Row(first, row.occurred_at, row.institution_id, f"{type(row).title}：{_group(row)}")


def _group(row: Any) -> str:
    return words(type(row).element("abo"), row.abo)


def _lasting(side: Side) -> dict[str, Any]:
    """Return category → the oldest diagnosis of it."""
    return {row.code[:3]: row for row in _read(Diagnosis, side) if row.code and row.code.startswith(LASTING)}


def _results(side: Side) -> dict[tuple, Any]:
    """Return (specimen's time, item, value) → result."""
    rows = _read(LabResult, side, quantity__isnull=False, sampled__isnull=False)
    return {(row.sampled, row.item or row.item_name or "", row.quantity): row for row in rows}


def _death(side: Side) -> Any:
    """Return the death record, or the registration that tells of the death."""
    known = _read(Death, side) or _read(PatientRegistration, side, died_at__isnull=False)
    return known[0] if known else None


def _visits_after(side: Side, death: Any) -> list[Any]:
    died = death.died if isinstance(death, Death) else death.died_at
    after = {"occurred_at__gt": died + dt.timedelta(days=1)}
    return [row for data_set in (OutpatientEncounter, InpatientStay) for row in _read(data_set, side, **after)]


def _born_by(parent: Side, child: Side) -> list[Any]:
    """Return the birth records of the one side that name a document of the other as mother's or father's."""
    held = Patient.objects.filter(id__in=parent.patients, key_number__isnull=False)
    numbers = set(held.values_list("key_number", flat=True))
    return [row for row in _read(Birth, child) if numbers & {row.mother_document, row.father_document}]


def _birth_key(row: Any) -> tuple:
    return (row.mother_document or row.mother_name, row.born, row.child_order)


def _overlap(one: Any, other: Any) -> dt.timedelta:
    """Return how long both stays lasted at once; a stay that has not ended lasts until its last known moment."""
    ends = [each.discharged or each.admitted for each in (one, other)]
    return min(ends) - max(one.admitted, other.admitted)
