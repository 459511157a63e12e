"""Batches processed together end as if each had been alone: whatever is wrong with one is nobody else's business."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from psycopg.errors import CheckViolation

from kangqiao.identity.models import Link
from kangqiao.infra.files import FileStore
from kangqiao.intake import jobs
from kangqiao.intake.groups import groups_of
from kangqiao.intake.models import Batch, BatchState, Door, PartState
from kangqiao.intake.queries import last_stored, refused_rows
from kangqiao.intake.services import process_batches, submit_parcel
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.records.models import FormerVersion
from kangqiao.standards.data_set import data_sets
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from parcels import (
    CLINIC,
    HOSPITAL,
    STRANGER,
    register_institutions,
    registration,
    sign_again,
    vital_signs,
    write_parcel,
)

FIRST = {"institution_code": HOSPITAL}
OTHER = {"institution_code": STRANGER}


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def submit(committed_database, store, tmp_path):
    """Submit rows as a batch of their own; returns the batch."""
    register_institutions()

    def submit(data_sets, *, number, spoil=lambda folder: None, door=Door.COMMAND, **options):
        folder = write_parcel(tmp_path / f"parcel-{number}", data_sets, number=number, **options)
        spoil(folder)
        return submit_parcel(path=folder, door=door, actor=system_actor("test"), store=store)

    return submit


@pytest.fixture
def process(store, tmp_path):
    def process(*batches, **options):
        ids = [batch.id for batch in batches]
        return process_batches(batch_ids=ids, store=store, work=tmp_path / "work", **options)

    return process


def counts(batch, word="vital-signs"):
    part = batch.parts.get(data_set=word)
    return part.rows, part.new, part.changed, part.unchanged, part.stale, part.refused


def two(submit, **second):
    """A batch of each of two hospitals that have nothing to do with each other."""
    return (
        submit({"vital-signs": [vital_signs("V1"), vital_signs("V2")]}, number="1", form="parquet"),
        submit({"vital-signs": [vital_signs("V1", **OTHER)]}, number="2", sender=STRANGER, **second),
    )


def test_every_batch_has_its_own_rows_counts_and_refused_rows(submit, process, store):
    rows = [vital_signs("V1", systolic="131"), vital_signs("V2", systolic="70", diastolic="90")]
    first = submit({"patient-registration": [registration()], "vital-signs": rows}, number="1", form="parquet")
    rows = [vital_signs(f"V{n}", **OTHER) for n in range(3)]
    rows += [vital_signs("V3", measured="昨天", **OTHER), vital_signs("V1", **FIRST)]
    second = submit({"vital-signs": rows}, number="2", sender=STRANGER, form="ndjson")
    batches = process(first, second)
    assert [batch.state for batch in batches] == [BatchState.COMPLETED, BatchState.COMPLETED]
    assert [counts(batch) for batch in batches] == [(2, 1, 0, 0, 0, 1), (5, 3, 0, 0, 0, 2)]
    assert VitalSigns.objects.get(systolic=131).batch_id == first.id
    assert set(VitalSigns.objects.exclude(systolic=131).values_list("batch_id", flat=True)) == {second.id}
    assert set(Link.objects.values_list("batch_id", flat=True)) == {first.id, second.id}
    found = {
        f["word"]: f["examples"] for f in batches[1].receipt["data_sets"][0]["findings"] if f["severity"] == "error"
    }
    assert found == {"format": [4], "institution": [5]}
    columns, kept = refused_rows(actor=system_actor("test"), batch=second, data_set="vital-signs", store=store)
    assert [row[columns.index("row_number")] for row in kept] == [4, 5]
    assert AuditEntry.objects.filter(action="intake:batch:store").count() == 3


def test_versions_are_counted_for_the_batch_that_brings_them(submit, process):
    process(*two(submit))
    newer, older = {"revised_at": "2026-02-02 08:00:00"}, {"revised_at": "2026-01-31 08:00:00"}
    rows = [vital_signs("V1", systolic="131", **newer), vital_signs("V2"), vital_signs("V3")]
    third = submit({"vital-signs": rows}, number="3")
    fourth = submit({"vital-signs": [vital_signs("V1", systolic="99", **older, **OTHER)]}, number="4", sender=STRANGER)
    assert [counts(batch) for batch in process(third, fourth)] == [(3, 1, 1, 1, 0, 0), (1, 0, 0, 0, 1, 0)]
    assert FormerVersion.objects.count() == 2


def _damage(folder):
    """Keep the end of a Parquet file, where its columns are named, and spoil what stands before."""
    file = folder / "vital-signs.parquet"
    content = bytearray(file.read_bytes())
    end = int.from_bytes(content[-8:-4], "little")
    content[4 : len(content) - 8 - end] = b"\xff" * (len(content) - 12 - end)
    file.write_bytes(content)
    sign_again(folder)


def _cut(folder):
    (folder / "vital-signs.parquet").write_bytes(b"PAR1 and nothing else")
    sign_again(folder)


def _swap(folder):
    pq.write_table(pq.read_table(folder / "vital-signs.parquet").slice(0, 0), folder / "vital-signs.parquet")
    sign_again(folder)


def _with_a_null_character(folder):
    table = pq.read_table(folder / "vital-signs.parquet")
    place = table.schema.get_field_index("source_key")
    spoilt = table.set_column(place, "source_key", pa.array([f"{key}\0" for key in table["source_key"].to_pylist()]))
    pq.write_table(spoilt, folder / "vital-signs.parquet")
    sign_again(folder)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_damage, "unreadable"),
        (_cut, "unreadable"),
        (_swap, "row-count"),
        (_with_a_null_character, "unreadable"),
    ],
)
def test_a_file_that_is_refused_as_a_whole_takes_no_other_with_it(submit, process, spoil, word):
    first, second = process(*two(submit, spoil=spoil, form="parquet"))
    assert counts(first) == (2, 2, 0, 0, 0, 0)
    assert (second.parts.get().state, second.parts.get().problem["word"]) == (PartState.REFUSED, word)
    assert set(VitalSigns.objects.values_list("batch_id", flat=True)) == {first.id}


def test_a_batch_that_is_refused_as_a_whole_takes_no_other_with_it(submit, process):
    first, second = process(*two(submit, spoil=lambda folder: (folder / "vital-signs.csv").unlink()))
    assert (first.state, second.state) == (BatchState.COMPLETED, BatchState.REFUSED)


@pytest.fixture
def nobody_expected_it():
    """A key that PostgreSQL refuses although the gate has passed it."""
    table, name = VitalSigns._meta.db_table, "nobody_expected_it"
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (source_key <> '{name}')")
        yield name
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def test_a_batch_that_can_not_be_stored_does_not_keep_its_neighbour_waiting(submit, process, nobody_expected_it):
    first = submit({"vital-signs": [vital_signs("V1")]}, number="1")
    rows = [vital_signs(nobody_expected_it, **OTHER)]
    second = submit({"vital-signs": rows}, number="2", sender=STRANGER)
    with pytest.raises(CheckViolation, match=nobody_expected_it):
        process(first, second)
    assert Batch.objects.get(id=first.id).state == BatchState.COMPLETED
    assert Batch.objects.get(id=second.id).receipt is None
    assert VitalSigns.objects.get().batch_id == first.id


class Killed(BaseException):
    """What no one catches."""


def test_batches_interrupted_between_two_data_sets_are_finished_by_the_next_run(submit, process):
    first = submit({"patient-registration": [registration()], "vital-signs": [vital_signs()]}, number="1")
    rows = {"patient-registration": [registration(**OTHER)], "vital-signs": [vital_signs(**OTHER)]}
    second = submit(rows, number="2", sender=STRANGER)

    def interrupt(step):
        if (step.data_set, step.stage) == ("vital-signs", "checked"):
            raise Killed

    with pytest.raises(Killed):
        process(first, second, report=interrupt)
    assert sorted(part.state for batch in (first, second) for part in batch.parts.all()) == [
        *["stored"] * 2,
        *["waiting"] * 2,
    ]
    assert [batch.receipt["totals"]["new"] for batch in process(first, second)] == [2, 2]
    assert VitalSigns.objects.filter(version=1).count() == 2
    assert AuditEntry.objects.filter(action="intake:batch:store").count() == 4


def test_batches_that_may_have_rows_of_one_institution_are_not_processed_together(submit):
    rows = {"vital-signs": [vital_signs()]}
    batches = [
        submit(rows, number=str(number), sender=sender)
        for number, sender in enumerate((HOSPITAL, STRANGER, CLINIC, HOSPITAL))
    ]
    numbers = [[batch.number for batch in group] for group in groups_of(batches)]
    assert numbers == [["0", "1"], ["2"], ["3"]]


def test_a_batch_that_nobody_processes_is_remembered(submit):
    forgotten, fresh = two(submit)
    Batch.objects.filter(id=forgotten.id).update(received_at=timezone.now() - 2 * jobs.FORGOTTEN_AFTER)
    jobs.remember(timestamp=0)
    assert [job.args for job in ProcrastinateJob.objects.filter(task_name="intake.process")] == [
        {"batch_id": str(forgotten.id)}
    ]
    assert last_stored() is None
    assert Batch.objects.get(id=fresh.id).receipt is None


def test_the_worker_takes_along_what_waits(submit, tmp_path, monkeypatch):
    monkeypatch.setenv("KANGQIAO_HOME", str(tmp_path))
    monkeypatch.setenv("KANGQIAO_ARCHIVE_URL", (tmp_path / "archive").as_uri())
    first, second = two(submit, door=Door.UPLOAD)
    jobs.process(str(first.id))
    assert [Batch.objects.get(id=batch.id).state for batch in (first, second)] == [BatchState.COMPLETED] * 2


def test_no_column_of_a_data_set_has_a_name_that_the_gate_gives():
    own = {"batch_place", "row_number", "not_after", "refused", "repeats", "batch_id", "known_revised_at"}
    assert not own & {field.name for each in data_sets().values() for field in each.columns()}
