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
from kangqiao.identity.linkage.grouping import FEW, grouped, values_behind
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
    """Decide which rows of entries are one person. Of equally strong links the earlier one goes first.

    `known` (int32) names for each of the first rows the first row of the person it was decided to be: that stays, and
    only links of further rows decide anything.
    """
    known = np.empty(0, dtype=np.int32) if known is None else known
    forbidden = (patterns >> (BITS * OBSTACLE)) != 0
    own = np.where((rows["key"] > 0) & (rows["fit"] != FAR), rows["key"], NONE)
    neighbours = (patterns & (LEVELS - 1)) == Document.NEIGHBOURS_VALID
    start, edges = edges_of(pairs.left, pairs.right, len(own))

    def grown(known: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        order = _strongest_first(pairs.left, pairs.right, weights, chosen, known, len(own))
        left, right, average = pairs.left, pairs.right, thresholds.average
        return _grown(rows, left, right, weights, forbidden, neighbours, own, start, edges, average, known, order)

    linkable = (pairs.right >= len(known)) & ~forbidden & ~for_a_human(rows, pairs, patterns)
    strong = np.flatnonzero(linkable & (weights >= thresholds.same))
    strong = strong[~of_either_twin(rows, pairs.left[strong], pairs.right[strong])]
    person = grown(known, strong)
    fitting = only_fitting(pairs, weights, linkable, person, own, thresholds)
    if len(fitting):
        person = grown(person, fitting)

    return Clusters(person, _decided(person, pairs.left, pairs.right, weights, forbidden, thresholds.review))


@numba.njit(cache=True, nogil=True)
def level_of(pattern, place):  # pragma: no cover - compiled
    """Return the level of the field at a place of `FIELDS`."""
    return pattern >> (BITS * place) & (LEVELS - 1)


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
    if not len(near):
        return near
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
    return _for_a_human(np.ascontiguousarray(rows["newborn"]), pairs.left, pairs.right, patterns)


@numba.njit(cache=True, nogil=True)
def _for_a_human(newborn, left, right, patterns):  # pragma: no cover - compiled
    found = np.empty(len(patterns), np.bool_)
    for pair in range(len(patterns)):
        document, name, birth = level_of(patterns[pair], 0), level_of(patterns[pair], 1), level_of(patterns[pair], 2)
        unlike = name == Name.DIFFERENT or name == Name.OTHER_MOTHER
        shown = document != 0 and document <= Document.SAME_NOT_OWN
        borrowed = name == Name.SURNAME and shown and birth > Birth.BY_NUMBER
        which = _is_one_of_several(newborn[left[pair]], newborn[right[pair]])
        same = document == Document.SAME or document == Document.SAME_OTHER
        found[pair] = unlike or borrowed or (which and not same)
    return found


@numba.njit(cache=True, nogil=True)
def _is_one_of_several(one, other):  # pragma: no cover - compiled
    return (one == ONE_OF_SEVERAL and other == 0) or (other == ONE_OF_SEVERAL and one == 0)


def of_either_twin(rows: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Say which links join an unnamed newborn that has links to differently sounding names, too."""
    newborn = rows["newborn"] != 0
    unnamed = np.flatnonzero(newborn[left] ^ newborn[right])
    if not len(unnamed):
        return np.zeros(len(left), bool)
    turned = newborn[right[unnamed]]
    child, other = (
        np.where(turned, *ends) for ends in ((right[unnamed], left[unnamed]), (left[unnamed], right[unnamed]))
    )
    found = np.zeros(len(left), dtype=bool)
    found[unnamed] = values_behind(rows["sound"][other], grouped(child.astype(np.int64) + 1), 2) > 1
    return found


@numba.njit(cache=True, nogil=True)
def _decided(person, left, right, weights, forbidden, review):  # pragma: no cover - compiled
    decision = np.empty(len(left), np.int8)
    for pair in range(len(left)):
        if person[left[pair]] == person[right[pair]]:
            decision[pair] = Decision.SAME
        else:
            decision[pair] = Decision.REVIEW if weights[pair] >= review and not forbidden[pair] else Decision.DIFFERENT
    return decision


@numba.njit(cache=True, nogil=True)
def _strongest_first(left, right, weights, chosen, known, count):  # pragma: no cover - compiled
    """Return chosen pairs with the strongest first, but all at once that can have to do with each other: known persons
    and what chosen pairs hold together. Such groups lie close together in memory."""
    parent = np.arange(count).astype(np.int32)
    parent[: len(known)] = known
    for pair in chosen:
        one, other = head_of(parent, left[pair]), head_of(parent, right[pair])
        parent[max(one, other)] = min(one, other)
    ends, order = np.zeros(count + 1, np.int64), np.empty_like(chosen)
    for pair in chosen:
        ends[head_of(parent, left[pair]) + 1] += 1
    for place in range(count):
        ends[place + 1] += ends[place]
    for pair in chosen:
        head = head_of(parent, left[pair])
        order[ends[head]] = pair
        ends[head] += 1
    start = 0
    while start < len(order):
        end = ends[head_of(parent, left[order[start]])]
        _sort_by_strength(order[start:end], weights)
        start = end
    return order


@numba.njit(cache=True, nogil=True)
def _sort_by_strength(pairs, weights):  # pragma: no cover - compiled
    if len(pairs) > FEW:
        pairs[:] = pairs[np.argsort(-weights[pairs], kind="mergesort")]
        return
    for place in range(1, len(pairs)):
        pair, free = pairs[place], place
        while free > 0 and weights[pairs[free - 1]] < weights[pair]:
            pairs[free] = pairs[free - 1]
            free -= 1
        pairs[free] = pair


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
