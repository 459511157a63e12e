"""Reads of quality: what a measurement found, summed up over institutions and time by PostgreSQL.

Every read takes the institutions it may look at (``places.Ground.within``), a period of days, and says by what its sums
are grouped. A month of quality is named by its first day.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import connection

from kangqiao.quality.catalogue import Stage, rule_by_key
from kangqiao.quality.places import Seats
from kangqiao.quality.rules import NOTHING, Count, total_score
from kangqiao.standards.quality import Dimension


class By(StrEnum):
    """What sums are grouped by; a rule by its key (``lab-result.quantity:range``)."""

    COUNTY = "county"
    INSTITUTION = "institution"
    DATA_SET = "data-set"
    RULE = "rule"
    MONTH = "month"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from the first to the last, both included."""

    first: dt.date
    last: dt.date


def month_of(day: dt.date) -> Period:
    """Return the month of a day."""
    return Period(day.replace(day=1), next_month(day) - dt.timedelta(days=1))


def next_month(day: dt.date) -> dt.date:
    """Return the first day of the month after that of a day."""
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)


def months_before(month: dt.date, count: int) -> dt.date:
    """Return the first day of the month so many months earlier."""
    years, index = divmod(month.month - 1 - count, 12)
    return dt.date(month.year + years, index + 1, 1)


@dataclass(frozen=True, slots=True)
class Score:
    """The counts of the dimensions, and the score that comes from them."""

    counts: Mapping[Dimension, Count]

    @property
    def total(self) -> float | None:
        """0 to 100, or None where nothing can be assessed."""
        return total_score(self.counts.values())


@dataclass(frozen=True, slots=True)
class Amount:
    """Rows that are stored, how many of them fail any rule, and rows that were sent and are still refused."""

    rows: int
    failed: int
    refused: int

    @property
    def sent(self) -> int:
        """Rows stored or refused."""
        return self.rows + self.refused

    @property
    def passed(self) -> float | None:
        """The share of rows in percent that are stored and fail no rule, or None without rows."""
        return 100 * (1 - (self.failed + self.refused) / self.sent) if self.sent else None


NO_SCORE = Score(dict.fromkeys(Dimension, NOTHING))
NO_ROWS = Amount(0, 0, 0)


def measured_months(*, until: dt.date, count: int) -> list[dt.date]:
    """Return the months with anything measured, newest first: at most ``count``, none that begins after ``until``."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, {"until": until, "count": count})
        return [month for (month,) in cursor.fetchall()]


def usual_month(months: Sequence[dt.date]) -> dt.date | None:
    """Return the month to begin with, of some, newest first: the newest with a fair share of its neighbours' rows.

    A month that has just begun, or of which nothing but a straggler was sent, says little.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROWS_OF_MONTHS, {"months": list(months[:NEIGHBOURS])})
        rows = dict(cursor.fetchall())
    fair = [month for month in months if rows.get(month, 0) >= max(rows.values()) * FAIR_SHARE] if rows else months
    return next(iter(fair), None)


NEIGHBOURS, FAIR_SHARE = 3, 0.2
_ROWS_OF_MONTHS = f"""
    SELECT month, sum(assessed) FROM quality_standing
    WHERE month = ANY(%(months)s) AND dimension = '{Dimension.VALIDITY}' GROUP BY month"""

_MONTHS = """
    WITH RECURSIVE found (month, place) AS (
        SELECT max(month), 1 FROM quality_standing WHERE month <= %(until)s
        UNION ALL
        SELECT (SELECT max(month) FROM quality_standing s WHERE s.month < found.month), place + 1
        FROM found WHERE month IS NOT NULL AND place < %(count)s)
    SELECT month FROM found WHERE month IS NOT NULL"""


def scores(seats: Seats, by: By, period: Period, *, data_set: str | None = None) -> dict[Any, Score]:
    """Return the score of every group that has anything assessed or measured: counts are summed, then scored."""
    listed = ", ".join(
        f"coalesce(sum(assessed) FILTER (WHERE dimension = '{each}'), 0)::bigint,"
        f" coalesce(sum(failed) FILTER (WHERE dimension = '{each}'), 0)::bigint"
        for each in Dimension
    )
    counted = _sums(seats, "quality_standing", by, ("assessed", "failed"), data_set=data_set, also="dimension")
    rows = _rows(
        f"WITH counted AS ({counted}) SELECT key, {listed} FROM counted GROUP BY key",
        seats,
        period,
        data_set=data_set,
    )
    return {key: Score(_by_dimension(numbers)) for key, *numbers in rows}


def _by_dimension(numbers: Sequence[int]) -> dict[Dimension, Count]:
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return {dimension: Count(*pair) for dimension, pair in zip(Dimension, pairs, strict=True)}


def total_scores(seats: Seats, by: By, period: Period, *, data_set: str | None = None) -> dict[Any, float | None]:
    """Return the scores without their dimensions: enough to rank."""
    return {key: score.total for key, score in scores(seats, by, period, data_set=data_set).items()}


def amounts(seats: Seats, by: By, period: Period, *, data_set: str | None = None) -> dict[Any, Amount]:
    """Return how many rows every group has."""
    query = _sums(seats, "quality_volume", by, ("rows", "failed", "refused"), data_set=data_set)
    return {key: Amount(*numbers) for key, *numbers in _rows(query, seats, period, data_set=data_set)}


