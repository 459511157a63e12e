"""Statements about a single row that are read and planned once, and sessions in which little else takes time.

psycopg reads statements of more than 4,096 characters anew each time (psycopg 3.3, `_queries`), and prepares one for
each combination of the types of its parameters, where a missing one has none. Either takes longer than to execute it.
In a `Session` a statement goes to libpq without a cursor, which takes a third of the time of a short one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, Self, cast
from uuid import UUID

import msgspec
from psycopg import Connection, DataError, OperationalError, RawCursor
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult

_NUMBERS: Final = count()
_DONE: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Session(Connection[Any]):
    """A connection of one's own for one row after the other, used by one thread at a time.

    Plans serve whatever the parameters are. psycopg prepares nothing in it: after a rollback it would throw away all
    that is prepared.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._statements: set[bytes] = set()

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect."""
        options = "-c plan_cache_mode=force_generic_plan"
        return cls.connect(url, autocommit=True, prepare_threshold=None, options=options)

    @contextmanager
    def short_transaction(self) -> Iterator[None]:
        """Begin and commit what is done in between, or undo it; not within another one."""
        self._done(self.pgconn.exec_(b"BEGIN"))
        try:
            yield
        except BaseException:
            if self.pgconn.transaction_status != TransactionStatus.UNKNOWN:
                self.pgconn.exec_(b"ROLLBACK")
            raise
        self._done(self.pgconn.exec_(b"COMMIT"))

    def rows_of(self, name: bytes, sql: str, values: Sequence[str | bytes | None]) -> list[tuple[Any, ...]]:
        """Prepare what is not, execute it and return the rows. Raises psycopg's errors."""
        if name not in self._statements:
            self._done(self.pgconn.prepare(name, sql.encode()))
            self._statements.add(name)
        told = [value.encode() if isinstance(value, str) else value for value in values]
        formats = [Format.BINARY if isinstance(value, bytes) else Format.TEXT for value in values]
        result = self._done(self.pgconn.exec_prepared(name, cast(Any, told), formats, Format.BINARY))
        read = Transformer(self)
        read.set_pgresult(result)
        return read.load_rows(0, result.ntuples, tuple)

    def _done(self, result: PGresult) -> PGresult:
        if result.status in _DONE:
            return result
        if self.pgconn.status == ConnStatus.BAD:
            raise OperationalError(self.pgconn.get_error_message())
        raise error_from_result(result, self.info.encoding)


class Statement:
    """SQL with `%(word)s::type` for the parameters it takes."""

    def __init__(self, sql: str) -> None:
        self._words: list[str] = []
        self._sql = re.sub(r"%\((\w+)\)s", lambda found: f"${self._place(found[1])}", sql)
        self._name = f"statement_{next(_NUMBERS)}".encode()

    def rows(self, on: Connection, about: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Execute it with the parameters it names and return the rows. Raises psycopg's errors."""
        values = [_told(about[word]) for word in self._words]
        if isinstance(on, Session):
            return on.rows_of(self._name, self._sql, values)
        cursor = RawCursor(on).execute(self._sql, values, binary=True)
        return cursor.fetchall() if cursor.description else []

    def _place(self, word: str) -> int:
        if word not in self._words:
            self._words.append(word)
        return self._words.index(word) + 1


def int_array(values: Iterable[int]) -> str:
    """Return whole numbers as PostgreSQL writes an array."""
    return "{" + ",".join(map(str, values)) + "}"


def uuid_array(ids: Iterable[UUID]) -> str:
    """Return ids as PostgreSQL writes an array."""
    return "{" + ",".join(map(str, ids)) + "}"


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a parameter that `rows_in` reads; what a row does not name is NULL."""
    return msgspec.json.encode(rows).decode()


def rows_in(word: str, columns: str) -> str:
    """SQL of the rows in a parameter that `as_json` made, with the columns as SQL declares them.

    One parameter for all columns: an array for each takes longer to write and to read.
    """
    return f"json_to_recordset(%({word})s::json) AS {word}({columns})"


def _told(value: Any) -> str | bytes | None:
    if isinstance(value, str) and "\0" in value:
        raise DataError("text of PostgreSQL holds no null characters")
    return value if value is None or isinstance(value, (str, bytes)) else str(value)
