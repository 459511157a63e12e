"""Reads of issues, as far as the actor may see them, and of what issues could be opened for."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet, Sum

from kangqiao.quality.catalogue import QualityRule, rule_of
from kangqiao.quality.issues import GOING_ON, WAITING, Issue, IssueState, IssueStep
from kangqiao.quality.judging import EXAMPLES
from kangqiao.quality.models import Example, Measure
from kangqiao.quality.rules import NOTHING, Count
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS, scope_of
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Permission, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueFilter:
    """Which issues to list; None and "" leave an element open. ``overdue_on`` keeps those overdue on that day."""

    state: str = ""
    county: str = ""
    institution_id: int | None = None
    dimension: str = ""
    overdue_on: dt.date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on a rule of a month is worth an issue: so many failing rows, and such a share of them in percent."""

    month: dt.date
    failed: int
    percent: float
    severity: str = ""
    dimension: str = ""
    county: str = ""
    institution_id: int | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that an institution's rows of a month fail often enough."""

    institution_id: int
    rule: QualityRule
    count: Count

    @property
    def percent(self) -> float:
        """Return the share of failing rows."""
        return 100 * self.count.failed / self.count.assessed


def visible_issues(*, actor: Actor) -> QuerySet[Issue]:
    """Return the issues the actor may see: all, or those of the actor's institution and of what reports through it."""
    actor.require(Permission.QUALITY_READ)
    issues = Issue.objects.all()
    if actor.institution_id is None:
        return issues
    return issues.filter(institution_id__in=scope_of(actor.institution_id))


def find_issues(*, actor: Actor, wanted: IssueFilter) -> QuerySet[Issue]:
    """Return the issues that fit: those going on first, the ones due soonest at the top, then the closed ones."""
    found = visible_issues(actor=actor).filter(_fits(wanted))
    if wanted.state == "going-on":
        found = found.filter(state__in=GOING_ON)
    elif wanted.state:
        found = found.filter(state=wanted.state)
    return found.order_by(F("closed_at").desc(nulls_first=True), "due_on", "-year", "-serial")


def count_states(*, actor: Actor, wanted: IssueFilter) -> dict[str, int]:
    """Return how many issues that fit there are in each state, whatever state is wanted."""
    return Counter(visible_issues(actor=actor).filter(_fits(wanted)).values_list("state", flat=True))


def _fits(wanted: IssueFilter) -> Q:
    fits = Q()
    if wanted.county:
        fits &= Q(institution_id__in=_of_county(wanted.county))
    if wanted.institution_id is not None:
        fits &= Q(institution_id=wanted.institution_id)
    if wanted.dimension:
        fits &= Q(dimension=wanted.dimension)
    if wanted.overdue_on:
        fits &= overdue(wanted.overdue_on)
    return fits


def _of_county(code: str) -> QuerySet[Any]:
    return Institution.objects.filter(division_code__startswith=code[:COUNTY_DIGITS]).values("id")


def overdue(today: dt.date) -> Q:
    """Return the condition that an issue waits for its institution longer than it was given."""
    return Q(state__in=WAITING, due_on__lt=today)


@dataclass(frozen=True, slots=True)
class IssuesWaiting:
    """What waits for somebody: issues an institution has to act on, how many of them are overdue, and answers."""

    waiting: int
    overdue: int
    answered: int


def what_waits(*, actor: Actor, today: dt.date) -> IssuesWaiting:
    """Return how many of the actor's issues wait, for the home page."""
    states = Counter(visible_issues(actor=actor).filter(state__in=GOING_ON).values_list("state", flat=True))
    return IssuesWaiting(
        waiting=sum(states[state] for state in WAITING),
        overdue=visible_issues(actor=actor).filter(overdue(today)).count(),
        answered=sum(states[state] for state in (IssueState.ANSWERED, IssueState.ACCOUNTED)),
    )


def count_of(*, institution_id: int, data_set: str, rule: str, first: dt.date, last: dt.date) -> Count:
    """Return what a rule counted at an institution in the months from ``first`` to ``last``."""
    months = Measure.objects.filter(
        institution_id=institution_id, data_set=data_set, rule=rule, month__gte=first, month__lte=last
    )
    found = months.aggregate(assessed=Sum("assessed"), failed=Sum("failed"))
    return Count(found["assessed"], found["failed"]) if found["assessed"] is not None else NOTHING


