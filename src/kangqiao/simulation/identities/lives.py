"""What a person has one after the other in life: names, documents, homes, phones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import mixed
from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.characters import codes_of, last_characters, lengths, text_of_codes, with_last
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.people import People
from kangqiao.simulation.places import Places, Township
from kangqiao.simulation.sheets import digits, take

NEVER = np.datetime64("NaT", "D")
NO_DOCUMENT, CITIZEN_ID, PASSPORT, PERMIT, CARD, CERTIFICATE = -1, 0, 1, 2, 3, 4
DOCUMENT_TYPES = ("01", "03", "06", "99", "99")
"""CV02.01.101 of the five kinds of documents: residence cards and birth certificates are “others”."""

OLD_NUMBERS = np.datetime64("1990-01-01")
"""Two people could be issued one number while numbers were given by hand."""

CERTIFIED = np.datetime64("1996-01-01")
"""Birth certificates (出生医学证明) are issued since 1996."""


@dataclass(frozen=True)
class Before:
    """Something people have had two of: until a day the former one (NaT: there is only one)."""

    former: np.ndarray | pa.Array
    present: np.ndarray | pa.Array
    until: np.ndarray

    def at(self, person: np.ndarray, day: np.ndarray) -> tuple[np.ndarray | pa.Array, np.ndarray]:
        """Return what people (positions) have on days, and whether it is the former one."""
        old = day < self.until[person]
        former, present = take(self.former, person), take(self.present, person)
        return _chosen(old, former, present), old


def _chosen(first: np.ndarray, one: np.ndarray | pa.Array, other: np.ndarray | pa.Array) -> np.ndarray | pa.Array:
    if isinstance(one, np.ndarray):
        return np.where(first, one, other)
    return pc.if_else(pa.array(first), one, other)


@dataclass(frozen=True)
class Lives:
    """The people of a township with what changes in life.

    name, phone, division  as they were and are; division is the village's number of twelve digits
    document_kind          place in DOCUMENT_TYPES, -1 for none
    document               number of that document
    shared                 whose number was issued to two people: the one who keeps it and the one who got another
    twin                   who was born with a sibling
    mate                   another person of the household (the next one), oneself where there is none
    health_card            number of the health card
    lunar                  who gives the lunar birthday
    guessed                born as people say who know their birthday only nearly, NEVER for all others
    """

    people: People
    name: Before
    document_kind: Before
    document: Before
    phone: Before
    division: Before
    shared: np.ndarray
    twin: np.ndarray
    mate: np.ndarray
    health_card: np.ndarray
    lunar: np.ndarray
    guessed: np.ndarray

    def __len__(self) -> int:
        return len(self.people)


def lives_of(
    people: People, *, places: Places, township: Township, calendar: Calendar, random: np.random.Generator
) -> Lives:
    """Return the lives of a township's people."""
    twin, sibling = twins(people)
    alike = named_alike(people, sibling, random.random(len(people)) < rate("twin-alike"))
    people = replace(people, name=with_rare_characters(alike, random))
    shared_with = shared_numbers(people, random)
    kind, number = documents(people, shared_with, calendar, random)
    return Lives(
        people=people,
        name=_names(people, calendar, random),
        document_kind=kind,
        document=number,
        phone=_phones(people, calendar, random),
        division=_homes(people, places, township, calendar, random),
        shared=_sharing(shared_with),
        twin=twin,
        mate=mates(people.household),
        health_card=_health_cards(people.number),
        lunar=(people.born < OLD_NUMBERS) & (random.random(len(people)) < rate("lunar-birthday")),
        guessed=_guessed(people, calendar, random),
    )


def _days(random: np.random.Generator, calendar: Calendar, chosen: np.ndarray) -> np.ndarray:
    """Return a day of the calendar for those who are chosen, else NEVER."""
    day = calendar.first + (random.random(len(chosen)) * calendar.days).astype("timedelta64[D]")
    return np.where(chosen, day, NEVER)


