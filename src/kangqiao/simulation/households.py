"""户, 户成员 and 户籍人口: who lives under one number, as the police have it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.draws import ranked, steady_uniform
from kangqiao.simulation.life import Life, codes, facts_column, moments, same
from kangqiao.simulation.people import People
from kangqiao.simulation.registration import education_codes, marital_codes
from kangqiao.simulation.sheets import Keys, Pick, Sheet, concatenated, digits

MOVED_IN = 0.5
"""Share of wives who were registered elsewhere before they married."""

CANCELLED_AFTER = 10
"""Days from a death to the end of the registration."""

PAPERLESS = np.datetime64("2012-03-01")
NONE = np.datetime64("NaT", "D")


@dataclass(frozen=True)
class Homes:
    """The households of a block.

    household  of each person, from 0 in the block
    number     of each household, unique in the city
    head       position of each household's head: the youngest married man, else the oldest of it
    wife       position of that man's wife, -1 where there is none
    partner    position of each person's wife or husband, -1 where nobody is known
    """

    household: np.ndarray
    number: np.ndarray
    head: np.ndarray
    wife: np.ndarray
    partner: np.ndarray

    def relation(self, people: People) -> np.ndarray:
        """Return what everybody is to the head of the household: numbers of GB/T 4761."""
        own, position = self.head[self.household], np.arange(len(people))
        mother = people.mother
        child = (mother >= 0) & ((mother == self.wife[self.household]) | (mother == own))
        parent = (people.born[own] - people.born).astype(np.int64) > 16 * 365
        kinds = [position == own, position == self.wife[self.household], child, parent]
        return np.select(kinds, [0, 1, np.where(people.sex == 1, 2, 3), 5], 8)

    def sizes(self, member: np.ndarray) -> np.ndarray:
        """Return how many of the people marked ``member`` every household has."""
        return np.bincount(self.household[member], minlength=len(self.number))


def homes_of(life: Life) -> Homes:
    """Return the households of the block's people."""
    people = life.people
    _, first, household = np.unique(people.household, return_index=True, return_inverse=True)
    man = _youngest(people, household, (people.married == 20) & (people.sex == 1), len(first))
    woman = _youngest(people, household, (people.married == 20) & (people.sex == 2), len(first))
    wife = np.where(man >= 0, woman, -1)
    partner = np.full(len(people), -1)
    couple = np.flatnonzero(wife >= 0)
    partner[man[couple]], partner[wife[couple]] = wife[couple], man[couple]
    number = life.township.first_person + people.household[first]
    return Homes(household, number, np.where(man >= 0, man, first), wife, partner)


def _youngest(people: People, household: np.ndarray, among: np.ndarray, households: int) -> np.ndarray:
    """Return the youngest of those among each household's people, -1 where there is none."""
    found = np.full(households, -1)
    rows = np.flatnonzero(among)
    rows = rows[np.lexsort((people.born[rows], household[rows]))]
    last = np.r_[household[rows][1:] != household[rows][:-1], True] if len(rows) else np.zeros(0, dtype=bool)
    found[household[rows[last]]] = rows[last]
    return found


def wedding_days(life: Life, homes: Homes) -> np.ndarray:
    """Return the day each person's couple married, NaT for others: grown up, and before the first child they have."""
    people, person = life.people, np.arange(len(life.people))
    couple = np.where(homes.partner >= 0, homes.partner, person)
    both = people.number[person] + people.number[couple]
    grown = np.maximum(people.born, people.born[couple]) + (20 * 366 + 2200 * steady_uniform(both, 201)).astype(int)
    child = np.flatnonzero(people.mother >= 0)
    eldest = np.full(len(people), np.datetime64("9999-01-01"))
    np.minimum.at(eldest, people.mother[child], people.born[child])
    eldest = np.minimum(eldest, eldest[couple])
    day = np.minimum(grown, eldest - 300)
    return np.where((homes.partner >= 0) & (day < life.calendar.last), day, NONE)


def child_orders(people: People) -> np.ndarray:
    """Return how many-eth of the mother's children each person is, from 1; 0 where the mother is unknown."""
    order = np.lexsort((people.born, people.mother))
    rank = np.empty(len(people), dtype=np.int64)
    rank[order] = ranked(people.mother[order]) + 1
    return np.where(people.mother >= 0, rank, 0)


def household_keys(number: np.ndarray) -> Keys:
    """Return the source keys of households."""
    return Keys("HK", number * 100, 10)


def addresses(life: Life, person: np.ndarray) -> pa.Array:
    """Return where people live, written out."""
    people, township = life.people, life.township
    village = codes(people.village[person], *township.village_names).text()
    house = digits(people.household[person] + 1, 4)
    return concatenated(f"{life.places.county_names[township.county]}{township.name}", village, house, "号")


def documented(life: Life, person: np.ndarray) -> np.ndarray:
    """Say which people have a citizen's number."""
    return np.asarray(pc.is_valid(life.people.id_number.take(pa.array(person))))


