"""Hospitals' batches: a folder or zip with a manifest and one file per data set, each hospital in its own format."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import zstandard

from kangqiao.infra.files import sm3_of_file
from kangqiao.intake.manifest import MANIFEST, Entry, Manifest, Period
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import careless
from kangqiao.simulation.draws import stream
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.spool import Piece, tables
from kangqiao.standards.data_set import contract_version

CITY_TIME = ZoneInfo("Asia/Shanghai")
ROW_GROUP = 122_880
ZIPPED = 0.15
RESENT = 0.03
"""Share of batches that a hospital sends again under another number, because nobody told it that all is well."""


class Format(StrEnum):
    """How a hospital writes its files; the value ends their names."""

    PARQUET = "parquet"
    CSV = "csv"
    NDJSON_GZ = "ndjson.gz"
    NDJSON_ZST = "ndjson.zst"


@dataclass(frozen=True)
class Habit:
    """How a sender packs its batches; ``encoding`` is that of its CSV files."""

    format: Format = Format.PARQUET
    encoding: str = "utf-8"
    zipped: bool = False


@dataclass(frozen=True)
class Delivery:
    """A batch as it lies on disk: ``path`` a folder or zip file; ``resent`` repeats the rows of another one."""

    path: Path
    sender: str
    number: str
    rows: int
    resent: bool = False


def habits(institutions: Institutions, seed: int) -> dict[int, Habit]:
    """Return every sender's habit: Parquet mostly; every other format, encoding and packing at one at least."""
    random = stream(seed, "habits")
    senders = np.unique(institutions.senders).tolist()
    zipped = dict(zip(senders, (random.random(len(senders)) < ZIPPED).tolist(), strict=True))
    chosen = {sender: Habit(zipped=zipped[sender]) for sender in senders}
    private, other = careless(institutions)
    local = [one for one in senders if institutions.each[one].township >= 0 and one not in (private, other)]
    clinics = [one for one in local if institutions.each[one].village >= 0]
    chosen |= {one: Habit(Format.CSV, zipped=zipped[one]) for one in clinics[::2]}
    chosen |= {local[0]: Habit(Format.NDJSON_ZST), local[1]: Habit(Format.NDJSON_GZ, zipped=True)}
    return chosen | {private: Habit(Format.CSV, "gb18030"), other: Habit(Format.CSV)}


def deliver(
    pieces: Iterable[Piece],
    *,
    institutions: Institutions,
    calendar: Calendar,
    habit: Habit,
    folder: Path,
    seed: int,
) -> list[Delivery]:
    """Write one sender's batches, one per period, and return them in the order of sending.

    The pieces must be of one sender; ``folder`` must exist.
    """
    by_period: dict[int, dict[str, list[Piece]]] = {}
    for piece in pieces:
        by_period.setdefault(piece.period, {}).setdefault(piece.data_set, []).append(piece)
    sent: list[Delivery] = []
    for period, data_sets in sorted(by_period.items()):
        sender = next(iter(data_sets.values()))[0].sender
        random = stream(seed, "delivery", sender, period)
        start, end = calendar.periods[period]
        code = institutions.each[sender].code
        delay = dt.timedelta(days=int(random.integers(1, 4)), minutes=int(random.integers(0, 180)))
        target = folder / f"{end:%Y%m%d}-{code}-01"
        target.mkdir()
        manifest = Manifest(
            sender=code,
            number=f"{code}-{end:%Y%m}-01",
            contract=contract_version(),
            created_at=dt.datetime.combine(end, dt.time(2, 30), CITY_TIME) + delay,
            period=Period(start, end),
            data_sets=tuple(_file(word, parts, habit, target) for word, parts in data_sets.items()),
        )
        sent += _sealed(target, manifest, habit, again=random.random() < RESENT)
    return sent


