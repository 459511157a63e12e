"""Where the population is looked at: divisions, as far as an actor may see them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db.models import QuerySet

from kangqiao.registry.models import Division, Institution
from kangqiao.registry.queries import (
    COUNTY_DIGITS,
    division_on,
    divisions_above,
    divisions_below,
    divisions_on,
    find_divisions,
)
from kangqiao.trust.actors import Actor

DIGITS: Final = {
    Division.Level.CITY: 4,
    Division.Level.COUNTY: COUNTY_DIGITS,
    Division.Level.TOWNSHIP: 9,
    Division.Level.VILLAGE: 12,
}
"""So many digits of its code name a division; those below it begin with them."""


class NoSuchDivision(LookupError):
    """There is no such division on the actor's ground."""


def span_of(division: Division) -> tuple[str, str]:
    """Return the first and the last code of a division and everything below it."""
    stem = division.stats_code[: DIGITS[Division.Level(division.level)]]
    return stem.ljust(12, "0"), stem.ljust(12, "9")


@dataclass(frozen=True)
class Ground:
    """What an actor looks at on a day: a division and all below it."""

    top: Division
    day: dt.date

    def division(self, code: str) -> Division:
        """Return one division; raises `NoSuchDivision` for one outside the ground."""
        found = division_on(code, self.day)
        if found is None or not self.holds(code):
            raise NoSuchDivision(code)
        return found

    def holds(self, code: str) -> bool:
        """Return whether a code lies on the ground."""
        first, last = span_of(self.top)
        return first <= code <= last

    def nearest(self, code: str) -> Division:
        """Return the division with this code, or the nearest one above it that is known."""
        for digits in sorted(DIGITS.values(), reverse=True):
            found = division_on(code[:digits].ljust(12, "0"), self.day)
            if found is not None and self.holds(found.stats_code):
                return found
        return self.top

    def below(self, division: Division) -> list[Division]:
        """Return the divisions directly below one."""
        return divisions_below(division.stats_code, self.day)

    def above(self, division: Division) -> list[Division]:
        """Return the divisions above one that belong to the ground, the topmost first."""
        return [each for each in divisions_above(division, self.day) if self.holds(each.stats_code)]

    def find(self, text: str) -> QuerySet[Division]:
        """Return the divisions of the ground whose name contains the text, or whose code begins with it."""
        return find_divisions(text, self.day).filter(stats_code__range=span_of(self.top))

    def names(self, codes: Sequence[str]) -> dict[str, str]:
        """Return code → name of divisions."""
        return dict(divisions_on(self.day).filter(stats_code__in=codes).values_list("stats_code", "name"))


def ground_of(actor: Actor, day: dt.date) -> Ground:
    """Return the ground of an actor: the city, or the county (for the city's own ones the city) its institution is in.

    Raises `NoSuchDivision` where the registry has none.
    """
    cities = divisions_on(day).filter(level=Division.Level.CITY)
    top = cities.first() if actor.institution_id is None else _county_of(actor.institution_id, day)
    if top is None:
        raise NoSuchDivision
    return Ground(top, day)


def _county_of(institution_id: int, day: dt.date) -> Division | None:
    code = Institution.objects.values_list("division_code", flat=True).filter(id=institution_id).first() or ""
    return division_on(code[:COUNTY_DIGITS].ljust(12, "0"), day)
