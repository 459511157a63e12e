"""Linking a patient to a resident by hand and taking it back, and what the tables refuse."""

from datetime import date
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from identity_invariants import broken_invariants
from kangqiao.identity import errors
from kangqiao.identity.absorbing import Absorption, Evidence, absorb
from kangqiao.identity.deciding import link_patient, undo_decision, unlink_patient
from kangqiao.identity.documents import DocumentKey, DocumentType
from kangqiao.identity.finding import find_residents
from kangqiao.identity.models import Decision, Link, Patient, Resident, ResidentIdentifier
from kangqiao.identity.queries import person
from kangqiao.identity.searching import ByDocument, ByName
from kangqiao.identity.services import Registration, Source, ensure_patients, register_patients
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Permission

pytestmark = pytest.mark.usefixtures("database")

ZHANG = ("01", "11010519491231002X")
FINDING = frozenset({Permission.RESIDENT_FIND})
CLERK = Actor(kind=ActorKind.ACCOUNT, id=uuid4(), name="李敏", institution_id=None, permissions=FINDING)


@pytest.fixture
def people(database: None) -> dict[str, Patient]:
    """Zhang known by her number at one institution, the same woman without it at another, and a third person."""
    connection.ensure_connection()
    rows = [
        Registration(1, "keyed", "张桂兰", "2", date(1949, 12, 31), *ZHANG),
        Registration(2, "keyless", "张桂蓝", "2", date(1949, 12, 31), None, None),
        Registration(2, "other", "艾•罕", "1", date(1980, 5, 5), None, None),
    ]
    register_patients(connection.connection, source=Source.registrations(rows), actor_id=None)
    return {patient.local_number: patient for patient in Patient.objects.all()}


def resident_of(patient: Patient) -> Resident:
    return Resident.objects.get(links__patient=patient, links__undone_at=None)


def link(patient: Patient, resident: Resident) -> Link:
    decision = link_patient(patient_id=patient.id, resident_id=resident.id, reason="本人到场核对", actor=CLERK)
    return Link.objects.get(decision_id=decision.id)


def unlink(link: Link, reason: str = "误认") -> Decision:
    return unlink_patient(link_id=link.id, reason=reason, actor=CLERK)


def unbroken() -> bool:
    return broken_invariants(connection.connection) == []


def test_a_patient_linked_by_hand_leaves_its_own_resident_merged(people: dict[str, Patient]) -> None:
    zhang = resident_of(people["keyed"])
    made = link(people["keyless"], zhang)
    assert (made.reason, made.actor_id) == ("manual", CLERK.id)
    assert resident_of(people["keyless"]) == zhang
    assert Resident.objects.get(id=people["keyless"].id).merged_into == zhang
    assert unbroken()


def test_an_undone_link_gives_the_patient_back_its_own_pending_resident(people: dict[str, Patient]) -> None:
    made = link(people["keyless"], resident_of(people["keyed"]))
    decision = unlink(made, "本人否认")
    own, again = resident_of(people["keyless"]), Link.objects.get(decision_id=decision.id)
    assert (own.id, own.state, own.name, again.reason) == (people["keyless"].id, "pending", "张桂蓝", "own")
    made.refresh_from_db()
    assert (made.undone_by, made.undone_reason) == (CLERK.id, "本人否认")
    history = Link.objects.filter(patient=people["keyless"]).order_by("id").values_list("reason", flat=True)
    assert sorted(history) == ["manual", "own", "own"]
    assert unbroken()


def test_a_link_by_number_can_be_undone_too(people: dict[str, Patient]) -> None:
    current = Link.objects.get(patient=people["keyed"], undone_at=None)
    unlink(current, "冒用他人证件")
    assert resident_of(people["keyed"]).state == "pending"
    assert unbroken()


