"""One person: who this is, where and with whom they live, their life in dates, and how each institution knows them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kangqiao.apps.population.family import Relative, relatives_of
from kangqiao.apps.population.households import OpenedHousehold, households_of
from kangqiao.apps.population.lifeline import Step, Told, day_of, steps_of, told_of
from kangqiao.apps.population.residence import home_of
from kangqiao.apps.population.services import named_reading
from kangqiao.identity.attributes import ShownAttribute, attributes_shown
from kangqiao.identity.history import Linked, links_of
from kangqiao.identity.numbers import Number, numbers_of
from kangqiao.identity.queries import KnownAs, Person, person
from kangqiao.records.population.models import PatientRegistration
from kangqiao.records.queries import institution_names
from kangqiao.records.wording import words
from kangqiao.registry.queries import division_names
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor

ADDRESS: Final = ("city", "county", "township", "village", "house")


class NoSuchPerson(LookupError):
    """Nobody has this resident id."""


class MergedInto(LookupError):
    """The resident is found under another id."""

    def __init__(self, resident_id: UUID) -> None:
        self.resident_id = resident_id
        super().__init__("merged")


@dataclass(frozen=True, slots=True)
class Known:
    """A number of the person with the names of who issued it and who tells it."""

    number: Number
    issuer: str
    institutions: tuple[str, ...]
    expired: bool


@dataclass(frozen=True, slots=True)
class Home:
    """Where the person lives, who says so, and when that was said."""

    division: str
    address: str
    source: str
    said_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Said:
    """What an institution's registration says of the person."""

    name: str
    sex: str
    birth_date: dt.date | None
    document: str
    number: str
    phone: str
    address: str


@dataclass(frozen=True, slots=True)
class Place:
    """An institution that knows the person; `said` is None until its registration arrives."""

    known: KnownAs
    institution: str
    said: Said | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait:
    """Everything the page of a person shows."""

    person: Person
    died_on: dt.date | None
    home: Home | None
    numbers: Sequence[Known]
    households: Sequence[OpenedHousehold]
    relatives: Sequence[Relative]
    steps: Sequence[Step]
    places: Sequence[Place]
    attributes: Sequence[ShownAttribute]
    links: Sequence[Linked]
    institutions: dict[int, str]


def open_person(*, resident_id: UUID, day: dt.date, actor: Actor, purpose: Purpose, revealed: bool = False) -> Portrait:
    """Return a person, and write down who looked and why. Raises `NoSuchPerson` or `MergedInto`.

    A person is not bound to the actor's ground: whoever keeps the index must see all registrations of somebody.
    `revealed` is for numbers shown in full, which the audit entry says.
    """
    with named_reading(
        actor=actor, purpose=purpose, action=Action.PERSON_READ, object_kind="resident", object_id=resident_id
    ) as shown:
        shown.residents.append(resident_id)
        shown.detail |= {"revealed": True} if revealed else {}
        found = person(resident_id)
        if found is None:
            raise NoSuchPerson
        if found.merged_into:
            raise MergedInto(found.merged_into)
        return _portrait(found, day)


def _portrait(found: Person, day: dt.date) -> Portrait:
    told, registrations, links = told_of(found), _registrations(found), links_of(found.id)
    numbers = numbers_of(found.id)
    names = institution_names(_telling(numbers) | {link.institution_id for link in links})
    institutions = {id: each.full for id, each in names.items()}
    return Portrait(
        person=found,
        died_on=_died_on(told, registrations.values()),
        home=_home(found.id, day),
        numbers=[_known(number, institutions, day) for number in numbers],
        households=households_of((row.institution_id, row.household) for row in told.memberships),
        relatives=relatives_of(told.births, told.children),
        steps=steps_of(found, told, day),
        places=[_place(known, institutions, registrations) for known in found.patients],
        attributes=attributes_shown(found.id, day),
        links=links,
        institutions=institutions,
    )


def _telling(numbers: Sequence[Number]) -> set[int]:
    return {id for number in numbers for id in number.institutions}


def _known(number: Number, names: dict[int, str], day: dt.date) -> Known:
    tellers = tuple(names.get(id, "") for id in number.institutions)
    issuer = tellers[0] if number.is_local else number.issuer or ""
    return Known(number, issuer, tellers, number.expired_on(day))


def _registrations(found: Person) -> dict[UUID, Any]:
    """Return the newest valid registration of each patient of the person."""
    patients = [known.patient_id for known in found.patients]
    rows = PatientRegistration._default_manager.filter(patient_id__in=patients, voided=False)
    newest = rows.order_by("patient_id", "-revised_at", "-id").distinct("patient_id")
    return {row.patient_id: row for row in newest}


def _died_on(told: Told, registrations: Any) -> dt.date | None:
    said = [row.died for row in told.deaths] + [row.died_at for row in registrations if row.died_at]
    return day_of(said[0]) if said else None


def _home(resident_id: UUID, day: dt.date) -> Home | None:
    row: Any = home_of(resident_id)
    if row is None:
        return None
    division = division_names([row.division], day).get(row.division, "")
    if isinstance(row, PatientRegistration):
        return Home(division, _address(row), "就诊登记的现住址", row.revised_at)
    return Home(division, row.address or "", "户籍地", row.revised_at)


def _place(known: KnownAs, institutions: dict[int, str], registrations: dict[UUID, Any]) -> Place:
    row = registrations.get(known.patient_id)
    return Place(known, institutions.get(known.institution_id, ""), _said(row) if row else None)


def _said(row: Any) -> Said:
    return Said(
        name=row.name,
        sex=words(PatientRegistration.element("sex"), row.sex),
        birth_date=row.birth_date,
        document=words(PatientRegistration.element("document_type"), row.document_type),
        number=row.document_number or "",
        phone=row.phone or "",
        address=_address(row),
    )


def _address(row: Any) -> str:
    return "".join(filter(None, (getattr(row, name) for name in ADDRESS)))
