"""Intake end to end: files on disk → committed, indexed, versioned, receipt written; beside PostgreSQL's own COPY.

    .venv/bin/python bench/intake.py [residents] [runs]        (default 20000 3)

A synthetic city is generated once: some eighty deliveries of some fourteen files each. Its Parquet files are also
merged into one delivery with one large file per data set. Each run loads one or the other into a fresh database, in a
process of its own, and then copies the very rows that were stored (binary COPY) into empty tables with the same
indexes: the limit.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

RUN = "--run"
FACT_TABLES = ("identity_patient", "identity_resident", "identity_residentidentifier", "identity_link")
console = Console(width=120)


def main() -> None:
    """Generate a city, load it several times, print the table."""
    if sys.argv[1:2] == [RUN]:
        print(json.dumps(_run(Path(sys.argv[2]), Path(sys.argv[3]))))
        return
    residents, runs = (int(text) for text in (*sys.argv[1:], "20000", "3")[:2])
    with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user passes through
        _set_up_django()
        from kangqiao.simulation.city import generate_city

        generate_city(folder=folder / "city", residents=residents, years=3, seed=7, institutions=30)
        _merge(folder / "city", folder / "merged")
        for title, source in (("one large delivery", "merged"), ("the city's deliveries", "city")):
            _print(title, [_in_a_process(folder / source, folder / f"{source}-{number}") for number in range(runs)])


def _set_up_django() -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "kangqiao.wiring.settings"
    django.setup()


def _merge(city: Path, target: Path) -> None:
    """Lay the city's Parquet files together as one delivery of its first sender, every key once."""
    from kangqiao.infra.files import sm3_of_file
    from kangqiao.standards.data_set import Record, data_sets

    batches = sorted(path for path in (city / "batches").iterdir() if (path / "manifest.json").exists())
    listed = json.loads((batches[0] / "manifest.json").read_text())
    sender, folder = listed["sender"], target / "batches" / "merged"
    folder.mkdir(parents=True)
    listed["data_sets"] = []
    for word, data_set in data_sets().items():
        files = [str(path / f"{word}.parquet") for path in batches if (path / f"{word}.parquet").exists()]
        if not files:
            continue
        file = folder / f"{word}.parquet"
        numbered = ["source_key", "patient_number"] if issubclass(data_set, Record) else ["source_key"]
        unique = ", ".join(f"institution_code || '-' || {name} AS {name}" for name in numbered)
        merged = f"""SELECT * REPLACE ('{sender}' AS institution_code, {unique})
            FROM read_parquet({files}, union_by_name = true)
            QUALIFY row_number() OVER (PARTITION BY institution_code, source_key ORDER BY revised_at DESC) = 1"""
        (rows,) = duckdb.execute(f"COPY ({merged}) TO '{file}' (FORMAT parquet)").fetchall()[0]
        listed["data_sets"].append({"data_set": word, "file": file.name, "rows": rows, "sm3": sm3_of_file(file)})
    (folder / "manifest.json").write_text(json.dumps(listed))
    shutil.copy(city / "registry.xlsx", target / "registry.xlsx")


def _in_a_process(city: Path, home: Path) -> dict:
    command = [sys.executable, __file__, RUN, str(city), str(home)]
    done = subprocess.run(command, env=os.environ | {"KANGQIAO_HOME": str(home)}, capture_output=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _run(folder: Path, home: Path) -> dict:
    from kangqiao.wiring.ready import ready

    with ready() as settings:
        from django.core.management import call_command

        from kangqiao.infra.files import FileStore

        call_command("migrate", verbosity=0)
        register(folder)
        store = FileStore(settings.archive_url)
        started = time.perf_counter()
        batches = take(sorted((folder / "batches").iterdir()), store, settings.home / "work")
        seconds = time.perf_counter() - started
        parts = [part for batch in batches for part in batch.parts.all()]
        stages: Counter[str] = Counter()
        for part in parts:
            stages.update(part.seconds)
        return {
            "rows": sum(part.rows for part in parts),
            "stored": sum(part.new for part in parts),
            "seconds": seconds,
            "limit": _limit(home),
            "stages": dict(stages),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }


def register(folder: Path) -> None:
    from kangqiao.registry.services import import_registry
    from kangqiao.trust.actors import system_actor

    import_registry(path=folder / "registry.xlsx", actor=system_actor("bench"))


def take(paths: list[Path], store, work: Path) -> list:
    """Submit deliveries and process them, as many together as a worker would that finds them waiting."""
    from kangqiao.intake.groups import MOST_BATCHES
    from kangqiao.intake.models import Door
    from kangqiao.intake.services import process_batches, submit_parcel
    from kangqiao.trust.actors import system_actor

    taken, actor = [], system_actor("bench")
    for start in range(0, len(paths), MOST_BATCHES):
        few = paths[start : start + MOST_BATCHES]
        batches = [submit_parcel(path=path, door=Door.COMMAND, actor=actor, store=store) for path in few]
        taken += process_batches(batch_ids=[batch.id for batch in batches], store=store, work=work)
    return taken


def _limit(home: Path) -> float:
    """Return the seconds COPY takes for the rows now stored, into empty tables with the same indexes."""
    from django.db import connection

    from kangqiao.standards.data_set import data_sets

    seconds = 0.0
    with connection.cursor() as wrapper:
        cursor = wrapper.cursor
        tables = [each.table() for each in data_sets().values()]
        for table in [*tables, *FACT_TABLES]:
            path = home / f"{table}.copy"
            with path.open("wb") as file, cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
                for block in copy:
                    file.write(block)
            cursor.execute(f"CREATE TABLE limit_{table} (LIKE {table} INCLUDING ALL)")
            started = time.perf_counter()
            with path.open("rb") as file, cursor.copy(f"COPY limit_{table} FROM STDIN (FORMAT binary)") as copy:
                while block := file.read(1 << 20):
                    copy.write(block)
            seconds += time.perf_counter() - started
            path.unlink()
    return seconds


def _print(title: str, runs: list[dict]) -> None:
    console.print(f"\n{title}")
    table = Table("run", "rows", "stored", "seconds", "rows/s", "COPY, seconds", "ratio to COPY", "peak memory, MB")
    for number, run in enumerate(runs, 1):
        ratio = run["limit"] / run["seconds"] * run["rows"] / run["stored"]
        table.add_row(
            str(number),
            f"{run['rows']:,}",
            f"{run['stored']:,}",
            f"{run['seconds']:.1f}",
            f"{run['rows'] / run['seconds']:,.0f}",
            f"{run['limit']:.1f}",
            f"{ratio:.2f}",
            f"{run['memory']:.0f}",
        )
    console.print(table)
    median = statistics.median(run["limit"] / run["seconds"] * run["rows"] / run["stored"] for run in runs)
    console.print(f"median ratio to COPY, row for row: {median:.2f}")
    stages = Table("stage (last run, both threads)", "seconds", "share")
    total = sum(runs[-1]["stages"].values())
    for stage, seconds in Counter(runs[-1]["stages"]).most_common():
        stages.add_row(stage, f"{seconds:.1f}", f"{seconds / total:.0%}")
    console.print(stages)


if __name__ == "__main__":
    main()
