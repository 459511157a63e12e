"""Registrations that are matched at once, alone and many at the same time; dry runs; who is who by number and name."""

import struct
import threading
from datetime import date
from itertools import permutations
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.db import connection, transaction
from psycopg.errors import UntranslatableCharacter

from identity_invariants import broken_invariants
from kangqiao.identity.cross_references import HeldNumber, LocalNumber, Sought, identifiers_of, people_like
from kangqiao.identity.documents import HELD, DocumentKey, DocumentType
from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.errors import NothingToCompare, SeveralResidents
from kangqiao.identity.likeness import Demographics, match, match_together
from kangqiao.identity.matching import match_waiting
from kangqiao.identity.models import Clue, Decision, Doubt, Link, Patient, Resident, Unmatched
from kangqiao.identity.numbers import numbers_of
from kangqiao.identity.registering import Outcome, register, register_together
from kangqiao.identity.services import Registration
from kangqiao.infra.ids import uuid7
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import AuditEntry
from matching_people import BABY, CERTIFIED, MOTHER, NUMBERED, ORDINARY, WITHOUT, number, registrations
from matching_people import register as register_by_file

SYSTEM = system_actor("test")
AT_ONCE = 20


def arrive(*changes: dict[str, Any]) -> list[Outcome]:
    """Register one after the other."""
    return [register(registration=each, actor=SYSTEM) for each in registrations(*changes)]


@pytest.mark.usefixtures("database")
def test_a_registration_is_linked_compared_and_audited_at_once() -> None:
    known, new = arrive({}, WITHOUT)
    assert (known.created, known.state, known.joined) == (True, "confirmed", 0)
    assert (new.resident_id, new.joined) == (known.resident_id, 1)
    assert Decision.objects.get().other_id == new.patient_id
    assert not Unmatched.objects.exists()
    entry = AuditEntry.objects.get(action="identity:patient:register", patient_id=new.patient_id)
    assert entry.resident_id == known.resident_id
    assert broken_invariants(connection.connection) == []


@pytest.mark.usefixtures("database")
def test_the_same_registration_again_changes_nothing() -> None:
    arrive({}, WITHOUT)
    before = everything()
    again = arrive({}, WITHOUT)
    assert everything() == before
    assert [(each.created, each.changed) for each in again] == [(False, False)] * 2


def everything() -> list[list[tuple]]:
    return [sorted(kind.objects.values_list(), key=str) for kind in (Link, Resident, Decision, Doubt, Clue)]


@pytest.mark.usefixtures("database")
def test_a_correction_is_found_by_what_it_says_now() -> None:
    (first,) = arrive({**WITHOUT, "name": "赵国强", "sex": "1", "birth_date": date(1960, 7, 1), "phone": None})
    (known,) = arrive({"institution_id": 2})
    (corrected,) = arrive({**WITHOUT, "institution_id": 1})
    assert corrected.patient_id == first.patient_id
    assert (corrected.changed, corrected.resident_id) == (True, known.resident_id)


@pytest.mark.usefixtures("database")
def test_one_by_one_ends_as_by_the_file() -> None:
    people = [{}, WITHOUT, MOTHER, {**BABY, "mother_number": MOTHER["key_number"]}, {**MOTHER, **WITHOUT}]
    people += [{"name": "赵国强"}, {"key_number": number("53352219870314662")}, {**BABY, "name": "李文博"}]
    arrive(*people)
    held, asked = _who_is_who(), set(Doubt.objects.values_list("kind", flat=True))
    for kind in (Link, Resident, Decision, Doubt, Clue, Patient):
        kind.objects.all().delete()
    connection.cursor().execute("TRUNCATE identity_residentidentifier, identity_unmatched, identity_traits")
    register_by_file(*people)
    match_waiting(actor=SYSTEM)
    assert _who_is_who() == held
    assert set(Doubt.objects.values_list("kind", flat=True)) == asked


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_child_with_a_birth_certificate_becomes_who_is_given_the_number(order: tuple[int, ...]) -> None:
    again = {**CERTIFIED, "institution_id": 6}
    arrive(*([CERTIFIED, NUMBERED, again][at] for at in order))
    assert len(_who_is_who()) == 1
    assert not Doubt.objects.exists()
    assert broken_invariants(connection.connection) == []


