"""The review desk: requests of residents, matches looked over, the queue and who sees it."""

from itertools import product

import pytest
from django.db import IntegrityError, connection, transaction

from doubtful import SIMILAR, doubt, resident_of, steward, told
from kangqiao.apps.stewardship.checking import (
    DecisionsWanted,
    Precision,
    check_match,
    draw_match,
    find_decisions,
    precision_of_matches,
    work_since,
)
from kangqiao.apps.stewardship.correction_rules import AFTER_CORRECTION, Act, after
from kangqiao.apps.stewardship.corrections import accept, file_correction, refuse, tell_institution, withdraw
from kangqiao.apps.stewardship.errors import AlreadyChecked, CorrectionMoved, CorrectionRefused
from kangqiao.apps.stewardship.models import CorrectionRequest
from kangqiao.identity.absorbing import Absorption, Evidence, absorb
from kangqiao.identity.decisions import Apart, Decision
from kangqiao.identity.doubt_queries import DoubtFilter, count_kinds, find_doubts, proposed_to
from kangqiao.identity.doubts import answer_apart, answer_same, confirm, postpone, take_back
from kangqiao.identity.models import Patient
from kangqiao.infra.ids import uuid7
from kangqiao.registry.models import Institution
from kangqiao.trust.models import AuditEntry
from people import citizen_number, make_institution, moment

pytestmark = pytest.mark.usefixtures("database")

DUAN, BAI = steward("段主索引"), steward("白复核")
KEY = citizen_number()


def filed(attribute: str = "phone", asked: str = "13988031234") -> CorrectionRequest:
    told(1, "a", "王秀英", key=KEY, phone="139")
    told(2, "b", "王秀英", key=KEY)
    patient = Patient.objects.get(local_number="a").id
    return file_correction(patient_id=patient, attribute=attribute, asked=asked, grounds="本人身份证", actor=DUAN)


@pytest.mark.parametrize(("state", "act"), sorted(set(product(CorrectionRequest.State, Act)) - AFTER_CORRECTION.keys()))
def test_what_the_table_does_not_list_is_refused(state: CorrectionRequest.State, act: Act) -> None:
    with pytest.raises(CorrectionMoved):
        after(state, act)


def test_a_request_keeps_what_was_held_and_is_answered_then_told() -> None:
    request = filed()
    assert (request.held, request.asked, request.state) == ("139", "13988031234", "filed")
    assert accept(request_id=request.id, answer="请机构改正", actor=BAI).state == "accepted"
    assert tell_institution(request_id=request.id, actor=BAI).state == "told"
    assert Patient.objects.get(id=request.patient_id).phone == "139"
    entries = AuditEntry.objects.filter(object_kind="correction", resident_id=request.resident_id)
    assert [entry.detail.get("act") for entry in entries.order_by("id")] == [None, "accept", "tell"]


def test_a_registration_that_is_somebody_elses_is_parted_at_once() -> None:
    request = filed("identity", "")
    done = accept(request_id=request.id, answer="冒用他人证件", actor=BAI)
    assert resident_of(request.patient_id) == request.patient_id
    assert Apart.objects.get().decision_id == done.decision_id


def test_requests_that_change_nothing_say_nothing_or_repeat_are_refused() -> None:
    request = filed()
    same = {"patient_id": request.patient_id, "attribute": "phone", "actor": DUAN}
    for asked, grounds in (("139", "身份证"), (" ", "身份证"), ("138", " ")):
        with pytest.raises(CorrectionRefused):
            file_correction(**same, asked=asked, grounds=grounds)
    with pytest.raises(CorrectionRefused, match="已有一份"):
        file_correction(**same, asked="138", grounds="身份证")
    with pytest.raises(CorrectionRefused):
        refuse(request_id=request.id, answer=" ", actor=BAI)
    withdraw(request_id=request.id, actor=DUAN)
    with pytest.raises(CorrectionMoved):
        accept(request_id=request.id, answer="好", actor=BAI)


FITTING = {
    "resident_id": uuid7(),
    "patient_id": uuid7(),
    "institution_id": 1,
    "attribute": "phone",
    "asked": "1",
    "grounds": "证",
}
BREAKING = [
    ({"attribute": "mood"}, "correction_about_something_known"),
    ({"state": "lost"}, "correction_state_is_known"),
    ({"grounds": ""}, "correction_says_why"),
    ({"asked": None}, "correction_says_what"),
    ({"state": "refused"}, "correction_answered_by_somebody"),
    (
        {"state": "told", "decided_by": uuid7(), "decided_at": moment("2026-01-01"), "answer": "好"},
        "correction_told_by_somebody",
    ),
]


@pytest.mark.parametrize(("breaking", "constraint"), BREAKING)
def test_a_request_that_breaks_a_rule_is_refused(breaking: dict, constraint: str) -> None:
    CorrectionRequest.objects.create(**FITTING).delete()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CorrectionRequest.objects.create(**FITTING | breaking)


