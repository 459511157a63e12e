"""The pages of the scoreboard: from the city down to the rows, and their tables as spreadsheets."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from kangqiao.quality import board as boards
from kangqiao.quality import queries
from kangqiao.quality.advice import STAGES, advice_on
from kangqiao.quality.board import COUNT_ORDERS, SCORE_ORDERS, Look
from kangqiao.quality.catalogue import QualityRule, Stage, rule_of
from kangqiao.quality.issue_queries import issue_going_on
from kangqiao.quality.judging import EXAMPLES
from kangqiao.quality.places import CITY, Kind, NoSuchPlace, Place, ground_of
from kangqiao.quality.queries import NO_SCORE, Amount, By
from kangqiao.quality.rows import read_failing_rows
from kangqiao.quality.rules import FORMULA
from kangqiao.quality.tables import SEVERITIES, workbook_of
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

MONTHS: Final = 36
PAGE: Final = 20
WORST: Final = 5
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

TABLES: Final[Mapping[By, str]] = {
    By.COUNTY: "县区",
    By.INSTITUTION: "机构",
    By.DATA_SET: "数据集",
    By.RULE: "规则",
}
OF_PLACE: Final = {
    Kind.CITY: (By.COUNTY, By.INSTITUTION, By.DATA_SET, By.RULE),
    Kind.COUNTY: (By.INSTITUTION, By.DATA_SET, By.RULE),
    Kind.INSTITUTION: (By.DATA_SET, By.RULE),
}
OF_DATA_SET: Final = {
    Kind.CITY: (By.RULE, By.COUNTY, By.INSTITUTION),
    Kind.COUNTY: (By.RULE, By.INSTITUTION),
    Kind.INSTITUTION: (By.RULE,),
}

View = Callable[..., HttpResponse]


def on_its_ground(view: View) -> View:
    """Hand the view what the actor looks at as a :class:`Look`; a place the actor does not see is not found."""

    @wraps(view)
    def looked(request: HttpRequest, place: Place, word: str | None = None, **arguments: Any) -> HttpResponse:
        if word is not None and word not in data_sets():
            raise Http404("没有这个数据集")
        ground = ground_of(request_actor(request))
        try:
            ground.within(place)
        except NoSuchPlace as error:
            raise Http404("没有这个地方") from error
        months = _months()
        chosen = _month(request.GET.get("month", "")) or queries.usual_month(months)
        month = chosen or timezone.localdate().replace(day=1)
        return view(request, Look(ground, place, month, word), **arguments)

    return looked


@require_safe
@permission_required(Permission.QUALITY_READ)
def overview(request: HttpRequest) -> HttpResponseBase:
    """Show the city; who sees one institution only is led to its page."""
    ground = ground_of(request_actor(request))
    if not ground.whole and len(ground.seats) == 1:
        return redirect("quality:place", Place(Kind.INSTITUTION, str(next(iter(ground.seats)))))
    return board(request, place=CITY)


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def board(request: HttpRequest, look: Look) -> HttpResponse:
    """Show the score of a place, its trend, what stands below it, and what is worst."""
    context = {
        **_shell(look, look.ground.title(look.place)),
        **_summary(look),
        **_table(request, look, OF_PLACE[look.place.kind]),
        "worst_data_sets": _worst_data_sets(look),
        "worst_rules": _with_urls(look, boards.rule_lines(look)[:WORST], By.RULE),
        "table_url": reverse("quality:place-table", args=[look.place]),
    }
    return render(request, "quality/place.html", context)


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def data_set(request: HttpRequest, look: Look) -> HttpResponse:
    """Show the score of one data set at a place, and its rules."""
    assert look.data_set is not None
    context = {
        **_shell(look, data_sets()[look.data_set].title),
        **_summary(look),
        **_table(request, look, OF_DATA_SET[look.place.kind]),
        "table_url": reverse("quality:data-set-table", args=[look.place, look.data_set]),
    }
    return render(request, "quality/data_set.html", context)


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def rule(request: HttpRequest, look: Look, rule: str) -> HttpResponse:
    """Show one rule at a place: what it expects, how often it fails, where, and how to put that right."""
    known = _rule(look, rule)
    lines = boards.concerned_lines(look, known)
    failed, assessed = sum(line.count.failed for line in lines), sum(line.count.assessed for line in lines)
    context = {
        **_shell(look, known.title, known),
        **_narrowed(request, lines, COUNT_ORDERS, "-failed"),
        "known": known,
        "severity": SEVERITIES[known.severity],
        "stage": STAGES[known.stage],
        "unit": "天" if known.stage is Stage.SERIES else "行",
        "advice": advice_on(known),
        "failed": failed,
        "assessed": assessed,
        "share": 100 * failed / assessed if assessed else None,
        "by": By.INSTITUTION,
        "trend": _rule_trend(look, known),
        "daily": _rule_days(look, known),
        "single": look.place.kind is Kind.INSTITUTION,
        **_issue_of(request, look, known, failed),
        "may_see_rows": known.stage is not Stage.SERIES and request_actor(request).may(Permission.QUALITY_ROWS),
        "rows_url": reverse("quality:rows", args=[look.place, look.data_set, known.word]),
        "table_url": reverse("quality:rule-table", args=[look.place, look.data_set, known.word]),
    }
    context["lines"] = _with_urls(look, context["page"], By.INSTITUTION, known)
    return render(request, "quality/rule.html", context)


def _issue_of(request: HttpRequest, look: Look, known: QualityRule, failed: int) -> dict[str, Any]:
    """Return the issue of a rule at an institution that is going on, or whether the actor may open one."""
    place = look.place.institution_id
    if place is None:
        return {}
    issue = issue_going_on(institution_id=place, data_set=known.data_set, rule=known.word)
    return {"issue": issue, "may_open_issue": failed and request_actor(request).may(Permission.QUALITY_MANAGE)}


@require_safe
@permission_required(Permission.QUALITY_ROWS)
@on_its_ground
def rows(request: HttpRequest, look: Look, rule: str) -> HttpResponse:
    """Show the rows that fail a rule at a place; looking at them is audited."""
    known = _rule(look, rule)
    if known.stage is Stage.SERIES:
        raise Http404("这条规则按天计数，没有单独的行")
    actor = request_actor(request)
    found = read_failing_rows(look=look, rule=known, page=request.GET.get("page"), actor=actor)
    context = {
        **_shell(look, "不合格的行", known, rows=True),
        "known": known,
        "found": found,
        "page": found.page,
        "single": look.place.kind is Kind.INSTITUTION,
        "examples": EXAMPLES,
        "has_pages": any(row.url for row in found.rows),
        "has_cells": any(any(row.cells) for row in found.rows),
    }
    return render(request, "quality/rows.html", context)


# -- spreadsheets ------------------------------------------------------------------------------------------------------


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def board_table(request: HttpRequest, look: Look) -> HttpResponse:
    """Return a table of a place as a workbook: all lines of the search, in its order."""
    return _spreadsheet(request, look, _table(request, look, OF_PLACE[look.place.kind]))


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def data_set_table(request: HttpRequest, look: Look) -> HttpResponse:
    """Return a table of a data set as a workbook."""
    return _spreadsheet(request, look, _table(request, look, OF_DATA_SET[look.place.kind]))


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def rule_table(request: HttpRequest, look: Look, rule: str) -> HttpResponse:
    """Return the institutions that a rule concerns as a workbook."""
    lines = boards.concerned_lines(look, _rule(look, rule))
    return _spreadsheet(request, look, _narrowed(request, lines, COUNT_ORDERS, "-failed") | {"by": By.INSTITUTION})


def _spreadsheet(request: HttpRequest, look: Look, table: Mapping[str, Any]) -> HttpResponse:
    measurement = look.ground.measurement
    if measurement is None:
        raise Http404("还没有测量过")
    parts = [look.ground.title(look.place), f"{look.month:%Y-%m}", TABLES[table["by"]]]
    if look.data_set:
        parts.insert(1, data_sets()[look.data_set].title)
    content = workbook_of(
        look=look,
        title=TABLES[table["by"]],
        lines=table["found"],
        measurement=measurement,
        actor=request_actor(request),
    )
    name = re.sub(r'[\s\\/:*?"<>|]+', "_", f"数据质量-{'-'.join(parts)}.xlsx")
    headers = {"Content-Disposition": content_disposition_header(True, name) or ""}
    return HttpResponse(content, content_type=XLSX, headers=headers)


# -- what the pages share ----------------------------------------------------------------------------------------------


def _rule(look: Look, word: str) -> QualityRule:
    known = rule_of(look.data_set or "", word)
    if known is None:
        raise Http404("没有这条规则")
    return known


def _months() -> list[dt.date]:
    return queries.measured_months(until=timezone.localdate(), count=MONTHS)


def _month(text: str) -> dt.date | None:
    """Return the first day of a month written 2026-10, None for any other text."""
    return dt.date.fromisoformat(f"{text}-01") if re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", text) else None


def _shell(look: Look, title: str, rule: QualityRule | None = None, *, rows: bool = False) -> dict[str, Any]:
    """Return what every page has: its title, the way to it, the months to choose from, and when was measured."""
    months = _months()
    at = months.index(look.month) if look.month in months else -1
    return {
        "title": title,
        "look": look,
        "place_title": look.ground.title(look.place),
        "crumbs": _crumbs(look, rule, rows=rows),
        "months": months if at >= 0 else sorted([*months, look.month], reverse=True),
        "earlier": months[at + 1] if 0 <= at < len(months) - 1 else None,
        "later": months[at - 1] if at > 0 else None,
        "month_query": _query(look),
        "measurement": look.ground.measurement,
        "formula": FORMULA,
    }


def _query(look: Look, **more: str) -> str:
    return "?" + urlencode({"month": f"{look.month:%Y-%m}", **more})


def _crumbs(look: Look, rule: QualityRule | None, *, rows: bool) -> list[tuple[str, str]]:
    """Return (title, address) of the pages above this one, the highest first."""
    steps = [(look.ground.title(each), reverse("quality:place", args=[each])) for each in look.ground.above(look.place)]
    if look.data_set is not None:
        steps.append((look.ground.title(look.place), reverse("quality:place", args=[look.place])))
    if rule is not None:
        address = reverse("quality:data-set", args=[look.place, look.data_set])
        steps.append((data_sets()[rule.data_set].title, address))
    if rows and rule is not None:
        steps.append((rule.title, reverse("quality:rule", args=[look.place, look.data_set, rule.word])))
    return [(title, address + _query(look)) for title, address in steps]


def _summary(look: Look) -> dict[str, Any]:
    """Return the score of what a page looks at, its dimensions, its trend and its days."""
    months = queries.scores(look.seats, By.MONTH, look.year, data_set=look.data_set)
    days = queries.amounts(look.seats, By.DAY, look.period, data_set=look.data_set)
    now, before = (months.get(period.first, NO_SCORE) for period in (look.period, look.before))
    amount = Amount(*(sum(getattr(each, name) for each in days.values()) for name in ("rows", "failed", "refused")))
    return {
        "score": now,
        "change": boards.change_of(now.total, before.total),
        "rank": boards.rank_of(look),
        "amount": amount,
        "dimensions": [
            (each, now.counts[each], boards.change_of(now.counts[each].score, before.counts[each].score))
            for each in Dimension
        ],
        "trend": _chart("分", "综合得分", AT_MOST_100, {month: score.total for month, score in months.items()}),
        "daily": _chart("%", "合格率", AT_MOST_100, {day: each.passed for day, each in days.items()}),
    }


AT_MOST_100: Final = (None, 100)
AT_LEAST_0: Final = (0, None)


def _chart(
    unit: str, name: str, ends: tuple[int | None, int | None], values: Mapping[dt.date, float | None]
) -> dict[str, Any] | None:
    """Return a chart's data, None where there is nothing to draw."""
    points = [
        [dt.datetime.combine(day, dt.time(), CITY_TIME).isoformat(), round(value, 2)]
        for day, value in sorted(values.items())
        if value is not None
    ]
    return {"unit": unit, "ends": ends, "series": [{"name": name, "points": points}]} if points else None


