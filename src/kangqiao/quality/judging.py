"""Judging what is stored: every row-wise and stored rule of a data set in one pass over the lake.

Each rule becomes two bits of a row, *assessed* and *failed*; rows are counted by institution, day and bits, and the
few combinations there are say everything: counts by rule and month, failures by rule and day. The ids of the newest
failing rows are kept as examples.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb

from kangqiao.quality.catalogue import QualityRule, Stage, cells_of, rules_of
from kangqiao.standards import imported_codes
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.quality import Dimension

EXAMPLES = 200
"""Failing rows kept for each institution and rule."""

THREADS = 2

BITS = 62
"""How many rules one BIGINT of bits holds."""

TABLES = """
    CREATE OR REPLACE TABLE measured.batch (id UUID, period_start DATE);
    CREATE OR REPLACE TABLE measured.volume
        (institution_id INTEGER, data_set VARCHAR, day DATE, rows BIGINT, failed BIGINT, refused BIGINT);
    CREATE OR REPLACE TABLE measured.standing
        (institution_id INTEGER, data_set VARCHAR, dimension VARCHAR, month DATE, assessed BIGINT, failed BIGINT);
    CREATE OR REPLACE TABLE measured.measure
        (institution_id INTEGER, data_set VARCHAR, rule VARCHAR, month DATE, assessed BIGINT, failed BIGINT);
    CREATE OR REPLACE TABLE measured.failed_day
        (institution_id INTEGER, data_set VARCHAR, rule VARCHAR, day DATE, failed BIGINT);
    CREATE OR REPLACE TABLE measured.example
        (institution_id INTEGER, data_set VARCHAR, rule VARCHAR, day DATE, record_id UUID, batch_id UUID,
         row_number BIGINT, source_key VARCHAR);
"""
"""The batches a measurement knows, and what it fills, named and shaped as the tables of ``quality.models``."""


_preparing = threading.Lock()


def begin(session: duckdb.DuckDBPyConnection) -> None:
    """Make room for a measurement: a database in memory beside the lake's, which all threads of it see.

    What a measurement before left there is gone; the session finds tables in both.
    """
    session.execute("ATTACH IF NOT EXISTS ':memory:' AS measured")
    (lake,) = session.execute("SELECT current_database()").fetchall()[0]
    _find_tables(session, lake)
    for (name,) in session.execute(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'measured'"
    ).fetchall():
        session.execute(f'DROP TABLE measured."{name}"')
    session.execute(TABLES)


def _find_tables(session: duckdb.DuckDBPyConnection, lake: str) -> None:
    session.execute("SET TimeZone = 'Asia/Shanghai'")
    session.execute(f"SET search_path = '{lake}.main,measured.main'")
    session.execute("SET disabled_optimizers = 'join_filter_pushdown'")  # nearly every key is found: filters only cost
    imported_codes.define_views(session)


def judge_all(
    session: duckdb.DuckDBPyConnection, words: Sequence[str], done: Callable[[str], None] = lambda _: None
) -> None:
    """Judge data sets side by side, the largest first; ``done`` is called with each one's word.

    While one thread plans a statement another one's is running: most data sets are small and take longer to plan.
    """
    (lake,) = session.execute("SELECT current_database()").fetchall()[0]
    sizes = dict(session.execute("SELECT table_name, estimated_size FROM duckdb_tables()").fetchall())
    waiting = deque(sorted(words, key=lambda word: -sizes.get(data_sets()[word].table(), 0)))

    def work() -> None:
        own = session.cursor()
        _find_tables(own, lake)
        while waiting:
            try:
                word = waiting.popleft()
            except IndexError:
                return
            judge(own, word)
            done(word)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="judging") as pool:
        for working in [pool.submit(work) for _ in range(THREADS)]:
            working.result()


def judge(session: duckdb.DuckDBPyConnection, word: str) -> None:
    """Fill the tables of a measurement with one data set's rows."""
    data_set, rules = data_sets()[word], judged_rules(word)
    prepare(session, data_set, rules)
    session.execute(f"CREATE OR REPLACE TEMPORARY TABLE judged AS {judged_sql(data_set, rules)}")
    groups = range(len(range(0, len(rules), BITS)))
    masks = ", ".join(f"assessed_{group}, failed_{group}" for group in groups)
    session.execute(
        f"CREATE OR REPLACE TEMPORARY TABLE combination AS"
        f" SELECT institution_id, day, {masks}, count(*) AS rows FROM judged GROUP BY ALL"
    )
    failed = " OR ".join(f"failed_{group} <> 0" for group in groups)
    session.execute(
        f"""INSERT INTO volume
            SELECT institution_id, '{word}', day, sum(rows), coalesce(sum(rows) FILTER ({failed}), 0), 0
            FROM combination GROUP BY institution_id, day"""
    )
    _stand(session, word, rules)
    for group in groups:
        _count(session, word, rules[group * BITS : (group + 1) * BITS], group)


def prepare(session: duckdb.DuckDBPyConnection, data_set: type[DataSet], rules: Sequence[QualityRule]) -> None:
    """Compute what the rules of a data set join, unless another data set's rules have asked for it already."""
    for rule in rules:
        for name, query in rule.stored.compile(data_set, "prepared").prepared if rule.stored else ():
            with _preparing:
                session.execute(f'CREATE TABLE IF NOT EXISTS measured."{name}" AS {query}')


def judged_rules(word: str) -> list[QualityRule]:
    """Return the rules that are decided over stored rows, in the order of their bits."""
    return [rule for rule in rules_of(word) if rule.stage in (Stage.ROW, Stage.STORED)]


