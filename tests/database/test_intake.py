"""A batch from its bytes to the tables: every row accounted for, once, whatever happens on the way."""

import io
import json
import shutil
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest
import zstandard
from django.db import connections
from django.utils import timezone

from kangqiao.formats import archives
from kangqiao.identity.models import Link, Patient, Resident
from kangqiao.infra.files import FileStore
from kangqiao.intake import jobs
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.models import Batch, BatchState, Door, PartState
from kangqiao.intake.queries import refused_rows
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.records.models import FormerVersion
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards import imported_codes
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Role, permissions_of
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


@pytest.fixture
def hospital(committed_database):
    return register_institutions()


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def take(hospital, store, tmp_path):
    """Submit and process a parcel; returns the finished batch."""

    def take(path: Path, door=Door.COMMAND):
        batch = submit_parcel(path=path, door=door, actor=system_actor("test"), store=store)
        return process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")

    return take


@pytest.fixture
def send(take, tmp_path):
    """Write rows as a parcel of its own and take it in."""

    def send(data_sets, *, number, **options):
        return take(write_parcel(tmp_path / f"parcel-{number}", data_sets, number=number, **options))

    return send


def counts(batch, word):
    part = batch.parts.get(data_set=word)
    return part.new, part.changed, part.unchanged, part.stale, part.refused


def test_rows_are_stored_and_the_receipt_counts_them(send):
    batch = send({"patient-registration": [registration()], "vital-signs": [vital_signs()]}, number="1")
    assert batch.state == BatchState.COMPLETED
    assert batch.receipt["totals"] == {
        "rows": 2, "new": 2, "changed": 0, "unchanged": 0, "stale": 0, "refused": 0, "warned": 0
    }  # fmt: skip
    row = VitalSigns.objects.get()
    assert (row.systolic, row.batch_id, row.version) == (128, batch.id, 1)
    assert row.patient_id == Patient.objects.get(local_number="P1").id
    assert Resident.objects.get(state="confirmed").name == "岩香"


def test_storing_is_audited_in_the_same_transaction(send):
    batch = send({"vital-signs": [vital_signs()]}, number="1")
    actions = AuditEntry.objects.filter(object_id=str(batch.id)).values_list("action", flat=True)
    assert sorted(actions) == ["intake:batch:store", "intake:batch:submit"]


