"""The themes a record is read by: the tabs of the page, and the colours of the timeline.

A data set names its theme here or falls to the theme of its core database, so that one added tomorrow has its place.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import Final

from kangqiao.standards.data_set import DataSet, Record, data_sets


class Theme(StrEnum):
    """A part of the record that is read on its own."""

    VISITS = "visits"
    LABORATORY = "laboratory"
    EXAMINATIONS = "examinations"
    MEDICATION = "medication"
    SIGNS = "signs"
    PUBLIC_HEALTH = "public-health"
    VACCINATION = "vaccination"
    COSTS = "costs"
    REGISTRATION = "registration"

    @property
    def title(self) -> str:
        """The Chinese title of the tab."""
        return _TITLES[self]

    @property
    def icon(self) -> str:
        """The drawing that stands for it."""
        return _ICONS[self]


_TITLES: Final = {
    Theme.VISITS: "门诊住院",
    Theme.LABORATORY: "检验",
    Theme.EXAMINATIONS: "检查",
    Theme.MEDICATION: "用药",
    Theme.SIGNS: "体征曲线",
    Theme.PUBLIC_HEALTH: "公卫服务",
    Theme.VACCINATION: "预防接种",
    Theme.COSTS: "费用",
    Theme.REGISTRATION: "登记信息",
}
_ICONS: Final = {
    Theme.VISITS: "stethoscope",
    Theme.LABORATORY: "test-pipe",
    Theme.EXAMINATIONS: "scan",
    Theme.MEDICATION: "pill",
    Theme.SIGNS: "activity",
    Theme.PUBLIC_HEALTH: "clipboard-heart",
    Theme.VACCINATION: "vaccine",
    Theme.COSTS: "coin",
    Theme.REGISTRATION: "id",
}
_BY_WORD: Final = {
    "lab-report": Theme.LABORATORY,
    "lab-result": Theme.LABORATORY,
    "exam-report": Theme.EXAMINATIONS,
    "prescription": Theme.MEDICATION,
    "prescription-item": Theme.MEDICATION,
    "medical-order": Theme.MEDICATION,
    "vital-signs": Theme.SIGNS,
    "vaccination": Theme.VACCINATION,
    "charge": Theme.COSTS,
    "charge-item": Theme.COSTS,
}
_BY_DATABASE: Final = {
    "population": Theme.REGISTRATION,
    "health_record": Theme.PUBLIC_HEALTH,
    "medical_record": Theme.VISITS,
}


def theme_of(data_set: type[DataSet]) -> Theme:
    """Return where a data set is shown."""
    return _BY_WORD.get(data_set.word) or _BY_DATABASE.get(data_set._meta.app_label, Theme.VISITS)


@functools.cache
def members(theme: Theme) -> tuple[type[Record], ...]:
    """Return the data sets of a theme that stand for themselves, in the order of the classes."""
    return tuple(
        data_set
        for data_set in data_sets().values()
        if issubclass(data_set, Record) and data_set.part_of() is None and theme_of(data_set) is theme
    )
