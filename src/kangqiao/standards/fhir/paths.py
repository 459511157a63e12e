"""Where to look in a FHIR resource, and what surrounds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from kangqiao.standards.fhir.data_types import Json

DEEPEST = 8
"""Reports list panels and panels list panels; so many levels are looked up."""


class Surroundings(Protocol):
    """What a resource stands among: its Bundle, its contained resources, and what the platform already has."""

    received_at: datetime
    received: str  # the same, as wire text

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
    unresolved  (column, path) of encounters whose kind has to be looked up
    memory      what was found out about the resource and is asked again, shared by all its readings
    """

    resource: Json
    around: Surroundings
    key: str
    item: Json = None
    memory: dict[object, Any] = field(default_factory=dict)
    warnings: list[tuple[str, str]] = field(default_factory=list)
    partial: dict[str, tuple[str, str]] = field(default_factory=dict)
    by_receipt: list[str] = field(default_factory=list)
    unresolved: list[tuple[str, str]] = field(default_factory=list)

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

    first  returns the first value of a reading, None where there is none
    every  returns all values, repetitions on the way flattened
    """

    text: str
    keys: tuple[str, ...]
    absolute: bool
    of_item: bool
    first: Callable[[Reading], Json]
    every: Callable[[Reading], list[Json]]

    @classmethod
    @cache
    def of(cls, text: str) -> Path:
        """Return the path a declaration writes."""
        start = text[0] if text[:1] in (".", "^") else ""
        keys = tuple(filter(None, text.removeprefix(start).split(".")))
        first = _above(keys) if start == "^" else _first(keys, of_item=start == ".")
        return cls(text, keys, not start, start == ".", first, _every(keys, of_item=start == "."))


def _first(keys: tuple[str, ...], *, of_item: bool) -> Callable[[Reading], Json]:
    descend = _descend(keys)
    if of_item:
        return lambda reading: descend(reading.item)
    return lambda reading: descend(reading.resource)


def _above(keys: tuple[str, ...]) -> Callable[[Reading], Json]:
    descend = _descend(keys)

    def first(reading: Reading) -> Json:
        found = (descend(above) for above in reading.listers())
        return next((value for value in found if value is not None), None)

    return first


def _every(keys: tuple[str, ...], *, of_item: bool) -> Callable[[Reading], list[Json]]:
    def every(reading: Reading) -> list[Json]:
        nodes = [reading.item if of_item else reading.resource]
        for key in keys:
            found: list[Json] = []
            for node in nodes:
                value = node.get(key) if type(node) is dict else None
                if type(value) is list:
                    found += value
                elif value is not None:
                    found.append(value)
            if not found:
                return found
            nodes = found
        return nodes

    return every


def _descend(keys: tuple[str, ...]) -> Callable[[Json], Json]:
    if len(keys) == 1:
        (key,) = keys

        def take(node: Json) -> Json:
            value = node.get(key) if type(node) is dict else None
            return value if type(value) is not list else value[0] if value else None

        return take

    def descend(node: Json) -> Json:
        for key in keys:
            if type(node) is list:
                node = node[0] if node else None
            if type(node) is not dict:
                return None
            node = node.get(key)
        if type(node) is list:
            node = node[0] if node else None
        return node

    return descend
