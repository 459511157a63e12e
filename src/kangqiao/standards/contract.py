"""The intake contract as JSON: what a hospital's files must look like, derived from the data set classes."""

from __future__ import annotations

from typing import Any

from kangqiao.standards import value_sets
from kangqiao.standards.checks import checks_of
from kangqiao.standards.conditions import Condition
from kangqiao.standards.data_set import DataSet, contract_version, data_sets
from kangqiao.standards.documents import note_of
from kangqiao.standards.editions import accepted_from, accepted_until, numbers_of
from kangqiao.standards.fields import Coded, Codes, Count, Element, Link, Money, Quantity, Text


def contract() -> dict[str, Any]:
    """Return the whole contract: its version, every data set with its columns and rules, every value set used."""
    described = [describe(data_set) for data_set in data_sets().values()]
    used = sorted({column["value_set"] for each in described for column in each["columns"] if "value_set" in column})
    return {
        "contract": contract_version(),
        "data_sets": described,
        "value_sets": [_value_set(value_sets.load(identifier)) for identifier in used],
    }


def describe(data_set: type[DataSet], edition: str | None = None) -> dict[str, Any]:
    """Return one data set in an edition (None: the newest): word, title, source, columns as in the template, rules.

    ``editions`` lists every edition, oldest first, with the days on which it is taken and what changed with it.
    """
    number = edition or data_set.edition()
    return {
        "data_set": data_set.word,
        "title": data_set.title,
        "source": data_set.source,
        "edition": number,
        "editions": [_edition(data_set, each) for each in numbers_of(data_set)],
        "columns": [_column(field) for field in data_set.wire(number)],
        "rules": [
            {"column": check.column, "rule": check.word, "severity": check.severity, "message": check.message}
            for check in checks_of(data_set)
            if check.asked_in(number)
        ],
    }


def _edition(data_set: type[DataSet], number: str) -> dict[str, Any]:
    known = next((edition for edition in data_set.editions if edition.number == number), None)
    until, start = accepted_until(data_set, number), accepted_from(data_set, number)
    return {
        "edition": number,
        "announced": known and known.announced.isoformat(),
        "accepted_from": start and start.isoformat(),
        "accepted_until": until and until.isoformat(),
        "changes": [change.text() for change in known.changes] if known else [],
    }


def _column(field: Element) -> dict[str, Any]:
    column: dict[str, Any] = {"column": field.name, "title": field.title, "format": field.wire_format}
    if field.element:
        column["element"] = field.element
    if isinstance(field.required, Condition):
        column["required_when"] = field.required.text()
    else:
        column["required"] = bool(field.required) and field.absent is None
    if isinstance(field, Coded | Codes):
        column["value_set"] = field.values
        if field.retired:
            column["not_accepted"] = {code: successor for code, (_, successor) in field.retired.items()}
        if field.unborn:
            column["not_yet_accepted"] = sorted(field.unborn)
    if isinstance(field, Text | Link):
        column["max_length"] = field.limit
    if isinstance(field, Link):
        column["refers_to"] = field.to.word  # type: ignore[attr-defined]
    if isinstance(field, Quantity | Count | Money):
        column |= {"unit": field.unit} if field.unit else {}
        column |= {"plausible": list(field.plausible)} if field.plausible else {}
    if note_of(field):
        column["note"] = note_of(field)
    return column


def _value_set(known: value_sets.ValueSet) -> dict[str, Any]:
    return {
        "value_set": known.id,
        "title": known.title,
        "versions": list(known.versions),
        "source": known.source,
        "complete": known.complete,
        **({"pattern": known.pattern} if known.pattern else {}),
        **({"note": known.note} if known.note else {}),
        "codes": [_code(code) for code in known.codes.values()],
    }


def _code(code: value_sets.Code) -> dict[str, str]:
    last = {"valid_to": code.valid_to.isoformat()} if code.valid_to else {}
    return {"code": code.code, "name": code.name, **last, **({"successor": code.successor} if code.successor else {})}
