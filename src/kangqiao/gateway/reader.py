"""Reading originals: concurrent reads share one statement, which writes their audit entries as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from kangqiao.gateway.gathering import Gathered
from kangqiao.gateway.lines import Line
from kangqiao.infra.ids import uuid7
from kangqiao.records import originals
from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Wanted:
    """One resource to be read; ``version`` None is the current one."""

    actor: Actor
    kind: str
    key: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One version as it came; ``content`` None says that it was deleted."""

    id: UUID
    key: str
    version: int
    media_type: str
    content: bytes | None
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that came to nothing, to be written down: by whom, what kind of act, on what kind of resource."""

    actor: Actor
    action: Action
    kind: str


_NOTED = """
    INSERT INTO trust_auditentry
           (id, actor_kind, actor_id, institution_id, action, resident_id, patient_id, object_kind, object_id, outcome,
            address)"""

READ: Final = f"""
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::int[], $7::inet[])
             WITH ORDINALITY AS a(audit_id, actor_id, institution_id, kind, source_key, version, address, place)
), found AS (
    SELECT asked.*, o.id, o.version AS current, o.media_type, o.content, o.received_at, o.patient_id
      FROM asked LEFT JOIN LATERAL (
           SELECT * FROM {originals.TABLE} o
            WHERE o.institution_id = asked.institution_id AND o.source_key = asked.source_key
              AND (asked.version IS NULL OR o.version = asked.version)
            ORDER BY o.version DESC LIMIT 1) o ON true
), noted AS (
    {_NOTED}
    SELECT found.audit_id, '{ActorKind.TOKEN.value}', found.actor_id, found.institution_id,
           '{Action.FHIR_READ.value}', link.resident_id, found.patient_id, found.kind, found.id,
           CASE WHEN found.id IS NULL THEN '{Outcome.FAILED.value}' ELSE '{Outcome.DONE.value}' END, found.address
      FROM found
      LEFT JOIN identity_link link ON link.patient_id = found.patient_id AND link.undone_at IS NULL
)
SELECT id, current, media_type, content, received_at FROM found ORDER BY place
"""

SEARCH: Final = f"""
WITH patient AS (
    SELECT id FROM identity_patient WHERE institution_id = $1 AND local_number = $2
), found AS (
    SELECT o.* FROM patient
      CROSS JOIN LATERAL (
        SELECT * FROM {originals.TABLE} o
         WHERE o.patient_id = patient.id AND o.kind = $3 AND ($4::uuid IS NULL OR o.id < $4) AND o.content IS NOT NULL
           AND NOT EXISTS (SELECT FROM {originals.TABLE} n WHERE n.institution_id = o.institution_id
                              AND n.source_key = o.source_key AND n.version > o.version)
         ORDER BY o.id DESC LIMIT $5) o
), noted AS (
    {_NOTED}
    SELECT $6, '{ActorKind.TOKEN.value}', $7, $1, '{Action.FHIR_SEARCH.value}', link.resident_id, patient.id, $3,
           NULL, CASE WHEN patient.id IS NULL THEN '{Outcome.FAILED.value}' ELSE '{Outcome.DONE.value}' END, $8
      FROM (SELECT) one LEFT JOIN patient ON true
      LEFT JOIN identity_link link ON link.patient_id = patient.id AND link.undone_at IS NULL
)
SELECT id, source_key, version, media_type, content, received_at FROM found ORDER BY id DESC
"""

REFUSED: Final = f"""
{_NOTED}
SELECT id, '{ActorKind.TOKEN.value}', actor_id, institution_id, action, NULL, NULL, kind, NULL,
       '{Outcome.REFUSED.value}', address
  FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::text[], $6::inet[])
       AS a(id, actor_id, institution_id, action, kind, address)
"""


class Reader:
    """Everything the gateway reads."""

    def __init__(self, url: str) -> None:
        self._reading, self._others = Line(url), Line(url)
        self.read = Gathered(self._read)
        self.note_refusal = Gathered(self._note_refusals)

    async def search(
        self, actor: Actor, kind: str, patient_number: str, *, before: UUID | None, most: int
    ) -> list[Found]:
        """Return a patient's current resources of a type, the newest first."""
        rows = await self._others.fetch(
            SEARCH, actor.institution_id, patient_number, kind, before, most, uuid7(), actor.id, actor.address
        )
        return [Found(r[0], r[1], r[2], r[3], originals.unpacked(r[4]), r[5]) for r in rows]

    async def _read(self, wanted: list[Wanted]) -> Sequence[Found | None]:
        rows = await self._reading.fetch(
            READ,
            [uuid7() for _ in wanted],
            [w.actor.id for w in wanted],
            [w.actor.institution_id for w in wanted],
            [w.kind for w in wanted],
            [w.key for w in wanted],
            [w.version for w in wanted],
            [w.actor.address for w in wanted],
        )
        return [_found(one, row) for one, row in zip(wanted, rows, strict=True)]

    async def _note_refusals(self, refused: list[Refusal]) -> Sequence[None]:
        await self._others.fetch(
            REFUSED,
            [uuid7() for _ in refused],
            [each.actor.id for each in refused],
            [each.actor.institution_id for each in refused],
            [each.action.value for each in refused],
            [each.kind for each in refused],
            [each.actor.address for each in refused],
        )
        return [None] * len(refused)

    async def close(self) -> None:
        """Close all lines."""
        for line in (self._reading, self._others):
            await line.close()


def _found(wanted: Wanted, row: asyncpg.Record) -> Found | None:
    if row[0] is None:
        return None
    content = None if row[3] is None else originals.unpacked(row[3])
    return Found(row[0], wanted.key, row[1], row[2], content, row[4])
