"""Rows that hold by themselves and pass the gate, but contradict other rows, the patient or nature.

As in ``mistakes``, each takes a sheet, some of its rows and a column, and returns the sheet and the rows that really
changed. A second entry of a row is the one thing here that adds rows.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np

from kangqiao.simulation.draws import mixed
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import further_encounters
from kangqiao.simulation.mistakes import Change, with_values
from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of
from kangqiao.simulation.visits import MOST_VISITS
from kangqiao.standards import value_sets

NO_VISIT, SECOND_VISIT = MOST_VISITS // 2, MOST_VISITS // 4 * 3
"""How far after a visit's number the numbers of a visit that never was, and of a visit's second entry, lie."""

SECOND_ENTRY = {"lab-result": 50, "vaccination": 10}
"""What to add to the number in a source key for the key of a second entry: ranks that no row has."""

UNREMARKABLE = "IJKM"
"""Chapters of ICD-10 whose names suit anybody: circulation, breathing, digestion, joints."""


def _no_visit(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, further_encounters(sheet.columns[column].numbers[rows], NO_VISIT)), rows


def _impossible(kind: str) -> Change:
    """Make a change that gives patients a diagnosis which people of their sex and age can not have."""

    def changed(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
        table = facts("impossible_diagnoses")
        fits = (table["kind"] == kind) & _fitting(sheet, rows)
        rows, fits = rows[fits.any(axis=1)], fits[fits.any(axis=1)]
        which = _lots(sheet, rows) % fits.sum(axis=1)
        chosen = (fits.cumsum(axis=1) > which[:, None]).argmax(axis=1)
        codes = table["code"]
        names = [value_sets.load("icd-10").name(code) for code in codes]
        sheet = with_values(sheet, rows, column, Pick(chosen, text_of(codes)))
        return with_values(sheet, rows, f"{column}_name", Pick(chosen, text_of(names))), rows

    return changed


def _fitting(sheet: Sheet, rows: np.ndarray) -> np.ndarray:
    """Return (rows, lines of impossible_diagnoses.csv): whether a patient has the sex and age of a line."""
    table = facts("impossible_diagnoses")
    age = (sheet.columns["diagnosed"][rows] - sheet.columns["_born"][rows]).astype("timedelta64[D]").astype(float)
    age = (age / 365.25)[:, None]
    sex = sheet.columns["_sex"][rows].astype(str).astype(object)[:, None]
    in_age = (table.numbers("from_age") <= age) & (age < table.numbers("below_age"))
    return in_age & ((table["sex"] == "") | (table["sex"] == sex))


def _lots(sheet: Sheet, rows: np.ndarray) -> np.ndarray:
    """Return a number for each row that is always the same for the same source key."""
    return (mixed(sheet.keys.numbers[rows]) >> np.uint64(33)).astype(np.int64)


def _name_swapped(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """The name is that of a code of another chapter."""
    chapters, names = _unremarkable()
    code = sheet.columns[column.removesuffix("_name")]
    own = np.array([word[:1] for word in code.words.to_pylist()])[code.index[rows]]
    lots, chosen = _lots(sheet, rows), np.zeros(len(rows), dtype=np.int64)
    for chapter in np.unique(own):
        others = np.flatnonzero(chapters != chapter)
        chosen[own == chapter] = others[lots[own == chapter] % len(others)]
    return with_values(sheet, rows, column, Pick(chosen, text_of(names))), rows


@functools.cache
def _unremarkable() -> tuple[np.ndarray, list[str]]:
    """Return the chapter and the name of every diagnosis that anybody can have."""
    codes = value_sets.load("icd-10").codes
    chosen = [word for word in codes if word[0] in UNREMARKABLE]
    return np.array([word[0] for word in chosen]), [codes[word].name for word in chosen]


def _not_alive(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """A decimal point is lost, in values of items for which that leads out of life."""
    items = sheet.columns["item"]
    rows = rows[items.index[rows] >= 0]
    item = facts("lab_items").rows("code", items.words.to_pylist())[items.index[rows]]
    low, high, factor = _lost_points()[:, item]
    values = np.round(sheet.columns[column][rows] * factor, 3)
    beyond = (values < low) | (values > high)
    return with_values(sheet, rows[beyond], column, values[beyond]), rows[beyond]


@functools.cache
def _lost_points() -> np.ndarray:
    """Return (3, lab_items): limits of life and the factor of a lost decimal point, NaN where there is none."""
    known, items = facts("life_limits"), facts("lab_items")
    table = np.full((3, len(items)), np.nan)
    factors = np.array([float(word or "nan") for word in known["factor"]])
    table[:, items.rows("key", known["item"])] = known.numbers("low"), known.numbers("high"), factors
    return table


def _empty_field(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """A field that need not be filled in, though everybody expects it, is left empty."""
    old = sheet.columns[column]
    if isinstance(old, Keys):
        rows = rows[old.numbers[rows] >= 0]
        return with_values(sheet, rows, column, -1), rows
    rows = rows[old.index[rows] >= 0]
    return with_values(sheet, rows, column, Pick(np.full(len(rows), -1), text_of([]))), rows


def second_entry(sheet: Sheet) -> Sheet:
    """Return rows as they are entered a second time: all the same, under keys that no other row has."""
    number = sheet.keys.numbers
    if sheet.data_set == "outpatient-encounter":
        return replace(sheet, keys=replace(sheet.keys, numbers=further_encounters(number, SECOND_VISIT)))
    return replace(sheet, keys=replace(sheet.keys, numbers=number + SECOND_ENTRY[sheet.data_set]))


CHANGES: dict[str, Change] = {
    "no-visit": _no_visit,
    "other-sex-diagnosis": _impossible("other-sex-diagnosis"),
    "impossible-age-diagnosis": _impossible("impossible-age-diagnosis"),
    "code-name-swapped": _name_swapped,
    "not-alive": _not_alive,
    "empty-field": _empty_field,
}
