"""Divisions as another list numbers them: statistics and civil affairs give some townships other codes."""

from functools import cache

import numpy as np

from kangqiao.registry.divisions import listed_divisions


def renumbered(division: np.ndarray) -> np.ndarray:
    """Return the statistical codes of divisions (twelve digits, int64) written with civil affairs' codes; the same
    number where both agree. A code can be one township's in one list and another's in the other."""
    theirs, ours = _townships()
    place = np.minimum(np.searchsorted(theirs, division // 1000), len(theirs) - 1)
    return np.where(theirs[place] == division // 1000, ours[place] * 1000 + division % 1000, division)


@cache
def _townships() -> tuple[np.ndarray, np.ndarray]:
    """Return the nine digits of townships whose codes differ: those of civil affairs in order, and the statistical."""
    townships = [row for row in listed_divisions() if row["level"] == "township" and row["mca_code"]]
    pairs = sorted({(int(row["mca_code"]) // 1000, int(row["stats_code"]) // 1000) for row in townships})
    theirs, ours = np.array([pair for pair in pairs if pair[0] != pair[1]], dtype=np.int64).T
    return theirs, ours
