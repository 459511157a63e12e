"""The verbs of the record view. Each says who reads what of whom and why, in the transaction that reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from kangqiao.identity.queries import Person, person
from kangqiao.records import curves, laboratory, queries, summary
from kangqiao.records.days import Bunch, bunches_of
from kangqiao.records.items import (
    Line,
    Shown,
    Version,
    column_title,
    columns_of,
    elements_of,
    headline,
    line_of,
    versions_of,
)
from kangqiao.records.medical_record.models import InpatientStay, OutpatientEncounter
from kangqiao.records.models import Original
from kangqiao.records.originals import original_of, unpacked
from kangqiao.records.panels import Panel, panel_of
from kangqiao.records.rules import require_reading
from kangqiao.records.themes import Theme, members
from kangqiao.records.timeline import Count, Page, Wanted
from kangqiao.standards.data_set import DataSet, Record, data_sets
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

ABNORMAL_WITHIN = dt.timedelta(days=365)
NEWEST_SIGNS = 12


class NoSuchRecord(LookupError):
    """Nobody has this resident id, or the row is not one of this resident's."""


class MergedInto(LookupError):
    """The resident's records are found under another id since the link was made."""

    def __init__(self, resident_id: UUID) -> None:
        self.resident_id = resident_id
        super().__init__("merged")


@dataclass(frozen=True, slots=True)
class Head:
    """Who the record is about, and the names of the institutions that know the person."""

    person: Person
    facts: summary.Facts
    institutions: dict[int, queries.Names]

    @property
    def patients(self) -> list[UUID]:
        """The patients linked to the resident now."""
        return [each.patient_id for each in self.person.patients]


