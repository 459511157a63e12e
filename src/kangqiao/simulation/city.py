"""A synthetic city on disk: hospitals' batches, the truth beside them, and the registry they report under."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kangqiao.simulation import truth
from kangqiao.simulation.activity import Activity
from kangqiao.simulation.block import BLOCK, DATA_SETS, City, in_time, live_through, with_defects
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import Planted, rates
from kangqiao.simulation.deliveries import Delivery, Habit, deliver, habits
from kangqiao.simulation.draws import stream
from kangqiao.simulation.institution_sheets import Premises
from kangqiao.simulation.institutions import found
from kangqiao.simulation.people import populate
from kangqiao.simulation.places import Township, institutions_for, settle
from kangqiao.simulation.registry_workbook import write_workbook
from kangqiao.simulation.resources import resources
from kangqiao.simulation.spells import spells
from kangqiao.simulation.spool import Piece, put
from kangqiao.simulation.wire import Wire, arrow_table, contract_wires
from kangqiao.simulation.workers import Run, workers

WORTH_A_PROCESS = 100_000
"""Residents below which starting another process costs more than it saves."""

LAST_DAY = dt.date(2026, 10, 31)
BATCHES, TRUTH, SPOOL = "batches", "truth", "spool"
MANIFEST, REGISTRY = "city.json", "registry.xlsx"

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, in Chinese; how much is done; of how much)."""


@dataclass(frozen=True)
class CityManifest:
    """What was generated; kept as ``city.json`` in its folder.

    batch_names  folders and zip files in ``batches``, in the order in which the hospitals send them
    rows         rows per data set, repeated ones included
    defects      planted ones
    """

    folder: Path
    batch_names: tuple[str, ...]
    rows: dict[str, int]
    residents: int
    institutions: int
    defects: int

    @property
    def batches(self) -> tuple[Path, ...]:
        return tuple(self.folder / BATCHES / name for name in self.batch_names)

    @property
    def truth(self) -> Path:
        """Return the folder of the truth (see ``simulation.truth``)."""
        return self.folder / TRUTH

    @property
    def registry(self) -> Path:
        """Return the workbook of institutions, departments and staff."""
        return self.folder / REGISTRY

    @property
    def total_rows(self) -> int:
        return sum(self.rows.values())


def read_city(folder: Path) -> CityManifest:
    """Return what ``generate_city`` left in a folder; raises FileNotFoundError where it left nothing."""
    known = json.loads((folder / MANIFEST).read_bytes())
    return CityManifest(folder=folder, **known | {"batch_names": tuple(known["batch_names"])})


@dataclass(frozen=True)
class Workshop:
    """Everything a process needs to generate a part of the city, and where it puts it."""

    city: City
    habits: dict[int, Habit]
    wires: dict[str, Wire]
    folder: Path

    @property
    def spool(self) -> Path:
        return self.folder / SPOOL

    @property
    def batches(self) -> Path:
        return self.folder / BATCHES

    @property
    def truth(self) -> Path:
        return self.folder / TRUTH


@dataclass(frozen=True)
class _Township:
    """What a township leaves: its own senders' batches, and pieces for those who serve other townships too."""

    deliveries: list[Delivery]
    pieces: list[Piece]
    reported: _Reported
    people: int


@dataclass
class _Reported:
    """Rows on their way into batches, and how many there are: per data set, and defects among them."""

    pieces: list[Piece] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    defects: int = 0


