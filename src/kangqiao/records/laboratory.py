"""Laboratory results of a person as a table: items down, dates across, the same item of all institutions together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kangqiao.records.medical_record.models import LabReport, LabResult
from kangqiao.records.queries import rows_of
from kangqiao.records.wording import number
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.fields import Coded

MOST_RESULTS: Final = 3000
MOST_REPORTS: Final = 400
OTHER: Final = "其他检验"
RESULT: Final = (
    *("report", "item", "item_name", "quantity", "quantity_unit", "text", "finding"),
    *("low", "high", "reference", "abnormal", "critical"),
)
"""The columns of a result that are shown."""
ABNORMAL: Final = {"H": "high", "HH": "high", "L": "low", "LL": "low", "A": "bad", "AA": "bad"}
MARKS: Final = {"H": "↑", "HH": "↑↑", "L": "↓", "LL": "↓↓", "A": "异常", "AA": "危急"}


@dataclass(frozen=True, slots=True)
class Result:
    """One value of an item, as the report had it."""

    at: dt.datetime
    report: tuple[int, str]
    text: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    reference: str
    flag: str
    mark: str

    @property
    def range(self) -> str:
        """The reference range as the report printed it."""
        if self.reference or (self.low is None and self.high is None):
            return self.reference
        if self.low is None or self.high is None:
            return f"≤ {number(self.high)}" if self.high is not None else f"≥ {number(self.low or 0)}"
        return f"{number(self.low)}–{number(self.high)}"


@dataclass(frozen=True, slots=True)
class Item:
    """One item in one unit, its results newest first. `key` is its code, or its name where nobody sent a code."""

    key: str
    name: str
    unit: str
    group: str
    results: tuple[Result, ...]

    @property
    def latest(self) -> Result:
        """The newest result."""
        return self.results[0]

    @property
    def numbers(self) -> tuple[Result, ...]:
        """The results that are numbers, oldest first: what a curve is drawn of."""
        return tuple(result for result in reversed(self.results) if result.value is not None)


@dataclass(frozen=True, slots=True)
class Report:
    """A column of the table: one report."""

    key: tuple[int, str]
    id: UUID
    institution_id: int
    at: dt.datetime
    subject: str


def items_of(results: Iterable[Any], reports: Iterable[Any]) -> tuple[Item, ...]:
    """Return the items of these results, grouped by the subject of their newest report, most frequent subjects first.

    Rows are the same item when they have the same code, or the same name as a row that has it. Values in another unit
    are another item: they must not share an axis.
    """
    rows = sorted(results, key=lambda row: (-row.occurred_at.timestamp(), row.id))
    subjects = {(report.institution_id, report.source_key): report.subject or OTHER for report in reports}
    code_of = {row.item_name: row.item for row in rows if row.item}
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        key = row.item or code_of.get(row.item_name) or row.item_name
        found.setdefault((key, _unit(row)), []).append(row)
    items = [
        Item(
            key,
            group[0].item_name,
            unit,
            subjects.get((group[0].institution_id, group[0].report), OTHER),
            tuple(map(_result, group)),
        )
        for (key, unit), group in found.items()
    ]
    size = {subject: sum(item.group == subject for item in items) for subject in {item.group for item in items}}
    return tuple(sorted(items, key=lambda item: (item.group == OTHER, -size[item.group], item.group)))


def laboratory_of(
    patients: Sequence[UUID], *, since: dt.datetime | None = None
) -> tuple[tuple[Item, ...], tuple[Report, ...]]:
    """Return the items of these patients and the reports they stand in, newest first."""
    rows = rows_of(LabReport, patients, "source_key", "subject", since=since, most=MOST_REPORTS)
    items = items_of(rows_of(LabResult, patients, *RESULT, since=since, most=MOST_RESULTS), rows)
    return items, tuple(
        Report((row.institution_id, row.source_key), row.id, row.institution_id, row.occurred_at, row.subject or "")
        for row in rows
    )


def abnormal_of(items: Iterable[Item]) -> tuple[Item, ...]:
    """Return the items whose newest result is flagged, newest first."""
    flagged = [item for item in items if item.latest.flag]
    return tuple(sorted(flagged, key=lambda item: item.latest.at, reverse=True))


def _result(row: Any) -> Result:
    return Result(
        at=row.occurred_at.astimezone(CITY_TIME),
        report=(row.institution_id, row.report),
        text=_text(row),
        value=row.quantity,
        unit=_unit(row),
        low=row.low,
        high=row.high,
        reference=row.reference or "",
        flag=ABNORMAL.get(row.abnormal or "", "") or ("bad" if row.critical else ""),
        mark=MARKS.get(row.abnormal or "", ""),
    )


def _text(row: Any) -> str:
    if row.quantity is not None:
        return number(row.quantity)
    finding: Any = LabResult.element("finding")
    assert isinstance(finding, Coded)
    return row.text or (finding.value_set.name(row.finding) if row.finding else "")


def _unit(row: Any) -> str:
    return (row.quantity_unit or "").strip() if row.quantity is not None else ""
