"""The scoreboard, walked as its readers do: from the city down to the rows that fail a rule."""

import datetime as dt
import io
from collections.abc import Callable

import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from stage.journey import Site, fits_its_width, make_account, sign_in

from kangqiao.quality.models import Example, FailedDay, Measure, Measurement, Standing, Volume
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.registry.models import Institution
from kangqiao.registry.services import register_institution
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actors import system_actor
from people import moment, register, write

Shoot = Callable[[str], None]

OCTOBER, SEPTEMBER = dt.date(2026, 10, 1), dt.date(2026, 9, 1)
VITAL, RULE = "vital-signs", "systolic:range"
EXPECTED = "“收缩压（mmHg）”通常在 40 与 300 之间"


@pytest.fixture
def hospital(site: Site) -> Institution:
    """A hospital with a row that fails a rule, another one without, in two counties, measured."""
    given = {"type": "A100", "ownership": "public", "actor": system_actor("test")}
    register_institution(code="530902001", name="临翔医院", division_code="530902001000", **given)
    register_institution(code="530926001", name="耿马医院", division_code="530926100000", **given)
    hospital, other = Institution.objects.get(code="530902001"), Institution.objects.get(code="530926001")
    for month in (SEPTEMBER, OCTOBER):
        found(hospital, month, failed=1)
        found(other, month, failed=0)
    patient = register(hospital, "P1")
    row = write(VitalSigns, patient, moment("2026-10-05 08:00"), measured=moment("2026-10-05 08:00"), systolic=399)
    of_rule = {"institution_id": hospital.id, "data_set": VITAL, "rule": RULE, "day": dt.date(2026, 10, 5)}
    FailedDay.objects.create(**of_rule, failed=1)
    Example.objects.create(**of_rule, record_id=row.id)
    now = timezone.now()
    Measurement.objects.create(started_at=now, finished_at=now, settled=now, rows=40, failed=2, seconds={})
    return hospital


def found(institution: Institution, month: dt.date, *, failed: int) -> None:
    """Store what a measurement finds in ten rows of a month."""
    of_set = {"institution_id": institution.id, "data_set": VITAL}
    Volume.objects.create(**of_set, day=month, rows=10, failed=failed, refused=0)
    Measure.objects.create(**of_set, rule=RULE, month=month, assessed=10, failed=failed)
    for dimension in (Dimension.COMPLETENESS, Dimension.CONSISTENCY):
        of_dimension = failed if dimension is Dimension.CONSISTENCY else 0
        Standing.objects.create(**of_set, dimension=dimension, month=month, assessed=10, failed=of_dimension)


def arrive(page: Page, *roles: str, institution: Institution | None = None) -> None:
    """Sign in as somebody with these roles."""
    make_account("worker", *roles, institution_id=institution.id if institution else None)
    sign_in(page, "worker")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")


def seen(page: Page, title: str, shoot: Shoot, name: str) -> None:
    """See the page with this heading, and that it fits."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    shoot(name)
    assert fits_its_width(page)


def test_from_the_city_to_the_rows(page: Page, hospital: Institution, shoot: Shoot):
    arrive(page, "data-manager")
    page.get_by_role("main").get_by_role("link", name="质量看板").click()
    seen(page, "数据质量：全市", shoot, "quality-city")
    expect(page.get_by_text("97.50").first).to_be_visible()
    expect(page.get_by_text("得分 = 各可评价维度得分的平均")).to_be_visible()
    expect(page.locator(".kq-chart svg")).to_have_count(2)
    page.get_by_role("link", name="临翔区").click()
    seen(page, "数据质量：临翔区", shoot, "quality-county")
    page.locator("#quality-table").get_by_role("link", name="临翔医院").click()
    seen(page, "数据质量：临翔医院", shoot, "quality-institution")
    page.locator("#quality-table").get_by_role("link", name="体征").click()
    seen(page, "数据质量：体征", shoot, "quality-data-set")
    page.get_by_role("searchbox").fill("收缩压")
    page.get_by_label("维度", exact=True).select_option("一致性")
    expect(page.locator("#quality-lines tbody tr")).to_have_count(2)
    page.get_by_role("link", name=EXPECTED).click()
    seen(page, EXPECTED, shoot, "quality-rule")
    expect(page.get_by_text("逐行核对数值和单位")).to_be_visible()
    page.get_by_role("link", name="查看不合格的行").click()
    seen(page, "不合格的行", shoot, "quality-rows")
    expect(page.get_by_text("399 mmHg")).to_be_visible()
    page.get_by_role("navigation", name="位置").get_by_role("link", name="全市").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("数据质量：全市")


def test_the_table_changes_in_place_and_comes_out_as_a_spreadsheet(page: Page, hospital: Institution):
    arrive(page, "regulator")
    page.goto("/quality/city")
    lines = page.locator("#quality-lines tbody tr")
    page.get_by_role("link", name="机构", exact=True).click()
    expect(lines.first).to_contain_text("耿马医院")
    if page.viewport_size["width"] > 640:  # a phone shows cards without heads
        page.locator("#quality-lines").get_by_role("link", name="得分").click()
        expect(lines.first).to_contain_text("临翔医院")
        assert "sort=score" in page.url
    page.get_by_role("searchbox").fill("耿马")
    expect(lines).to_have_count(1)
    page.get_by_role("searchbox").fill("没有这家")
    expect(page.get_by_text("没有符合条件的")).to_be_visible()
    page.goto("/quality/city?by=institution")
    with page.expect_download() as download:
        page.get_by_role("link", name="导出 Excel").click()
    sheet = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes())).active
    assert [row[1].value for row in sheet.iter_rows(min_row=2, max_row=3)] == ["耿马医院", "临翔医院"]


def test_a_chosen_month_is_shown_at_once(page: Page, hospital: Institution):
    arrive(page, "regulator")
    page.goto(f"/quality/institution-{hospital.id}")
    page.get_by_label("月份").select_option("2026年9月")
    expect(page.get_by_role("heading", name="2026年9月每天的合格率")).to_be_visible()
    page.get_by_role("link", name="下一月：2026年10月").click()
    expect(page.get_by_role("heading", name="2026年10月每天的合格率")).to_be_visible()


def test_a_clerk_comes_to_the_own_institution_and_to_no_other(page: Page, hospital: Institution):
    arrive(page, "sender", institution=hospital)
    page.goto("/quality/")
    expect(page.get_by_role("heading", level=1)).to_have_text("数据质量：临翔医院")
    expect(page.get_by_text("耿马")).to_have_count(0)
    page.goto(f"/quality/institution-{Institution.objects.get(code='530926001').id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("页面不存在")


def test_before_the_first_measurement_there_is_a_word_of_explanation(page: Page, shoot: Shoot):
    arrive(page, "regulator")
    page.goto("/quality/")
    expect(page.get_by_text("还没有测量过")).to_be_visible()
    shoot("quality-empty")
    assert fits_its_width(page)
