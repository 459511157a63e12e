"""The verbs of intake: submit a batch, process it.

A batch is archived unchanged before anything else is done with it, and processed by :func:`process_batch`, which may
be killed at any point and called again: what a part has stored is committed together with the part's own state.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django import app as jobs
from procrastinate.exceptions import AlreadyEnqueued

from kangqiao.formats import tabular
from kangqiao.formats.tabular import UnreadableTable
from kangqiao.infra.files import FileStore
from kangqiao.infra.ids import uuid7
from kangqiao.intake import manifest, parcels
from kangqiao.intake.editions import city_day, edition_of, notices, require_accepted
from kangqiao.intake.errors import BatchBusy, BatchRefused, PartRefused
from kangqiao.intake.gate import Gate, Stopwatch, Verdict, check_file, write_refused
from kangqiao.intake.manifest import Manifest
from kangqiao.intake.models import Batch, BatchState, Door, Part, PartState
from kangqiao.intake.parcels import Parcel
from kangqiao.intake.receipts import receipt_of
from kangqiao.intake.rules import BATCH_TRANSITIONS, PART_TRANSITIONS
from kangqiao.intake.store import Store
from kangqiao.records.population.models import PatientRegistration
from kangqiao.registry import queries as registry
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor, system_actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission

log = logging.getLogger(__name__)

STORING_THREADS = 2
"""Data sets of one batch that are checked and stored side by side."""


@dataclass(frozen=True)
class Progress:
    """One step of a batch: a data set finished a stage. ``done`` and ``total`` count rows."""

    data_set: str
    stage: str
    done: int
    total: int


Report = Callable[[Progress], None]


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
    with _only_one(batch_id):
        batch = Batch.objects.get(id=batch_id)
        if batch.receipt is not None:
            return batch
        _move(batch, "begin")
        batch.save(update_fields=["state"])
        work.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="batch-", dir=work) as folder:
            try:
                _process(batch, store, Path(folder), report or (lambda _: None))
            except BatchRefused as refusal:
                return _refuse(batch, refusal)
        return _complete(batch)


def _process(batch: Batch, store: FileStore, folder: Path, report: Report) -> None:
    parcels.fetch(store, batch.id, folder)
    listed = parcels.read_manifest(folder)
    unknown = [entry.data_set for entry in listed.data_sets if entry.data_set not in data_sets()]
    if unknown:
        raise BatchRefused("data-set-unknown", f"接入标准中没有这些数据集：{'、'.join(unknown)}")
    parcels.verify(listed, folder)
    parts = _parts(batch, listed)
    gate = Gate(folder, institutions=registry.codes_reported_by(batch.sender_id), received_at=batch.received_at)
    try:
        job = PartJob(batch=batch, gate=gate, store=store, folder=folder, listed=listed, report=report)
        first = [part for part in parts if part.data_set == PatientRegistration.word]
        for part in first:
            job.run(part)
        with ThreadPoolExecutor(STORING_THREADS, thread_name_prefix="intake") as pool:
            list(pool.map(job.run_in_thread, [part for part in parts if part not in first]))
    finally:
        gate.close()


@dataclass(frozen=True)
class PartJob:
    """Checks and stores the parts of one batch."""

    batch: Batch
    gate: Gate
    store: FileStore
    folder: Path
    listed: Manifest
    report: Report

    def run_in_thread(self, part: Part) -> None:
        """Run on a thread's own database connection."""
        try:
            self.run(part)
        finally:
            connection.close()

    def run(self, part: Part) -> None:
        """Check and store one part, unless an earlier run has done so."""
        if part.state != PartState.WAITING:
            return
        entry = next(entry for entry in self.listed.data_sets if entry.data_set == part.data_set)
        try:
            self._check_and_store(part, data_sets()[part.data_set], entry)
        except PartRefused as refusal:
            part.problem = {"word": refusal.word, "message": str(refusal)}
            part.state = PART_TRANSITIONS[PartState.WAITING, "refuse"]
            part.save()
        self.report(Progress(part.data_set, part.state, part.rows, entry.rows))

    def _check_and_store(self, part: Part, data_set: type[DataSet], entry: manifest.Entry) -> None:
        stopwatch, day = Stopwatch(), city_day(self.batch.received_at)
        require_accepted(data_set, part.edition, day)
        session = self.gate.session(rows=entry.rows)
        try:
            table = tabular.prepare(self.folder / entry.file, self.folder)
        except UnreadableTable as error:
            raise PartRefused("unreadable", str(error)) from error
        stopwatch.lap("read")
        verdict = check_file(session, data_set, table, edition=part.edition)
        if verdict.rows != entry.rows:
            raise PartRefused(
                "row-count", f"{entry.file}：清单写明 {entry.rows} 行，实际读到 {verdict.rows} 行，文件可能不完整"
            )
        if verdict.refused:
            self._keep_refused_rows(session, data_set, verdict)
        stopwatch.lap("check")
        self.report(Progress(part.data_set, "checked", verdict.rows, entry.rows))
        with transaction.atomic(), connection.cursor() as cursor:
            store = Store(
                gate=self.gate,
                session=session,
                cursor=cursor.cursor,
                data_set=data_set,
                batch_id=self.batch.id,
                stopwatch=stopwatch,
            )
            stored = store.write(verdict.relation)
            part.rows, part.refused, part.warned = verdict.rows, verdict.refused, verdict.warned
            part.new, part.changed, part.unchanged, part.stale = (
                stored.new,
                stored.changed,
                stored.unchanged,
                stored.stale,
            )
            part.findings, part.seconds = verdict.findings, stopwatch.seconds
            part.notes = [*notices(data_set, part.edition, day), *verdict.notes]
            part.state = PART_TRANSITIONS[PartState.WAITING, "store"]
            part.save()
            record_act(
                actor=system_actor("intake"),
                action=Action.BATCH_STORE,
                object_kind="batch",
                object_id=self.batch.id,
                detail={"data_set": part.data_set, "new": part.new, "changed": part.changed, "stale": part.stale},
            )
        session.execute(f"DROP TABLE {verdict.relation}")
        session.close()

    def _keep_refused_rows(self, session: Any, data_set: type[DataSet], verdict: Verdict) -> None:
        target = self.folder / f"refused-{data_set.word}.parquet"
        write_refused(session, data_set, verdict, target)
        self.store.put(refused_name(self.batch.id, data_set.word), target)
        target.unlink()


