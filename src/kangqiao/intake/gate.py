"""The gate: one vectorised pass over the files of a data set that casts every cell, runs every check and refuses rows.

Files of several batches go through together: what a statement of several hundred expressions costs to plan and to set
up is then paid once for all of them. A row is known by its batch's place among those processed together, and its
number in its file.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from kangqiao.formats import tabular
from kangqiao.formats.tabular import TableFile, TableFormat, UnreadableTable
from kangqiao.identity.duckdb_rules import KEY_COLUMNS, with_document_key
from kangqiao.intake import findings
from kangqiao.intake.errors import PartRefused
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards import imported_codes
from kangqiao.standards.checks import CLOCK_TOLERANCE
from kangqiao.standards.data_set import DataSet, Record
from kangqiao.standards.editions import current_cells_sql
from kangqiao.standards.validation import (
    cells_sql,
    mask_columns,
    masks_sql,
    refused_sql,
    trimmed_sql,
    values_sql,
    warned_sql,
)

MEMORY = "1GB"
"""What DuckDB may use before it spills to the work folder."""

WORTH_OPTIMISING = 20_000
"""Rows below which optimising a statement of a hundred expressions takes longer than running it."""


@dataclass(frozen=True)
class Sender:
    """What the gate must know of a batch: when it came, and code → id of the institutions it may have rows of."""

    batch_id: UUID
    received_at: dt.datetime
    institutions: Mapping[str, int]


@dataclass
class Verdict:
    """What the gate says of one file.

    cells    query that reads the file's rows as they came
    names    the contract's columns that the file has → what they are called there
    columns  what refused rows are given back with: the columns of their edition, and others that the file has
    """

    table: TableFile
    cells: str
    names: Mapping[str, str]
    columns: tuple[str, ...]
    rows: int = 0
    refused: int = 0
    warned: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """The files of one data set after the gate, by the places of their batches.

    arrived   DuckDB's table of the rows as they came: place, row number, text cells
    relation  DuckDB's table of checked rows: place, row number, values, bits of failed checks, whether refused
    refusals  files that can not be taken as a whole, with the reason
    """

    arrived: str
    relation: str
    verdicts: dict[int, Verdict]
    refusals: dict[int, PartRefused]

    def given(self) -> set[str]:
        """Return the columns that any of the files has."""
        return {name for verdict in self.verdicts.values() for name in verdict.names}

    def refuse(self, place: int, refusal: PartRefused) -> None:
        """Take back the verdict on a file: it can not be taken as a whole."""
        del self.verdicts[place]
        self.refusals[place] = refusal


class Gate:
    """A DuckDB database in a work folder, for batches processed together. Each thread takes its own :meth:`session`.

    Its tables ``sender`` and ``institution`` say of each batch what :class:`Sender` says, by place.
    """

    def __init__(self, folder: Path, senders: Sequence[Sender]) -> None:
        self.folder = folder
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "spill"),
            "threads": 1,  # each session computes on its caller's thread; setting up more costs small files double
            "preserve_insertion_order": True,
        }
        self._database = duckdb.connect(str(folder / "gate.duckdb"), config=settings)
        self._database.execute("""
            CREATE TABLE sender (batch_place INTEGER, batch_id UUID, received_at TIMESTAMPTZ, not_after TIMESTAMPTZ);
            CREATE TABLE institution (batch_place INTEGER, code VARCHAR, id INTEGER)""")
        for place, sender in enumerate(senders):
            self._introduce(place, sender)

    def _introduce(self, place: int, sender: Sender) -> None:
        latest = sender.received_at + CLOCK_TOLERANCE
        self._database.execute(
            "INSERT INTO sender VALUES (?, ?, ?, ?)", [place, sender.batch_id, sender.received_at, latest]
        )
        self._database.execute(
            "INSERT INTO institution SELECT ?, unnest(?::VARCHAR[]), unnest(?::INTEGER[])",
            [place, list(sender.institutions), list(sender.institutions.values())],
        )

    def session(self, *, rows: int) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the same database, in city time, for files of about so many rows."""
        session = self._database.cursor()
        if rows < WORTH_OPTIMISING:
            session.execute("PRAGMA disable_optimizer")
        session.execute("SET TimeZone = 'Asia/Shanghai'")
        imported_codes.define_views(session)
        return session

    def close(self) -> None:
        """Close the database; the work folder is removed by its owner."""
        self._database.close()