def test_a_registration_without_document_leaves_what_people_linked(people: dict[str, Patient]) -> None:
    ensure_patients(connection.connection, source=Source.numbers([(3, "seen")]), actor_id=None)
    seen, zhang = Patient.objects.get(local_number="seen"), resident_of(people["keyed"])
    link(seen, zhang)
    row = Registration(3, "seen", "张桂兰", "2", date(1949, 12, 31), None, None)
    register_patients(connection.connection, source=Source.registrations([row]), actor_id=None)
    assert resident_of(seen) == zhang
    assert unbroken()


def test_a_resident_that_others_are_linked_to_stays_when_its_patient_leaves(people: dict[str, Patient]) -> None:
    own = resident_of(people["keyless"])
    link(people["other"], own)
    link(people["keyless"], resident_of(people["keyed"]))
    own.refresh_from_db()
    assert (own.state, own.name) == ("pending", "艾•罕")
    assert unbroken()


def test_linking_and_undoing_are_audited_with_patient_and_resident(people: dict[str, Patient]) -> None:
    zhang = resident_of(people["keyed"])
    unlink(link(people["keyless"], zhang))
    entries = AuditEntry.objects.filter(patient_id=people["keyless"].id, resident_id=zhang.id, actor_id=CLERK.id)
    assert list(entries.order_by("id").values_list("action", flat=True)) == [
        "identity:patient:link",
        "identity:patient:unlink",
    ]


def test_what_makes_no_sense_is_refused(people: dict[str, Patient]) -> None:
    zhang = resident_of(people["keyed"])
    made = link(people["keyless"], zhang)
    with pytest.raises(errors.AlreadyLinked):
        link(people["keyless"], zhang)
    with pytest.raises(errors.ResidentMerged):
        link(people["other"], Resident.objects.get(id=people["keyless"].id))
    with pytest.raises(errors.ReasonMissing):
        unlink(made, " ")
    unlink(made)
    with pytest.raises(errors.LinkUndone):
        unlink(made)
    with pytest.raises(errors.NothingToUndo):
        unlink(Link.objects.get(patient=people["other"]))
    with pytest.raises(errors.KeptApart):
        link(people["keyless"], zhang)


def test_a_patient_parted_from_a_resident_can_be_linked_again_once_that_is_taken_back(
    people: dict[str, Patient],
) -> None:
    zhang = resident_of(people["keyed"])
    parted = unlink(link(people["keyless"], zhang))
    undo_decision(decision_id=parted.id, reason="确系本人", actor=CLERK)
    assert resident_of(people["keyless"]) == zhang
    assert unbroken()
    with pytest.raises(errors.AlreadyUndone):
        undo_decision(decision_id=parted.id, reason="确系本人", actor=CLERK)


def test_what_only_a_comparison_joined_is_kept_apart_once_that_is_taken_back(people: dict[str, Patient]) -> None:
    zhang, own = resident_of(people["keyed"]).id, people["keyless"].id
    why = Evidence(own, people["keyed"].id, "name-birth", 0, 9.0, 0.998, "test")
    joined = Absorption(uuid7(), zhang, own, Decision.Kind.MATCH, "姓名、出生日期相同", evidence=why)
    assert absorb(connection.connection, [joined]) == {joined.decision_id}
    undo_decision(decision_id=joined.decision_id, reason="同名", actor=CLERK)
    assert resident_of(people["keyless"]).id == own
    assert absorb(connection.connection, [joined._replace(decision_id=uuid7())]) == set()
    assert unbroken()


def test_a_merged_resident_is_not_found_and_its_document_leads_to_the_other(people: dict[str, Patient]) -> None:
    zhang = resident_of(people["keyed"])
    by_name = ByName(("张桂蓝",), date(1949, 12, 31))
    assert find_residents(search=by_name, actor=CLERK) == [people["keyless"].id]
    link(people["keyless"], zhang)
    assert find_residents(search=by_name, actor=CLERK) == []
    by_number = ByDocument((DocumentKey(DocumentType.CITIZEN_ID, ZHANG[1]),))
    assert find_residents(search=by_number, actor=CLERK) == [zhang.id]
    assert [each.local_number for each in person(zhang.id).patients] == ["keyed", "keyless"]


