"""`kangqiao doctor`: is everything this installation needs in order, and if not, how is it mended?"""

import os
import platform
import re
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
import typer

from kangqiao.cli.up import is_running, port_is_free
from kangqiao.infra import configuration, postgres
from kangqiao.infra.configuration import Configuration
from kangqiao.infra.errors import InfraError
from kangqiao.infra.files import FileStore
from kangqiao.infra.postgres.binaries import OLDEST_MAJOR
from kangqiao.infra.postgres.tuning import GIGABYTE, memory_of_machine
from kangqiao.portal import assets
from kangqiao.wiring.ready import ready

OLDEST_PYTHON = (3, 11)
LEAST_DISK = 5 * GIGABYTE
LEAST_MEMORY = 2 * GIGABYTE
LARGEST_SKEW_SECONDS = 5.0
LOCK = Path(__file__).parents[3] / "requirements.lock"
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[.*?\])?==([^\s;\\]+)")


@dataclass(frozen=True)
class Finding:
    """What one check saw; `remedy` is empty when it is in order."""

    subject: str
    seen: str
    remedy: str = ""


def doctor() -> None:
    """Print a line for each check, with what to do where something is wrong; exit code 1 then."""
    settings = configuration.load()
    faults = 0
    for finding in examine(settings):
        faults += bool(finding.remedy)
        mark = "✗" if finding.remedy else "✓"
        typer.echo(f"{mark} {finding.subject}：{finding.seen}")
        if finding.remedy:
            typer.echo(f"    {finding.remedy}")
    if faults:
        typer.echo(f"共 {faults} 项需要处理")
        raise typer.Exit(1)
    typer.echo("一切正常")


def examine(settings: Configuration) -> Iterator[Finding]:
    """Yield a finding for each thing this installation needs."""
    yield python_version()
    if LOCK.exists():
        yield packages(LOCK.read_text(encoding="utf-8"))
    yield memory(memory_of_machine())
    yield disk(settings.home, shutil.disk_usage(settings.home).free)
    yield time_zone()
    yield secrets_closed(settings.home)
    yield page_assets(assets.missing())
    yield archive(settings.archive_url)
    yield folder_writable("收件目录", settings.inbox)
    yield port(settings)
    yield from database(settings)


def python_version() -> Finding:
    seen = platform.python_version()
    remedy = "" if sys.version_info >= OLDEST_PYTHON else "请安装 Python 3.11 或更新的版本"
    return Finding("Python", seen, remedy)


def packages(lock: str) -> Finding:
    """Compare installed packages with a lock file, which may pin one name anew for each version of Python.

    A package that is not installed is a fault only where its pin has no condition.
    """
    pins: dict[str, list[str]] = {}
    conditional = set()
    for line in lock.splitlines():
        if pinned := PINNED.match(line):
            pins.setdefault(pinned[1], []).append(pinned[2])
            conditional |= {pinned[1]} if ";" in line else set()
    faults = [fault for name, wanted in pins.items() if (fault := _fault(name, wanted, name in conditional))]
    if not faults:
        return Finding("软件包", "与 requirements.lock 一致")
    return Finding("软件包", "、".join(faults[:5]), "请运行 make setup 重新安装软件包")


def _fault(name: str, wanted: list[str], conditional: bool) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return "" if conditional else f"{name} 未安装"
    return "" if found in wanted else f"{name} 是 {found}，应为 {' 或 '.join(wanted)}"


def memory(amount: int) -> Finding:
    remedy = "" if amount >= LEAST_MEMORY else "内存少于 2 GB，大批数据处理会很慢或失败，请增加内存"
    return Finding("内存", f"{amount / GIGABYTE:.1f} GB", remedy)


def disk(home: Path, free: int) -> Finding:
    remedy = "" if free >= LEAST_DISK else "剩余空间少于 5 GB，请清理磁盘，或用 KANGQIAO_HOME 换到更大的磁盘"
    return Finding("磁盘", f"{home} 所在分区剩余 {free / GIGABYTE:.1f} GB", remedy)


def time_zone() -> Finding:
    try:
        local = datetime.now(ZoneInfo("Asia/Shanghai"))
    except ZoneInfoNotFoundError:
        return Finding("时区", "没有 Asia/Shanghai 的时区数据", "请运行 pip install tzdata")
    return Finding("北京时间", f"{local:%Y-%m-%d %H:%M:%S}")


def secrets_closed(home: Path) -> Finding:
    """Check that keys and passwords in the home folder are readable by their owner only."""
    names = ("secret-key", "postgres.json")
    open_files = [str(home / name) for name in names if _others_may_read(home / name)]
    if open_files:
        return Finding("密钥", "其他用户可以读取", f"请运行 chmod 600 {' '.join(open_files)}")
    return Finding("密钥", "只有本用户可以读取")


