"""Storing a group of resources in one transaction: originals, rows, former versions, patients, audit entries.

New resources go straight into the tables by COPY. Those whose key is known go through the temporary tables and the
merge of ``records.versions``; rows of a former version that the new one no longer has are voided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from psycopg import Connection
from psycopg.raw_cursor import RawCursor

from kangqiao.formats.fhir.mapping import declarations
from kangqiao.gateway import copying, directory
from kangqiao.gateway.adoption import adopt, keep_adopted
from kangqiao.gateway.directory import Place
from kangqiao.gateway.writes import Effect, Unit, Write, Written
from kangqiao.identity import services as identity
from kangqiao.infra.ids import uuid7
from kangqiao.records import originals
from kangqiao.records.versions import Merge, columns, merge_of
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet
from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import ActorKind

PATIENTS: Final = """
SELECT p.institution_id, p.local_number, p.id
  FROM unnest($1::int[], $2::text[]) AS asked(institution_id, local_number)
  JOIN identity_patient p USING (institution_id, local_number)
"""

AUDIT_COLUMNS: Final = (
    "id",
    "actor_kind",
    "actor_id",
    "institution_id",
    "action",
    "patient_id",
    "object_kind",
    "object_id",
    "outcome",
    "address",
)

Former = tuple[UUID, int, bytes | None, UUID | None]
"""Of the current version: id, version, content, patient."""


def store_group(connection: Connection[Any], units: Sequence[Unit], *, careful: bool = False) -> list[list[Written]]:
    """Store the units in one transaction and return what became of each write; raises psycopg's errors.

    No key may occur twice among them. A unit of which one write can not take effect has no effect. ``careful`` takes
    the way for known keys with all of them, for when a row of a new resource turned out to be there already.
    """
    with connection.transaction(), RawCursor(connection) as cursor:
        return _Group(cursor, units, careful=careful).run()


class _Group:
    """One transaction."""

    def __init__(self, cursor: RawCursor[Any], units: Sequence[Unit], *, careful: bool) -> None:
        self.cursor, self.units, self.careful = cursor, units, careful
        self.writes = [write for unit in units for write in unit]
        self.known: dict[str, Former] = {}
        self.patients: dict[tuple[int, str], UUID] = {}

    def run(self) -> list[list[Written]]:
        self.known = self._current()
        senders = self._senders()
        decided = [[_decide(write, self.known.get(_place(write)), senders) for write in unit] for unit in self.units]
        due: list[tuple[Write, Written]] = []
        for unit, written in zip(self.units, decided, strict=True):
            if all(one.done for one in written):
                due += [pair for pair in zip(unit, written, strict=True) if pair[1].effect is not Effect.ABSENT]
        for write, one in due:
            if one.effect is Effect.UNCHANGED and one.id:
                write.id = one.id  # its rows may still say more than before: an encounter may have come since
        if due:
            writes = [write for write, _ in due]
            self._resolve_patients(writes)
            self._store_originals(due)
            self._store_rows(writes)
            self._store_listings(writes)
        self._record(decided)
        return decided

    # -- what is there ------------------------------------------------------------------------------------------------

    def _current(self) -> dict[str, Former]:
        rows = self.cursor.execute(
            originals.CURRENT,
            ([write.institution_id for write in self.writes], [write.key for write in self.writes]),
            binary=True,
        ).fetchall()
        return {_place(self.writes[place - 1]): former for place, *former in rows}  # type: ignore[misc]

    def _senders(self) -> Mapping[int, str]:
        wanted = {w.institution_id for w in self.writes if w.listing and w.listing.place is Place.INSTITUTION}
        return dict(self.cursor.execute(directory.IS_SENDER, (list(wanted),)).fetchall()) if wanted else {}

    def _resolve_patients(self, due: list[Write]) -> None:
        today = due[0].received_at.astimezone(CITY_TIME).date()
        connection = self.cursor.connection
        registered = [found for write in due if (found := write.registration(today))]
        if registered:
            identity.register_patients(
                connection, source=identity.Source.registrations(registered), actor_id=due[0].actor.id
            )
        wanted = list({(w.institution_id, row.values["patient_number"]) for w in due for row in w.rows})
        if not wanted:
            return
        self.patients = self._find_patients(wanted)
        missing = [number for number in wanted if number not in self.patients]
        if missing:
            identity.ensure_patients(connection, source=identity.Source.numbers(missing), actor_id=due[0].actor.id)
            self.patients |= self._find_patients(missing)

    def _find_patients(self, wanted: list[tuple[int, str]]) -> dict[tuple[int, str], UUID]:
        rows = self.cursor.execute(PATIENTS, directory.columns(wanted), binary=True).fetchall()
        return {(institution, number): patient for institution, number, patient in rows}

    def _patient(self, write: Write) -> UUID | None:
        former = self.known.get(_place(write))
        if write.patient_number:
            return self.patients[write.institution_id, write.patient_number]
        return former[3] if former else None

    # -- what is written ----------------------------------------------------------------------------------------------

    def _store_originals(self, due: list[tuple[Write, Written]]) -> None:
        rows = [
            (
                write.id,
                write.institution_id,
                write.key,
                write.kind,
                one.version,
                write.media_type,
                write.content,
                self._patient(write),
                write.received_at,
            )
            for write, one in due
            if one.effect is not Effect.UNCHANGED
        ]
        copying.copy(self.cursor, originals.TABLE, originals.COLUMNS, rows)

    def _store_rows(self, due: list[Write]) -> None:
        fresh: dict[type[DataSet], list[list[Any]]] = defaultdict(list)
        again: dict[type[DataSet], list[list[Any]]] = defaultdict(list)
        known = [write for write in due if self.careful or _place(write) in self.known]
        for write in due:
            arriving = again if self.careful or _place(write) in self.known else fresh
            for row in write.rows:
                patient = self.patients[write.institution_id, row.values["patient_number"]]
                arriving[row.data_set].append(_finished(row.data_set, row.values, write, patient))
        for data_set, rows in fresh.items():
            copying.copy(self.cursor, data_set.table(), _columns(data_set), rows)
        if known:
            self._merge(known, again)
        adopting = [write for write in due if write.adopts]
        if adopting:
            adopt(self.cursor, [(write, self._patient(write)) for write in adopting])

    def _merge(self, known: list[Write], rows: Mapping[type[DataSet], list[list[Any]]]) -> None:
        concerned = {data_set for write in known for data_set, _ in declarations().get(write.kind, ())}
        for data_set in concerned:
            merge = merge_of(data_set)
            self.cursor.execute(merge.create)
            self.cursor.execute(f"DELETE FROM {merge.arriving}")
            copying.copy(self.cursor, merge.arriving, _columns(data_set), rows.get(data_set, []))
        for data_set in concerned:
            self._keep_first_receipt(data_set, known)
        keep_adopted(self.cursor, concerned)
        for data_set in concerned:
            self._void_rest(data_set, known)
            run_merge(self.cursor, merge_of(data_set))

    def _keep_first_receipt(self, data_set: type[DataSet], known: list[Write]) -> None:
        """Times that are those of receipt, since the sender gave none, stay those of the first one."""
        concerned = [(row, write.key) for write in known for row in write.rows if row.data_set is data_set]
        for column in {column for row, _ in concerned for column in row.by_receipt}:
            keys = [key for row, key in concerned if column in row.by_receipt]
            self.cursor.execute(_keep_first_receipt_sql(data_set, column), (keys,))

    def _void_rest(self, data_set: type[DataSet], known: list[Write]) -> None:
        formers = [(w, self.known[_place(w)][3]) for w in known if _place(w) in self.known]
        asked = [(w.institution_id, w.key, patient, w.id, w.received_at) for w, patient in formers if patient]
        if asked:
            self.cursor.execute(_void_rest_sql(data_set), directory.columns(asked))

    def _store_listings(self, due: list[Write]) -> None:
        staff, departments = [], []
        for write in due:
            listing = write.listing
            if listing and listing.place is Place.STAFF:
                staff.append((uuid7(), write.institution_id, listing.codes[0], listing.name, listing.staff_kind, True))
            elif listing and listing.place is Place.DEPARTMENT:
                departments.append((uuid7(), write.institution_id, listing.codes[0], listing.name, True))
            elif write.content is None and write.kind in directory.RETIRE:
                self.cursor.execute(directory.RETIRE[write.kind], (write.institution_id, write.key.partition("/")[2]))
        if staff:
            self.cursor.execute(directory.STORE_STAFF, directory.columns(staff))
        if departments:
            self.cursor.execute(directory.STORE_DEPARTMENTS, directory.columns(departments))

    def _record(self, decided: list[list[Written]]) -> None:
        """Write one audit entry per write: what was refused or undone by its unit as well."""
        entries = []
        for unit, written in zip(self.units, decided, strict=True):
            together = all(one.done for one in written)
            for write, one in zip(unit, written, strict=True):
                patient = self._patient(write) if together and one.effect is not Effect.ABSENT else None
                outcome = Outcome.DONE if together else Outcome.REFUSED
                entries.append(
                    (
                        write.audit_id,
                        ActorKind.TOKEN.value,
                        write.actor.id,
                        write.institution_id,
                        Action.FHIR_WRITE.value,
                        patient,
                        write.kind,
                        one.id if together else None,
                        outcome.value,
                        write.actor.address,
                    )
                )
        copying.copy(self.cursor, "trust_auditentry", AUDIT_COLUMNS, entries)


def _place(write: Write) -> str:
    return f"{write.institution_id} {write.key}"


def _decide(write: Write, former: Former | None, senders: Mapping[int, str]) -> Written:
    """Return what the write is going to do, given the current version."""
    version = former[1] if former else 0
    there = former is not None and former[2] is not None
    if write.if_version is not None and (not there or version != write.if_version):
        return Written(Effect.CHANGED_SINCE, version if there else 0)
    if write.content is None:
        return Written(Effect.DELETED, version + 1, write.id) if there else Written(Effect.ABSENT, 0)
    if write.unless_known and not there:
        return Written(Effect.REFUSED, 0, None, write.unless_known)
    listing = write.listing
    if listing and listing.place is Place.INSTITUTION and senders.get(write.institution_id) not in listing.codes:
        return Written(Effect.REFUSED, version, None, (directory.NOT_THE_SENDER,))
    if there and former is not None and former[2] == write.content:
        return Written(Effect.UNCHANGED, version, former[0])
    return Written(Effect.UPDATED if there else Effect.CREATED, version + 1, write.id)


def run_merge(cursor: RawCursor[Any], merge: Merge) -> None:
    """Merge the arriving rows of one data set."""
    for statement in (merge.stale, merge.changed, merge.new):
        cursor.execute(statement)


@cache
def _columns(data_set: type[DataSet]) -> tuple[str, ...]:
    """Return the columns that FHIR can fill: those declared, with their companions, and the envelope."""
    declared = {
        column
        for pairs in declarations().values()
        for other, declaration in pairs
        if other is data_set
        for column in declaration.columns
    }
    companions = {f"{column}_{word}" for column in declared for word in ("name", "unit", "kind")}
    filled = declared | companions | _ENVELOPE
    return tuple(name for name in columns(data_set) if name in filled)


_ENVELOPE: Final = {
    "id",
    "institution_id",
    "source_key",
    "revised_at",
    "voided",
    "received_at",
    "batch_id",
    "version",
    "patient_id",
    "occurred_at",
}


def _finished(data_set: type[DataSet], values: Mapping[str, Any], write: Write, patient: UUID) -> list[Any]:
    """Return one row in the order of :func:`_columns`."""
    occurred: Any = values[data_set.occurred.field.name]  # type: ignore[attr-defined]
    if not isinstance(occurred, datetime):
        occurred = datetime(occurred.year, occurred.month, occurred.day, tzinfo=CITY_TIME)
    row = dict(values)
    row["id"], row["batch_id"], row["version"] = uuid7(), write.id, 1
    row["patient_id"], row["occurred_at"] = patient, occurred
    return [row[name] for name in _columns(data_set)]


@cache
def _keep_first_receipt_sql(data_set: type[DataSet], column: str) -> str:
    occurs: Any = data_set.occurred.field.name == column  # type: ignore[attr-defined]
    kept = [column, "occurred_at"] if occurs else [column]
    return f"""
        UPDATE {merge_of(data_set).arriving} a SET {", ".join(f'"{name}" = t."{name}"' for name in kept)}
          FROM {data_set.table()} t
         WHERE t.institution_id = a.institution_id AND t.source_key = a.source_key AND a.source_key = ANY($1)"""


@cache
def _void_rest_sql(data_set: type[DataSet]) -> str:
    """Return the statement that lets what a former version had, and the new one has not, arrive as void."""
    table, arriving = data_set.table(), merge_of(data_set).arriving
    replaced = {"voided": "true", "revised_at": "asked.at", "received_at": "asked.at", "batch_id": "asked.batch_id"}
    taken = ", ".join(replaced.get(name, f't."{name}"') for name in columns(data_set))
    return f"""
        INSERT INTO {arriving} ({", ".join(f'"{name}"' for name in columns(data_set))})
        SELECT {taken}
          FROM unnest($1::int[], $2::text[], $3::uuid[], $4::uuid[], $5::timestamptz[])
               AS asked(institution_id, key, patient_id, batch_id, at)
          JOIN {table} t ON t.patient_id = asked.patient_id AND t.institution_id = asked.institution_id
               AND (t.source_key = asked.key OR starts_with(t.source_key, asked.key || '#'))
         WHERE NOT t.voided AND NOT EXISTS (
               SELECT FROM {arriving} a WHERE a.institution_id = t.institution_id AND a.source_key = t.source_key)"""
