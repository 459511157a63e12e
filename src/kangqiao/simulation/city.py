"""A synthetic city on disk: hospitals' batches, the truth beside them, and the registry they report under."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kangqiao.simulation import truth
from kangqiao.simulation.block import BLOCK, DATA_SETS, City, live_through
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import Planted, rates
from kangqiao.simulation.deliveries import Delivery, Habit, deliver, habits
from kangqiao.simulation.institutions import found
from kangqiao.simulation.people import populate
from kangqiao.simulation.places import Township, settle
from kangqiao.simulation.registry_workbook import write_workbook
from kangqiao.simulation.spells import spells
from kangqiao.simulation.spool import Piece, put
from kangqiao.simulation.wire import Wire, arrow_table, contract_wires
from kangqiao.simulation.workers import Run, workers

FEWEST_INSTITUTIONS, RESIDENTS_PER_INSTITUTION, MOST_INSTITUTIONS = 12, 650, 1_200
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
    rows: Counter[str]
    defects: int
    people: int


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
        towns = _live(shop, run, progress)
        deliveries = [d for town in towns for d in town.deliveries]
        deliveries += _deliver_shared(shop, [piece for town in towns for piece in town.pieces], run, progress)
    truth.note_city(city, deliveries, folder=shop.truth)
    write_workbook(built, folder / REGISTRY)
    shutil.rmtree(shop.spool)
    manifest = CityManifest(
        folder=folder,
        batch_names=tuple(sorted(delivery.path.name for delivery in deliveries)),
        rows=dict(sum((town.rows for town in towns), Counter())),
        residents=residents,
        institutions=len(built),
        defects=sum(town.defects for town in towns),
    )
    known = {name: value for name, value in vars(manifest).items() if name != "folder"}
    (folder / MANIFEST).write_text(json.dumps(known, indent=2))
    return manifest


def institutions_for(residents: int) -> int:
    """Return how many institutions fit so many residents."""
    return int(np.clip(residents // RESIDENTS_PER_INSTITUTION, FEWEST_INSTITUTIONS, MOST_INSTITUTIONS))


def _worthwhile(residents: int) -> int:
    return min(os.cpu_count() or 1, max(1, residents // WORTH_A_PROCESS))


def _live(shop: Workshop, run: Run, progress: Progress) -> list[_Township]:
    """Live through every township, largest first; return them in the order of places."""
    townships = shop.city.places.townships
    order = sorted(townships, key=lambda township: -township.population)
    total, done, towns = sum(township.population for township in townships), 0, []
    progress("生成居民与就诊数据", 0, total)
    for town in run(live_township, [(shop, township) for township in order]):
        towns.append(town)
        done += town.people
        progress("生成居民与就诊数据", done, total)
    return towns


def live_township(shop: Workshop, township: Township) -> _Township:
    """Live through a township block by block, and send the batches of those who serve nobody else."""
    city = shop.city
    people = populate(places=city.places, township=township, calendar=city.calendar, seed=city.seed)
    pieces: list[Piece] = []
    rows: Counter[str] = Counter()
    defects = 0
    for number, block in enumerate(people.blocks(BLOCK)):
        lived = live_through(city, township, number, block)
        part = f"{township.code}-{number:02d}"
        for planted in lived.planted:
            pieces += _put(shop, planted, part)
            rows[planted.sheet.data_set] += len(planted.sheet)
        defects += truth.note_block(lived, city=city, township=township, folder=shop.truth, part=part)
    own = [piece for piece in pieces if city.institutions.each[piece.sender].township >= 0]
    shared = [piece for piece in pieces if city.institutions.each[piece.sender].township < 0]
    return _Township(_deliver(shop, own), shared, rows, defects, len(people))


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
