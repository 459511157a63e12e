"""The one web application of this process: the gateway for machines, Django for people."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kangqiao.wiring.settings")
pages = get_asgi_application()

from kangqiao.gateway.app import Gateway, answers  # noqa: E402  (its models need Django set up)
from kangqiao.gateway.http import Receive, Scope, Send  # noqa: E402
from kangqiao.wiring.settings import CONFIGURATION, DATABASE_URL  # noqa: E402

gateway = Gateway(url=DATABASE_URL, home=CONFIGURATION.home, archive_url=CONFIGURATION.archive_url)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Route one connection."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif answers(scope["path"]):
        await gateway(scope, receive, send)
    else:
        await pages(scope, receive, send)  # type: ignore[arg-type]


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await gateway.start()
            await send({"type": "lifespan.startup.complete"})
        else:
            await gateway.stop()
            await send({"type": "lifespan.shutdown.complete"})
            return
