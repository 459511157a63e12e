"""The tables of the scoreboard: what stands in a line, in which order, and which lines a search leaves.

Lines are made of sums that PostgreSQL returns by group; nothing here reads the database but through ``queries``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kangqiao.quality import queries
from kangqiao.quality.catalogue import QualityRule, Stage, rule_of, rules_of
from kangqiao.quality.places import CITY, Ground, Kind, Place, Seats
from kangqiao.quality.queries import NO_ROWS, NO_SCORE, Amount, By, Period, Score
from kangqiao.quality.rules import NOTHING, Count, ranks
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension

TREND = 13
"""Months of a trend: a year, and the same month of the year before."""


@dataclass(frozen=True, slots=True)
class Rank:
    """A place among others: the best is 1; ``moved`` is how many places up (or, negative, down) since last month."""

    place: int | None
    of: int
    moved: int | None


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """One county, institution or data set in a table of scores."""

    key: Any
    title: str
    code: str
    rank: Rank
    score: Score
    before: float | None
    amount: Amount

    @property
    def change(self) -> float | None:
        """Points gained since the month before."""
        return change_of(self.score.total, self.before)


@dataclass(frozen=True, slots=True)
class CountLine:
    """One rule, or one institution under a rule, in a table of what failed."""

    key: Any
    title: str
    count: Count
    before: int
    rule: QualityRule

    @property
    def change(self) -> int:
        """How many more rows fail than in the month before."""
        return self.count.failed - self.before

    @property
    def share(self) -> float | None:
        """The share of assessed rows that fail, in percent."""
        return 100 * self.count.failed / self.count.assessed if self.count.assessed else None


def change_of(now: float | None, before: float | None) -> float | None:
    """Return the points gained from one score to the next, None where either can not be assessed."""
    return None if now is None or before is None else now - before


@dataclass(frozen=True, slots=True)
class Look:
    """What a page looks at: a ground, a place on it, a month, and perhaps one data set."""

    ground: Ground
    place: Place
    month: dt.date
    data_set: str | None = None

    @property
    def seats(self) -> Seats:
        """The institutions of the place."""
        return self.ground.within(self.place)

    @property
    def period(self) -> Period:
        """The month's days."""
        return queries.month_of(self.month)

    @property
    def before(self) -> Period:
        """The days of the month before."""
        return queries.month_of(queries.months_before(self.month, 1))

    @property
    def year(self) -> Period:
        """The days of the months of a trend, this month the last."""
        return Period(queries.months_before(self.month, TREND - 1), self.period.last)


# -- tables of scores --------------------------------------------------------------------------------------------------


def score_lines(look: Look, by: By) -> list[ScoreLine]:
    """Return the counties, institutions or data sets of a place with their scores, the best first."""
    titles = _titles(look, by)
    now = queries.scores(look.seats, by, look.period, data_set=look.data_set)
    before = queries.total_scores(look.seats, by, look.before, data_set=look.data_set)
    amounts = queries.amounts(look.seats, by, look.period, data_set=look.data_set)
    places = _ranks({key: score.total for key, score in now.items()}, before)
    keys = now.keys() | amounts.keys()
    lines = [
        ScoreLine(
            key,
            *titles[key],
            places.get(key, NO_RANK),
            now.get(key, NO_SCORE),
            before.get(key),
            amounts.get(key, NO_ROWS),
        )
        for key in keys
        if key in titles
    ]
    return ordered(lines, "rank", SCORE_ORDERS)


NO_RANK = Rank(None, 0, None)


def _ranks(now: Mapping[Any, float | None], before: Mapping[Any, float | None]) -> dict[Any, Rank]:
    places, former = ranks(now), ranks(before)
    of = sum(place is not None for place in places.values())
    return {key: Rank(place, of, _moved(former.get(key), place)) for key, place in places.items()}


def _moved(former: int | None, now: int | None) -> int | None:
    return None if former is None or now is None else former - now


def _titles(look: Look, by: By) -> dict[Any, tuple[str, str]]:
    """Return the name and the code of everything that can stand in a table."""
    if by is By.COUNTY:
        return {code: (name, code) for code, name in look.ground.counties.items()}
    if by is By.INSTITUTION:
        return {seat.id: (seat.name, seat.code) for seat in look.seats}
    return {word: (each.title, word) for word, each in data_sets().items()}


