"""Cast and check rows against a data set: a whole file in DuckDB, or one row in Python.

Both give the same answer for the same cells; the first does a million rows a second, the second answers one message
without the cost of planning a query.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kangqiao.standards.checks import Check, checks_of
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.editions import current_cells, successors
from kangqiao.standards.fields import Element

CHECKS_PER_MASK = 62
"""How many checks one BIGINT column of bits holds."""


def cells_sql(data_set: type[DataSet], heads: Mapping[str, str]) -> str:
    """Return the select list that reads a source's columns as text cells ``r_<column>``, as they came.

    ``heads`` maps the data set's columns to the source's own column names; what it leaves out reads as missing.
    """
    return ", ".join(f"{_cell_sql(heads.get(field.name))} AS r_{field.name}" for field in data_set.columns())


def _cell_sql(head: str | None) -> str:
    return "NULL::VARCHAR" if head is None else '"' + head.replace('"', '""') + '"::VARCHAR'


def trimmed_sql(data_set: type[DataSet], given: Container[str]) -> str:
    """Return the select list that makes of text cells what counts: trimmed, empty ones missing."""
    return ", ".join(f"{_trimmed_sql(field, given)} AS r_{field.name}" for field in data_set.columns())


def _trimmed_sql(field: Element, given: Container[str]) -> str:
    cell = f"nullif(trim(r_{field.name}), '')" if field.name in given else f"r_{field.name}"
    return cell if field.absent is None else f"coalesce({cell}, '{field.absent}')"


def values_sql(data_set: type[DataSet], given: Container[str]) -> str:
    """Return the select list that turns text cells into values ``<column>``; columns not given have none."""
    return ", ".join(
        f'{_value_sql(field, given)} AS "{field.name}"'
        for field in data_set.columns()
        if field.name in stored_columns(data_set)
    )


def _value_sql(field: Element, given: Container[str]) -> str:
    if field.name in given or field.absent is not None:
        return field.sql(f"r_{field.name}")
    return f"NULL::{field.duckdb_type}"


@functools.cache
def stored_columns(data_set: type[DataSet]) -> frozenset[str]:
    """Return the wire columns that are stored under their own name, and the patient's number."""
    return frozenset(field.name for field in data_set.elements()) | {"patient_number"}


def mask_columns(data_set: type[DataSet]) -> list[str]:
    """Return the names of the bit columns that :func:`masks_sql` selects."""
    return [f"failed_{start}" for start in range(0, len(checks_of(data_set)), CHECKS_PER_MASK)]


def masks_sql(data_set: type[DataSet], given: Container[str], edition: str) -> str:
    """Return the select list of bit columns: bit *i* of ``failed_<start>`` is set when check *start + i* fails.

    What a file does not give can not be wrong: its columns' checks are left out, and planning a small file is quicker.
    Checks that its edition does not ask are left out, too.
    """
    checks = checks_of(data_set)
    return ", ".join(
        " | ".join(
            [
                f"CASE WHEN {check.sql} THEN {1 << bit}::BIGINT ELSE 0 END"
                for bit, check in enumerate(checks[start : start + CHECKS_PER_MASK])
                if check.asked_in(edition) and (check.column in given or not check.needs_text)
            ]
            or ["0::BIGINT"]
        )
        + f" AS failed_{start}"
        for start in range(0, len(checks), CHECKS_PER_MASK)
    )


def refused_sql(data_set: type[DataSet]) -> str:
    """Return the condition over the bit columns that says the row is refused."""
    return _any_bit(data_set, lambda check: check.refuses)


def warned_sql(data_set: type[DataSet]) -> str:
    """Return the condition over the bit columns that says the row has a warning."""
    return _any_bit(data_set, lambda check: not check.refuses)


def _any_bit(data_set: type[DataSet], chosen: Callable[[Check], bool]) -> str:
    checks = checks_of(data_set)
    conditions = []
    for start in range(0, len(checks), CHECKS_PER_MASK):
        bits = sum(1 << bit for bit, check in enumerate(checks[start : start + CHECKS_PER_MASK]) if chosen(check))
        conditions.append(f"(failed_{start} & {bits}::BIGINT) <> 0")
    return "(" + " OR ".join(conditions) + ")"


def failed_checks(data_set: type[DataSet], masks: Iterable[int]) -> list[Check]:
    """Return the checks whose bits are set in a row's bit columns."""
    checks = checks_of(data_set)
    return [
        checks[start * CHECKS_PER_MASK + bit]
        for start, mask in enumerate(masks)
        for bit in range(CHECKS_PER_MASK)
        if mask >> bit & 1
    ]


@dataclass(frozen=True)
class CheckedRow:
    """One row after the gate: its values by column and the checks it failed."""

    values: dict[str, Any]
    failed: tuple[Check, ...]

    @property
    def refused(self) -> bool:
        return any(check.refuses for check in self.failed)


def check_row(
    data_set: type[DataSet],
    cells: Mapping[str, str | None],
    *,
    institution_id: int | None,
    received_at: Any,
    edition: str | None = None,
) -> CheckedRow:
    """Cast and check one row of wire text; ``institution_id`` is None where the sender may not send for it.

    ``edition`` is the edition of the data set the row follows, None for the newest. Only what is filled in is cast and
    looked at: most rows fill a few columns of many.
    """
    gate = _compiled(data_set, edition)
    if edition and successors(data_set, edition):
        trimmed = {name: cell.strip(" ") or None if cell else None for name, cell in cells.items()}
        cells = current_cells(data_set, edition, trimmed)
    texts, values = gate.texts.copy(), gate.values.copy()
    values["institution_id"], values["received_at"] = institution_id, received_at
    given = []
    for name, cell in cells.items():
        text = cell.strip(" ") if cell else ""
        column = gate.columns.get(name)
        if not text or column is None:
            continue
        texts[name] = text
        if column.parse:
            values[name] = column.parse(text)
        given.append(column)
    failed = [check for check in gate.whole if check.fails(texts, values)]
    for column in given:
        for check in column.checks:
            if check.fails(texts, values):
                failed.append(check)
    if len(failed) > 1:
        failed.sort(key=lambda check: gate.order[id(check)])
    return CheckedRow(values, tuple(failed))


@dataclass(frozen=True, slots=True)
class _Column:
    parse: Callable[[str], Any] | None
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class _RowGate:
    """``texts`` and ``values`` are those of an empty row; ``whole`` are the checks that every row must pass."""

    columns: Mapping[str, _Column]
    texts: dict[str, str | None]
    values: dict[str, Any]
    whole: tuple[Check, ...]
    order: Mapping[int, int]


@functools.cache
def _compiled(data_set: type[DataSet], edition: str | None) -> _RowGate:
    stored, number = stored_columns(data_set), edition or data_set.edition()
    checks = [check for check in checks_of(data_set) if check.asked_in(number)]
    one_cell = [check for check in checks if check.needs_text]
    return _RowGate(
        columns={
            field.name: _Column(
                field.parse if field.name in stored else None,
                tuple(check for check in one_cell if check.column == field.name),
            )
            for field in data_set.readable(number)
        },
        texts={field.name: field.absent for field in data_set.columns()},
        values={
            field.name: None if field.absent is None else field.parse(field.absent)
            for field in data_set.columns()
            if field.name in stored
        },
        whole=tuple(check for check in checks if check not in one_cell),
        order={id(check): place for place, check in enumerate(checks)},
    )
