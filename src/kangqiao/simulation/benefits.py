"""参保信息, 社会保障卡, 低保 and 防返贫监测: what bureaus pay for people, and whom they watch over."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.households import NONE, Homes, documented, names_of
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.registration import insurance_numbers
from kangqiao.simulation.sheets import Keys, Sheet

LOW_INCOME, MONITORED = 0.03, 0.025
"""Shares of households; the monitored ones live in the country."""

EMPLOYERS = ("临沧茶业有限公司（演示）", "临沧糖业有限公司（演示）", "临沧建筑工程公司（演示）", "临沧客运公司（演示）")
BANKS = ("农村信用社", "农业银行", "建设银行", "工商银行")
CARDS_BEGIN = np.datetime64("2013-01-01")


def benefits(life: Life, homes: Homes) -> list[Sheet]:
    """Return insurance and cards of persons, support and monitoring of households with a row for each member."""
    return [_insured(life), _cards(life), _low_income(life, homes), _monitored(life, homes)]


def _insured(life: Life) -> Sheet:
    """Return how people are insured in the last year of the calendar, with made-up contributions (演示)."""
    people, calendar = life.people, life.calendar
    year = calendar.last.astype("datetime64[Y]")
    first = year.astype("datetime64[D]")
    begins = np.maximum(first, people.born + 28)
    insured = (people.insurance != 7) & (begins < calendar.last) & ~(people.died < begins)
    person = np.flatnonzero(insured)
    number, begins, died = people.number[person], begins[person], people.died[person]
    age, employed = calendar.ages(people.born[person], first), people.insurance[person] == 1
    kind = np.select([employed & (age >= 60), employed, age < 18], [1, 0, 3], 2)
    ended = np.where(died < calendar.last, died, NONE)
    own = np.select([kind == 0, kind == 1], [1440.0 + 12 * (number % 60), 0.0], 400.0)
    employer = np.where(kind == 0, 4 * own, 0.0)
    subsidy = np.where(employed, 0.0, 700.0)
    return life.of_bureau(
        "insured-person",
        "insurance_bureau",
        person,
        moments(np.where(np.isnat(ended), begins, ended), 9),
        Keys("CB", number, 10),
        insurance_number=insurance_numbers(number),
        scheme=codes(np.where(employed, 0, 1), "01", "02"),
        kind=codes(kind, "1", "2", "3", "4"),
        year=np.full(len(person), year.astype(int) + 1970),
        begins=moments(begins, 0),
        ends=np.full(len(person), (year + 1).astype("datetime64[D]") - 1),
        area=same(len(person), "530900000000"),
        employer=codes(np.where(kind == 0, number % len(EMPLOYERS), -1), *EMPLOYERS),
        own_payment=own,
        employer_payment=employer,
        subsidy=subsidy,
        total=own + employer + subsidy,
        paid=np.where(employed, NONE, begins),
        state=codes(np.where(np.isnat(ended), 0, 1), "1", "3"),
        ended=ended,
        end_reason=codes(np.where(np.isnat(ended), -1, 0), "死亡"),
    )


def _cards(life: Life) -> Sheet:
    people, calendar, number = life.people, life.calendar, life.people.number
    grown = people.born + 16 * 366
    day = np.maximum(CARDS_BEGIN + (2500 * steady_uniform(number, 241)).astype(int), grown)
    held = (day < calendar.last) & ~(people.died <= day) & documented(life, np.arange(len(people)))
    person = np.flatnonzero(held & (steady_uniform(number, 242) < 0.93))
    number, day, died = number[person], day[person], people.died[person]
    cancelled = np.where(died + 40 < calendar.last, died + 40, NONE)
    lost = np.isnat(cancelled) & (number % 97 == 0)
    changed = np.where(lost, calendar.last - 5 - number % 50, cancelled)
    at = moments(day, 10)
    return life.of_bureau(
        "social-security-card",
        "social_bureau",
        person,
        moments(np.where(np.isnat(changed), day, np.maximum(changed, day)), 10),
        Keys("SK", number, 10),
        number=Keys("A", number, 8),
        form=codes((steady_uniform(number, 243) < 0.45).astype(int), "1", "3"),
        issued=at,
        bank=codes(number % len(BANKS), *BANKS),
        area=same(len(person), "530900000000"),
        expires=day + 3652,
        state=codes(np.where(lost, 1, np.where(np.isnat(cancelled), 0, 2)), "1", "2", "3"),
        changed=np.where(np.isnat(changed), NONE, np.maximum(changed, day)),
    )


def _members(life: Life, homes: Homes, share: float, salt: int, day: np.ndarray) -> np.ndarray:
    """Return the living members (positions) of a share of households that were there on the ``day`` of each."""
    people = life.people
    chosen = (steady_uniform(homes.number, salt) < share)[homes.household] & np.isnat(people.died)
    return np.flatnonzero(chosen & (people.born < day[homes.household]) & documented(life, np.arange(len(people))))


def _low_income(life: Life, homes: Homes) -> Sheet:
    people, calendar = life.people, life.calendar
    month = calendar.last.astype("datetime64[M]") - 2 - homes.number % 50
    day = month.astype("datetime64[D]")
    person = _members(life, homes, LOW_INCOME, 244, day)
    home = homes.household[person]
    size = homes.sizes(person)[home]
    at = moments(day[home], 9)
    return life.of_bureau(
        "low-income-support",
        "civil_bureau",
        person,
        at,
        Keys("DB", people.number[person], 10),
        certificate=Keys("DBZ", homes.number[home], 9),
        kind=same(len(person), "1" if life.township.is_urban else "2"),
        since=at,
        applicant=names_of(life, homes.head[home]),
        household_size=size,
        supported_members=size,
        cause=codes(homes.number[home] % 4, "1", "2", "3", "6"),
        monthly=320.0 * size,
        state=same(len(person), "1"),
    )


def _monitored(life: Life, homes: Homes) -> Sheet:
    people, calendar = life.people, life.calendar
    share = 0.0 if life.township.is_urban else MONITORED
    day = calendar.last - 100 - homes.number % 900
    person = _members(life, homes, share, 245, day)
    home = homes.household[person]
    number, at = homes.number[home], moments(day[home], 9)
    cleared = np.where((number % 3 == 0) & (day[home] + 300 < calendar.last), day[home] + 300, NONE)
    done = ~np.isnat(cleared)
    return life.of_bureau(
        "monitored-household",
        "rural_bureau",
        person,
        np.where(done, moments(cleared, 9), at),
        Keys("JC", people.number[person], 10),
        household_number=Keys("JCH", number, 9),
        kind=codes(number % 3, "1", "2", "3"),
        identified=at,
        relation=codes(homes.relation(people)[person], *"012345678"),
        members=homes.sizes(person)[home],
        risks=codes(number % 4, "1", "1|6", "2", "3"),
        income=np.round(7200 + 5200 * steady_uniform(number, 246), 2),
        measures=codes(np.where(done, -1, number % 2), "公益性岗位，家庭医生签约服务", "大病救助，产业帮扶"),
        state=codes(done.astype(int), "1", "2"),
        cleared=cleared,
    )
