"""The record view with millions of rows in the database.

    .venv/bin/python bench/record_view.py [rows ...]        (default 1000000 10000000)

Starts a PostgreSQL of its own in a temporary folder, fills the real tables with rows that lie as intake leaves them
(month by month, institution by institution), and reads the records of residents drawn at random through the running
application, 8 clients at a time: the JSON door, the timeline in place, the whole page. Beside them in the same run: a
page that asks the database one trivial question, and the statement alone. Writes docs/record-view-benchmark.md.
"""

import asyncio
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

HOME = Path(os.environ.setdefault("KANGQIAO_HOME", tempfile.mkdtemp(prefix="kangqiao-bench-")))
os.environ["DJANGO_SETTINGS_MODULE"] = "kangqiao.wiring.settings"
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import asyncpg  # noqa: E402
import django  # noqa: E402

django.setup()

import psycopg  # noqa: E402
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from rich.console import Console  # noqa: E402

from kangqiao.infra import postgres  # noqa: E402
from kangqiao.records.timeline import Wanted, numbered, timeline_sql  # noqa: E402
from kangqiao.records.views import PURPOSE  # noqa: E402
from kangqiao.standards.data_set import DataSet, Record, data_sets  # noqa: E402
from kangqiao.standards.fields import Coded, Codes, Date, Element, Flag, Link, Moment, Text  # noqa: E402
from kangqiao.trust.actors import system_actor  # noqa: E402
from kangqiao.trust.services import create_account, issue_token  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

console = Console()
REPORT = Path(__file__).parents[1] / "docs" / "record-view-benchmark.md"
CLIENTS = 8
REQUESTS = {"health": 2000, "json": 4000, "timeline": 1600, "page": 800}
WARM = 0.15

INSTITUTIONS = 300
YEARS = 6
ROWS_PER_RESIDENT = 100
SHARES = {
    "charge-item": 30,
    "lab-result": 22,
    "medical-order": 10,
    "prescription-item": 9,
    "vital-signs": 7,
    "diagnosis": 5,
    "outpatient-encounter": 4,
    "charge": 4,
    "prescription": 3,
    "lab-report": 2,
    "exam-report": 1,
    "hypertension-follow-up": 1,
    "vaccination": 1,
    "physical-examination": 0.5,
    "diabetes-follow-up": 0.5,
    "inpatient-stay": 0.4,
    "operation": 0.1,
    "allergy": 0.1,
    "archive-cover": 0.2,
    "patient-registration": 0.3,
}
FILLED = 0.55
"""How many of the optional elements a row has."""
VOCABULARY = 40
"""How many diseases, drugs and laboratory items there are."""
WORDS = "患者自述反复头晕乏力伴心悸三月余加重一周血压控制不佳建议低盐饮食规律服药按时复诊监测空腹血糖变化情况"


def fill(session: psycopg.Connection, rows: int) -> None:
    """Replace the people and records of the database by `rows` rows of random residents."""
    for table in ("identity_link", "identity_patient", "identity_residentidentifier", "identity_resident"):
        session.execute(f"TRUNCATE {table} CASCADE")
    residents = rows // ROWS_PER_RESIDENT
    session.execute("SELECT setseed(0.5)")
    session.execute(
        f"""INSERT INTO identity_resident (id, name, sex, birth_date, state)
            SELECT uuidv7(), '居民' || n, (1 + n % 2)::text, date '1935-01-01' + (random() * 30000)::int, 'confirmed'
              FROM generate_series(1, {residents}) n"""
    )
    session.execute(
        """CREATE TEMP TABLE person AS
            SELECT row_number() OVER () AS n, id AS resident_id, exp(0.7 * random_normal() - 0.25) AS weight,
                   1 + (random() ^ 2 * 6)::int AS places
              FROM identity_resident"""
    )
    session.execute(
        f"""INSERT INTO identity_patient (id, institution_id, local_number, name, sex, birth_date, registered)
            SELECT DISTINCT ON (institution_id, n)
                   uuidv7(), institution_id, 'P' || n, '居民' || n, '1', '1960-01-01', true
              FROM (SELECT n, 1 + (random() ^ 2 * {INSTITUTIONS - 1})::int AS institution_id
                      FROM person, generate_series(1, places)) drawn"""
    )
    session.execute(
        """INSERT INTO identity_link (id, patient_id, resident_id, reason)
           SELECT uuidv7(), patient.id, person.resident_id, 'citizen_id'
             FROM identity_patient patient JOIN person ON patient.local_number = 'P' || person.n"""
    )
    session.execute(
        """CREATE TEMP TABLE drawn_patient AS
           SELECT patient_id, institution_id, (row_number() OVER () - 1)::int AS slot
             FROM (SELECT patient.id AS patient_id, patient.institution_id
                     FROM identity_patient patient JOIN person ON patient.local_number = 'P' || person.n,
                          generate_series(1, greatest(1, (weight * 20 / places)::int))
                    ORDER BY random()) shuffled"""
    )
    session.execute("CREATE UNIQUE INDEX ON drawn_patient (slot)")
    session.execute("ANALYZE drawn_patient")
    (slots,) = session.execute("SELECT count(*) FROM drawn_patient").fetchone()
    share = sum(SHARES.get(word, 0.2) for word in data_sets())
    for word, data_set in data_sets().items():
        began = time.perf_counter()
        count = int(rows * SHARES.get(word, 0.2) / share)
        session.execute(f"TRUNCATE {data_set.table()}")
        session.execute(insert_sql(data_set, count, slots))
        seconds = time.perf_counter() - began
        console.print(f"  {word:24} {count:>9,} rows {count / seconds:>9,.0f} rows/s")
    session.execute("DROP TABLE person, drawn_patient")


