"""Registrations as numbers: what they say about a person, normalised once, so that pairs are compared at speed.

Hashes of 62 bits (`hashing`) stand for texts that are only ever compared for equality: two different ones among ten
million meet with a probability of one in a hundred thousand.
"""

from typing import Final, NamedTuple

import numpy as np

from kangqiao.identity.linkage.names import Names

NONE: Final = 0
"""What is missing: a key, number, card, phone, division or date of nothing."""

UNDATED: Final = -1_000_000
"""The day of birth of which nothing is known."""

FAR, NEAR, FITS = 0, 1, 2
"""How the birth date inside a citizen number agrees with the recorded one; NEAR also where none is recorded."""

GUESSED_DAY: Final = 101
"""January the first, which stands for a day nobody knows."""

SAME_DAY_ERROR: Final = 60
"""Days by which a lunar birthday taken for a solar one can be off, and a little more."""

ESTIMATE_ERROR: Final = 5
"""Years by which a birth date of which only the year was guessed (01-01) may be off."""


class Columns(NamedTuple):
    """One entry per registration, ordered by the registration's id; arrays that compiled code reads as they are."""

    record: np.ndarray  # int64, its id
    institution: np.ndarray  # int32
    registered: np.ndarray  # int32, days since 1970
    key: np.ndarray  # int64: seventeen digits of a valid citizen number; below zero another valid document; or NONE
    number: np.ndarray  # int64: seventeen digits of what was typed as a citizen number, valid or not; or NONE
    check: np.ndarray  # int8: its check character, X as 10
    fit: np.ndarray  # int8: FAR, NEAR or FITS
    holders: np.ndarray  # int32: how many differently sounding names stand behind the key, as `crowds` counts
    card: np.ndarray  # int64: hash of the health card's number, or NONE
    name: np.ndarray  # int32: place in Names
    sex: np.ndarray  # int8: 1 or 2; 0 unknown
    birth: np.ndarray  # int32: yyyymmdd, or NONE
    day: np.ndarray  # int32: birth in days since 1970; without a date that of the number or, of newborns, registration
    phone: np.ndarray  # int64, or NONE
    callers: np.ndarray  # int32: how many surnames stand behind the phone, as `crowds` counts
    division: np.ndarray  # int64: twelve digits, or NONE
    mother_key: np.ndarray  # int64, as key
    mother: np.ndarray  # int32: the mother's name, place in Names


class Registrations(NamedTuple):
    """What was read: the registrations and the names they use."""

    columns: Columns
    names: Names


def born_by_number(number: np.ndarray) -> np.ndarray:
    """Return the birth date (yyyymmdd) that seventeen digits of a citizen number tell."""
    return (number // 1000 % 100_000_000).astype(np.int32)
