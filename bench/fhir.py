"""`POST /fhir` and `GET /fhir/{type}/{id}` over the real door: committed and audited, 32 clients.

    .venv/bin/python bench/fhir.py [seconds]

Starts a durable PostgreSQL of its own and the web process as `kangqiao up` does, both in a temporary folder, and sends
single resources: blood pressures, laboratory results, diagnoses and prescriptions of 5,000 patients, half of them
within a visit sent before. Limits are measured in the same run: the same requests answered by an empty ASGI
application, and the same rows written in groups without HTTP, mapping or gate. The load generator shares the cores.
"""

import json
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path(tempfile.mkdtemp(prefix="kangqiao-bench-"))
HOME.chmod(0o711)
os.environ |= {"KANGQIAO_HOME": str(HOME), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import django  # noqa: E402
import psycopg  # noqa: E402

import fhir_peer  # noqa: E402
from fhir_payloads import PATIENTS, clinical, patient, visit  # noqa: E402
from processes import cpu_seconds, postmaster  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from kangqiao.formats.fhir.documents import read_resource  # noqa: E402
from kangqiao.formats.fhir.surroundings import Among  # noqa: E402
from kangqiao.gateway.preparing import key_of, prepare  # noqa: E402
from kangqiao.gateway.store import Known, store_group  # noqa: E402
from kangqiao.gateway.writes import Write  # noqa: E402
from kangqiao.infra import postgres  # noqa: E402
from kangqiao.infra.ids import uuid7  # noqa: E402
from kangqiao.registry.models import Institution  # noqa: E402
from kangqiao.trust.actors import Actor, ActorKind, system_actor  # noqa: E402
from kangqiao.trust.services import issue_token  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

CLIENTS = 32
ROUND = 8.0


@dataclass
class Measured:
    """One row of the table; CPU in µs per request."""

    what: str
    per_second: float
    p50: float
    p99: float
    server: float
    database: float
    generator: float
    statuses: dict[str, int]

    def line(self) -> str:
        return (
            f"| {self.what} | {self.per_second:,.0f} | {self.p50:.1f} / {self.p99:.1f} | {self.server:.0f} |"
            f" {self.database:.0f} | {self.generator:.0f} |"
        )


# -- requests as they go over the wire -------------------------------------------------------------------------------


def post(path: str, resource: dict, headers: str) -> bytes:
    body = json.dumps(resource, ensure_ascii=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/fhir+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def put(path: str, resource: dict, headers: str) -> bytes:
    return b"PUT" + post(path, resource, headers)[4:]


def get(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def keep(requests: list[bytes]) -> Path:
    path = HOME / f"requests-{uuid.uuid4().hex}"
    path.write_bytes(b"".join(struct.pack(">I", len(request)) + request for request in requests))
    return path


# -- running and measuring -------------------------------------------------------------------------------------------


def load(what: str, requests: list[bytes], *, port: int, server: int, database: int, seconds: float) -> Measured:
    """Send the requests and return what was measured."""
    path = keep(requests)
    before = cpu_seconds(server), cpu_seconds(database)
    command = [sys.executable, str(HERE / "http_load.py"), str(port), str(CLIENTS), str(seconds), str(path)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    used = cpu_seconds(server) - before[0], cpu_seconds(database) - before[1]
    path.unlink()
    count = told["requests"]
    per_request = [seconds * 1e6 / count for seconds in (*used, told["cpu"])]
    return Measured(what, count / told["seconds"], told["p50"], told["p99"], *per_request, told["statuses"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: list[str], port: int, **environment: str) -> Iterator[int]:
    """Run a server until the block ends; yields its process id once it listens."""
    with (HOME / f"server-{port}.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    try:
        for _ in range(300):
            time.sleep(0.1)
            if process.poll() is not None:
                raise RuntimeError((HOME / f"server-{port}.log").read_text())
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield process.pid
    finally:
        process.terminate()
        process.wait(20)


def set_up(url: str) -> str:
    """Create the tables, an institution and its token; returns the header that carries it."""
    wanted = database_settings(url)
    wanted["OPTIONS"].pop("pool")
    connections["default"].settings_dict.update(wanted)
    call_command("migrate", verbosity=0)
    hospital = Institution.objects.create(
        code="530902000000000001",
        name="县医院",
        short_name="县医院",
        type="A100",
        division_code="530902000000",
        ownership="public",
    )
    token = issue_token(
        institution_id=hospital.id,
        name="压力测试",
        permissions=["fhir:read", "fhir:write"],
        valid_until=timezone.now() + timedelta(days=1),
        actor=system_actor("bench"),
    )
    connections.close_all()
    return f"Authorization: Bearer {token.plain}\r\n"


def measure(url: str, headers: str, database: int, seconds: float) -> list[Measured]:
    """Measure the gateway, then the limits."""
    draw = random.Random(1)
    people = [post("/fhir/Patient", patient(number), headers) for number in range(PATIENTS)]
    visits = [post("/fhir/Encounter", visit(number), headers) for number in range(PATIENTS)]
    resources = [clinical(draw) for _ in range(int(9_000 * seconds))]
    writes = [post(f"/fhir/{each['resourceType']}", each, headers) for each in resources]
    found = []
    port = free_port()
    command = [sys.executable, "-m", "kangqiao.wiring.web"]
    with running(command, port, KANGQIAO_DATABASE_URL=url, KANGQIAO_PORT=str(port)) as server:
        context = {"port": port, "server": server, "database": database}
        found.append(load("POST Patient（登记）", people, seconds=60, **context))
        found.append(load("POST Encounter（就诊）", visits, seconds=60, **context))
        load("warm", writes[:2000], seconds=60, **context)
        sent = load("POST 临床资源", writes[2000:], seconds=seconds, **context)
        found.append(sent)
        stored = resources[: 2000 + sum(sent.statuses.values())]
        reads = [get(f"/fhir/{each['resourceType']}/{each['id']}", headers) for each in draw.choices(stored, k=20_000)]
        found.append(load("GET 按编号", reads, seconds=seconds, **context))
    return found


def peer(database: int, seconds: float) -> list[Measured]:
    """Measure the peer with the same resources; what GET reads is put under our ids first."""
    folder = HOME / "peer"
    folder.mkdir()
    fhir_peer.install(folder)
    draw = random.Random(1)
    resources = [clinical(draw) for _ in range(int(2_000 * seconds))]
    people = [put(f"/fhir/Patient/p{number}", patient(number), fhir_peer.HEADERS) for number in range(PATIENTS)]
    writes = [post(f"/fhir/{each['resourceType']}", each, fhir_peer.HEADERS) for each in resources]
    named = resources[:500]
    puts = [put(f"/fhir/{each['resourceType']}/{each['id']}", each, fhir_peer.HEADERS) for each in named]
    reads = [get(f"/fhir/{each['resourceType']}/{each['id']}", fhir_peer.HEADERS) for each in named]
    port = free_port()
    with running(fhir_peer.command(folder, port), port) as server:
        context = {"port": port, "server": server, "database": database}
        load("people", people[:200], seconds=60, **context)
        load("named", puts, seconds=60, **context)
        sent = load("sekmet-fhir：POST 临床资源", writes, seconds=seconds, **context)
        return [sent, load("sekmet-fhir：GET 按编号", reads, seconds=seconds, **context)]


def limits(headers: str, database: int, seconds: float) -> list[Measured]:
    """Measure the same requests against an empty ASGI application."""
    draw = random.Random(1)
    writes = [post("/fhir/Observation", clinical(draw), headers) for _ in range(1000)] * int(30 * seconds)
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--port", str(port), "echo:app"]
    with running(command, port, PYTHONPATH=str(HERE)) as server:
        context = {"port": port, "server": server, "database": database}
        return [load("空 ASGI 应用，同样的 POST", writes, seconds=seconds, **context)]


def prepared(count: int, institution_id: int) -> tuple[list[Write], float]:
    """Return writes ready to be stored, and the CPU seconds it took to map and judge them."""
    draw, actor = (
        random.Random(2),
        Actor(
            kind=ActorKind.TOKEN, id=uuid.uuid4(), name="bench", institution_id=institution_id, permissions=frozenset()
        ),
    )
    bodies = [json.dumps(clinical(draw), ensure_ascii=False).encode() for _ in range(count)]
    began, writes = time.process_time(), []
    for body in bodies:
        resource, id = read_resource(body), uuid7()
        around = Among([(None, key_of(resource, id), resource)], received_at=datetime.now(UTC))
        writes.append(
            prepare(
                resource, body, id=id, around=around, actor=actor, media_type="application/fhir+json", if_version=None
            )
        )
    return writes, time.process_time() - began


def groups(url: str, database: int, seconds: float) -> list[Measured]:
    """Measure what is left without HTTP: mapping and gate alone, then storing alone, a group per round of clients."""
    institution = Institution.objects.get().id
    connections.close_all()
    writes, cpu = prepared(int(4_000 * seconds), institution)
    alone = Measured("映射与校验，不收不存", len(writes) / cpu, 0, 0, cpu * 1e6 / len(writes), 0, 0, {})
    known, times = Known(), []
    used = time.process_time(), cpu_seconds(database)
    with psycopg.connect(url, autocommit=True) as session:
        for start in range(0, len(writes) - CLIENTS, CLIENTS):
            began = time.perf_counter()
            store_group(session, [[write] for write in writes[start : start + CLIENTS]], known)
            times.append(time.perf_counter() - began)
            if sum(times) > seconds:
                break
    count, ordered = len(times) * CLIENTS, sorted(times)
    per_write = (time.process_time() - used[0]) * 1e6 / count, (cpu_seconds(database) - used[1]) * 1e6 / count
    p50, p99 = ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 99 // 100] * 1000
    return [alone, Measured(f"每 {CLIENTS} 条一个事务入库，无 HTTP", count / sum(times), p50, p99, *per_write, 0, {})]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else ROUND
    try:
        with postgres.in_use(HOME) as cluster:
            url = cluster.url()
            headers = set_up(url)
            database = postmaster(HOME)
            found = measure(url, headers, database, seconds)
            found += limits(headers, database, seconds) + groups(url, database, seconds) + peer(database, seconds)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
    print("| 请求 | 次/秒 | p50 / p99 毫秒 | 服务端 CPU µs/次 | 数据库 CPU µs/次 | 发生器 CPU µs/次 |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for each in found:
        print(each.line())
        if set(each.statuses) - {"200", "201"}:
            print(f"状态码：{each.statuses}", file=sys.stderr)


if __name__ == "__main__":
    main()
