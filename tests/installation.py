"""An installation of its own for a journey: a home folder, a port, and `kangqiao up` run as an operator would."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

from kangqiao.infra import postgres

STARTED = "✓ 康桥已启动"
KANGQIAO = [sys.executable, "-m", "kangqiao.cli.main"]


class Installation:
    """A home folder in which commands are run; `close` stops and removes everything."""

    def __init__(self, **environment: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="kq-"))
        self.home.chmod(0o711)
        self.port = _free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith("KANGQIAO_")}
        own = {"KANGQIAO_HOME": str(self.home), "KANGQIAO_PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        self.environment = kept | own | environment
        self.output = self.home / "up.output"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [*KANGQIAO, *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120, check=False)

    def up(self) -> "subprocess.Popen[bytes]":
        """Start `kangqiao up` and return once it says that everything runs."""
        starts = self.said().count(STARTED)
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [*KANGQIAO, "up"], env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        wait_for(lambda: self.said().count(STARTED) > starts or process.poll() is not None, "the start", self.said)
        assert process.poll() is None, self.said()
        return process

    def answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/", headers={"Host": "localhost"})
            connection.getresponse()
        except OSError:
            return False
        finally:
            connection.close()
        return True

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    def processes(self) -> dict[int, str]:
        """Return the processes of this installation: number → module that is run; the database is "postgres"."""
        mark = os.fsencode(f"KANGQIAO_HOME={self.home}")
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().split(b"\0")[2].decode()
            except (OSError, IndexError):
                continue
        known = postgres.recorded(self.home)
        server = known and postgres.running_process(known.place / "data")
        return found | ({server: "postgres"} if server else {})

    def kill(self) -> None:
        """Kill everything that still runs, the database excepted."""
        for number, module in self.processes().items():
            if module != "postgres":
                os.kill(number, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        known = postgres.recorded(self.home)
        postgres.Cluster(home=self.home).stop()
        if known:
            shutil.rmtree(known.place, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)


def wait_for(reached: Callable[[], bool], what: str, explain: Callable[[], object] = str, within: float = 60) -> None:
    """Wait until `reached`; fails naming `what` was waited for."""
    deadline = time.monotonic() + within
    while not reached():
        assert time.monotonic() < deadline, f"waited {within} s for {what}: {explain()}"
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
