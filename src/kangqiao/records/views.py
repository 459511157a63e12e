"""The pages of the record view: parse, call one verb, render."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from kangqiao.records import services
from kangqiao.records.asking import PERIODS, NotUnderstood, place_word, wanted_of
from kangqiao.records.curves import Curve
from kangqiao.records.days import days_of
from kangqiao.records.laboratory import Item as LaboratoryItem
from kangqiao.records.panels import Chart
from kangqiao.records.rules import PURPOSES, read_purpose
from kangqiao.records.services import Head, MergedInto, NoSuchRecord
from kangqiao.records.themes import Theme, in_order_of_care, theme_of
from kangqiao.records.timeline import Count, Wanted, heads
from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

PURPOSE = "records-purpose"
NEWEST_REPORTS = 12

Reading = Callable[..., HttpResponse]


def for_a_purpose(view: Reading) -> Reading:
    """Ask for the purpose at the first reading of a session; hand `actor` and `purpose` to the view.

    A resident nobody knows is not found, one merged into another is shown there.
    """

    @wraps(view)
    def asked(request: HttpRequest, resident_id: UUID, **arguments: Any) -> HttpResponse:
        purpose = read_purpose(request.session.get(PURPOSE))
        if purpose is None:
            return _ask_purpose(request, resident_id)
        try:
            return view(request, resident_id, actor=request_actor(request), purpose=purpose, **arguments)
        except NoSuchRecord as error:
            raise Http404 from error
        except MergedInto as merged:
            return redirect("records:record", merged.resident_id)

    return asked


@require_safe
@permission_required(Permission.TIMELINE_READ)
@for_a_purpose
def record(request: HttpRequest, resident_id: UUID, *, actor: Actor, purpose: Purpose) -> HttpResponse:
    """The first page of a record."""
    try:
        wanted = _wanted(request)
    except NotUnderstood:
        return redirect("records:record", resident_id)
    seen = services.open_overview(resident_id=resident_id, wanted=wanted, actor=actor, purpose=purpose)
    return render(
        request,
        "records/overview.html",
        {
            **_shell(seen.head, actor, purpose),
            **_timeline(request, seen.reading, wanted),
            "seen": seen,
            "filters": _filters(request, seen.counts, seen.head),
            "strip": _strip(seen.counts),
            "today": timezone.localdate(),
        },
    )


@require_safe
@permission_required(Permission.TIMELINE_READ)
@for_a_purpose
def timeline(request: HttpRequest, resident_id: UUID, *, actor: Actor, purpose: Purpose) -> HttpResponse:
    """Another page or another choice of the timeline, as a part of the page; as a page of its own it is the record."""
    if not request.headers.get("HX-Request"):
        return redirect(f"{reverse('records:record', args=[resident_id])}?{request.GET.urlencode()}")
    try:
        wanted = _wanted(request)
    except NotUnderstood as error:
        return HttpResponseBadRequest(str(error))
    seen = services.read_timeline(resident_id=resident_id, wanted=wanted, actor=actor, purpose=purpose)
    context = {"resident_id": resident_id, "items": _items(resident_id), **_timeline(request, seen, wanted)}
    response = render(request, "records/part/timeline.html", context)
    if wanted.before is None:
        query = request.GET.urlencode()
        response["HX-Replace-Url"] = reverse("records:record", args=[resident_id]) + (f"?{query}" if query else "")
    return response


@require_safe
@permission_required(Permission.TIMELINE_READ)
@for_a_purpose
def theme(request: HttpRequest, resident_id: UUID, *, word: str, actor: Actor, purpose: Purpose) -> HttpResponse:
    """One theme of the record."""
    try:
        chosen = Theme(word)
    except ValueError as error:
        raise Http404 from error
    seen = services.open_theme(resident_id=resident_id, theme=chosen, actor=actor, purpose=purpose)
    context = {
        **_shell(seen.head, actor, purpose, chosen),
        "seen": seen,
        "panels": [_charted(panel.charts, f"{panel.word}") | {"panel": panel} for panel in seen.panels],
        "curves": [_curve(curve) for curve in seen.curves],
        "today": timezone.localdate(),
    }
    if chosen is Theme.LABORATORY:
        context["groups"] = _laboratory_groups(seen.items, seen.reports)
    return render(request, "records/theme.html", context)


@require_safe
@permission_required(Permission.TIMELINE_READ)
@for_a_purpose
def laboratory_item(request: HttpRequest, resident_id: UUID, *, actor: Actor, purpose: Purpose) -> HttpResponse:
    """One laboratory item over time, for the drawer or as a page."""
    item, institutions = services.open_laboratory_item(
        resident_id=resident_id,
        key=request.GET.get("item", ""),
        unit=request.GET.get("unit", ""),
        actor=actor,
        purpose=purpose,
    )
    context = {
        "title": item.name,
        "resident_id": resident_id,
        "item": item,
        "institutions": institutions,
        "curve": _laboratory_chart(item).data(),
    }
    return render(request, _part(request, "records/part/laboratory_item.html", "records/alone.html"), context)


@require_safe
@permission_required(Permission.SOURCE_READ)
@for_a_purpose
def item(
    request: HttpRequest, resident_id: UUID, *, kind: str, id: UUID, actor: Actor, purpose: Purpose
) -> HttpResponse:
    """One row with its details, source and versions, for the drawer or as a page."""
    opened = services.open_item(resident_id=resident_id, kind=kind, id=id, actor=actor, purpose=purpose)
    return _show_item(request, opened)


@require_POST
@permission_required(Permission.SOURCE_READ)
@for_a_purpose
def item_revealed(
    request: HttpRequest, resident_id: UUID, *, kind: str, id: UUID, actor: Actor, purpose: Purpose
) -> HttpResponse:
    """The same row with the masked elements in full."""
    opened = services.open_item(resident_id=resident_id, kind=kind, id=id, actor=actor, purpose=purpose, revealed=True)
    return _show_item(request, opened)


@require_safe
@permission_required(Permission.SOURCE_READ)
@for_a_purpose
def original(
    request: HttpRequest, resident_id: UUID, *, kind: str, id: UUID, actor: Actor, purpose: Purpose
) -> HttpResponse:
    """The message a row was made of, byte for byte, as a file."""
    found, content = services.read_original(resident_id=resident_id, kind=kind, id=id, actor=actor, purpose=purpose)
    response = HttpResponse(content, content_type=found.media_type)
    response["Content-Disposition"] = f'attachment; filename="{found.kind}-{found.id}.json"'
    return response


@require_POST
@permission_required(Permission.TIMELINE_READ)
@for_a_purpose
def documents(request: HttpRequest, resident_id: UUID, *, actor: Actor, purpose: Purpose) -> HttpResponse:
    """The numbers of the person's documents and telephone, in full."""
    head = services.reveal_documents(resident_id=resident_id, actor=actor, purpose=purpose)
    return render(request, "records/part/documents.html", {"head": head, "revealed": True, "resident_id": resident_id})


