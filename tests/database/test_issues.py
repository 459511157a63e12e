"""Issues from their opening to their end: rows come in through intake, the rule decides, nobody else."""

import datetime as dt
import threading

import pytest
from django.db import IntegrityError, connections, transaction
from django.test import Client
from django.utils import timezone

from doubtful import told
from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.quality import jobs, services
from kangqiao.quality.errors import IssueGoingOn, IssueRefused
from kangqiao.quality.issue_queries import IssueFilter, Thresholds, candidates, count_states, find_issues, what_waits
from kangqiao.quality.issue_services import (
    accept_explanation,
    answer,
    assign,
    escalate_overdue,
    explain,
    open_issue,
    open_issues_for,
    reopen,
    withdraw,
)
from kangqiao.quality.issues import Issue, IssueState, IssueStep, Level
from kangqiao.quality.models import Measure, Measurement
from kangqiao.registry.models import Institution
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.permissions import Role
from kangqiao.trust.services import account_actor, create_account
from parcels import CLINIC, STRANGER, register_institutions, registration, vital_signs, write_parcel

FEBRUARY = dt.date(2026, 2, 1)
UNREADABLE = "vital-signs.measured:format"
TOO_HOT = "vital-signs.temperature:range"
TURNED = "vital-signs.systolic:not-less"


@pytest.fixture
def hospital(committed_database):
    return register_institutions()


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def send(hospital, store, tmp_path):
    """Write rows as a parcel of its own and take it in."""

    def send(rows, *, number, **options):
        path = write_parcel(
            tmp_path / f"parcel-{number}",
            {"patient-registration": [registration()], "vital-signs": rows},
            number=number,
            **options,
        )
        batch = submit_parcel(path=path, door=Door.COMMAND, actor=system_actor("test"), store=store)
        return process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")

    return send


@pytest.fixture
def measure(hospital, store, tmp_path, monkeypatch):
    """Measure as the worker does; what was received until now counts as settled."""
    monkeypatch.setattr(services, "MARGIN", dt.timedelta(0))
    return lambda: services.measure(home=tmp_path / "home", store=store, actor=system_actor("test"))


@pytest.fixture
def manager(hospital) -> Actor:
    return person("manager", Role.DATA_MANAGER)


@pytest.fixture
def clerk(hospital) -> Actor:
    return person("clerk", Role.SENDER, hospital.id)


def person(username: str, role: Role, institution_id: int | None = None) -> Actor:
    """An account's actor."""
    account = create_account(
        username=username,
        display_name=username,
        roles=[role],
        institution_id=institution_id,
        actor=system_actor("test"),
        password="Lancang-jiang-2026",
        must_change_password=False,
    ).account
    return account_actor(account, None)


def with_errors(**corrected: dict[str, str]) -> list[dict[str, str]]:
    """A day of measurements: two without a readable time, two too hot, one with its pressures turned round."""
    wrong = {
        "V1": {"measured": "昨天"},
        "V2": {"measured": "前天"},
        "V3": {"temperature": "55"},
        "V4": {"temperature": "57"},
        "V5": {"systolic": "70"},
    }
    return [vital_signs(f"V{n}", **(corrected.get(f"V{n}") or wrong.get(f"V{n}", {}))) for n in range(1, 11)]


def february(**changes) -> Thresholds:
    return Thresholds(**{"month": FEBRUARY, "failed": 1, "percent": 0.0} | changes)


def opened(rule: str, hospital: Institution, manager: Actor) -> Issue:
    return open_issue(institution_id=hospital.id, rule=rule, first_month=FEBRUARY, last_month=FEBRUARY, actor=manager)


def events(issue: Issue) -> list[str]:
    return list(IssueStep.objects.filter(issue=issue).order_by("id").values_list("event", flat=True))


# -- the loop --------------------------------------------------------------------------------------------------------


