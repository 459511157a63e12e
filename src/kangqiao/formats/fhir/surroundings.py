"""What a resource stands among: references within a Bundle, contained resources, reports and what they list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kangqiao.formats.fhir.documents import identifier_id
from kangqiao.standards.fhir.paths import Surroundings

Json = Any

_REFERENCE = re.compile(r"(?:https?://[^?#]+/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?")

LISTING = {"DiagnosticReport": "result", "Observation": "hasMember"}
"""Type → the element that lists results, in the order in which they are asked: a report before a panel."""


class Among:
    """The resources that came together, each with its address in the Bundle and its key ``Type/id``.

    ``kinds`` has the patient type codes of encounters by key: of those that came along and of those already stored.
    """

    def __init__(
        self,
        resources: Iterable[tuple[str | None, str, Json]],
        *,
        received_at: datetime,
        kinds: Mapping[str, str] | None = None,
    ) -> None:
        self.received_at, self.received = received_at, received_at.isoformat()
        self.kinds: dict[str, str] = dict(kinds or {})
        self._keys: dict[int, str] = {}
        self._addresses: dict[str, str | None] = {}  # references as written → keys
        self._resources: dict[str, Json] = {}
        self._containers: dict[int, Json] = {}
        self._listers: dict[int, Json] = {}
        came = list(resources)
        for address, key, resource in came:
            self._resources.setdefault(key, resource)
            if address:
                self._addresses.setdefault(address, key)
            self._enter(key, resource)
        for kind, element in LISTING.items():
            for _, _, resource in came:
                if resource.get("resourceType") == kind and element in resource:
                    self._note_results(resource, resource[element])

    def _enter(self, key: str, resource: Json) -> None:
        self._keys[id(resource)] = key
        if "contained" not in resource:
            return
        for contained in _nodes(resource.get("contained")):
            self._containers[id(contained)] = resource
            self._keys[id(contained)] = f"{key}#{contained.get('id', '')}"

    def _note_results(self, lister: Json, references: Json) -> None:
        for reference in _nodes(references):
            found = self.resolve(reference, lister)
            if found is not None and found is not lister:
                self._listers.setdefault(id(found), lister)

    def resolve(self, reference: Json, resource: Json) -> Json:
        """Return the resource a Reference points to, where it came along with this one."""
        written = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(written, str):
            return None
        if written.startswith("#"):
            container = self._containers.get(id(resource)) or resource
            contained = _nodes(container.get("contained"))
            return next((node for node in contained if node.get("id") == written[1:]), None)
        key = self.key(reference)
        return self._resources.get(key) if key else None

    def key(self, reference: Json) -> str | None:
        """Return ``Type/id`` of what a Reference points to, None where it does not say."""
        written = reference.get("reference") if isinstance(reference, dict) else None
        if not isinstance(written, str):
            return None
        known = self._addresses.get(written)
        if known is None and written not in self._addresses:
            found = _REFERENCE.fullmatch(written)
            known = self._addresses[written] = f"{found[1]}/{found[2]}" if found else None
        return known

    def key_of(self, resource: Json) -> str:
        """Return ``Type/id`` of a resource that came along."""
        return self._keys[id(resource)]

    def lister(self, resource: Json) -> Json | None:
        """Return the report or panel that lists the resource among its results, where it came along."""
        return self._listers.get(id(resource))

    def contained_results(self, resource: Json) -> list[Json]:
        """Return the contained resources that a report lists among its results."""
        if "contained" not in resource:
            return []
        return [node for node in _nodes(resource.get("contained")) if self.lister(node) is resource]

    def encounter_kind(self, key: str) -> str | None:
        """Return the patient type code (CV09.00.404) of an encounter, None for an unknown one."""
        return self.kinds.get(key)


def patient_of(node: Json, resource: Json, around: Surroundings) -> tuple[str | None, str | None]:
    """Return (the patient's number at the institution, what is wrong with the Reference in Chinese).

    Both are None where the element is missing: the gate says so.
    """
    if not isinstance(node, dict):
        return None, None
    if "reference" not in node:
        number = identifier_id(node.get("identifier"))
        return (number, None) if number else (None, "只写了名称，没有指明是哪位患者（缺少 reference 或 identifier）")
    if str(node["reference"]).startswith("#"):
        return _contained_patient(around.resolve(node, resource))
    key = around.key(node)
    if key is None:
        return None, "所引用的患者不在本次报送中，也不是 Patient/编号 的形式，无法确定是谁"
    kind, _, number = key.partition("/")
    return (number, None) if kind == "Patient" else (None, f"主体是 {kind}，不是患者，不收入个人档案")


def _contained_patient(found: Json) -> tuple[str | None, str | None]:
    if found is None:
        return None, "所引用的内含资源不存在"
    if found.get("resourceType") != "Patient":
        return None, f"主体是 {found.get('resourceType')}，不是患者，不收入个人档案"
    number = identifier_id(found.get("identifier"))
    return (number, None) if number else (None, "内含的患者没有 identifier，无法确定是谁")


def _nodes(value: Json) -> list[dict[str, Json]]:
    return [node for node in value if isinstance(node, dict)] if isinstance(value, list) else []
