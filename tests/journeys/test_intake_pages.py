"""Batches on screen: a sender finds what was refused, corrects it in Excel, sends it again and sees it accepted."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from stage.journey import PASSWORD, Site, fits_its_width, make_account, sign_in

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, BatchState, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from parcels import HOSPITAL, STRANGER, register_institutions, registration, vital_signs, write_parcel

Shoot = Callable[[str], None]


@pytest.fixture
def hospital(site: Site) -> Institution:
    return register_institutions()


@pytest.fixture
def store(site: Site) -> FileStore:
    """The archive of the server that the browser talks to."""
    return FileStore((site.log.parent / "home" / "archive").as_uri())


@pytest.fixture
def process(store: FileStore, tmp_path: Path) -> Callable[[Batch], Batch]:
    """Do what the worker does with a batch."""
    return lambda batch: process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")


@pytest.fixture
def send(hospital: Institution, store: FileStore, process, tmp_path: Path) -> Callable[..., Batch]:
    """Send rows as a hospital's system does, and process them."""

    def send(data_sets, *, number, **options):
        path = write_parcel(tmp_path / f"parcel-{number}", data_sets, number=number, **options)
        return process(submit_parcel(path=path, door=Door.INBOX, actor=system_actor("test"), store=store))

    return send


def as_sender(page: Page, hospital: Institution, path: str = "/intake/") -> None:
    make_account("sender", "sender", institution_id=hospital.id, display_name="王数据")
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(path)


def _send_button(page: Page) -> Locator:
    return page.get_by_role("button", name="报送", exact=True)


def _press_send(page: Page) -> None:
    _send_button(page).click()


def some_bad_rows() -> dict[str, list[dict[str, str]]]:
    """A day of a hospital: registrations and measurements, some of them wrong."""
    people = [registration(f"P{number}", document_number="", document_type="") for number in range(1, 40)]
    people[6] |= {"sex": "男"}
    people[20] |= {"birth_date": "1949年12月31日"}
    signs = [vital_signs(f"V{number}", patient_number=f"P{number % 39 + 1}") for number in range(1, 200)]
    for number in (7, 21, 22):
        signs[number] |= {"measured": "昨天上午"}
    signs[60] |= {"systolic": "70"}
    return {"patient-registration": people, "vital-signs": signs}


# -- the round trip ----------------------------------------------------------------------------------------------------


def test_refused_rows_are_downloaded_corrected_sent_again_and_accepted(  # noqa: PLR0917
    page: Page,
    shoot: Shoot,
    site: Site,
    hospital: Institution,
    send,
    process,
    tmp_path: Path,
):
    batch = send(some_bad_rows(), number="2026-02-01")
    assert batch.receipt["totals"]["refused"] == 6
    as_sender(page, hospital)
    row = page.locator("tbody tr", has_text="2026-02-01").first
    expect(row).to_contain_text("已完成，有退回")
    shoot("intake-batches")
    assert fits_its_width(page)
    row.get_by_role("link").click()
    expect(page.get_by_text("6 行被退回，没有入库")).to_be_visible()
    expect(page.get_by_role("img", name="新增 195 行，退回 4 行")).to_be_visible()
    expect(page.locator("#vital-signs")).to_contain_text("“记录日期时间”应为日期时间")
    expect(page.locator("#patient-registration")).to_contain_text("“男”是名称，应填代码“1”（男性）")
    shoot("intake-receipt")
    assert fits_its_width(page)
    page.locator("#vital-signs").get_by_role("link", name="查看退回行").click()
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.locator(".kqi-bad", has_text="昨天上午")).to_have_count(3)
    shoot("intake-refused")
    assert fits_its_width(page)
    page.get_by_role("link", name="返回批次").click()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="下载退回行").click()
    assert downloading.value.suggested_filename == "退回行-2026-02-01.xlsx"
    corrected = _correct(Path(downloading.value.path()), tmp_path / "改好的.xlsx")
    page.get_by_role("main").get_by_role("link", name="报送改好的文件").click()
    page.get_by_label("要报送的文件").set_input_files(corrected)
    expect(page.get_by_text("改好的.xlsx（")).to_be_visible()
    shoot("intake-submit")
    assert fits_its_width(page)
    _press_send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("批次 2026-02-01-更正1")
    expect(page.get_by_text("处理进度")).to_be_visible()
    shoot("intake-running")
    assert fits_its_width(page)
    process(Batch.objects.get(number="2026-02-01-更正1"))
    expect(page.get_by_text("全部入库")).to_be_visible()
    shoot("intake-accepted")
    assert VitalSigns.objects.count() == 199
    actions = AuditEntry.objects.filter(object_id=str(batch.id)).values_list("action", flat=True)
    assert {"intake:refused:read", "intake:refused:download"} <= set(actions)
    told = site.log.read_text(encoding="utf-8")
    assert "岩香" not in told
    assert "昨天上午" not in told