def generate_city(
    *,
    folder: Path,
    residents: int,
    years: int,
    seed: int,
    institutions: int | None = None,
    until: dt.date = LAST_DAY,
    processes: int | None = None,
    progress: Progress = lambda what, done, total: None,
) -> CityManifest:
    """Generate a city into an empty or new folder; the same arguments give the same rows, whatever the machine.

    ``institutions`` is chosen to fit the residents unless given; ``until`` is the last day simulated. Needs Django
    set up, since files follow the data set classes. Raises FileExistsError when the folder holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"文件夹不是空的：{folder}")
    places = settle(residents=residents, institutions=institutions or institutions_for(residents), seed=seed)
    built = found(places=places, seed=seed)
    calendar = Calendar.of(years=years, until=until)
    silent = spells(places, built, calendar, seed)
    city = City(seed, places, calendar, built, rates(built, seed), silent)
    shop = Workshop(city, habits(built, seed), contract_wires(DATA_SETS), folder)
    for part in (shop.spool, shop.batches, shop.truth):
        part.mkdir(parents=True)
    with workers(processes or _worthwhile(residents)) as run:
        towns, activity = _live(shop, run, progress)
        shared = _of_institutions(shop, -1, activity)
        deliveries = [d for town in towns for d in town.deliveries]
        pieces = [piece for town in towns for piece in town.pieces] + shared.pieces
        deliveries += _deliver_shared(shop, pieces, run, progress)
    truth.note_city(city, deliveries, folder=shop.truth)
    write_workbook(built, folder / REGISTRY)
    shutil.rmtree(shop.spool)
    reported = [*(town.reported for town in towns), shared]
    manifest = CityManifest(
        folder=folder,
        batch_names=tuple(sorted(delivery.path.name for delivery in deliveries)),
        rows=dict(sum((each.rows for each in reported), Counter())),
        residents=residents,
        institutions=len(built),
        defects=sum(each.defects for each in reported),
    )
    known = {name: value for name, value in vars(manifest).items() if name != "folder"}
    (folder / MANIFEST).write_text(json.dumps(known, indent=2))
    return manifest


def _worthwhile(residents: int) -> int:
    return min(os.cpu_count() or 1, max(1, residents // WORTH_A_PROCESS))


def _live(shop: Workshop, run: Run, progress: Progress) -> tuple[list[_Township], Activity]:
    """Live through every township, largest first; return them and what institutions did for all of them."""
    townships = shop.city.places.townships
    order = sorted(townships, key=lambda township: -township.population)
    total, done, towns = sum(township.population for township in townships), 0, []
    activity = Activity.none(shop.city.institutions, shop.city.calendar)
    progress("生成居民与就诊数据", 0, total)
    for town, own in run(live_township, [(shop, township) for township in order]):
        towns.append(town)
        activity += own
        done += town.people
        progress("生成居民与就诊数据", done, total)
    return towns, activity


def live_township(shop: Workshop, township: Township) -> tuple[_Township, Activity]:
    """Live through a township block by block, and send the batches of those who serve nobody else."""
    city = shop.city
    people = populate(places=city.places, township=township, calendar=city.calendar, seed=city.seed)
    reported = _Reported()
    activity = Activity.none(city.institutions, city.calendar)
    for number, block in enumerate(people.blocks(BLOCK)):
        lived = live_through(city, township, number, block)
        part = f"{township.code}-{number:02d}"
        _add(reported, shop, lived.planted, part)
        reported.defects += truth.note_block(lived, city=city, township=township, folder=shop.truth, part=part)
        activity += lived.activity
    local = _of_institutions(shop, township.number, activity)
    reported.rows += local.rows
    reported.defects += local.defects
    own = [piece for piece in reported.pieces + local.pieces if city.institutions.each[piece.sender].township >= 0]
    shared = [piece for piece in reported.pieces if city.institutions.each[piece.sender].township < 0]
    reported.pieces = []
    return _Township(_deliver(shop, own), shared, reported, len(people)), activity


def _of_institutions(shop: Workshop, township: int, activity: Activity) -> _Reported:
    """Write what the institutions of a township (-1: of counties and the city) have and how they run."""
    city, reported = shop.city, _Reported()
    own = np.flatnonzero([one.township == township for one in city.institutions.each])
    written = in_time(city, resources(Premises(city, own, activity)))
    sheets = with_defects(city, written, stream(city.seed, "resources", township + 1))
    part = f"resources-{township + 1:04d}"
    _add(reported, shop, sheets, part)
    reported.defects = truth.note_defects(sheets, city=city, folder=shop.truth, part=part)
    return reported


def _add(reported: _Reported, shop: Workshop, sheets: list[Planted], part: str) -> None:
    for planted in sheets:
        reported.pieces += _put(shop, planted, part)
        reported.rows[planted.sheet.data_set] += len(planted.sheet)


def _put(shop: Workshop, planted: Planted, part: str) -> list[Piece]:
    sheet, city = planted.sheet, shop.city
    table = arrow_table(sheet, shop.wires[sheet.data_set], city.institutions.codes)
    period = np.minimum(city.calendar.period(sheet.revised) + planted.late, len(city.calendar.starts) - 1)
    sender = city.institutions.senders[sheet.institution]
    path = shop.spool / f"{part}-{sheet.data_set}.arrow"
    return put(table, data_set=sheet.data_set, sender=sender, period=period, path=path)


def _deliver(shop: Workshop, pieces: list[Piece]) -> list[Delivery]:
    sent = []
    for sender, own in _by_sender(pieces):
        sent += deliver_sender(shop, sender, own)
    return sent


def deliver_sender(shop: Workshop, sender: int, pieces: list[Piece]) -> list[Delivery]:
    """Write all batches of one sender."""
    city = shop.city
    return deliver(
        pieces,
        institutions=city.institutions,
        calendar=city.calendar,
        habit=shop.habits[sender],
        folder=shop.batches,
        seed=city.seed,
    )


def _deliver_shared(shop: Workshop, pieces: list[Piece], run: Run, progress: Progress) -> list[Delivery]:
    """Write the batches of county and city institutions, whose rows come from many townships."""
    calls = [(shop, sender, own) for sender, own in _by_sender(pieces)]
    sent: list[Delivery] = []
    for done, deliveries in enumerate(run(deliver_sender, calls), 1):
        sent += deliveries
        progress("写出各机构批次", done, len(calls))
    return sent


def _by_sender(pieces: list[Piece]) -> Iterator[tuple[int, list[Piece]]]:
    """Yield every sender with its pieces, always in the same order: what others refer to first."""
    by_sender: dict[int, list[Piece]] = {}
    place = {word: number for number, word in enumerate(DATA_SETS)}
    for piece in sorted(pieces, key=lambda piece: (piece.sender, place[piece.data_set], piece.path.name, piece.number)):
        by_sender.setdefault(piece.sender, []).append(piece)
    yield from by_sender.items()
