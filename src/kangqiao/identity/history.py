"""How a resident came to be known: every link there ever was, with who made and ended it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from kangqiao.identity.explaining import Explanation, explanation_of
from kangqiao.identity.models import Decision, Link
from kangqiao.trust.queries import actor_names

MOST_LINKS = 200


@dataclass(frozen=True, slots=True, repr=False)
class Linked:
    """A link of the resident, current or undone. Of an unknown actor the name is "": the platform did it by rule."""

    id: UUID
    patient_id: UUID
    institution_id: int
    local_number: str
    reason: str
    score: float
    linked_at: datetime
    by: str
    decision: Decision | None
    explanation: Explanation | None
    undone_at: datetime | None
    undone_by: str
    undone_reason: str


def links_of(resident_id: UUID) -> list[Linked]:
    """Return the links of a resident, current ones first, then the newest; at most `MOST_LINKS`."""
    of_resident = Link.objects.filter(resident_id=resident_id).select_related("patient")
    links = list(of_resident.order_by("-undone_at", "-linked_at", "id")[:MOST_LINKS])
    decisions = _decisions(links)
    names = actor_names(_actors(links, decisions.values()))
    return [_linked(link, decisions, names) for link in links]


def _decisions(links: Sequence[Link]) -> dict[UUID, Decision]:
    wanted = {link.decision_id for link in links if link.decision_id}
    return Decision.objects.in_bulk(wanted) if wanted else {}


def _actors(links: Iterable[Link], decisions: Iterable[Decision]) -> set[UUID]:
    named = {id for link in links for id in (link.actor_id, link.undone_by)}
    decided = {id for decision in decisions for id in (decision.actor_id, decision.approved_by)}
    return {id for id in named | decided if id}


def _linked(link: Link, decisions: dict[UUID, Decision], names: dict[UUID, str]) -> Linked:
    decision = decisions.get(link.decision_id) if link.decision_id else None
    return Linked(
        id=link.id,
        patient_id=link.patient_id,
        institution_id=link.patient.institution_id,
        local_number=link.patient.local_number,
        reason=Link.Reason(link.reason).label,
        score=link.score,
        linked_at=link.linked_at,
        by=names.get(link.actor_id, "") if link.actor_id else "",
        decision=decision,
        explanation=explanation_of(decision) if decision else None,
        undone_at=link.undone_at,
        undone_by=names.get(link.undone_by, "") if link.undone_by else "",
        undone_reason=link.undone_reason or "",
    )
