"""Where a cluster lives and listens."""

import os
import secrets
import socket
from hashlib import sha256
from pathlib import Path

from kangqiao.infra.errors import PostgresError
from kangqiao.infra.postgres.account import Account, give, run

SOCKET_PATH_LIMIT = 100  # bytes; Linux allows 107, macOS 103


def choose_place(home: Path, account: Account | None) -> Path:
    """Return the folder for the cluster: inside `home`, or in /var/lib where `account` cannot reach that.

    Permissions of folders that are not ours are never changed.
    """
    place = home / "postgres"
    place.mkdir(exist_ok=True)
    place.chmod(0o711)
    give(place, account)
    if account and not _reaches(place, account):
        place.rmdir()
        place = Path("/var/lib") / f"kangqiao-{sha256(os.fsencode(home)).hexdigest()[:12]}"
        place.mkdir(exist_ok=True)
        place.chmod(0o711)
        give(place, account)
    sockets = socket_folder(place)
    if sockets:
        sockets.mkdir(exist_ok=True)
        sockets.chmod(0o711)
        give(sockets, account)
    return place


def socket_folder(place: Path) -> Path | None:
    """Return where the Unix socket lives, or None when its path would be too long for the system."""
    folder = place / "socket"
    return folder if len(os.fsencode(folder / ".s.PGSQL.65535")) <= SOCKET_PATH_LIMIT else None


def free_port() -> int:
    """Return a free port of 127.0.0.1, below the range the system gives to outgoing connections."""
    for _ in range(1000):
        port = 15000 + secrets.randbelow(15000)
        if is_free(port):
            return port
    raise PostgresError("127.0.0.1 上 15000–30000 之间没有可用的端口")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reaches(place: Path, account: Account) -> bool:
    return run(["/bin/sh", "-c", 'cd "$1"', "sh", str(place)], account, cwd=Path("/")).returncode == 0
