"""出生信息, 死亡信息, 迁移流动, 婚姻登记 and 火化: births, deaths, moves and weddings as the bureaus have them."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.households import (
    CANCELLED_AFTER,
    NONE,
    Homes,
    addresses,
    child_orders,
    documented,
    id_numbers,
    names_of,
    wedding_days,
)
from kangqiao.simulation.life import HOUR, Life, codes, moments, same
from kangqiao.simulation.reporting import Deaths, birth_weight, born_at, deaths_of
from kangqiao.simulation.sheets import Keys, Pick, Sheet

AWAY = 0.12
"""Share of the young in the country who go away to work for a season, unless they are seen here meanwhile."""

ELSEWHERE = (("530100000000", "昆明市"), ("440300000000", "深圳市"), ("330100000000", "杭州市"))
IN_FLOW = 0.012
CREMATED = 0.6
OLDEST_WEDDING = 8 * 365
"""Days before the calendar from which on weddings are in the bureau's computer."""


def population_events(life: Life, homes: Homes) -> list[Sheet]:
    """Return births, deaths, moves, weddings and cremations."""
    deaths = deaths_of(life)
    return [
        _births(life, homes),
        _deaths(life, homes, deaths),
        _moves(life),
        _weddings(life, homes),
        _cremations(life, deaths),
    ]


def _births(life: Life, homes: Homes) -> Sheet:
    people, calendar = life.people, life.calendar
    registered = people.born + 28
    child = np.flatnonzero((people.mother >= 0) & (people.born >= calendar.first) & (registered < calendar.last))
    mother, number = people.mother[child], people.number[child]
    father = homes.partner[mother]
    mother_kind, mother_number = id_numbers(life, mother)
    father_kind, father_number = id_numbers(life, father)
    hukou = people.born[child] + 42 + number % 20
    done = documented(life, child) & (hukou < calendar.last)
    return life.of_bureau(
        "birth",
        "health_commission",
        child,
        moments(registered[child], 10),
        Keys("CX", number, 10),
        born=born_at(life, child),
        child_order=child_orders(people)[child],
        multiple=_twins(life, child),
        birth_weight=birth_weight(life, child),
        place=same(len(child), "12"),
        division=codes(people.village[child], *life.township.villages),
        certificate=Keys("U", number, 9),
        mother_name=names_of(life, mother),
        mother_document_type=mother_kind,
        mother_document=mother_number,
        mother_born=people.born[mother],
        father_name=names_of(life, father),
        father_document_type=father_kind,
        father_document=father_number,
        hukou_done=done,
        hukou_registered=np.where(done, hukou, NONE),
        registered=registered[child],
    )


def _twins(life: Life, child: np.ndarray) -> np.ndarray:
    """Return how many children came with each child, it included."""
    people = life.people
    pairs = np.stack([people.mother[child], people.born[child].astype(np.int64)])
    _, birth, count = np.unique(pairs, axis=1, return_inverse=True, return_counts=True)
    return count[birth.ravel()]


def _deaths(life: Life, homes: Homes, deaths: Deaths) -> Sheet:
    people, person, day = life.people, deaths.person, deaths.day
    registered = np.minimum(day + 4, life.calendar.last)
    cancelled = day + CANCELLED_AFTER
    done = (cancelled < life.calendar.last) & documented(life, person)
    head = homes.head[homes.household[person]]
    partner = homes.partner[person]
    reporter = np.where(partner >= 0, partner, np.where(head == person, -1, head))
    relation = np.where(reporter < 0, -1, np.where(partner >= 0, 0, 1))
    cause, cause_name = deaths.underlying()
    return life.of_bureau(
        "death",
        "health_commission",
        person,
        moments(registered, 11),
        Keys("SX", people.number[person], 10),
        died=deaths.died,
        place=deaths.place(),
        cause=cause,
        cause_name=cause_name,
        certificate=deaths.certificates(life),
        division=codes(people.village[person], *life.township.villages),
        reporter=names_of(life, reporter),
        reporter_relation=codes(relation, "1", "8"),
        registered=registered,
        state=codes(done.astype(int), "1", "2"),
        cancelled=np.where(done, cancelled, NONE),
    )


