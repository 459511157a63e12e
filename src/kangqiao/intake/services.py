"""The verbs of intake: submit a batch, process it.

A batch is archived unchanged before anything else is done with it, and processed by :func:`process_batch`, which may
be killed at any point and called again: what a part has stored is committed together with the part's own state.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from kangqiao.infra.files import FileStore
from kangqiao.infra.ids import uuid7
from kangqiao.intake import manifest
from kangqiao.intake.errors import BatchBusy, BatchRefused
from kangqiao.intake.groups import MOST_BATCHES, Delivery, Report, groups_of, open_delivery, store_together
from kangqiao.intake.manifest import Manifest
from kangqiao.intake.models import Batch, BatchState, Door
from kangqiao.intake.parcels import Parcel
from kangqiao.intake.receipts import receipt_of
from kangqiao.intake.rules import BATCH_TRANSITIONS
from kangqiao.registry import queries as registry
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission

log = logging.getLogger(__name__)


def submit_parcel(*, path: Path, door: Door, actor: Actor, store: FileStore) -> Batch:
    """Take a batch in: archive its bytes, then record it. Returns the batch to be processed.

    The same bytes under the same number return the batch that is already there. Raises :class:`BatchRefused` when
    the number was used for other bytes, and ``NotPermitted`` when the actor may not send for the sender. A batch
    whose manifest can not be read is kept as well, refused as a whole, with a receipt that says why.
    """
    actor.require(Permission.BATCH_SUBMIT)
    parcel = Parcel(path)
    try:
        listed = manifest.read(parcel.manifest_bytes())
        sender = _sender(listed, actor)
    except BatchRefused as refusal:
        return _keep_refused(parcel, refusal, door=door, actor=actor, store=store)
    digest = parcel.digest()
    known = _known(sender, listed.number, digest)
    if known:
        return known
    batch = Batch(
        id=uuid7(),
        sender_id=sender,
        number=listed.number,
        digest=digest,
        door=door,
        manifest=msgspec.to_builtins(listed),
        submitted_by=actor.id,
        received_at=timezone.now(),
    )
    parcel.keep(store, batch.id)
    return _record(batch, actor) or _known(sender, listed.number, digest) or batch


def process_batch(*, batch_id: UUID, store: FileStore, work: Path, report: Report | None = None) -> Batch:
    """Check and store every data set of a batch, write the receipt, return the finished batch.

    Safe to call again after a crash. Raises :class:`BatchBusy` while another process is at it.
    """
    for batch in process_batches(batch_ids=[batch_id], store=store, work=work, report=report):
        return batch
    raise BatchBusy("另一个进程正在处理这一批次")


def process_batches(
    *, batch_ids: Sequence[UUID], store: FileStore, work: Path, report: Report | None = None
) -> list[Batch]:
    """Process batches as :func:`process_batch` does, as many together as fit; quicker than one after the other.

    Returns the finished batches; those that another process is at are left out.
    """
    with _held(batch_ids) as held:
        batches = list(Batch.objects.filter(id__in=held).order_by("received_at", "id"))
        for group in groups_of(batch for batch in batches if batch.receipt is None):
            _process(group, store, work, report or (lambda _: None))
        return batches


def beside(batch_id: UUID) -> list[UUID]:
    """Return a batch and those that wait and can be processed together with it; only itself where it does not wait."""
    waiting = Batch.objects.filter(receipt__isnull=True).exclude(door=Door.COMMAND).exclude(id=batch_id)
    batches = [
        *Batch.objects.filter(id=batch_id, receipt__isnull=True),
        *waiting.order_by("received_at")[: MOST_BATCHES - 1],
    ]
    return [batch.id for batch in groups_of(batches)[0]] if batches and batches[0].id == batch_id else [batch_id]


def _process(group: Sequence[Batch], store: FileStore, work: Path, report: Report) -> None:
    """Process a group; where that fails, one batch after the other, so that none suffers for its neighbour."""
    try:
        _process_together(group, store, work, report)
    except Exception as error:
        if len(group) == 1:
            raise
        log.warning("batches are processed one by one", extra={"error": type(error).__name__})
        _process_singly(group, store, work, report)


def _process_singly(group: Sequence[Batch], store: FileStore, work: Path, report: Report) -> None:
    failures = []
    for batch in group:
        batch.refresh_from_db()
        try:
            _process_together([batch], store, work, report)
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[-1]


def _process_together(group: Sequence[Batch], store: FileStore, work: Path, report: Report) -> None:
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="batch-", dir=work) as name:
        deliveries = _open(_begin(group), store, Path(name))
        if deliveries:
            store_together(deliveries, store=store, folder=Path(name), report=report)
    with transaction.atomic():
        for delivery in deliveries:
            _complete(delivery.batch)


def _begin(group: Sequence[Batch]) -> list[Batch]:
    """Return the batches that are now under way; one that was refused has its receipt already."""
    begun = [batch for batch in group if batch.receipt is None]
    with transaction.atomic():
        for batch in begun:
            _move(batch, "begin")
            batch.save(update_fields=["state"])
    return begun


def _open(batches: Sequence[Batch], store: FileStore, folder: Path) -> list[Delivery]:
    deliveries = []
    for batch in batches:
        try:
            deliveries.append(open_delivery(batch, store, folder / str(batch.id)))
        except BatchRefused as refusal:
            _end(batch, refusal)
            batch.save()
    return deliveries


def queue(batch_id: UUID) -> None:
    """Ask the worker to process a batch, within the current transaction; asking twice is asking once."""
    job = jobs.configure_task("intake.process", queueing_lock=f"batch {batch_id}")
    with suppress(AlreadyEnqueued), transaction.atomic():
        job.defer(batch_id=str(batch_id))


def _sender(listed: Manifest, actor: Actor) -> int:
    sender = registry.institution_ids().get(listed.sender)
    if sender is None:
        raise BatchRefused("sender-unknown", "清单中的上传机构没有在平台登记，请先登记机构或更正机构代码")
    if actor.institution_id not in (None, sender):
        raise NotPermitted("清单中的上传机构不是您所在的机构，不能代其报送。")
    return sender


def _known(sender: int, number: str, digest: str) -> Batch | None:
    batch = Batch.objects.filter(sender_id=sender, number=number).exclude(state=BatchState.REFUSED).first()
    if batch is not None and batch.digest != digest:
        raise BatchRefused(
            "number-reused", f"批次号 {number} 已用于内容不同的另一批；更正后的数据请换一个新的批次号报送"
        )
    return batch


def _keep_refused(parcel: Parcel, refusal: BatchRefused, *, door: Door, actor: Actor, store: FileStore) -> Batch:
    digest = parcel.digest()
    known = Batch.objects.filter(number=None, digest=digest, sender_id=actor.institution_id).first()
    if known:
        return known
    batch = Batch(
        id=uuid7(),
        sender_id=actor.institution_id,
        digest=digest,
        door=door,
        submitted_by=actor.id,
        received_at=timezone.now(),
    )
    parcel.keep(store, batch.id)
    _end(batch, refusal)
    _record(batch, actor)
    return batch


def _record(batch: Batch, actor: Actor) -> Batch | None:
    """Insert the batch with its audit entry; None when another delivery of the same number was quicker."""
    with transaction.atomic():
        created = Batch.objects.bulk_create([batch], ignore_conflicts=True)
        if not Batch.objects.filter(id=created[0].id).exists():
            return None
        record_act(
            actor=actor,
            action=Action.BATCH_SUBMIT,
            object_kind="batch",
            object_id=batch.id,
            detail={"door": batch.door, "state": batch.state},
        )
        if batch.door != Door.COMMAND and batch.receipt is None:
            queue(batch.id)
    return batch


def _move(batch: Batch, event: str) -> None:
    batch.state = BATCH_TRANSITIONS[BatchState(batch.state), event]


def _end(batch: Batch, refusal: BatchRefused) -> None:
    _move(batch, "refuse")
    batch.problem = {"word": refusal.word, "message": str(refusal)}
    batch.finished_at = timezone.now()
    batch.receipt = receipt_of(batch, [])


def _complete(batch: Batch) -> None:
    _move(batch, "complete")
    batch.finished_at = timezone.now()
    batch.receipt = receipt_of(batch, list(batch.parts.order_by("id")))
    batch.save()


@contextmanager
def _held(batch_ids: Sequence[UUID]) -> Iterator[list[UUID]]:
    """Hold session locks on those of the batches that nobody holds; they end with the process, however that ends."""
    keys = {batch_id.int & ((1 << 63) - 1): batch_id for batch_id in batch_ids}
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM unnest(%s::bigint[]) AS key WHERE pg_try_advisory_lock(key)", [list(keys)])
        held = [key for (key,) in cursor.fetchall()]
    try:
        yield [keys[key] for key in held]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(key) FROM unnest(%s::bigint[]) AS key", [held])
