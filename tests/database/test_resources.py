"""Rows about no patient take the same way as all others: checked, stored, corrected, and explained on their page."""

import datetime as dt

import openpyxl
import pytest
from django.test import Client

from kangqiao.identity.models import Patient
from kangqiao.infra.files import FileStore
from kangqiao.intake import manifest as manifests
from kangqiao.intake.filled_in import parcel_from_workbook
from kangqiao.intake.manifest import Period
from kangqiao.intake.models import BatchState, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.quality.models import Measure, Volume
from kangqiao.quality.services import measure
from kangqiao.records.models import FormerVersion
from kangqiao.records.resources.models import BedCount, Dispensing, DrugStock
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.documents import excel_template
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Role
from kangqiao.trust.services import create_account
from parcels import HOSPITAL, register_institutions, registration, write_parcel

ACTOR = system_actor("test")
RESOURCES = [word for word, each in data_sets().items() if each._meta.app_label == "resources"]


@pytest.fixture
def process(committed_database, tmp_path):
    """Process a submitted batch and return it finished."""
    register_institutions()
    return lambda batch: process_batch(batch_id=batch.id, store=_store(tmp_path), work=tmp_path / "work")


@pytest.fixture
def send(process, tmp_path):
    """Send rows as a parcel of their own and return the finished batch."""

    def send(data_sets, *, number, **options):
        path = write_parcel(tmp_path / f"parcel-{number}", data_sets, number=number, **options)
        return process(submit_parcel(path=path, door=Door.COMMAND, actor=ACTOR, store=_store(tmp_path)))

    return send


def _store(folder):
    return FileStore((folder / "archive").as_uri())


def day(number):
    return dt.date(2026, 1, number)


def beds(key="B1", **changes):
    """One department's beds on one day as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "source_key": key,
        "revised_at": "2026-02-01 08:00:00",
        "counted": "2026-01-31",
        "department_code": "0301",
        "department": "呼吸内科",
        "kind": "1",
        "authorised": "40",
        "open": "40",
        "occupied": "33",
    }
    return row | changes


def stock(key="S1", **changes):
    """One lot of a drug in stock as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "source_key": key,
        "revised_at": "2026-02-01 08:00:00",
        "item": "YP0001",
        "drug": "J01CA04",
        "drug_name": "阿莫西林胶囊",
        "counted": "2026-01-31",
        "lot": "2510001",
        "expires": "2027-10-31",
        "quantity": "120",
        "state": "1",
    }
    return row | changes


def dispensing(**changes):
    """What was handed out to a patient as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "source_key": "F1",
        "patient_number": "P1",
        "revised_at": "2026-02-01 10:00:00",
        "prescription": "CF1",
        "drug": "J01CA04",
        "drug_name": "阿莫西林胶囊",
        "dispensed": "2026-02-01 09:00:00",
        "lot": "2510001",
        "quantity": "2",
        "pharmacist": "李药师",
    }
    return row | changes


@pytest.mark.parametrize("form", ["csv", "parquet", "ndjson.gz"])
def test_rows_without_a_patient_are_stored_and_make_nobody_a_patient(send, form):
    batch = send({"bed-count": [beds(), beds("B2", occupied="41")], "drug-stock": [stock()]}, number="1", form=form)
    assert batch.state == BatchState.COMPLETED
    assert batch.receipt["totals"] == {
        "rows": 3, "new": 2, "changed": 0, "unchanged": 0, "stale": 0, "refused": 1, "warned": 0
    }  # fmt: skip
    assert (BedCount.objects.get().occupied, DrugStock.objects.get().quantity) == (33, 120)
    assert not Patient.objects.exists()


def test_a_newer_version_of_a_row_without_a_patient_replaces_the_former_one(send):
    send({"bed-count": [beds()]}, number="1")
    batch = send({"bed-count": [beds(occupied="35", revised_at="2026-02-02 08:00:00")]}, number="2")
    assert batch.receipt["totals"]["changed"] == 1
    assert (BedCount.objects.get().occupied, BedCount.objects.get().version) == (35, 2)
    assert FormerVersion.objects.get().content["occupied"] == 33


def test_a_day_to_come_is_refused_to_rows_without_a_patient_too(send):
    batch = send({"bed-count": [beds(counted="2090-01-31")]}, number="1")
    (finding,) = batch.parts.get().findings
    assert (finding["column"], finding["word"]) == ("counted", "future")


def test_what_was_dispensed_belongs_to_the_patient(send):
    send({"patient-registration": [registration()], "dispensing": [dispensing()]}, number="1")
    assert Dispensing.objects.get().patient_id == Patient.objects.get(local_number="P1").id


def test_a_filled_in_template_reports_the_days_its_rows_are_about(process, tmp_path):
    path = tmp_path / "beds.xlsx"
    path.write_bytes(excel_template(BedCount))
    book = openpyxl.load_workbook(path)
    for row in (beds(), beds("B2", counted="2026-01-30")):
        book.worksheets[0].append([row.get(field.name, "") for field in BedCount.wire()])
    book.save(path)
    parcel = parcel_from_workbook(path, sender=HOSPITAL, number="1", folder=tmp_path)
    assert manifests.read((parcel / manifests.MANIFEST).read_bytes()).period == Period(day(30), day(31))
    batch = process(submit_parcel(path=parcel, door=Door.EXCEL, actor=ACTOR, store=_store(tmp_path)))
    assert batch.receipt["totals"]["new"] == 2


def test_quality_is_measured_on_the_day_a_row_without_a_patient_is_about(send, tmp_path):
    rows = [beds(open="44", occupied="40"), beds("B2", counted="2026-01-30", occupied="41")]
    send({"bed-count": rows, "drug-stock": [stock()]}, number="1")
    measure(home=tmp_path, store=_store(tmp_path), actor=ACTOR)
    counted = Volume.objects.order_by("data_set", "day").values_list("data_set", "day", "rows", "refused")
    assert list(counted) == [
        ("bed-count", day(30), 0, 1),
        ("bed-count", day(31), 1, 0),
        ("drug-stock", day(31), 1, 0),
    ]
    failed = set(Measure.objects.filter(failed__gt=0).values_list("data_set", "rule"))
    assert {("bed-count", "authorised:not-less"), ("drug-stock", "item:orphan")} <= failed


@pytest.mark.parametrize("word", RESOURCES)
def test_the_standards_pages_explain_every_data_set_of_the_room(database, word):
    account = create_account(
        username="clerk",
        display_name="测试员",
        roles=[Role.SENDER],
        institution_id=1,
        actor=ACTOR,
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    page = client.get(f"/standards/{word}")
    assert page.status_code == 200
    assert data_sets()[word].title in page.content.decode()
    for suffix in ("xlsx", "md", "json"):
        assert client.get(f"/standards/{word}.{suffix}").status_code == 200
