"""Somebody is registered under a number whose holder is joined to another one at that moment."""

import psycopg
import pytest
from django.db import connection

from doubtful import resident_of, steward, told
from identity_invariants import broken_invariants
from kangqiao.identity.deciding import merge_residents, undo_decision
from kangqiao.identity.matching import match_waiting
from kangqiao.identity.models import Patient
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.trust.actors import system_actor
from people import citizen_number

DUAN, BAI = steward("段主索引"), steward("白复核")
KEY, OTHER_KEY = citizen_number(order="122"), citizen_number(order="124")


@pytest.fixture
def late(committed_database: str) -> tuple:
    """Two residents, joined while a third registration under the number of one of them is not committed yet."""
    one, other = told(1, "a", "王秀英", key=KEY), told(1, "b", "王秀英", key=OTHER_KEY)
    row = Registration(2, "late", "王秀英", "2", None, "01", OTHER_KEY)
    with psycopg.connect(committed_database) as registering:
        register_patients(registering, source=Source.registrations([row]), actor_id=None)
        decision = merge_residents(
            resident_id=resident_of(one), other_id=resident_of(other), reason="重号", actor=BAI, proposed_by=DUAN.id
        )
    return one, other, Patient.objects.get(local_number="late").id, decision


def test_the_next_comparison_brings_along_whom_a_merge_missed(late: tuple) -> None:
    one, _, patient, _ = late
    match_waiting(actor=system_actor("test"))
    assert resident_of(patient) == resident_of(one)
    assert broken_invariants(connection.connection) == []


@pytest.mark.parametrize("compared", [True, False])
def test_taking_the_merge_back_brings_it_back_by_its_number(late: tuple, compared: bool) -> None:
    one, other, patient, decision = late
    if compared:
        match_waiting(actor=system_actor("test"))
    undo_decision(decision_id=decision.id, reason="看错了", actor=DUAN, proposed_by=BAI.id)
    assert resident_of(patient) == resident_of(other) != resident_of(one)
    assert broken_invariants(connection.connection) == []
