"""Mistakes on purpose, at known rates per institution, each noted in the truth: what a platform has to find."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import stream
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.mistakes import CHANGES, DAY, with_values, word
from kangqiao.simulation.sheets import Keys, Pick, Sheet, stack, take

CAREFUL, ORDINARY, CARELESS = 0.3, 1.0, 14.0
"""How often an institution errs, as multiples of the rates in ``defects.csv``."""

HIGHEST_RATE = 0.6


@dataclass(frozen=True)
class Truth:
    """Planted defects: for each the institution, the row's key, the line of defects.csv and the person concerned."""

    institution: np.ndarray
    keys: Keys
    line: np.ndarray
    person: np.ndarray


@dataclass(frozen=True)
class Planted:
    """A sheet with its defects; ``late`` rows travel one period after their time."""

    sheet: Sheet
    late: np.ndarray
    truth: Truth


def care(institutions: Institutions, seed: int) -> np.ndarray:
    """Return how often each institution errs: two are careless, the others careful or ordinary."""
    random = stream(seed, "care")
    factor = np.where(random.random(len(institutions)) < 0.4, CAREFUL, ORDINARY)
    factor[careless(institutions)] = CARELESS
    return factor


def careless(institutions: Institutions) -> list[int]:
    """Return the two careless institutions: a private hospital and a hospital or township of another kind."""
    kinds = [one.kind for one in institutions.each]
    other = next(kind for kind in ("county_tcm", "township", "community") if kind in kinds)
    return [kinds.index("private"), len(kinds) - 1 - kinds[::-1].index(other)]


def rates(institutions: Institutions, seed: int) -> np.ndarray:
    """Return (institutions, lines of defects.csv): the share of an institution's rows that get each defect."""
    return np.minimum(care(institutions, seed)[:, None] * facts("defects").numbers("rate"), HIGHEST_RATE)


def plant(sheet: Sheet, random: np.random.Generator, rate: np.ndarray, calendar: Calendar) -> Planted:
    """Plant defects in a sheet, one at most in a row.

    ``rate`` is (institutions, lines of defects.csv): the share, among the rows that lend themselves to it, that get a
    defect. Lines that add rows come after all others of their data set, since added rows must have every column.
    """
    table = facts("defects")
    spoilt, late = np.zeros(len(sheet), dtype=bool), np.zeros(len(sheet), dtype=bool)
    added, notes = [], []
    for line in np.flatnonzero(table["data_set"] == sheet.data_set):
        rows = np.flatnonzero(~spoilt & (random.random(len(spoilt)) < rate[sheet.institution, line]))
        kind, column = table["kind"][line], table["column"][line]
        if kind == "late-row":
            rows = _before_last_period(sheet, rows, calendar)
            late[rows] = True
        elif kind == "duplicate-row":
            added.append(sheet.take(rows))
        elif kind in ("corrected-row", "voided-row"):
            rows = _before_last_period(sheet, rows, calendar)
            added.append(_next_version(sheet.take(rows), random, calendar, void=kind == "voided-row"))
            sheet = sheet if kind == "voided-row" else _wrong_at_first(sheet, rows, column)
        else:
            sheet, rows = CHANGES[kind](sheet, rows, column)
        spoilt[rows] = True
        notes.append((rows, np.full(len(rows), line)))
    truth = _truth(sheet, notes)
    if added:
        sheet = stack([sheet, *added])
        late = np.r_[late, np.zeros(len(sheet) - len(late), dtype=bool)]
    return Planted(sheet, late, truth)


def _before_last_period(sheet: Sheet, rows: np.ndarray, calendar: Calendar) -> np.ndarray:
    return rows[calendar.period(sheet.revised[rows]) + 1 < len(calendar.starts)]


def _next_version(sheet: Sheet, random: np.random.Generator, calendar: Calendar, *, void: bool) -> Sheet:
    """Return the rows as they come again in the period after their own, void or put right."""
    next_start = calendar.starts[calendar.period(sheet.revised) + 1].astype("datetime64[s]")
    revised = next_start + random.integers(DAY, 20 * DAY, len(sheet))
    return replace(sheet, revised=revised, voided=np.full(len(sheet), void))


def _wrong_at_first(sheet: Sheet, rows: np.ndarray, column: str) -> Sheet:
    """Return the sheet with a wrong value in rows that a later version puts right."""
    old = sheet.columns[column]
    if isinstance(old, Pick):
        return with_values(sheet, rows, column, word(len(rows), "待补充"))
    right = np.asarray(old)[rows]
    return with_values(sheet, rows, column, right + 1 if column == "days" else np.round(right * 1.1, 1))


def _truth(sheet: Sheet, notes: list[tuple[np.ndarray, np.ndarray]]) -> Truth:
    rows, lines = (np.concatenate([np.zeros(0, np.int64), *column]) for column in zip(*notes, ([], []), strict=True))
    rows = rows.astype(np.int64)
    return Truth(sheet.institution[rows], take(sheet.keys, rows), lines.astype(np.int64), sheet.person[rows])
