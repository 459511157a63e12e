"""One row of the record, opened: its elements in the words of the standard, its details, source and versions."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import ValidationError

from kangqiao.records.models import FormerVersion
from kangqiao.records.versions import columns
from kangqiao.records.wording import headline_of, with_unit
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.fields import Coded, Codes, Element, Flag, Link
from kangqiao.standards.panels import Curve, Table
from kangqiao.trust.masking import masked_address, masked_number

SHORT: Final = 8
ENVELOPE: Final = frozenset({"source_key", "revised_at", "voided"})
MASKS: Final = {
    "DE02.01.030.00": masked_number,
    "DE02.01.010.00": masked_number,
    "DE01.00.021.00": masked_number,
    "DE02.01.009.05": masked_address,
    "DE02.01.009.06": masked_address,
}
"""Elements that name or reach a person (document, telephone, card, address): masked until someone asks."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An element as people read it. `code` is the code behind a name, "" where there is none."""

    name: str
    title: str
    element: str
    text: str
    code: str = ""
    masked: bool = False
    flag: str = ""

    @property
    def long(self) -> bool:
        """Whether the text needs a line of its own."""
        return len(self.text) > 40


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table of rows."""

    title: str
    text: str
    flag: str = ""
    number: bool = False

    @property
    def short(self) -> bool:
        """Whether the text is too short to be broken into lines."""
        return len(self.text) <= SHORT


@dataclass(frozen=True, slots=True)
class Line:
    """A row in a table of rows: where it opens, and its cells."""

    kind: str
    id: UUID
    institution_id: int
    occurred_at: dt.datetime
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """An element that two neighbouring versions have different."""

    title: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a row, and what it changed against the one before it in the source's time (the first: nothing)."""

    number: int
    revised_at: dt.datetime
    received_at: dt.datetime
    batch_id: UUID
    current: bool
    voided: bool
    changes: tuple[Change, ...]


def title_of(field: Any) -> str:
    """Return an element's title for a screen: without 代码, and without the unit that stands behind the value."""
    title: str = field.title
    if isinstance(field, Coded | Codes):
        title = title.removesuffix("代码").removesuffix("编码")
    unit = getattr(field, "unit", "")
    return title.removesuffix(f"（{unit}）") if unit else title


def elements_of(row: DataSet, *, revealed: bool = False) -> tuple[tuple[Shown, ...], tuple[str, ...]]:
    """Return the filled elements of a row, and the titles of the empty ones."""
    filled, empty = [], []
    for field in type(row).elements():
        if field.name in ENVELOPE or field.companion_of is not None:
            continue
        shown = shown_element(row, field, revealed=revealed)
        if shown.text:
            filled.append(shown)
        elif not field.withdrawn:
            empty.append(shown.title)
    return tuple(filled), tuple(empty)


def shown_element(row: DataSet, field: Element, *, revealed: bool = True) -> Shown:
    """Return one element of a row with its unit, the sender's own wording and the code behind it."""
    value = getattr(row, field.name)
    text, code = with_unit(field, value, vars(row)), ""
    if isinstance(field, Coded):
        code = value or ""
        text = (getattr(row, f"{field.name}_name") if field.named else None) or text
    mask = MASKS.get(field.element)
    if mask and text and not revealed:
        return Shown(field.name, title_of(field), field.element, mask(text), masked=True)
    code = "" if code == text else code
    return Shown(field.name, title_of(field), field.element, text, code, flag=flag_of(field, value))


def flag_of(field: Element, value: Any) -> str:
    """Return how a value should catch the eye: "high", "low", "bad" or nothing."""
    if isinstance(field, Coded) and field.values == "KQ.abnormal" and value:
        return {"H": "high", "HH": "high", "L": "low", "LL": "low", "A": "bad", "AA": "bad"}.get(value, "")
    if isinstance(field, Flag) and field.name == "critical" and value:
        return "bad"
    return ""


def line_of(row: Any, fields: Iterable[Element]) -> Line:
    """Return a row as a line of a table with these columns."""
    return Line(type(row).word, row.id, row.institution_id, row.occurred_at, cells_of(row, fields))


