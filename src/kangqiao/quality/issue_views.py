"""The pages of issues: the list, one issue with its history, opening one or many, and every step of the loop."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from kangqiao.formats.workbooks import table_workbook
from kangqiao.quality.advice import advice_on
from kangqiao.quality.catalogue import QualityRule, Stage, rule_of_key
from kangqiao.quality.errors import IssueRefused
from kangqiao.quality.issue_display import IssueShown, data_set_title, shown_issues, shown_steps
from kangqiao.quality.issue_forms import Assigning, IssueSearch, Opening, Saying
from kangqiao.quality.issue_queries import (
    candidates,
    count_of,
    count_states,
    find_issues,
    next_month,
    visible_issues,
)
from kangqiao.quality.issue_rows import batches_to_correct, read_rows
from kangqiao.quality.issue_rules import DAYS, allowed
from kangqiao.quality.issue_services import (
    accept_explanation,
    answer,
    assign,
    explain,
    open_issue,
    open_issues_for,
    reopen,
    withdraw,
)
from kangqiao.quality.issues import Issue, IssueEvent, IssueState
from kangqiao.quality.models import FailedDay
from kangqiao.registry.models import Institution
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

PAGE: Final = 50
PREVIEWED: Final = 100
EXPORTED: Final = 20_000
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

COLUMNS: Final = (
    "编号",
    "县区",
    "机构",
    "数据集",
    "要求",
    "维度",
    "月份",
    "状态",
    "督办",
    "发起日期",
    "期限",
    "发起时不合格",
    "现在不合格",
    "单位",
    "负责人",
    "关闭日期",
)


# -- the list --------------------------------------------------------------------------------------------------------


@require_safe
@permission_required(Permission.QUALITY_READ)
def issues(request: HttpRequest) -> HttpResponse:
    """List issues: those going on that are due soonest first."""
    actor = request_actor(request)
    form = IssueSearch(request.GET, actor=actor)
    context: dict[str, Any] = {
        "title": "质量整改",
        "form": form,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "whole_city": actor.institution_id is None,
        "may_manage": actor.may(Permission.QUALITY_MANAGE),
    }
    if form.is_valid():
        wanted = form.wanted()
        page = Paginator(find_issues(actor=actor, wanted=wanted), PAGE).get_page(request.GET.get("page"))
        counts = count_states(actor=actor, wanted=wanted)
        context |= {"page": page, "rows": shown_issues(list(page)), "states": _states(counts, wanted.state)}
    return render(request, "quality/issues/issues.html", context, status=200 if form.is_valid() else 422)


def _states(counts: dict[str, int], chosen: str) -> list[tuple[str, str, int, bool]]:
    """Return (word, title, how many, whether it is chosen) of each state that is chosen or has issues."""
    listed = [(state.value, str(state.label), counts.get(state, 0), state == chosen) for state in IssueState]
    return [each for each in listed if each[2] or each[3]]


@require_safe
@permission_required(Permission.QUALITY_READ)
def issues_table(request: HttpRequest) -> HttpResponse:
    """Return the issues that were searched for as a workbook; that is audited."""
    actor = request_actor(request)
    form = IssueSearch(request.GET, actor=actor)
    if not form.is_valid():
        raise Http404("条件有误")
    rows = shown_issues(list(find_issues(actor=actor, wanted=form.wanted())[:EXPORTED]))
    with transaction.atomic():
        record_act(actor=actor, action=Action.QUALITY_EXPORT, object_kind="issue", detail={"rows": len(rows)})
    name = f"质量整改-{timezone.localtime():%Y%m%d-%H%M}.xlsx"
    headers = {"Content-Disposition": content_disposition_header(True, name) or ""}
    content = table_workbook("质量整改", COLUMNS, map(_cells, rows))
    return HttpResponse(content, content_type=XLSX, headers=headers)


def _cells(row: IssueShown) -> tuple[Any, ...]:
    """Return an issue as a line of the workbook, in the order of :data:`COLUMNS`."""
    issue = row.issue
    closed = timezone.localdate(issue.closed_at) if issue.closed_at else None
    texts = (issue.number, row.county, row.institution, row.data_set, issue.title, row.dimension, row.months)
    states = (row.state[0], row.level[0] if row.level else None)
    counts = (timezone.localdate(issue.opened_at), issue.due_on, issue.failed_opened, issue.failed_now)
    return (*texts, *states, *counts, row.unit, row.assignee or None, closed)


# -- one issue -------------------------------------------------------------------------------------------------------


@require_safe
@permission_required(Permission.QUALITY_READ)
def issue(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Show one issue: what is expected, what was found then and now, what to do, and what was done."""
    actor = request_actor(request)
    shown = _issue(actor, issue_id)
    rule = rule_of_key(shown.key)
    events = allowed(shown.state)
    context = {
        "title": f"整改 {shown.number}",
        "row": shown_issues([shown])[0],
        "issue": shown,
        "stage": rule.stage if rule else "",
        "advice": advice_on(rule) if rule else "",
        "days": _failed_days(shown) if rule and rule.stage is Stage.SERIES else [],
        "batches": batches_to_correct(issue=shown, actor=actor),
        "keyless": sum(not (row["record_id"] or row["source_key"]) for row in shown.examples),
        "steps": shown_steps(shown.steps.order_by("-id")),  # type: ignore[attr-defined]
        "may_see_rows": bool(shown.examples) and actor.may(Permission.QUALITY_ROWS),
        "may_submit": actor.may(Permission.BATCH_SUBMIT),
        "may_answer": actor.may(Permission.QUALITY_ANSWER) and IssueEvent.ANSWER in events,
        **_managing(shown, actor),
    }
    return render(request, "quality/issues/issue.html", context)


