"""One resident taken for another one: for a single pair that somebody decided, or for thousands that matching found.

Locks are taken in the order of registration: patients by (institution, number), identifiers by (type, number), then
residents by id.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from kangqiao.identity.models import Decision
from kangqiao.identity.statements import FOLLOW, IS_ESTABLISHED
from kangqiao.infra.postgres.statement import Statement, as_json, rows_in

FEW: Final = 100
"""Up to so many at once the planner needs no statistics."""
COLUMNS: Final = (
    "decision_id uuid, kept uuid, absorbed uuid, kind text, reason text, actor_id uuid, approved_by uuid,"
    " patient_id uuid, compared_with uuid, rule text, pattern bigint, weight float8, score float8, model text"
)


class Evidence(NamedTuple):
    """Why a comparison takes two residents for one person: the pair of patients that says so most clearly.

    `pattern` and `model` explain it (`linkage.model.explained`); `weight` in bits, `score` as a probability.
    """

    patient_id: UUID
    compared_with: UUID
    rule: str
    pattern: int
    weight: float
    score: float
    model: str


class Absorption(NamedTuple):
    """`absorbed` is the same person as `kept`: its patients and identifiers become those of `kept`."""

    decision_id: UUID
    kept: UUID
    absorbed: UUID
    kind: Decision.Kind
    reason: str
    actor_id: UUID | None = None
    approved_by: UUID | None = None
    evidence: Evidence | None = None


def absorb(connection: Connection, absorptions: Sequence[Absorption]) -> set[UUID]:
    """Carry out what was decided and return the ids of the decisions that took effect, in the caller's transaction.

    Without effect stays what somebody has overtaken: one of both is merged already, or they are to be kept apart; and
    of matching what would absorb somebody whose documents establish who it is (`IS_ESTABLISHED`). Each resident is
    absorbed once in a call, and none that is absorbed is kept. The audit entry is the caller's.
    """
    _WORKSPACE.later(connection, {})
    _FILL.later(connection, {"joining": as_json([as_row(each) for each in absorptions])})
    if len(absorptions) > FEW:
        connection.execute("ANALYZE identity_absorbing")
    for statement in _STEPS:
        statement.later(connection, {})
    return {decision for (decision,) in _EFFECTIVE.rows(connection, {})}


def as_row(absorption: Absorption) -> dict[str, Any]:
    """Return it with what its evidence says, by the names in COLUMNS."""
    told = absorption._asdict()
    evidence = told.pop("evidence")
    return told | (evidence._asdict() if evidence else {})


def bring_strays_along(connection: Connection, patients: Sequence[UUID]) -> int:
    """Link patients whose resident was joined to another while they were registered to that one; return how many.

    Registration locks no identifier: whoever merges two residents with numbers does not wait for files of millions.
    """
    return connection.execute(_BRING_ALONG, {"patients": list(patients)}).rowcount


_BRING_ALONG: Final = """
WITH stray AS (
    SELECT link.id, link.patient_id, link.reason, link.actor_id, link.batch_id, resident.merged_into_id
      FROM identity_patient patient
      JOIN identity_link link ON link.patient_id = patient.id AND link.undone_at IS NULL
      JOIN identity_resident resident ON resident.id = link.resident_id AND resident.state = 'merged'
     WHERE patient.id = ANY(%(patients)s)
     ORDER BY patient.institution_id, patient.local_number FOR UPDATE OF patient
), ended AS (
    UPDATE identity_link link SET undone_at = statement_timestamp(), undone_reason = '居民已并入'
      FROM stray WHERE link.id = stray.id
    RETURNING link.id
)
INSERT INTO identity_link (id, patient_id, resident_id, reason, actor_id, batch_id)
SELECT gen_random_uuid(), patient_id, merged_into_id, stray.reason, actor_id, batch_id
  FROM stray JOIN ended USING (id)
"""
_WORKSPACE: Final = Statement(f"CREATE TEMP TABLE IF NOT EXISTS identity_absorbing ({COLUMNS}) ON COMMIT DELETE ROWS")
_FILL: Final = Statement(f"""
WITH former AS (DELETE FROM identity_absorbing)
INSERT INTO identity_absorbing SELECT * FROM {rows_in("joining", COLUMNS)}
""")
_LOCK_PATIENTS: Final = Statement("""
SELECT count(*) FROM (
    SELECT FROM identity_absorbing JOIN identity_link link ON link.resident_id = absorbed AND link.undone_at IS NULL
      JOIN identity_patient patient ON patient.id = link.patient_id
     ORDER BY patient.institution_id, patient.local_number FOR UPDATE OF patient) locked
""")
_LOCK_IDENTIFIERS: Final = Statement("""
SELECT count(*) FROM (
    SELECT FROM identity_absorbing JOIN identity_residentidentifier identifier ON identifier.resident_id = absorbed
     ORDER BY identifier.type, identifier.number FOR UPDATE OF identifier) locked
""")
_LOCK_RESIDENTS: Final = Statement("""
SELECT count(*) FROM (
    SELECT FROM identity_resident resident
     WHERE id IN (SELECT kept FROM identity_absorbing UNION ALL SELECT absorbed FROM identity_absorbing)
     ORDER BY id FOR UPDATE) locked
""")
_DROP_OVERTAKEN: Final = Statement(f"""
DELETE FROM identity_absorbing joined WHERE NOT EXISTS (
    SELECT FROM identity_resident kept_one, identity_resident absorbed_one
     WHERE kept_one.id = kept AND absorbed_one.id = absorbed
       AND kept_one.state <> 'merged' AND absorbed_one.state <> 'merged'
       AND (kind <> 'match' OR NOT {IS_ESTABLISHED.format("absorbed")}))
    OR EXISTS (SELECT FROM identity_apart
                WHERE first_id = least(kept, absorbed) AND second_id = greatest(kept, absorbed))
    OR EXISTS (SELECT FROM identity_absorbing beside JOIN identity_apart
                   ON first_id = least(beside.absorbed, joined.absorbed)
                  AND second_id = greatest(beside.absorbed, joined.absorbed)
                WHERE beside.kept = joined.kept)
