"""Pairs compared, and patterns weighed: compiled, over entries as they lie."""
# mypy: disable-error-code="no-untyped-def"

from typing import Final

import numba
import numpy as np

from kangqiao.identity.linkage.columns import (
    ESTIMATE_ERROR,
    FAR,
    NONE,
    UNDATED,
)
from kangqiao.identity.linkage.comparison import (
    BITS,
    Birth,
    Card,
    Document,
    Mother,
    Name,
    Obstacle,
    Phone,
    Place,
    Sex,
)
from kangqiao.identity.linkage.crowds import COMMON, CROWD, EVERYWHERE, HOUSEHOLD, MANY, RARE, SEVERAL
from kangqiao.identity.linkage.entries import Entries, is_named
from kangqiao.identity.linkage.names import NO_NAME
from kangqiao.identity.linkage.threads import side_by_side, spans

TEN_YEARS: Final = 3652
LUNAR_ERROR: Final = 1
"""Days by which the beginning of a lunar month may be reckoned wrong."""
UNWRITABLE: Final = tuple(map(ord, "?？*＊□〓�●■○〇"))
"""What is written for a character that cannot be."""
SAME_CONFINEMENT: Final = 3
"""Days within which twins are registered."""


def compared(entries: Entries, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the pattern of each pair of entries (int64): the level of every field, as `comparison` packs them."""
    rows, codes = entries.rows, entries.names.codes
    patterns = np.empty(len(left), np.int64)
    side_by_side(lambda part: put_patterns(patterns[part], rows, codes, left[part], right[part]), spans(len(left)))
    return patterns


def weighed(patterns: np.ndarray, weights: np.ndarray, priors: np.ndarray) -> np.ndarray:
    """Return the weight of each pattern (float64, bits): the sum over its levels against the likeliest rival.

    `weights` is (rivals, fields, levels), `priors` (rivals,).
    """
    totals = np.empty(len(patterns))
    side_by_side(lambda part: weigh(totals[part], patterns[part], weights, priors), spans(len(patterns)))
    return totals


@numba.njit(cache=True, nogil=True)
def weigh(totals, patterns, weights, priors):  # pragma: no cover - compiled
    """Write down the weight of each pattern (`weighed`)."""
    for place in range(len(patterns)):
        least = np.inf
        for rival in range(len(priors)):
            total, rest = priors[rival], patterns[place]
            for field in range(weights.shape[1]):
                total += weights[rival, field, rest & (weights.shape[2] - 1)]
                rest >>= BITS
            least = min(least, total)
        totals[place] = least


@numba.njit(cache=True, nogil=True)
def put_patterns(patterns, rows, codes, left, right):  # pragma: no cover - compiled
    """Write down the pattern of each pair of rows."""
    for place in range(len(left)):
        patterns[place] = pattern(rows[left[place]], rows[right[place]], codes)


@numba.njit(cache=True, nogil=True)
def pattern(one, other, codes):  # pragma: no cover - compiled
    """Return the pattern of two rows of entries; `codes` as in `Names`."""
    document = np.int64(_document(one, other))
    name = np.int64(_name(one, other, codes))
    found = document | name << BITS
    found |= np.int64(_birth(one, other)) << 2 * BITS
    found |= np.int64(_sex(one, other)) << 3 * BITS
    found |= np.int64(_phone(one, other)) << 4 * BITS
    found |= np.int64(_place(one, other)) << 5 * BITS
    found |= np.int64(_card(one, other)) << 6 * BITS
    found |= np.int64(_mother(one, other)) << 7 * BITS
    return found | np.int64(_obstacle(one, other, document, name)) << 8 * BITS


@numba.njit(cache=True, nogil=True)
def _document(one, other):  # pragma: no cover - compiled
    key, with_key = one.key, other.key
    if key != NONE and key == with_key:
        return _same_document(one, other)
    not_own = (key > 0 and one.fit == FAR) or (with_key > 0 and other.fit == FAR)
    number, with_number = one.number, other.number
    if number != NONE and with_number != NONE:
        return _two_numbers(one, other, key > 0 and with_key > 0, not_own)
    if key == NONE or with_key == NONE:
        return Document.SILENT
    if not_own:
        return Document.NOT_OWN
    return Document.DIFFERENT_OTHER if key < 0 and with_key < 0 else Document.DIFFERENT_KINDS


@numba.njit(cache=True, nogil=True)
def _same_document(one, other):  # pragma: no cover - compiled
    if one.holders >= MANY:
        return Document.SAME_OF_MANY
    if one.key < 0:
        return Document.SAME_OTHER
    if one.fit == FAR or other.fit == FAR:
        return Document.SAME_NOT_OWN
    return Document.SAME_OF_SEVERAL if one.holders > SEVERAL else Document.SAME


@numba.njit(cache=True, nogil=True)
def _two_numbers(one, other, valid, not_own):  # pragma: no cover - compiled
    places = _places_apart(one.number, one.check, other.number, other.check)
    if places == 0:
        return Document.SAME_INVALID
    if places == 1:
        return Document.NEIGHBOURS_VALID if valid else Document.NEIGHBOURS_INVALID
    if not_own:
        return Document.NOT_OWN
    return Document.DIFFERENT_VALID if valid else Document.DIFFERENT_INVALID


@numba.njit(cache=True, nogil=True)
def _places_apart(number, check, with_number, with_check):  # pragma: no cover - compiled
    """Return 0 for equal numbers, 1 for one other digit or two neighbours swapped, 2 for more.

    The check character may differ besides: programs recompute it for whatever was typed.
    """
    rest, with_rest, power, last = number, with_number, 1, 0
    count = 0
    while rest != with_rest and count < 3:
        if rest % 10 != with_rest % 10:
            count += 1
            last = power
        rest //= 10
        with_rest //= 10
        power *= 10
    if count == 0:
        return 0 if check == with_check else 1
    if count == 1 or (count == 2 and _swapped(number, with_number, last)):
        return 1
    return 2


@numba.njit(cache=True, nogil=True)
def _swapped(number, with_number, power):  # pragma: no cover - compiled
    """Say whether the digit at a power of ten and its right neighbour changed places."""
    pair, with_pair = number // (power // 10) % 100, with_number // (power // 10) % 100
    return pair // 10 == with_pair % 10 and pair % 10 == with_pair // 10


@numba.njit(cache=True, nogil=True)
def _name(one, other, codes):  # pragma: no cover - compiled
    if one.name == NO_NAME or other.name == NO_NAME:
        return Name.SILENT
    if one.newborn or other.newborn:
        return _newborns(one, other)
    if one.name == other.name:
        return _same_name(one.bearers)
    if one.letters == other.letters:
        return Name.REORDERED
    if one.sound == other.sound:
        return Name.HOMOPHONE
    shorter, longer = sorted_pair(one.length, other.length)
    if longer == 2:
        return _two_characters(codes[one.name], codes[other.name], one.surname == other.surname)
    apart = edits(codes[one.name], one.length, codes[other.name], other.length)
    if shorter > 2 and apart <= 1 + longer // 6:
        return _one_character(codes[one.name], codes[other.name], shorter, longer)
    return Name.SURNAME if one.surname == other.surname else Name.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _two_characters(codes, with_codes, one_surname):  # pragma: no cover - compiled
    if _unwritten(codes, with_codes, 2):
        return Name.UNWRITTEN
    if one_surname or codes[0] == with_codes[0] or codes[1] == with_codes[1]:
        return Name.ONE_OF_TWO
    return Name.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _one_character(codes, with_codes, shorter, longer):  # pragma: no cover - compiled
    """Tell apart what clerks mistake anywhere from the last character, in which brothers and sisters differ."""
    if shorter == longer:
        if _unwritten(codes, with_codes, longer):
            return Name.UNWRITTEN
        if (codes[: longer - 1] == with_codes[: longer - 1]).all():
            return Name.LAST_CHARACTER
    return Name.ONE_CHARACTER


@numba.njit(cache=True, nogil=True)
def _unwritten(codes, with_codes, length):  # pragma: no cover - compiled
    """Say whether names differ only where one of them has a sign for a character that could not be written."""
    for place in range(length):
        same = codes[place] == with_codes[place]
        if not same and codes[place] not in UNWRITABLE and with_codes[place] not in UNWRITABLE:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _same_name(bearers):  # pragma: no cover - compiled
    if bearers <= RARE:
        return Name.SAME_RARE
    if bearers <= COMMON:
        return Name.SAME_USUAL
    return Name.SAME_COMMON if bearers <= EVERYWHERE else Name.SAME_EVERYWHERE


@numba.njit(cache=True, nogil=True)
def sorted_pair(one, other):  # pragma: no cover - compiled
    """Return two numbers, the smaller one first."""
    return (one, other) if one <= other else (other, one)


@numba.njit(cache=True, nogil=True)
def _newborns(one, other):  # pragma: no cover - compiled
    if one.newborn and other.newborn:
        return Name.UNNAMED_SAME_MOTHER if one.stem == other.stem else Name.OTHER_MOTHER
    known, mother = (other.mother, other.mother_form) if one.newborn else (one.mother, one.mother_form)
    if known == NO_NAME:
        return Name.SILENT
    return Name.NAMED_SAME_MOTHER if mother == one.stem + other.stem else Name.OTHER_MOTHER


@numba.njit(cache=True, nogil=True)
def edits(codes, length, with_codes, with_length):  # pragma: no cover - compiled
    """Return the optimal string alignment distance: characters put in, left out, replaced, neighbours swapped."""
    before, last, now = np.zeros(17, np.int16), np.arange(17).astype(np.int16), np.zeros(17, np.int16)
    for row in range(1, length + 1):
        now[0] = row
        for column in range(1, with_length + 1):
            same = codes[row - 1] == with_codes[column - 1]
            best = min(last[column] + 1, now[column - 1] + 1, last[column - 1] + (0 if same else 1))
            if (
                row > 1
                and column > 1
                and codes[row - 1] == with_codes[column - 2]
                and codes[row - 2] == with_codes[column - 1]
            ):
                best = min(best, before[column - 2] + 1)
            now[column] = best
        before, last, now = last, now, before
    return last[with_length]


@numba.njit(cache=True, nogil=True)
def _birth(one, other):  # pragma: no cover - compiled
    birth, with_birth = one.birth, other.birth
    told, with_told = one.own_birth, other.own_birth
    if told == NONE or with_told == NONE:
        return Birth.SILENT
    if birth == with_birth and birth != NONE:
        return Birth.SAME
    if one.key != other.key and (told == with_told or told == with_birth or birth == with_told):
        return Birth.BY_NUMBER
    apart = abs(one.day - other.day)
    if birth == NONE or with_birth == NONE:
        if one.key != NONE and one.key == other.key:
            return Birth.SILENT
        return Birth.SAME_YEAR if told // 10000 == with_told // 10000 else Birth.DIFFERENT
    if _mistyped(birth, with_birth):
        return Birth.MISTYPED
    years = abs(birth // 10000 - with_birth // 10000)
    if (birth % 10000 == 101 or with_birth % 10000 == 101) and years <= ESTIMATE_ERROR:
        return Birth.ESTIMATED
    if abs(one.lunar - other.day) <= LUNAR_ERROR or abs(other.lunar - one.day) <= LUNAR_ERROR:
        return Birth.LUNAR
    if years == 0:
        return Birth.SAME_YEAR
    return Birth.DIFFERENT if apart < TEN_YEARS else Birth.FAR


@numba.njit(cache=True, nogil=True)
def _mistyped(birth, with_birth):  # pragma: no cover - compiled
    month_day, with_month_day = birth % 10000, with_birth % 10000
    if birth // 10000 == with_birth // 10000 and month_day // 100 == with_month_day % 100:
        return month_day % 100 == with_month_day // 100
    count = 0
    while birth != with_birth:
        count += birth % 10 != with_birth % 10
        birth //= 10
        with_birth //= 10
    return count == 1


@numba.njit(cache=True, nogil=True)
def _sex(one, other):  # pragma: no cover - compiled
    sex, with_sex = one.own_sex, other.own_sex
    if sex == NONE or with_sex == NONE:
        return Sex.SILENT
    return Sex.SAME if sex == with_sex else Sex.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _phone(one, other):  # pragma: no cover - compiled
    phone, with_phone = one.phone, other.phone
    if phone == NONE or with_phone == NONE:
        return Phone.SILENT
    if phone != with_phone:
        return Phone.DIFFERENT
    if one.callers < HOUSEHOLD:
        return Phone.SAME
    return Phone.SAME_HOUSEHOLD if one.callers < CROWD else Phone.SAME_CROWD


@numba.njit(cache=True, nogil=True)
def _place(one, other):  # pragma: no cover - compiled
    division, with_division = one.division, other.division
    if division == NONE or with_division == NONE:
        return Place.SILENT
    if division == with_division:
        return Place.SAME_VILLAGE
    if division // 1000 == with_division // 1000:
        return Place.SAME_TOWNSHIP
    if one.renumbered == with_division or other.renumbered == division:
        return Place.RENUMBERED
    return Place.SAME_COUNTY if division // 1_000_000 == with_division // 1_000_000 else Place.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _card(one, other):  # pragma: no cover - compiled
    card, with_card = one.card, other.card
    if card == NONE or with_card == NONE:
        return Card.SILENT
    return Card.SAME if card == with_card else Card.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _mother(one, other):  # pragma: no cover - compiled
    key, with_key = one.mother_key, other.mother_key
    if key != NONE and with_key != NONE:
        return Mother.SAME_DOCUMENT if key == with_key else Mother.DIFFERENT
    if one.mother == NO_NAME or other.mother == NO_NAME:
        return Mother.SILENT
    return Mother.SAME_NAME if one.mother_sound == other.mother_sound else Mother.DIFFERENT


@numba.njit(cache=True, nogil=True)
def _obstacle(one, other, document, name):  # pragma: no cover - compiled
    if document == Document.DIFFERENT_VALID:
        return Obstacle.TWO_DOCUMENTS
    alike = Name.SAME_RARE <= name <= Name.REORDERED or name == Name.SAME_EVERYWHERE
    if document == Document.NEIGHBOURS_VALID and not alike:
        return Obstacle.TWO_DOCUMENTS
    dated = one.day != UNDATED and other.day != UNDATED
    if dated and abs(one.day - other.day) >= TEN_YEARS:
        if _is_mother(one, other) or _is_mother(other, one):
            return Obstacle.MOTHER_AND_CHILD
        if one.newborn or other.newborn:
            return Obstacle.NEWBORN_AND_ADULT
    if _two_newborns(one, other):
        return Obstacle.TWO_NEWBORNS
    return Obstacle.SILENT


@numba.njit(cache=True, nogil=True)
def _is_mother(child, mother):  # pragma: no cover - compiled
    return child.mother_key != NONE and child.mother_key == mother.key


@numba.njit(cache=True, nogil=True)
def _two_newborns(one, other):  # pragma: no cover - compiled
    unnamed = one.newborn and other.newborn
    together = one.institution == other.institution
    return unnamed and together and abs(one.registered - other.registered) <= SAME_CONFINEMENT


@numba.njit(cache=True, nogil=True)
def are_two_people(one, other):  # pragma: no cover - compiled
    """Say whether two rows show different valid numbers under different names, whatever else agrees.

    A name in another order is the same. Where one of the numbers is not its holder's own, so is a name that sounds
    the same if the birth dates are the same.
    """
    if one.key <= 0 or other.key <= 0 or one.key == other.key or one.letters == other.letters:
        return False
    if not (is_named(one) and is_named(other)):
        return False
    both_own = one.fit != FAR and other.fit != FAR
    return both_own or one.sound != other.sound or one.birth != other.birth
