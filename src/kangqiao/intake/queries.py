"""Reads of intake: batches and refused rows, as far as the actor may see them."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from kangqiao.infra.files import FileStore
from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.intake.models import Batch, BatchState, Part
from kangqiao.intake.refused import refused_name
from kangqiao.standards.data_set import data_sets
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission

PAGE = 50


def visible_batches(*, actor: Actor) -> QuerySet[Batch]:
    """Return the batches the actor may see, newest first: all, or those of the actor's own institution."""
    actor.require(Permission.BATCH_READ)
    batches = Batch.objects.order_by("-received_at", "-id")
    return batches if actor.institution_id is None else batches.filter(sender_id=actor.institution_id)


def find_batches(
    *,
    actor: Actor,
    sender: int | None = None,
    state: BatchState | None = None,
    number: str = "",
    since: dt.datetime | None = None,
    until: dt.datetime | None = None,
    after: str = "",
) -> KeyPage[Batch]:
    """Return one page of batches, each with its counts (``new``, ``changed``, ``refused``).

    ``since`` (included) and ``until`` (excluded) bound the time of receipt; ``after`` is the page's key.
    """
    batches = visible_batches(actor=actor).defer("manifest", "receipt")
    if sender is not None:
        batches = batches.filter(sender_id=sender)
    if state is not None:
        batches = batches.filter(state=state)
    if number:
        batches = batches.filter(number__icontains=number)
    if since is not None:
        batches = batches.filter(received_at__gte=since)
    if until is not None:
        batches = batches.filter(received_at__lt=until)
    if after:
        batches = batches.filter(_older_than(after))
    counted = batches.annotate(**{name: Coalesce(Sum(f"parts__{name}"), 0) for name in ("new", "changed", "refused")})
    return key_page(counted[: PAGE + 1], size=PAGE, key=lambda batch: f"{batch.received_at.isoformat()}~{batch.id}")


def _older_than(key: str) -> Q:
    """Return the condition for batches behind a page's key; a key nobody gave out leads to the first page."""
    moment, _, batch_id = key.partition("~")
    try:
        at, last = dt.datetime.fromisoformat(moment), UUID(batch_id)
    except ValueError:
        return Q()
    return Q(received_at__lt=at) | Q(received_at=at, id__lt=last)


@dataclass(frozen=True)
class Adoption:
    """Which edition of a data set an institution sent last, and when."""

    data_set: str
    sender_id: int | None
    edition: str
    received_at: dt.datetime


def adoptions(*, actor: Actor) -> list[Adoption]:
    """Return who sent which edition last, of every data set that has several, as far as the actor may see it."""
    changed = [word for word, data_set in data_sets().items() if data_set.editions]
    parts = Part.objects.filter(data_set__in=changed, batch__in=visible_batches(actor=actor))
    last = parts.order_by("data_set", "batch__sender_id", "-batch__received_at", "-id")
    last = last.distinct("data_set", "batch__sender_id")
    return [Adoption(*row) for row in last.values_list("data_set", "batch__sender_id", "edition", "batch__received_at")]


Row = tuple[Any, ...]


def refused_rows(
    *, actor: Actor, batch: Batch, data_set: str, store: FileStore, after: int = 0, limit: int | None = None
) -> tuple[list[str], list[Row]]:
    """Return (column names, rows) of the refused rows of one data set: row number, findings, then the cells.

    ``findings`` are texts ``column|message``; ``after`` is the row number behind which to begin. Raises
    ``FileMissing`` where nothing was refused.
    """
    with _refused(actor, batch, data_set, store) as (session, relation):
        cut = "" if limit is None else f" LIMIT {int(limit)}"
        found = session.execute(f"SELECT * FROM {relation} WHERE row_number > {int(after)} ORDER BY row_number{cut}")
        return [column[0] for column in found.description], found.fetchall()


@contextmanager
def refused_stream(
    *, actor: Actor, batch: Batch, data_set: str, store: FileStore, block: int = 2000
) -> Iterator[tuple[list[str], Iterator[Row]]]:
    """Return (column names, rows) as :func:`refused_rows` does, with at most a block of rows in memory."""
    with _refused(actor, batch, data_set, store) as (session, relation):
        found = session.execute(f"SELECT * FROM {relation}")  # written in the order of the row numbers
        rows = chain.from_iterable(iter(lambda: found.fetchmany(block), []))
        yield [column[0] for column in found.description], rows


@contextmanager
def _refused(
    actor: Actor, batch: Batch, data_set: str, store: FileStore
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    actor.require(Permission.REFUSED_DOWNLOAD)
    visible_batches(actor=actor).only("id").get(id=batch.id)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        store.get(refused_name(UUID(str(batch.id)), data_set), Path(file.name))
        with duckdb.connect(config={"memory_limit": "512MB", "threads": 1}) as session:
            yield session, f"read_parquet('{file.name}')"


def unfinished_batches() -> QuerySet[Batch]:
    """Return the batches that are waiting or under way."""
    return Batch.objects.filter(receipt__isnull=True)


def last_stored() -> dt.datetime | None:
    """Return when the newest batch was finished, None before the first one."""
    return (
        Batch.objects.filter(receipt__isnull=False)
        .order_by("-finished_at")
        .values_list("finished_at", flat=True)
        .first()
    )
