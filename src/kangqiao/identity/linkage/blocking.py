"""Which pairs are worth a comparison: registrations that agree on what one of the named rules looks at.

A rule gives each registration a key, a hash (`hashing`) that anybody can compute from one registration alone, so that
the same keys serve files of millions and an index that is asked for one.
"""
# mypy: disable-error-code="no-untyped-def"

from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.columns import NONE, Registrations
from kangqiao.identity.linkage.entries import is_named, rows_of
from kangqiao.identity.linkage.grouping import end_of, grouped
from kangqiao.identity.linkage.hashing import closed, mix
from kangqiao.identity.linkage.threads import side_by_side, spans

LAST: Final = -1
"""What follows the last row of a block."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to come across a pair.

    word   what it is called in a link's explanation
    title  the same in Chinese
    most   registrations a block may have; larger ones say nothing about persons and are left out
    """

    word: str
    title: str
    most: int


RULES: Final = (
    Rule("document", "证件相同", 400),
    Rule("name-birth", "姓名、出生日期相同", 120),
    Rule("health-card", "健康卡号相同", 60),
    Rule("mother-birth", "母亲证件、出生日期相同", 40),
    Rule("mother-name-birth", "母亲姓名、出生日期相同", 40),
    Rule("phone-name", "电话、姓名相同", 60),
    Rule("phone-birth", "电话、出生日期相同", 40),
    Rule("phone-surname", "电话、姓、出生年份相同", 40),
    Rule("number-but-birth", "证件号只有出生日期不同，姓名同音", 60),
    Rule("number-but-order", "证件号只有末四位不同，同姓", 60),
    Rule("surname-birth", "同姓，出生日期、乡镇相同", 60),
    Rule("name-village", "姓名、村（社区）相同", 60),
)
"""In the order in which they are asked: a pair is proposed by the first rule that comes across it."""
MOST: Final = sum(rule.most for rule in RULES)
"""Pairs that no registration can exceed."""


class Pairs(NamedTuple):
    """Candidate pairs: places of entries (int32, left before right), and of the rule that proposed each (int8).

    In the order of the left one, then of the right one.
    """

    left: np.ndarray
    right: np.ndarray
    rule: np.ndarray


def rule_keys(registrations: Registrations, place: int) -> np.ndarray:
    """Return the keys of the rule at a place of `RULES`: int64 per registration, NONE where it does not look."""
    return keys_of(rows_of(registrations, np.arange(len(registrations.rows), dtype=np.int32)), place)


def keys_of(rows: np.ndarray, rule: int) -> np.ndarray:
    """Return the keys (int64) of rows of entries by the rule at a place of `RULES`."""
    keys = np.empty(len(rows), np.int64)
    _put_keys(keys, rows, rule)
    return keys


@numba.njit(cache=True, nogil=True)
def _put_keys(keys, rows, rule):  # pragma: no cover - compiled
    for row in range(len(rows)):
        keys[row] = key_of(rows[row], rule)


@numba.njit(cache=True, nogil=True)
def key_of(entry, rule):  # pragma: no cover - compiled
    """Return the key of a row of entries by the rule at a place of `RULES`, NONE where it does not look."""
    birth, surname = np.int64(entry.birth), np.int64(entry.surname)
    if rule == 0:
        return entry.key
    if rule == 1:
        return _together(entry.letters, birth)
    if rule == 2:
        return entry.card
    if rule == 3:
        return _together(_mothers_key(entry), birth)
    if rule == 4:
        return _together(entry.stem if entry.stem != 0 else entry.mother_form, birth)
    if rule == 5:
        return _together(entry.phone, entry.letters)
    if rule == 6:
        return _together(entry.phone, birth)
    if rule == 7:
        return _together(entry.phone, surname, birth // 10000)
    if rule == 8:
        return _together(entry.number // 10**11 * 1000 + entry.number % 1000, entry.sound)
    if rule == 9:
        return _together(entry.number // 1000, surname) if is_named(entry) else NONE
    if rule == 10:
        return _together(surname, birth, entry.division // 1000) if is_named(entry) else NONE
    return _together(entry.letters, entry.division)


@numba.njit(cache=True, nogil=True)
def _together(*parts):  # pragma: no cover - compiled
    """Return the hash of several values, NONE where one of them is 0."""
    value = np.uint64(0)
    for part in parts:
        if part == 0:
            return NONE
        value = mix(value, part)
    return closed(value)


@numba.njit(cache=True, nogil=True)
def _mothers_key(entry):  # pragma: no cover - compiled
    """Return the mother's document, which newborns often show as if it were theirs."""
    return entry.key if entry.mother_key == NONE and entry.newborn else entry.mother_key


def candidate_pairs(rows: np.ndarray) -> Pairs:
    """Return every pair of rows of entries that a rule proposes, once."""
    following = np.empty((len(RULES), len(rows)), np.int32)
    side_by_side(partial(_follow, rows, following), range(len(RULES)))
    found = side_by_side(lambda span: _pairs(following, span.start, span.stop), spans(len(rows)) or [slice(0, 0)])
    return Pairs(*map(np.concatenate, zip(*found, strict=True)))


def _follow(rows: np.ndarray, following: np.ndarray, place: int) -> None:
    _next_in_block(*grouped(keys_of(rows, place)), RULES[place].most, following[place])


@numba.njit(cache=True, nogil=True)
def _next_in_block(keys, rows, most, following):  # pragma: no cover - compiled
    """Tell which row comes next in the block of each, LAST where none does or the block is of none or too many."""
    following[:] = LAST
    start = 0
    while start < len(keys):
        end = end_of(keys, start)
        if end - start <= most:
            for place in range(start + 1, end):
                following[rows[place - 1]] = rows[place]
        start = end


@numba.njit(cache=True, nogil=True)
def _pairs(following, start, end):  # pragma: no cover - compiled
    """Return the pairs of the rows from start to end with later ones, each of the first rule that proposes it."""
    met, count, room = np.full(following.shape[1], LAST, np.int32), 0, end - start + MOST
    left, right, rules = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int8)
    for row in range(start, end):
        if count + MOST > len(left):
            left, right, rules = _longer(left), _longer(right), _longer(rules)
        more = _pairs_of(row, following, met, right[count:], rules[count:])
        left[count : count + more] = row
        count += more
    return left[:count].copy(), right[:count].copy(), rules[:count].copy()


@numba.njit(cache=True, nogil=True)
def _pairs_of(row, following, met, right, rules):  # pragma: no cover - compiled
    count = 0
    for rule in range(len(following)):
        other = following[rule, row]
        while other != LAST:
            if met[other] != row:
                met[other] = row
                _put(right, rules, count, other, rule)
                count += 1
            other = following[rule, other]
    return count


@numba.njit(cache=True, nogil=True)
def _put(right, rules, count, other, rule):  # pragma: no cover - compiled
    """Put a pair among those before it, which are in order."""
    place = count
    while place > 0 and right[place - 1] > other:
        right[place], rules[place] = right[place - 1], rules[place - 1]
        place -= 1
    right[place], rules[place] = other, rule


@numba.njit(cache=True, nogil=True)
def _longer(array):  # pragma: no cover - compiled
    longer = np.empty(2 * len(array), array.dtype)
    longer[: len(array)] = array
    return longer
