"""How FHIR R4 resources become rows: the words in which a data set declares it.

Imported as ``r4``::

    fhir = r4.resource(
        "Condition",
        code=r4.concept("code", systems=r4.ICD_10),
        diagnosed=r4.moment("recordedDate", instead=("onsetDateTime",)),
        encounter=r4.encounter("encounter"),
    )

``sources`` has the words that read a column, ``conditions`` those that decide about a resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from kangqiao.standards.fhir.conditions import (
    Condition,
    among,
    either,
    every,
    has_extension,
    has_result,
    has_value,
    in_value_set,
    listed,
    no,
    present,
    remembered,
)
from kangqiao.standards.fhir.paths import Path
from kangqiao.standards.fhir.sources import (
    Fill,
    Source,
    amount,
    assigner,
    coded,
    concept,
    day,
    document_type,
    encounter,
    fixed,
    frequency,
    identifier,
    if_missing,
    joined,
    measure,
    measured,
    moment,
    name,
    or_receipt,
    organization,
    own_key,
    person,
    phone,
    relative,
    report_key,
    result,
    text,
    until,
    value,
    wording,
)

__all__ = [
    "ATC",
    "ICD_9_CM_3",
    "ICD_10",
    "LOINC",
    "Declaration",
    "Refusal",
    "among",
    "amount",
    "assigner",
    "coded",
    "concept",
    "day",
    "document_type",
    "either",
    "encounter",
    "every",
    "fixed",
    "frequency",
    "has_extension",
    "has_result",
    "has_value",
    "identifier",
    "if_missing",
    "in_value_set",
    "joined",
    "listed",
    "measure",
    "measured",
    "moment",
    "name",
    "no",
    "or_receipt",
    "organization",
    "own_key",
    "person",
    "phone",
    "present",
    "refuse",
    "refuse_when",
    "relative",
    "remembered",
    "report_key",
    "resource",
    "result",
    "text",
    "until",
    "value",
    "wording",
]

ICD_10: Final = ("http://hl7.org/fhir/sid/icd-10", "urn:oid:2.16.156.10011.2.3.3.11")
ICD_9_CM_3: Final = ("http://hl7.org/fhir/sid/icd-9-cm", "urn:oid:2.16.156.10011.2.3.3.12")
LOINC: Final = ("http://loinc.org",)
ATC: Final = ("http://www.whocc.no/atc",)


ENTERED_IN_ERROR: Final = remembered(
    either(among("status", "entered-in-error"), among("verificationStatus", "entered-in-error"))
)


@dataclass(frozen=True)
class Refusal:
    """Resources that are right as FHIR but no row of the data set, and the Chinese sentence that says why."""

    when: Condition
    path: str
    message: str


@dataclass(frozen=True)
class Declaration:
    """How resources of one type become rows of one data set.

    columns  what fills each column
    patient  the element that names the patient; None where the resource is the patient
    when     which resources of the type are meant
    each     the repeating element that makes one row per repetition; None for one row per resource
    refused  which of them are refused, and why
    voided   which of them void the row
    adopts   the element that lists resources, sent earlier, whose rows of a detail data set belong to this row
    """

    type: str
    columns: Mapping[str, Source]
    patient: str | None
    when: Condition | None
    each: Path | None
    refused: tuple[Refusal, ...]
    voided: Condition
    adopts: Path | None

    @cached_property
    def steps(self) -> tuple[tuple[str, Fill, tuple[str, ...]], ...]:
        """Return (column, fill, elements of which one must be there) of every column."""
        return tuple((column, source.fill, source.needs) for column, source in self.columns.items())

    def path_of(self, column: str) -> str:
        """Return the FHIR path a column is read from, as an OperationOutcome names it."""
        if column == "patient_number":
            return f"{self.type}.{self.patient or 'id'}"
        source = self.columns.get(column) or self.columns.get(column.removesuffix("_name").removesuffix("_unit"))
        if source is None or not source.paths:
            return f"{self.type}.id" if column == "source_key" else self.type
        path = source.paths[0]
        return ".".join([self.type, *(self.each.keys if self.each and path.of_item else ()), *path.keys])


def resource(
    kind: str,
    /,
    *,
    patient: str | None = "subject",
    when: Condition | None = None,
    each: str | None = None,
    refused: tuple[Refusal, ...] = (),
    voided: Condition | None = None,
    adopts: str | None = None,
    **columns: Source,
) -> Declaration:
    """Declare that resources of a type become rows; ``columns`` names what fills each column.

    What was entered in error always voids its row.
    """
    return Declaration(
        type=kind,
        columns=columns,
        patient=patient,
        when=when,
        each=Path.of(each) if each else None,
        refused=refused,
        voided=either(ENTERED_IN_ERROR, voided) if voided else ENTERED_IN_ERROR,
        adopts=Path.of(adopts) if adopts else None,
    )


def refuse(path: str, *codes: str, message: str) -> Refusal:
    """Refuse resources in which a code of the element is one of these."""
    return Refusal(among(path, *codes), path, message)


def refuse_when(condition: Condition, path: str, message: str) -> Refusal:
    """Refuse resources for which a condition holds; ``path`` is the element to be mended."""
    return Refusal(condition, path, message)
