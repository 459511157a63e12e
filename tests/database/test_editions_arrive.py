"""Files of a former and of the newest edition, sent side by side until the former one's last day."""

import datetime as dt
from types import SimpleNamespace

import openpyxl
import pytest
from django.db import connection
from django.test import Client

from changed_data_set import ClinicVisit, clinic_visit
from kangqiao.gateway.gate import judge
from kangqiao.infra.files import FileStore
from kangqiao.intake.editions import fitting_edition
from kangqiao.intake.excel import refused_file
from kangqiao.intake.filled_in import submit_workbook
from kangqiao.intake.models import Batch, BatchState, Door, Part, PartState
from kangqiao.intake.queries import adoptions
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import contract_version, data_sets
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import Account
from kangqiao.trust.services import create_account
from parcels import HOSPITAL, STRANGER, register_institutions, registration, vital_signs, write_parcel

ACTOR = system_actor("test")
BESIDE = dt.datetime(2026, 6, 10, 12, tzinfo=CITY_TIME)
LAST_MINUTE = dt.datetime(2026, 6, 30, 23, 59, 59, tzinfo=CITY_TIME)
TOO_LATE = dt.datetime(2026, 7, 1, tzinfo=CITY_TIME)
FORMER = {"weight": None, "weight_unit": None, "illness": None, "illness_name": None, "institution_code": HOSPITAL}
NEWEST = {"institution_code": HOSPITAL}
WORD = ClinicVisit.word


@pytest.fixture
def hospital(committed_database, monkeypatch):
    """A registered hospital, and a table of the changed data set in which what came last stands last."""
    with connection.schema_editor() as editor:
        editor.create_model(ClinicVisit)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {ClinicVisit.table()} DROP COLUMN weight, ADD COLUMN weight double precision")
    monkeypatch.setitem(data_sets(), WORD, ClinicVisit)
    return register_institutions()


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def send(hospital, store, tmp_path):
    """Send rows so that they arrive at a moment; returns the finished batch."""
    numbers = iter(range(1, 100))

    def send(rows, *, at=BESIDE, edition=None, others=None, **options):
        number = f"2026-{next(numbers)}"
        parcel = write_parcel(
            tmp_path / number,
            {WORD: rows, **(others or {})},
            number=number,
            editions={WORD: edition} if edition else {},
            **options,
        )
        batch = submit_parcel(path=parcel, door=Door.COMMAND, actor=ACTOR, store=store)
        return arrived(batch, at)

    def arrived(batch, at):
        Batch.objects.filter(id=batch.id).update(received_at=at)
        return process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")

    send.arrived = arrived
    return send


def part_of(batch):
    return batch.parts.get(data_set=WORD)


def said(batch):
    return next(part for part in batch.receipt["data_sets"] if part["data_set"] == WORD)


def test_both_editions_are_taken_side_by_side(send):
    old = send([clinic_visit(source_key="A", payment="03", sex="9", **FORMER)], contract="1.0")
    new = send([clinic_visit(source_key="B", **NEWEST)], contract="1.3")
    assert (part_of(old).edition, part_of(new).edition) == ("1.0", "1.3")
    assert [(part_of(each).new, part_of(each).refused) for each in (old, new)] == [(1, 0), (1, 0)]
    former, newest = ClinicVisit.objects.order_by("source_key")
    assert (former.payment, former.sex, former.weight) == ("01", "9", None)
    assert (newest.payment, newest.weight, newest.weight_unit) == ("01", 61.5, "kg")


def test_the_receipt_of_a_former_edition_says_until_when_and_what_instead(send):
    old = send([clinic_visit(**FORMER)], contract="1.0")
    assert said(old)["edition"] == "1.0"
    assert said(old)["notes"] == [
        "本数据集 1.0 版将于 2026-06-30 停止接收，请改用 1.3 版，变更见平台“数据标准 → 变更公告”"
    ]
    assert said(send([clinic_visit(**NEWEST)], contract="1.3"))["notes"] == []


def test_an_entry_may_name_another_edition_than_the_contract_implies(send):
    batch = send([clinic_visit(**FORMER)], contract="1.3", edition="1.0")
    assert (part_of(batch).edition, part_of(batch).new) == ("1.0", 1)


