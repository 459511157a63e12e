"""The rows of one data set on one person's page, as its class says they are shown. Nothing here knows a data set."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from kangqiao.records.curves import line_name
from kangqiao.records.items import Cell, Line, column_title, columns_of, line_of
from kangqiao.records.queries import details_of, rows_of
from kangqiao.standards import panels
from kangqiao.standards.data_set import Record

NEWEST = 30
"""How many rows a panel shows; older ones are on the timeline."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Numbers over time in one unit; series in the form the portal's charts are drawn from."""

    title: str
    unit: str
    series: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
    normal: tuple[float | None, float | None] | None = None

    def data(self) -> dict[str, Any]:
        """Return what `portal/charts.js` reads."""
        drawn = [{"name": name, "points": [list(point) for point in points]} for name, points in self.series]
        return {"unit": self.unit, "series": drawn} | ({"normal": list(self.normal)} if self.normal else {})


@dataclass(frozen=True, slots=True)
class Panel:
    """A data set's rows about one person: charts where its panel draws curves, and a table, newest first."""

    word: str
    title: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    charts: tuple[Chart, ...]
    cut: bool


def panel_of(data_set: type[Record], patients: Sequence[UUID], *, most: int = NEWEST) -> Panel:
    """Return the panel of a data set for these patients, at most the newest `most` rows."""
    rows = rows_of(data_set, patients, most=most + 1)
    shown = rows[:most]
    columns = columns_of(data_set, shown)
    details = details_of(data_set, shown)
    return Panel(
        word=data_set.word,
        title=data_set.title,
        columns=(*map(column_title, columns), *(part.title for part in details)),
        lines=tuple(_line(row, columns, details) for row in shown),
        charts=charts_of(data_set.panel, rows),
        cut=len(rows) > most,
    )


def _line(row: Any, columns: Sequence[Any], details: Mapping[type[Record], Mapping[Any, str]]) -> Line:
    line = line_of(row, columns)
    key = (row.institution_id, row.source_key)
    more = (Cell(part.title, named.get(key, "")) for part, named in details.items())
    return replace(line, cells=(*line.cells, *more))


def charts_of(panel: Any, rows: Sequence[Any]) -> tuple[Chart, ...]:
    """Return the charts a curve panel asks for: one per group, each with a line per value field."""
    if not isinstance(panel, panels.Curve):
        return ()
    groups: dict[str, list[Any]] = {}
    for row in reversed(rows):
        groups.setdefault(_group(row, panel.group), []).append(row)
    charts = (_chart(title, panel, members) for title, members in groups.items())
    return tuple(chart for chart in charts if any(len(points) > 1 for _, points in chart.series))


def _chart(title: str, panel: panels.Curve, rows: Sequence[Any]) -> Chart:
    series = tuple((line_name(field), tuple(_points(field, panel.over, rows))) for field in panel.values)
    return Chart(title, getattr(panel.values[0], "unit", None) or "", series)


def _points(field: Any, over: Any, rows: Sequence[Any]) -> list[tuple[str, float]]:
    return [
        (_moment(getattr(row, over.name)), value) for row in rows if (value := getattr(row, field.name)) is not None
    ]


def _group(row: Any, field: Any) -> str:
    if field is None:
        return ""
    return getattr(row, f"{field.name}_name", None) or str(getattr(row, field.name) or "")


def _moment(value: dt.datetime | dt.date) -> str:
    return value.isoformat()
