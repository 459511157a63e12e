"""Answering doubts: what may follow what, who must look twice, what it does to residents, and who came first."""

from collections.abc import Callable
from itertools import product
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from doubtful import doubt, resident_of, steward, told
from identity_invariants import broken_invariants
from kangqiao.identity import errors
from kangqiao.identity.decisions import Apart, Decision, Doubt, Risk
from kangqiao.identity.doubt_rules import AFTER_DOUBT, TO_CONFIRM, Act, after
from kangqiao.identity.doubts import answer_apart, answer_same, confirm, postpone, reject, take_back
from kangqiao.identity.models import Link
from kangqiao.trust.actors import Actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import AuditEntry
from people import citizen_number

DUAN, BAI = steward("段主索引"), steward("白复核")


@pytest.fixture
def similar(database: None) -> Doubt:
    """Two residents without a number who are called alike."""
    return doubt(told(1, "a", "王秀英"), told(2, "b", "王秀瑛"))


@pytest.fixture
def two_numbers(database: None) -> Doubt:
    """Two residents with a citizen number each."""
    one, other = citizen_number(order="122"), citizen_number(order="124")
    return doubt(told(1, "a", "王秀英", key=one), told(2, "b", "王秀英", key=other), kind=Doubt.Kind.TWO_NUMBERS)


@pytest.fixture
def linked(database: None) -> Doubt:
    """A patient linked by number of whom something else contradicts the resident."""
    key = citizen_number()
    return doubt(told(2, "b", "王秀英", key=key), told(1, "a", "王秀英", key=key), kind=Doubt.Kind.LINKED)


def now_at(one: Doubt) -> tuple[UUID, UUID]:
    return resident_of(one.patient_id), resident_of(one.other_patient_id)


def together(one: Doubt) -> bool:
    first, second = now_at(one)
    return first == second


def acts(one: Doubt) -> list[str]:
    rows = AuditEntry.objects.filter(action="identity:doubt:move", object_id=str(one.id))
    return [entry.detail["act"] for entry in rows.order_by("id")]


@pytest.mark.parametrize(("state", "act"), sorted(set(product(Doubt.State, Act)) - AFTER_DOUBT.keys()))
def test_what_the_table_does_not_list_is_refused(state: Doubt.State, act: Act) -> None:
    with pytest.raises(errors.DoubtMoved):
        after(state, act)


VERBS: dict[Act, Callable[[Doubt, Actor], object]] = {
    Act.SAME: lambda one, who: answer_same(doubt_id=one.id, reason="同一人", actor=who),
    Act.CONFIRM: lambda one, who: confirm(doubt_id=one.id, actor=who),
    Act.REJECT: lambda one, who: reject(doubt_id=one.id, reason="依据不足", actor=who),
    Act.APART: lambda one, who: answer_apart(doubt_id=one.id, reason="两个人", actor=who),
    Act.LATER: lambda one, who: postpone(doubt_id=one.id, note="", actor=who),
}


@pytest.mark.parametrize(("state", "act"), [pair for pair in product(Doubt.State, VERBS) if pair not in AFTER_DOUBT])
def test_no_verb_does_what_the_table_does_not_list(similar: Doubt, state: Doubt.State, act: Act) -> None:
    by = {"proposed_by": BAI.id} if state in TO_CONFIRM else {}
    Doubt.objects.filter(id=similar.id).update(state=state, **by)
    before = now_at(similar)
    with pytest.raises(errors.DoubtMoved):
        VERBS[act](similar, DUAN)
    assert now_at(similar) == before
    assert not Decision.objects.exists()
    assert acts(similar) == []


def test_both_are_one_person_from_then_on(similar: Doubt) -> None:
    answered = answer_same(doubt_id=similar.id, reason="本人到场核对", actor=DUAN)
    decision = Decision.objects.get(id=answered.decision_id)
    assert (answered.state, answered.decided_by, decision.kind) == ("same", DUAN.id, "merge")
    assert together(similar)
    assert acts(similar) == ["same"]
    assert broken_invariants(connection.connection) == []


def test_both_are_kept_apart_from_then_on(similar: Doubt) -> None:
    answered = answer_apart(doubt_id=similar.id, reason="姐妹", actor=DUAN)
    assert (answered.state, answered.decided_by) == ("apart", DUAN.id)
    assert Apart.objects.get().decision_id == answered.decision_id
    assert not together(similar)


