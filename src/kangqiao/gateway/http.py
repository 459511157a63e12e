"""The little of HTTP that the gateway needs, straight on ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from kangqiao.gateway.errors import Malformed, NotAcceptable, TooLarge, WrongMediaType

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FHIR_JSON: Final = "application/fhir+json"
JSON_TYPES: Final = ("application/fhir+json", "application/json", "text/json", "application/json+fhir")


class Disconnected(Exception):
    """The client went away in the middle of its request."""


@dataclass(slots=True)
class Response:
    """What is sent back."""

    status: int
    body: bytes = b""
    media_type: str = FHIR_JSON
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def send(self, send: Send) -> None:
        headers = [(b"content-length", str(len(self.body)).encode()), *self.headers]
        if self.body:
            headers.append((b"content-type", self.media_type.encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Request:
    """One request; its body has not been read yet."""

    __slots__ = ("_receive", "headers", "method", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope, self._receive = scope, receive
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])

    @property
    def address(self) -> str | None:
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def base(self) -> str:
        """Return the address of this platform as the client wrote it, without a path."""
        host = self.headers.get(b"host", b"localhost").decode("latin-1")
        return f"{self.scope.get('scheme', 'http')}://{host}"

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1").strip()

    def query(self) -> dict[str, str]:
        """Return the parameters of the query; one that comes twice is refused."""
        pairs = parse_qsl(self.scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        found = dict(pairs)
        if len(found) < len(pairs):
            raise Malformed("查询参数不能重复")
        return found

    def media_type(self) -> str:
        """Return the media type of the body; raises :class:`WrongMediaType` for anything but JSON."""
        written = self.header(b"content-type")
        if written.partition(";")[0].strip().lower() not in JSON_TYPES:
            raise WrongMediaType
        return written

    def accepts_json(self) -> None:
        """Raise :class:`NotAcceptable` where the client wants another format only."""
        wanted = self.header(b"accept").lower()
        if wanted and not any(word in wanted for word in ("json", "*/*", "application/*")):
            raise NotAcceptable

    async def body(self, most: int) -> bytes:
        """Return the whole body; raises :class:`TooLarge` before it is read where its length is announced."""
        announced = self.header(b"content-length")
        if announced.isdigit() and int(announced) > most:
            raise TooLarge(f"请求内容不能超过 {most >> 20} MB，请分批发送")
        message = await self._receive()
        first = message.get("body", b"")
        if message["type"] == "http.request" and (not message.get("more_body") or str(len(first)) == announced):
            parts = [first]
        else:
            parts, size = [], 0
            async for part in self._parts(message):
                parts.append(part)
                size += len(part)
                if size > most:
                    break
        body = b"".join(parts)
        if len(body) > most:
            raise TooLarge(f"请求内容不能超过 {most >> 20} MB，请分批发送")
        return body

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in; raises :class:`Disconnected`."""
        async for part in self._parts(await self._receive()):
            yield part

    async def _parts(self, message: MutableMapping[str, Any]) -> AsyncIterator[bytes]:
        while True:
            if message["type"] == "http.disconnect":
                raise Disconnected
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return
            message = await self._receive()


def http_date(moment: datetime) -> bytes:
    """Return a moment as HTTP writes it."""
    return _http_date(int(moment.timestamp()))


@lru_cache(maxsize=64)
def _http_date(seconds: int) -> bytes:
    return formatdate(seconds, usegmt=True).encode()
