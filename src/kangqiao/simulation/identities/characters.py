"""Names as rows of code points, so that single characters of many names can be changed at once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

LONGEST = 20
"""Characters a row has room for; what is longer is cut off."""

Codes = np.ndarray
"""Code points (names, LONGEST), int32, zeros behind the last character."""


def codes_of(names: pa.Array) -> Codes:
    """Return the code points of names (null: none), for characters of the basic plane."""
    dense = pa.concat_arrays([names.fill_null("")])
    offsets = np.frombuffer(dense.buffers()[1], dtype=np.int32)[dense.offset : dense.offset + len(dense) + 1]
    codes = np.zeros((len(dense), LONGEST), dtype=np.int32)
    if not len(dense) or offsets[-1] == offsets[0]:
        return codes
    octets = np.frombuffer(dense.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]].astype(np.int32)
    first = np.flatnonzero((octets & 0xC0) != 0x80)
    padded = np.r_[octets, 0, 0]
    lead, second, third = padded[first], padded[first + 1] & 0x3F, padded[first + 2] & 0x3F
    two, three = (lead & 0x1F) << 6 | second, (lead & 0x0F) << 12 | second << 6 | third
    character = np.where(lead < 0x80, lead, np.where(lead < 0xE0, two, three))
    starts = np.searchsorted(first, offsets - offsets[0])
    row = np.repeat(np.arange(len(dense)), np.diff(starts))
    place = np.arange(len(first)) - starts[row]
    room = place < LONGEST
    codes[row[room], place[room]] = character[room]
    return codes


def text_of_codes(codes: Codes) -> pa.Array:
    """Return rows of code points as an Arrow string array; zeros are left out wherever they stand."""
    row, place = np.nonzero(codes)
    character = codes[row, place]
    width = 1 + (character >= 0x80) + (character >= 0x800)
    end = np.cumsum(width)
    octets = np.empty(int(end[-1]) if len(end) else 0, dtype=np.uint8)
    last = end - 1
    octets[last] = np.where(width == 1, character, 0x80 | character & 0x3F)
    two, three = width == 2, width == 3
    octets[last[two] - 1] = 0xC0 | character[two] >> 6
    octets[last[three] - 1] = 0x80 | character[three] >> 6 & 0x3F
    octets[last[three] - 2] = 0xE0 | character[three] >> 12
    sizes = np.bincount(row, weights=width, minlength=len(codes)).astype(np.int64)
    offsets = np.r_[0, np.cumsum(sizes)].astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(octets)])


def lengths(codes: Codes) -> np.ndarray:
    """Return how many characters each name has."""
    return (codes != 0).sum(axis=1)


def last_characters(codes: Codes) -> np.ndarray:
    """Return the last character of each name (0 for none)."""
    return codes[np.arange(len(codes)), np.maximum(lengths(codes) - 1, 0)]


def with_last(codes: Codes, character: np.ndarray) -> Codes:
    """Return the names with other last characters."""
    fresh = codes.copy()
    fresh[np.arange(len(codes)), np.maximum(lengths(codes) - 1, 0)] = character
    return fresh
