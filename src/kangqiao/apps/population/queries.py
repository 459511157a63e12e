"""Reading the counts: what a page of a division shows, from its own rows and those of the divisions below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.db.models import Q, Sum

from kangqiao.apps.population.models import (
    ELSEWHERE,
    NOWHERE,
    Event,
    EventCount,
    Headcount,
    HouseholdCount,
    Tally,
)
from kangqiao.apps.population.places import Ground
from kangqiao.apps.population.published import Published, published_population
from kangqiao.apps.population.rules import SAMPLE_BELOW, Band, Group, bands_of, share
from kangqiao.identity.models import Resident
from kangqiao.registry.models import Division

OLD: Final = 65
CHILD: Final = 15
YEARS: Final = 10
CONFIRMED: Final = Resident.State.CONFIRMED
PENDING: Final = Resident.State.PENDING


def newest_tally() -> Tally | None:
    """Return the count that is shown, None before the first one."""
    return Tally.objects.order_by("-finished_at").first()


@dataclass(frozen=True, slots=True)
class Sums:
    """People of a division: confirmed ones by sex and age, and how many are 待核."""

    men: int = 0
    women: int = 0
    unknown: int = 0
    children: int = 0
    old: int = 0
    pending: int = 0

    @property
    def confirmed(self) -> int:
        """All confirmed residents."""
        return self.men + self.women + self.unknown

    @property
    def children_share(self) -> float | None:
        """Those younger than 15 in percent."""
        return share(self.children, self.confirmed)

    @property
    def old_share(self) -> float | None:
        """Those of 65 and more in percent."""
        return share(self.old, self.confirmed)

    def less(self, others: Iterable[Sums]) -> Sums:
        """Return what is left without the others."""
        others = list(others)
        return Sums(*(getattr(self, name) - sum(getattr(each, name) for each in others) for name in _SUMS))


@dataclass(frozen=True, slots=True)
class Line:
    """A division below the one shown; without one, those registered no closer than the division shown."""

    division: Division | None
    sums: Sums
    published: Published | None = None

    @property
    def coverage(self) -> float | None:
        """Confirmed residents in percent of the published population."""
        return share(self.sums.confirmed, self.published.population if self.published else None)


@dataclass(frozen=True, slots=True)
class Year:
    """What changed in a year, in people by event."""

    year: int
    people: Mapping[Event, int] = field(default_factory=dict)

    @property
    def births(self) -> int:
        """出生."""
        return self.people.get(Event.BIRTH, 0)

    @property
    def deaths(self) -> int:
        """死亡."""
        return self.people.get(Event.DEATH, 0)

    @property
    def growth(self) -> int:
        """自然增长: births less deaths."""
        return self.births - self.deaths

    @property
    def moved_in(self) -> int:
        """迁入和流入."""
        return self.people.get(Event.MOVE_IN, 0)

    @property
    def moved_out(self) -> int:
        """迁出和流出."""
        return self.people.get(Event.MOVE_OUT, 0)


@dataclass(frozen=True, slots=True)
class Overview:
    """A division's population."""

    line: Line
    bands: Sequence[Band]
    below: Sequence[Line]
    years: Sequence[Year]
    households: int
    nowhere: Sums
    elsewhere: Sums

    @property
    def sums(self) -> Sums:
        """The people of the division."""
        return self.line.sums

    @property
    def is_sample(self) -> bool:
        """Whether the count is far below the published population."""
        coverage = self.line.coverage
        return coverage is not None and coverage < 100 * SAMPLE_BELOW


def overview_of(division: Division, ground: Ground, *, with_pending: bool) -> Overview:
    """Return the population of a division; its bands count confirmed residents, and on demand those 待核, too."""
    code, published, below = division.stats_code, published_population(), ground.below(division)
    sums = _sums([code, NOWHERE, ELSEWHERE, *(each.stats_code for each in below)])
    lines = [Line(each, sums[each.stats_code], published.get(each.stats_code)) for each in below]
    rest = sums[code].less(line.sums for line in lines)
    if lines and rest != Sums():
        lines.append(Line(None, rest))
    return Overview(
        line=Line(division, sums[code], published.get(code)),
        bands=bands_of(_groups(code, with_pending=with_pending)),
        below=lines,
        years=years_of(code),
        households=HouseholdCount.objects.filter(division=code).values_list("households", flat=True).first() or 0,
        nowhere=sums[NOWHERE],
        elsewhere=sums[ELSEWHERE],
    )


def years_of(code: str) -> list[Year]:
    """Return what changed in a division in its last years, the newest first; years between without events, too."""
    years: dict[int, dict[Event, int]] = {}
    for year, event, people in EventCount.objects.filter(division=code).values_list("year", "event", "people"):
        years.setdefault(year, {})[Event(event)] = people
    last = max(years, default=0)
    first = max(min(years, default=1), last - YEARS + 1)
    return [Year(year, years.get(year, {})) for year in range(last, first - 1, -1)]


def _groups(code: str, *, with_pending: bool) -> list[Group]:
    counted = Headcount.objects.filter(division=code)
    if not with_pending:
        counted = counted.filter(state=CONFIRMED)
    return [Group(*row) for row in counted.values_list("sex", "age").annotate(Sum("people")).order_by()]


def _sums(codes: Sequence[str]) -> dict[str, Sums]:
    """Return what is counted under each of these codes."""

    counted = Headcount.objects.filter(division__in=codes).order_by().values("division").annotate(**_SUMS)
    rows = counted.values_list("division", *_SUMS)
    return dict.fromkeys(codes, Sums()) | {code: Sums(*counts) for code, *counts in rows}


def _people(**chosen: object) -> Sum:
    return Sum("people", filter=Q(**chosen), default=0)


_SUMS: Final = {
    "men": _people(state=CONFIRMED, sex="1"),
    "women": _people(state=CONFIRMED, sex="2"),
    "unknown": _people(state=CONFIRMED, sex="9"),
    "children": _people(state=CONFIRMED, age__lt=CHILD),
    "old": _people(state=CONFIRMED, age__gte=OLD),
    "pending": _people(state=PENDING),
}
"""The fields of `Sums`, in their order."""
