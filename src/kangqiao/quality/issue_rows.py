"""The rows an issue was opened for, as it keeps them. They name records: looking at them is audited."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse

from kangqiao.intake.models import Batch
from kangqiao.intake.queries import visible_batches
from kangqiao.quality.catalogue import QualityRule, cells_of, rule_by_key
from kangqiao.quality.issue_queries import all_known, examples_of, snapshot
from kangqiao.quality.issue_rules import identity_of
from kangqiao.quality.issues import Issue
from kangqiao.records.items import column_title, shown_element
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
    return KeptRows(tuple(column_title(field) for field in columns), rows)


def batches_to_correct(*, issue: Issue, actor: Actor) -> QuerySet[Batch]:
    """Return the batches whose refused rows the actor can download to correct what the issue is about."""
    if not (actor.may(Permission.BATCH_READ) and actor.may(Permission.REFUSED_DOWNLOAD)):
        return Batch.objects.none()
    named = {row["batch_id"] for row in issue.examples if row["batch_id"] and not row["record_id"]}
    return visible_batches(actor=actor).filter(id__in=named).defer("manifest", "receipt")


def _rows(issue: Issue, columns: Sequence[Element], actor: Actor) -> Iterator[KeptRow]:
    stored = _stored(issue)
    batches = set(batches_to_correct(issue=issue, actor=actor).values_list("id", flat=True))
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
            url=_refused_page(issue, row) if row["batch_id"] and UUID(row["batch_id"]) in batches else "",
            fails=fails,
            cells=tuple((column_title(field), _text(record, field)) for field in columns),
        )


def _text(record: DataSet | None, field: Element) -> str:
    return "" if record is None else shown_element(record, field, revealed=False).text


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


def _refused_page(issue: Issue, row: Mapping[str, Any]) -> str:
    """Return the address of a batch's refused rows, beginning with this one."""
    return reverse("intake:refused", args=[row["batch_id"], issue.data_set]) + f"?after={row['row_number'] - 1}"


def _columns(issue: Issue) -> tuple[Element, ...]:
    """Return the stored columns the rule speaks of, its own first."""
    rule = rule_by_key().get(issue.key)
    if rule is None or not any(row["record_id"] for row in issue.examples):
        return ()
    known = {field.name: field for field in data_sets()[issue.data_set].elements()}
    named = [known[name] for name in _named(rule) if name in known and name != "source_key"]
    return tuple(dict.fromkeys(field.companion_of or field for field in named))


def _named(rule: QualityRule) -> Iterator[str]:
    yield rule.column
    if rule.check is not None:
        yield from re.findall(r'"(\w+)"', rule.check.sql)
        yield from sorted(cells_of(rule.check))