def insert_sql(data_set: type[DataSet], count: int, slots: int) -> str:
    """Return the statement that fills a data set's table month by month, institution by institution."""
    values = {
        "id": "uuidv7()",
        "institution_id": "institution_id",
        "patient_id": "patient_id",
        "source_key": "to_char(occurred_at, 'YYYYMMDD') || lpad(n::text, 10, '0')",
        "occurred_at": "occurred_at",
        "revised_at": "occurred_at + interval '1 hour'",
        "received_at": "date_trunc('month', occurred_at) + interval '1 month'",
        "batch_id": "md5(institution_id || to_char(occurred_at, 'YYYYMM'))::uuid",
        "version": "1",
        "voided": "random() < 0.005",
    }
    names = [field.column for field in data_set._meta.local_fields]
    listed = ", ".join(values.get(name) or value_sql(data_set, name) for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"""INSERT INTO {data_set.table()} ({quoted})
        SELECT {listed} FROM (
            SELECT n, drawn.institution_id, drawn.patient_id, occurred_at
              FROM (SELECT n, (random() * {slots - 1})::int AS slot,
                           now() - random() * interval '{YEARS} years' AS occurred_at
                      FROM generate_series(1, {count}) n OFFSET 0) event
              JOIN drawn_patient drawn USING (slot)
             ORDER BY date_trunc('month', occurred_at), drawn.institution_id) row_in_order"""


def value_sql(data_set: type[DataSet], name: str) -> str:
    """Return an expression for a plausible value of an element, missing in its share of rows."""
    field = data_set.element(name)
    if issubclass(data_set, Record) and field is data_set.occurred.field:
        return "occurred_at"
    value = _some(field)
    needed = field.required is True or (isinstance(field.companion_of, Coded) and field.companion_of.name_required)
    return value if needed else f"CASE WHEN random() < {FILLED} THEN {value} END"


def _some(field: Element) -> str:
    owner = field.companion_of
    if isinstance(owner, Coded):
        return f"'名称' || n % {VOCABULARY}"
    if isinstance(field, Coded) and field.named:
        return f"(n % {VOCABULARY})::text"
    kinds = (
        (Link, _key),
        (Codes, _codes),
        (Coded, _code),
        (Flag, _flag),
        (Date, _day),
        (Moment, _moment),
        (Text, _text),
    )
    return next((value for kind, value in kinds if isinstance(field, kind)), _number)(field)


def _key(_: Any) -> str:
    return "to_char(occurred_at, 'YYYYMMDD') || lpad((n / 8)::text, 10, '0')"


def _codes(field: Codes) -> str:
    return f"ARRAY[{_code(field)}]"


def _code(field: Coded | Codes) -> str:
    codes = list(field.value_set.codes)[:8] or ["1"]
    listed = ", ".join(f"'{code}'" for code in codes)
    return f"(ARRAY[{listed}])[1 + (random() * {len(codes) - 1})::int]"


def _flag(_: Any) -> str:
    return "random() < 0.5"


def _day(_: Any) -> str:
    return "occurred_at::date"


def _moment(_: Any) -> str:
    return "occurred_at"


def _text(field: Text) -> str:
    return f"substr('{WORDS}', 1 + (random() * 20)::int, 2 + (random() * {min(field.limit, 60) / 4})::int)"


def _number(field: Any) -> str:
    low, high = field.plausible or (1, 100)
    return f"round(({low} + random() * ({high} - ({low})))::numeric, {1 if field.duckdb_type == 'DOUBLE' else 0})"


_VALUES = {Link: _key, Codes: _codes, Coded: _code, Flag: _flag, Date: _day, Moment: _moment, Text: _text}


# -- asking ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Times:
    """How long answers took, in milliseconds."""

    p50: float
    p95: float
    p99: float
    per_second: float
    size: int


@dataclass(frozen=True)
class Keys:
    """What opens the doors."""

    token: str
    session: str


def ask(port: int, paths: list[str], header: str, clients: int = CLIENTS) -> Times:
    """Send the requests over as many kept connections and return the times. Raises for any answer but 200."""
    return asyncio.run(_ask(port, paths, header, clients))


async def _ask(port: int, paths: list[str], header: str, clients: int) -> Times:
    waiting, times, sizes = iter(paths), [], []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in waiting:
            began = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
            sizes.append(await _read_answer(reader))
            times.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    took = time.perf_counter() - began
    times.sort()
    share = [times[min(int(len(times) * part), len(times) - 1)] for part in (0.5, 0.95, 0.99)]
    return Times(*share, len(times) / took, sum(sizes) // len(sizes))


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    if " 200 " not in head.partition("\r\n")[0]:
        raise RuntimeError(head.partition("\r\n")[0])
    if "content-length:" in head:
        return len(await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0])))
    size = 0
    while length := int(await reader.readline(), 16):
        size += len(await reader.readexactly(length + 2)) - 2
    await reader.readexactly(2)
    return size


