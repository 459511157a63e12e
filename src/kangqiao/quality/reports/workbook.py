"""A report as a workbook: every rule, data set and month, where the PDF has the first ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kangqiao.formats.workbooks import Table, tables_workbook
from kangqiao.quality import queries
from kangqiao.quality.advice import advice_on
from kangqiao.quality.board import TREND, CountLine, change_of
from kangqiao.quality.places import Kind
from kangqiao.quality.reports.figures import KEYS_OF_RULE, Figures
from kangqiao.quality.reports.wording import changes_of, how_scored, rank_text, why_not_assessable
from kangqiao.quality.tables import SCORE_HEADS, SEVERITIES, table_of
from kangqiao.quality.templatetags.quality import data_set_title, month
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.quality import Dimension

NOT_SHOWN = "查看不合格行的业务主键，须有“查看不合格的数据行”的权限。"
RULE_HEADS = (
    *("规则", "数据集", "维度", "程度", "应评价", "不合格", "不合格率（%）", "上月不合格", "怎样改"),
    "规则代号",
)


def workbook_of(figures: Figures) -> bytes:
    """Return a report as a workbook; what can not be assessed is an empty cell."""
    below = [_below(figures)] if figures.place.kind is not Kind.INSTITUTION else []
    issues = [_issues(figures)] if figures.issues.count else []
    tables = [_overview(figures), _dimensions(figures), *below, _data_sets(figures), _rules(figures), _keys(figures)]
    return tables_workbook([*tables, *issues, _trend(figures)])


def _overview(figures: Figures) -> Table:
    measured = figures.measured.astimezone(CITY_TIME)
    now, before = figures.amount, figures.amount_before
    code = [("机构代码", figures.code, None), ("机构类别", figures.kind, None)]
    rows = [
        ("报告", figures.title, None),
        *(code if figures.place.kind is Kind.INSTITUTION else [("机构数", figures.institutions, None)]),
        ("月份", month(figures.month), None),
        ("测量时间", f"{measured:%Y-%m-%d %H:%M}", None),
        ("综合得分", _rounded(figures.score.total), _rounded(figures.score_before.total)),
        ("报送行数", now.sent, before.sent),
        ("合格率（%）", _rounded(now.passed), _rounded(before.passed)),
        ("入库不合格行数", now.failed, before.failed),
        ("退回未更正行数", now.refused, before.refused),
        ("有不合格的规则", len(figures.rules), figures.rules_before),
        ("进行中的整改", figures.issues.count, None),
        *(("名次", rank_text(each), None) for each in figures.ranks),
        *(("与上月相比", text, None) for text in changes_of(figures)),
    ]
    return Table("总览", ("项目", "本月", "上月"), rows, how_scored(figures))


def _dimensions(figures: Figures) -> Table:
    rows = []
    for each in Dimension:
        now, before = figures.score.counts[each], figures.score_before.counts[each]
        gained = _rounded(change_of(now.score, before.score))
        why = "" if now.assessed else why_not_assessable(each)
        rows.append((each.title, _rounded(now.score), _rounded(before.score), gained, now.assessed, now.failed, why))
    heads = ("维度", "得分", "上月得分", "较上月", "应评价", "不合格", "不可评价的原因")
    return Table("维度", heads, rows, ["稳定性以天计数，其他维度以行计数。"])


def _below(figures: Figures) -> Table:
    return Table("县区" if figures.place.kind is Kind.CITY else "机构", SCORE_HEADS, table_of(figures.below)[1])


def _data_sets(figures: Figures) -> Table:
    before = figures.data_sets_before
    rows = [
        [*row, before.get(line.key, queries.NO_ROWS).sent]
        for line, row in zip(figures.data_sets, table_of(figures.data_sets)[1], strict=True)
    ]
    return Table("数据集", (*SCORE_HEADS, "上月报送行数"), rows)


def _rules(figures: Figures) -> Table:
    return Table("规则", RULE_HEADS, [_rule(line) for line in figures.rules])


def _rule(line: CountLine) -> tuple[Any, ...]:
    rule, count = line.rule, line.count
    named = (line.title, data_set_title(rule), rule.dimension.title, SEVERITIES[rule.severity])
    return (*named, count.assessed, count.failed, _rounded(line.share), line.before, advice_on(rule), rule.key)


def _keys(figures: Figures) -> Table:
    heads = ("数据集", "规则", "机构", "日期", "业务主键", "去向")
    if figures.keys is None:
        return Table("不合格行示例", heads, [], [NOT_SHOWN])
    rows = [
        (data_set_title(each.rule), each.rule.title, each.institution, each.day, each.source_key, _fate(each.refused))
        for each in figures.keys
    ]
    note = f"每条规则最多列出最近的 {KEYS_OF_RULE} 行；按天计数的规则没有单独的行。"
    return Table("不合格行示例", heads, rows, [note])


def _fate(refused: bool) -> str:
    return "已退回" if refused else "已入库"


def _issues(figures: Figures) -> Table:
    rows = [
        (each.number, name, each.title, each.get_state_display(), each.due_on, each.failed_opened, each.failed_now)
        for each, name in figures.issues.first
    ]
    heads = ("编号", "机构", "要求", "状态", "限期", "发起时不合格", "现不合格")
    note = (
        f"共 {figures.issues.count} 项进行中，其中逾期 {figures.issues.overdue} 项；只列出最先到期的 {len(rows)} 项。"
    )
    return Table("整改", heads, rows, [note])


def _trend(figures: Figures) -> Table:
    heads = ("月份", "综合得分", *(each.title for each in Dimension), "报送行数", "入库不合格行数", "退回未更正行数")
    return Table("趋势", heads, list(_months(figures)))


def _months(figures: Figures) -> Iterator[list[Any]]:
    for back in reversed(range(TREND)):
        first = queries.months_before(figures.month, back)
        score = figures.scores.get(first, queries.NO_SCORE)
        amount = figures.amounts.get(first, queries.NO_ROWS)
        dimensions = [_rounded(score.counts[each].score) for each in Dimension]
        rows = [amount.sent, amount.failed, amount.refused]
        yield [month(first), _rounded(score.total), *dimensions, *rows]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
