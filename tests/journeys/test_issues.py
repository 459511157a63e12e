"""The loop on screen: the manager opens issues, the clerk corrects, sends again and answers, the rule closes them."""

import datetime as dt
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from stage.journey import Site, fits_its_width, make_account, sign_in

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.quality import services
from kangqiao.quality.issue_queries import Thresholds
from kangqiao.quality.issue_services import escalate_overdue, open_issue, open_issues_for
from kangqiao.quality.models import FailedDay, Issue, Measure
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from parcels import STRANGER, register_institutions, registration, vital_signs, write_parcel

Shoot = Callable[[str], None]
SYSTEM = system_actor("test")
FEBRUARY = dt.date(2026, 2, 1)


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
def measure(store: FileStore, tmp_path: Path, monkeypatch) -> Callable[[], None]:
    """Do what the worker does once batches have been stored."""
    monkeypatch.setattr(services, "MARGIN", dt.timedelta(0))
    return lambda: services.measure(home=tmp_path / "home", store=store, actor=SYSTEM)


@pytest.fixture
def errors_measured(hospital: Institution, store: FileStore, process, measure, tmp_path: Path) -> Institution:
    """A hospital's day: three measurements without a readable time, two temperatures nobody has."""
    wrong = {1: {"measured": "昨天"}, 2: {"measured": "前天"}, 3: {"measured": "?"}}
    wrong |= {number: {"temperature": "57"} for number in (4, 5)}
    rows = [vital_signs(f"V{number}", **wrong.get(number, {})) for number in range(1, 31)]
    parcel = write_parcel(tmp_path / "p", {"patient-registration": [registration()], "vital-signs": rows})
    process(submit_parcel(path=parcel, door=Door.INBOX, actor=SYSTEM, store=store))
    measure()
    return hospital


def as_manager(page: Page, path: str) -> None:
    make_account("manager", "data-manager", display_name="赵管理")
    sign_in(page, "manager")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(path)


def as_clerk(page: Page, hospital: Institution, path: str = "/") -> None:
    make_account("clerk", "sender", institution_id=hospital.id, display_name="王数据")
    sign_in(page, "clerk")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(path)


def sign_out(page: Page) -> None:
    page.context.clear_cookies()


def test_from_opening_to_solved_both_sides_see_every_step(  # noqa: PLR0917
    page: Page, shoot: Shoot, errors_measured: Institution, process, measure, tmp_path: Path
):
    make_account("clerk", "sender", institution_id=errors_measured.id, display_name="王数据")
    as_manager(page, "/quality/issues/")
    _open_and_assign(page, shoot)
    sign_out(page)
    sign_in(page, "clerk")
    _find_and_read(page, shoot)
    _send_corrected(page, tmp_path)
    process(Batch.objects.get(number="2026-001-更正1"))
    expect(page.get_by_text("全部入库")).to_be_visible()
    page.goto(f"/quality/issues/{Issue.objects.get(rule='measured:format').id}")
    page.get_by_label("原因和处理情况").fill("导出程序写错了时间格式，已改正，批次 2026-001-更正1")
    shoot("issue-clerk")
    assert fits_its_width(page)
    page.get_by_role("button", name="已重新报送").click()
    expect(page.get_by_text("平台会重新检查，合格后自动关闭")).to_be_visible()
    expect(page.get_by_role("button", name="已重新报送")).to_have_count(0)

    measure()
    page.reload()
    expect(page.get_by_text("数据已经改好，整改关闭")).to_be_visible()
    expect(page.locator(".kqs-steps li").first).to_contain_text("复核通过")
    expect(page.locator(".kqs-steps li")).to_have_count(4)
    expect(page.get_by_text("当时不合格 0 行，应评价 30 行")).to_be_visible()
    shoot("issue-solved")
    assert fits_its_width(page)
    page.goto("/quality/issues/?state=solved")
    expect(page.locator("tbody tr")).to_have_count(1)


def _open_and_assign(page: Page, shoot: Shoot) -> None:
    """Open what fails at least twice in February, after a look at what that is, and say whose the first issue is."""
    expect(page.get_by_text("还没有发起过整改")).to_be_visible()
    page.get_by_role("link", name="批量发起").click()
    page.get_by_label("月份").select_option("2026-02")
    page.get_by_label("不合格数不少于").fill("2")
    page.get_by_role("button", name="预览").click()
    expect(page.get_by_text("将为 1 家机构发起 2 项")).to_be_visible()
    expect(page.locator("tbody tr").first).to_contain_text("“记录日期时间”应为日期时间")
    assert not Issue.objects.exists()
    shoot("issues-open")
    assert fits_its_width(page)
    page.get_by_role("button", name="确认发起").click()
    page.get_by_role("dialog").get_by_role("button", name="发起整改").click()
    expect(page.get_by_text("已为 1 家机构发起 2 项整改")).to_be_visible()
    page.get_by_role("link", name="应为日期时间").click()
    page.get_by_label("机构数据员").select_option(label="王数据（clerk）")
    page.get_by_label("联系人").fill("信息科 李主任 6001")
    page.get_by_role("button", name="指派").click()
    expect(page.get_by_text("王数据，信息科 李主任 6001")).to_be_visible()
    shoot("issue-manager")
    assert fits_its_width(page)


