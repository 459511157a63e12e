"""What is unusual about a registration: the kinds of mess, planted and known, as bits of one number."""

from __future__ import annotations

import numpy as np

MISTAKES = (
    "no-id",  # no document number at all
    "junk-id",  # 无, 000000, a phone number, the clerk's own number
    "borrowed-id",  # the number of a relative of the household
    "shared-id",  # one number was issued to two people
    "id-digit-swap",  # two neighbouring digits changed places
    "id-digit-wrong",  # one digit is another one
    "fifteen-digit",  # the number of before 1999
    "untidy-id",  # full-width, spaced, small x
    "newborn-name",  # 某某之子, 某某之女
    "newborn-mothers-id",  # registered under the mother's number
    "homophone",  # one character of the name is another of the same sound
    "similar-glyph",  # … another of similar shape
    "rare-character",  # a character the program could not write
    "name-dot",  # the middle dot lost, added or another sign
    "name-order",  # what comes last was written first
    "lunar-birthday",  # a date of the lunar calendar taken for a solar one
    "estimated-birthday",  # only the year is (nearly) known: 01-01
    "birth-date-wrong",  # a mistyped birth date
    "sex-wrong",
)
"""What a clerk or an office got wrong, or did not know."""

CIRCUMSTANCES = (
    "birth-certificate",  # a child shown by the number of its birth certificate
    "passport-only",  # a foreigner by passport
    "residence-card",  # a foreigner by the permanent residence card
    "travel-permit",  # somebody of Hong Kong or Macao by the travel permit
    "changed-name",  # under a name the person no longer has
    "twin",  # of a person born on the same day to the same mother as another
    "moved",  # with an address the person has left
    "township-renamed",  # the township under the code of another edition
    "old-phone",  # a number the person has given up
    "household-phone",  # the number of somebody else in the household
    "village-doctor-phone",  # the number of the village doctor
    "no-phone",  # no phone at all
)
"""What is true, and yet makes people hard to tell apart or to recognise."""

KINDS = MISTAKES + CIRCUMSTANCES


def bit(kind: str) -> int:
    """Return the bit of a kind; raises ValueError for a word that is none."""
    return 1 << KINDS.index(kind)


MISTAKEN = sum(map(bit, MISTAKES))
"""The bits of all mistakes: registrations with none of them are clean."""


def marked(kinds: np.ndarray, kind: str) -> np.ndarray:
    """Say which registrations are of a kind."""
    return kinds & bit(kind) != 0


def words(kinds: int) -> tuple[str, ...]:
    """Return the words of a number of kinds."""
    return tuple(kind for kind in KINDS if kinds & bit(kind))