def test_two_numbers_are_joined_by_two_people_only(two_numbers: Doubt) -> None:
    proposed = answer_same(doubt_id=two_numbers.id, reason="派出所证明重号", actor=DUAN)
    assert (proposed.state, proposed.proposed_by, together(two_numbers)) == ("proposed", DUAN.id, False)
    with pytest.raises(errors.SecondPersonNeeded):
        confirm(doubt_id=two_numbers.id, actor=DUAN)
    done = confirm(doubt_id=two_numbers.id, actor=BAI)
    decision = Decision.objects.get(id=done.decision_id)
    assert (decision.actor_id, decision.approved_by, decision.reason) == (DUAN.id, BAI.id, "派出所证明重号")
    assert (done.state, done.decided_by, together(two_numbers)) == ("same", BAI.id, True)
    assert acts(two_numbers) == ["propose", "confirm"]


def test_a_proposal_sent_back_is_open_again(two_numbers: Doubt) -> None:
    answer_same(doubt_id=two_numbers.id, reason="派出所证明重号", actor=DUAN)
    back = reject(doubt_id=two_numbers.id, reason="证明上不是本人", actor=BAI)
    assert (back.state, back.proposed_by, back.note) == ("open", None, "证明上不是本人")
    assert not together(two_numbers)


def test_the_database_refuses_a_proposal_confirmed_by_its_proposer(two_numbers: Doubt) -> None:
    row = Doubt.objects.filter(id=two_numbers.id)
    row.update(state="proposed", proposed_by=DUAN.id)
    with pytest.raises(IntegrityError, match="doubt_confirmed_by_another"), transaction.atomic():
        row.update(state="same", decided_by=DUAN.id)
    row.update(state="same", decided_by=BAI.id)


@pytest.fixture
def joined(two_numbers: Doubt) -> Doubt:
    """Two residents with a number each, joined by two people."""
    answer_same(doubt_id=two_numbers.id, reason="派出所证明重号", actor=DUAN)
    return confirm(doubt_id=two_numbers.id, actor=BAI)


def test_what_two_people_joined_is_parted_by_two_people_only(joined: Doubt) -> None:
    decision = take_back(decision_id=joined.decision_id, reason="证明是假的", actor=DUAN)
    joined.refresh_from_db()
    assert (joined.state, joined.proposed_by, joined.note) == ("undoing", DUAN.id, "证明是假的")
    assert (decision.undone_at, together(joined)) == (None, True)
    with pytest.raises(errors.SecondPersonNeeded):
        confirm(doubt_id=joined.id, actor=DUAN)
    with pytest.raises(errors.DoubtMoved):
        take_back(decision_id=decision.id, reason="看错了", actor=BAI)
    done = confirm(doubt_id=joined.id, actor=BAI)
    assert (done.state, done.decision_id, done.proposed_by, together(joined)) == ("open", None, None, False)
    decision.refresh_from_db()
    assert (decision.undone_by, decision.undo_approved_by, decision.undone_reason) == (DUAN.id, BAI.id, "证明是假的")
    assert acts(joined) == ["propose", "confirm", "propose", "confirm"]
    assert broken_invariants(connection.connection) == []


def test_declined_to_be_parted_both_stay_one_person(joined: Doubt) -> None:
    take_back(decision_id=joined.decision_id, reason="证明是假的", actor=DUAN)
    back = reject(doubt_id=joined.id, reason="派出所确认属实", actor=BAI)
    assert (back.state, back.decision_id, back.proposed_by) == ("same", joined.decision_id, None)
    assert together(joined)
    take_back(decision_id=joined.decision_id, reason="又有新证明", actor=BAI)
    assert confirm(doubt_id=joined.id, actor=DUAN).state == "open"


def test_a_doubt_raised_anew_meanwhile_is_the_one_that_stays_open(joined: Doubt) -> None:
    take_back(decision_id=joined.decision_id, reason="证明是假的", actor=DUAN)
    known = {each: getattr(joined, each) for each in ("kind", "rule", "pattern", "weight", "model")}
    pair = {each: getattr(joined, each) for each in ("first_id", "second_id", "patient_id", "other_patient_id")}
    Doubt.objects.create(**known, **pair)
    assert confirm(doubt_id=joined.id, actor=BAI).state == "settled"
    assert not together(joined)


