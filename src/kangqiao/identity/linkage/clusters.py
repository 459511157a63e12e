"""From weighed pairs to persons, so that one weak link does not chain two families.

Groups grow by the strongest link first. Two groups stay apart when something forbids any pair between them, when each
has a valid citizen number of its own and they differ, when they show two valid numbers under two names, or when the
pairs between them are too weak on average. A newborn without a name that fits two children is for a human: they may be
twins.
"""
# mypy: disable-error-code="no-untyped-def"

from enum import IntEnum
from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.blocking import Pairs
from kangqiao.identity.linkage.columns import FAR, NONE
from kangqiao.identity.linkage.comparison import BITS, LEVELS, OBSTACLE, Birth, Document, Name
from kangqiao.identity.linkage.grouping import grouped, values_behind
from kangqiao.identity.linkage.model import Thresholds
from kangqiao.identity.linkage.names import ONE_OF_SEVERAL
from kangqiao.identity.linkage.scoring import are_two_people

STRONGEST: Final = 30.0
"""Bits beyond which a pair weighs no more (nor less below the negative) in an average."""


KNOWN_WELL: Final = 4
"""Contents of registrations from which on a person is known well."""


class Decision(IntEnum):
    """What becomes of a pair."""

    DIFFERENT = 0
    REVIEW = 1
    SAME = 2


class Clusters(NamedTuple):
    """person: for each entry the first entry of its group (int32); decision: of each pair (int8)."""

    person: np.ndarray
    decision: np.ndarray


