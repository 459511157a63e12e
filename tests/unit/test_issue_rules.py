"""The life of an issue as a table, and the dates it is held to."""

import datetime as dt
from itertools import product

import pytest

from kangqiao.quality.errors import IssueRefused
from kangqiao.quality.issue_rules import TRANSITIONS, after, allowed, due_on, have_settled, identity_of, level_on
from kangqiao.quality.issues import GOING_ON, IssueEvent, IssueState, Level

LIFE = """
open      assign    assigned
open      answer    answered
open      account   accounted
open      solve     solved
open      withdraw  withdrawn
open      escalate  open
assigned  assign    assigned
assigned  answer    answered
assigned  account   accounted
assigned  solve     solved
assigned  withdraw  withdrawn
assigned  escalate  assigned
answered  reopen    assigned
answered  solve     solved
answered  withdraw  withdrawn
accounted accept    explained
accounted reopen    assigned
accounted solve     solved
accounted withdraw  withdrawn
explained reopen    assigned
"""
LEGAL = {tuple(line.split()[:2]): line.split()[2] for line in LIFE.strip().splitlines()}
ILLEGAL = sorted(
    pair for pair in product(IssueState.values, IssueEvent.values) if pair not in LEGAL
)  # an event is a word, a state too


def test_the_life_of_an_issue_is_this_table():
    assert {(str(state), str(event)): str(to) for (state, event), to in TRANSITIONS.items()} == LEGAL


@pytest.mark.parametrize(("state", "event"), ILLEGAL)
def test_what_the_table_does_not_list_is_refused_in_words(state: str, event: str):
    with pytest.raises(IssueRefused, match=f"“{IssueState(state).label}”，不能“{IssueEvent(event).label}”"):
        after(state, IssueEvent(event))
    assert IssueEvent(event) not in allowed(state)


def test_solved_and_withdrawn_issues_stay_as_they_are():
    assert allowed(IssueState.SOLVED) == allowed(IssueState.WITHDRAWN) == frozenset()


def test_every_issue_going_on_can_be_solved_by_its_rule():
    assert all(after(state, IssueEvent.SOLVE) == IssueState.SOLVED for state in GOING_ON)


@pytest.mark.parametrize(("severity", "due"), [("error", "2026-03-09"), ("warning", "2026-03-17")])
def test_errors_are_due_in_a_week_and_warnings_in_fifteen_days(severity: str, due: str):
    assert due_on(severity, dt.date(2026, 3, 2)) == dt.date.fromisoformat(due)


@pytest.mark.parametrize(
    ("today", "level"),
    [
        ("2026-03-09", Level.INSTITUTION),
        ("2026-03-10", Level.COUNTY),
        ("2026-03-16", Level.COUNTY),
        ("2026-03-17", Level.CITY),
        ("2027-01-01", Level.CITY),
    ],
)
def test_overdue_issues_rise_the_next_day_and_again_after_a_week(today: str, level: Level):
    assert level_on(dt.date(2026, 3, 9), dt.date.fromisoformat(today)) == level


def _row(**given):
    return {"record_id": None, "batch_id": None, "row_number": None, "source_key": None} | given


def test_a_refused_row_sent_again_in_another_batch_is_the_same_row():
    first = _row(batch_id="b1", row_number=3, source_key="V1")
    again = _row(batch_id="b2", row_number=1, source_key="V1")
    assert identity_of(first) == identity_of(again)
    assert identity_of(_row(batch_id="b1", row_number=3)) != identity_of(_row(batch_id="b2", row_number=3))


def test_rows_have_settled_when_none_of_them_fails_any_more():
    known = [_row(record_id="r1"), _row(record_id="r2")]
    assert have_settled(known, {"record r3"})
    assert not have_settled(known, {"record r3", "record r2"})


def test_nothing_known_is_nothing_settled():
    assert not have_settled([], set())
