"""A city's registrations of people and the truth about them, as two Parquet files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from math import gcd
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import apportion, stream
from kangqiao.simulation.identities.clerks import health_cards, mothers, written_down
from kangqiao.simulation.identities.contacts import contacts_of
from kangqiao.simulation.identities.draft import Draft
from kangqiao.simulation.identities.kinds import KINDS
from kangqiao.simulation.identities.lives import DOCUMENT_TYPES, lives_of
from kangqiao.simulation.institutions import Institutions, found
from kangqiao.simulation.life import codes
from kangqiao.simulation.people import populate
from kangqiao.simulation.places import Places, Township, institutions_for, settle
from kangqiao.simulation.sheets import digits

LAST_DAY = dt.date(2026, 10, 31)
YEARS = 13
RECORDS, TRUTH = "records.parquet", "truth.parquet"

RECORD_SCHEMA = pa.schema(
    [
        ("record", pa.int64()),
        ("institution", pa.int32()),
        ("local_number", pa.string()),
        ("name", pa.string()),
        ("sex", pa.string()),
        ("birth_date", pa.date32()),
        ("document_type", pa.string()),
        ("document_number", pa.string()),
        ("health_card", pa.string()),
        ("phone", pa.string()),
        ("division", pa.string()),
        ("registered_at", pa.date32()),
        ("mother_name", pa.string()),
        ("mother_document", pa.string()),
    ]
)
TRUTH_SCHEMA = pa.schema(
    [("record", pa.int64()), ("person", pa.int64()), ("kinds", pa.int64())], metadata={"kinds": " ".join(KINDS)}
)


@dataclass(frozen=True)
class Identities:
    """The files of a generated city: ``records`` (RECORD_SCHEMA) and ``truth`` (TRUTH_SCHEMA; bits of KINDS)."""

    folder: Path

    @property
    def records(self) -> Path:
        return self.folder / RECORDS

    @property
    def truth(self) -> Path:
        return self.folder / TRUTH


@dataclass(frozen=True)
class _Region:
    """What every township's registrations are drawn from; ``total`` counts the registrations of the whole region."""

    seed: int
    places: Places
    institutions: Institutions
    calendar: Calendar
    total: int


def generate_identities(
    *, folder: Path, people: int, records_per_person: float, seed: int, institutions: int | None = None
) -> Identities:
    """Write the registrations of so many people, at least one of each, and the truth about them.

    ``round(people * records_per_person)`` registrations, numbered from 0 in no order; the same arguments give the
    same files. Memory is bounded by the largest township. Raises ValueError for less than one record per person.
    """
    if records_per_person < 1:
        raise ValueError(f"每人至少一条登记，收到 {records_per_person}")
    places = settle(residents=people, institutions=institutions or institutions_for(people), seed=seed)
    calendar = Calendar.of(years=YEARS, until=LAST_DAY)
    total = round(people * records_per_person)
    region = _Region(seed, places, found(places=places, seed=seed), calendar, total)
    identities = Identities(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as open_files:
        records, truth = (
            open_files.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
            for path, schema in ((identities.records, RECORD_SCHEMA), (identities.truth, TRUTH_SCHEMA))
        )
        for written, known in _registrations(region):
            records.write_table(written)
            truth.write_table(known)
    return identities


def _registrations(region: _Region) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield (records, truth) township by township."""
    townships = [one for one in region.places.townships if one.population]
    populations = np.array([one.population for one in townships])
    further = apportion(region.total - int(populations.sum()), populations)
    first = 0
    for township, more in zip(townships, further, strict=True):
        draft = _of_township(region, township, int(more))
        yield _tables(draft, region, first)
        first += len(draft)


def _of_township(region: _Region, township: Township, further: int) -> Draft:
    """Return the registrations of a township's people, with everything that goes wrong."""
    random = stream(region.seed, "identities", township.number)
    places, calendar = region.places, region.calendar
    people = populate(places=places, township=township, calendar=calendar, seed=region.seed)
    lives = lives_of(people, places=places, township=township, calendar=calendar, random=random)
    catchment = region.institutions.catchment(township)
    contacts = contacts_of(lives, further=further, catchment=catchment, calendar=calendar, random=random)
    return written_down(lives, contacts, random)


def _tables(draft: Draft, region: _Region, first: int) -> tuple[pa.Table, pa.Table]:
    lives, contacts = draft.lives, draft.contacts
    random = stream(region.seed, "identities", "tables", first)
    position = first + np.arange(len(draft))
    record = scattered(position, region.total, 0.6180339887)
    name, document = mothers(draft, random)
    columns = {
        "record": pa.array(record),
        "institution": pa.array(contacts.institution),
        "local_number": digits(scattered(position, region.total, 0.7548776662) + 10_000_001, 9),
        "name": draft.name,
        "sex": codes(draft.sex - 1, "1", "2").text(),
        "birth_date": pa.array(draft.birth_date),
        "document_type": codes(draft.document_kind, *DOCUMENT_TYPES).text(),
        "document_number": draft.document,
        "health_card": health_cards(draft, random),
        "phone": digits(draft.phone, 11),
        "division": digits(draft.division, 12),
        "registered_at": pa.array(contacts.day),
        "mother_name": name,
        "mother_document": document,
    }
    truth = {
        "record": columns["record"],
        "person": pa.array(lives.people.number[contacts.person]),
        "kinds": draft.kinds,
    }
    return pa.table(columns, schema=RECORD_SCHEMA), pa.table(truth, schema=TRUTH_SCHEMA)


def scattered(number: np.ndarray, total: int, share: float) -> np.ndarray:
    """Return the numbers below ``total`` in another order: steps of a share of the total, none met twice."""
    step = max(1, int(total * share))
    while gcd(step, total) != 1:
        step += 1
    return number * step % total
