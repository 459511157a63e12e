"""What clerks write down as number of a document."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.citizen_numbers import CHECK, WEIGHTS, as_text, citizen_numbers
from kangqiao.simulation.draws import Choices, below
from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.characters import LONGEST, Codes
from kangqiao.simulation.identities.draft import Draft
from kangqiao.simulation.identities.kinds import bit, marked
from kangqiao.simulation.identities.lives import (
    CARD,
    CERTIFICATE,
    CITIZEN_ID,
    NO_DOCUMENT,
    OLD_NUMBERS,
    PASSPORT,
    PERMIT,
)
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.sheets import digits, text_of

PLACEHOLDERS = ("无", "000000", "不详", "111111111111111111", "123456")
PLACEHOLDER_SHARES = (0.30, 0.24, 0.10, 0.14, 0.06)
PHONE_SHARE, CLERK_SHARE = 0.15, 0.01
CLERKS = 6
"""Clerks of an institution whose own numbers stand for those of patients."""

SMALL = (CARE.index("village"), CARE.index("township"), CARE.index("private"))
"""Levels at which clerks use their own numbers: programs of hospitals would notice."""

FULL_WIDTH = ord("０") - ord("0")

_LENT = bit("borrowed-id") | bit("newborn-mothers-id")
_JUNK = bit("junk-id")
_MISTYPED = bit("id-digit-swap") | bit("id-digit-wrong")

SHOWN = {"passport-only": PASSPORT, "residence-card": CARD, "travel-permit": PERMIT, "birth-certificate": CERTIFICATE}


def write_documents(draft: Draft, random: np.random.Generator) -> None:
    """Spoil the numbers of documents as clerks do."""
    _newborns(draft, random)
    _forgotten(draft, random)
    _borrowed(draft, random)
    _junk(draft, random)
    _shared(draft)
    _mistyped(draft, random)
    _untidy(draft, random)
    for kind, document in SHOWN.items():
        draft.mark(np.flatnonzero(draft.document_kind == document), kind)
    draft.mark(np.flatnonzero(np.asarray(pc.is_null(draft.document))), "no-id")


def _lots(draft: Draft, random: np.random.Generator, among: np.ndarray, chance: float | np.ndarray) -> np.ndarray:
    return np.flatnonzero(among & (random.random(len(draft)) < chance))


def citizens_number(draft: Draft, rows: np.ndarray, person: np.ndarray) -> pa.Array:
    """Return the citizens' numbers that people (positions, -1: nobody) have on the days of rows, else null."""
    whose, day = np.maximum(person, 0), draft.contacts.day[rows]
    kind, _ = draft.lives.document_kind.at(whose, day)
    number, _ = draft.lives.document.at(whose, day)
    known = (kind == CITIZEN_ID) & (person >= 0)
    return pc.if_else(pa.array(known), number, pa.scalar(None, pa.string()))


def _lent(draft: Draft, rows: np.ndarray, person: np.ndarray, kind: str) -> None:
    """Write the numbers of other people, where they have one."""
    number = citizens_number(draft, rows, person)
    has = np.asarray(pc.is_valid(number)) & (person != draft.contacts.person[rows])
    draft.write_documents(rows[has], CITIZEN_ID, number.filter(pa.array(has)))
    draft.mark(rows[has], kind)


def _newborns(draft: Draft, random: np.random.Generator) -> None:
    rows = _lots(draft, random, draft.contacts.newborn, rate("newborn-mothers-id"))
    _lent(draft, rows, draft.lives.people.mother[draft.contacts.person[rows]], "newborn-mothers-id")


def _forgotten(draft: Draft, random: np.random.Generator) -> None:
    age = draft.age
    often = np.where(age < 6, 2.2, np.where(age > 75, 1.5, 1.0))
    typed = draft.contacts.typed & ~draft.contacts.newborn
    rows = _lots(draft, random, typed, rate("no-id") * often)
    draft.write_documents(rows, NO_DOCUMENT, pa.nulls(len(rows), pa.string()))


def _borrowed(draft: Draft, random: np.random.Generator) -> None:
    """A child is registered under the mother's number, others under that of somebody of the household."""
    typed = draft.contacts.typed & ~draft.contacts.newborn & draft.citizen
    rows = _lots(draft, random, typed, rate("borrowed-id"))
    person = draft.contacts.person[rows]
    mother = draft.lives.people.mother[person]
    child = (draft.age[rows] < 10) & (mother >= 0)
    _lent(draft, rows, np.where(child, mother, draft.lives.mate[person]), "borrowed-id")