def check_files(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], tables: Mapping[int, TableFile], *, edition: str
) -> Checked:
    """Check the files of one data set, by the places of their batches, all of one edition."""
    checked = Checked(f"arrived_{data_set.table()}", f"checked_{data_set.table()}", {}, {})
    for place, table in tables.items():
        try:
            checked.verdicts[place] = _open(session, data_set, place, table, edition)
        except PartRefused as refusal:
            checked.refusals[place] = refusal
    if checked.verdicts:
        _read(session, data_set, checked)
    if checked.verdicts:
        statement = _checked_sql(data_set, checked.arrived, checked.given(), edition)
        session.execute(f"CREATE OR REPLACE TABLE {checked.relation} AS {statement}")
        _judge(session, data_set, checked)
    return checked


def _open(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], place: int, table: TableFile, edition: str
) -> Verdict:
    try:
        heads = tabular.header(session, table)
    except UnreadableTable as error:
        raise PartRefused("unreadable", str(error)) from error
    if table.format is TableFormat.NDJSON:  # a line leaves out what it has no value for
        heads = list({**dict.fromkeys(heads), **dict.fromkeys(field.name for field in data_set.wire(edition))})
    names, notes = _columns(data_set, heads, edition)
    source = tabular.source_sql(table, heads)
    cells = f"SELECT {place} AS batch_place, row_number, {cells_sql(data_set, names)} FROM {source}"
    given_back = {*names, *(field.name for field in data_set.wire(edition))}
    listed = tuple(field.name for field in data_set.columns() if field.name in given_back)
    return Verdict(table, cells, names, listed, notes=notes)


def _read(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked) -> None:
    """Bring all rows into one table, as they came; files that turn out not to be readable to their end are refused.

    Checking the files where they lie would set up the checks anew for each of them.
    """
    session.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    cells = " UNION ALL ".join(verdict.cells for verdict in checked.verdicts.values())
    try:
        session.execute(f"CREATE OR REPLACE TABLE {checked.arrived} AS {cells}")
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # our statement is wrong, not a file
    except duckdb.Error:
        broken = [place for place, verdict in checked.verdicts.items() if not _readable(session, verdict)]
        if not broken:
            raise
        for place in broken:
            name = checked.verdicts[place].table.path.name
            checked.refuse(place, PartRefused("unreadable", f"{name}：读取中断，文件损坏或不完整"))
        if checked.verdicts:
            _read(session, data_set, checked)
        return
    _refuse_null_characters(session, data_set, checked)


def _refuse_null_characters(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked) -> None:
    """Refuse files with characters of the code 0, which PostgreSQL stores in no text."""
    text = ", ".join(f"r_{field.name}" for field in data_set.columns())
    found = session.execute(
        f"SELECT DISTINCT batch_place FROM {checked.arrived} WHERE contains(concat({text}), chr(0))"
    ).fetchall()
    for (place,) in found:
        name = checked.verdicts[place].table.path.name
        checked.refuse(
            place, PartRefused("unreadable", f"{name}：文字中有空字符（编码为 0），无法保存；请去掉后重新发送")
        )
        session.execute(f"DELETE FROM {checked.arrived} WHERE batch_place = {place}")


def _readable(session: duckdb.DuckDBPyConnection, verdict: Verdict) -> bool:
    try:
        session.execute(f"SELECT count(COLUMNS(*)) FROM ({verdict.cells})")
    except duckdb.Error:
        return False
    return True


def _judge(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked) -> None:
    """Count the checked rows and say what was found in them."""
    _refuse_repeated(session, checked.relation)
    warned_rows = (
        f"{warned_sql(data_set)} OR key_problem IS NOT NULL" if _is_registration(data_set) else warned_sql(data_set)
    )
    for place, *counts in session.execute(
        "SELECT batch_place, count(*), count(*) FILTER (WHERE refused),"
        f" count(*) FILTER (WHERE NOT refused AND ({warned_rows})) FROM {checked.relation} GROUP BY batch_place"
    ).fetchall():
        verdict = checked.verdicts[place]
        verdict.rows, verdict.refused, verdict.warned = counts
    _find(session, data_set, checked)
    if any(verdict.table.format is TableFormat.CSV for verdict in checked.verdicts.values()):
        _count_unreadable_lines(session, checked)
    if _is_registration(data_set):
        for place, found in findings.of_documents(session, checked.relation).items():
            checked.verdicts[place].findings += found


def _find(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], checked: Checked) -> None:
    for place, found in findings.of_checks(session, data_set, checked.relation).items():
        checked.verdicts[place].findings += found
    for place, finding in findings.of_repeats(session, checked.relation).items():
        checked.verdicts[place].findings.append(finding)


