"""Households: the list of a division, a search in it, and one household with its members."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from kangqiao.apps.population.places import Ground, span_of
from kangqiao.apps.population.services import named_reading
from kangqiao.identity.queries import Person, people, residents_of
from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.records.population.models import Household, HouseholdMember
from kangqiao.records.wording import words
from kangqiao.registry.models import Division
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor

PAGE: Final = 50
MOST_FOUND: Final = 50
MOST_MEMBERS: Final = 500
IN_FORCE: Final = "1"


class NoSuchHousehold(LookupError):
    """There is no such household on the actor's ground."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs or belonged to a household; without a person where nobody is linked to the row."""

    person: Person | None
    relation: str
    joined: dt.date | None
    left: dt.date | None
    reason: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class OpenedHousehold:
    """A household with its members, those who belong to it now first."""

    household: Any
    kind: str
    is_current: bool
    members: Sequence[Member]


def list_households(*, division: Division, after: UUID | None, actor: Actor, purpose: Purpose) -> KeyPage[Any]:
    """Return a page of the households of a division, by village and number."""
    with named_reading(
        actor=actor,
        purpose=purpose,
        action=Action.HOUSEHOLD_READ,
        object_kind="division",
        object_id=division.stats_code,
    ) as shown:
        wanted = _in(division)
        last = Household._default_manager.filter(id=after).first() if after else None
        if last is not None:
            wanted = wanted.filter(_after(last))
        page = key_page(wanted[: PAGE + 1], size=PAGE, key=lambda household: household.id)
        shown.detail["households"] = [str(each.id) for each in page.rows]
    return page


def search_households(*, division: Division, text: str, actor: Actor, purpose: Purpose) -> list[UUID]:
    """Return the ids of the division's households with this number, or whose head's name begins with the text."""
    with named_reading(
        actor=actor,
        purpose=purpose,
        action=Action.HOUSEHOLD_READ,
        object_kind="division",
        object_id=division.stats_code,
    ) as shown:
        wanted = _in(division).filter(Q(number=text) | Q(head_name__startswith=text))
        found = list(wanted.values_list("id", flat=True)[:MOST_FOUND])
        shown.detail["found"] = len(found)
    return found


def show_households(*, ids: Sequence[UUID], division: Division, actor: Actor, purpose: Purpose) -> list[Any]:
    """Return these households of a division, in its order."""
    with named_reading(
        actor=actor,
        purpose=purpose,
        action=Action.HOUSEHOLD_READ,
        object_kind="division",
        object_id=division.stats_code,
    ) as shown:
        households = list(_in(division).filter(id__in=ids))
        shown.detail["households"] = [str(each.id) for each in households]
    return households


def open_household(*, household_id: UUID, ground: Ground, actor: Actor, purpose: Purpose) -> OpenedHousehold:
    """Return a household with its members. Raises `NoSuchHousehold`."""
    with named_reading(
        actor=actor,
        purpose=purpose,
        action=Action.HOUSEHOLD_READ,
        object_kind="household",
        object_id=household_id,
    ) as shown:
        household = Household._default_manager.filter(id=household_id, voided=False).first()
        if household is None or not ground.holds(household.division):
            raise NoSuchHousehold(str(household_id))
        opened = _opened(household)
        shown.residents += [each.person.id for each in opened.members if each.person]
    return opened


def households_of(keys: Iterable[tuple[int, str]]) -> list[OpenedHousehold]:
    """Return the households that institutions (ids) know by these keys, each once."""
    found = []
    for institution_id, key in dict.fromkeys(keys):
        known = Household._default_manager.filter(institution_id=institution_id, source_key=key, voided=False)
        found += [_opened(household) for household in known]
    return found


def _opened(household: Any) -> OpenedHousehold:
    kind = words(Household.element("kind"), household.kind)
    return OpenedHousehold(household, kind, household.state == IN_FORCE, _members_of(household))


def _members_of(household: Any) -> list[Member]:
    members = HouseholdMember._default_manager.filter(
        institution_id=household.institution_id, household=household.source_key, voided=False
    )
    rows = list(members.order_by("state", "relation", "joined", "id")[:MOST_MEMBERS])
    residents = residents_of(row.patient_id for row in rows)
    known = {person.id: person for person in people(list(dict.fromkeys(residents.values())))}
    return [_member(row, known.get(residents.get(row.patient_id, row.patient_id))) for row in rows]


def _member(row: Any, person: Person | None) -> Member:
    return Member(
        person=person,
        relation=words(HouseholdMember.element("relation"), row.relation),
        joined=row.joined,
        left=row.left,
        reason=words(HouseholdMember.element("reason"), row.reason),
        is_current=row.state == IN_FORCE,
    )


def _in(division: Division) -> QuerySet[Any]:
    found = Household._default_manager.filter(division__range=span_of(division), voided=False)
    return found.order_by("division", "number", "id")


def _after(last: Any) -> Q:
    """Return the condition of coming later in the order of the list than this household."""
    same_village = Q(division=last.division)
    return (
        Q(division__gt=last.division)
        | (same_village & Q(number__gt=last.number))
        | (same_village & Q(number=last.number, id__gt=last.id))
    )
