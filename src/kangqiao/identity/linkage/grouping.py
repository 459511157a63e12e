"""Rows in groups of equal keys. Keys are spread over all numbers, so that two counts of digits nearly sort them."""
# mypy: disable-error-code="no-untyped-def"

from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.hashing import FACTOR

DIGIT: Final = 11
"""Bits that are sorted by at a time."""
FEW: Final = 32
"""Keys that are sorted by hand sooner than by digits."""
MARKED: Final = 18
"""Bits by which it is first asked whether a key is one of a few."""


class Groups(NamedTuple):
    """Rows in groups of equal keys, those of one key in their own order; rows of key 0 are left out.

    keys  the `scattered` keys in ascending order (uint64)
    rows  the row of each (int32)
    """

    keys: np.ndarray
    rows: np.ndarray


def grouped(key: np.ndarray) -> Groups:
    """Return the groups of the rows of some keys (int64)."""
    keys, rows, half_keys, half_rows = (np.empty(len(key), kind) for kind in (np.uint64, np.int32) * 2)
    count = _sort(key, keys, rows, half_keys, half_rows)
    return Groups(keys[:count], rows[:count])


@numba.njit(cache=True, nogil=True)
def scattered(keys):  # pragma: no cover - compiled
    """Return keys as uint64 spread over all numbers, different ones for different keys."""
    found = np.empty(len(keys), np.uint64)
    for row in range(len(keys)):
        found[row] = _scattered(keys[row])
    return found


@numba.njit(cache=True, nogil=True)
def _scattered(key):  # pragma: no cover - compiled
    return np.uint64(key) * np.uint64(FACTOR)


@numba.njit(cache=True, nogil=True)
def _sort(key, keys, rows, half_keys, half_rows):  # pragma: no cover - compiled
    """Sort by the highest digit, what shares it by the next one, and put by hand what then is out of place.

    Returns how many rows have keys. Memory, here as wherever much is needed, is NumPy's: it asks for large pages.
    """
    count = _scatter(key, keys, rows)
    if count > FEW:
        ends, inner = np.empty((1 << DIGIT) + 1, np.int64), np.empty((1 << DIGIT) + 1, np.int64)
        _sort_by_digit(keys[:count], rows[:count], half_keys, half_rows, 64 - DIGIT, ends)
        start = 0
        for end in ends[:-1]:
            one = slice(start, end)
            if end - start > FEW:
                _sort_by_digit(half_keys[one], half_rows[one], keys[one], rows[one], 64 - 2 * DIGIT, inner)
            else:
                keys[one], rows[one] = half_keys[one], half_rows[one]
            start = end
    _settle(keys[:count], rows)
    return count


@numba.njit(cache=True, nogil=True)
def _scatter(key, keys, rows):  # pragma: no cover - compiled
    count = 0
    for row in range(len(key)):
        if key[row] != 0:
            keys[count], rows[count] = _scattered(key[row]), row
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _sort_by_digit(keys, rows, to_keys, to_rows, shift, ends):  # pragma: no cover - compiled
    """Copy in the order of a digit; `ends` tells where each digit ends."""
    ends[:] = 0
    for key in keys:
        ends[_digit(key, shift) + 1] += 1
    for digit in range(1 << DIGIT):
        ends[digit + 1] += ends[digit]
    for place in range(len(keys)):
        digit = _digit(keys[place], shift)
        to_keys[ends[digit]], to_rows[ends[digit]] = keys[place], rows[place]
        ends[digit] += 1


@numba.njit(cache=True, nogil=True)
def _digit(key, shift):  # pragma: no cover - compiled
    return np.int64(key >> np.uint64(shift)) & ((1 << DIGIT) - 1)


@numba.njit(cache=True, nogil=True)
def _settle(keys, rows):  # pragma: no cover - compiled
    for place in range(1, len(keys)):
        key, row, free = keys[place], rows[place], place
        while free > 0 and keys[free - 1] > key:
            keys[free], rows[free] = keys[free - 1], rows[free - 1]
            free -= 1
        keys[free], rows[free] = key, row


@numba.njit(cache=True, nogil=True)
def end_of(keys, start):  # pragma: no cover - compiled
    """Return where the group ends that starts at a place of `Groups.keys`."""
    end = start + 1
    while end < len(keys) and keys[end] == keys[start]:
        end += 1
    return end


@numba.njit(cache=True, nogil=True)
def marks_of(few):  # pragma: no cover - compiled
    """Return for all beginnings of scattered keys whether one of a few keys (int64) has it."""
    marks = np.zeros(1 << MARKED, np.bool_)
    for key in few:
        marks[_scattered(key) >> np.uint64(64 - MARKED)] = True
    return marks


@numba.njit(cache=True, nogil=True)
def place_among(key, few, marks):  # pragma: no cover - compiled
    """Return the place of a key among a few ascending ones, -1 where it is none: most keys tell by their marks."""
    if not marks[_scattered(key) >> np.uint64(64 - MARKED)]:
        return -1
    place = np.searchsorted(few, key)
    return place if place < len(few) and few[place] == key else -1


@numba.njit(cache=True, nogil=True)
def values_behind(value, groups, most):  # pragma: no cover - compiled
    """Return for each row (int32) how many different values its group has, counted up to `most`; 0 without a group."""
    found, seen, start = np.zeros(len(value), np.int32), np.empty(most, np.int64), 0
    while start < len(groups.rows):
        end = end_of(groups.keys, start)
        found[groups.rows[start:end]] = values_among(value, groups.rows[start:end], seen)
        start = end
    return found


@numba.njit(cache=True, nogil=True)
def values_among(value, rows, seen):  # pragma: no cover - compiled
    """Return how many different values rows have, up to the length of `seen`, in which they are written down."""
    count = 0
    for row in rows:
        if count < len(seen) and not _has(seen, count, value[row]):
            seen[count] = value[row]
            count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _has(seen, count, value):  # pragma: no cover - compiled
    for place in range(count):
        if seen[place] == value:
            return True
    return False
