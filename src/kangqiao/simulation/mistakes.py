"""How clerks and programs spoil rows: each mistake takes a sheet, some of its rows and a column.

A change returns the sheet and the rows that really changed (some rows do not lend themselves to a mistake); the kinds
are the words of ``defects.csv``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.facts import facts
from kangqiao.simulation.sheets import Keys, Pick, Sheet, fixed_text, text_of

DAY = 86_400
Change = Callable[[Sheet, np.ndarray, str], tuple[Sheet, np.ndarray]]


def with_values(sheet: Sheet, rows: np.ndarray, column: str, values: Any) -> Sheet:
    """Return the sheet with new values in some rows of a column."""
    old = sheet.columns[column]
    if isinstance(old, Pick):
        index = old.index.copy()
        assert isinstance(values, Pick)
        index[rows] = np.where(values.index < 0, -1, values.index + len(old.words))
        return sheet.with_columns(**{column: Pick(index, pa.concat_arrays([old.words, values.words]))})
    if isinstance(old, np.ndarray):
        fresh = old.astype(np.float64) if old.dtype.kind in "iu" else old.copy()
        fresh[rows] = values
        return sheet.with_columns(**{column: fresh})
    if isinstance(old, Keys):
        numbers = old.numbers.copy()
        numbers[rows] = values
        return sheet.with_columns(**{column: Keys(old.prefix, numbers, old.width)})
    mask = np.zeros(len(sheet), dtype=bool)
    mask[rows] = True
    return sheet.with_columns(**{column: pc.replace_with_mask(old, pa.array(mask), values)})


def word(count: int, word: str | None) -> Pick:
    return Pick(np.full(count, -1 if word is None else 0, dtype=np.int32), text_of([word or ""]))


def _missing(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    old = sheet.columns[column]
    if isinstance(old, Pick):
        return with_values(sheet, rows, column, word(len(rows), None)), rows
    if isinstance(old, np.ndarray):
        return with_values(sheet, rows, column, np.datetime64("NaT") if old.dtype.kind == "M" else np.nan), rows
    return with_values(sheet, rows, column, pa.nulls(len(rows), pa.string())), rows


def _missing_id(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    rows = rows[np.asarray(pc.is_valid(sheet.columns[column]))[rows]]
    sheet = with_values(sheet, rows, "document_type", word(len(rows), None))
    return _missing(sheet, rows, column)


def _on_id(
    change: Callable[[np.ndarray], np.ndarray],
) -> Callable[[Sheet, np.ndarray, str], tuple[Sheet, np.ndarray]]:
    """Make a change of 18 cells per number into a change of the sheet; numbers of other lengths are left alone."""

    def changed(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
        numbers = sheet.columns[column]
        rows = rows[np.asarray(pc.fill_null(pc.equal(pc.utf8_length(numbers), 18), False))[rows]]
        if not len(rows):
            return sheet, rows
        cells = _cells(numbers.take(pa.array(rows)))
        return with_values(sheet, rows, column, fixed_text(change(cells))), rows

    return changed


def _cells(numbers: pa.Array) -> np.ndarray:
    dense = pa.concat_arrays([numbers])
    start = np.frombuffer(dense.buffers()[1], dtype=np.int32)[dense.offset]
    return np.frombuffer(dense.buffers()[2], dtype=np.uint8)[start : start + 18 * len(dense)].reshape(-1, 18).copy()


def _transposed(cells: np.ndarray) -> np.ndarray:
    """Swap the first two unlike neighbours from the eleventh digit on (month, day, sequence)."""
    unlike = cells[:, 10:16] != cells[:, 11:17]
    place = 10 + unlike.argmax(axis=1)
    rows = np.arange(len(cells))
    cells[rows, place], cells[rows, place + 1] = cells[rows, place + 1], cells[rows, place].copy()
    return cells


def _wrong_check(cells: np.ndarray) -> np.ndarray:
    last = cells[:, 17]
    cells[:, 17] = np.where(last == ord("X"), ord("0"), ord("0") + (last - ord("0") + 1) % 10)
    return cells


def _fifteen(cells: np.ndarray) -> np.ndarray:
    return np.delete(cells, [6, 7, 17], axis=1)


def _full_width(cells: np.ndarray) -> np.ndarray:
    """Write ０–９ and Ｘ: the three UTF-8 bytes EF BC (byte + 0x60)."""
    wide = np.empty((len(cells), 18, 3), dtype=np.uint8)
    wide[:, :, 0], wide[:, :, 1], wide[:, :, 2] = 0xEF, 0xBC, cells + 0x60
    return wide.reshape(len(cells), 54)


def _look_alike(cells: np.ndarray) -> np.ndarray:
    zero = (cells == ord("0")).argmax(axis=1)
    cells[np.arange(len(cells)), zero] = ord("O")
    return cells


def _spaced(cells: np.ndarray) -> np.ndarray:
    return np.insert(cells, [6, 14], ord(" "), axis=1)


def _old_enough(
    change: Callable[[Sheet, np.ndarray, str], tuple[Sheet, np.ndarray]],
) -> Callable[[Sheet, np.ndarray, str], tuple[Sheet, np.ndarray]]:
    """Fifteen digits were given to people born before 1999 only, and say nothing of the century."""

    def changed(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
        born = sheet.columns["birth_date"][rows]
        return change(sheet, rows[(born < np.datetime64("1999-01-01")) & (born >= np.datetime64("1900-01-01"))], column)

    return changed


def _mothers_id(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """A small child is registered under the mother's number."""
    mother = sheet.columns["_mother_id"]
    age = (sheet.columns["registered_at"].astype("datetime64[D]") - sheet.columns["birth_date"]).astype(np.int64)
    rows = rows[np.asarray(pc.is_valid(mother))[rows] & (age[rows] < 6 * 365)]
    sheet = with_values(sheet, rows, "document_type", word(len(rows), "01"))
    return with_values(sheet, rows, column, mother.take(pa.array(rows))), rows


