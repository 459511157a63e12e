"""The verbs of the loop: open an issue, assign it, answer it, judge the answer; the rule says when it is solved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, IntegerField, Max, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from kangqiao.quality.catalogue import QualityRule, Stage, rule_of_key
from kangqiao.quality.errors import IssueGoingOn, IssueRefused
from kangqiao.quality.issue_queries import (
    Candidate,
    Thresholds,
    all_known,
    candidates,
    clerks_of,
    count_of,
    examples_of,
    next_month,
    snapshot,
    visible_issues,
    within,
)
from kangqiao.quality.issue_rules import after, due_on, have_settled, identity_of, level_on
from kangqiao.quality.issues import GOING_ON, WAITING, Issue, IssueEvent, IssueState, IssueStep, Level
from kangqiao.quality.models import Measure, Measurement, Volume
from kangqiao.registry.queries import scope_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission

MOST = 500
"""Issues that are opened at once; more would be looked after by nobody."""

NUMBERS_LOCK = 0x6B715155
"""Advisory lock of this number: issues of a year are numbered one after another."""

LONGEST = 2000
"""Characters of a note or an answer."""


# -- opening ---------------------------------------------------------------------------------------------------------


def open_issue(
    *, institution_id: int, rule: str, first_month: dt.date, last_month: dt.date, actor: Actor, note: str = ""
) -> Issue:
    """Open an issue for one rule (its key, ``lab-result.quantity:range``) at one institution over some months.

    Raises :class:`IssueRefused` where nothing fails, :class:`IssueGoingOn` where the rule has an issue already,
    ``NotPermitted`` outside the actor's scope.
    """
    actor.require(Permission.QUALITY_MANAGE)
    _require_scope(actor, institution_id)
    known = rule_of_key(rule)
    if known is None:
        raise IssueRefused("没有这条质量规则，请从数据质量页面重新发起。")
    count = count_of(
        institution_id=institution_id, data_set=known.data_set, rule=known.word, first=first_month, last=last_month
    )
    if not count.failed:
        raise IssueRefused("这家机构在所选月份没有不合格的数据，无需整改。")
    try:
        with transaction.atomic():
            issue = _new_issue(Candidate(institution_id, known, count), first_month, last_month, actor)
            _number([issue])
            issue.save(force_insert=True)
            _record_opening(issue, actor, note)
    except IntegrityError as error:
        if _constraint(error) == "issue_going_on_once":
            raise IssueGoingOn from error
        raise
    return issue


def open_issues_for(*, wanted: Thresholds, actor: Actor) -> list[Issue]:
    """Open an issue for everything above the thresholds that has none going on; return them.

    Raises :class:`IssueRefused` where that would be more than :data:`MOST`.
    """
    actor.require(Permission.QUALITY_MANAGE)
    with transaction.atomic():
        _lock_numbers()  # whoever opens at the same time has ended: what they opened is seen as going on
        found = candidates(actor=actor, wanted=wanted)
        if len(found) > MOST:
            raise IssueRefused(f"一次最多发起 {MOST} 项，现在有 {len(found)} 项。请提高门槛或缩小范围。")
        month = wanted.month
        issues = [_new_issue(each, month, month, actor) for each in found]
        _number(issues)
        Issue.objects.bulk_create(issues)
        for issue in issues:
            _record_opening(issue, actor, "")
    return issues


def _new_issue(found: Candidate, first: dt.date, last: dt.date, actor: Actor) -> Issue:
    rule, count = found.rule, found.count
    now = timezone.now()
    issue = Issue(
        institution_id=found.institution_id,
        data_set=rule.data_set,
        rule=rule.word,
        title=rule.title,
        dimension=rule.dimension,
        severity=rule.severity,
        first_month=first,
        last_month=last,
        opened_at=now,
        opened_by=_account_of(actor),
        failed_opened=count.failed,
        assessed_opened=count.assessed,
        failed_now=count.failed,
        assessed_now=count.assessed,
        due_on=due_on(rule.severity, timezone.localdate(now)),
    )
    _keep_examples(issue)
    return issue


def _number(issues: list[Issue]) -> None:
    """Give issues the next numbers of the year."""
    _lock_numbers()
    year = timezone.localdate().year
    last = Issue.objects.filter(year=year).aggregate(last=Max("serial"))["last"] or 0
    for place, issue in enumerate(issues, start=1):
        issue.year, issue.serial = year, last + place


def _lock_numbers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERS_LOCK])


def _record_opening(issue: Issue, actor: Actor, note: str) -> None:
    _add_step(issue, IssueEvent.OPEN, actor, note)
    record_act(
        actor=actor,
        action=Action.ISSUE_OPEN,
        object_kind="issue",
        object_id=issue.id,
        detail={"institution_id": issue.institution_id, "rule": issue.key, "failed": issue.failed_opened},
    )


def _keep_examples(issue: Issue) -> None:
    known = within(_examples(issue), issue.first_month, issue.last_month)
    issue.examples = snapshot(known)
    issue.examples_complete = len(issue.examples) == issue.failed_now


def _examples(issue: Issue) -> QuerySet[Any]:
    return examples_of(institution_id=issue.institution_id, data_set=issue.data_set, rule=issue.rule)


# -- what people do --------------------------------------------------------------------------------------------------


def assign(
    *, issue_id: UUID, actor: Actor, assignee_id: UUID | None = None, contact: str = "", note: str = ""
) -> Issue:
    """Say who at the institution looks after the issue: an account that may answer for it, or somebody in words."""
    if assignee_id is None and not contact.strip():
        raise IssueRefused("请选择机构的数据员，或填写联系人。")
    with _moving(issue_id, IssueEvent.ASSIGN, Permission.QUALITY_MANAGE, actor, note) as issue:
        if assignee_id is not None and not clerks_of(issue.institution_id).filter(id=assignee_id).exists():
            raise IssueRefused("所选账号不是这家机构的数据员，请重新选择。")
        issue.assignee_id, issue.contact = assignee_id, contact.strip()
    return issue


def answer(*, issue_id: UUID, text: str, actor: Actor) -> Issue:
    """Say for the institution that the rows were sent again; the next measurement decides."""
    return _answer(issue_id, IssueEvent.ANSWER, text, actor)


def explain(*, issue_id: UUID, text: str, actor: Actor) -> Issue:
    """Say for the institution why the rows are right as they are, or can not be corrected; the manager decides."""
    return _answer(issue_id, IssueEvent.ACCOUNT, text, actor)


def _answer(issue_id: UUID, event: IssueEvent, text: str, actor: Actor) -> Issue:
    if not text.strip():
        raise IssueRefused("请写明原因和处理情况。")
    with _moving(issue_id, event, Permission.QUALITY_ANSWER, actor, text) as issue:
        issue.answer, issue.answered_at = text.strip(), timezone.now()
        if issue.assignee_id is None and not issue.contact:
            issue.assignee_id = _account_of(actor)
            issue.contact = "" if issue.assignee_id else actor.name
    return issue


def accept_explanation(*, issue_id: UUID, actor: Actor, note: str = "") -> Issue:
    """Close an issue because what the institution said is accepted."""
    with _moving(issue_id, IssueEvent.ACCEPT, Permission.QUALITY_MANAGE, actor, note) as issue:
        issue.closed_at = timezone.now()
    return issue


def reopen(*, issue_id: UUID, note: str, actor: Actor) -> Issue:
    """Send an answered or explained issue back to the institution, with a reason and a new due date."""
    if not note.strip():
        raise IssueRefused("请写明退回的理由。")
    try:
        with _moving(issue_id, IssueEvent.REOPEN, Permission.QUALITY_MANAGE, actor, note) as issue:
            issue.closed_at = None
            issue.due_on = due_on(issue.severity, timezone.localdate())
            issue.level = Level.INSTITUTION
            _keep_examples(issue)
    except IntegrityError as error:
        if _constraint(error) == "issue_going_on_once":
            raise IssueGoingOn from error
        raise
    return issue


def withdraw(*, issue_id: UUID, note: str, actor: Actor) -> Issue:
    """Close an issue that should not have been opened, with a reason."""
    if not note.strip():
        raise IssueRefused("请写明撤销的理由。")
    with _moving(issue_id, IssueEvent.WITHDRAW, Permission.QUALITY_MANAGE, actor, note) as issue:
        issue.closed_at = timezone.now()
    return issue


@contextmanager
def _moving(issue_id: UUID, event: IssueEvent, permission: Permission, actor: Actor, note: str) -> Iterator[Issue]:
    """Lock an issue of the actor's scope, let the caller change it, and store it with its step and audit entry."""
    actor.require(permission)
    if len(note) > LONGEST:
        raise IssueRefused(f"说明不能超过 {LONGEST} 个字。")
    with transaction.atomic():
        issue = visible_issues(actor=actor).select_for_update().get(id=issue_id)
        following = after(issue.state, event)
        yield issue
        _move(issue, event, following, actor, note)


