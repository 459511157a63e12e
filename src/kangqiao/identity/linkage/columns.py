"""Registrations as numbers: what they say about a person, normalised once, so that pairs are compared at speed.

Hashes of 64 bits stand for texts that are only ever compared for equality: two different ones among ten million meet
with a probability of 3 in a million.
"""

from datetime import date
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa

from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.linkage.names import NO_NAME, Names, read_names
from kangqiao.identity.rules import CITIZEN_FORM

NONE: Final = 0
"""What is missing: a key, number, card, phone, division or date of nothing."""

UNDATED: Final = -1_000_000
"""The day of birth of which nothing is known."""

FAR, NEAR, FITS = 0, 1, 2
"""How the birth date inside a citizen number agrees with the recorded one; NEAR also where none is recorded."""

SAME_DAY_ERROR: Final = 60
"""Days by which a lunar birthday taken for a solar one can be off, and a little more."""

ESTIMATE_ERROR: Final = 5
"""Years by which a birth date of which only the year was guessed (01-01) may be off."""


class Columns(NamedTuple):
    """One entry per registration, ordered by the registration's id; arrays that compiled code reads as they are."""

    record: np.ndarray  # int64, its id
    institution: np.ndarray  # int32
    registered: np.ndarray  # int32, days since 1970
    key: np.ndarray  # int64: seventeen digits of a valid citizen number; below zero another valid document; or NONE
    number: np.ndarray  # int64: seventeen digits of what was typed as a citizen number, valid or not; or NONE
    check: np.ndarray  # int8: its check character, X as 10
    fit: np.ndarray  # int8: FAR, NEAR or FITS
    holders: np.ndarray  # int32: how many differently sounding names stand behind the key
    card: np.ndarray  # int64: hash of the health card's number, or NONE
    name: np.ndarray  # int32: place in Names
    sex: np.ndarray  # int8: 1 or 2; 0 unknown
    birth: np.ndarray  # int32: yyyymmdd, or NONE
    day: (
        np.ndarray
    )  # int32: birth date in days since 1970, else by the number or, of newborns, registration; or UNDATED
    phone: np.ndarray  # int64, or NONE
    callers: np.ndarray  # int32: how many surnames stand behind the phone
    division: np.ndarray  # int64: twelve digits, or NONE
    mother_key: np.ndarray  # int64, as key
    mother: np.ndarray  # int32: the mother's name, place in Names


class Registrations(NamedTuple):
    """What was read: the registrations and the names they use."""

    columns: Columns
    names: Names


Source: TypeAlias = pa.Table | Path


def read_registrations(source: Source, *, today: date, threads: int = 2) -> Registrations:
    """Read registrations (an Arrow table or Parquet files) and return them ordered by record.

    Raises duckdb.Error when a column is missing. Nothing of the result depends on the order of the rows.
    """
    with duckdb.connect(config={"threads": threads}) as session:
        session.execute("SET TimeZone = 'Asia/Shanghai'")
        relation = f"read_parquet('{source}')" if isinstance(source, Path) else "registrations"
        if not isinstance(source, Path):
            session.register("registrations", source)
        table = session.sql(_select(relation, today)).to_arrow_table()
        names, name, mother = read_names(session, table["name"], table["mother_name"])
    return _finished({word: table[word].to_numpy().astype(kind) for word, kind in _TYPES.items()}, names, name, mother)


_TYPES: Final = {
    "record": "int64",
    "institution": "int32",
    "registered": "int32",
    "key": "int64",
    "number": "int64",
    "check": "int8",
    "sex": "int8",
    "birth": "int32",
    "day": "int32",
    "phone": "int64",
    "division": "int64",
    "mother_key": "int64",
    "card": "int64",
}


def _hashed(text: str) -> str:
    """Return SQL for 62 bits of a hash, never zero."""
    return f"CAST(hash({text}) >> 2 AS BIGINT) + 1"


def _key(kind: str, number: str) -> str:
    """Return SQL for a document key as one number: 17 digits for citizens, below zero for other documents."""
    return f"""CASE WHEN {kind} IS NULL THEN {NONE} WHEN {kind} = '01' THEN CAST({number}[:17] AS BIGINT)
                    ELSE -({_hashed(f"{kind} || {number}")}) END"""


