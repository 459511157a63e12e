"""Whom the server runs as, and how its programs are run as that user."""

import os
import pwd
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

SYSTEM_USER = "kangqiao-pg"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of the system."""

    name: str
    uid: int
    gid: int


def server_account(data: Path | None) -> Account | None:
    """Return whom the server of `data` runs as; None stands for the user of this process.

    PostgreSQL refuses root: there it runs as the owner of an existing data folder, else as a system user of
    our own, created at need.
    """
    if os.geteuid() != 0:
        return None
    if data and data.exists():
        owner = data.stat()
        return Account(name=str(owner.st_uid), uid=owner.st_uid, gid=owner.st_gid)
    with suppress(KeyError):
        return _account(SYSTEM_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    with suppress(FileNotFoundError):
        subprocess.run(command, check=False, capture_output=True)
    with suppress(KeyError):
        return _account(SYSTEM_USER)
    return _account("nobody")


def give(path: Path, account: Account | None) -> None:
    if account:
        os.chown(path, account.uid, account.gid)


def run(command: list[str], account: Account | None, *, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, in a session of its own: Ctrl-C is not meant for it."""
    switch = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        check=False,
        **switch,  # type: ignore[call-overload]
    )


def _account(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