def test_what_is_corrected_and_sent_again_is_solved_by_the_rules_themselves(send, measure, hospital, manager, clerk):
    send(with_errors(), number="1")
    measure()
    issues = {issue.key: issue for issue in open_issues_for(wanted=february(failed=2), actor=manager)}
    assert {key: (issue.failed_opened, issue.assessed_opened) for key, issue in issues.items()} == {
        UNREADABLE: (2, 10),
        TOO_HOT: (2, 2),
    }
    assert [issue.number for issue in issues.values()] == ["2026-0001", "2026-0002"]
    unreadable, hot = issues[UNREADABLE], issues[TOO_HOT]
    assert [row["source_key"] for row in unreadable.examples] == ["V1", "V2"]
    assert unreadable.examples_complete
    assign(issue_id=unreadable.id, assignee_id=clerk.id, actor=manager)
    send(
        [
            vital_signs("V1"),
            vital_signs("V2"),
            vital_signs("V3", temperature="36.5", revised_at="2026-02-02 08:00:00"),
            vital_signs("V4", temperature="36.7", revised_at="2026-02-02 08:00:00"),
        ],
        number="2",
    )
    answer(issue_id=unreadable.id, text="已改正时间格式，批次 2", actor=clerk)
    measure()
    for issue in (unreadable, hot):
        issue.refresh_from_db()
        assert (issue.state, issue.failed_now) == (IssueState.SOLVED, 0)
        assert issue.closed_at is not None
    assert events(unreadable) == ["open", "assign", "answer", "solve"]
    last = IssueStep.objects.filter(issue=unreadable).order_by("id").last()
    assert (last.actor_kind, last.failed) == (ActorKind.SYSTEM, 0)
    assert "没有不合格的数据" in last.note
    assert events(hot) == ["open", "solve"]


def test_half_corrected_goes_back_with_the_new_count_and_the_rows_that_are_left(
    send, measure, hospital, manager, clerk
):
    send(with_errors(), number="1")
    measure()
    issue = opened(UNREADABLE, hospital, manager)
    send([vital_signs("V1")], number="2")
    answer(issue_id=issue.id, text="已重报", actor=clerk)
    measure()
    issue.refresh_from_db()
    assert (issue.state, issue.failed_opened, issue.failed_now) == (IssueState.ASSIGNED, 2, 1)
    assert [row["source_key"] for row in issue.examples] == ["V2"]
    assert issue.assignee_id == clerk.id
    assert events(issue) == ["open", "answer", "reopen"]
    assert "仍有 1 处不合格" in IssueStep.objects.filter(issue=issue).order_by("id").last().note
    send([vital_signs("V2")], number="3")
    measure()
    issue.refresh_from_db()
    assert issue.state == IssueState.SOLVED


def test_new_failures_do_not_keep_an_issue_whose_rows_have_all_settled(send, measure, hospital, manager, clerk):
    send(with_errors(), number="1")
    measure()
    issue = opened(TOO_HOT, hospital, manager)
    send(
        [
            vital_signs("V3", temperature="36.5", revised_at="2026-02-02 08:00:00"),
            vital_signs("V4", temperature="36.7", revised_at="2026-02-02 08:00:00"),
            vital_signs("V11", temperature="58"),
        ],
        number="2",
    )
    answer(issue_id=issue.id, text="已重报", actor=clerk)
    measure()
    issue.refresh_from_db()
    assert (issue.state, issue.failed_now) == (IssueState.SOLVED, 1)
    assert "列出的 2 行已全部改好" in IssueStep.objects.filter(issue=issue).order_by("id").last().note


def test_where_single_messages_alone_come_it_is_measured_at_once_and_every_night(measure, hospital):
    assert not jobs.is_due(timezone.now())
    told(1, "a", "王秀英")
    assert jobs.is_due(timezone.now())
    measure()
    measured = timezone.now()
    assert not jobs.is_due(measured + dt.timedelta(hours=20))
    assert jobs.is_due(measured + dt.timedelta(hours=25))


def test_what_a_batch_under_way_may_still_store_is_not_settled(send, measure):
    send([vital_signs("V1")], number="1")
    left = Batch.objects.create(number="2", door=Door.COMMAND, received_at=timezone.now())
    measure()
    assert Measurement.objects.latest("started_at").settled == left.received_at


def test_a_row_refused_again_has_not_settled(send, measure, hospital, manager, clerk):
    send(with_errors(), number="1")
    measure()
    issue = opened(UNREADABLE, hospital, manager)
    send([vital_signs("V1", measured="大前天"), vital_signs("V2", measured="大前天")], number="2")
    answer(issue_id=issue.id, text="已重报", actor=clerk)
    measure()
    issue.refresh_from_db()
    assert (issue.state, issue.failed_now) == (IssueState.ASSIGNED, 2)


def test_an_answer_given_after_what_was_looked_at_waits_for_the_next_measurement(
    send, measure, hospital, clerk, monkeypatch
):
    send(with_errors(), number="1")
    measure()
    issue = opened(UNREADABLE, hospital, system_actor("test"))
    answer(issue_id=issue.id, text="刚刚报送", actor=clerk)
    monkeypatch.setattr(services, "MARGIN", dt.timedelta(minutes=2))
    last = measure()
    issue.refresh_from_db()
    assert issue.state == IssueState.ANSWERED
    assert not jobs.is_due(last.finished_at + dt.timedelta(seconds=90))
    assert jobs.is_due(issue.answered_at + dt.timedelta(minutes=3))