def _managing(shown: Issue, actor: Actor) -> dict[str, Any]:
    """Return what a manager can do now."""
    events = allowed(shown.state) if actor.may(Permission.QUALITY_MANAGE) else frozenset()
    return {
        "assigning": Assigning(issue=shown) if IssueEvent.ASSIGN in events else None,
        "saying": Saying(),
        "may_accept": IssueEvent.ACCEPT in events,
        "may_reopen": IssueEvent.REOPEN in events,
        "may_withdraw": IssueEvent.WITHDRAW in events,
        "may_decide": bool(events & {IssueEvent.ACCEPT, IssueEvent.REOPEN, IssueEvent.WITHDRAW}),
    }


def _failed_days(shown: Issue) -> list[dt.date]:
    """Return the days of its months on which a rule about series fails."""
    days = FailedDay.objects.filter(
        institution_id=shown.institution_id,
        data_set=shown.data_set,
        rule=shown.rule,
        day__gte=shown.first_month,
        day__lt=next_month(shown.last_month),
    )
    return list(days.order_by("day").values_list("day", flat=True))


@require_safe
@permission_required(Permission.QUALITY_ROWS)
def issue_rows(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Show the rows an issue keeps; looking at them is audited."""
    actor = request_actor(request)
    shown = _issue(actor, issue_id)
    found = read_rows(issue=shown, actor=actor)
    context = {
        "title": "不合格的行",
        "issue": shown,
        "row": shown_issues([shown])[0],
        "found": found,
        "page": Paginator(found.rows, PAGE).get_page(request.GET.get("page")),
    }
    return render(request, "quality/issues/rows.html", context)


def _issue(actor: Actor, issue_id: UUID) -> Issue:
    return get_object_or_404(visible_issues(actor=actor), id=issue_id)


# -- opening ---------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@permission_required(Permission.QUALITY_MANAGE)
def issues_open(request: HttpRequest) -> HttpResponse:
    """Show what thresholds would open issues for, and open them once that was confirmed."""
    actor = request_actor(request)
    given = request.POST if request.method == "POST" else request.GET
    form = Opening(given) if "month" in given else Opening()
    if request.method == "POST" and form.is_valid():
        try:
            opened = open_issues_for(wanted=form.wanted(), actor=actor)
        except IssueRefused as refusal:
            messages.error(request, str(refusal))
        else:
            institutions = len({each.institution_id for each in opened})
            messages.success(request, f"已为 {institutions} 家机构发起 {len(opened)} 项整改。")
            return redirect("quality:issues")
    context = {"title": "批量发起整改", "form": form, "days": DAYS, **_preview(form, actor)}
    return render(request, "quality/issues/open.html", context, status=422 if form.errors else 200)


def _preview(form: Opening, actor: Actor) -> dict[str, Any]:
    """Return what would be opened, none of it while the thresholds are not valid."""
    if not (form.is_bound and form.is_valid()):
        return {"previewed": False}
    found = candidates(actor=actor, wanted=form.wanted())
    ids = {each.institution_id for each in found}
    names = dict(Institution.objects.filter(id__in=ids).values_list("id", "name"))
    return {
        "previewed": True,
        "found": [(each, names[each.institution_id], data_set_title(each.rule.data_set)) for each in found[:PREVIEWED]],
        "count": len(found),
        "institutions": len(ids),
        "given": form.data,
    }


@require_http_methods(["GET", "POST"])
@permission_required(Permission.QUALITY_MANAGE)
def issue_new(request: HttpRequest) -> HttpResponse:
    """Show what one issue would be about (``?institution=&rule=&month=``), and open it once that was confirmed."""
    actor = request_actor(request)
    institution, rule, month = _asked(request)
    form = Saying(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            opened = open_issue(
                institution_id=institution.id,
                rule=rule.key,
                first_month=month,
                last_month=month,
                actor=actor,
                note=form.cleaned_data["note"],
            )
        except IssueRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, f"已发起整改 {opened.number}。")
            return redirect("quality:issue", opened.id)
    count = count_of(institution_id=institution.id, data_set=rule.data_set, rule=rule.word, first=month, last=month)
    context = {
        "title": "发起整改",
        "institution": institution,
        "rule": rule,
        "data_set": data_set_title(rule.data_set),
        "month": month,
        "count": count,
        "unit": "天" if rule.stage is Stage.SERIES else "行",
        "days": DAYS[rule.severity],
        "form": form,
    }
    return render(request, "quality/issues/new.html", context, status=422 if form.errors else 200)


def _asked(request: HttpRequest) -> tuple[Institution, QualityRule, dt.date]:
    """Return what an address asks to open an issue for; raises Http404 for what there is not."""
    given = request.GET
    rule = rule_of_key(given.get("rule", ""))
    number, month = given.get("institution", ""), given.get("month", "")
    if rule is None or not re.fullmatch(r"[0-9]{1,9}", number) or not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", month):
        raise Http404("没有这条规则、机构或月份")
    return get_object_or_404(Institution, id=int(number)), rule, dt.date.fromisoformat(f"{month}-01")


# -- steps -----------------------------------------------------------------------------------------------------------


@require_POST
@permission_required(Permission.QUALITY_MANAGE)
def issue_assign(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Say who at the institution looks after an issue."""
    form = Assigning(request.POST, issue=_issue(request_actor(request), issue_id))
    if not form.is_valid():
        messages.error(request, "所选账号不是这家机构的数据员，或联系人太长，请重新填写。")
        return redirect("quality:issue", issue_id)
    given = form.cleaned_data

    def verb(issue_id: UUID, note: str, actor: Actor) -> Issue:
        assignee = given["assignee"].id if given["assignee"] else None
        return assign(issue_id=issue_id, assignee_id=assignee, contact=given["contact"], actor=actor)

    return _step(request, issue_id, verb, "已指派。")


@require_POST
@permission_required(Permission.QUALITY_MANAGE)
def issue_accept(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Accept an explanation."""
    return _step(request, issue_id, accept_explanation, "已认可说明，整改关闭。")


@require_POST
@permission_required(Permission.QUALITY_MANAGE)
def issue_reopen(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Send an issue back to the institution."""
    return _step(request, issue_id, reopen, "已退回机构，期限重新计算。")


@require_POST
@permission_required(Permission.QUALITY_MANAGE)
def issue_withdraw(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Close an issue that should not have been opened."""
    return _step(request, issue_id, withdraw, "已撤销。")


@require_POST
@permission_required(Permission.QUALITY_ANSWER)
def issue_answer(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Say that the rows were sent again."""
    return _step(
        request, issue_id, _answering(answer), "已提交。平台会重新检查，合格后自动关闭；仍不合格会退回并说明。"
    )


@require_POST
@permission_required(Permission.QUALITY_ANSWER)
def issue_explain(request: HttpRequest, issue_id: UUID) -> HttpResponse:
    """Say why the rows stay as they are."""
    return _step(request, issue_id, _answering(explain), "已提交说明，等待平台数据管理员审核。")


def _answering(verb: Callable[..., Issue]) -> Callable[..., Issue]:
    return lambda issue_id, note, actor: verb(issue_id=issue_id, text=note, actor=actor)


def _step(request: HttpRequest, issue_id: UUID, verb: Callable[..., Issue], done: str) -> HttpResponse:
    """Do one step with what was typed, say how it went, and lead back to the issue."""
    try:
        verb(issue_id=issue_id, note=request.POST.get("note", ""), actor=request_actor(request))
    except Issue.DoesNotExist as error:
        raise Http404("没有这项整改") from error
    except IssueRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, done)
    return redirect("quality:issue", issue_id)
