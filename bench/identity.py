"""Registration of patients by the file, beside PostgreSQL's own COPY of the rows it makes.

    .venv/bin/python bench/identity.py [rows]

Starts a PostgreSQL of its own in a temporary folder. The reference is a binary COPY of the finished rows of the
four tables into empty tables with the same indexes and constraints, in the same run.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg

HOME = Path(tempfile.mkdtemp(prefix="kangqiao-bench-"))
os.environ |= {"KANGQIAO_HOME": str(HOME), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection as django_connection  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from kangqiao.identity.rules import CHECK_CHARACTERS, WEIGHTS  # noqa: E402
from kangqiao.identity.services import DECLARED, Registration, Source, ensure_patients, register_patients  # noqa: E402
from kangqiao.infra import postgres  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

TABLES = ("identity_patient", "identity_resident", "identity_residentidentifier", "identity_link")
FOREIGN_KEYS = tuple(
    f"ALTER TABLE {table} ADD FOREIGN KEY ({column}) REFERENCES {other} DEFERRABLE INITIALLY DEFERRED"
    for table, column, other in (
        ("identity_link", "patient_id", "identity_patient"),
        ("identity_link", "resident_id", "identity_resident"),
        ("identity_residentidentifier", "resident_id", "identity_resident"),
    )
)
"""What the tables do without, to know what that saves."""
STAGING = f"CREATE UNLOGGED TABLE staging ({DECLARED})"
FILLED = ", ".join(Registration._fields[:7])


def staging_rows(count: int, *, seed: int = 1, keyless: float = 0.1) -> str:
    """Return `count` different people as COPY text for institution 1; a tenth of them have no key."""
    random = np.random.default_rng(seed)
    days = np.datetime64("1930-01-01") + random.integers(0, 35_000, count)
    dates = np.datetime_as_string(days)
    bodies = [
        f"{region}{day[:4]}{day[5:7]}{day[8:]}{order:03d}"
        for region, day, order in zip(
            530900 + random.integers(2, 28, count), dates, random.integers(0, 1000, count), strict=True
        )
    ]
    digits = np.frombuffer("".join(bodies).encode(), dtype=np.uint8).reshape(count, 17) - 48
    checks = np.array(list(CHECK_CHARACTERS))[(digits * np.array(WEIGHTS)).sum(axis=1) % 11]
    surnames = np.array(list("李王张杨赵罗周字鲁刀肖鲍田陈"))[random.integers(0, 14, count)]
    given = np.array(list("明华芳秀英国强丽娜军艳玲红平静"))[random.integers(0, 15, (2, count))]
    without = random.random(count) < keyless
    numbers = random.permutation(count * 3)[:count]
    lines = (
        f"1\t{number:010d}\t{surname}{one}{two}\t{2 - body_digit % 2}\t{day}\t"
        + ("\\N\t\\N" if none else f"01\t{body}{check}")
        for number, surname, one, two, body_digit, day, none, body, check in zip(
            numbers, surnames, *given, digits[:, 16], dates, without, bodies, checks, strict=True
        )
    )
    return "\n".join(lines) + "\n"


class Bench:
    """Times verbs on one database and remembers the rates."""

    def __init__(self, url: str, rows: int) -> None:
        self.url, self.rows = url, rows
        self.table = Table("what", "rows", "seconds", "rows/s", "of COPY", "CPU s", "of COPY by CPU")
        self.limit = self.limit_by_cpu = 0.0

    def time(self, title: str, rows: int, act: Callable[[psycopg.Connection], object]) -> tuple[float, float]:
        """Run the act in one committed transaction, add a line to the table; return rows/s by clock and by CPU."""
        with psycopg.connect(self.url) as connection:
            before, started = cpu_seconds(connection), time.perf_counter()
            act(connection)
            connection.commit()
            seconds, cpu = time.perf_counter() - started, cpu_seconds(connection) - before
        rates = rows / seconds, rows / cpu
        limits = self.limit or rates[0], self.limit_by_cpu or rates[1]
        ratios = [f"{rate / limit:.2f}" for rate, limit in zip(rates, limits, strict=True)]
        self.table.add_row(title, f"{rows:,}", f"{seconds:.2f}", f"{rates[0]:,.0f}", ratios[0], f"{cpu:.2f}", ratios[1])
        return rates

    def execute(self, *statements: str) -> None:
        """Run statements outside the measured time."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def stage(self, text: str) -> None:
        """Fill the staging table."""
        self.execute("DROP TABLE IF EXISTS staging", STAGING)
        command = f"COPY staging ({FILLED}) FROM STDIN"
        with psycopg.connect(self.url) as connection, connection.cursor().copy(command) as copy:
            copy.write(text)
        self.execute("ANALYZE staging")

    def reference(self) -> None:
        """COPY the finished rows into empty twins of the four tables; its rate per patient is the limit."""
        contents = {}
        for name in TABLES:
            self.execute(f"CREATE TABLE twin_{name} (LIKE {name} INCLUDING ALL)")
            command = f"COPY {name} TO STDOUT (FORMAT binary)"
            with psycopg.connect(self.url) as connection, connection.cursor().copy(command) as copy:
                contents[name] = b"".join(copy)

        def load(connection: psycopg.Connection) -> None:
            for name, content in contents.items():
                with connection.cursor().copy(f"COPY twin_{name} FROM STDIN (FORMAT binary)") as copy:
                    copy.write(content)

        self.limit, self.limit_by_cpu = self.time("COPY of the finished rows, four tables", self.rows, load)


