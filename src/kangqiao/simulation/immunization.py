"""预防接种: children by the national schedule, the old against influenza, the bitten against rabies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.draws import ranked
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import Life, facts_column, moments
from kangqiao.simulation.sheets import Keys, Pick, Sheet

MONTH = 30.44
LATE_DAYS = 18.0
OLDEST_CHILD = 7
RABIES_DAYS = np.array([0, 3, 7, 14, 28])


@dataclass(frozen=True)
class _Doses:
    person: np.ndarray
    vaccine: np.ndarray
    dose: np.ndarray
    at: np.ndarray


def vaccinations(life: Life, catchment: np.ndarray) -> Sheet:
    """Return every dose given within the calendar, at the township or at the county's centre for disease control."""
    parts = [_children(life), _influenza(life), _rabies(life)]
    given = _Doses(*(np.concatenate(columns) for columns in zip(*(vars(p).values() for p in parts), strict=True)))
    day = given.at.astype("datetime64[D]")
    kept = np.flatnonzero(
        (day >= life.calendar.first) & (day < life.calendar.last) & (day < life.health.last_day[given.person])
    )
    kept = kept[np.argsort(given.at[kept], kind="stable")]
    given = _Doses(*(column[kept] for column in vars(given).values()))
    table, people = facts("vaccines"), life.people
    place = home_institution(life, given.person, catchment, village=np.zeros(len(given.person), dtype=bool))
    adult = np.isin(table["key"], ("flu", "rabies"))[given.vaccine]
    centre = life.institutions.of_county("cdc", life.township.county)
    if centre >= 0:
        place = np.where(adult & (life.random.random(len(place)) < 0.3), centre, place)
    number = people.number[given.person]
    day = given.at.astype("datetime64[D]")
    lot = (day - 150).astype("datetime64[M]")
    lots = (lot.astype("datetime64[Y]").astype(np.int64) + 1970) * 100 + lot.astype(np.int64) % 12 + 1
    serial = number * 1000 + given.vaccine * 20 + ranked(number * 100 + given.vaccine)
    return life.of_people(
        "vaccination",
        given.person,
        place,
        given.at,
        Keys("JZ", serial, 10),
        card_number=Keys("53", number, 10),
        kind=facts_column("vaccines", "kind", given.vaccine),
        vaccine=facts_column("vaccines", "code", given.vaccine),
        vaccine_name=facts_column("vaccines", "name", given.vaccine),
        dose_number=given.dose,
        vaccinated=given.at,
        lot=Keys("L", lots * 100 + given.vaccine, 8),
        maker=facts_column("vaccines", "maker", given.vaccine),
        expires=day + 540,
        amount=table.numbers("amount")[given.vaccine],
        site=facts_column("vaccines", "site", given.vaccine),
        route=facts_column("vaccines", "route", given.vaccine),
        funding=facts_column("vaccines", "funding", given.vaccine),
        place=Pick(place.astype(np.int32), life.institutions.names).compact(),
        vaccinator=life.staff(life.colleague(place, "0100", 11)),
    )


def _children(life: Life) -> _Doses:
    table, random = facts("vaccines"), life.random
    months = table.numbers("months")
    planned = np.flatnonzero(months >= 0)
    young = np.flatnonzero(life.people.born > life.calendar.first - int(OLDEST_CHILD * 366))
    lots = random.random((len(young), len(planned)))
    child, line = np.nonzero(lots < table.numbers("coverage")[planned])
    person, vaccine = young[child], planned[line]
    late = np.where(months[vaccine] == 0, 0, random.exponential(LATE_DAYS, len(person)))
    day = life.people.born[person] + np.ceil(months[vaccine] * MONTH + late).astype("timedelta64[D]")
    dose = table.numbers("dose")[vaccine].astype(np.int64)
    return _Doses(person, vaccine, dose, moments(day, 8.5 + 3 * random.random(len(day))))


def _influenza(life: Life) -> _Doses:
    table, random = facts("vaccines"), life.random
    row = table.row("flu")
    years = np.arange(life.calendar.first.astype("datetime64[Y]"), life.calendar.last.astype("datetime64[Y]") + 1)
    old = np.flatnonzero(life.calendar.ages(life.people.born, life.calendar.last) >= 65)
    who, year = np.nonzero(random.random((len(old), len(years))) < float(table["coverage"][row]))
    day = years[year].astype("datetime64[D]") + random.integers(265, 340, len(who))
    return _Doses(
        old[who],
        np.full(len(who), row),
        np.ones(len(who), dtype=np.int64),
        moments(day, 8.5 + 7 * random.random(len(who))),
    )


def _rabies(life: Life) -> _Doses:
    visits, random, row = life.visits, life.random, facts("vaccines").row("rabies")
    bitten = np.flatnonzero((visits.disease == facts("diseases").row("dog_bite")) & ~visits.follow_up)
    _, first = np.unique(visits.person[bitten], return_index=True)
    bitten = bitten[first]
    day = visits.at[bitten].astype("datetime64[D]")[:, None] + RABIES_DAYS[None, :]
    person = np.repeat(visits.person[bitten], len(RABIES_DAYS))
    dose = np.tile(np.arange(1, len(RABIES_DAYS) + 1), len(bitten))
    at = moments(day.ravel(), 9 + 7 * random.random(len(person)))
    return _Doses(person, np.full(len(person), row), dose, at)