def _count_unreadable_lines(session: duckdb.DuckDBPyConnection, checked: Checked) -> None:
    """Lines that are no rows are rows refused."""
    places = {str(verdict.table.path): place for place, verdict in checked.verdicts.items()}
    for path, count, lines in session.execute(tabular.UNREADABLE_LINES_SQL).fetchall():
        verdict = checked.verdicts[places[path]]
        verdict.rows += count
        verdict.refused += count
        verdict.notes.append(f"有 {count} 行的列数或引号不对，读不出来；首先出现在文件第 {lines[0]} 行")
        verdict.findings.append(findings.of_unreadable_lines(count, lines[: findings.EXAMPLES]))


def _columns(data_set: type[DataSet], header: Iterable[str], edition: str) -> tuple[dict[str, str], list[str]]:
    """Map the contract's columns to the file's; a column may be headed by its name or its Chinese title."""
    readable = data_set.readable(edition)
    known = {field.name: field.name for field in readable}
    known |= {field.title: field.name for field in readable if field.title not in known}
    names: dict[str, str] = {}
    unknown = []
    for head in header:
        name = known.get(head.strip().removesuffix("*"), known.get(head.strip().lower()))
        if name is None or name in names:
            unknown.append(head)
        else:
            names[name] = head
    missing = [
        f"{field.title}（{field.name}）"
        for field in data_set.wire(edition)
        if field.required is True and field.absent is None and field.name not in names
    ]
    if missing:
        raise PartRefused("columns", f"文件缺少必填的列：{'、'.join(missing)}")
    listed = "、".join(text[:40] for text in unknown[:20])
    return names, [f"文件中有 {len(unknown)} 个未约定或重复的列，没有使用：{listed}"] if unknown else []


def _checked_sql(data_set: type[DataSet], arrived: str, given: Container[str], edition: str) -> str:
    patient = ["r_patient_number AS patient_number"] if issubclass(data_set, Record) else []
    trimmed = f"(SELECT batch_place, row_number, {trimmed_sql(data_set, given)} FROM {arrived})"
    current = f"(SELECT {current_cells_sql(data_set, edition)} FROM {trimmed})"
    typed = f"""
        SELECT cells.*, {values_sql(data_set, given)}, institution.id AS institution_id, sender.not_after
        FROM {current} AS cells JOIN sender USING (batch_place) LEFT JOIN institution
            ON institution.batch_place = cells.batch_place AND institution.code = r_institution_code"""
    masked = f"SELECT *, {masks_sql(data_set, given, edition)} FROM ({typed})"
    keys: tuple[str, ...] = ()
    if _is_registration(data_set):
        masked = with_document_key(
            f"({masked})",
            type_column="r_document_type",
            number_column="r_document_number",
            today=dt.date.today(),
        )
        keys = KEY_COLUMNS
    stored = (f'"{field.name}"' for field in data_set.elements())
    kept = ["batch_place", "row_number", "institution_id", *patient, *stored, *keys, *mask_columns(data_set)]
    return f"""
        SELECT {", ".join(kept)}, {refused_sql(data_set)} AS refused, NULL::BIGINT AS repeats FROM ({masked})"""


def _is_registration(data_set: type[DataSet]) -> bool:
    """Registrations also say who a patient is: their document is read as a key in the same pass."""
    return data_set is PatientRegistration


def _refuse_repeated(session: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Of rows with the same key in one file only the newest is taken; the others are refused and name it."""
    session.execute(f"""
        CREATE OR REPLACE TEMPORARY TABLE repeated AS
        WITH many AS (
            SELECT institution_id, source_key FROM {relation} WHERE NOT refused
            GROUP BY ALL HAVING count(*) > 1)
        SELECT batch_place, row_number, first_value(row_number) OVER newest AS winner
        FROM {relation} JOIN many USING (institution_id, source_key) WHERE NOT refused
        WINDOW newest AS (PARTITION BY institution_id, source_key ORDER BY revised_at DESC, row_number DESC)""")
    session.execute(f"""
        UPDATE {relation} SET refused = TRUE, repeats = winner
        FROM repeated
        WHERE repeated.batch_place = {relation}.batch_place AND repeated.row_number = {relation}.row_number
            AND winner <> repeated.row_number""")


class Stopwatch:
    """Seconds per stage, by the stage's name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def share(self, part: float) -> dict[str, float]:
        """Return a part of the seconds: that of one file among those handled together."""
        return {stage: round(seconds * part, 4) for stage, seconds in self.seconds.items()}
