"""How ill people are: lasting traits and conditions, and the episodes of illness they live through."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import Choices, repeated, steady_normal, steady_uniform
from kangqiao.simulation.facts import Facts, facts
from kangqiao.simulation.people import People

BANDS = (5, 15, 40, 60, 75)
"""Limits of the age bands of ``diseases.csv``: 0–4, 5–14, 15–39, 40–59, 60–74, 75 and older."""

MILD, MODERATE, SEVERE = 0, 1, 2
NEVER = np.datetime64("2200-01-01")
NEW_CASES = 0.16
"""Share of lasting conditions that began within the simulated years."""

ATTENDANCE = 0.95
"""Share of acute illness and of routine visits that reaches an institution; gives 50 rows a resident in three years."""

TUBERCULOSIS_DAYS = 240
NEWBORN_DAYS = 21
"""Age before which what newborns have begins."""

TRAITS = {"height": 1, "bmi": 2, "pressure": 3, "pulse": 4, "adherence": 5, "smoker": 6, "drinker": 7, "allergy": 8}


@dataclass(frozen=True)
class Health:
    """Lasting traits of people, aligned with them.

    began        (people, conditions): the day each condition began, NEVER where it did not
    height, bmi  in cm and kg/m² as an adult of today
    systolic, diastolic  usual blood pressure in mmHg without treatment
    adherence    0–1: how faithfully somebody takes drugs and comes to follow-ups
    """

    people: People
    began: np.ndarray
    height: np.ndarray
    bmi: np.ndarray
    systolic: np.ndarray
    diastolic: np.ndarray
    pulse: np.ndarray
    adherence: np.ndarray
    smoker: np.ndarray
    drinker: np.ndarray

    def has(self, condition: str) -> np.ndarray:
        """Return the day since which each person has the condition (NEVER: not)."""
        return self.began[:, conditions().row(condition)]

    @property
    def last_day(self) -> np.ndarray:
        return np.where(np.isnat(self.people.died), NEVER, self.people.died)


@dataclass(frozen=True)
class Episodes:
    """Illness that leads to care: who, from which day (datetime64[D]), which disease (row), how severe.

    visits  how many more visits follow the first
    """

    person: np.ndarray
    day: np.ndarray
    disease: np.ndarray
    severity: np.ndarray
    visits: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: np.ndarray) -> Episodes:
        return Episodes(*(column[rows] for column in vars(self).values()))

    @classmethod
    def joined(cls, parts: list[Episodes]) -> Episodes:
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))


@functools.cache
def conditions() -> Facts:
    """Return the lasting conditions, in the order of the columns of ``Health.began``."""
    table = facts("diseases")
    chosen = np.flatnonzero(table["kind"] == "chronic")
    return Facts({name: column[chosen] for name, column in table.columns.items()})


@functools.cache
def condition_rows() -> np.ndarray:
    """Return the row in facts("diseases") of each condition."""
    return np.flatnonzero(facts("diseases")["kind"] == "chronic").astype(np.int32)


@functools.cache
def rates() -> np.ndarray:
    """Return (diseases, sexes, bands): yearly rate or prevalence, by sex (man, woman) and age band.

    The column ``male`` is the ratio of men to women; -1 stands for women only, 0 for men only.
    """
    table = facts("diseases")
    base = table.numbers("r0", "r5", "r15", "r40", "r60", "r75")
    male = table.numbers("male")
    share = np.select([male < 0, male == 0], [0, 1], male / (1 + np.abs(male)))
    man, woman = 2 * share, 2 * (1 - share)
    return np.stack([base * man[:, None], base * woman[:, None]], axis=1)


def band(age: np.ndarray) -> np.ndarray:
    """Return the age band of each age in years."""
    return np.searchsorted(BANDS, age, side="right")


def examine(random: np.random.Generator, people: People, calendar: Calendar) -> Health:
    """Return people's lasting traits and conditions."""
    age = calendar.ages(people.born, calendar.last)
    bmi = _trait(people, "bmi") * 3.0 + np.where(age < 18, 16.5 + age / 6, 23.4)
    began = _conditions(random, people, age, bmi, calendar)
    high = began[:, conditions().row("hypertension")] < NEVER
    older = np.clip(age - 20, 0, 60)
    pressure = 110 + 0.32 * older + 7.5 * _trait(people, "pressure") + 0.9 * (bmi - 23)
    pressure = np.where(age < 18, 84 + 1.5 * age + 5 * _trait(people, "pressure"), pressure)
    height = np.where(people.sex == 1, 166.5, 155.5) - np.clip(age - 40, 0, 50) * 0.1 + 5.6 * _trait(people, "height")
    return Health(
        people=people,
        began=began,
        height=height,
        bmi=np.clip(bmi, 13, 42),
        systolic=np.where(high, np.maximum(pressure, 126) + 22, pressure),
        diastolic=np.where(high, 92, 62 + 0.12 * older) + 0.42 * (pressure - 118),
        pulse=74 + 7 * _trait(people, "pulse") + np.where(age < 12, (12 - age) * 3.5, 0),
        adherence=_lot(people, "adherence"),
        smoker=(_lot(people, "smoker") < np.where(people.sex == 1, 0.46, 0.02)) & (age > 18),
        drinker=(_lot(people, "drinker") < np.where(people.sex == 1, 0.34, 0.05)) & (age > 18),
    )


