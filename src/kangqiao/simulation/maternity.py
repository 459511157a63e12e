"""产前检查, 产后访视 and 新生儿家庭访视: what the township writes down about births of the calendar and near it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.bedside import body, pressures
from kangqiao.simulation.draws import ranked, steady_normal, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.laboratory import values
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

REGISTERED_EARLY = 0.88
"""Share of women who come before the 13th week."""

LATER_VISITS = np.array([18.0, 22.5, 31.0, 38.0])
CAME = 0.92
VISITED = 0.93
"""Share of births after which mother and child are visited at home."""

STAY_DAYS = 3


@dataclass(frozen=True)
class Births:
    """Births in the order of children; ``first`` marks one child of each birth (twins have one mother once)."""

    child: np.ndarray
    mother: np.ndarray
    day: np.ndarray
    weeks: np.ndarray
    order: np.ndarray
    first: np.ndarray


def maternity(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return the forms of pregnancies, of women after birth and of new-borns."""
    births = births_of(life)
    return [
        _first_visits(life, catchment, births),
        _later_visits(life, catchment, births),
        *_home_visits(life, catchment, births),
        _closing_examinations(life, catchment, births),
    ]


def births_of(life: Life) -> Births:
    """Return the births of the calendar and shortly before it to mothers who live here."""
    people = life.people
    child = np.flatnonzero(people.mother >= 0)
    mother, day = people.mother[child], people.born[child]
    twins = np.unique(np.stack([mother, day.astype(np.int64)]), axis=1, return_inverse=True)[1].ravel()
    by_age = np.argsort(day, kind="stable")
    first = np.zeros(len(child), dtype=bool)
    first[by_age] = ranked(twins[by_age]) == 0
    order = np.zeros(len(child), dtype=np.int64)
    order[by_age] = np.cumsum(first[by_age])
    order -= _before(order, mother, by_age)
    weeks = np.clip(39.2 + 1.3 * steady_normal(people.number[child], 91), 34, 41.7)
    near = (day >= life.calendar.first - 50) & (day < life.calendar.last + 200)
    kept = np.flatnonzero(near & ((day - people.born[mother]).astype(np.int64) > 15 * 365))
    return Births(child[kept], mother[kept], day[kept], weeks[kept], order[kept], first[kept])


def _before(running: np.ndarray, mother: np.ndarray, by_age: np.ndarray) -> np.ndarray:
    """Return the running count of births of all mothers, less those of each child's own mother."""
    own = np.zeros(len(mother), dtype=np.int64)
    own[by_age] = ranked(mother[by_age]) + 1
    return running - own


def _within(life: Life, person: np.ndarray, day: np.ndarray) -> np.ndarray:
    return (day >= life.calendar.first) & (day < life.calendar.last) & (day < life.health.last_day[person])


def _at_day(births: Births, weeks: np.ndarray) -> np.ndarray:
    """Return the day on which a pregnancy is so many weeks old."""
    return births.day - np.round((births.weeks - weeks) * 7).astype("timedelta64[D]")


def _township(life: Life, person: np.ndarray, catchment: np.ndarray) -> np.ndarray:
    return home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))


def _word(text: str, where: np.ndarray) -> Pick:
    return codes(np.where(where, 0, -1), text)


def _take(births: Births, rows: np.ndarray) -> Births:
    return Births(*(column[rows] for column in vars(births).values()))


def _haemoglobin(life: Life, person: np.ndarray, at: np.ndarray) -> np.ndarray:
    item = np.full(len(person), facts("lab_items").row("HGB"))
    return np.round(0.9 * values(life, person=person, item=item, at=at))


def _county(life: Life) -> int:
    return life.institutions.of_county("general", life.township.county)


def _referral(life: Life, urgent: np.ndarray, reason: str) -> dict[str, Column]:
    return {
        "referral_reason": _word(reason, urgent),
        "referral_place": life.institution_names(np.where(urgent, _county(life), -1)),
    }


