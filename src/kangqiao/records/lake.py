"""The lake: a columnar copy of every data set's table, for what reads many rows at once (quality, indicators).

PostgreSQL is the store; the lake is derived from it, brought up to date by what has arrived since, and may be deleted
at any time: the next :meth:`Lake.refresh` builds it anew. It is one DuckDB file in a folder that only the program's own
user can open, written and read by one process at a time. Every data set is a table with the name and columns it has in
PostgreSQL, and ``day``: the city day a row is about. Long free text is kept by its first characters only, enough to
know whether there is any, and whether two are alike.
"""

from __future__ import annotations

import datetime as dt
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from psycopg import Connection, sql

from kangqiao.infra.errors import InfraError
from kangqiao.records.versions import columns
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Element, Text

LAKE = "lake"
SHORT = 100
"""Texts that may be longer than this are kept by their first :data:`KEPT` characters."""
KEPT = 40
PIECE = 256 << 20
"""Rows travel in pieces of about so many bytes, so that the first load of a city needs no room for a second copy."""
MEMORY = "4GB"

ENVELOPE = {
    "id": "UUID",
    "institution_id": "INTEGER",
    "patient_id": "UUID",
    "occurred_at": "TIMESTAMPTZ",
    "received_at": "TIMESTAMPTZ",
    "batch_id": "UUID",
    "version": "INTEGER",
}
LEFT_OUT = ("received_at", "version")
"""Columns of the envelope nobody asks the lake for."""

STATE = "CREATE TABLE IF NOT EXISTS lake_state (table_name VARCHAR PRIMARY KEY, settled VARCHAR)"
PATIENT = {
    "id": "UUID",
    "resident_id": "UUID",
    "sex": "VARCHAR",
    "birth_date": "DATE",
    "key_type": "VARCHAR",
    "key_number": "VARCHAR",
}
"""Who a patient is: the current link, and the registration's particulars and master key."""

Report = Callable[[str, int, int], None]
"""Called with (what is being done, in Chinese; how much is done; of how much)."""


class LakeBusy(InfraError):
    """Another process works with the lake."""


class Lake:
    """The open lake; ``session`` is its DuckDB connection, in city time."""

    def __init__(self, session: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.session, self.folder = session, folder

    def refresh(
        self, connection: Connection[Any], *, settled: dt.datetime, report: Report = lambda *_: None
    ) -> dict[str, int]:
        """Bring every table up to date from PostgreSQL; return the rows that came, by data set.

        ``settled`` is a moment before which nothing is still being stored: the next refresh reads what was received
        from then on. Rows that come twice replace themselves.
        """
        self.session.execute(STATE)
        came: dict[str, int] = {}
        known = data_sets()
        for done, (word, data_set) in enumerate(known.items()):
            report("更新列式副本", done, len(known))
            came[word] = self._refresh_table(connection, data_set, settled)
        self._refresh_patients(connection)
        self.session.execute("CHECKPOINT")
        report("更新列式副本", len(known), len(known))
        return came

    def _refresh_table(self, connection: Connection[Any], data_set: type[DataSet], settled: dt.datetime) -> int:
        table, types = data_set.table(), _types(data_set)
        declared = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
        since = self._since(table, declared)
        query = sql.SQL("SELECT {columns} FROM {table} WHERE received_at >= {since}").format(
            columns=sql.SQL(", ").join(map(_source, _stored(data_set))),
            table=sql.Identifier(table),
            since=sql.Literal(since),
        )
        fresh = not self.session.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall()
        came = 0
        self.session.execute("BEGIN")
        for piece in _pieces(connection, query, self.folder / "arriving.csv"):
            rows = _read_csv(piece, data_set)
            if not fresh:
                self.session.execute(f"CREATE OR REPLACE TEMPORARY TABLE arriving AS {rows}")
                self.session.execute(f"DELETE FROM {table} WHERE id IN (SELECT id FROM arriving)")
                rows = "FROM arriving"
            came += self.session.execute(f"INSERT INTO {table} {rows}").fetchall()[0][0]
        self.session.execute("INSERT OR REPLACE INTO lake_state VALUES (?, ?)", [table, settled.isoformat()])
        self.session.execute("COMMIT")
        self.session.execute("DROP TABLE IF EXISTS arriving")
        return came

    def _since(self, table: str, declared: str) -> dt.datetime:
        """Make the table, anew where the data set's columns have changed; return from when on rows are to be read."""
        known = self.session.execute(
            "SELECT string_agg(format('\"{}\" {}', column_name, data_type), ', ' ORDER BY column_index)"
            " FROM duckdb_columns() WHERE table_name = ?",
            [table],
        ).fetchall()[0][0]
        made = self.session.execute("SELECT settled FROM lake_state WHERE table_name = ?", [table]).fetchall()
        if known and made and _same_columns(known, declared):
            return dt.datetime.fromisoformat(made[0][0])
        self.session.execute(f"CREATE OR REPLACE TABLE {table} ({declared})")
        return dt.datetime(1, 1, 1, tzinfo=dt.UTC)

    def _refresh_patients(self, connection: Connection[Any]) -> None:
        """Copy who the patients are anew: their links and registrations change without a trace in the records."""
        self.session.execute("BEGIN")
        declared = ", ".join(f"{name} {kind}" for name, kind in PATIENT.items())
        self.session.execute(f"CREATE OR REPLACE TABLE patient ({declared})")
        query = sql.SQL(
            "SELECT patient.id, resident_id, sex, birth_date, key_type, key_number FROM identity_patient AS patient"
            " LEFT JOIN identity_link AS link ON link.patient_id = patient.id AND link.undone_at IS NULL"
        )
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in PATIENT.items())
        for piece in _pieces(connection, query, self.folder / "arriving.csv"):
            self.session.execute(
                f"INSERT INTO patient FROM read_csv('{piece}', header = false, auto_detect = false,"
                f" columns = {{{types}}})"
            )
        self.session.execute("COMMIT")


