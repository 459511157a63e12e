"""What templates write: times, masks, badges, bars, links to other pages."""

from datetime import UTC, date, datetime

import pytest
from django.core.paginator import Paginator
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory

from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.portal.navigation import DESTINATIONS, destinations_of, navigation_of
from kangqiao.trust.actors import Actor, ActorKind, stranger
from kangqiao.trust.permissions import PERMISSIONS_OF, Role


def written(source: str, address: str = "/", **words: object) -> str:
    request = RequestFactory().get(address)
    return Template("{% load kangqiao %}" + source).render(Context({"request": request, **words}))


def acting(role: Role) -> Actor:
    return Actor(kind=ActorKind.ACCOUNT, id=None, name="某人", institution_id=None, permissions=PERMISSIONS_OF[role])


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ at|moment }}", "2026-11-04 00:30"),
        ("{{ at|moment_exact }}", "2026-11-04 00:30:09"),
        ("{{ at|day }}", "2026-11-04"),
        ("{{ on|day }}", "2026-11-03"),
        ("{{ none|moment }}{{ none|day }}{{ none|masked_name }}", "———"),
        ('{{ "王小明"|masked_name }}', "王*明"),
        ('{{ "records:timeline:read"|action }}', "调阅健康档案"),
        ('{{ "unknown:word"|action }}', "unknown:word"),
        ('{{ "01a2052b-0000-7000-8000-0000389e07ac"|short }}', "…389e07ac"),
        ('{{ "B-17"|short }}', "B-17"),
    ],
)
def test_values_are_written_for_people_in_shanghai(source, text):
    at = datetime(2026, 11, 3, 16, 30, 9, tzinfo=UTC)
    assert written(source, at=at, on=date(2026, 11, 3), none=None) == text


@pytest.mark.parametrize(
    ("value", "maximum", "share"), [(0, 10, 0), (3, 10, 30), (999, 1000, 99), (5, 0, 0), (9, 3, 100)]
)
def test_a_bar_is_full_only_when_all_is_done(value, maximum, share):
    assert f"<span>{share}%</span>" in written("{% progress '校验' v m %}", v=value, m=maximum)


def test_a_badge_escapes_its_word_and_knows_its_colours():
    assert "&lt;b&gt;" in written('{% badge word "ok" %}', word="<b>")
    with pytest.raises(TemplateSyntaxError):
        written('{% badge "x" "pink" %}')


def test_a_sorted_column_turns_around_and_goes_back_to_the_first_page():
    up = written('{% sort "name" "姓名" %}', "/?sort=name&page=3&q=x")
    assert 'aria-sort="ascending"' in up
    assert 'href="?sort=-name&amp;q=x"' in up
    assert 'aria-sort="none"' in written('{% sort "name" "姓名" %}', "/?sort=-other")


def test_paging_by_number_keeps_the_search():
    page = Paginator(range(30), 10).get_page(2)
    text = written("{% paging page %}", "/?q=x&page=2", page=page)
    assert "?q=x&amp;page=1" in text
    assert "?q=x&amp;page=3" in text
    assert "共 30 条，第 2 / 3 页" in text
    assert written("{% paging page %}", page=Paginator(range(3), 10).get_page(1)).strip() == ""


def test_paging_by_key_goes_on_and_back_to_the_start():
    text = written("{% paging page %}", "/?q=x&after=5", page=KeyPage([6, 7], "7"))
    assert 'href="?q=x&amp;after=7"' in text
    assert 'href="?q=x"' in text
    assert written("{% paging page %}", page=KeyPage([1], None)).strip() == ""


@pytest.mark.parametrize(
    ("rows", "kept", "next_key"), [([], [], None), ([1, 2], [1, 2], None), ([1, 2, 3], [1, 2], "2")]
)
def test_a_page_knows_whether_another_follows(rows, kept, next_key):
    assert key_page(rows, size=2, key=lambda row: row) == KeyPage(kept, next_key)


def test_crumbs_lead_home_first():
    text = written('{% crumbs "账号管理" "portal:accounts" "新建账号" %}')
    assert text.index('href="/"') < text.index('href="/accounts"') < text.index("新建账号")


def test_the_navigation_holds_only_what_the_actor_may_open():
    assert destinations_of(stranger(None)) == []
    assert [each.route for each in destinations_of(acting(Role.AUDITOR))] == ["portal:audit"]
    assert {each.permission for each in destinations_of(acting(Role.ADMINISTRATOR))} <= PERMISSIONS_OF[
        Role.ADMINISTRATOR
    ]
    assert {each.route for role in Role for each in destinations_of(acting(role))} == {e.route for e in DESTINATIONS}


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", "工作台"),
        ("/accounts", "账号管理"),
        ("/accounts/new", "账号管理"),
        ("/tokens", "接口令牌"),
        ("/password", None),
    ],
)
def test_the_deepest_page_above_is_current(path, current):
    entries = [entry for _, group in navigation_of(acting(Role.ADMINISTRATOR), path) for entry in group]
    assert [entry.destination.title for entry in entries if entry.current] == ([current] if current else [])
