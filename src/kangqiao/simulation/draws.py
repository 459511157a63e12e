"""Chance, repeatable: streams of random numbers named by what they are for, and weighted draws for many at once."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

_QUANTILES = 4096


def stream(seed: int, *path: int | str) -> np.random.Generator:
    """Return the stream of random numbers of one place in the city: the same path always gives the same numbers."""
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else part for part in path]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, *words])))


@dataclass(frozen=True)
class Choices:
    """Weighted choice among the same options for several groups; weights are one row per group."""

    cumulative: np.ndarray
    options: int

    @classmethod
    def of(cls, weights: ArrayLike) -> Choices:
        table = np.atleast_2d(np.asarray(weights, dtype=np.float64))
        steps = np.cumsum(table, axis=1)
        steps /= steps[:, -1:]
        steps[:, -1] = 1
        return cls((steps + np.arange(len(table))[:, None]).ravel(), table.shape[1])

    def draw(self, random: np.random.Generator, group: np.ndarray | int = 0, count: int | None = None) -> np.ndarray:
        """Return one option per element of ``group`` (or ``count`` options of one group)."""
        size = len(group) if isinstance(group, np.ndarray) else count
        return self.at(group, random.random(size))

    def at(self, group: np.ndarray | int, lot: np.ndarray) -> np.ndarray:
        """Return the option that a lot in [0, 1) draws from each group."""
        found = np.searchsorted(self.cumulative, group + lot, side="right")
        return (found - np.asarray(group) * self.options).astype(np.int32)


@dataclass(frozen=True)
class Lists:
    """A list of entries per group (compressed rows): which drugs a disease is treated with, which items a panel has."""

    start: np.ndarray
    entries: np.ndarray

    @classmethod
    def of(cls, group: np.ndarray, groups: int) -> Lists:
        """Return the lists of row numbers per group, rows in their order."""
        entries = np.argsort(group, kind="stable").astype(np.int32)
        return cls(np.searchsorted(group[entries], np.arange(groups + 1)), entries)

    def expand(self, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (position in ``group``, entry) for every entry of every listed group, in order."""
        owner, rank = repeated(self.start[group + 1] - self.start[group])
        return owner, self.entries[self.start[group[owner]] + rank]


def repeated(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (owner, rank) of ``counts[i]`` things for every owner i."""
    owner = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - starts[owner]


def ranked(group: np.ndarray) -> np.ndarray:
    """Return the rank of each element among those of the same group, in order of appearance."""
    order = np.argsort(group, kind="stable")
    grouped = group[order]
    first = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]]) if len(group) else np.zeros(0, np.int64)
    sizes = np.diff(np.r_[first, len(group)])
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[order] = np.arange(len(group)) - np.repeat(first, sizes)
    return ranks


def mixed(*parts: np.ndarray | int) -> np.ndarray:
    """Return 64 well-mixed bits that depend on every part (splitmix64): chance without a stream."""
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        state = state + np.asarray(part).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state = state ^ (state >> np.uint64(31))
    return state


def steady_uniform(*parts: np.ndarray | int) -> np.ndarray:
    """Return numbers in [0, 1) that are always the same for the same parts: traits of a person."""
    return (mixed(*parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def below(count: int, *parts: np.ndarray | int) -> np.ndarray:
    """Return whole numbers in [0, count) that are always the same for the same parts."""
    return (mixed(*parts) % np.uint64(count)).astype(np.int64)


def steady_normal(*parts: np.ndarray | int) -> np.ndarray:
    """Return standard normal numbers that are always the same for the same parts."""
    return _NORMAL[(mixed(*parts) & np.uint64(_QUANTILES - 1)).astype(np.int64)]


def _normal_quantiles(count: int) -> np.ndarray:
    grid = np.linspace(-6, 6, 200_001)
    cumulative = np.cumsum(np.exp(-(grid**2) / 2))
    return np.interp((np.arange(count) + 0.5) / count, cumulative / cumulative[-1], grid)


_NORMAL = _normal_quantiles(_QUANTILES)


def apportion(total: int, weights: Sequence[float] | np.ndarray) -> np.ndarray:
    """Share a whole number out in proportion to the weights, losing nothing (largest remainders)."""
    exact = np.asarray(weights, dtype=np.float64) / np.sum(weights) * total
    shares = np.floor(exact).astype(np.int64)
    shares[np.argsort(shares - exact, kind="stable")[: total - shares.sum()]] += 1
    return shares
