"""生育登记, 孕前优生健康检查, 避孕节育服务 and 计划生育特别扶助."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.bedside import body, pressures
from kangqiao.simulation.draws import steady_normal, steady_uniform
from kangqiao.simulation.households import NONE, Homes, child_orders, id_numbers, names_of, wedding_days
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.maternity import births_of
from kangqiao.simulation.names import strangers
from kangqiao.simulation.sheets import Keys, Sheet

EXAMINED = 0.45
"""Share of couples who are examined before a pregnancy."""

CONTRACEPTION = 0.12
BEREAVED = 0.035
"""Share of older women without a child in the house who get special support."""

MONTHLY = np.array([590.0, 460.0, 390.0])
"""Yuan a month for a dead child, a disabled child, a complication of the second grade (演示)."""


def family_planning(life: Life, homes: Homes, catchment: np.ndarray) -> list[Sheet]:
    """Return what family planning writes down about couples, and the support of those who lost their child."""
    return [
        _childbearing(life, homes),
        _preconception(life, homes),
        _contraception(life, homes, catchment),
        _special_support(life),
    ]


def _childbearing(life: Life, homes: Homes) -> Sheet:
    """Return the registrations of couples who were waiting for a child."""
    people, calendar, births = life.people, life.calendar, births_of(life)
    wedding = wedding_days(life, homes)[births.mother]
    day = births.day - 130 - people.number[births.child] % 60
    rows = np.flatnonzero(births.first & (day >= calendar.first) & (day < calendar.last) & ~(wedding > day))
    woman, child, day = births.mother[rows], births.child[rows], day[rows]
    spouse, order = homes.partner[woman], child_orders(people)[child]
    kind, number = id_numbers(life, spouse)
    at = moments(day, 9 + people.number[child] % 7)
    conceived = births.day[rows] - np.round(births.weeks[rows] * 7).astype("timedelta64[D]")
    return life.of_bureau(
        "childbearing-registration",
        "health_commission",
        woman,
        at,
        Keys("SY", people.number[child], 10),
        number=Keys("SYDJ", people.number[child], 10),
        registered=at,
        manner=codes(people.number[child] % 2, "1", "2"),
        children=order - 1,
        child_order=order,
        married=wedding[rows],
        spouse_name=names_of(life, spouse),
        spouse_document_type=kind,
        spouse_document=number,
        last_menses=conceived,
        due=conceived + 280,
        office=same(len(woman), f"{life.township.name}人民政府"),
        state=same(len(woman), "1"),
    )


def _preconception(life: Life, homes: Homes) -> Sheet:
    """Return the examinations of both partners some months before a pregnancy."""
    people, calendar, births = life.people, life.calendar, births_of(life)
    number = people.number[births.child]
    day = births.day - 330 - (120 * steady_uniform(number, 221)).astype(int)
    wanted = births.first & (day >= calendar.first) & (steady_uniform(number, 222) < EXAMINED)
    woman, child, day = births.mother[wanted], births.child[wanted], day[wanted]
    person = np.r_[woman, homes.partner[woman]]
    child, day = np.r_[child, child], np.r_[day, day]
    both = np.flatnonzero((person >= 0) & (day < life.health.last_day[person]))
    person, child, at = person[both], child[both], moments(day[both], 9)
    number, count = people.number[person], len(both)
    height, weight = body(life, person, at)
    systolic, diastolic = pressures(life, person, at)
    carrier = steady_uniform(number, 223) < 0.05
    high = (systolic >= 140) | (diastolic >= 90)
    risk = high | carrier
    factors = np.select([high & carrier, carrier, high], [2, 1, 0], -1)
    place = np.full(count, life.institutions.of_county("mch", life.township.county))
    return life.of_people(
        "preconception-examination",
        person,
        place,
        at,
        Keys("YQ", people.number[child] * 10 + people.sex[person], 11),
        number=Keys("YQYS", people.number[child], 10),
        examined=at,
        spouse_name=names_of(life, homes.partner[person]),
        height=height,
        weight=weight,
        systolic=systolic,
        diastolic=diastolic,
        haemoglobin=np.round(np.where(people.sex[person] == 1, 152, 130) + 9 * steady_normal(number, 224)),
        fasting_glucose=np.round(5.0 + 0.4 * steady_normal(number, 225), 1),
        hepatitis_b=codes(carrier.astype(int), "1", "2"),
        syphilis=same(count, "1"),
        folic_acid=np.where(people.sex[person] == 2, at.astype("datetime64[D]"), NONE),
        risk=codes(risk.astype(int), "1", "2"),
        risk_factors=codes(factors, "3", "2", "2|3"),
        advice=codes(np.where(risk, 0, -1), "暂缓受孕，转诊专科进一步检查治疗"),
        doctor=life.staff(life.colleague(place, "0500", 62)),
    )


def _contraception(life: Life, homes: Homes, catchment: np.ndarray) -> Sheet:
    """Return means handed out and intrauterine devices fitted or removed, one service to a person."""
    people, calendar, number = life.people, life.calendar, life.people.number
    day = calendar.first + (calendar.days * 0.9 * steady_uniform(number, 226)).astype(int)
    age = (day - people.born).astype(np.int64) / 365.25
    woman = (people.sex == 2) & (homes.partner >= 0) & (age > 21) & (age < 49) & (day < life.health.last_day)
    person = np.flatnonzero(woman & (steady_uniform(number, 227) < CONTRACEPTION))
    day, number = day[person], number[person]
    service = np.searchsorted([0.6, 0.85], steady_uniform(number, 228), side="right")
    at = moments(day, 9 + number % 7)
    fitted, operated = service == 1, service > 0
    follow_up = np.where(operated & (day + 30 < calendar.last), day + 30, NONE)
    place = home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))
    doctor = life.colleague(place, "0500", 63)
    return life.of_people(
        "contraception-service",
        person,
        place,
        at,
        Keys("BY", number, 10),
        served=at,
        service=codes(service, "01", "02", "03"),
        method=codes(service, "04", "03", "01"),
        product=codes(np.where(service < 2, service, -1), "避孕套", "含铜宫内节育器"),
        amount=np.where(service == 0, 30.0, np.nan),
        removal_reason=codes(np.where(service == 2, 0, -1), "计划妊娠"),
        consent=np.where(operated, day, NONE),
        operator=life.staff(np.where(operated, doctor, -1)),
        complication=codes(np.where(operated, 0, -1), "1"),
        follow_up=follow_up,
        follow_up_result=codes(np.where(np.isnat(follow_up), -1, (fitted & (number % 12 == 0)).astype(int)), "1", "2"),
        provider=life.staff(doctor),
    )


def _special_support(life: Life) -> Sheet:
    """Return the support of older women, from the January after they turned 49."""
    people, calendar, number = life.people, life.calendar, life.people.number
    begins = (people.born + 49 * 366).astype("datetime64[Y]") + 1
    day = np.maximum(begins.astype("datetime64[D]"), np.datetime64("2014-01-01"))
    able = (people.sex == 2) & (day < calendar.last) & (day < life.health.last_day) & (people.ethnicity >= 0)
    person = np.flatnonzero(able & (steady_uniform(number, 229) < BEREAVED))
    day, number, count = day[person], number[person], len(person)
    kind = np.searchsorted([0.55, 0.9], steady_uniform(number, 230), side="right")
    year = people.born[person].astype("datetime64[Y]").astype(np.int64) + 1970
    child = strangers(life.random, born=year + 25, sex=1 + number % 2)
    died = people.died[person]
    ended = np.where(died < calendar.last - 30, died, NONE)
    stopped = (~np.isnat(ended)).astype(int)
    return life.of_bureau(
        "special-support",
        "health_commission",
        person,
        moments(np.where(np.isnat(ended), day, ended), 10),
        Keys("TF", number, 10),
        number=Keys("TFDX", number, 10),
        kind=codes(kind, "1", "2", "3"),
        since=moments(day, 0),
        until=ended,
        child_name=child.take(pa.array(np.arange(count), mask=kind == 2)),
        child_died=np.where(kind == 0, day - 400 - number % 2000, NONE),
        disability_grade=codes(np.where(kind == 1, number % 3, -1), "1", "2", "3"),
        complication_grade=codes(np.where(kind == 2, 0, -1), "2"),
        monthly=MONTHLY[kind],
        state=codes(2 * stopped, "1", "2", "3"),
        stop_reason=codes(stopped - 1, "本人死亡"),
    )
