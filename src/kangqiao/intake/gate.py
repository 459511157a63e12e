"""The gate: one vectorised pass over a file that casts every cell, runs every check and splits off refused rows."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from kangqiao.formats import tabular
from kangqiao.formats.tabular import TableFile, TableFormat, UnreadableTable
from kangqiao.identity.documents import Problem
from kangqiao.identity.duckdb_rules import KEY_COLUMNS, with_document_key
from kangqiao.intake.errors import PartRefused
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards import imported_codes
from kangqiao.standards.checks import Check, checks_of
from kangqiao.standards.code_traps import code_hint
from kangqiao.standards.data_set import DataSet, Record
from kangqiao.standards.editions import current_cells_sql
from kangqiao.standards.fields import Codes
from kangqiao.standards.validation import (
    CHECKS_PER_MASK,
    columns_sql,
    failed_checks,
    mask_columns,
    masks_sql,
    refused_sql,
    values_sql,
    warned_sql,
)

MEMORY = "1GB"
"""What DuckDB may use before it spills to the work folder."""

WORTH_OPTIMISING = 20_000
"""Rows below which optimising a statement of a hundred expressions takes longer than running it."""

EXAMPLES = 5
"""Row numbers named per finding."""

HINTED = frozenset({"value-set", "retired"})
"""Words of the checks whose finding may say what was probably meant."""

CODES_LOOKED_AT, HINTS = 50, 5
"""Distinct codes at fault that a hint is sought for, and hints given, per finding."""


@dataclass
class Verdict:
    """What the gate says of one file.

    relation  DuckDB's table of checked rows: values, bits of failed checks, whether refused
    cells     query that reads the file's rows as they came
    columns   what refused rows are given back with: the columns of their edition, and others that the file has
    """

    relation: str
    cells: str
    columns: list[str]
    rows: int
    refused: int
    warned: int
    findings: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)


class Gate:
    """A DuckDB database in a work folder, for one batch. Each thread takes its own :meth:`session`."""

    def __init__(self, folder: Path, *, institutions: Mapping[str, int], received_at: dt.datetime) -> None:
        self.folder, self.received_at = folder, received_at
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": str(folder / "spill"),
            "threads": 1,  # each session computes on its caller's thread; setting up more costs small files double
            "preserve_insertion_order": True,
        }
        self._database = duckdb.connect(str(folder / "gate.duckdb"), config=settings)
        self._database.execute("CREATE OR REPLACE TABLE institution (code VARCHAR, id INTEGER)")
        self._database.executemany("INSERT INTO institution VALUES (?, ?)", list(institutions.items()))

    def session(self, *, rows: int) -> duckdb.DuckDBPyConnection:
        """Return a connection of its own to the same database, in city time, for a file of about so many rows."""
        session = self._database.cursor()
        if rows < WORTH_OPTIMISING:
            session.execute("PRAGMA disable_optimizer")
        session.execute("SET TimeZone = 'Asia/Shanghai'")
        imported_codes.define_views(session)
        session.execute(f"SET VARIABLE received_at = TIMESTAMPTZ '{self.received_at.isoformat()}'")
        return session

    def close(self) -> None:
        """Close the database; the work folder is removed by its owner."""
        self._database.close()


def check_file(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], table: TableFile, *, edition: str | None = None
) -> Verdict:
    """Check a whole file and return the verdict; raises :class:`PartRefused` for one that can not be read.

    ``edition`` is the edition of the data set the file follows, None for the newest.
    """
    number = edition or data_set.edition()
    try:
        heads = tabular.header(session, table)
        if table.format is TableFormat.NDJSON:  # a line leaves out what it has no value for
            heads = list({**dict.fromkeys(heads), **dict.fromkeys(field.name for field in data_set.wire(number))})
        names, notes = _columns(data_set, heads, number)
        relation = f"checked_{data_set.table()}"
        cells = f"SELECT row_number, {columns_sql(data_set, names)} FROM {tabular.source_sql(table, heads)}"
        session.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
        session.execute(f"CREATE OR REPLACE TABLE {relation} AS {_checked_sql(data_set, cells, names, number)}")
    except UnreadableTable as error:
        raise PartRefused("unreadable", str(error)) from error
    except (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException):
        raise  # our statement is wrong, not the file
    except duckdb.Error as error:
        raise PartRefused("unreadable", f"{table.path.name}：读取中断，文件损坏或不完整") from error
    _refuse_repeated(session, relation)
    unreadable = _unreadable_lines(session, table, notes)
    warned_rows = (
        f"{warned_sql(data_set)} OR key_problem IS NOT NULL" if _is_registration(data_set) else warned_sql(data_set)
    )
    rows, refused, warned = _one(
        session,
        f"SELECT count(*), count(*) FILTER (WHERE refused), count(*) FILTER (WHERE NOT refused AND ({warned_rows}))"
        f" FROM {relation}",
    )
    findings = [*_findings(session, data_set, relation), *unreadable]
    if _is_registration(data_set):
        findings += _unusable_documents(session, relation)
    lost = sum(finding["rows"] for finding in unreadable)
    given_back = {*names, *(field.name for field in data_set.wire(number))}
    listed = [field.name for field in data_set.columns() if field.name in given_back]
    return Verdict(relation, cells, listed, rows + lost, refused + lost, warned, findings, notes)


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


def _checked_sql(data_set: type[DataSet], cells: str, given: Container[str], edition: str) -> str:
    patient = ["r_patient_number AS patient_number"] if issubclass(data_set, Record) else []
    current = f"(SELECT {current_cells_sql(data_set, edition)} FROM ({cells}))"
    typed = f"""
        SELECT cells.*, {values_sql(data_set, given)}, institution.id AS institution_id
        FROM {current} AS cells LEFT JOIN institution ON institution.code = r_institution_code"""
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
    kept = ["row_number", "institution_id", *patient, *stored, *keys, *mask_columns(data_set)]
    return f"""
        SELECT {", ".join(kept)}, {refused_sql(data_set)} AS refused, NULL::BIGINT AS repeats FROM ({masked})"""


def _refuse_repeated(session: duckdb.DuckDBPyConnection, relation: str) -> None:
    """Of rows with the same key in one file only the newest is taken; the others are refused and name it."""
    session.execute(f"""
        CREATE OR REPLACE TEMPORARY TABLE repeated AS
        WITH many AS (
            SELECT institution_id, source_key FROM {relation} WHERE NOT refused
            GROUP BY ALL HAVING count(*) > 1)
        SELECT row_number, first_value(row_number) OVER newest AS winner
        FROM {relation} JOIN many USING (institution_id, source_key) WHERE NOT refused
        WINDOW newest AS (PARTITION BY institution_id, source_key ORDER BY revised_at DESC, row_number DESC)""")
    session.execute(f"""
        UPDATE {relation} SET refused = TRUE, repeats = winner
        FROM repeated WHERE repeated.row_number = {relation}.row_number AND winner <> repeated.row_number""")


def _unreadable_lines(session: duckdb.DuckDBPyConnection, table: TableFile, notes: list[str]) -> list[dict[str, Any]]:
    if table.format is not TableFormat.CSV:
        return []
    session.execute(f"CREATE OR REPLACE TEMPORARY TABLE unreadable AS {tabular.UNREADABLE_LINES_SQL}")
    (count,) = _one(session, "SELECT count(*) FROM unreadable")
    if not count:
        return []
    lines = [
        row[0] for row in session.execute(f"SELECT line FROM unreadable ORDER BY line LIMIT {EXAMPLES}").fetchall()
    ]
    notes.append(f"有 {count} 行的列数或引号不对，读不出来；首先出现在文件第 {lines[0]} 行")
    return [
        {
            "column": "",
            "word": "unreadable-line",
            "severity": "error",
            "message": "这一行的列数或引号不对，读不出来（行号为文件行号）",
            "rows": count,
            "examples": lines,
        }
    ]


def _findings(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], relation: str) -> list[dict[str, Any]]:
    masks = ", ".join(mask_columns(data_set))
    groups = session.execute(
        f"SELECT {masks}, count(*), list(row_number ORDER BY row_number)[:{EXAMPLES}] FROM {relation}"
        f" WHERE {refused_sql(data_set)} OR {warned_sql(data_set)} GROUP BY {masks}"
    ).fetchall()
    rows: Counter[Any] = Counter()
    examples: dict[Any, list[int]] = defaultdict(list)
    for *bits, count, numbers in groups:
        for check in failed_checks(data_set, bits):
            rows[check] += count
            examples[check] = sorted({*examples[check], *numbers})[:EXAMPLES]
    order = {check: place for place, check in enumerate(checks_of(data_set))}
    found = [
        {
            "column": check.column,
            "word": check.word,
            "severity": check.severity,
            "message": check.message,
            "rows": rows[check],
            "examples": examples[check],
            **_hints(session, data_set, relation, check),
        }
        for check in sorted(rows, key=lambda check: (check.severity, -rows[check], order[check]))
    ]
    (repeated, numbers) = _one(
        session,
        f"SELECT count(*), list(row_number ORDER BY row_number)[:{EXAMPLES}] FROM {relation} WHERE repeats IS NOT NULL",
    )
    if repeated:
        found.append(_repeated_finding(repeated, numbers))
    return found


def _hints(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], relation: str, check: Check
) -> dict[str, list[str]]:
    """Return what was probably meant by the most frequent codes that fail a check, nothing where no guess is safe."""
    if check.word not in HINTED:
        return {}
    field = data_set.element(check.column)
    place, bit = divmod(checks_of(data_set).index(check), CHECKS_PER_MASK)
    code = f'unnest("{field.name}")' if isinstance(field, Codes) else f'"{field.name}"'
    found = session.execute(
        f"SELECT code, count(*) FROM (SELECT {code} AS code FROM {relation}"
        f" WHERE {mask_columns(data_set)[place]} & {1 << bit}::BIGINT <> 0)"
        f" GROUP BY code ORDER BY 2 DESC, 1 LIMIT {CODES_LOOKED_AT}"
    ).fetchall()
    hints = (code_hint(field.value_set, code) for code, _ in found)  # type: ignore[attr-defined]
    said = [hint for hint in hints if hint][:HINTS]
    return {"hints": said} if said else {}


def _is_registration(data_set: type[DataSet]) -> bool:
    """Registrations also say who a patient is: their document is read as a key in the same pass."""
    return data_set is PatientRegistration


def _unusable_documents(session: duckdb.DuckDBPyConnection, relation: str) -> list[dict[str, Any]]:
    """Registrations whose document can not say who the person is: taken, but the patient stays 待核."""
    found = session.execute(
        f"SELECT key_problem, count(*), list(row_number ORDER BY row_number)[:{EXAMPLES}] FROM {relation}"
        f" WHERE key_problem NOT IN ('{Problem.MISSING}') GROUP BY ALL ORDER BY 2 DESC"
    ).fetchall()
    return [
        {
            "column": "document_number",
            "word": f"document-{problem}",
            "severity": "warning",
            "message": f"{Problem(problem).message}，患者标为“待核”",
            "rows": rows,
            "examples": examples,
        }
        for problem, rows, examples in found
    ]


REPEATED_MESSAGE = "本文件内有相同业务主键的行，已采用更新时间最新的一行"


def _repeated_finding(rows: int, examples: list[int]) -> dict[str, Any]:
    return {
        "column": "source_key",
        "word": "repeated",
        "severity": "error",
        "message": REPEATED_MESSAGE,
        "rows": rows,
        "examples": examples,
    }


def write_refused(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], verdict: Verdict, target: Path) -> None:
    """Write the refused rows as they came, each with its row number and what is wrong, to a Parquet file."""
    messages = []
    for start, name in enumerate(mask_columns(data_set)):
        base = start * CHECKS_PER_MASK
        for bit, check in enumerate(checks_of(data_set)[base : base + CHECKS_PER_MASK]):
            if check.refuses:
                text = f"{check.column}|{check.message}".replace("'", "''")
                messages.append(f"CASE WHEN {name} & {1 << bit}::BIGINT <> 0 THEN '{text}' END")
    messages.append(
        f"CASE WHEN repeats IS NOT NULL THEN 'source_key|{REPEATED_MESSAGE}（第 ' || repeats || ' 行）' END"
    )
    came = ", ".join(f'r_{name} AS "{name}"' for name in verdict.columns)
    session.execute(f"""
        COPY (
            SELECT row_number, list_filter([{", ".join(messages)}], lambda text: text IS NOT NULL) AS findings, {came}
            FROM (SELECT row_number, {", ".join(mask_columns(data_set))}, repeats FROM {verdict.relation} WHERE refused)
            JOIN ({verdict.cells}) USING (row_number) ORDER BY row_number
        ) TO '{target}' (FORMAT parquet, COMPRESSION zstd)""")


def _one(session: duckdb.DuckDBPyConnection, query: str) -> Any:
    return session.execute(query).fetchall()[0]


class Stopwatch:
    """Seconds per stage, by the stage's name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Add the time since the last lap to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._since, 4)
        self._since = now
