"""高血压随访 and 2型糖尿病随访: quarterly visits to people managed for a lasting illness."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.bedside import body, pressures
from kangqiao.simulation.draws import repeated, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.laboratory import values
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.pharmacy import usual_choice
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

MANAGED = 0.72
"""Share of people with the illness and an archive who are managed."""

QUARTER = 91
HOME, VISIT, TELEPHONE = 1, 0, 2


@dataclass(frozen=True)
class Appointments:
    """Who (positions) came when (datetime64[s]), and the number of the quarter since the first.

    Those who do not come are left out.
    """

    person: np.ndarray
    at: np.ndarray
    number: np.ndarray


def appointments(life: Life, condition: str) -> Appointments:
    """Return a follow-up in every quarter since the illness was found, as far as people come."""
    people, random = life.people, life.random
    since = np.maximum(life.health.has(condition) + 30, life.calendar.first)
    managed = (people.archive >= 0) & (steady_uniform(people.number, 61) < MANAGED)
    end = np.minimum(life.calendar.last, life.health.last_day - 1)
    quarters = np.where(managed, np.maximum((end - since).astype(np.int64), 0) // QUARTER, 0)
    person, rank = repeated(quarters)
    day = since[person] + rank * QUARTER + random.integers(0, QUARTER - 6, len(person))
    came = random.random(len(person)) < 0.55 + 0.45 * life.health.adherence[person]
    return Appointments(person[came], moments(day, 8.5 + 8 * random.random(len(person)))[came], rank[came])


def hypertension_follow_ups(life: Life, catchment: np.ndarray) -> Sheet:
    """Return the follow-ups of people with hypertension; pressures follow how well they are controlled."""
    seen = appointments(life, "hypertension")
    systolic, diastolic = pressures(life, seen.person, seen.at)
    goal = np.where(life.age_at(seen.person, seen.at) >= 65, 150, 140)
    fine = (systolic < goal) & (diastolic < 90)
    urgent = (systolic >= 180) | (diastolic >= 110)
    manner = _manner(life, len(seen.person))
    telephone = manner == TELEPHONE
    return _follow_up(
        life,
        catchment,
        seen,
        "hypertension",
        ("hypertension-follow-up", "GX"),
        manner=manner,
        fine=fine | telephone,
        urgent=urgent & ~telephone,
        systolic=np.where(telephone, np.nan, systolic),
        diastolic=np.where(telephone, np.nan, diastolic),
        heart_rate=np.where(telephone, np.nan, np.round(life.health.pulse[seen.person])),
        salt=codes(np.where(fine, 0, 1), "1", "2"),
        salt_goal=same(len(fine), "1"),
    )


def diabetes_follow_ups(life: Life, catchment: np.ndarray) -> Sheet:
    """Return the follow-ups of people with type 2 diabetes; glucose follows how well they are controlled."""
    seen = appointments(life, "diabetes")
    items = facts("lab_items")
    glucose, hba1c = (
        values(life, person=seen.person, item=np.full(len(seen.person), items.row(key)), at=seen.at)
        for key in ("GLU", "HBA1C")
    )
    glucose = np.clip(np.round(glucose, 1), 2.8, 33)
    systolic, diastolic = pressures(life, seen.person, seen.at)
    manner = _manner(life, len(seen.person))
    telephone = manner == TELEPHONE
    yearly = (seen.number % 4 == 0) & ~telephone
    day = seen.at.astype("datetime64[D]")
    low = np.where(glucose < 3.9, 1, 0)
    return _follow_up(
        life,
        catchment,
        seen,
        "diabetes",
        ("diabetes-follow-up", "TX"),
        manner=manner,
        fine=(glucose < 7) | telephone,
        urgent=((glucose >= 16.7) | (glucose < 3.9)) & ~telephone,
        systolic=np.where(telephone, np.nan, systolic),
        diastolic=np.where(telephone, np.nan, diastolic),
        fasting_glucose=np.where(telephone, np.nan, glucose),
        hba1c=np.where(yearly, hba1c, np.nan),
        hba1c_date=np.where(yearly, day, np.datetime64("NaT")),
        foot_pulse=codes(np.where(life.random.random(len(day)) < 0.95, 0, 1), "1", "2"),
        hypoglycaemia=codes(low, "1", "2"),
        staple_food=np.round(life.random.normal(300, 45, len(day)), -1),
    )


def _manner(life: Life, count: int) -> np.ndarray:
    return np.searchsorted([0.62, 0.90], life.random.random(count))


def _follow_up(
    life: Life,
    catchment: np.ndarray,
    seen: Appointments,
    condition: str,
    names: tuple[str, str],
    *,
    manner: np.ndarray,
    fine: np.ndarray,
    urgent: np.ndarray,
    **columns: Column,
) -> Sheet:
    """Return what both forms share, with their own columns."""
    people, health, random = life.people, life.health, life.random
    person, at, count = seen.person, seen.at, len(seen.person)
    village = steady_uniform(people.number[person], 62) < 0.6
    place = home_institution(life, person, catchment, village=village)
    height, weight = body(life, person, at)
    adherence = health.adherence[person]
    smoker, drinker = health.smoker[person], health.drinker[person]
    hospital = np.full(count, life.institutions.of_county("general", life.township.county))
    due = at.astype("datetime64[D]") + np.where(fine, QUARTER, 14)
    word, prefix = names
    return life.of_people(
        word,
        person,
        place,
        at,
        Keys(prefix, people.number[person] * 1000 + seen.number, 10),
        archive_number=Keys("", people.archive[person], 17),
        followed_up=at,
        manner=codes(manner, "1", "2", "3"),
        symptoms=codes(np.where(fine, 0, np.where(random.random(count) < 0.6, 0, 1)), "1", "2"),
        weight=weight,
        weight_goal=np.round(np.minimum(weight, 23.5 * (height / 100) ** 2), 1),
        bmi=np.round(weight / (height / 100) ** 2, 1),
        cigarettes=np.where(smoker, 5 + 5 * (people.number[person] % 4), 0),
        cigarettes_goal=np.zeros(count, dtype=np.int64),
        alcohol=np.where(drinker, 1.0 + people.number[person] % 3, 0),
        alcohol_goal=np.zeros(count),
        exercises=np.round(7 * adherence),
        exercise_minutes=np.full(count, 30),
        psychology=codes(np.where(adherence > 0.3, 0, 1), "1", "2"),
        compliance=codes(np.where(adherence > 0.5, 0, np.where(adherence > 0.15, 1, 2)), "1", "2", "3"),
        adherence=codes(np.where(adherence > 0.4, 0, np.where(adherence > 0.06, 1, 2)), "1", "2", "3"),
        adverse_reaction=same(count, "1"),
        evaluation=codes(np.where(fine, 0, 1), "1", "2"),
        drugs=regimen(life, person, condition),
        referral_reason=codes(np.where(urgent, 0, -1), "血压或血糖达到紧急转诊标准"),
        referral_place=Pick(np.where(urgent, hospital, -1).astype(np.int32), life.institutions.names).compact(),
        next_due=due,
        doctor=life.staff(life.colleague(place, "0200", 9)),
        **columns,
    )


@functools.cache
def _regimens(condition: str) -> tuple[np.ndarray, np.ndarray, tuple[str | None, ...]]:
    """Return (rows of treatments.csv, probabilities, text of every combination of them)."""
    table, drugs, often = facts("treatments"), facts("drugs"), facts("frequencies")
    rows = np.flatnonzero((table["disease"] == condition) & (table["setting"] == "O"))
    drug = drugs.rows("key", table["drug"][rows])
    usage = often["usage"][often.rows("key", drugs["frequency"][drug])]
    words = [
        f"{drugs['name'][d]} {drugs['dose'][d]}{drugs['dose_unit'][d]} {how}"
        for d, how in zip(drug, usage, strict=True)
    ]
    texts = ["；".join(w for bit, w in enumerate(words) if mask >> bit & 1) or None for mask in range(1 << len(words))]
    return rows, table.numbers("probability")[rows], tuple(texts)


def regimen(life: Life, person: np.ndarray, condition: str) -> Pick:
    """Return the drugs people take for a lasting illness, as text: those their doctors prescribe."""
    rows, chance, texts = _regimens(condition)
    taken = usual_choice(life.people.number[person][:, None], rows[None, :]) < chance
    return Pick.of((taken << np.arange(len(rows))).sum(axis=1).astype(np.int32), texts).compact()