def cpu_seconds(connection: psycopg.Connection) -> float:
    """Return what the connection's server process has spent: steadier than the clock on a shared machine."""
    fields = Path(f"/proc/{connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    rows = int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else 1_000_000
    with postgres.in_use(HOME) as running:
        url = running.url()
        django_connection.settings_dict.update(database_settings(url))
        call_command("migrate", verbosity=0)
        django_connection.close_pool()
        measure(Bench(url, rows))


def measure(bench: Bench) -> None:
    """Register a file into empty tables, compare, and then do what comes after it."""
    rows, people = bench.rows, staging_rows(bench.rows)

    def register(connection: psycopg.Connection) -> object:
        return register_patients(connection, source=Source.table("staging"), actor_id=None)

    def ensure(connection: psycopg.Connection) -> object:
        return ensure_patients(connection, source=Source.table("staging"), actor_id=None)

    bench.stage(people)
    by_clock, by_cpu = bench.time("registrations into empty tables", rows, register)
    bench.reference()
    bench.execute(*(f"DROP TABLE twin_{name}" for name in TABLES), *(f"VACUUM ANALYZE {name}" for name in TABLES))
    bench.table.columns[4]._cells[0] = f"{by_clock / bench.limit:.2f}"
    bench.table.columns[6]._cells[0] = f"{by_cpu / bench.limit_by_cpu:.2f}"
    bench.time("the same file again", rows, register)
    bench.execute("UPDATE staging SET institution_id = 2")
    bench.time("the same people at a second institution", rows, register)
    bench.execute("UPDATE staging SET institution_id = 3")
    bench.time("patients named by records only", rows, ensure)
    bench.time("the same records again", rows, ensure)
    bench.execute(*(f"VACUUM ANALYZE {name}" for name in TABLES))
    bench.time("their registrations arrive: linked anew", rows, register)
    bench.execute(*(f"VACUUM ANALYZE {name}" for name in TABLES))
    one_by_one(bench)
    bench.execute(f"TRUNCATE {', '.join(TABLES)}", *FOREIGN_KEYS)
    bench.time("registrations into empty tables with foreign keys", rows, register)
    Console(width=110).print(bench.table)


def one_by_one(bench: Bench) -> None:
    """Single registrations, each in its own transaction, and groups of 32, as the FHIR door sends them."""
    for group, title in ((1, "one registration per transaction"), (32, "32 registrations per transaction")):
        rows = [
            Registration(9, f"{group}-{number}", "李明", "1", None, "03", f"G{group:02d}{number:06d}")
            for number in range(group * 500)
        ]

        def register(connection: psycopg.Connection, rows: list[Registration] = rows, group: int = group) -> None:
            for first in range(0, len(rows), group):
                some = Source.registrations(rows[first : first + group])
                register_patients(connection, source=some, actor_id=None)
                connection.commit()

        bench.time(title, len(rows), register)


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
