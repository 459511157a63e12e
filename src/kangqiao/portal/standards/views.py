"""The data standard as people browse it and as they download it."""

from datetime import date
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

from kangqiao.intake.queries import Adoption, adoptions
from kangqiao.registry.models import Institution
from kangqiao.standards import value_sets
from kangqiao.standards.announcements import announcements
from kangqiao.standards.comparison import UnknownEdition, compare
from kangqiao.standards.contract import contract, describe
from kangqiao.standards.data_set import DataSet, contract_version, data_sets
from kangqiao.standards.documents import excel_template, interface_document, note_of, requirement, values_allowed
from kangqiao.standards.editions import Edition, numbers_of
from kangqiao.standards.fields import Coded, Codes, Element
from kangqiao.standards.search import find_data_sets, find_elements, find_value_sets, users_of
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MARKDOWN = "text/markdown; charset=utf-8"
LONGEST_SEARCH = 60
MOST_ELEMENTS = 100
"""Elements listed for one search; a broader one is told to narrow down."""


@permission_required(Permission.CONTRACT_READ)
def standards(request: HttpRequest) -> HttpResponse:
    """List data sets; with a search word, the matching elements and value sets too."""
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    elements = find_elements(text) if text else []
    context = {
        "title": "数据标准",
        "q": text,
        "version": contract_version(),
        "data_sets": [_shown(each) for each in find_data_sets(text)],
        "elements": [(_shown(each), field, _value_set_of(field)) for each, field in elements[:MOST_ELEMENTS]],
        "more_elements": len(elements) - MOST_ELEMENTS,
        "value_sets": find_value_sets(text) if text else [],
    }
    return render(request, "portal/standards/standards.html", context)


@permission_required(Permission.CONTRACT_READ)
def data_set(request: HttpRequest, word: str) -> HttpResponse:
    """Show one data set: its columns and the relations between them."""
    found = _data_set(word)
    link = found.part_of()
    context = {
        "title": found.title,
        "found": _shown(found),
        "whole": link and _shown(link.to),  # type: ignore[arg-type]
        "rules": found.rules,
        "announced": [
            (each.edition, each.former, _state(each.edition, timezone.localdate()))
            for each in announcements()
            if each.data_set is found
        ],
        "columns": [
            (field, note_of(field), requirement(field), values_allowed(field), _value_set_of(field))
            for field in found.wire()
        ],
    }
    return render(request, "portal/standards/data_set.html", context)


@permission_required(Permission.CONTRACT_READ)
def changes(request: HttpRequest) -> HttpResponse:
    """List what was announced, newest first, and who has adopted it as far as the reader may see."""
    actor, today = request_actor(request), timezone.localdate()
    context = {
        "title": "变更公告",
        "announced": [
            (_shown(each.data_set), each.edition, each.former, _state(each.edition, today)) for each in announcements()
        ],
        "adopted": _adopted(actor) if actor.may(Permission.BATCH_READ) else [],
        "whole_city": actor.institution_id is None,
    }
    return render(request, "portal/standards/changes.html", context)


def _state(edition: Edition, today: date) -> tuple[str, str]:
    state = edition.state(today)
    return str(state), {"已公告": "info", "新旧并行": "warn", "旧版停用": "ok"}[state]


def _adopted(actor: Actor) -> list[tuple[dict[str, Any], str, Adoption, bool]]:
    """Return (data set, institution, what it sent last, whether that is the newest), by data set and institution."""
    found = adoptions(actor=actor)
    names: dict[int | None, str] = dict(
        Institution.objects.filter(id__in={each.sender_id for each in found}).values_list("id", "name")
    )
    rows = [
        (_shown(_data_set(each.data_set)), names.get(each.sender_id, ""), each, each.edition == _newest(each))
        for each in found
    ]
    return sorted(rows, key=lambda row: (row[0]["title"], row[3], row[1]))


def _newest(adoption: Adoption) -> str:
    return _data_set(adoption.data_set).edition()


@permission_required(Permission.CONTRACT_READ)
def comparison(request: HttpRequest, word: str) -> HttpResponse:
    """Show element by element what two editions of a data set have different; the last two where none are named."""
    found = _data_set(word)
    numbers = numbers_of(found)
    former = request.GET.get("former") or numbers[max(0, len(numbers) - 2)]
    newer = request.GET.get("newer") or numbers[-1]
    try:
        differences = compare(found, former, newer)
    except UnknownEdition as error:
        raise Http404(str(error)) from error
    context = {
        "title": f"{found.title}：版本比较",
        "found": _shown(found),
        "numbers": numbers,
        "former": former,
        "newer": newer,
        "differences": differences,
    }
    return render(request, "portal/standards/comparison.html", context)


@permission_required(Permission.CONTRACT_READ)
def all_value_sets(request: HttpRequest) -> HttpResponse:
    """List every value set."""
    return render(request, "portal/standards/value_sets.html", {"title": "值域", "value_sets": find_value_sets("")})


@permission_required(Permission.CONTRACT_READ)
def value_set(request: HttpRequest, identifier: str) -> HttpResponse:
    """Show one value set: its codes and who uses them."""
    try:
        known = value_sets.load(identifier)
    except value_sets.UnknownValueSet as error:
        raise Http404("没有这个值域") from error
    users = [(_shown(each), field) for each, field in users_of(known)]
    context = {"title": known.title, "known": known, "codes": known.codes.values(), "users": users}
    return render(request, "portal/standards/value_set.html", context)


@permission_required(Permission.CONTRACT_READ)
def template(request: HttpRequest, word: str) -> HttpResponse:
    """Return the Excel template of a data set."""
    found = _data_set(word)
    return _download(excel_template(found), EXCEL, f"{found.title}-填报模板.xlsx")


@permission_required(Permission.CONTRACT_READ)
def document(request: HttpRequest, word: str) -> HttpResponse:
    """Return the interface document of a data set as Markdown."""
    found = _data_set(word)
    return _download(interface_document(found).encode(), MARKDOWN, f"{found.title}-接口说明.md")


@permission_required(Permission.CONTRACT_READ)
def data_set_json(request: HttpRequest, word: str) -> HttpResponse:
    """Return one data set of the contract as JSON."""
    return JsonResponse(describe(_data_set(word)), json_dumps_params={"ensure_ascii": False})


@permission_required(Permission.CONTRACT_READ)
def contract_json(request: HttpRequest) -> HttpResponse:
    """Return the whole contract as JSON."""
    return JsonResponse(contract(), json_dumps_params={"ensure_ascii": False})


def _data_set(word: str) -> type[DataSet]:
    if word not in data_sets():
        raise Http404("没有这个数据集")
    return data_sets()[word]


def _shown(found: type[DataSet]) -> dict[str, Any]:
    """Return what pages say of a data set; templates would call a class, so it does not go there itself."""
    return {
        "title": found.title,
        "word": found.word,
        "source": found.source,
        "database": apps.get_app_config(found._meta.app_label).verbose_name,
        "edition": found.edition(),
        "columns": len(found.elements()),
    }


def _value_set_of(field: Element) -> str | None:
    return field.values if isinstance(field, Coded | Codes) else None


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response
