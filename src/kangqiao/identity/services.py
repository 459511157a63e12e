"""The verbs of identity: ensuring and registering patients by the file, linking and unlinking them one by one."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection as django_connection
from django.db import transaction
from django.utils import timezone
from psycopg import Connection, Cursor, sql

from kangqiao.identity import statements
from kangqiao.identity.errors import AlreadyLinked, LinkUndone, NothingToUndo, ReasonMissing, ResidentMerged
from kangqiao.identity.models import Link, Patient, Resident
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
FEW: Final = 1000
"""Up to so many rows the planner needs no statistics, and prepared plans made for single rows serve."""
MUCH: Final = 1 << 20
"""Temporary tables of more bytes are truncated before they are used again, smaller ones emptied row by row."""


class Registration(NamedTuple):
    """One patient as an institution registers it; key_type and key_number from `rules.normalise_document`."""

    institution_id: int
    local_number: str
    name: str | None
    sex: str | None
    birth_date: date | None
    key_type: str | None
    key_number: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """Rows for a bulk verb: SQL that may stand after FROM, with its parameters.

    For `ensure_patients` its columns are institution_id int and local_number text (not null, repeats allowed);
    for `register_patients` besides them name text, sex text, birth_date date, key_type text, key_number text.
    Further columns do not matter.
    """

    relation: sql.Composable
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def table(cls, name: str) -> "Source":
        """Rows waiting in a table or view, temporary ones included; the name may be qualified."""
        return cls(sql.Identifier(*name.split(".")))

    @classmethod
    def numbers(cls, numbers: Sequence[tuple[int, str]]) -> "Source":
        """A few (institution id, local number) at hand."""
        relation = "unnest(%(institution_ids)s::int[], %(local_numbers)s::text[]) AS t(institution_id, local_number)"
        parameters = {
            "institution_ids": [institution_id for institution_id, _ in numbers],
            "local_numbers": [number for _, number in numbers],
        }
        return cls(sql.SQL(f"(SELECT * FROM {relation})"), parameters)

    @classmethod
    def registrations(cls, rows: Sequence[Registration]) -> "Source":
        """A few registrations at hand."""
        types = ("int", "text", "text", "text", "date", "text", "text")
        columns = zip(Registration._fields, types, strict=True)
        arrays = ", ".join(f"%({name})s::{kind}[]" for name, kind in columns)
        names = ", ".join(Registration._fields)
        values = zip(*rows, strict=True) if rows else ([] for _ in types)
        parameters = {name: list(column) for name, column in zip(Registration._fields, values, strict=True)}
        return cls(sql.SQL(f"(SELECT * FROM unnest({arrays}) AS t({names}))"), parameters)


@dataclass(frozen=True, slots=True)
class Ensured:
    """What `ensure_patients` did: how many patients were named, how many of them were new."""

    named: int
    created: int


@dataclass(frozen=True, slots=True)
class Registered:
    """What `register_patients` did. Registrations that changed nothing are in none of the counts.

    `created` patients are new, `changed` were known, `linked` links were written and `undone` links undone,
    `residents` confirmed residents are new.
    """

    created: int = 0
    changed: int = 0
    linked: int = 0
    undone: int = 0
    residents: int = 0


def ensure_patients(
    connection: Connection, *, source: Source, actor_id: UUID | None, batch_id: UUID | None = None
) -> Ensured:
    """Make sure that every patient named by the rows exists; a missing one is created as its own pending resident.

    Afterwards the temporary table `identity_mapping` (institution_id int, local_number text, patient_id uuid,
    fresh bool) has each named patient once, until the connection's next call. Runs in the caller's
    transaction; in one transaction call `register_patients` first.
    """
    run = _Run(connection, source, {"actor_id": actor_id, "batch_id": batch_id})
    run.clear(statements.CLEAR_MAPPING)
    named, fresh = run.row(statements.MAP.format(source=source.relation))
    run.plan_for(named, "identity_mapping")
    if not fresh:
        return Ensured(named, 0)
    created = run.count(statements.INSERT_NAMED_PATIENTS)
    if created < fresh:
        run.count(statements.ADOPT_NAMED_PATIENTS)
    run.count(statements.INSERT_NAMED_RESIDENTS)
    run.count(statements.INSERT_NAMED_LINKS)
    return Ensured(named, created)


def register_patients(
    connection: Connection, *, source: Source, actor_id: UUID | None, batch_id: UUID | None = None
) -> Registered:
    """Store patients as their institutions register them, and link each to its resident by master key.

    A patient whose key changed or disappeared is linked anew, the old link undone with the reason; the own pending
    resident it may leave behind is marked merged. A registration that arrives again unchanged has no effect, so
    a link that people undid stays undone. Of rows with the same number in one call one is taken. Runs in the
    caller's transaction; any number of calls may run at the same time on other connections.
    """
    today = datetime.now(SHANGHAI).date()
    run = _Run(connection, source, {"actor_id": actor_id, "batch_id": batch_id, "today": today})
    run.clear(statements.CLEAR_ARRIVALS)
    fresh, changed, relinked, keyed, keyless = run.row(statements.ARRIVE.format(source=source.relation))
    if not fresh + changed:
        return Registered()
    run.plan_for(fresh + changed, "identity_arrival")
    created = run.count(statements.INSERT_PATIENTS) if fresh else 0
    if created < fresh:
        adopted = run.count(statements.ADOPT_PATIENTS)
        changed, relinked = changed + adopted, relinked + adopted
    if changed:
        late = run.count(statements.CHANGE_PATIENTS)
        relinked, keyed, keyless = relinked + late, keyed + late, keyless + late
    residents = run.count(statements.INSERT_RESIDENTS_BY_KEY) if keyed else 0
    if residents < keyed:
        run.count(statements.SEE_IDENTIFIERS)
    if keyless:
        run.count(statements.INSERT_OWN_RESIDENTS)
    undone = run.count(statements.UNDO_LINKS) if relinked else 0
    linked = run.count(statements.INSERT_LINKS) if keyed + keyless else 0
    if undone:
        run.row(statements.LOCK_LEFT_RESIDENTS)
        run.count(statements.MERGE_LEFT_RESIDENTS)
    if changed:
        run.count(statements.FOLLOW_PATIENTS)
    return Registered(created, changed, linked, undone, residents)


def link_patient(
    *, patient_id: UUID, resident_id: UUID, score: float, actor: Actor, reason: Link.Reason = Link.Reason.MANUAL
) -> Link:
    """Link the patient to the resident instead of the one it is linked to, and return the new link.

    `score` is the probability, 0 to 1, that the two are one person. Raises `AlreadyLinked`, `ResidentMerged`.
    """
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(id=patient_id)
        current = Link.objects.get(patient=patient, undone_at=None)
        if current.resident_id == resident_id:
            raise AlreadyLinked
        locked = Resident.objects.select_for_update().order_by("id").in_bulk([resident_id, current.resident_id])
        resident, left = locked[resident_id], locked[current.resident_id]
        if resident.state == Resident.State.MERGED:
            raise ResidentMerged
        _end(current, "改为关联其他居民", actor)
        link = Link.objects.create(patient=patient, resident=resident, reason=reason, score=score, actor_id=actor.id)
        _merge_if_left(left, into=resident)
        _follow_patients(current.resident_id)
        record_act(
            actor=actor,
            action=Action.PATIENT_LINK,
            resident_id=resident.id,
            patient_id=patient.id,
            object_kind="link",
            object_id=link.id,
            detail={"instead_of": str(current.id)},
        )
    return link


def undo_link(*, link_id: UUID, reason: str, actor: Actor) -> Link:
    """Undo a current link: the patient is its own resident again, 待核. Return the new link to itself.

    Raises `ReasonMissing`, `LinkUndone`, `NothingToUndo`.
    """
    if not reason.strip():
        raise ReasonMissing
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(links=link_id)
        link = Link.objects.get(id=link_id)
        if link.undone_at is not None:
            raise LinkUndone
        if link.reason == Link.Reason.OWN:
            raise NothingToUndo
        _end(link, reason.strip(), actor)
        own, _ = Resident.objects.update_or_create(
            id=patient.id,
            defaults={
                "name": patient.name,
                "sex": patient.sex,
                "birth_date": patient.birth_date,
                "state": Resident.State.PENDING,
                "merged_into": None,
            },
        )
        again = Link.objects.create(patient=patient, resident=own, reason=Link.Reason.OWN, actor_id=actor.id)
        _follow_patients(link.resident_id)
        record_act(
            actor=actor,
            action=Action.PATIENT_UNLINK,
            resident_id=link.resident_id,
            patient_id=patient.id,
            object_kind="link",
            object_id=link.id,
        )
    return again


def _end(link: Link, reason: str, actor: Actor) -> None:
    link.undone_at, link.undone_by, link.undone_reason = timezone.now(), actor.id, reason
    link.save(update_fields=["undone_at", "undone_by", "undone_reason"])


def _merge_if_left(left: Resident, *, into: Resident) -> None:
    """Mark the own resident that a patient has left as merged, unless others are linked to it."""
    if left.state == Resident.State.PENDING and not left.links.filter(undone_at=None).exists():
        left.state, left.merged_into = Resident.State.MERGED, into
        left.save(update_fields=["state", "merged_into"])


def _follow_patients(resident_id: UUID) -> None:
    with django_connection.cursor() as cursor:
        cursor.execute(statements.FOLLOW_PATIENTS_OF_ONE, {"resident_id": resident_id})


class _Run:
    """One call's statements on one connection, sharing their parameters.

    psycopg keeps plans for calls with a few rows only: a plan for one row is a disaster for a million.
    """

    def __init__(self, connection: Connection, source: Source, parameters: Mapping[str, Any]) -> None:
        self._cursor = connection.cursor()
        self._parameters = {**_beginnings_of_ids(), **parameters, **source.parameters}
        self._keep_plans = bool(source.parameters)

    def clear(self, workspace: LiteralString) -> None:
        """Make sure that the session has its temporary tables, with nothing left of an earlier call."""
        (size,) = self.row(statements.WORKSPACE_SIZE)
        if size is None:
            self._cursor.execute(statements.WORKSPACE)
        else:
            self._cursor.execute(statements.CLEAR_MUCH if size > MUCH else workspace)

    def plan_for(self, rows: int, table: str) -> None:
        """Choose how to plan, now that it is known how much there is to do."""
        self._keep_plans = rows <= FEW
        if rows > FEW:
            self._cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))

    def count(self, statement: LiteralString) -> int:
        """Execute and return how many rows were written."""
        return self._execute(statement).rowcount

    def row(self, statement: LiteralString | sql.Composed) -> tuple:
        """Execute and return the one row of the result."""
        (row,) = self._execute(statement).fetchall()
        return row

    def _execute(self, statement: LiteralString | sql.Composed) -> Cursor:
        return self._cursor.execute(statement, self._parameters, prepare=None if self._keep_plans else False)


def _beginnings_of_ids() -> dict[str, Any]:
    """Return what the ids of one call share: their first half, and per table where the second half begins to count."""
    starts = {kind: secrets.randbits(61) - (1 << 63) for kind in ("patients", "residents", "identifiers", "links")}
    return {"prefix": uuid7().hex[:16], **starts}
