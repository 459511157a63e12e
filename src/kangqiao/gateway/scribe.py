"""Group commit: concurrent writes share a transaction.

A thread of its own takes what has gathered while the transaction before was under way, so that a lone write never
waits and many share one commit. A unit that the database refuses fails alone: the group is undone and its units are
stored one by one.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from typing import Any, Final

import psycopg

from kangqiao.gateway.errors import Busy, NotStored, Unavailable
from kangqiao.gateway.store import Known, store_group
from kangqiao.gateway.writes import Unit, Written

log = logging.getLogger(__name__)

MOST_IN_GROUP: Final = 512
MOST_WAITING: Final = 4096
"""Resources; what comes on top is sent away with Retry-After."""


class Scribe:
    """Writes units for the coroutines of one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._waiting: deque[tuple[Unit, asyncio.Future[list[Written]]]] = deque()
        self._resources = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._known = Known()
        self._connection: psycopg.Connection[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write, for the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="scribe", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Write what is waiting, then end."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread:
            await asyncio.to_thread(self._thread.join)

    async def write(self, unit: Unit) -> list[Written]:
        """Return what became of each write, once it is committed.

        Raises :class:`Busy`, :class:`Unavailable` or :class:`NotStored`.
        """
        assert self._loop
        future: asyncio.Future[list[Written]] = self._loop.create_future()
        with self._wake:
            if self._stopping or self._resources + len(unit) > MOST_WAITING:
                raise Busy
            self._resources += len(unit)
            self._waiting.append((unit, future))
            self._wake.notify()
        return await future

    def _run(self) -> None:
        while group := self._next_group():
            results = self._store([unit for unit, _ in group])
            futures = [future for _, future in group]
            assert self._loop
            self._loop.call_soon_threadsafe(_deliver, futures, results)
        if self._connection:
            self._connection.close()

    def _next_group(self) -> list[tuple[Unit, asyncio.Future[list[Written]]]]:
        """Wait for work and take what may go together: no key twice. Empty at the end."""
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            group: list[tuple[Unit, asyncio.Future[list[Written]]]] = []
            keys: set[tuple[int, str]] = set()
            while self._waiting and len(keys) < MOST_IN_GROUP:
                unit = self._waiting[0][0]
                places = {(write.institution_id, write.key) for write in unit}
                if not keys.isdisjoint(places):
                    break
                keys |= places
                group.append(self._waiting.popleft())
                self._resources -= len(unit)
            return group

    def _store(self, units: list[Unit]) -> list[list[Written] | Exception]:
        """Store a group; after a lost connection once more, since what is there already is not stored again."""
        for attempt in (1, 2):
            try:
                return list(store_group(self._open(), units, self._known, careful=attempt == 2))
            except Exception:
                if not self._lost():
                    return [self._store_alone(unit) for unit in units]
                log.warning("the database did not answer (attempt %s)", attempt, exc_info=True)
        return [Unavailable() for _ in units]

    def _store_alone(self, unit: Unit) -> list[Written] | Exception:
        try:
            return store_group(self._open(), [unit], self._known, careful=True)[0]
        except Exception:
            log.exception("original %s was not stored", unit[0].id)
            return Unavailable() if self._lost() else NotStored()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._url, autocommit=True)
            self._known = Known()  # what was known of the database before may no longer be so
        return self._connection

    def _lost(self) -> bool:
        return self._connection is None or self._connection.closed


def _deliver(futures: list[asyncio.Future[list[Written]]], results: list[list[Written] | Exception]) -> None:
    for future, result in zip(futures, results, strict=True):
        if future.cancelled():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
