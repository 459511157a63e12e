"""A web process killed in the middle of its groups leaves every resource whole or not at all."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from django.db import connection
from stage.journey import Site
from stage.machine import make_token

from parcels import register_institutions

CLIENTS = 16
KILLS = 3

HALVES = {
    "an original without its row": """
        SELECT count(*) FROM records_original o WHERE NOT EXISTS (
            SELECT FROM medical_record_diagnosis d WHERE d.batch_id = o.id AND d.patient_id = o.patient_id)""",
    "a row without its original": """
        SELECT count(*) FROM medical_record_diagnosis d WHERE NOT EXISTS (
            SELECT FROM records_original o WHERE o.id = d.batch_id)""",
    "an original without its audit entry": """
        SELECT count(*) FROM records_original o WHERE NOT EXISTS (
            SELECT FROM trust_auditentry a WHERE a.object_id = o.id::text AND a.patient_id = o.patient_id)""",
    "a patient without a link": """
        SELECT count(*) FROM identity_patient p WHERE NOT EXISTS (
            SELECT FROM identity_link l WHERE l.patient_id = p.id)""",
}


def count(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def serve(database: str, folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """Start a web process of its own, in a process group of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"KANGQIAO_HOME": str(folder / "home"), "KANGQIAO_DATABASE_URL": database}
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "kangqiao.wiring.asgi:app"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"http://127.0.0.1:{port}"
        time.sleep(0.1)
    pytest.fail((folder / "server.log").read_text())


def condition(id: str) -> dict:
    return {
        "resourceType": "Condition",
        "id": id,
        "subject": {"reference": f"Patient/p-{id}"},
        "code": {"text": "高血压"},
        "recordedDate": "2026-03-01",
    }


async def send_until_it_dies(url: str, token: str, started: str, kill_after: int, pid: int) -> list[str]:
    """Send from many clients, kill the process after so many answers, and return what was acknowledged."""
    stored: list[str] = []

    async def client(number: int, http: httpx.AsyncClient) -> None:
        for place in range(10_000):
            id = f"{started}-{number}-{place}"
            try:
                answer = await http.post("/fhir/Condition", json=condition(id))
            except httpx.HTTPError:
                return
            assert answer.status_code == 201, answer.text
            stored.append(id)
            if len(stored) == kill_after:
                os.killpg(pid, signal.SIGKILL)

    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as http:
        await asyncio.gather(*(client(number, http) for number in range(CLIENTS)))
    return stored


def test_a_process_killed_in_the_middle_of_a_group_leaves_nothing_half(committed_database: str, tmp_path: Path):
    token = make_token(register_institutions().id, "fhir:write").plain
    acknowledged: list[str] = []
    for turn in range(KILLS):
        process, url = serve(committed_database, tmp_path)
        kill_after = 40 + 23 * turn
        acknowledged += asyncio.run(send_until_it_dies(url, token, f"t{turn}", kill_after, process.pid))
        process.wait(20)
    with connection.cursor() as cursor:
        cursor.execute("SELECT source_key FROM medical_record_diagnosis")
        there = {key.removeprefix("Condition/") for (key,) in cursor.fetchall()}
    assert len(acknowledged) >= KILLS * 40
    assert there.issuperset(acknowledged)
    assert {half: count(statement) for half, statement in HALVES.items()} == dict.fromkeys(HALVES, 0)


def test_what_is_sent_again_after_the_crash_is_stored_once(site: Site):
    token = make_token(register_institutions().id, "fhir:write").plain
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/fhir+json"}
    with httpx.Client(base_url=site.url, headers=headers) as http:
        statuses = [http.post("/fhir/Condition", json=condition("once")).status_code for _ in range(3)]
    assert statuses == [201, 200, 200]
    assert count("SELECT count(*) FROM records_original") == 1
