"""The queue, one doubt side by side, and answering it with one key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from kangqiao.apps.stewardship.comparing import open_doubt
from kangqiao.apps.stewardship.desk import (
    APART_REASONS,
    SAME_REASONS,
    TAKEN_BACK,
    UNDO_PROPOSED,
    listed,
    next_doubt,
    take_back_answer,
    today_of,
)
from kangqiao.apps.stewardship.forms import Answer, QueueFilter
from kangqiao.identity.decisions import Doubt
from kangqiao.identity.doubt_queries import (
    DoubtFilter,
    count_kinds,
    doubts_in_order,
    find_doubts,
    proposed_to,
    visible_doubts,
)
from kangqiao.identity.doubt_rules import TO_CONFIRM
from kangqiao.identity.doubts import answer_apart, answer_same, confirm, postpone, reject
from kangqiao.identity.errors import IdentityError
from kangqiao.identity.finding import find_residents
from kangqiao.identity.searching import Refused, read_search
from kangqiao.trust.actors import Actor
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

PAGE: Final = 30
FOUND: Final = "stewardship-found"
"""The session keeps the ids of the last search, never what was typed."""
ANSWERED: Final = "stewardship-answered"
"""The session keeps the ids of the doubts answered last, the newest at the end, for taking them back."""
MOST_ANSWERED: Final = 20
TAKEN_BACK_TO: Final = {
    Doubt.State.SAME.value: "已收回撤销的提议，合并不变。",
    Doubt.State.UNDOING.value: UNDO_PROPOSED,
}
SENT_BACK: Final = "复核退回，请补充依据"


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def queue(request: HttpRequest) -> HttpResponse:
    """List the doubts that wait, the most dangerous first."""
    actor = request_actor(request)
    form = QueueFilter(request.GET, actor=actor)
    wanted = _wanted(request, form)
    waiting = find_doubts(actor=actor, wanted=wanted).values_list("id", flat=True)
    page = Paginator(waiting, PAGE).get_page(request.GET.get("page"))
    counts = count_kinds(actor=actor, wanted=wanted)
    context = {
        "title": "身份审核",
        "form": form,
        "page": page,
        "rows": listed(doubts_in_order(page), actor=actor) if page.object_list else [],
        "kinds": [(kind.value, kind.label, counts.get(kind, 0), kind == wanted.kind) for kind in Doubt.Kind],
        "waiting": sum(counts.values()),
        "searched": wanted.residents is not None,
        "filtered": bool(wanted.kind or wanted.risk or wanted.county),
        "carried": _carried(request),
        "proposed": proposed_to(actor).count(),
        "done_today": today_of(actor, timezone.localdate()),
        "search_message": request.session.pop("stewardship-unclear", ""),
    }
    return render(request, "stewardship/queue.html", context)


def _wanted(request: HttpRequest, form: QueueFilter) -> DoubtFilter:
    wanted = form.wanted()
    if FOUND not in request.session or request.GET.get("found") != "1":
        return wanted
    found = [UUID(each) for each in request.session[FOUND]]
    return DoubtFilter(kind=wanted.kind, risk=wanted.risk, county=wanted.county, residents=found)


def _carried(request: HttpRequest) -> str:
    """Return the filter as it is carried from doubt to doubt: words and codes only."""
    kept = {name: request.GET[name] for name in ("kind", "risk", "county", "found") if request.GET.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


@require_POST
@sensitive_post_parameters()
@permission_required(Permission.IDENTITY_DECIDE)
def search(request: HttpRequest) -> HttpResponse:
    """Look for a person's doubts, and lead back to the queue: the address never holds what was typed."""
    read = read_search(request.POST.get("text", "")[:100], today=timezone.localdate())
    if isinstance(read, Refused):
        request.session["stewardship-unclear"] = read.message
        return redirect("stewardship:queue")
    found = find_residents(search=read, actor=request_actor(request))
    request.session[FOUND] = [str(each) for each in found]
    return redirect(f"{reverse('stewardship:queue')}?found=1")


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def proposed(request: HttpRequest) -> HttpResponse:
    """List what others have proposed and the actor may confirm."""
    actor = request_actor(request)
    page = Paginator(proposed_to(actor), PAGE).get_page(request.GET.get("page"))
    rows = listed(list(page), actor=actor) if page.object_list else []
    return render(request, "stewardship/proposed.html", {"title": "待我复核", "page": page, "rows": rows})


