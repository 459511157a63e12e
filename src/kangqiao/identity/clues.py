"""By what patients are found: keeping what they say and their clues, and fetching everybody who shares one.

Both follow the registration that was last compared; who has said something new since waits in `identity_unmatched`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

import numpy as np
from psycopg import Connection
from psycopg.rows import namedtuple_row

from kangqiao.identity.ids import Ids
from kangqiao.identity.judging import Scene
from kangqiao.identity.linkage.columns import NONE
from kangqiao.identity.linkage.crowds import NO_CROWDS, Crowds
from kangqiao.identity.linkage.joining import Persons
from kangqiao.identity.models import Link
from kangqiao.identity.statements import IS_ESTABLISHED
from kangqiao.identity.traits import (
    MOST,
    TRAITS,
    Told,
    clues_of,
    clues_of_one,
    compared_from,
    faces_among,
    traits_from,
    traits_of,
)
from kangqiao.infra.postgres.statement import Statement, as_array

PIECE: Final = 1 << 18
"""Patients whose traits are in memory at a time when all are written."""
BY_HAND: Final = Link.Reason.MANUAL.value
PERSON: Final = np.dtype([("patient", "V16"), ("resident", "V16")])
"""A patient and the resident it is linked to."""
STANDING: Final = np.dtype([("established", "?"), ("by_hand", "?")])
"""Whether that resident is established (`statements.IS_ESTABLISHED`), and whether a human linked it."""


class Clues(NamedTuple):
    """What is looked for: clues (int64) and how many patients may share each (int32)."""

    clue: list[int]
    most: list[int]

    def told(self) -> dict[str, str]:
        """Return both as a `Statement` takes them."""
        return {"clue": as_array(self.clue), "most": as_array(self.most)}


class Near(NamedTuple):
    """Patients in the order of their ids, as bytes: of each a PERSON, a STANDING and TRAITS; and the residents of
    theirs that are kept apart, two and two."""

    persons: bytes
    standing: bytes
    traits: bytes
    apart: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Neighbourhood:
    """Everybody who may be somebody asked for, with all patients of the same residents; ids in ascending order."""

    patients: Ids
    residents: Ids
    scene: Scene


def read_patients(connection: Connection, ids: Sequence[UUID]) -> list[tuple[UUID, Told]]:
    """Return what registered patients say; others say nothing."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        rows: list[Any] = cursor.execute(_READ, {"ids": list(ids)}).fetchall()
    return [(row.id, row) for row in rows]


def keep_traits(connection: Connection, patients: Sequence[tuple[UUID, Told]], *, today: date) -> Clues:
    """Keep what patients say now, with their clues instead of former ones; return these."""
    return keep_packed(connection, {id: traits_of(told, today=today) for id, told in patients})


def are_of_now(connection: Connection) -> bool:
    """Say whether what is kept is what this version of the engine compares."""
    kept = connection.execute("SELECT octet_length(content) FROM identity_traits LIMIT 1").fetchone()
    return kept is None or kept[0] == TRAITS.itemsize


def keep_packed(connection: Connection, packed: dict[UUID, bytes]) -> Clues:
    """The same for TRAITS of patients as bytes."""
    former: dict[UUID, bytes] = dict(connection.execute(_FORMER, {"ids": list(packed)}).fetchall())
    if former:
        connection.execute(_FORGET, _rows_of_clues(former))
    kept = _rows_of_clues(packed)
    connection.execute(_KEEP, {**kept, "ids": list(packed), "contents": list(packed.values())})
    return sought(list(packed.values()))


def rebuild(connection: Connection, patients: np.ndarray, traits_at: Callable[[slice], np.ndarray]) -> None:
    """Keep the traits and clues of everybody anew: `patients` (n, 16) uint8 ids, and the TRAITS of some of them.

    Until the transaction ends nobody can be found by clues.
    """
    connection.execute(_EMPTY)
    pieces = [slice(start, start + PIECE) for start in range(0, len(patients), PIECE)]
    with connection.cursor().copy("COPY identity_traits (patient_id, content) FROM STDIN (FORMAT binary)") as copy:
        copy.write(_COPY_BEGINS)
        for piece in pieces:
            copy.write(_traits_to_copy(patients[piece], traits_at(piece)))
        copy.write(_COPY_ENDS)
    with connection.cursor().copy("COPY identity_clue (clue, patient_id) FROM STDIN (FORMAT binary)") as copy:
        copy.write(_COPY_BEGINS)
        for piece in pieces:
            copy.write(_clues_to_copy(patients[piece], clues_of(compared_from(traits_at(piece), NO_CROWDS))))
        copy.write(_COPY_ENDS)
    connection.execute(_INDEX)


