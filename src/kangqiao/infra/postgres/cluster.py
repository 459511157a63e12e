"""Creating, starting and stopping the cluster of a home folder."""

import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import pq, sql

from kangqiao.infra.configuration import create_home, write_secret
from kangqiao.infra.errors import PostgresError
from kangqiao.infra.postgres.account import Account, give, run, server_account
from kangqiao.infra.postgres.binaries import Binaries, readable_binaries
from kangqiao.infra.postgres.connection import DATABASE, ROLE, SUPERUSER, Connection, record, recorded
from kangqiao.infra.postgres.place import choose_place, free_port, is_free
from kangqiao.infra.postgres.tuning import memory_of_machine, server_settings

BUILTIN_LOCALE_SINCE = 17
RECOVERY_SECONDS = 3600
STOP_SECONDS = 600
LOG_LIMIT = 16 << 20

Report = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@contextmanager
def in_use(home: Path, *, durable: bool = True, report: Report = _silent) -> Iterator[Connection]:
    """Keep the cluster of `home` running while the block runs; the last of several users stops it.

    `durable=False` is for tests only: it trades safety against power loss for speed.
    `report` is given one Chinese line for each step that may take a while.
    Raises `PostgresError` with a message that says what to do.
    """
    create_home(home)
    with (home / "postgres.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        cluster = Cluster(home=home, durable=durable, report=report)
        try:
            with (home / "postgres.start").open("a") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                connection = cluster.start()
            yield connection
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cluster.stop()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The PostgreSQL cluster that belongs to a home folder. Callers hold the locks of `in_use`."""

    home: Path
    durable: bool = True
    report: Report = _silent

    def start(self) -> Connection:
        """Return the connection of the running server, having created and started it as far as needed."""
        known = recorded(self.home)
        if known and self._answers(known):
            return known
        account = server_account(known.place / "data" if known else None)
        place = known.place if known else choose_place(self.home, account)
        binaries = readable_binaries(place, account)
        if known is None or not (place / "data").is_dir():
            known = self._create(place, binaries, account)
        _check_major(place / "data", binaries)
        connection = self._start(known, binaries, account)
        _ensure_database(connection)
        return connection

    def stop(self) -> None:
        """Stop the server if it runs, rolling back what is open; the folder is then safe to copy."""
        known = recorded(self.home)
        if known is None or not running_process(known.place / "data"):
            return
        account = server_account(known.place / "data")
        binaries = readable_binaries(known.place, account)
        command = [binaries.program("pg_ctl"), "stop", "-D", str(known.place / "data"), "-m", "fast", "-w"]
        result = run([*command, "-t", str(STOP_SECONDS)], account, cwd=known.place)
        if result.returncode and running_process(known.place / "data"):
            raise PostgresError(f"数据库没有在 {STOP_SECONDS} 秒内停止：{result.stderr.strip()}")

    def _answers(self, connection: Connection) -> bool:
        """Wait while a server is there that does not answer yet: it recovers, or is on its way out."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while running_process(connection.place / "data"):
            if pq.PGconn.ping(connection.superuser_url().encode()) == pq.Ping.OK:
                return True
            if time.monotonic() > deadline:
                raise PostgresError(f"数据库没有应答，日志在 {connection.place / 'log'}")
            time.sleep(0.2)
        return False

    def _create(self, place: Path, binaries: Binaries, account: Account | None) -> Connection:
        self.report("正在创建数据库")
        connection = Connection(
            place=place,
            port=free_port(),
            password=secrets.token_urlsafe(24),
            superuser_password=secrets.token_urlsafe(24),
        )
        record(self.home, connection)
        draft = place / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = place / "password"
        write_secret(password_file, connection.superuser_password)
        give(password_file, account)
        try:
            command = [binaries.program("initdb"), *_initdb_options(binaries), f"--pgdata={draft}"]
            result = run([*command, f"--pwfile={password_file}"], account, cwd=place)
        finally:
            password_file.unlink()
        if result.returncode:
            raise PostgresError(f"创建数据库失败：{result.stderr.strip()}")
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# Written at each start by kangqiao; your own settings go below this line.\n")
            file.write("include 'kangqiao.conf'\n")
        draft.rename(place / "data")
        return connection

    def _start(self, connection: Connection, binaries: Binaries, account: Account | None) -> Connection:
        place = connection.place
        _forget_dead_process(place)
        _rotate(place / "log")
        if (place / "data" / "global" / "pg_control").exists():
            self.report("正在启动数据库（如上次未正常停止，会先自动恢复，请稍候）")
        for attempt in range(30):
            if not is_free(connection.port):
                connection = _moved(self.home, connection)
            _write_settings(connection, account, durable=self.durable)
            began = _size(place / "log")
            command = [binaries.program("pg_ctl"), "start", "-D", str(place / "data"), "-l", str(place / "log"), "-w"]
            result = run([*command, "-t", str(RECOVERY_SECONDS)], account, cwd=place)
            if result.returncode == 0:
                return connection
            said = _since(place / "log", began)
            if "could not create any TCP/IP sockets" in said:
                connection = _moved(self.home, connection)
            elif "pre-existing shared memory block" in said and attempt < 20:
                time.sleep(0.5)  # the last processes of a killed server are still leaving
            else:
                raise PostgresError(f"数据库启动失败，日志在 {place / 'log'}：\n{said[-2000:].strip()}")
        raise PostgresError(f"数据库找不到可用的端口，日志在 {place / 'log'}")


def running_process(data: Path) -> int | None:
    """Return the process id of the server that serves `data`, or None.

    A number left in `postmaster.pid` by a killed server may meanwhile belong to another program: where the
    system shows it (Linux), the command line must name this folder too.
    """
    pid = _noted_process(data)
    if pid is None or not _is_alive(pid):
        return None
    if not Path("/proc/self/cmdline").exists():
        return pid
    with suppress(FileNotFoundError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if os.fsencode(data) in words:
            return pid
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _noted_process(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _forget_dead_process(place: Path) -> None:
    """Remove what a killed server noted down, since its number may be another program's by now."""
    (place / "data" / "postmaster.pid").unlink(missing_ok=True)
    for left in (place / "socket").glob(".s.PGSQL.*"):
        left.unlink()


def _initdb_options(binaries: Binaries) -> list[str]:
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if binaries.major >= BUILTIN_LOCALE_SINCE
        else ["--locale=C.UTF-8"]
    )
    return [f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", *locale]


def _check_major(data: Path, binaries: Binaries) -> None:
    kept = int((data / "PG_VERSION").read_text().strip())
    if kept != binaries.major:
        raise PostgresError(
            f"数据目录 {data} 由 PostgreSQL {kept} 创建，现有程序是 {binaries.version}："
            f"请装回 {kept}，或用 pg_dump 导出后再导入新库"
        )


def _write_settings(connection: Connection, account: Account | None, *, durable: bool) -> None:
    settings = server_settings(
        connection,
        memory=memory_of_machine(),
        free_disk=shutil.disk_usage(connection.place).free,
        durable=durable,
    )
    lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
    path = connection.place / "data" / "kangqiao.conf"
    title = "# Written anew at each start; put your own settings into postgresql.conf.\n"
    path.write_text(title + "".join(lines), encoding="utf-8")
    give(path, account)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _ensure_database(connection: Connection) -> None:
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    with psycopg.connect(connection.superuser_url(), autocommit=True) as session:
        if not session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            password = sql.Literal(connection.password)
            session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def _moved(home: Path, connection: Connection) -> Connection:
    moved = replace(connection, port=free_port())
    record(home, moved)
    return moved


def _rotate(log: Path) -> None:
    if _size(log) > LOG_LIMIT:
        log.replace(log.with_name("log.1"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _since(log: Path, began: int) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(began)
        return file.read().decode("utf-8", "replace")
