"""Where illness leads: visits to clinics and hospitals, referrals upward, stays in a ward."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import Choices, ranked, repeated, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.illness import SEVERE, Episodes
from kangqiao.simulation.institutions import CARE, Institutions
from kangqiao.simulation.people import People

OUTPATIENT, EMERGENCY, INPATIENT = 1, 2, 3
"""患者类型代码 CV09.00.404."""

DAY = 86_400
MOST_VISITS = 1 << 10
"""Serial numbers kept for each person: a quarter is for visits, the others never are a visit's."""
SECOND_NUMBER = 0.03
"""Share of people whom an institution registered twice: one resident under two local numbers."""

REFERRED = np.array([0.0, 0.22, 0.60])
ADMITTED = np.array([0.03, 0.62, 1.0])
EMERGENCIES = np.array([0.03, 0.10, 0.45])
STAY_DAYS = np.array([3.4, 5.2, 8.0])
STAY_DAYS_OF = {"delivery": 2.6, "caesarean": 5.4, "chemotherapy": 3.5, "cataract": 2.0, "hip_fracture": 15.0}
LENGTH_OF_VISIT = 1800
LOYAL = 0.7
"""Share of visits for which people go where they usually go."""


@dataclass(frozen=True)
class Visits:
    """Outpatient visits and stays as columns.

    person       position among the block's people
    at           arrival (datetime64[s], city time)
    until        end of the visit or discharge; NaT for those still in the ward on the last day
    disease, severity  as in Episodes
    kind         OUTPATIENT, EMERGENCY or INPATIENT
    follow_up    not the first visit of its episode
    institution, department, doctor  numbers of Institutions, of its departments and staff
    patient      the person's local number at the institution
    serial       unique in the city and below 10¹⁰: source keys are made of it
    """

    person: np.ndarray
    at: np.ndarray
    until: np.ndarray
    disease: np.ndarray
    severity: np.ndarray
    kind: np.ndarray
    follow_up: np.ndarray
    institution: np.ndarray
    department: np.ndarray
    doctor: np.ndarray
    patient: np.ndarray
    serial: np.ndarray

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: np.ndarray) -> Visits:
        """Return the visits with these numbers, in this order."""
        return Visits(*(getattr(self, column.name)[rows] for column in fields(self)))

    def days(self, calendar: Calendar) -> np.ndarray:
        """Return the days of each stay up to the last day simulated (1 for an outpatient visit)."""
        end = np.where(np.isnat(self.until), (calendar.last + 1).astype("datetime64[s]"), self.until)
        return np.maximum(1, (end.astype("datetime64[D]") - self.at.astype("datetime64[D]")).astype(np.int64))


class _Plan(NamedTuple):
    """Visits before their details: of which episode, where, from when to when, whether the first."""

    episode: np.ndarray
    place: np.ndarray
    at: np.ndarray
    until: np.ndarray
    follow_up: np.ndarray

    def take(self, rows: np.ndarray) -> _Plan:
        return _Plan(*(column[rows] for column in self))


