"""Which pairs are worth a comparison: registrations that agree on what one of the named rules looks at.

A rule gives each registration a key, a hash (`hashing`) that anybody can compute from one registration alone, so that
the same keys serve files of millions and an index that is asked for one.
"""
# mypy: disable-error-code="no-untyped-def"

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.columns import NONE, Registrations
from kangqiao.identity.linkage.entries import is_named, rows_of
from kangqiao.identity.linkage.grouping import grouped
from kangqiao.identity.linkage.hashing import closed, mix

APART: Final = -1
"""The block of a registration that a rule does not look at, or that meets nobody or too many."""
THREADS: Final = 2


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
    Rule("name-number-birth", "姓名与证件号中的出生日期相同", 120),
    Rule("health-card", "健康卡号相同", 60),
    Rule("mother-birth", "母亲证件、出生日期相同", 40),
    Rule("mother-name-birth", "母亲姓名、出生日期相同", 40),
    Rule("phone-name", "电话、姓名相同", 60),
    Rule("phone-birth", "电话、出生日期相同", 40),
    Rule("phone-surname", "电话、姓、出生年份相同", 40),
    Rule("number-but-region", "证件号只有地区码不同，同姓", 60),
    Rule("number-but-birth", "证件号只有出生日期不同，姓名同音", 60),
    Rule("number-but-order", "证件号只有末四位不同，同姓", 60),
    Rule("sound-day", "姓名同音，出生月日、乡镇相同", 60),
    Rule("surname-birth", "同姓，出生日期、乡镇相同", 60),
    Rule("name-village", "姓名、村（社区）相同", 60),
    Rule("name-year-township", "姓名、出生年份、乡镇相同", 60),
)
"""In the order in which they are asked: a pair is proposed by the first rule that comes across it."""


class Pairs(NamedTuple):
    """Candidate pairs: places of entries (int32, left before right), and of the rule that proposed each (int8)."""

    left: np.ndarray
    right: np.ndarray
    rule: np.ndarray


def rule_keys(registrations: Registrations, place: int) -> np.ndarray:
    """Return the keys of the rule at a place of `RULES`: int64 per registration, NONE where it does not look."""
    return keys_of(rows_of(registrations, np.arange(len(registrations.columns.key), dtype=np.int32)), place)


@numba.njit(cache=True, nogil=True)
def keys_of(rows, rule):  # pragma: no cover - compiled
    """Return the keys of rows of entries by the rule at a place of `RULES`."""
    keys = np.empty(len(rows), np.int64)
    for row in range(len(rows)):
        keys[row] = key_of(rows[row], rule)
    return keys


@numba.njit(cache=True, nogil=True)
def key_of(entry, rule):  # noqa: PLR0912 # pragma: no cover - compiled
    """Return the key of a row of entries by the rule at a place of `RULES`, NONE where it does not look."""
    birth, surname = np.int64(entry.birth), np.int64(entry.surname)
    if rule == 0:
        return entry.key
    if rule == 1:
        return _together(entry.letters, birth)
    if rule == 2:
        return _together(entry.letters, np.int64(entry.own_birth))
    if rule == 3:
        return entry.card
    if rule == 4:
        return _together(_mothers_key(entry), birth)
    if rule == 5:
        return _together(entry.stem if entry.stem != 0 else entry.mother_form, birth)
    if rule == 6:
        return _together(entry.phone, entry.letters)
    if rule == 7:
        return _together(entry.phone, birth)
    if rule == 8:
        return _together(entry.phone, surname, birth // 10000)
    if rule == 9:
        return _together(entry.number % 10**11, surname)
    if rule == 10:
        return _together(entry.number // 10**11 * 1000 + entry.number % 1000, entry.sound)
    if rule == 11:
        return _together(entry.number // 1000, surname) if is_named(entry) else NONE
    if rule == 12:
        return _together(entry.sound, birth % 10000, entry.division // 1000)
    if rule == 13:
        return _together(surname, birth, entry.division // 1000) if is_named(entry) else NONE
    if rule == 14:
        return _together(entry.letters, entry.division)
    return _together(entry.letters, birth // 10000, entry.division // 1000)


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


class _Blocks(NamedTuple):
    """What a rule brings together: rows (int32) block by block, and each row's block (int32) or APART."""

    order: np.ndarray
    block: np.ndarray


def candidate_pairs(rows: np.ndarray) -> Pairs:
    """Return every pair of rows of entries that a rule proposes, once."""
    with ThreadPoolExecutor(THREADS) as pool:
        orders, columns = zip(*pool.map(partial(_blocks, rows), range(len(RULES))), strict=True)
        blocks = np.stack(columns, axis=1)
        del columns
        found = [*pool.map(lambda place: _pairs(orders[place], blocks, place), range(len(RULES)))]
    left, right = (np.concatenate(ends) for ends in zip(*found, strict=True))
    return Pairs(left, right, np.repeat(np.arange(len(RULES), dtype=np.int8), [len(ends[0]) for ends in found]))


def _blocks(rows: np.ndarray, place: int) -> _Blocks:
    keys = keys_of(rows, place)
    return _Blocks(*_without_crowds(keys, grouped(keys), RULES[place].most))


@numba.njit(cache=True, nogil=True)
def _without_crowds(key, order, most):  # pragma: no cover - compiled
    block, kept = np.full(len(key), APART, np.int32), np.empty(len(order), np.int32)
    start, count = 0, 0
    while start < len(order):
        end = start + 1
        while end < len(order) and key[order[end]] == key[order[start]]:
            end += 1
        if 1 < end - start <= most:
            for place in range(start, end):
                block[order[place]] = start
                kept[count] = order[place]
                count += 1
        start = end
    return kept[:count].copy(), block


@numba.njit(cache=True, nogil=True)
def _met_before(blocks, one, other, rule):  # pragma: no cover - compiled
    for earlier in range(rule):
        if blocks[one, earlier] != APART and blocks[one, earlier] == blocks[other, earlier]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _pairs(order, blocks, rule):  # pragma: no cover - compiled
    """Return the pairs of one block that no earlier rule proposes; `order` lists rows block by block."""
    left, right = np.empty(0, np.int32), np.empty(0, np.int32)
    for filling in range(2):
        count = start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and blocks[order[end], rule] == blocks[order[start], rule]:
                end += 1
            for one in range(start, end):
                for other in range(one + 1, end):
                    if _met_before(blocks, order[one], order[other], rule):
                        continue
                    if filling:
                        left[count], right[count] = order[one], order[other]
                    count += 1
            start = end
        if not filling:
            left, right = np.empty(count, np.int32), np.empty(count, np.int32)
    return left, right