def twins(people: People) -> tuple[np.ndarray, np.ndarray]:
    """Return who is a twin, and for the second of two the position of the first (-1 for all others)."""
    order = np.lexsort((people.born, people.mother))
    mother, born = people.mother[order], people.born[order]
    same = (mother[1:] >= 0) & (mother[1:] == mother[:-1]) & (born[1:] == born[:-1])
    sibling = np.full(len(people), -1)
    sibling[order[1:][same]] = order[:-1][same]
    twin = sibling >= 0
    twin[sibling[twin]] = True
    return twin, sibling


def named_alike(people: People, sibling: np.ndarray, alike: np.ndarray) -> pa.Array:
    """Return the names, where the second of twins has the first one's name but for the last character."""
    codes = codes_of(people.name)
    second = np.flatnonzero((sibling >= 0) & alike)
    first = codes[sibling[second]]
    fits = (lengths(first) > 2) & (last_characters(first) != last_characters(codes[second]))
    second = second[fits]
    codes[second] = with_last(first[fits], last_characters(codes[second]))
    return text_of_codes(codes)


def with_rare_characters(names: pa.Array, random: np.random.Generator) -> pa.Array:
    """Return the names, some of which end in a character few programs know."""
    table = facts("name_variants")
    rare = np.array([ord(word) for word in table["true"][table["kind"] == "rare-character"]])
    codes = codes_of(names)
    chosen = np.flatnonzero((random.random(len(codes)) < rate("rare-name")) & (lengths(codes) > 1))
    codes[chosen] = with_last(codes[chosen], rare[random.integers(0, len(rare), len(chosen))])
    return text_of_codes(codes)


def shared_numbers(people: People, random: np.random.Generator) -> np.ndarray:
    """Return for some people the position of the one whose number they were issued, too (-1 for all others).

    Both are of one sex and one birth date, since the number tells both. One keeps the number, the other one is given
    a number of their own some day.
    """
    order = np.lexsort((people.born, people.sex))
    first, second = order[:-1], order[1:]
    alike = (people.born[first] == people.born[second]) & (people.sex[first] == people.sex[second])
    known = np.asarray(pc.is_valid(people.id_number))
    apart = people.household[first] != people.household[second]
    possible = np.flatnonzero(alike & (people.born[second] < OLD_NUMBERS) & known[first] & known[second] & apart)
    pair = random.permutation(possible)[: random.poisson(rate("shared-id") * len(people))]
    other = np.full(len(people), -1)
    other[second[pair]] = first[pair]
    chained = (other >= 0) & (other[other] >= 0)
    other[chained] = -1
    return other


def _sharing(shared_with: np.ndarray) -> np.ndarray:
    """Return who has or had a number together with somebody."""
    sharing = shared_with >= 0
    sharing[shared_with[sharing]] = True
    return sharing


def documents(
    people: People, shared_with: np.ndarray, calendar: Calendar, random: np.random.Generator
) -> tuple[Before, Before]:
    """Return the kinds and numbers of the documents people have one after the other."""
    count = len(people)
    known = np.asarray(pc.is_valid(people.id_number))
    permitted = known & (random.random(count) < rate("travel-permit"))
    passport = np.asarray(pc.is_valid(people.passport))
    kind = np.where(permitted, PERMIT, np.where(known, CITIZEN_ID, np.where(passport, PASSPORT, NO_DOCUMENT)))
    lot = random.random(count)
    card = passport & (lot < rate("residence-card"))
    renewed = passport & ~card & (lot < rate("residence-card") + rate("passport-renewed"))
    child = known & ~permitted & (people.born >= CERTIFIED)
    certified = child & (random.random(count) < rate("birth-certificate"))
    before = np.where(child, np.where(certified, CERTIFICATE, NO_DOCUMENT), kind)
    present = np.where(card, CARD, kind)
    papers = people.born + (30 + 400 * random.random(count) ** 3).astype("timedelta64[D]")
    change = _days(random, calendar, card | renewed | permitted | (shared_with >= 0))
    until = np.where(child, papers, change)
    former = _numbers(people, before, renewal=0)
    shared = people.id_number.take(pa.array(np.where(shared_with < 0, np.arange(count), shared_with)))
    former = pc.if_else(pa.array(shared_with >= 0), shared, former)
    return Before(before, present, until), Before(former, _numbers(people, present, renewal=1), until)


