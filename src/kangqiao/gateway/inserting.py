"""Many rows into several tables by one prepared statement: an array per column, as text.

For groups of tens of rows this costs the client and PostgreSQL a fraction of a COPY per table: nothing is planned anew,
and one statement is a transaction of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from psycopg.raw_cursor import RawCursor

_SPECIAL = re.compile(r'["\\]')


def _text(value: str) -> str:
    return f'"{_SPECIAL.sub(_escaped, value)}"' if _SPECIAL.search(value) else f'"{value}"'


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


_WRITTEN: Mapping[str, Callable[[Any], str]] = {
    "text": _text,
    "uuid": lambda value: value.hex,
    "boolean": lambda value: "t" if value else "f",
    "integer": str,
    "int4": str,
    "double precision": repr,
    "date": str,
    "timestamp with time zone": lambda value: f'"{value.isoformat()}"',
    "bytea": lambda value: f'"\\\\x{value.hex()}"',
    "inet": _text,
}
"""By the column's type."""


@dataclass(frozen=True)
class Insert:
    """How rows come into one table: its columns by name, each with its type."""

    table: str
    names: tuple[str, ...]
    types: tuple[str, ...]
    writers: tuple[Callable[[Any], str], ...]

    @classmethod
    def into(cls, table: str, columns: Mapping[str, str]) -> Insert:
        """Return the insert for columns and their types."""
        types = tuple(columns.values())
        return cls(table, tuple(columns), types, tuple(_WRITTEN[_plain(kind)] for kind in types))

    def sql(self, first: int) -> str:
        """Return the statement, its parameters numbered from ``first``."""
        listed = ", ".join(f'"{name}"' for name in self.names)
        arrays = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(self.types, first))
        return f"INSERT INTO {self.table} ({listed}) SELECT * FROM unnest({arrays})"

    def arrays(self, rows: Iterable[Sequence[Any]]) -> list[str | None]:
        """Return the parameters for rows, their values in the order of the columns."""
        columns = zip(*rows, strict=True)
        return [_array(writer, column) for writer, column in zip(self.writers, columns, strict=True)]


def insert(cursor: RawCursor[Any], rows: Mapping[Insert, Sequence[Sequence[Any]]]) -> None:
    """Insert rows into several tables by one statement."""
    filled = tuple(each for each in rows if rows[each])
    if filled:
        parameters = [array for each in filled for array in each.arrays(rows[each])]
        cursor.execute(_together(filled), parameters, prepare=True)


@cache
def _together(inserts: tuple[Insert, ...]) -> str:
    first, parts = 1, []
    for place, each in enumerate(inserts):
        parts.append(f"t{place} AS ({each.sql(first)})")
        first += len(each.names)
    return f"WITH {', '.join(parts)} SELECT"


def _plain(kind: str) -> str:
    """Return a type without its length."""
    found = kind.partition("(")[0].strip()
    return "text" if found in ("varchar", "numeric", "jsonb") else found


def _array(writer: Callable[[Any], str], values: Sequence[Any]) -> str | None:
    """Return an array as PostgreSQL reads it; None, which reads as all NULL, where no value is there."""
    if values.count(None) == len(values):
        return None
    return "{" + ",".join(["NULL" if value is None else writer(value) for value in values]) + "}"