def _trait(people: People, name: str) -> np.ndarray:
    return steady_normal(people.number, TRAITS[name])


def _lot(people: People, name: str) -> np.ndarray:
    return steady_uniform(people.number, TRAITS[name])


def _conditions(
    random: np.random.Generator, people: People, age: np.ndarray, bmi: np.ndarray, calendar: Calendar
) -> np.ndarray:
    table, raised = conditions(), facts("comorbidity")
    chance = rates()[condition_rows()][:, people.sex - 1, band(age)]
    heavy = np.exp(0.07 * np.clip(bmi - 23, -5, 10))
    began = np.full((len(people), len(table)), NEVER)
    earliest = people.born + np.timedelta64(1, "D")
    for column, key in enumerate(table["key"]):
        likely = chance[column] * (heavy if key in ("hypertension", "diabetes", "hyperlipidaemia") else 1)
        for given in np.flatnonzero(raised["condition"] == key):
            with_it = began[:, table.row(raised["given"][given])] < NEVER
            factor = float(raised["factor"][given])
            share = with_it.mean() if len(with_it) else 0
            likely = likely * np.where(with_it, factor, 1) / (1 + share * (factor - 1))
        ill = random.random(len(people)) < np.minimum(likely, 0.95)
        recent = (random.random(len(people)) < NEW_CASES) | (key == "tuberculosis")
        back = np.where(recent, 0, 30 + random.exponential(6 * 365, len(people)))
        forward = np.where(recent, random.random(len(people)) * calendar.days, 0)
        day = calendar.first + (forward - back).astype("timedelta64[D]")
        began[ill, column] = np.maximum(day, earliest)[ill]
    return began


def live(random: np.random.Generator, health: Health, calendar: Calendar, *, border: bool) -> Episodes:
    """Return every episode of the people's illness and pregnancy within the calendar, in no particular order."""
    parts = [
        _acute(random, health, calendar, border=border),
        _routine(random, health, calendar),
        _flares(random, health, calendar),
        _pregnancies(random, health.people, calendar),
    ]
    episodes = Episodes.joined(parts)
    people = health.people
    alive = (episodes.day > people.born[episodes.person]) & (episodes.day <= health.last_day[episodes.person])
    return episodes.take(np.flatnonzero(alive & (episodes.day >= calendar.first) & (episodes.day <= calendar.last)))


@functools.cache
def _severities() -> Choices:
    return Choices.of(facts("diseases").numbers("mild", "moderate", "severe") + 1e-12)


@functools.cache
def _months() -> Choices:
    """Return the months in which each disease happens."""
    seasons = facts("seasons")
    rows = seasons.rows("season", facts("diseases")["season"])
    return Choices.of(seasons.numbers(*(f"m{month}" for month in range(1, 13)))[rows])


@functools.cache
def _acute_rates(border: bool) -> tuple[np.ndarray, Choices, np.ndarray]:
    """Return (rate per group, diseases per group, disease rows); a group is sex × age band."""
    table = facts("diseases")
    rows = np.flatnonzero(table["kind"] == "acute").astype(np.int32)
    away = (table["places"][rows] == "border") & (not border)
    by_group = (rates()[rows] * np.where(away, 0.04, 1)[:, None, None] * ATTENDANCE).reshape(len(rows), -1).T
    return by_group.sum(axis=1), Choices.of(by_group), rows


def _acute(random: np.random.Generator, health: Health, calendar: Calendar, *, border: bool) -> Episodes:
    rate, diseases, rows = _acute_rates(border)
    people, years = health.people, calendar.years
    middle = calendar.first + ((np.arange(years) + 0.5) * 365.25).astype("timedelta64[D]")
    age = calendar.ages(people.born[:, None], middle[None, :])
    group = ((people.sex[:, None] - 1) * (len(BANDS) + 1) + band(age)).ravel()
    frailty = np.exp(0.6 * steady_normal(people.number, 9) - 0.18)
    counts = random.poisson(rate[group] * np.repeat(frailty, years))
    owner, _ = repeated(counts)
    disease = rows[diseases.draw(random, group[owner])]
    person, year = owner // years, owner % years
    day = _seasonal_day(random, disease, calendar, year)
    newborn = disease == facts("diseases").row("neonatal_jaundice")
    first_weeks = people.born[person] + random.integers(1, NEWBORN_DAYS, len(person))
    return _episodes(random, person, np.where(newborn, first_weeks, day), disease)


