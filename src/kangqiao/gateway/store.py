"""Storing a group of resources in one transaction: originals, rows, former versions, patients, audit entries.

New resources go straight into the tables. Those whose key is known go through the temporary tables and the merge of
``records.versions``; rows of a former version that the new one no longer has are voided.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from django.db import connection as django_connection
from django.db.models import Model
from psycopg import Connection
from psycopg.raw_cursor import RawCursor

from kangqiao.formats.fhir.mapping import Problem, declarations
from kangqiao.gateway import directory
from kangqiao.gateway.adoption import adopt, keep_adopted, pairs
from kangqiao.gateway.directory import Place
from kangqiao.gateway.inserting import Insert, insert
from kangqiao.gateway.writes import Effect, Unit, Write, Written
from kangqiao.identity import services as identity
from kangqiao.infra.ids import uuid7
from kangqiao.records import originals
from kangqiao.records.medical_record.models import InpatientStay, OutpatientEncounter
from kangqiao.records.models import Original
from kangqiao.records.versions import Merge, columns, merge_of
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet
from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import ActorKind
from kangqiao.trust.audit import AUDIT_COLUMNS

PATIENTS: Final = """
SELECT p.institution_id, p.local_number, p.id
  FROM unnest($1::int[], $2::text[]) AS asked(institution_id, local_number)
  JOIN identity_patient p USING (institution_id, local_number)
"""

KINDS: Final = f"""
SELECT asked.institution_id, asked.key, coalesce(
    (SELECT kind FROM {OutpatientEncounter.table()} o
      WHERE o.institution_id = asked.institution_id AND o.source_key = asked.key AND NOT o.voided),
    (SELECT '3' FROM {InpatientStay.table()} i
      WHERE i.institution_id = asked.institution_id AND i.source_key = asked.key AND NOT i.voided)) AS kind
  FROM unnest($1::int[], $2::text[]) AS asked(institution_id, key)
