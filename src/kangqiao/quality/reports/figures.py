"""What a monthly report says of a place: the sums of the scoreboard, what to mend first, and which rows to look at.

Scores, counts and ranks are those of :mod:`kangqiao.quality.board`; what only a report has is computed here from them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from kangqiao.quality import board, queries
from kangqiao.quality.advice import advice_on
from kangqiao.quality.board import CountLine, Look, Rank, ScoreLine
from kangqiao.quality.catalogue import QualityRule
from kangqiao.quality.issue_queries import overdue, visible_issues
from kangqiao.quality.issues import GOING_ON, Issue
from kangqiao.quality.models import Example
from kangqiao.quality.places import CITY, Ground, Kind, Place, ground_of
from kangqiao.quality.queries import NO_ROWS, NO_SCORE, Amount, By, Score
from kangqiao.quality.rules import Count
from kangqiao.registry.models import Institution
from kangqiao.standards import value_sets
from kangqiao.standards.data_set import data_sets
from kangqiao.trust.actors import Actor, system_actor
from kangqiao.trust.masking import masked_number
from kangqiao.trust.permissions import Permission

PROBLEMS = 5
KEYS_OF_RULE = 20
MOST_KEYS = 2000
MOST_ISSUES = 10

_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_NUMBER_OF_PERSON = re.compile(
    rf"[1-8][0-9]{{5}}(?:19|20)[0-9]{{2}}{_DAY}[0-9]{{3}}[0-9Xx]"
    rf"|(?<![0-9])(?:[1-8][0-9]{{7}}{_DAY}[0-9]{{3}}|1[3-9][0-9]{{9}})(?![0-9])"
)
"""Identity numbers of 18 (also within a longer key) and 15 digits, and mobile numbers: no report shows one."""


@dataclass(frozen=True, slots=True)
class RankAmong:
    """A rank and among whom: 临翔区机构, 全市中心卫生院."""

    among: str
    rank: Rank


@dataclass(frozen=True, slots=True)
class FailingKey:
    """A row that fails a rule, by its business key (masked where it is a number of a person)."""

    rule: QualityRule
    institution: str
    day: dt.date
    source_key: str
    refused: bool


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that fails, the points the total gains at most once it does not, and what to do."""

    line: CountLine
    gain: float
    advice: str


@dataclass(frozen=True, slots=True)
class OpenIssues:
    """Issues that are going on: the first ones due, how many there are, and how many of them are overdue."""

    first: Sequence[tuple[Issue, str]]
    count: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything a report says. ``keys`` is None where the actor may not see which rows fail."""

    place: Place
    title: str
    code: str
    kind: str
    month: dt.date
    measured: dt.datetime
    scores: Mapping[dt.date, Score]
    amounts: Mapping[dt.date, Amount]
    ranks: Sequence[RankAmong]
    data_sets: Sequence[ScoreLine]
    data_sets_before: Mapping[str, Amount]
    below: Sequence[ScoreLine]
    institutions: int
    rules: Sequence[CountLine]
    rules_before: int
    problems: Sequence[Problem]
    keys: Sequence[FailingKey] | None
    issues: OpenIssues

    @property
    def score(self) -> Score:
        """The month's score."""
        return self.scores.get(self.month, NO_SCORE)

    @property
    def score_before(self) -> Score:
        """The score of the month before."""
        return self.scores.get(queries.months_before(self.month, 1), NO_SCORE)

    @property
    def amount(self) -> Amount:
        """The month's rows."""
        return self.amounts.get(self.month, NO_ROWS)

    @property
    def amount_before(self) -> Amount:
        """The rows of the month before."""
        return self.amounts.get(queries.months_before(self.month, 1), NO_ROWS)

    @property
    def last_day(self) -> dt.date:
        """The month's last day."""
        return queries.month_of(self.month).last

    @property
    def unfinished(self) -> bool:
        """Whether the month was not over when it was measured."""
        return timezone.localdate(self.measured) <= self.last_day

    @property
    def absent(self) -> list[str]:
        """The titles of data sets that had rows in the month before and have none now."""
        now = {line.key for line in self.data_sets if line.amount.sent}
        known = data_sets()
        return [known[word].title for word, each in self.data_sets_before.items() if each.sent and word not in now]


def figures_of(*, look: Look, measured: dt.datetime, actor: Actor) -> Figures:
    """Return what the report of a place's month says, as far as the actor may see it."""
    scores = queries.scores(look.seats, By.MONTH, look.year)
    rules = board.rule_lines(look)
    code, kind = _registered(look)
    below = _below(look)
    return Figures(
        place=look.place,
        title=look.ground.title(look.place),
        code=code,
        kind=kind,
        month=look.month,
        measured=measured,
        scores=scores,
        amounts=queries.amounts(look.seats, By.MONTH, look.year),
        ranks=_ranks(look),
        data_sets=board.score_lines(look, By.DATA_SET),
        data_sets_before=queries.amounts(look.seats, By.DATA_SET, look.before),
        below=below,
        institutions=len(look.seats),
        rules=rules,
        rules_before=sum(count.failed > 0 for count in queries.rule_counts(look.seats, look.before).values()),
        problems=problems_of(rules, scores.get(look.month, NO_SCORE)),
        keys=_keys(look, rules) if actor.may(Permission.QUALITY_ROWS) else None,
        issues=_issues(look, actor),
    )


