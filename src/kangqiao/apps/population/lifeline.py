"""The dates of a person's life, as the population's data sets tell them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from kangqiao.apps.population.events import move_kind, move_way
from kangqiao.apps.population.family import births_of_children
from kangqiao.identity.queries import Person
from kangqiao.records.population.models import Birth, Death, HouseholdMember, HukouRegistration, Migration
from kangqiao.records.wording import words
from kangqiao.registry.queries import division_names
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import Record


@dataclass(frozen=True, slots=True)
class Step:
    """A date of the person's life."""

    day: dt.date
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """The valid rows about a person, of each data set the newest statement first; and the births of the children."""

    births: Sequence[Any]
    deaths: Sequence[Any]
    moves: Sequence[Any]
    memberships: Sequence[Any]
    registers: Sequence[Any]
    children: Sequence[Any]

    @property
    def codes(self) -> set[str]:
        """The divisions these rows name."""
        places = [row.division for row in (*self.births, *self.deaths, *self.registers)]
        moved = [code for row in self.moves for code in (row.from_division, row.to_division)]
        return {code for code in (*places, *moved) if code}


def told_of(person: Person) -> Told:
    """Return what is told of a person."""
    patients = [known.patient_id for known in person.patients]
    return Told(
        births=rows_about(Birth, patients),
        deaths=rows_about(Death, patients),
        moves=rows_about(Migration, patients),
        memberships=rows_about(HouseholdMember, patients),
        registers=rows_about(HukouRegistration, patients),
        children=births_of_children(person),
    )


def rows_about(data_set: type[Record], patients: Sequence[UUID]) -> list[Any]:
    """Return the valid rows of a data set about these patients, the newest statement first."""
    rows = data_set._default_manager.filter(patient_id__in=patients, voided=False)
    return list(rows.order_by("-revised_at", "-id"))


def day_of(moment: dt.datetime) -> dt.date:
    """Return the day of a moment in the city."""
    return moment.astimezone(CITY_TIME).date()


def steps_of(person: Person, told: Told, day: dt.date) -> list[Step]:
    """Return the dates of a life in their order; divisions are named as on a day."""
    names = division_names(told.codes, day)
    return sorted(_steps(person, told, names), key=lambda step: step.day)


def _steps(person: Person, told: Told, names: dict[str, str]) -> Iterator[Step]:
    yield from _birth(person, told, names)
    for row in told.registers[:1]:
        yield from _register(row, names)
    for row in told.memberships:
        yield from _membership(row)
    for row in told.children:
        yield Step(day_of(row.born), "子女出生", f"第 {row.child_order} 孩")
    for row in told.moves:
        yield from _move(row, names)
    for row in told.deaths[:1]:
        yield Step(day_of(row.died), "死亡", names.get(row.division or "", ""))


def _birth(person: Person, told: Told, names: dict[str, str]) -> Iterator[Step]:
    for row in told.births[:1]:
        yield Step(day_of(row.born), "出生", names.get(row.division or "", ""))
    if not told.births and person.birth_date:
        yield Step(person.birth_date, "出生", "按登记的出生日期，没有出生记录")


def _register(row: Any, names: dict[str, str]) -> Iterator[Step]:
    if row.registered:
        why = words(HukouRegistration.element("reason"), row.reason)
        yield Step(row.registered, "户口登记", "，".join(filter(None, (names.get(row.division, ""), why))))
    if row.cancelled:
        yield Step(row.cancelled, "户口注销", words(HukouRegistration.element("end_reason"), row.end_reason))


def _membership(row: Any) -> Iterator[Step]:
    if row.joined:
        yield Step(row.joined, "入户", f"与户主关系：{words(HouseholdMember.element('relation'), row.relation)}")
    if row.left:
        yield Step(row.left, "离户", words(HouseholdMember.element("reason"), row.reason))


def _move(row: Any, names: dict[str, str]) -> Iterator[Step]:
    yield Step(day_of(row.moved), move_kind(row), move_way(row, names))
    if row.returned:
        yield Step(row.returned, "返回（离开）", move_kind(row))
