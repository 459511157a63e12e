"""From a resource to what is written of it: mapped, judged, packed."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from kangqiao.formats.fhir.documents import ID, local_id
from kangqiao.formats.fhir.mapping import Problem, declarations, rows_of
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.directory import KINDS, listing_of
from kangqiao.gateway.errors import Malformed, Refused
from kangqiao.gateway.gate import judge
from kangqiao.gateway.writes import Write
from kangqiao.infra.ids import uuid7
from kangqiao.records.medical_record.models import InpatientStay
from kangqiao.records.originals import packed
from kangqiao.trust.actors import Actor

Json = Any

_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')


def is_taken(kind: str) -> bool:
    """Say whether resources of a type are taken at all."""
    return kind in declarations() or kind in KINDS


def check_type(kind: str) -> None:
    """Raise :class:`Refused` for a type that is not taken."""
    if not is_taken(kind):
        raise Refused([Problem("error", "not-supported", f"平台不收录 {kind} 资源，见 /fhir/metadata", kind)])


def key_of(resource: Json, id: UUID, *, asked: str | None = None) -> str:
    """Return ``Type/id``: as the address asks for, else the resource's own id; ``id`` where it has none."""
    kind, own = resource["resourceType"], resource.get("id")
    if asked is not None and own != asked:
        raise Malformed("地址中的编号与资源的 id 不一致", expression=f"{kind}.id")
    found = asked or local_id(resource, otherwise=id)
    if not ID.fullmatch(found):
        raise Malformed("id 只能含字母、数字、“-”和“.”，最多 64 个字符", code="value", expression=f"{kind}.id")
    return f"{kind}/{found}"


def if_match(header: str) -> int | None:
    """Return the version an If-Match header asks for, None where there is none."""
    if not header:
        return None
    found = _ETAG.fullmatch(header)
    if not found:
        raise Malformed('If-Match 应为 W/"版本号"', code="value")
    return int(found[1])


def prepare(
    resource: Json, content: bytes, *, id: UUID, around: Among, actor: Actor, media_type: str, if_version: int | None
) -> Write:
    """Return the write of a resource; raises :class:`Refused` with everything that is wrong with it."""
    write = Write(
        actor=actor,
        kind=resource["resourceType"],
        key=around.key_of(resource),
        id=id,
        audit_id=uuid7(),
        received_at=around.received_at,
        media_type=media_type,
        content=packed(content),
        if_version=if_version,
    )
    if write.kind in KINDS:
        write.listing, problems = listing_of(resource, write.key)
        voids = False
    else:
        mapped = rows_of(resource, around)
        write.rows, problems = judge(mapped, institution_id=write.institution_id, received_at=around.received_at)
        write.adopts, voids = mapped.adopts, mapped.voids
    if any(problem.severity == "error" for problem in problems):
        if not voids:
            raise Refused(problems)
        write.rows, write.unless_known = [], tuple(problems)
    write.warnings = problems
    return write


def kind_of_encounter(resource: Json, around: Among, institution_id: int) -> str | None:
    """Return the patient type code of an Encounter that came along and will be accepted."""
    rows, problems = judge(rows_of(resource, around), institution_id=institution_id, received_at=around.received_at)
    if not rows or any(problem.severity == "error" for problem in problems):
        return None
    return "3" if rows[0].data_set is InpatientStay else rows[0].values["kind"]
