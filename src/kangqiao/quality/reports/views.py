"""The pages of reports: the list of a month, one report, and those of all institutions as an archive."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET, require_safe

from kangqiao.formats.typesetting import FontsMissing
from kangqiao.quality import board as boards
from kangqiao.quality import queries
from kangqiao.quality.board import Look
from kangqiao.quality.errors import QualityError
from kangqiao.quality.places import CITY, Kind, Place
from kangqiao.quality.queries import By
from kangqiao.quality.reports.services import MOST_IN_ARCHIVE, Form, file_name, make_archive, make_report
from kangqiao.quality.views import MONTHS, PAGE, XLSX, on_its_ground
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

TYPES: Final = {Form.PDF: "application/pdf", Form.WORKBOOK: XLSX}


@require_safe
@permission_required(Permission.QUALITY_READ)
def reports(request: HttpRequest) -> HttpResponse:
    """List the reports of a month: of what the actor sees as a whole, of its counties, of its institutions."""
    return _listed(request, place=CITY)


@on_its_ground
def _listed(request: HttpRequest, look: Look) -> HttpResponse:
    text = request.GET.get("q", "")[:40]
    found = boards.ordered(boards.matching(_institutions(look), text), "rank", boards.SCORE_ORDERS)
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "title": "质量月报",
        "look": look,
        **_months(look.month),
        "measurement": look.ground.measurement,
        "wholes": [] if len(look.ground.seats) == 1 else [_whole(look, place) for place in _wholes(look)],
        "page": page,
        "lines": [(line, look.ground.counties[_county(look, line)], _urls(look, _place(line))) for line in page],
        "q": text,
        "one_county": len(look.ground.counties) == 1,
        "most": MOST_IN_ARCHIVE,
    }
    return render(request, "quality/reports.html", context)


@require_safe
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def report(request: HttpRequest, look: Look, form: Form) -> HttpResponse:
    """Hand out one report."""
    _refuse_part_of_a_county(look)
    try:
        content = make_report(look=look, form=form, actor=request_actor(request))
    except (QualityError, FontsMissing) as error:
        messages.error(request, str(error))
        return redirect(reverse("quality:reports") + _query(look))
    headers = {"Content-Disposition": content_disposition_header(True, file_name(look, form)) or ""}
    return HttpResponse(content, content_type=TYPES[form], headers=headers)


@require_GET
@permission_required(Permission.QUALITY_READ)
@on_its_ground
def archive(request: HttpRequest, look: Look) -> HttpResponse:
    """Hand out the reports of all institutions of a place as one archive, which is sent as it comes about."""
    _refuse_part_of_a_county(look)
    try:
        pieces = make_archive(ground=look.ground, place=look.place, month=look.month, actor=request_actor(request))
    except (QualityError, FontsMissing) as error:
        messages.error(request, str(error))
        return redirect(reverse("quality:reports") + _query(look))
    name = f"{file_name(look)}-各机构.zip"
    response = StreamingHttpResponse(_sent(pieces), content_type="application/zip")
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    return response  # type: ignore[return-value]  # sent piece by piece


async def _sent(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    def made() -> bytes | None:
        return next(pieces, None)

    while (piece := await sync_to_async(made)()) is not None:
        yield piece


def _refuse_part_of_a_county(look: Look) -> None:
    """A county's report is about all of its institutions; who sees only some of them has none."""
    if look.place.kind is Kind.COUNTY and not look.ground.whole:
        raise Http404("没有这份报告")


# -- the list ----------------------------------------------------------------------------------------------------------


def _institutions(look: Look) -> list[boards.ScoreLine]:
    """Return all institutions, also those without data in the month: their report says so."""
    lines = {line.key: line for line in boards.score_lines(look, By.INSTITUTION)}
    return [
        lines.get(seat.id)
        or boards.ScoreLine(seat.id, seat.name, seat.code, boards.NO_RANK, queries.NO_SCORE, None, queries.NO_ROWS)
        for seat in look.seats
    ]


def _county(look: Look, line: boards.ScoreLine) -> str:
    return look.ground.seats[line.key].county


def _place(line: boards.ScoreLine) -> Place:
    return Place(Kind.INSTITUTION, str(line.key))


def _wholes(look: Look) -> list[Place]:
    counties = [Place(Kind.COUNTY, code) for code in look.ground.counties] if look.ground.whole else []
    return [CITY, *counties]


def _whole(look: Look, place: Place) -> dict[str, Any]:
    return {
        "title": look.ground.title(place),
        "institutions": len(look.ground.within(place)),
        **_urls(look, place),
        "archive": reverse("quality:report-archive", args=[place]) + _query(look),
    }


def _urls(look: Look, place: Place) -> dict[str, str]:
    return {
        "board": reverse("quality:place", args=[place]) + _query(look),
        "pdf": reverse("quality:report-pdf", args=[place]) + _query(look),
        "workbook": reverse("quality:report-workbook", args=[place]) + _query(look),
    }


def _query(look: Look) -> str:
    return "?" + urlencode({"month": f"{look.month:%Y-%m}"})


def _months(month: dt.date) -> dict[str, Any]:
    """Return the months to choose from and the two beside the chosen one."""
    known = queries.measured_months(until=timezone.localdate(), count=MONTHS)
    months = sorted({*known, month}, reverse=True)
    at = months.index(month)
    return {
        "months": months,
        "earlier": months[at + 1] if at + 1 < len(months) else None,
        "later": months[at - 1] if at else None,
    }