def test_the_same_batch_twice_is_one_effect_and_the_same_receipt(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    first, second = take(parcel), take(parcel)
    assert first.id == second.id
    assert first.receipt == second.receipt
    assert VitalSigns.objects.count() == 1


def test_a_number_used_for_other_bytes_is_refused(take, tmp_path):
    take(write_parcel(tmp_path / "a", {"vital-signs": [vital_signs()]}))
    with pytest.raises(BatchRefused, match="已用于内容不同的另一批"):
        take(write_parcel(tmp_path / "b", {"vital-signs": [vital_signs(systolic="150")]}))
    assert VitalSigns.objects.get().systolic == 128


def test_a_newer_version_replaces_the_row_and_keeps_the_former_one(send):
    send({"vital-signs": [vital_signs()]}, number="1")
    former_id = VitalSigns.objects.get().id
    batch = send({"vital-signs": [vital_signs(systolic="131", revised_at="2026-02-02 08:00:00")]}, number="2")
    assert counts(batch, "vital-signs") == (0, 1, 0, 0, 0)
    row = VitalSigns.objects.get()
    assert (row.id, row.systolic, row.version, row.batch_id) == (former_id, 131, 2, batch.id)
    former = FormerVersion.objects.get()
    assert (former.record_id, former.version, former.content["systolic"]) == (row.id, 1, 128)


def test_an_older_version_that_comes_late_is_kept_but_does_not_replace(send):
    send({"vital-signs": [vital_signs()]}, number="1")
    late = {"vital-signs": [vital_signs(systolic="110", revised_at="2026-01-31 08:00:00")]}
    assert counts(send(late, number="2"), "vital-signs") == (0, 0, 0, 1, 0)
    assert counts(send(late, number="3"), "vital-signs") == (0, 0, 1, 0, 0)
    row = VitalSigns.objects.get()
    assert (row.systolic, row.version) == (128, 2)
    assert FormerVersion.objects.get().content["systolic"] == 110


def test_a_row_that_says_nothing_new_changes_nothing(send):
    send({"vital-signs": [vital_signs()]}, number="1")
    batch = send({"vital-signs": [vital_signs(revised_at="2026-02-03 08:00:00")]}, number="2")
    assert counts(batch, "vital-signs") == (0, 0, 1, 0, 0)
    assert VitalSigns.objects.get().version == 1


def test_voiding_is_a_version_and_not_a_delete(send):
    send({"vital-signs": [vital_signs()]}, number="1")
    send({"vital-signs": [vital_signs(voided="T", revised_at="2026-02-02 08:00:00")]}, number="2")
    row = VitalSigns.objects.get()
    assert (row.voided, row.version) == (True, 2)
    assert FormerVersion.objects.get().content["voided"] is False


def test_refused_rows_are_named_and_kept_as_they_came(send, store):
    rows = [
        vital_signs("V1"),
        vital_signs("V2", measured="昨天"),
        vital_signs("V3", systolic="70", diastolic="90"),
        vital_signs("V4", institution_code=STRANGER),
        vital_signs("V5", measured="2099-01-01 00:00:00"),
    ]
    batch = send({"vital-signs": rows}, number="1")
    assert counts(batch, "vital-signs") == (1, 0, 0, 0, 4)
    found = {(f["column"], f["word"]): f["examples"] for f in batch.receipt["data_sets"][0]["findings"]}
    assert found == {
        ("measured", "format"): [2],
        ("systolic", "not-less"): [3],
        ("institution_code", "institution"): [4],
        ("measured", "future"): [5],
    }
    columns, kept = refused_rows(actor=system_actor("test"), batch=batch, data_set="vital-signs", store=store)
    first = dict(zip(columns, kept[0], strict=True))
    assert (first["row_number"], first["measured"], first["systolic"]) == (2, "昨天", "128")
    assert first["findings"][0].startswith("measured|“记录日期时间”应为日期时间")


def test_of_repeated_keys_in_one_file_the_newest_row_is_taken(send):
    rows = [
        vital_signs(systolic="120", revised_at="2026-02-01 09:30:00"),
        vital_signs(systolic="122", revised_at="2026-02-01 10:00:00"),
        vital_signs(systolic="118"),
    ]
    batch = send({"vital-signs": rows}, number="1")
    assert counts(batch, "vital-signs") == (1, 0, 0, 0, 2)
    assert VitalSigns.objects.get().systolic == 122
    assert batch.receipt["data_sets"][0]["findings"][-1]["word"] == "repeated"


@pytest.mark.parametrize("form", ["csv", "csv.gz", "csv.zst", "ndjson", "ndjson.gz", "parquet"])
def test_every_file_format_gives_the_same_rows(send, form):
    send({"patient-registration": [registration()], "vital-signs": [vital_signs()]}, number="1", form=form)
    assert PatientRegistration.objects.get().name == "岩香"
    assert VitalSigns.objects.get().diastolic == 82


def test_lines_of_ndjson_may_leave_out_what_they_have_no_value_for(send):
    rows = [{k: v for k, v in vital_signs("V1").items() if k != "diastolic"}, vital_signs("V2")]
    send({"vital-signs": rows}, number="1", form="ndjson")
    assert list(VitalSigns.objects.order_by("source_key").values_list("diastolic", flat=True)) == [None, 82]


def test_a_file_without_rows_is_taken(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": []}, form="ndjson")
    assert take(parcel).parts.get().state == PartState.STORED


def test_gb18030_is_recognised(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"patient-registration": [registration(name="玉罕䶮")]})
    file = parcel / "patient-registration.csv"
    file.write_bytes(file.read_bytes().decode().encode("gb18030"))
    sign_again(parcel)
    take(parcel)
    assert PatientRegistration.objects.get().name == "玉罕䶮"


def test_columns_may_be_headed_by_their_chinese_titles(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    file = parcel / "vital-signs.csv"
    text = file.read_text(encoding="utf-8").replace("source_key", "业务主键").replace("systolic", "收缩压（mmHg）")
    file.write_text(text, encoding="utf-8")
    sign_again(parcel)
    take(parcel)
    assert (VitalSigns.objects.get().source_key, VitalSigns.objects.get().systolic) == ("V1", 128)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tar.zst"])
def test_an_archive_is_the_same_batch_as_its_folder(take, tmp_path, suffix):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    assert take(_packed(parcel, suffix)).id == take(parcel).id
    assert VitalSigns.objects.count() == 1


def test_the_parcel_is_archived_unchanged(send, store, tmp_path):
    batch = send({"vital-signs": [vital_signs()]}, number="1")
    for name in ("manifest.json", "vital-signs.csv"):
        assert store.read(f"batches/{batch.id}/{name}") == (tmp_path / "parcel-1" / name).read_bytes()


def test_records_that_come_before_the_registration_wait_for_it(send):
    send({"vital-signs": [vital_signs()]}, number="1")
    patient = Patient.objects.get()
    assert (patient.registered, Resident.objects.get().state) == (False, "pending")
    send({"patient-registration": [registration()]}, number="2")
    resident = Resident.objects.get(id=Link.objects.get(patient=patient, undone_at=None).resident_id)
    assert (resident.state, resident.name) == ("confirmed", "岩香")
    assert VitalSigns.objects.get().patient_id == patient.id


def test_a_patient_without_a_usable_document_is_taken_with_a_warning(send):
    batch = send({"patient-registration": [registration(document_number="110105194912310021")]}, number="1")
    part = batch.receipt["data_sets"][0]
    assert (part["new"], part["warned"]) == (1, 1)
    assert part["findings"][0]["word"] == "document-check_digit"
    assert Resident.objects.get().state == "pending"


def test_an_older_registration_does_not_rename_the_patient(send):
    send({"patient-registration": [registration()]}, number="1")
    send({"patient-registration": [registration(name="旧名", revised_at="2020-01-01 00:00:00")]}, number="2")
    assert Patient.objects.get().name == "岩香"


def test_an_institution_reports_for_those_below_it(send):
    rows = [vital_signs("V1"), vital_signs("V2", institution_code=CLINIC)]
    assert counts(send({"vital-signs": rows}, number="1"), "vital-signs") == (2, 0, 0, 0, 0)


def test_an_actor_of_another_institution_may_not_send_for_the_sender(hospital, store, tmp_path):
    from kangqiao.registry.queries import institution_ids

    other = Actor(
        kind=ActorKind.TOKEN,
        id=None,
        name="other",
        institution_id=institution_ids()[STRANGER],
        permissions=permissions_of([Role.SENDER]),
    )
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    with pytest.raises(NotPermitted):
        submit_parcel(path=parcel, door=Door.UPLOAD, actor=other, store=store)
    assert Batch.objects.count() == 0


# -- what can not be taken --------------------------------------------------------------------------


def _no_manifest(parcel):
    (parcel / "manifest.json").unlink()
    return parcel


def _manifest_garbage(parcel):
    (parcel / "manifest.json").write_bytes(b"\xff\x00{")
    return parcel


def _edited(**changes):
    def edit(parcel):
        path = parcel / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes), encoding="utf-8")
        return parcel

    return edit