def problems_of(rules: Iterable[CountLine], score: Score, count: int = PROBLEMS) -> list[Problem]:
    """Return the rules whose mending lets the total gain most, the first ones first."""
    assessable = sum(each.assessed > 0 for each in score.counts.values())
    found = [
        Problem(line, gain_of(line.count, score.counts[line.rule.dimension], assessable), advice_on(line.rule))
        for line in rules
        if line.count.failed
    ]
    return sorted(found, key=lambda each: (-each.gain, -each.line.count.failed, each.line.key))[:count]


def gain_of(rule: Count, dimension: Count, assessable: int) -> float:
    """Return the points the total gains at most when no row fails a rule any more.

    Less where rows fail other rules of the dimension as well: they stay failed.
    """
    if not dimension.assessed or not assessable:
        return 0.0
    return 100 * min(rule.failed, dimension.failed) / dimension.assessed / assessable


def without_numbers_of_people(key: str) -> str:
    """Return a business key with the numbers of a person in it masked."""
    return _NUMBER_OF_PERSON.sub(lambda number: masked_number(number[0]), key)


# -- within ------------------------------------------------------------------------------------------------------------


def _registered(look: Look) -> tuple[str, str]:
    """Return the code and the kind of an institution; the division's code of a county."""
    if look.place.institution_id is None:
        return look.place.code, ""
    known = Institution.objects.get(id=look.place.institution_id)
    return known.code, value_sets.load("WS218").name(known.type) or known.type


def _ranks(look: Look) -> list[RankAmong]:
    """Return the ranks of a place. They tell nothing of the others but how many they are, so all are looked at."""
    if look.place.kind is Kind.CITY:
        return []
    whole = ground_of(system_actor("quality"))
    if look.place.kind is Kind.COUNTY:
        found = [RankAmong("各县区", board.rank_of(Look(whole, look.place, look.month)))]
    else:
        county = Place(Kind.COUNTY, look.seats.members[0].county)
        around = f"{whole.title(county)}各机构"
        found = [
            RankAmong(around, board.rank_of(Look(whole, look.place, look.month))),
            _rank_of_kind(look, whole),
        ]
    return [each for each in found if each.rank.of > 1 and each.rank.place]


def _rank_of_kind(look: Look, whole: Ground) -> RankAmong:
    own = whole.seats[int(look.place.code)]
    kind = Institution.objects.values_list("type", flat=True).get(id=own.id)
    same = set(Institution.objects.filter(type=kind).values_list("id", flat=True))
    seats = {id: seat for id, seat in whole.seats.items() if id in same}
    peers = Ground(seats, whole.counties, whole=False, measurement=whole.measurement)
    lines = board.score_lines(Look(peers, CITY, look.month), By.INSTITUTION)
    rank = next((line.rank for line in lines if line.key == own.id), board.NO_RANK)
    return RankAmong(f"全市{value_sets.load('WS218').name(kind) or '同类机构'}", rank)


def _below(look: Look) -> list[ScoreLine]:
    if look.place.kind is Kind.INSTITUTION:
        return []
    return board.score_lines(look, By.COUNTY if look.place.kind is Kind.CITY else By.INSTITUTION)


def _keys(look: Look, rules: Sequence[CountLine]) -> list[FailingKey]:
    """Return rows of the month that fail rules, the newest of each rule."""
    by_key = {line.key: line.rule for line in rules}
    newest = [F("day").desc(), F("institution_id").asc(), F("row_number").asc(), F("id").asc()]
    found = Example.objects.filter(
        institution_id__in=[seat.id for seat in look.seats], day__range=(look.period.first, look.period.last)
    )
    of_rule = Window(RowNumber(), partition_by=[F("data_set"), F("rule")], order_by=newest)
    first = found.annotate(nth=of_rule).filter(nth__lte=KEYS_OF_RULE)
    kept = [each for each in first.order_by(*newest) if f"{each.data_set}.{each.rule}" in by_key]
    place = {key: at for at, key in enumerate(by_key)}
    kept.sort(key=lambda each: place[f"{each.data_set}.{each.rule}"])
    kept = kept[:MOST_KEYS]
    stored = _stored_keys(kept)
    return [_failing_key(each, look, by_key, stored) for each in kept]


def _stored_keys(examples: Iterable[Example]) -> dict[Any, str]:
    """Return the business keys of stored rows by their id."""
    wanted: dict[str, list[Any]] = {}
    for each in examples:
        if each.record_id is not None:
            wanted.setdefault(each.data_set, []).append(each.record_id)
    found: dict[Any, str] = {}
    for word, ids in wanted.items():
        rows = data_sets()[word].objects.filter(id__in=ids)  # type: ignore[attr-defined]
        found.update(rows.values_list("id", "source_key"))
    return found


def _failing_key(each: Example, look: Look, rules: Mapping[str, QualityRule], stored: Mapping[Any, str]) -> FailingKey:
    key = each.source_key or stored.get(each.record_id) or (f"文件第 {each.row_number} 行" if each.row_number else "")
    return FailingKey(
        rule=rules[f"{each.data_set}.{each.rule}"],
        institution=look.ground.seats[each.institution_id].name,
        day=each.day,
        source_key=without_numbers_of_people(key),
        refused=each.record_id is None,
    )


def _issues(look: Look, actor: Actor) -> OpenIssues:
    found = visible_issues(actor=actor).filter(institution_id__in=[seat.id for seat in look.seats], state__in=GOING_ON)
    first = found.order_by("due_on", "year", "serial")[:MOST_ISSUES]
    return OpenIssues(
        first=[(each, look.ground.seats[each.institution_id].name) for each in first],
        count=found.count(),
        overdue=found.filter(overdue(timezone.localdate())).count(),
    )