""")
_DECIDE: Final = Statement("""
INSERT INTO identity_decision (id, kind, resident_id, other_id, actor_id, approved_by, reason,
                               patient_id, compared_with, rule, pattern, weight, model, detail)
SELECT decision_id, kind, kept, absorbed, actor_id, approved_by, reason,
       patient_id, compared_with, rule, pattern, weight, model, jsonb_build_object(
       'state', (SELECT state FROM identity_resident WHERE id = absorbed),
       'identifiers', (SELECT coalesce(jsonb_agg(id), '[]') FROM identity_residentidentifier
                        WHERE resident_id = absorbed),
       'merged', (SELECT coalesce(jsonb_agg(id), '[]') FROM identity_resident
                   WHERE merged_into_id = absorbed AND state = 'merged'))
  FROM identity_absorbing
""")
_SETTLE: Final = Statement("""
WITH about AS MATERIALIZED (
    SELECT doubt.id, joined.absorbed, joined.kept, joined.decision_id
      FROM identity_absorbing joined CROSS JOIN LATERAL (
           SELECT id FROM identity_doubt WHERE first_id = absorbed AND state IN ('open', 'proposed')
           UNION
           SELECT id FROM identity_doubt WHERE second_id = absorbed AND state IN ('open', 'proposed')
           OFFSET 0) doubt
), settled AS (
    UPDATE identity_doubt doubt
       SET state = 'settled', decided_at = statement_timestamp(),
           decision_id = (SELECT decision_id FROM about WHERE about.id = doubt.id LIMIT 1)
     WHERE doubt.id = ANY(ARRAY(SELECT id FROM about))
    RETURNING doubt.id, first_id, second_id
)
INSERT INTO identity_unmatched (patient_id)
SELECT DISTINCT link.patient_id FROM settled JOIN about USING (id)
  JOIN identity_link link ON link.resident_id = absorbed AND link.undone_at IS NULL
 WHERE kept NOT IN (first_id, second_id)
ON CONFLICT (patient_id) DO NOTHING
""")
"""Doubts of the absorbed and somebody else are raised again by the next matching, about the resident it is now. By
index: planned for a table without statistics, a join reads all of them."""

_MOVE_LINKS: Final = Statement("""
WITH ended AS (
    UPDATE identity_link link
       SET undone_at = statement_timestamp(), undone_by = joined.actor_id, undone_reason = joined.reason,
           ended_by = joined.decision_id
      FROM identity_absorbing joined WHERE link.resident_id = absorbed AND link.undone_at IS NULL
    RETURNING link.patient_id AS moved, joined.*
)
INSERT INTO identity_link (id, patient_id, resident_id, reason, score, actor_id, decision_id)
SELECT gen_random_uuid(), moved, kept,
       CASE WHEN moved = kept THEN 'own' WHEN kind = 'match' THEN 'matched' ELSE 'manual' END,
       coalesce(score, 1), actor_id, decision_id
  FROM ended
""")
_MOVE_IDENTIFIERS: Final = Statement("""
UPDATE identity_residentidentifier identifier SET resident_id = kept
  FROM identity_absorbing WHERE identifier.resident_id = absorbed
""")
_MARK_KEPT: Final = Statement("""
UPDATE identity_resident resident SET state = 'confirmed'
  FROM identity_absorbing
 WHERE resident.id = kept AND resident.state = 'pending'
   AND EXISTS (SELECT FROM identity_residentidentifier identifier WHERE identifier.resident_id = kept)
""")
_MARK: Final = Statement("""
WITH gone AS MATERIALIZED (
    SELECT absorbed AS id, kept FROM identity_absorbing
    UNION ALL
    SELECT earlier.id, kept FROM identity_absorbing
      JOIN identity_resident earlier ON earlier.merged_into_id = absorbed AND earlier.state = 'merged'
)
UPDATE identity_resident resident SET state = 'merged', merged_into_id = gone.kept FROM gone WHERE resident.id = gone.id
""")
_MOVE_APART: Final = Statement("""
WITH moved AS (
    SELECT apart.id, coalesce(one.kept, first_id) AS one, coalesce(other.kept, second_id) AS other
      FROM identity_apart apart
      LEFT JOIN identity_absorbing one ON one.absorbed = first_id
      LEFT JOIN identity_absorbing other ON other.absorbed = second_id
     WHERE one.absorbed IS NOT NULL OR other.absorbed IS NOT NULL
)
UPDATE identity_apart apart SET first_id = least(one, other), second_id = greatest(one, other)
  FROM moved WHERE moved.id = apart.id
""")
"""Whoever is kept apart from the absorbed is kept apart from who it is now."""

_FOLLOW_KEPT: Final = Statement(FOLLOW.format(affected="SELECT DISTINCT kept AS resident_id FROM identity_absorbing"))
_STEPS: Final = (
    *(_LOCK_PATIENTS, _LOCK_IDENTIFIERS, _LOCK_RESIDENTS, _DROP_OVERTAKEN, _DECIDE, _SETTLE),
    *(_MOVE_LINKS, _MOVE_IDENTIFIERS, _FOLLOW_KEPT, _MARK_KEPT, _MARK, _MOVE_APART),
)
_EFFECTIVE: Final = Statement("SELECT decision_id FROM identity_absorbing")
