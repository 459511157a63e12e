"""How a stored value reads: codes by their names, times in city time, and a row summed up in one line."""

from __future__ import annotations

import datetime as dt
import functools
import re
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.fields import Coded, Codes, Element, Flag, Quantity

MISSING = "—"


def words(field: Any, value: Any) -> str:
    """Return a value as people read it, "" for none: a model's value, or the text that `text_sql` made of it."""
    if value is None:
        return ""
    if isinstance(field, Coded):
        return field.value_set.name(value)
    if isinstance(field, Codes):
        codes = value.split("|") if isinstance(value, str) else value
        return "、".join(field.value_set.name(code) for code in codes)
    if isinstance(field, Flag):
        return "是" if value in (True, "true") else "否"
    return _plain(value)


def with_unit(field: Any, value: Any, units: Mapping[str, Any]) -> str:
    """Return a value followed by its unit: the field's own, or the one the sender chose (a column of `units`)."""
    shown = words(field, value)
    unit = getattr(field, "unit", "")
    if unit is None:
        unit = units.get(f"{field.name}_unit") or ""
    return f"{shown} {unit}" if shown and unit else shown


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.astimezone(CITY_TIME).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    return str(value)


def number(value: float) -> str:
    """Return a number without digits that nobody measured: 7.0 is 7, 6.30 is 6.3."""
    return f"{value:.10g}"


# -- one line that sums a row up -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """Words around values that belong together: left out as a whole when none of the values is there.

    `body` alternates literal text and column index; `measured` is the column index of the number that the piece
    is the unit of.
    """

    before: str
    body: tuple[str | int, ...]
    after: str = ""
    measured: int | None = None


@dataclass(frozen=True, slots=True)
class Headline:
    """A data set's `headline`, taken apart once: the columns it needs, and the pieces around them.

    `bare` are the indexes of codes shown as they are, since their name stands in the line too.
    """

    fields: tuple[Any, ...]
    pieces: tuple[Piece, ...]
    bare: frozenset[int]

    def of(self, values: Iterable[Any]) -> str:
        """Return the line for the values of `fields`, in their order."""
        shown = [
            value or "" if index in self.bare else words(field, value)
            for index, (field, value) in enumerate(zip(self.fields, values, strict=True))
        ]
        line = ""
        for piece in self.pieces:
            text = _piece_text(piece, shown)
            line += text if not line or text.startswith(_CLOSING) else text and f" {text}"
        return line.lstrip("".join(_CLOSING))


@functools.cache
def headline_of(data_set: type[DataSet]) -> Headline:
    """Return the headline of a data set, ready to be filled."""
    names = [name for _, name, _, _ in string.Formatter().parse(data_set.headline) if name]
    fields = tuple(data_set.element(name) for name in names)
    bare = frozenset(index for index, name in enumerate(names) if f"{name}_name" in names)
    return Headline(fields, tuple(_pieces(data_set.headline.split(), list(fields))), bare)


_CLOSING = ("，", "；", "、", "。")
_SLOT = re.compile(r"\{(\w+)\}")


def _pieces(tokens: list[str], fields: list[Element]) -> Iterable[Piece]:
    """Group the words of a headline: a label goes with the value behind it, a unit with the value before it."""
    index, label, last, unit = 0, "", None, ""
    for token in tokens:
        if not _SLOT.search(token):
            if last and unit and token.startswith(unit):
                last = Piece(last.before, last.body, f" {unit}", last.measured)
                token = token.removeprefix(unit)  # noqa: PLW2901
            label = f"{label} {token}".strip()
            continue
        if last:
            yield last
        body: list[str | int] = []
        for part in re.split(r"(\{\w+\})", token):
            body += [index] if _SLOT.fullmatch(part) else [part] if part else []
            index += bool(_SLOT.fullmatch(part))
        before = f"{label} " if label else ""
        last, label = Piece(before, tuple(body), "", _measured(fields, index - 1)), ""
        unit = getattr(fields[index - 1], "unit", "") or ""
    if last:
        yield last


def _measured(fields: list[Element], index: int) -> int | None:
    owner = fields[index].companion_of
    return fields.index(owner) if isinstance(owner, Quantity) and owner in fields else None


def _piece_text(piece: Piece, shown: list[str]) -> str:
    values = [shown[part] for part in piece.body if isinstance(part, int)]
    if not any(values) or (piece.measured is not None and not shown[piece.measured]):
        return ""
    body = "".join(part if isinstance(part, str) else shown[part] or MISSING for part in piece.body)
    return f"{piece.before}{body}{piece.after}"
