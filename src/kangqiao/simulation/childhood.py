"""儿童健康检查 and 儿童中医药健康管理: how children grow, as the township measures it."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.draws import steady_normal
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Keys, Sheet

MONTH = 30.44
AGES = np.array([1, 3, 6, 8, 12, 18, 24, 30, 36, 48, 60, 72])
AGE_CODES = ("01", "03", "06", "08", "12", "18", "24", "30", "36", "48", "60", "72")
WITH_GUIDANCE = (6, 12, 18, 24, 30, 36)
SERVICES = ("1|2|3", "1|2|3", "1|2|4", "1|2|4", "1|2|5", "1|2|5")
CAME = 0.82
LATEST_DAYS = 12

WEIGHTS = (4.5, 6.4, 7.9, 8.6, 9.6, 10.9, 12.2, 13.3, 14.3, 16.3, 18.3, 20.5)
HEIGHTS = (54.7, 61.4, 67.6, 70.6, 75.7, 82.3, 87.1, 91.9, 96.1, 103.3, 110.0, 116.0)
HEADS = (37.3, 40.5, 43.3, 44.5, 46.1, 47.4, 48.3, 48.9, 49.5, 50.2, 50.7, 51.2)
"""Middle values of boys at AGES, in kg and cm; girls are a little lighter and smaller."""


def childhood(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return the examinations of children and the guidance given at some of them."""
    people, random = life.people, life.random
    young = np.flatnonzero(people.born > life.calendar.first - int(AGES[-1] * MONTH) - LATEST_DAYS)
    day = people.born[young][:, None] + np.ceil(AGES * MONTH).astype("timedelta64[D]")[None, :]
    day = day + random.integers(0, LATEST_DAYS, day.shape)
    within = (day >= life.calendar.first) & (day < life.calendar.last) & (day < life.health.last_day[young][:, None])
    row, age = np.nonzero(within & (random.random(day.shape) < CAME))
    child, day = young[row], day[row, age]
    at = moments(day, 8.5 + 7 * random.random(len(day)))
    place = home_institution(life, child, catchment, village=np.zeros(len(child), dtype=bool))
    guided = np.flatnonzero(np.isin(AGES[age], WITH_GUIDANCE))
    return [
        _examinations(life, child, age, at, place),
        _guidance(life, child[guided], age[guided], at[guided], place[guided]),
    ]


def _examinations(life: Life, child: np.ndarray, age: np.ndarray, at: np.ndarray, place: np.ndarray) -> Sheet:
    people, random, count = life.people, life.random, len(child)
    number, months = people.number[child], AGES[age]
    girl = people.sex[child] == 2
    tall, heavy = steady_normal(number, 111), steady_normal(number, 112)
    height = np.array(HEIGHTS)[age] * np.where(girl, 0.985, 1) * (1 + 0.036 * tall)
    grade = 0.55 * tall + 0.83 * heavy
    weight = np.array(WEIGHTS)[age] * np.where(girl, 0.94, 1) * (1 + 0.105 * np.clip(grade, -2.8, 3.4))
    head = np.array(HEADS)[age] * np.where(girl, 0.978, 1) * (1 + 0.02 * steady_normal(number, 113))
    haemoglobin = np.round(np.clip(119 + 8 * steady_normal(number, 114) + 3 * random.standard_normal(count), 70, 160))
    tested = np.isin(months, (6, 12, 18, 24, 30, 36, 48, 60, 72))
    anaemic = tested & (haemoglobin < 90)
    ill = random.random(count) < 0.12
    infant, old = months <= 12, months >= 48
    growth = np.where(grade > 2, 4, np.where(grade < -2, 1, np.where(tall < -2, 3, 0)))
    referral = np.full(count, life.institutions.of_county("general", life.township.county))
    return life.of_people(
        "child-examination",
        child,
        place,
        at,
        Keys("ET", number * 100 + age, 10),
        age=codes(age, *AGE_CODES),
        examined=at,
        weight=np.round(weight, 1),
        weight_grade=_grade(grade),
        height=np.round(height, 1),
        height_grade=_grade(tall),
        weight_for_height=_grade(heavy),
        head=np.where(months <= 36, np.round(head, 1), np.nan),
        growth=codes(growth, "1", "2", "3", "4", "5"),
        complexion=same(count, "1"),
        skin=same(count, "1"),
        fontanelle_length=np.where(infant, np.round(np.maximum(2 - months / 8, 0.5), 1), np.nan),
        fontanelle_width=np.where(infant, np.round(np.maximum(2 - months / 8, 0.5), 1), np.nan),
        eyes=same(count, "1"),
        ears=same(count, "1"),
        hearing=codes(np.where(np.isin(months, (6, 12, 24, 36)), 0, -1), "1", "2"),
        left_vision=np.where(old, np.round(0.6 + 0.1 * random.integers(0, 5, count), 1), np.nan),
        right_vision=np.where(old, np.round(0.6 + 0.1 * random.integers(0, 5, count), 1), np.nan),
        teeth=np.clip(np.round((months - 5) * 0.9 + random.standard_normal(count)), 0, 20),
        carious_teeth=np.where(months >= 24, random.poisson(months / 60, count), 0),
        heart_lungs=same(count, "1"),
        abdomen=same(count, "1"),
        umbilicus=codes(np.where(months <= 3, 0, -1), "2"),
        limbs=same(count, "1"),
        rickets_symptoms=codes(np.where(infant, np.where(random.random(count) < 0.93, 0, 1), -1), "1", "3"),
        rickets_signs=codes(np.where(infant, np.where(random.random(count) < 0.96, 0, 1), -1), "1", "4"),
        haemoglobin=np.where(tested, haemoglobin, np.nan),
        outdoor_hours=np.round(random.uniform(0.5, 3, count), 1),
        vitamin_d=np.where(months <= 24, 400.0, np.nan),
        development=same(count, "1"),
        illness=codes(np.where(ill, random.integers(1, 3, count), 0), "1", "2", "3"),
        referral_reason=codes(np.where(anaemic, 0, -1), "血红蛋白低于 90 g/L"),
        referral_place=life.institution_names(np.where(anaemic, referral, -1)),
        guidance=same(count, "1|2|3|4"),
        next_due=at.astype("datetime64[D]") + np.where(months < 12, 90, np.where(months < 36, 183, 365)),
        doctor=life.staff(life.colleague(place, "0200", 31)),
    )


def _grade(score: np.ndarray):
    return codes(np.where(score > 2, 0, np.where(score < -2, 2, 1)), "1", "2", "3")


def _guidance(life: Life, child: np.ndarray, age: np.ndarray, at: np.ndarray, place: np.ndarray) -> Sheet:
    turn = np.searchsorted(WITH_GUIDANCE, AGES[age])
    return life.of_people(
        "child-tcm-guidance",
        child,
        place,
        at,
        Keys("EZ", life.people.number[child] * 10 + turn, 10),
        age=codes(turn, *(AGE_CODES[np.searchsorted(AGES, months)] for months in WITH_GUIDANCE)),
        visited=at,
        services=codes(turn, *SERVICES),
        next_due=at.astype("datetime64[D]") + 183,
        doctor=life.staff(life.colleague(place, "0200", 31)),
    )