def _find_and_read(page: Page, shoot: Shoot) -> None:
    """Find the issue from the home page and look at its rows."""
    expect(page.get_by_text("本机构有 2 项质量整改待处理")).to_be_visible()
    shoot("home-with-issues")
    assert fits_its_width(page)
    page.get_by_role("status").get_by_role("link", name="查看").click()
    page.get_by_role("link", name="应为日期时间").click()
    expect(page.get_by_text("还有 7 天")).to_be_visible()
    page.get_by_role("link", name="查看不合格的行").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody tr").first).to_contain_text("仍不合格")
    shoot("issue-rows")
    assert fits_its_width(page)
    assert AuditEntry.objects.filter(action="quality:rows:read", actor_kind="account").count() == 1
    page.get_by_role("link", name="返回整改").click()


def _send_corrected(page: Page, folder: Path) -> None:
    """Download the refused rows, correct them and upload the workbook."""
    with page.expect_download() as downloading:
        page.get_by_role("link", name="的退回行").click()
    corrected = _corrected(Path(downloading.value.path()), folder / "改好的.xlsx")
    page.get_by_role("main").get_by_role("link", name="报送数据").click()
    page.get_by_label("要报送的文件").set_input_files(corrected)
    page.get_by_role("button", name="报送", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("批次 2026-001-更正1")


def _corrected(source: Path, target: Path) -> Path:
    """Fill the refused rows' time in, as a clerk does in Excel."""
    book = openpyxl.load_workbook(BytesIO(source.read_bytes()))
    sheet = next(each for each in book if each.title.startswith("体征"))
    columns = [cell.value for cell in sheet[2]]
    for row in range(3, sheet.max_row + 1):
        sheet.cell(row, columns.index("measured") + 1).value = "2026-02-01 09:00:00"
    book.save(target)
    return target


def test_an_explanation_is_sent_back_then_accepted(page: Page, errors_measured: Institution):
    issue = open_issue(
        institution_id=errors_measured.id,
        rule="vital-signs.temperature:range",
        first_month=FEBRUARY,
        last_month=FEBRUARY,
        actor=SYSTEM,
    )
    address = f"/quality/issues/{issue.id}"
    as_clerk(page, errors_measured, address)
    expect(page.get_by_text("这些行已经入库")).to_be_visible()
    page.get_by_role("button", name="说明情况").click()
    assert Issue.objects.get().state == "open"  # the browser asks for words first
    page.get_by_label("原因和处理情况").fill("体温计故障")
    page.get_by_role("button", name="说明情况").click()
    expect(page.get_by_text("等待平台数据管理员审核").first).to_be_visible()
    sign_out(page)
    as_manager(page, address)
    page.get_by_role("button", name="退回机构").click()
    expect(page.get_by_text("请写明退回的理由")).to_be_visible()
    page.get_by_label("意见").fill("请附维修记录")
    page.get_by_role("button", name="退回机构").click()
    expect(page.get_by_text("已退回机构")).to_be_visible()
    sign_out(page)
    sign_in(page, "clerk")
    page.goto(address)
    expect(page.get_by_text("请附维修记录")).to_be_visible()
    page.get_by_label("原因和处理情况").fill("维修单已交信息科")
    page.get_by_role("button", name="说明情况").click()
    sign_out(page)
    sign_in(page, "manager")
    page.goto(address)
    page.get_by_role("button", name="认可说明").click()
    expect(page.get_by_text("机构已说明情况并得到认可")).to_be_visible()


@pytest.fixture
def many(hospital: Institution) -> list[Issue]:
    """Sixty issues of two institutions, some overdue."""
    stranger = Institution.objects.get(code=STRANGER)
    rules = ("measured:format", "temperature:range", "systolic:not-less", "pulse:range", "weight:range")
    for place, month in enumerate(range(1, 7)):
        for institution in (hospital, stranger):
            for rule in rules:
                Measure.objects.create(
                    institution_id=institution.id,
                    data_set="vital-signs",
                    rule=rule,
                    month=dt.date(2026, month, 1),
                    assessed=4000,
                    failed=100 + place,
                )
    FailedDay.objects.create(
        institution_id=hospital.id, data_set="lab-report", rule="day:weekend-gap", day=dt.date(2026, 1, 3), failed=1
    )
    Measure.objects.create(
        institution_id=hospital.id,
        data_set="lab-report",
        rule="day:weekend-gap",
        month=dt.date(2026, 1, 1),
        assessed=8,
        failed=1,
    )
    for month in range(1, 7):
        wanted = Thresholds(month=dt.date(2026, month, 1), failed=1, percent=0)
        opened = open_issues_for(wanted=wanted, actor=SYSTEM)
        if month < 6:
            Issue.objects.filter(id__in=[issue.id for issue in opened]).update(
                state="withdrawn", closed_at=timezone.now()
            )
    hospitals = Issue.objects.filter(institution_id=hospital.id, state="open")
    hospitals.update(due_on=timezone.localdate() - dt.timedelta(days=3))
    escalate_overdue(today=timezone.localdate(), actor=SYSTEM)
    return list(Issue.objects.all())


def test_issues_are_found_by_state_institution_dimension_and_date_and_exported(
    page: Page, shoot: Shoot, many: list[Issue], tmp_path: Path
):
    assert len(many) == 61
    as_manager(page, "/quality/issues/")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text("逾期 3 天")
    expect(rows.first).to_contain_text("县级督办")
    shoot("issues")
    assert fits_its_width(page)
    page.get_by_role("link", name="下一页").click()
    expect(rows).to_have_count(11)
    page.get_by_role("link", name="待处理").click()
    expect(rows).to_have_count(10)
    page.get_by_label("期限").select_option("yes")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(5)
    page.get_by_label("维度").select_option("validity")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(1)
    page.get_by_label("机构").select_option(label=f"别的医院（{STRANGER}）")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text("没有符合条件的整改")).to_be_visible()
    page.goto("/quality/issues/?state=open")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="导出 Excel").click()
    sheet = openpyxl.load_workbook(BytesIO(Path(downloading.value.path()).read_bytes())).active
    assert sheet.max_row == 11
    assert sheet["C2"].value == "县医院"
    assert AuditEntry.objects.filter(action="quality:export").count() == 1


