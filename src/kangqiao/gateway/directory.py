"""Organization and Practitioner: what a sender says about its own departments and staff, into the registry.

Institutions are registered by the platform; an Organization that is one is accepted only as the sender itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from kangqiao.formats.fhir.mapping import Problem
from kangqiao.standards.fhir.data_types import codes, human_name, plain

Json = Any
KINDS: Final = ("Organization", "Practitioner")

LONGEST_NAME: Final = 100
_STAFF_KINDS: Final = {"MD": "physician", "DO": "physician", "RN": "nurse", "RPH": "pharmacist"}


class Place(Enum):
    """What of the registry an entry is."""

    DEPARTMENT = "department"
    STAFF = "staff"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Listing:
    """One entry; ``codes`` are its own code, of an institution every identifier it gives."""

    place: Place
    codes: tuple[str, ...]
    name: str
    staff_kind: str = "other"


NOT_THE_SENDER: Final = Problem(
    "error",
    "business-rule",
    "机构由平台统一登记，只接收报送机构自己（identifier 为已登记的机构代码）；科室请在 type 中写明 dept",
    "Organization.identifier",
)


def listing_of(resource: Json, key: str) -> tuple[Listing | None, list[Problem]]:
    """Return the registry entry of an Organization or Practitioner, and what is wrong with it."""
    kind, _, code = key.partition("/")
    name = plain(resource.get("name")) if kind == "Organization" else human_name(resource.get("name"))
    title = "名称" if kind == "Organization" else "姓名"
    if not name:
        return None, [Problem("error", "required", f"“{title}”必填", f"{kind}.name")]
    if len(name) > LONGEST_NAME:
        return None, [Problem("error", "too-long", f"“{title}”不应超过 {LONGEST_NAME} 个字", f"{kind}.name")]
    if kind == "Practitioner":
        held = [word for node in _list(resource.get("qualification")) for word in codes(node.get("code"))]
        staff_kind = next((_STAFF_KINDS[word] for word in held if word in _STAFF_KINDS), "other")
        return Listing(Place.STAFF, (code,), name, staff_kind), []
    if any(word == "dept" for node in _list(resource.get("type")) for word in codes(node)):
        return Listing(Place.DEPARTMENT, (code,), name), []
    given = tuple(filter(None, (plain(node.get("value")) for node in _list(resource.get("identifier")))))
    return (Listing(Place.INSTITUTION, given, name), []) if given else (None, [NOT_THE_SENDER])


def _list(value: Json) -> list[dict[str, Json]]:
    return [node for node in value if isinstance(node, dict)] if isinstance(value, list) else []


IS_SENDER: Final = "SELECT id, code FROM registry_institution WHERE id = ANY($1::int[])"

STORE_STAFF: Final = """
INSERT INTO registry_staff (id, institution_id, code, name, kind, valid)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::bool[])
ON CONFLICT (institution_id, code) DO UPDATE SET name = excluded.name, valid = excluded.valid,
    kind = CASE excluded.kind WHEN 'other' THEN registry_staff.kind ELSE excluded.kind END
"""

STORE_DEPARTMENTS: Final = """
INSERT INTO registry_department (id, institution_id, code, name, active)
SELECT * FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::bool[])
ON CONFLICT (institution_id, code) DO UPDATE SET name = excluded.name, active = excluded.active
"""

RETIRE: Final = {
    "Practitioner": "UPDATE registry_staff SET valid = false WHERE institution_id = $1 AND code = $2",
    "Organization": "UPDATE registry_department SET active = false WHERE institution_id = $1 AND code = $2",
}


def columns(listed: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Return rows as columns, for ``unnest``."""
    return [list(column) for column in zip(*listed, strict=True)]
