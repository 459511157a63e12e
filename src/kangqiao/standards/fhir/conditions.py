"""Decisions about a resource, to say which resources become a row, are refused, or void one."""

from __future__ import annotations

from collections.abc import Callable

from kangqiao.standards import value_sets
from kangqiao.standards.fhir import data_types
from kangqiao.standards.fhir.data_types import codes
from kangqiao.standards.fhir.paths import Path, Reading

Condition = Callable[[Reading], bool]


def among(path: str, *wanted: str) -> Condition:
    """A code of the element is one of these."""
    every_node, known = Path.of(path).every, frozenset(wanted)

    def holds(reading: Reading) -> bool:
        for node in every_node(reading):
            if type(node) is str:
                if node in known:
                    return True
            elif not known.isdisjoint(codes(node)):
                return True
        return False

    return holds


def in_value_set(path: str, values: str) -> Condition:
    """A code of the element is listed in one of our value sets."""
    first = Path.of(path).first
    return lambda reading: any(code in value_sets.load(values).codes for code in codes(first(reading)))


def present(path: str) -> Condition:
    """The element is there."""
    first = Path.of(path).first
    return lambda reading: first(reading) is not None


def listed(where: Condition | None = None) -> Condition:
    """A report or panel that came along lists the resource, directly or through other panels."""

    def holds(reading: Reading) -> bool:
        above = (Reading(resource, reading.around, reading.key) for resource in reading.listers())
        return any(where is None or where(lister) for lister in above)

    return holds


def has_value(reading: Reading) -> bool:
    """The Observation has a value of its own."""
    return data_types.has_value(reading.resource)


def has_result(reading: Reading) -> bool:
    """The Observation or one of its components has a value."""
    return any(data_types.has_value(node) for node in data_types.observed(reading.resource))


def has_extension(url: str) -> Condition:
    """The resource carries an extension."""
    every_node = Path.of("extension").every
    return lambda reading: any(isinstance(node, dict) and node.get("url") == url for node in every_node(reading))


def every(*parts: Condition) -> Condition:
    """All of the conditions hold."""
    return lambda reading: all(part(reading) for part in parts)


def either(*parts: Condition) -> Condition:
    """One of the conditions holds."""
    return lambda reading: any(part(reading) for part in parts)


def no(part: Condition) -> Condition:
    """The condition does not hold."""
    return lambda reading: not part(reading)


def remembered(condition: Condition) -> Condition:
    """The condition, decided once per resource."""

    def holds(reading: Reading) -> bool:
        known: bool | None = reading.memory.get(holds)
        if known is None:
            known = reading.memory[holds] = condition(reading)
        return known

    return holds