def test_another_institutions_issue_does_not_exist_and_a_clerk_opens_none(
    page: Page, shoot: Shoot, many: list[Issue], hospital: Institution
):
    as_clerk(page, hospital, "/quality/issues/?state=going-on")
    expect(page.locator("tbody tr")).to_have_count(5)
    expect(page.get_by_role("link", name="批量发起")).to_have_count(0)
    shoot("issues-clerk")
    assert fits_its_width(page)
    foreign = next(issue for issue in many if issue.institution_id != hospital.id)
    for path in ("", "/rows"):
        assert page.request.get(f"/quality/issues/{foreign.id}{path}").status == 404
    assert page.request.get("/quality/issues/open").status == 403
    assert page.request.get("/quality/issues/new").status == 403
    gap = next(issue for issue in many if issue.rule == "day:weekend-gap")
    page.goto(f"/quality/issues/{gap.id}")
    expect(page.get_by_text("2026-01-03")).to_be_visible()
    expect(page.get_by_text("这项整改已经撤销")).to_be_visible()


def test_one_rule_of_one_institution_is_opened_from_its_page_on_the_scoreboard(
    page: Page, shoot: Shoot, errors_measured: Institution
):
    rule = f"/quality/institution-{errors_measured.id}/vital-signs/temperature:range?month=2026-02"
    as_manager(page, rule)
    page.get_by_role("link", name="发起整改").click()
    address = page.url
    expect(page.get_by_text("2 行，应评价 2 行")).to_be_visible()
    page.get_by_label("说明").fill("请尽快核对体温单位")
    shoot("issue-new")
    assert fits_its_width(page)
    page.get_by_role("button", name="发起整改").click()
    expect(page.get_by_text("请尽快核对体温单位")).to_be_visible()
    page.goto(rule)
    expect(page.get_by_role("link", name="发起整改")).to_have_count(0)
    expect(page.get_by_role("link", name="整改 2026-0001")).to_be_visible()
    shoot("rule-with-issue")
    assert fits_its_width(page)
    page.goto(address)
    page.get_by_role("button", name="发起整改").click()
    expect(page.get_by_text("已有进行中的整改")).to_be_visible()
    assert page.request.get("/quality/issues/new?institution=1&rule=x&month=2026-02").status == 404


def test_the_regulator_sees_counts_and_no_rows(page: Page, errors_measured: Institution):
    issue = open_issue(
        institution_id=errors_measured.id,
        rule="vital-signs.temperature:range",
        first_month=FEBRUARY,
        last_month=FEBRUARY,
        actor=SYSTEM,
    )
    make_account("regulator", "regulator")
    sign_in(page, "regulator")
    page.goto(f"/quality/issues/{issue.id}")
    expect(page.get_by_role("button", name="撤销整改")).to_be_visible()
    expect(page.get_by_role("link", name="查看不合格的行")).to_have_count(0)
    assert page.request.get(f"/quality/issues/{issue.id}/rows").status == 403
