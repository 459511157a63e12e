"""Writing the audit log: one entry per act on personal data or on the keys to it, in the act's transaction."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

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
"""Columns and types of `AUDIT_INSERT`, in order. The database sets `at`."""

AUDIT_INSERT: Final = (
    f"INSERT INTO trust_auditentry ({', '.join(name for name, _ in AUDIT_COLUMNS)})\n"
    f"SELECT * FROM unnest({', '.join(f'${n}::{kind}[]' for n, (_, kind) in enumerate(AUDIT_COLUMNS, 1))})"
)
"""Many entries in one statement (numbered parameters, as asyncpg takes them): one array per column."""


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


def record_acts(
    *, actor: Actor, action: Action, object_kind: str, acts: Sequence[tuple[UUID, UUID, dict[str, Any]]]
) -> None:
    """Write one entry per act (resident, object, detail), under the same conditions as `record_act`."""
    if not connection.in_atomic_block:
        raise RuntimeError("record_acts belongs into the transaction of the acts")
    AuditEntry.objects.bulk_create(
        AuditEntry(
            actor_kind=actor.kind,
            actor_id=actor.id,
            institution_id=actor.institution_id,
            action=action,
            resident_id=resident_id,
            object_kind=object_kind,
            object_id=str(object_id),
            outcome=Outcome.DONE,
            address=actor.address,
            detail=detail,
        )
        for resident_id, object_id, detail in acts
    )
