"""严重精神障碍 and 肺结核: people whom the township visits for an illness that concerns others too."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.draws import repeated, steady_uniform
from kangqiao.simulation.follow_ups import appointments, regimen
from kangqiao.simulation.illness import NEVER
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Column, Keys, Sheet

CONSENTED = 0.95
TREATMENT_MONTHS = 6
INTENSIVE_MONTHS = 2
SCHEME = ("2HRZE/4HR", "2H3R3Z3E3/4H3R3")


def mental_disorders(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return the registrations of people with schizophrenia and their follow-ups."""
    seen = appointments(life, "schizophrenia")
    person, first = np.unique(seen.person, return_index=True)
    return [
        _registrations(life, catchment, person, seen.at[first] - 3600),
        _follow_ups(life, catchment, seen.person, seen.at, seen.number),
    ]


def _common(life: Life, person: np.ndarray) -> dict[str, Column]:
    return {"archive_number": Keys("", life.people.archive[person], 17)}


def _township(life: Life, person: np.ndarray, catchment: np.ndarray) -> np.ndarray:
    return home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))


def _registrations(life: Life, catchment: np.ndarray, person: np.ndarray, at: np.ndarray) -> Sheet:
    number, count = life.people.number[person], len(person)
    place = _township(life, person, catchment)
    diagnosed = np.minimum(life.health.has("schizophrenia")[person], at.astype("datetime64[D]"))
    hospital = np.full(count, life.institutions.of_county("general", life.township.county))
    return life.of_people(
        "mental-disorder-case",
        person,
        place,
        at,
        Keys("JS", number, 10),
        **_common(life, person),
        guardian_relation=codes(number % 4, "配偶", "父亲", "母亲", "子女"),
        consent=codes((steady_uniform(number, 131) > CONSENTED).astype(int), "1", "2"),
        consented=at.astype("datetime64[D]"),
        onset=diagnosed - 30 - number % 600,
        past_symptoms=codes(number % 4, "1|3", "3|10", "5|11", "1|10"),
        locked_up=same(count, "1"),
        outpatient_treatment=codes(number % 3, "2", "3", "3"),
        first_treated=diagnosed,
        stays=number % 4,
        disorder=same(count, "1"),
        hospital=life.institution_names(hospital),
        diagnosed=diagnosed,
        effect=codes(number % 3, "2", "2", "3"),
        **{name: np.zeros(count, dtype=np.int64) for name in ("incidents", "disasters", "self_harms")},
        disturbances=(steady_uniform(number, 132) < 0.1).astype(np.int64),
        economy=codes((steady_uniform(number, 133) > 0.4).astype(int), "1", "2"),
        registered=at,
        doctor=life.staff(life.colleague(place, "0200", 41)),
    )


def _follow_ups(life: Life, catchment: np.ndarray, person: np.ndarray, at: np.ndarray, turn: np.ndarray) -> Sheet:
    number, random, count = life.people.number[person], life.random, len(person)
    place = _township(life, person, catchment)
    adherence = life.health.adherence[person]
    risk = np.searchsorted([0.9, 0.96, 0.985, 0.995, 0.999], random.random(count) + 0.05 * (adherence < 0.2))
    stable = np.where(risk >= 3, 1, np.where((risk >= 1) | (adherence < 0.3), 2, 3))
    middle = np.where(adherence > 0.5, 0, 1)
    hospital = np.full(count, life.institutions.of_county("general", life.township.county))
    fair = ("sleep", "appetite", "self_care", "housework", "work", "learning", "company")
    return life.of_people(
        "mental-disorder-follow-up",
        person,
        place,
        at,
        Keys("JF", number * 1000 + turn, 10),
        **_common(life, person),
        followed_up=at,
        manner=codes(np.searchsorted([0.3, 0.85], random.random(count)), "1", "2", "3"),
        risk=codes(risk, "1", "2", "3", "4", "5", "6"),
        symptoms=codes(np.where(stable == 3, -1, number % 3), "1", "3", "10"),
        insight=codes(3 - stable, "1", "2", "3"),
        **{name: codes(middle, "1", "2") for name in fair},
        disturbances=np.where(risk >= 1, 1, 0),
        **{name: np.zeros(count, dtype=np.int64) for name in ("incidents", "disasters", "self_harms")},
        locked_up=same(count, "1"),
        laboratory=same(count, "1"),
        adherence=codes(np.where(adherence > 0.4, 0, np.where(adherence > 0.1, 1, 2)), "1", "2", "3"),
        adverse_reaction=same(count, "1"),
        effect=codes(np.where(stable == 3, 0, np.where(stable == 2, 1, 2)), "2", "3", "4"),
        drugs=regimen(life, person, "schizophrenia"),
        rehabilitation=codes(np.where(stable == 3, 0, 1), "1|4", "1"),
        classification=codes(stable, "0", "1", "2", "3"),
        referral_reason=codes(np.where(risk >= 3, 0, -1), "病情不稳定"),
        referral_place=life.institution_names(np.where(risk >= 3, hospital, -1)),
        next_due=at.astype("datetime64[D]") + np.where(stable == 1, 14, np.where(stable == 2, 60, 90)),
        doctor=life.staff(life.colleague(place, "0200", 41)),
    )


