"""Numbers of identity documents as integers: the usual ones at speed, all others by the rules."""
# mypy: disable-error-code="no-untyped-def"

from datetime import date
from typing import Final, NamedTuple

import numba
import numpy as np
import pyarrow as pa

from kangqiao.identity.documents import DocumentKey, DocumentType
from kangqiao.identity.linkage.columns import NONE
from kangqiao.identity.linkage.days import is_date
from kangqiao.identity.linkage.hashing import closed, mix, text_hash, utf8
from kangqiao.identity.rules import CHECK_CHARACTERS, EARLIEST_BIRTH, WEIGHTS, normalise_document

DIGITS: Final = 17
FORMER_DIGITS, DIVISION_DIGITS = 15, 6
TEN: Final = 10
"""The check character X."""

_CHECKS: Final = np.array([TEN if character == "X" else int(character) for character in CHECK_CHARACTERS], np.int8)
_WEIGHTS: Final = np.array(WEIGHTS)
_CITIZEN, _OTHER = int(DocumentType.CITIZEN_ID), int(DocumentType.OTHER)
_OTHER_CODES: Final = tuple(map(ord, DocumentType.OTHER))
_EARLIEST: Final = int(f"{EARLIEST_BIRTH:%Y%m%d}")


class Documents(NamedTuple):
    """What documents say, one entry per registration, as in `columns`."""

    key: np.ndarray
    number: np.ndarray
    check: np.ndarray


def read_documents(kinds: pa.Array, numbers: pa.Array, *, today: date) -> Documents:
    """Read documents as they were typed. `identity.rules` decides; the usual numbers are decided here alike."""
    read = Documents(*_usual(*utf8(kinds), *utf8(numbers), int(f"{today:%Y%m%d}")))
    known: dict[tuple[str | None, str], tuple[int, int, int]] = {}
    odd = np.flatnonzero(read.check < 0)
    rows = pa.array(odd)
    for row, kind, number in zip(odd, kinds.take(rows).to_pylist(), numbers.take(rows).to_pylist(), strict=True):
        if (kind, number) not in known:
            known[kind, number] = document_of(kind, number, today=today)
        read.key[row], read.number[row], read.check[row] = known[kind, number]
    return read


def document_of(kind: str | None, number: str | None, *, today: date) -> tuple[int, int, int]:
    """Return key, number and check character of one document, as in `REGISTRATION`."""
    found = normalise_document(kind, number, today=today)
    if isinstance(found, DocumentKey) and found.type_code != DocumentType.CITIZEN_ID:
        return -text_hash(found.type_code + found.number), NONE, 0
    if isinstance(found, DocumentKey):
        return int(found.number[:DIGITS]), int(found.number[:DIGITS]), _check(found.number)
    typed = (number or "").replace(" ", "").upper()
    if len(typed) == DIGITS + 1 and typed.isascii() and typed[:DIGITS].isdigit() and typed[DIGITS] in CHECK_CHARACTERS:
        return NONE, int(typed[:DIGITS]), _check(typed)
    return NONE, NONE, 0


def _check(number: str) -> int:
    return TEN if number[DIGITS] == "X" else int(number[DIGITS])


@numba.njit(cache=True, nogil=True)
def _usual(kinds, kind_edges, data, edges, today):  # pragma: no cover - compiled
    """Return key, number and check character; check -1 where the number is neither empty nor of a usual form."""
    count = len(edges) - 1
    key, number, check = np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, np.int8)
    for row in range(count):
        start, end = edges[row], edges[row + 1]
        if start == end:
            continue
        check[row] = -1
        if end - start == DIGITS + 1:
            digits, last = _eighteen(data, start)
            if last >= 0:
                number[row], check[row] = digits, last
                if last == _CHECKS[_checked(digits) % 11] and _is_birth(digits, today):
                    key[row] = digits
            continue
        kind = _kind(kinds, kind_edges[row], kind_edges[row + 1])
        if kind == _CITIZEN and _are_digits(data, start, end):
            check[row] = 0
            if end - start == FORMER_DIGITS and not _is_counted(data, start, end):
                digits = _of_former(data, start)
                if _is_birth(digits, today):
                    key[row], number[row], check[row] = digits, digits, _CHECKS[_checked(digits) % 11]
        elif kind == _OTHER and _is_certificate(data, start, end):
            key[row], check[row] = -_hash_of_other(data, start, end), 0
    return key, number, check


@numba.njit(cache=True, nogil=True)
def _kind(kinds, start, end):  # pragma: no cover - compiled
    return 10 * np.int64(kinds[start]) + kinds[start + 1] - 11 * 48 if end - start == 2 else np.int64(-1)


@numba.njit(cache=True, nogil=True)
def _are_digits(data, start, end):  # pragma: no cover - compiled
    for place in range(start, end):
        if not 48 <= data[place] <= 57:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def _is_counted(data, start, end):  # pragma: no cover - compiled
    """Say whether digits stand for none: all alike, or counted from one on."""
    alike = counting = True
    for place in range(start, end):
        alike &= data[place] == data[start]
        counting &= data[place] - 48 == (place - start + 1) % 10
    return alike or counting


@numba.njit(cache=True, nogil=True)
def _of_former(data, start):  # pragma: no cover - compiled
    """Return the first seventeen digits of whom fifteen were given before 1999."""
    digits = np.int64(0)
    for place in range(FORMER_DIGITS):
        if place == DIVISION_DIGITS:
            digits = digits * 100 + 19
        digits = digits * 10 + np.int64(data[start + place]) - 48
    return digits


@numba.njit(cache=True, nogil=True)
def _is_birth(digits, today):  # pragma: no cover - compiled
    born = digits // 1000 % 100_000_000
    return _EARLIEST <= born <= today and is_date(born)


@numba.njit(cache=True, nogil=True)
def _is_certificate(data, start, end):  # pragma: no cover - compiled
    """Say whether it is the number of a birth certificate: a capital letter and nine digits."""
    return end - start == 10 and 65 <= data[start] <= 90 and _are_digits(data, start + 1, end)


@numba.njit(cache=True, nogil=True)
def _hash_of_other(data, start, end):  # pragma: no cover - compiled
    value = np.uint64(0)
    for code in _OTHER_CODES:
        value = mix(value, code)
    for place in range(start, end):
        value = mix(value, np.int64(data[place]))
    return closed(value)


@numba.njit(cache=True, nogil=True)
def _eighteen(data, start):  # pragma: no cover - compiled
    """Return seventeen digits as a number and the check character, -1 if it is none or one of them no digit."""
    digits = np.int64(0)
    for place in range(start, start + DIGITS):
        digit = np.int64(data[place]) - 48
        if digit < 0 or digit > 9:
            return digits, np.int8(-1)
        digits = digits * 10 + digit
    last = np.int64(data[start + DIGITS])
    if last == ord("X"):
        return digits, np.int8(TEN)
    return digits, np.int8(last - 48) if 48 <= last <= 57 else np.int8(-1)


@numba.njit(cache=True, nogil=True)
def _checked(digits):  # pragma: no cover - compiled
    total = 0
    for place in range(DIGITS - 1, -1, -1):
        total += digits % 10 * _WEIGHTS[place]
        digits //= 10
    return total
