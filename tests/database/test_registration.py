"""Patients as their institutions register them, and the residents they turn out to be."""

from datetime import date
from uuid import UUID, uuid4

import pytest
from django.db import connection

from identity_invariants import broken_invariants
from kangqiao.identity.models import Conflict, Link, Patient, Resident, ResidentIdentifier, Unmatched
from kangqiao.identity.services import (
    DECLARED,
    Ensured,
    Registered,
    Registration,
    Source,
    ensure_patients,
    register_patients,
)

pytestmark = pytest.mark.usefixtures("database")

ZHANG = "11010519491231002X"
LI = "440524188001010014"
LI_BORN = date(1880, 1, 1)
ACTOR, BATCH = uuid4(), uuid4()


def arriving(
    number: str, citizen: str | None = None, *, institution: int = 1, name: str | None = "张桂兰",
    sex: str | None = "2", born: date | None = date(1949, 12, 31), key_type: str = "01",
) -> Registration:  # fmt: skip
    return Registration(institution, number, name, sex, born, key_type if citizen else None, citizen)


def register(*rows: Registration) -> Registered:
    connection.ensure_connection()
    source = Source.registrations(rows)
    done = register_patients(connection.connection, source=source, actor_id=ACTOR, batches={1: BATCH})
    assert broken_invariants(connection.connection) == []
    return done


def ensure(*numbers: tuple[int, str]) -> Ensured:
    connection.ensure_connection()
    done = ensure_patients(connection.connection, source=Source.numbers(numbers), actor_id=ACTOR, batches={1: BATCH})
    assert broken_invariants(connection.connection) == []
    return done


def resident_of(number: str, institution: int = 1) -> Resident:
    return Resident.objects.get(
        links__patient__institution_id=institution, links__patient__local_number=number, links__undone_at=None
    )


