"""What the worker does for identity: compare whoever waits."""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import connection
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from kangqiao.identity.errors import MatchingBusy
from kangqiao.identity.models import Unmatched
from kangqiao.identity.rematching import is_outdated, match
from kangqiao.trust.actors import system_actor

log = logging.getLogger(__name__)


@app.periodic(cron="* * * * * */10")
@app.task(name="identity.match", queue="identity", queueing_lock="identity.match", lock="identity.match")
def match_when_somebody_waits(timestamp: int) -> None:
    """Compare those who wait to be compared, everybody anew where that is much."""
    try:
        if Unmatched.objects.exists() or is_outdated():
            with suppress(MatchingBusy):
                done = match(actor=system_actor("identity"))
                log.info("patients were compared", extra=done._asdict())
    finally:
        connection.close()


def match_soon() -> None:
    """Have the worker compare next, if it is not about to."""
    with suppress(AlreadyEnqueued):
        app.configure_task("identity.match", queueing_lock="identity.match", lock="identity.match").defer(timestamp=0)
