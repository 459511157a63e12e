"""The settings of a server, computed from the machine it runs on."""

import os
from contextlib import suppress
from pathlib import Path

from kangqiao.infra.postgres.connection import Connection
from kangqiao.infra.postgres.place import socket_folder

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30


def server_settings(connection: Connection, *, memory: int, free_disk: int, durable: bool) -> dict[str, str]:
    """Return the settings of `postgresql.conf` for a machine with `memory` and `free_disk` bytes.

    The log never holds rows: statements, their parameters and the details of errors stay out of it. Pages go into
    the write-ahead log as they are: the embedded server knows pglz only, which takes longer than to write them.
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
    """Return the bytes of memory at hand: the machine's, or the container's limit where lower."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):
            total = min(total, int(Path(limit).read_text()))
    return total


def _megabytes(amount: int) -> str:
    return f"{amount // MEGABYTE}MB"