def cells_of(row: Any, fields: Iterable[Element]) -> tuple[Cell, ...]:
    """Return the cells of a row for these columns; a fixed unit stands in the head of its column."""
    shown = ((field, shown_element(row, field, revealed=False)) for field in fields)
    return tuple(
        Cell(
            column_title(field),
            each.text.removesuffix(f" {getattr(field, 'unit', None)}"),
            each.flag,
            getattr(field, "duckdb_type", "") in _NUMBERS,
        )
        for field, each in shown
    )


def column_title(field: Any) -> str:
    """Return the head of a column: the element's title with its unit where that is fixed."""
    unit = getattr(field, "unit", "")
    return f"{title_of(field)}（{unit}）" if unit else title_of(field)


_NUMBERS: Final = ("DOUBLE", "INTEGER", "DECIMAL(12,2)")


def columns_of(data_set: type[DataSet], rows: Sequence[DataSet]) -> tuple[Element, ...]:
    """Return the columns a table of these rows has, those left out in which every row is empty.

    They are those the panel names; of a curve, what sums a row up, its values and their reference range.
    """
    panel = data_set.panel
    named = (
        panel.columns
        if isinstance(panel, Table)
        else (
            *(field.companion_of or field for field in headline_of(data_set).fields),
            *(panel.values if isinstance(panel, Curve) else ()),
            *((panel.low, panel.high) if isinstance(panel, Curve) else ()),
        )
    )
    occurred = getattr(data_set, "occurred", None)
    skipped = (Link,) if data_set.part_of() else ()
    return tuple(
        field
        for field in dict.fromkeys(filter(None, named))
        if not isinstance(field, skipped)
        and not (occurred and field is occurred.field)
        and any(_has(row, field) for row in rows)
    )


def _has(row: DataSet, field: Element) -> bool:
    named = isinstance(field, Coded) and field.named and getattr(row, f"{field.name}_name")
    return bool(named) or getattr(row, field.name) is not None


def headline(row: Any) -> str:
    """Return the line that sums a row up."""
    summed = headline_of(row.__class__)
    return summed.of(getattr(row, field.name) for field in summed.fields)


# -- versions ------------------------------------------------------------------------------------------


def versions_of(row: Any, former: Iterable[FormerVersion]) -> tuple[Version, ...]:
    """Return every version of a row, newest in the source's time first."""
    now = {field.name: getattr(row, field.name) for field in type(row).elements()}
    states = [(row.version, row.revised_at, row.received_at, row.batch_id, now, True)]
    states += [
        (each.version, each.revised_at, each.received_at, each.batch_id, stored_values(type(row), each.content), False)
        for each in former
    ]
    states.sort(key=lambda state: (state[1], state[0]))
    versions, before = [], None
    for number, revised_at, received_at, batch_id, values, current in states:
        changes = () if before is None else _changes(type(row), before, values)
        voided = bool(values["voided"])
        versions.append(Version(number, revised_at, received_at, batch_id, current, voided, changes))
        before = values
    return tuple(reversed(versions))


def stored_values(data_set: type[DataSet], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a former version's columns as values; one that was not there then is missing, one now gone as stored."""
    known = columns(data_set)
    gone = {name: value for name, value in content.items() if name not in known}
    return gone | {field.name: _python(field, content.get(field.name)) for field in data_set.elements()}


def _python(field: Any, stored: Any) -> Any:
    try:
        return None if stored is None else field.to_python(str(stored) if isinstance(stored, float) else stored)
    except ValidationError:
        return stored


def _changes(data_set: type[DataSet], before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    elements = {field.name: field for field in data_set.elements()}
    differ = [
        name
        for name in (*elements, *sorted((before.keys() | after.keys()) - elements.keys()))
        if name != "revised_at" and before.get(name) != after.get(name)
    ]
    return tuple(
        Change(title_of(elements[name]), _masked(elements[name], before), _masked(elements[name], after))
        if name in elements
        else Change(f"已取消的数据项 {name}", _gone_text(before.get(name)), _gone_text(after.get(name)))
        for name in differ
    )


def _gone_text(value: Any) -> str:
    """Return a value of which the standard says nothing any more: a long number may name somebody and is masked."""
    return re.sub(r"\d{7,}[0-9Xx]", lambda number: masked_number(number[0]), "" if value is None else str(value))


def _masked(field: Element, values: Mapping[str, Any]) -> str:
    text = with_unit(field, values[field.name], values)
    mask = MASKS.get(field.element)
    return mask(text) if mask and text else text
