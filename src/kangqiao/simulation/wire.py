"""From sheets to the columns of the intake contract, read from the data set classes so that one definition serves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet, digits
from kangqiao.standards import value_sets
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.fields import Coded, Codes, Count, Date, Flag, Link, Moment, Money, Quantity, Text

PATIENT_DIGITS = 9
ENVELOPE = ("institution_code", "source_key", "patient_number", "revised_at", "voided")
_KINDS = {Date: "date", Moment: "moment", Count: "whole", Flag: "flag", Quantity: "number", Money: "number"}
_KINDS |= {Text: "text", Link: "text", Coded: "text", Codes: "text"}

ENCOUNTERS = ("outpatient-encounter", "inpatient-stay")
"""What the column ``encounter`` of a row may name."""


class NotInContract(LookupError):
    """A generated column or data set is not in the contract: generator and data set class drifted apart."""


@dataclass(frozen=True)
class Wire:
    """The columns a file of a data set may have, in order.

    kinds   column → text, date, moment, whole, number or flag
    named   coded column → value set whose names accompany the code in ``<column>_name``
    """

    data_set: str
    kinds: dict[str, str]
    named: dict[str, str]


def contract_wires(words: tuple[str, ...]) -> dict[str, Wire]:
    """Return the wire columns of these data sets; needs Django set up. Raises NotInContract."""
    known = data_sets()
    missing = [word for word in words if word not in known]
    if missing:
        raise NotInContract(f"no data set class is named {', '.join(missing)}")
    return {word: _wire(word, known[word].wire()) for word in words}


def _wire(word: str, fields: list) -> Wire:
    kinds = {field.name: _KINDS[type(field)] for field in fields}
    coded = [field for field in fields if isinstance(field, Coded) and not field.named]
    return Wire(word, kinds, {field.name: field.values for field in coded if f"{field.name}_name" in kinds})


def links(sheet: Sheet) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield every column of a sheet that names a row by its key, with the data sets that row may be of."""
    for field in data_sets()[sheet.data_set].elements():
        if field.name not in sheet.columns:
            continue
        if field.name == "encounter":
            yield field.name, ENCOUNTERS
        elif isinstance(field, Link):
            yield field.name, (field.to.word,)  # type: ignore[attr-defined]


def arrow_table(sheet: Sheet, wire: Wire, institution_codes: pa.Array) -> pa.Table:
    """Return a sheet as an Arrow table with the contract's column names and order; raises NotInContract."""
    columns: dict[str, Column] = {name: c for name, c in sheet.columns.items() if not name.startswith("_")}
    unknown = [name for name in columns if name not in wire.kinds]
    if unknown:
        raise NotInContract(f"{wire.data_set} has no {', '.join(unknown)}")
    for name, value_set in wire.named.items():
        if name in columns:
            columns[f"{name}_name"] = _names(columns[name], value_set, columns.get(f"{name}_name"))
    columns |= {
        "institution_code": Pick(sheet.institution, institution_codes).compact(),
        "source_key": sheet.keys,
        **({"patient_number": digits(sheet.patient, PATIENT_DIGITS)} if "patient_number" in wire.kinds else {}),
        "revised_at": sheet.revised,
        "voided": sheet.voided,
    }
    envelope = [name for name in ENVELOPE if name in wire.kinds]
    order = [*envelope, *(name for name in wire.kinds if name in columns and name not in ENVELOPE)]
    return pa.table({name: _arrow(columns[name], wire.kinds[name]) for name in order})


def _names(code: Column, value_set: str, own: Column | None) -> Pick:
    """Return the names of codes; where a sheet has some names of its own (planted), those win."""
    assert isinstance(code, Pick)
    known = value_sets.load(value_set)
    words = [known.codes[word].name if word in known.codes else None for word in code.words.to_pylist()]
    index = code.index
    if isinstance(own, Pick):
        index = np.where(own.index >= 0, own.index + len(words), index)
        words += own.words.to_pylist()
    return Pick.of(index.astype(np.int32), words)


def _arrow(column: Column, kind: str) -> pa.Array:
    if isinstance(column, Pick):
        return column.compact().arrow()
    if isinstance(column, Keys):
        return column.text()
    return _values(column, kind) if isinstance(column, np.ndarray) else column


def _values(column: np.ndarray, kind: str) -> pa.Array:
    if kind == "whole":
        missing = np.isnan(column) if column.dtype.kind == "f" else None
        return pa.array(np.nan_to_num(column).astype(np.int32), mask=missing)
    if kind == "number":
        return pa.array(column.astype(np.float64, copy=False), from_pandas=True)
    types = {"date": "datetime64[D]", "moment": "datetime64[s]", "flag": "bool"}
    return pa.array(column.astype(types[kind]))
