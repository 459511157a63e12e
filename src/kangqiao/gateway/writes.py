"""What is to be written, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from uuid import UUID

from kangqiao.formats.fhir.mapping import Problem
from kangqiao.gateway.directory import Listing
from kangqiao.gateway.errors import GatewayError, Refused, VersionConflict
from kangqiao.gateway.gate import Judged
from kangqiao.identity.documents import DocumentKey
from kangqiao.identity.rules import normalise_document
from kangqiao.identity.services import Registration
from kangqiao.infra.ids import uuid7
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actors import Actor

AS_WRITTEN: Final = (
    *("document_issuer", "document_valid_until", "health_card", "archive_number", "insurance_number"),
    *("phone", "division", "mother_name"),
)
"""What identity is told as the registration has it."""


class Effect(Enum):
    """What a write did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    ABSENT = "absent"  # nothing was there to delete
    CHANGED_SINCE = "changed-since"  # the version asked for is not the current one
    REFUSED = "refused"


@dataclass(slots=True, kw_only=True)
class Write:
    """One version of one resource.

    content      packed, None for a deletion
    warnings     what the sender is told although it is stored; more may be found when it is
    adopts       keys of resources sent earlier whose detail rows belong to this one
    if_version   the version that must be current
    unless_known problems that refuse it where nothing of the same key is stored (what is there to be voided?)
    """

    actor: Actor
    kind: str
    key: str
    id: UUID
    audit_id: UUID
    received_at: datetime
    media_type: str = ""
    content: bytes | None = None
    rows: list[Judged] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    listing: Listing | None = None
    adopts: list[str] = field(default_factory=list)
    if_version: int | None = None
    unless_known: tuple[Problem, ...] = ()

    @property
    def institution_id(self) -> int:
        assert self.actor.institution_id is not None
        return self.actor.institution_id

    @property
    def patient_number(self) -> str | None:
        """Return whose resource it is, None where its rows do not say."""
        return self.rows[0].values["patient_number"] if self.rows else None

    def registration(self) -> Registration | None:
        """Return what a Patient tells identity, None for other resources and for what is void."""
        if self.kind != "Patient" or not self.rows or self.rows[0].values["voided"]:
            return None
        values: dict[str, Any] = self.rows[0].values
        today = self.received_at.astimezone(CITY_TIME).date()
        found = normalise_document(values["document_type"], values["document_number"], today=today)
        known = found if isinstance(found, DocumentKey) else None
        return Registration(
            self.institution_id,
            values["patient_number"],
            values["name"],
            values["sex"],
            values["birth_date"],
            known.type_code.value if known else None,
            known.number if known else None,
            shown_number=None if known else values["document_number"],
            mother_number=values["mother_document"],
            registered_on=values["registered_at"].astimezone(CITY_TIME).date(),
            **{word: values[word] for word in AS_WRITTEN},
        )


@dataclass(slots=True)
class Written:
    """What became of a write; ``version`` is the current one afterwards, 0 where there is none."""

    effect: Effect
    version: int
    id: UUID | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def done(self) -> bool:
        return self.effect not in (Effect.CHANGED_SINCE, Effect.REFUSED)


Unit = list[Write]
"""Writes that take effect together or not at all."""


def deletion(actor: Actor, kind: str, id: str, if_version: int | None) -> Write:
    """Return the write that deletes a resource."""
    return Write(
        actor=actor,
        kind=kind,
        key=f"{kind}/{id}",
        id=uuid7(),
        audit_id=uuid7(),
        received_at=datetime.now(UTC),
        if_version=if_version,
    )


def failure(written: Written) -> GatewayError:
    """Return the error that a write which had no effect is answered with."""
    return Refused(written.problems) if written.effect is Effect.REFUSED else VersionConflict()


def status_of(written: Written) -> int:
    """Return the HTTP status of a write that took effect."""
    if written.effect in (Effect.DELETED, Effect.ABSENT):
        return 204
    return 201 if written.effect is Effect.CREATED else 200
