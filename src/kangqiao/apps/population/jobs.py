"""What the worker does for the population: count it when batches have been stored, and every day."""

from __future__ import annotations

import datetime as dt

from django.db import connection
from procrastinate.contrib.django import app

from kangqiao.apps.population.queries import newest_tally
from kangqiao.apps.population.services import count_population
from kangqiao.intake.queries import last_stored
from kangqiao.quality.jobs import HEAVY, QUIET, REST
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actors import system_actor


@app.periodic(cron="* * * * *")
@app.task(name="population.count", queue="population", queueing_lock="population.count", lock=HEAVY)
def count_when_due(timestamp: int) -> None:
    """Count once batches have been stored since the last time, or on a new day: people grow older."""
    try:
        if is_due(dt.datetime.fromtimestamp(timestamp, dt.UTC)):
            count_population(actor=system_actor("population"))
    finally:
        connection.close()


def is_due(now: dt.datetime) -> bool:
    """Return whether there is something to count and the machine has had a rest since the last time."""
    stored, last = last_stored(), newest_tally()
    if stored is None or last is None:
        return stored is not None
    if now <= last.finished_at + max(QUIET, REST * (last.finished_at - last.started_at)):
        return False
    return stored > last.started_at or now.astimezone(CITY_TIME).date() > last.day
