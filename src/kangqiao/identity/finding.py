"""The verb behind the page that finds a person."""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from kangqiao.identity.queries import Person, people, residents_that_fit
from kangqiao.identity.searching import ByDocument, ByName
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission


def find_residents(*, search: ByDocument | ByName, actor: Actor) -> list[UUID]:
    """Return the ids of the residents that fit, and write down that they were looked for."""
    actor.require(Permission.RESIDENT_FIND)
    with transaction.atomic():
        found = residents_that_fit(search)
        by = "document" if isinstance(search, ByDocument) else "name"
        _record(actor, found, {"by": by})
    return found


def show_residents(*, ids: Sequence[UUID], actor: Actor) -> list[Person]:
    """Return the residents for a list on the screen, and write down who was shown."""
    actor.require(Permission.RESIDENT_FIND)
    with transaction.atomic():
        shown = people(ids)
        _record(actor, [each.id for each in shown], {"by": "list"})
    return shown


def _record(actor: Actor, found: Sequence[UUID], detail: dict[str, object]) -> None:
    record_act(
        actor=actor,
        action=Action.RESIDENT_FIND,
        resident_id=found[0] if len(found) == 1 else None,
        object_kind="resident",
        detail=detail | {"found": len(found), "residents": [str(id) for id in found]},
    )
