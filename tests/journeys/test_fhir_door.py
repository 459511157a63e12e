"""The FHIR door as a hospital's system meets it: what it answers, and what it keeps for itself."""

import json
import socket
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from django.db import connection
from stage.journey import Site
from stage.machine import machine, make_token

from kangqiao.formats.fhir.mapping import declarations
from kangqiao.gateway.tokens import REMEMBERED_SECONDS
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.services import revoke_token
from parcels import STRANGER, register_institutions

BOTH = ("fhir:read", "fhir:write")


def condition(id: str | None = "c1", **elements: object) -> dict:
    given = {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/p1"},
        "code": {"text": "高血压"},
        "recordedDate": "2026-03-01",
    }
    return given | ({"id": id} if id else {}) | elements


def bundle(kind: str, *entries: dict) -> dict:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def posted(resource: dict, full_url: str | None = None) -> dict:
    given = {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
    return given | ({"fullUrl": full_url} if full_url else {})


def said(answer: httpx.Response) -> list[tuple[str, str]]:
    """Return (issue type, message) of an OperationOutcome's errors."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return [(issue["code"], issue["diagnostics"]) for issue in outcome["issue"] if issue["severity"] == "error"]


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return cursor.fetchone()[0]


@pytest.fixture
def hospital(site: Site) -> Institution:
    return register_institutions()


@pytest.fixture
def door(site: Site, hospital: Institution) -> Iterator[httpx.Client]:
    with machine(site, make_token(hospital.id, *BOTH)) as client:
        yield client


# -- who may ---------------------------------------------------------------------------------------------------------


def test_strangers_are_sent_away_and_told_how_to_come(site, door):
    for headers in ({}, {"Authorization": "Bearer kq_unknown"}, {"Authorization": "Basic eDp5"}):
        answer = httpx.get(f"{site.url}/fhir/metadata", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert said(answer)[0][0] == "login"


def test_a_token_without_the_permission_is_refused_and_that_is_written_down(site, hospital):
    reader, writer = (make_token(hospital.id, permission) for permission in BOTH)
    with machine(site, reader) as client:
        assert client.post("/fhir/Condition", json=condition()).status_code == 403
    with machine(site, writer) as client:
        assert client.get("/fhir/Condition/c1").status_code == 403
    refused = AuditEntry.objects.filter(action="trust:permission:refuse").values_list("actor_id", "outcome")
    assert sorted(refused) == sorted([(reader.token.id, "refused"), (writer.token.id, "refused")])
    assert count("records_original") == 0


def test_a_revoked_token_is_refused_within_seconds(site, hospital):
    token = make_token(hospital.id, *BOTH)
    with machine(site, token) as client:
        assert client.get("/fhir/metadata").status_code == 200
        revoke_token(token_id=token.token.id, actor=system_actor("test"))
        time.sleep(REMEMBERED_SECONDS)
        assert client.get("/fhir/metadata").status_code == 401


def test_an_institution_reads_only_what_it_sent(site, door):
    door.post("/fhir/Condition", json=condition())
    other = make_token(Institution.objects.get(code=STRANGER).id, *BOTH)
    with machine(site, other) as client:
        assert client.get("/fhir/Condition/c1").status_code == 404
        assert client.get("/fhir/Condition", params={"patient": "p1"}).json()["entry"] == []
        assert client.post("/fhir/Condition", json=condition()).status_code == 201
        assert client.delete("/fhir/Condition/c1").status_code == 204
    assert door.get("/fhir/Condition/c1").status_code == 200


# -- writing and reading ---------------------------------------------------------------------------------------------


def test_a_resource_is_read_back_byte_for_byte_with_its_version(door):
    body = json.dumps(condition(code={"text": "测"}), ensure_ascii=False, indent=3).encode() + b"\n"
    made = door.post("/fhir/Condition", content=body)
    assert (made.status_code, made.headers["location"]) == (201, "/fhir/Condition/c1/_history/1")
    found = door.get("/fhir/Condition/c1")
    assert found.content == body
    assert (found.headers["etag"], found.headers["content-type"]) == ('W/"1"', "application/fhir+json")
    assert found.headers["last-modified"].endswith("GMT")
    assert door.get("/fhir/Condition/c1", headers={"If-None-Match": 'W/"1"'}).status_code == 304


def test_versions_are_kept_and_named(door):
    door.put("/fhir/Condition/c1", json=condition())
    changed = door.put("/fhir/Condition/c1", json=condition(code={"text": "糖尿病"}))
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert door.get("/fhir/Condition/c1/_history/1").json()["code"]["text"] == "高血压"
    assert door.get("/fhir/Condition/c1").json()["code"]["text"] == "糖尿病"
    assert door.get("/fhir/Condition/c1/_history/3").status_code == 404
    stale = door.put("/fhir/Condition/c1", json=condition(), headers={"If-Match": 'W/"1"'})
    assert (stale.status_code, said(stale)[0][0]) == (412, "conflict")


def test_what_is_deleted_is_gone_but_its_versions_are_kept(door):
    door.put("/fhir/Condition/c1", json=condition())
    assert door.delete("/fhir/Condition/c1").status_code == 204
    assert (door.get("/fhir/Condition/c1").status_code, said(door.get("/fhir/Condition/c1"))[0][0]) == (410, "deleted")
    assert door.get("/fhir/Condition/c1/_history/1").status_code == 200
    assert door.delete("/fhir/Condition/never").status_code == 204


def test_a_resource_without_id_is_known_by_its_identifier_or_gets_one(door):
    named = door.post("/fhir/Condition", json=condition(None, identifier=[{"value": "D-77"}]))
    assert named.headers["location"] == "/fhir/Condition/D-77/_history/1"
    made = door.post("/fhir/Condition", json=condition(None))
    id = made.headers["location"].split("/")[3]
    assert uuid.UUID(id).version == 7
    assert door.get(f"/fhir/Condition/{id}").status_code == 200


def test_the_answer_says_what_is_doubtful_and_holds_the_resource_when_asked(door):
    answer = door.post("/fhir/Condition", json=condition())
    (issue,) = answer.json()["issue"]
    assert (issue["severity"], issue["expression"]) == ("warning", ["Condition.code"])
    assert issue["details"]["coding"][0]["code"] == "diagnosis.code"
    full = door.post("/fhir/Condition", json=condition("c2"), headers={"Prefer": "return=representation"})
    assert full.json() == condition("c2")
    assert door.post("/fhir/Condition", json=condition("c3"), headers={"Prefer": "return=minimal"}).content == b""


def test_everything_wrong_is_told_at_once_with_element_and_path(door):
    answer = door.post("/fhir/Condition", json=condition(recordedDate=None, code=None))
    assert answer.status_code == 422
    errors = [issue for issue in answer.json()["issue"] if issue["severity"] == "error"]
    told = [(e["code"], e["diagnostics"], e["expression"], e["details"]["coding"][0]["code"]) for e in errors]
    assert told == [
        ("required", "“疾病诊断名称”必填", ["Condition.code"], "diagnosis.code_name"),
        ("required", "“诊断日期”必填", ["Condition.recordedDate"], "diagnosis.diagnosed"),
    ]
    entry = AuditEntry.objects.get(action="fhir:write")
    assert (entry.outcome, entry.object_kind) == ("refused", "Condition")


def test_every_read_names_the_resident_in_the_audit_log(door):
    door.post("/fhir/Condition", json=condition())
    door.get("/fhir/Condition/c1")
    door.get("/fhir/Condition/other")
    door.get("/fhir/Condition", params={"patient": "Patient/p1"})
    entries = AuditEntry.objects.exclude(action__startswith="trust:").order_by("id")
    told = [(each.action, each.outcome, each.resident_id is not None) for each in entries]
    assert told == [
        ("fhir:write", "done", False),
        ("fhir:read", "done", True),
        ("fhir:read", "failed", False),
        ("fhir:search", "done", True),
    ]


def test_a_patients_resources_are_paged_newest_first(door):
    for number in range(5):
        door.put(f"/fhir/Condition/c{number}", json=condition(f"c{number}"))
    door.put("/fhir/Condition/c1", json=condition("c1", code={"text": "改"}))
    door.delete("/fhir/Condition/c2")
    page, seen = door.get("/fhir/Condition", params={"patient": "Patient/p1", "_count": 3}).json(), []
    while page:
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        following = [link["url"] for link in page["link"] if link["relation"] == "next"]
        page = door.get(following[0]).json() if following else None
    assert seen == ["c1", "c4", "c3", "c0"]


BAD_SEARCHES = [
    ({}, "required"),
    ({"patient": "p1", "code": "I10"}, "not-supported"),
    ({"patient": "p1", "_count": "x"}, "value"),
    ({"patient": "p1", "_cursor": "x"}, "value"),
]


@pytest.mark.parametrize(("parameters", "code"), BAD_SEARCHES)
def test_a_search_that_is_not_understood_is_refused(door, parameters, code):
    answer = door.get("/fhir/Condition", params=parameters)
    assert (answer.status_code, said(answer)[0][0]) == (400, code)


# -- what is not taken -----------------------------------------------------------------------------------------------

BODIES = [
    (b"", "structure", "请求没有内容"),
    (b"{", "structure", "内容不是完整的 JSON"),
    (b"[]", "structure", "内容应为一个 FHIR 资源：带有 resourceType 的 JSON 对象"),
    (b'{"resourceType": 7}', "structure", "内容应为一个 FHIR 资源：带有 resourceType 的 JSON 对象"),
    (b'{"resourceType": "Condition", "note": "\xff"}', "structure", "内容不是 UTF-8 编码"),
    (b"[" * 100_000, "too-costly", "JSON 嵌套过深"),
    (b'{"resourceType": "Condition", "id": "a\\u0000"}', "value", "内容含有空字符（\\u0000），无法保存"),
    (
        b'{"resourceType": "Condition", "id": "a b"}',
        "value",
        "id 只能含字母、数字、“-”和“.”，最多 64 个字符",
    ),
    (b'{"resourceType": "Patient", "id": "a"}', "invalid", "地址要求 Condition，内容是 Patient"),
]


@pytest.mark.parametrize(("body", "code", "message"), BODIES)
def test_a_body_that_cannot_be_read_is_refused_with_the_reason(door, body, code, message):
    answer = door.post("/fhir/Condition", content=body)
    assert (answer.status_code, said(answer)) == (400, [(code, message)])


def test_wrong_formats_methods_and_addresses_have_their_own_answers(door):
    body = json.dumps(condition()).encode()
    xml = {"Content-Type": "application/fhir+xml"}
    assert door.post("/fhir/Condition", content=b"<Condition/>", headers=xml).status_code == 415
    assert door.get("/fhir/Condition/c1", headers={"Accept": "application/fhir+xml"}).status_code == 406
    assert door.post("/fhir/Device", content=b'{"resourceType": "Device"}').status_code == 404
    assert said(door.post("/fhir", content=b'{"resourceType": "Device"}'))[0][0] == "not-supported"
    assert door.put("/fhir/Condition/other", content=body).status_code == 400
    assert door.patch("/fhir/Condition/c1", content=body).status_code == 405
    assert door.get("/fhir/Condition/c1/a/b/c").status_code == 404
    conditional = door.post("/fhir/Condition", content=body, headers={"If-None-Exist": "identifier=1"})
    assert (conditional.status_code, said(conditional)[0][0]) == (400, "not-supported")
    assert count("records_original") == 0


def test_a_body_that_is_too_large_is_refused_before_it_is_read(site, door):
    place = urlsplit(site.url)
    token = door.headers["authorization"]
    head = (
        f"POST /fhir HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {1 << 30}\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=10) as line:
        line.sendall(head.encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413")


def test_a_long_body_in_many_pieces_is_taken(door):
    note = [{"text": "长" * 100_000}]
    pieces = (json.dumps(condition(note=note)).encode()[place : place + 5000] for place in range(0, 700_000, 5000))
    answer = door.post("/fhir/Condition", content=pieces)
    assert answer.status_code == 201
    assert door.get("/fhir/Condition/c1").json()["note"] == note


def test_the_capability_statement_lists_what_the_data_sets_declare(door):
    statement = door.get("/fhir/metadata").json()
    listed = {resource["type"]: resource["documentation"] for resource in statement["rest"][0]["resource"]}
    assert set(listed) == {*declarations(), "Organization", "Practitioner"}
    assert listed["MedicationRequest"] == "入库为：处方、处方明细"
    assert statement["fhirVersion"] == "4.0.1"


# -- bundles ---------------------------------------------------------------------------------------------------------


def test_a_transaction_resolves_what_its_entries_call_each_other(door):
    patient = {"resourceType": "Patient", "name": [{"text": "岩香"}], "identifier": [{"value": "P7"}]}
    visit = {
        "resourceType": "Encounter",
        "id": "v1",
        "status": "finished",
        "class": {"code": "AMB"},
        "subject": {"reference": "urn:uuid:0000aaaa-0000-4000-8000-000000000001"},
        "period": {"start": "2026-03-01"},
    }
    seen = condition(
        subject={"reference": "urn:uuid:0000aaaa-0000-4000-8000-000000000001"},
        encounter={"reference": "Encounter/v1"},
    )
    answer = door.post(
        "/fhir",
        json=bundle(
            "transaction",
            posted(seen),
            posted(visit),
            posted(patient, "urn:uuid:0000aaaa-0000-4000-8000-000000000001"),
        ),
    )
    assert answer.status_code == 200
    assert answer.json()["type"] == "transaction-response"
    places = [entry["response"]["location"] for entry in answer.json()["entry"]]
    assert places == ["Condition/c1/_history/1", "Encounter/v1/_history/1", "Patient/P7/_history/1"]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT local_number, encounter, encounter_kind FROM medical_record_diagnosis d"
            " JOIN identity_patient p ON p.id = d.patient_id"
        )
        assert cursor.fetchall() == [("P7", "Encounter/v1", "1")]


def test_a_transaction_with_one_bad_entry_stores_nothing_and_says_which(door):
    good, bad = condition(), condition("c2", recordedDate=None)
    answer = door.post("/fhir", json=bundle("transaction", posted(good), posted(bad)))
    assert answer.status_code == 422
    (error,) = [issue for issue in answer.json()["issue"] if issue["severity"] == "error"]
    assert error["expression"] == ["Bundle.entry[1].resource.ofType(Condition).recordedDate"]
    assert (count("records_original"), count("medical_record_diagnosis")) == (0, 0)


def test_a_batch_answers_entry_by_entry(door):
    for id in ("c0", "c9"):
        door.post("/fhir/Condition", json=condition(id))
    entries = [
        posted(condition()),
        posted(condition("c2", recordedDate=None)),
        posted({"resourceType": "Device", "id": "x"}),
        {"request": {"method": "GET", "url": "Condition/c0"}},
        {"request": {"method": "GET", "url": "Condition?patient=p1"}},
        {"request": {"method": "DELETE", "url": "Condition/c9"}},
        {"request": {"method": "PUT", "url": "Condition/c4"}, "resource": condition("c4")},
        {"request": {"method": "PATCH", "url": "Condition/c4"}},
        posted(condition()),
    ]
    told = door.post("/fhir", json=bundle("batch", *entries)).json()
    assert told["type"] == "batch-response"
    statuses = [entry["response"]["status"][:3] for entry in told["entry"]]
    assert statuses == ["201", "422", "422", "200", "200", "204", "201", "400", "400"]
    assert told["entry"][3]["resource"]["id"] == "c0"
    assert told["entry"][4]["resource"]["type"] == "searchset"
    assert door.get("/fhir/Condition/c4").status_code == 200


def test_the_resources_of_a_bundle_are_kept_byte_for_byte(door):
    inner = json.dumps(condition(), indent=5).encode()
    body = b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + inner + b"}]}"
    assert door.post("/fhir", content=body).json()["entry"][0]["response"]["status"] == "201 Created"
    assert door.get("/fhir/Condition/c1").content == inner


@pytest.mark.parametrize("kind", ["document", "message", "searchset", ""])
def test_other_bundles_are_refused(door, kind):
    answer = door.post("/fhir", json=bundle(kind, posted(condition())))
    assert (answer.status_code, said(answer)[0][1]) == (422, "Bundle 的 type 应为 transaction、batch 或 collection")


def test_a_bundle_of_the_wrong_shape_is_refused(door):
    answer = door.post("/fhir", json={"resourceType": "Bundle", "type": "batch", "entry": [7]})
    assert (answer.status_code, said(answer)) == (400, [("structure", "Bundle 的结构不对：entry[0]")])


def test_no_log_holds_a_name_or_a_value(site, door):
    door.post("/fhir/Patient", json={"resourceType": "Patient", "id": "p9", "name": [{"text": "岩香岩香"}]})
    door.post("/fhir/Condition", json=condition(code={"text": "绝密诊断"}, recordedDate="秘密日期"))
    written = site.log.read_text()
    assert not any(word in written for word in ("岩香岩香", "绝密诊断", "秘密日期"))