def tuberculosis(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return the first visits to people found ill within the calendar, and the monthly ones until they are cured."""
    began = life.health.has("tuberculosis")
    fresh = np.flatnonzero((began < NEVER) & (began >= life.calendar.first) & (began < life.calendar.last - 5))
    day = began[fresh] + 1 + (steady_uniform(life.people.number[fresh], 141) * 3).astype(np.int64)
    fresh, day = fresh[day < life.health.last_day[fresh]], day[day < life.health.last_day[fresh]]
    person, month = repeated(np.full(len(fresh), TREATMENT_MONTHS))
    later = day[person] + 30 * (month + 1) + life.random.integers(-3, 4, len(person))
    person = fresh[person]
    rows = np.flatnonzero((later < life.calendar.last) & (later < life.health.last_day[person]))
    return [
        _first_visits(life, catchment, fresh, moments(day, 9 + 6 * life.random.random(len(fresh)))),
        _monthly(
            life, catchment, person[rows], month[rows] + 1, moments(later[rows], 9 + 6 * life.random.random(len(rows)))
        ),
    ]


def _first_visits(life: Life, catchment: np.ndarray, person: np.ndarray, at: np.ndarray) -> Sheet:
    number, count = life.people.number[person], len(person)
    place = _township(life, person, catchment)
    return life.of_people(
        "tuberculosis-first-visit",
        person,
        place,
        at,
        Keys("JH", number, 10),
        **_common(life, person),
        visited=at,
        manner=same(count, "2"),
        kind=codes((number % 9 == 0).astype(int), "1", "2"),
        sputum=codes(number % 3, "1", "2", "2"),
        resistance=codes(number % 2, "2", "3"),
        symptoms=codes(number % 3, "2", "2|3", "2|5"),
        scheme=codes((number % 9 == 0).astype(int), *SCHEME),
        usage=codes((number % 9 == 0).astype(int), "1", "2"),
        drug_form=same(count, "1"),
        supervisor=codes(number % 3, "1", "2", "2"),
        own_room=codes(number % 2, "1", "2"),
        ventilation=codes(number % 2, "1", "2"),
        cigarettes=np.where(life.health.smoker[person], 5, 0),
        alcohol=np.zeros(count),
        pharmacy=life.institution_names(place),
        first_pickup=at.astype("datetime64[D]"),
        education=same(count, "1|2|3|4|5|6|7|8|9|10"),
        next_due=at.astype("datetime64[D]") + 30,
        doctor=life.staff(life.colleague(place, "0200", 42)),
    )


def _monthly(life: Life, catchment: np.ndarray, person: np.ndarray, month: np.ndarray, at: np.ndarray) -> Sheet:
    number, random, count = life.people.number[person], life.random, len(person)
    place = _township(life, person, catchment)
    last = month == TREATMENT_MONTHS
    missed = random.poisson(np.where(life.health.adherence[person] > 0.4, 0.2, 2.0), count)
    day = at.astype("datetime64[D]")
    due = np.where(last, 30 * TREATMENT_MONTHS, -1)
    return life.of_people(
        "tuberculosis-follow-up",
        person,
        place,
        at,
        Keys("JG", number * 10 + month, 11),
        **_common(life, person),
        followed_up=at,
        month=month,
        supervisor=codes(number % 3, "1", "2", "2"),
        manner=codes(np.searchsorted([0.4, 0.9], random.random(count)), "1", "2", "3"),
        symptoms=codes(np.where(month <= INTENSIVE_MONTHS, 0, 1), "2", "1"),
        scheme=codes((number % 9 == 0).astype(int), *SCHEME),
        usage=codes((number % 9 == 0).astype(int), "1", "2"),
        missed_doses=missed,
        adverse_reaction=same(count, "1"),
        complication=same(count, "1"),
        next_due=np.where(last, np.datetime64("NaT"), day + 30),
        stopped=np.where(last, day, np.datetime64("NaT")),
        stop_reason=codes(np.where(last, 0, -1), "1"),
        visits_due=np.where(last, TREATMENT_MONTHS + 1, np.nan),
        visits_made=np.where(last, TREATMENT_MONTHS + 1, np.nan),
        doses_due=np.where(last, due, np.nan),
        doses_taken=np.where(last, due - missed, np.nan),
        doctor=life.staff(life.colleague(place, "0200", 42)),
    )
