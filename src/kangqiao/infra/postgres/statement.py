"""Statements about a single row that are read and planned once, and sessions in which little else takes time.

psycopg reads statements of more than 4,096 characters anew each time (psycopg 3.3, `_queries`), and prepares one for
each combination of the types of its parameters, where a missing one has none. Either takes longer than to execute it.
In a `Session` a statement goes to libpq without a cursor, which takes a third of the time of a short one.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import msgspec
from psycopg import Connection, DataError, OperationalError, RawCursor
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus, Format, TransactionStatus
from psycopg.pq.abc import PGresult
from psycopg.waiting import Ready, Wait

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
        self._waiting: list[_Execution] = []
        self.in_short_transaction = False

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect."""
        options = "-c plan_cache_mode=force_generic_plan"
        return cls.connect(url, autocommit=True, prepare_threshold=None, options=options)

    @contextmanager
    def short_transaction(self) -> Iterator[None]:
        """Begin and commit what is done in between, or undo it; not within another one."""
        self.in_short_transaction = True
        try:
            _BEGIN.later(self, {})
            yield
            _COMMIT.rows(self, {})
        except BaseException:
            self._waiting.clear()
            if self.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                self.pgconn.exec_(b"ROLLBACK")
            raise
        finally:
            self.in_short_transaction = False

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        """Return a cursor of psycopg; what waits is executed before."""
        self._execute_waiting()
        return super().cursor(*arguments, **options)

    def rows_of(self, name: bytes, sql: str, values: Sequence[str | bytes | None]) -> list[tuple[Any, ...]]:
        """Prepare what is not, execute it after what waits, and return its rows. Raises psycopg's errors."""
        self._let_wait(name, sql, values)
        result = self._execute_waiting()
        if result is None or not result.ntuples:
            return []
        read = Transformer(self)
        read.set_pgresult(result)
        return read.load_rows(0, result.ntuples, tuple)

    def later(self, name: bytes, sql: str, values: Sequence[str | bytes | None]) -> None:
        """Let it wait for what a short transaction executes next, which then raises its errors; else execute it."""
        self._let_wait(name, sql, values)
        if not self.in_short_transaction:
            self._execute_waiting()

    def _let_wait(self, name: bytes, sql: str, values: Sequence[str | bytes | None]) -> None:
        """Prepare what is not, when what waits is done: it may be about what that makes."""
        if name not in self._statements:
            self._execute_waiting()
            self._checked(self.pgconn.prepare(name, sql.encode()))
            self._statements.add(name)
        told = [value.encode() if isinstance(value, str) else value for value in values]
        formats = [Format.BINARY if isinstance(value, bytes) else Format.TEXT for value in values]
        self._waiting.append(_Execution(name, told, formats))

    def _execute_waiting(self) -> PGresult | None:
        """Execute everything in one round trip and return the last result."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return None
        if len(waiting) == 1:
            name, values, formats = waiting[0]
            return self._checked(self.pgconn.exec_prepared(name, values, formats, Format.BINARY))
        self.pgconn.enter_pipeline_mode()
        for name, values, formats in waiting:
            self.pgconn.send_query_prepared(name, values, formats, Format.BINARY)
        self.pgconn.pipeline_sync()
        try:
            results = self.wait(self._results())
        except BaseException:
            self.close()  # nobody knows how far it came
            raise
        self.pgconn.exit_pipeline_mode()
        return [self._checked(each) for each in results][-1]

    def _results(self) -> PQGen[list[PGresult]]:
        """Return what the server answers until it has nothing more to answer."""
        results: list[PGresult] = []
        while self.pgconn.flush():
            if (yield Wait.RW) & Ready.R:
                self.pgconn.consume_input()
        while True:
            while self.pgconn.is_busy():
                yield Wait.R
                self.pgconn.consume_input()
            result = self.pgconn.get_result()
            if result and result.status == ExecStatus.PIPELINE_SYNC:
                return results
            if result:
                results.append(result)
            elif self.pgconn.status == ConnStatus.BAD:
                raise OperationalError(self.pgconn.get_error_message())

    def _checked(self, result: PGresult) -> PGresult:
        if result.status in _DONE:
            return result
        if self.pgconn.status == ConnStatus.BAD:
            raise OperationalError(self.pgconn.get_error_message())
        raise error_from_result(result, self.info.encoding)


class _Execution(NamedTuple):
    """A prepared statement with its parameters, each bytes or None."""

    name: bytes
    values: Sequence[Any]
    formats: Sequence[Format]


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

    def later(self, on: Connection, about: Mapping[str, Any]) -> None:
        """Execute it, in a short transaction together with what is executed next; nobody reads what it returns."""
        if isinstance(on, Session):
            on.later(self._name, self._sql, [_told(about[word]) for word in self._words])
        else:
            self.rows(on, about)

    def _place(self, word: str) -> int:
        if word not in self._words:
            self._words.append(word)
        return self._words.index(word) + 1


def is_in_transaction(on: Connection) -> bool:
    """Say whether what is executed next is part of a transaction, which a `Session` may not have begun yet."""
    waits = isinstance(on, Session) and on.in_short_transaction
    return waits or on.info.transaction_status != TransactionStatus.IDLE


def as_array(values: Iterable[int | UUID | str]) -> str:
    """Return whole numbers or ids as PostgreSQL writes an array."""
    return "{" + ",".join(map(str, values)) + "}"


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


_BEGIN: Final = Statement("BEGIN")
_COMMIT: Final = Statement("COMMIT")
