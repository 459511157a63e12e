"""Files of registrations read into `columns`: each value normalised once, a piece of the file at a time."""
# mypy: disable-error-code="no-untyped-def"

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numba
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kangqiao.identity.documents import DocumentType
from kangqiao.identity.linkage.cards import read_cards
from kangqiao.identity.linkage.columns import (
    ESTIMATE_ERROR,
    FAR,
    FITS,
    GUESSED_DAY,
    NEAR,
    NONE,
    REGISTRATION,
    SAME_DAY_ERROR,
    UNDATED,
    Registrations,
)
from kangqiao.identity.linkage.crowds import Crowds, count_crowds, crowds_of
from kangqiao.identity.linkage.days import dates_of, day_of
from kangqiao.identity.linkage.documents import read_documents
from kangqiao.identity.linkage.hashing import utf8
from kangqiao.identity.linkage.names import read_names
from kangqiao.identity.linkage.threads import side_by_side

Source: TypeAlias = pa.Table | Path

READ: Final = (
    "record",
    "institution",
    "registered_at",
    "name",
    "sex",
    "birth_date",
    "document_type",
    "document_number",
    "health_card",
    "phone",
    "division",
    "mother_name",
    "mother_document",
)
"""Columns of a source: texts, dates (date32), record and institution as integers."""

PIECE: Final = 1 << 17
"""Registrations that are read at a time, or a little more."""
SHORTEST_PHONE, LONGEST_PHONE, LONGEST_DIVISION = 7, 11, 12

Piece: TypeAlias = Callable[[], pa.Table]
"""What gives some of the registrations when it is their turn."""


def read_registrations(source: Source, *, today: date, crowds: Crowds | None = None) -> Registrations:
    """Read registrations (an Arrow table, a Parquet file or a folder of them) and return them ordered by record.

    What many share is counted among them, or taken from `crowds` where these are a few of many. Raises KeyError when
    a column is missing. Nothing of the result depends on the order of the rows.
    """
    pieces = side_by_side(partial(_numbers, today=today), _pieces(source))
    record = np.concatenate([piece.record for piece in pieces])
    places, rows = np.empty(len(record), np.int32), np.empty(len(record), REGISTRATION)

    def put_in_order() -> None:
        places[np.argsort(record, kind="stable")] = np.arange(len(record))

    named = partial(read_names, [piece.name for piece in pieces], [piece.mother for piece in pieces])
    both: tuple[Callable[[], Any], ...] = (named, put_in_order)
    (names, name, mother), _ = side_by_side(lambda work: work(), both)
    start = np.cumsum([0, *(len(piece.record) for piece in pieces)])

    def put(piece: int) -> None:
        span = slice(start[piece], start[piece + 1])
        read = pieces[piece]._replace(name=name[span], mother=mother[span])
        _put(rows, places[span], read, names.newborn)

    side_by_side(put, range(len(pieces)))
    count_crowds(registrations := Registrations(rows, names), crowds or crowds_of(registrations))
    return registrations


def _pieces(source: Source) -> list[Piece]:
    if isinstance(source, pa.Table):
        return [partial(source.slice, start, PIECE) for start in range(0, max(len(source), 1), PIECE)]
    files = sorted(source.glob("*.parquet")) if source.is_dir() else [source]
    return [piece for file in files for piece in _pieces_of_file(file)]


def _pieces_of_file(file: Path) -> Iterator[Piece]:
    """Yield pieces of whole row groups."""
    metadata = pq.read_metadata(file)
    sizes = [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)]
    pieces = np.cumsum(sizes) // PIECE
    for piece in np.unique(pieces):
        yield partial(_row_groups, file, metadata, np.flatnonzero(pieces == piece).tolist())


def _row_groups(file: Path, metadata: pq.FileMetaData, places: list[int]) -> pa.Table:
    with pq.ParquetFile(file, metadata=metadata, read_dictionary=list(_NAMES)) as opened:
        return opened.read_row_groups(places, columns=list(READ), use_threads=False)


class _Numbers(NamedTuple):
    """What is told by a registration alone, as in `REGISTRATION`; names are dictionaries of texts at first."""

    record: np.ndarray
    institution: np.ndarray
    registered: np.ndarray
    key: np.ndarray
    number: np.ndarray
    check: np.ndarray
    card: np.ndarray
    name: pa.DictionaryArray | np.ndarray
    sex: np.ndarray
    birth: np.ndarray
    day: np.ndarray
    phone: np.ndarray
    division: np.ndarray
    mother_key: np.ndarray
    mother: pa.DictionaryArray | np.ndarray


