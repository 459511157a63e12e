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
from datetime import datetime, timedelta
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path(tempfile.mkdtemp(prefix="kangqiao-bench-"))
HOME.chmod(0o711)
os.environ |= {"KANGQIAO_HOME": str(HOME), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402

from kangqiao.infra import postgres  # noqa: E402
from kangqiao.registry.models import Institution  # noqa: E402
from kangqiao.trust.actors import system_actor  # noqa: E402
from kangqiao.trust.services import issue_token  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

CLIENTS = 32
PATIENTS = 5_000
ROUND = 8.0
TICK = os.sysconf("SC_CLK_TCK")


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


# -- what is sent ----------------------------------------------------------------------------------------------------


def patient(number: int) -> dict:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": [{"text": f"测试{number}"}],
        "gender": ("male", "female")[number % 2],
        "birthDate": f"{1930 + number % 90}-0{1 + number % 9}-1{number % 10}",
    }


def visit(number: int) -> dict:
    return {
        "resourceType": "Encounter",
        "id": f"v{number}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/p{number}"},
        "period": {"start": "2026-03-01T09:00:00+08:00", "end": "2026-03-01T09:20:00+08:00"},
        "serviceType": {"text": "内科"},
    }


def clinical(draw: random.Random) -> dict:
    number = draw.randrange(PATIENTS)
    when = datetime(2026, 3, 1, 8) + timedelta(minutes=draw.randrange(300_000))
    shared = {
        "id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "subject": {"reference": f"Patient/p{number}"},
    }
    if draw.random() < 0.5:
        shared["encounter"] = {"reference": f"Encounter/v{number}"}
    moment = when.isoformat() + "+08:00"
    return draw.choices((pressure, laboratory, diagnosis, prescription), (40, 40, 10, 10))[0](draw, shared, moment)


def pressure(draw: random.Random, shared: dict, moment: str) -> dict:
    def part(code: str, display: str, value: int) -> dict:
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
            "valueQuantity": {
                "value": value,
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        }

    return {
        "resourceType": "Observation",
        **shared,
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                        "display": "Vital Signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel"}]},
        "effectiveDateTime": moment,
        "performer": [{"reference": "Practitioner/n1", "display": "李护士"}],
        "component": [
            part("8480-6", "Systolic blood pressure", draw.randrange(95, 190)),
            part("8462-4", "Diastolic blood pressure", draw.randrange(50, 95)),
        ],
    }


def laboratory(draw: random.Random, shared: dict, moment: str) -> dict:
    code, name, unit, low, high = draw.choice(
        (
            ("718-7", "血红蛋白", "g/L", 115, 150),
            ("14749-6", "葡萄糖", "mmol/L", 3, 11),
            ("2823-3", "钾", "mmol/L", 3, 6),
            ("1742-6", "丙氨酸氨基转移酶", "U/L", 7, 90),
        )
    )
    value = round(draw.uniform(low, high), 2)
    quantity = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {
        "resourceType": "Observation",
        **shared,
        "identifier": [{"system": "urn:lis", "value": f"L{draw.randrange(10**9)}"}],
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}], "text": name},
        "effectiveDateTime": moment,
        "issued": moment.replace("T", "T").replace(":00+08:00", ":30+08:00"),
        "performer": [{"reference": "Practitioner/t1", "display": "王检验师"}],
        "valueQuantity": {"value": value, **quantity},
        "interpretation": [{"coding": [{"code": draw.choice("NHL")}]}],
        "referenceRange": [{"low": {"value": low, **quantity}, "high": {"value": high, **quantity}}],
    }


def diagnosis(draw: random.Random, shared: dict, moment: str) -> dict:
    code, name = draw.choice((("I10", "原发性高血压"), ("E11.9", "2型糖尿病"), ("J06.9", "急性上呼吸道感染")))
    return {
        "resourceType": "Condition",
        **shared,
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "category": [{"coding": [{"code": "encounter-diagnosis"}]}],
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code, "display": name}], "text": name},
        "recordedDate": moment,
        "asserter": {"reference": "Practitioner/d1", "display": "赵医生"},
    }


def prescription(draw: random.Random, shared: dict, moment: str) -> dict:
    return {
        "resourceType": "MedicationRequest",
        **shared,
        "identifier": [{"system": "urn:his", "value": f"R{draw.randrange(10**9)}"}],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.whocc.no/atc", "code": "C08CA01", "display": "氨氯地平"}],
            "text": "苯磺酸氨氯地平片 5mg",
        },
        "authoredOn": moment,
        "requester": {"reference": "Practitioner/d1", "display": "赵医生"},
        "dosageInstruction": [
            {
                "text": "每日一次，每次一片",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
                "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 28, "unit": "片"}},
    }


# -- requests as they go over the wire -------------------------------------------------------------------------------


def post(path: str, resource: dict, headers: str) -> bytes:
    body = json.dumps(resource, ensure_ascii=False).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Type: application/fhir+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def get(path: str, headers: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def keep(requests: list[bytes]) -> Path:
    path = HOME / f"requests-{uuid.uuid4().hex}"
    path.write_bytes(b"".join(struct.pack(">I", len(request)) + request for request in requests))
    return path


# -- running and measuring -------------------------------------------------------------------------------------------


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its descendants, ended ones included."""
    total = 0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12]) + (int(fields[13]) + int(fields[14]) if one == pid else 0)
    return total / TICK


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


def postmaster(home: Path) -> int:
    known = postgres.recorded(home)
    assert known
    return int((known.place / "data" / "postmaster.pid").read_text().split()[0])


def prepare(url: str) -> str:
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


def limits(headers: str, database: int, seconds: float) -> list[Measured]:
    """Measure the same requests against an empty ASGI application."""
    draw = random.Random(1)
    writes = [post("/fhir/Observation", pressure(draw, clinical(draw), "2026-03-01T09:00:00+08:00"), headers)] * 200_000
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "asgi",
        "--port",
        str(port),
        "--workers",
        "1",
        "echo:app",
    ]
    with running(command, port, PYTHONPATH=str(HERE)) as server:
        context = {"port": port, "server": server, "database": database}
        return [load("空 ASGI 应用，同样的 POST", writes, seconds=seconds, **context)]


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else ROUND
    try:
        with postgres.in_use(HOME) as cluster:
            url = cluster.url()
            headers = prepare(url)
            database = postmaster(HOME)
            found = measure(url, headers, database, seconds) + limits(headers, database, seconds)
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