@pytest.mark.usefixtures("database")
def test_the_same_registration_again_leaves_whoever_waits_to_be_compared_waiting() -> None:
    register_by_file({}, WITHOUT)
    arrive({}, WITHOUT)
    assert Unmatched.objects.count() == 2
    assert match_waiting(actor=SYSTEM).joined == 1


def together(*rows: Registration, actor: Actor = SYSTEM) -> list[Outcome | Exception]:
    """Register them as those that wait together are, and return what became of each."""
    done = dict(register_together([(row, actor) for row in rows]))
    return [done[place] for place in range(len(rows))]


@pytest.mark.usefixtures("database")
def test_together_ends_as_one_by_one(tmp_path: Path) -> None:
    rows = simulated(generate_identities(folder=tmp_path, people=150, records_per_person=3, seed=8).records)
    found = []
    for size in (1, 7, 50):
        with transaction.atomic():
            told = [each for start in range(0, len(rows), size) for each in together(*rows[start : start + size])]
            assert {type(each) for each in told} == {Outcome}
            residents = dict(Link.objects.filter(undone_at=None).values_list("patient_id", "resident__state"))
            assert {each.patient_id for each in told} == set(residents)
            found.append((_by_number(), sorted(Doubt.objects.values_list("kind", flat=True))))
            assert AuditEntry.objects.filter(action="identity:patient:register").count() == len(rows)
            assert broken_invariants(connection.connection) == []
            transaction.set_rollback(True)
    assert found[0] == found[1] == found[2]


def simulated(records: Path) -> list[Registration]:
    keyed = with_document_key(
        f"read_parquet('{records}')", type_column="document_type", number_column="document_number", today=LAST_DAY
    )
    return [
        Registration(*row)
        for row in duckdb.sql(
            f"""SELECT institution, local_number, name, sex, birth_date, key_type, key_number,
                       CASE WHEN key_number IS NULL THEN document_number END, health_card, NULL, phone, division,
                       mother_name, mother_document, registered_at FROM ({keyed}) ORDER BY record"""
        ).fetchall()
    ]


def _by_number() -> set[frozenset[tuple[int, str]]]:
    held: dict[Any, set[tuple[int, str]]] = {}
    for resident, *known_as in Link.objects.filter(undone_at=None).values_list(
        "resident_id", "patient__institution_id", "patient__local_number"
    ):
        held.setdefault(resident, set()).add(tuple(known_as))
    return {frozenset(each) for each in held.values()}


@pytest.mark.usefixtures("database")
def test_those_that_wait_together_are_told_what_became_of_each() -> None:
    stranger = {"name": "赵国强", "key_number": number("53352219870314646"), "sex": "1", "phone": None}
    (known,) = arrive({"institution_id": 9})
    rows = registrations(WITHOUT, {}, stranger, {"institution_id": 9}, {"institution_id": 9, "phone": "13987600012"})
    joined, linked, other, unchanged, changed = (each for each in together(*rows) if isinstance(each, Outcome))
    assert [each.resident_id for each in (joined, linked, unchanged, changed)] == [known.resident_id] * 4
    assert (joined.joined, linked.joined, other.joined, other.state) == (1, 0, 0, "confirmed")
    assert [(each.created, each.changed) for each in (joined, other, unchanged, changed)] == [
        *[(True, False)] * 2,
        (False, False),
        (False, True),
    ]
    merged = AuditEntry.objects.get(action="identity:resident:merge")
    assert (merged.resident_id, merged.object_id) == (known.resident_id, str(Decision.objects.get().id))


@pytest.mark.usefixtures("database")
def test_of_those_that_wait_together_a_wrong_one_disturbs_no_other() -> None:
    machine = Actor(kind=ActorKind.TOKEN, id=uuid7(), name="HIS", institution_id=2, permissions=SYSTEM.permissions)
    stranger = {
        "local_number": "2",
        "institution_id": 2,
        "name": "赵国强",
        "key_number": number("53352219870314646"),
        "phone": None,
    }
    unreadable = stranger | {"key_number": number("53352219870314662"), "name": "赵\0国"}
    outcomes = together(
        *registrations({"institution_id": 1}, unreadable, {"institution_id": 2}, stranger), actor=machine
    )
    assert [type(each) for each in outcomes] == [NotPermitted, UntranslatableCharacter, Outcome, Outcome]
    assert Patient.objects.count() == 2


