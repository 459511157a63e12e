"""The gateway asked as a hospital's system asks it, without a network in between."""

import asyncio
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from kangqiao.gateway.app import Gateway
from kangqiao.trust.actors import system_actor
from kangqiao.trust.services import issue_token


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    content: Any


def token(*permissions: str, institution_id: int = 1) -> str:
    """Return a new token that may do this."""
    return issue_token(
        institution_id=institution_id,
        name="HIS",
        permissions=permissions,
        valid_until=timezone.now() + timedelta(days=1),
        actor=system_actor("test"),
    ).plain


def ask(url: str, home: Path, *, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
    """Send one request to a gateway of a database."""
    (answer,) = asyncio.run(_ask(url, home, _scope(method, target, headers), [body]))
    return answer


def post_together(url: str, home: Path, *, target: str, headers: dict[str, str], bodies: list[bytes]) -> list[Answer]:
    """Send several requests at the same time."""
    return asyncio.run(_ask(url, home, _scope("POST", target, headers), bodies))


def _scope(method: str, target: str, headers: dict[str, str]) -> dict[str, Any]:
    path, _, query = target.partition("?")
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        "client": ("10.1.2.3", 4711),
    }


async def _ask(url: str, home: Path, scope: dict[str, Any], bodies: list[bytes]) -> list[Answer]:
    gateway = Gateway(url=url, home=home, archive_url=(home / "archive").as_uri())
    await gateway.start()
    try:
        return await asyncio.gather(*(_answer(gateway, scope, body) for body in bodies))
    finally:
        await gateway.stop()


async def _answer(gateway: Gateway, scope: dict[str, Any], body: bytes) -> Answer:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await gateway(scope, receive, send)
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    content = sent[1]["body"]
    return Answer(sent[0]["status"], told, json.loads(content) if content else None)
