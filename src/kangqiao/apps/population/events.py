"""Births, deaths and moves of a division, one by one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from kangqiao.apps.population.places import span_of
from kangqiao.apps.population.services import named_reading
from kangqiao.identity.queries import Person, people, residents_of
from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.records.population.models import Birth, Death, Migration
from kangqiao.records.wording import words
from kangqiao.registry.models import Division
from kangqiao.registry.queries import division_names
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import Record
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.masking import masked_address

PAGE: Final = 50


class Kind(StrEnum):
    """The lists there are."""

    BIRTH = "birth"
    DEATH = "death"
    MOVE = "move"

    @property
    def label(self) -> str:
        """Its name on the screen."""
        return {"birth": "出生", "death": "死亡", "move": "迁移流动"}[self]


DATA_SETS: Final[dict[Kind, type[Record]]] = {Kind.BIRTH: Birth, Kind.DEATH: Death, Kind.MOVE: Migration}
PLACES: Final = {Kind.BIRTH: ("division",), Kind.DEATH: ("division",), Kind.MOVE: ("from_division", "to_division")}
"""The columns that say where it happened."""


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a person: when, where, and what else a line of the list says."""

    at: dt.datetime
    person: Person | None
    where: str
    told: str

    @property
    def age(self) -> int | None:
        """The person's age on that day."""
        return self.person.age_on(self.at.astimezone(CITY_TIME).date()) if self.person else None


def list_events(
    *,
    kind: Kind,
    division: Division,
    year: int | None,
    after: UUID | None,
    day: dt.date,
    actor: Actor,
    purpose: Purpose,
) -> KeyPage[Happened]:
    """Return a page of the events of a division, in a year or of all times, the newest first."""
    with named_reading(
        actor=actor,
        purpose=purpose,
        action=Action.EVENT_READ,
        object_kind="division",
        object_id=division.stats_code,
    ) as shown:
        page = key_page(_rows(kind, division, year, after), size=PAGE, key=lambda row: row.id)
        events = happened(kind, page.rows, day)
        shown.residents += [each.person.id for each in events if each.person]
        shown.detail |= {"kind": kind.value, "year": year}
    return KeyPage(events, page.next_key)


def _rows(kind: Kind, division: Division, year: int | None, after: UUID | None) -> Sequence[Any]:
    model = DATA_SETS[kind]
    somewhere = Q(_connector=Q.OR)
    for column in PLACES[kind]:
        somewhere |= Q(**{f"{column}__range": span_of(division)})
    rows = model._default_manager.filter(somewhere, voided=False).order_by("-occurred_at", "-id")
    if year is not None:
        begin, end = (dt.datetime(each, 1, 1, tzinfo=CITY_TIME) for each in (year, year + 1))
        rows = rows.filter(occurred_at__gte=begin, occurred_at__lt=end)
    last = model._default_manager.filter(id=after).values_list("occurred_at", "id").first() if after else None
    if last is not None:
        at, id = last
        rows = rows.filter(Q(occurred_at__lt=at) | Q(occurred_at=at, id__lt=id))
    return list(rows[: PAGE + 1])


def happened(kind: Kind, rows: Sequence[Any], day: dt.date) -> list[Happened]:
    """Return rows of a list's data set as events of residents."""
    residents = residents_of(row.patient_id for row in rows)
    known = {person.id: person for person in people(list(dict.fromkeys(residents.values())))}
    codes = (getattr(row, column) for row in rows for column in PLACES[kind])
    names = division_names(filter(None, codes), day)
    told: Callable[[Any, dict[str, str]], tuple[str, str]] = _TOLD[kind]
    return [
        Happened(row.occurred_at, known.get(residents.get(row.patient_id, row.patient_id)), *told(row, names))
        for row in rows
    ]


def _birth(row: Any, names: dict[str, str]) -> tuple[str, str]:
    parents = "、".join(filter(None, (row.mother_name, row.father_name)))
    many = "" if not row.multiple or row.multiple == 1 else f"，{row.multiple} 胎"
    return names.get(row.division or "", ""), f"第 {row.child_order} 孩{many}，父母 {parents}"


def _death(row: Any, names: dict[str, str]) -> tuple[str, str]:
    return names.get(row.division or "", ""), _joined((words(Death.element("place"), row.place), _state(row)))


def _state(row: Any) -> str:
    return f"户口{words(Death.element('state'), row.state)}"


def _move(row: Any, names: dict[str, str]) -> tuple[str, str]:
    return move_way(row, names), _joined((move_kind(row), words(Migration.element("reason"), row.reason)))


def move_kind(row: Any) -> str:
    """Return what kind of move a row tells of."""
    return words(Migration.element("kind"), row.kind)


def move_way(row: Any, names: dict[str, str]) -> str:
    """Return from where to where somebody moved: divisions of the city by name, others as far as the city."""
    ends = ((row.from_division, row.from_address), (row.to_division, row.to_address))
    return " → ".join(names.get(code or "") or masked_address(address or "") or "不详" for code, address in ends)


def _joined(parts: Iterable[str]) -> str:
    return "，".join(filter(None, parts))


_TOLD: Final = {Kind.BIRTH: _birth, Kind.DEATH: _death, Kind.MOVE: _move}