def _numbers(people: People, kind: np.ndarray, *, renewal: int) -> pa.Array:
    """Return the number of each person's document of a kind; ``renewal`` counts the issues of one."""
    number = people.number
    fresh = 10_000_000 + (mixed(number, 311, renewal) % np.uint64(89_999_999)).astype(np.int64)
    passport = people.passport if renewal == 0 else digits(np.where(kind == PASSPORT, fresh, -1), 8, "MC")
    permit = digits((number % 90_000_000 + 10_000_000) * 100 + 1 + renewal, 10, "H")
    card = digits(53 * 10**10 + number * 1000 + number % 997, 12, "MMR")
    certificate = digits(53 * 10**7 + number, 9, "P")
    numbers = [people.id_number, passport, permit, card, certificate]
    place = pa.array(np.where(kind < 0, 0, kind), mask=kind < 0)
    return pc.choose(place, *numbers)


def _names(people: People, calendar: Calendar, random: np.random.Generator) -> Before:
    """Some were called otherwise: their own first character, the rest of somebody's name of their age and sex."""
    order = np.lexsort((people.born, people.sex))
    neighbour = np.empty(len(people), dtype=np.int64)
    neighbour[order] = np.roll(order, 7)
    codes = codes_of(people.name)
    other = codes[neighbour]
    other[:, 0] = codes[:, 0]
    renamed = (random.random(len(people)) < rate("renamed")) & (other != codes).any(axis=1)
    return Before(text_of_codes(other), people.name, _days(random, calendar, renamed))


def _phones(people: People, calendar: Calendar, random: np.random.Generator) -> Before:
    other = 18_300_000_000 + (mixed(people.phone, 312) % np.uint64(10**8)).astype(np.int64)
    changed = (people.phone >= 0) & (random.random(len(people)) < rate("changed-phone"))
    return Before(other, people.phone, _days(random, calendar, changed))


def _homes(
    people: People, places: Places, township: Township, calendar: Calendar, random: np.random.Generator
) -> Before:
    """Some have come from another village of the city; most of those from the same county."""
    every = np.array([int(code) for one in places.townships for code in one.villages])
    county = np.repeat([one.county for one in places.townships], [len(one.villages) for one in places.townships])
    near = every[county == township.county]
    count = len(people)
    lot = random.random(count)
    former = np.where(
        random.random(count) < 0.7, near[(lot * len(near)).astype(int)], every[(lot * len(every)).astype(int)]
    )
    present = np.array([int(code) for code in township.villages])[people.village]
    moved = (random.random(count) < rate("moved")) & (former != present)
    return Before(former, present, _days(random, calendar, moved))


def mates(household: np.ndarray) -> np.ndarray:
    """Return for each person the next one of the household, in a circle; people are ordered by household."""
    count = len(household)
    start = np.flatnonzero(np.r_[True, household[1:] != household[:-1]]) if count else np.zeros(0, dtype=np.int64)
    size = np.diff(np.r_[start, count])
    first, size = np.repeat(start, size), np.repeat(size, size)
    return first + (np.arange(count) - first + 1) % size


def _guessed(people: People, calendar: Calendar, random: np.random.Generator) -> np.ndarray:
    """Return the first day of about the year of birth for some of the old and the foreigners."""
    vague = (calendar.ages(people.born, calendar.last) > 70) | (people.ethnicity < 0)
    vague &= random.random(len(people)) < rate("estimated-birthday")
    year = people.born.astype("datetime64[Y]") + np.array([-2, -1, 0, 0, 0, 1])[random.integers(0, 6, len(people))]
    return np.where(vague, year.astype("datetime64[D]"), NEVER)


def _health_cards(number: np.ndarray) -> np.ndarray:
    return 5309 * 10**8 + (number * 61_803_399 + 12_345_678) % 10**8
