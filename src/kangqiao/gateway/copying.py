"""Rows into a table by COPY, in PostgreSQL's text format, with a minimum of work per value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.raw_cursor import RawCursor

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def copy(cursor: RawCursor[Any], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Copy rows into a table; nothing is sent where there are none."""
    content = "".join([line(row) for row in rows])
    if content:
        listed = ", ".join(f'"{name}"' for name in columns)
        with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as stream:
            stream.write(content.encode())


def line(row: Sequence[Any]) -> str:
    """Return a row as one line of the text format (PostgreSQL, “COPY”, File Formats)."""
    return "\t".join(["\\N" if value is None else _WRITTEN[type(value)](value) for value in row]) + "\n"


def _text(value: str) -> str:
    return value.translate(_ESCAPES)


def _array(values: Sequence[Any]) -> str:
    quoted = ('"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return _text("{" + ",".join(quoted) + "}")


_WRITTEN: dict[type, Callable[[Any], str]] = {
    str: _text,
    bool: lambda value: "t" if value else "f",
    int: str,
    float: repr,
    Decimal: str,
    UUID: str,
    date: str,
    datetime: datetime.isoformat,
    bytes: lambda value: "\\\\x" + value.hex(),
    list: _array,
}
