"""Which pairs are worth a comparison: registrations that agree on what one of the named rules looks at."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.columns import FAR, NONE, Columns, Registrations
from kangqiao.identity.linkage.names import NO_NAME, Names

APART: Final = -1
"""The key of a registration that a rule does not look at."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to come across a pair.

    word   what it is called in a link's explanation
    title  the same in Chinese
    most   registrations a block may have; larger ones say nothing about persons and are left out
    key    registrations → int64 per registration, equal for those that shall be compared, 0 for none
    """

    word: str
    title: str
    most: int
    key: Callable[[Columns, Names], np.ndarray]


class Pairs(NamedTuple):
    """Candidate pairs: positions (int32, left before right) and the place of the rule that proposed each (int8)."""

    left: np.ndarray
    right: np.ndarray
    rule: np.ndarray


def _mixed(*parts: np.ndarray) -> np.ndarray:
    """Return a hash of several values per row (int64, above zero); 0 where one of them is 0."""
    value = np.zeros(len(parts[0]), dtype=np.uint64)
    known = np.ones(len(parts[0]), dtype=bool)
    for part in parts:
        known &= part != 0
        value = (value ^ part.astype(np.int64).view(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        value ^= value >> np.uint64(31)
    return np.where(known, (value >> np.uint64(2)).astype(np.int64) + 1, 0)


def _township(columns: Columns) -> np.ndarray:
    return columns.division // 1000


def _letters(columns: Columns, names: Names) -> np.ndarray:
    return names.letters[columns.name]


def _named(columns: Columns, names: Names) -> np.ndarray:
    """Say who has a name of their own, as 1 and 0."""
    return ((columns.name != NO_NAME) & ~names.newborn[columns.name]).astype(np.int64)


def _name_and_birth(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(_letters(columns, names), columns.birth)


def _name_and_number_birth(columns: Columns, names: Names) -> np.ndarray:
    """Take the birth date inside a number that is the person's own instead of the recorded one."""
    inside = np.where((columns.key > 0) & (columns.fit > FAR), columns.key // 1000 % 100_000_000, columns.birth)
    return _mixed(_letters(columns, names), inside)


def _name_and_village(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(_letters(columns, names), columns.division)


def _name_year_township(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(_letters(columns, names), columns.birth // 10000, _township(columns))


def _sound_and_day(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(names.sound[columns.name], columns.birth % 10000, _township(columns))


def _surname_and_birth(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(names.surname[columns.name], columns.birth, _township(columns), _named(columns, names))


def _phone_and_surname(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.phone, names.surname[columns.name], columns.birth // 10000)


def _phone_and_name(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.phone, _letters(columns, names))


def _phone_and_birth(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.phone, columns.birth)


def _number_without_region(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.number % 10**11, names.surname[columns.name])


def _number_without_birth(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.number // 10**11 * 1000 + columns.number % 1000, names.sound[columns.name])


def _number_without_order(columns: Columns, names: Names) -> np.ndarray:
    return _mixed(columns.number // 1000, names.surname[columns.name], _named(columns, names))


def _mother_and_birth(columns: Columns, names: Names) -> np.ndarray:
    mother = np.where((columns.mother_key == NONE) & names.newborn[columns.name], columns.key, columns.mother_key)
    return _mixed(mother, columns.birth)


def _mothers_name_and_birth(columns: Columns, names: Names) -> np.ndarray:
    stem, mother = names.stem[columns.name], names.form[columns.mother]
    return _mixed(np.where(stem != 0, stem, mother), columns.birth)


RULES: Final = (
    Rule("document", "证件相同", 400, lambda columns, names: columns.key),
    Rule("name-birth", "姓名、出生日期相同", 120, _name_and_birth),
    Rule("name-number-birth", "姓名与证件号中的出生日期相同", 120, _name_and_number_birth),
    Rule("health-card", "健康卡号相同", 60, lambda columns, names: columns.card),
    Rule("mother-birth", "母亲证件、出生日期相同", 40, _mother_and_birth),
    Rule("mother-name-birth", "母亲姓名、出生日期相同", 40, _mothers_name_and_birth),
    Rule("phone-name", "电话、姓名相同", 60, _phone_and_name),
    Rule("phone-birth", "电话、出生日期相同", 40, _phone_and_birth),
    Rule("phone-surname", "电话、姓、出生年份相同", 40, _phone_and_surname),
    Rule("number-but-region", "证件号只有地区码不同，同姓", 60, _number_without_region),
    Rule("number-but-birth", "证件号只有出生日期不同，姓名同音", 60, _number_without_birth),
    Rule("number-but-order", "证件号只有末四位不同，同姓", 60, _number_without_order),
    Rule("sound-day", "姓名同音，出生月日、乡镇相同", 60, _sound_and_day),
    Rule("surname-birth", "同姓，出生日期、乡镇相同", 60, _surname_and_birth),
    Rule("name-village", "姓名、村（社区）相同", 60, _name_and_village),
    Rule("name-year-township", "姓名、出生年份、乡镇相同", 60, _name_year_township),
)
"""In the order in which they are asked: a pair is proposed by the first rule that comes across it."""


def candidate_pairs(registrations: Registrations, rules: tuple[Rule, ...] = RULES) -> Pairs:
    """Return every pair that a rule proposes, once."""
    keys = np.stack([_capped(rule.key(*registrations), rule.most) for rule in rules], axis=1)
    found = [Pairs(left, right, np.full(len(left), place, np.int8)) for place, (left, right) in enumerate(_each(keys))]
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def _each(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for place in range(keys.shape[1]):
        column = np.ascontiguousarray(keys[:, place])
        rows = np.flatnonzero(column != APART)
        yield _pairs(rows[np.argsort(column[rows], kind="stable")].astype(np.int32), keys, place)


def _capped(key: np.ndarray, most: int) -> np.ndarray:
    """Return the keys, APART where nobody or too many have the same one."""
    order = np.argsort(key, kind="stable")
    return _without_crowds(key, order, most)


@numba.njit(cache=True, nogil=True)
def _without_crowds(key, order, most):  # pragma: no cover - compiled
    kept = np.full(len(key), APART, dtype=np.int64)
    start, count = 0, len(order)
    while start < count:
        end = start + 1
        while end < count and key[order[end]] == key[order[start]]:
            end += 1
        if key[order[start]] != NONE and 1 < end - start <= most:
            for place in range(start, end):
                kept[order[place]] = key[order[place]]
        start = end
    return kept


@numba.njit(cache=True, nogil=True)
def _met_before(keys, one, other, rule):  # pragma: no cover - compiled
    for earlier in range(rule):
        if keys[one, earlier] != APART and keys[one, earlier] == keys[other, earlier]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _pairs(order, keys, rule):  # pragma: no cover - compiled
    """Return the pairs of equal keys that no earlier rule proposes; `order` lists rows by their key of this rule."""
    left, right = np.empty(0, np.int32), np.empty(0, np.int32)
    for filling in range(2):
        count = start = 0
        while start < len(order):
            end = start + 1
            while end < len(order) and keys[order[end], rule] == keys[order[start], rule]:
                end += 1
            for one in range(start, end):
                for other in range(one + 1, end):
                    if _met_before(keys, order[one], order[other], rule):
                        continue
                    if filling:
                        left[count], right[count] = order[one], order[other]
                    count += 1
            start = end
        if not filling:
            left, right = np.empty(count, np.int32), np.empty(count, np.int32)
    return left, right
