"""Who registers where and when: every contact leaves one registration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import Choices
from kangqiao.simulation.identities.lives import Lives
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.institutions import CARE

VISITED = (0.30, 0.22, 0.20, 0.07, 0.06, 0.07, 0.02, 0.02, 0.04)
"""Shares of the levels of CARE among registrations."""

BORN_AT = (0, 0.15, 0.45, 0, 0.32, 0.03, 0, 0.05, 0)
"""The same among registrations at birth."""

UNEVEN = 1.3
"""Shape of the gamma distribution of how often people register: small is uneven."""

READERS = ("village", "township", "county", "county", "county", "city", "city", "city", "private")
"""Which rate of missing card readers goes with each level of CARE."""


@dataclass(frozen=True)
class Contacts:
    """Contacts of a township's people.

    person       position among them
    institution  number of the institution
    level        place in CARE
    day          datetime64[D]
    newborn      whether the person has just been born there
    typed        whether the clerk typed what was said, instead of reading the card
    """

    person: np.ndarray
    institution: np.ndarray
    level: np.ndarray
    day: np.ndarray
    newborn: np.ndarray
    typed: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def on(self, rows: np.ndarray, day: np.ndarray) -> Contacts:
        """Return some contacts as they are repeated on a later day, with papers that are read."""
        neither = np.zeros(len(rows), dtype=bool)
        return Contacts(self.person[rows], self.institution[rows], self.level[rows], day, neither, neither)


def contacts_of(
    lives: Lives, *, further: int, catchment: np.ndarray, calendar: Calendar, random: np.random.Generator
) -> Contacts:
    """Return one contact of everybody and so many ``further`` ones of some, shuffled.

    ``catchment`` is (villages, CARE): where the residents of each village go (see ``Institutions.catchment``).
    """
    people = lives.people
    everybody = np.arange(len(people))
    weights = random.gamma(UNEVEN, 1 / UNEVEN, len(people)) * _need(calendar.ages(people.born, calendar.last))
    person = np.r_[everybody, _drawn(random, weights, further)]
    first = np.arange(len(person)) < len(people)
    newborn = first & (people.born >= calendar.first)[person] & (people.mother >= 0)[person]
    newborn &= random.random(len(person)) < rate("birth-registered")
    level = Choices.of([VISITED, BORN_AT]).draw(random, newborn.astype(np.int64)).astype(np.int64)
    order = random.permutation(len(person))
    person, newborn, level = person[order], newborn[order], level[order]
    readers = np.array([rate(f"no-card-reader-{one}") for one in READERS])
    return Contacts(
        person=person,
        institution=_nearest_of_level(catchment, people.village[person], level),
        level=level,
        day=_days(lives, person, newborn, calendar, random),
        newborn=newborn,
        typed=newborn | (random.random(len(person)) < readers[level]),
    )


def _need(age: np.ndarray) -> np.ndarray:
    return np.where(age < 6, 1.5, np.where(age > 65, 1.8, 1.0))


def _drawn(random: np.random.Generator, weights: np.ndarray, count: int) -> np.ndarray:
    """Return so many positions, each drawn in proportion to its weight."""
    steps = np.cumsum(weights)
    return np.searchsorted(steps, random.random(count) * (steps[-1] if len(steps) else 0), side="right")


def _nearest_of_level(catchment: np.ndarray, village: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Return the institutions of the levels for the villages, the township's where there is none of that level."""
    complete = np.where(catchment < 0, catchment[:, [CARE.index("township")]], catchment)
    return complete[village, level].astype(np.int32)


def _days(
    lives: Lives, person: np.ndarray, newborn: np.ndarray, calendar: Calendar, random: np.random.Generator
) -> np.ndarray:
    """Return days in the calendar and the people's lives; of newborns the first three."""
    people = lives.people
    first = np.maximum(people.born[person], calendar.first)
    last = np.where(np.isnat(people.died[person]), calendar.last, people.died[person])
    lived = (last - first).astype(np.int64) + 1
    later = (random.random(len(person)) * np.maximum(lived, 1)).astype(np.int64)
    return np.minimum(first + np.where(newborn, np.minimum(later, random.integers(0, 3, len(person))), later), last)