def mapping() -> dict[str, UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT local_number, patient_id FROM identity_mapping")
        return dict(cursor.fetchall())


def test_a_citizen_number_makes_a_confirmed_resident_with_the_sex_and_birth_date_it_tells() -> None:
    assert register(arriving("a", ZHANG, sex=None, born=None)) == Registered(created=1, linked=1, residents=1)
    resident = resident_of("a")
    assert (resident.state, resident.name, resident.sex, resident.birth_date) == (
        "confirmed", "张桂兰", "2", date(1949, 12, 31)
    )  # fmt: skip
    link = Link.objects.get()
    assert (link.reason, link.score, link.actor_id, link.batch_id) == ("citizen_id", 1.0, ACTOR, BATCH)


def test_one_number_at_two_institutions_is_one_resident() -> None:
    register(arriving("a", ZHANG))
    assert register(arriving("b", ZHANG, institution=2)) == Registered(created=1, linked=1)
    assert resident_of("a") == resident_of("b", institution=2)


def test_one_number_twice_in_one_file_is_one_resident() -> None:
    assert register(arriving("a", ZHANG), arriving("b", ZHANG)) == Registered(created=2, linked=2, residents=1)


def test_a_passport_is_a_key_of_its_own() -> None:
    register(arriving("a", "G12345678", key_type="03", born=date(1990, 1, 1)))
    assert Link.objects.get().reason == "document"
    assert resident_of("a").birth_date == date(1990, 1, 1)
    assert list(ResidentIdentifier.objects.values_list("type", "number")) == [("03", "G12345678")]


def test_without_a_key_a_patient_is_its_own_pending_resident() -> None:
    assert register(arriving("a"), arriving("b")) == Registered(created=2, linked=2)
    patient = Patient.objects.get(local_number="a")
    resident = resident_of("a")
    assert (resident.id, resident.state, resident.name, resident.sex) == (patient.id, "pending", "张桂兰", "2")
    assert resident_of("b") != resident


def test_a_patient_that_a_record_names_exists_before_its_registration() -> None:
    assert ensure((1, "a"), (1, "b"), (1, "a")) == Ensured(named=2, created=2)
    patient = Patient.objects.get(local_number="a")
    assert not patient.registered
    assert (resident_of("a").id, resident_of("a").state) == (patient.id, "pending")
    assert mapping() == dict(Patient.objects.values_list("local_number", "id"))


def test_naming_a_patient_again_creates_nothing_and_maps_it_to_the_same_id() -> None:
    register(arriving("a", ZHANG))
    ensure((1, "b"))
    assert ensure((1, "a"), (1, "b"), (2, "a")) == Ensured(named=3, created=1)
    assert Patient.objects.count() == 3
    assert set(mapping().values()) <= set(Patient.objects.values_list("id", flat=True))


def test_a_registration_that_arrives_after_the_records_links_the_patient_anew() -> None:
    ensure((1, "a"))
    assert register(arriving("a", ZHANG)) == Registered(changed=1, linked=1, undone=1, residents=1)
    own = Resident.objects.get(id=Patient.objects.get().id)
    assert (own.state, own.merged_into) == ("merged", resident_of("a"))
    undone = Link.objects.exclude(undone_at=None).get()
    assert (undone.reason, undone.undone_reason, undone.undone_by) == ("own", "补登证件", ACTOR)


def test_a_registration_without_key_after_the_records_names_the_pending_resident() -> None:
    ensure((1, "a"))
    assert register(arriving("a")) == Registered(changed=1)
    assert (resident_of("a").state, resident_of("a").name) == ("pending", "张桂兰")


def test_a_corrected_document_links_the_patient_to_the_other_resident() -> None:
    register(arriving("a", ZHANG), arriving("z", ZHANG, institution=2))
    assert register(arriving("a", LI, born=LI_BORN)) == Registered(changed=1, linked=1, undone=1, residents=1)
    assert resident_of("a") != resident_of("z", institution=2)
    assert Link.objects.exclude(undone_at=None).get().undone_reason == "证件更正"
    assert Patient.objects.get(local_number="a").key_changes == 1


def test_a_withdrawn_document_makes_the_patient_its_own_resident_again() -> None:
    ensure((1, "a"))
    register(arriving("a", ZHANG))
    register(arriving("a", None))
    own = resident_of("a")
    assert (own.id, own.state, own.merged_into) == (Patient.objects.get().id, "pending", None)
    assert Link.objects.filter(undone_reason="证件撤销").count() == 1


def test_a_document_that_moves_between_two_patients_moves_both() -> None:
    register(arriving("a", ZHANG), arriving("b", LI, born=LI_BORN))
    zhang, li = resident_of("a"), resident_of("b")
    register(arriving("a", LI, born=LI_BORN), arriving("b", ZHANG))
    assert (resident_of("a"), resident_of("b")) == (li, zhang)


def test_the_same_registrations_again_have_no_effect() -> None:
    rows = [arriving("a", ZHANG), arriving("b"), arriving("c", "G12345678", key_type="03", name=None)]
    register(*rows)
    before = contents()
    assert register(*rows) == Registered()
    assert contents() == before


def test_a_link_that_people_undid_stays_undone_until_the_document_changes() -> None:
    register(arriving("a", ZHANG))
    Link.objects.update(undone_at="2026-11-22T08:00:00+08:00", undone_reason="误认")
    patient = Patient.objects.get()
    Resident.objects.create(id=patient.id, state="pending")
    Link.objects.create(patient=patient, resident_id=patient.id, reason="own")
    register(arriving("a", ZHANG))
    register(arriving("a", ZHANG, name="张桂蓝"))
    assert resident_of("a").id == patient.id
    register(arriving("a", LI, born=LI_BORN))
    assert resident_of("a").state == "confirmed"


def test_of_two_rows_with_one_number_one_is_taken() -> None:
    assert register(arriving("a", ZHANG), arriving("a", LI)).created == 1


def test_a_resident_follows_the_name_of_the_patient_linked_first() -> None:
    register(arriving("a", ZHANG, name="张贵兰"))
    register(arriving("b", ZHANG, name="张桂兰", institution=2))
    assert resident_of("a").name == "张贵兰"
    register(arriving("a", ZHANG, name="张桂兰"))
    assert resident_of("a").name == "张桂兰"
    register(arriving("b", ZHANG, name="章桂兰", institution=2))
    assert resident_of("a").name == "张桂兰"


@pytest.mark.parametrize(
    ("registered", "telling"),
    [
        ({"name": "张桂兰之女", "born": date(2026, 3, 1)}, "the mother's number for her baby"),
        ({"name": "李桂花"}, "another name"),
        ({"name": "张小宝", "born": date(1972, 3, 1)}, "a birth date that is not the one inside"),
    ],
)
def test_somebody_else_under_a_number_is_a_resident_of_its_own(registered: dict, telling: str) -> None:
    register(arriving("a", ZHANG))
    register(arriving("b", ZHANG, institution=2, **registered))
    assert resident_of("b", institution=2).state == "pending", telling
    assert resident_of("a").state == "confirmed"


def test_a_number_first_seen_at_a_baby_waits_for_the_mother_it_belongs_to() -> None:
    register(arriving("baby", ZHANG, name="张桂兰之子", born=date(2026, 3, 1)))
    assert ResidentIdentifier.objects.count() == 0
    register(arriving("a", ZHANG))
    assert (resident_of("a").state, resident_of("baby").state) == ("confirmed", "pending")


@pytest.mark.parametrize("written", ["张 桂兰", "张·桂兰", "张•桂兰"])
def test_dots_and_spaces_make_no_other_name(written: str) -> None:
    register(arriving("a", ZHANG), arriving("b", ZHANG, name=written))
    assert resident_of("a") == resident_of("b")


def test_who_is_new_or_changed_waits_to_be_compared() -> None:
    register(arriving("a", ZHANG), arriving("b"))
    assert Unmatched.objects.count() == 2
    Unmatched.objects.all().delete()
    register(arriving("a", ZHANG), arriving("b", name="张兰"))
    assert Unmatched.objects.get().patient_id == Patient.objects.get(local_number="b").id


def test_a_birth_date_the_number_contradicts_stays_a_conflict() -> None:
    register(arriving("a", ZHANG, born=date(1950, 1, 1)))
    register(arriving("a", ZHANG, born=date(1951, 1, 1)))
    assert resident_of("a").birth_date == date(1949, 12, 31)
    assert Conflict.objects.get().birth_date_differs


@pytest.mark.parametrize(
    ("differing", "expected"),
    [
        ({}, None),
        ({"name": "张 桂兰"}, None),
        ({"name": None, "sex": "9", "born": None}, None),
        ({"name": "李桂兰"}, (True, False, False)),
        ({"sex": "1"}, (False, True, False)),
        ({"born": date(1994, 12, 31), "name": "李小芳"}, (True, False, True)),
    ],
)
def test_a_patient_unlike_its_resident_is_a_visible_conflict(differing: dict, expected: tuple | None) -> None:
    register(arriving("a", ZHANG))
    register(arriving("b", ZHANG, institution=2))
    register(arriving("b", ZHANG, institution=2, **differing))
    fields = ("patient__local_number", "name_differs", "sex_differs", "birth_date_differs")
    assert list(Conflict.objects.values_list(*fields)) == ([("b", *expected)] if expected else [])


def test_an_identifier_remembers_the_last_day_it_was_seen() -> None:
    register(arriving("a", ZHANG))
    ResidentIdentifier.objects.update(first_seen_on=date(2020, 1, 1), last_seen_on=date(2020, 1, 1))
    register(arriving("b", ZHANG, institution=2))
    identifier = ResidentIdentifier.objects.get()
    assert identifier.first_seen_on == date(2020, 1, 1) < identifier.last_seen_on


OLD, NEW = date(2026, 5, 1), date(2046, 5, 1)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ([(None, None)], (None, None)),
        ([("临翔分局", OLD)], ("临翔分局", OLD)),
        ([(None, None), ("临翔分局", OLD)], ("临翔分局", OLD)),
        ([("临翔分局", OLD), (None, None)], ("临翔分局", OLD)),
        ([("临翔分局", OLD), ("凤庆县公安局", NEW)], ("凤庆县公安局", NEW)),
        ([("凤庆县公安局", NEW), ("临翔分局", OLD)], ("凤庆县公安局", NEW)),
        ([(None, NEW), ("临翔分局", OLD)], ("临翔分局", NEW)),
        ([("临翔分局", OLD), (None, NEW)], ("临翔分局", NEW)),
        ([("临翔分局", OLD), ("凤庆县公安局", None)], ("临翔分局", OLD)),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_of_a_renewed_document_the_later_end_counts(told: list[tuple], known: tuple, at_once: bool) -> None:
    rows = [
        arriving("a", ZHANG, institution=place)._replace(document_issuer=issuer, document_valid_until=until)
        for place, (issuer, until) in enumerate(told, start=1)
    ]
    for some in [rows] if at_once else [[row] for row in rows]:
        register(*some)
    assert ResidentIdentifier.objects.values_list("issuer", "valid_until").get() == known


def test_a_patient_may_say_later_until_when_its_document_is_valid() -> None:
    register(arriving("a", ZHANG))
    told = arriving("a", ZHANG)._replace(
        insurance_number="5309001", document_issuer="临翔分局", document_valid_until=NEW
    )
    assert register(told) == Registered(changed=1)
    assert ResidentIdentifier.objects.values_list("issuer", "valid_until").get() == ("临翔分局", NEW)
    assert Patient.objects.values_list("insurance_number", "document_valid_until").get() == ("5309001", NEW)
    assert register(told) == Registered()


def test_a_document_is_not_described_by_whoever_borrows_it() -> None:
    register(arriving("a", ZHANG))
    register(arriving("b", ZHANG, name="李国强")._replace(document_issuer="临翔分局", document_valid_until=NEW))
    assert ResidentIdentifier.objects.values_list("issuer", "valid_until").get() == (None, None)


def test_a_table_of_registrations_does_what_rows_do() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE arriving_here (extra int, {DECLARED}) ON COMMIT DROP")
        cursor.execute(
            "INSERT INTO arriving_here SELECT n, 1, n::text, '李', '1', '1990-01-01', '03', 'G' || (n / 2)"
            " FROM generate_series(1, 12000) n"
        )
    source = Source.table("arriving_here")
    assert register_patients(connection.connection, source=source, actor_id=None) == Registered(
        12000, 0, 12000, 0, 6001
    )
    assert register_patients(connection.connection, source=source, actor_id=None) == Registered()
    assert ensure_patients(connection.connection, source=source, actor_id=None) == Ensured(12000, 0)
    assert ensure((1, "7")) == Ensured(1, 0)
    assert set(mapping()) == {"7"}


def test_no_rows_are_no_work() -> None:
    assert register() == Registered()
    assert ensure() == Ensured(0, 0)


def contents() -> list[list[tuple]]:
    return [sorted(model.objects.values_list(), key=str) for model in (Patient, Resident, ResidentIdentifier, Link)]
