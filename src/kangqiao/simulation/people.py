"""The residents of a township: households, names, documents. Everything here is chance within plausible bounds."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.citizen_numbers import SEQUENCES, as_text, citizen_numbers
from kangqiao.simulation.draws import Choices, ranked, stream
from kangqiao.simulation.facts import facts
from kangqiao.simulation.names import GivenNames, Surnames
from kangqiao.simulation.places import Places, Township
from kangqiao.simulation.sheets import digits

OWN_SEQUENCES = 400
"""Of the 500 sequence numbers of a sex, region and day these are shared out over the region's own townships;
the rest is for people who were registered there and live elsewhere, one for each township of the city."""

NEW_REGION_CODES = np.datetime64("2004-01-01")
"""Lincang became a city at the end of 2003: whoever was registered before has a number of the old region 5335."""

MOTHER_AGE = (26.0, 4.6)
MARRIED = ((20, 0.0), (25, 0.22), (30, 0.58), (35, 0.82), (60, 0.91), (70, 0.84), (80, 0.64), (130, 0.34))
MORTALITY = ((1, 0.004), (15, 0.0005), (40, 0.0011), (60, 0.004), (70, 0.011), (80, 0.03), (130, 0.085))
FOREIGN_WIVES = 0.02
MOST_CHILDREN = 3
WITH_ARCHIVE = 0.94


@dataclass(frozen=True)
class People:
    """Residents as columns, ordered by village and household.

    number        of the person in the whole city, from 0
    village       number of the village in the township
    household     number of the household in the township, from 0
    mother        position of the mother among these people, -1 where she does not live here
    born, died    datetime64[D]; died is NaT for the living
    sex           1 or 2 (GB/T 2261.1)
    ethnicity     row of facts("ethnic_groups"), -1 for foreigners
    id_number     18 characters, null for those who have none
    passport      for the foreigners among those
    archive       17 digits of the health archive (village, sequence), -1 for people without one
    """

    number: np.ndarray
    village: np.ndarray
    household: np.ndarray
    mother: np.ndarray
    born: np.ndarray
    died: np.ndarray
    sex: np.ndarray
    ethnicity: np.ndarray
    name: pa.Array
    id_number: pa.Array
    passport: pa.Array
    archive: np.ndarray
    phone: np.ndarray
    married: np.ndarray
    education: np.ndarray
    occupation: np.ndarray
    insurance: np.ndarray
    abo: np.ndarray
    rh: np.ndarray

    def __len__(self) -> int:
        return len(self.number)

    def blocks(self, size: int) -> list[People]:
        """Return the people in blocks of about this size; households stay together."""
        starts = np.flatnonzero(np.r_[True, np.diff(self.household) != 0])
        wanted = starts[np.searchsorted(starts, np.arange(0, len(self), size)).clip(max=len(starts) - 1)]
        edges = np.unique(np.r_[wanted, len(self)])
        return [self.slice(int(first), int(last)) for first, last in pairwise(edges)]

    def slice(self, first: int, last: int) -> People:
        columns = {name: column[first:last] for name, column in vars(self).items()}
        mother = columns["mother"] - first
        columns["mother"] = np.where((columns["mother"] < 0) | (mother < 0) | (mother >= last - first), -1, mother)
        return People(**columns)


def populate(*, places: Places, township: Township, calendar: Calendar, seed: int) -> People:
    """Return the residents of a township: the same ones for the same seed and places, whatever else is generated."""
    random = stream(seed, "people", township.number)
    village = np.repeat(np.arange(len(township.villages)), township.residents)
    age, sex = _ages(random, len(village))
    family = _families(random, village, age, sex)
    born = _births(random, age, calendar, family)
    order = np.lexsort((age * -1, family.root, village))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))

    def moved(links: np.ndarray) -> np.ndarray:
        return np.where(links[order] < 0, -1, place[links[order]])

    village, age, sex, born = village[order], age[order], sex[order], born[order]
    husband, father, mother, elder = (
        moved(links) for links in (family.husband, family.father, family.mother, family.elder)
    )
    root = place[family.root[order]]
    household = np.cumsum(np.r_[0, np.diff(root) != 0])
    married = (family.husband >= 0)[order]
    foreign = _foreigners(random, places, township, wife=(husband >= 0) & (sex == 2), age=age)
    ethnicity, surname, habit = _origins(
        random, places, township, husband=husband, father=father, elder=elder, foreign=foreign, household=household
    )
    years = born.astype("datetime64[Y]").astype(np.int64) + 1970
    given = GivenNames.load()
    names = given.draw(random, habit=habit, born=years, sex=sex, surname=surname)
    number = township.first_person + np.arange(len(village))
    cells, missing = _id_numbers(random, places, township, born=born, sex=sex, age=age, foreign=foreign)
    return People(
        number=number,
        village=village,
        household=household,
        mother=mother,
        born=born,
        died=_deaths(random, age, calendar),
        sex=sex,
        ethnicity=ethnicity,
        name=names,
        id_number=as_text(cells, missing),
        passport=digits(np.where(foreign & (random.random(len(age)) < 0.7), 100_000 + number, -1), 8, "MB"),
        archive=_archives(random, township, village, foreign),
        phone=_phones(random, household, age),
        married=_marriage(random, age, married),
        education=_education(random, age),
        occupation=_occupation(random, age, township),
        insurance=_insurance(random, age, township, foreign),
        abo=Choices.of([[0.31, 0.27, 0.31, 0.10, 0.01]]).draw(random, 0, len(age)),
        rh=Choices.of([[0.006, 0.924, 0.03, 0.04]]).draw(random, 0, len(age)),
    )


@dataclass(frozen=True)
class _Families:
    """Who belongs to whom, as positions of people (-1: nobody); ``root`` names the household."""

    husband: np.ndarray  # for both of a couple: the man
    father: np.ndarray
    mother: np.ndarray
    elder: np.ndarray  # for a married man: the elder man of his household
    root: np.ndarray


def _ages(random: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    pyramid = facts("age_pyramid")
    band = Choices.of(pyramid.numbers("share")).draw(random, 0, count)
    age = pyramid.numbers("from_age")[band] + 5 * random.random(count)
    male = random.random(count) < pyramid.numbers("male_share")[band]
    return age, np.where(male, 1, 2).astype(np.int8)


def _stepped(steps: tuple[tuple[float, float], ...], age: np.ndarray) -> np.ndarray:
    limits, values = (np.array(column) for column in zip(*steps, strict=True))
    return values[np.searchsorted(limits, age, side="right").clip(max=len(values) - 1)]


def _families(random: np.random.Generator, village: np.ndarray, age: np.ndarray, sex: np.ndarray) -> _Families:
    count = len(age)
    husband = _couples(random, village, age, sex)
    wives = np.flatnonzero((husband >= 0) & (sex == 2))
    nobody = np.full(count, -1, dtype=np.int64)
    father, mother, elder, root = nobody.copy(), nobody.copy(), nobody.copy(), np.arange(count)
    root = np.where(husband >= 0, husband, root)
    if len(wives):
        child = np.flatnonzero((husband < 0) & ((age < 18) | ((age < 32) & (random.random(count) < 0.8))))
        gap = np.clip(random.normal(*MOTHER_AGE, len(child)), 17.5, 44)
        mothers = _nearest(village, age, child, age[child] + gap, wives)
        many = ranked(mothers) >= MOST_CHILDREN
        wider = age[child[many]] + random.uniform(18, 40, int(many.sum()))
        mothers[many] = _nearest(village, age, child[many], wider, wives)
        plausible = (age[mothers] - age[child] > 16.5) & (age[mothers] - age[child] < 48) & (ranked(mothers) < 6)
        child, mothers = child[plausible], mothers[plausible]
        mother[child], father[child] = mothers, husband[mothers]
        root[child] = husband[mothers]
        head = np.flatnonzero((sex == 1) & (husband >= 0))
        old = (age >= 58) & ((husband == np.arange(count)) | (husband < 0))
        guest = np.flatnonzero(old & (random.random(count) < 0.62))
        host = _nearest(village, age, guest, age[guest] - np.clip(random.normal(26, 5, len(guest)), 18, 45), head)
        fits = (age[guest] - age[host] > 17) & (age[host] < 58) & (ranked(host) < 2)
        guest, host = guest[fits], host[fits]
        root[guest] = host
        root = root[root]
        elder[host[sex[guest] == 1]] = guest[sex[guest] == 1]
    return _Families(husband, father, mother, elder, root)


def _couples(random: np.random.Generator, village: np.ndarray, age: np.ndarray, sex: np.ndarray) -> np.ndarray:
    """Marry men and women of a village in the order of their ages; return each one's husband or own position."""
    willing = random.random(len(age)) < _stepped(MARRIED, age)
    shuffled = random.permutation(len(age))
    sides = [shuffled[(sex[shuffled] == wanted) & willing[shuffled]] for wanted in (1, 2)]
    villages = int(village.max()) + 1
    pairs = np.minimum(*(np.bincount(village[side], minlength=villages) for side in sides))
    ordered = []
    for side, shift in zip(sides, (0.0, 2.2), strict=True):
        kept = side[ranked(village[side]) < pairs[village[side]]]
        wish = age[kept] + shift + random.normal(0, 1.6, len(kept))
        ordered.append(kept[np.lexsort((wish, village[kept]))])
    husband = np.full(len(age), -1, dtype=np.int64)
    husband[ordered[0]] = ordered[0]
    husband[ordered[1]] = ordered[0]
    return husband


