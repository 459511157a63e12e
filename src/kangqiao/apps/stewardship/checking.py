"""Looking over what was decided: the history, who did how much, and matches drawn by lot."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate

from kangqiao.apps.stewardship.errors import AlreadyChecked
from kangqiao.apps.stewardship.models import MatchCheck
from kangqiao.identity.decisions import Decision
from kangqiao.identity.doubts import take_back
from kangqiao.identity.errors import AlreadyUndone
from kangqiao.identity.models import Link
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission
from kangqiao.trust.queries import actor_names

WRONG_MATCH: Final = "抽查：不是同一人"
DRAWN_FROM: Final = 5000
"""So many decisions are drawn from the table at random before one is chosen."""
CONFIDENCE: Final = 1.96
"""Of 95 percent."""


@dataclass(frozen=True, slots=True)
class DecisionsWanted:
    """Which decisions: of an account or ("machine") of comparisons, of a kind, in a period; empty leaves it open."""

    who: str = ""
    kind: str = ""
    first_day: dt.date | None = None
    last_day: dt.date | None = None


def visible_decisions(actor: Actor) -> QuerySet[Decision]:
    """Return the decisions that an actor may see: all, or those about residents known in its institution's county."""
    if actor.institution_id is None:
        return Decision.objects.all()
    code = Institution.objects.get(id=actor.institution_id).division_code[:COUNTY_DIGITS]
    county = Institution.objects.filter(division_code__startswith=code).values("id")
    known = Link.objects.filter(patient__institution_id__in=county)
    return Decision.objects.filter(
        Exists(known.filter(resident_id=OuterRef("resident_id")))
        | Exists(known.filter(resident_id=OuterRef("other_id")))
    )


def find_decisions(*, actor: Actor, wanted: DecisionsWanted) -> QuerySet[Decision]:
    """Return decisions, the newest first."""
    found = visible_decisions(actor).order_by("-decided_at", "-id")
    if wanted.who == "machine":
        found = found.filter(kind=Decision.Kind.MATCH)
    elif wanted.who:
        found = found.filter(Q(actor_id=wanted.who) | Q(approved_by=wanted.who))
    if wanted.kind:
        found = found.filter(kind=wanted.kind)
    if wanted.first_day:
        found = found.filter(decided_at__gte=_midnight(wanted.first_day))
    if wanted.last_day:
        found = found.filter(decided_at__lt=_midnight(wanted.last_day + dt.timedelta(days=1)))
    return found


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=CITY_TIME)


# -- who did how much --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Work:
    """What one steward decided since a day: per kind, how much of it was taken back, and how much was approved."""

    name: str
    kinds: dict[str, int]
    undone: int
    approved: int
    days: dict[dt.date, int]

    @property
    def total(self) -> int:
        """All decisions."""
        return sum(self.kinds.values())


def work_since(day: dt.date, *, actor: Actor) -> list[Work]:
    """Return what stewards decided since a day, whoever did most first."""
    by_people = visible_decisions(actor).filter(decided_at__gte=_midnight(day)).exclude(kind=Decision.Kind.MATCH)
    counted = by_people.order_by().annotate(day=TruncDate("decided_at", tzinfo=CITY_TIME))
    taken_back = Count("id", filter=Q(undone_at__isnull=False))
    rows = list(counted.values_list("actor_id", "kind", "day").annotate(decided=Count("id"), taken_back=taken_back))
    approvals = by_people.order_by().filter(approved_by__isnull=False).values_list("approved_by")
    approved = dict(approvals.annotate(Count("id")))
    people = {row[0] for row in rows if row[0]} | approved.keys()
    names = actor_names(people)
    works = [
        _work(names.get(each, ""), [row for row in rows if row[0] == each], approved.get(each, 0)) for each in people
    ]
    return sorted(works, key=lambda work: (-work.total, work.name))


def _work(name: str, rows: list[tuple], approved: int) -> Work:
    kinds: dict[str, int] = {}
    days: dict[dt.date, int] = {}
    for _, kind, day, count, _ in rows:
        kinds[kind] = kinds.get(kind, 0) + count
        days[day] = days.get(day, 0) + count
    return Work(name, kinds, sum(row[4] for row in rows), approved, days)


# -- matches drawn by lot ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Precision:
    """How many of the matches that were looked at were right, and between which shares the truth probably lies."""

    checked: int
    right: int

    @property
    def share(self) -> float | None:
        """The share of right ones, None before any was looked at."""
        return self.right / self.checked if self.checked else None

    @property
    def interval(self) -> tuple[float, float]:
        """The Wilson score interval of 95 percent (E. B. Wilson, 1927)."""
        if not self.checked:
            return 0.0, 1.0
        count, share, squared = self.checked, self.right / self.checked, CONFIDENCE**2
        middle = share + squared / (2 * count)
        spread = CONFIDENCE * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
        return max(0.0, (middle - spread) / (1 + squared / count)), min(1.0, (middle + spread) / (1 + squared / count))


def precision_of_matches() -> Precision:
    """Return what the checks found so far."""
    found = MatchCheck.objects.aggregate(checked=Count("id"), right=Count("id", filter=Q(right=True)))
    return Precision(found["checked"], found["right"])


def draw_match(*, actor: Actor) -> Decision | None:
    """Return a standing match that nobody has looked at, chosen at random; None where there is none."""
    unchecked = visible_decisions(actor).filter(kind=Decision.Kind.MATCH, undone_at=None)
    unchecked = unchecked.exclude(Exists(MatchCheck.objects.filter(decision_id=OuterRef("id"))))
    return unchecked.filter(id__in=_some_decisions()).order_by("?").first() or unchecked.first()


def _some_decisions() -> list[UUID]:
    """Return the ids of some matches, drawn row by row: of millions, a few thousand."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE oid = 'identity_decision'::regclass")
        (rows,) = cursor.fetchone()
        percent = min(100.0, 100.0 * DRAWN_FROM / max(rows, 1.0))
        cursor.execute(
            "SELECT id FROM identity_decision TABLESAMPLE BERNOULLI (%s) WHERE kind = 'match' AND undone_at IS NULL",
            [percent],
        )
        return [id for (id,) in cursor.fetchall()]


def check_match(*, decision_id: UUID, right: bool, actor: Actor) -> MatchCheck:
    """Note whether a match was right; a wrong one is taken back in the same transaction. Raises `AlreadyChecked`."""
    actor.require(Permission.IDENTITY_DECIDE)
    decision = visible_decisions(actor).get(id=decision_id, kind=Decision.Kind.MATCH)
    if decision.undone_at is not None:
        raise AlreadyChecked
    try:
        with transaction.atomic():
            check = MatchCheck.objects.create(decision_id=decision_id, right=right, checked_by=actor.id)
            if not right:
                take_back(decision_id=decision_id, reason=WRONG_MATCH, actor=actor)
            record_act(
                actor=actor,
                action=Action.MATCH_CHECK,
                resident_id=decision.resident_id,
                object_kind="decision",
                object_id=decision_id,
                detail={"right": right},
            )
    except (IntegrityError, AlreadyUndone) as error:
        raise AlreadyChecked from error
    return check
