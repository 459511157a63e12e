"""Groups of resources in PostgreSQL: versions, voiding, adoption, and one bad unit that fails alone."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from kangqiao.formats.fhir.documents import read_resource
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.errors import Busy, NotStored, Unavailable
from kangqiao.gateway.preparing import key_of, prepare
from kangqiao.gateway.scribe import MOST_WAITING, Scribe
from kangqiao.gateway.store import Known, store_group
from kangqiao.gateway.writes import Effect, Write, Written, deletion
from kangqiao.infra.ids import uuid7
from kangqiao.records import originals
from kangqiao.registry.models import Department, Institution, Staff
from kangqiao.trust.actors import Actor, ActorKind
from parcels import register_institutions

DAY = "2026-03-01"


class Door:
    """Writes resources as one institution would, each call a group; the rows are read on a connection of its own."""

    def __init__(self, url: str, institution_id: int) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True)
        self.known = Known()
        self.actor = Actor(
            kind=ActorKind.TOKEN, id=uuid4(), name="HIS", institution_id=institution_id, permissions=frozenset()
        )

    def unit(self, *resources: dict, if_version: int | None = None) -> list[Write]:
        ids = [uuid7() for _ in resources]
        bodies = [json.dumps(resource).encode() for resource in resources]
        read = [read_resource(body) for body in bodies]
        keys = [key_of(resource, id) for resource, id in zip(read, ids, strict=True)]
        came = [(None, key, resource) for key, resource in zip(keys, read, strict=True)]
        around = Among(came, received_at=datetime.now(UTC))
        return [
            prepare(
                resource,
                body,
                id=id,
                around=around,
                actor=self.actor,
                media_type="application/fhir+json",
                if_version=if_version,
            )
            for resource, body, id in zip(read, bodies, ids, strict=True)
        ]

    def write(self, *resources: dict, if_version: int | None = None) -> list[Written]:
        """Write resources as units of their own, in one group."""
        units = [self.unit(resource, if_version=if_version) for resource in resources]
        return [written for (written,) in store_group(self.connection, units, self.known)]

    def delete(self, kind: str, id: str) -> Written:
        return store_group(self.connection, [[deletion(self.actor, kind, id, None)]], self.known)[0][0]

    def rows(self, statement: str) -> list[tuple]:
        return self.connection.execute(statement).fetchall()


@pytest.fixture
def door(committed_database: str) -> Iterator[Door]:
    opened = Door(committed_database, register_institutions().id)
    yield opened
    opened.connection.close()


def coded(words: str) -> dict:
    return {"text": words}


def condition(id: str = "c1", **elements: object) -> dict:
    given = {"subject": {"reference": "Patient/p1"}, "code": coded("高血压"), "recordedDate": DAY}
    return {"resourceType": "Condition", "id": id, **given, **elements}


def analyte(id: str, **elements: object) -> dict:
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": coded("血红蛋白"),
        "subject": {"reference": "Patient/p1"},
        "issued": "2026-03-02T08:00:00+08:00",
        "valueQuantity": {"value": 120, "unit": "g/L"},
        **elements,
    }


def report(*results: str, **elements: object) -> dict:
    return {
        "resourceType": "DiagnosticReport",
        "id": "d1",
        "status": "final",
        "category": [{"coding": [{"code": "LAB"}]}],
        "code": coded("血常规"),
        "subject": {"reference": "Patient/p1"},
        "issued": "2026-03-02T08:00:00+08:00",
        "result": [{"reference": reference} for reference in results],
        **elements,
    }


def encounter(kind: str, **elements: object) -> dict:
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "finished",
        "class": {"code": kind},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": DAY},
        **elements,
    }


def patient(**elements: object) -> dict:
    return {"resourceType": "Patient", "id": "p1", "name": [{"text": "岩香"}], "gender": "male", **elements}


def effects(written: list[Written]) -> list[tuple[str, int]]:
    return [(one.effect.value, one.version) for one in written]


LAB_RESULTS = "SELECT source_key, report, voided FROM medical_record_labresult ORDER BY source_key"
LAB_REPORTS = "SELECT source_key, voided FROM medical_record_labreport ORDER BY source_key"


def test_a_group_stores_original_row_patient_and_audit_entry_together(door):
    assert effects(door.write(condition("c1"), condition("c2"))) == [("created", 1), ("created", 1)]
    (row,) = door.rows(
        "SELECT code_name, batch_id, patient_id FROM medical_record_diagnosis WHERE source_key LIKE '%c1'"
    )
    (original,) = door.rows(f"SELECT id, content, patient_id, version FROM records_original WHERE id = '{row[1]}'")
    assert originals.unpacked(original[1]) == json.dumps(condition("c1")).encode()
    assert (row[0], row[2], original[3]) == ("高血压", original[2], 1)
    assert door.rows("SELECT local_number, registered FROM identity_patient") == [("p1", False)]
    entries = door.rows(
        "SELECT action, outcome, object_kind, object_id::uuid IN (SELECT id FROM records_original), patient_id"
        " FROM trust_auditentry ORDER BY id"
    )
    assert entries == [("fhir:write", "done", "Condition", True, original[2])] * 2


def test_the_same_bytes_twice_are_one_version(door):
    door.write(condition())
    assert effects(door.write(condition())) == [("unchanged", 1)]
    assert door.rows("SELECT count(*) FROM records_original") == [(1,)]
    assert door.rows("SELECT version FROM medical_record_diagnosis") == [(1,)]


def test_a_change_is_a_new_version_and_the_former_one_is_kept(door):
    door.write(condition())
    assert effects(door.write(condition(code=coded("糖尿病")))) == [("updated", 2)]
    assert door.rows("SELECT code_name, version FROM medical_record_diagnosis") == [("糖尿病", 2)]
    assert door.rows("SELECT content->>'code_name' FROM records_formerversion") == [("高血压",)]
    assert door.rows("SELECT version FROM records_original ORDER BY 1") == [(1,), (2,)]


def test_deleting_is_a_voided_version_and_writing_again_brings_it_back(door):
    door.write(condition())
    assert door.delete("Condition", "c1").effect is Effect.DELETED
    assert door.rows("SELECT voided, version FROM medical_record_diagnosis") == [(True, 2)]
    assert effects(door.write(condition())) == [("created", 3)]
    assert door.rows("SELECT voided, version FROM medical_record_diagnosis") == [(False, 3)]
    assert door.delete("Condition", "unknown").effect is Effect.ABSENT


def test_only_the_current_version_may_be_named(door):
    door.write(condition())
    assert effects(door.write(condition(code=coded("甲")), if_version=2)) == [("changed-since", 1)]
    assert effects(door.write(condition(code=coded("乙")), if_version=1)) == [("updated", 2)]
    assert effects(door.write(condition("new"), if_version=1)) == [("changed-since", 0)]


def test_of_a_unit_everything_takes_effect_or_nothing(door):
    door.write(condition("c1"))
    unit = [*door.unit(condition("c2")), *door.unit(condition("c1", code=coded("丙")), if_version=7)]
    alone = door.unit(condition("c3"))
    first, second = store_group(door.connection, [unit, alone], door.known)
    assert effects(first) == [("created", 1), ("changed-since", 1)]
    assert effects(second) == [("created", 1)]
    assert door.rows("SELECT source_key FROM medical_record_diagnosis ORDER BY 1") == [
        ("Condition/c1",),
        ("Condition/c3",),
    ]
    refused = door.rows("SELECT outcome, object_id, patient_id FROM trust_auditentry WHERE outcome <> 'done'")
    assert refused == [("refused", None, None)] * 2


def test_an_encounter_that_becomes_a_stay_leaves_the_outpatients(door):
    door.write(encounter("EMER"))
    door.write(encounter("IMP"))
    assert door.rows("SELECT kind, voided FROM medical_record_outpatientencounter") == [("2", True)]
    assert door.rows("SELECT voided FROM medical_record_inpatientstay") == [(False,)]


def test_rows_that_the_new_version_no_longer_has_are_voided(door):
    inner = [{**analyte(id), "id": id} for id in ("a", "b")]
    door.write(report("#a", "#b", contained=inner))
    door.write(report("#a", contained=inner[:1]))
    assert door.rows(LAB_RESULTS) == [
        ("DiagnosticReport/d1#a", "DiagnosticReport/d1", False),
        ("DiagnosticReport/d1#b", "DiagnosticReport/d1", True),
    ]


def test_what_refers_to_a_visit_is_linked_when_the_visit_is_there(door):
    resource = condition(encounter={"reference": "Encounter/e1"})
    unit = door.unit(resource)
    store_group(door.connection, [unit], door.known)
    assert door.rows("SELECT encounter, encounter_kind FROM medical_record_diagnosis") == [(None, None)]
    assert [problem.message for problem in unit[0].warnings if problem.code == "not-found"]
    door.write(encounter("EMER"))
    assert effects(door.write(resource)) == [("unchanged", 1)]
    assert door.rows("SELECT encounter, encounter_kind FROM medical_record_diagnosis") == [("Encounter/e1", "2")]


def test_the_time_of_the_first_receipt_is_kept(door):
    door.write(patient())
    (first,) = door.rows("SELECT registered_at, occurred_at FROM population_patientregistration")
    door.write(patient(birthDate="1949-12-31"))
    assert door.rows("SELECT registered_at, occurred_at FROM population_patientregistration") == [first]


def test_a_patient_is_registered_and_linked_by_the_document(door):
    number = {"system": "urn:oid:2.16.156.10011.1.3", "value": "11010519491231002X"}
    door.write(condition())
    door.write(patient(identifier=[number]))
    assert door.rows("SELECT name, sex, registered FROM identity_patient") == [("岩香", "1", True)]
    linked = door.rows(
        "SELECT r.state, l.reason FROM identity_link l JOIN identity_resident r ON r.id = l.resident_id"
        " WHERE l.undone_at IS NULL"
    )
    assert linked == [("confirmed", "citizen_id")]


# -- adoption --------------------------------------------------------------------------------------------------------


def test_results_sent_before_their_report_move_into_it(door):
    door.write(analyte("a"), analyte("b"), analyte("c"))
    door.write(report("Observation/a", "Observation/b"))
    assert door.rows(LAB_RESULTS) == [
        ("Observation/a", "DiagnosticReport/d1", False),
        ("Observation/b", "DiagnosticReport/d1", False),
        ("Observation/c", "Observation/c", False),
    ]
    assert door.rows(LAB_REPORTS) == [
        ("DiagnosticReport/d1", False),
        ("Observation/a", True),
        ("Observation/b", True),
        ("Observation/c", False),
    ]


def test_an_adopted_result_stays_in_its_report_when_it_is_corrected(door):
    door.write(analyte("a"))
    door.write(report("Observation/a"))
    door.write(analyte("a", valueQuantity={"value": 121, "unit": "g/L"}))
    assert door.rows("SELECT quantity, report FROM medical_record_labresult") == [(121.0, "DiagnosticReport/d1")]
    assert door.rows(LAB_REPORTS) == [("DiagnosticReport/d1", False), ("Observation/a", True)]


def test_a_report_does_not_take_results_of_another_patient(door):
    door.write(analyte("a", subject={"reference": "Patient/p2"}))
    door.write(report("Observation/a"))
    assert door.rows(LAB_RESULTS) == [("Observation/a", "Observation/a", False)]


def test_a_report_does_not_take_results_out_of_another_report(door):
    door.write(analyte("a"))
    door.write(report("Observation/a"))
    door.write(report("Observation/a", id="d2"))
    assert door.rows(LAB_RESULTS) == [("Observation/a", "DiagnosticReport/d1", False)]


# -- the registry ----------------------------------------------------------------------------------------------------


def test_departments_and_staff_are_registered_for_the_sender(door):
    department = {
        "resourceType": "Organization",
        "id": "x1",
        "name": "内科",
        "type": [{"coding": [{"code": "dept"}]}],
    }
    nurse = {
        "resourceType": "Practitioner",
        "id": "n1",
        "name": [{"text": "李护士"}],
        "qualification": [{"code": {"coding": [{"code": "RN"}]}}],
    }
    door.write(department, nurse)
    assert list(Department.objects.values_list("code", "name", "active")) == [("x1", "内科", True)]
    assert list(Staff.objects.values_list("code", "name", "kind", "valid")) == [("n1", "李护士", "nurse", True)]
    door.write({**nurse, "name": [{"text": "李护士长"}], "qualification": []})
    door.delete("Organization", "x1")
    assert list(Staff.objects.values_list("name", "kind")) == [("李护士长", "nurse")]
    assert list(Department.objects.values_list("active", flat=True)) == [False]


def test_an_institution_is_accepted_only_as_the_sender_itself(door):
    own = Institution.objects.get(id=door.actor.institution_id).code
    described = {"resourceType": "Organization", "id": "x2", "name": "县医院"}
    (mine,) = door.write({**described, "identifier": [{"value": own}]})
    (other,) = door.write({**described, "id": "x3", "identifier": [{"value": "530902000000000002"}]})
    assert (mine.effect, other.effect) == (Effect.CREATED, Effect.REFUSED)
    assert Institution.objects.filter(name="县医院").count() == 1


# -- the scribe ------------------------------------------------------------------------------------------------------


def write_at_once(url: str, units: list[list[Write]]) -> list[list[Written] | BaseException]:
    """Let a scribe write units that are all waiting when it begins."""

    async def run() -> list[list[Written] | BaseException]:
        scribe = Scribe(url)
        scribe._loop = asyncio.get_running_loop()
        waiting = [asyncio.create_task(scribe.write(unit)) for unit in units]
        await asyncio.sleep(0)
        scribe.start()
        answers = await asyncio.gather(*waiting, return_exceptions=True)
        await scribe.stop()
        return answers

    return asyncio.run(run())


def test_one_unit_that_the_database_refuses_fails_alone(door):
    units = [door.unit(condition(f"c{number}")) for number in range(5)]
    units[2][0].rows[0].values["source_key"] = None
    answers = write_at_once(door.url, units)
    assert [type(answer) is NotStored for answer in answers] == [False, False, True, False, False]
    assert door.rows("SELECT source_key FROM medical_record_diagnosis ORDER BY 1") == [
        ("Condition/c0",),
        ("Condition/c1",),
        ("Condition/c3",),
        ("Condition/c4",),
    ]
    assert door.rows("SELECT count(*) FROM records_original") == [(4,)]
    assert door.rows("SELECT count(*) FROM trust_auditentry") == [(4,)]


def test_the_same_key_twice_at_once_is_two_versions_in_order(door):
    units = [door.unit(condition(code=coded(f"第{number}次"))) for number in range(3)]
    answers = write_at_once(door.url, units)
    assert [answer[0].version for answer in answers] == [1, 2, 3]
    assert door.rows("SELECT code_name FROM medical_record_diagnosis") == [("第2次",)]


def test_two_processes_that_find_the_same_key_new_store_two_versions(door):
    ready = threading.Barrier(2)
    answers: list[object] = []

    def process(words: str) -> None:
        unit = door.unit(condition(code=coded(words)))
        ready.wait()
        answers.extend(write_at_once(door.url, [unit]))

    threads = [threading.Thread(target=process, args=(words,)) for words in ("甲", "乙")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer[0].version for answer in answers) == [1, 2]
    assert door.rows("SELECT version FROM records_original ORDER BY 1") == [(1,), (2,)]
    assert door.rows("SELECT count(*) FROM medical_record_diagnosis") == [(1,)]


def test_a_lost_connection_is_opened_again_and_nothing_is_stored_twice(door):
    async def run() -> list[Written]:
        scribe = Scribe(door.url)
        scribe.start()
        await scribe.write(door.unit(condition("c1")))
        door.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND usename = current_user AND datname = current_database()"
        )
        answer = await scribe.write(door.unit(condition("c2")))
        await scribe.stop()
        return answer

    assert effects(asyncio.run(run())) == [("created", 1)]
    assert door.rows("SELECT count(*) FROM medical_record_diagnosis") == [(2,)]


def test_without_a_database_a_write_is_unavailable(door):
    answers = write_at_once("postgresql://nobody@127.0.0.1:1/nothing", [door.unit(condition())])
    assert [type(answer) for answer in answers] == [Unavailable]


def test_too_much_waiting_is_sent_away(door):
    async def run() -> None:
        scribe = Scribe(door.url)
        scribe._loop = asyncio.get_running_loop()
        (write,) = door.unit(condition())
        task = asyncio.create_task(scribe.write([write] * MOST_WAITING))
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await scribe.write([write])
        task.cancel()

    asyncio.run(run())


# -- values through the arrays -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ['"', "\\", "{a,b}", "NULL", "null", " 边 ", "换\n行", "制\t表", "逗,号", "\\N", "é😀"]
)
def test_any_text_is_stored_as_it_is(door, words):
    door.write(condition(code=coded(words)))
    stored = door.rows("SELECT code_name FROM medical_record_diagnosis")
    assert stored == [(words.strip(" "),)]


def test_ids_of_former_versions_and_rows_agree(door):
    door.write(condition())
    door.write(condition(code=coded("乙")))
    (current, former) = (
        door.rows("SELECT id FROM medical_record_diagnosis")[0][0],
        door.rows("SELECT record_id FROM records_formerversion")[0][0],
    )
    assert isinstance(current, UUID)
    assert current == former