def _sealed(target: Path, manifest: Manifest, habit: Habit, *, again: bool) -> Iterator[Delivery]:
    """Write the manifest and pack the batch; ``again``: the same files follow under the next number."""
    rows = sum(entry.rows for entry in manifest.data_sets)
    copy = target.with_name(target.name.removesuffix("01") + "02")
    if again:
        shutil.copytree(target, copy)
    (target / MANIFEST).write_bytes(_json(manifest))
    yield Delivery(_packed(target, habit), manifest.sender, manifest.number, rows)
    if again:
        second = msgspec.structs.replace(
            manifest,
            number=manifest.number.removesuffix("01") + "02",
            created_at=manifest.created_at + dt.timedelta(hours=5),
        )
        (copy / MANIFEST).write_bytes(_json(second))
        yield Delivery(_packed(copy, habit), second.sender, second.number, rows, resent=True)


def _json(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2)


def _packed(target: Path, habit: Habit) -> Path:
    if not habit.zipped:
        return target
    packed = target.with_name(target.name + ".zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(target.iterdir()):
            archive.write(file, file.name)
    shutil.rmtree(target)
    return packed


def _file(data_set: str, pieces: list[Piece], habit: Habit, folder: Path) -> Entry:
    """Write the rows of one data set as the sender writes files."""
    path = folder / f"{data_set}.{habit.format}"
    parts = tables(pieces, rows=ROW_GROUP)
    if habit.format is Format.PARQUET:
        _write_parquet(parts, path)
    elif habit.format is Format.CSV:
        _write_csv(parts, path, habit.encoding)
    else:
        _write_ndjson(parts, path)
    return Entry(data_set, path.name, sum(piece.rows for piece in pieces), sm3_of_file(path))


def _write_parquet(parts: Iterator[pa.Table], path: Path) -> None:
    first = next(parts)
    words = [column.name for column in first.schema if pa.types.is_dictionary(column.type)]
    lean = {"use_dictionary": words, "write_statistics": False, "store_schema": False}
    with pa.OSFile(str(path), "wb") as file, pq.ParquetWriter(file, first.schema, **lean) as writer:
        writer.write_table(first)
        for part in parts:
            writer.write_table(part)


def _write_csv(parts: Iterator[pa.Table], path: Path, encoding: str) -> None:
    with path.open("wb") as file:
        for number, part in enumerate(parts):
            text = io.BytesIO()
            options = pa.csv.WriteOptions(include_header=number == 0, quoting_style="needed")
            pa.csv.write_csv(_plain(part), text, options)
            raw = text.getvalue()
            file.write(raw if encoding == "utf-8" else raw.decode().encode(encoding))


def _write_ndjson(parts: Iterator[pa.Table], path: Path) -> None:
    """Write one JSON object per line, without the members that have no value; compressed as the name says."""
    with gzip.open(path, "wb", 3) if path.suffix == ".gz" else zstandard.open(path, "wb") as file:
        for part in parts:
            for lines in _json_lines(_plain(part)).chunks:
                start, end = np.frombuffer(lines.buffers()[1], np.int32)[[lines.offset, lines.offset + len(lines)]]
                file.write(memoryview(lines.buffers()[2])[start:end])


def _json_lines(table: pa.Table) -> pa.ChunkedArray:
    """Return every row as a JSON object and a line end."""
    members = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        quote = "" if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) else '"'
        text = column.cast(pa.string())
        if pa.types.is_string(column.type):
            text = pc.replace_substring(pc.replace_substring(text, "\\", "\\\\"), '"', '\\"')
        members.append(pc.binary_join_element_wise(f'"{name}":{quote}', text, quote, ""))
    joined = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    return pc.binary_join_element_wise("{", joined, "}\n", "")


def _plain(table: pa.Table) -> pa.Table:
    """Return the table as text editors see it: words instead of dictionaries, T and F for flags."""
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_dictionary(column.type):
            columns[name] = column.cast(pa.string())
        elif pa.types.is_boolean(column.type):
            columns[name] = pc.if_else(column, "T", "F")
        else:
            columns[name] = column
    return pa.table(columns)
