"""What changed in a month, in plain sentences made of numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from kangqiao.quality.board import change_of
from kangqiao.quality.reports.figures import Figures, RankAmong
from kangqiao.quality.rules import FORMULA, Count
from kangqiao.quality.templatetags.quality import month, score
from kangqiao.standards.quality import Dimension

LEAST = 0.005
"""Scores that differ by less are shown as equal."""
MOST_DIMENSIONS = 3
MOST_NAMES = 6


def changes_of(figures: Figures) -> list[str]:
    """Return what changed since the month before, a sentence each."""
    if figures.score.total is None and not figures.amount.sent:
        return ["本月没有数据，无法评价。"]
    if figures.score_before.total is None and not figures.amount_before.sent:
        return ["上月没有数据，无法比较。"]
    return [*_of_total(figures), *_of_dimensions(figures), *_of_rows(figures), *_of_ranks(figures), *_of_rules(figures)]


def _of_total(figures: Figures) -> Iterator[str]:
    now, before = figures.score.total, figures.score_before.total
    change = change_of(now, before)
    if change is None:
        yield f"综合得分上月{_scored(before)}，本月{_scored(now)}。"
    elif abs(change) < LEAST:
        yield f"综合得分与上月持平，为 {score(now)} 分。"
    else:
        yield f"综合得分从 {score(before)} 分{_moved(change)}到 {score(now)} 分，{_points(change)}。"


def _of_dimensions(figures: Figures) -> Iterator[str]:
    changed = []
    for each in Dimension:
        now, before = figures.score.counts[each].score, figures.score_before.counts[each].score
        change = change_of(now, before)
        if change is not None and abs(change) >= LEAST:
            changed.append((change, f"{each.title}从 {score(before)} 分{_moved(change)}到 {score(now)} 分"))
    changed.sort(key=lambda pair: -abs(pair[0]))
    if changed:
        more = len(changed) > MOST_DIMENSIONS
        told = "；".join(text for _, text in changed[:MOST_DIMENSIONS])
        yield f"{'变化最大的三个维度：' if more else ''}{told}。"


def _of_rows(figures: Figures) -> Iterator[str]:
    now, before = figures.amount, figures.amount_before
    yield f"报送 {now.sent:,} 行，上月 {before.sent:,} 行{_more(now.sent, before.sent)}。"
    if now.refused or before.refused:
        yield f"退回未更正 {now.refused:,} 行，上月 {before.refused:,} 行。"


def _more(now: int, before: int) -> str:
    if now == before:
        return "，持平"
    share = f"（{100 * (now - before) / before:+.1f}%）" if before else ""
    return f"，{'多' if now > before else '少'} {abs(now - before):,} 行{share}"


def _of_ranks(figures: Figures) -> Iterator[str]:
    for each in figures.ranks:
        if each.rank.moved:
            way = "上升" if each.rank.moved > 0 else "下降"
            yield f"在{each.among}中{way} {abs(each.rank.moved)} 位，第 {each.rank.place} 名（共 {each.rank.of} 个）。"


def _of_rules(figures: Figures) -> Iterator[str]:
    failing = len(figures.rules)
    if failing or figures.rules_before:
        yield f"有不合格的规则 {failing} 条，上月 {figures.rules_before} 条。"
    fresh = next((each.line for each in figures.problems if not each.line.before), None)
    if fresh is not None:
        yield f"上月没有、本月新出现：{fresh.title}（{fresh.count.failed:,} {unit_of(fresh.rule.dimension)}）。"
    if figures.absent:
        yield f"上月有数据、本月没有数据的数据集：{_listed(figures.absent)}。"


def _listed(names: list[str]) -> str:
    more = f"等 {len(names)} 个" if len(names) > MOST_NAMES else ""
    return "、".join(names[:MOST_NAMES]) + more


def _scored(value: float | None) -> str:
    return "不可评价" if value is None else f"为 {score(value)} 分"


def _moved(change: float) -> str:
    return "升" if change > 0 else "降"


def _points(change: float) -> str:
    return f"{'提高' if change > 0 else '下降'} {abs(change):.2f} 分"


def unit_of(dimension: Dimension) -> str:
    """Return what a dimension counts."""
    return "天" if dimension is Dimension.STABILITY else "行"


def why_not_assessable(dimension: Dimension) -> str:
    """Return why a dimension without anything assessed has no score."""
    if dimension is Dimension.STABILITY:
        return "按每天的行数评价；本月没有以往数据足够、可以比较的日子"
    if dimension is Dimension.TIMELINESS:
        return "本月的行没有可以核对报送或办理时限的"
    if dimension is Dimension.LINKAGE:
        return "本月的行没有引用其他数据的，也没有应被引用的"
    return "本月没有适用这一维度规则的行"


def rank_text(each: RankAmong) -> str:
    """Return a rank with those it is among: 临翔区各机构 第 3 名，共 12 个."""
    return f"{each.among}中第 {each.rank.place} 名，共 {each.rank.of} 个"


def failed_of(count: Count, dimension: Dimension) -> str:
    """Return how many of how many failed."""
    unit = unit_of(dimension)
    if not count.assessed:
        return f"没有应评价的{unit}"
    return f"{count.assessed:,} {unit}中 {count.failed:,} {unit}不合格"


def how_scored(figures: Figures) -> list[str]:
    """Return how the figures come about: the formula, the counting, what the month lacks."""
    notes = [
        f"{FORMULA}。",
        "行按数据发生的月份统计；稳定性按天计数。退回的行在更正后重报并被接收以前，一直计入不合格。",
        "“最多可提高”是一条规则不再有不合格行时综合得分的最大增加；同一行还违反同一维度其他规则的，实际增加会少些。",
    ]
    if figures.unfinished:
        notes.append(f"测量时{month(figures.month)}尚未结束，以上是截至测量时的结果。")
    return notes
