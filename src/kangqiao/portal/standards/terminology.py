"""The pages of terminology: which editions are imported, their codes, and what an edition changed."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from kangqiao.infra.paging import key_page
from kangqiao.registry.models import TerminologyEdition
from kangqiao.registry.terminology.layouts import VALUE_SETS, Kind
from kangqiao.registry.terminology.queries import (
    Change,
    differences_between,
    differing_codes,
    edition_before,
    editions_of,
    find_codes,
)
from kangqiao.standards import value_sets
from kangqiao.trust.http import permission_required
from kangqiao.trust.permissions import Permission

PAGE = 50
LONGEST_SEARCH = 60

CHANGES = {Change.ADDED: "新增", Change.RENAMED: "改名", Change.DROPPED: "不再收录"}


@permission_required(Permission.CONTRACT_READ)
def terminologies(request: HttpRequest) -> HttpResponse:
    """List the vocabularies with their imported editions; those without say what stands in for them."""
    context = {"title": "术语", "kinds": [_shown(kind) for kind in Kind]}
    return render(request, "portal/standards/terminologies.html", context)


@permission_required(Permission.CONTRACT_READ)
def edition(request: HttpRequest, edition_id: UUID) -> HttpResponse:
    """Show an edition's codes, or those a search finds."""
    shown = get_object_or_404(TerminologyEdition, id=edition_id)
    text = request.GET.get("q", "").strip()[:LONGEST_SEARCH]
    found = find_codes(shown, text, after=request.GET.get("after", ""))
    context = {
        "title": str(shown),
        "edition": shown,
        "before": edition_before(shown),
        "q": text,
        "page": key_page(found[: PAGE + 1], size=PAGE, key=lambda each: each.code),
    }
    return render(request, "portal/standards/terminology.html", context)


@permission_required(Permission.CONTRACT_READ)
def changes(request: HttpRequest, edition_id: UUID) -> HttpResponse:
    """Show what an edition changed against the one before it, one kind of change at a time."""
    shown = get_object_or_404(TerminologyEdition, id=edition_id)
    before = edition_before(shown)
    if before is None:
        raise Http404("没有更早的版本可以比较")
    counts = differences_between(shown, before)
    word = request.GET.get("change", "")
    chosen = Change(word) if word in CHANGES else next((each for each in Change if getattr(counts, each)), Change.ADDED)
    context = {
        "title": f"{shown.edition} 版的变化",
        "edition": shown,
        "before": before,
        "chosen": chosen,
        "tabs": [(each, title, getattr(counts, each)) for each, title in CHANGES.items()],
        "page": differing_codes(shown, before, chosen, after=request.GET.get("after", ""), size=PAGE),
    }
    return render(request, "portal/standards/terminology_changes.html", context)


def _shown(kind: Kind) -> dict[str, Any]:
    identifier = VALUE_SETS.get(kind)
    return {
        "word": kind.value,
        "title": kind.label,
        "editions": editions_of(kind),
        "demonstration": value_sets.load(identifier) if identifier else None,
    }
