"""A line to PostgreSQL of one's own: no pool hands it round, none resets it after every statement."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg
from psycopg.conninfo import conninfo_to_dict

from kangqiao.gateway.errors import Unavailable

UNREACHABLE: Final = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, OSError, TimeoutError)


class Line:
    """One connection, opened at need and again after it broke; its users take turns."""

    def __init__(self, url: str) -> None:
        self._asked = asked_of_asyncpg(url)
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def fetch(self, statement: str, *parameters: object) -> list[asyncpg.Record]:
        """Return the rows of a statement; raises :class:`Unavailable` where the database does not answer twice."""
        async with self._turn:
            for attempt in (1, 2):
                try:
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(**self._asked, timeout=10)
                    return list(await self._connection.fetch(statement, *parameters))
                except UNREACHABLE as error:
                    self._connection = None
                    if attempt == 2:
                        raise Unavailable from error
        raise AssertionError

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close(timeout=5)


def asked_of_asyncpg(url: str) -> dict[str, Any]:
    """Return a connection URL, or libpq's ``key=value`` form, as asyncpg takes it."""
    parts = conninfo_to_dict(url)
    names = {"host": "host", "port": "port", "user": "user", "password": "password", "dbname": "database"}
    asked: dict[str, Any] = {name: parts[key] for key, name in names.items() if parts.get(key)}
    return asked | {"ssl": parts["sslmode"]} if parts.get("sslmode") else asked
