"""Registrations as they are compared: all that counts about one side by side in memory, and the same content once.

Registrations that say the same in every compared field under the same number of their own are one entry: they are one
person beyond doubt, and comparing each of them with everybody would say the same again.
"""
# mypy: disable-error-code="no-untyped-def"

from typing import Final, NamedTuple

import numba
import numpy as np

from kangqiao.identity.linkage.columns import FAR, NEAR, NONE, Registrations
from kangqiao.identity.linkage.crowds import SEVERAL
from kangqiao.identity.linkage.grouping import grouped
from kangqiao.identity.linkage.hashing import closed, mix
from kangqiao.identity.linkage.names import NO_NAME, Names
from kangqiao.identity.linkage.threads import side_by_side, spans
from kangqiao.identity.linkage.townships import renumbered_one, townships
from kangqiao.standards.lunar import written_as_solar

ENTRY: Final = np.dtype(
    [
        *((word, np.int64) for word in ("key", "number", "card", "phone", "division", "renumbered", "mother_key")),
        *((word, np.int64) for word in ("letters", "sound", "stem", "mother_form", "mother_sound")),
        *((word, np.int32) for word in ("name", "mother", "surname", "birth", "own_birth", "day", "lunar")),
        *((word, np.int32) for word in ("registered", "institution")),
        *((word, np.int16) for word in ("bearers", "holders", "callers")),
        *((word, np.int8) for word in ("check", "fit", "sex", "own_sex", "newborn", "length")),
    ],
    align=True,
)
"""Of `REGISTRATION` and `Names`, and besides:

own_birth, own_sex          inside a number that is the person's own, else as recorded
fit                         FAR, too, where a number tells another sex and another birth date
lunar                       the day (since 1970) that is written down by who takes the lunar birthday for a solar one
renumbered                  the division if civil affairs numbered it
mother_form, mother_sound   of the mother's name
"""


NAME: Final = np.dtype(
    [
        *((word, np.int64) for word in ("form", "letters", "sound", "stem")),
        *((word, np.int32) for word in ("surname", "bearers")),
        *((word, np.int8) for word in ("newborn", "length")),
    ],
    align=True,
)
"""What entries take from `Names`, side by side."""


class Entries(NamedTuple):
    """What is compared, ordered so that registrations that look alike lie close together.

    rows   (entries,) of ENTRY
    names  which the rows point to
    entry  for each registration the place of its entry (int32)
    """

    rows: np.ndarray
    names: Names
    entry: np.ndarray


class Calendar(NamedTuple):
    """From a first day on (since 1970): lunar, the day that is written down by who takes the lunar birthday for a
    solar one (int32)."""

    first: int
    lunar: np.ndarray


def entries_of(registrations: Registrations) -> Entries:
    """Return the entries of registrations. Nothing of it depends on anything but their content and records."""
    content, likeness = side_by_side(grouped, content_and_likeness(*registrations))
    first, entry = _once(len(registrations.rows), *content, likeness.rows)
    return Entries(rows_of(registrations, first), registrations.names, entry)


def rows_of(registrations: Registrations, chosen: np.ndarray) -> np.ndarray:
    """Return the registrations at positions (int32) as rows of ENTRY."""
    rows = np.empty(len(chosen), ENTRY)
    names, calendar = np.empty(len(registrations.names.form), NAME), _lunar_days(registrations.rows["day"])
    for word in NAME.names or ():
        names[word] = getattr(registrations.names, word)
    side_by_side(
        lambda span: _fill(rows[span], registrations.rows, names, chosen[span], calendar, townships()), spans(len(rows))
    )
    return rows


def _lunar_days(days: np.ndarray) -> Calendar:
    first = days.min(initial=0)
    seen = np.zeros(days.max(initial=0) - first + 1, dtype=bool)
    seen[days - first] = True
    there = np.flatnonzero(seen)
    lunar = np.zeros(len(seen), np.int32)
    lunar[there] = written_as_solar((there + first).astype("datetime64[D]")).astype(np.int32)
    return Calendar(first, lunar)


@numba.njit(cache=True, nogil=True)
def content_and_likeness(rows, names):  # pragma: no cover - compiled
    """Return hashes of what registrations say, NONE where equals may be two people; and of who they seem to be."""
    content, likeness = np.zeros(len(rows), np.int64), np.empty(len(rows), np.int64)
    for row in range(len(rows)):
        one, name = rows[row], rows[row].name
        own = one.key > 0 and trust(one.fit, one.key, one.sex, one.birth) != FAR
        birth = one.key // 1000 % 100_000_000 if own else np.int64(one.birth)
        likeness[row] = closed(mix(mix(np.uint64(0), names.letters[name]), birth))
        if not own or name == NO_NAME or names.newborn[name] or one.holders > SEVERAL:
            continue
        value = mix(mix(np.uint64(0), one.key), names.form[name])
        value = mix(mix(value, np.int64(one.birth)), np.int64(one.sex))
        value = mix(mix(value, one.phone), one.division)
        value = mix(mix(value, one.card), one.mother_key)
        content[row] = closed(mix(value, names.form[one.mother]))
    return content, likeness


@numba.njit(cache=True, nogil=True)
def trust(fit, key, sex, birth):  # pragma: no cover - compiled
    """Return how a number fits its holder: FAR, too, where it tells another sex besides another birth date."""
    other_sex = key > 0 and sex == 1 + key % 2
    return FAR if other_sex and fit == NEAR and birth != NONE else fit


@numba.njit(cache=True, nogil=True)
def _once(count, contents, rows, by_likeness):  # pragma: no cover - compiled
    """Return the first registration of each content in the order of likeness, and each registration's place there."""
    head = np.arange(count).astype(np.int32)
    for place in range(1, len(rows)):
        if contents[place] == contents[place - 1]:
            head[rows[place]] = head[rows[place - 1]]
    first, entry, count = np.empty(count, np.int32), np.empty(count, np.int32), 0
    for row in by_likeness:
        if head[row] == row:
            first[count] = row
            entry[row] = count
            count += 1
    for row in range(len(head)):
        entry[row] = entry[head[row]]
    return first[:count].copy(), entry


@numba.njit(cache=True, nogil=True)
def _fill(rows, registrations, names, chosen, calendar, townships):  # pragma: no cover - compiled
    for place in range(len(chosen)):
        one, to = registrations[chosen[place]], rows[place]
        name, mother, fit = names[one.name], names[one.mother], trust(one.fit, one.key, one.sex, one.birth)
        own = one.key > 0 and fit != FAR
        to.key, to.number, to.card, to.phone = one.key, one.number, one.card, one.phone
        to.division, to.mother_key = one.division, one.mother_key
        to.letters, to.sound, to.stem, to.surname = name.letters, name.sound, name.stem, name.surname
        to.mother_form, to.mother_sound = mother.form, mother.sound
        to.name, to.mother, to.newborn, to.length = one.name, one.mother, name.newborn, name.length
        to.birth = one.birth
        to.own_birth = one.key // 1000 % 100_000_000 if own else one.birth
        to.day, to.registered, to.institution = one.day, one.registered, one.institution
        to.bearers, to.holders, to.callers = name.bearers, one.holders, one.callers
        to.check, to.fit, to.sex = one.check, fit, one.sex
        to.own_sex = 2 - one.key % 2 if own else one.sex
        to.lunar = calendar.lunar[one.day - calendar.first]
        to.renumbered = renumbered_one(one.division, townships)


@numba.njit(cache=True, nogil=True)
def is_named(entry):  # pragma: no cover - compiled
    """Say who has a name of their own."""
    return entry.name != NO_NAME and not entry.newborn