def _junk(draft: Draft, random: np.random.Generator) -> None:
    rows = _lots(draft, random, draft.contacts.typed & draft.citizen & (draft.kinds & _LENT == 0), rate("junk-id"))
    small = np.isin(draft.contacts.level[rows], SMALL)
    shares = (*PLACEHOLDER_SHARES, PHONE_SHARE, CLERK_SHARE)
    choice = Choices.of([shares, (*PLACEHOLDER_SHARES, PHONE_SHARE, 0)]).draw(random, (~small).astype(np.int64))
    phone, clerk = len(PLACEHOLDERS), len(PLACEHOLDERS) + 1
    choice = np.where((choice == phone) & (draft.phone[rows] < 0), 0, choice)
    words = text_of(list(PLACEHOLDERS)).take(pa.array(np.minimum(choice, phone - 1)))
    words = pc.if_else(pa.array(choice == phone), digits(draft.phone[rows], 11), words)
    own = clerks_numbers(draft.contacts.institution[rows], random.integers(0, CLERKS, len(rows)))
    draft.write_documents(rows, CITIZEN_ID, pc.if_else(pa.array(choice == clerk), own, words))
    draft.mark(rows, "junk-id")


def clerks_numbers(institution: np.ndarray, clerk: np.ndarray) -> pa.Array:
    """Return the clerks' own citizen numbers: always the same for the same clerk of an institution."""
    born = np.datetime64("1970-01-01") + below(11_000, institution, clerk, 321)
    region = facts("counties").numbers("former_region").astype(np.int64)[below(8, institution, 322)]
    return as_text(citizen_numbers(region, born, 1 + below(2, institution, clerk, 323), 430 + clerk))


def _shared(draft: Draft) -> None:
    person = draft.contacts.person
    sharing = draft.lives.shared[person] & draft.citizen & (draft.kinds & (_LENT | _JUNK) == 0)
    taken = ~np.isnat(draft.lives.document.until[person])
    former = draft.lives.document.at(person, draft.contacts.day)[1]
    draft.mark(np.flatnonzero(sharing & (~taken | former)), "shared-id")


def _mistyped(draft: Draft, random: np.random.Generator) -> None:
    """Digits of numbers that were typed: swapped or replaced; some programs make the check character fit again."""
    own = draft.contacts.typed & draft.citizen & (draft.kinds & _JUNK == 0)
    lot = random.random(len(draft))
    swapped = np.flatnonzero(own & (lot < rate("id-digit-swap")))
    wrong = np.flatnonzero(own & (lot > 1 - rate("id-digit-wrong")))
    draft.misspell("document", swapped, lambda codes: _checked(_swapped(codes, random), random), "id-digit-swap")
    draft.misspell("document", wrong, lambda codes: _checked(_replaced(codes, random), random), "id-digit-wrong")


def _swapped(codes: Codes, random: np.random.Generator) -> Codes:
    rows, place = np.arange(len(codes)), random.integers(6, 16, len(codes))
    codes[rows, place], codes[rows, place + 1] = codes[rows, place + 1], codes[rows, place].copy()
    return codes


def _replaced(codes: Codes, random: np.random.Generator) -> Codes:
    rows, place = np.arange(len(codes)), random.integers(0, 17, len(codes))
    codes[rows, place] = ord("0") + (codes[rows, place] - ord("0") + random.integers(1, 10, len(codes))) % 10
    return codes


def _checked(codes: Codes, random: np.random.Generator) -> Codes:
    fits = random.random(len(codes)) < rate("recomputed-check")
    codes[:, 17] = np.where(fits, CHECK[(codes[:, :17] - ord("0")) @ WEIGHTS % 11], codes[:, 17])
    return codes


def _untidy(draft: Draft, random: np.random.Generator) -> None:
    """Numbers of the former length, and numbers written untidily."""
    born = draft.lives.people.born[draft.contacts.person]
    clean = draft.contacts.typed & draft.citizen & (draft.kinds & (_JUNK | _MISTYPED) == 0)
    former = _lots(
        draft, random, clean & (born < OLD_NUMBERS - 5 * 365) & (draft.kinds & _LENT == 0), rate("fifteen-digit")
    )
    draft.misspell("document", former, _fifteen, "fifteen-digit")
    clean &= ~marked(draft.kinds, "fifteen-digit")
    rows = _lots(draft, random, clean, rate("untidy-id"))
    for turn, change in enumerate(UNTIDY):
        draft.misspell("document", rows[turn :: len(UNTIDY)], change, "untidy-id")


def _fifteen(codes: Codes) -> Codes:
    return _cells(np.delete(codes, [6, 7, 17], axis=1))


def _full_width(codes: Codes) -> Codes:
    return np.where(codes > 0, codes + FULL_WIDTH, 0)


def _spaced(codes: Codes) -> Codes:
    return _cells(np.insert(codes, [6, 14], ord(" "), axis=1))


def _look_alike(codes: Codes) -> Codes:
    """Write the letter O for the first nought."""
    rows, place = np.arange(len(codes)), (codes == ord("0")).argmax(axis=1)
    codes[rows, place] = np.where(codes[rows, place] == ord("0"), ord("O"), codes[rows, place])
    return codes


def _small_x(codes: Codes) -> Codes:
    return np.where(codes == ord("X"), ord("x"), codes)


def _cells(codes: Codes) -> Codes:
    """Return the codes with as many cells as rows of codes have."""
    return np.pad(codes, ((0, 0), (0, LONGEST)))[:, :LONGEST]


UNTIDY = (_full_width, _spaced, _look_alike, _small_x)