def _numbers(piece: Piece, *, today: date) -> _Numbers:
    read = {word: column.combine_chunks() for word, column in zip(READ, piece().select(READ).columns, strict=True)}
    shown = read_documents(read["document_type"], read["document_number"], today=today)
    mothers = read_documents(_citizens(len(shown.key)), read["mother_document"], today=today)
    born = read["birth_date"].cast(pa.date32())
    return _Numbers(
        record=_integers(read["record"], pa.int64()),
        institution=_integers(read["institution"], pa.int32()),
        registered=_integers(read["registered_at"].cast(pa.date32()), pa.int32()),
        key=shown.key,
        number=shown.number,
        check=shown.check,
        card=read_cards(read["health_card"]),
        name=read["name"].cast(_DICTIONARY),
        sex=_whole_numbers(*utf8(read["sex"]), 1) % 3,
        birth=np.where(born.is_valid(), dates_of(_integers(born, pa.int32())), NONE),
        day=_integers(born, pa.int32()),
        phone=_last_digits(*utf8(read["phone"])),
        division=_whole_numbers(*utf8(read["division"]), LONGEST_DIVISION),
        mother_key=mothers.key,
        mother=read["mother_name"].cast(_DICTIONARY),
    )


_NAMES: Final = ("name", "mother_name")
_DICTIONARY: Final = pa.dictionary(pa.int32(), pa.string())


def _citizens(count: int) -> pa.Array:
    return pa.repeat(DocumentType.CITIZEN_ID.value, count)


def _integers(values: pa.Array, kind: pa.DataType) -> np.ndarray:
    return values.cast(kind).fill_null(0).to_numpy()


@numba.njit(cache=True, nogil=True)
def _whole_numbers(data, edges, longest):  # pragma: no cover - compiled
    """Return texts of at most so many digits and nothing else as numbers, NONE for others."""
    found = np.zeros(len(edges) - 1, np.int64)
    for row in range(len(found)):
        start, end = edges[row], edges[row + 1]
        if _digits_before(data, start, end) == end - start <= longest:
            found[row] = _number(data, start, end)
    return found


@numba.njit(cache=True, nogil=True)
def _last_digits(data, edges):  # pragma: no cover - compiled
    """Return the phone numbers that texts end with, without the country's code; NONE for what is none."""
    found = np.zeros(len(edges) - 1, np.int64)
    for row in range(len(found)):
        digits = _digits_before(data, edges[row], edges[row + 1])
        if digits >= SHORTEST_PHONE:
            found[row] = _number(data, edges[row + 1] - min(digits, LONGEST_PHONE), edges[row + 1])
    return found


@numba.njit(cache=True, nogil=True)
def _digits_before(data, start, end):  # pragma: no cover - compiled
    place = end
    while place > start and 48 <= data[place - 1] <= 57:
        place -= 1
    return end - place


@numba.njit(cache=True, nogil=True)
def _number(data, start, end):  # pragma: no cover - compiled
    number = np.int64(0)
    for place in range(start, end):
        number = number * 10 + np.int64(data[place]) - 48
    return number


@numba.njit(cache=True, nogil=True)
def _put(rows, places, read, newborn):  # pragma: no cover - compiled
    """Put what was read where it belongs, and besides what names and numbers tell together."""
    for place in range(len(places)):
        to, key, birth = rows[places[place]], read.key[place], read.birth[place]
        to.record, to.key, to.number, to.check = read.record[place], key, read.number[place], read.check[place]
        to.institution, to.registered = read.institution[place], read.registered[place]
        to.card, to.phone, to.division = read.card[place], read.phone[place], read.division[place]
        to.name, to.mother, to.mother_key = read.name[place], read.mother[place], read.mother_key[place]
        to.sex, to.birth = read.sex[place], birth
        inside = key // 1000 % 100_000_000 if key > 0 else NONE
        told = day_of(inside) if key > 0 else UNDATED
        to.day = read.day[place] if birth != NONE else read.registered[place] if newborn[read.name[place]] else told
        to.fit = NEAR if key <= 0 else how_number_fits(inside, told, birth, to.day)


@numba.njit(cache=True, nogil=True)
def how_number_fits(inside, told, birth, day):  # pragma: no cover - compiled
    """Return how the birth date inside a number agrees with the recorded one, or with the day known without one."""
    if inside == birth:
        return FITS
    if abs(told - day) <= SAME_DAY_ERROR:
        return NEAR
    if birth == NONE:
        return FAR
    years = abs(inside // 10000 - birth // 10000)
    alike = years == 0 or inside % 10000 == birth % 10000
    return NEAR if alike or (birth % 10000 == GUESSED_DAY and years <= ESTIMATE_ERROR) else FAR
