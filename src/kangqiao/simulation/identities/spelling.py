"""What clerks write down as name."""

from __future__ import annotations

import functools

import numpy as np
import pyarrow as pa

from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.characters import Codes, codes_of, lengths
from kangqiao.simulation.identities.draft import Draft
from kangqiao.simulation.identities.lives import twins
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.people import People
from kangqiao.simulation.sheets import concatenated, text_of

DOT, UNKNOWN = ord("·"), ord("？")
DOTS = np.array([ord(sign) for sign in "•.・ ．"])
"""What is written for a middle dot."""

UNWRITABLE = 0.4
"""Share of rare characters written as a question mark; for the others stands a common character."""

CHILDREN = ("之子", "之女", "之长子", "之长女", "之次子", "之次女")
BASIC_PLANE = 1 << 16


def write_names(draft: Draft, random: np.random.Generator) -> None:
    """Spoil names as clerks do; newborns without a name are their mothers' sons and daughters."""
    _unnamed(draft, random)
    typed = draft.contacts.typed
    lot = random.random(len(draft))
    rows = np.flatnonzero(typed & (lot < rate("homophone")))
    draft.misspell("name", rows, lambda codes: _respelt(codes, "homophone", random), "homophone")
    rows = np.flatnonzero(typed & (lot > 1 - rate("similar-glyph")))
    draft.misspell("name", rows, lambda codes: _respelt(codes, "similar-glyph", random), "similar-glyph")
    rows = np.flatnonzero(typed & (random.random(len(draft)) < rate("rare-character")))
    draft.misspell("name", rows, lambda codes: _unwritten(codes, random), "rare-character")
    others = typed & in_own_way(draft.lives.people)[draft.contacts.person] & ~draft.contacts.newborn
    lot = random.random(len(draft))
    rows = np.flatnonzero(others & (lot < rate("name-dot")))
    draft.misspell("name", rows, lambda codes: _dotted(codes, random), "name-dot")
    rows = np.flatnonzero(others & (lot > 1 - rate("name-order")))
    draft.misspell("name", rows, _reordered, "name-order")


def in_own_way(people: People) -> np.ndarray:
    """Say whose names are those of their ethnic group (岩温, 李娜海) or foreign, by the beginnings of given names."""
    codes = codes_of(people.name)
    begins, group = _beginnings(), people.ethnicity
    return (group < 0) | begins[group, codes[:, 0]] | begins[group, codes[:, 1]]


@functools.cache
def _beginnings() -> np.ndarray:
    """Return for every ethnic group (those without such names: none) which characters its given names begin with."""
    groups, given = facts("ethnic_groups"), facts("given_names")
    begins = np.zeros((len(groups), BASIC_PLANE), dtype=bool)
    for group, (naming, share) in enumerate(zip(groups["naming"], groups["indigenous_share"], strict=True)):
        for first in given["first"][(given["naming"] == naming) & (float(share) > 0)]:
            begins[group, [ord(one) for one in first]] = True
    return begins


def _unnamed(draft: Draft, random: np.random.Generator) -> None:
    rows = np.flatnonzero(draft.contacts.newborn & (random.random(len(draft)) < rate("newborn-name")))
    lives, person = draft.lives, draft.contacts.person[rows]
    mother, _ = lives.name.at(lives.people.mother[person], draft.contacts.day[rows])
    twin, sibling = twins(lives.people)
    order = np.where(twin[person], 1 + (sibling[person] >= 0), 0)
    suffix = text_of(list(CHILDREN)).take(pa.array(2 * order + lives.people.sex[person] - 1))
    draft.write_names(rows, concatenated(mother, suffix))
    draft.mark(rows, "newborn-name")


@functools.cache
def _spellings(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Return for every character how it is written by mistake, as (first, how many) into the list of those."""
    table, pairs = facts("name_variants"), []
    pairs += [
        (true, written)
        for of, true, written in zip(table["kind"], table["true"], table["written"], strict=True)
        if of == kind
    ]
    if kind == "homophone":
        pairs += list(zip(facts("homophones")["true"], facts("homophones")["written"], strict=True))
    spelling = np.zeros((2, BASIC_PLANE), dtype=np.int32)
    for true, written in pairs:
        spelling[int(spelling[0, ord(true)] > 0), ord(true)] = ord(written)
    second = np.where(spelling[1] > 0, spelling[1], spelling[0])
    return spelling[0], second


def _respelt(codes: Codes, kind: str, random: np.random.Generator) -> Codes:
    """Write one of the characters that can be mistaken as another one."""
    first, second = _spellings(kind)
    possible = first[codes] > 0
    place = np.where(possible, random.random(codes.shape), -1).argmax(axis=1)
    rows = np.flatnonzero(possible.any(axis=1))
    true = codes[rows, place[rows]]
    codes[rows, place[rows]] = np.where(random.random(len(rows)) < 0.5, first[true], second[true])
    return codes


def _unwritten(codes: Codes, random: np.random.Generator) -> Codes:
    first, _ = _spellings("rare-character")
    common = first[codes]
    lost = np.where(random.random((len(codes), 1)) < UNWRITABLE, UNKNOWN, common)
    return np.where(common > 0, lost, codes)


def _dotted(codes: Codes, random: np.random.Generator) -> Codes:
    """Lose the middle dot, write another sign for it, or put one where there is none."""
    has = (codes == DOT).any(axis=1)
    sign = np.where(random.random(len(codes)) < 0.5, 0, DOTS[random.integers(0, len(DOTS), len(codes))])
    without = np.where(codes == DOT, sign[:, None], codes)
    added = np.insert(codes, 1, DOT, axis=1)[:, :-1]
    long_enough = (lengths(codes) > 2)[:, None]
    return packed(np.where(has[:, None], without, np.where(long_enough, added, codes)))


def _reordered(codes: Codes) -> Codes:
    """Write the part before the middle dot (else the first character) last."""
    dotted = codes == DOT
    cut = np.where(dotted.any(axis=1), dotted.argmax(axis=1), 1)[:, None]
    place = np.arange(codes.shape[1])
    head, tail = np.where(place < cut, codes, 0), np.where(place >= cut + dotted.any(axis=1)[:, None], codes, 0)
    dot = np.where(dotted.any(axis=1), DOT, 0)[:, None]
    return packed(np.concatenate([packed(tail), dot, head], axis=1))[:, : codes.shape[1]]


def packed(codes: Codes) -> Codes:
    """Return the names with the zeros moved to their ends."""
    return np.take_along_axis(codes, np.argsort(codes == 0, axis=1, kind="stable"), axis=1)