def _move(issue: Issue, event: IssueEvent, following: IssueState, actor: Actor, note: str) -> None:
    issue.state = following
    issue.save()
    _add_step(issue, event, actor, note)
    record_act(
        actor=actor,
        action=Action.ISSUE_MOVE,
        object_kind="issue",
        object_id=issue.id,
        detail={"event": event.value, "state": following.value, "failed": issue.failed_now},
    )


def _add_step(issue: Issue, event: IssueEvent, actor: Actor, note: str) -> None:
    IssueStep.objects.create(
        issue=issue,
        at=timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        event=event,
        note=note.strip(),
        failed=issue.failed_now,
        assessed=issue.assessed_now,
    )


# -- what the platform does ------------------------------------------------------------------------------------------


def verify_issues(*, measurement: Measurement, actor: Actor) -> int:
    """Hold every issue that is going on against a measurement, in its transaction; return how many were solved.

    An issue is solved when its rule finds no failing row in its months any more, or when all rows that were known
    have settled. One that was answered before everything sent until then had been looked at is judged next time;
    one that was answered and still fails goes back with the new count and fresh examples.
    """
    actor.require(Permission.QUALITY_MANAGE)
    solved = 0
    for issue in _counted(Issue.objects.filter(state__in=GOING_ON)).select_for_update().order_by("id"):
        rule = rule_of_key(issue.key)
        if rule is None:
            continue  # nobody measures it any more: its counts say nothing
        assessed = issue.assessed_found or _sent(issue, rule)
        if (issue.failed_now, issue.assessed_now) != (issue.failed_found, assessed):
            issue.failed_now, issue.assessed_now = issue.failed_found, assessed
            issue.save(update_fields=["failed_now", "assessed_now"])
        solved += _verify(issue, measurement, actor)
    return solved