def test_an_explanation_is_for_the_manager_to_judge_and_is_not_asked_for_again(send, measure, hospital, manager, clerk):
    send(with_errors(), number="1")
    measure()
    issue = opened(TOO_HOT, hospital, manager)
    explain(issue_id=issue.id, text="体温计故障当日的真实记录", actor=clerk)
    measure()
    issue.refresh_from_db()
    assert issue.state == IssueState.ACCOUNTED
    accept_explanation(issue_id=issue.id, actor=manager, note="认可")
    issue.refresh_from_db()
    assert (issue.state, issue.closed_at is not None) == (IssueState.EXPLAINED, True)
    assert TOO_HOT not in {each.rule.key for each in candidates(actor=manager, wanted=february())}
    reopen(issue_id=issue.id, note="请附设备维修记录", actor=manager)
    issue.refresh_from_db()
    assert (issue.state, issue.closed_at) == (IssueState.ASSIGNED, None)


def test_an_issue_of_a_rule_nobody_measures_any_more_is_not_called_solved(send, measure, hospital, manager):
    send(with_errors(), number="1")
    measure()
    issue = opened(TOO_HOT, hospital, manager)
    Issue.objects.filter(id=issue.id).update(rule="temperature:gone")
    measure()
    issue.refresh_from_db()
    assert (issue.state, issue.failed_now) == (IssueState.OPEN, 2)


# -- opening ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def february_measured(hospital):
    """What a measurement found, without one: two institutions, three rules."""
    stranger = Institution.objects.get(code=STRANGER)
    clinic = Institution.objects.get(code=CLINIC)
    for institution, rule, failed, assessed in (
        (hospital, "measured:format", 40, 100),
        (hospital, "temperature:range", 3, 1000),
        (clinic, "temperature:range", 30, 60),
        (stranger, "systolic:not-less", 20, 400),
    ):
        Measure.objects.create(
            institution_id=institution.id,
            data_set="vital-signs",
            rule=rule,
            month=FEBRUARY,
            assessed=assessed,
            failed=failed,
        )
    return hospital


def found(actor: Actor, **changes) -> set[tuple[int, str]]:
    return {(each.count.failed, each.rule.key) for each in candidates(actor=actor, wanted=february(**changes))}


def test_thresholds_say_what_issues_are_opened_for(february_measured, manager):
    everything = {(40, UNREADABLE), (3, TOO_HOT), (30, TOO_HOT), (20, TURNED)}
    assert found(manager) == everything
    assert found(manager, failed=20) == everything - {(3, TOO_HOT)}
    assert found(manager, percent=10.0) == {(40, UNREADABLE), (30, TOO_HOT)}
    assert found(manager, severity="warning") == {(3, TOO_HOT), (30, TOO_HOT)}
    assert found(manager, dimension="validity") >= {(40, UNREADABLE)}
    assert found(manager, institution_id=february_measured.id) == {(40, UNREADABLE), (3, TOO_HOT)}
    assert found(manager, county="530921000000") == set()
    assert found(manager, month=dt.date(2026, 1, 1)) == set()


def test_a_manager_of_one_institution_opens_for_it_and_those_below_it(february_measured, manager):
    local = person("county", Role.REGULATOR, february_measured.id)
    assert found(local) == {(40, UNREADABLE), (3, TOO_HOT), (30, TOO_HOT)}
    stranger = Institution.objects.get(code=STRANGER)
    with pytest.raises(NotPermitted):
        opened(TURNED, stranger, local)


def test_a_clerk_opens_nothing_and_a_manager_answers_nothing(february_measured, manager, clerk):
    with pytest.raises(NotPermitted):
        opened(TOO_HOT, february_measured, clerk)
    issue = opened(TOO_HOT, february_measured, manager)
    with pytest.raises(NotPermitted):
        answer(issue_id=issue.id, text="已重报", actor=manager)
    with pytest.raises(NotPermitted):
        withdraw(issue_id=issue.id, note="不改了", actor=clerk)


def test_another_institutions_issue_does_not_exist_for_a_clerk(february_measured, manager, clerk):
    issue = opened(TURNED, Institution.objects.get(code=STRANGER), manager)
    with pytest.raises(Issue.DoesNotExist):
        answer(issue_id=issue.id, text="已重报", actor=clerk)
    assert list(find_issues(actor=clerk, wanted=IssueFilter())) == []


