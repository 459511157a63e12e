"""Decisions about issues, without database or clock: what may follow what, when an answer is due, what has settled."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kangqiao.quality.errors import IssueRefused
from kangqiao.quality.issues import IssueEvent, IssueState, Level

OPEN, ASSIGNED, ANSWERED, ACCOUNTED = (
    IssueState.OPEN,
    IssueState.ASSIGNED,
    IssueState.ANSWERED,
    IssueState.ACCOUNTED,
)

TRANSITIONS: dict[tuple[IssueState, IssueEvent], IssueState] = {
    (OPEN, IssueEvent.ASSIGN): ASSIGNED,
    (OPEN, IssueEvent.ANSWER): ANSWERED,
    (OPEN, IssueEvent.ACCOUNT): ACCOUNTED,
    (OPEN, IssueEvent.SOLVE): IssueState.SOLVED,
    (OPEN, IssueEvent.WITHDRAW): IssueState.WITHDRAWN,
    (OPEN, IssueEvent.ESCALATE): OPEN,
    (ASSIGNED, IssueEvent.ASSIGN): ASSIGNED,
    (ASSIGNED, IssueEvent.ANSWER): ANSWERED,
    (ASSIGNED, IssueEvent.ACCOUNT): ACCOUNTED,
    (ASSIGNED, IssueEvent.SOLVE): IssueState.SOLVED,
    (ASSIGNED, IssueEvent.WITHDRAW): IssueState.WITHDRAWN,
    (ASSIGNED, IssueEvent.ESCALATE): ASSIGNED,
    (ANSWERED, IssueEvent.REOPEN): ASSIGNED,
    (ANSWERED, IssueEvent.SOLVE): IssueState.SOLVED,
    (ANSWERED, IssueEvent.WITHDRAW): IssueState.WITHDRAWN,
    (ACCOUNTED, IssueEvent.ACCEPT): IssueState.EXPLAINED,
    (ACCOUNTED, IssueEvent.REOPEN): ASSIGNED,
    (ACCOUNTED, IssueEvent.SOLVE): IssueState.SOLVED,
    (ACCOUNTED, IssueEvent.WITHDRAW): IssueState.WITHDRAWN,
    (IssueState.EXPLAINED, IssueEvent.REOPEN): ASSIGNED,
}
"""(state, event) → state; what is not listed is not allowed. Solved and withdrawn ones stay as they are."""

DAYS = {"error": 7, "warning": 15}
"""Days until an answer is due, by severity."""

COUNTY_AFTER, CITY_AFTER = dt.timedelta(0), dt.timedelta(days=7)
"""An issue longer overdue than this is the county's, the city's."""


def after(state: str, event: IssueEvent) -> IssueState:
    """Return the state that follows; raises :class:`IssueRefused` where the event is not allowed."""
    known = IssueState(state)
    try:
        return TRANSITIONS[known, event]
    except KeyError:
        raise IssueRefused(f"这项整改现在是“{known.label}”，不能“{event.label}”。请刷新页面，看看最新进展。") from None


def allowed(state: str) -> frozenset[IssueEvent]:
    """Return the events a state allows."""
    return frozenset(event for known, event in TRANSITIONS if known == state)


def due_on(severity: str, today: dt.date) -> dt.date:
    """Return the last day for an answer."""
    return today + dt.timedelta(days=DAYS[severity])


def level_on(due: dt.date, today: dt.date) -> Level:
    """Return whose an unanswered issue is on a day."""
    overdue = today - due
    if overdue > CITY_AFTER:
        return Level.CITY
    return Level.COUNTY if overdue > COUNTY_AFTER else Level.INSTITUTION


def identity_of(example: Mapping[str, Any]) -> str:
    """Return what stays the same of a row when it is sent again: its record, its source key, or its place."""
    if example["record_id"]:
        return f"record {example['record_id']}"
    if example["source_key"]:
        return f"key {example['source_key']}"
    return f"row {example['batch_id']} {example['row_number']}"


def have_settled(known: Sequence[Mapping[str, Any]], failing: Collection[str]) -> bool:
    """Return whether none of the rows known when an issue was opened is among the identities that still fail."""
    return bool(known) and not any(identity_of(each) in failing for each in known)
