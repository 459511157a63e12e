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


REGISTRATION: Final = np.dtype(
    [
        *((word, np.int64) for word in ("record", "key", "number", "card", "phone", "division", "mother_key")),
        *((word, np.int32) for word in ("institution", "registered", "name", "birth", "day", "mother")),
        *((word, np.int16) for word in ("holders", "callers")),
        *((word, np.int8) for word in ("check", "fit", "sex")),
    ],
    align=True,
)
"""What one registration says, side by side in memory:

record      its id
key         seventeen digits of a valid citizen number; below zero another valid document; or NONE
number      seventeen digits of what was typed as a citizen number, valid or not; or NONE; `check` its last character, X
            as 10
fit         FAR, NEAR or FITS
holders     how many differently sounding names stand behind the key, as `crowds` counts
card        hash of the health card's number, or NONE
name        place in Names; `mother` that of the mother's name
sex         1 or 2; 0 unknown
birth       yyyymmdd, or NONE
day         birth in days since 1970; without a date that of the number or, of newborns, registration
phone       or NONE; `callers` how many surnames stand behind it, as `crowds` counts
division    twelve digits, or NONE
mother_key  as key
registered  days since 1970
"""


class Registrations(NamedTuple):
    """What was read: the registrations (of REGISTRATION), ordered by record, and the names they use."""

    rows: np.ndarray
    names: Names


def born_by_number(number: np.ndarray) -> np.ndarray:
    """Return the birth date (yyyymmdd) that seventeen digits of a citizen number tell."""
    return (number // 1000 % 100_000_000).astype(np.int32)
