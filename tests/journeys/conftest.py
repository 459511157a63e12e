"""A real server and a real browser: journeys see the product only as people do.

`site` serves the platform against this test's `committed_database`; `page` is a page of Chromium, once at desk width
and once at phone width. A test fails when a page logs an error, breaks the Content-Security-Policy or asks another
host for anything. With KANGQIAO_SCREENSHOTS=folder, `shoot` keeps pictures. Helpers lie beside this file.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from stage.journey import Site

from kangqiao.infra import postgres

HERE = Path(__file__).parent
WIDTHS = {"desk": (1280, 860), "phone": (390, 844)}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture
def database_name() -> str:
    """One name for all journeys: the server, started once, finds each test's fresh database under it."""
    return "journey"


@pytest.fixture(scope="session")
def server(cluster: postgres.Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The platform on a free port; its database is there while a test asks for `site`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = tmp_path_factory.mktemp("site")
    log = home / "server.log"
    environment = os.environ | {
        "KANGQIAO_HOME": str(home / "home"),
        "KANGQIAO_DATABASE_URL": cluster.url("journey"),
        "DJANGO_SETTINGS_MODULE": "stage.settings",
        "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "kangqiao.wiring.asgi:app"], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(f"{url}/static/portal/logo.svg", process, log)
            yield Site(url, log)
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def site(committed_database: str, server: Site) -> Site:
    """The platform with this test's own, fresh database."""
    return server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    found = next((path for name in CHROMIUM if (path := shutil.which(name))), None)
    if not found:
        pytest.fail("Chromium is missing: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(params=list(WIDTHS))
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """A page at desk width and, in a second run of the test, at phone width; addresses are relative to the site."""
    width, height = WIDTHS[request.param]
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": width, "height": height},
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        has_touch=request.param == "phone",
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: _note_console(message, faults))
    page.on("request", lambda sent: _note_foreign(sent, site.url, faults))
    yield page
    context.close()
    assert not faults


@pytest.fixture
def shoot(page: Page) -> Callable[[str], None]:
    """Keep a picture of the page under a name, when KANGQIAO_SCREENSHOTS names a folder."""
    folder = os.environ.get("KANGQIAO_SCREENSHOTS")

    def keep(name: str) -> None:
        if folder:
            width = page.viewport_size["width"]
            page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)

    return keep


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            break
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the server did not come up:\n{log.read_text()[-3000:]}")


def _note_console(message: ConsoleMessage, faults: list[str]) -> None:
    refused = message.text.startswith("Failed to load resource: the server responded with a status of 4")
    if message.type in {"error", "warning"} and not refused:
        faults.append(f"{message.text} ({message.location.get('url')})")


def _note_foreign(sent: Request, url: str, faults: list[str]) -> None:
    asked = urlsplit(sent.url)
    if asked.scheme in {"http", "https"} and asked.netloc != urlsplit(url).netloc:
        faults.append(f"asked another host: {sent.url}")