def _correct(file: Path, target: Path) -> Path:
    """Correct the workbook as a person would in Excel, numbers and dates and all."""
    book = openpyxl.load_workbook(file.open("rb"))
    people, signs = book["患者基本信息"], book["体征"]
    for row in range(3, people.max_row + 1):
        _cell(people, row, "sex").value = 1
        _cell(people, row, "birth_date").value = 19491231
    for row in range(3, signs.max_row + 1):
        _cell(signs, row, "measured").value = timezone.datetime(2026, 2, 1, 9, 30)
        _cell(signs, row, "systolic").value = 128
    book.save(target)
    return target


def _cell(sheet, row: int, column: str):
    return sheet.cell(row, [cell.value for cell in sheet[2]].index(column) + 1)


def test_a_long_list_of_refused_rows_is_paged(page: Page, hospital: Institution, send):
    batch = send({"vital-signs": [vital_signs(f"V{n}", measured="?") for n in range(60)]}, number="7")
    as_sender(page, hospital, f"/intake/{batch.id}/refused/vital-signs")
    expect(page.locator("tbody tr")).to_have_count(25)
    page.get_by_role("link", name="下一页").click()
    expect(page.locator("tbody tr").first).to_contain_text("26")
    page.get_by_role("link", name="下一页").click()
    expect(page.locator("tbody tr")).to_have_count(10)


def test_the_receipt_is_a_file_too_and_prints(page: Page, shoot: Shoot, hospital: Institution, send):
    batch = send(some_bad_rows(), number="八月/一")
    as_sender(page, hospital, f"/intake/{batch.id}")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="回执 JSON").click()
    assert downloading.value.suggested_filename == "回执-八月_一.json"
    assert json.loads(Path(downloading.value.path()).read_text(encoding="utf-8")) == batch.receipt
    page.emulate_media(media="print")
    expect(page.get_by_role("link", name="查看退回行").first).to_be_hidden()
    shoot("intake-receipt-print")


# -- the list ----------------------------------------------------------------------------------------------------------


def test_before_the_first_batch_the_page_says_how_to_send_one(page: Page, shoot: Shoot, hospital: Institution):
    as_sender(page, hospital)
    expect(page.get_by_text("还没有数据批次")).to_be_visible()
    expect(page.get_by_role("link", name="上传第一批")).to_be_visible()
    shoot("intake-empty")
    assert fits_its_width(page)


def test_batches_are_found_by_number_state_institution_and_day(page: Page, shoot: Shoot, hospital: Institution):
    other = Institution.objects.get(code=STRANGER)
    for number in range(60):
        _finished(hospital if number % 3 else other, f"2026-{number:03}", refused=number == 42)
    make_account("manager", "data-manager", display_name="赵管理")
    sign_in(page, "manager")
    page.goto("/intake/")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    shoot("intake-batches-city")
    assert fits_its_width(page)
    page.get_by_role("link", name="下一页").click()
    expect(rows).to_have_count(10)
    page.get_by_label("批次号").fill("-04")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(10)
    page.get_by_label("状态").select_option("refused")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(1)
    page.goto("/intake/")
    page.get_by_label("上传机构").select_option(label=f"别的医院（{STRANGER}）")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(20)
    page.goto("/intake/?since=2099-01-01")
    expect(page.get_by_text("没有符合条件的批次")).to_be_visible()
    page.goto("/intake/?since=2026-02-02&until=2026-02-01")
    expect(page.get_by_text("截止日期不能早于起始日期")).to_be_visible()
    page.goto("/intake/?after=nonsense")
    expect(rows).to_have_count(50)


