"""Writing the audit log: one entry per act on personal data or on the keys to it, in the act's transaction."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from psycopg import Connection

from kangqiao.infra.ids import uuid7
from kangqiao.infra.postgres.statement import Statement, as_json, is_in_transaction, rows_in
from kangqiao.trust.actions import Action, Outcome, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.models import AuditEntry

AUDIT_COLUMNS: Final = (
    ("id", "uuid"),
    ("actor_kind", "text"),
    ("actor_id", "uuid"),
    ("institution_id", "int4"),
    ("action", "text"),
    ("resident_id", "uuid"),
    ("patient_id", "uuid"),
    ("object_kind", "text"),
    ("object_id", "text"),
    ("purpose", "text"),
    ("outcome", "text"),
    ("address", "inet"),
    ("detail", "jsonb"),
)
"""Columns of an entry and their types. The database sets `at`."""


def record_act(
    *,
    actor: Actor,
    action: Action,
    resident_id: UUID | None = None,
    patient_id: UUID | None = None,
    object_kind: str | None = None,
    object_id: object = None,
    purpose: Purpose | None = None,
    outcome: Outcome = Outcome.DONE,
    detail: dict[str, Any] | None = None,
) -> AuditEntry:
    """Write one entry on Django's connection and return it.

    Raises `RuntimeError` outside a transaction: act and entry are stored together or not at all. `detail` holds
    internal ids, counts and words only, never personal data.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("record_act belongs into the transaction of the act")
    return AuditEntry.objects.create(
        actor_kind=actor.kind,
        actor_id=actor.id,
        institution_id=actor.institution_id,
        action=action,
        resident_id=resident_id,
        patient_id=patient_id,
        object_kind=object_kind,
        object_id=None if object_id is None else str(object_id),
        purpose=purpose,
        outcome=outcome,
        address=actor.address,
        detail=detail,
    )


class Act(NamedTuple):
    """What somebody did, in one of many entries: whom and what it is about."""

    resident_id: UUID | None
    patient_id: UUID | None
    object_kind: str
    object_id: UUID | None
    detail: dict[str, Any]


class Done(NamedTuple):
    """An act with who did it, for entries of several people."""

    actor: Actor
    action: Action
    act: Act


def record_acts(on: Connection, *, actor: Actor, action: Action, acts: Sequence[Act]) -> None:
    """Write one entry per act on a connection of psycopg, under the same conditions as `record_act`."""
    record_done(on, [Done(actor, action, act) for act in acts])


def record_done(on: Connection, done: Sequence[Done]) -> None:
    """The same for acts of several people."""
    if not is_in_transaction(on):
        raise RuntimeError("entries belong into the transaction of their acts")
    if done:
        _INSERT.later(on, {"entries": as_json([_entry(*each) for each in done])})


def _entry(actor: Actor, action: Action, act: Act) -> dict[str, Any]:
    """Return the columns of an entry; what is not told is NULL."""
    return {
        "id": uuid7(),
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "institution_id": actor.institution_id,
        "action": action.value,
        "outcome": Outcome.DONE.value,
        "address": actor.address,
        **act._asdict(),
    }


_INSERT: Final = Statement(
    f"INSERT INTO trust_auditentry ({', '.join(name for name, _ in AUDIT_COLUMNS)})\n"
    f"SELECT * FROM {rows_in('entries', ', '.join(f'{name} {kind}' for name, kind in AUDIT_COLUMNS))}"
)