def _nearest(
    village: np.ndarray, age: np.ndarray, seekers: np.ndarray, wanted: np.ndarray, offered: np.ndarray
) -> np.ndarray:
    """Return for each seeker the offered person of the same village (or the next one) nearest above the wanted age."""
    span = 1000.0
    ladder = village[offered] * span + age[offered]
    order = np.argsort(ladder, kind="stable")
    found = np.searchsorted(ladder[order], village[seekers] * span + wanted)
    found = np.clip(found, 0, len(order) - 1)
    previous = np.maximum(found - 1, 0)
    stray = (village[offered[order[found]]] != village[seekers]) & (
        village[offered[order[previous]]] == village[seekers]
    )
    return offered[order[np.where(stray, previous, found)]]


def _births(random: np.random.Generator, age: np.ndarray, calendar: Calendar, family: _Families) -> np.ndarray:
    born = calendar.last - np.floor(age * 365.25).astype("timedelta64[D]")
    twin = np.flatnonzero((family.mother >= 0) & (random.random(len(age)) < 0.012))
    order = np.argsort(family.mother, kind="stable")
    sorted_mothers = family.mother[order]
    sibling = order[np.minimum(np.searchsorted(sorted_mothers, family.mother[twin]), len(order) - 1)]
    near = (sibling != twin) & (family.mother[sibling] == family.mother[twin])
    born[twin[near]] = born[sibling[near]]
    return born


