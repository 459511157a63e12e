"""What processes have used, by their entries under /proc."""

import os
from pathlib import Path

from kangqiao.infra import postgres

TICK = os.sysconf("SC_CLK_TCK")


def postmaster(home: Path) -> int:
    """Return the process of the embedded server."""
    known = postgres.recorded(home)
    assert known
    return int((known.place / "data" / "postmaster.pid").read_text().split()[0])


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, ended ones included."""
    total = 0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if one == pid else 0)
    return total / TICK