def _who_is_who() -> set[frozenset[int]]:
    together: dict[Any, set[int]] = {}
    for resident, institution in Link.objects.filter(undone_at=None).values_list(
        "resident_id", "patient__institution_id"
    ):
        together.setdefault(resident, set()).add(institution)
    return {frozenset(each) for each in together.values()}


@pytest.mark.usefixtures("committed_database")
@pytest.mark.parametrize("shown", [{}, WITHOUT], ids=["with a number", "without"])
def test_twenty_institutions_that_register_one_new_person_at_once_make_one_resident(shown: dict[str, Any]) -> None:
    rows = registrations(*[shown] * AT_ONCE)
    at_once([lambda row=row: register(registration=row, actor=SYSTEM) for row in rows])
    held = set(Link.objects.filter(undone_at=None).values_list("resident_id", flat=True))
    assert len(held) == 1
    assert Patient.objects.count() == AT_ONCE
    connection.ensure_connection()
    assert broken_invariants(connection.connection) == []


@pytest.mark.usefixtures("committed_database")
def test_whoever_is_registered_while_others_are_compared_is_found_by_one_or_the_other() -> None:
    register_by_file(*[{**WITHOUT, "local_number": f"f{place}", "name": f"鲁文{word}"} for place, word in people()])
    rows = registrations(
        *[
            {
                "local_number": f"o{place}",
                "key_number": None,
                "key_type": None,
                "name": f"鲁文{word}",
                "institution_id": 99,
            }
            for place, word in people()
        ]
    )
    at_once(
        [
            lambda: match_waiting(actor=SYSTEM),
            *[lambda row=row: register(registration=row, actor=SYSTEM) for row in rows],
        ]
    )
    match_waiting(actor=SYSTEM)
    held: dict[str, set] = {}
    for name, resident in Link.objects.filter(undone_at=None).values_list("patient__name", "resident_id"):
        held.setdefault(name, set()).add(resident)
    assert [len(residents) for residents in held.values()] == [1] * len(held)


def people() -> list[tuple[int, str]]:
    return list(enumerate("博静强丽"))


def at_once(acts: list) -> None:
    """Run each act in a thread with a connection of its own, all starting together; raise what they raise."""
    together, raised = threading.Barrier(len(acts)), []

    def run(act: Any) -> None:
        try:
            together.wait()
            act()
        except Exception as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []


@pytest.mark.usefixtures("database")
def test_a_dry_run_tells_who_it_may_be_and_why_and_changes_nothing() -> None:
    known, _ = arrive({}, {"name": "赵国强", "key_number": number("53352219870314646"), "sex": "1"})
    before = everything()
    asked = {key: ORDINARY[key] for key in ("name", "sex", "birth_date", "phone")}
    found = match(demographics=Demographics(**asked), actor=SYSTEM)
    assert everything() == before
    assert found[0].resident_id == known.resident_id
    assert found[0].probability > 0.9
    assert found[0].steps[-1].total == pytest.approx(found[0].weight)
    assert not found[0].excluded
    entry = AuditEntry.objects.get(action="identity:resident:match")
    assert entry.detail is not None
    assert str(known.resident_id) in entry.detail["residents"]


@pytest.mark.usefixtures("database")
def test_who_says_too_little_is_told_so() -> None:
    with pytest.raises(NothingToCompare):
        match(demographics=Demographics(sex="1"), actor=SYSTEM)


@pytest.mark.usefixtures("database")
def test_of_those_that_ask_together_each_is_told_its_own() -> None:
    known, other = arrive({}, {"name": "赵国强", "key_number": number("53352219870314646"), "phone": None, "sex": "1"})
    asked = [Demographics(name=ORDINARY["name"], phone=ORDINARY["phone"]), Demographics(sex="1")]
    asked += [Demographics(key_type="01", key_number=number("53352219870314646"))]
    asked += [Demographics(name=ORDINARY["name"], institution_id=1 << 40), asked[0]]
    found, too_little, another, odd, again = match_together([(each, SYSTEM) for each in asked])
    assert found == again
    assert isinstance(too_little, NothingToCompare)
    assert isinstance(odd, struct.error)
    residents = [[candidate.resident_id for candidate in each] for each in (found, another) if isinstance(each, list)]
    assert residents == [[known.resident_id], [other.resident_id]]
    told = AuditEntry.objects.filter(action="identity:resident:match").values_list("resident_id", flat=True)
    assert set(told) == {known.resident_id, other.resident_id}


