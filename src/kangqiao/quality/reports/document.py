"""A report as it is printed: texts and lengths for the template ``report.typ``, and the PDF made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kangqiao.formats.typesetting import typeset
from kangqiao.quality import queries
from kangqiao.quality.board import TREND, ScoreLine, change_of
from kangqiao.quality.places import Kind
from kangqiao.quality.reports.figures import PROBLEMS, FailingKey, Figures, OpenIssues, Problem
from kangqiao.quality.reports.wording import changes_of, failed_of, how_scored, rank_text, unit_of, why_not_assessable
from kangqiao.quality.tables import SEVERITIES
from kangqiao.quality.templatetags.quality import change, data_set_title, month, score, share
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.quality import Dimension

TEMPLATE = Path(__file__).parent / "report.typ"
KEYS = 6
ENDS = 20
"""Of a long ranking so many of its head and of its end are printed; the workbook has all."""
DATA_SETS = 40


def pdf_of(figures: Figures) -> bytes:
    """Return a report as a PDF of two to four pages; raises ``FontsMissing``."""
    return typeset(TEMPLATE, printed(figures), at=figures.measured)


def printed(figures: Figures) -> dict[str, Any]:
    """Return what the template prints: texts ready to be read, scores from 0 to 100 as lengths of bars."""
    measured = figures.measured.astimezone(CITY_TIME)
    return {
        "title": "数据质量月报",
        "place": figures.title,
        "month": month(figures.month),
        "about": [text for text in (_code(figures), figures.kind) if text],
        "measured": f"{measured:%Y-%m-%d %H:%M}",
        "score": score(figures.score.total),
        "assessable": figures.score.total is not None,
        "change": change(change_of(figures.score.total, figures.score_before.total)),
        "ranks": [rank_text(each) for each in figures.ranks],
        "amounts": _amounts(figures),
        "dimensions": [_dimension(figures, each) for each in Dimension],
        "changes": changes_of(figures),
        "problems": [_problem(each, figures.keys) for each in figures.problems],
        "most": PROBLEMS,
        "more_rules": max(0, len(figures.rules) - len(figures.problems)),
        "data_sets": _data_sets(figures),
        "below": _below(figures),
        "trend": _trend(figures),
        "issues": _issues(figures.issues),
        "nothing": not figures.amount.sent and figures.score.total is None,
        "missing": [
            [each.title, why_not_assessable(each)] for each in Dimension if not figures.score.counts[each].assessed
        ],
        "notes": how_scored(figures),
    }


def _code(figures: Figures) -> str:
    if figures.place.kind is Kind.INSTITUTION:
        return f"机构代码 {figures.code}"
    return f"{figures.institutions} 家机构"


def _amounts(figures: Figures) -> list[list[str]]:
    now, before = figures.amount, figures.amount_before
    return [
        ["报送行数", f"{now.sent:,}", f"上月 {before.sent:,}"],
        ["合格率", share(now.passed), f"上月 {share(before.passed)}"],
        ["入库不合格", f"{now.failed:,}", f"上月 {before.failed:,}"],
        ["退回未更正", f"{now.refused:,}", f"上月 {before.refused:,}"],
    ]


def _dimension(figures: Figures, each: Dimension) -> dict[str, Any]:
    now, before = figures.score.counts[each], figures.score_before.counts[each]
    return {
        "title": each.title,
        "value": now.score,
        "score": score(now.score),
        "before": score(before.score),
        "change": change(change_of(now.score, before.score)),
        "failed": failed_of(now, each),
    }


def _problem(problem: Problem, keys: Sequence[FailingKey] | None) -> dict[str, Any]:
    line = problem.line
    own = [each for each in keys or () if each.rule.key == line.key]
    return {
        "title": f"{data_set_title(line.rule)}：{line.title}",
        "where": f"{line.rule.dimension.title} · {SEVERITIES[line.rule.severity]}",
        "failed": f"{failed_of(line.count, line.rule.dimension)}（{share(line.share)}）",
        "before": f"上月 {line.before:,} {unit_of(line.rule.dimension)}",
        "gain": f"{problem.gain:.2f}" if problem.gain >= 0.005 else "不足 0.01",
        "advice": problem.advice,
        "keys": [each.source_key for each in own[:KEYS] if each.source_key],
    }


def _data_sets(figures: Figures) -> dict[str, Any]:
    lines = [line for line in figures.data_sets if line.amount.sent or line.score.total is not None]
    lines.sort(key=lambda line: -line.amount.sent)
    rows = [
        [
            line.title,
            score(line.score.total),
            f"{line.amount.sent:,}",
            f"{figures.data_sets_before.get(line.key, queries.NO_ROWS).sent:,}",
            f"{line.amount.failed:,}",
            f"{line.amount.refused:,}",
            share(line.amount.passed),
        ]
        for line in lines[:DATA_SETS]
    ]
    return {"rows": rows, "more": len(lines) - len(rows)}


def _below(figures: Figures) -> dict[str, Any]:
    lines = figures.below
    left_out = max(0, len(lines) - 2 * ENDS)
    shown = [*lines[:ENDS], *lines[len(lines) - ENDS :]] if left_out else lines
    return {
        "title": "各县区" if figures.place.kind is Kind.CITY else "各机构",
        "rows": [_ranked(line) for line in shown],
        "left_out": left_out,
        "ends": ENDS,
    }


def _ranked(line: ScoreLine) -> list[str]:
    return [
        str(line.rank.place or "—"),
        line.title,
        score(line.score.total),
        change(line.change),
        f"{line.amount.sent:,}",
        f"{line.amount.failed:,}",
        f"{line.amount.refused:,}",
    ]


def _trend(figures: Figures) -> list[dict[str, Any]]:
    months = [queries.months_before(figures.month, back) for back in reversed(range(TREND))]
    found = []
    for each in months:
        total = figures.scores.get(each, queries.NO_SCORE).total
        sent = figures.amounts.get(each, queries.NO_ROWS).sent
        short = f"{each:%y}年{each.month}月" if each.month == 1 or each == months[0] else f"{each.month}月"
        found.append({"month": short, "value": total, "score": score(total), "sent": sent})
    return found


def _issues(issues: OpenIssues) -> dict[str, Any]:
    rows = [
        [each.number, name, each.title, str(each.get_state_display()), f"{each.due_on}", f"{each.failed_now:,}"]
        for each, name in issues.first
    ]
    return {"rows": rows, "count": issues.count, "overdue": issues.overdue}
