"""What two editions of a data set have different, element by element, derived from the editions themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kangqiao.standards.checks import checks_of
from kangqiao.standards.data_set import DataSet
from kangqiao.standards.documents import requirement
from kangqiao.standards.editions import numbers_of, rank
from kangqiao.standards.fields import Coded, Codes, Element
from kangqiao.standards.value_sets import ValueSet

ABSENT = "—"


class UnknownEdition(LookupError):
    """The data set has no edition of this number."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs: of which element (its column, "" for none), in what, and how it is in both editions."""

    column: str
    title: str
    what: str
    former: str
    newer: str


def compare(data_set: type[DataSet], former: str, newer: str) -> list[Difference]:
    """Return what two editions have different, in the order of the columns; raises :class:`UnknownEdition`."""
    for number in (former, newer):
        if number not in numbers_of(data_set):
            known = "、".join(numbers_of(data_set))
            raise UnknownEdition(f"“{data_set.title}”没有 {number} 版，现有 {known}")
    before = {field.name: field for field in data_set.wire(former)}
    after = {field.name: field for field in data_set.wire(newer)}
    names = [field.name for field in data_set.columns() if field.name in {*before, *after}]
    found = [each for name in names for each in _element(before.get(name), after.get(name))]
    return [*found, *_relations(data_set, former, newer)]


def _element(before: Element | None, after: Element | None) -> Iterator[Difference]:
    if before is None or after is None:
        shown = after or before
        assert shown is not None
        said = f"{requirement(shown)}，{shown.wire_format}"
        sides = (ABSENT, said) if before is None else (said, ABSENT)
        yield Difference(shown.name, shown.title, "新增数据项" if before is None else "不再报送", *sides)
        return
    if requirement(before) != requirement(after):
        yield Difference(after.name, after.title, "必填", requirement(before), requirement(after))
    if isinstance(before, Coded | Codes) and isinstance(after, Coded | Codes):
        yield from _codes(before, after)


def _codes(before: Coded | Codes, after: Coded | Codes) -> Iterator[Difference]:
    known = before.value_set
    for code in dict.fromkeys([*known.codes, *after.retired, *before.unborn]):
        there_before = code not in before.retired and code not in before.unborn
        there_after = code not in after.retired and code not in after.unborn
        if there_before and not there_after:
            successor = after.retired[code][1]
            what = "代码替换" if successor else "代码停用"
            yield Difference(after.name, after.title, what, _shown(known, code), _shown(known, successor))
        elif there_after and not there_before:
            yield Difference(after.name, after.title, "新增代码", ABSENT, _shown(known, code))


def _shown(known: ValueSet, code: str | None) -> str:
    return f"{code} {known.name(code)}" if code else ABSENT


def _relations(data_set: type[DataSet], former: str, newer: str) -> Iterator[Difference]:
    words = {(rule.field.name, rule.word): rule for rule in data_set.rules}
    for check in checks_of(data_set):
        rule = words.get((check.column, check.word))
        if rule and rank(former) < rank(check.since) <= rank(newer):
            yield Difference(check.column, rule.field.title, "新增要求", ABSENT, check.message)
