"""Concurrent questions share one answer."""

import asyncio

from kangqiao.gateway import gathering
from kangqiao.gateway.errors import Busy
from kangqiao.gateway.gathering import Gathered


def gathered(groups: list[list[int]], *, fails: bool = False, **how: int) -> Gathered[int, int]:
    async def ask(questions: list[int]) -> list[int]:
        groups.append(questions)
        await asyncio.sleep(0.01)
        if fails:
            raise ValueError
        return [question * 10 for question in questions]

    return Gathered(ask, **how)


def test_what_gathers_during_a_question_is_asked_together_and_answered_in_order():
    groups: list[list[int]] = []

    async def run() -> list[int]:
        ask = gathered(groups)
        first = asyncio.create_task(ask(0))
        await asyncio.sleep(0.005)
        others = [asyncio.create_task(ask(number)) for number in range(1, 6)]
        return await asyncio.gather(first, *others)

    assert asyncio.run(run()) == [0, 10, 20, 30, 40, 50]
    assert groups == [[0], [1, 2, 3, 4, 5]]


def test_so_many_questions_as_are_wanted_are_asked_side_by_side_and_together():
    groups: list[list[int]] = []

    async def run() -> list[int]:
        ask = gathered(groups, together=2, side_by_side=2)
        waiting = []
        for number in range(7):
            waiting.append(asyncio.create_task(ask(number)))
            await asyncio.sleep(0.001)
        return await asyncio.gather(*waiting)

    assert asyncio.run(run()) == [0, 10, 20, 30, 40, 50, 60]
    assert [len(group) for group in groups] == [1, 1, 2, 2, 1]


def test_an_error_reaches_everyone_who_asked_and_the_next_may_ask_again():
    groups: list[list[int]] = []

    async def run() -> list[object]:
        ask = gathered(groups, fails=True)
        together = await asyncio.gather(ask(1), ask(2), return_exceptions=True)
        return [*together, *await asyncio.gather(ask(3), return_exceptions=True)]

    told = asyncio.run(run())
    assert [type(each) for each in told] == [ValueError] * 3


def test_one_who_gives_up_does_not_disturb_the_others():
    groups: list[list[int]] = []

    async def run() -> int:
        ask = gathered(groups)
        waiting = [asyncio.create_task(ask(number)) for number in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        return (await asyncio.gather(*waiting, return_exceptions=True))[2]

    assert asyncio.run(run()) == 20


def test_too_many_waiting_are_sent_away(monkeypatch):
    monkeypatch.setattr(gathering, "MOST_WAITING", 2)

    async def run() -> list[object]:
        ask = gathered([])
        return await asyncio.gather(*(ask(number) for number in range(4)), return_exceptions=True)

    told = asyncio.run(run())
    assert told[:2] == [0, 10]
    assert [type(each) for each in told[2:]] == [Busy, Busy]
