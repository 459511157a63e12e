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

from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of

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
