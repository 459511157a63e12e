"""Measurements over time, whatever data set they came in: the data element says that two numbers measure the same.

A blood pressure is one whether a ward, a follow-up visit or a yearly examination took it. A data set added tomorrow
whose fields carry these data elements is on the curves by itself.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kangqiao.records.reading import prepared
from kangqiao.records.timeline import heads
from kangqiao.standards.data_set import Record
from kangqiao.standards.fields import Quantity

MOST_POINTS: Final = 1000
"""How many rows of one data set a curve is drawn from, the newest."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Something measured at people's bodies: the data elements that carry it, and the band drawn behind it."""

    word: str
    title: str
    unit: str
    elements: tuple[str, ...]
    usual: tuple[float, float] | None
    note: str


MEASURES: Final = (
    Measure(
        "pressure",
        "血压",
        "mmHg",
        ("DE04.10.174.00", "DE04.10.176.00"),
        (90, 140),
        "浅色带为收缩压 90–140 mmHg",
    ),
    Measure(
        "glucose",
        "血糖",
        "mmol/L",
        ("DE04.50.102.00",),
        (3.9, 7),
        "浅色带为空腹血糖 3.9–7.0 mmol/L",
    ),
    Measure("weight", "体重", "kg", ("DE04.10.188.00",), None, ""),
    Measure("pulse", "脉率与心率", "次/min", ("DE04.10.118.00", "DE04.10.206.00"), None, ""),
    Measure("temperature", "体温", "℃", ("DE04.10.186.00",), None, ""),
    Measure("oxygen", "血氧饱和度", "%", ("DE04.50.149.00",), None, ""),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value and the row it stands in."""

    at: dt.datetime
    value: float
    kind: str
    id: UUID
    institution_id: int


@dataclass(frozen=True, slots=True)
class Curve:
    """The lines of a measure by name, each in the order of time."""

    measure: Measure
    lines: dict[str, tuple[Point, ...]]

    @property
    def latest(self) -> tuple[tuple[str, Point], ...]:
        """The newest points of all lines: those measured at the same moment belong together."""
        newest = max((points[-1].at for points in self.lines.values()), default=None)
        return tuple((name, points[-1]) for name, points in self.lines.items() if points[-1].at == newest)


def line_name(field: Any) -> str:
    """Return what a field measures in the words of its title, whichever side of the body it was taken on."""
    return re.sub(r"（.*?）|[左右]侧|检测值", "", field.title)


@functools.cache
def measured_fields() -> dict[type[Record], tuple[tuple[Measure, Quantity], ...]]:
    """Return the fields of each data set that carry one of the measures in its unit."""
    fields: dict[type[Record], tuple[tuple[Measure, Quantity], ...]] = {}
    for data_set in heads().values():
        carried = tuple(
            (measure, field)
            for measure in MEASURES
            for field in data_set.elements()
            if isinstance(field, Quantity) and field.element in measure.elements and field.unit == measure.unit
        )
        if carried:
            fields[data_set] = carried
    return fields


def curves_of(patients: Sequence[UUID], *, most: int = MOST_POINTS) -> tuple[Curve, ...]:
    """Return the curves of these patients that have at least one point, read in one round trip."""
    lines: dict[Measure, dict[str, list[Point]]] = {measure: {} for measure in MEASURES}
    for row in prepared(_measured_sql(), {"patients": list(patients), "most": most}):
        for measure, name, point in _points(row):
            lines[measure].setdefault(name, []).append(point)
    return tuple(
        Curve(measure, {name: tuple(sorted(points, key=lambda point: point.at)) for name, points in named.items()})
        for measure, named in lines.items()
        if named
    )


def _points(row: Sequence[Any]) -> Iterator[tuple[Measure, str, Point]]:
    """Yield the points of a row; of both arms the higher pressure counts."""
    kind, id, institution_id, at, values = row
    highest: dict[tuple[Measure, str], float] = {}
    for (measure, field), value in zip(measured_fields()[heads()[kind]], values, strict=True):
        if value is not None:
            place = (measure, line_name(field))
            highest[place] = max(value, highest.get(place, value))
    for (measure, name), value in highest.items():
        yield measure, name, Point(at, value, kind, id, institution_id)


@functools.cache
def _measured_sql() -> str:
    return "\nUNION ALL\n".join(
        f"""(SELECT '{data_set.word}', t.id, t.institution_id, t.occurred_at,
        ARRAY[{", ".join(f't."{field.column}"' for _, field in fields)}]
   FROM {data_set.table()} t WHERE t.patient_id = ANY(%(patients)s::uuid[]) AND NOT t.voided
    AND num_nonnulls({", ".join(f't."{field.column}"' for _, field in fields)}) > 0
  ORDER BY t.occurred_at DESC LIMIT %(most)s::int)"""
        for data_set, fields in measured_fields().items()
    )
