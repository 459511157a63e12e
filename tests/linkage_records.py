"""Registrations for tests of linkage: one ordinary person, and what is written differently."""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from kangqiao.identity.linkage.blocking import Pairs, candidate_pairs
from kangqiao.identity.linkage.comparison import FIELDS, levels_of
from kangqiao.identity.linkage.entries import Entries, rows_of
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.identity.linkage.scoring import compared
from kangqiao.identity.rules import check_character

TODAY = date(2026, 10, 31)
SCHEMA = pa.schema(
    {
        "record": pa.int64(),
        "institution": pa.int32(),
        "local_number": pa.string(),
        "name": pa.string(),
        "sex": pa.string(),
        "birth_date": pa.date32(),
        "document_type": pa.string(),
        "document_number": pa.string(),
        "health_card": pa.string(),
        "phone": pa.string(),
        "division": pa.string(),
        "registered_at": pa.date32(),
        "mother_name": pa.string(),
        "mother_document": pa.string(),
    }
)


def number(body: str) -> str:
    """Return the citizen number of seventeen digits."""
    return body + check_character(body)


ORDINARY: Mapping[str, object] = {
    "institution": 1,
    "local_number": "000001",
    "name": "鲁文英",
    "sex": "2",
    "birth_date": date(1987, 3, 14),
    "document_type": "01",
    "document_number": number("53352219870314082"),
    "phone": "13987600011",
    "division": "530922102203",
    "registered_at": date(2024, 5, 6),
}


def registrations(*changes: Mapping[str, object]) -> pa.Table:
    """Return one registration per argument: the ordinary person's with these changes, numbered from 0."""
    rows = [{"record": place, **ORDINARY, **change} for place, change in enumerate(changes)]
    columns = {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SCHEMA}
    return pa.table(columns, schema=SCHEMA)


def found_levels(*changes: Mapping[str, object]) -> dict[str, str]:
    """Return field → level of the pair of the first two registrations; fields that are silent are left out.

    Raises LookupError when no rule proposes the pair.
    """
    read = read_registrations(registrations(*changes), today=TODAY)
    each = np.arange(len(changes), dtype=np.int32)
    entries = Entries(rows_of(read, each), read.names, each)
    pairs = candidate_pairs(entries.rows)
    pattern = compared(entries, pairs.left, pairs.right)[_place(pairs)]
    return {field.word: level.name for field, level in zip(FIELDS, levels_of(int(pattern)), strict=True) if level}


def _place(pairs: Pairs) -> int:
    for place, ends in enumerate(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)):
        if ends == (0, 1):
            return place
    raise LookupError("no rule proposes the pair")


def groups(persons: pa.Table) -> set[frozenset[int]]:
    """Return which records are of one person."""
    together: dict[int, set[int]] = {}
    for record, person in zip(persons["record"].to_pylist(), persons["person"].to_pylist(), strict=True):
        together.setdefault(person, set()).add(record)
    return {frozenset(records) for records in together.values()}


def shuffled(table: pa.Table, order: Sequence[int]) -> pa.Table:
    """Return the rows in another order."""
    return table.take(pa.array(order))