def _truncated_zip(parcel):
    packed = _packed(parcel, ".zip")
    packed.write_bytes(packed.read_bytes()[:-40])
    return packed


def _garbage_archive(parcel):
    path = parcel.parent / "garbage.zip"
    path.write_bytes(bytes(range(256)) * 100)
    return path


def _damaged_file(parcel):
    (parcel / "vital-signs.csv").write_bytes(b"damaged on the way")
    return parcel


def _missing_file(parcel):
    (parcel / "vital-signs.csv").unlink()
    return parcel


def _unknown_data_set(parcel):
    path = parcel / "manifest.json"
    path.write_text(path.read_text().replace('"vital-signs"', '"horoscope"'), encoding="utf-8")
    return parcel


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (_no_manifest, "manifest-missing"),
        (_manifest_garbage, "manifest"),
        (_edited(number=7), "manifest"),
        (_edited(contract="1.9"), "contract-newer"),
        (_edited(contract="0.9"), "contract-older"),
        (_edited(sender="91530900MA00000000"), "sender-unknown"),
        (_edited(data_sets=[]), "manifest"),
        (_truncated_zip, "archive"),
        (_garbage_archive, "archive"),
        (_damaged_file, "digest"),
        (_missing_file, "file-missing"),
        (_unknown_data_set, "data-set-unknown"),
    ],
)
def test_a_batch_that_can_not_be_taken_gets_a_receipt_that_says_why(take, tmp_path, spoil, word):
    batch = take(spoil(write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})))
    assert (batch.state, batch.problem["word"]) == (BatchState.REFUSED, word)
    assert batch.receipt["summary"].startswith("整批退回：")
    assert VitalSigns.objects.count() == 0


