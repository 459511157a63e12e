"""A steward goes from the city's pyramid to a village, its households and one person, in a real browser."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from stage.journey import Site, fits_its_width, make_account, sign_in

from kangqiao.apps.population.services import count_population
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from village import Village

Shoot = Callable[[str], None]


@pytest.fixture
def village(site: Site) -> Village:
    village = Village()
    count_population(actor=system_actor("test"))
    return village


@pytest.fixture
def steward(page: Page, village: Village) -> Page:
    make_account("steward", "steward", display_name="段主索引")
    sign_in(page, "steward")
    expect(page.get_by_role("heading", level=1)).to_contain_text("段主索引")
    return page


def look(page: Page, shoot: Shoot, name: str) -> None:
    shoot(f"population-{name}")
    assert fits_its_width(page), name


def test_from_the_city_to_a_village_a_household_and_a_person(steward: Page, village: Village, site: Site, shoot: Shoot):
    page = steward
    page.goto("/population/")
    expect(page.get_by_role("heading", level=1)).to_have_text("人口概览：临沧市")
    expect(page.locator(".pp-pyramid svg")).to_be_visible()
    expect(page.get_by_text("只是一部分居民的数据")).to_be_visible()
    years = [text for text in page.locator("[data-chart=changes-data] svg text").all_text_contents() if "年" in text]
    assert years
    assert all(re.fullmatch(r"\d{4} 年", year) for year in years), years
    look(page, shoot, "city")
    expect(page.get_by_role("cell", name="40–44")).to_be_hidden()
    page.emulate_media(media="print")
    expect(page.get_by_role("cell", name="40–44")).to_be_visible()
    shoot("population-print")
    page.emulate_media(media="screen")
    page.get_by_text("各年龄段人数").click()
    expect(page.get_by_role("cell", name="40–44")).to_be_visible()
    for name in ("临翔区", "凤翔街道", "章嘎社区居民委员会"):
        page.get_by_role("link", name=name, exact=True).last.click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"人口概览：{name}")
    look(page, shoot, "village")

    page.get_by_role("link", name="家庭户").last.click()
    expect(page.get_by_text("您为什么查看个人信息")).to_be_visible()
    expect(page.get_by_text("李国强")).to_have_count(0)
    look(page, shoot, "purpose")
    page.get_by_label("公共卫生服务").check()
    page.get_by_role("button", name="开始查看").click()
    page.get_by_role("link", name="李国强").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("李国强户")
    expect(page.get_by_role("row").filter(has_text="李老根")).to_contain_text("已离户")
    look(page, shoot, "household")

    page.get_by_role("link", name="李小花").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("李小花")
    expect(page.get_by_role("list").filter(has_text="母亲")).to_contain_text("王秀英")
    expect(page.get_by_text(village.child_key)).to_have_count(0)
    card = page.get_by_role("row").filter(has_text="居民身份证").first
    expect(card).to_contain_text("已过期")
    expect(card).to_contain_text("临翔区公安局")
    expect(page.get_by_role("row").filter(has_text="医保编号")).to_contain_text("临翔医院")
    look(page, shoot, "person")
    page.get_by_role("button", name="显示完整号码").click()
    expect(page.get_by_text(village.child_key).first).to_be_visible()
    entries = AuditEntry.objects.filter(action=Action.PERSON_READ, resident_id=village.resident(village.child))
    assert [entry.purpose for entry in entries] == ["public-health", "public-health"]
    assert village.child_key not in site.log.read_text()


def test_a_household_is_searched_and_the_address_holds_no_name(steward: Page, shoot: Shoot):
    page = steward
    page.goto("/population/purpose")
    page.get_by_role("button", name="开始查看").click()
    page.goto("/population/households/530902000000")
    page.get_by_label("户号或户主姓名").fill("李国强")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="李国强")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/population/households/530902000000\?found=1$"))
    page.get_by_label("户号或户主姓名").fill("没有这户")
    page.keyboard.press("Enter")
    expect(page.get_by_text("没有找到家庭户")).to_be_visible()
    look(page, shoot, "no-household")
    page.get_by_role("link", name="全部家庭户").click()
    expect(page.get_by_role("link", name="李国强")).to_be_visible()


def test_births_deaths_and_moves_are_looked_through_by_year(steward: Page, shoot: Shoot):
    page = steward
    page.goto("/population/purpose?next=/population/events/530900000000/birth")
    page.get_by_role("button", name="开始查看").click()
    expect(page.get_by_role("link", name="李小花")).to_be_visible()
    page.get_by_role("link", name="死亡", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="李老根")).to_contain_text("85 岁")
    look(page, shoot, "deaths")
    page.get_by_role("link", name="2024", exact=True).click()
    expect(page.get_by_text("没有这样的记录")).to_be_visible()
    page.get_by_role("link", name="迁移流动", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="李国强")).to_contain_text("流出")
    look(page, shoot, "moves")


def test_before_the_first_count_there_is_a_word_of_explanation(page: Page, shoot: Shoot):
    make_account("regulator", "regulator")
    sign_in(page, "regulator")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto("/population/")
    expect(page.get_by_text("还没有统计过")).to_be_visible()
    look(page, shoot, "empty")