def clustered(
    rows: np.ndarray,
    pairs: Pairs,
    patterns: np.ndarray,
    weights: np.ndarray,
    thresholds: Thresholds,
    known: np.ndarray | None = None,
) -> Clusters:
    """Decide which rows of entries are one person. Of equally strong links the one of earlier rows goes first.

    `known` (int32) names for each of the first rows the first row of the person it was decided to be: that stays, and
    only links of further rows decide anything.
    """
    known = np.empty(0, dtype=np.int32) if known is None else known
    forbidden = (patterns >> (BITS * OBSTACLE)) != 0
    own = np.where((rows["key"] > 0) & (rows["fit"] != FAR), rows["key"], NONE)
    neighbours = (patterns & (LEVELS - 1)) == Document.NEIGHBOURS_VALID
    start, edges = edges_of(pairs.left, pairs.right, len(own))

    def grown(known: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        order = chosen[np.lexsort((pairs.right[chosen], pairs.left[chosen], -weights[chosen]))]
        left, right, average = pairs.left, pairs.right, thresholds.average
        return _grown(rows, left, right, weights, forbidden, neighbours, own, start, edges, average, known, order)

    linkable = (pairs.right >= len(known)) & ~forbidden & ~for_a_human(rows, pairs, patterns)
    strong = np.flatnonzero(linkable & (weights >= thresholds.same))
    strong = strong[~of_either_twin(rows, pairs.left[strong], pairs.right[strong])]
    person = grown(known, strong)
    fitting = only_fitting(pairs, weights, linkable, person, own, thresholds)
    if len(fitting):
        person = grown(person, fitting)

    together = person[pairs.left] == person[pairs.right]
    asked = (weights >= thresholds.review) & ~forbidden
    decision = np.where(together, Decision.SAME, np.where(asked, Decision.REVIEW, Decision.DIFFERENT))
    return Clusters(person, decision.astype(np.int8))


def only_fitting(
    pairs: Pairs,
    weights: np.ndarray,
    linkable: np.ndarray,
    person: np.ndarray,
    own: np.ndarray,
    thresholds: Thresholds,
) -> np.ndarray:
    """Return pairs that join a group without a number of its own to the one group it fits: one known well, while no
    other is worth a look."""
    ends = person[pairs.left], person[pairs.right]
    near = np.flatnonzero((weights >= thresholds.review) & (ends[0] != ends[1]))
    pair, group = np.tile(near, 2), np.concatenate([ends[0][near], ends[1][near]])
    other = np.concatenate([ends[1][near], ends[0][near]]).astype(np.int64)
    alone = values_behind(other, grouped(group.astype(np.int64) + 1), 2) == 1
    numbered = np.bincount(person, weights=own != NONE, minlength=len(person)) > 0
    well_known = np.bincount(person, minlength=len(person)) >= KNOWN_WELL
    fits = alone & ~numbered[group] & well_known[other] & linkable[pair] & (weights[pair] >= thresholds.fitting)
    return np.unique(pair[fits])


def for_a_human(rows: np.ndarray, pairs: Pairs, patterns: np.ndarray) -> np.ndarray:
    """Say which pairs no weight links: names that have nothing in common, one number under two names of a family for
    two birth dates, and which of several newborns a child was."""
    document, name, birth = (patterns >> (BITS * place) & (LEVELS - 1) for place in range(3))
    unlike = (name == Name.DIFFERENT) | (name == Name.OTHER_MOTHER)
    borrowed = (
        (name == Name.SURNAME) & (document <= Document.SAME_NOT_OWN) & (document != 0) & (birth > Birth.BY_NUMBER)
    )
    newborn, other = (rows["newborn"][ends] for ends in (pairs.left, pairs.right))
    which = ((newborn == ONE_OF_SEVERAL) & (other == 0)) | ((other == ONE_OF_SEVERAL) & (newborn == 0))
    return unlike | borrowed | (which & (document != Document.SAME) & (document != Document.SAME_OTHER))


def of_either_twin(rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Say which links join an unnamed newborn that has links to differently sounding names, too."""
    first, second = rows["newborn"][left] != 0, rows["newborn"][right] != 0
    newborn, other = np.where(first, left, right), np.where(first, right, left)
    key = np.where(first ^ second, newborn.astype(np.int64) + 1, NONE)
    return values_behind(rows["sound"][other], grouped(key), 2) > 1


@numba.njit(cache=True, nogil=True)
def edges_of(left, right, count):  # pragma: no cover - compiled
    """Return for each position where its pairs begin in the second array, which lists pairs."""
    start = np.zeros(count + 1, np.int64)
    for place in range(len(left)):
        start[left[place] + 1] += 1
        start[right[place] + 1] += 1
    for place in range(count):
        start[place + 1] += start[place]
    fill = start[:-1].copy()
    edges = np.empty(2 * len(left), np.int32)
    for place in range(len(left)):
        for end in (left[place], right[place]):
            edges[fill[end]] = place
            fill[end] += 1
    return start, edges


@numba.njit(cache=True, nogil=True)
def head_of(parent, place):  # pragma: no cover - compiled
    """Return the head of the group of a place."""
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


@numba.njit(cache=True, nogil=True)
def _grown(  # pragma: no cover - compiled
    rows, left, right, weights, forbidden, neighbours, own, start, edges, average, known, order
):
    count = len(own)
    parent, following = np.arange(count).astype(np.int32), np.full(count, -1, np.int32)
    last, size, key = np.arange(count).astype(np.int32), np.ones(count, np.int32), own.copy()
    for place in range(len(known)):
        if known[place] != place:
            parent[place] = known[place]
            _put(place, known[place], following, last, size, key)
    for pair in order:
        one, other = head_of(parent, left[pair]), head_of(parent, right[pair])
        if one == other:
            continue
        if key[one] != NONE and key[other] != NONE and key[one] != key[other] and not neighbours[pair]:
            continue
        smaller, larger = (one, other) if size[one] <= size[other] else (other, one)
        if not _fit(smaller, larger, parent, following, left, right, weights, forbidden, start, edges, average):
            continue
        if _two_people(rows, smaller, larger, following):
            continue
        first, second = (one, other) if one < other else (other, one)
        parent[second] = first
        _put(second, first, following, last, size, key)
    for place in range(count):
        parent[place] = head_of(parent, place)
    return parent


@numba.njit(cache=True, nogil=True)
def _put(group, into, following, last, size, key):  # pragma: no cover - compiled
    following[last[into]] = group
    last[into] = last[group]
    size[into] += size[group]
    key[into] = key[into] if key[into] != NONE else key[group]


@numba.njit(cache=True, nogil=True)
def _fit(  # pragma: no cover - compiled
    smaller, larger, parent, following, left, right, weights, forbidden, start, edges, average
):
    """Say whether two groups may become one, by all pairs between them."""
    total, count, member = 0.0, 0, smaller
    while member >= 0:
        for place in range(start[member], start[member + 1]):
            pair = edges[place]
            far = right[pair] if left[pair] == member else left[pair]
            if head_of(parent, far) != larger:
                continue
            if forbidden[pair]:
                return False
            total += min(max(weights[pair], -STRONGEST), STRONGEST)
            count += 1
        member = following[member]
    return total >= average * count


@numba.njit(cache=True, nogil=True)
def _two_people(rows, one, other, following):  # pragma: no cover - compiled
    """Say whether any of one group shows that it is not the other's."""
    while one >= 0:
        far = other if rows[one].key > 0 else -1
        while far >= 0:
            if are_two_people(rows[one], rows[far]):
                return True
            far = following[far]
        one = following[one]
    return False
