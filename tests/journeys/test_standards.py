"""The data standard: found, read and downloaded by a person who sends data."""

import io
import re
from collections.abc import Callable

import openpyxl
from playwright.sync_api import Page, expect
from stage.journey import fits_its_width, make_account, sign_in

Shoot = Callable[[str], None]


def test_a_sender_finds_a_data_set_reads_it_and_downloads_the_template(page: Page, shoot: Shoot):
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/")
    shoot("standards")
    assert fits_its_width(page)
    page.get_by_role("link", name="检验结果", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("检验结果")
    expect(page.get_by_role("cell", name="DE04.30.015.00")).to_be_visible()
    expect(page.get_by_text("“检验报告日期”不应早于“标本采样日期时间”")).to_be_visible()
    shoot("standards-data-set")
    assert fits_its_width(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="填报模板").click()
    assert download.value.suggested_filename == "检验结果-填报模板.xlsx"
    book = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()))
    assert book["数据"]["A2"].value == "institution_code"


def test_a_search_finds_elements_by_identifier_and_leads_to_the_value_set(page: Page, shoot: Shoot):
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/")
    page.get_by_role("searchbox").fill("DE04.50.010.00")
    expect(page.get_by_role("heading", name="数据集")).to_be_hidden()
    page.get_by_role("link", name="CV04.50.020").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Rh血型代码表")
    row = page.get_by_role("row").filter(has_text=re.compile("阴性"))
    expect(row.get_by_role("cell").first).to_have_text("1")
    expect(page.get_by_role("link", name="个人基本信息")).to_be_visible()
    shoot("standards-value-set")
    assert fits_its_width(page)


def test_every_value_set_is_listed(page: Page, shoot: Shoot):
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/")
    page.get_by_role("link", name="全部值域").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("值域")
    expect(page.get_by_role("link", name="民族代码")).to_be_visible()
    shoot("standards-value-sets")
    assert fits_its_width(page)


def test_what_is_not_there_is_said_plainly(page: Page):
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/?q=不存在的东西")
    expect(page.get_by_text("没有符合的数据集、数据元或值域")).to_be_visible()
    assert page.goto("/standards/nothing").status == 404
    assert page.goto("/standards/value-sets/nothing").status == 404


def test_a_clinician_may_not_read_the_contract(page: Page):
    make_account("doctor", "clinician", institution_id=1)
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    assert page.goto("/standards/contract.json").status == 403


def test_announced_changes_have_a_page_and_without_any_it_says_so(page: Page, shoot: Shoot):
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/changes")
    expect(page.get_by_role("heading", level=1)).to_have_text("变更公告")
    expect(page.get_by_text("还没有变更公告")).to_be_visible()
    shoot("standards-changes")
    assert fits_its_width(page)
