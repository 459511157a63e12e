"""What a request asks of a timeline, read out of its parameters: the page and the JSON door share the words."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from kangqiao.records.timeline import LARGEST_PAGE, PAGE, Place, Wanted, heads
from kangqiao.standards.conditions import CITY_TIME

PERIODS: Final = {"1m": ("近一个月", 31), "3m": ("近三个月", 92), "1y": ("近一年", 366), "3y": ("近三年", 1096)}

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TICK: Final = dt.timedelta(microseconds=1)

Parameters = Mapping[str, Sequence[str]]


class NotUnderstood(ValueError):
    """A parameter has no meaning; the Chinese message says what is expected and repeats no value."""


def wanted_of(parameters: Parameters, *, today: dt.date) -> Wanted:
    """Return which part of a timeline is asked for; raises `NotUnderstood`.

    kinds, institutions    may be repeated; without them all
    since, until           days, both included; or `period` (1m 3m 1y 3y), or `month` (2026-03)
    before                 where the previous page ended, as `place_word` writes it
    voided                 1: with voided rows
    size                   items of a page, at most 200
    """
    since, until = _days(parameters, today)
    return Wanted(
        kinds=_kinds(parameters.get("kinds", ())),
        institutions=_institutions(parameters.get("institutions", ())),
        since=_midnight(since) if since else None,
        until=_midnight(until + dt.timedelta(days=1)) if until else None,
        before=_place(_one(parameters, "before")),
        with_voided=_one(parameters, "voided") == "1",
        size=_size(_one(parameters, "size")),
    )


def place_word(place: Place) -> str:
    """Return a place as one word of a URL; it holds a time and an internal id."""
    return f"{(place.at - _EPOCH) // _TICK}-{place.id.hex}"


def _one(parameters: Parameters, name: str) -> str:
    return next(iter(parameters.get(name, ())), "")


def _kinds(words: Sequence[str]) -> tuple[str, ...] | None:
    if not heads().keys() >= set(words):
        raise NotUnderstood("kinds 应为时间轴上的数据集")
    return tuple(words) or None


def _institutions(words: Sequence[str]) -> tuple[int, ...] | None:
    try:
        return tuple(map(int, words)) or None
    except ValueError:
        raise NotUnderstood("institutions 应为机构的内部编号") from None


def _days(parameters: Parameters, today: dt.date) -> tuple[dt.date | None, dt.date | None]:
    month, period = _one(parameters, "month"), _one(parameters, "period")
    if month:
        first = _day(f"{month}-01", "month 应为年月，如 2026-03")
        return first, (first + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    if period in PERIODS:
        return today - dt.timedelta(days=PERIODS[period][1]), None
    since, until = (
        _day(word, f"{name} 应为日期，如 2026-01-31") if word else None
        for name, word in (("since", _one(parameters, "since")), ("until", _one(parameters, "until")))
    )
    return since, until


def _day(word: str, otherwise: str) -> dt.date:
    try:
        return dt.date.fromisoformat(word)
    except ValueError:
        raise NotUnderstood(otherwise) from None


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=CITY_TIME)


def _place(word: str) -> Place | None:
    if not word:
        return None
    try:
        moment, _, id = word.rpartition("-")
        return Place(_EPOCH + int(moment) * _TICK, UUID(hex=id))
    except (ValueError, OverflowError):
        raise NotUnderstood("before 应为上一页返回的位置") from None


def _size(word: str) -> int:
    if not word:
        return PAGE
    if not (word.isascii() and word.isdigit() and 0 < int(word) <= LARGEST_PAGE):
        raise NotUnderstood(f"size 应为 1–{LARGEST_PAGE} 之间的整数")
    return int(word)
