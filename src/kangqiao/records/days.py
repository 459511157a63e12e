"""A page of the timeline in the order people read it: day, institution, and within a day what belongs together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from kangqiao.records.themes import Theme, in_order_of_care, theme_of
from kangqiao.records.timeline import Item, Page, Place
from kangqiao.standards.conditions import CITY_TIME

SHOWN_AT_ONCE: Final = 3
"""More rows of one kind on one day at one institution are folded up: a stay has dozens of orders."""

WEEKDAYS: Final = "一二三四五六日"


@dataclass(frozen=True, slots=True)
class Bunch:
    """Items of one kind on one day at one institution."""

    kind: str
    title: str
    theme: Theme
    items: tuple[Item, ...]

    @property
    def folded(self) -> bool:
        """Whether the items hide behind their number."""
        return len(self.items) > SHOWN_AT_ONCE


@dataclass(frozen=True, slots=True)
class Stop:
    """What one institution did on a day, in the order of care: the visit, diagnoses, findings, treatment, costs."""

    institution_id: int
    institution: str | None
    bunches: tuple[Bunch, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day and the institutions the person was at. `continued`: its head stands on the page before."""

    date: dt.date
    continued: bool
    stops: tuple[Stop, ...]

    @property
    def weekday(self) -> str:
        """The Chinese name of the day of the week."""
        return f"星期{WEEKDAYS[self.date.weekday()]}"


def days_of(page: Page, *, after: Place | None) -> tuple[Day, ...]:
    """Return the days of a page, newest first; `after` is where the page before it ended."""
    last = after and day_of(after.at)
    return tuple(
        Day(date, date == last, tuple(_stops(items)))
        for date, items in groupby(page.items, key=lambda item: day_of(item.occurred_at))
    )


def day_of(moment: dt.datetime) -> dt.date:
    """Return the day it was in the city."""
    return moment.astimezone(CITY_TIME).date()


def _stops(items: Iterable[Item]) -> Iterable[Stop]:
    places: dict[int, list[Item]] = {}
    for item in items:
        places.setdefault(item.institution_id, []).append(item)
    for institution_id, members in places.items():
        yield Stop(institution_id, members[0].institution, bunches_of(members[::-1]))


def bunches_of(items: Sequence[Item]) -> tuple[Bunch, ...]:
    """Return the items by their kind, the kinds in the order of care, each in the order given."""
    return tuple(
        Bunch(data_set.word, data_set.title, theme_of(data_set), members)
        for data_set in in_order_of_care()
        if (members := tuple(item for item in items if item.kind == data_set.word))
    )
