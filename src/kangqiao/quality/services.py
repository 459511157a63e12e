"""The verb of measuring: every rule over everything that is stored; what was found replaces what was known."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from django.db import connection, models, transaction
from django.db.models import Min
from django.utils import timezone
from psycopg import sql

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch
from kangqiao.intake.queries import unfinished_batches
from kangqiao.quality import judging, refusals, series
from kangqiao.quality.catalogue import SUDDEN_DROP, WEEKEND_GAP, Stage, rules_of
from kangqiao.quality.issue_services import verify_issues
from kangqiao.quality.models import Example, FailedDay, Measure, Measurement, Standing, Volume
from kangqiao.records.lake import Lake, open_lake
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act

MARGIN = dt.timedelta(minutes=2)
"""Single messages are stored within seconds; what was received longer ago is settled."""

BLOCK = 1 << 20

Report = Callable[[str, int, int], None]


def measure(*, home: Path, store: FileStore, actor: Actor, report: Report = lambda *_: None) -> Measurement:
    """Bring the lake up to date, judge everything in it, and store what was found; return the measurement.

    Raises :class:`~kangqiao.records.lake.LakeBusy` while another process measures. Killed at any moment, it leaves what
    the measurement before found, and the next one does what this one did not.
    """
    started, clock, seconds = timezone.now(), time.perf_counter(), {}
    settled = _settled(started)

    def lap(stage: str) -> None:
        nonlocal clock
        seconds[stage], clock = round(time.perf_counter() - clock, 3), time.perf_counter()

    with open_lake(home) as lake:
        with transaction.atomic(), connection.cursor() as cursor:
            lake.refresh(cursor.cursor.connection, settled=settled, report=report)
        refusals.bring_in(lake, store)
        judging.begin(lake.session)
        _know_batches(lake)
        lap("lake")
        _judge(lake, report)
        lap("judge")
        with transaction.atomic():
            rows, failed = _store(lake)
            lap("store")
            measurement = Measurement.objects.create(
                started_at=started,
                finished_at=timezone.now(),
                settled=settled,
                rows=rows,
                failed=failed,
                seconds=seconds,
            )
            record_act(
                actor=actor,
                action=Action.QUALITY_MEASURE,
                object_kind="measurement",
                object_id=measurement.id,
                detail={"rows": rows, "failed": failed},
            )
            verify_issues(measurement=measurement, actor=actor)
    return measurement


def _judge(lake: Lake, report: Report) -> None:
    """Judge every data set; what was found is in the tables of ``judging.TABLES``."""
    session, known = lake.session, list(data_sets())
    last = _last_day(session, known)
    filled = [word for word in known if _has_rows(session, word)]
    judged = itertools.count(1)
    report("按规则检查", 0, len(filled))
    judging.judge_all(session, filled, lambda word: report("按规则检查", next(judged), len(filled)))
    for word in filled:
        refusals.count(session, word)
        _judge_series(session, word, last)


def _has_rows(session: duckdb.DuckDBPyConnection, word: str) -> bool:
    table = data_sets()[word].table()
    asked = f"SELECT EXISTS (FROM {table}) OR EXISTS (FROM refused WHERE data_set = '{word}')"
    return bool(session.execute(asked).fetchall()[0][0])


def _settled(now: dt.datetime) -> dt.datetime:
    """Return a moment before which everything that was received has been stored."""
    waiting = unfinished_batches().aggregate(first=Min("received_at"))["first"]
    return min(now - MARGIN, waiting or now)


def _know_batches(lake: Lake) -> None:
    """Bring in when each batch's reporting period began; a sender's first delivery has all of its past, and none."""
    seen: set[int | None] = set()
    periods: list[tuple[str, str | None]] = []
    batches = Batch.objects.filter(manifest__isnull=False, receipt__isnull=False).order_by("received_at")
    for batch_id, sender, manifest in batches.values_list("id", "sender_id", "manifest"):
        periods.append((str(batch_id), manifest["period"]["from"] if manifest and sender in seen else None))
        seen.add(sender)
    if periods:
        ids, starts = zip(*periods, strict=True)
        lake.session.execute("INSERT INTO batch SELECT unnest(?::UUID[]), unnest(?::DATE[])", [list(ids), list(starts)])


def _last_day(session: duckdb.DuckDBPyConnection, words: list[str]) -> dt.date | None:
    newest = " UNION ALL ".join(f"SELECT max(day) AS day FROM {data_sets()[word].table()}" for word in words)
    last: dt.date | None = session.execute(f"SELECT max(day) FROM ({newest})").fetchall()[0][0]
    return last


def _judge_series(session: duckdb.DuckDBPyConnection, word: str, last: dt.date | None) -> None:
    """Judge each institution's daily counts of a data set, from its first day to the last day of the city."""
    rules = {rule.word for rule in rules_of(word) if rule.stage is Stage.SERIES}
    if not rules or last is None:
        return
    counted = session.execute(
        "SELECT institution_id, (day - DATE '1970-01-01')::INTEGER, rows FROM volume"
        f" WHERE data_set = '{word}' AND day <= ? ORDER BY ALL",
        [last],
    ).fetchnumpy()
    institutions, days, rows = (np.asarray(column) for column in counted.values())
    end = (last - dt.date(1970, 1, 1)).days
    found: list[tuple[Any, ...]] = []
    for institution in np.unique(institutions):
        own = institutions == institution
        first = int(days[own][0])
        counts = np.zeros(end - first + 1, dtype=np.int64)
        counts[days[own] - first] = rows[own]
        weekday = (first + 3) % 7  # 1970-01-01 was a Thursday
        for rule, (judged, failed) in (
            (WEEKEND_GAP, series.weekend_gaps(counts, weekday)),
            (SUDDEN_DROP, series.sudden_drops(counts)),
        ):
            found += [(int(institution), rule, first + int(day), bool(failed[day])) for day in np.flatnonzero(judged)]
    if found:
        _keep_series(session, word, found)