def _finished(sender: Institution, number: str, *, refused: bool) -> Batch:
    """A batch of no rows."""
    return Batch.objects.create(
        sender_id=sender.id,
        number=number,
        digest="0" * 64,
        door=Door.INBOX,
        state=BatchState.REFUSED if refused else BatchState.COMPLETED,
        problem={"word": "digest", "message": "文件与清单不符"} if refused else None,
        received_at=timezone.now(),
        finished_at=timezone.now(),
        receipt={"batch": number},
    )


def test_the_list_follows_a_batch_in_work(page: Page, hospital: Institution, store, process, tmp_path: Path):
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]}, number="进行中")
    batch = submit_parcel(path=parcel, door=Door.INBOX, actor=system_actor("test"), store=store)
    as_sender(page, hospital)
    expect(page.locator("tbody tr")).to_contain_text("已接收，等待处理")
    process(batch)
    expect(page.locator("tbody tr")).to_contain_text("已完成")


# -- what can not be sent ----------------------------------------------------------------------------------------------


NO_DOORS = {
    "病历.pdf": (b"%PDF", "应为 Excel 工作簿（.xlsx）"),
    "数据.xls": (b"\xd0\xcf", "另存为 .xlsx"),
    "vital-signs.csv": (b"a,b", "和清单 manifest.json 一起打成一个压缩包"),
    "数据.rar": (b"Rar!", "改用 .zip"),
    "空.xlsx": (b"", "文件是空的"),
    "不是.xlsx": (b"hello", "不是有效的 .xlsx 工作簿"),
}


def test_a_file_no_door_takes_is_refused_with_what_to_do(page: Page, hospital: Institution):
    as_sender(page, hospital, "/intake/submit")
    for name, (content, said) in NO_DOORS.items():
        page.get_by_label("要报送的文件").set_input_files({"name": name, "mimeType": "", "buffer": content})
        expect(page.get_by_role("alert")).to_be_hidden()
        _press_send(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
        expect(_send_button(page)).to_be_enabled()
    assert Batch.objects.count() == 0


def test_what_a_workbook_lost_is_listed_by_its_place(page: Page, shoot: Shoot, hospital: Institution, tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.title = "患者基本信息"
    row = registration(document_number=110105194912310021)
    book.active.append(list(row))
    book.active.append(list(row.values()))
    book.create_sheet("备忘").append(["给自己看的"])
    book.save(tmp_path / "一月.xlsx")
    as_sender(page, hospital, "/intake/submit")
    page.get_by_label("要报送的文件").set_input_files(tmp_path / "一月.xlsx")
    _press_send(page)
    expect(page.get_by_role("alert")).to_contain_text("工作表“患者基本信息”第 2 行“身份证件号码”：号码超过 15 位")
    expect(page.get_by_role("alert").get_by_role("listitem")).to_have_count(2)
    shoot("intake-submit-refused")
    assert fits_its_width(page)


def test_a_used_number_and_another_senders_batch_are_refused_plainly(
    page: Page, hospital: Institution, send, tmp_path: Path
):
    send({"vital-signs": [vital_signs()]}, number="2026-5")
    as_sender(page, hospital, "/intake/submit")
    again = write_parcel(tmp_path / "again", {"vital-signs": [vital_signs(systolic="150")]}, number="2026-5")
    foreign = write_parcel(tmp_path / "foreign", {"vital-signs": [vital_signs()]}, number="1", sender=STRANGER)
    for parcel, said in ((again, "换一个新的批次号"), (foreign, "不能代其报送")):
        page.get_by_label("要报送的文件").set_input_files(_zipped(parcel))
        _press_send(page)
        expect(page.get_by_role("alert")).to_contain_text(said)
    assert Batch.objects.count() == 1


def test_an_archive_is_sent_and_a_broken_one_is_a_batch_refused_as_a_whole(
    page: Page, shoot: Shoot, hospital: Institution, process, tmp_path: Path
):
    as_sender(page, hospital, "/intake/submit")
    parcel = write_parcel(tmp_path / "whole", {"vital-signs": [vital_signs()]}, number="2026-6")
    page.get_by_label("要报送的文件").set_input_files(_zipped(parcel))
    _press_send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("批次 2026-6")
    process(Batch.objects.get())
    expect(page.get_by_text("全部入库，没有问题")).to_be_visible()
    (parcel / "manifest.json").unlink()
    page.goto("/intake/submit")
    page.get_by_label("要报送的文件").set_input_files(_zipped(parcel))
    _press_send(page)
    expect(page.get_by_role("heading", name="整批退回")).to_be_visible()
    expect(page.get_by_text("批次中没有清单文件 manifest.json")).to_be_visible()
    shoot("intake-whole")
    assert fits_its_width(page)


def test_a_broken_connection_is_said_and_can_be_tried_again(page: Page, hospital: Institution, tmp_path: Path):
    as_sender(page, hospital, "/intake/submit")
    parcel = write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]}, number="1")
    page.get_by_label("要报送的文件").set_input_files(_zipped(parcel))
    page.evaluate(
        "() => { window.send = XMLHttpRequest.prototype.send;"
        " XMLHttpRequest.prototype.send = function () { this.dispatchEvent(new ProgressEvent('error')); }; }"
    )
    _press_send(page)
    expect(page.get_by_role("alert")).to_contain_text("网络中断")
    page.evaluate("() => { XMLHttpRequest.prototype.send = window.send; }")
    _press_send(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("批次 1")


def _zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    return path


# -- who may see what --------------------------------------------------------------------------------------------------


def test_another_institutions_batch_does_not_exist_for_a_sender(page: Page, hospital: Institution, send):
    own = send({"vital-signs": [vital_signs("V1", measured="?")]}, number="自己的")
    rows = [vital_signs("V1", institution_code=STRANGER, measured="?")]
    foreign = send({"vital-signs": rows}, number="别人的", sender=STRANGER)
    as_sender(page, hospital)
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("别人的")).to_have_count(0)
    for path in ("", "/receipt.json", "/refused.xlsx", "/refused/vital-signs", "/refused/vital-signs.xlsx"):
        assert page.request.get(f"/intake/{own.id}{path}").status == 200
        assert page.request.get(f"/intake/{foreign.id}{path}").status == 404
    assert not AuditEntry.objects.filter(object_id=str(foreign.id), actor_kind="account").exists()


