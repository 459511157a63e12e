"""The registry: filled from a workbook by the data manager, looked up by everybody else."""

import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
from playwright.sync_api import Page, expect
from stage.journey import fits_its_width, make_account, sign_in

from kangqiao.registry.services import register_institution
from kangqiao.trust.actors import system_actor

Shoot = Callable[[str], None]

CITY, CLINIC = "12533500431850127X", "PDY00001X53090211C2201"


def arrive(page: Page, *roles: str) -> None:
    """Sign in as somebody with these roles."""
    make_account("worker", *roles)
    sign_in(page, "worker")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")


def test_a_workbook_is_filled_in_refused_corrected_looked_at_and_confirmed(page: Page, shoot: Shoot, tmp_path: Path):
    arrive(page, "data-manager")
    page.goto("/registry/institutions")
    expect(page.get_by_text("还没有登记机构")).to_be_visible()
    page.get_by_role("link", name="从 Excel 导入").click()
    shoot("registry-bring")
    with page.expect_download() as download:
        page.get_by_role("link", name="下载模板").click()
    assert download.value.suggested_filename == "机构科室人员-填报模板.xlsx"
    filled = tmp_path / "登记.xlsx"
    fill(download.value.path(), filled, ownership="国营")
    bring(page, filled)
    row = page.get_by_role("row").filter(has_text="国营")
    expect(row).to_contain_text("公立或民营")
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    shoot("registry-refused")
    assert fits_its_width(page)
    fill(download.value.path(), filled, ownership="公立")
    page.get_by_role("link", name="改正后重新上传").click()
    bring(page, filled)
    expect(page.get_by_role("heading", level=1)).to_have_text("核对导入内容")
    shoot("registry-preview")
    assert fits_its_width(page)
    page.get_by_role("button", name="确认导入").click()
    expect(page.get_by_text("导入完成：机构新增 2、更新 0")).to_be_visible()
    shoot("registry-institutions")
    assert fits_its_width(page)
    page.get_by_role("searchbox").fill("卫生室")
    expect(page.get_by_role("link", name="临沧市人民医院")).to_have_count(0)
    page.get_by_role("link", name="落星村卫生室").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("落星村卫生室")
    expect(page.get_by_role("link", name="凤庆县 落星村民委员会")).to_be_visible()
    page.get_by_role("link", name="临沧市人民医院").click()
    expect(page.get_by_role("cell", name="呼吸内科", exact=True).first).to_be_visible()
    expect(page.get_by_role("cell", name="副主任医师")).to_be_visible()
    shoot("registry-institution")
    assert fits_its_width(page)


def test_a_file_that_is_no_workbook_is_explained(page: Page, tmp_path: Path):
    arrive(page, "data-manager")
    (tmp_path / "登记.xlsx").write_text("机构代码,机构名称")
    page.goto("/registry/imports/new")
    bring(page, tmp_path / "登记.xlsx")
    expect(page.get_by_role("alert")).to_contain_text("不是有效的 .xlsx 工作簿")


def test_institutions_are_narrowed_by_county_kind_and_level(page: Page):
    given = {"ownership": "public", "actor": system_actor("test")}
    register_institution(
        code=CITY, name="临沧市人民医院", type="A100", level="32", division_code="530902001000", **given
    )
    register_institution(
        code="125335224318501281", name="凤庆县人民医院", type="A100", division_code="530921101000", **given
    )
    arrive(page, "regulator")
    page.goto("/registry/institutions")
    expect(page.get_by_role("link", name="从 Excel 导入")).to_have_count(0)
    page.get_by_label("县区").select_option("凤庆县")
    expect(page.get_by_role("link", name="临沧市人民医院")).to_have_count(0)
    expect(page.get_by_role("link", name="凤庆县人民医院")).to_be_visible()
    page.get_by_label("县区").select_option("全部县区")
    page.get_by_label("等级").select_option("三级甲等")
    expect(page.get_by_role("link", name="凤庆县人民医院")).to_have_count(0)
    expect(page.get_by_role("link", name="临沧市人民医院")).to_be_visible()


def test_divisions_are_walked_from_the_city_to_a_renamed_township_and_found_by_code(page: Page, shoot: Shoot):
    arrive(page, "regulator")
    page.goto("/registry/divisions")
    shoot("registry-divisions")
    assert fits_its_width(page)
    page.get_by_role("link", name="双江拉祜族佤族布朗族傣族自治县").click()
    expect(page.get_by_text("曾用名 沙河乡")).to_be_visible()
    shoot("registry-county")
    assert fits_its_width(page)
    page.get_by_role("link", name="沙河镇").click()
    expect(page.get_by_text("更名日期未查到公告")).to_be_visible()
    page.get_by_role("searchbox").fill("530902102")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_role("link", name="博尚镇", exact=True)).to_be_visible()
    shoot("registry-divisions-found")
    assert fits_its_width(page)


def test_an_import_is_not_for_everybody(page: Page):
    arrive(page, "regulator")
    page.goto("/registry/imports/new")
    expect(page.get_by_text("您的角色没有“导入机构、科室、人员和术语”的权限")).to_be_visible()


def fill(template: Path, target: Path, *, ownership: str) -> None:
    """Fill the template in with two institutions, a department and a physician."""
    book = openpyxl.load_workbook(io.BytesIO(template.read_bytes()))
    book["机构"].append([CITY, "临沧市人民医院", "市人民医院", "A100", "32", "530902001000", None, ownership])
    book["机构"].append([CLINIC, "落星村卫生室", None, "D600", None, "530921101205", CITY, "民营"])
    book["科室"].append([CITY, "0301", "呼吸内科", "0301"])
    book["人员"].append([CITY, "D0001", "李敏", "医师", "副主任医师", "0301"])
    book.save(target)


def bring(page: Page, path: Path) -> None:
    """Choose the file and upload it."""
    page.get_by_label("填好的 Excel 文件").set_input_files(path)
    page.get_by_role("button", name="上传并核对").click()
