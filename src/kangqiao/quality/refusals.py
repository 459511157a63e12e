"""Refused rows as quality sees them: brought into the lake from where intake keeps them, and counted while they stand.

A refused row is settled when a later batch brings a row with its key that is accepted; of a row that was refused
several times the last refusal counts. A row without a key can not be recognised when it comes again: it is settled by
the institution's next batch of the data set that is taken. What is corrected disappears from the counts by itself.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import duckdb

from kangqiao.infra.files import FileStore
from kangqiao.intake.findings import REPEATED_MESSAGE
from kangqiao.intake.models import Part
from kangqiao.intake.refused import refused_name
from kangqiao.quality.catalogue import QualityRule, Stage, rules_of
from kangqiao.quality.judging import EXAMPLES
from kangqiao.records.lake import Lake
from kangqiao.registry import queries as registry
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Element
from kangqiao.standards.quality import Dimension, LeadsSomewhere, stored_rules_of

TABLES = """
    CREATE TABLE IF NOT EXISTS refused_part (id UUID PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS refused
        (batch_id UUID, institution_id INTEGER, data_set VARCHAR, source_key VARCHAR, day DATE, row_number BIGINT,
         words VARCHAR[], links MAP(VARCHAR, VARCHAR));
"""


def bring_in(lake: Lake, store: FileStore) -> int:
    """Read the refused rows of batches that have ended since the last time; return how many there were."""
    session = lake.session
    session.execute(TABLES)
    session.execute("CREATE OR REPLACE TEMPORARY TABLE institution (code VARCHAR, id INTEGER)")
    session.executemany("INSERT INTO institution VALUES (?, ?)", [*registry.institution_ids().items(), ("", 0)])
    seen = {row[0] for row in session.execute("SELECT id FROM refused_part").fetchall()}
    came = 0
    for part in Part.objects.filter(refused__gt=0, state="stored").select_related("batch").order_by("id"):
        if part.id in seen or part.data_set not in data_sets():
            continue
        name, path = refused_name(part.batch_id, part.data_set), lake.folder / "refused.parquet"
        if not store.exists(name):  # only lines that can not be read were refused; the batch's notes name them
            continue
        store.get(name, path)
        came += _read(session, part, path)
        path.unlink()
    return came


def _read(session: duckdb.DuckDBPyConnection, part: Part, path: Path) -> int:
    data_set = data_sets()[part.data_set]
    words = ", ".join(f"{_text(f'{rule.column}|{rule.title}')}: '{rule.word}'" for rule in _gate_rules(part.data_set))
    links = ", ".join(f"'{name}': \"{name}\"" for name in _links(data_set))
    listed: dict[str, Any] = part.batch.manifest or {}
    period_end = dt.date.fromisoformat(listed["period"]["to"])
    day = f"coalesce({_day(data_set)}, DATE '{period_end}')"
    session.execute("BEGIN")
    (count,) = session.execute(
        f"""INSERT INTO refused
            SELECT '{part.batch_id}', coalesce(institution.id, {part.batch.sender_id}), '{part.data_set}', source_key,
                least({day}, DATE '{period_end}'), row_number,
                list_distinct(list_transform(findings, lambda found:
                    CASE WHEN starts_with(found, {_text(f"source_key|{REPEATED_MESSAGE}")}) THEN 'source_key:repeated'
                    ELSE coalesce(MAP {{{words}}}[found], split_part(found, '|', 1) || ':former') END)),
                MAP {{{links}}}
            FROM read_parquet('{path}') LEFT JOIN institution ON institution.code = institution_code"""
    ).fetchall()[0]
    session.execute("INSERT INTO refused_part VALUES (?)", [part.id])
    session.execute("COMMIT")
    return int(count)


def _gate_rules(word: str) -> list[QualityRule]:
    return [rule for rule in rules_of(word) if rule.stage is Stage.GATE]


def _day(data_set: type[DataSet]) -> str:
    """Return the day a refused row is about as far as its text says, else the day it was last changed."""
    fields: list[Element] = [data_set.occurred.field, data_set.element("revised_at")]
    days = [f"({field.sql(chr(34) + field.name + chr(34))})::DATE" for field in fields]
    return f"coalesce({', '.join(days)})"


def _links(data_set: type[DataSet]) -> list[str]:
    """Return the columns in which rows name other rows."""
    return [rule.field.name for rule in stored_rules_of(data_set) if isinstance(rule, LeadsSomewhere)]


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"


def count(session: duckdb.DuckDBPyConnection, word: str) -> None:
    """Add the standing refusals of a data set to the tables of a measurement; ``volume`` has its stored rows."""
    table, rules = data_sets()[word].table(), _gate_rules(word)
    session.execute(
        f"""CREATE OR REPLACE TEMPORARY TABLE standing_refusal AS
            SELECT r.* FROM refused r LEFT JOIN {table} t USING (institution_id, source_key)
                LEFT JOIN (SELECT institution_id, max(batch_id) AS batch_id FROM {table} GROUP BY ALL) newest
                    ON newest.institution_id = r.institution_id AND r.source_key IS NULL
            WHERE r.data_set = '{word}' AND coalesce(t.batch_id, newest.batch_id, r.batch_id) <= r.batch_id
            QUALIFY r.source_key IS NULL OR row_number() OVER (
                PARTITION BY r.institution_id, r.source_key ORDER BY r.batch_id DESC, r.row_number DESC) = 1"""
    )
    session.execute(
        f"""MERGE INTO volume USING (
                SELECT institution_id, day, count(*) AS refused FROM standing_refusal GROUP BY ALL) AS r
            ON volume.data_set = '{word}' AND volume.institution_id = r.institution_id AND volume.day = r.day
            WHEN MATCHED THEN UPDATE SET refused = r.refused
            WHEN NOT MATCHED THEN INSERT VALUES (r.institution_id, '{word}', r.day, 0, 0, r.refused)"""
    )
    session.execute(
        """CREATE OR REPLACE TEMPORARY TABLE broken AS
            SELECT institution_id, day, batch_id, row_number, source_key, unnest(words) AS rule FROM standing_refusal"""
    )
    session.execute(
        f"""INSERT INTO measure
            SELECT institution_id, '{word}', rule, month, any_value(sent), count(*)
            FROM broken JOIN {_sent(word)} USING (institution_id)
            WHERE date_trunc('month', day)::DATE = month GROUP BY institution_id, rule, month"""
    )
    session.execute(
        f"INSERT INTO failed_day SELECT institution_id, '{word}', rule, day, count(*) FROM broken GROUP BY ALL"
    )
    session.execute(
        f"""INSERT INTO example (institution_id, data_set, rule, day, batch_id, row_number, source_key)
            SELECT institution_id, '{word}', rule, k.day, k.batch_id, k.row_number, k.source_key
            FROM (SELECT institution_id, rule, unnest(max({{'day': day, 'batch_id': batch_id,
                    'row_number': row_number, 'source_key': source_key}}, {EXAMPLES})) AS k
                FROM broken GROUP BY institution_id, rule)"""
    )
    for dimension in sorted({rule.dimension for rule in rules}):
        _stand(session, word, [rule.word for rule in rules if rule.dimension == dimension], dimension)


def _sent(word: str) -> str:
    return f"""(SELECT institution_id, date_trunc('month', day)::DATE AS month, sum(rows + refused) AS sent
        FROM volume WHERE data_set = '{word}' GROUP BY ALL)"""


def _stand(session: duckdb.DuckDBPyConnection, word: str, rules: list[str], dimension: Dimension) -> None:
    """Every row that was sent has passed or failed the gate's rules of a dimension: add that to its standing."""
    listed = ", ".join(f"'{rule}'" for rule in rules)
    session.execute(
        f"""MERGE INTO standing USING (
                SELECT institution_id, month, sent, coalesce(failed, 0) AS failed
                FROM {_sent(word)} LEFT JOIN (
                    SELECT institution_id, date_trunc('month', day)::DATE AS month,
                        count(DISTINCT (batch_id, row_number)) AS failed
                    FROM broken WHERE rule IN ({listed}) GROUP BY ALL) USING (institution_id, month)) AS r
            ON standing.data_set = '{word}' AND standing.dimension = '{dimension}'
                AND standing.institution_id = r.institution_id AND standing.month = r.month
            WHEN MATCHED THEN UPDATE SET assessed = r.sent, failed = standing.failed + r.failed
            WHEN NOT MATCHED THEN
                INSERT VALUES (r.institution_id, '{word}', '{dimension}', r.month, r.sent, r.failed)"""
    )
