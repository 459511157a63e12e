"""Mistakes on purpose, at known rates per institution, each noted in the truth: what a platform has to find."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from kangqiao.simulation import contradictions, mistakes
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.contradictions import second_entry
from kangqiao.simulation.draws import stream
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.mistakes import DAY, with_values, word
from kangqiao.simulation.sheets import Keys, Pick, Sheet, joined, stack, take

CHANGES = mistakes.CHANGES | contradictions.CHANGES

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
class Settled:
    """What was decided about a sheet together with another one (see ``visit_defects``).

    taken   rows that get no other defect
    chosen  line of defects.csv → the rows that get it
    """

    taken: np.ndarray
    chosen: dict[int, np.ndarray] = field(default_factory=dict)


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


def plant(
    sheet: Sheet, random: np.random.Generator, rate: np.ndarray, calendar: Calendar, settled: Settled | None = None
) -> Planted:
    """Plant defects in a sheet, one at most in a row.

    ``rate`` is (institutions, lines of defects.csv): the share, among the rows that lend themselves to it, that get a
    defect. Lines that add rows come after all others of their data set, since added rows must have every column.
    """
    table = facts("defects")
    settled = settled or Settled(np.zeros(len(sheet), dtype=bool))
    bed = _Bed(sheet, settled.taken.copy(), np.zeros(len(sheet), dtype=bool), random, calendar)
    for line in np.flatnonzero(table["data_set"] == sheet.data_set).tolist():
        rows = settled.chosen.get(line)
        if rows is None:
            rows = bed.drawn(rate[:, line])
        noted = bed.spoil(table["kind"][line], table["column"][line], rows)
        bed.notes.append(_note(*noted, line))
    return bed.planted()


@dataclass
class _Bed:
    """A sheet while defects are planted in it; ``added`` rows join it at the end."""

    sheet: Sheet
    spoilt: np.ndarray
    late: np.ndarray
    random: np.random.Generator
    calendar: Calendar
    added: list[Sheet] = field(default_factory=list)
    notes: list[Truth] = field(default_factory=list)

    def drawn(self, rate: np.ndarray) -> np.ndarray:
        """Return rows not spoilt yet, drawn at the rate of their institution."""
        lots = self.random.random(len(self.spoilt))
        return np.flatnonzero(~self.spoilt & (lots < rate[self.sheet.institution]))

    def spoil(self, kind: str, column: str, rows: np.ndarray) -> tuple[Sheet, np.ndarray]:
        """Plant a defect in rows; return the sheet and its rows that have it now."""
        if kind in ("late-row", "corrected-row", "voided-row"):
            rows = _before_last_period(self.sheet, rows, self.calendar)
        if kind == "late-row":
            self.late[rows] = True
        elif kind in ("corrected-row", "voided-row"):
            void = kind == "voided-row"
            self.added.append(_next_version(self.sheet.take(rows), self.random, self.calendar, void=void))
            self.sheet = self.sheet if void else _wrong_at_first(self.sheet, rows, column)
        elif kind == "duplicate-row":
            self.added.append(self.sheet.take(rows))
        elif kind == "double-entry":
            self.added.append(second_entry(self.sheet.take(rows)))
        elif kind != "no-diagnosis":
            self.sheet, rows = CHANGES[kind](self.sheet, rows, column)
        self.spoilt[rows] = True
        return (self.added[-1], np.arange(len(rows))) if kind == "double-entry" else (self.sheet, rows)

    def planted(self) -> Planted:
        sheet = stack([self.sheet, *self.added]) if self.added else self.sheet
        late = np.r_[self.late, np.zeros(len(sheet) - len(self.late), dtype=bool)]
        return Planted(sheet, late, _joined([_note(self.sheet, np.zeros(0, dtype=np.int64), 0), *self.notes]))


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


def _note(sheet: Sheet, rows: np.ndarray, line: int) -> Truth:
    return Truth(sheet.institution[rows], take(sheet.keys, rows), np.full(len(rows), line), sheet.person[rows])


def _joined(notes: list[Truth]) -> Truth:
    return Truth(
        *(joined([getattr(note, name) for note in notes]) for name in ("institution", "keys", "line", "person"))
    )