@pytest.mark.parametrize("by", [{}, {"undo_approved_by": DUAN.id}])
def test_the_database_refuses_to_part_by_one_what_two_joined(joined: Doubt, by: dict[str, UUID]) -> None:
    row = Decision.objects.filter(id=joined.decision_id)
    undone = {"undone_at": timezone.now(), "undone_reason": "看错了", "undone_by": DUAN.id}
    with pytest.raises(IntegrityError, match="decision_of_two_undone_by_two"), transaction.atomic():
        row.update(**undone, **by)
    row.update(**undone, undo_approved_by=BAI.id)


def test_a_patient_wrongly_linked_becomes_its_own_resident(linked: Doubt) -> None:
    answer_apart(doubt_id=linked.id, reason="冒用他人证件", actor=DUAN)
    assert resident_of(linked.patient_id) == linked.patient_id
    assert resident_of(linked.other_patient_id) == linked.first_id


def test_a_link_found_right_stands_by_hand(linked: Doubt) -> None:
    answered = answer_same(doubt_id=linked.id, reason="改过名", actor=DUAN)
    link = Link.objects.get(patient_id=linked.patient_id, undone_at=None)
    assert (answered.state, link.reason, link.decision_id) == ("same", "manual", answered.decision_id)
    assert link.resident_id == linked.first_id


@pytest.mark.parametrize("answer", [Act.SAME, Act.APART])
@pytest.mark.parametrize("fixture", ["similar", "linked"])
def test_an_answer_taken_back_opens_the_doubt_as_it_was(
    request: pytest.FixtureRequest, fixture: str, answer: Act
) -> None:
    one = request.getfixturevalue(fixture)
    before = now_at(one)
    VERBS[answer](one, DUAN)
    one.refresh_from_db()
    take_back(decision_id=one.decision_id, reason="看错了", actor=DUAN)
    one.refresh_from_db()
    assert (one.state, one.decided_by, one.decision_id, one.note) == ("open", None, None, "看错了")
    assert now_at(one) == before
    assert not Apart.objects.exists()
    assert broken_invariants(connection.connection) == []


def test_a_postponed_doubt_stays_open(similar: Doubt) -> None:
    later = postpone(doubt_id=similar.id, note="等派出所回复", actor=DUAN)
    assert (later.state, later.note) == ("open", "等派出所回复")
    assert later.postponed_at is not None


def test_answers_need_a_reason_and_the_permission(similar: Doubt, two_numbers: Doubt) -> None:
    for act in (Act.SAME, Act.APART):
        with pytest.raises(NotPermitted):
            VERBS[act](
                similar, Actor(kind=DUAN.kind, id=uuid4(), name="", institution_id=None, permissions=frozenset())
            )
    for one in (similar, two_numbers):
        with pytest.raises(errors.ReasonMissing):
            answer_same(doubt_id=one.id, reason=" ", actor=DUAN)


@pytest.mark.usefixtures("committed_database")
def test_of_two_who_answer_at_once_the_second_is_told() -> None:
    one = doubt(told(1, "a", "王秀英"), told(2, "b", "王秀瑛"))
    barrier, outcomes = Barrier(2), []

    def press(act: Act, who: Actor) -> None:
        barrier.wait()
        try:
            VERBS[act](one, who)
            outcomes.append("done")
        except errors.DoubtMoved as moved:
            outcomes.append(str(moved)[:8])
        finally:
            connection.close()

    threads = [Thread(target=press, args=each) for each in ((Act.SAME, DUAN), (Act.APART, BAI))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "这项疑问刚刚有了"]
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "weight", "risk"),
    [
        ("one-number", -20, Risk.HIGH),
        ("linked", 3, Risk.HIGH),
        ("two-numbers", 12, Risk.MEDIUM),
        ("two-numbers", 3, Risk.LOW),
        ("newborn", 2, Risk.MEDIUM),
        ("similar", 5, Risk.MEDIUM),
        ("similar", 2, Risk.LOW),
    ],
)
def test_records_of_two_under_one_resident_come_first(similar: Doubt, kind: str, weight: float, risk: Risk) -> None:
    Doubt.objects.filter(id=similar.id).update(kind=kind, weight=weight)
    assert Doubt.objects.get().risk == risk
