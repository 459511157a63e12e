"""Reads of intake: batches and refused rows, as far as the actor may see them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from django.db.models import QuerySet

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, BatchState
from kangqiao.intake.services import refused_name
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission

PAGE = 50


def visible_batches(*, actor: Actor) -> QuerySet[Batch]:
    """Return the batches the actor may see, newest first: all, or those of the actor's own institution."""
    actor.require(Permission.BATCH_READ)
    batches = Batch.objects.order_by("-received_at", "-id")
    return batches if actor.institution_id is None else batches.filter(sender_id=actor.institution_id)


def find_batches(
    *, actor: Actor, sender: int | None = None, state: BatchState | None = None, number: str = "", page: int = 1
) -> list[Batch]:
    """Return one page of batches, with one more than fits where there is a next page."""
    batches = visible_batches(actor=actor).defer("manifest", "receipt")
    if sender is not None:
        batches = batches.filter(sender_id=sender)
    if state is not None:
        batches = batches.filter(state=state)
    if number:
        batches = batches.filter(number__icontains=number)
    return list(batches[(page - 1) * PAGE : page * PAGE + 1])


def refused_rows(
    *, actor: Actor, batch: Batch, data_set: str, store: FileStore, offset: int = 0, limit: int | None = None
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return (column names, rows) of the refused rows of one data set: row number, findings, then the cells.

    ``findings`` are texts ``column|message``. Raises ``FileNotFoundError`` where nothing was refused.
    """
    actor.require(Permission.REFUSED_DOWNLOAD)
    visible_batches(actor=actor).only("id").get(id=batch.id)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        store.get(refused_name(UUID(str(batch.id)), data_set), Path(file.name))
        with duckdb.connect() as session:
            cut = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
            found = session.execute(f"SELECT * FROM read_parquet('{file.name}') ORDER BY row_number{cut}")
            return [column[0] for column in found.description], found.fetchall()
