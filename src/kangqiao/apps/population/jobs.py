"""What the worker does for the population: count it when much is new, and every day."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import connection
from procrastinate.contrib.django import app

from kangqiao.apps.population.models import Tally
from kangqiao.apps.population.queries import newest_tally
from kangqiao.apps.population.services import count_population
from kangqiao.identity.changes import count_changes_since
from kangqiao.identity.models import Resident
from kangqiao.intake.queries import last_stored, unfinished_batches
from kangqiao.quality.jobs import HEAVY, QUIET, REST
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actors import system_actor

SHARE: Final = 0.01
"""So large a part of the people, new or joined or parted, is counted before the day is over."""


@app.periodic(cron="* * * * *")
@app.task(name="population.count", queue="population", queueing_lock="population.count", lock=HEAVY)
def count_when_due(timestamp: int) -> None:
    """Count once much is new since the last time, or on a new day: people grow older."""
    try:
        if is_due(dt.datetime.fromtimestamp(timestamp, dt.UTC)):
            count_population(actor=system_actor("population"))
    finally:
        connection.close()


def is_due(now: dt.datetime) -> bool:
    """Return whether there is something to count and the machine has had a rest since the last time."""
    last = newest_tally()
    if unfinished_batches().exists():
        return False
    if last is None:
        return Resident.objects.exists()
    if now <= last.finished_at + max(QUIET, REST * (last.finished_at - last.started_at)):
        return False
    return now.astimezone(CITY_TIME).date() > last.day or _much_is_new_since(last)


def _much_is_new_since(last: Tally) -> bool:
    """Return whether a batch was stored, or single messages and decisions have changed a part of the people."""
    stored = last_stored()
    if stored is not None and stored > last.started_at:
        return True
    enough = max(1, int(SHARE * last.people))
    return count_changes_since(last.started_at, at_most=enough) >= enough