@require_safe
@permission_required(Permission.IDENTITY_DECIDE)
def doubt(request: HttpRequest, doubt_id: UUID) -> HttpResponse:
    """Show both side by side, with everything that speaks for and against."""
    actor = request_actor(request)
    found = get_object_or_404(visible_doubts(actor), id=doubt_id)
    seen = open_doubt(doubt=found, actor=actor, day=timezone.localdate())
    context = {
        "title": "比较",
        "seen": seen,
        "carried": _carried(request),
        "open": found.state == Doubt.State.OPEN,
        "proposed": found.state in TO_CONFIRM,
        "undoing": found.state == Doubt.State.UNDOING,
        "own_proposal": found.proposed_by == actor.id,
        "proposer": seen.names.get(found.proposed_by, "") if found.proposed_by else "",
        "decider": seen.names.get(found.decided_by, "") if found.decided_by else "",
        "same_reasons": SAME_REASONS,
        "apart_reasons": APART_REASONS,
        "may_undo": bool(request.session.get(ANSWERED)),
    }
    return render(request, "stewardship/doubt.html", context)


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def answer(request: HttpRequest, doubt_id: UUID) -> HttpResponse:
    """Answer a doubt, and lead to the next one."""
    actor = request_actor(request)
    found = get_object_or_404(visible_doubts(actor), id=doubt_id)
    form = Answer(request.POST)
    if not form.is_valid():
        return redirect(_address("stewardship:doubt", request, found.id))
    try:
        done = ANSWERS[form.cleaned_data["answer"]](found, form, actor)
    except IdentityError as error:
        messages.warning(request, str(error))
        return redirect(_address("stewardship:doubt", request, found.id))
    _remember(request, done)
    messages.success(request, _told(done, form.cleaned_data["answer"]))
    return _onward(request, actor, done.id, confirming=form.cleaned_data["answer"] in ("confirm", "reject"))


Answered = Callable[[Doubt, Answer, Actor], Doubt]
ANSWERS: Final[dict[str, Answered]] = {
    "same": lambda one, form, actor: answer_same(doubt_id=one.id, reason=form.reason(SAME_REASONS[0]), actor=actor),
    "apart": lambda one, form, actor: answer_apart(doubt_id=one.id, reason=form.reason(APART_REASONS[0]), actor=actor),
    "later": lambda one, form, actor: postpone(doubt_id=one.id, note=form.reason(""), actor=actor),
    "confirm": lambda one, form, actor: confirm(doubt_id=one.id, actor=actor),
    "reject": lambda one, form, actor: reject(doubt_id=one.id, reason=form.reason(_why_not(one, actor)), actor=actor),
}


def _why_not(proposed: Doubt, actor: Actor) -> str:
    return TAKEN_BACK if proposed.proposed_by == actor.id else SENT_BACK


def _told(done: Doubt, word: str) -> str:
    if word == "later":
        return "已放到最后。"
    if word == "reject":
        return "提议已退回，合并不变。" if done.state == Doubt.State.SAME else "提议已退回，疑问重新开放。"
    if word == "confirm" and done.state != Doubt.State.SAME:
        return "已撤销合并。"
    if done.state == Doubt.State.PROPOSED:
        return "双方各有公民身份号码：已提议合并，等另一人复核。按 u 撤销。"
    return f"{Doubt.State(done.state).label}。按 u 撤销。"


def _remember(request: HttpRequest, done: Doubt) -> None:
    kept = [each for each in request.session.get(ANSWERED, []) if each != str(done.id)]
    request.session[ANSWERED] = [*kept, str(done.id)][-MOST_ANSWERED:]


def _onward(request: HttpRequest, actor: Actor, but: UUID, *, confirming: bool) -> HttpResponse:
    if confirming:
        return redirect("stewardship:proposed")
    following = next_doubt(actor=actor, wanted=_wanted(request, QueueFilter(request.GET, actor=actor)), but=but)
    if following is None:
        return redirect(f"{reverse('stewardship:queue')}{_carried(request)}")
    return redirect(_address("stewardship:doubt", request, following.id))


@require_POST
@permission_required(Permission.IDENTITY_DECIDE)
def undo(request: HttpRequest) -> HttpResponse:
    """Take the last answer of this session back, and show its doubt again."""
    answered: list[Any] = request.session.get(ANSWERED, [])
    if not answered:
        messages.info(request, "没有可以撤销的认定。")
        return redirect("stewardship:queue")
    request.session[ANSWERED] = answered[:-1]
    try:
        found = take_back_answer(doubt_id=UUID(answered[-1]), actor=request_actor(request))
    except IdentityError as error:
        messages.warning(request, str(error))
        found = None
    if found is None:
        return redirect("stewardship:queue")
    messages.success(request, TAKEN_BACK_TO.get(found.state, "已撤销，疑问重新开放。"))
    return redirect(_address("stewardship:doubt", request, found.id))


def _address(route: str, request: HttpRequest, doubt_id: UUID) -> str:
    return f"{reverse(route, args=[doubt_id])}{_carried(request)}"
