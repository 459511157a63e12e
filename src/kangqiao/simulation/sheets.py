"""A sheet: many rows of one data set as columns, on their way from a simulated hospital into its files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Pick:
    """A column of repeated words: for each row the number of its word, -1 where missing."""

    index: np.ndarray
    words: pa.Array

    @classmethod
    def of(cls, index: np.ndarray, words: Iterable[str | None]) -> Pick:
        """Return a column of words; where a word is None the row is missing."""
        words = list(words)
        lacking = np.array([*(word is None for word in words), True])
        if lacking[:-1].any():
            index = np.where(lacking[index], -1, index).astype(np.int32)
        return cls(index, pa.array([word or "" for word in words], type=pa.string()))

    def compact(self) -> Pick:
        """Return the same column with the words it uses, each once."""
        used = np.zeros(len(self.words) + 1, dtype=bool)
        used[self.index] = True
        used[-1] = False
        once = self.words.take(pa.array(np.flatnonzero(used))).dictionary_encode()
        number = np.full(len(used), -1, dtype=np.int32)
        number[used] = once.indices
        return Pick(number[self.index], once.dictionary)

    def arrow(self) -> pa.DictionaryArray:
        index = self.index.astype(np.int32, copy=False)
        missing = index < 0
        return pa.DictionaryArray.from_arrays(pa.array(index, mask=missing if missing.any() else None), self.words)

    def text(self) -> pa.Array:
        return self.words.take(pa.array(self.index, mask=self.index < 0))


@dataclass(frozen=True)
class Keys:
    """A column of source keys kept as numbers: a prefix and ``width`` digits; negative numbers are missing."""

    prefix: str
    numbers: np.ndarray
    width: int

    def text(self) -> pa.Array:
        return digits(self.numbers, self.width, self.prefix)


Column = np.ndarray | Pick | Keys | pa.Array


@dataclass(frozen=True)
class Sheet:
    """Rows of one data set.

    person       whom each row is about (number in the city; -1 where it is about nobody)
    institution  number of the institution each row belongs to (int32)
    patient      the patient's local number (int64; -1 where it is about nobody)
    keys         source key, unique in institution and data set
    revised      when the source last changed the row (datetime64[s], city time); decides the batch it travels in
    columns      the data set's own columns by name, each an array, a Pick, Keys or an Arrow string array
    """

    data_set: str
    person: np.ndarray
    institution: np.ndarray
    patient: np.ndarray
    keys: Keys
    revised: np.ndarray
    columns: dict[str, Any]
    voided: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if len(self.voided) != len(self.institution):
            object.__setattr__(self, "voided", np.zeros(len(self.institution), bool))

    def __len__(self) -> int:
        return len(self.institution)

    def take(self, rows: np.ndarray) -> Sheet:
        """Return the rows with these numbers, in this order."""
        return replace(
            self,
            person=self.person[rows],
            institution=self.institution[rows],
            patient=self.patient[rows],
            keys=take(self.keys, rows),
            revised=self.revised[rows],
            voided=self.voided[rows],
            columns={name: take(column, rows) for name, column in self.columns.items()},
        )

    def with_columns(self, **columns: Any) -> Sheet:
        return replace(self, columns=self.columns | columns)


def take(column: Any, rows: np.ndarray) -> Any:
    """Return the chosen rows of a column of any kind."""
    if isinstance(column, Pick):
        return Pick(column.index[rows], column.words)
    if isinstance(column, Keys):
        return Keys(column.prefix, column.numbers[rows], column.width)
    if isinstance(column, np.ndarray):
        return column[rows]
    return column.take(pa.array(rows))


def stack(sheets: list[Sheet]) -> Sheet:
    """Return the rows of several sheets of one data set and origin (equal columns, equal words) as one."""
    first = sheets[0]
    return replace(
        first,
        person=np.concatenate([sheet.person for sheet in sheets]),
        institution=np.concatenate([sheet.institution for sheet in sheets]),
        patient=np.concatenate([sheet.patient for sheet in sheets]),
        keys=joined([sheet.keys for sheet in sheets]),
        revised=np.concatenate([sheet.revised for sheet in sheets]),
        voided=np.concatenate([sheet.voided for sheet in sheets]),
        columns={name: joined([sheet.columns[name] for sheet in sheets]) for name in first.columns},
    )


def joined(columns: list[Any]) -> Any:
    """Return several pieces of a column end to end; picks of different words get one list of words."""
    first = columns[0]
    if isinstance(first, Keys):
        return Keys(first.prefix, np.concatenate([piece.numbers for piece in columns]), first.width)
    if isinstance(first, np.ndarray):
        return np.concatenate(columns)
    if isinstance(first, Pick):
        offsets = np.cumsum([0, *(len(piece.words) for piece in columns)])
        if all(piece.words is first.words for piece in columns):
            return Pick(np.concatenate([piece.index for piece in columns]), first.words)
        index = [np.where(p.index < 0, -1, p.index + offset) for p, offset in zip(columns, offsets, strict=False)]
        return Pick(np.concatenate(index), pa.concat_arrays([piece.words for piece in columns]))
    return pa.concat_arrays(columns)


def digits(numbers: np.ndarray, width: int, prefix: str = "") -> pa.Array:
    """Return numbers as text of fixed width, zero-padded, behind a prefix; negative numbers are null."""
    head = np.frombuffer(prefix.encode(), dtype=np.uint8)
    cells = np.empty((len(numbers), len(head) + width), dtype=np.uint8)
    cells[:, : len(head)] = head
    rest, end = np.maximum(numbers, 0).astype(np.int64), len(head) + width
    while end > len(head):
        step = min(4, end - len(head))
        rest, low = np.divmod(rest, 10**step)
        cells[:, end - step : end] = _FOUR_DIGITS[low, 4 - step :]
        end -= step
    return fixed_text(cells, numbers < 0)


def fixed_text(cells: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Return ASCII cells (rows, width) as an Arrow string array without copying."""
    count, width = cells.shape
    offsets = np.arange(0, (count + 1) * width, width or 1, dtype=np.int32)[: count + 1]
    validity = None
    if missing is not None and missing.any():
        validity = pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(
        pa.string(), count, [validity, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(cells))]
    )


_FOUR_DIGITS = np.array([[ord(c) for c in f"{n:04d}"] for n in range(10_000)], dtype=np.uint8)


def text_of(words: np.ndarray | list[str]) -> pa.Array:
    """Return words as an Arrow string array."""
    return pa.array(words, type=pa.string())


def concatenated(*parts: pa.Array | str) -> pa.Array:
    """Return the parts of each row written one after another."""
    return pc.binary_join_element_wise(*parts, "")
