"""Spells in which an institution sends too little: weekends without rows, and days from which most rows are missing.

No row tells of them; they are noted by institution, data set and days. With a visit goes everything that hangs on it,
with a laboratory report its results, so that no other defect comes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import careless
from kangqiao.simulation.draws import steady_uniform, stream
from kangqiao.simulation.institutions import CARE, Institution, Institutions
from kangqiao.simulation.places import Places
from kangqiao.simulation.sheets import Sheet
from kangqiao.simulation.visits import INPATIENT, Visits
from kangqiao.simulation.wire import links

WEEKEND_GAP, SUDDEN_DROP = "weekend-gap", "sudden-drop"
VISITS, REPORTS, RESULTS = "outpatient-encounter", "lab-report", "lab-result"

WHOLLY = {VISITS: (VISITS, "prescription", "prescription-item"), REPORTS: (REPORTS, RESULTS)}
"""Data set of a spell → those of which all rows go, too: outpatients' only, or parts of a report."""

LOST = 0.85
"""Share of the rows that a sudden drop loses."""

DROP_DAYS, GAP_MONTHS = 28, 3

A_DAY = {
    VISITS: {"township": 0.00145, "county_general": 0.00064, "city_general": 0.00022},
    REPORTS: {"county_general": 0.00034, "city_general": 0.000134},
}
"""Rows a day for each resident that an institution of a level serves, as measured in generated cities."""

ENOUGH = {VISITS: 4.0, REPORTS: 2.0}
"""Rows a day below which nobody can tell a spell from chance: 28 days without are 56 rows at least."""


@dataclass(frozen=True)
class Spell:
    """From the ``first`` to the ``last`` day, both included, ``institution`` (its number) sends too little."""

    institution: int
    data_set: str
    kind: str
    first: np.datetime64
    last: np.datetime64

    def hides(self, institution: np.ndarray, at: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Say which rows stay at the institution: whose they are, when they happened, and a number for each."""
        day = at.astype("datetime64[D]")
        within = (institution == self.institution) & (day >= self.first) & (day <= self.last)
        if self.kind == WEEKEND_GAP:
            return within & ~np.is_busday(day)
        return within & (steady_uniform(number, 91) < LOST)


def spells(places: Places, institutions: Institutions, calendar: Calendar, seed: int) -> tuple[Spell, ...]:
    """Return two spells of each kind, every one at another of the largest institutions; fewer in a small city."""
    random = stream(seed, "spells")
    taken, found = set(careless(institutions)), []
    for data_set in (REPORTS, VISITS):
        largest = [number for number in _large(places, institutions, data_set) if number not in taken][:2]
        for kind, number in zip((WEEKEND_GAP, SUDDEN_DROP), random.permutation(largest).tolist(), strict=False):
            found.append(Spell(number, data_set, kind, *_days(random, kind, calendar)))
            taken.add(number)
    return tuple(found)


def _large(places: Places, institutions: Institutions, data_set: str) -> list[int]:
    """Return the institutions that can be expected to send enough rows of a data set a day, largest first."""
    rates = {CARE.index(level): rate for level, rate in A_DAY[data_set].items()}
    expected = [rates.get(one.level, 0) * _served(one, places) for one in institutions.each]
    large = [number for number, rows in enumerate(expected) if rows >= ENOUGH[data_set]]
    return sorted(large, key=lambda number: -expected[number])


def _served(one: Institution, places: Places) -> int:
    """Return how many people live in an institution's county or township (in the city, where it is above both)."""
    return sum(
        town.population
        for town in places.townships
        if one.county in (-1, town.county) and one.township in (-1, town.number)
    )


def _days(random: np.random.Generator, kind: str, calendar: Calendar) -> tuple[np.datetime64, np.datetime64]:
    """Return the first and last day of a spell: within the last year, with months before and weeks after it."""
    if kind == SUDDEN_DROP:
        first = calendar.last - int(random.integers(60, 240))
        return first, first + DROP_DAYS - 1
    month = calendar.last.astype("datetime64[M]") - int(random.integers(GAP_MONTHS + 1, 9))
    return month.astype("datetime64[D]"), (month + GAP_MONTHS).astype("datetime64[D]") - 1


def without_hidden_visits(visits: Visits, all_spells: tuple[Spell, ...]) -> Visits:
    """Return the visits that institutions tell of."""
    hidden = np.zeros(len(visits), dtype=bool)
    for spell in all_spells:
        if spell.data_set == VISITS:
            hidden |= spell.hides(visits.institution, visits.at, visits.serial) & (visits.kind != INPATIENT)
    return visits.take(np.flatnonzero(~hidden)) if hidden.any() else visits


def without_hidden_reports(sheets: list[Sheet], all_spells: tuple[Spell, ...]) -> list[Sheet]:
    """Return laboratory reports, and the sheets of their parts that follow, without what institutions keep."""
    reports = sheets[0]
    hidden = np.zeros(len(reports), dtype=bool)
    for spell in all_spells:
        if spell.data_set == REPORTS:
            hidden |= spell.hides(reports.institution, reports.columns["reported"], reports.keys.numbers)
    if not hidden.any():
        return sheets
    lost, kept = {REPORTS: reports.keys.numbers[hidden]}, [reports.take(np.flatnonzero(~hidden))]
    for part in sheets[1:]:
        gone = np.zeros(len(part), dtype=bool)
        for column, parents in links(part):
            for word in parents:
                gone |= np.isin(part.columns[column].numbers, lost.get(word, []))
        lost[part.data_set] = part.keys.numbers[gone]
        kept.append(part.take(np.flatnonzero(~gone)))
    return kept
