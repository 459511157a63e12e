"""Merging arriving rows into a data set's table: new rows, newer versions, older ones that came late.

The rows lie in a temporary table ``arriving_<table>`` with the columns of the data set. Which version is current is
decided by ``revised_at`` (the source's own clock), not by the order of arrival; of two with the same time, the one
that arrives later wins. Every other version is kept in ``records_formerversion``; the current row's ``version``
counts them all. A row that says nothing new changes nothing.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from kangqiao.records.models import FormerVersion
from kangqiao.standards.data_set import DataSet

_FORMER = FormerVersion._meta.db_table
_ENVELOPE = frozenset({"id", "institution_id", "source_key", "revised_at", "received_at", "batch_id", "version"})


@dataclass(frozen=True)
class Merge:
    """The statements that merge ``arriving_<table>``.

    ``stale`` and ``changed`` return (batch_id, number of its rows that were); ``new`` has its number as row count.
    """

    arriving: str
    create: str
    stale: str
    changed: str
    new: str


def columns(data_set: type[DataSet]) -> tuple[str, ...]:
    """Return the columns of the data set's table, in the order of the class."""
    return tuple(str(field.column) for field in data_set._meta.local_fields)


@functools.cache
def merge_of(data_set: type[DataSet]) -> Merge:
    """Return the merge statements of a data set. Run ``stale``, ``changed``, ``new`` in this order."""
    table, arriving, names = data_set.table(), f"arriving_{data_set.table()}", columns(data_set)
    content = [name for name in names if name not in _ENVELOPE]
    same_key = "a.institution_id = t.institution_id AND a.source_key = t.source_key"
    differs = f"({_row('a', content)}) IS DISTINCT FROM ({_row('t', content)})"
    kept = [name for name in names if name not in ("id", "version", "institution_id", "source_key")]
    return Merge(
        arriving=arriving,
        create=f"CREATE TEMPORARY TABLE IF NOT EXISTS {arriving} (LIKE {table}) ON COMMIT DELETE ROWS",
        stale=f"""
            WITH late AS (
                SELECT t.id AS record_id, a AS arrived FROM {arriving} a JOIN {table} t ON {same_key}
                WHERE a.revised_at < t.revised_at AND {differs} AND NOT EXISTS (
                    SELECT FROM {_FORMER} f WHERE f.record_id = t.id AND f.revised_at = a.revised_at)
            ), counted AS (
                UPDATE {table} t SET version = t.version + 1 FROM late WHERE t.id = late.record_id
            ), kept AS (
                INSERT INTO {_FORMER} (data_set, record_id, version, revised_at, received_at, batch_id, content)
                SELECT '{data_set.word}', late.record_id, t.version, (late.arrived).revised_at,
                    (late.arrived).received_at, (late.arrived).batch_id,
                    to_jsonb(late.arrived) || jsonb_build_object('id', late.record_id)
                FROM late JOIN {table} t ON t.id = late.record_id
                RETURNING batch_id
            )
            SELECT batch_id, count(*) FROM kept GROUP BY batch_id""",
        changed=f"""
            WITH former AS (
                INSERT INTO {_FORMER} (data_set, record_id, version, revised_at, received_at, batch_id, content)
                SELECT '{data_set.word}', t.id, t.version, t.revised_at, t.received_at, t.batch_id, to_jsonb(t)
                FROM {arriving} a JOIN {table} t ON {same_key}
                WHERE a.revised_at >= t.revised_at AND {differs}
            ), changed AS (
                UPDATE {table} t SET version = t.version + 1, {", ".join(f'"{name}" = a."{name}"' for name in kept)}
                FROM {arriving} a WHERE {same_key} AND a.revised_at >= t.revised_at AND {differs}
                RETURNING t.batch_id
            )
            SELECT batch_id, count(*) FROM changed GROUP BY batch_id""",
        new=f"""
            INSERT INTO {table} ({", ".join(f'"{name}"' for name in names)})
            SELECT {_row("a", names)} FROM {arriving} a
            WHERE NOT EXISTS (SELECT FROM {table} t WHERE {same_key})
            ON CONFLICT (institution_id, source_key) DO NOTHING""",
    )


def _row(alias: str, names: object) -> str:
    return ", ".join(f'{alias}."{name}"' for name in names)  # type: ignore[attr-defined]