def _keep_series(session: duckdb.DuckDBPyConnection, word: str, found: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*found, strict=True)]
    session.execute(
        "CREATE OR REPLACE TEMPORARY TABLE judged_day AS"
        " SELECT unnest(?::INTEGER[]) AS institution_id, unnest(?::VARCHAR[]) AS rule,"
        " DATE '1970-01-01' + unnest(?::INTEGER[]) AS day, unnest(?::BOOLEAN[]) AS failed",
        columns,
    )
    month = "date_trunc('month', day)::DATE"
    session.execute(
        f"""INSERT INTO measure SELECT institution_id, '{word}', rule, {month}, count(*), count(*) FILTER (failed)
            FROM judged_day GROUP BY ALL"""
    )
    session.execute(
        f"INSERT INTO failed_day SELECT institution_id, '{word}', rule, day, 1 FROM judged_day WHERE failed"
    )
    session.execute(
        f"""INSERT INTO standing
            SELECT institution_id, '{word}', '{Dimension.STABILITY}', {month}, count(*), count(*) FILTER (failed)
            FROM (SELECT institution_id, day, bool_or(failed) AS failed FROM judged_day GROUP BY ALL) GROUP BY ALL"""
    )


KEYS: dict[type[models.Model], tuple[str, ...]] = {
    Volume: ("institution_id", "data_set", "day"),
    Standing: ("institution_id", "data_set", "dimension", "month"),
    Measure: ("institution_id", "data_set", "rule", "month"),
    FailedDay: ("institution_id", "data_set", "rule", "day"),
    Example: ("institution_id", "data_set", "rule", "day"),
}
"""What a measurement fills, and the columns that are never missing, by which its rows are compared quickly."""


def _store(lake: Lake) -> tuple[int, int]:
    """Make PostgreSQL's tables say what the session's say, touching only rows that differ; return rows and failures."""
    for model in KEYS:
        _replace(lake, model)
    rows, failed = lake.session.execute(
        "SELECT coalesce((SELECT sum(rows) FROM volume), 0), coalesce((SELECT sum(failed) FROM measure), 0)"
    ).fetchall()[0]
    return int(rows), int(failed)


def _replace(lake: Lake, model: type[models.Model]) -> None:
    table = model._meta.db_table
    source = "failed_day" if model is FailedDay else model.__name__.lower()
    columns = [str(field.column) for field in model._meta.local_fields if not field.primary_key]
    identifiers = [sql.Identifier(column) for column in columns]
    listed, arriving = sql.SQL(", ").join(identifiers), sql.Identifier(f"arriving_{table}")
    equal, alike = sql.SQL("a.{0} = t.{0}"), sql.SQL("a.{0} IS NOT DISTINCT FROM t.{0}")
    pairs = [
        (equal if column in KEYS[model] else alike).format(identifier)
        for column, identifier in zip(columns, identifiers, strict=True)
    ]
    same = sql.SQL(" AND ").join(pairs)
    parts = {"table": sql.Identifier(table), "arriving": arriving, "columns": listed, "same": same}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {arriving} (LIKE {table}) ON COMMIT DROP").format(**parts))
        cursor.execute(sql.SQL("ALTER TABLE {arriving} DROP COLUMN id").format(**parts))
        copy = sql.SQL("COPY {arriving} ({columns}) FROM STDIN (FORMAT csv)").format(**parts)
        with cursor.cursor.copy(copy) as target:
            for block in _csv(lake, source, columns):
                target.write(block)
        cursor.execute(sql.SQL("ANALYZE {arriving}").format(**parts))
        cursor.execute(
            sql.SQL("DELETE FROM {table} t WHERE NOT EXISTS (SELECT FROM {arriving} a WHERE {same})").format(**parts)
        )
        cursor.execute(
            sql.SQL(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM {arriving} a"
                " WHERE NOT EXISTS (SELECT FROM {table} t WHERE {same})"
            ).format(**parts)
        )


def _csv(lake: Lake, table: str, columns: list[str]) -> Iterator[bytes]:
    """Yield a session's table as CSV in blocks."""
    path = lake.folder / "measured.csv"
    lake.session.execute(f"COPY (SELECT {', '.join(columns)} FROM {table}) TO '{path}' (FORMAT csv, HEADER false)")
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
    path.unlink()