def _seasonal_day(random: np.random.Generator, disease: np.ndarray, calendar: Calendar, year: np.ndarray) -> np.ndarray:
    """Return a day of the disease's season in the given year of the calendar."""
    month = _months().draw(random, disease)
    since = (month - int(calendar.first.astype("datetime64[M]").astype(int) % 12)) % 12 + 12 * year
    start = (calendar.first.astype("datetime64[M]") + since).astype("datetime64[D]")
    return start + (random.random(len(disease)) * 30.4).astype("timedelta64[D]")


def _episodes(random: np.random.Generator, person: np.ndarray, day: np.ndarray, disease: np.ndarray) -> Episodes:
    more = facts("diseases").numbers("revisit")[disease]
    acute = facts("diseases")["kind"][disease] != "chronic"
    severity = _severities().draw(random, disease)
    return Episodes(person, day, disease, severity, np.where(acute, random.poisson(more * ATTENDANCE), 0))


def _routine(random: np.random.Generator, health: Health, calendar: Calendar) -> Episodes:
    """Visits of people with lasting conditions: checks and repeated prescriptions."""
    person, column = np.nonzero(health.began < NEVER)
    start = np.maximum(health.began[person, column], calendar.first)
    end = np.minimum(calendar.last, health.last_day[person])
    ends = condition_rows()[column] == facts("diseases").row("tuberculosis")
    end = np.where(ends, np.minimum(end, start + TUBERCULOSIS_DAYS), end)
    days = np.maximum((end - start).astype(np.int64), 0)
    keen = ATTENDANCE * (0.5 + health.adherence[person])
    counts = random.poisson(conditions().numbers("revisit")[column] * keen * days / 365.25 * 0.42)
    owner, _ = repeated(counts)
    day = start[owner] + (random.random(len(owner)) * days[owner]).astype("timedelta64[D]")
    return _episodes(random, person[owner], day, condition_rows()[column[owner]])


def _flares(random: np.random.Generator, health: Health, calendar: Calendar) -> Episodes:
    table, pairs = facts("diseases"), facts("flares")
    age_band = band(calendar.ages(health.people.born, calendar.last))
    parts = []
    for flare, condition in zip(table.rows("key", pairs["flare"]), pairs["of"], strict=True):
        since = health.has(condition)
        rate = rates()[flare, 1, age_band] * (since < NEVER) * (1.3 - 0.6 * health.adherence)
        counts = random.poisson(rate[:, None], (len(rate), calendar.years))
        owner, _ = repeated(counts.ravel())
        person, year = owner // calendar.years, owner % calendar.years
        disease = np.full(len(owner), flare, dtype=np.int32)
        day = _seasonal_day(random, disease, calendar, year)
        parts.append(_episodes(random, person, day, disease).take(np.flatnonzero(day >= since[person])))
    return Episodes.joined(parts)


ANTENATAL_WEEKS_BEFORE = np.array([29, 24, 20, 16, 12, 8, 5, 3, 1])
CAESAREAN = 0.36


def _pregnancies(random: np.random.Generator, people: People, calendar: Calendar) -> Episodes:
    """Antenatal visits and deliveries of the mothers of children born within the calendar."""
    table = facts("diseases")
    child = np.flatnonzero((people.mother >= 0) & (people.born >= calendar.first))
    mother, born = people.mother[child], people.born[child]
    _, first = np.unique(mother * 100_000 + born.astype(np.int64), return_index=True)
    mother, born = mother[first], born[first]
    cut = random.random(len(mother)) < CAESAREAN
    delivery = np.where(cut, table.row("caesarean"), table.row("delivery")).astype(np.int32)
    came = np.nonzero(random.random((len(mother), len(ANTENATAL_WEEKS_BEFORE))) < 0.72)
    day = born[came[0]] - (ANTENATAL_WEEKS_BEFORE[came[1]] * 7).astype("timedelta64[D]")
    antenatal = np.full(len(day), table.row("antenatal"), dtype=np.int32)
    person, days = np.r_[mother, mother[came[0]]], np.r_[born, day]
    disease = np.r_[delivery, antenatal]
    return _episodes(random, person, days, disease)
