"""Stability: what a series of daily counts says when it breaks with its own past. Pure, over arrays.

Counts are integers of shape (days,), one per day without gaps. Every function returns two arrays of booleans of that
shape: the days it could judge, and those that fail. A day is judged only where the past is long and busy enough that
chance alone would not explain what is seen (counts taken as Poisson).
"""

from __future__ import annotations

import numpy as np

SURPRISE = 12.0
"""How unlikely an empty weekend must be by chance: once in 160,000 times (e^-12)."""

WEEKENDS_AROUND = 13
"""Weekends before and after from which the usual number is taken."""

FORTNIGHT = 14
PAST = range(FORTNIGHT, FORTNIGHT + 9 * 7, 7)
"""So many days before a fortnight ended those that say what is usual; they do not overlap with it."""

REMAINS = 1 / 3
"""A fortnight with less than this share of its usual rows has dropped, if chance can not explain it."""

DROP_SURPRISE = 16.0
"""How unlikely the drop must be by chance: once in nine million times (e^-16)."""


def weekend_gaps(counts: np.ndarray, first_weekday: int) -> tuple[np.ndarray, np.ndarray]:
    """Judge weekends: one or several in a row without any row, at an institution that works on weekends.

    ``first_weekday`` is the weekday of the first count (Monday is 0).
    """
    judged, failed = np.zeros(len(counts), dtype=bool), np.zeros(len(counts), dtype=bool)
    saturdays = np.arange((5 - first_weekday) % 7, len(counts) - 1, 7)
    if len(saturdays) <= WEEKENDS_AROUND:
        return judged, failed
    weekends = counts[saturdays] + counts[saturdays + 1]
    usual = _median_around(weekends)
    busy = usual >= 2
    judged[saturdays[busy]] = judged[saturdays[busy] + 1] = True
    for first, last in _runs(busy & (weekends == 0)):
        if usual[first:last].sum() >= SURPRISE:
            failed[saturdays[first:last]] = failed[saturdays[first:last] + 1] = True
    return judged, failed


def sudden_drops(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Judge days: those at the end of a fortnight with far fewer rows than the fortnights before it had."""
    judged, failed = np.zeros(len(counts), dtype=bool), np.zeros(len(counts), dtype=bool)
    reach = PAST[-1]
    if len(counts) < reach + FORTNIGHT:
        return judged, failed
    sums = np.convolve(counts, np.ones(FORTNIGHT, dtype=np.int64), mode="valid")  # sums[i] begins on day i
    now = sums[reach:]
    usual = np.median(np.stack([sums[reach - lag : len(sums) - lag] for lag in PAST]), axis=0)
    ends = np.arange(len(now)) + reach + FORTNIGHT - 1
    judged[ends] = usual >= DROP_SURPRISE
    failed[ends] = judged[ends] & (now < REMAINS * usual) & (_surprise(now, usual) >= DROP_SURPRISE)
    return judged, failed


def _surprise(count: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """Return how unlikely so few rows are where so many are usual: −ln of Chernoff's bound for a Poisson count."""
    some = np.maximum(count, 1e-9)
    return usual - count + count * np.log(some / np.maximum(usual, 1e-9))


def _median_around(weekends: np.ndarray) -> np.ndarray:
    """Return for each weekend the median of those around it, its own included."""
    padded = np.pad(weekends.astype(np.float64), WEEKENDS_AROUND, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * WEEKENDS_AROUND + 1)
    return np.nanmedian(windows, axis=1)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Return (first, behind the last) of every run of true values."""
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(np.int8), 0]))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
