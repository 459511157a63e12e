"""Reading doubts: what an actor may see, in the order in which they should be answered."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from kangqiao.identity.decisions import QUEUE_ORDER, Doubt
from kangqiao.identity.doubt_rules import TO_CONFIRM
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.trust.actors import Actor


@dataclass(frozen=True, slots=True)
class DoubtFilter:
    """Which doubts are wanted; "" and None leave an element open. `county` is a division code."""

    state: str = Doubt.State.OPEN
    kind: str = ""
    risk: int | None = None
    county: str = ""
    residents: Collection[UUID] | None = None


def visible_doubts(actor: Actor) -> QuerySet[Doubt]:
    """Return the doubts that an actor may see: all, or those with a registration in its institution's county."""
    if actor.institution_id is None:
        return Doubt.objects.all()
    return Doubt.objects.filter(_registered_in(Institution.objects.get(id=actor.institution_id).division_code))


def find_doubts(*, actor: Actor, wanted: DoubtFilter) -> QuerySet[Doubt]:
    """Return doubts, the most dangerous first, then the oldest; postponed ones after all others."""
    return _fitting(visible_doubts(actor), wanted).order_by(*QUEUE_ORDER)


def doubts_in_order(ids: Iterable[UUID]) -> list[Doubt]:
    """Return doubts in the order of their ids.

    Ids are found in the index of the queue alone: where a county has few doubts, all others are passed over there.
    """
    wanted = list(ids)
    known = Doubt.objects.in_bulk(wanted)
    return [known[id] for id in wanted if id in known]


def proposed_to(actor: Actor) -> QuerySet[Doubt]:
    """Return what others have proposed and the actor may confirm, the oldest first."""
    proposed = visible_doubts(actor).filter(state__in=TO_CONFIRM)
    return proposed.exclude(proposed_by=actor.id).order_by("proposed_at", "id")


def count_kinds(*, actor: Actor, wanted: DoubtFilter) -> dict[str, int]:
    """Return kind → how many doubts fit but for their kind."""
    others = DoubtFilter(wanted.state, "", wanted.risk, wanted.county, wanted.residents)
    counted = _fitting(visible_doubts(actor), others).order_by().values_list("kind").annotate(Count("id"))
    return dict(counted)


def _fitting(doubts: QuerySet[Doubt], wanted: DoubtFilter) -> QuerySet[Doubt]:
    if wanted.state:
        doubts = doubts.filter(state=wanted.state)
    if wanted.kind:
        doubts = doubts.filter(kind=wanted.kind)
    if wanted.risk:
        doubts = doubts.filter(risk=wanted.risk)
    if wanted.county:
        doubts = doubts.filter(_registered_in(wanted.county))
    if wanted.residents is not None:
        doubts = doubts.filter(Q(first_id__in=wanted.residents) | Q(second_id__in=wanted.residents))
    return doubts


def _registered_in(division_code: str) -> Q:
    """Return the condition that one of both registrations is from a county."""
    return Q(counties__contains=[division_code[:COUNTY_DIGITS]])