def _verify(issue: Issue, measurement: Measurement, actor: Actor) -> bool:
    reason = _solved_because(issue)
    if reason:
        issue.closed_at = timezone.now()
        _move(issue, IssueEvent.SOLVE, after(issue.state, IssueEvent.SOLVE), actor, reason)
        return True
    if issue.state == IssueState.ANSWERED and issue.answered_at and issue.answered_at <= measurement.settled:
        _keep_examples(issue)
        note = f"回复后重新检查，仍有 {issue.failed_now} 处不合格，请继续整改。"
        _move(issue, IssueEvent.REOPEN, after(issue.state, IssueEvent.REOPEN), actor, note)
    return False


def _solved_because(issue: Issue) -> str:
    if issue.failed_now == 0:
        return "规则重新检查，本期已没有不合格的数据。"
    if issue.state == IssueState.ANSWERED and issue.examples_complete:
        failing = _examples(issue)
        rows = snapshot(failing)
        if all_known(failing) and have_settled(issue.examples, {identity_of(each) for each in rows}):
            return f"列出的 {len(issue.examples)} 行已全部改好；本期另有 {issue.failed_now} 处新的不合格，可另行发起。"
    return ""


def _counted(issues: QuerySet[Issue]) -> QuerySet[Any]:
    """Add to issues what their rules count now (``failed_found``, ``assessed_found``)."""
    months = Measure.objects.filter(
        institution_id=OuterRef("institution_id"),
        data_set=OuterRef("data_set"),
        rule=OuterRef("rule"),
        month__gte=OuterRef("first_month"),
        month__lte=OuterRef("last_month"),
    )

    def total(column: str) -> Coalesce:
        summed = months.order_by().values("rule").annotate(total=Sum(column)).values("total")
        return Coalesce(Subquery(summed, output_field=IntegerField()), Value(0))

    return issues.annotate(failed_found=total("failed"), assessed_found=total("assessed"))


def _sent(issue: Issue, rule: QualityRule) -> int:
    """Return how many rows of its months a rule of the gate let pass; it is counted only where it refused some."""
    if rule.stage is not Stage.GATE:
        return 0
    days = Volume.objects.filter(
        institution_id=issue.institution_id,
        data_set=issue.data_set,
        day__gte=issue.first_month,
        day__lt=next_month(issue.last_month),
    )
    return days.aggregate(sent=Sum(F("rows") + F("refused")))["sent"] or 0


def escalate_overdue(*, today: dt.date, actor: Actor) -> int:
    """Raise issues whose institution has not answered in time to the county, then to the city; return how many.

    A second run on the same day finds nothing to do.
    """
    actor.require(Permission.QUALITY_MANAGE)
    raised = 0
    with transaction.atomic():
        late = Issue.objects.filter(state__in=WAITING, due_on__lt=today, level__lt=Level.CITY)
        for issue in late.select_for_update().order_by("id"):
            level = level_on(issue.due_on, today)
            if level > issue.level:
                issue.level = level
                note = f"{issue.due_on:%Y-%m-%d} 到期未回复，转{level.label}。"
                _move(issue, IssueEvent.ESCALATE, after(issue.state, IssueEvent.ESCALATE), actor, note)
                raised += 1
    return raised


# -- within ----------------------------------------------------------------------------------------------------------


def _account_of(actor: Actor) -> UUID | None:
    return actor.id if actor.kind == ActorKind.ACCOUNT else None


def _require_scope(actor: Actor, institution_id: int) -> None:
    if actor.institution_id is not None and institution_id not in scope_of(actor.institution_id):
        raise NotPermitted("这家机构不在您的管理范围内。")


def _constraint(error: IntegrityError) -> str | None:
    return getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
