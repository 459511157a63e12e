"""Who is asking: machine tokens, looked up once every few seconds.

A revoked token is refused at the latest when what is remembered of it has grown old.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from kangqiao.gateway.errors import Unauthenticated
from kangqiao.gateway.lines import Line
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.permissions import Permission
from kangqiao.trust.services import TOKEN_SELECT, token_digest

REMEMBERED_SECONDS: Final = 2.0
MOST_REMEMBERED: Final = 10_000


class Tokens:
    """Actors by token."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._line, self._clock = Line(url), clock
        self._known: dict[tuple[bytes, str | None], tuple[float, Actor]] = {}

    async def actor(self, authorization: bytes | None, address: str | None) -> Actor:
        """Return who is behind an Authorization header. Raises :class:`Unauthenticated`."""
        scheme, _, plain = (authorization or b"").partition(b" ")
        if scheme.lower() != b"bearer" or not plain:
            raise Unauthenticated
        place = token_digest(plain.decode("latin-1")), address
        known = self._known.get(place)
        if known and self._clock() < known[0]:
            return known[1]
        self._known.pop(place, None)
        actor = await self._look_up(*place)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[place] = (self._clock() + REMEMBERED_SECONDS, actor)
        return actor

    async def close(self) -> None:
        await self._line.close()

    async def _look_up(self, digest: bytes, address: str | None) -> Actor:
        rows = await self._line.fetch(TOKEN_SELECT, digest)
        if not rows:
            raise Unauthenticated
        (row,) = rows
        return Actor(
            kind=ActorKind.TOKEN,
            id=UUID(bytes=row["id"].bytes),
            name=row["name"],
            institution_id=row["institution_id"],
            permissions=frozenset(Permission(word) for word in row["permissions"]),
            address=address,
        )
