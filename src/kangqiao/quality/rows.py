"""The rows that fail a rule, as far as examples are kept. They name records: looking at them is audited."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.paginator import Page, Paginator
from django.db import transaction
from django.db.models import Sum
from django.urls import reverse

from kangqiao.identity.queries import residents_of
from kangqiao.intake.queries import visible_batches
from kangqiao.quality.board import Look
from kangqiao.quality.catalogue import QualityRule, cells_of
from kangqiao.quality.models import Example, Measure
from kangqiao.records.items import Shown, shown_element, title_of
from kangqiao.standards.data_set import DataSet, Record, data_sets
from kangqiao.standards.fields import Element
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.masking import masked_name
from kangqiao.trust.permissions import Permission

PAGE: Final = 25
PERSON_NAME: Final = "DE02.01.039.00"
"""Lists show names masked, by this element or by their title; the page of a row does not."""
LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class FailingRow:
    """One row: where it is, and what it has in the columns the rule speaks of (empty for a refused row).

    ``url`` opens it, "" where the actor may not open it or it has no page; ``fate`` says what it is by now.
    """

    day: dt.date
    institution: str
    source_key: str
    fate: str
    url: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FailingRows:
    """A page of rows: the heads of their cells, how many are kept, and how many the last measurement counted."""

    heads: tuple[str, ...]
    rows: tuple[FailingRow, ...]
    page: Page[Example]
    kept: int
    counted: int


def read_failing_rows(*, look: Look, rule: QualityRule, page: str | None, actor: Actor) -> FailingRows:
    """Return a page of the rows that fail a rule at a place, of all months, newest first; writes the audit entry."""
    actor.require(Permission.QUALITY_ROWS)
    asked = {
        "institution_id__in": [seat.id for seat in look.seats],
        "data_set": rule.data_set,
        "rule": rule.word,
    }
    with transaction.atomic():
        found = Paginator(Example.objects.filter(**asked).order_by("-day", "-id"), PAGE).get_page(page)
        columns = columns_of(rule)
        rows = tuple(_shown(list(found), rule, columns, look, actor))
        record_act(
            actor=actor,
            action=Action.QUALITY_ROWS_READ,
            object_kind="quality",
            object_id=rule.key,
            detail={"place": str(look.place), "page": found.number, "rows": len(rows)},
        )
    return FailingRows(
        heads=tuple(title_of(field) for field in columns),
        rows=rows,
        page=found,
        kept=found.paginator.count,
        counted=Measure.objects.filter(**asked).aggregate(failed=Sum("failed"))["failed"] or 0,
    )


def columns_of(rule: QualityRule) -> tuple[Element, ...]:
    """Return the stored columns a rule speaks of, its own first; the key and companions stand elsewhere."""
    known = {field.name: field for field in data_sets()[rule.data_set].elements()}
    named = [rule.column, *_named_by(rule)]
    fields = [known[name] for name in dict.fromkeys(named) if name in known and name != "source_key"]
    return tuple(dict.fromkeys(field.companion_of or field for field in fields))


def _named_by(rule: QualityRule) -> Iterator[str]:
    if rule.check is not None:
        yield from re.findall(r'"(\w+)"', re.sub(r"'[^']*'", "", rule.check.sql))
        yield from sorted(cells_of(rule.check))
    for part in vars(rule.stored).values() if rule.stored is not None else ():
        for one in part if isinstance(part, tuple) else (part,):
            if isinstance(one, Element):
                yield one.name


def _shown(
    examples: Sequence[Example], rule: QualityRule, columns: Sequence[Element], look: Look, actor: Actor
) -> Iterator[FailingRow]:
    data_set = data_sets()[rule.data_set]
    stored = data_set.objects.in_bulk([each.record_id for each in examples if each.record_id])  # type: ignore[attr-defined]
    pages = _record_pages(data_set, stored.values(), actor)
    batches = _visible(actor, {each.batch_id for each in examples if each.batch_id})
    for each in examples:
        institution = look.ground.seats[each.institution_id].name
        if each.record_id is None:
            url = refused_page(each.batch_id, each.data_set, each.row_number) if each.batch_id in batches else ""
            fate = f"已退回，文件第 {each.row_number} 行"
            yield FailingRow(each.day, institution, each.source_key or "", fate, url, ("",) * len(columns))
            continue
        row = stored.get(each.record_id)
        cells = ("",) * len(columns) if row is None else tuple(shown_cell(row, field) for field in columns)
        key = "" if row is None else row.source_key
        fate = "已不在库中" if row is None else "已作废" if row.voided else "已入库"
        yield FailingRow(each.day, institution, key, fate, pages.get(each.record_id, ""), cells)


def shown_cell(row: DataSet, field: Element) -> str:
    """Return one value of a stored row as lists show it: by name and code, personal data masked, cut when long."""
    shown = shown_element(row, field, revealed=False)
    is_name = field.element == PERSON_NAME or "姓名" in field.title
    text = masked_name(shown.text) if is_name else _with_code(shown)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _with_code(shown: Shown) -> str:
    return f"{shown.text}（{shown.code}）" if shown.code and shown.text else shown.text


def _record_pages(data_set: type[DataSet], rows: Iterable[Any], actor: Actor) -> dict[UUID, str]:
    """Return the addresses of the pages of stored rows, by their id; a row about nobody has none."""
    if not issubclass(data_set, Record) or not data_set.in_record or not actor.may(Permission.SOURCE_READ):
        return {}
    of_patient = {row.id: row.patient_id for row in rows}
    residents = residents_of(of_patient.values())
    return {
        id: reverse("records:item", args=[residents[patient_id], data_set.word, id])
        for id, patient_id in of_patient.items()
        if patient_id in residents
    }


def _visible(actor: Actor, ids: set[UUID]) -> set[UUID]:
    """Return those of these batches whose refused rows the actor may open."""
    if not ids or not (actor.may(Permission.BATCH_READ) and actor.may(Permission.REFUSED_DOWNLOAD)):
        return set()
    return set(visible_batches(actor=actor).filter(id__in=ids).values_list("id", flat=True))


def refused_page(batch_id: UUID | str | None, data_set: str, row_number: int | None) -> str:
    """Return the address of a batch's refused rows, beginning with one of them."""
    assert row_number is not None
    return reverse("intake:refused", args=[batch_id, data_set]) + f"?after={row_number - 1}"
