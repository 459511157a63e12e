"""Persons that are known already, and which of them are one: what `clusters` does for registrations of nobody yet.

Persons grow together by the strongest pair first. Two groups stay apart when both are confirmed by documents, when
somebody said that they are different, when anything forbids any pair between them, when two of their valid citizen
numbers differ and are their own or under different names, or when the pairs that were found between them are too weak
on average.
"""
# mypy: disable-error-code="no-untyped-def"

from typing import NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.blocking import Pairs
from kangqiao.identity.linkage.clusters import STRONGEST, edges_of, head_of
from kangqiao.identity.linkage.columns import FAR
from kangqiao.identity.linkage.comparison import BITS, OBSTACLE
from kangqiao.identity.linkage.scoring import are_two_people, pattern, put_patterns


class Persons(NamedTuple):
    """Who rows of entries are known to be.

    person     of each row (int32)
    confirmed  of each person, whether a document says who it is (bool)
    apart      persons that are different: smaller place * persons + larger place, ascending (int64)
    """

    person: np.ndarray
    confirmed: np.ndarray
    apart: np.ndarray


class Joined(NamedTuple):
    """head: for each person the first person of its group (int32); by: the pairs that joined groups, in turn."""

    head: np.ndarray
    by: np.ndarray


def joined(
    rows: np.ndarray,
    codes: np.ndarray,
    known: Persons,
    pairs: Pairs,
    weights: np.ndarray,
    order: np.ndarray,
    *,
    average: float,
) -> Joined:
    """Join persons by the pairs that `order` lists, strongest first; `weights` of all pairs (bits)."""
    start, edges = edges_of(pairs.left, pairs.right, len(rows))
    return Joined(*_joined(rows, codes, *known, pairs.left, pairs.right, weights, order, start, edges, average))


def patterns_between(rows: np.ndarray, codes: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the pattern of each pair of rows (int64), for a few pairs: without starting threads."""
    patterns = np.empty(len(left), np.int64)
    put_patterns(patterns, rows, codes, left, right)
    return patterns


def unlike_their_own(
    known: Persons, pairs: Pairs, weights: np.ndarray, *, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that reach the least weight with no other row of their person, and the best pair of each.

    The first row of a person is not among them, nor is who met none of the others.
    """
    return _unlike(known.person, len(known.confirmed), pairs.left, pairs.right, weights, least)


@numba.njit(cache=True, nogil=True)
def _unlike(person, persons, left, right, weights, least):  # pragma: no cover - compiled
    best, seen = np.full(len(person), -1, np.int64), np.zeros(persons, np.bool_)
    for pair in range(len(left)):
        if person[left[pair]] == person[right[pair]]:
            for end in (left[pair], right[pair]):
                if best[end] < 0 or weights[pair] > weights[best[end]]:
                    best[end] = pair
    unlike = np.zeros(len(person), np.bool_)
    for row in range(len(person)):
        unlike[row] = seen[person[row]] and best[row] >= 0 and weights[best[row]] < least
        seen[person[row]] = True
    rows = np.flatnonzero(unlike)
    return rows, best[rows]


@numba.njit(cache=True, nogil=True)
def _joined(  # pragma: no cover - compiled
    rows, codes, person, confirmed, apart, left, right, weights, order, start, edges, average
):
    persons = len(confirmed)
    parent, sure, size = np.arange(persons).astype(np.int32), confirmed.copy(), np.zeros(persons, np.int32)
    first, last = np.full(persons, -1, np.int32), np.full(persons, -1, np.int32)
    following = np.full(len(rows), -1, np.int32)
    for row in range(len(rows)):
        _put(person[row], row, row, first, last, following)
        size[person[row]] += 1
    by, count = np.empty(min(len(order), persons), np.int32), 0
    for pair in order:
        one, other = head_of(parent, person[left[pair]]), head_of(parent, person[right[pair]])
        if one == other or (sure[one] and sure[other]):
            continue
        smaller, larger = (one, other) if size[one] <= size[other] else (other, one)
        if not _may(rows, codes, person, apart, persons, first[smaller], first[larger], following):
            continue
        if not _fit(first[smaller], larger, person, parent, following, left, right, weights, start, edges, average):
            continue
        head, rest = (one, other) if one < other else (other, one)
        parent[rest] = head
        _put(head, first[rest], last[rest], first, last, following)
        size[head] += size[rest]
        sure[head] |= sure[rest]
        by[count] = pair
        count += 1
    for place in range(persons):
        parent[place] = head_of(parent, place)
    return parent, by[:count].copy()


@numba.njit(cache=True, nogil=True)
def _put(group, from_row, to_row, first, last, following):  # pragma: no cover - compiled
    """Append a chain of rows to a group."""
    if first[group] < 0:
        first[group] = from_row
    else:
        following[last[group]] = from_row
    last[group] = to_row


@numba.njit(cache=True, nogil=True)
def _may(rows, codes, person, apart, persons, one, larger, following):  # pragma: no cover - compiled
    """Say whether nothing forbids that any of one group is any of the other."""
    while one >= 0:
        other = larger
        while other >= 0:
            if len(apart) and _kept_apart(apart, persons, person[one], person[other]):
                return False
            if _two_numbers(rows[one], rows[other]) or are_two_people(rows[one], rows[other]):
                return False
            if pattern(rows[one], rows[other], codes) >> (BITS * OBSTACLE) != 0:
                return False
            other = following[other]
        one = following[one]
    return True


@numba.njit(cache=True, nogil=True)
def _kept_apart(apart, persons, one, other):  # pragma: no cover - compiled
    pair = np.int64(min(one, other)) * persons + max(one, other)
    place = np.searchsorted(apart, pair)
    return place < len(apart) and apart[place] == pair


@numba.njit(cache=True, nogil=True)
def _two_numbers(one, other):  # pragma: no cover - compiled
    own = one.key > 0 and other.key > 0 and one.fit != FAR and other.fit != FAR
    return own and one.key != other.key


@numba.njit(cache=True, nogil=True)
def _fit(  # pragma: no cover - compiled
    member, larger, person, parent, following, left, right, weights, start, edges, average
):
    """Say whether the pairs that were found between two groups are strong enough on average."""
    total, count = 0.0, 0
    while member >= 0:
        for place in range(start[member], start[member + 1]):
            pair = edges[place]
            far = right[pair] if left[pair] == member else left[pair]
            if head_of(parent, person[far]) == larger:
                total += min(max(weights[pair], -STRONGEST), STRONGEST)
                count += 1
        member = following[member]
    return total >= average * count