def _others_may_read(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def page_assets(missing: list[str]) -> Finding:
    if missing:
        return Finding("页面素材", f"缺少 {'、'.join(missing)}", "请运行 make setup 安装页面素材")
    return Finding("页面素材", "齐全")


def archive(url: str) -> Finding:
    """Write, read and remove a small file in the archive."""
    name = f"doctor/{uuid.uuid4()}"
    try:
        store = FileStore(url)
        store.put(name, b"kangqiao")
        whole = store.read(name) == b"kangqiao"
        store.delete(name)
    except InfraError as error:
        return Finding("归档", "不可用", str(error))
    if not whole:
        return Finding("归档", "读出的内容与写入的不同", "请检查归档存储是否有故障")
    return Finding("归档", "可以读写")


def folder_writable(subject: str, folder: Path) -> Finding:
    present = next(path for path in (folder, *folder.parents) if path.exists())
    if present.is_dir() and os.access(present, os.W_OK | os.X_OK):
        return Finding(subject, str(folder))
    return Finding(subject, f"{folder} 不可写", f"请检查 {present} 的权限，或改用别的目录")


def port(settings: Configuration) -> Finding:
    if is_running(settings.home):
        return Finding("端口", f"{settings.port}，康桥正在运行")
    if port_is_free(settings):
        return Finding("端口", f"{settings.port} 可用")
    remedy = f"请停止占用它的程序，或换一个端口，例如 KANGQIAO_PORT={settings.port + 1}"
    return Finding("端口", f"{settings.port} 已被别的程序占用", remedy)


def database(settings: Configuration) -> Iterator[Finding]:
    """Yield what there is to say about the database; the embedded one is started for it."""
    try:
        with ready():
            known = postgres.recorded(settings.home)
            url = settings.database_url or (known.url() if known else "")
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as session:
                yield _server(session)
                yield _writable(session)
                yield _clock(session)
            yield _migrations()
    except InfraError as error:
        yield Finding("数据库", "无法启动", str(error))
    except psycopg.Error as error:
        yield Finding("数据库", f"无法使用（{type(error).__name__}）", "请检查 KANGQIAO_DATABASE_URL、网络、账号和权限")


def _server(session: psycopg.Connection) -> Finding:
    number = session.info.server_version
    seen = f"PostgreSQL {session.info.parameter_status('server_version')}"
    if number < OLDEST_MAJOR * 10_000:
        return Finding("数据库", seen, f"请升级到 PostgreSQL {OLDEST_MAJOR} 或更新的版本")
    if session.info.parameter_status("server_encoding") != "UTF8":
        return Finding("数据库", f"{seen}，编码不是 UTF8", "请以 ENCODING 'UTF8' 重新建库")
    if _setting(session, "fsync") != "on":
        return Finding("数据库", f"{seen}，fsync 已关闭", "断电会损坏数据，请在 postgresql.conf 中打开 fsync")
    return Finding("数据库", seen)


def _writable(session: psycopg.Connection) -> Finding:
    try:
        session.execute("CREATE TABLE kangqiao_doctor ()")
        session.execute("DROP TABLE kangqiao_doctor")
    except psycopg.errors.ReadOnlySqlTransaction:
        return Finding("写数据库", "数据库是只读的", "请把 KANGQIAO_DATABASE_URL 指向主库")
    except psycopg.errors.InsufficientPrivilege:
        return Finding(
            "写数据库", "没有建表权限", "请执行 GRANT CREATE ON SCHEMA public TO 本账号，或把库的属主改为本账号"
        )
    return Finding("写数据库", "可以")


def _clock(session: psycopg.Connection) -> Finding:
    row = session.execute("SELECT clock_timestamp()").fetchone()
    assert row
    skew = abs((datetime.now(UTC) - row[0]).total_seconds())
    if skew > LARGEST_SKEW_SECONDS:
        return Finding("时钟", f"与数据库相差 {skew:.0f} 秒", "请用 NTP 校准两台机器的时钟")
    return Finding("时钟", "与数据库一致")


def _migrations() -> Finding:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    connection.close()
    if waiting:
        return Finding(
            "数据表结构", f"有 {len(waiting)} 项变更未执行", "请运行 kangqiao up，或 kangqiao manage migrate"
        )
    return Finding("数据表结构", "已是最新")


def _setting(session: psycopg.Connection, name: str) -> str:
    row = session.execute("SELECT current_setting(%s)", [name]).fetchone()
    assert row
    return str(row[0])
