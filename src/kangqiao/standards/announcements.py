"""The publication list: every edition of every data set, newest first."""

from __future__ import annotations

from dataclasses import dataclass

from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.editions import Edition, numbers_of


@dataclass(frozen=True)
class Announcement:
    """One edition that was announced, and the number of the edition it replaces."""

    data_set: type[DataSet]
    edition: Edition
    former: str


def announcements() -> list[Announcement]:
    """Return what was announced, newest first; data sets announced on one day by their Chinese title."""
    found = [
        Announcement(data_set, edition, former)
        for data_set in sorted(data_sets().values(), key=lambda each: each.title)
        for former, edition in zip(numbers_of(data_set), data_set.editions, strict=False)
    ]
    return sorted(found, key=lambda each: each.edition.announced, reverse=True)