@permission_required(Permission.TIMELINE_READ)
def choose_purpose(request: HttpRequest, resident_id: UUID) -> HttpResponse:
    """Ask why the record is opened, or remember the answer for this session and lead on to the record."""
    purpose = read_purpose(request.POST.get("purpose"))
    if request.method == "POST" and purpose:
        request.session[PURPOSE] = purpose.value
        return redirect("records:record", resident_id)
    return _purpose_page(request, resident_id)


# -- within ----------------------------------------------------------------------------------------------------------


def _ask_purpose(request: HttpRequest, resident_id: UUID) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": reverse("records:purpose", args=[resident_id])})
    return _purpose_page(request, resident_id)


def _purpose_page(request: HttpRequest, resident_id: UUID) -> HttpResponse:
    chosen = read_purpose(request.session.get(PURPOSE)) or Purpose.TREATMENT
    context = {"title": "调阅目的", "resident_id": resident_id, "purposes": PURPOSES, "chosen": chosen}
    return render(request, "records/purpose.html", context)


def _wanted(request: HttpRequest) -> Wanted:
    return wanted_of(dict(request.GET.lists()), today=timezone.localdate())


def _part(request: HttpRequest, part: str, whole: str) -> str:
    return part if request.headers.get("HX-Request") else whole


def _show_item(request: HttpRequest, opened: services.Opened) -> HttpResponse:
    theme = theme_of(opened.data_set)
    context = {
        "title": opened.data_set.title,
        "resident_id": opened.resident_id,
        "items": _items(opened.resident_id),
        "opened": opened,
        "abnormal": opened.abnormal,
        "theme": theme,
    }
    return render(request, _part(request, "records/part/item.html", "records/alone.html"), context)


def _items(resident_id: UUID) -> str:
    """Return the address below which the rows of a record are opened, by kind and id."""
    return reverse("records:record", args=[resident_id]) + "/items"


def _shell(head: Head, actor: Actor, purpose: Purpose, theme: Theme | None = None) -> dict[str, Any]:
    return {
        "title": "健康档案",
        "head": head,
        "resident_id": head.person.id,
        "items": _items(head.person.id),
        "age": head.person.age_on(timezone.localdate()),
        "purpose": purpose,
        "may_open_person": actor.may(Permission.PERSON_READ),
        "themes": list(Theme),
        "theme": theme,
    }


