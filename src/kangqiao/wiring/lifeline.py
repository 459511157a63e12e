"""A child process ends when its parent is gone, so that a killed supervisor leaves nothing behind."""

import os
import signal
import threading
import time

GRACE_SECONDS = 8.0


def end_with_parent(*, grace: float = GRACE_SECONDS) -> None:
    """Watch the parent from a thread; once it is gone, ask this process to stop, and kill it after `grace`."""
    threading.Thread(target=_watch, args=(os.getppid(), grace), daemon=True, name="lifeline").start()


def _watch(parent: int, grace: float) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace)
    os.kill(os.getpid(), signal.SIGKILL)
