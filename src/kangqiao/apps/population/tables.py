"""The counts of a division as a workbook."""

from typing import Any

from django.db import transaction

from kangqiao.apps.population.models import Tally
from kangqiao.apps.population.queries import Line, Overview
from kangqiao.formats.workbooks import Table, tables_workbook
from kangqiao.registry.models import Division
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

BAND_HEADS = ("年龄", "男", "女", "性别不详", "合计")
LINE_HEADS = (
    *("区划", "代码", "已核实居民", "男", "女", "0–14 岁（%）", "65 岁及以上（%）", "待核"),
    *("公布人口", "公布年份", "覆盖率（%）", "公布人口来源"),
)
YEAR_HEADS = ("年份", "出生", "死亡", "自然增长", "迁入和流入", "迁出和流出")
CLOSER = "未登记到下级区划"


def workbook_of(*, division: Division, overview: Overview, tally: Tally, with_pending: bool, actor: Actor) -> bytes:
    """Return the pyramid, the divisions below and the years as sheets, and write the audit entry."""
    actor.require(Permission.POPULATION_READ)
    with transaction.atomic():
        record_act(actor=actor, action=Action.POPULATION_EXPORT, object_kind="division", object_id=division.stats_code)
        at = tally.finished_at.astimezone(CITY_TIME)
        notes = [
            f"范围：{division.name}　统计时间：{at:%Y-%m-%d %H:%M}",
            "在世居民按最近一次登记的现住址统计，没有现住址的按户籍地",
        ]
        counted = "包括待核居民" if with_pending else "只计已核实居民"
        return tables_workbook(
            [
                Table("年龄和性别", BAND_HEADS, _bands(overview), [*notes, counted]),
                Table("下级区划", LINE_HEADS, [_line(each) for each in (*overview.below, overview.line)], notes),
                Table("逐年变动", YEAR_HEADS, _years(overview), notes),
            ]
        )


def _bands(overview: Overview) -> list[list[Any]]:
    return [[each.title, each.men, each.women, each.unknown, each.people] for each in overview.bands]


def _line(line: Line) -> list[Any]:
    sums, published = line.sums, line.published
    named = [line.division.name, line.division.stats_code] if line.division else [CLOSER, None]
    shares = [_rounded(sums.children_share), _rounded(sums.old_share)]
    told = [published.population, published.year] if published else [None, None]
    source = published.source if published else None
    return [*named, sums.confirmed, sums.men, sums.women, *shares, sums.pending, *told, _rounded(line.coverage), source]


def _years(overview: Overview) -> list[list[Any]]:
    return [
        [each.year, each.births, each.deaths, each.growth, each.moved_in, each.moved_out] for each in overview.years
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
