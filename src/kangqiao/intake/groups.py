"""Batches that are processed together: their files of one data set go through the gate and into the table as one.

A small file costs next to nothing of its own that way. What a data set's files have stored is committed together with
the states of all their parts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from kangqiao.formats import tabular
from kangqiao.formats.tabular import TableFile, UnreadableTable
from kangqiao.infra.files import FileStore
from kangqiao.intake import parcels
from kangqiao.intake.editions import city_day, edition_of, notices, require_accepted
from kangqiao.intake.errors import BatchRefused, PartRefused
from kangqiao.intake.gate import Checked, Gate, Sender, Stopwatch, Verdict, check_files
from kangqiao.intake.manifest import Entry, Manifest
from kangqiao.intake.models import Batch, Part, PartState
from kangqiao.intake.refused import refused_name, write_refused
from kangqiao.intake.rules import PART_TRANSITIONS
from kangqiao.intake.store import Store, Stored
from kangqiao.records.population.models import PatientRegistration
from kangqiao.registry import queries as registry
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import system_actor
from kangqiao.trust.audit import Act, record_acts

MOST_BATCHES, MOST_ROWS = 64, 250_000
"""Batches processed together, and their rows; one that has more is processed alone."""

STORING_THREADS = 2
"""Data sets that are checked and stored side by side."""

STORED_FIELDS = (
    *("state", "rows", "new", "changed", "unchanged", "stale", "refused", "warned"),
    *("findings", "notes", "seconds"),
)
"""What storing changes of a part."""


@dataclass(frozen=True)
class Progress:
    """One step of a batch: a data set finished a stage. ``done`` and ``total`` count rows."""

    data_set: str
    stage: str
    done: int
    total: int


Report = Callable[[Progress], None]


@dataclass(frozen=True)
class Delivery:
    """A batch with its files unpacked and found to be those of its manifest."""

    batch: Batch
    listed: Manifest
    folder: Path

    def sender(self) -> Sender:
        """Return what the gate must know of it."""
        return Sender(self.batch.id, self.batch.received_at, registry.codes_reported_by(self.batch.sender_id))

    def files(self, place: int) -> list[File]:
        """Return the files that wait to be stored, after recording them."""
        entries = {entry.data_set: entry for entry in self.listed.data_sets}
        waiting = _parts(self.batch, self.listed)
        return [File(place, part, entries[part.data_set], self) for part in waiting if part.state == PartState.WAITING]


@dataclass(frozen=True)
class File:
    """One data set of a delivery; ``place`` is the delivery's among those of the group."""

    place: int
    part: Part
    entry: Entry
    delivery: Delivery

    def prepare(self, data_set: type[DataSet]) -> TableFile:
        """Return the table in it; raises :class:`PartRefused` where there is none or its edition is not taken."""
        require_accepted(data_set, self.part.edition, city_day(self.delivery.batch.received_at))
        try:
            return tabular.prepare(self.delivery.folder / self.entry.file, self.delivery.folder)
        except UnreadableTable as error:
            raise PartRefused("unreadable", str(error)) from error

    def incomplete(self, rows: int) -> PartRefused:
        """Return the refusal of a file that has other rows than its manifest says."""
        return PartRefused(
            "row-count", f"{self.entry.file}：清单写明 {self.entry.rows} 行，实际读到 {rows} 行，文件可能不完整"
        )


def groups_of(batches: Iterable[Batch]) -> list[list[Batch]]:
    """Part batches into groups that can be processed together: not too many, and no institution in two of a group."""
    groups: list[_Room] = []
    for batch in batches:
        institutions = registry.scope_of(batch.sender_id)
        rows = sum(entry["rows"] for entry in (batch.manifest or {})["data_sets"])
        room = next((group for group in groups if group.has_room(institutions, rows)), None)
        if room is None:
            groups.append(room := _Room([], set(), 0))
        room.take(batch, institutions, rows)
    return [room.batches for room in groups]


@dataclass
class _Room:
    batches: list[Batch]
    institutions: set[int]
    rows: int

    def has_room(self, institutions: set[int], rows: int) -> bool:
        few = len(self.batches) < MOST_BATCHES and self.rows + rows <= MOST_ROWS
        return few and self.institutions.isdisjoint(institutions)

    def take(self, batch: Batch, institutions: set[int], rows: int) -> None:
        self.batches.append(batch)
        self.institutions |= institutions
        self.rows += rows


def open_delivery(batch: Batch, store: FileStore, folder: Path) -> Delivery:
    """Bring a batch's files into a folder and verify them; raises :class:`BatchRefused`."""
    folder.mkdir()
    parcels.fetch(store, batch.id, folder)
    listed = parcels.read_manifest(folder)
    unknown = [entry.data_set for entry in listed.data_sets if entry.data_set not in data_sets()]
    if unknown:
        raise BatchRefused("data-set-unknown", f"接入标准中没有这些数据集：{'、'.join(unknown)}")
    parcels.verify(listed, folder)
    return Delivery(batch, listed, folder)


def store_together(deliveries: Sequence[Delivery], *, store: FileStore, folder: Path, report: Report) -> None:
    """Check and store what waits of the deliveries, registrations first, each data set in a transaction of its own."""
    waiting: dict[str, list[File]] = defaultdict(list)
    for place, delivery in enumerate(deliveries):
        for file in delivery.files(place):
            waiting[file.part.data_set].append(file)
    gate = Gate(folder, [delivery.sender() for delivery in deliveries])
    try:
        job = _Job(gate, store, report)
        registrations = waiting.pop(PatientRegistration.word, [])
        job.run(registrations)
        with ThreadPoolExecutor(STORING_THREADS, thread_name_prefix="intake") as pool:
            list(pool.map(job.run_in_thread, waiting.values()))
    finally:
        gate.close()