@contextmanager
def open_lake(home: Path, *, threads: int | None = None) -> Iterator[Lake]:
    """Open the lake of an installation; raises :class:`LakeBusy` while another process has it.

    A file that can not be opened (a disk lost part of it, another version of DuckDB wrote it) is put aside, and the
    lake is built anew.
    """
    folder = home / LAKE
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lake.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LakeBusy("另一个进程正在使用列式副本，请稍后再试") from error
        session = _connect(folder, threads)
        try:
            yield Lake(session, folder)
        finally:
            session.close()


def _connect(folder: Path, threads: int | None) -> duckdb.DuckDBPyConnection:
    path = folder / "records.duckdb"
    settings: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(folder / "spill")}
    if threads:
        settings["threads"] = threads
    try:
        session = duckdb.connect(str(path), config=settings)
    except (duckdb.IOException, duckdb.SerializationException):
        for part in (path, path.with_name(f"{path.name}.wal")):
            if part.exists():
                part.replace(part.with_name(f"{part.name}.unreadable"))
        session = duckdb.connect(str(path), config=settings)
    session.execute("SET TimeZone = 'Asia/Shanghai'")
    return session


def kept_columns(data_set: type[DataSet]) -> list[str]:
    """Return the columns of a data set's table in the lake."""
    return list(_types(data_set))


def _stored(data_set: type[DataSet]) -> list[tuple[str, Element | None]]:
    """Return the columns the lake keeps: those of the envelope without a field, then the elements."""
    fields = {field.name: field for field in data_set.elements()}
    return [(name, fields.get(name)) for name in columns(data_set) if name not in LEFT_OUT]


def _types(data_set: type[DataSet]) -> dict[str, str]:
    stored = {name: field.duckdb_type if field else ENVELOPE[name] for name, field in _stored(data_set)}
    return stored | {"day": "DATE"}


def _source(column: tuple[str, Element | None]) -> sql.Composable:
    name, field = column
    if isinstance(field, Text) and field.limit > SHORT:
        return sql.SQL("left({}, {})").format(sql.Identifier(name), sql.Literal(KEPT))
    if field is not None and field.duckdb_type == "VARCHAR[]":
        return sql.SQL("array_to_string({}, '|')").format(sql.Identifier(name))
    return sql.Identifier(name)


def _read_csv(path: Path, data_set: type[DataSet]) -> str:
    declared = {
        name: "VARCHAR" if kind == "VARCHAR[]" else kind for name, kind in _types(data_set).items() if name != "day"
    }
    listed = ", ".join(f"'{name}': '{kind}'" for name, kind in declared.items())
    columns_sql = ", ".join(
        f"string_split(\"{name}\", '|')" if field is not None and field.duckdb_type == "VARCHAR[]" else f'"{name}"'
        for name, field in _stored(data_set)
    )
    return (
        f'SELECT {columns_sql}, "{data_set.occurred.field.name}"::DATE'
        f" FROM read_csv('{path}', header = false, auto_detect = false,"
        f" delim = ',', quote = '\"', escape = '\"', max_line_size = 16777216, columns = {{{listed}}})"
    )


def _same_columns(known: str, declared: str) -> bool:
    plain = str.maketrans("", "", '" ')
    return known.replace("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ").translate(plain) == declared.translate(plain)


def _pieces(connection: Connection[Any], query: sql.Composable, path: Path) -> Iterator[Path]:
    """Copy a query out of PostgreSQL; yield a CSV file of whole rows whenever it has grown to a piece."""
    with connection.cursor() as cursor:
        file, written = path.open("wb"), 0
        try:
            with cursor.copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as copy:
                for row in copy:
                    file.write(row)
                    written += len(row)
                    if written > PIECE:
                        file.close()
                        yield path
                        file, written = path.open("wb"), 0
            file.close()
            if written:
                yield path
        finally:
            file.close()
            path.unlink(missing_ok=True)
