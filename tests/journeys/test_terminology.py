"""Terminology as people look it up: editions, codes, and what an edition changed."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from stage.journey import fits_its_width, make_account, sign_in

from kangqiao.registry.terminology.layouts import Kind
from kangqiao.registry.terminology.services import import_terminology
from kangqiao.trust.actors import system_actor

Shoot = Callable[[str], None]


def bring(folder: Path, edition: str, year: int, codes: dict[str, str]) -> None:
    path = folder / f"国临版{edition}.csv"
    lines = [f"{code},,{name}\n" for code, name in codes.items()]
    path.write_text("".join(["主要编码,附加编码,疾病名称\n", *lines]), encoding="utf-8")
    import_terminology(
        kind=Kind.ICD_10_CLINICAL,
        path=path,
        edition=edition,
        valid_from=dt.date(year, 1, 1),
        actor=system_actor("test"),
    )


def arrive(page: Page) -> None:
    make_account("sender", "sender", institution_id=1)
    sign_in(page, "sender")
    expect(page.get_by_role("heading", level=1)).to_contain_text("测试员")
    page.goto("/standards/")
    page.get_by_role("link", name="术语", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("术语")


def test_before_an_import_the_built_in_codes_are_called_a_demonstration(page: Page, shoot: Shoot):
    arrive(page)
    row = page.get_by_role("row").filter(has_text="医保疾病诊断分类与代码")
    expect(row.get_by_text("未导入")).to_be_visible()
    shoot("terminologies-none")
    assert fits_its_width(page)
    row.get_by_role("link", name="演示目录").click()
    expect(page.get_by_text("这里是演示目录")).to_be_visible()


def test_codes_of_an_edition_are_found_and_its_changes_are_listed(page: Page, shoot: Shoot, tmp_path: Path):
    many = {f"Z{number:02}": f"其他情况{number}" for number in range(60)}
    bring(tmp_path, "1.0", 2019, {"I10": "高血压", "T99": "旧代码"} | many)
    bring(tmp_path, "2.0", 2024, {"I10": "原发性高血压", "U07": "新代码"} | many)
    arrive(page)
    shoot("terminologies")
    assert fits_its_width(page)
    page.get_by_role("link", name="2.0", exact=True).click()
    expect(page.get_by_text("Z30", exact=True)).to_be_visible()
    page.get_by_role("link", name="下一页").click()
    expect(page.get_by_text("Z59", exact=True)).to_be_visible()
    page.get_by_role("searchbox").fill("yfxgxy")
    expect(page.get_by_text("原发性高血压", exact=True)).to_be_visible()
    expect(page.get_by_text("Z59", exact=True)).to_be_hidden()
    shoot("terminology")
    assert fits_its_width(page)
    page.get_by_role("link", name="比 1.0 版的变化").click()
    expect(page.get_by_role("link", name="新增 1")).to_have_attribute("aria-current", "page")
    expect(page.get_by_text("新代码", exact=True)).to_be_visible()
    page.get_by_role("link", name="改名 1").click()
    row = page.get_by_role("row").filter(has_text="I10")
    expect(row.get_by_role("cell")).to_have_text(["I10", "原发性高血压", "高血压"])
    shoot("terminology-changes")
    assert fits_its_width(page)
    page.get_by_role("link", name="不再收录 1").click()
    expect(page.get_by_text("旧代码", exact=True)).to_be_visible()


def test_the_first_edition_has_nothing_to_be_compared_with(page: Page, tmp_path: Path):
    bring(tmp_path, "2.0", 2024, {"I10": "高血压"})
    arrive(page)
    page.get_by_role("link", name="2.0", exact=True).click()
    expect(page.get_by_role("link", name="版的变化")).to_have_count(0)
    assert page.goto(f"{page.url.partition('?')[0]}/changes").status == 404
