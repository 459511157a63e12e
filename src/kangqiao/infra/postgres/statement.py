"""A statement about a single row that is read and planned once, however long it is and whatever of the row is missing.

psycopg reads statements of more than 4,096 characters anew each time (psycopg 3.3, `_queries`), and prepares one for
each combination of the types of its parameters, where a missing one has none. Either takes longer than to execute it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection, RawCursor


class Statement:
    """SQL with `%(word)s::type` for the parameters it takes; bytes need no type."""

    def __init__(self, sql: str) -> None:
        self._words: list[str] = []
        self._sql = re.sub(r"%\((\w+)\)s", lambda found: f"${self._place(found[1])}", sql)

    def execute(self, on: Connection, about: Mapping[str, Any], *, binary: bool = False) -> RawCursor:
        """Execute it with the parameters it names and return the cursor; `binary` for what it returns."""
        return RawCursor(on).execute(self._sql, [_told(about[word]) for word in self._words], binary=binary)

    def _place(self, word: str) -> int:
        if word not in self._words:
            self._words.append(word)
        return self._words.index(word) + 1


def int_array(values: Sequence[int]) -> str:
    """Return whole numbers as PostgreSQL writes an array."""
    return "{" + ",".join(map(str, values)) + "}"


def _told(value: Any) -> str | bytes | None:
    return value if value is None or isinstance(value, (str, bytes)) else str(value)
