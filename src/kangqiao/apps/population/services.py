"""The verbs of the population pages: counting, and looking at named people with a purpose that is written down."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Sum
from django.utils import timezone

from kangqiao.apps.population.counting import COUNT_EVENTS, COUNT_HOUSEHOLDS, COUNT_PEOPLE
from kangqiao.apps.population.models import ELSEWHERE, NOWHERE, EventCount, Headcount, HouseholdCount, Tally
from kangqiao.apps.population.rules import require_named_reading
from kangqiao.registry.models import Division
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act

COUNTING: Final = 7_242_118
"""Key of the advisory lock that two counts at a time would wait for."""
MEMORY: Final = "256MB"


def count_population(*, actor: Actor) -> Tally:
    """Count everybody anew; the new counts replace the old ones at once. Return the tally."""
    started = timezone.now()
    day = started.astimezone(CITY_TIME).date()
    with transaction.atomic():
        _replace_counts(day)
        tally = Tally.objects.create(started_at=started, finished_at=timezone.now(), day=day, people=_people_counted())
        record_act(
            actor=actor,
            action=Action.POPULATION_COUNT,
            object_kind="tally",
            object_id=tally.id,
            detail={"people": tally.people},
        )
    return tally


def _replace_counts(day: dt.date) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [COUNTING])
        cursor.execute(f"SET LOCAL work_mem = '{MEMORY}'")
        counts: tuple[type[models.Model], ...] = (Headcount, HouseholdCount, EventCount)
        for count in counts:
            count._default_manager.all().delete()
        cursor.execute(COUNT_PEOPLE, {"day": day})
        cursor.execute(COUNT_HOUSEHOLDS)
        cursor.execute(COUNT_EVENTS)


def _people_counted() -> int:
    """Return how many people the counts hold: under their cities, nowhere and elsewhere."""
    cities = Division.objects.filter(level=Division.Level.CITY).values_list("stats_code", flat=True)
    whole = Headcount.objects.filter(division__in=[*set(cities), NOWHERE, ELSEWHERE])
    return whole.aggregate(people=Sum("people"))["people"] or 0


@dataclass(slots=True)
class Shown:
    """Notes taken while named data are read: whose they were, and what else the audit entry should say."""

    residents: list[UUID] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)


@contextmanager
def named_reading(
    *, actor: Actor, purpose: Purpose, action: Action, object_kind: str, object_id: object = None
) -> Iterator[Shown]:
    """Hold a transaction in which named people are read; at its end write down who saw whom, and why.

    Raises `NotPermitted` before anything is read.
    """
    require_named_reading(actor, purpose)
    with transaction.atomic():
        shown = Shown()
        yield shown
        record_act(
            actor=actor,
            action=action,
            resident_id=shown.residents[0] if len(shown.residents) == 1 else None,
            object_kind=object_kind,
            object_id=object_id,
            purpose=purpose,
            detail={"shown": [str(id) for id in shown.residents], **shown.detail},
        )