@dataclass(frozen=True)
class _Job:
    """Checks and stores the files of a group."""

    gate: Gate
    store: FileStore
    report: Report

    def run_in_thread(self, files: Sequence[File]) -> None:
        """Run on a thread's own database connection."""
        try:
            self.run(files)
        finally:
            connection.close()

    def run(self, files: Sequence[File]) -> None:
        """Check and store the files of one data set, those of one edition together."""
        by_edition: dict[str, list[File]] = defaultdict(list)
        for file in files:
            by_edition[file.part.edition].append(file)
        for edition, those in by_edition.items():
            self._run_edition(data_sets()[those[0].part.data_set], edition, those)

    def _run_edition(self, data_set: type[DataSet], edition: str, files: Sequence[File]) -> None:
        stopwatch = Stopwatch()
        tables = self._prepare(data_set, files)
        stopwatch.lap("read")
        session = self.gate.session(rows=sum(file.entry.rows for file in files))
        checked = check_files(session, data_set, tables, edition=edition)
        whole = self._whole(session, checked, files)
        self._keep_refused_rows(session, data_set, checked, whole)
        session.execute(f"DROP TABLE IF EXISTS {checked.arrived}")
        stopwatch.lap("check")
        if whole:
            self._store(session, data_set, checked, whole, stopwatch)
            session.execute(f"DROP TABLE {checked.relation}")
        session.close()

    def _prepare(self, data_set: type[DataSet], files: Sequence[File]) -> dict[int, TableFile]:
        tables = {}
        for file in files:
            try:
                tables[file.place] = file.prepare(data_set)
            except PartRefused as refusal:
                self._refuse(file, refusal)
        return tables

    def _whole(self, session: Any, checked: Checked, files: Sequence[File]) -> list[File]:
        """Return the files that can be taken; the others are refused as a whole, and their rows forgotten."""
        for file in files:
            verdict = checked.verdicts.get(file.place)
            if verdict and verdict.rows != file.entry.rows:
                session.execute(f"DELETE FROM {checked.relation} WHERE batch_place = {file.place}")
                checked.refuse(file.place, file.incomplete(verdict.rows))
        for file in files:
            if file.place in checked.refusals:
                self._refuse(file, checked.refusals[file.place])
        return [file for file in files if file.place in checked.verdicts]

    def _refuse(self, file: File, refusal: PartRefused) -> None:
        file.part.problem = {"word": refusal.word, "message": str(refusal)}
        file.part.state = PART_TRANSITIONS[PartState.WAITING, "refuse"]
        file.part.save()
        self._tell(file)

    def _keep_refused_rows(
        self, session: Any, data_set: type[DataSet], checked: Checked, files: Sequence[File]
    ) -> None:
        having = [file for file in files if checked.verdicts[file.place].refused]
        targets = {file.place: file.delivery.folder / f"refused-{data_set.word}.parquet" for file in having}
        if targets:
            write_refused(session, data_set, checked, targets)
        for file in having:
            self.store.put(refused_name(file.delivery.batch.id, data_set.word), targets[file.place])
            targets[file.place].unlink()

    def _store(
        self, session: Any, data_set: type[DataSet], checked: Checked, files: Sequence[File], stopwatch: Stopwatch
    ) -> None:
        for file in files:
            self.report(Progress(data_set.word, "checked", file.entry.rows, file.entry.rows))
        with transaction.atomic(), connection.cursor() as cursor:
            writing = Store(
                gate=self.gate, session=session, cursor=cursor.cursor, data_set=data_set, stopwatch=stopwatch
            )
            stored = writing.write(checked.relation)
            rows = sum(file.entry.rows for file in files)
            for file in files:
                _fill(file, checked.verdicts[file.place], stored.get(file.place, Stored(0, 0, 0, 0)))
                file.part.seconds = stopwatch.share(file.entry.rows / rows if rows else 1 / len(files))
            _save([file.part for file in files])
        for file in files:
            self._tell(file)

    def _tell(self, file: File) -> None:
        self.report(Progress(file.part.data_set, file.part.state, file.part.rows, file.entry.rows))


def _fill(file: File, verdict: Verdict, stored: Stored) -> None:
    """Write into the part what became of its rows."""
    part, day = file.part, city_day(file.delivery.batch.received_at)
    part.rows, part.refused, part.warned = verdict.rows, verdict.refused, verdict.warned
    part.new, part.changed, part.unchanged, part.stale = stored.new, stored.changed, stored.unchanged, stored.stale
    part.findings = verdict.findings
    part.notes = [*notices(data_sets()[part.data_set], part.edition, day), *verdict.notes]
    part.state = PART_TRANSITIONS[PartState.WAITING, "store"]


def _save(parts: Sequence[Part]) -> None:
    """Write the parts, each with its audit entry."""
    Part.objects.bulk_create(parts, update_conflicts=True, unique_fields=["id"], update_fields=STORED_FIELDS)
    acts = [Act(None, None, "batch", part.batch_id, _detail(part)) for part in parts]
    record_acts(connection.connection, actor=system_actor("intake"), action=Action.BATCH_STORE, acts=acts)


def _detail(part: Part) -> dict[str, Any]:
    return {"data_set": part.data_set, "new": part.new, "changed": part.changed, "stale": part.stale}


def _parts(batch: Batch, listed: Manifest) -> list[Part]:
    """Return the parts of a batch, recorded where an earlier run has not done so."""
    parts = [
        Part(
            batch=batch,
            data_set=entry.data_set,
            file=entry.file,
            edition=edition_of(data_sets()[entry.data_set], entry, listed.contract),
        )
        for entry in listed.data_sets
    ]
    Part.objects.bulk_create(parts, ignore_conflicts=True)
    return list(batch.parts.order_by("id"))
