"""Divisions as another list numbers them: statistics and civil affairs give some townships other codes."""
# mypy: disable-error-code="no-untyped-def"

from functools import cache
from typing import NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.grouping import marks_of, place_among
from kangqiao.registry.divisions import listed_divisions


class Townships(NamedTuple):
    """Nine digits of townships whose codes differ: those of civil affairs in order, and the statistical (int64).

    `marks` as `grouping.marks_of` returns them.
    """

    theirs: np.ndarray
    ours: np.ndarray
    marks: np.ndarray


def renumbered(division: np.ndarray) -> np.ndarray:
    """Return the statistical codes of divisions (twelve digits, int64) written with civil affairs' codes; the same
    number where both agree. A code can be one township's in one list and another's in the other."""
    return _renumbered(division, townships())


@numba.njit(cache=True, nogil=True)
def _renumbered(division, townships):  # pragma: no cover - compiled
    found = np.empty_like(division)
    for row in range(len(division)):
        found[row] = renumbered_one(division[row], townships)
    return found


@numba.njit(cache=True, nogil=True)
def renumbered_one(division, townships):  # pragma: no cover - compiled
    """Return what `renumbered` returns of a single division."""
    place = place_among(division // 1000, townships.theirs, townships.marks)
    return division if place < 0 else townships.ours[place] * 1000 + division % 1000


@cache
def townships() -> Townships:
    """Return the townships whose codes differ."""
    listed = [row for row in listed_divisions() if row["level"] == "township" and row["mca_code"]]
    pairs = sorted({(int(row["mca_code"]) // 1000, int(row["stats_code"]) // 1000) for row in listed})
    theirs, ours = np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).T.copy()
    return Townships(theirs, ours, marks_of(theirs))
