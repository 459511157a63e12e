"""The linkage engine on Spark beside the same engine on one machine, on the same registrations.

    .venv/bin/python bench/linkage_spark.py [shape] [seed] [master]     (default C 4 local[2])

Shapes as in `bench/linkage.py`. Both train on the registrations they link, then link them; what comes out must be the
same. Seconds go from the file to the groups; those of Spark begin with a session that runs. CPU seconds and memory are
of all processes from their start (memory: the largest sum of proportional set sizes, shared pages counted once).
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from kangqiao.simulation.identities.generating import generate_identities
from linkage import SHAPES, TODAY

DEFAULTS = ("C", "4", "local[2]")
RUNS = ("one machine", "Spark")
SETTINGS = {"spark.driver.memory": "4g", "spark.sql.shuffle.partitions": "8", "spark.ui.enabled": "false"}
TICK = 0.5
console = Console(width=120)


def main() -> None:
    """Generate the registrations, link them with both, compare, print."""
    if sys.argv[1:2] == ["--run"]:
        _run(sys.argv[2], Path(sys.argv[3]), sys.argv[4])
    elif find_spec("pyspark") and shutil.which("java"):
        _report(*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :])
    else:
        console.print("Spark is not here: needs Java 17, then `make spark`")


def _report(shape: str, seed: str, master: str) -> None:
    people, each = SHAPES[shape]
    table = Table("", "seconds", "CPU seconds", "MB", title=f"shape {shape}, seed {seed}, {master}")
    with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as name:
        folder = Path(name)
        generate_identities(folder=folder, people=people, records_per_person=each, seed=int(seed))
        for run in RUNS:
            table.add_row(run, *_watched([sys.executable, __file__, "--run", run, name, master]))
        one, other = (pq.read_table(folder / run).sort_by("record").to_pydict() for run in RUNS)
    console.print(table)
    console.print(f"{len(one['record']):,} registrations: persons are {'equal' if one == other else 'NOT EQUAL'}")


def _watched(command: list[str]) -> tuple[str, str, str]:
    """Return the seconds that a command printed last, the CPU seconds and the megabytes of it and its children."""
    processor = memory = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        while running.poll() is None:
            family = _family(running.pid)
            processor = max(processor, sum(map(_processor_seconds, family)))
            memory = max(memory, sum(map(_megabytes, family)))
            time.sleep(TICK)
        assert running.stdout is not None
        printed = running.stdout.read().splitlines()
    if running.returncode:
        raise SystemExit(running.returncode)
    return printed[-1], f"{processor:.0f}", f"{memory:,.0f}"


def _family(process: int) -> list[int]:
    parents = {int(path.name): _times(int(path.name))[:1] for path in Path("/proc").glob("[0-9]*")}
    family = [process]
    for one in family:
        family += [child for child, parent in parents.items() if parent == [one]]
    return family


def _processor_seconds(process: int) -> float:
    return sum(_times(process)[10:14]) / os.sysconf("SC_CLK_TCK")


def _times(process: int) -> list[int]:
    """Return what /proc tells about a process from its parent on; nothing of one that has ended."""
    try:
        return [*map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1:])]
    except OSError:
        return []


def _megabytes(process: int) -> float:
    return next(_proportional(process), 0.0)


def _proportional(process: int) -> Iterator[float]:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return
    yield from (int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))


def _run(run: str, folder: Path, master: str) -> None:
    seconds = _on_one_machine(folder) if run == RUNS[0] else _on_spark(folder, master)
    print(f"\n{seconds:.1f}")


def _on_one_machine(folder: Path) -> float:
    from kangqiao.identity.linkage.linking import compare, decide, learn

    started = time.perf_counter()
    found = compare(folder / "records.parquet", today=TODAY)
    pq.write_table(decide(found, learn(found, version="bench")).persons, folder / RUNS[0])
    return time.perf_counter() - started


def _on_spark(folder: Path, master: str) -> float:
    from pyspark.sql import SparkSession

    from kangqiao.identity.linkage.spark import compare_on_spark, decide_on_spark, learn_on_spark

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master(master)
    for word, value in SETTINGS.items():
        builder = builder.config(word, value)
    with builder.getOrCreate() as spark:
        spark.sparkContext.setLogLevel("ERROR")
        started = time.perf_counter()
        found = compare_on_spark(spark, [str(folder / "records.parquet")], today=TODAY)
        linked = decide_on_spark(found, learn_on_spark(found, version="bench"))
        linked.persons.write.parquet(str(folder / RUNS[1]))
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
