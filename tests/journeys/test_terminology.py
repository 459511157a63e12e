"""Terminology as people look it up: editions, codes, and what an edition changed."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect
from stage.journey import fits_its_width, make_account, sign_in

from installation import Installation
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


def test_an_operator_imports_editions_and_is_told_what_changed_or_what_to_do(committed_database: str, tmp_path: Path):
    installation = Installation(KANGQIAO_DATABASE_URL=committed_database)
    old, new = tmp_path / "1.csv", tmp_path / "2.csv"
    old.write_text("诊断代码,诊断名称\nA00,霍乱\nI10,高血压\n", encoding="gb18030")
    new.write_text("诊断代码,诊断名称\nI10,原发性高血压\nU07,新代码\n", encoding="utf-8")

    def bring(kind: str, path: Path, edition: str, day: str) -> tuple[int, str]:
        done = installation.run("standards", "import", kind, str(path), "--edition", edition, "--from", day)
        return done.returncode, done.stdout

    try:
        assert bring("icd-10-insurance", old, "1.0", "2019-01-01")[0] == 0
        code, said = bring("icd-10-insurance", new, "2.0", "2024-01-01")
        assert code == 0
        assert "✓ 已导入 医保疾病诊断分类与代码（ICD-10）医保版 2.0，2 个代码，2024-01-01 启用" in said
        assert "比 1.0 版：新增 1，改名 1，不再收录 1" in said
        assert "没有改动" in bring("icd-10-insurance", new, "2.0", "2024-01-01")[1]
        assert (installation.home / "terminology" / "icd-10.txt").read_text() == "A00\nI10\nU07\n"
        code, said = bring("loinc", new, "2.77", "2024-01-01")
        assert (code, "应有“LOINC_NUM”和“LONG_COMMON_NAME”两列" in said) == (1, True)
        code, said = bring("icd-11", new, "1", "2024-01-01")
        assert (code, "icd-10-clinical" in said) == (1, True)
    finally:
        installation.close()
