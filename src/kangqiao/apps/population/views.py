"""The pages of counts: a division's population, what stands below it, and its workbook."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from kangqiao.apps.population.models import Event
from kangqiao.apps.population.places import Ground, NoSuchDivision, ground_of
from kangqiao.apps.population.queries import Overview, Year, newest_tally, overview_of
from kangqiao.apps.population.tables import CLOSER, workbook_of
from kangqiao.registry.models import Division
from kangqiao.registry.queries import division_names
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

PAGE: Final = 50
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

View = Callable[..., HttpResponse]


def on_its_ground(view: View) -> View:
    """Hand the view the actor's `ground`; whoever has none finds nothing."""

    @wraps(view)
    def looked(request: HttpRequest, **arguments: Any) -> HttpResponse:
        try:
            ground = ground_of(request_actor(request), timezone.localdate())
            return view(request, ground=ground, **arguments)
        except NoSuchDivision as error:
            raise Http404("没有这个区划") from error

    return looked


@require_safe
@permission_required(Permission.POPULATION_READ)
@on_its_ground
def top(request: HttpRequest, ground: Ground) -> HttpResponse:
    """Lead to the largest division the actor looks at."""
    return redirect("population:division", ground.top.stats_code)


@require_safe
@permission_required(Permission.POPULATION_READ)
@on_its_ground
def search(request: HttpRequest, ground: Ground) -> HttpResponse:
    """Show the divisions a search finds."""
    text = request.GET.get("q", "").strip()[:40]
    page = Paginator(ground.find(text), PAGE).get_page(request.GET.get("page"))
    context = {
        "title": "查找区划",
        "text": text,
        "page": page,
        "names": division_names((each.parent_code for each in page), ground.day),
    }
    return render(request, "population/divisions.html", context)


@require_safe
@permission_required(Permission.POPULATION_READ)
@on_its_ground
def overview(request: HttpRequest, ground: Ground, code: str) -> HttpResponse:
    """Show how many people live in a division, how old they are, and how their number changes."""
    division, tally = ground.division(code), newest_tally()
    context = {**shell_of(ground, division), "title": f"人口概览：{division.name}", "tally": tally}
    if tally:
        with_pending = _with_pending(request)
        seen = overview_of(division, ground, with_pending=with_pending)
        context |= {
            "seen": seen,
            "with_pending": with_pending,
            "pyramid": _pyramid(seen),
            "changes": _changes(seen.years),
            "closer": CLOSER,
            "below_title": _below_title(division),
            "may_see_people": request_actor(request).may(Permission.PERSON_READ),
        }
    return render(request, "population/overview.html", context)


@require_safe
@permission_required(Permission.POPULATION_READ)
@on_its_ground
def table(request: HttpRequest, ground: Ground, code: str) -> HttpResponse:
    """Return the counts of a division as a workbook."""
    division, tally, with_pending = ground.division(code), newest_tally(), _with_pending(request)
    if tally is None:
        raise Http404("还没有统计过")
    content = workbook_of(
        division=division,
        overview=overview_of(division, ground, with_pending=with_pending),
        tally=tally,
        with_pending=with_pending,
        actor=request_actor(request),
    )
    name = re.sub(r'[\s\\/:*?"<>|]+', "_", f"人口统计-{division.name}-{tally.day}.xlsx")
    headers = {"Content-Disposition": content_disposition_header(True, name) or ""}
    return HttpResponse(content, content_type=XLSX, headers=headers)


def shell_of(ground: Ground, division: Division) -> dict[str, Any]:
    """Return what every page of a division has: the division and those above it."""
    return {"division": division, "above": ground.above(division)}


def read_key(text: str | None) -> UUID | None:
    """Return the id after which a page begins, None for any text that is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _with_pending(request: HttpRequest) -> bool:
    return request.GET.get("with") == "pending"


def _below_title(division: Division) -> str:
    return {"city": "各县（区）", "county": "各乡镇（街道）", "township": "各村（社区）"}.get(division.level, "")


def _pyramid(seen: Overview) -> dict[str, Any] | None:
    """Return what the pyramid is drawn of: bands of known age, the youngest first."""
    bands = [band for band in seen.bands if band.title != "年龄不详"]
    if not any(band.men or band.women for band in bands):
        return None
    return {
        "bands": [band.title for band in bands],
        "men": [band.men for band in bands],
        "women": [band.women for band in bands],
    }


def _changes(years: Sequence[Year]) -> dict[str, Any] | None:
    """Return the lines of births, deaths and moves over the years."""
    if len(years) < 2:
        return None
    return {"unit": "人", "ends": [0, None], "words": True, "series": list(_lines(years))}


def _lines(years: Sequence[Year]) -> Iterator[dict[str, Any]]:
    for event in Event:
        points = [[f"{each.year} 年", each.people.get(event, 0)] for each in reversed(years)]
        if any(people for _, people in points):
            yield {"name": event.label, "points": points}