def judged_sql(data_set: type[DataSet], rules: Sequence[QualityRule]) -> str:
    """Return the query that gives each valid row its bits: institution, day, masks, and its id where it fails."""
    joins: list[str] = []
    decisions: list[tuple[str, str]] = []
    for place, rule in enumerate(rules):
        if rule.stored is None:
            decisions.append(_row_decision(rule))
            continue
        compiled = rule.stored.compile(data_set, f"j{place}")
        joins += compiled.joins
        decisions.append((compiled.assessed, compiled.failed))
    if any("patient." in text for text in (*joins, *(text for decision in decisions for text in decision))):
        joins.insert(0, "LEFT JOIN patient ON patient.id = t.patient_id")
    masks = []
    for start in range(0, len(rules), BITS):
        group = decisions[start : start + BITS]
        assessed = _bits([one for one, _ in group])
        failed = _bits([other if one == "TRUE" else f"({one}) AND ({other})" for one, other in group])
        masks.append(f"{assessed} AS assessed_{start // BITS}, {failed} AS failed_{start // BITS}")
    any_failed = " OR ".join(f"failed_{start // BITS} <> 0" for start in range(0, len(rules), BITS))
    return f"""
        SELECT institution_id, day, {", ".join(f"assessed_{g}, failed_{g}" for g in range(len(masks)))},
            CASE WHEN {any_failed} THEN id END AS id
        FROM (SELECT t.institution_id, t.day, t.id, {", ".join(masks)}
            FROM (SELECT *{_cells(data_set, rules)} FROM {data_set.table()} WHERE NOT voided) AS t
            {" ".join(dict.fromkeys(joins))})"""


def _row_decision(rule: QualityRule) -> tuple[str, str]:
    assert rule.check is not None
    if rule.check.word == "range":
        return f't."{rule.column}" IS NOT NULL', _qualified(rule.check.sql)
    if rule.check.word == "uncoded":
        return f't."{rule.column}_name" IS NOT NULL', _qualified(rule.check.sql)
    return "TRUE", _qualified(rule.check.sql)


def _qualified(text: str) -> str:
    """Let the columns of a check be those of the row, whatever is joined to it."""
    return re.sub(r'(?<![.\w])"(\w+)"', r't."\1"', text)


def _cells(data_set: type[DataSet], rules: Sequence[QualityRule]) -> str:
    """Name values as the text cells that checks ask whether they are filled."""
    kept = {field.name for field in data_set.elements()}
    wanted = {name for rule in rules if rule.check for name in cells_of(rule.check)} & kept
    return "".join(f', "{name}" AS r_{name}' for name in sorted(wanted))


def _bits(conditions: Sequence[str]) -> str:
    always = sum(1 << bit for bit, condition in enumerate(conditions) if condition == "TRUE")
    terms = [
        f"CASE WHEN {condition} THEN {1 << bit}::BIGINT ELSE 0 END"
        for bit, condition in enumerate(conditions)
        if condition != "TRUE"
    ]
    return "(" + " | ".join([f"{always}::BIGINT", *terms]) + ")"


def _stand(session: duckdb.DuckDBPyConnection, word: str, rules: Sequence[QualityRule]) -> None:
    """Count the rows that any rule of a dimension assesses, or fails."""
    groups = range(len(range(0, len(rules), BITS)))
    bits = {dimension: [0] * len(groups) for dimension in Dimension}
    for place, rule in enumerate(rules):
        group, bit = divmod(place, BITS)
        bits[rule.dimension][group] |= 1 << bit
    listed = ", ".join(
        f"('{dimension}', {', '.join(f'{mask}::BIGINT' for mask in masks)})"
        for dimension, masks in bits.items()
        if any(masks)
    )
    names = ", ".join(f"mask_{group}" for group in groups)
    assessed, failed = (
        " OR ".join(f"{name}_{group} & mask_{group} <> 0" for group in groups) for name in ("assessed", "failed")
    )
    session.execute(
        f"""INSERT INTO standing
            SELECT institution_id, '{word}', dimension, date_trunc('month', day)::DATE, sum(rows),
                coalesce(sum(rows) FILTER ({failed}), 0)
            FROM combination, (VALUES {listed}) AS of_dimension(dimension, {names})
            WHERE {assessed} GROUP BY ALL"""
    )


def _count(session: duckdb.DuckDBPyConnection, word: str, rules: Sequence[QualityRule], group: int) -> None:
    names = ", ".join(f"({1 << bit}::BIGINT, '{rule.word}')" for bit, rule in enumerate(rules))
    listed = f"(VALUES {names}) AS rule(bit, word)"
    session.execute(
        f"""INSERT INTO measure
            SELECT institution_id, '{word}', word, month, sum(rows) FILTER (assessed & bit <> 0),
                coalesce(sum(rows) FILTER (failed & bit <> 0), 0)
            FROM (SELECT institution_id, date_trunc('month', day)::DATE AS month, assessed_{group} AS assessed,
                    failed_{group} AS failed, sum(rows) AS rows FROM combination GROUP BY ALL), {listed}
            WHERE assessed & bit <> 0 GROUP BY institution_id, word, month"""
    )
    if not session.execute(f"SELECT EXISTS (FROM combination WHERE failed_{group} <> 0)").fetchall()[0][0]:
        return
    session.execute(
        f"""INSERT INTO failed_day
            SELECT institution_id, '{word}', word, day, sum(rows) FROM combination, {listed}
            WHERE failed_{group} & bit <> 0 GROUP BY institution_id, word, day"""
    )
    session.execute(
        f"""INSERT INTO example (institution_id, data_set, rule, day, record_id)
            SELECT institution_id, '{word}', word, kept.day, kept.id
            FROM (SELECT institution_id, word, unnest(max({{'day': day, 'id': id}}, {EXAMPLES})) AS kept
                FROM judged, {listed} WHERE failed_{group} & bit <> 0 GROUP BY institution_id, word)"""
    )
