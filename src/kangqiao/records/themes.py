"""The themes a record is read by: the tabs of the page, and the colours of the timeline.

A data set names its theme here or falls to the theme of its core database, so that one added tomorrow has its place.
"""

from __future__ import annotations

import functools
from enum import StrEnum
from typing import Final

from kangqiao.records.timeline import heads
from kangqiao.standards.data_set import DataSet, Record


class Theme(StrEnum):
    """A part of the record that is read on its own, in the order of care: the visit, findings, treatment, costs."""

    VISITS = "visits"
    SIGNS = "signs"
    LABORATORY = "laboratory"
    EXAMINATIONS = "examinations"
    MEDICATION = "medication"
    PUBLIC_HEALTH = "public-health"
    VACCINATION = "vaccination"
    COSTS = "costs"
    REGISTRATION = "registration"

    @property
    def title(self) -> str:  # type: ignore[override]
        """The Chinese title of the tab."""
        return _TITLES[self]

    @property
    def icon(self) -> str:
        """The drawing that stands for it."""
        return _ICONS[self]


_TITLES: Final = {
    Theme.VISITS: "门诊住院",
    Theme.SIGNS: "体征曲线",
    Theme.LABORATORY: "检验",
    Theme.EXAMINATIONS: "检查",
    Theme.MEDICATION: "用药",
    Theme.PUBLIC_HEALTH: "公卫服务",
    Theme.VACCINATION: "预防接种",
    Theme.COSTS: "费用",
    Theme.REGISTRATION: "登记信息",
}
_ICONS: Final = {
    Theme.VISITS: "stethoscope",
    Theme.SIGNS: "activity",
    Theme.LABORATORY: "test-pipe",
    Theme.EXAMINATIONS: "scan",
    Theme.MEDICATION: "pill",
    Theme.PUBLIC_HEALTH: "clipboard-heart",
    Theme.VACCINATION: "vaccine",
    Theme.COSTS: "coin",
    Theme.REGISTRATION: "id",
}
_BY_WORD: Final = {
    "lab-report": Theme.LABORATORY,
    "lab-result": Theme.LABORATORY,
    "culture-result": Theme.LABORATORY,
    "susceptibility": Theme.LABORATORY,
    "exam-report": Theme.EXAMINATIONS,
    "pathology-report": Theme.EXAMINATIONS,
    "prescription": Theme.MEDICATION,
    "prescription-item": Theme.MEDICATION,
    "medical-order": Theme.MEDICATION,
    "dispensing": Theme.MEDICATION,
    "adverse-drug-reaction": Theme.MEDICATION,
    "transfusion": Theme.MEDICATION,
    "vital-signs": Theme.SIGNS,
    "vaccination": Theme.VACCINATION,
    "charge": Theme.COSTS,
    "charge-item": Theme.COSTS,
    "settlement-list": Theme.COSTS,
    "settlement-fee": Theme.COSTS,
    "settlement-diagnosis": Theme.COSTS,
    "settlement-operation": Theme.COSTS,
    "case-group": Theme.COSTS,
}
_BY_DATABASE: Final = {
    "population": Theme.REGISTRATION,
    "health_record": Theme.PUBLIC_HEALTH,
    "medical_record": Theme.VISITS,
}


def theme_of(data_set: type[DataSet]) -> Theme:
    """Return where a data set is shown."""
    return _BY_WORD.get(data_set.word) or _BY_DATABASE.get(data_set._meta.app_label, Theme.VISITS)


def members(theme: Theme) -> list[type[Record]]:
    """Return the data sets of a theme that stand for themselves."""
    return [data_set for data_set in in_order_of_care() if theme_of(data_set) is theme]


@functools.cache
def in_order_of_care() -> tuple[type[Record], ...]:
    """Return the data sets that stand for themselves by theme: visits before what was done in them."""
    themes = list(Theme)
    return tuple(sorted(heads().values(), key=lambda data_set: (themes.index(theme_of(data_set)), _rank(data_set))))


def _rank(data_set: type[Record]) -> int:
    """Return 0 for visits and stays: other rows name them as their encounter."""
    return int(any(field.name == "encounter" for field in data_set.elements()))
