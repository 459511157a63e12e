"""`kangqiao up`: everything this installation needs, in one command, until Ctrl-C."""

import fcntl
import http.client
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from kangqiao.cli.demo import Invitation, provide_demo, show
from kangqiao.infra.configuration import Configuration
from kangqiao.infra.errors import InfraError
from kangqiao.wiring.ready import close_connections, ready
from kangqiao.wiring.supervision import Child, stop_all

PORT_WAIT_SECONDS = 12.0
SIGN_OF_LIFE = "/static/vendor/htmx/LICENSE"  # a small file, served whatever host names are allowed


class AlreadyRunning(InfraError):
    """Another `kangqiao up` uses the same home folder."""


class PortTaken(InfraError):
    """Another program listens on the port of the pages."""


def up(demo: Annotated[bool, typer.Option("--demo", help="先生成并装载一个虚拟的城市，再启动")] = False) -> None:
    """Run database, pages and jobs until told to stop."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.default_int_handler)
    os.environ["KANGQIAO_PAGE_ASSETS"] = "collected"
    try:
        with ready(report=_say) as settings, _only_one(settings.home):
            _say("✓ 数据库已就绪")
            _prepare(settings)
            invitation = provide_demo(settings, _say) if demo else None
            close_connections()
            _wait_for_port(settings)
            _run_children(settings, invitation)
            _say("正在停止")
    except KeyboardInterrupt:
        pass
    _say("✓ 已停止")


def _prepare(settings: Configuration) -> None:
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    _say("✓ 数据表结构已是最新")
    call_command("collectstatic", verbosity=0, interactive=False)
    settings.inbox.mkdir(parents=True, exist_ok=True)
    (settings.home / "logs").mkdir(exist_ok=True)


def _run_children(settings: Configuration, invitation: Invitation | None) -> None:
    stop = threading.Event()
    logs = settings.home / "logs"
    children = [
        Child(title="页面服务", module="kangqiao.wiring.web", log=logs / "web.log"),
        Child(title="后台任务", module="kangqiao.wiring.worker", log=logs / "worker.log"),
    ]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        for child in children:
            child.start()
        _tend_until(stop, children, settings, invitation)
    finally:
        stop_all(children)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _tend_until(
    stop: threading.Event, children: list[Child], settings: Configuration, invitation: Invitation | None
) -> None:
    answering = False
    while not stop.wait(0.1 if not answering else 0.5):
        for child in children:
            child.tend(_say)
        if not answering and _answers(settings):
            answering = True
            _say(f"✓ 康桥已启动：{address(settings)}   （按 Ctrl-C 停止）")
            if invitation:
                show(invitation, _say)


def address(settings: Configuration) -> str:
    """Return the address to open in a browser on this machine."""
    host = _reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _answers(settings: Configuration) -> bool:
    connection = http.client.HTTPConnection(_reachable_host(settings), settings.port, timeout=5)
    try:
        connection.request("GET", SIGN_OF_LIFE)
        connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _wait_for_port(settings: Configuration) -> None:
    """Wait until the port of the pages is free: children of a killed run need a moment to leave."""
    deadline = time.monotonic() + PORT_WAIT_SECONDS
    told = False
    while not port_is_free(settings):
        if time.monotonic() > deadline:
            raise PortTaken(
                f"端口 {settings.port} 已被别的程序占用：请停止那个程序，或换一个端口，"
                f"例如 KANGQIAO_PORT={settings.port + 1} kangqiao up"
            )
        if not told:
            _say(f"端口 {settings.port} 正被占用，等待释放")
            told = True
        time.sleep(0.3)


def port_is_free(settings: Configuration) -> bool:
    """Return whether nothing listens where the pages are to be served."""
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return False
    return True


def _reachable_host(settings: Configuration) -> str:
    return "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host


def is_running(home: Path) -> bool:
    """Return whether `kangqiao up` runs in this home folder."""
    try:
        with _only_one(home):
            return False
    except AlreadyRunning:
        return True


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"{home} 中的康桥已经在运行，不需要再次启动") from error
        yield


def _say(text: str) -> None:
    typer.echo(text)
