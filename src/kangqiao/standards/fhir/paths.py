"""Where to look in a FHIR resource, and what surrounds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kangqiao.standards.fhir.data_types import Json

DEEPEST = 8
"""Reports list panels and panels list panels; so many levels are looked up."""


class Surroundings(Protocol):
    """What a resource stands among: its Bundle, its contained resources, and what the platform already has."""

    received_at: datetime

    def resolve(self, reference: Json, resource: Json) -> Json | None:
        """Return the resource a Reference points to, where it came along with this one."""

    def key(self, reference: Json) -> str | None:
        """Return ``Type/id`` of what a Reference points to, None where it does not say."""

    def key_of(self, resource: Json) -> str:
        """Return ``Type/id`` of a resource that came along."""

    def lister(self, resource: Json) -> Json | None:
        """Return the report or panel that lists the resource among its results, where it came along."""

    def encounter_kind(self, key: str) -> str | None:
        """Return the patient type code (CV09.00.404) of an encounter, None for an unknown one."""


@dataclass(slots=True)
class Reading:
    """One resource while its columns are read, with what there is to say about it.

    item        the repetition of ``each`` that makes this row
    warnings    (path, Chinese message)
    partial     column → (path, the date as it came) where a date is known to the year or month only
    by_receipt  columns filled with the time of receipt
    """

    resource: Json
    around: Surroundings
    key: str
    item: Json = None
    warnings: list[tuple[str, str]] = field(default_factory=list)
    partial: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_receipt: list[str] = field(default_factory=list)

    def listers(self) -> Iterator[Json]:
        """Yield the report or panel that lists the resource, the one that lists that, and so on."""
        above = self.around.lister(self.resource)
        for _ in range(DEEPEST):
            if above is None:
                return
            yield above
            above = self.around.lister(above)


@dataclass(frozen=True, slots=True)
class Path:
    """Element names joined by dots; of a repeating element the first is taken.

    ``.value`` starts at the repetition of ``each``; ``^issued`` is looked for in the report or panel that lists the
    resource, then in the one above it.
    """

    text: str
    start: str
    keys: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Path:
        start = text[0] if text[:1] in (".", "^") else ""
        return cls(text, start, tuple(filter(None, text.removeprefix(start).split("."))))

    def first(self, reading: Reading) -> Json:
        """Return the first value, None where there is none."""
        if self.start == "^":
            found = (_descend(above, self.keys) for above in reading.listers())
            return next((value for value in found if value is not None), None)
        return _descend(reading.item if self.start else reading.resource, self.keys)

    def every(self, reading: Reading) -> list[Json]:
        """Return all values, repetitions on the way flattened."""
        nodes = [reading.item if self.start else reading.resource]
        for key in self.keys:
            nodes = [node[key] for node in _flat(nodes) if isinstance(node, dict) and key in node]
        return list(_flat(nodes))


def _descend(node: Json, keys: tuple[str, ...]) -> Json:
    for key in keys:
        if type(node) is list:
            node = node[0] if node else None
        if type(node) is not dict:
            return None
        node = node.get(key)
    if type(node) is list:
        node = node[0] if node else None
    return node


def _flat(nodes: list[Json]) -> Iterator[Json]:
    for node in nodes:
        if isinstance(node, list):
            yield from node
        else:
            yield node