def test_the_regulator_reads_receipts_but_no_rows_and_sends_nothing(page: Page, send):
    batch = send({"vital-signs": [vital_signs("V1", measured="?")]}, number="1")
    make_account("regulator", "regulator")
    sign_in(page, "regulator")
    page.goto(f"/intake/{batch.id}")
    expect(page.get_by_text("有退回的行，没有入库")).to_be_visible()
    for name in ("下载退回行", "查看退回行", "报送数据"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    for path in ("refused.xlsx", "refused/vital-signs", "refused/vital-signs.xlsx"):
        assert page.request.get(f"/intake/{batch.id}/{path}").status == 403
    assert page.request.get("/intake/submit").status == 403


def test_a_clinician_and_a_stranger_are_kept_out(page: Page, hospital: Institution):
    assert page.request.get("/intake/", max_redirects=0).status == 302
    make_account("doctor", "clinician", institution_id=hospital.id)
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.request.get("/intake/").status == 403


def test_without_the_script_the_form_is_answered_with_pages(site: Site, hospital: Institution, tmp_path: Path):
    make_account("sender", "sender", institution_id=hospital.id)
    with httpx.Client(base_url=site.url) as client:
        _sign_in_plainly(client)
        page = client.get("/intake/submit").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        bad = client.post("/intake/submit", data={"csrfmiddlewaretoken": token}, files={"file": ("a.pdf", b"%PDF")})
        assert bad.status_code == 422
        assert "不能接收这种文件" in bad.text
        parcel = _zipped(write_parcel(tmp_path / "p", {"vital-signs": [vital_signs()]}, number="1", sender=HOSPITAL))
        good = client.post(
            "/intake/submit", data={"csrfmiddlewaretoken": token}, files={"file": ("p.zip", parcel.read_bytes())}
        )
        assert (good.status_code, good.headers["location"]) == (302, f"/intake/{Batch.objects.get().id}")


def _sign_in_plainly(client: httpx.Client) -> None:
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', client.get("/sign-in").text)[1]
    answer = client.post("/sign-in", data={"csrfmiddlewaretoken": token, "username": "sender", "password": PASSWORD})
    assert answer.status_code == 302