def _moves(life: Life) -> Sheet:
    """Return seasons of work elsewhere, and people who came from elsewhere to work here."""
    people, calendar, number = life.people, life.calendar, life.people.number
    age = calendar.ages(people.born, calendar.last)
    year = calendar.last.astype("datetime64[Y]").astype("datetime64[D]")
    day = year + 35 + (60 * steady_uniform(number, 211)).astype(int)
    home = np.minimum(day + 150 + (60 * steady_uniform(number, 212)).astype(int), calendar.last)
    able = (age > 19) & (age < 50) & documented(life, np.arange(len(people))) & (day < calendar.last - 60)
    able &= life.health.last_day > calendar.last
    lot = steady_uniform(number, 213)
    out = able & (lot < AWAY) & ~_seen_between(life, day, home)
    person = np.flatnonzero(out | (able & (lot > 1 - IN_FLOW)))
    away, count = out[person], len(person)
    city = number[person] % len(ELSEWHERE)
    here, here_code = addresses(life, person).to_pylist(), np.array(life.township.villages)[people.village[person]]
    there, there_code = (np.array([place[part] for place in ELSEWHERE])[city] for part in (1, 0))
    back = home[person] < calendar.last
    return life.of_bureau(
        "migration",
        "police_bureau",
        person,
        moments(day[person], 9.5),
        Keys("LD", number[person], 10),
        kind=codes(away.astype(int), "3", "4"),
        moved=moments(day[person], 7),
        from_division=_words(np.where(away, here_code, there_code)),
        from_address=_words(np.where(away, here, there)),
        to_division=_words(np.where(away, there_code, here_code)),
        to_address=_words(np.where(away, there, here)),
        reason=same(count, "01"),
        permit=Keys("JZ53", np.where(away, -1, number[person]), 9),
        expected_return=np.where(away, home[person], NONE),
        returned=np.where(away & back, home[person], NONE),
        registered=day[person] + 2,
    )


def _seen_between(life: Life, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Say which people had a visit between two days of their own."""
    visits, seen = life.visits, np.zeros(len(life.people), dtype=bool)
    day = visits.at.astype("datetime64[D]")
    seen[visits.person[(day >= first[visits.person]) & (day <= last[visits.person])]] = True
    return seen


def _words(words: np.ndarray) -> Pick:
    """Return a column of words that may repeat."""
    known, index = np.unique(words.astype(str), return_inverse=True)
    return codes(index.ravel(), *known.tolist())


def _weddings(life: Life, homes: Homes) -> Sheet:
    people, calendar = life.people, life.calendar
    day = wedding_days(life, homes)
    recent = (day > calendar.first - OLDEST_WEDDING) & (day < calendar.last - 1)
    person = np.flatnonzero(recent & documented(life, np.arange(len(people))))
    spouse = homes.partner[person]
    kind, number = id_numbers(life, spouse)
    at = moments(day[person], 10)
    couple = np.minimum(people.number[person], people.number[spouse])
    return life.of_bureau(
        "marriage-registration",
        "civil_bureau",
        person,
        at,
        Keys("HY", people.number[person], 10),
        kind=same(len(person), "1"),
        certificate=Keys("J5309", couple, 10),
        registered=at,
        spouse_name=names_of(life, spouse),
        spouse_document_type=kind,
        spouse_document=number,
        spouse_born=people.born[spouse],
        former_state=same(len(person), "10"),
        office=same(len(person), f"{life.places.county_names[life.township.county]}民政局婚姻登记处"),
    )


def _cremations(life: Life, deaths: Deaths) -> Sheet:
    chosen = np.flatnonzero(steady_uniform(life.people.number[deaths.person], 214) < CREMATED)
    at = moments(deaths.day[chosen] + 3, 9)
    chosen = chosen[at < life.calendar.last.astype("datetime64[s]")]
    person, day = deaths.person[chosen], deaths.day[chosen]
    at, number = moments(day + 3, 9), life.people.number[person]
    return life.of_bureau(
        "cremation",
        "civil_bureau",
        person,
        at + 2 * HOUR,
        Keys("HH", number, 10),
        number=Keys("HHZ", number, 10),
        died=day,
        cremated=at,
        death_certificate=Keys("5309", number, 9),
        funeral_home=same(len(person), f"{life.places.county_names[life.township.county]}殡仪馆"),
        ashes=codes(number % 3, "1", "2", "4"),
    )