def _foreigners(
    random: np.random.Generator, places: Places, township: Township, *, wife: np.ndarray, age: np.ndarray
) -> np.ndarray:
    border = places.counties["border"][township.county] == "1"
    return wife & (age < 50) & (random.random(len(age)) < FOREIGN_WIVES * border)


def _origins(
    random: np.random.Generator,
    places: Places,
    township: Township,
    *,
    husband: np.ndarray,
    father: np.ndarray,
    elder: np.ndarray,
    foreign: np.ndarray,
    household: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (ethnic group, surname, naming habit): inherited from the father's side, wives keep their own."""
    groups, given, surnames = facts("ethnic_groups"), GivenNames.load(), Surnames.load()
    shares = places.counties.numbers(*groups["name"])[township.county] * random.gamma(2.2, 1 / 2.2, len(groups))
    count = len(household)
    own = np.arange(count)
    ethnicity = Choices.of(shares).draw(random, 0, count)
    patriarch = np.where(elder >= 0, elder, own)
    same = (husband >= 0) & (husband != own) & (random.random(count) < 0.78)
    source = np.where(same, np.maximum(husband, 0), own)
    lineage = patriarch[source]
    lineage = np.where(father >= 0, patriarch[np.maximum(father, 0)], lineage)
    ethnicity = ethnicity[lineage]
    homes = random.random((2, int(household.max()) + 1))[:, household]
    local = homes[0] < groups.numbers("indigenous_share")[ethnicity]
    habits = np.array([surnames.habits.get(habit, 0) for habit in groups["naming"]])
    root = np.where(father >= 0, patriarch[np.maximum(father, 0)], patriarch)
    surname = surnames.draw(random, habits[ethnicity])[root]
    nameless = local & (homes[1] >= groups.numbers("surname_kept")[ethnicity])
    naming = np.array([given.habits.get(habit, given.habits["han"]) for habit in groups["naming"]])
    habit = np.where(local, naming[ethnicity], given.habits["han"])
    habit = np.where(foreign, given.habits["burmese"], habit)
    return np.where(foreign, -1, ethnicity), np.where(nameless | foreign, -1, surname), habit


def _id_numbers(
    random: np.random.Generator,
    places: Places,
    township: Township,
    *,
    born: np.ndarray,
    sex: np.ndarray,
    age: np.ndarray,
    foreign: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return (cells, missing). Numbers are unique in the city: every township has its own sequences per region."""
    known = facts("counties")
    codes = np.stack([known.numbers("former_region"), known.numbers("county")], axis=1).astype(np.int64)
    home = int(np.flatnonzero(known["county"] == places.counties["county"][township.county])[0])
    moved = random.random(len(age)) < 0.07
    county = np.where(moved, random.integers(0, len(known), len(age)), home)
    new = (born >= NEW_REGION_CODES).astype(np.int64)
    day = born.astype(np.int64) * 2 + sex
    taken = ranked((county * 2 + new) * 10**7 + day)
    stranger = (county != home) & (taken == 0)
    county = np.where(stranger, county, home)
    span = OWN_SEQUENCES // township.slots
    rank = ranked(np.where(stranger, -1 - np.arange(len(age)), new * 10**7 + day))
    sequence = township.slot * span + (rank + day * 7) % span
    sequence = np.where(stranger, OWN_SEQUENCES + township.number % (SEQUENCES - OWN_SEQUENCES), sequence)
    none = foreign | (~stranger & (rank >= span)) | ((age < 0.25) & (random.random(len(age)) < 0.5))
    none |= (age > 70) & (random.random(len(age)) < 0.002)
    return citizen_numbers(codes[county, new], born, sex, sequence), none


def _archives(random: np.random.Generator, township: Township, village: np.ndarray, foreign: np.ndarray) -> np.ndarray:
    codes = np.array([int(code) for code in township.villages], dtype=np.int64)
    number = codes[village] * 10**5 + ranked(village) + 1
    return np.where(random.random(len(village)) < np.where(foreign, 0.5, WITH_ARCHIVE), number, -1)


def _deaths(random: np.random.Generator, age: np.ndarray, calendar: Calendar) -> np.ndarray:
    risk = _stepped(MORTALITY, age) * calendar.days / 365.25
    day = calendar.first + (random.random(len(age)) * calendar.days).astype("timedelta64[D]")
    lived = (calendar.last - day).astype(np.int64) < age * 365.25 - 1
    return np.where((random.random(len(age)) < risk) & lived, day, np.datetime64("NaT"))


def _phones(random: np.random.Generator, household: np.ndarray, age: np.ndarray) -> np.ndarray:
    """Return mobile numbers; children, many of the old and a few others give the number of their household."""
    ranges = np.array([130, 135, 136, 137, 138, 139, 147, 150, 151, 152, 157, 158, 159, 182, 183, 184, 187, 188, 198])

    def numbers(count: int) -> np.ndarray:
        return ranges[random.integers(0, len(ranges), count)] * 10**8 + random.integers(10**6, 10**8, count)

    shared = numbers(int(household.max()) + 1)[household]
    dependent = (age < 16) | ((age > 62) & (random.random(len(age)) < 0.6))
    phone = np.where(dependent, shared, numbers(len(age)))
    return np.where(random.random(len(age)) < 0.04, shared, phone)


def _marriage(random: np.random.Generator, age: np.ndarray, married: np.ndarray) -> np.ndarray:
    """Return codes of GB/T 2261.2 as numbers: 10 single, 20 married, 30 widowed, 40 divorced."""
    single = np.where(age > 55, np.where(random.random(len(age)) < 0.85, 30, 40), 10)
    single = np.where((age > 30) & (age <= 55) & (random.random(len(age)) < 0.45), 40, single)
    return np.where(married, 20, single)


@functools.cache
def _education_choices() -> Choices:
    """Weights per age band for 10, 20, 30, 40, 60, 70, 80, 90 (GB/T 4658)."""
    return Choices.of(
        np.array(
            [
                [0, 0, 0, 0, 0, 0, 1, 0],  # 6–11
                [0, 0, 0, 0.02, 0.12, 0.80, 0.06, 0],  # 12–17
                [0.01, 0.16, 0.18, 0.12, 0.16, 0.32, 0.05, 0],  # 18–34
                [0.002, 0.06, 0.08, 0.06, 0.08, 0.40, 0.28, 0.04],  # 35–54
                [0, 0.01, 0.02, 0.03, 0.04, 0.20, 0.52, 0.18],  # 55 and older
            ]
        )
    )


EDUCATION = np.array([10, 20, 30, 40, 60, 70, 80, 90])


def _education(random: np.random.Generator, age: np.ndarray) -> np.ndarray:
    """Return codes of GB/T 4658 as numbers, -1 for small children."""
    band = np.searchsorted([12, 18, 35, 55], age, side="right")
    return np.where(age < 6, -1, EDUCATION[_education_choices().draw(random, band)])


def _occupation(random: np.random.Generator, age: np.ndarray, township: Township) -> np.ndarray:
    """Return the row of each person's occupation in facts("occupations"), -1 for small children."""
    table = facts("occupations")
    weights = table.numbers("urban" if township.is_urban else "rural")
    row = Choices.of(weights).draw(random, 0, len(age))
    row = np.where((age >= 6) & (age < 17), table.row("student"), row)
    row = np.where((age >= 17) & (age < 23) & (random.random(len(age)) < 0.4), table.row("student"), row)
    retired = (age >= 60) & (random.random(len(age)) < (0.6 if township.is_urban else 0.08))
    row = np.where(retired, table.row("retired"), row)
    return np.where(age < 6, -1, row)


def _insurance(random: np.random.Generator, age: np.ndarray, township: Township, foreign: np.ndarray) -> np.ndarray:
    """Return 1 employees' insurance, 2 residents' insurance, 7 none of both (foreigners mostly)."""
    employed = random.random(len(age)) < (0.34 if township.is_urban else 0.06)
    kind = np.where(employed & (age >= 20), 1, 2)
    uninsured = random.random(len(age)) < np.where(foreign, 0.8, 0.015)
    return np.where(uninsured, 7, kind)
