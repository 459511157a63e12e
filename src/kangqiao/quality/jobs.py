"""What the worker does for quality: measure when there is something new, and every night; raise overdue issues."""

from __future__ import annotations

import datetime as dt
import logging
from contextlib import suppress

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from kangqiao.identity.models import Patient
from kangqiao.infra import configuration
from kangqiao.infra.files import FileStore
from kangqiao.intake.queries import last_stored, unfinished_batches
from kangqiao.quality.issue_services import escalate_overdue
from kangqiao.quality.issues import Issue, IssueState
from kangqiao.quality.models import Measurement
from kangqiao.quality.services import MARGIN, measure
from kangqiao.records.lake import LakeBusy
from kangqiao.trust.actors import system_actor

log = logging.getLogger(__name__)

REST = 20
"""A measurement that took so many seconds is followed by a pause this many times as long, at least."""
QUIET = dt.timedelta(minutes=1)
HEAVY = "quality.measure"
"""The lock of jobs that read everything: one at a time, so that the worker has a place left for batches."""


@app.periodic(cron="* * * * *")
@app.task(name="quality.measure", queue="quality", queueing_lock="quality.measure", lock=HEAVY)
def measure_when_due(timestamp: int) -> None:
    """Measure once batches have been stored since the last time, or a day has passed."""
    settings = configuration.load()
    try:
        if is_due(dt.datetime.fromtimestamp(timestamp, dt.UTC)):
            with suppress(LakeBusy):
                measure(home=settings.home, store=FileStore(settings.archive_url), actor=system_actor("quality"))
    finally:
        connection.close()


def is_due(now: dt.datetime) -> bool:
    """Return whether there is something to measure and the machine has had a rest since the last time."""
    last = Measurement.objects.order_by("-started_at").first()
    stored = last_stored()
    if unfinished_batches().exists():
        return False
    if last is None:
        return stored is not None or Patient.objects.exists()
    took = last.finished_at - last.started_at
    if now <= last.finished_at + max(QUIET, REST * took):
        return False
    return bool(stored and stored > last.started_at) or _answered_since(last, now) or now > _next_night(last)


def _answered_since(last: Measurement, now: dt.datetime) -> bool:
    """Return whether an answer waits that this measurement can judge and the last one could not."""
    waiting = Issue.objects.filter(state=IssueState.ANSWERED, answered_at__gt=last.settled)
    return waiting.filter(answered_at__lte=now - MARGIN).exists()


def _next_night(last: Measurement) -> dt.datetime:
    return last.started_at + dt.timedelta(days=1)


@app.periodic(cron="7 * * * *")
@app.task(name="quality.escalate", queue="quality", queueing_lock="quality.escalate")
def escalate(timestamp: int) -> None:
    """Raise overdue issues; by the hour, so that a platform that was off at midnight does it, too."""
    try:
        today = timezone.localdate(dt.datetime.fromtimestamp(timestamp, dt.UTC))
        escalate_overdue(today=today, actor=system_actor("quality"))
    finally:
        connection.close()
