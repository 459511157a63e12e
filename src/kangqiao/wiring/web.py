"""The web process: granian serving the one application. Started by `kangqiao up`."""

import logging
import os
import warnings
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from kangqiao.infra import configuration
from kangqiao.wiring.lifeline import end_with_parent

APPLICATION = "kangqiao.wiring.asgi:app"
KILL_AFTER_SECONDS = 6

Application = Callable[[Any, Any, Any], Awaitable[None]]

log = logging.getLogger(__name__)


def serve() -> None:
    """Serve until told to stop; a worker that dies ends this process too, and the supervisor starts it anew."""
    end_with_parent()
    settings = configuration.load()
    Granian(
        APPLICATION,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        workers=workers(os.cpu_count() or 1),
        websockets=False,
        log_level=LogLevels.warning,
        log_access=False,
        log_dictconfig={"formatters": {key: {"()": "kangqiao.infra.logs.JsonLines"} for key in ("generic", "access")}},
        workers_kill_timeout=KILL_AFTER_SECONDS,
    ).serve(target_loader=load_application)


def load_application(target: str) -> Application:
    """Return the application inside a worker of granian, which then ends with its own parent."""
    end_with_parent()
    # Page assets are small files, handed over whole; Django warns that it reads them whole.
    warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")
    module, _, name = target.partition(":")
    return noting_failures(getattr(import_module(module), name))


def noting_failures(application: Application) -> Application:
    """Write down where the application failed; granian would only say that it did."""

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        try:
            await application(scope, receive, send)
        except Exception:
            log.exception("a request failed")
            raise

    return answer


def workers(processors: int) -> int:
    """Return how many processes serve pages: the database and the jobs need the other half."""
    return max(1, min(8, processors // 2))


if __name__ == "__main__":
    serve()
