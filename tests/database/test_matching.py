"""Patients compared with everybody who may be the same: who is joined, about whom somebody is asked, what stays."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q

from identity_invariants import broken_invariants
from kangqiao.identity.deciding import keep_apart, link_patient, undo_decision
from kangqiao.identity.linkage.blocking import RULES
from kangqiao.identity.linkage.model import explained
from kangqiao.identity.matching import match_waiting
from kangqiao.identity.model_versions import default_model
from kangqiao.identity.models import (
    Clue,
    Decision,
    Doubt,
    Link,
    Patient,
    Resident,
    ResidentIdentifier,
    Traits,
    Unmatched,
)
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from matching_people import BABY, CERTIFIED, MOTHER, NUMBERED, WITHOUT, grouping, number, register
from people import make_institution

pytestmark = pytest.mark.usefixtures("database")
SYSTEM = system_actor("test")


def matched(*changes: dict[str, Any]) -> list[Patient]:
    patients = register(*changes)
    match_waiting(actor=SYSTEM)
    assert broken_invariants(connection.connection) == []
    return patients


def test_a_patient_without_number_is_joined_to_whoever_it_is_and_the_decision_says_why() -> None:
    known, new = matched({}, WITHOUT)
    assert grouping([known, new]) == [0, 0]
    decision = Decision.objects.get(kind="match")
    assert (decision.other_id, decision.actor_id) == (new.id, None)
    assert {decision.patient_id, decision.compared_with} == {known.id, new.id}
    rule = next(place for place, rule in enumerate(RULES) if rule.word == decision.rule)
    steps = explained(default_model(), pattern=decision.pattern, rule=rule)
    assert steps[-1].total == pytest.approx(decision.weight)
    entry = AuditEntry.objects.get(object_id=str(decision.id))
    assert (entry.action, entry.resident_id) == ("identity:resident:merge", decision.resident_id)


def test_whoever_was_compared_waits_no_longer_and_leaves_what_it_can_be_found_by() -> None:
    patients = matched({}, WITHOUT)
    assert not Unmatched.objects.exists()
    assert Traits.objects.count() == len(patients)
    assert Clue.objects.filter(patient_id=patients[0].id).count() > 5


def test_a_changed_registration_is_found_by_what_it_says_now() -> None:
    (patient,) = matched({})
    before = set(Clue.objects.values_list("clue", flat=True))
    matched({"name": "鲁文静", "phone": "13987600099"})
    after = set(Clue.objects.values_list("clue", flat=True))
    assert before - after
    assert after - before
    assert set(Clue.objects.values_list("patient_id", flat=True)) == {patient.id}


def test_somebody_else_stays_somebody_else() -> None:
    stranger = {**WITHOUT, "name": "赵国强", "sex": "1", "birth_date": date(1960, 7, 1), "phone": "13500001111"}
    assert grouping(matched({}, stranger)) == [0, 1]
    assert not Doubt.objects.exists()


def test_comparing_again_changes_nothing() -> None:
    patients = matched({}, WITHOUT, MOTHER, BABY, {**MOTHER, "name": "李方"}, {"name": "赵国强"})
    before = everything()
    Unmatched.objects.bulk_create(Unmatched(patient_id=each.id) for each in patients)
    match_waiting(actor=SYSTEM)
    assert everything() == before


def everything() -> list[list[tuple]]:
    return [sorted(kind.objects.values_list(), key=str) for kind in (Link, Resident, Decision, Doubt, Clue)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_mothers_number_never_swallows_the_baby(order: tuple[int, ...]) -> None:
    """Whoever comes first: the mother, the mother elsewhere, the baby under her number."""
    baby = {**BABY, "key_type": "01", "key_number": MOTHER["key_number"], "mother_number": MOTHER["key_number"]}
    people = [MOTHER, {**MOTHER, **WITHOUT}, baby]
    patients: dict[int, Patient] = {}
    for at in order:
        (patients[at],) = matched({**people[at], "institution_id": at + 1})
    held = grouping([patients[at] for at in range(3)])
    assert held[2] == 2
    assert held[:2] == [0, 0]


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_a_child_with_a_birth_certificate_becomes_who_is_given_the_number(order: tuple[int, ...]) -> None:
    patients = matched(*([CERTIFIED, NUMBERED][at] for at in order))
    assert grouping(patients) == [0, 0]
    assert set(ResidentIdentifier.objects.values_list("resident_id", flat=True)) == {
        Link.objects.get(patient=patients[0], undone_at=None).resident_id
    }


def test_twins_stay_two_whether_they_have_names_and_numbers_or_not() -> None:
    first, second = number("53352220240506321"), number("53352220240506323")
    numbered = [
        {**BABY, "name": "李文博", "sex": "2", "key_type": "01", "key_number": first},
        {**BABY, "name": "李文静", "sex": "2", "key_type": "01", "key_number": second},
    ]
    assert grouping(matched(*numbered)) == [0, 1]
    unnamed = [{**BABY, "institution_id": 9, "local_number": str(place)} for place in range(2)]
    assert grouping(matched(*unnamed)) == [0, 1]


def test_two_valid_numbers_are_never_joined_without_a_human() -> None:
    patients = matched({}, {"key_number": number("53352219870314662")})
    assert grouping(patients) == [0, 1]
    doubt = Doubt.objects.get()
    assert (doubt.kind, doubt.state) == ("two-numbers", "open")


def test_a_doubt_says_in_which_counties_both_are_registered() -> None:
    here, there = make_institution("云县人民医院", "530922001"), make_institution("凤庆县中医医院", "530921001")
    Institution.objects.filter(id=there.id).update(division_code="530921000000")
    other = {"key_number": number("53352219870314662")}
    matched({"institution_id": here.id}, {"institution_id": there.id, **other})
    assert Doubt.objects.get().counties == ["530902", "530921"]


def test_a_borrowed_number_is_no_obstacle_but_under_another_name_it_is_for_a_human() -> None:
    borrowed = {"key_number": number("53352219610908171")}
    assert grouping(matched({}, borrowed)) == [0, 0]
    named = matched({}, {**borrowed, "name": "李文英", "institution_id": 3})
    assert grouping(named)[1] == 1
    assert Doubt.objects.get().state == "open"


def test_one_number_under_two_names_is_for_a_human() -> None:
    patients = matched({}, {"name": "赵国强"})
    assert grouping(patients) == [0, 1]
    assert Doubt.objects.get().kind == "one-number"


def test_a_newborn_that_fits_either_of_twins_is_for_a_human() -> None:
    children = [{**BABY, "name": name, "institution_id": 7, "local_number": name} for name in ("李文博", "李佳静")]
    patients = matched(BABY, *children)
    assert grouping(patients) == [0, 1, 2]
    about_the_newborn = Doubt.objects.filter(Q(first_id=patients[0].id) | Q(second_id=patients[0].id))
    assert [doubt.kind for doubt in about_the_newborn] == ["newborn", "newborn"]


def test_who_was_said_to_be_different_is_neither_joined_nor_asked_about_again() -> None:
    known, new = register({}, WITHOUT)
    resident = Link.objects.get(patient=known, undone_at=None).resident_id
    keep_apart(resident_id=resident, other_id=new.id, reason="本人到场核对", actor=SYSTEM)
    match_waiting(actor=SYSTEM)
    assert grouping([known, new]) == [0, 1]
    assert not Doubt.objects.exists()


def test_a_join_taken_back_leaves_everything_as_it_was_even_after_later_changes() -> None:
    known, new = register({}, WITHOUT)
    before = [sorted(Resident.objects.values_list(), key=str), grouping([known, new])]
    match_waiting(actor=SYSTEM)
    decision = Decision.objects.get(kind="match")
    later = matched({"institution_id": 8, "phone": "13987600012"})
    undo_decision(decision_id=decision.id, reason="误并", actor=SYSTEM)
    match_waiting(actor=SYSTEM)
    assert [sorted(Resident.objects.values_list(), key=str), grouping([known, new])] == before
    assert grouping([known, new, *later]) == [0, 1, 0]
    assert broken_invariants(connection.connection) == []


def test_a_link_decided_by_hand_stays_when_the_patient_is_compared() -> None:
    known, other = matched({}, {**WITHOUT, "name": "赵国强", "birth_date": date(1960, 7, 1), "sex": "1"})
    resident = Link.objects.get(patient=known, undone_at=None).resident_id
    link_patient(patient_id=other.id, resident_id=resident, reason="改过姓名，户口簿为证", actor=SYSTEM)
    match_waiting(actor=SYSTEM)
    assert grouping([known, other]) == [0, 0]
    assert not Doubt.objects.exists()


def test_a_doubt_that_nothing_raises_any_more_is_settled() -> None:
    matched({}, {"name": "赵国强"})
    matched(
        {
            "institution_id": 2,
            "name": "赵国强",
            **WITHOUT,
            "phone": None,
            "division": None,
            "sex": "1",
            "birth_date": date(1950, 1, 1),
        }
    )
    assert Doubt.objects.get().state == "settled"