def id_numbers(life: Life, person: np.ndarray) -> tuple[Pick, pa.Array]:
    """Return the columns of document kinds and numbers of people; both missing without a number (or for -1)."""
    who = pa.array(person, mask=person < 0)
    number = life.people.id_number.take(who)
    return codes(np.where(np.asarray(pc.is_valid(number)), 0, -1), "01"), number


def names_of(life: Life, person: np.ndarray) -> pa.Array:
    """Return the column of names of people, missing for -1."""
    return life.people.name.take(pa.array(person, mask=person < 0))


@dataclass(frozen=True)
class _Registered:
    """Who is registered (positions): since when, why (number of a KQ.hukou-reason), until when (NaT: still)."""

    person: np.ndarray
    since: np.ndarray
    reason: np.ndarray
    cancelled: np.ndarray

    @property
    def changed(self) -> np.ndarray:
        """Return when each registration was last changed: at the latest when it was taken over from paper."""
        taken_over = PAPERLESS + self.person % 1500
        last = np.where(np.isnat(self.cancelled), np.maximum(self.since, taken_over), self.cancelled)
        return moments(last, 9 + self.person % 8)

    @property
    def ended(self) -> np.ndarray:
        """Return 1 where the registration ended, else 0."""
        return (~np.isnat(self.cancelled)).astype(int)


def households(life: Life, homes: Homes) -> tuple[Sheet, list[Sheet]]:
    """Return the households, and their members and registrations."""
    registered = _registered(life, homes)
    return _households(life, homes, registered), [_members(life, homes, registered), _registrations(life, registered)]


def _registered(life: Life, homes: Homes) -> _Registered:
    people, calendar = life.people, life.calendar
    number = people.number
    wife = (people.sex == 2) & (homes.partner >= 0) & (steady_uniform(number, 202) < MOVED_IN)
    wedding = wedding_days(life, homes)
    moved = wife & ~np.isnat(wedding)
    since = np.where(moved, wedding + 40, people.born + 42 + number % 20)
    cancelled = people.died + CANCELLED_AFTER
    cancelled = np.where(cancelled < calendar.last, np.maximum(cancelled, since), NONE)
    everybody = np.arange(len(people))
    person = np.flatnonzero(documented(life, everybody) & (since < calendar.last))
    return _Registered(person, since[person], moved[person].astype(int), cancelled[person])


def _households(life: Life, homes: Homes, registered: _Registered) -> Sheet:
    people, living = life.people, registered.person[registered.ended == 0]
    known = np.flatnonzero(homes.sizes(registered.person))
    size = homes.sizes(living)[known]
    ends = np.full(len(homes.number), NONE)
    np.fmax.at(ends, homes.household[registered.person], registered.cancelled)
    ends = np.where(size == 0, ends[known], NONE)
    head = homes.head[known]
    formed = np.maximum(people.born[head] + 22 * 365, np.datetime64("1985-01-01"))
    formed = np.minimum(formed, life.calendar.first - 30)
    kind, number = id_numbers(life, head)
    keys = household_keys(homes.number[known])
    return life.of_nobody(
        "household",
        "police_bureau",
        moments(np.where(np.isnat(ends), formed, ends), 10),
        keys,
        number=Keys("53", homes.number[known], 9),
        kind=same(len(known), "1"),
        head_name=names_of(life, head),
        head_document_type=kind,
        head_document=number,
        members=size,
        division=codes(people.village[head], *life.township.villages),
        address=addresses(life, head),
        police_station=same(len(known), f"{life.township.name}派出所"),
        formed=formed,
        state=codes((~np.isnat(ends)).astype(int), "1", "2"),
        cancelled=ends,
    )


def _members(life: Life, homes: Homes, registered: _Registered) -> Sheet:
    person = registered.person
    return life.of_bureau(
        "household-member",
        "police_bureau",
        person,
        registered.changed,
        Keys("HC", life.people.number[person], 10),
        household=household_keys(homes.number[homes.household[person]]),
        relation=codes(homes.relation(life.people)[person], *"012345678"),
        joined=registered.since,
        recorded=registered.changed,
        state=codes(registered.ended, "1", "2"),
        left=registered.cancelled,
        reason=codes(registered.ended - 1, "01"),
    )


def _registrations(life: Life, registered: _Registered) -> Sheet:
    people, person = life.people, registered.person
    return life.of_bureau(
        "hukou-registration",
        "police_bureau",
        person,
        registered.changed,
        Keys("HJ", people.number[person], 10),
        household=household_keys(life.township.first_person + people.household[person]),
        kind=same(len(person), "1"),
        division=codes(people.village[person], *life.township.villages),
        address=addresses(life, person),
        native_place=same(len(person), "云南临沧"),
        ethnicity=facts_column("ethnic_groups", "code", people.ethnicity[person]),
        marital=marital_codes(people.married[person]),
        education=education_codes(people.education[person]),
        occupation=facts_column("occupations", "code", people.occupation[person]),
        registered=registered.since,
        reason=codes(registered.reason, "01", "02"),
        changed=registered.changed,
        state=codes(registered.ended, "1", "2"),
        cancelled=registered.cancelled,
        end_reason=codes(registered.ended - 1, "01"),
    )
