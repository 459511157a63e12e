"""Rows in groups of equal keys, without sorting the keys themselves: a hash and the row share one integer."""
# mypy: disable-error-code="no-untyped-def"

import numba
import numpy as np

from kangqiao.identity.linkage.hashing import FACTOR


def grouped(key: np.ndarray) -> np.ndarray:
    """Return rows (int32) in the order of their `scattered` keys, those of equal keys in their own order.

    Rows of key 0 are left out.
    """
    bits = np.uint64(max(len(key) - 1, 1).bit_length())
    packed = _packed(key, bits)
    packed.sort()
    return _rows(packed, key, bits)


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
def _packed(key, bits):  # pragma: no cover - compiled
    packed, count = np.empty(len(key), np.uint64), 0
    for row in range(len(key)):
        if key[row] != 0:
            packed[count] = (_scattered(key[row]) >> bits) << bits | np.uint64(row)
            count += 1
    return packed[:count]


@numba.njit(cache=True, nogil=True)
def _rows(packed, key, bits):  # pragma: no cover - compiled
    """Take rows from behind the beginnings of scattered keys; sort on where two keys begin alike."""
    mask = (np.uint64(1) << bits) - np.uint64(1)
    rows = np.empty(len(packed), np.int32)
    for place in range(len(packed)):
        row, free = np.int32(packed[place] & mask), place
        while free > 0 and packed[free - 1] >> bits == packed[place] >> bits:
            if _scattered(key[rows[free - 1]]) <= _scattered(key[row]):
                break
            rows[free] = rows[free - 1]
            free -= 1
        rows[free] = row
    return rows


@numba.njit(cache=True, nogil=True)
def values_behind(key, value, order, most):  # pragma: no cover - compiled
    """Return for each row (int32) how many different values its group has, counted up to `most`; 0 where `order`,
    which lists rows by groups, leaves it out."""
    found, seen = np.zeros(len(key), np.int32), np.empty(most, np.int64)
    start = 0
    while start < len(order):
        end, count = start, 0
        while end < len(order) and key[order[end]] == key[order[start]]:
            if count < most and not _has(seen, count, value[order[end]]):
                seen[count] = value[order[end]]
                count += 1
            end += 1
        for place in range(start, end):
            found[order[place]] = count
        start = end
    return found


@numba.njit(cache=True, nogil=True)
def _has(seen, count, value):  # pragma: no cover - compiled
    for place in range(count):
        if seen[place] == value:
            return True
    return False
