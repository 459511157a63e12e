"""The rows an issue was opened for, as it keeps them. They name records: looking at them is audited."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from kangqiao.intake.models import Batch
from kangqiao.intake.queries import visible_batches
from kangqiao.quality.catalogue import rule_of_key
from kangqiao.quality.issue_queries import all_known, examples_of, snapshot
from kangqiao.quality.issue_rules import identity_of
from kangqiao.quality.issues import Issue
from kangqiao.quality.rows import columns_of, refused_page, shown_cell
from kangqiao.records.items import title_of
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Element
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission


@dataclass(frozen=True, slots=True)
class KeptRow:
    """One row: its key, where it is, (head, text) of the columns the rule speaks of, and whether it still fails.

    ``fails`` is None where that is not known: more rows fail than are kept. ``url`` opens the refused row, "" where
    the actor may not open it.
    """

    source_key: str
    day: dt.date
    place: str
    url: str
    fails: bool | None
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Rows, and the heads of their cells."""

    heads: tuple[str, ...]
    rows: tuple[KeptRow, ...]


def read_rows(*, issue: Issue, actor: Actor) -> KeptRows:
    """Return the rows an issue keeps, as they are now; writes the audit entry."""
    actor.require(Permission.QUALITY_ROWS)
    columns = _columns(issue)
    with transaction.atomic():
        rows = tuple(_rows(issue, columns, actor))
        record_act(
            actor=actor,
            action=Action.QUALITY_ROWS_READ,
            object_kind="issue",
            object_id=issue.id,
            detail={"rule": issue.key, "rows": len(rows)},
        )
    return KeptRows(tuple(title_of(field) for field in columns), rows)


def batches_to_correct(*, issue: Issue, actor: Actor) -> QuerySet[Batch]:
    """Return the batches whose refused rows the actor can download to correct what the issue is about."""
    if not (actor.may(Permission.BATCH_READ) and actor.may(Permission.REFUSED_DOWNLOAD)):
        return Batch.objects.none()
    named = {row["batch_id"] for row in issue.examples if row["batch_id"] and not row["record_id"]}
    return visible_batches(actor=actor).filter(id__in=named).defer("manifest", "receipt")


def _rows(issue: Issue, columns: Sequence[Element], actor: Actor) -> Iterator[KeptRow]:
    stored = _stored(issue)
    batches = {str(batch.id) for batch in batches_to_correct(issue=issue, actor=actor)}
    failing = examples_of(institution_id=issue.institution_id, data_set=issue.data_set, rule=issue.rule)
    identities = {identity_of(each) for each in snapshot(failing)}
    known = all_known(failing)
    for row in issue.examples:
        record = stored.get(row["record_id"])
        fails = True if identity_of(row) in identities else False if known else None
        yield KeptRow(
            source_key=row["source_key"] or (record.source_key if record else ""),
            day=dt.date.fromisoformat(row["day"]),
            place=_place(row, record),
            url=_url(issue, row) if row["batch_id"] in batches else "",
            fails=fails,
            cells=tuple((title_of(field), shown_cell(record, field) if record else "") for field in columns),
        )


def _url(issue: Issue, row: Mapping[str, Any]) -> str:
    return refused_page(row["batch_id"], issue.data_set, row["row_number"])


def _stored(issue: Issue) -> dict[str, Any]:
    data_set = data_sets().get(issue.data_set)
    ids = [row["record_id"] for row in issue.examples if row["record_id"]]
    if data_set is None or not ids:
        return {}
    return {str(row.id): row for row in data_set._default_manager.filter(id__in=ids)}


def _place(row: Mapping[str, Any], record: DataSet | None) -> str:
    if not row["record_id"]:
        return f"退回，文件第 {row['row_number']} 行"
    if record is None:
        return "已不在库中"
    return "已作废" if record.voided else "已入库"


def _columns(issue: Issue) -> tuple[Element, ...]:
    """Return the stored columns the rule speaks of, its own first."""
    rule = rule_of_key(issue.key)
    stored = any(row["record_id"] for row in issue.examples)
    return columns_of(rule) if rule is not None and stored else ()
