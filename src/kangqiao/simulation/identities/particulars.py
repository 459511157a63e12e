"""What clerks write down as birth date, sex, phone and address."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files

import numpy as np

from kangqiao.simulation.draws import mixed, steady_uniform
from kangqiao.simulation.identities.draft import Draft
from kangqiao.simulation.identities.kinds import bit
from kangqiao.simulation.identities.lives import NEVER
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.institutions import CARE
from kangqiao.standards.lunar import written_as_solar

BESIDE_A_NUMBER = 0.1
"""Share of the typed birth dates that differ from the typed number although the number tells them."""

USUAL = 0.25
"""Share of village clinics that usually give the doctor's phone."""

VILLAGE, TOWNSHIP = CARE.index("village"), CARE.index("township")
COARSE, NOWHERE = 0.25, 0.03
"""Shares of the hospitals' addresses that only say the township, and of all that are missing."""


def write_birth_dates(draft: Draft, random: np.random.Generator) -> None:
    """Write lunar birthdays as solar ones, guessed ones as 01-01, and some wrong; where a number is shown, rarely.

    No program takes a birthday to come.
    """
    numberless = ~draft.citizen | (draft.kinds & bit("junk-id") != 0)
    typed = draft.contacts.typed & (numberless | (random.random(len(draft)) < BESIDE_A_NUMBER))
    typed &= ~draft.contacts.newborn
    person = draft.contacts.person
    guessed = typed & ~np.isnat(draft.lives.guessed[person])
    lunar = np.flatnonzero(typed & draft.lives.lunar[person] & ~guessed)
    draft.birth_date[lunar] = written_as_solar(draft.birth_date[lunar])
    draft.mark(lunar, "lunar-birthday")
    rows = np.flatnonzero(guessed)
    draft.birth_date[rows] = draft.lives.guessed[person[rows]]
    draft.mark(rows, "estimated-birthday")
    wrong = draft.contacts.typed & (random.random(len(draft)) < rate("birth-date-wrong"))
    rows = np.flatnonzero(wrong & (draft.kinds & (bit("lunar-birthday") | bit("estimated-birthday")) == 0))
    written = _mistyped(draft.birth_date[rows], random)
    possible = ~(written > draft.contacts.day[rows])
    draft.birth_date[rows[possible]] = written[possible]
    draft.mark(rows[possible], "birth-date-wrong")


def _mistyped(born: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Change the day, the month or the year, change day and month about, or leave the date out."""
    year, month = born.astype("datetime64[Y]"), born.astype("datetime64[M]")
    day = (born - month.astype("datetime64[D]")).astype(np.int64)
    number = month.astype(np.int64) % 12
    other = random.integers(1, 28, len(born))
    exchanged = year.astype("datetime64[M]") + day % 12
    exchanged = np.where((day < 12) & (day != number), exchanged.astype("datetime64[D]") + number, NEVER)
    ways = [
        month.astype("datetime64[D]") + (np.minimum(day, 27) + other) % 28,
        (year.astype("datetime64[M]") + (number + 1 + other % 11) % 12).astype("datetime64[D]") + np.minimum(day, 27),
        (month + 12 * np.array([-10, -1, 1, 10])[other % 4]).astype("datetime64[D]") + np.minimum(day, 27),
        exchanged,
    ]
    return np.choose(random.integers(0, 4, len(born)), ways)


def write_sexes(draft: Draft, random: np.random.Generator) -> None:
    """Write some sexes wrong."""
    rows = np.flatnonzero(draft.contacts.typed & (random.random(len(draft)) < rate("sex-wrong")))
    draft.sex[rows] = 3 - draft.sex[rows]
    draft.mark(rows, "sex-wrong")


def write_phones(draft: Draft, random: np.random.Generator) -> None:
    """Write the phones of relatives and village doctors instead of the own ones, or none."""
    people, contacts = draft.lives.people, draft.contacts
    mate = draft.lives.mate[contacts.person]
    theirs, _ = draft.lives.phone.at(mate, contacts.day)
    common = draft.phone == theirs
    relatives = (random.random(len(draft)) < rate("household-phone")) & (mate != contacts.person)
    relatives |= (contacts.newborn | (draft.age < 6)) & (people.mother[contacts.person] >= 0)
    mothers, _ = draft.lives.phone.at(np.maximum(people.mother[contacts.person], 0), contacts.day)
    theirs = np.where((draft.age < 16) & (people.mother[contacts.person] >= 0), mothers, theirs)
    rows = np.flatnonzero((relatives | common) & (theirs >= 0))
    draft.phone[rows] = theirs[rows]
    draft.kinds[rows] &= ~bit("old-phone")
    draft.mark(rows, "household-phone")
    _doctors_phones(draft, random)
    rows = np.flatnonzero(random.random(len(draft)) < rate("no-phone"))
    draft.phone[rows] = -1
    without = np.flatnonzero(draft.phone < 0)
    draft.kinds[without] &= ~(bit("old-phone") | bit("household-phone") | bit("village-doctor-phone"))
    draft.mark(without, "no-phone")


def _doctors_phones(draft: Draft, random: np.random.Generator) -> None:
    institution = draft.contacts.institution
    usual = steady_uniform(institution, 331) < USUAL
    chance = np.where(usual, rate("village-doctor-phone-usual"), rate("village-doctor-phone"))
    clinic = draft.contacts.level == VILLAGE
    rows = np.flatnonzero(clinic & draft.contacts.typed & (random.random(len(draft)) < chance))
    draft.phone[rows] = 13_988_000_000 + (mixed(institution[rows], 332) % np.uint64(10**6)).astype(np.int64)
    draft.kinds[rows] &= ~(bit("old-phone") | bit("household-phone"))
    draft.mark(rows, "village-doctor-phone")


def write_divisions(draft: Draft, random: np.random.Generator) -> None:
    """Write addresses by another edition of the divisions, only as far as the township, or not at all."""
    contacts = draft.contacts
    known, other = other_township_codes()
    place = np.minimum(np.searchsorted(known, draft.division // 1000), len(known) - 1)
    institution = steady_uniform(contacts.institution, 333) < rate("other-township-code")
    rows = np.flatnonzero(institution & (known[place] == draft.division // 1000))
    draft.division[rows] = other[place[rows]] * 1000 + draft.division[rows] % 1000
    draft.mark(rows, "township-renamed")
    lot = random.random(len(draft))
    rows = np.flatnonzero((contacts.level > TOWNSHIP) & (lot < COARSE))
    draft.division[rows] = draft.division[rows] // 1000 * 1000
    rows = np.flatnonzero(lot > 1 - NOWHERE)
    draft.division[rows] = -1
    draft.kinds[rows] &= ~(bit("township-renamed") | bit("moved"))


@functools.cache
def other_township_codes() -> tuple[np.ndarray, np.ndarray]:
    """Return nine digits of townships that statistics and civil affairs number differently: (ours, theirs), sorted."""
    file = files("kangqiao.registry") / "data" / "lincang-divisions.csv"
    with file.open(encoding="utf-8-sig") as opened:
        rows = [row for row in csv.DictReader(opened) if row["level"] == "township"]
    pairs = [(int(row["stats_code"]) // 1000, int(row["mca_code"] or row["stats_code"]) // 1000) for row in rows]
    ours, theirs = np.array(sorted(pair for pair in pairs if pair[0] != pair[1])).T
    return ours, theirs
