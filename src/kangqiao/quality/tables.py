"""The tables of the scoreboard as spreadsheets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from kangqiao.formats.workbooks import table_workbook
from kangqiao.quality.board import CountLine, Look, ScoreLine
from kangqiao.quality.models import Measurement
from kangqiao.quality.rules import FORMULA
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

SCORE_HEADS = (
    *("名次", "名称", "代码", "得分", "较上月"),
    *(each.title for each in Dimension),
    *("报送行数", "入库不合格行数", "退回未更正行数"),
)
COUNT_HEADS = ("名称", "数据集", "规则", "维度", "程度", "应评价", "不合格", "不合格率（%）", "上月不合格")
SEVERITIES = {"error": "错误", "warning": "提示"}


def workbook_of(
    *, look: Look, title: str, lines: Sequence[ScoreLine | CountLine], measurement: Measurement, actor: Actor
) -> bytes:
    """Return a table as a workbook, with the formula and the time of measurement below; writes the audit entry."""
    actor.require(Permission.QUALITY_READ)
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.QUALITY_EXPORT,
            object_kind="quality",
            object_id=str(look.place),
            detail={"month": f"{look.month:%Y-%m}", "lines": len(lines)},
        )
        heads, rows = table_of(lines)
        return table_workbook(title, heads, rows, _notes(look, measurement.finished_at))


def table_of(lines: Sequence[ScoreLine | CountLine]) -> tuple[Sequence[str], list[list[Any]]]:
    """Return (heads, rows) of a table's lines; what can not be assessed is empty."""
    rows = [_score_row(line) if isinstance(line, ScoreLine) else _count_row(line) for line in lines]
    return (COUNT_HEADS if lines and isinstance(lines[0], CountLine) else SCORE_HEADS), rows


def _score_row(line: ScoreLine) -> list[Any]:
    dimensions = [_rounded(line.score.counts[each].score) for each in Dimension]
    amount = line.amount
    return [
        line.rank.place,
        line.title,
        line.code,
        _rounded(line.score.total),
        _rounded(line.change),
        *dimensions,
        amount.sent,
        amount.failed,
        amount.refused,
    ]


def _count_row(line: CountLine) -> list[Any]:
    rule = line.rule
    data_set, severity = data_sets()[rule.data_set].title, SEVERITIES[rule.severity]
    count = line.count
    named = [line.title, data_set, rule.word, rule.dimension.title, severity]
    return [*named, count.assessed, count.failed, _rounded(line.share), line.before]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _notes(look: Look, measured: dt.datetime) -> list[str]:
    at = measured.astimezone(CITY_TIME)
    return [
        f"范围：{look.ground.title(look.place)}　月份：{look.month:%Y-%m}　测量时间：{at:%Y-%m-%d %H:%M}",
        FORMULA,
        "空白的得分为不可评价",
    ]