def _select(relation: str, today: date) -> str:
    mothers = with_document_key(
        f"(SELECT *, '01' AS mother_document_type FROM {relation})",
        type_column="mother_document_type",
        number_column="mother_document",
        today=today,
    )
    known = f"""(SELECT * EXCLUDE (key_type, key_number, key_problem),
        {_key("key_type", "key_number")} AS mother_key FROM ({mothers}))"""
    keyed = with_document_key(known, type_column="document_type", number_column="document_number", today=today)
    shown = "upper(replace(document_number, ' ', ''))"
    typed = f"CASE WHEN regexp_full_match({shown}, '{CITIZEN_FORM}') THEN {shown} END"
    number = f"coalesce(CASE WHEN key_type = '01' THEN key_number END, {typed})"
    return f"""
        SELECT record, institution::INTEGER AS institution, name, mother_name, mother_key,
               coalesce(date_diff('day', DATE '1970-01-01', registered_at), 0)::INTEGER AS registered,
               {_key("key_type", "key_number")} AS key,
               coalesce(CAST({number}[:17] AS BIGINT), {NONE}) AS number,
               coalesce(CASE WHEN {number}[18] = 'X' THEN 10 ELSE CAST({number}[18] AS TINYINT) END, 0)::TINYINT
                   AS check,
               CASE WHEN sex IN ('1', '2') THEN CAST(sex AS TINYINT) ELSE 0 END::TINYINT AS sex,
               coalesce(year(birth_date) * 10000 + month(birth_date) * 100 + day(birth_date), {NONE})::INTEGER AS birth,
               coalesce(date_diff('day', DATE '1970-01-01', birth_date), 0)::INTEGER AS day,
               coalesce(TRY_CAST(regexp_extract(phone, '1[0-9]{{10}}$|[0-9]{{7,11}}$') AS BIGINT), {NONE}) AS phone,
               coalesce(TRY_CAST(division AS BIGINT), {NONE}) AS division,
               CASE WHEN trim(health_card) <> '' THEN {_hashed("trim(health_card)")} ELSE {NONE} END AS card
          FROM ({keyed}) ORDER BY record"""


def _finished(read: dict[str, np.ndarray], names: Names, name: np.ndarray, mother: np.ndarray) -> Registrations:
    """Add what only names, numbers and the whole file tell: days of birth, who is behind a key, a phone, a name."""
    named, newborn, undated = name != NO_NAME, names.newborn[name], read["birth"] == NONE
    bearers = counted(names.form[name], read["birth"].astype(np.int64), named)
    fit = _fits(read["key"], read["birth"], np.where(undated, read["registered"], read["day"]), undated & ~newborn)
    read["day"] = np.select(
        [~undated, newborn, read["key"] > 0],
        [read["day"], read["registered"], _day_by_number(read["key"])],
        default=UNDATED,
    ).astype(np.int32)
    columns = Columns(
        **read,
        name=name,
        mother=mother,
        fit=fit,
        holders=counted(read["key"], names.sound[name], (read["key"] != NONE) & named),
        callers=counted(read["phone"], names.surname[name].astype(np.int64), read["phone"] != NONE),
    )
    most = np.zeros(len(names.form), dtype=np.int32)
    np.maximum.at(most, name, bearers)
    return Registrations(columns, names._replace(bearers=most))


def counted(group: np.ndarray, value: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return for each row how many different values its group has among the rows that count (int32; 0 for others)."""
    rows = np.flatnonzero(counts)
    mixed = group[rows] * np.int64(-7046029254386353131) ^ value[rows] * np.int64(-4417276706812531889)
    first = np.unique(mixed, return_index=True)[1]
    groups, size = np.unique(group[rows][first], return_counts=True)
    found = np.zeros(len(group), dtype=np.int32)
    found[rows] = size[np.searchsorted(groups, group[rows])]
    return found


def born_by_number(number: np.ndarray) -> np.ndarray:
    """Return the birth date (yyyymmdd) that seventeen digits of a citizen number tell."""
    return (number // 1000 % 100_000_000).astype(np.int32)


def _day_by_number(number: np.ndarray) -> np.ndarray:
    """Return the birth date inside citizen numbers in days since 1970; anything for what is none."""
    inside = np.where(number > 0, born_by_number(number), 19700101)
    months = (inside // 10000 - 1970).astype(np.int64) * 12 + inside // 100 % 100 - 1
    return (months.astype("datetime64[M]").astype("datetime64[D]") + (inside % 100 - 1)).astype(np.int64)


def _fits(key: np.ndarray, birth: np.ndarray, day: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Return how numbers agree with birth dates; `day` is that of registration for newborns without one."""
    citizen = key > 0
    inside = np.where(citizen, born_by_number(key), 0)
    same_year, same_day = inside // 10000 == birth // 10000, inside % 10000 == birth % 10000
    guessed = (birth % 10000 == 101) & (abs(inside // 10000 - birth // 10000) <= ESTIMATE_ERROR)
    near = (abs(_day_by_number(key) - day) <= SAME_DAY_ERROR) | same_year | same_day | guessed | unknown
    return np.where(~citizen, NEAR, np.where(inside == birth, FITS, np.where(near, NEAR, FAR))).astype(np.int8)