def test_a_former_edition_is_taken_to_the_end_of_its_last_day_in_the_city(send):
    assert part_of(send([clinic_visit(**FORMER)], at=LAST_MINUTE)).state == PartState.STORED
    assert part_of(send([clinic_visit(**FORMER)], at=TOO_LATE)).state == PartState.REFUSED


def test_afterwards_its_file_is_refused_as_a_whole_and_kept_and_the_others_are_stored(send, store):
    rows, others = [clinic_visit(**FORMER)], {"vital-signs": [vital_signs()]}
    batch = send(rows, at=TOO_LATE, contract="1.0", others=others)
    part = part_of(batch)
    assert (batch.state, part.state, part.rows, part.edition) == (BatchState.COMPLETED, PartState.REFUSED, 0, "1.0")
    assert part.problem == {
        "word": "edition-over",
        "message": "“门诊随访”这份文件按 1.0 版报送，这一版已于 2026-06-30 停止接收（含当日），现在接收 1.1、1.3 版；"
        "请按 1.3 版重新导出，换一个新的批次号报送；变更见平台“数据标准 → 变更公告”",
    }
    assert (ClinicVisit.objects.count(), VitalSigns.objects.count()) == (0, 1)
    assert any(name.endswith(f"{WORD}.csv") for name in store.list(f"batches/{batch.id}/"))


@pytest.mark.parametrize(
    ("edition", "at", "word"),
    [("1.2", BESIDE, "edition-unknown"), ("1.3", dt.datetime(2026, 5, 31, tzinfo=CITY_TIME), "edition-early")],
)
def test_an_edition_that_is_not_there_or_not_yet_taken_is_refused(send, edition, at, word):
    assert part_of(send([clinic_visit(**NEWEST)], at=at, edition=edition)).problem["word"] == word


def test_the_newest_contract_is_that_of_the_newest_edition(send):
    assert contract_version() == "1.3"
    assert send([clinic_visit(**NEWEST)], contract="1.4").problem["word"] == "contract-newer"


def test_a_correction_in_the_newer_edition_keeps_the_former_version(send):
    send([clinic_visit(sex="9", **FORMER)], contract="1.0")
    later = clinic_visit(sex="2", revised_at="2026-02-02 08:00:00", **NEWEST)
    assert part_of(send([later], contract="1.3")).changed == 1
    row = ClinicVisit.objects.get()
    assert (row.version, row.sex, row.weight) == (2, "2", 61.5)


def test_refused_rows_of_a_former_edition_come_back_as_they_came_and_can_be_sent_again(send, store, tmp_path):
    row = clinic_visit(payment="03", visited="昨天", **FORMER)
    batch = send([row], contract="1.0")
    file = refused_file(actor=ACTOR, batch=batch, parts=[part_of(batch)], store=store, folder=tmp_path)
    book = openpyxl.load_workbook(file)
    titles, names, cells = book["门诊随访"].iter_rows(values_only=True)
    assert dict(zip(names, cells, strict=True))["payment"] == "03"
    assert "weight" not in names
    assert "old_note" in names
    assert len(titles) == len(names)
    book["门诊随访"].cell(3, names.index("visited") + 1).value = "20260201T090000"
    book.save(file)
    folder = tmp_path / "corrected"
    folder.mkdir()
    again = submit_workbook(file=file, sender=HOSPITAL, number=None, actor=ACTOR, store=store, folder=folder)
    corrected = part_of(send.arrived(again, BESIDE))
    assert (corrected.edition, corrected.new, corrected.refused) == ("1.0", 1, 0)


def test_a_table_filled_in_by_hand_follows_the_newest_edition_it_is_whole_for():
    whole = [field.name for field in ClinicVisit.wire()]
    former = [field.name for field in ClinicVisit.wire("1.0")]
    assert fitting_edition(ClinicVisit, whole, BESIDE.date()) == "1.3"
    assert fitting_edition(ClinicVisit, former, BESIDE.date()) == "1.0"
    assert fitting_edition(ClinicVisit, former, TOO_LATE.date()) == "1.1"
    assert fitting_edition(ClinicVisit, whole, dt.date(2026, 2, 1)) == "1.0"