def _first_visits(life: Life, catchment: np.ndarray, births: Births) -> Sheet:
    lot = steady_uniform(life.people.number[births.child], 92)
    weeks = np.round(np.where(lot < REGISTERED_EARLY, 6.5 + 6 * lot / REGISTERED_EARLY, 13 + 60 * (lot - 0.88)), 1)
    day = _at_day(births, weeks)
    rows = np.flatnonzero(births.first & _within(life, births.mother, day))
    births, weeks, day, lot = _take(births, rows), weeks[rows], day[rows], lot[rows]
    woman, random, count = births.mother, life.random, len(rows)
    at = moments(day, 8.5 + 7 * random.random(count))
    place = _township(life, woman, catchment)
    height, weight = body(life, woman, at)
    systolic, diastolic = _calm(life, woman, at)
    high = (systolic >= 140) | (diastolic >= 90)
    number = life.people.number[woman]
    age = np.floor(life.age_at(woman, at))
    earlier = births.order - 1
    caesareans = np.minimum(np.where(steady_uniform(number, 93) < 0.3, earlier, 0), 3)
    lost = (steady_uniform(number, 94) < 0.15).astype(np.int64)
    return life.of_people(
        "first-antenatal-visit",
        woman,
        place,
        at,
        Keys("CQ", life.people.number[births.child], 10),
        visited=at,
        gestational_weeks=weeks,
        gravidity=births.order + lost,
        vaginal_births=earlier - caesareans,
        caesareans=caesareans,
        last_menses=_at_day(births, np.zeros(count)),
        due=_at_day(births, np.full(count, 40.0)),
        husband_age=age + 2 + number % 5,
        past_illness=same(count, "1"),
        family_history=same(count, "1"),
        habits=same(count, "1"),
        abortions=lost,
        induced_abortions=np.zeros(count, dtype=np.int64),
        height=height,
        weight=weight,
        bmi=np.round(weight / (height / 100) ** 2, 1),
        systolic=systolic,
        diastolic=diastolic,
        **{name: same(count, "1") for name in ("heart", "lungs", "vulva", "vagina", "cervix", "uterus", "adnexa")},
        haemoglobin=_haemoglobin(life, woman, at),
        urine_protein=same(count, "-"),
        abo=codes(life.people.abo[woman], "1", "2", "3", "4", "5"),
        rh=codes(life.people.rh[woman], "1", "2", "3", "4"),
        hbsag=codes(np.where(life.had("hepatitis_b", woman, at), 1, 0), "1", "2"),
        syphilis=same(count, "1"),
        hiv=same(count, "1"),
        ultrasound=same(count, "宫内早孕，可见胎心搏动"),
        evaluation=codes(high.astype(int), "1", "2"),
        abnormality=_word("血压偏高", high),
        guidance=same(count, "1|2|3|4|5"),
        next_due=day + 42,
        doctor=life.staff(life.colleague(place, "0200", 21)),
    )


