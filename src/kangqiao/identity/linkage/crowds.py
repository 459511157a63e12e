"""How many stand behind a number, a phone, a name: what the whole city tells about values that many share.

Counted over all registrations once, kept beside the model, and asked when a few registrations are compared with
millions. Only crowds are kept: what is not there belongs to fewer than the smallest number that matters.
"""
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.columns import NONE, Registrations
from kangqiao.identity.linkage.grouping import end_of, grouped, marks_of, place_among, values_among
from kangqiao.identity.linkage.names import NO_NAME, Names
from kangqiao.identity.linkage.threads import side_by_side

SEVERAL: Final = 2
"""Names behind a number; one person's with its variants seldom are more."""
MANY: Final = 6
"""Names behind a number that is nobody's: a clerk's own, an example from a form."""
RARE: Final = 3
COMMON: Final = 30
EVERYWHERE: Final = 200
"""Birth dates behind a name."""
HOUSEHOLD: Final = 3
CROWD: Final = 6
"""Surnames behind a phone."""


class Limit(NamedTuple):
    """What matters about a count: from more than how many on there is a crowd, and up to how many one counts."""

    more_than: int
    most: int


LIMITS: Final = (Limit(SEVERAL, MANY), Limit(HOUSEHOLD - 1, CROWD), Limit(RARE, EVERYWHERE + 1))
"""For numbers, phones, names."""


class Crowds(NamedTuple):
    """Values in ascending order (int64), each with how many stand behind it (int32, counted up to what matters).

    keys, holders   document keys as in `REGISTRATION`, with more than SEVERAL differently sounding names: up to MANY
    phones, callers phones with at least HOUSEHOLD surnames: up to CROWD
    forms, bearers  hashes of names as in `Names.form`, with more than RARE birth dates: up to EVERYWHERE + 1
    """

    keys: np.ndarray
    holders: np.ndarray
    phones: np.ndarray
    callers: np.ndarray
    forms: np.ndarray
    bearers: np.ndarray


class Sharing(NamedTuple):
    """Values that may be shared, with what may stand behind them (arrays of one length); `SHARED` says which."""

    value: np.ndarray
    behind: np.ndarray


def _by_number(rows: np.ndarray, names: Names) -> Sharing:
    return Sharing(np.where(rows["name"] != NO_NAME, rows["key"], NONE), names.sound[rows["name"]])


def _by_phone(rows: np.ndarray, names: Names) -> Sharing:
    return Sharing(rows["phone"].copy(), names.surname[rows["name"]])


def _by_name(rows: np.ndarray, names: Names) -> Sharing:
    return Sharing(names.form[rows["name"]], rows["birth"].copy())


SHARED: Final = (_by_number, _by_phone, _by_name)
"""What registrations say about values that many may share, in the order of `LIMITS`."""


def crowds_of(read: Registrations) -> Crowds:
    """Count over all registrations."""

    def counted(place: int) -> tuple[np.ndarray, np.ndarray]:
        value, behind = SHARED[place](*read)
        return _crowds(value, behind, grouped(value), LIMITS[place])

    return crowds_counted(side_by_side(counted, range(len(LIMITS))))


@numba.njit(cache=True, nogil=True)
def _crowds(value, behind, groups, limit):  # pragma: no cover - compiled
    """Return the values of groups that are crowds, and how many stand behind each."""
    crowds, counts, count, start = np.empty_like(value), np.empty(len(value), np.int32), 0, 0
    seen = np.empty(limit.most, np.int64)
    while start < len(groups.rows):
        end = end_of(groups.keys, start)
        if end - start > limit.more_than:
            crowds[count] = value[groups.rows[start]]
            counts[count] = values_among(behind, groups.rows[start:end], seen)
            count += counts[count] > limit.more_than
        start = end
    return crowds[:count].copy(), counts[:count].copy()


def crowds_counted(counts: Iterable[tuple[np.ndarray, np.ndarray]]) -> Crowds:
    """Return the crowds among values that were counted, in the order of `LIMITS`."""
    kept = [_kept(*counted, limit) for counted, limit in zip(counts, LIMITS, strict=True)]
    return Crowds(*(array for crowd in kept for array in crowd))


def crowds_among(rows: np.ndarray, names: Names) -> Crowds:
    """Return the crowds that were counted before, from rows of entries and their names."""
    numbers, phones = ((rows[word], rows[count]) for word, count in (("key", "holders"), ("phone", "callers")))
    return crowds_counted((numbers, phones, (names.form, names.bearers)))


def _kept(value: np.ndarray, counts: np.ndarray, limit: Limit) -> tuple[np.ndarray, np.ndarray]:
    rows = np.flatnonzero(counts > limit.more_than)
    crowds, first = np.unique(value[rows], return_index=True)
    return crowds, np.minimum(counts[rows[first]], limit.most).astype(np.int32)


def count_crowds(read: Registrations, crowds: Crowds) -> None:
    """Write down beside registrations and names how many they share them with: the counts of crowds, else 1."""
    rows, names = read
    rows["holders"] = _standing_behind(rows["key"].copy(), crowds.keys, crowds.holders)
    rows["callers"] = _standing_behind(rows["phone"].copy(), crowds.phones, crowds.callers)
    names.bearers[:] = _standing_behind(names.form, crowds.forms, crowds.bearers)


@numba.njit(cache=True, nogil=True)
def _standing_behind(value, crowds, counts):  # pragma: no cover - compiled
    """Return the counts of values (int32), 1 where they are no crowd."""
    marks, found = marks_of(crowds), np.ones(len(value), np.int32)
    for row in range(len(value)):
        place = place_among(value[row], crowds, marks)
        if place >= 0:
            found[row] = counts[place]
    return found


def save_crowds(crowds: Crowds, path: Path) -> None:
    """Write the crowds as one .npz file."""
    path.write_bytes(crowds_as_bytes(crowds))


def load_crowds(path: Path) -> Crowds:
    """Read what `save_crowds` wrote; raises KeyError when something is missing."""
    return crowds_from(path.read_bytes())


def crowds_as_bytes(crowds: Crowds) -> bytes:
    """Return the crowds as the content of an .npz file."""
    file = BytesIO()
    np.savez(file, **crowds._asdict())
    return file.getvalue()


def crowds_from(content: bytes) -> Crowds:
    """Read what `crowds_as_bytes` returned; raises KeyError when something is missing."""
    with np.load(BytesIO(content), allow_pickle=False) as kept:
        return Crowds(*(kept[word] for word in Crowds._fields))


NO_CROWDS: Final = Crowds(*(np.zeros(0, kind) for kind in (np.int64, np.int32) * 3))
"""Before anything was counted."""
