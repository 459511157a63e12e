"""Monthly reports: found by month and name, and downloaded."""

import datetime as dt
import io
import zipfile
from collections.abc import Callable

import pypdf
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from stage.journey import fits_its_width, make_account, sign_in

from kangqiao.quality.models import Measurement, Standing, Volume
from kangqiao.registry.models import Institution
from kangqiao.standards.quality import Dimension

Shoot = Callable[[str], None]
OCTOBER = dt.date(2026, 10, 1)


@pytest.fixture
def hospitals(page: Page) -> list[Institution]:
    """Two hospitals with a month of data."""
    now = timezone.now()
    Measurement.objects.create(started_at=now, finished_at=now, settled=now, rows=0, failed=0, seconds={})
    made = []
    for code, name, division in (("530902001", "临翔医院", "530902"), ("530926001", "耿马医院", "530926")):
        made.append(
            Institution.objects.create(
                code=code,
                name=name,
                short_name=name,
                type="A100",
                ownership="public",
                division_code=f"{division}000000",
            )
        )
        common = {"institution_id": made[-1].id, "data_set": "vital-signs"}
        Volume.objects.create(**common, day=OCTOBER, rows=100, failed=5, refused=0)
        Standing.objects.create(**common, dimension=Dimension.VALIDITY, month=OCTOBER, assessed=100, failed=5)
    return made


def test_a_regulator_finds_a_report_and_takes_those_of_all_institutions(page: Page, hospitals, shoot: Shoot):
    make_account("worker", "regulator")
    sign_in(page, "worker")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.get_by_role("main").get_by_role("link", name="质量月报").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("质量月报")
    shoot("quality-reports")
    assert fits_its_width(page)
    page.get_by_role("searchbox").fill("耿马")
    expect(page.locator("#report-list tbody tr")).to_have_count(1)
    with page.expect_download() as download:
        page.get_by_role("link", name="耿马医院的月报，PDF").click()
    assert download.value.suggested_filename == "数据质量月报-2026-10-530926001-耿马医院.pdf"
    words = "".join(pypdf.PdfReader(download.value.path()).pages[0].extract_text().split())
    assert "95.00" in words
    with page.expect_download() as download:
        page.get_by_role("link", name="全市全部机构的报告，ZIP").click()
    archive = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
    assert archive.testzip() is None
    assert len(archive.namelist()) == 4


def test_a_clerk_has_the_own_report_only(page: Page, hospitals):
    make_account("worker", "sender", institution_id=hospitals[0].id)
    sign_in(page, "worker")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/quality/reports/")
    expect(page.locator("#report-list tbody tr")).to_have_count(1)
    expect(page.get_by_role("heading", name="汇总")).to_have_count(0)
    page.goto(f"/quality/institution-{hospitals[0].id}")
    with page.expect_download() as download:
        page.get_by_role("link", name="月报", exact=True).click()
    assert download.value.suggested_filename.endswith("临翔医院.pdf")
