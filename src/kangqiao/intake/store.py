"""Storing what the gate accepted of one data set: resolve patients, copy new rows, merge newer versions.

New rows go straight into the table by COPY (no statement inserts faster); rows whose source key is already there go
through a temporary table and the merge of ``records.versions``. An advisory lock per data set and institution keeps
two batches from finding the same key new.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import duckdb
from psycopg import Cursor

from kangqiao.identity import services as identity
from kangqiao.identity.services import Source
from kangqiao.intake.gate import Gate, Stopwatch
from kangqiao.records.population.models import PatientRegistration
from kangqiao.records.versions import columns, merge_of
from kangqiao.standards.data_set import DataSet, Record

BLOCK = 1 << 20
FEW = 1000
"""Up to so many rows PostgreSQL plans well without statistics."""


@dataclass(frozen=True)
class Stored:
    """What became of the accepted rows."""

    new: int
    changed: int
    unchanged: int
    stale: int


class Store:
    """Writes the accepted rows of one data set, on a cursor inside the caller's transaction.

    The rows may be those of several batches as long as no two of them have rows of one institution.
    """

    def __init__(
        self,
        *,
        gate: Gate,
        session: duckdb.DuckDBPyConnection,
        cursor: Cursor[Any],
        data_set: type[DataSet],
        stopwatch: Stopwatch,
    ) -> None:
        self.gate, self.session, self.cursor = gate, session, cursor
        self.data_set, self.stopwatch = data_set, stopwatch
        self.table = data_set.table()
        self._known = f"known_{self.table}"

    def write(self, relation: str) -> dict[int, Stored]:
        """Store the accepted rows of ``relation`` and return what became of them, by the places of their batches."""
        accepted = f"(SELECT * FROM {relation} WHERE NOT refused)"
        batches = self._lock(accepted)
        self._find_known(accepted)
        self.stopwatch.lap("keys")
        if issubclass(self.data_set, Record):
            self._resolve_patients(accepted, batches)
            self.stopwatch.lap("patients")
        self._copy(
            f"{self._rows(accepted)} ANTI JOIN {self._known} USING (institution_id, source_key)", self._into(self.table)
        )
        self.stopwatch.lap("copy")
        stored = self._merge(accepted)
        self.stopwatch.lap("merge")
        return stored

    def _lock(self, accepted: str) -> dict[int, UUID]:
        """Lock the institutions that have rows; return the batch of each."""
        found = self.session.execute(
            f"SELECT DISTINCT institution_id, batch_id FROM {accepted} JOIN sender USING (batch_place) ORDER BY 1"
        ).fetchall()
        lock = zlib.crc32(self.data_set.word.encode()) - (1 << 31)
        self.cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, institution) FROM unnest(%s::integer[]) AS institution",
            (lock, [institution for institution, _ in found]),
        )
        return dict(found)

    def _find_known(self, accepted: str) -> None:
        """Bring the source keys that are already stored, with their time of revision, into DuckDB."""
        self._push(
            "arriving_key",
            "institution_id integer, source_key text",
            f"SELECT institution_id, source_key FROM {accepted}",
        )
        self._pull(
            f"SELECT institution_id, source_key, t.revised_at FROM arriving_key"
            f" JOIN {self.table} t USING (institution_id, source_key)",
            self._known,
            {"institution_id": "INTEGER", "source_key": "VARCHAR", "known_revised_at": "TIMESTAMPTZ"},
        )

    def _resolve_patients(self, accepted: str, batches: dict[int, UUID]) -> None:
        if self.data_set is PatientRegistration:
            self._register_patients(accepted, batches)
        numbers = f"SELECT DISTINCT institution_id, patient_number FROM {accepted}"
        self._push("arriving_patient", "institution_id integer, local_number text", numbers)
        identity.ensure_patients(
            self.cursor.connection, source=Source.table("arriving_patient"), actor_id=None, batches=batches
        )
        self._pull(
            "SELECT institution_id, local_number, patient_id FROM identity_mapping",
            f"patient_{self.table}",
            {"institution_id": "INTEGER", "patient_number": "VARCHAR", "patient_id": "UUID"},
        )

    def _register_patients(self, accepted: str, batches: dict[int, UUID]) -> None:
        """Hand the newest registration of each patient to identity; one older than what is stored changes nothing."""
        self._push(
            "arriving_registration",
            identity.DECLARED,
            f"""SELECT institution_id, patient_number, name, sex, birth_date, key_type, key_number,
                       CASE WHEN key_number IS NULL THEN document_number END, health_card, archive_number, phone,
                       division, mother_name, mother_document, registered_at::DATE, insurance_number,
                       document_issuer, document_valid_until
                FROM {accepted} LEFT JOIN {self._known} USING (institution_id, source_key)
                WHERE revised_at >= coalesce(known_revised_at, revised_at)
                QUALIFY row_number() OVER (PARTITION BY institution_id, patient_number ORDER BY revised_at DESC) = 1""",
        )
        identity.register_patients(
            self.cursor.connection, source=Source.table("arriving_registration"), actor_id=None, batches=batches
        )

    def _merge(self, accepted: str) -> dict[int, Stored]:
        """Merge the rows whose key was known, and say what became of all of them."""
        counted = self.session.execute(f"""
            SELECT batch_place, batch_id, count(*), count(known_revised_at)
            FROM {accepted} JOIN sender USING (batch_place) LEFT JOIN {self._known} USING (institution_id, source_key)
            GROUP BY batch_place, batch_id""").fetchall()
        repeated = sum(known for *_, known in counted)
        stale, changed = self._merge_known(accepted, repeated) if repeated else ({}, {})
        return {
            place: _stored(rows, known, changed.get(batch_id, 0), stale.get(batch_id, 0))
            for place, batch_id, rows, known in counted
        }

    def _merge_known(self, accepted: str, rows: int) -> tuple[dict[UUID, int], dict[UUID, int]]:
        """Return how many rows were stale and how many changed, by batch."""
        merge = merge_of(self.data_set)
        self.cursor.execute(merge.create)
        self._copy(
            f"{self._rows(accepted)} SEMI JOIN {self._known} USING (institution_id, source_key)",
            self._into(merge.arriving),
        )
        if rows > FEW:
            self.cursor.execute(f"ANALYZE {merge.arriving}")
        return dict(self.cursor.execute(merge.stale)), dict(self.cursor.execute(merge.changed))

    def _rows(self, accepted: str) -> str:
        """Select the table's columns from the accepted rows, in the table's order."""
        computed = {"id": "uuidv7() AS id", "version": "1 AS version"}
        source = f"{accepted} AS accepted JOIN sender USING (batch_place)"
        if issubclass(self.data_set, Record):
            computed["occurred_at"] = f'"{self.data_set.occurred.field.name}"::TIMESTAMPTZ AS occurred_at'
            source += f" JOIN patient_{self.table} USING (institution_id, patient_number)"
        listed = ", ".join(computed.get(name, _text_of(self.data_set, name)) for name in columns(self.data_set))
        return f"SELECT {listed} FROM {source}"

    def _into(self, table: str) -> str:
        """Name a table with the columns of the class: one that came with a later edition stands last in the table."""
        listed = ", ".join(f'"{name}"' for name in columns(self.data_set))
        return f"{table} ({listed})"

    def _push(self, table: str, declared: str, query: str) -> None:
        """Copy a DuckDB query into a temporary table of PostgreSQL."""
        self.cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({declared}) ON COMMIT DELETE ROWS")
        if self._copy(query, table) > FEW:
            self.cursor.execute(f"ANALYZE {table}")

    def _copy(self, query: str, target: str) -> int:
        """Copy a DuckDB query into a table of PostgreSQL; return how many rows."""
        path = self.gate.folder / f"{self.table}.csv"
        (count,) = self.session.execute(f"COPY ({query}) TO '{path}' (FORMAT csv, HEADER false)").fetchall()[0]
        with path.open("rb") as file, self.cursor.copy(f"COPY {target} FROM STDIN (FORMAT csv)") as copy:
            while block := file.read(BLOCK):
                copy.write(block)
        path.unlink()
        return int(count)

    def _pull(self, query: str, relation: str, types: dict[str, str]) -> None:
        """Copy a PostgreSQL query into a table of DuckDB."""
        path = self.gate.folder / f"{relation}.csv"
        with path.open("wb") as file, self.cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
            for block in copy:
                file.write(block)
        declared = ", ".join(f"'{name}': '{kind}'" for name, kind in types.items())
        self.session.execute(
            f"CREATE OR REPLACE TABLE {relation} AS"
            f" FROM read_csv('{path}', header = false, auto_detect = false, columns = {{{declared}}})"
        )
        path.unlink()


def _text_of(data_set: type[DataSet], name: str) -> str:
    """Select a column; lists are written as PostgreSQL's array text."""
    field = data_set._meta.get_field(name)
    if getattr(field, "duckdb_type", "") == "VARCHAR[]":
        return f"'{{' || array_to_string(\"{name}\", ',') || '}}' AS \"{name}\""
    return f'"{name}"'


def _stored(rows: int, known: int, changed: int, stale: int) -> Stored:
    return Stored(new=rows - known, changed=changed, unchanged=known - changed - stale, stale=stale)
