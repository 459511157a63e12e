"""Defects that lie between visits and their diagnoses, decided while both sheets are together."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.contradictions import SECOND_VISIT
from kangqiao.simulation.defects import Settled
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import further_encounters
from kangqiao.simulation.mistakes import with_values
from kangqiao.simulation.sheets import Sheet

VISITS, DIAGNOSES = "outpatient-encounter", "diagnosis"
KINDS = ("no-diagnosis", "double-entry")


def settle_visits(
    care: list[Sheet], random: np.random.Generator, rate: np.ndarray
) -> tuple[list[Sheet], dict[str, Settled]]:
    """Decide which visits lose their diagnoses, and which are entered twice.

    A second entry takes the further diagnoses with it, so that none of the two is without: only visits with several
    lend themselves to it. Returns the sheets, and what is settled by data set. ``rate`` is as in ``plant``.
    """
    place = {sheet.data_set: number for number, sheet in enumerate(care)}
    visits, diagnoses = care[place[VISITS]], care[place[DIAGNOSES]]
    owner = _owners(diagnoses, visits)
    several = np.bincount(owner + 1, minlength=len(visits) + 1)[1:] > 1
    bare, twice = (random.random(len(visits)) < rate[visits.institution, _line(kind)] for kind in KINDS)
    twice &= several & ~bare
    of_bare, of_twice = np.r_[bare, False][owner], np.r_[twice, False][owner]
    moved = np.flatnonzero(of_twice & (diagnoses.columns["sequence"] > 1))
    second = further_encounters(diagnoses.columns["encounter"].numbers[moved], SECOND_VISIT)
    kept = np.flatnonzero(~of_bare)
    care = list(care)
    care[place[DIAGNOSES]] = with_values(diagnoses, moved, "encounter", second).take(kept)
    chosen = {_line(kind): np.flatnonzero(rows) for kind, rows in zip(KINDS, (bare, twice), strict=True)}
    return care, {VISITS: Settled(bare | twice, chosen), DIAGNOSES: Settled(of_twice[kept])}


def _line(kind: str) -> int:
    """Return the line of defects.csv that plants a kind in visits."""
    table = facts("defects")
    return int(np.flatnonzero((table["kind"] == kind) & (table["data_set"] == VISITS))[0])


def _owners(diagnoses: Sheet, visits: Sheet) -> np.ndarray:
    """Return the row of each diagnosis's visit, -1 where it was made in a ward."""
    if not len(visits):
        return np.full(len(diagnoses), -1)
    numbers, order = diagnoses.columns["encounter"].numbers, np.argsort(visits.keys.numbers)
    ordered = visits.keys.numbers[order]
    found = np.minimum(np.searchsorted(ordered, numbers), len(visits) - 1)
    return np.where(ordered[found] == numbers, order[found], -1)
