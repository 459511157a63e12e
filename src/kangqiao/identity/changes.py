"""Who was joined to whom and parted again, in the order in which it happened: ids only, for others to follow."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from kangqiao.identity.models import Decision, Patient
from kangqiao.infra.ids import first_id_since
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission

MOST_CHANGES: Final = 500


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that was taken (`decisions.Decision.Kind`), or taken back. `resident_id` stays, `other_id` was joined
    to it, linked away from it or kept apart from it."""

    at: datetime
    id: UUID
    kind: str
    taken_back: bool
    resident_id: UUID
    other_id: UUID
    patient_id: UUID | None


def changes_since(*, after: tuple[datetime, UUID] | None, actor: Actor, most: int = MOST_CHANGES) -> list[Change]:
    """Return the next changes after one (time, id), or the first ones. None that comes later is older than these."""
    actor.require(Permission.IDENTITY_MATCH)
    at, id = after or (None, None)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_CHANGES, {"at": at, "id": id, "most": max(1, min(most, MOST_CHANGES))})
        found = [Change(*row) for row in cursor.fetchall()]
        record_act(
            actor=actor,
            action=Action.RESIDENT_FIND,
            object_kind="decision",
            detail={"by": "changes", "found": len(found)},
        )
    return found


def count_changes_since(moment: datetime, *, at_most: int) -> int:
    """Return how many patients are new and how many decisions were taken or taken back since; of each at most so many.

    What a transaction that was under way at the moment has added is not counted.
    """
    new = Patient.objects.filter(id__gte=first_id_since(moment))
    taken, taken_back = (Decision.objects.filter(**{f"{at}__gte": moment}) for at in ("decided_at", "undone_at"))
    return sum(changed[:at_most].count() for changed in (new, taken, taken_back))


_CHANGES: Final = """
WITH settled AS MATERIALIZED (
    SELECT coalesce(min(xact_start), statement_timestamp()) AS before FROM pg_stat_activity
     WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
), happened AS (
    (SELECT decided_at AS at, id, kind, false AS taken_back, resident_id, other_id, patient_id
       FROM identity_decision, settled
      WHERE decided_at < before
        AND (%(at)s::timestamptz IS NULL OR (decided_at, id) > (%(at)s::timestamptz, %(id)s::uuid))
      ORDER BY decided_at, id LIMIT %(most)s)
    UNION ALL
    (SELECT undone_at, id, kind, true, resident_id, other_id, patient_id
       FROM identity_decision, settled
      WHERE undone_at < before
        AND (%(at)s::timestamptz IS NULL OR (undone_at, id) > (%(at)s::timestamptz, %(id)s::uuid))
      ORDER BY undone_at, id LIMIT %(most)s)
)
SELECT * FROM happened ORDER BY at, id LIMIT %(most)s
"""
"""What transactions that are still under way may yet add is later than their beginning."""