def test_after_a_damaged_delivery_the_same_number_can_be_sent_again(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    good = (parcel / "vital-signs.csv").read_bytes()
    assert take(_damaged_file(parcel)).state == BatchState.REFUSED
    (parcel / "vital-signs.csv").write_bytes(good)
    assert take(parcel).state == BatchState.COMPLETED


def test_a_zip_bomb_is_not_unpacked(take, tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LIMITS", archives.Limits(free_bytes=1 << 20))
    monkeypatch.setattr(archives.unpack, "__defaults__", (archives.LIMITS,))
    monkeypatch.setattr(archives.Meter.__init__, "__defaults__", (archives.LIMITS,))
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]})
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
        for file in parcel.iterdir():
            out.write(file, file.name)
        out.writestr("zeros.csv", bytes(64 << 20))
    batch = take(packed)
    assert batch.problem["word"] == "archive"
    assert "压缩炸弹" in batch.problem["message"]


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"PAR1" + b"\x00" * 200, "vital-signs.parquet", "unreadable"),
        (b"not a table", "vital-signs.parquet", "unreadable"),
        ("业务主键\n\xff\xfe".encode("latin-1", "replace") + b"\xff\xff\x80", "vital-signs.csv", "unreadable"),
        (b"\x1f\x8b\x08\x00truncated", "vital-signs.csv.gz", "unreadable"),
        (b"[1, 2", "vital-signs.ndjson", "unreadable"),
        (b"", "vital-signs.csv", "columns"),
        (b"source_key,revised_at\nV1,2026-02-01 09:00:00\n", "vital-signs.csv", "columns"),
        (b"x" * 100, "vital-signs.docx", "unreadable"),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_the_others_are_taken(take, tmp_path, content, name, word):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()], "patient-registration": [registration()]})
    (parcel / "vital-signs.csv").unlink()
    (parcel / name).write_bytes(content)
    sign_again(parcel, {"vital-signs": name})
    batch = take(parcel)
    part = batch.parts.get(data_set="vital-signs")
    assert (part.state, part.problem["word"]) == (PartState.REFUSED, word)
    assert PatientRegistration.objects.count() == 1


def test_a_file_with_fewer_rows_than_the_manifest_says_is_refused(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs("V1"), vital_signs("V2")]})
    path = parcel / "manifest.json"
    path.write_text(path.read_text().replace('"rows": 2', '"rows": 3'), encoding="utf-8")
    part = take(parcel).parts.get()
    assert (part.problem["word"], VitalSigns.objects.count()) == ("row-count", 0)


def test_lines_that_are_no_rows_are_counted_and_the_others_taken(take, tmp_path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs("V1"), vital_signs("V2"), vital_signs("V3")]})
    file = parcel / "vital-signs.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[2] += ",one,too,many"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sign_again(parcel)
    batch = take(parcel)
    assert counts(batch, "vital-signs") == (2, 0, 0, 0, 1)
    assert batch.receipt["data_sets"][0]["findings"][0]["examples"] == [3]


def test_a_batch_whose_process_died_is_queued_again_and_a_finished_one_is_not(take, store, tmp_path):
    take(write_parcel(tmp_path / "done", {"vital-signs": [vital_signs("V1")]}, number="1"))
    path = write_parcel(tmp_path / "left", {"vital-signs": [vital_signs("V2")]}, number="2")
    left = submit_parcel(path=path, door=Door.COMMAND, actor=system_actor("test"), store=store)
    Batch.objects.update(received_at=timezone.now() - jobs.FORGOTTEN_AFTER)
    for _ in range(2):
        jobs.remember(timestamp=0)
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT args ->> 'batch_id' FROM procrastinate_jobs WHERE task_name = 'intake.process'")
        assert cursor.fetchall() == [(str(left.id),)]


