"""What was decided: the history, one decision with its explanation, taking it back, and matches drawn by lot."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from kangqiao.apps.stewardship.checking import (
    DecisionsWanted,
    Work,
    check_match,
    draw_match,
    find_decisions,
    precision_of_matches,
    visible_decisions,
    work_since,
)
from kangqiao.apps.stewardship.comparing import OpenedDecision, open_decision
from kangqiao.apps.stewardship.desk import UNDO_PROPOSED
from kangqiao.apps.stewardship.errors import AlreadyChecked
from kangqiao.apps.stewardship.forms import DecisionFilter, Undoing
from kangqiao.apps.stewardship.models import MatchCheck
from kangqiao.identity.decisions import Decision, Doubt
from kangqiao.identity.doubts import take_back
from kangqiao.identity.errors import IdentityError
from kangqiao.identity.queries import Person, people
from kangqiao.identity.standing import root_of
from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Permission, Role
from kangqiao.trust.queries import actor_names

PAGE: Final = 50
DAYS: Final = 30


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def decisions(request: HttpRequest) -> HttpResponse:
    """List decisions, the newest first, with who did how much."""
    actor = request_actor(request)
    form = DecisionFilter(request.GET or None, people=_stewards())
    wanted = _wanted(form)
    page = _page(find_decisions(actor=actor, wanted=wanted), request.GET.get("after"))
    today = timezone.localdate()
    days = [today - dt.timedelta(days=before) for before in range(DAYS - 1, -1, -1)]
    works = work_since(days[0], actor=actor)
    context = {
        "title": "认定记录",
        "form": form,
        "filtered": wanted != DecisionsWanted(),
        "page": page,
        "rows": _rows(page.rows, actor) if page.rows else [],
        "works": works,
        "kinds": [(kind.value, kind.label) for kind in Decision.Kind if kind != Decision.Kind.MATCH],
        "work": _chart(works, days),
        "precision": precision_of_matches(),
        "after": request.GET.get("after"),
        "days": DAYS,
    }
    return render(request, "stewardship/decisions.html", context)


def _stewards() -> list[tuple[str, str]]:
    known = Account.objects.filter(roles__contains=[Role.STEWARD]).order_by("display_name")
    return [(str(id), name) for id, name in known.values_list("id", "display_name")]


def _wanted(form: DecisionFilter) -> DecisionsWanted:
    if not form.is_bound or not form.is_valid():
        return DecisionsWanted()
    given = form.cleaned_data
    return DecisionsWanted(given["who"], given["kind"], given["first_day"], given["last_day"])


def _page(found: QuerySet[Decision], after: str | None) -> KeyPage[Decision]:
    """Return a page by key: of millions of matches nobody counts the pages."""
    last = Decision.objects.filter(id=after).first() if after and _is_id(after) else None
    if last:
        same = Q(decided_at=last.decided_at, id__lt=last.id)
        found = found.filter(Q(decided_at__lt=last.decided_at) | same)
    return key_page(found[: PAGE + 1], size=PAGE, key=lambda decision: decision.id)


def _is_id(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


class Row(NamedTuple):
    """A decision, who the resident is now, by whom, approved by whom, and whether its undoing waits for another one."""

    decision: Decision
    person: Person | None
    by: str
    approved: str
    undoing: bool


def _rows(page: list[Decision], actor: Actor) -> list[Row]:
    """Return decisions as they are listed, and write down who was shown."""
    roots = {decision.id: root_of(decision.resident_id) for decision in page}
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.DECISION_READ,
            object_kind="decision",
            purpose=Purpose.OPERATION,
            detail={"by": "list", "residents": [str(each) for each in dict.fromkeys(roots.values())]},
        )
        known = {person.id: person for person in people(list(set(roots.values())))}
    names = actor_names({id for each in page for id in (each.actor_id, each.approved_by) if id})
    proposed = Doubt.objects.filter(state=Doubt.State.UNDOING, decision_id__in=list(roots))
    undoing = set(proposed.values_list("decision_id", flat=True))
    return [
        Row(
            decision=each,
            person=known.get(roots[each.id]),
            by=names.get(each.actor_id, "") if each.actor_id else "",
            approved=names.get(each.approved_by, "") if each.approved_by else "",
            undoing=each.id in undoing,
        )
        for each in page
    ]


def _chart(works: list[Work], days: list[dt.date]) -> dict[str, Any]:
    series = [
        {"name": work.name, "points": [[_noon(day), work.days.get(day, 0)] for day in days]}
        for work in works
        if work.days
    ]
    return {"unit": "次", "ends": [0, None], "series": series}


def _noon(day: dt.date) -> str:
    return dt.datetime.combine(day, dt.time(12), tzinfo=CITY_TIME).isoformat()


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """Show one decision: whom it moved, why, and what became of it."""
    return _decision_page(request, decision_id, Undoing())


def _decision_page(request: HttpRequest, decision_id: UUID, form: Undoing) -> HttpResponse:
    actor = request_actor(request)
    found = get_object_or_404(visible_decisions(actor), id=decision_id)
    seen = open_decision(decision=found, actor=actor, day=timezone.localdate())
    standing_match = found.kind == Decision.Kind.MATCH and found.undone_at is None
    context = {
        "title": found.get_kind_display(),
        "seen": seen,
        "form": form,
        "by": _named(seen, found.actor_id),
        "approved_by": _named(seen, found.approved_by),
        "undone_by": _named(seen, found.undone_by),
        "undo_approved_by": _named(seen, found.undo_approved_by),
        "proposer": _named(seen, seen.proposal.proposed_by if seen.proposal else None),
        "to_check": standing_match and not MatchCheck.objects.filter(decision_id=found.id).exists(),
    }
    return render(request, "stewardship/decision.html", context, status=422 if form.errors else 200)


def _named(seen: OpenedDecision, id: UUID | None) -> str:
    return seen.names.get(id, "") if id else ""


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def undo_one(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """Take a decision back, with the reason, or propose that where two people decided."""
    actor, form = request_actor(request), Undoing(request.POST)
    get_object_or_404(visible_decisions(actor), id=decision_id)
    if not form.is_valid():
        return _decision_page(request, decision_id, form)
    try:
        done = take_back(decision_id=decision_id, reason=form.cleaned_data["reason"], actor=actor)
        messages.success(request, "已撤销，各登记回到没有这次认定时的状态。" if done.undone_at else UNDO_PROPOSED)
    except IdentityError as error:
        messages.warning(request, str(error))
    return redirect("stewardship:decision", decision_id)


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def sample(request: HttpRequest) -> HttpResponse:
    """Lead to a match drawn by lot."""
    drawn = draw_match(actor=request_actor(request))
    if drawn is None:
        messages.info(request, "没有还未抽查的自动合并。")
        return redirect("stewardship:decisions")
    return redirect("stewardship:decision", drawn.id)


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def check(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """Say whether a match was right, and lead to the next one."""
    actor = request_actor(request)
    get_object_or_404(visible_decisions(actor), id=decision_id, kind=Decision.Kind.MATCH)
    right = request.POST.get("right") == "yes"
    try:
        check_match(decision_id=decision_id, right=right, actor=actor)
        messages.success(request, "已记为正确。" if right else "已记为错误并撤销合并。")
    except AlreadyChecked as error:
        messages.warning(request, str(error))
    return redirect("stewardship:sample")
