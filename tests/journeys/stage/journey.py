"""What journeys have in common: people with accounts, and what one does first."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import Account
from kangqiao.trust.services import create_account

PASSWORD = "Lancang-jiang-2026"


@dataclass(frozen=True)
class Site:
    """A served platform; `log` holds what it wrote."""

    url: str
    log: Path


def make_account(username: str, *roles: str, institution_id: int | None = None, **changes: object) -> Account:
    """Create an account whose password is `PASSWORD`."""
    values = {"display_name": "测试员", "must_change_password": False, "password": PASSWORD} | changes
    return create_account(
        username=username, roles=roles, institution_id=institution_id, actor=system_actor("test"), **values
    ).account


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Sign in through the page, from wherever the browser is."""
    page.goto("/sign-in")
    page.get_by_label("账号").fill(username)
    page.get_by_label("密码").fill(password)
    page.get_by_role("button", name="登录").click()


def fits_its_width(page: Page) -> bool:
    """Return whether nothing sticks out to the right: no page scrolls sideways."""
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