async def statement_alone(url: str, residents: list[str]) -> Times:
    """Time the timeline's statement on one connection, one after the other."""
    session = await asyncpg.connect(url)
    statement, times = await session.prepare(timeline_sql(numbered)), []
    for index, resident in enumerate(residents):
        began = time.perf_counter()
        await statement.fetch(*Wanted().arguments(resident))
        if index > len(residents) * WARM:
            times.append((time.perf_counter() - began) * 1000)
    await session.close()
    times.sort()
    share = [times[int(len(times) * part)] for part in (0.5, 0.95, 0.99)]
    return Times(*share, 1000 * len(times) / sum(times), 0)


# -- the application ---------------------------------------------------------------------------------------------------


def prepare_keys() -> Keys:
    """Create a clinician with a session in which the purpose is known, and a token."""
    actor = system_actor("bench")
    account = create_account(
        username=f"bench-{int(time.time())}",
        display_name="压测",
        roles=["clinician"],
        institution_id=1,
        actor=actor,
        must_change_password=False,
    ).account
    session = SessionStore()
    session[SESSION_KEY] = str(account.id)
    session[BACKEND_SESSION_KEY] = "kangqiao.trust.http.AccountBackend"
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session[PURPOSE] = "treatment"
    session.create()
    token = issue_token(
        institution_id=1,
        name="bench",
        permissions=["records:timeline:read"],
        valid_until=timezone.now() + timedelta(days=1),
        actor=actor,
    )
    return Keys(token.plain, session.session_key)


@contextmanager
def application() -> Iterator[int]:
    """Run the web process as `kangqiao up` does, and yield its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (HOME / "web.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kangqiao.wiring.web"],
            env=os.environ | {"KANGQIAO_PORT": str(port)},
            stdout=log,
            stderr=log,
        )
        try:
            _wait(port)
            yield port
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            ask(port, ["/health"], "Connection: keep-alive")
        except (OSError, RuntimeError):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the application did not come up: {HOME / 'web.log'}")


def measure(url: str) -> dict[str, Times]:
    """Return the times of every question, asked of residents drawn at random."""
    with psycopg.connect(url) as session:
        known = [str(row[0]) for row in session.execute("SELECT id FROM identity_resident")]
    keys, draw = prepare_keys(), random.Random(1)
    doors = {
        "health": ("/health", ""),
        "json": ("/api/records/residents/{}/timeline?purpose=treatment", f"Authorization: Bearer {keys.token}"),
        "timeline": ("/records/residents/{}/timeline", f"Cookie: sessionid={keys.session}\r\nHX-Request: true"),
        "page": ("/records/residents/{}", f"Cookie: sessionid={keys.session}"),
    }
    times = {"statement alone": asyncio.run(statement_alone(url, [draw.choice(known) for _ in range(3000)]))}
    with application() as port, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as clients:
        for name, (path, header) in doors.items():
            paths = [path.format(draw.choice(known)) for _ in range(REQUESTS[name])]
            header = header or "Accept: */*"  # noqa: PLW2901
            clients.submit(ask, port, paths[: int(len(paths) * WARM)], header).result()
            times[name] = clients.submit(ask, port, paths, header).result()
            times[f"{name} alone"] = clients.submit(ask, port, paths[: len(paths) // 4], header, 1).result()
            console.print(f"  {name:10} p50 {times[name].p50:6.1f} ms  p99 {times[name].p99:6.1f} ms")
    return times


# -- the report --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """A data set's table: rows, and bytes per row in the table itself and in its indexes."""

    title: str
    rows: int
    heap: float
    indexes: float