def test_a_column_that_was_withdrawn_is_not_used_in_newer_files(send):
    batch = send([clinic_visit(old_note="旧", **NEWEST)], contract="1.3")
    assert said(batch)["notes"] == ["文件中有 1 个未约定或重复的列，没有使用：old_note"]
    send([clinic_visit(source_key="K2", old_note="旧", **NEWEST)], contract="1.1")
    assert list(ClinicVisit.objects.order_by("source_key").values_list("old_note", flat=True)) == [None, "旧"]


def test_a_table_row_without_the_column_a_former_edition_required_is_still_refused(send):
    batch = send([clinic_visit(payment=None, **FORMER)], contract="1.0")
    assert part_of(batch).problem == {"word": "columns", "message": "文件缺少必填的列：支付方式代码（payment）"}


@pytest.mark.parametrize(
    ("at", "missing"), [(BESIDE, set()), (TOO_LATE, {"clinic-visit.weight", "clinic-visit.illness_name"})]
)
def test_a_resource_is_held_to_the_oldest_edition_that_is_still_taken(at, missing):
    reading = SimpleNamespace(warnings=(), partial=(), by_receipt=(), unresolved=())
    declared = SimpleNamespace(type="Observation", path_of=lambda column: column)
    row = SimpleNamespace(data_set=ClinicVisit, declaration=declared, reading=reading, cells=clinic_visit(**FORMER))
    _, problems = judge(SimpleNamespace(rows=[row], problems=[]), institution_id=1, received_at=at)
    assert {problem.element for problem in problems} == missing


# -- who has adopted what --------------------------------------------------------------------------------------


def browser_of(role, institution):
    account = create_account(
        username=role, display_name="测试员", roles=[role], institution_id=institution, actor=ACTOR,
        must_change_password=False,
    ).account  # fmt: skip
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    return client


def test_the_last_edition_of_each_sender_is_known(send, hospital):
    send([clinic_visit(**FORMER)], contract="1.0", at=BESIDE)
    send([clinic_visit(**NEWEST)], contract="1.1", at=BESIDE + dt.timedelta(hours=1))
    send([clinic_visit(institution_code=STRANGER)], contract="1.3", sender=STRANGER)
    found = {(each.sender_id, each.edition) for each in adoptions(actor=ACTOR)}
    assert {edition for sender, edition in found if sender == hospital.id} == {"1.1"}
    assert {edition for sender, edition in found if sender != hospital.id} == {"1.3"}


def test_a_sender_reads_the_announcements_and_only_its_own_adoption(send, hospital):
    send([clinic_visit(**FORMER)], contract="1.0")
    send([clinic_visit(institution_code=STRANGER)], contract="1.3", sender=STRANGER)
    page = browser_of("sender", hospital.id).get("/standards/changes").content.decode()
    assert page.index("1.1 → 1.3") < page.index("1.0 → 1.1")
    assert "本机构最近报送的版本" in page
    assert "县医院" in page
    assert "别的医院" not in page
    everyone = browser_of("data-manager", None).get("/standards/changes").content.decode()
    assert "各机构最近报送的版本" in everyone
    assert "别的医院" in everyone


def test_two_editions_are_compared_on_a_page(send, hospital):
    browser = browser_of("sender", hospital.id)
    page = browser.get(f"/standards/{WORD}/compare?former=1.0&newer=1.3").content.decode()
    assert "02 城镇居民基本医疗保险" in page
    assert "03 新型农村合作医疗" in page
    assert browser.get(f"/standards/{WORD}/compare?former=1.0&newer=9.9").status_code == 404
    assert "变更" in browser.get(f"/standards/{WORD}").content.decode()


def test_where_nothing_changed_the_list_says_so(committed_database):
    assert "还没有变更公告" in browser_of("regulator", None).get("/standards/changes").content.decode()


def test_parts_of_one_batch_each_have_their_edition(send):
    others = {"patient-registration": [registration()]}
    batch = send([clinic_visit(**FORMER)], contract="1.1", edition="1.0", others=others)
    assert dict(Part.objects.filter(batch=batch).values_list("data_set", "edition")) == {
        WORD: "1.0",
        "patient-registration": "1.0",
    }
