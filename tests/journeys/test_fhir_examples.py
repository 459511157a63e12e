"""Every official FHIR R4 example of the types we take goes through the real door."""

import os

import httpx
import pytest
from django.db import connection
from stage.journey import Site
from stage.machine import machine, make_token

from fhir_examples import DOCUMENT, TYPES, Fate, bundles, document, examples, reasons
from kangqiao.formats.fhir.mapping import declarations
from kangqiao.registry.models import Institution
from parcels import STRANGER, register_institutions


def client(site: Site, institution_id: int) -> httpx.Client:
    return machine(site, make_token(institution_id, "fhir:read", "fhir:write"))


def has_a_row(key: str, institution_id: int) -> bool:
    kind, _, code = key.partition("/")
    if kind in ("Organization", "Practitioner"):
        tables = ["registry_department"] if kind == "Organization" else ["registry_staff"]
        condition, parameters = "code = %s", [institution_id, code]
    else:
        tables = [data_set.table() for data_set, _ in declarations()[kind]]
        condition, parameters = "(source_key = %s OR starts_with(source_key, %s))", [institution_id, key, f"{key}#"]
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table} WHERE institution_id = %s AND {condition})", parameters)
            if cursor.fetchone() == (True,):
                return True
    return False


def send(door: httpx.Client, kind: str, institution_id: int) -> Fate:
    fate = Fate(kind)
    for example in examples(kind):
        answer = door.post("/fhir", content=example.content)
        name = example.name.removeprefix(f"{kind}-")
        if answer.status_code == 201:
            key = f"{kind}/{example.resource['id']}"
            assert door.get(f"/fhir/{key}").content == example.content, example.name
            assert has_a_row(key, institution_id), example.name
            fate.accepted.append(name)
        else:
            assert answer.status_code == 422, (example.name, answer.text)
            assert door.get(f"/fhir/{kind}/{example.resource['id']}").status_code == 404
            fate.refused[reasons(answer.json())].append(name)
    return fate


def send_bundles(door: httpx.Client) -> list[tuple[str, str, Fate]]:
    fates = []
    for example in bundles():
        entries = example.resource["entry"]
        fate = Fate("Bundle")
        answer = door.post("/fhir", content=example.content)
        if answer.status_code == 200:
            for entry, told in zip(entries, answer.json()["entry"], strict=True):
                name = entry.get("resource", {}).get("id", "-")
                if told["response"]["status"][:3] in ("200", "201", "204"):
                    fate.accepted.append(name)
                else:
                    fate.refused[reasons(told["response"]["outcome"])].append(name)
        else:
            assert answer.status_code == 422, (example.name, answer.text)
            fate.refused[reasons(answer.json())] = [entry.get("resource", {}).get("id", "-") for entry in entries]
        fates.append((example.name.removeprefix("Bundle-"), example.resource["type"], fate))
    return fates


@pytest.mark.timeout(600)
def test_every_official_example_is_accepted_and_readable_or_refused_with_the_reason_in_the_document(
    site: Site, committed_database: str
):
    hospital = register_institutions()
    other = Institution.objects.get(code=STRANGER)
    with client(site, hospital.id) as door:
        singles = [send(door, kind, hospital.id) for kind in TYPES]
    with client(site, other.id) as door:
        packed = send_bundles(door)
    page = document(singles, packed)
    if os.environ.get("KANGQIAO_WRITE_DOCS"):
        DOCUMENT.write_text(page, encoding="utf-8")
    assert page == DOCUMENT.read_text(encoding="utf-8")
