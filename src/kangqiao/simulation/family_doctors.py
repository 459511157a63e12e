"""家庭医生签约: yearly agreements of households with the team of their township, and what is done under them."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.archives import combinations, home_institution
from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Keys, Sheet

SIGNING = 0.42
"""Share of ordinary households with an agreement."""

GROUPS = ("2", "4", "5", "6", "7", "8")
SERVED = 0.7


def family_doctors(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return the agreements, renewed every January, and a service under most of them."""
    people, calendar, random = life.people, life.calendar, life.random
    years = np.arange(calendar.first.astype("datetime64[Y]") + 1, calendar.last.astype("datetime64[Y]") + 1)
    household = life.township.first_person + people.household
    signing = (steady_uniform(household, 161) < SIGNING) & (people.archive >= 0)
    day = years[None, :].astype("datetime64[D]") + random.integers(3, 80, (len(people), len(years)))
    alive = (day > people.born[:, None]) & (day < life.health.last_day[:, None]) & (day < calendar.last)
    person, year = np.nonzero(signing[:, None] & alive)
    day = day[person, year]
    at = moments(day, 8.5 + 8 * random.random(len(day)))
    place = home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))
    keys = Keys("QY", people.number[person] * 100 + (years[year].astype(np.int64) % 100), 10)
    doctor = life.staff(life.colleague(place, "0200", 61))
    agreements = _agreements(life, person, place, at, keys, renewed=year > 0, doctor=doctor)
    served = day + 20 + random.integers(0, 200, len(day))
    rows = np.flatnonzero(
        (random.random(len(day)) < SERVED) & (served < calendar.last) & (served < life.health.last_day[person])
    )
    return [agreements, _services(life, person[rows], place[rows], served[rows], keys.numbers[rows])]


def _agreements(life: Life, person, place, at, keys, *, renewed, doctor) -> Sheet:
    count, day = len(person), at.astype("datetime64[D]")
    age = life.age_at(person, at)
    marks = [age >= 65, age < 7]
    marks += [life.had(key, person, at) for key in ("hypertension", "diabetes", "schizophrenia", "tuberculosis")]
    bits = np.sum([mark.astype(np.int64) << bit for bit, mark in enumerate(marks)], axis=0)
    package = np.where(bits > 0, 1, 0)
    return life.of_people(
        "family-doctor-agreement",
        person,
        place,
        at,
        keys,
        number=Keys("QYXY", keys.numbers, 10),
        signed=at,
        begins=day,
        ends=day + 364,
        state=codes(renewed.astype(int), "1", "3"),
        team=same(count, "家庭医生服务团队"),
        doctor=doctor,
        groups=combinations(bits, GROUPS, none="1"),
        package=codes(package, "基础服务包", "重点人群服务包"),
        price=np.where(package == 1, 120.0, 0.0),
        paid=np.where(package == 1, 20.0, 0.0),
    )


def _services(life: Life, person: np.ndarray, place: np.ndarray, day: np.ndarray, agreement: np.ndarray) -> Sheet:
    random, count = life.random, len(person)
    at = moments(day, 8.5 + 8 * random.random(count))
    return life.of_people(
        "family-doctor-service",
        person,
        place,
        at,
        Keys("QF", agreement, 10),
        agreement=Keys("QY", agreement, 10),
        served=at,
        manner=codes(random.integers(0, 3, count), "1", "2", "3"),
        item=codes(random.integers(0, 4, count), "健康咨询", "用药指导", "测量血压", "健康教育"),
        content=same(count, "按协议提供服务，已告知注意事项"),
        doctor=life.staff(life.colleague(place, "0200", 61)),
    )