def _calm(life: Life, woman: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pressures of women in pregnancy, somewhat lower than usual."""
    systolic, diastolic = pressures(life, woman, at)
    systolic = np.maximum(systolic - 6, 82)
    return systolic, np.minimum(np.maximum(diastolic - 4, 46), systolic - 18)


def _later_visits(life: Life, catchment: np.ndarray, births: Births) -> Sheet:
    births = _take(births, np.flatnonzero(births.first))
    random = life.random
    planned = LATER_VISITS[None, :] + random.uniform(-1.4, 1.4, (len(births.child), len(LATER_VISITS)))
    birth, number = np.nonzero((random.random(planned.shape) < CAME) & (planned < births.weeks[:, None] - 0.4))
    weeks = np.round(planned[birth, number], 1)
    births = _take(births, birth)
    day = _at_day(births, weeks)
    rows = np.flatnonzero(_within(life, births.mother, day))
    births, weeks, day, number = _take(births, rows), weeks[rows], day[rows], number[rows]
    woman, count = births.mother, len(rows)
    at = moments(day, 8.5 + 7 * random.random(count))
    place = _township(life, woman, catchment)
    _, weight = body(life, woman, at)
    systolic, diastolic = _calm(life, woman, at)
    haemoglobin = _haemoglobin(life, woman, at)
    high, pale = (systolic >= 140) | (diastolic >= 90), haemoglobin < 100
    urgent = (systolic >= 160) | (diastolic >= 110)
    return life.of_people(
        "antenatal-visit",
        woman,
        place,
        at,
        Keys("CS", life.people.number[births.child] * 10 + number, 11),
        number=number + 2,
        visited=at,
        gestational_weeks=weeks,
        weight=np.round(weight + 0.42 * np.maximum(weeks - 12, 0), 1),
        fundal_height=np.round(weeks - 1 + random.normal(0, 1.2, count), 1),
        girth=np.round(72 + 0.75 * weeks + random.normal(0, 3, count), 1),
        position=codes(np.where(weeks > 28, np.where(random.random(count) < 0.95, 0, 1), -1), "头位", "臀位"),
        fetal_heart_rate=np.round(random.normal(143, 7, count)),
        systolic=systolic,
        diastolic=diastolic,
        haemoglobin=haemoglobin,
        urine_protein=codes(np.where(high, 1, 0), "-", "+"),
        classification=codes((high | pale).astype(int), "1", "2"),
        abnormality=codes(np.where(high, 0, np.where(pale, 1, -1)), "血压偏高", "贫血"),
        guidance=codes(np.where(weeks < 28, 0, 1), "1|3|5", "6|7|8"),
        **_referral(life, urgent, "妊娠期血压过高"),
        next_due=day + np.where(weeks < 28, 28, 14),
        doctor=life.staff(life.colleague(place, "0200", 22)),
    )


def _home_visits(life: Life, catchment: np.ndarray, births: Births) -> list[Sheet]:
    """Return the visits to new-borns and to their mothers, made on one way."""
    number = life.people.number[births.child]
    day = births.day + STAY_DAYS + 3 + (steady_uniform(number, 95) * 5).astype(np.int64)
    made = (steady_uniform(life.people.number[births.mother], births.day.astype(np.int64), 96) < VISITED) & _within(
        life, births.child, day
    )
    rows = np.flatnonzero(made & (births.day + STAY_DAYS < life.calendar.last))
    births, day = _take(births, rows), day[rows]
    hour = 9 + 7 * steady_uniform(life.people.number[births.mother], 97)
    at = moments(day, hour)
    place = _township(life, births.mother, catchment)
    doctor = life.staff(life.colleague(place, "0200", 23))
    rows = np.flatnonzero(births.first & _within(life, births.mother, day))
    return [
        _newborn_visits(life, births, at, place, doctor),
        _postpartum_visits(life, _take(births, rows), at[rows], place[rows]),
    ]


def _newborn_visits(life: Life, births: Births, at: np.ndarray, place: np.ndarray, doctor: Pick) -> Sheet:
    people, random, count = life.people, life.random, len(at)
    number = people.number[births.child]
    days = (at.astype("datetime64[D]") - births.day).astype(np.int64)
    weight = np.clip(3.2 + 0.42 * steady_normal(number, 98) + 0.16 * (births.weeks - 39.2), 1.2, 5)
    caesarean = steady_uniform(number, 99) < 0.35
    yellow = random.random(count) < 0.3
    small = np.round(weight, 2) < 1.5
    pale = steady_uniform(number, 100) < 0.02
    mother = pa.array(births.mother)
    sound = ("eyes", "limbs", "ears", "nose", "mouth", "heart_lungs", "abdomen")
    return life.of_people(
        "newborn-visit",
        births.child,
        place,
        at,
        Keys("XF", number, 10),
        visited=at,
        mother_name=people.name.take(mother),
        mother_document=people.id_number.take(mother),
        gestational_weeks=np.round(births.weeks, 1),
        mother_illness=same(count, "1"),
        birth_place=life.institution_names(np.full(count, _county(life))),
        delivery=codes(caesarean.astype(int), "1", "4"),
        asphyxia=codes(pale.astype(int), "1", "2"),
        apgar_1=np.where(pale, 6, 9),
        apgar_5=np.where(pale, 8, 10),
        malformed=same(count, "1"),
        hearing_screening=codes(np.where(random.random(count) < 0.94, 0, 1), "1", "2"),
        disease_screening=same(count, "2"),
        birth_weight=np.round(weight, 2),
        birth_length=np.round(49.8 + 2.2 * (weight - 3.2), 1),
        weight=np.round(np.maximum(weight * 0.95 + 0.03 * days, 1.2), 2),
        feeding=codes(np.searchsorted([0.72, 0.93], random.random(count)), "1", "2", "3"),
        milk_times=random.integers(7, 12, count),
        vomiting=same(count, "1"),
        stool=same(count, "1"),
        stool_times=random.integers(2, 6, count),
        temperature=np.round(36.7 + 0.2 * random.standard_normal(count), 1),
        heart_rate=np.round(random.normal(136, 9, count)),
        respiration=np.round(random.normal(43, 4, count)),
        complexion=codes(yellow.astype(int), "1", "2"),
        jaundice=codes(yellow.astype(int), "1", "2"),
        fontanelle_length=np.full(count, 1.5),
        fontanelle_width=np.full(count, 1.5),
        fontanelle=same(count, "1"),
        **{name: same(count, "1") for name in sound},
        umbilicus=codes((days > 8).astype(int), "1", "2"),
        **_referral(life, small, "出生体重过低"),
        guidance=same(count, "1|2|3|4"),
        next_due=births.day + 30,
        doctor=doctor,
    )


def _postpartum_visits(life: Life, births: Births, at: np.ndarray, place: np.ndarray) -> Sheet:
    count = len(at)
    systolic, diastolic = pressures(life, births.mother, at)
    sore = life.random.random(count) < 0.04
    return life.of_people(
        "postpartum-visit",
        births.mother,
        place,
        at,
        Keys("CF", life.people.number[births.child], 10),
        visited=at,
        delivered=births.day,
        discharged=births.day + STAY_DAYS,
        temperature=np.round(36.6 + 0.2 * life.random.standard_normal(count), 1),
        general=same(count, "良好"),
        psychology=same(count, "良好"),
        systolic=systolic,
        diastolic=diastolic,
        breasts=codes(sore.astype(int), "1", "2"),
        **{name: same(count, "1") for name in ("lochia", "uterus", "wound")},
        classification=codes(sore.astype(int), "1", "2"),
        abnormality=_word("乳房胀痛", sore),
        guidance=same(count, "1|2|3|4|5"),
        next_due=births.day + 42,
        doctor=life.staff(life.colleague(place, "0200", 24)),
    )


def _closing_examinations(life: Life, catchment: np.ndarray, births: Births) -> Sheet:
    day = births.day + 42 + (steady_uniform(life.people.number[births.child], 101) * 10).astype(np.int64)
    came = steady_uniform(life.people.number[births.child], 102) < 0.86
    rows = np.flatnonzero(births.first & came & _within(life, births.mother, day))
    births, day = _take(births, rows), day[rows]
    woman, count = births.mother, len(rows)
    at = moments(day, 8.5 + 7 * life.random.random(count))
    place = _township(life, woman, catchment)
    systolic, diastolic = pressures(life, woman, at)
    slow = life.random.random(count) < 0.03
    return life.of_people(
        "postpartum-examination",
        woman,
        place,
        at,
        Keys("CJ", life.people.number[births.child], 10),
        visited=at,
        delivered=births.day,
        discharged=births.day + STAY_DAYS,
        general=same(count, "良好"),
        psychology=same(count, "良好"),
        systolic=systolic,
        diastolic=diastolic,
        **{name: same(count, "1") for name in ("breasts", "lochia", "wound")},
        uterus=codes(slow.astype(int), "1", "2"),
        recovered=codes(slow.astype(int), "1", "2"),
        not_recovered=_word("子宫复旧欠佳", slow),
        guidance=same(count, "1|2|3|4"),
        disposal=codes(slow.astype(int), "1", "2"),
        **_referral(life, slow, "子宫复旧欠佳"),
        doctor=life.staff(life.colleague(place, "0200", 25)),
    )