def _rule_trend(look: Look, known: QualityRule) -> dict[str, Any] | None:
    counts = queries.counts_of_rule(look.seats, By.MONTH, look.year, data_set=known.data_set, rule=known.word)
    shares = {month: None if count.score is None else 100 - count.score for month, count in counts.items()}
    return _chart("%", "不合格率", AT_LEAST_0, shares)


def _rule_days(look: Look, known: QualityRule) -> dict[str, Any] | None:
    """Return the failures of every day of the month, those of days without any as 0."""
    failed = queries.failed_days(look.seats, look.period, data_set=known.data_set, rule=known.word)
    if not failed:
        return None
    length = look.period.last.day
    days = [look.month + dt.timedelta(days=each) for each in range(length)]
    return _chart(
        "天" if known.stage is Stage.SERIES else "行", "不合格", AT_LEAST_0, {day: failed.get(day, 0) for day in days}
    )


def _worst_data_sets(look: Look) -> list[Any]:
    lines = [line for line in boards.score_lines(look, By.DATA_SET) if line.score.total is not None]
    return _with_urls(look, boards.ordered(lines, "score", SCORE_ORDERS)[:WORST], By.DATA_SET)


# -- tables ------------------------------------------------------------------------------------------------------------


def _table(request: HttpRequest, look: Look, tables: Sequence[By]) -> dict[str, Any]:
    """Return the table a request asks for by ``?by=``, narrowed by its search, in its order, and its page."""
    asked = request.GET.get("by", "")
    by = next((each for each in tables if each == asked), tables[0])
    if by is By.RULE:
        found = _narrowed(request, boards.rule_lines(look), COUNT_ORDERS, "-failed")
    else:
        found = _narrowed(request, boards.score_lines(look, by), SCORE_ORDERS, "rank")
    return found | {
        "by": by,
        "tabs": [(each, TABLES[each], _query(look, by=each)) for each in tables],
        "lines": _with_urls(look, found["page"], by),
        "all_dimensions": list(Dimension),
    }


