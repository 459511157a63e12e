"""Sending a batch over the network: streamed, broken off in the middle, resumed, received."""

import socket
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from stage.journey import Site
from stage.machine import machine, make_token

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch
from kangqiao.intake.services import process_batch
from kangqiao.registry.models import Institution
from kangqiao.standards.data_set import data_sets
from parcels import HOSPITAL, STRANGER, register_institutions, registration, vital_signs, write_parcel

SENDING = ("intake:batch:submit", "intake:batch:read", "standards:contract:read")
STREAM = {"Content-Type": "application/offset+octet-stream"}


def home_of(site: Site) -> Path:
    return site.log.parent / "home"


@pytest.fixture
def sender(site: Site) -> Iterator[httpx.Client]:
    with machine(site, make_token(register_institutions().id, *SENDING)) as client:
        yield client


@pytest.fixture
def parcel(tmp_path: Path) -> Path:
    """An archive of a batch, as a hospital's agent would send it."""
    folder = tmp_path / "batch"
    rows = {
        "patient-registration": [registration()],
        "vital-signs": [vital_signs(f"V{number}") for number in range(3000)],
    }
    write_parcel(folder, rows)
    path = tmp_path / "batch.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for file in folder.iterdir():
            archive.add(file, file.name)
    return path


def begin(sender: httpx.Client, path: Path) -> str:
    answer = sender.post("/api/intake/uploads", json={"file": path.name, "size": path.stat().st_size})
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
    return answer.headers["location"]


def offset(sender: httpx.Client, place: str) -> int:
    return int(sender.head(place).headers["upload-offset"])


def append(sender: httpx.Client, place: str, at: int, content: bytes) -> httpx.Response:
    return sender.patch(place, content=content, headers=STREAM | {"Upload-Offset": str(at)})


def break_off(site: Site, sender: httpx.Client, place: str, content: bytes, sent: int) -> None:
    """Announce the whole content, send a part of it and hang up."""
    address = urlsplit(site.url)
    head = (
        f"PATCH {place} HTTP/1.1\r\nHost: x\r\nAuthorization: {sender.headers['authorization']}\r\n"
        f"Content-Type: {STREAM['Content-Type']}\r\nUpload-Offset: 0\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port)) as line:
        line.sendall(head.encode() + content[:sent])
        time.sleep(0.3)


def test_an_upload_broken_off_in_the_middle_goes_on_where_it_stopped(site, sender, parcel):
    content = parcel.read_bytes()
    place = begin(sender, parcel)
    break_off(site, sender, place, content, len(content) // 2)
    deadline = time.monotonic() + 10
    while offset(sender, place) < len(content) // 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    there = offset(sender, place)
    assert there == len(content) // 2
    answer = append(sender, place, there, content[there:])
    assert answer.status_code == 200
    batch = Batch.objects.get(id=answer.json()["batch"])
    assert (batch.number, batch.door, batch.state) == ("2026-001", "upload", "received")
    assert not any((home_of(site) / "uploads").iterdir())

    process_batch(batch_id=batch.id, store=FileStore((home_of(site) / "archive").as_uri()), work=parcel.parent / "work")
    told = sender.get(answer.headers["location"]).json()
    assert told["state"] == "completed"
    assert told["receipt"]["totals"]["new"] == 3001


def test_a_wrong_offset_is_answered_with_the_right_one(sender, parcel):
    content = parcel.read_bytes()
    place = begin(sender, parcel)
    assert append(sender, place, 0, content[:1000]).headers["upload-offset"] == "1000"
    for wrong in (0, 2000):
        answer = append(sender, place, wrong, content[:10])
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, "1000")
        assert "1000" in answer.json()["message"]
    assert offset(sender, place) == 1000


def test_more_than_was_declared_is_refused(sender, parcel):
    place = begin(sender, parcel)
    assert append(sender, place, 0, parcel.read_bytes() + b"more").status_code == 400
    assert offset(sender, place) <= parcel.stat().st_size


def test_the_same_batch_twice_is_one_batch(sender, parcel):
    content = parcel.read_bytes()
    first, second = (append(sender, begin(sender, parcel), 0, content).json()["batch"] for _ in range(2))
    assert first == second


def test_a_batch_of_another_sender_is_refused(site, sender, parcel):
    stranger = make_token(Institution.objects.get(code=STRANGER).id, *SENDING)
    with machine(site, stranger) as client:
        answer = append(client, begin(client, parcel), 0, parcel.read_bytes())
    assert answer.status_code == 403
    assert not Batch.objects.exists()


def test_an_upload_belongs_to_who_began_it(site, sender, parcel):
    place = begin(sender, parcel)
    stranger = make_token(Institution.objects.get(code=STRANGER).id, *SENDING)
    with machine(site, stranger) as client:
        assert client.head(place).status_code == 404
        assert append(client, place, 0, b"x").status_code == 404
    assert sender.delete(place).status_code == 204
    assert sender.head(place).status_code == 404


DECLARATIONS = [
    ({"file": "../x.zip", "size": 5}, 400),
    ({"file": "x.exe", "size": 5}, 400),
    ({"file": "x.zip", "size": 0}, 400),
    ({"file": "x.zip"}, 400),
    ({"file": "x.zip", "size": 1 << 60}, 413),
]


@pytest.mark.parametrize(("declared", "status"), DECLARATIONS)
def test_an_upload_that_cannot_be_taken_is_refused_at_once(sender, declared, status):
    assert sender.post("/api/intake/uploads", json=declared).status_code == status


def test_garbage_is_received_and_refused_with_a_receipt(site, sender, tmp_path):
    garbage = tmp_path / "x.zip"
    garbage.write_bytes(b"no archive")
    batch = append(sender, begin(sender, garbage), 0, garbage.read_bytes()).json()
    assert batch["state"] == "refused"
    assert sender.get(f"/api/intake/batches/{batch['batch']}").json()["receipt"]["problem"]["word"] == "archive"


def test_without_the_permission_nothing_is_begun_or_read(site, sender):
    hospital = Institution.objects.get(code=HOSPITAL)
    with machine(site, make_token(hospital.id, "fhir:read")) as client:
        assert client.post("/api/intake/uploads", json={"file": "x.zip", "size": 1}).status_code == 403
        assert client.get("/api/intake/contract").status_code == 403
        assert client.get("/api/intake/batches/0").status_code == 403
    assert sender.get("/api/intake/batches/0").status_code == 404
    assert sender.get("/api/intake/elsewhere").status_code == 404
    assert sender.put("/api/intake/uploads").status_code == 405


def test_the_contract_is_handed_out(sender):
    contract = sender.get("/api/intake/contract").json()
    assert {each["data_set"] for each in contract["data_sets"]} == set(data_sets())
