"""A doctor finds a person and reads the record, in a real browser, at desk and phone width."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from stage.journey import Site, fits_its_width, make_account, sign_in

from kangqiao.trust.actions import Action
from kangqiao.trust.models import AuditEntry
from people import NAMES, Life

Shoot = Callable[[str], None]
THEMES = (
    "门诊住院",
    "体征曲线",
    "检验",
    "检查",
    "用药",
    "公卫服务",
    "预防接种",
    "费用",
    "登记信息",
)


@pytest.fixture
def life(site: Site) -> Life:
    """王秀英, known to five institutions for years."""
    return Life().begin()


@pytest.fixture
def doctor(page: Page, life: Life) -> Page:
    """A clinician who has signed in."""
    make_account("doctor", "clinician", institution_id=life.institutions[0].id, display_name="李医生")
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_contain_text("李医生")
    return page


@pytest.fixture
def record(doctor: Page, life: Life) -> Page:
    """The record, opened for treatment."""
    doctor.goto(f"/records/residents/{life.resident_id}")
    doctor.get_by_role("button", name="开始调阅").click()
    expect(doctor.locator("#rv-strip svg")).to_be_attached()  # drawn by the script that also listens to keys
    return doctor


def drawer(page: Page):
    return page.get_by_role("dialog", name="记录详情")


def test_a_doctor_finds_a_person_by_number_and_reads_five_institutions(
    doctor: Page, life: Life, site: Site, shoot: Shoot
):
    page, asked = doctor, []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto("/residents/")
    shoot("find")
    assert fits_its_width(page)
    page.get_by_label("证件号码").fill(f"{life.key[:6]} {life.key[6:]}")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text("找到 1 位居民")).to_be_visible()
    expect(page.get_by_text(life.key)).to_have_count(0)
    shoot("found")
    assert fits_its_width(page)
    page.get_by_role("link", name="调阅档案").click()
    expect(page.get_by_text("您为什么调阅")).to_be_visible()
    expect(page.get_by_text("王秀英")).to_have_count(0)
    shoot("purpose")
    page.get_by_label("诊疗").check()
    page.get_by_role("button", name="开始调阅").click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("王秀英")
    for words in ("61 岁", "佤族", "血型 A型 Rh 阳性", "青霉素（重度）", "苯磺酸氨氯地平片"):
        expect(page.get_by_text(words).first).to_be_visible()
    page.get_by_text("家机构有记录").click()
    for name in NAMES:
        expect(page.locator(".rv-places").get_by_text(name)).to_be_visible()
    expect(page.locator("#rv-strip svg")).to_be_visible()
    shoot("record")
    assert fits_its_width(page)

    page.get_by_role("button", name="显示完整号码").click()
    expect(page.get_by_text(life.key)).to_be_visible()
    revealed = AuditEntry.objects.filter(action=Action.TIMELINE_READ).order_by("-id").first()
    assert (revealed.detail["revealed"], revealed.purpose, revealed.resident_id) == (
        True,
        "treatment",
        life.resident_id,
    )
    assert not [url for url in asked if life.key in url or "%E7%8E%8B" in url]
    log = site.log.read_text()
    assert life.key not in log
    assert life.name not in log


def test_who_is_not_found_is_looked_for_in_another_way(doctor: Page, life: Life, shoot: Shoot):
    page = doctor
    page.goto("/residents/")
    page.get_by_label("证件号码").fill("王秀英")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_role("alert")).to_contain_text("加上出生日期")
    shoot("find-unclear")
    page.get_by_label("证件号码").fill("岩温 1970-01-01")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text("没有找到这位居民")).to_be_visible()
    shoot("find-nobody")
    page.get_by_label("证件号码").fill("王秀英 1965年8月12日")
    page.get_by_role("button", name="查找").click()
    page.get_by_role("link", name="调阅档案").click()
    page.go_back()
    expect(page.get_by_text("找到 1 位居民")).to_be_visible()


def test_the_timeline_is_narrowed_and_widened_in_place(record: Page, shoot: Shoot):
    page = record
    page.locator("input[name=kinds][value=lab-report]").check()
    expect(page.locator(".rv-event").first).to_contain_text("生化全套")
    expect(page.locator(".rv-kind", has_text="门急诊就诊")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"kinds=lab-report"))
    page.get_by_label("近一年").check()
    expect(page).to_have_url(re.compile(r"period=1y"))
    expect(page.get_by_text("没有更早的记录了")).to_be_visible()
    shoot("record-narrowed")
    narrowed = page.locator(".rv-event").count()
    page.reload()
    expect(page.locator(".rv-event")).to_have_count(narrowed)
    expect(page.get_by_label("近一年")).to_be_checked()

    page.locator("input[name=kinds][value=lab-report]").uncheck()
    page.get_by_label("全部").check()
    expect(page.get_by_text("加载更早的记录")).to_be_visible()
    days = page.locator(".rv-day").count()
    page.get_by_text("加载更早的记录").click()
    expect(page.locator(".rv-day").nth(days)).to_be_visible()


def test_a_month_of_the_strip_shows_that_month(record: Page):
    page = record
    strip = page.locator("#rv-strip")
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.6)
    expect(page).to_have_url(re.compile(r"month=20\d\d-\d\d"))
    month = re.search(r"month=([\d-]+)", page.url)[1]
    expect(page.get_by_label(month)).to_be_checked()
    assert all(date.startswith(month) for date in page.locator(".rv-date strong").all_inner_texts())
    page.get_by_label(month).uncheck()
    expect(page).not_to_have_url(re.compile("month="))
    expect(page.locator(".rv-date strong").first).to_have_text("2026-11-10")


def test_a_row_opens_with_its_visit_details_and_source(record: Page, shoot: Shoot):
    page = record
    page.locator(".rv-bunch", has_text="门急诊就诊").first.locator(".rv-event").click()
    expect(drawer(page).get_by_text("本次就诊的记录")).to_be_visible()
    expect(drawer(page).get_by_text("3 项异常")).to_be_visible()
    shoot("visit")
    drawer(page).locator(".rv-event", has_text="生化全套").click()
    expect(drawer(page).get_by_role("heading", level=2)).to_have_text("生化全套 血清")
    expect(drawer(page).get_by_text("糖化血红蛋白")).to_be_visible()
    expect(drawer(page).get_by_text("业务主键", exact=True)).to_be_visible()
    shoot("report")
    page.keyboard.press("Escape")
    expect(drawer(page)).to_be_hidden()
    assert fits_its_width(page)


def test_keys_walk_the_timeline_open_and_close(record: Page):
    page = record
    for key in "jjk":
        page.keyboard.press(key)
    expect(page.locator(".rv-event").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(drawer(page).get_by_text("来源", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer(page)).to_be_hidden()
    expect(page.locator(".rv-event").first).to_be_focused()


def test_every_theme_is_readable(record: Page, shoot: Shoot):
    page = record
    for number, theme in enumerate(THEMES):
        page.get_by_role("navigation", name="档案内容").get_by_role("link", name=theme, exact=True).click()
        expect(page.locator(".rv-tabs [aria-current]")).to_have_text(theme)
        expect(page.locator(".card .card-title").first).to_be_visible()
        for chart in page.locator(".kq-chart").all():
            expect(chart.locator("svg")).to_be_attached()
        shoot(f"theme-{number}")
        assert fits_its_width(page)


def test_a_laboratory_item_opens_as_a_curve_across_institutions(record: Page, shoot: Shoot):
    page = record
    page.get_by_role("link", name="检验", exact=True).click()
    page.get_by_label("只看异常项目").check()
    expect(page.get_by_role("link", name="肌酐")).to_be_hidden()
    page.get_by_role("link", name="糖化血红蛋白").click()
    expect(drawer(page).locator(".kq-chart svg")).to_be_visible()
    for name in (NAMES[0], NAMES[1], NAMES[4]):
        expect(drawer(page).get_by_text(name).first).to_be_visible()
    shoot("laboratory-item")


def test_a_row_opened_alone_is_a_page_of_its_own(record: Page):
    page = record
    page.locator(".rv-event").first.click()
    drawer(page).get_by_role("link", name="单独打开").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("高血压随访")
    expect(page.get_by_text("来源", exact=True)).to_be_visible()
    assert fits_its_width(page)
    page.get_by_role("link", name="健康档案").click()
    expect(page.locator(".rv-day").first).to_be_visible()