def queue(batch_id: UUID) -> None:
    """Ask the worker to process a batch, within the current transaction; asking twice is asking once."""
    job = jobs.configure_task("intake.process", queueing_lock=f"batch {batch_id}")
    with suppress(AlreadyEnqueued), transaction.atomic():
        job.defer(batch_id=str(batch_id))


def refused_name(batch_id: UUID, data_set: str) -> str:
    """Return the store name of the refused rows of one data set of a batch."""
    return f"refused/{batch_id}/{data_set}.parquet"


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


def _parts(batch: Batch, listed: Manifest) -> list[Part]:
    for entry in listed.data_sets:
        edition = edition_of(data_sets()[entry.data_set], entry, listed.contract)
        kept = {"file": entry.file, "edition": edition}
        Part.objects.get_or_create(batch=batch, data_set=entry.data_set, defaults=kept)
    return list(batch.parts.order_by("id"))


def _move(batch: Batch, event: str) -> None:
    batch.state = BATCH_TRANSITIONS[BatchState(batch.state), event]


def _end(batch: Batch, refusal: BatchRefused) -> None:
    _move(batch, "refuse")
    batch.problem = {"word": refusal.word, "message": str(refusal)}
    batch.finished_at = timezone.now()
    batch.receipt = receipt_of(batch, [])


def _refuse(batch: Batch, refusal: BatchRefused) -> Batch:
    _end(batch, refusal)
    batch.save()
    return batch


def _complete(batch: Batch) -> Batch:
    _move(batch, "complete")
    batch.finished_at = timezone.now()
    batch.receipt = receipt_of(batch, list(batch.parts.order_by("id")))
    batch.save()
    return batch


@contextmanager
def _only_one(batch_id: UUID) -> Iterator[None]:
    """Hold a session lock on the batch; it ends with the process, however that ends."""
    key = batch_id.int & ((1 << 63) - 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise BatchBusy("另一个进程正在处理这一批次")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])