def tables(session: psycopg.Connection) -> list[Table]:
    """Return the size of every data set's table, the largest first."""
    found = []
    for data_set in data_sets().values():
        name = data_set.table()
        rows, heap, indexes = session.execute(
            f"SELECT count(*), pg_table_size('{name}'), pg_indexes_size('{name}') FROM {name}"
        ).fetchone()
        found.append(Table(data_set.title, rows, heap / max(rows, 1), indexes / max(rows, 1)))
    return sorted(found, key=lambda each: -each.rows)


def write_report(runs: dict[int, dict[str, Times]], sizes: list[Table]) -> None:
    """Write the Markdown page with the table of times and the table of sizes."""
    counts = list(runs)
    titles = {
        "statement": "the statement without a door (asyncpg, prepared)",
        "json": "JSON door `GET /api/records/residents/{id}/timeline`, 40 rows",
        "timeline": "the timeline in place (htmx)",
        "page": "the whole page",
        "health": "for comparison: `/health`, one trivial query through Django",
    }
    lines = [
        "# Record view",
        "",
        f"`.venv/bin/python bench/record_view.py {' '.join(map(str, counts))}`, {timezone.localdate()}, "
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL embedded; "
        f"{CLIENTS} clients on the same machine as application and database; residents drawn at random, "
        f"{ROWS_PER_RESIDENT} rows each on average; every request writes its audit entry. Milliseconds.",
        "",
        "| | clients | "
        + " | ".join(f"{count:,} rows: p50 / p95 / p99" for count in counts)
        + " | answers/s | bytes |",
        "|---|" + "---|" * (len(counts) + 3),
    ]
    for name, title in titles.items():
        for clients, word in ((CLIENTS, name), (1, f"{name} alone")):
            told = [runs[count][word] for count in counts if word in runs[count]]
            cells = " | ".join(f"{each.p50:.1f} / {each.p95:.1f} / {each.p99:.1f}" for each in told)
            if told:
                lines.append(f"| {title} | {clients} | {cells} | {told[-1].per_second:,.0f} | {told[-1].size or '–'} |")
    lines += ["", "## Bytes per row", "", "| data set | rows | table | indexes | together |", "|---|---|---|---|---|"]
    lines += [
        f"| {each.title} | {each.rows:,} | {each.heap:.0f} | {each.indexes:.0f} | {each.heap + each.indexes:.0f} |"
        for each in sizes
    ]
    rows = sum(each.rows for each in sizes)
    heap, indexes = (sum(getattr(each, part) * each.rows for each in sizes) / rows for part in ("heap", "indexes"))
    lines.append(f"| **all** | {rows:,} | {heap:.0f} | {indexes:.0f} | **{heap + indexes:.0f}** |")
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    console.print(REPORT.read_text(encoding="utf-8"), markup=False)


def main() -> None:
    """Fill, measure and report, once per number of rows."""
    counts = [int(word) for word in sys.argv[1:]] or [1_000_000, 10_000_000]
    runs: dict[int, dict[str, Times]] = {}
    with postgres.in_use(HOME) as running:
        connection.settings_dict.update(database_settings(running.url()))
        call_command("migrate", verbosity=0)
        with psycopg.connect(running.url(), autocommit=True) as session:
            for count in counts:
                console.print(f"[bold]{count:,} rows[/bold]")
                fill(session, count)
                session.execute("VACUUM ANALYZE")
                with psycopg.connect(running.superuser_url(), autocommit=True) as superuser:
                    superuser.execute("CHECKPOINT")
                runs[count] = measure(running.url())
            sizes = tables(session)
        connection.close()
    write_report(runs, sizes)


if __name__ == "__main__":
    try:
        main()
    finally:
        shutil.rmtree(HOME, ignore_errors=True)