def rule_counts(seats: Seats, period: Period, *, data_set: str | None = None) -> dict[str, Count]:
    """Return how often every rule that has anything to say assessed and failed, by its key.

    A rule of the gate assessed every row that was sent, also where none failed.
    """
    query = _sums(seats, "quality_measure", By.RULE, ("assessed", "failed"), data_set=data_set)
    found = {key: Count(*numbers) for key, *numbers in _rows(query, seats, period, data_set=data_set)}
    sent = amounts(seats, By.DATA_SET, period, data_set=data_set)
    return {
        key: Count(sent[word].sent, count.failed) if _of_gate(key) and word in sent else count
        for key, count in found.items()
        for word in [key.partition(".")[0]]
    }


def counts_of_rule(seats: Seats, by: By, period: Period, *, data_set: str, rule: str) -> dict[Any, Count]:
    """Return how often one rule (by its word within the data set) assessed and failed, by group."""
    query = _sums(seats, "quality_measure", by, ("assessed", "failed"), data_set=data_set, rule=rule)
    found = {key: Count(*numbers) for key, *numbers in _rows(query, seats, period, data_set=data_set, rule=rule)}
    if not _of_gate(f"{data_set}.{rule}"):
        return found
    return _over_sent(found, amounts(seats, by, period, data_set=data_set))


def _over_sent(found: Mapping[Any, Count], sent: Mapping[Any, Amount]) -> dict[Any, Count]:
    failed = {key: count.failed for key, count in found.items()}
    return {key: Count(amount.sent, failed.get(key, 0)) for key, amount in sent.items()} | {
        key: count for key, count in found.items() if key not in sent
    }


def _of_gate(key: str) -> bool:
    """Return whether a rule refuses rows; those that are no longer in the catalogue did."""
    known = rule_by_key().get(key)
    return known is None or known.stage is Stage.GATE


def failed_days(seats: Seats, period: Period, *, data_set: str, rule: str) -> dict[dt.date, int]:
    """Return how often a rule failed on the days on which it did."""
    query = _sums(seats, "quality_failedday", By.DAY, ("failed",), data_set=data_set, rule=rule)
    return dict(_rows(query, seats, period, data_set=data_set, rule=rule))


# -- SQL ---------------------------------------------------------------------------------------------------------------

_TIMES = {"quality_standing": "month", "quality_measure": "month", "quality_volume": "day", "quality_failedday": "day"}
_KEYS = {
    By.COUNTY: "seat.county",
    By.INSTITUTION: "t.institution_id",
    By.DATA_SET: "t.data_set",
    By.RULE: "t.data_set || '.' || t.rule",
    By.DAY: "t.day",
}
_MONTH_OF = {"month": "t.month", "day": "t.day - (extract(day FROM t.day)::int - 1)"}


def _sums(
    seats: Seats,
    table: str,
    by: By,
    columns: Iterable[str],
    *,
    data_set: str | None,
    rule: str | None = None,
    also: str = "",
) -> str:
    """Return the query of sums by key (and by the column ``also``) over the institutions and days of its parameters."""
    time = _TIMES[table]
    key = _MONTH_OF[time] if by is By.MONTH else _KEYS[by]
    selected = [f"{key} AS key", *([f"t.{also}"] if also else [])]
    summed = [f"sum(t.{column}) AS {column}" for column in columns]
    join, wanted = "", [f"t.{time} BETWEEN %(first)s AND %(last)s"]
    if by is By.COUNTY:
        join = "JOIN unnest(%(ids)s::int[], %(counties)s::text[]) AS seat (id, county) ON seat.id = t.institution_id"
    elif not seats.everyone:
        wanted.append("t.institution_id = ANY(%(ids)s)")
    wanted += [
        f"t.{name} = %({name})s" for name, value in (("data_set", data_set), ("rule", rule)) if value is not None
    ]
    return f"""SELECT {", ".join(selected + summed)} FROM {table} AS t {join}
        WHERE {" AND ".join(wanted)} GROUP BY {"1, 2" if also else "1"}"""


MANY = 50
"""From so many institutions on, sums are remembered until the next measurement."""
REMEMBERED = 64


def _rows(
    query: str, seats: Seats, period: Period, *, data_set: str | None = None, rule: str | None = None
) -> Sequence[tuple[Any, ...]]:
    read = _remembered if len(seats) >= MANY and seats.measurement else _read
    where = tuple(seat.id for seat in seats), tuple(seat.county for seat in seats)
    return read(query, seats.measurement, where, period, (data_set, rule))


def _read(
    query: str,
    measurement: UUID | None,
    where: tuple[tuple[int, ...], tuple[str, ...]],
    period: Period,
    only: tuple[str | None, str | None],
) -> Sequence[tuple[Any, ...]]:
    """Return the rows of a query. The same arguments give the same rows: findings change with the measurement only."""
    (ids, counties), (data_set, rule) = where, only
    parameters: dict[str, Any] = {
        "ids": list(ids),
        "counties": list(counties),
        "first": period.first,
        "last": period.last,
        "data_set": data_set,
        "rule": rule,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


_remembered = functools.lru_cache(maxsize=REMEMBERED)(_read)