def test_who_reports_for_a_clinic_answers_for_it_and_the_clinic_for_itself_only(february_measured, manager, clerk):
    clinic = Institution.objects.get(code=CLINIC)
    of_clinic, of_hospital = opened(TOO_HOT, clinic, manager), opened(TOO_HOT, february_measured, manager)
    village = person("village", Role.SENDER, clinic.id)
    with pytest.raises(Issue.DoesNotExist):
        answer(issue_id=of_hospital.id, text="已重报", actor=village)
    assign(issue_id=of_clinic.id, assignee_id=clerk.id, actor=manager)
    answer(issue_id=of_clinic.id, text="已代为重报", actor=clerk)
    assert Issue.objects.get(id=of_clinic.id).state == IssueState.ANSWERED


def test_a_clerk_is_told_of_rows_whose_correction_cannot_be_recognised(send, measure, hospital, manager, clerk):
    send([*with_errors(), vital_signs(None), vital_signs(None, systolic="129")], number="1")
    measure()
    issue = opened("vital-signs.source_key:required", hospital, manager)
    browser = Client()
    browser.force_login(Account.objects.get(id=clerk.id))
    page = browser.get(f"/quality/issues/{issue.id}").content.decode()
    assert "其中 2 行没有业务主键" in page


def test_opening_again_opens_nothing(february_measured, manager):
    assert len(open_issues_for(wanted=february(), actor=manager)) == 4
    assert open_issues_for(wanted=february(), actor=manager) == []
    with pytest.raises(IssueGoingOn):
        opened(TOO_HOT, february_measured, manager)


def test_too_many_at_once_are_refused_and_none_is_opened(february_measured, manager, monkeypatch):
    monkeypatch.setattr("kangqiao.quality.issue_services.MOST", 3)
    with pytest.raises(IssueRefused, match="一次最多发起 3 项，现在有 4 项"):
        open_issues_for(wanted=february(), actor=manager)
    assert not Issue.objects.exists()


def test_nothing_is_opened_where_nothing_fails(february_measured, manager):
    with pytest.raises(IssueRefused, match="没有不合格"):
        opened(TURNED, february_measured, manager)
    with pytest.raises(IssueRefused, match="没有这条"):
        opened("vital-signs.measured:gone", february_measured, manager)


def test_two_who_open_at_once_open_each_issue_once_and_no_number_twice(february_measured, manager):
    barrier, came = threading.Barrier(4), []

    def run():
        barrier.wait()
        try:
            came.append(len(open_issues_for(wanted=february(), actor=manager)))
        finally:
            connections.close_all()

    def one():
        barrier.wait()
        try:
            came.append(bool(opened(TOO_HOT, february_measured, manager)))
        except IssueGoingOn:
            came.append(0)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=target) for target in (run, run, one, one)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(came) == Issue.objects.count() == 4
    assert sorted(Issue.objects.values_list("serial", flat=True)) == [1, 2, 3, 4]


def test_every_act_has_its_step_and_its_audit_entry(february_measured, manager, clerk):
    issue = opened(TOO_HOT, february_measured, manager)
    assign(issue_id=issue.id, contact="信息科 李主任", actor=manager)
    explain(issue_id=issue.id, text="设备故障", actor=clerk)
    reopen(issue_id=issue.id, note="请补充材料", actor=manager)
    withdraw(issue_id=issue.id, note="规则有误", actor=manager)
    assert events(issue) == ["open", "assign", "account", "reopen", "withdraw"]
    entries = AuditEntry.objects.filter(object_kind="issue", object_id=str(issue.id)).order_by("id")
    assert [(entry.action, (entry.detail or {}).get("event")) for entry in entries] == [
        ("quality:issue:open", None),
        ("quality:issue:move", "assign"),
        ("quality:issue:move", "account"),
        ("quality:issue:move", "reopen"),
        ("quality:issue:move", "withdraw"),
    ]


def test_what_must_be_said_is_asked_for(february_measured, manager, clerk):
    issue = opened(TOO_HOT, february_measured, manager)
    for verb, said in (
        (lambda: assign(issue_id=issue.id, actor=manager), "联系人"),
        (lambda: assign(issue_id=issue.id, assignee_id=manager.id, actor=manager), "不是这家机构的数据员"),
        (lambda: answer(issue_id=issue.id, text=" ", actor=clerk), "写明原因"),
        (lambda: explain(issue_id=issue.id, text="长" * 2001, actor=clerk), "2000"),
        (lambda: withdraw(issue_id=issue.id, note="", actor=manager), "撤销的理由"),
        (lambda: reopen(issue_id=issue.id, note="再改", actor=manager), "“待处理”，不能“退回”"),
    ):
        with pytest.raises(IssueRefused, match=said):
            verb()
    assert events(issue) == ["open"]