def test_many_bad_rows_make_one_short_receipt(send):
    rows = [vital_signs(f"V{n}", measured="?", systolic="abc") for n in range(20_000)]
    batch = send({"vital-signs": rows}, number="1")
    assert counts(batch, "vital-signs") == (0, 0, 0, 0, 20_000)
    assert len(json.dumps(batch.receipt)) < 4000


def test_two_batches_with_the_same_keys_at_once_store_each_key_once(take, tmp_path):
    parcels = [
        write_parcel(
            tmp_path / f"p{side}",
            {"vital-signs": [vital_signs(f"V{n}", systolic=str(120 + side)) for n in range(2000)]},
            number=f"n{side}",
        )
        for side in range(2)
    ]
    failures = []

    def run(parcel):
        try:
            take(parcel)
        except Exception as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(parcel,)) for parcel in parcels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert VitalSigns.objects.count() == 2000
    assert VitalSigns.objects.filter(version=2).count() == 2000
    assert FormerVersion.objects.count() == 2000


def test_a_part_without_every_row_accounted_for_can_not_be_written(send):
    from django.db import IntegrityError, transaction

    part = send({"vital-signs": [vital_signs()]}, number="1").parts.get()
    part.new = 7
    with pytest.raises(IntegrityError, match="part_every_row_accounted"), transaction.atomic():
        part.save()


def _packed(parcel, suffix):
    target = parcel.parent / f"packed{suffix}"
    if suffix == ".zip":
        return Path(shutil.make_archive(str(target.with_suffix("")), "zip", parcel))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz" if suffix == ".tar.gz" else "w") as out:
        for file in sorted(parcel.iterdir()):
            out.add(file, f"batch/{file.name}")
    content = plain.getvalue()
    target.write_bytes(zstandard.compress(content) if suffix == ".tar.zst" else content)
    return target


def test_a_finding_says_which_code_was_probably_meant_but_repeats_no_other_text(send):
    slips = {"P1": "1", "P2": "1", "P3": "身份证", "P4": "岩香"}
    rows = [registration(number, document_type=code) for number, code in slips.items()]
    batch = send({"patient-registration": rows}, number="slips")
    (finding,) = [each for each in batch.receipt["data_sets"][0]["findings"] if each["word"] == "value-set"]
    assert finding["rows"] == 4
    assert finding["hints"] == [
        "“1”缺前导零，应为“01”（居民身份证）",
        "“身份证”是名称，应填代码“01”（居民身份证）",
    ]


def test_a_code_out_of_use_is_stored_with_a_warning_that_names_its_successor(send):
    batch = send({"patient-registration": [registration(education="50")]}, number="retired")
    (finding,) = batch.receipt["data_sets"][0]["findings"]
    assert (finding["word"], finding["severity"]) == ("retired", "warning")
    assert finding["hints"] == ["“50”（技工学校）自 2007-03-01 起停用，改用“40”（中等职业教育）"]
    assert PatientRegistration.objects.get().education == "50"


def test_a_diagnosis_outside_the_imported_terminology_is_stored_with_a_warning(send, tmp_path, monkeypatch):
    diagnosis = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "revised_at": "2026-02-01 09:05:00",
        "diagnosed": "2026-02-01 09:00:00",
        "code_name": "高血压",
        "role": "1",
    }
    rows = [diagnosis | {"source_key": code, "code": code} for code in ("I10.x00x002", "I10.x00x999")]
    parcel = {"patient-registration": [registration()], "diagnosis": rows}
    assert send(parcel, number="before").receipt["totals"]["warned"] == 0
    monkeypatch.setattr(imported_codes.place, "folder", tmp_path / "terminology")
    imported_codes.publish("icd-10", ["I10.x00x002"])
    batch = send(parcel | {"diagnosis": [row | {"revised_at": "2026-02-02 09:05:00"} for row in rows]}, number="after")
    findings = {part["data_set"]: part["findings"] for part in batch.receipt["data_sets"]}
    assert [(each["word"], each["severity"], each["rows"]) for each in findings["diagnosis"]] == [
        ("unlisted", "warning", 1)
    ]