"""

NOT_SENT_YET: Final = "所引用的就诊尚未报送，本次没有建立关联；请先报送就诊，再重报本资源"

_AUDITED: Final = (
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
_AUDIT: Final = Insert.into("trust_auditentry", {name: dict(AUDIT_COLUMNS)[name] for name in _AUDITED})

Former = tuple[UUID, int, bytes | None, UUID | None]
"""Of the current version: id, version, content, patient."""


class Known:
    """Patients by (institution, number), remembered: once there, a patient keeps its id."""

    MOST = 200_000

    def __init__(self) -> None:
        self.patients: dict[tuple[int, str], UUID] = {}

    def learn(self, found: Mapping[tuple[int, str], UUID]) -> None:
        if len(self.patients) > self.MOST:
            self.patients.clear()
        self.patients |= found


def store_group(
    connection: Connection[Any], units: Sequence[Unit], known: Known, *, careful: bool = False
) -> list[list[Written]]:
    """Store the units in one transaction and return what became of each write; raises psycopg's errors.

    No key may occur twice among them. A unit of which one write can not take effect has no effect. ``careful`` takes
    the way for known keys with all of them, for when a row of a new resource turned out to be there already.
    """
    with RawCursor(connection) as cursor:
        group = _Group(cursor, units, known, careful=careful)
        written = group.run()
    known.learn(group.patients)
    return written


class _Group:
    """One transaction. What is there is looked up before it begins: of two that find the same key new, one fails at the
    key's constraint and is tried again.
    """

    def __init__(self, cursor: RawCursor[Any], units: Sequence[Unit], known: Known, *, careful: bool) -> None:
        self.cursor, self.units, self.careful = cursor, units, careful
        self.remembered = known.patients
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
        writes = [write for write, _ in due]
        self._resolve_encounters(writes)
        wanted = {(w.institution_id, row.values["patient_number"]) for w in writes for row in w.rows}
        self.patients = {number: self.remembered[number] for number in wanted if number in self.remembered}
        if len(self.patients) == len(wanted) and not any(map(self._is_more_than_new, writes)):
            self._insert(due, decided)  # one statement: a transaction of its own
            return decided
        with self.cursor.connection.transaction():
            self._resolve_patients(writes, wanted)
            self._merge_known([write for write in writes if self._is_known(write)])
            self._insert(due, decided)
            self._store_listings(writes)
            adopt(self.cursor, [(write, self._patient(write)) for write in writes if write.adopts])
        return decided

    def _is_known(self, write: Write) -> bool:
        return self.careful or _place(write) in self.known

    def _is_more_than_new(self, write: Write) -> bool:
        return self._is_known(write) or bool(write.adopts) or write.kind == "Patient" or write.kind in directory.KINDS

    # -- what is there ------------------------------------------------------------------------------------------------

    def _current(self) -> dict[str, Former]:
        rows = self.cursor.execute(
            originals.CURRENT,
            ([write.institution_id for write in self.writes], [write.key for write in self.writes]),
            binary=True,
            prepare=True,
        ).fetchall()
        return {_place(self.writes[place - 1]): former for place, *former in rows}  # type: ignore[misc]

    def _senders(self) -> Mapping[int, str]:
        wanted = {w.institution_id for w in self.writes if w.listing and w.listing.place is Place.INSTITUTION}
        return dict(self.cursor.execute(directory.IS_SENDER, (list(wanted),)).fetchall()) if wanted else {}

    def _resolve_encounters(self, due: list[Write]) -> None:
        """Find out of which kind the visits and stays are that rows refer to; of one not sent yet, say so."""
        asking = [(write, row, *each) for write in due for row in write.rows for each in row.unresolved]
        if not asking:
            return
        asked = list({(write.institution_id, row.values[column]) for write, row, column, _ in asking})
        rows = self.cursor.execute(KINDS, directory.columns(asked), prepare=True).fetchall()
        kinds = {(institution, key): kind for institution, key, kind in rows}
        for write, row, column, path in asking:
            kind = kinds[write.institution_id, row.values[column]]
            row.values[f"{column}_kind"] = kind
            if kind is None:
                row.values[column] = None
                problem = Problem("warning", "not-found", NOT_SENT_YET, f"{write.kind}.{path}")
                if problem not in write.warnings:
                    write.warnings.append(problem)

    def _resolve_patients(self, due: list[Write], wanted: set[tuple[int, str]]) -> None:
        """Register whom a Patient tells about, find whom the rows name, and create who is not there yet."""
        registered = [found for write in due if (found := write.registration())]
        actor_id, connection = self.writes[0].actor.id, self.cursor.connection
        if registered:
            identity.register_patients(connection, source=identity.Source.registrations(registered), actor_id=actor_id)
        self.patients |= self._find_patients([number for number in wanted if number not in self.patients])
        missing = [number for number in wanted if number not in self.patients]
        if missing:
            identity.ensure_patients(connection, source=identity.Source.numbers(missing), actor_id=actor_id)
            self.patients |= self._find_patients(missing)

    def _find_patients(self, wanted: list[tuple[int, str]]) -> dict[tuple[int, str], UUID]:
        if not wanted:
            return {}
        rows = self.cursor.execute(PATIENTS, directory.columns(wanted), binary=True, prepare=True).fetchall()
        return {(institution, number): patient for institution, number, patient in rows}

    def _patient(self, write: Write) -> UUID | None:
        former = self.known.get(_place(write))
        if write.patient_number:
            return self.patients[write.institution_id, write.patient_number]
        return former[3] if former else None

    # -- what is written ----------------------------------------------------------------------------------------------

    def _rows(self, writes: Iterable[Write]) -> dict[type[DataSet], list[list[Any]]]:
        rows: dict[type[DataSet], list[list[Any]]] = defaultdict(list)
        for write in writes:
            for row in write.rows:
                patient = self.patients[write.institution_id, row.values["patient_number"]]
                rows[row.data_set].append(_finished(row.data_set, row.values, write, patient))
        return rows

    def _insert(self, due: list[tuple[Write, Written]], decided: list[list[Written]]) -> None:
        """Insert the originals, the rows of new resources and the audit entries."""
        rows: dict[Insert, Sequence[Sequence[Any]]] = {
            _insert_originals(): [
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
        }
        fresh = self._rows(write for write, _ in due if not self._is_known(write))
        rows |= {_insert_of(data_set): fresh[data_set] for data_set in sorted(fresh, key=lambda each: each.word)}
        insert(self.cursor, rows | {_AUDIT: self._audit_entries(decided)})

    def _merge_known(self, known: list[Write]) -> None:
        """Merge the rows of resources that have a version already."""
        rows = self._rows(known)
        concerned = {data_set for write in known for data_set in _data_sets_of(write.kind)}
        for data_set in concerned:
            merge = merge_of(data_set)
            self.cursor.execute(merge.create)
            self.cursor.execute(f"DELETE FROM {merge.arriving}")
            insert(self.cursor, {_insert_arriving(data_set): rows.get(data_set, [])})
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

    def _audit_entries(self, decided: list[list[Written]]) -> list[tuple[Any, ...]]:
        """Return one audit entry per write: of what was refused or undone by its unit as well."""
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
                        str(one.id) if together and one.id else None,
                        outcome.value,
                        write.actor.address,
                    )
                )
        return entries


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


@cache
def _data_sets_of(kind: str) -> frozenset[type[DataSet]]:
    """Return the data sets in which resources of a type have rows: those declared, and details they contain."""
    declared = {data_set for data_set, _ in declarations().get(kind, ())}
    return frozenset(declared | {detail for detail, report, _ in pairs() if report in declared})


def run_merge(cursor: RawCursor[Any], merge: Merge) -> None:
    """Merge the arriving rows of one data set."""
    for statement in (merge.stale, merge.changed, merge.new):
        cursor.execute(statement)


def _types(model: type[Model], names: Iterable[str]) -> dict[str, str]:
    """Return the types of columns."""
    return {name: str(model._meta.get_field(name).db_type(django_connection)) for name in names}


@cache
def _insert_originals() -> Insert:
    return Insert.into(originals.TABLE, _types(Original, originals.COLUMNS))


@cache
def _insert_of(data_set: type[DataSet]) -> Insert:
    return Insert.into(data_set.table(), _types(data_set, _columns(data_set)))


@cache
def _insert_arriving(data_set: type[DataSet]) -> Insert:
    return Insert.into(merge_of(data_set).arriving, _types(data_set, _columns(data_set)))


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
