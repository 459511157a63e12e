"""What the pages of issues show: words, colours and days instead of columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from kangqiao.quality.catalogue import Stage, rule_of_key
from kangqiao.quality.issue_forms import county_choices
from kangqiao.quality.issue_queries import actor_name, names_of_people
from kangqiao.quality.issues import WAITING, Issue, IssueEvent, IssueState, IssueStep, Level
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension

Badge = tuple[str, str]

STATES: dict[str, str] = {
    IssueState.OPEN: "warn",
    IssueState.ASSIGNED: "warn",
    IssueState.ANSWERED: "info",
    IssueState.ACCOUNTED: "info",
    IssueState.SOLVED: "ok",
    IssueState.EXPLAINED: "ok",
    IssueState.WITHDRAWN: "plain",
}
DIMENSIONS = {each.value: each.title for each in Dimension}
LEVELS = {Level.COUNTY: "warn", Level.CITY: "bad"}


def state_badge(state: str) -> Badge:
    """Return a state as (word, badge)."""
    return str(IssueState(state).label), STATES[state]


def level_badge(issue: Issue) -> Badge | None:
    """Return who else looks after an overdue issue, None while it is the institution's alone."""
    level = Level(issue.level)
    return None if level == Level.INSTITUTION else (str(level.label), LEVELS[level])


def term_badge(issue: Issue, today: dt.date) -> Badge | None:
    """Return how much time the institution has left, None where it is not the institution's turn."""
    if issue.state not in WAITING:
        return None
    left = (issue.due_on - today).days
    if left < 0:
        return f"逾期 {-left} 天", "bad"
    return ("今天到期", "warn") if left == 0 else (f"还有 {left} 天", "plain" if left > 2 else "warn")


def unit_of(issue: Issue) -> str:
    """Return what is counted: rows, or days where a series is judged."""
    rule = rule_of_key(issue.key)
    return "天" if rule and rule.stage is Stage.SERIES else "行"


def months_of(issue: Issue) -> str:
    """Return the months an issue is about."""
    first, last = f"{issue.first_month:%Y-%m}", f"{issue.last_month:%Y-%m}"
    return first if first == last else f"{first} 至 {last}"


def data_set_title(word: str) -> str:
    """Return a data set's Chinese title, or its word where there is no such data set any more."""
    known = data_sets().get(word)
    return known.title if known else word


@dataclass(frozen=True, slots=True)
class IssueShown:
    """An issue as lists show it."""

    issue: Issue
    institution: str
    county: str
    data_set: str
    dimension: str
    state: Badge
    level: Badge | None
    term: Badge | None
    unit: str
    months: str
    assignee: str


def shown_issues(issues: Sequence[Issue]) -> list[IssueShown]:
    """Return issues as lists show them."""
    today = timezone.localdate()
    places = {
        each.id: (each.name, each.division_code)
        for each in Institution.objects.filter(id__in={issue.institution_id for issue in issues})
    }
    counties = {code[:COUNTY_DIGITS]: name for code, name in county_choices()}
    people = names_of_people(issue.assignee_id for issue in issues)
    return [_shown(issue, places.get(issue.institution_id, ("—", "")), counties, people, today) for issue in issues]


def _shown(
    issue: Issue, place: tuple[str, str], counties: dict[str, str], people: dict[Any, str], today: dt.date
) -> IssueShown:
    named = (people.get(issue.assignee_id, "") if issue.assignee_id else "", issue.contact)
    return IssueShown(
        issue=issue,
        institution=place[0],
        county=counties.get(place[1][:COUNTY_DIGITS], "—"),
        data_set=data_set_title(issue.data_set),
        dimension=DIMENSIONS[issue.dimension],
        state=state_badge(issue.state),
        level=level_badge(issue),
        term=term_badge(issue, today),
        unit=unit_of(issue),
        months=months_of(issue),
        assignee="，".join(filter(None, named)),
    )


@dataclass(frozen=True, slots=True)
class StepShown:
    """A step of an issue's history in words."""

    step: IssueStep
    event: str
    actor: str


def shown_steps(steps: Iterable[IssueStep]) -> list[StepShown]:
    """Return steps in words."""
    listed = list(steps)
    names = names_of_people(step.actor_id for step in listed)
    return [StepShown(step, str(IssueEvent(step.event).label), actor_name(step, names)) for step in listed]