def visit(
    random: np.random.Generator,
    *,
    people: People,
    episodes: Episodes,
    institutions: Institutions,
    catchment: np.ndarray,
    calendar: Calendar,
) -> Visits:
    """Return every visit and stay the episodes lead to, ordered by person and time."""
    homes = catchment[people.village[episodes.person]]
    route = _routes()[episodes.disease]
    loyal = random.random(len(episodes)) < LOYAL
    lot = np.where(loyal, steady_uniform(people.number[episodes.person], route, 13), random.random(len(episodes)))
    place = _chosen(homes, _care().at(route * 3 + episodes.severity, lot))
    at = _moments(random, episodes.day)
    first = _Plan(np.arange(len(episodes)), place, at, at + LENGTH_OF_VISIT, np.zeros(len(episodes), dtype=bool))
    up = _referrals(random, first, episodes, institutions, homes)
    last_place, last_at = place.copy(), at.copy()
    last_place[up.episode], last_at[up.episode] = up.place, up.at
    stays = _stays(random, first._replace(place=last_place, at=last_at), episodes, institutions)
    parts = [first, up, _returns(random, first, episodes), stays]
    plan = _Plan(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    outpatient = len(plan.episode) - len(stays.episode)
    kind = np.full(len(plan.episode), INPATIENT, dtype=np.int8)
    emergency = random.random(outpatient) < EMERGENCIES[episodes.severity[plan.episode[:outpatient]]]
    kind[:outpatient] = np.where(emergency, EMERGENCY, OUTPATIENT)
    return _in_detail(
        random, plan, kind, people=people, episodes=episodes, institutions=institutions, calendar=calendar
    )


@functools.cache
def _care() -> Choices:
    """Return the levels of care chosen, one group per line of care.csv (route × severity)."""
    return Choices.of(facts("care").numbers(*CARE) + 1e-12)


@functools.cache
def _routes() -> np.ndarray:
    """Return the number of each disease's route: its lines in care.csv are 3 × route + severity."""
    routes = list(dict.fromkeys(facts("care")["route"]))
    return np.array([routes.index(word) for word in facts("diseases")["route"]])


def _chosen(homes: np.ndarray, level: np.ndarray) -> np.ndarray:
    return homes[np.arange(len(level)), level]


def _moments(random: np.random.Generator, day: np.ndarray) -> np.ndarray:
    """Return times of day: mornings, afternoons, some evenings."""
    peak = Choices.of([0.58, 0.34, 0.08]).draw(random, 0, len(day))
    hour = np.array([9.6, 15.4, 20.0])[peak] + random.normal(0, 1.0, len(day))
    return day.astype("datetime64[s]") + (np.clip(hour, 7.5, 22.5) * 3600).astype("timedelta64[s]")


def _referrals(
    random: np.random.Generator, first: _Plan, episodes: Episodes, institutions: Institutions, homes: np.ndarray
) -> _Plan:
    """The second visit of those whom a village or township sends on to the county or city."""
    low = institutions.levels[first.place] <= CARE.index("township")
    referred = np.flatnonzero(low & (random.random(len(episodes)) < REFERRED[episodes.severity]))
    weights = facts("care").numbers(*CARE) * (np.arange(len(CARE)) >= CARE.index("county_general"))
    route = _routes()[episodes.disease[referred]]
    place = _chosen(homes[referred], Choices.of(weights + 1e-12).draw(random, route * 3 + SEVERE))
    delay = random.integers(2 * 3600, 2 * DAY, len(referred)).astype("timedelta64[s]")
    at = first.at[referred] + delay
    at = at.astype("datetime64[D]").astype("datetime64[s]") + (8 * 3600 + random.integers(0, 8 * 3600, len(at)))
    at = np.maximum(at, first.at[referred] + 3600)
    return _Plan(referred, place, at, at + LENGTH_OF_VISIT, np.zeros(len(referred), dtype=bool))


def _returns(random: np.random.Generator, first: _Plan, episodes: Episodes) -> _Plan:
    """Visits after the first: the same place, some days later each time."""
    episode, rank = repeated(episodes.visits)
    days = (rank + 1) * 5 + random.integers(-2, 3, len(rank))
    day = (first.at[episode].astype("datetime64[D]") + days.astype("timedelta64[D]")).astype("datetime64[D]")
    at = _moments(random, day)
    return _Plan(episode, first.place[episode], at, at + LENGTH_OF_VISIT, np.ones(len(episode), dtype=bool))


def _stays(random: np.random.Generator, last: _Plan, episodes: Episodes, institutions: Institutions) -> _Plan:
    """Stays in a ward, beginning soon after the visit that decided on them."""
    table = facts("diseases")
    chance = table.numbers("admit")[episodes.disease] * ADMITTED[episodes.severity]
    has_beds = institutions.wards[last.place, 0] >= 0
    admitted = np.flatnonzero(has_beds & (random.random(len(episodes)) < chance))
    usual = np.zeros(len(table))
    usual[table.rows("key", np.array(list(STAY_DAYS_OF)))] = list(STAY_DAYS_OF.values())
    disease = episodes.disease[admitted]
    days = np.where(usual[disease] > 0, usual[disease], STAY_DAYS[episodes.severity[admitted]])
    days = np.maximum(1, np.round(days * random.lognormal(0, 0.42, len(days)))).astype("timedelta64[D]")
    at = last.at[admitted] + (2400 + random.integers(0, 7200, len(admitted)))
    left = (at.astype("datetime64[D]") + days).astype("datetime64[s]") + (
        9 * 3600 + random.integers(0, 5 * 3600, len(at))
    )
    return _Plan(admitted, last.place[admitted], at, left, np.zeros(len(admitted), dtype=bool))


def _in_detail(
    random: np.random.Generator,
    plan: _Plan,
    kind: np.ndarray,
    *,
    people: People,
    episodes: Episodes,
    institutions: Institutions,
    calendar: Calendar,
) -> Visits:
    person = episodes.person[plan.episode]
    kept = _possible(plan, person, people, calendar)
    kept = kept[np.lexsort((plan.at[kept], person[kept]))]
    kept = kept[ranked(person[kept]) < MOST_VISITS // 4]
    plan, kind, person = plan.take(kept), kind[kept], person[kept]
    plan, kind, person = _without_overlaps(plan, kind, person)
    disease = episodes.disease[plan.episode]
    department = _departments(institutions, plan, kind, disease, calendar.ages(people.born[person], plan.at))
    died = people.died[person].astype("datetime64[s]") + 20 * 3600
    until = np.where((kind == INPATIENT) & (died < plan.until) & (died > plan.at), died, plan.until)
    beyond = until > (calendar.last + 1).astype("datetime64[s]")
    number = people.number[person]
    return Visits(
        person=person,
        at=plan.at,
        until=np.where(beyond & (kind == INPATIENT), np.datetime64("NaT"), until),
        disease=disease,
        severity=episodes.severity[plan.episode],
        kind=kind,
        follow_up=plan.follow_up,
        institution=plan.place,
        department=department,
        doctor=institutions.staff.of(department, random.random(len(department))),
        patient=patient_numbers(number, plan.place, plan.at, calendar),
        serial=number * MOST_VISITS + ranked(person),
    )


def _possible(plan: _Plan, person: np.ndarray, people: People, calendar: Calendar) -> np.ndarray:
    """Return the visits within the simulated time and the person's life."""
    day = plan.at.astype("datetime64[D]")
    died = people.died[person]
    return np.flatnonzero((day <= calendar.last) & (np.isnat(died) | (day <= died)))


def _without_overlaps(plan: _Plan, kind: np.ndarray, person: np.ndarray) -> tuple[_Plan, np.ndarray, np.ndarray]:
    """Leave out stays that begin before the person left another ward."""
    stays = np.flatnonzero(kind == INPATIENT)
    same = np.r_[False, person[stays][1:] == person[stays][:-1]] if len(stays) else np.zeros(0, bool)
    ends = plan.until[stays]
    clash = same & (plan.at[stays] < np.r_[ends[:1], ends[:-1]])
    kept = np.setdiff1d(np.arange(len(kind)), stays[clash])
    return plan.take(kept), kind[kept], person[kept]


def _departments(
    institutions: Institutions, plan: _Plan, kind: np.ndarray, disease: np.ndarray, age: np.ndarray
) -> np.ndarray:
    fields_, table = facts("departments"), facts("diseases")
    field = fields_.rows("code", table["department"])[disease]
    internal = np.char.startswith(fields_["code"].astype(str), "03")[field]
    paediatrics, emergency = (int(fields_.rows("code", np.array([code]))[0]) for code in ("0700", "2000"))
    field = np.where(internal & (age < 14), paediatrics, field)
    field = np.where(kind == EMERGENCY, emergency, field)
    chosen = np.where(
        kind == INPATIENT, institutions.wards[plan.place, field], institutions.treating[plan.place, field]
    )
    return chosen.astype(np.int64)


def patient_numbers(
    person: np.ndarray, institution: np.ndarray, at: np.ndarray | np.datetime64, calendar: Calendar
) -> np.ndarray:
    """Return people's local numbers (nine digits): unique per institution, some people have an old and a new one.

    ``person`` are numbers in the city. The same person at the same institution and time has the same number.
    """
    twice = steady_uniform(person, institution, 11) < SECOND_NUMBER
    change = calendar.first + (steady_uniform(person, institution, 12) * calendar.days).astype("timedelta64[D]")
    second = twice & (at >= change)
    return ((person * 2 + second) * 386_420_489 + institution * 7_919_317) % 10**9
