"""The gate for one resource: its rows are judged like those of a file, what it says is told in FHIR's words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kangqiao.formats.fhir.mapping import Mapped, Problem, Row
from kangqiao.standards.checks import FORMER_CODE, Check
from kangqiao.standards.code_traps import cell_hints
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.editions import accepted_on
from kangqiao.standards.validation import check_row

_ISSUE_TYPES = {
    "required": "required",
    "format": "value",
    "range": "value",
    "length": "too-long",
    "value-set": "code-invalid",
    "retired": "code-invalid",
    "unlisted": "code-invalid",
    "name": "code-invalid",
    "uncoded": "code-invalid",
    "future": "business-rule",
}
"""A check's word → FHIR issue type; relations between fields are invariants."""


@dataclass(slots=True)
class Judged:
    """One accepted row as typed values by column.

    by_receipt  columns filled with the time of receipt
    unresolved  (column, FHIR path) of encounters whose kind has to be looked up
    """

    data_set: type[DataSet]
    values: dict[str, Any]
    by_receipt: list[str]
    unresolved: list[tuple[str, str]]


def judge(mapped: Mapped, *, institution_id: int, received_at: datetime) -> tuple[list[Judged], list[Problem]]:
    """Return the rows as values and everything there is to say; rows hold only where no problem is an error."""
    problems, rows = list(mapped.problems), []
    for row in mapped.rows:
        row.cells["institution_code"] = str(institution_id)  # the sender is known by its token
        checked = check_row(
            row.data_set,
            row.cells,
            institution_id=institution_id,
            received_at=received_at,
            edition=_edition(row.data_set, received_at),
        )
        problems += _problems(row, checked.failed)
        rows.append(Judged(row.data_set, checked.values, row.reading.by_receipt, row.reading.unresolved))
    return rows, list(dict.fromkeys(problems)) if problems else problems


def _problems(row: Row, failed: tuple[Check, ...]) -> list[Problem]:
    reading, declared = row.reading, row.declaration
    found = [
        Problem("warning", "informational", message, f"{declared.type}.{path.lstrip('.^')}")
        for path, message in reading.warnings
    ]
    partial = dict(reading.partial) if reading.partial else {}
    for check in failed:
        message = check.message
        if check.word == "required" and check.column in partial:
            message = f"“{_title(row, check.column)}”只精确到{_precision(partial.pop(check.column)[1])}，入库须精确到日"
        message = "；".join((message, *_hints(row, check)))
        code = "code-invalid" if check.word.startswith(FORMER_CODE) else _ISSUE_TYPES.get(check.word, "invariant")
        element = f"{row.data_set.word}.{check.column}"
        found.append(Problem(check.severity, code, message, declared.path_of(check.column), element))
    for column, (path, text) in partial.items():
        message = f"“{_title(row, column)}”只精确到{_precision(text)}，未采用"
        element = f"{row.data_set.word}.{column}"
        found.append(Problem("warning", "value", message, f"{declared.type}.{path.lstrip('.^')}", element))
    return found


def _hints(row: Row, check: Check) -> list[str]:
    """Return what was probably meant by a code that is refused or out of use."""
    text = row.cells.get(check.column)
    if not text or check.word not in ("value-set", "retired"):
        return []
    return cell_hints(row.data_set.element(check.column), text)


def _edition(data_set: type[DataSet], received_at: datetime) -> str | None:
    """A resource names no edition of a data set: it is held to the oldest one that is still taken."""
    return accepted_on(data_set, received_at.astimezone(CITY_TIME).date())[0] if data_set.editions else None


def _title(row: Row, column: str) -> str:
    return row.data_set.element(column).title


def _precision(text: str) -> str:
    return "年" if len(text) == 4 else "年月"
