"""Matching in the product: everybody anew, some more, one at a time, and through HTTP, on the real tables.

    .venv/bin/python bench/matching.py [people] [registrations per person] [seed]     (default 226_000 4.4 2)

Registrations with planted mess come from `kangqiao.simulation.identities`; the last part of them arrives later. Starts
a PostgreSQL of its own in a temporary folder. The references are a look-up by primary key and a row committed alone, on
the same connection in the same run; Splink answers the same question beside it.
"""

import gc
import json
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOME = Path(tempfile.mkdtemp(prefix="kangqiao-bench-"))
os.environ |= {"KANGQIAO_HOME": str(HOME), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import django  # noqa: E402

django.setup()

import duckdb  # noqa: E402
import numpy as np  # noqa: E402
import psycopg  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection as django_connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from kangqiao.identity.duckdb_rules import with_document_key  # noqa: E402
from kangqiao.identity.likeness import Demographics, likeliest, match, question_of  # noqa: E402
from kangqiao.identity.matching import match_waiting  # noqa: E402
from kangqiao.identity.registering import register_together  # noqa: E402
from kangqiao.identity.rematching import rematch  # noqa: E402
from kangqiao.identity.services import DECLARED, Registration, Source, register_patients  # noqa: E402
from kangqiao.infra import postgres  # noqa: E402
from kangqiao.infra.postgres.statement import Session, Statement  # noqa: E402
from kangqiao.simulation.identities.generating import generate_identities  # noqa: E402
from kangqiao.trust.actors import system_actor  # noqa: E402
from kangqiao.trust.services import issue_token  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402
from linkage import splink_model  # the model of the benchmark of linkage  # noqa: E402

TODAY = date(2026, 10, 31)
DEFAULTS = (226_000, 4.4, 2)
LATER, EACH, WARM, BY_SPLINK = 10_000, 3_000, 200, 10
TOGETHER, CLIENTS = (1, 3, 4, 8), (1, 4, 32)
"""Questions or registrations at once; requests under way at the same time."""
ALONE = EACH * (2 + len(TOGETHER) + len(CLIENTS))
BY_KEY = Statement("SELECT institution_id, local_number, name FROM identity_patient WHERE id = %(id)s::uuid")
IN_ORDER = {
    "identity_clue": ("clue, patient_id",),
    "identity_traits": ("patient_id",),
    "identity_link": ("id", "resident_id"),
    "identity_patient": ("id", "institution_id, local_number"),
    "identity_resident": ("id", "name, birth_date"),
    "identity_residentidentifier": ("id", "resident_id"),
}
BARE_ROW = Statement("INSERT INTO bench_row VALUES (%(id)s::uuid)")
PIECE = 200_000
SYSTEM = system_actor("bench")
console = Console(width=130)


def main() -> None:
    """Generate, load, measure, print."""
    people, each, seed = (*map(float, sys.argv[1:]), *DEFAULTS[len(sys.argv) - 1 :])
    folder = HOME / "city"
    generate_identities(folder=folder, people=int(people), records_per_person=each, seed=int(seed))
    with postgres.in_use(HOME) as running:
        url = running.url()
        django_connection.settings_dict.update(database_settings(url))
        call_command("migrate", verbosity=0)
        measure(url, folder)
        django_connection.close()
        django_connection.close_pool()


def measure(url: str, folder: Path) -> None:
    """Load all but the last, compare everybody, then the last."""
    table = Table("what", "count", "seconds", "per second", "p50, ms", "p99, ms", "per CPU second")
    load, registrations = loader(url, folder)
    records = pq.read_metadata(folder / "records.parquet").num_rows - ALONE
    with timed(table, "registered (intake's statements)", records - LATER):
        load(0, records - LATER)
    settle(url)
    with timed(table, "everybody compared from scratch", records - LATER):
        found = rematch(actor=SYSTEM, say=progress())
    console.print(found, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    settle(url)
    load(records - LATER, records)
    with timed(table, "new ones compared", LATER):
        console.print(match_waiting(actor=SYSTEM))
    settle(url)
    tell_truth(url, folder)
    arriving = registrations(records, records + ALONE)
    parts = iter([arriving[start : start + EACH] for start in range(0, ALONE, EACH)])
    on_a_connection(table, url, arriving[-EACH:], parts)
    through_http(table, url, parts)
    with_splink(table, folder, records)
    console.print(table)


def on_a_connection(table: Table, url: str, described: list[Registration], parts: Iterator[list[Registration]]) -> None:
    """Look up keys, match without registering, register: one after the other on one connection and one core."""
    asked = [Demographics(**{word: getattr(each, word) for word in Demographics._fields}) for each in described]
    with Session.open(url) as raw, on_one_core(raw):
        gc.collect()
        gc.freeze()  # as the gateway does
        ids = [id for (id,) in raw.execute("SELECT id FROM identity_patient ORDER BY random() LIMIT 5000")]
        raw.execute("CREATE TABLE bench_row (id uuid)")
        each(table, "a patient by its key (reference)", raw, ids, lambda id: BY_KEY.rows(raw, {"id": id}))
        each(table, "a bare row, committed (reference)", raw, ids, lambda id: BARE_ROW.rows(raw, {"id": id}))
        asked_for(table, "who it may be, after loading", raw, asked, 1)
        read_all(raw)
        for size in TOGETHER:
            asked_for(table, together("who it may be", size), raw, asked, size)
        each(table, "who it may be, audited", raw, asked, lambda one: match(demographics=one, actor=SYSTEM, on=raw))
        registered(table, "registered first after loading, 8 together", raw, [*next(parts), *next(parts)], 8)
        for size in TOGETHER:
            registered(table, together("registered", size), raw, next(parts), size)


def together(title: str, size: int) -> str:
    """Name what is done with so many at once."""
    return f"{title}, {size} together" if size > 1 else title


def asked_for(table: Table, title: str, raw: Session, asked: list[Demographics], size: int) -> None:
    """Look up so many in one statement, without writing who asked."""
    some = [asked[start : start + size] for start in range(0, len(asked), size)]
    each(table, title, raw, some, lambda few: likeliest(raw, [question_of(one, today=TODAY) for one in few]), size=size)


def registered(table: Table, title: str, raw: Session, arriving: list[Registration], size: int) -> None:
    """Register so many in one transaction; each of them is answered when it ends."""
    told = [[(one, SYSTEM) for one in arriving[start : start + size]] for start in range(0, len(arriving), size)]
    each(table, title, raw, told, lambda some: take(register_together(some, on=raw)), size=size)


def take(outcomes: Iterator[tuple[int, object]]) -> None:
    """Wait for all of them; raise what one raised."""
    for _, outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


def read_all(raw: psycopg.Connection) -> None:
    """Read the tables of the index and their keys once, as a server has that was asked for some hours."""
    raw.execute("SET enable_seqscan = off")
    for table, keys in IN_ORDER.items():
        raw.execute(f"SELECT count(*) FROM {table} read WHERE read IS NOT NULL")
        for key in keys:
            raw.execute(f"SELECT count(*) FROM (SELECT FROM {table} ORDER BY {key}) read")
    raw.execute("SET enable_seqscan = on")


def through_http(table: Table, url: str, parts: Iterator[list[Registration]]) -> None:
    """The same from outside: so many clients, each sending one request after the other, to a server of its own."""
    token = issue_token(
        institution_id=1,
        name="bench",
        permissions=["identity:match"],
        valid_until=timezone.now() + timedelta(days=1),
        actor=SYSTEM,
    ).plain
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"KANGQIAO_DATABASE_URL": url, "KANGQIAO_PORT": str(port)}
    with (HOME / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "kangqiao.wiring.web"], env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(port)
        for clients in CLIENTS:
            said = [json_of(one) for one in next(parts)]
            registered = [one | {"local_number": f"http-{clients}-{number}"} for number, one in enumerate(said)]
            for title, path, bodies in (("match", "match", said), ("registration", "patients", registered)):
                send(port, path, bodies[:WARM], token, clients)
                told = send(port, path, bodies[WARM:], token, clients)
                half, most = (f"{told[share]:.2f}" for share in ("p50", "p99"))
                rate = f"{told['requests'] / told['seconds']:,.0f}"
                name = f"{title} through HTTP, {clients} at a time {dict(told['statuses'])}"
                table.add_row(name, f"{told['requests']:,}", f"{told['seconds']:.2f}", rate, half, most)
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def on_one_core(raw: psycopg.Connection) -> Iterator[None]:
    """Keep this process and the connection's server process, of which one waits while the other works, on one core."""
    before = os.sched_getaffinity(0)
    with suppress(PermissionError):
        os.sched_setaffinity(raw.info.backend_pid, {min(before)})
        os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


def with_splink(table: Table, folder: Path, first: int) -> None:
    """The same question asked of Splink, whose answer to one registration is a query over all: a few will do."""
    session = duckdb.connect(config={"threads": 2})
    linker, registrations = splink_model(folder, session)
    for word in ("name", "phone"):
        linker.table_management.compute_tf_table(word)
    spent = []
    for number in range(first, first + BY_SPLINK):
        session.execute(f"CREATE OR REPLACE TABLE arriving AS FROM registration WHERE unique_id = {number}")
        one = registrations.db_api.register("arriving")
        started = time.perf_counter()
        linker.inference.predict_between(registrations, one, threshold_match_probability=0.01).as_record_list()
        spent.append(time.perf_counter() - started)
    half = f"{1000 * float(np.median(spent)):,.0f}"
    table.add_row(
        "who it may be, by Splink", f"{len(spent)}", f"{sum(spent):.2f}", f"{len(spent) / sum(spent):.1f}", half
    )


def json_of(one: Registration) -> dict[str, str]:
    """Return a registration as the door takes it, without the number of the institution."""
    words = ("name", "sex", "birth_date", "health_card", "phone", "division", "mother_name")
    said = {word: getattr(one, word) for word in words}
    said |= {"document_type": one.key_type, "document_number": one.key_number or one.shown_number}
    return {word: str(value) for word, value in (said | {"mother_document": one.mother_number}).items() if value}


def send(port: int, path: str, bodies: list[dict[str, str]], token: str, clients: int) -> dict[str, Any]:
    """Post the bodies and return what the load generator measured."""
    with tempfile.NamedTemporaryFile(dir=HOME) as file:
        for each in bodies:
            body = json.dumps(each).encode()
            head = f"POST /api/identity/{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            request = head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body
            file.write(struct.pack(">I", len(request)) + request)
        file.flush()
        command = [sys.executable, str(HERE / "http_load.py"), str(port), str(clients), "120", file.name]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(300):
        time.sleep(0.1)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return


def each(
    table: Table, title: str, raw: psycopg.Connection, what: list, act: Callable[[Any], object], *, size: int = 1
) -> None:
    """Time every act, of `size` each, after a few to warm up; CPU of this process and of the server's for it."""
    for one in what[: WARM // size]:
        act(one)
    before, spent = time.process_time() + cpu_seconds(raw), []
    for one in what[WARM // size :]:
        started = time.perf_counter()
        act(one)
        spent.append(time.perf_counter() - started)
    cpu = time.process_time() + cpu_seconds(raw) - before
    half, most = (f"{1000 * float(np.percentile(spent, share)):.2f}" for share in (50, 99))
    done = len(spent) * size
    rates = f"{done / sum(spent):,.0f}", half, most, f"{done / cpu:,.0f}"
    table.add_row(title, f"{done:,}", f"{sum(spent):.2f}", *rates)


def cpu_seconds(connection: psycopg.Connection) -> float:
    """Return what the connection's server process has spent."""
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(url: str) -> None:
    """Do what autovacuum does on a quiet day, and wait until what was written is on the disk."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    os.sync()


def loader(url: str, folder: Path) -> tuple[Callable[[int, int], None], Callable[[int, int], list[Registration]]]:
    """Return what registers records from one to another number, and what reads them as registrations."""
    session = duckdb.connect(config={"threads": 2})
    keyed = with_document_key(
        f"read_parquet('{folder / 'records.parquet'}')",
        type_column="document_type",
        number_column="document_number",
        today=TODAY,
    )

    def some(first: int, end: int) -> duckdb.DuckDBPyRelation:
        return session.sql(
            f"""SELECT institution, local_number, name, sex, birth_date, key_type, key_number,
                       CASE WHEN key_number IS NULL THEN document_number END, health_card, NULL, phone, division,
                       mother_name, mother_document, registered_at, NULL, NULL, NULL
                  FROM ({keyed}) WHERE record >= {first} AND record < {end}"""
        )

    def load(first: int, end: int) -> None:
        for start in range(first, end, PIECE):
            some(start, min(start + PIECE, end)).write_csv(str(HOME / "piece.csv"), header=False)
            with psycopg.connect(url) as connection:
                connection.execute(f"CREATE TEMP TABLE arriving ({DECLARED})")
                with connection.cursor().copy("COPY arriving FROM STDIN (FORMAT csv)") as copy:
                    copy.write((HOME / "piece.csv").read_bytes())
                register_patients(connection, source=Source.table("arriving"), actor_id=None)

    return load, lambda first, end: [Registration(*row) for row in some(first, end).fetchall()]


@contextmanager
def timed(table: Table, title: str, count: int):
    """Time the block and add a line."""
    started = time.perf_counter()
    yield
    seconds = time.perf_counter() - started
    table.add_row(title, f"{count:,}", f"{seconds:.2f}", f"{count / seconds:,.0f}")


def progress() -> Callable[[str, int, int], None]:
    """Return what prints each step once with its time."""
    seen: dict[str, float] = {}

    def say(what: str, done: int, everything: int) -> None:
        if what not in seen:
            seen[what] = time.perf_counter()
            console.print(f"  {time.strftime('%H:%M:%S')} {what} {done}/{everything}")

    return say


def tell_truth(url: str, folder: Path) -> None:
    """Score the residents of the current links against the truth, and what the doubts are about."""
    truth = duckdb.sql(
        f"""SELECT institution, local_number, person FROM read_parquet('{folder / "truth.parquet"}')
              JOIN read_parquet('{folder / "records.parquet"}') USING (record)"""
    ).fetchall()
    person_of = {(institution, number): person for institution, number, person in truth}
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """SELECT institution_id, local_number, resident_id, patient_id FROM identity_link link
                 JOIN identity_patient patient ON patient.id = patient_id WHERE undone_at IS NULL"""
        ).fetchall()
        doubts = connection.execute(
            "SELECT kind, patient_id, other_patient_id FROM identity_doubt WHERE state = 'open'"
        ).fetchall()
    residents: dict[object, int] = {}
    found = np.array([residents.setdefault(row[2], len(residents)) for row in rows])
    person = np.array([person_of[row[0], row[1]] for row in rows])
    both, of_found, of_person = pairs(person * 100_000_000 + found), pairs(found), pairs(person)
    precision, recall = both / of_found, both / of_person
    console.print(
        f"pairs: precision {precision:.5f} recall {recall:.5f} F1 {2 * precision * recall / (precision + recall):.5f}"
    )
    by_patient = {row[3]: truly for row, truly in zip(rows, person.tolist(), strict=True)}
    table = Table("doubt", "open", "of them one person", "of registrations")
    for kind in sorted({kind for kind, *_ in doubts}):
        of_kind = [by_patient[one] == by_patient[other] for each, one, other in doubts if each == kind]
        table.add_row(kind, f"{len(of_kind):,}", f"{sum(of_kind):,}", f"{100 * len(of_kind) / len(rows):.2f} %")
    console.print(table)


def pairs(group: np.ndarray) -> float:
    """Return how many pairs there are within groups."""
    size = np.unique(group, return_counts=True)[1].astype(np.float64)
    return float((size * (size - 1) / 2).sum())


def remove() -> None:
    """Remove the server's folder, which may lie outside of the home where the home is not open to its user."""
    known = postgres.recorded(HOME)
    postgres.Cluster(home=HOME).stop()
    if known:
        shutil.rmtree(known.place, ignore_errors=True)
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        main()
    finally:
        remove()
