"""What each level is worth, learnt from the city's own pairs without anybody's labels: expectation–maximisation.

The usual model of record linkage: among pairs of one person a field shows a level with probability m, among others
with u, fields independent given which it is. The others are not one crowd: namesakes, people of one household and
people born on one day agree on different fields and disagree on the rest. Each such rival has a u of its own, which
takes up most of the dependence between fields that one class of others would hide.

Everything is estimated over candidate pairs. Pairs about which documents leave no doubt hold the classes in place: the
same own number under the same name is one person, what an obstacle forbids is not.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from kangqiao.identity.linkage.comparison import BITS, FIELDS, LEVELS, OBSTACLE, Birth, Document, Name, Phone

CLASSES: Final = ("同一个人", "同名的别人", "同住的别人", "同日出生的别人", "其他的别人")
"""What a pair can be; the first is what is asked, the others are its rivals."""
NAMESAKE, HOUSEHOLD, BORN_ALIKE, OTHER = 1, 2, 3, 4

SAME_NAMES: Final = (Name.SAME_RARE, Name.SAME_USUAL, Name.SAME_COMMON, Name.SAME_EVERYWHERE, Name.REORDERED)
SMOOTHING: Final = 0.5
"""Pairs added to every level of both classes, so that what was never seen is unlikely, not impossible."""
ROUNDS: Final = 200
ENOUGH: Final = 1e-7
"""Training ends when no share changes by more."""
RAREST: Final = 1e-9
"""The smallest share of a class."""
MOST_PAIRS: Final = 4_000_000
"""Pairs that are learnt from; of more, every so-many-th."""


@dataclass(frozen=True, slots=True, eq=False)
class Estimates:
    """What was learnt and how it went.

    chances  (classes, fields, levels): how probable a level is within a class; 0 for levels there are not
    shares   (classes,): of candidate pairs
    """

    chances: np.ndarray
    shares: np.ndarray
    pairs: int
    rounds: int


def train(patterns: np.ndarray) -> Estimates:
    """Learn from the patterns of candidate pairs (int64)."""
    step = max(1, len(patterns) // MOST_PAIRS)
    return train_counted(*np.unique(patterns[::step], return_counts=True))


def train_counted(distinct: np.ndarray, counts: np.ndarray) -> Estimates:
    """Learn from distinct patterns in ascending order (int64) and how many pairs have each."""
    levels = levels_in(distinct)
    return estimated(levels, counts.astype(np.float64), first_belief(levels), possible_classes(levels))


def levels_in(patterns: np.ndarray) -> np.ndarray:
    """Return the levels of patterns, (patterns, fields)."""
    return np.stack([patterns >> (BITS * place) & (LEVELS - 1) for place in range(len(FIELDS))], axis=1)


def possible_classes(levels: np.ndarray) -> np.ndarray:
    """Return which classes patterns can be of, (patterns, classes): documents leave no doubt about some."""
    document, name, obstacle = levels[:, 0], levels[:, 1], levels[:, OBSTACLE]
    possible = np.ones((len(levels), len(CLASSES)), dtype=bool)
    certain = (document == Document.SAME) & np.isin(name, SAME_NAMES) & (obstacle == 0)
    possible[certain, 1:] = False
    possible[obstacle != 0, 0] = False
    return possible


def first_belief(levels: np.ndarray) -> np.ndarray:
    """Return where to begin: one person agrees in name and birth or by document, a rival in what it is called by."""
    document, name, birth, phone = levels[:, 0], levels[:, 1], levels[:, 2], levels[:, 4]
    named = np.isin(name, (*SAME_NAMES, Name.HOMOPHONE, Name.ONE_CHARACTER))
    born = (birth >= Birth.SAME) & (birth <= Birth.ESTIMATED)
    shown = (document >= Document.SAME) & (document <= Document.NEIGHBOURS_INVALID)
    same = (named & born) | (shown & (named | born))
    rival = np.select(
        [named, phone == Phone.SAME, birth == Birth.SAME], [NAMESAKE, HOUSEHOLD, BORN_ALIKE], default=OTHER
    )
    belief = np.full((len(levels), len(CLASSES)), 0.02)
    belief[np.arange(len(levels)), np.where(same, 0, rival)] = 1.0
    return belief


def estimated(levels: np.ndarray, counts: np.ndarray, belief: np.ndarray, possible: np.ndarray) -> Estimates:
    """Run expectation–maximisation over distinct patterns with their counts until it stands still.

    `levels` (patterns, fields), `counts` (patterns,), `belief` and `possible` (patterns, classes): where to begin and
    which classes may be at all. Level 0 of a field counts for no class.
    """
    belief, places = _as_shares(belief * possible), levels + LEVELS * np.arange(levels.shape[1])
    former = np.zeros(belief.shape[1])
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > ENOUGH:
        rounds += 1
        weighted = counts[:, None] * belief
        shares = np.clip(weighted.sum(axis=0) / counts.sum(), RAREST, 1)
        chances = np.stack([_chances(places, weighted[:, place]) for place in range(belief.shape[1])])
        belief = _as_shares(_joint(places, chances, shares) * possible)
        moved, former = np.abs(shares - former).max(), shares
    return Estimates(chances, shares, int(counts.sum()), rounds)


def _chances(places: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the share of every level of every field, (fields, levels), of patterns as places in such a table."""
    fields = places.shape[1]
    found: np.ndarray = np.bincount(places.ravel(), weights=np.repeat(counts, fields), minlength=fields * LEVELS)
    found = found.reshape(fields, LEVELS)
    for place, field in enumerate(FIELDS[:fields]):
        found[place, 1 : len(field.levels)] += SMOOTHING
    found[:, 0] = 0
    return found / found.sum(axis=1, keepdims=True)


def _joint(places: np.ndarray, chances: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return how probable each pattern is together with each class, (patterns, classes), up to a factor per pattern."""
    logs = np.log(chances, out=np.zeros_like(chances), where=chances > 0)
    told = np.log(shares) + np.stack([one.ravel().take(places).sum(axis=1) for one in logs], axis=1)
    return np.exp(told - told.max(axis=1, keepdims=True))


def _as_shares(parts: np.ndarray) -> np.ndarray:
    return parts / np.maximum(parts.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