def _traits_to_copy(patients: np.ndarray, traits: np.ndarray) -> bytes:
    rows = np.zeros(len(patients), _TRAITS_ROW)
    rows["fields"], rows["id_bytes"], rows["content_bytes"] = 2, patients.shape[1], TRAITS.itemsize
    rows["id"], rows["content"] = patients, traits.view(np.uint8).reshape(len(traits), TRAITS.itemsize)
    return rows.tobytes()


def _clues_to_copy(patients: np.ndarray, clues: np.ndarray) -> bytes:
    patient, rule = np.nonzero(clues)
    rows = np.zeros(len(patient), _CLUE_ROW)
    rows["fields"], rows["clue_bytes"], rows["id_bytes"] = 2, 8, patients.shape[1]
    rows["clue"], rows["id"] = clues[patient, rule], patients[patient]
    return rows.tobytes()


def sought(packed: Sequence[bytes]) -> Clues:
    """Return the clues by which others like these are found, each once."""
    if len(packed) == 1:
        return Clues(*clues_of_one(packed[0]))
    found = _clues(packed)
    clues, first = np.unique(found, return_index=True)
    most = MOST[first % len(MOST)]
    return Clues(clues[clues != NONE].tolist(), most[clues != NONE].tolist())


def near(connection: Connection, *, clues: Clues, asked: Sequence[UUID]) -> Near:
    """Return the patients that share one of the clues, and those asked for, with all patients of their residents."""
    about = {**clues.told(), "asked": as_array(asked)}
    (found,) = _NEAR.rows(connection, about)
    return Near(*(each or b"" for each in found))


def neighbourhood(found: Near, *, asked: Collection[UUID], crowds: Crowds) -> Neighbourhood:
    """Return patients as they are judged together."""
    persons, standing = np.frombuffer(found.persons, PERSON), np.frombuffer(found.standing, STANDING)
    patients, linked = persons["patient"].tolist(), persons["resident"].tolist()
    residents = sorted(set(linked))
    place = {id: at for at, id in enumerate(residents)}
    person = np.array([place[id] for id in linked], np.int32)
    confirmed = np.zeros(len(residents), bool)
    confirmed[person] = standing["established"]
    sought = {id.bytes for id in asked}
    traits = traits_from(found.traits)
    faces, speaks_for_asked = faces_among(traits, person, np.array([id in sought for id in patients], bool))
    scene = Scene(
        compared_from(traits[faces], crowds),
        Persons(person[faces], confirmed, _apart(found.apart, place)),
        asked=speaks_for_asked,
        by_hand=standing["by_hand"][faces],
    )
    return Neighbourhood(_ids(patients[face] for face in faces), _ids(residents), scene)


def _ids(octets: Iterable[bytes]) -> Ids:
    return Ids(np.frombuffer(b"".join(octets), np.uint8).reshape(-1, 16))


def _apart(ends: bytes, place: Mapping[bytes, int]) -> np.ndarray:
    """Return the pairs of residents that are kept apart, as `Persons` has them."""
    at = [place[ends[start : start + 16]] for start in range(0, len(ends), 16)]
    return np.array(
        sorted(min(pair) * len(place) + max(pair) for pair in zip(at[::2], at[1::2], strict=True)), np.int64
    )


def _clues(packed: Sequence[bytes]) -> np.ndarray:
    return clues_of(compared_from(traits_from(b"".join(packed)), NO_CROWDS))


def _rows_of_clues(packed: dict[UUID, bytes]) -> dict[str, list]:
    found = _clues(list(packed.values()))
    row, rule = np.nonzero(found)
    ids = list(packed)
    return {"clues": found[row, rule].tolist(), "patients": [ids[place] for place in row.tolist()]}


_ID: Final = ("u1", (16,))
_TRAITS_ROW: Final = np.dtype(
    [
        ("fields", ">i2"),
        ("id_bytes", ">i4"),
        ("id", *_ID),
        ("content_bytes", ">i4"),
        ("content", "u1", (TRAITS.itemsize,)),
    ]
)
_CLUE_ROW: Final = np.dtype(
    [("fields", ">i2"), ("clue_bytes", ">i4"), ("clue", ">i8"), ("id_bytes", ">i4"), ("id", *_ID)]
)
"""Rows as COPY takes them in binary form (PostgreSQL manual, COPY, file formats)."""
_COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ENDS: Final = b"\xff\xff"
_EMPTY: Final = """
ALTER TABLE identity_clue DROP CONSTRAINT identity_clue_pkey;
TRUNCATE identity_clue, identity_traits
"""
_INDEX: Final = """
SET LOCAL maintenance_work_mem = '256MB';
ALTER TABLE identity_clue ADD CONSTRAINT identity_clue_pkey PRIMARY KEY (clue, patient_id);
ANALYZE identity_clue;
ANALYZE identity_traits
"""
_READ: Final = """
SELECT id, institution_id, name, sex, birth_date, key_type, key_number, shown_number, health_card, phone, division,
       mother_name, mother_number, registered_on
  FROM identity_patient WHERE id = ANY(%(ids)s) AND registered
"""
_FORMER: Final = f"""
SELECT patient_id, content FROM identity_traits
 WHERE patient_id = ANY(%(ids)s) AND octet_length(content) = {TRAITS.itemsize}
"""
_FORGET: Final = """
DELETE FROM identity_clue USING unnest(%(clues)s::bigint[], %(patients)s::uuid[]) AS former(clue, patient_id)
 WHERE identity_clue.clue = former.clue AND identity_clue.patient_id = former.patient_id
"""
_KEEP: Final = """
WITH kept AS (
    INSERT INTO identity_traits (patient_id, content) SELECT * FROM unnest(%(ids)s::uuid[], %(contents)s::bytea[])
    ON CONFLICT (patient_id) DO UPDATE SET content = excluded.content
)
INSERT INTO identity_clue (clue, patient_id) SELECT * FROM unnest(%(clues)s::bigint[], %(patients)s::uuid[])
ON CONFLICT DO NOTHING
"""