# -- looking over ------------------------------------------------------------------------------------------------------


def matched() -> Decision:
    one, other = told(1, "m", "罗正明"), told(2, "n", "罗正明")
    why = Evidence(other, one, "phone-name", SIMILAR, 9.0, 0.998, "simulated-city-2")
    decision = Absorption(uuid7(), one, other, Decision.Kind.MATCH, "电话、姓名相同", evidence=why)
    absorb(connection.connection, [decision])
    return Decision.objects.get(id=decision.decision_id)


def test_a_match_is_drawn_until_somebody_has_looked_at_it() -> None:
    match = matched()
    assert draw_match(actor=DUAN) == match
    check_match(decision_id=match.id, right=True, actor=DUAN)
    assert draw_match(actor=DUAN) is None
    with pytest.raises(AlreadyChecked):
        check_match(decision_id=match.id, right=False, actor=BAI)
    assert precision_of_matches() == Precision(1, 1)


def test_a_match_found_wrong_is_taken_back() -> None:
    match = matched()
    check_match(decision_id=match.id, right=False, actor=DUAN)
    assert resident_of(match.other_id) == match.other_id
    assert precision_of_matches() == Precision(1, 0)


def test_the_interval_of_a_precision_narrows_with_what_was_looked_at() -> None:
    assert Precision(0, 0).interval == (0.0, 1.0)
    low, high = Precision(100, 100).interval
    assert (round(low, 4), round(high, 4)) == (0.963, 1.0)
    low, high = Precision(100, 99).interval
    assert (round(low, 4), round(high, 4)) == (0.9455, 0.9982)


def test_work_is_counted_by_who_decided_and_decisions_found_by_who_and_kind() -> None:
    matched()
    one = doubt(told(1, "a", "王秀英"), told(2, "b", "王秀瑛"))
    done = answer_same(doubt_id=one.id, reason="同一人", actor=DUAN)
    (work,) = work_since(moment("2020-01-01").date(), actor=DUAN)
    assert (work.kinds, work.total, work.undone, work.approved) == ({"merge": 1}, 1, 0, 0)
    found = find_decisions(actor=DUAN, wanted=DecisionsWanted(who=str(DUAN.id)))
    assert [each.id for each in found] == [done.decision_id]
    assert [each.kind for each in find_decisions(actor=DUAN, wanted=DecisionsWanted(who="machine"))] == ["match"]


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_the_queue_shows_the_most_dangerous_first_and_postponed_ones_last() -> None:
    likely = doubt(told(1, "a", "王秀英"), told(2, "b", "王秀瑛"), weight=5)
    linked = doubt(told(1, "c", "李小燕", key=KEY), told(2, "d", "李小燕", key=KEY), kind="linked")
    unlikely = doubt(told(1, "e", "张桂兰"), told(2, "f", "张桂蓝"), weight=2)
    assert list(find_doubts(actor=DUAN, wanted=DoubtFilter())) == [linked, likely, unlikely]
    postpone(doubt_id=linked.id, note="", actor=DUAN)
    assert list(find_doubts(actor=DUAN, wanted=DoubtFilter())) == [likely, unlikely, linked]
    assert list(find_doubts(actor=DUAN, wanted=DoubtFilter(risk=3))) == [unlikely]
    answer_apart(doubt_id=likely.id, reason="同名", actor=DUAN)
    assert count_kinds(actor=DUAN, wanted=DoubtFilter(kind="linked")) == {"linked": 1, "similar": 1}


def test_a_steward_of_a_county_sees_doubts_with_a_registration_there() -> None:
    here, there = make_institution("云县人民医院", "530922001"), make_institution("凤庆县中医医院", "530921001")
    for institution, code in ((here, "530922000000"), (there, "530921000000")):
        Institution.objects.filter(id=institution.id).update(division_code=code)
    mine = doubt(told(here.id, "a", "王秀英"), told(there.id, "b", "王秀瑛"))
    others = doubt(told(there.id, "c", "李小燕"), told(there.id, "d", "李小艳"))
    assert list(find_doubts(actor=steward(institution_id=here.id), wanted=DoubtFilter())) == [mine]
    assert set(find_doubts(actor=DUAN, wanted=DoubtFilter(county="530921000000"))) == {mine, others}


def test_a_proposal_waits_for_others_only() -> None:
    one, other = citizen_number(order="122"), citizen_number(order="124")
    two = doubt(told(1, "a", "王秀英", key=one), told(2, "b", "王秀英", key=other), kind="two-numbers")
    answer_same(doubt_id=two.id, reason="重号", actor=DUAN)
    assert list(proposed_to(DUAN)) == []
    assert list(proposed_to(BAI)) == [two]
    done = confirm(doubt_id=two.id, actor=BAI)
    assert list(proposed_to(BAI)) == []
    take_back(decision_id=done.decision_id, reason="看错了", actor=BAI)
    assert (list(proposed_to(BAI)), list(proposed_to(DUAN))) == ([], [two])
