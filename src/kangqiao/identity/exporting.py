"""All registered patients as columns: copied out of the database once, in one snapshot, into a Parquet file."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import duckdb
import numpy as np
from psycopg import Connection

from kangqiao.identity.statements import IS_ESTABLISHED

ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Exported:
    """Patients in the order of their ids; their place is their `record` in `file` (columns of `linkage.reading`).

    patients   (patients, 16) uint8: ids
    person     place of each one's resident (int32)
    by_hand    whether somebody decided the link (bool)
    residents  (residents, 16) uint8: ids in ascending order
    confirmed  whether a document says for good who the resident is (bool, `statements.IS_ESTABLISHED`)
    waiting    those who wait to be compared, since when
    """

    file: Path
    patients: np.ndarray
    person: np.ndarray
    by_hand: np.ndarray
    residents: np.ndarray
    confirmed: np.ndarray
    waiting: dict[UUID, datetime]


def export_patients(raw: Connection, folder: Path) -> Exported:
    """Write the file into a folder and return what stands beside it. Runs in a transaction of its own snapshot."""
    raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    waiting: dict[UUID, datetime] = dict(raw.execute("SELECT patient_id, since FROM identity_unmatched").fetchall())
    copied, file = folder / "patients.csv", folder / "patients.parquet"
    with copied.open("wb") as to, raw.cursor().copy(_EXPORT) as copy:
        for block in copy:
            to.write(block)
    with duckdb.connect(config={"threads": 2}) as session:
        session.execute(_READ.replace("SOURCE", str(copied)))
        copied.unlink()
        session.execute(f"COPY ({_FILE}) TO '{file}' (FORMAT parquet)")
        linked = session.sql(_LINKED).to_arrow_table()
        residents = session.sql("SELECT id, confirmed FROM resident ORDER BY person").to_arrow_table()
    return Exported(
        file=file,
        patients=_octets(linked["id"]),
        person=linked["person"].to_numpy().astype(np.int32),
        by_hand=linked["by_hand"].to_numpy().astype(bool),
        residents=_octets(residents["id"]),
        confirmed=residents["confirmed"].to_numpy().astype(bool),
        waiting=waiting,
    )


def _octets(ids) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return a column of sixteen bytes each as (n, 16)."""
    pieces = [
        np.frombuffer(chunk.buffers()[2], np.uint8)[chunk.offset * ID_BYTES :][: len(chunk) * ID_BYTES]
        for chunk in ids.chunks
        if len(chunk)
    ]
    return np.concatenate(pieces).reshape(-1, ID_BYTES) if pieces else np.zeros((0, ID_BYTES), np.uint8)


_EXPORT: Final = f"""
COPY (SELECT replace(patient.id::text, '-', ''), replace(link.resident_id::text, '-', ''), link.reason = 'manual',
             {IS_ESTABLISHED.format("link.resident_id")}, patient.institution_id,
             patient.registered_on, patient.name, patient.sex, patient.birth_date, patient.key_type,
             coalesce(patient.key_number, patient.shown_number), patient.health_card, patient.phone, patient.division,
             patient.mother_name, patient.mother_number
        FROM identity_patient patient
        JOIN identity_link link ON link.patient_id = patient.id AND link.undone_at IS NULL
       WHERE patient.registered) TO STDOUT (FORMAT csv)
"""
_TEXTS: Final = ("name", "sex", "birth_date", "document_type", "document_number", "health_card", "phone", "division")
_COLUMNS: Final = {
    **dict.fromkeys(("patient", "linked_to"), "VARCHAR"),
    **dict.fromkeys(("by_hand", "confirmed"), "VARCHAR"),
    "institution": "INTEGER",
    "registered_at": "DATE",
    **dict.fromkeys(_TEXTS, "VARCHAR"),
    "birth_date": "DATE",
    **dict.fromkeys(("mother_name", "mother_document"), "VARCHAR"),
}
_READ: Final = f"""
CREATE TABLE said AS
SELECT unhex(patient) AS id, unhex(linked_to) AS resident_id, * EXCLUDE (patient, linked_to)
  FROM read_csv('SOURCE', header = false, columns = {_COLUMNS}, nullstr = '', quote = '"', escape = '"',
                auto_detect = false, delim = ',');
CREATE TABLE resident AS
SELECT resident_id AS id, any_value(confirmed) = 't' AS confirmed,
       row_number() OVER (ORDER BY resident_id) - 1 AS person
  FROM said GROUP BY resident_id;
CREATE TABLE patient AS
SELECT said.*, person, row_number() OVER (ORDER BY said.id) - 1 AS record
  FROM said JOIN resident ON resident.id = said.resident_id
"""
_FILE: Final = """
SELECT record, institution, registered_at, name, sex, birth_date, document_type, document_number, health_card, phone,
       division, mother_name, mother_document FROM patient ORDER BY record
"""
_LINKED: Final = "SELECT id, person, by_hand = 't' AS by_hand FROM patient ORDER BY record"