@pytest.mark.usefixtures("database")
def test_a_machine_registers_only_for_its_own_institution() -> None:
    machine = Actor(kind=ActorKind.TOKEN, id=SYSTEM.id, name="HIS", institution_id=2, permissions=SYSTEM.permissions)
    with pytest.raises(NotPermitted):
        register(registration=registrations({})[0], actor=machine)


@pytest.mark.usefixtures("database")
def test_from_one_number_to_all_others() -> None:
    known, new = arrive({}, {**WITHOUT, "local_number": "L2"})
    document = DocumentKey(DocumentType.CITIZEN_ID, ORDINARY["key_number"])
    for by in (document, LocalNumber(2, "L2"), known.resident_id, new.patient_id):
        found = identifiers_of(by=by, actor=SYSTEM)
        assert found is not None
        assert [(each.kind, each.number, each.institutions) for each in found.numbers] == [
            ("01", ORDINARY["key_number"], (1,)),
            ("local_number", "1", (1,)),
            ("local_number", "L2", (2,)),
        ]
    assert identifiers_of(by=LocalNumber(7, "nobody"), actor=SYSTEM) is None
    assert AuditEntry.objects.filter(action="identity:resident:find").count() == 5


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("kind", HELD)
def test_a_number_that_is_no_document_finds_whose_it_is(kind: str) -> None:
    known, _ = arrive({kind: "5309000017"}, {**WITHOUT, kind: "5309000017"})
    found = identifiers_of(by=HeldNumber(kind, "5309000017"), actor=SYSTEM)
    assert found is not None
    assert found.resident_id == known.resident_id
    assert [(each.number, each.institutions) for each in found.numbers if each.kind == kind] == [("5309000017", (1, 2))]
    assert identifiers_of(by=HeldNumber(kind, "5309000018"), actor=SYSTEM) is None


@pytest.mark.usefixtures("database")
def test_of_a_number_that_several_tell_nobody_guesses_whose_it_is() -> None:
    other = {"name": "赵国强", "key_number": number("53352219870314646"), "sex": "1", "phone": None}
    one, another = arrive({"insurance_number": "5309"}, {**other, "insurance_number": "5309"})
    with pytest.raises(SeveralResidents) as raised:
        identifiers_of(by=HeldNumber("insurance_number", "5309"), actor=SYSTEM)
    assert set(raised.value.residents) == {one.resident_id, another.resident_id}
    assert "5309" not in str(raised.value)
    entry = AuditEntry.objects.get(action="identity:resident:find")
    assert entry.detail["found"] == 2


@pytest.mark.usefixtures("database")
def test_every_number_tells_issuer_validity_and_who_told_it_when() -> None:
    told = {"document_issuer": "凤庆县公安局", "document_valid_until": date(2026, 5, 1), "insurance_number": "5309"}
    known, _ = arrive(told, {**WITHOUT, "insurance_number": "5309", "registered_on": date(2025, 1, 2)})
    card, insured, *local = numbers_of(known.resident_id)
    assert (card.label, card.issuer, card.institutions) == ("居民身份证", "凤庆县公安局", (1,))
    assert [card.expired_on(date(2026, 5, day)) for day in (1, 2)] == [False, True]
    assert (insured.label, insured.seen) == ("医保编号", (date(2024, 5, 6), date(2025, 1, 2)))
    assert [(each.label, each.institutions) for each in local] == [("院内患者号", (1,)), ("院内患者号", (2,))]


@pytest.mark.usefixtures("database")
def test_people_are_found_by_the_beginning_of_a_name_and_the_year_of_birth_page_by_page() -> None:
    born = [date(1987, 1, 1), date(1987, 12, 31), date(1988, 1, 1)]
    arrive(
        *[
            {**WITHOUT, "name": f"鲁文{word}", "birth_date": day, "phone": None, "division": None}
            for word, day in zip("甲乙丙", born, strict=True)
        ]
    )
    sought = Sought(name="鲁文", birth_year=1987)
    first = people_like(sought=sought, actor=SYSTEM, size=1)
    second = people_like(sought=sought, actor=SYSTEM, size=1, after=first.next)
    assert [each.name for each in (*first.people, *second.people)] == ["鲁文甲", "鲁文乙"]
    assert second.next is None
    with pytest.raises(NothingToCompare):
        people_like(sought=Sought(name="鲁"), actor=SYSTEM)
