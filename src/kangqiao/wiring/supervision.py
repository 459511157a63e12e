"""Child processes kept running: started, watched, restarted when they die, stopped in order."""

import logging
import logging.handlers
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LOG_BYTES = 16 << 20
LOGS_KEPT = 4
LAST_LINES = 5
STOP_SECONDS = 10.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0

Report = Callable[[str], None]


def pause_before_restart(deaths: int) -> float:
    """Return the seconds to wait before the restart after `deaths` deaths in a row: 1, 2, 4 … at most 30."""
    return min(2.0 ** min(deaths - 1, 10), LONGEST_PAUSE)


class Child:
    """One process of the installation, in a session of its own, its output kept in a rotated log file."""

    def __init__(self, *, title: str, module: str, log: Path) -> None:
        self.title = title
        self.log = log
        self._command = [sys.executable, "-m", module]
        self._process: subprocess.Popen[str] | None = None
        self._started = 0.0
        self._deaths = 0
        self._restart_at = 0.0
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self) -> None:
        self._last_lines.clear()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._started = time.monotonic()
        threading.Thread(target=self._keep_output, args=(self._process,), daemon=True).start()

    def tend(self, report: Report) -> None:
        """Notice a death, say so, and start the process again when its pause is over."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._restart_at:
                self.start()
            return
        code = self._process.poll()
        if code is None:
            return
        self._end_group(signal.SIGKILL)
        self._deaths = 1 if now - self._started > STEADY_SECONDS else self._deaths + 1
        pause = pause_before_restart(self._deaths)
        report(f"✗ {self.title}意外退出（代码 {code}），{pause:.0f} 秒后重新启动，日志在 {self.log}")
        for line in self._last_lines:
            report(f"    {line}")
        self._process, self._restart_at = None, now + pause

    def ask_to_stop(self) -> None:
        if self._process:
            self._process.terminate()

    def wait_stopped(self, deadline: float) -> None:
        """Wait until the process has ended, at the latest until `deadline`, then kill what is left of it."""
        if self._process is None:
            return
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        self._end_group(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def _end_group(self, number: int) -> None:
        assert self._process
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _keep_output(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout
        file = logging.handlers.RotatingFileHandler(
            self.log, maxBytes=LOG_BYTES, backupCount=LOGS_KEPT, encoding="utf-8"
        )
        with process.stdout as lines:
            for line in lines:
                self._last_lines.append(line.rstrip())
                file.emit(logging.makeLogRecord({"msg": line.rstrip()}))
        file.close()


def stop_all(children: list[Child]) -> None:
    """Stop the children together; whoever is not done in time is killed, which every job survives."""
    deadline = time.monotonic() + STOP_SECONDS
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.wait_stopped(deadline)