def _narrowed(request: HttpRequest, lines: Sequence[Any], orders: Mapping[str, Any], usual: str) -> dict[str, Any]:
    text, dimension = request.GET.get("q", "")[:40], request.GET.get("dimension", "")
    sort = request.GET.get("sort", "")
    sort = sort if sort.removeprefix("-") in orders else usual
    found = boards.ordered(boards.matching(lines, text, dimension), sort, orders)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    return {"found": found, "page": page, "sort": sort, "q": text, "dimension": dimension}


def _with_urls(look: Look, lines: Any, by: By, rule: QualityRule | None = None) -> list[tuple[Any, str]]:
    """Return each line with the address one step further down."""
    return [(line, _below(look, by, line.key, rule) + _query(look)) for line in lines]


def _below(look: Look, by: By, key: Any, rule: QualityRule | None) -> str:
    if by is By.RULE:
        return reverse("quality:rule", args=[look.place, *key.split(".", 1)])
    if by is By.DATA_SET:
        return reverse("quality:data-set", args=[look.place, key])
    place = Place(Kind.COUNTY if by is By.COUNTY else Kind.INSTITUTION, str(key))
    if rule is not None:
        return reverse("quality:rule", args=[place, rule.data_set, rule.word])
    return (
        reverse("quality:data-set", args=[place, look.data_set])
        if look.data_set
        else reverse("quality:place", args=[place])
    )