def _met(sought: str, found: str) -> str:
    """SQL of the patients that share one of the clues sought."""
    return f"""
SELECT DISTINCT {found}
  FROM {sought}
 CROSS JOIN LATERAL (SELECT ARRAY(SELECT patient_id FROM identity_clue WHERE identity_clue.clue = sought.clue
                                   LIMIT sought.most + 1) AS patients OFFSET 0) block
 CROSS JOIN LATERAL unnest(block.patients) AS found(patient_id)
 WHERE cardinality(block.patients) <= sought.most
"""


_MET: Final = _met("unnest(%(clue)s::bigint[], %(most)s::int[]) AS sought(clue, most)", "found.patient_id")
_MET_BY_EACH: Final = _met(
    "unnest(%(clue)s::bigint[], %(most)s::int[], %(place)s::int[]) AS sought(clue, most, place)",
    "place, found.patient_id",
)
_PERSONS_AND_TRAITS: Final = """
string_agg(uuid_send(link.patient_id) || uuid_send(link.resident_id), '' ORDER BY link.patient_id) AS persons,
string_agg(traits.content, '' ORDER BY link.patient_id) AS traits
"""
"""Patients as one row of bytes: to read a column of each takes longer than to find it."""
SHARING: Final = f"""
WITH met AS MATERIALIZED ({_MET_BY_EACH})
SELECT place, {_PERSONS_AND_TRAITS}
  FROM met
  JOIN identity_link link ON link.patient_id = met.patient_id AND link.undone_at IS NULL
  JOIN identity_traits traits ON traits.patient_id = met.patient_id
 WHERE octet_length(traits.content) = {TRAITS.itemsize}
 GROUP BY place
"""
"""The patients that share a clue with one of several, by its place among them: of each patient a PERSON, and TRAITS."""
NEAR: Final = f"""
WITH met AS MATERIALIZED ({_MET}), besides AS MATERIALIZED ({{besides}}), linked AS (
    SELECT link.resident_id FROM met
      JOIN identity_link link ON link.patient_id = met.patient_id AND link.undone_at IS NULL
     WHERE met.patient_id NOT IN (SELECT patient_id FROM besides
                                    JOIN identity_link link USING (resident_id) WHERE undone_at IS NULL)
    UNION
    SELECT resident_id FROM besides
), near AS MATERIALIZED (
    SELECT resident_id,
           CASE WHEN {IS_ESTABLISHED.format("linked.resident_id")} THEN '\\x01'::bytea ELSE '\\x00' END AS is_so
      FROM linked
)
SELECT persons, standing, traits, (
       SELECT string_agg(uuid_send(first_id) || uuid_send(second_id), '') FROM identity_apart
        WHERE first_id IN (SELECT resident_id FROM near) AND second_id IN (SELECT resident_id FROM near)) AS apart
  FROM (
    SELECT {_PERSONS_AND_TRAITS},
           string_agg(CASE WHEN link.reason = '{BY_HAND}' THEN is_so || '\\x01' ELSE is_so || '\\x00' END, ''
                      ORDER BY link.patient_id) AS standing
      FROM near
      JOIN identity_link link ON link.resident_id = near.resident_id AND link.undone_at IS NULL
      JOIN identity_traits traits ON traits.patient_id = link.patient_id
     WHERE octet_length(traits.content) = {TRAITS.itemsize}) found
"""
"""All patients of residents that share a clue, and of residents besides, as `Near`.

Most that share one with somebody whose document is known are the same resident: these links are found together.
"""
_NEAR: Final = Statement(
    NEAR.format(
        besides="""
    SELECT resident_id FROM identity_link WHERE patient_id = ANY(%(asked)s::uuid[]) AND undone_at IS NULL
"""
    )
)
