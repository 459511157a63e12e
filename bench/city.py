"""A whole city through intake: all institutions, all their deliveries, then who is who: time, memory, disk.

    .venv/bin/python bench/city.py [residents] [years] [institutions] [loaders]     (default 20000 1 1200 2)

Lincang has 2.26 million residents and some 1,200 institutions; a tenth of its people at all of its institutions is
`226000 1 1200`. Loaders are processes that take the deliveries from disk, those that wait together, as workers do.
What has been taken is kept in the archive and removed where it was generated, so that no file lies on the disk twice.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from intake import register, take  # the same steps as the benchmark of single deliveries
from processes import cpu_seconds, postmaster

LOAD = "--load"
SLICE = 64
"""Deliveries that wait together."""

DEFAULTS = ("20000", "1", "1200", "2")
console = Console(width=120)


def main() -> None:
    """Generate the city, load it, match it, print what that took."""
    if sys.argv[1:2] == [LOAD]:
        print(json.dumps(_load(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
        return
    residents, years, institutions, loaders = (int(text) for text in (*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # the database's own user passes through
        os.environ |= {"KANGQIAO_HOME": str(folder / "home"), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
        from kangqiao.wiring.ready import ready

        with ready():
            _measure(folder, residents, years, institutions, loaders)


def _measure(folder: Path, residents: int, years: int, institutions: int, loaders: int) -> None:
    from django.core.management import call_command

    from kangqiao.identity.rematching import match
    from kangqiao.simulation.city import generate_city
    from kangqiao.trust.actors import system_actor

    columns = ("what", "seconds", "CPU, s", "of it database", "rows", "rows/s", "peak memory, MB", "GB")
    measured = Measured(Table(*columns, title=f"{residents:,} residents"), postmaster(folder / "home"))
    city = folder / "city"
    made = generate_city(folder=city, residents=residents, years=years, seed=7, institutions=institutions)
    measured.row("generated", made.total_rows, size=_size(city))
    call_command("migrate", verbosity=0)
    register(city)
    measured.begin()
    running = [_start(city, number, loaders) for number in range(loaders)]
    done = [json.loads(each.communicate()[0].splitlines()[-1]) for each in running]
    rows, memory = sum(each["rows"] for each in done), max(each["memory"] for each in done)
    batches, files = (sum(each[word] for each in done) for word in ("batches", "files"))
    what = f"{batches:,} deliveries, {files:,} files through intake"
    measured.row(what, rows, memory=memory, size=_size(folder / "home"))
    measured.begin()
    matched = match(actor=system_actor("bench"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measured.row("who is who, from scratch", matched.compared, memory=peak, size=_size(folder / "home"))
    console.print(measured.table)
    console.print(f"of the disk {_size(folder / 'home' / 'archive'):.1f} GB are the archive")
    console.print(_accuracy(city / "truth"))


def _accuracy(truth: Path) -> Table:
    """Hold the residents against the truth: of all pairs of patients, and of the patients of each kind of mess."""
    from kangqiao.identity.models import Link
    from kangqiao.registry.models import Institution
    from kangqiao.simulation.identities.scoring import beside_truth, score, scores_by_kind

    codes = dict(Institution.objects.values_list("id", "code"))
    links = Link.objects.filter(undone_at=None)
    rows = links.values_list("patient__institution_id", "patient__local_number", "resident_id").iterator()
    known = beside_truth(((codes[institution], number, resident) for institution, number, resident in rows), truth)
    scores = {"all": score(known.person, known.found)} | scores_by_kind(known.person, known.found, known.kinds)
    table = Table("registrations", "patients", "pairs: precision", "recall", "F1", title="who is who")
    for kind, one in scores.items():
        table.add_row(kind, f"{one.registrations:,}", f"{one.precision:.5f}", f"{one.recall:.4f}", f"{one.f1:.4f}")
    return table


class Measured:
    """The table of what steps took: by the clock, by the CPU of this process, its children and the database."""

    def __init__(self, table: Table, database: int) -> None:
        self.table, self._database = table, database
        self.begin()

    def begin(self) -> None:
        """Begin to measure the next step."""
        self._since = time.perf_counter(), _own_cpu(), cpu_seconds(self._database)

    def row(self, what: str, rows: int, **used: float) -> None:
        """Add the step that ends now."""
        seconds, own, database = time.perf_counter(), _own_cpu(), cpu_seconds(self._database)
        seconds, own, database = seconds - self._since[0], own - self._since[1], database - self._since[2]
        shown = (f"{used['memory']:,.0f}" if "memory" in used else "–", f"{used['size']:.1f}")
        spent = (f"{seconds:,.1f}", f"{own + database:,.0f}", f"{database:,.0f}")
        self.table.add_row(what, *spent, f"{rows:,}", f"{rows / seconds:,.0f}", *shown)
        console.print(" · ".join((what, *spent, f"{rows:,}", *shown)))


def _own_cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _start(city: Path, number: int, loaders: int) -> subprocess.Popen:
    command = [sys.executable, __file__, LOAD, str(city), str(number), str(loaders)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def _load(city: Path, number: int, loaders: int) -> dict[str, float]:
    from kangqiao.wiring.ready import ready

    with ready() as settings:
        from kangqiao.infra.files import FileStore

        store = FileStore(settings.archive_url)
        paths = sorted((city / "batches").iterdir())[number::loaders]
        parts, batches = [], 0
        for start in range(0, len(paths), SLICE):
            few = paths[start : start + SLICE]
            parts += [part for batch in take(few, store, settings.home / "work") for part in batch.parts.all()]
            batches += len(few)
            _remove(few)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": sum(p.rows for p in parts), "batches": batches, "files": len(parts), "memory": peak}


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e9


def _remove(paths: list[Path]) -> None:
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