def _newborn_name(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """A newborn without a name yet is registered as the mother's son or daughter, without a number."""
    age = (sheet.columns["registered_at"].astype("datetime64[D]") - sheet.columns["birth_date"]).astype(np.int64)
    mother = sheet.columns["_mother_name"]
    rows = rows[np.asarray(pc.is_valid(mother))[rows] & (age[rows] < 40)]
    suffix = text_of(["之子", "之女"]).take(pa.array(sheet.columns["sex"].index[rows]))
    names = pc.binary_join_element_wise(mother.take(pa.array(rows)), suffix, "")
    sheet = with_values(sheet, rows, "document_type", word(len(rows), None))
    sheet = with_values(sheet, rows, "document_number", pa.nulls(len(rows), pa.string()))
    return with_values(sheet, rows, column, names), rows


def _name_variant(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """One character is written with another of the same sound."""
    pairs = facts("homophones")
    names = sheet.columns[column].take(pa.array(rows))
    fresh = names
    for true, written in zip(pairs["true"], pairs["written"], strict=True):
        untouched = pc.equal(fresh, names)
        fresh = pc.if_else(untouched, pc.replace_substring(fresh, true, written, max_replacements=1), fresh)
    changed = np.asarray(pc.not_equal(fresh, names))
    return with_values(sheet, rows[changed], column, fresh.filter(pa.array(changed))), rows[changed]


def _missing_dot(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    names = sheet.columns[column].take(pa.array(rows))
    fresh = pc.replace_substring(names, "·", "")
    changed = np.asarray(pc.not_equal(fresh, names))
    return with_values(sheet, rows[changed], column, fresh.filter(pa.array(changed))), rows[changed]


def _born_after(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, sheet.columns["registered_at"][rows].astype("datetime64[D]") + 400), rows


def _swapped_rh(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """1 and 2 change places, as in local dictionaries where 1 means positive."""
    old = sheet.columns[column]
    known = np.isin(old.index[rows], (0, 1))
    rows = rows[known]
    return with_values(sheet, rows, column, Pick(1 - old.index[rows], old.words)), rows


def _unknown_code(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, word(len(rows), "ZZ")), rows


def _lost_zero(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """A spreadsheet took the code for a number."""
    old = sheet.columns[column]
    words = np.array(["" if word is None else word for word in old.words.to_pylist()], dtype=object)
    shorter = np.array([word.lstrip("0") for word in words], dtype=object)
    loses = np.r_[np.array([bool(s) and s != w for s, w in zip(shorter, words, strict=True)], dtype=bool), False]
    rows = rows[loses[old.index[rows]]]
    return with_values(sheet, rows, column, Pick(old.index[rows], text_of(shorter))), rows


def _name_mismatch(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    rows = rows[sheet.columns[column].index[rows] >= 0]
    index = np.full(len(sheet), -1, dtype=np.int32)
    index[rows] = 0
    return sheet.with_columns(**{f"{column}_name": Pick(index, text_of(["不详（演示）"]))}), rows


def _future(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, sheet.columns[column][rows] + 36 * 365 * DAY), rows


def _missing_parent(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, sheet.columns[column].numbers[rows] // 100 * 100 + 98), rows


def _discharge_first(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    rows = rows[~np.isnat(sheet.columns[column][rows])]
    return with_values(sheet, rows, column, sheet.columns["admitted"][rows] - 2 * DAY), rows


def _report_first(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    earlier = sheet.columns["sampled" if "sampled" in sheet.columns else "examined"]
    return with_values(sheet, rows, column, earlier[rows] - DAY), rows


def _wrong_unit(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    """Metres instead of centimetres; mg/dL instead of mmol/L; a value multiplied by 1000."""
    factor = {"height": 0.01, "fasting_glucose": 18.0}.get(column, 1000.0)
    values = np.asarray(sheet.columns[column][rows], dtype=np.float64)
    rows, values = rows[~np.isnan(values)], values[~np.isnan(values)]
    return with_values(sheet, rows, column, np.round(values * factor, 3)), rows


def _swapped_pressures(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    rows = rows[~np.isnan(sheet.columns[column][rows])]
    upper, lower = sheet.columns["systolic"][rows], sheet.columns["diastolic"][rows]
    return with_values(with_values(sheet, rows, "systolic", lower), rows, "diastolic", upper), rows


def _wrong_total(sheet: Sheet, rows: np.ndarray, column: str) -> tuple[Sheet, np.ndarray]:
    return with_values(sheet, rows, column, np.round(sheet.columns[column][rows] + 10, 2)), rows


CHANGES: dict[str, Change] = {
    "missing-id": _missing_id,
    "transposed-id": _on_id(_transposed),
    "wrong-check-digit": _on_id(_wrong_check),
    "fifteen-digit-id": _old_enough(_on_id(_fifteen)),
    "full-width-id": _on_id(_full_width),
    "look-alike-id": _on_id(_look_alike),
    "spaced-id": _on_id(_spaced),
    "mothers-id": _mothers_id,
    "newborn-name": _newborn_name,
    "name-variant": _name_variant,
    "missing-dot": _missing_dot,
    "born-after-visit": _born_after,
    "swapped-rh": _swapped_rh,
    "unknown-code": _unknown_code,
    "lost-zero": _lost_zero,
    "code-name-mismatch": _name_mismatch,
    "missing-required": _missing,
    "future-date": _future,
    "missing-parent": _missing_parent,
    "discharge-before-admission": _discharge_first,
    "report-before-sampling": _report_first,
    "wrong-unit": _wrong_unit,
    "swapped-pressures": _swapped_pressures,
    "wrong-total": _wrong_total,
    "wrong-sum": _wrong_total,
}