def rank_of(look: Look) -> Rank:
    """Return the rank of what a page looks at among its siblings.

    An institution's are those of its county, a county's the other counties, a data set's the others of the place.
    """
    if look.data_set is not None:
        return _rank_among(Look(look.ground, look.place, look.month), By.DATA_SET, look.data_set)
    if look.place.kind is Kind.COUNTY:
        return _rank_among(Look(look.ground, CITY, look.month), By.COUNTY, look.place.code)
    if look.place.kind is Kind.INSTITUTION:
        county = Place(Kind.COUNTY, look.seats.members[0].county)
        return _rank_among(Look(look.ground, county, look.month), By.INSTITUTION, look.place.institution_id)
    return NO_RANK


def _rank_among(around: Look, by: By, key: Any) -> Rank:
    now = queries.total_scores(around.seats, by, around.period)
    return _ranks(now, queries.total_scores(around.seats, by, around.before)).get(key, NO_RANK)


# -- tables of what failed ---------------------------------------------------------------------------------------------


def rule_lines(look: Look) -> list[CountLine]:
    """Return the rules of a place, those that fail most rows first.

    Of one data set these are all of its rules, else those that failed.
    """
    now = queries.rule_counts(look.seats, look.period, data_set=look.data_set)
    before = queries.rule_counts(look.seats, look.before, data_set=look.data_set)
    if look.data_set is not None:
        now = _without_failures(look, look.data_set) | now
    rules = {key: rule_of(*key.split(".", 1)) for key, count in now.items() if count.failed or look.data_set}
    lines = [
        CountLine(key, rule.title, now[key], before.get(key, NOTHING).failed, rule)
        for key, rule in rules.items()
        if rule is not None
    ]
    return ordered(lines, "-failed", COUNT_ORDERS)


def _without_failures(look: Look, data_set: str) -> dict[str, Count]:
    """Return the counts of a data set's rules as if none had failed: the gate has assessed every row that was sent."""
    sent = queries.amounts(look.seats, By.DATA_SET, look.period, data_set=data_set).get(data_set, NO_ROWS).sent
    return {rule.key: Count(sent, 0) if rule.stage is Stage.GATE else NOTHING for rule in rules_of(data_set)}


def concerned_lines(look: Look, rule: QualityRule) -> list[CountLine]:
    """Return the institutions of a place at which a rule assesses anything, those with most failing rows first."""
    asked = {"data_set": rule.data_set, "rule": rule.word}
    now = queries.counts_of_rule(look.seats, By.INSTITUTION, look.period, **asked)
    before = queries.counts_of_rule(look.seats, By.INSTITUTION, look.before, **asked)
    lines = [
        CountLine(seat.id, seat.name, now[seat.id], before.get(seat.id, NOTHING).failed, rule)
        for seat in look.seats
        if seat.id in now
    ]
    return ordered(lines, "-failed", COUNT_ORDERS)


# -- order and search --------------------------------------------------------------------------------------------------

Order = Callable[[Any], Any]

SCORE_ORDERS: dict[str, Order] = {
    "rank": lambda line: line.rank.place,
    "name": lambda line: line.title,
    "score": lambda line: line.score.total,
    "change": lambda line: line.change,
    "rows": lambda line: line.amount.sent,
    "refused": lambda line: line.amount.refused,
    **{
        each.value: lambda line, each=each: line.score.counts[each].score  # type: ignore[misc]
        for each in Dimension
    },
}
COUNT_ORDERS: dict[str, Order] = {
    "name": lambda line: line.title,
    "data-set": lambda line: data_sets()[line.rule.data_set].title,
    "dimension": lambda line: list(Dimension).index(line.rule.dimension),
    "assessed": lambda line: line.count.assessed,
    "failed": lambda line: line.count.failed,
    "share": lambda line: line.share,
    "change": lambda line: line.change,
}


def ordered(lines: Iterable[Any], sort: str, orders: Mapping[str, Order]) -> list[Any]:
    """Return the lines in an order (``name``, or backwards ``-name``); those without a value come last."""
    order = orders[sort.removeprefix("-")]
    by_name = sorted(lines, key=lambda line: line.title)
    valued = [line for line in by_name if order(line) is not None]
    valued.sort(key=order, reverse=sort.startswith("-"))
    return valued + [line for line in by_name if order(line) is None]


def matching(lines: Iterable[Any], text: str, dimension: str = "") -> list[Any]:
    """Return the lines whose title, code or data set contains a text, and whose rule measures a dimension."""
    words = text.strip().lower()
    return [line for line in lines if words in _searched(line) and dimension in ("", _dimension(line))]


def _searched(line: ScoreLine | CountLine) -> str:
    also = line.code if isinstance(line, ScoreLine) else data_sets()[line.rule.data_set].title
    return f"{line.title} {also}".lower()


def _dimension(line: ScoreLine | CountLine) -> str:
    return "" if isinstance(line, ScoreLine) else line.rule.dimension
