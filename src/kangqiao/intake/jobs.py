"""What the worker does for intake: process queued batches, look after forgotten ones, watch the inbox."""

from __future__ import annotations

import datetime as dt
import logging
from uuid import UUID

from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django import app

from kangqiao.identity.jobs import match_soon
from kangqiao.infra import configuration
from kangqiao.infra.files import FileStore
from kangqiao.intake import inbox
from kangqiao.intake.queries import unfinished_batches
from kangqiao.intake.services import beside, process_batches, queue

log = logging.getLogger(__name__)

FORGOTTEN_AFTER = dt.timedelta(minutes=1)


@app.task(name="intake.process", queue="intake")
def process(batch_id: str) -> None:
    """Process a batch, and what waits beside it; does nothing for one that is finished or in other hands."""
    settings = configuration.load()
    try:
        store = FileStore(settings.archive_url)
        if process_batches(batch_ids=beside(UUID(batch_id)), store=store, work=settings.home / "work"):
            match_soon()
    finally:
        connection.close()


@app.periodic(cron="* * * * *")
@app.task(name="intake.remember", queue="intake", queueing_lock="intake.remember")
def remember(timestamp: int) -> None:
    """Queue batches that nobody is processing: their process died, or never began."""
    try:
        forgotten = unfinished_batches().filter(received_at__lt=timezone.now() - FORGOTTEN_AFTER)
        for batch_id in forgotten.values_list("id", flat=True):
            queue(batch_id)
    finally:
        connection.close()


@app.periodic(cron="* * * * * */10")
@app.task(name="intake.watch_inbox", queue="inbox", queueing_lock="intake.watch_inbox", lock="intake.watch_inbox")
def watch_inbox(timestamp: int) -> None:
    """Take in what was laid into the inbox folder."""
    settings = configuration.load()
    try:
        inbox.collect(settings.inbox, store=FileStore(settings.archive_url))
    finally:
        connection.close()