@dataclass(frozen=True, slots=True)
class Reading:
    """A page of the timeline, and how many abnormal results its laboratory reports have."""

    page: Page
    abnormal: dict[UUID, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """The first page of a record: the timeline and what to know before reading it."""

    head: Head
    reading: Reading
    counts: tuple[Count, ...]
    diagnoses: tuple[summary.DiagnosisNote, ...]
    drugs: tuple[summary.DrugNote, ...]
    abnormal: tuple[laboratory.Item, ...]
    signs: tuple[curves.Curve, ...]


@dataclass(frozen=True, slots=True)
class ThemeView:
    """One theme of a record: its data sets as their classes show them, and what the theme adds of its own."""

    head: Head
    theme: Theme
    panels: tuple[Panel, ...]
    curves: tuple[curves.Curve, ...] = ()
    items: tuple[laboratory.Item, ...] = ()
    reports: tuple[laboratory.Report, ...] = ()
    drugs: tuple[summary.DrugNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The details of a row that belong to one data set, as a table."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A row with all that is known of it."""

    resident_id: UUID
    data_set: type[DataSet]
    row: Any
    institution: str
    headline: str
    elements: tuple[Shown, ...]
    empty: tuple[str, ...]
    revealed: bool
    parts: tuple[Parts, ...]
    whole: tuple[str, UUID] | None
    encounter: tuple[str, UUID] | None
    visit: tuple[Bunch, ...]
    abnormal: dict[UUID, int]
    original: Original | None
    versions: tuple[Version, ...]


@contextmanager
def reading(
    *,
    resident_id: UUID,
    actor: Actor,
    purpose: Purpose,
    part: str,
    action: Action = Action.TIMELINE_READ,
    permission: Permission = Permission.TIMELINE_READ,
    object_kind: str = "timeline",
    object_id: UUID | None = None,
    detail: dict[str, Any] | None = None,
) -> Iterator[None]:
    """Hold a transaction in which the resident's data is read, and write down who reads what and why.

    Raises `NotPermitted` before anything is read.
    """
    require_reading(actor, purpose, permission)
    with transaction.atomic():
        record_act(
            actor=actor,
            action=action,
            resident_id=resident_id,
            object_kind=object_kind,
            object_id=object_id,
            purpose=purpose,
            detail={"part": part, **(detail or {})},
        )
        yield


def open_overview(*, resident_id: UUID, wanted: Wanted, actor: Actor, purpose: Purpose) -> Overview:
    """Return the first page of a resident's record. Raises `NoSuchRecord` or `MergedInto`."""
    now = timezone.now()
    with reading(resident_id=resident_id, actor=actor, purpose=purpose, part="overview"):
        head = _head(resident_id)
        items, _ = laboratory.laboratory_of(head.patients, since=now - ABNORMAL_WITHIN)
        return Overview(
            head=head,
            reading=_reading(resident_id, wanted),
            counts=queries.timeline_counts(resident_id),
            diagnoses=summary.diagnoses_of(head.patients, now=now),
            drugs=summary.drugs_of(head.patients, now=now),
            abnormal=laboratory.abnormal_of(items),
            signs=curves.curves_of(head.patients, most=NEWEST_SIGNS),
        )


def read_timeline(*, resident_id: UUID, wanted: Wanted, actor: Actor, purpose: Purpose) -> Reading:
    """Return another page or another choice of the timeline."""
    with reading(resident_id=resident_id, actor=actor, purpose=purpose, part="timeline"):
        return _reading(resident_id, wanted)


def open_theme(*, resident_id: UUID, theme: Theme, actor: Actor, purpose: Purpose) -> ThemeView:
    """Return one theme of the record. Raises `NoSuchRecord` or `MergedInto`."""
    with reading(resident_id=resident_id, actor=actor, purpose=purpose, part=theme.value):
        head = _head(resident_id)
        patients = head.patients
        panels = tuple(panel for each in members(theme) if (panel := panel_of(each, patients)).lines)
        if theme is Theme.SIGNS:
            return ThemeView(head, theme, panels, curves=curves.curves_of(patients))
        if theme is Theme.LABORATORY:
            items, reports = laboratory.laboratory_of(patients)
            return ThemeView(head, theme, panels, items=items, reports=reports)
        if theme is Theme.MEDICATION:
            return ThemeView(head, theme, panels, drugs=summary.drugs_of(patients, now=timezone.now()))
        return ThemeView(head, theme, panels)


def open_laboratory_item(
    *, resident_id: UUID, key: str, unit: str, actor: Actor, purpose: Purpose
) -> tuple[laboratory.Item, dict[int, queries.Names]]:
    """Return one laboratory item with all its results, and the names of the institutions that measured it."""
    with reading(resident_id=resident_id, actor=actor, purpose=purpose, part="laboratory-item"):
        head = _head(resident_id)
        items, _ = laboratory.laboratory_of(head.patients)
        found = next((item for item in items if (item.key, item.unit) == (key, unit)), None)
        if found is None:
            raise NoSuchRecord
        return found, head.institutions


def open_item(
    *, resident_id: UUID, kind: str, id: UUID, actor: Actor, purpose: Purpose, revealed: bool = False
) -> Opened:
    """Return a row of the resident's record with its details, source and versions.

    `revealed` shows the elements that are masked otherwise, which the audit entry says. Raises `NoSuchRecord`.
    """
    data_set = data_sets().get(kind)
    if data_set is None or not issubclass(data_set, Record) or not data_set.in_record:
        raise NoSuchRecord
    with reading(
        resident_id=resident_id,
        actor=actor,
        purpose=purpose,
        part="item",
        action=Action.SOURCE_READ,
        permission=Permission.SOURCE_READ,
        object_kind=kind,
        object_id=id,
        detail={"revealed": True} if revealed else None,
    ):
        row = queries.row_of_resident(data_set, id, resident_id)
        if row is None:
            raise NoSuchRecord
        return _opened(resident_id, row, revealed)


def read_original(*, resident_id: UUID, kind: str, id: UUID, actor: Actor, purpose: Purpose) -> tuple[Original, bytes]:
    """Return the message a row was made of and its bytes as they came. Raises `NoSuchRecord` where there is none."""
    data_set = data_sets().get(kind)
    if data_set is None or not issubclass(data_set, Record) or not data_set.in_record:
        raise NoSuchRecord
    with reading(
        resident_id=resident_id,
        actor=actor,
        purpose=purpose,
        part="original",
        action=Action.SOURCE_READ,
        permission=Permission.SOURCE_READ,
        object_kind=kind,
        object_id=id,
    ):
        row = queries.row_of_resident(data_set, id, resident_id)
        original = row and original_of(row.batch_id)
        if not original or original.content is None:
            raise NoSuchRecord
        return original, unpacked(bytes(original.content))


def reveal_documents(*, resident_id: UUID, actor: Actor, purpose: Purpose) -> Head:
    """Return the head of a record whose numbers are to be shown in full, and write down that they were."""
    with reading(resident_id=resident_id, actor=actor, purpose=purpose, part="documents", detail={"revealed": True}):
        return _head(resident_id)


# -- within ----------------------------------------------------------------------------------------------------------


def _head(resident_id: UUID) -> Head:
    found = person(resident_id)
    if found is None:
        raise NoSuchRecord
    if found.merged_into:
        raise MergedInto(found.merged_into)
    names = queries.institution_names(each.institution_id for each in found.patients)
    return Head(found, summary.facts_of([each.patient_id for each in found.patients]), names)


def _reading(resident_id: UUID, wanted: Wanted) -> Reading:
    page = queries.timeline_page(resident_id, wanted)
    return Reading(page, queries.abnormal_in(page.items))


def _opened(resident_id: UUID, row: Any, revealed: bool) -> Opened:
    data_set, visit = type(row), queries.visit_items(row)
    elements, empty = elements_of(row, revealed=revealed)
    return Opened(
        resident_id=resident_id,
        data_set=data_set,
        row=row,
        institution=getattr(queries.institution_names([row.institution_id]).get(row.institution_id), "full", ""),
        headline=headline(row),
        elements=elements,
        empty=empty,
        revealed=revealed,
        parts=tuple(_parts(part, rows) for part, rows in queries.parts_of(row).items() if rows),
        whole=_whole(row),
        encounter=_encounter(row),
        visit=bunches_of(visit),
        abnormal=queries.abnormal_in(visit),
        original=original_of(row.batch_id),
        versions=versions_of(row, queries.former_versions(row.id)),
    )


def _parts(data_set: type[DataSet], rows: list[Any]) -> Parts:
    columns = columns_of(data_set, rows)
    return Parts(data_set.title, tuple(map(column_title, columns)), tuple(line_of(row, columns) for row in rows))


def _whole(row: Any) -> tuple[str, UUID] | None:
    """Return the row this one is a detail of."""
    link = type(row).part_of()
    return link and _linked(link.to, row.institution_id, getattr(row, link.name))


_VISITS: dict[str | None, type[DataSet]] = {"3": InpatientStay}


def _encounter(row: Any) -> tuple[str, UUID] | None:
    """Return the visit or stay this row belongs to."""
    if not getattr(row, "encounter", None):
        return None
    visited = _VISITS.get(row.encounter_kind, OutpatientEncounter)
    return _linked(visited, row.institution_id, row.encounter)


def _linked(data_set: type[DataSet], institution_id: int, source_key: str) -> tuple[str, UUID] | None:
    id = queries.by_source_key(data_set, institution_id, source_key)
    return (data_set.word, id) if id else None
