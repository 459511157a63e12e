"""What the gate has found in checked rows, as the receipts say it: by the places of the batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import duckdb

from kangqiao.identity.documents import Problem
from kangqiao.standards.checks import Check, checks_of
from kangqiao.standards.code_traps import code_hint
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.fields import Codes
from kangqiao.standards.validation import CHECKS_PER_MASK, failed_checks, mask_columns, refused_sql, warned_sql

Finding = dict[str, Any]
"""``{column, word, severity, message, rows, examples}``, and ``hints`` where there are any."""

EXAMPLES = 5
"""Row numbers named per finding."""

HINTED = frozenset({"value-set", "retired"})
"""Words of the checks whose finding may say what was probably meant."""

CODES_LOOKED_AT, HINTS = 50, 5
"""Distinct codes at fault that a hint is sought for, and hints given, per finding."""

REPEATED_MESSAGE = "本文件内有相同业务主键的行，已采用更新时间最新的一行"

_NUMBERS = f"list(row_number ORDER BY row_number)[:{EXAMPLES}]"


def of_checks(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], relation: str) -> dict[int, list[Finding]]:
    """Return by place which checks failed, the refusing ones first, then by how many rows."""
    masks = ", ".join(mask_columns(data_set))
    groups = session.execute(
        f"SELECT batch_place, {masks}, count(*), {_NUMBERS} FROM {relation}"
        f" WHERE {refused_sql(data_set)} OR {warned_sql(data_set)} GROUP BY batch_place, {masks}"
    ).fetchall()
    rows: dict[int, Counter[Check]] = defaultdict(Counter)
    examples: dict[tuple[int, Check], list[int]] = defaultdict(list)
    for place, *bits, count, numbers in groups:
        for check in failed_checks(data_set, bits):
            rows[place][check] += count
            examples[place, check] = sorted({*examples[place, check], *numbers})[:EXAMPLES]
    order = {check: number for number, check in enumerate(checks_of(data_set))}
    hints = {
        check: _hints(session, data_set, relation, check) for check in {c for found in rows.values() for c in found}
    }
    return {
        place: [
            _finding(check, found[check], examples[place, check]) | hints[check].get(place, {})
            for check in sorted(found, key=lambda check: (check.severity, -found[check], order[check]))
        ]
        for place, found in rows.items()
    }


def _finding(check: Check, rows: int, examples: list[int]) -> Finding:
    return {
        "column": check.column,
        "word": check.word,
        "severity": check.severity,
        "message": check.message,
        "rows": rows,
        "examples": examples,
    }


def _hints(
    session: duckdb.DuckDBPyConnection, data_set: type[DataSet], relation: str, check: Check
) -> dict[int, Finding]:
    """Return by place what was probably meant by the most frequent codes that fail a check, where a guess is safe."""
    if check.word not in HINTED:
        return {}
    field = data_set.element(check.column)
    mask, bit = divmod(checks_of(data_set).index(check), CHECKS_PER_MASK)
    code = f'unnest("{field.name}")' if isinstance(field, Codes) else f'"{field.name}"'
    found = session.execute(
        f"SELECT batch_place, code, count(*) FROM (SELECT batch_place, {code} AS code FROM {relation}"
        f" WHERE {mask_columns(data_set)[mask]} & {1 << bit}::BIGINT <> 0)"
        " GROUP BY batch_place, code ORDER BY batch_place, 3 DESC, 2"
    ).fetchall()
    codes: dict[int, list[str]] = defaultdict(list)
    for place, code, _ in found:
        codes[place].append(code)
    said = {place: _said(field, listed[:CODES_LOOKED_AT]) for place, listed in codes.items()}
    return {place: {"hints": texts} for place, texts in said.items() if texts}


def _said(field: Any, codes: list[str]) -> list[str]:
    hints = (code_hint(field.value_set, code) for code in codes)
    return [hint for hint in hints if hint][:HINTS]


def of_repeats(session: duckdb.DuckDBPyConnection, relation: str) -> dict[int, Finding]:
    """Return by place how many rows gave way to a newer one with the same key."""
    found = session.execute(
        f"SELECT batch_place, count(*), {_NUMBERS} FROM {relation} WHERE repeats IS NOT NULL GROUP BY batch_place"
    ).fetchall()
    return {
        place: {
            "column": "source_key",
            "word": "repeated",
            "severity": "error",
            "message": REPEATED_MESSAGE,
            "rows": rows,
            "examples": examples,
        }
        for place, rows, examples in found
    }


def of_documents(session: duckdb.DuckDBPyConnection, relation: str) -> dict[int, list[Finding]]:
    """Return by place the registrations whose document can not say who the person is: taken, but 待核."""
    found = session.execute(
        f"SELECT batch_place, key_problem, count(*), {_NUMBERS} FROM {relation}"
        f" WHERE key_problem NOT IN ('{Problem.MISSING}') GROUP BY ALL ORDER BY batch_place, 3 DESC, 2"
    ).fetchall()
    findings: dict[int, list[Finding]] = defaultdict(list)
    for place, problem, rows, examples in found:
        findings[place].append(
            {
                "column": "document_number",
                "word": f"document-{problem}",
                "severity": "warning",
                "message": f"{Problem(problem).message}，患者标为“待核”",
                "rows": rows,
                "examples": examples,
            }
        )
    return findings


def of_unreadable_lines(rows: int, examples: list[int]) -> Finding:
    """Say that lines of a file are no rows."""
    return {
        "column": "",
        "word": "unreadable-line",
        "severity": "error",
        "message": "这一行的列数或引号不对，读不出来（行号为文件行号）",
        "rows": rows,
        "examples": examples,
    }
