"""Which edition of its data set a file follows, and whether it is taken on the day it came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Container

from kangqiao.intake.errors import PartRefused
from kangqiao.intake.manifest import Entry
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.editions import accepted_from, accepted_on, accepted_until, implied, numbers_of

CHANGES = "变更见平台“数据标准 → 变更公告”"


def city_day(moment: dt.datetime) -> dt.date:
    """Return the day in the city."""
    return moment.astimezone(CITY_TIME).date()


def edition_of(data_set: type[DataSet], entry: Entry, contract: str) -> str:
    """Return the edition a file follows: what its entry says, else what the batch's version of the contract implies."""
    return entry.edition or implied(data_set, contract)


def require_accepted(data_set: type[DataSet], edition: str, day: dt.date) -> None:
    """Raise :class:`PartRefused` unless the edition is taken on this day."""
    taken = accepted_on(data_set, day)
    if edition in taken:
        return
    found = f"“{data_set.title}”这份文件按 {edition} 版报送"
    advice = f"请按 {taken[-1]} 版重新导出，换一个新的批次号报送；{CHANGES}"
    until = accepted_until(data_set, edition)
    if edition not in numbers_of(data_set):
        raise PartRefused("edition-unknown", f"{found}，本平台没有这一版，现在接收{_listed(taken)}；{advice}")
    if until is not None and until < day:
        raise PartRefused(
            "edition-over", f"{found}，这一版已于 {until} 停止接收（含当日），现在接收{_listed(taken)}；{advice}"
        )
    raise PartRefused(
        "edition-early",
        f"{found}，这一版自 {accepted_from(data_set, edition)} 起接收，现在接收{_listed(taken)}；{advice}",
    )


def notices(data_set: type[DataSet], edition: str, day: dt.date) -> list[str]:
    """Return what the receipt says of an accepted edition that will end; nothing of the newest."""
    until = accepted_until(data_set, edition)
    if until is None:
        return []
    newer = data_set.edition()
    start = accepted_from(data_set, newer)
    begins = f"（自 {start} 起接收）" if start and day < start else ""
    return [f"本数据集 {edition} 版将于 {until} 停止接收，请改用 {newer} 版{begins}，{CHANGES}"]


def fitting_edition(data_set: type[DataSet], columns: Container[str], day: dt.date) -> str:
    """Return the edition a table filled in by hand follows: the newest taken that has its required columns in it."""
    taken = accepted_on(data_set, day)
    whole = (
        number
        for number in reversed(taken)
        if all(field.name in columns for field in data_set.wire(number) if field.required is True and not field.absent)
    )
    return next(whole, taken[0])


def _listed(numbers: list[str]) -> str:
    return f" {'、'.join(numbers)} 版"
