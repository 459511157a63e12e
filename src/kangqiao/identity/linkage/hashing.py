"""Texts and values as numbers that everybody computes alike, today and in ten years, row by row or millions at once.

A hash is of a sequence of integers: the code points of a text, or the values a rule looks at. `hashed` says in plain
Python what the compiled functions compute.
"""
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Iterable
from typing import Final

import numba
import numpy as np
import pyarrow as pa

FACTOR: Final = 0x9E3779B97F4A7C15
FOLD: Final = 31
SPARE: Final = 2
"""Bits left out, so that a hash is a positive int64."""
_WORD: Final = (1 << 64) - 1
_SPACE: Final = 0x20


def hashed(parts: Iterable[int]) -> int:
    """Return a hash of integers, 1 to 2**62; 0 of nothing."""
    value, empty = 0, True
    for part in parts:
        value = (value ^ (part & _WORD)) * FACTOR & _WORD
        value ^= value >> FOLD
        empty = False
    return 0 if empty else (value >> SPARE) + 1


def text_hash(text: str) -> int:
    """Return the hash of a text's code points without spaces around them, 0 of none."""
    return hashed(map(ord, text.strip(" ")))


@numba.njit(cache=True, nogil=True)
def mix(value, part):  # pragma: no cover - compiled
    """Return the state (uint64) after one more part (int64); begin with 0 and end with `closed`."""
    value = (value ^ np.uint64(part)) * np.uint64(FACTOR)
    return value ^ (value >> np.uint64(FOLD))


@numba.njit(cache=True, nogil=True)
def closed(value):  # pragma: no cover - compiled
    """Return the hash (int64) of what was mixed."""
    return np.int64(value >> np.uint64(SPARE)) + 1


@numba.njit(cache=True, nogil=True)
def hashed_rows(rows):  # pragma: no cover - compiled
    """Return the hash of each row of code points (rows, places), which zeros fill up at the end."""
    found = np.zeros(len(rows), np.int64)
    for row in range(len(rows)):
        value = np.uint64(0)
        for place in range(rows.shape[1]):
            if rows[row, place] == 0:
                break
            value = mix(value, np.int64(rows[row, place]))
        if rows[row, 0] != 0:
            found[row] = closed(value)
    return found


def text_hashes(texts: pa.Array) -> np.ndarray:
    """Return `text_hash` of each text (int64), 0 for nulls."""
    return _text_hashes(*utf8(texts))


def utf8(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of all texts in a row (uint8) and where each begins, with the end of the last (int32)."""
    filled = texts.cast(pa.string()).fill_null("")
    _, offsets, data = filled.buffers()
    start = filled.offset
    edges = np.frombuffer(offsets, np.int32)[start : start + len(filled) + 1] if len(filled) else np.zeros(1, np.int32)
    return np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), edges


@numba.njit(cache=True, nogil=True)
def _text_hashes(data, edges):  # pragma: no cover - compiled
    found = np.zeros(len(edges) - 1, np.int64)
    for row in range(len(found)):
        start, end = edges[row], edges[row + 1]
        while start < end and data[start] == _SPACE:
            start += 1
        while start < end and data[end - 1] == _SPACE:
            end -= 1
        if start < end:
            found[row] = _text_hash(data, start, end)
    return found


@numba.njit(cache=True, nogil=True)
def _text_hash(data, start, end):  # pragma: no cover - compiled
    value, place = np.uint64(0), start
    while place < end:
        first = np.int64(data[place])
        more = 0 if first < 0x80 else 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        code = first if more == 0 else first & (0x3F >> more)
        for further in range(place + 1, place + 1 + more):
            code = code << 6 | np.int64(data[further]) & 0x3F
        value = mix(value, code)
        place += 1 + more
    return closed(value)
