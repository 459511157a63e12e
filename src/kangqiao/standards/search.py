"""Find data sets, elements and value sets by a word of their Chinese title, their column, identifier or code."""

from __future__ import annotations

from kangqiao.standards import value_sets
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Coded, Codes, Element
from kangqiao.standards.value_sets import ValueSet


def find_data_sets(text: str) -> list[type[DataSet]]:
    """Return the data sets whose title, word or source holds the text; every one for an empty text."""
    return [each for each in data_sets().values() if _holds(text, each.title, each.word, each.source)]


def find_elements(text: str) -> list[tuple[type[DataSet], Element]]:
    """Return (data set, element) whose title, column, identifier or value set holds the text."""
    return [
        (data_set, field)
        for data_set in data_sets().values()
        for field in data_set.elements()
        if _holds(
            text, field.title, field.name, field.element, field.values if isinstance(field, Coded | Codes) else ""
        )
    ]


def find_value_sets(text: str) -> list[ValueSet]:
    """Return the value sets whose identifier, title, or a code's name or other wording holds the text."""
    known = (value_sets.load(identifier) for identifier in value_sets.catalogue())
    return [each for each in known if _holds(text, each.id, each.title, *_wordings(each))]


def users_of(known: ValueSet) -> list[tuple[type[DataSet], Element]]:
    """Return (data set, element) that take their codes from a value set."""
    return [
        (data_set, field)
        for data_set in data_sets().values()
        for field in data_set.elements()
        if isinstance(field, Coded | Codes) and field.values == known.id
    ]


def _holds(text: str, *places: str) -> bool:
    wanted = text.strip().lower()
    return any(wanted in place.lower() for place in places)


def _wordings(known: ValueSet) -> list[str]:
    return [word for code in known.codes.values() for word in (code.name, *code.aliases)]
