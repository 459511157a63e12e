"""Matching in the product: everybody anew, some more, one at a time, and through HTTP, on the real tables.

    .venv/bin/python bench/matching.py [people] [registrations per person] [seed]     (default 226_000 4.4 2)

Registrations with planted mess come from `kangqiao.simulation.identities`; the last part of them arrives later. Starts
a PostgreSQL of its own in a temporary folder. The reference is a bare look-up by primary key on the same connection
in the same run.
"""

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from pathlib import Path

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
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from kangqiao.identity.duckdb_rules import with_document_key  # noqa: E402
from kangqiao.identity.matching import match_waiting  # noqa: E402
from kangqiao.identity.rematching import rematch  # noqa: E402
from kangqiao.identity.services import DECLARED, Source, register_patients  # noqa: E402
from kangqiao.infra import postgres  # noqa: E402
from kangqiao.simulation.identities.generating import generate_identities  # noqa: E402
from kangqiao.trust.actors import system_actor  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

TODAY = date(2026, 10, 31)
DEFAULTS = (226_000, 4.4, 2)
LATER = 10_000
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
    table = Table("what", "count", "seconds", "per second")
    load = loader(url, folder)
    records = pq.read_metadata(folder / "records.parquet").num_rows
    with timed(table, "registered (intake's statements)", records - LATER):
        load(0, records - LATER)
    with timed(table, "everybody compared from scratch", records - LATER):
        found = rematch(actor=SYSTEM, say=progress())
    console.print(found, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")
    load(records - LATER, records)
    with timed(table, "new ones compared", LATER):
        console.print(match_waiting(actor=SYSTEM))
    console.print(table)
    tell_truth(url, folder)


def loader(url: str, folder: Path) -> Callable[[int, int], None]:
    """Return what registers records from one to another number."""
    session = duckdb.connect(config={"threads": 2})
    keyed = with_document_key(
        f"read_parquet('{folder / 'records.parquet'}')",
        type_column="document_type",
        number_column="document_number",
        today=TODAY,
    )
    columns = [column.split(" ")[0] for column in DECLARED.split(", ")]

    def load(first: int, end: int) -> None:
        for start in range(first, end, PIECE):
            some = session.sql(
                f"""SELECT institution, local_number, name, sex, birth_date, key_type, key_number,
                           CASE WHEN key_number IS NULL THEN document_number END, health_card, NULL, phone, division,
                           mother_name, mother_document, registered_at
                      FROM ({keyed}) WHERE record >= {start} AND record < {min(start + PIECE, end)}"""
            )
            some.write_csv(str(HOME / "piece.csv"), header=False)
            with psycopg.connect(url) as connection:
                connection.execute(f"CREATE TEMP TABLE arriving ({DECLARED})")
                with connection.cursor().copy("COPY arriving FROM STDIN (FORMAT csv)") as copy:
                    copy.write((HOME / "piece.csv").read_bytes())
                register_patients(connection, source=Source.table("arriving"), actor_id=None)

    assert len(columns) == 15
    return load


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