RESIDENT = {"state": "pending"}
PATIENT = {"institution_id": 1, "local_number": "x", "registered": True}
IDENTIFIER = {"resident_id": uuid4(), "type": "03", "number": "G12345678"}
LINK = {"patient_id": uuid4(), "resident_id": uuid4(), "reason": "manual"}
BREAKING = [
    (Resident, RESIDENT, {"state": "gone"}, "resident_state_is_known"),
    (Resident, RESIDENT, {"state": "merged"}, "resident_merged_says_where_to"),
    (Resident, RESIDENT, {"merged_into_id": uuid4()}, "resident_merged_says_where_to"),
    (Resident, RESIDENT, {"sex": "男"}, "resident_sex_is_a_code"),
    (ResidentIdentifier, IDENTIFIER, {"type": "98"}, "identifier_type_is_a_code"),
    (ResidentIdentifier, IDENTIFIER, {"number": ""}, "identifier_number_is_filled"),
    (ResidentIdentifier, IDENTIFIER, {"first_seen_on": date(2999, 1, 1)}, "identifier_seen_first_then_last"),
    (Patient, PATIENT, {"local_number": ""}, "patient_number_is_filled"),
    (Patient, PATIENT, {"sex": "3"}, "patient_sex_is_a_code"),
    (Patient, PATIENT, {"key_type": "03"}, "patient_key_is_whole"),
    (Patient, PATIENT, {"key_number": "G12345678"}, "patient_key_is_whole"),
    (Patient, PATIENT, {"key_type": "98", "key_number": "G12345678"}, "patient_key_is_whole"),
    (Link, LINK, {"reason": "because"}, "link_reason_is_known"),
    (Link, LINK, {"reason": "own"}, "link_own_is_to_oneself"),
    (Link, LINK, {"resident_id": LINK["patient_id"]}, "link_own_is_to_oneself"),
    (Link, LINK, {"score": 1.01}, "link_score_is_a_probability"),
    (Link, LINK, {"score": -0.01}, "link_score_is_a_probability"),
    (Link, LINK, {"undone_at": "2026-11-22T08:00:00+08:00"}, "link_undone_says_why"),
    (Link, LINK, {"undone_reason": "误认"}, "link_undone_says_why"),
]


@pytest.mark.parametrize(("model", "fitting", "breaking", "constraint"), BREAKING)
def test_a_row_that_breaks_a_rule_is_refused(model: type, fitting: dict, breaking: dict, constraint: str) -> None:
    model.objects.create(**fitting).delete()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.create(**fitting | breaking)


@pytest.mark.parametrize(
    ("model", "fitting", "constraint"),
    [
        (Patient, PATIENT, "patient_number_is_one_patient"),
        (ResidentIdentifier, IDENTIFIER, "identifier_names_one_resident"),
        (Link, LINK, "link_one_current_per_patient"),
    ],
)
def test_a_second_row_of_the_same_thing_is_refused(model: type, fitting: dict, constraint: str) -> None:
    model.objects.create(**fitting)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.create(**fitting)


def test_a_resident_is_not_merged_into_itself() -> None:
    resident = Resident.objects.create(**RESIDENT)
    with pytest.raises(IntegrityError, match="resident_not_merged_into_itself"), transaction.atomic():
        Resident.objects.filter(id=resident.id).update(state="merged", merged_into_id=resident.id)


def test_a_retired_number_and_an_undone_link_make_room_for_new_ones() -> None:
    for _ in range(2):
        ResidentIdentifier.objects.create(**IDENTIFIER | {"valid": False})
        Link.objects.create(**LINK | {"undone_at": "2026-11-22T08:00:00+08:00", "undone_reason": "误认"})
    ResidentIdentifier.objects.create(**IDENTIFIER)
    Link.objects.create(**LINK)
