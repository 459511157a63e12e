"""The generator of the synthetic city: rows a second and peak memory.

    .venv/bin/python bench/generator.py [residents ...]        (default 20000; the whole city: 2260000, about 11 GB)

For each size three figures: living through the city alone (the vectors, no file), the same with everything written
as batches by one process, and with two processes. Memory is the largest process of each run.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ |= {"DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.setdefault("KANGQIAO_HOME", tempfile.mkdtemp(prefix="kangqiao-bench-"))

import django

django.setup()

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from kangqiao.simulation.block import BLOCK, City, live_through  # noqa: E402
from kangqiao.simulation.calendar import Calendar  # noqa: E402
from kangqiao.simulation.city import LAST_DAY, generate_city  # noqa: E402
from kangqiao.simulation.defects import rates  # noqa: E402
from kangqiao.simulation.institutions import found  # noqa: E402
from kangqiao.simulation.people import populate  # noqa: E402
from kangqiao.simulation.places import institutions_for, settle  # noqa: E402

RUN = "--run"
YEARS, SEED = 3, 1
WAYS = {"只生成": 0, "写成批次，1 进程": 1, "写成批次，2 进程": 2}


def main() -> None:
    """Measure every size in processes of their own and print a table."""
    if sys.argv[1:2] == [RUN]:
        _run(residents=int(sys.argv[2]), processes=int(sys.argv[3]))
        return
    table = Table("居民", "做什么", "行", "秒", "行/秒", "CPU 秒", "峰值内存 MB")
    for residents in [int(text) for text in sys.argv[1:]] or [20_000]:
        for way, processes in WAYS.items():
            command = [sys.executable, __file__, RUN, str(residents), str(processes)]
            rows, seconds, cpu, memory = subprocess.run(
                command, capture_output=True, check=True, text=True
            ).stdout.split()
            speed = f"{int(rows) / float(seconds):,.0f}"
            table.add_row(f"{residents:,}", way, f"{int(rows):,}", seconds, speed, cpu, memory)
    Console(width=110).print(table)


def _run(*, residents: int, processes: int) -> None:
    """Print rows, seconds, seconds of processor time and the peak memory in MB of the largest process."""
    with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as folder:
        started = time.perf_counter()
        rows = _written(Path(folder), residents, processes) if processes else _lived(residents)
        seconds = time.perf_counter() - started
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(rows, f"{seconds:.1f}", f"{cpu:.1f}", round(max(one.ru_maxrss for one in used) / 1024))


def _written(folder: Path, residents: int, processes: int) -> int:
    city = generate_city(folder=folder / "city", residents=residents, years=YEARS, seed=SEED, processes=processes)
    return city.total_rows


def _lived(residents: int) -> int:
    places = settle(residents=residents, institutions=institutions_for(residents), seed=SEED)
    institutions = found(places=places, seed=SEED)
    city = City(SEED, places, Calendar.of(years=YEARS, until=LAST_DAY), institutions, rates(institutions, SEED))
    rows = 0
    for township in places.townships:
        people = populate(places=places, township=township, calendar=city.calendar, seed=SEED)
        for number, block in enumerate(people.blocks(BLOCK)):
            rows += sum(len(planted.sheet) for planted in live_through(city, township, number, block).planted)
    return rows


if __name__ == "__main__":
    main()