def test_an_explained_issue_is_not_reopened_beside_a_newer_one(february_measured, manager, clerk):
    issue = opened(TOO_HOT, february_measured, manager)
    explain(issue_id=issue.id, text="设备故障", actor=clerk)
    accept_explanation(issue_id=issue.id, actor=manager)
    opened(TOO_HOT, february_measured, manager)
    with pytest.raises(IssueGoingOn):
        reopen(issue_id=issue.id, note="再看", actor=manager)


# -- overdue ---------------------------------------------------------------------------------------------------------


def test_overdue_issues_rise_to_the_county_then_to_the_city_once_each(february_measured, manager, clerk):
    issue = opened(UNREADABLE, february_measured, manager)
    answered = opened(TOO_HOT, february_measured, manager)
    answer(issue_id=answered.id, text="已重报", actor=clerk)
    due = timezone.localdate() + dt.timedelta(days=7)
    assert issue.due_on == due

    def escalate(days: int) -> int:
        return escalate_overdue(today=due + dt.timedelta(days=days), actor=system_actor("quality"))

    assert escalate(0) == 0
    assert [escalate(1), escalate(1)] == [1, 0]
    assert Issue.objects.get(id=issue.id).level == Level.COUNTY
    assert [escalate(8), escalate(9)] == [1, 0]
    assert Issue.objects.get(id=issue.id).level == Level.CITY
    assert events(issue) == ["open", "escalate", "escalate"]
    assert Issue.objects.get(id=answered.id).level == Level.INSTITUTION


def test_a_platform_that_was_off_for_a_month_raises_at_once_to_the_city(february_measured, manager):
    issue = opened(UNREADABLE, february_measured, manager)
    assert escalate_overdue(today=issue.due_on + dt.timedelta(days=30), actor=system_actor("quality")) == 1
    assert Issue.objects.get(id=issue.id).level == Level.CITY


def test_what_waits_is_counted_for_each_side(february_measured, manager, clerk):
    open_issues_for(wanted=february(), actor=manager)
    answer(issue_id=Issue.objects.get(rule="measured:format").id, text="已重报", actor=clerk)
    today = timezone.localdate() + dt.timedelta(days=30)
    whole, own = what_waits(actor=manager, today=today), what_waits(actor=clerk, today=today)
    assert (whole.waiting, whole.overdue, whole.answered) == (3, 3, 1)
    assert (own.waiting, own.overdue, own.answered) == (2, 2, 1)
    assert count_states(actor=manager, wanted=IssueFilter()) == {"open": 3, "answered": 1}
    late = find_issues(actor=manager, wanted=IssueFilter(state="going-on", overdue_on=today))
    assert late.count() == 3


def test_the_job_raises_by_the_day_in_the_city(february_measured, manager):
    issue = opened(UNREADABLE, february_measured, manager)
    midnight = dt.datetime.combine(issue.due_on + dt.timedelta(days=1), dt.time(), CITY_TIME)
    jobs.escalate(int(midnight.timestamp()) - 60)
    assert Issue.objects.get(id=issue.id).level == Level.INSTITUTION
    jobs.escalate(int(midnight.timestamp()) + 60)
    assert Issue.objects.get(id=issue.id).level == Level.COUNTY


# -- the database has the last word ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("issue_number", {"serial": 1}),
        ("issue_going_on_once", {"rule": "measured:format"}),
        ("issue_state_known", {"state": "lost", "closed_at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}),
        ("issue_severity_known", {"severity": "fatal"}),
        ("issue_level_known", {"level": 3}),
        ("issue_months_in_order", {"last_month": dt.date(2026, 1, 1)}),
        ("issue_opened_for_rows", {"failed_opened": 0}),
        ("issue_failed_of_assessed", {"failed_now": 10**6}),
        ("issue_closed_when_ended", {"state": "solved"}),
        ("issue_assigned_to_somebody", {"state": "assigned"}),
        ("issue_answered_with_words", {"state": "answered"}),
    ],
)
def test_the_database_refuses_an_issue_that_cannot_be(february_measured, manager, constraint, changes):
    opened(UNREADABLE, february_measured, manager)
    issue = opened(TOO_HOT, february_measured, manager)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Issue.objects.filter(id=issue.id).update(**changes)


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [("issue_step_event_known", {"event": "forgot"}), ("issue_step_failed_of_assessed", {"failed": 10**6})],
)
def test_the_database_refuses_a_step_that_cannot_be(february_measured, manager, constraint, changes):
    issue = opened(TOO_HOT, february_measured, manager)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        IssueStep.objects.filter(issue=issue).update(**changes)
