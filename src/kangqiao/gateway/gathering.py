"""Concurrent questions that share one answer from the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from kangqiao.gateway.errors import Busy

Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST_TOGETHER: Final = 256
MOST_WAITING: Final = 8192


class Gathered(Generic[Question, Answer]):
    """Asks for everything that has gathered while the question before was under way.

    ``ask`` takes questions, at most ``together``, and returns their answers in the same order; it is under way
    ``side_by_side`` so many times.
    """

    def __init__(
        self,
        ask: Callable[[list[Question]], Awaitable[Sequence[Answer]]],
        *,
        together: int = MOST_TOGETHER,
        side_by_side: int = 1,
    ) -> None:
        self._ask, self._together, self._side_by_side = ask, together, side_by_side
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def __call__(self, question: Question) -> Answer:
        """Return the answer to one question; raises :class:`Busy` where too many wait."""
        if len(self._waiting) >= MOST_WAITING:
            raise Busy
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if len(self._asking) < self._side_by_side:
            self._asking.add(asyncio.create_task(self._run()))
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._together], self._waiting[self._together :]
                await self._answer(group)
        finally:
            asking = asyncio.current_task()
            assert asking
            self._asking.remove(asking)

    async def _answer(self, group: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._ask([question for question, _ in group])
        except Exception as error:
            for _, future in group:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(group, answers, strict=True):
            if not future.done():
                future.set_result(answer)