def examples_of(*, institution_id: int, data_set: str, rule: str) -> QuerySet[Example]:
    """Return the failing rows known of a rule at an institution, the newest first."""
    return Example.objects.filter(institution_id=institution_id, data_set=data_set, rule=rule).order_by(
        "-day", "batch_id", "row_number", "record_id"
    )


def snapshot(examples: Iterable[Example]) -> list[dict[str, Any]]:
    """Return examples as an issue keeps them."""
    return [
        {
            "record_id": str(each.record_id) if each.record_id else None,
            "batch_id": str(each.batch_id) if each.batch_id else None,
            "row_number": each.row_number,
            "source_key": each.source_key,
            "day": each.day.isoformat(),
        }
        for each in examples
    ]


def within(examples: QuerySet[Example], first: dt.date, last: dt.date) -> QuerySet[Example]:
    """Return the examples of the months from ``first`` to ``last``."""
    return examples.filter(day__gte=first, day__lt=next_month(last))


def next_month(month: dt.date) -> dt.date:
    """Return the first day of the month after a day's."""
    return (month.replace(day=1) + dt.timedelta(days=32)).replace(day=1)


def all_known(examples: QuerySet[Example]) -> bool:
    """Return whether every row that fails is among these examples of one institution and rule."""
    return examples.count() < EXAMPLES


def candidates(*, actor: Actor, wanted: Thresholds) -> list[Candidate]:
    """Return what issues would be opened for, most failing rows first: nothing that is going on or was explained."""
    actor.require(Permission.QUALITY_MANAGE)
    taken = _taken(wanted.month)
    found = []
    for measure in _above(wanted).filter(institution_id__in=_managed(actor, wanted)):
        rule = rule_of(measure.data_set, measure.rule)
        if rule is None or (measure.institution_id, measure.data_set, measure.rule) in taken:
            continue
        if wanted.severity in ("", rule.severity) and wanted.dimension in ("", rule.dimension):
            found.append(Candidate(measure.institution_id, rule, Count(measure.assessed, measure.failed)))
    return found


def _above(wanted: Thresholds) -> QuerySet[Measure]:
    measures = Measure.objects.filter(month=wanted.month, failed__gte=max(wanted.failed, 1))
    share = measures.annotate(percent=F("failed") * 100.0 / F("assessed")).filter(percent__gte=wanted.percent)
    return share.order_by("-failed", "institution_id", "data_set", "rule")


def _managed(actor: Actor, wanted: Thresholds) -> set[int]:
    """Return the ids of the institutions that are wanted and lie in the actor's scope."""
    institutions = Institution.objects.all()
    if actor.institution_id is not None:
        institutions = institutions.filter(id__in=scope_of(actor.institution_id))
    if wanted.institution_id is not None:
        institutions = institutions.filter(id=wanted.institution_id)
    if wanted.county:
        institutions = institutions.filter(division_code__startswith=wanted.county[:COUNTY_DIGITS])
    return set(institutions.values_list("id", flat=True))


def _taken(month: dt.date) -> set[tuple[int, str, str]]:
    """Return (institution, data set, rule) of what is going on, or was explained for a month."""
    explained = Q(state=IssueState.EXPLAINED, first_month__lte=month, last_month__gte=month)
    issues = Issue.objects.filter(Q(state__in=GOING_ON) | explained)
    return set(issues.values_list("institution_id", "data_set", "rule"))


def issue_going_on(*, institution_id: int, data_set: str, rule: str) -> Issue | None:
    """Return the issue of a rule at an institution that is not closed, if there is one."""
    known = Issue.objects.filter(institution_id=institution_id, data_set=data_set, rule=rule)
    return known.filter(state__in=GOING_ON).first()


def clerks_of(institution_id: int) -> QuerySet[Account]:
    """Return the accounts that may answer for an institution: its own clerks, and those of whom it reports through."""
    above = [institution_id]
    parents = dict(Institution.objects.values_list("id", "parent_id"))
    while (parent := parents.get(above[-1])) is not None and parent not in above:
        above.append(parent)
    return Account.objects.filter(institution_id__in=above, is_active=True, roles__contains=[Role.SENDER]).order_by(
        "display_name"
    )


def names_of_people(ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Return account id → name."""
    return dict(Account.objects.filter(id__in={each for each in ids if each}).values_list("id", "display_name"))


def actor_name(step: IssueStep, names: dict[UUID, str]) -> str:
    """Return who took a step; the platform where a rule or a date decided."""
    if step.actor_id is None:
        return "平台" if step.actor_kind == ActorKind.SYSTEM else "—"
    return names.get(step.actor_id, "—")