def _timeline(request: HttpRequest, seen: services.Reading, wanted: Wanted) -> dict[str, Any]:
    query, following = request.GET.copy(), seen.page.next
    if following:
        query["before"] = place_word(following)
    return {
        "days": days_of(seen.page, after=wanted.before),
        "abnormal": seen.abnormal,
        "earlier": query.urlencode() if following else "",
        "first": wanted.before is None,
        "filtered": any(name in request.GET for name in ("kinds", "institutions", "period", "month", "since", "until")),
    }


def _filters(request: HttpRequest, counts: Sequence[Count], head: Head) -> dict[str, Any]:
    """Return the chips: the kinds and institutions this record has, with how many rows each."""
    kinds, places = Counter[str](), Counter[int]()
    for count in counts:
        kinds[count.kind] += count.rows
        places[count.institution_id] += count.rows
    chosen_kinds, chosen_places = request.GET.getlist("kinds"), request.GET.getlist("institutions")
    return {
        "kinds": [
            {"word": word, "title": title, "theme": theme, "rows": kinds[word], "on": word in chosen_kinds}
            for word, title, theme in ((each.word, each.title, theme_of(each)) for each in in_order_of_care())
            if kinds[word]
        ],
        "institutions": [
            {"id": id, "names": head.institutions[id], "rows": rows, "on": str(id) in chosen_places}
            for id, rows in places.most_common()
            if id in head.institutions
        ],
        "periods": [(word, title) for word, (title, _) in PERIODS.items()],
        "period": request.GET.get("period", ""),
        "month": request.GET.get("month", ""),
        "voided": request.GET.get("voided") == "1",
        "rows": kinds.total(),
    }


def _strip(counts: Sequence[Count]) -> dict[str, Any]:
    """Return what the strip above the timeline is drawn of: days with rows by month, stacked by theme."""
    counts = [count for count in counts if theme_of(heads()[count.kind]) is not Theme.REGISTRATION]
    if not counts:
        return {}
    months = _months(min(count.month for count in counts), max(count.month for count in counts))
    rows: dict[Theme, Counter[str]] = {}
    for count in counts:
        rows.setdefault(theme_of(heads()[count.kind]), Counter())[f"{count.month:%Y-%m}"] += count.days
    return {
        "months": months,
        "series": [
            {"theme": theme.value, "name": theme.title, "rows": [rows[theme][month] for month in months]}
            for theme in Theme
            if theme in rows
        ],
    }


def _months(first: dt.date, last: dt.date) -> list[str]:
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [f"{first.year + (first.month - 1 + n) // 12}-{(first.month - 1 + n) % 12 + 1:02d}" for n in range(count)]


def _charted(charts: Sequence[Chart], prefix: str) -> dict[str, Any]:
    return {
        "charts": [
            {"id": f"chart-{prefix}-{index}", "title": chart.title, "data": chart.data()}
            for index, chart in enumerate(charts)
        ]
    }


def _curve(curve: Curve) -> dict[str, Any]:
    series = tuple(
        (name, tuple((point.at.isoformat(), point.value) for point in points)) for name, points in curve.lines.items()
    )
    chart = Chart(curve.measure.title, curve.measure.unit, series, curve.measure.usual)
    return {"curve": curve, "id": f"curve-{curve.measure.word}", "data": chart.data()}


def _laboratory_chart(item: LaboratoryItem) -> Chart:
    points = tuple((result.at.isoformat(), result.value or 0.0) for result in item.numbers)
    bounds = (item.latest.low, item.latest.high)
    return Chart(item.name, item.unit, ((item.name, points),), bounds if any(b is not None for b in bounds) else None)


def _laboratory_groups(items: Sequence[LaboratoryItem], reports: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the pivot tables: per subject its newest reports across and its items down."""
    groups: dict[str, list[LaboratoryItem]] = {}
    for item in items:
        groups.setdefault(item.group, []).append(item)
    return [_pivot(subject, members, reports) for subject, members in groups.items()]


def _pivot(subject: str, items: Sequence[LaboratoryItem], reports: Sequence[Any]) -> dict[str, Any]:
    held = {result.report for item in items for result in item.results}
    columns = [report for report in reports if report.key in held][:NEWEST_REPORTS]
    rows = []
    for item in items:
        of_report = {result.report: result for result in reversed(item.results)}
        rows.append({"item": item, "cells": [of_report.get(report.key) for report in columns]})
    return {"subject": subject, "columns": columns, "rows": rows, "flagged": sum(bool(i.latest.flag) for i in items)}
