"""From a resource to the rows its type is declared to become."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from kangqiao.formats.fhir.surroundings import Among, patient_of
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fhir import Declaration
from kangqiao.standards.fhir.paths import Reading

Json = Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to say about a resource: FHIR severity and issue type, Chinese message, where it lies.

    expression  FHIR path
    element     ``data-set.column``, "" where it concerns none
    """

    severity: str
    code: str
    message: str
    expression: str = ""
    element: str = ""


@dataclass(slots=True)
class Row:
    """One row in wire text, before the gate."""

    data_set: type[DataSet]
    declaration: Declaration
    cells: dict[str, str | None]
    reading: Reading


@dataclass(slots=True)
class Mapped:
    """What became of one resource.

    voids   the resource says that it does not hold (any more)
    adopts  keys of resources sent earlier whose detail rows belong to it
    """

    type: str
    key: str
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    voids: bool = False
    adopts: list[str] = field(default_factory=list)

    @property
    def refused(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


@functools.cache
def declarations() -> dict[str, tuple[tuple[type[DataSet], Declaration], ...]]:
    """Return what the data sets declare, by resource type."""
    found: dict[str, list[tuple[type[DataSet], Declaration]]] = {}
    for data_set in data_sets().values():
        declared = data_set.fhir or ()
        for declaration in declared if isinstance(declared, tuple) else (declared,):
            found.setdefault(declaration.type, []).append((data_set, declaration))
    return {kind: tuple(pairs) for kind, pairs in found.items()}


def rows_of(resource: Json, around: Among) -> Mapped:
    """Return the rows of a resource of a declared type, and what is wrong with it as FHIR."""
    kind = resource["resourceType"]
    mapped = Mapped(kind, around.key_of(resource))
    reading = Reading(resource, around, mapped.key)
    for data_set, declaration in declarations()[kind]:
        if declaration.when is None or declaration.when(reading):
            _apply(mapped, data_set, declaration, reading)
    for contained in around.contained_results(resource):
        inner = rows_of(contained, around)
        mapped.rows += inner.rows
        mapped.problems += inner.problems
    if mapped.problems:
        mapped.problems = list(dict.fromkeys(mapped.problems))
    if not mapped.rows and not mapped.refused:
        mapped.problems.append(Problem("error", "business-rule", "资源中没有可以入库的内容", kind))
    return mapped


def _apply(mapped: Mapped, data_set: type[DataSet], declaration: Declaration, reading: Reading) -> None:
    resource, around, kind = reading.resource, reading.around, declaration.type
    there = resource.keys()
    mapped.voids = mapped.voids or declaration.voided(reading)
    for refusal in declaration.refused:
        if refusal.when(reading):
            mapped.problems.append(Problem("error", "business-rule", refusal.message, f"{kind}.{refusal.path}"))
            return
    number, wrong = _patient(declaration, reading)
    if wrong:
        mapped.problems.append(Problem("error", "business-rule", wrong, declaration.path_of("patient_number")))
        return
    if declaration.adopts:
        listed = (around.key(node) for node in declaration.adopts.every(reading) if isinstance(node, dict))
        mapped.adopts += [key for key in listed if key]
    for source_key, item in _items(declaration, reading):
        one = Reading(resource, around, reading.key, item, reading.memory)
        cells: dict[str, str | None] = {
            "source_key": source_key,
            "patient_number": number,
            "revised_at": around.received,
            "voided": "T" if mapped.voids else None,
        }
        for column, fill, needs in declaration.steps:
            if not needs or not there.isdisjoint(needs):
                fill(cells, column, one)
        mapped.rows.append(Row(data_set, declaration, cells, one))


def _items(declaration: Declaration, reading: Reading) -> Iterator[tuple[str, Json]]:
    if declaration.each is None:
        yield reading.key, None
        return
    for place, item in enumerate(declaration.each.every(reading), 1):
        yield f"{reading.key}#{place}", item


def _patient(declaration: Declaration, reading: Reading) -> tuple[str | None, str | None]:
    found: tuple[str | None, str | None] | None = reading.memory.get(_patient)
    if found is None:
        found = reading.memory[_patient] = _patient_now(declaration, reading)
    return found


def _patient_now(declaration: Declaration, reading: Reading) -> tuple[str | None, str | None]:
    if declaration.patient is None:
        return reading.key.partition("/")[2], None
    node = reading.resource.get(declaration.patient)
    if node is None:
        above = ((each.get(declaration.patient), each) for each in reading.listers())
        node, resource = next((pair for pair in above if pair[0] is not None), (None, None))
        return patient_of(node, resource, reading.around)
    return patient_of(node, reading.resource, reading.around)
