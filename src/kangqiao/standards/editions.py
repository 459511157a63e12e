"""Editions of a data set: what changed, from when, and how rows of a former edition are read.

A class is always the newest edition; ``editions`` says how it got there, oldest first::

    editions = (
        Edition(
            "1.1",
            announced=dt.date(2026, 12, 1),
            accepted_from=dt.date(2027, 1, 1),
            former_until=dt.date(2027, 6, 30),
            changes=(added(decayed), renamed(risk, {"1": "2"})),
        ),
    )

The number is the version of the intake contract with which the data set changed; before its first change a data set
is of edition ``FIRST``. Days are days in the city, the last one included. Nothing else is written down: the former
contract, the reading of former files, the document's chapter of changes and the comparison are derived.

A former edition is read leniently: a file of it may already have columns and codes of a newer one, codes that were
replaced are translated, and checks that came later are not asked.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from kangqiao.standards.conditions import Condition, Either, Every, Missing, No

FIRST = "1.0"
"""The edition of every data set before its first change."""


class Change(ABC):
    """One difference between an edition and the one before it."""

    field: Any

    @abstractmethod
    def text(self) -> str:
        """Return what changes, in Chinese."""

    @abstractmethod
    def mark(self, number: str) -> None:
        """Note on the field what its columns and pages must know; raises ValueError where it can not be so."""


@dataclass(frozen=True)
class Added(Change):
    """A new element. Its column takes no value in older rows."""

    field: Any

    def text(self) -> str:
        return f"新增“{self.field.title}”"

    def mark(self, number: str) -> None:
        self.field.late = self.field.null = self.field.blank = True


@dataclass(frozen=True)
class Withdrawn(Change):
    """An element that is no longer sent. Its column stays, for the rows that have it."""

    field: Any

    def text(self) -> str:
        return f"“{self.field.title}”不再报送，已入库的保留"

    def mark(self, number: str) -> None:
        if getattr(self.field, "name_required", self.field.required):
            raise ValueError(f"“{self.field.title}” is withdrawn in edition {number} and can not be required")
        self.field.withdrawn = number


@dataclass(frozen=True)
class Demanded(Change):
    """An element that must be filled in under other circumstances than before."""

    field: Any
    formerly: bool | Condition

    def text(self) -> str:
        needed = getattr(self.field, "name_required", self.field.required)
        return f"“{self.field.title}”由{_demand(self.formerly)}改为{_demand(needed)}"

    def mark(self, number: str) -> None:
        if self.formerly is not True:
            self.field.late = self.field.null = self.field.blank = True


@dataclass(frozen=True)
class Renamed(Change):
    """Codes that are written differently now, former code → code; rows of a former edition are translated."""

    field: Any
    successors: tuple[tuple[str, str], ...]

    def text(self) -> str:
        listed = "、".join(f"{_named(self.field, old)}改为 {_named(self.field, new)}" for old, new in self.successors)
        return f"“{self.field.title}”的代码 {listed}"

    def mark(self, number: str) -> None:
        for old, new in self.successors:
            _known(self.field, number, old, new)
            self.field.retired = {**self.field.retired, old: (number, new)}
        if {old for old, _ in self.successors} & {new for _, new in self.successors}:
            raise ValueError(f"edition {number}: a code of “{self.field.title}” can not come back with another meaning")


@dataclass(frozen=True)
class Narrowed(Change):
    """Codes that are no longer accepted and have no successor; rows of a former edition may still have them."""

    field: Any
    codes: tuple[str, ...]

    def text(self) -> str:
        listed = "、".join(_named(self.field, code) for code in self.codes)
        return f"“{self.field.title}”不再使用代码 {listed}"

    def mark(self, number: str) -> None:
        _known(self.field, number, *self.codes)
        self.field.retired = {**self.field.retired, **dict.fromkeys(self.codes, (number, None))}


@dataclass(frozen=True)
class Widened(Change):
    """Codes that are new."""

    field: Any
    codes: tuple[str, ...]

    def text(self) -> str:
        return f"“{self.field.title}”新增代码 {'、'.join(_named(self.field, code) for code in self.codes)}"

    def mark(self, number: str) -> None:
        _known(self.field, number, *self.codes)
        self.field.widened = {**self.field.widened, **dict.fromkeys(self.codes, number)}


@dataclass(frozen=True)
class Ruled(Change):
    """A relation between elements that was not asked before, by the field and word of its rule."""

    field: Any
    word: str
    message: str

    def text(self) -> str:
        return f"新增要求：{self.message}"

    def mark(self, number: str) -> None:
        """Nothing: a rule is known by its word."""


def added(field: Any) -> Change:
    """The element is new."""
    return Added(field)


def withdrawn(field: Any) -> Change:
    """The element is no longer sent; it stays in the class, not required."""
    return Withdrawn(field)


def demanded(field: Any, *, formerly: bool | Condition = False) -> Change:
    """The element is required otherwise than before."""
    return Demanded(field, formerly)


def renamed(field: Any, successors: Mapping[str, str]) -> Change:
    """Codes are written differently, former code → code."""
    return Renamed(field, tuple(successors.items()))


def narrowed(field: Any, *codes: str) -> Change:
    """Codes are no longer accepted."""
    return Narrowed(field, codes)


def widened(field: Any, *codes: str) -> Change:
    """Codes are new."""
    return Widened(field, codes)


def ruled(rule: Any) -> Change:
    """The rule (``standards.conditions.Rule``) is new."""
    return Ruled(rule.field, rule.word, rule.message)


class EditionState(StrEnum):
    """Where an edition stands on a day."""

    ANNOUNCED = "已公告"
    BESIDE = "新旧并行"
    ALONE = "旧版停用"


@dataclass(frozen=True)
class Edition:
    """What a data set became.

    number         version of the contract with which it changed, ``major.minor``
    announced      day of publication
    accepted_from  first day on which rows of it are taken
    former_until   last day on which rows of the edition before it are taken
    changes        against the edition before it
    """

    number: str
    announced: dt.date
    accepted_from: dt.date
    former_until: dt.date
    changes: tuple[Change, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{1,3}\.\d{1,3}", self.number):
            raise ValueError(f"an edition is numbered like 1.1, not {self.number}")
        if not self.announced <= self.accepted_from <= self.former_until:
            raise ValueError(f"edition {self.number}: announced, accepted_from, former_until must follow each other")

    def state(self, day: dt.date) -> EditionState:
        """Return where the edition stands on a day of the city."""
        if day < self.accepted_from:
            return EditionState.ANNOUNCED
        return EditionState.BESIDE if day <= self.former_until else EditionState.ALONE


def rank(number: str) -> tuple[int, ...]:
    """Return what orders edition numbers: 1.10 comes after 1.9."""
    return tuple(map(int, number.split(".")))


def mark_changes(editions: Sequence[Edition]) -> None:
    """Check that editions follow one another and note on the fields what they change; raises ValueError."""
    numbers = [FIRST, *(edition.number for edition in editions)]
    if any(rank(one) >= rank(other) for one, other in pairwise(numbers)):
        raise ValueError(f"editions must be listed oldest first, behind {FIRST}: {numbers[1:]}")
    for edition in editions:
        for change in edition.changes:
            change.mark(edition.number)


# -- what is derived of a data set ------------------------------------------------------------------------------


def numbers_of(data_set: Any) -> list[str]:
    """Return the numbers of all editions of a data set, oldest first."""
    return [FIRST, *(edition.number for edition in data_set.editions)]


def implied(data_set: Any, contract: str) -> str:
    """Return the edition a data set had in a version of the contract."""
    return [number for number in numbers_of(data_set) if number == FIRST or rank(number) <= rank(contract)][-1]


def accepted_from(data_set: Any, number: str) -> dt.date | None:
    """Return the first day on which an edition is taken; None: always was."""
    return next((edition.accepted_from for edition in data_set.editions if edition.number == number), None)


def accepted_until(data_set: Any, number: str) -> dt.date | None:
    """Return the last day on which an edition is taken; None: no end is known."""
    newer = later_editions(data_set, number)
    return newer[0].former_until if newer else None


def accepted_on(data_set: Any, day: dt.date) -> list[str]:
    """Return the editions that are taken on a day, oldest first."""
    return [
        number
        for number in numbers_of(data_set)
        if (accepted_from(data_set, number) or day) <= day <= (accepted_until(data_set, number) or day)
    ]


def later_editions(data_set: Any, number: str) -> list[Edition]:
    """Return the editions that came after one."""
    return [edition for edition in data_set.editions if rank(edition.number) > rank(number)]


@functools.cache
def since(data_set: Any, column: str, word: str) -> str:
    """Return the edition since which a check, by its column and word, is asked."""
    asked = [
        edition.number
        for edition in data_set.editions
        for change in edition.changes
        if _brings(data_set, change, column, word)
    ]
    return max([FIRST, *asked], key=rank)


def _brings(data_set: Any, change: Change, column: str, word: str) -> bool:
    match change:
        case Demanded(field, formerly) if formerly is not True:
            return word == "required" and column in _columns(field)
        case Added(field):
            if word in ("required", "expected") and column in _columns(field):
                return True
            return any(blames_absence(asked, field.name) for asked in _asked(data_set, column, word))
        case Ruled(field, known, _):
            return word == known and column == field.name
    return False


def _asked(data_set: Any, column: str, word: str) -> Iterator[Condition]:
    """Yield the conditions behind a check: of a rule, or under which a column is required."""
    yield from (rule.violated for rule in data_set.rules if (rule.field.name, rule.word) == (column, word))
    if word == "required":
        required = (field.required for field in data_set.columns() if field.name == column)
        yield from (condition for condition in required if isinstance(condition, Condition))


def blames_absence(condition: Condition, column: str, *, affirmed: bool = True) -> bool:
    """Say whether a condition can hold because the column is missing: then rows that never had it are not to blame."""
    match condition:
        case Missing(field):
            return affirmed and field.name == column
        case No(part):
            return blames_absence(part, column, affirmed=not affirmed)
        case Every(parts) | Either(parts):
            return any(blames_absence(part, column, affirmed=affirmed) for part in parts)
    return not affirmed and any(
        getattr(getattr(condition, part.name), "name", None) == column
        for part in dataclasses.fields(condition)  # type: ignore[arg-type]
    )


def _columns(field: Any) -> set[str]:
    return {field.name, *(column for column, _ in field.companions())}


# -- cells of a former edition ----------------------------------------------------------------------------------


@functools.cache
def successors(data_set: Any, number: str) -> Mapping[str, Mapping[str, str]]:
    """Return the codes of an edition that are written differently now: column → former code → code."""
    found: dict[str, dict[str, str]] = {}
    for edition in later_editions(data_set, number):
        for change in edition.changes:
            if isinstance(change, Renamed):
                now = dict(change.successors)
                chain = found.setdefault(change.field.name, {})
                chain.update({old: now.get(new, new) for old, new in chain.items()})
                chain.update({old: new for old, new in now.items() if old not in chain})
    return found


def current_cells(data_set: Any, number: str, cells: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return trimmed wire texts of an edition as the newest edition writes them, names of codes included."""
    now = dict(cells)
    for column, codes in successors(data_set, number).items():
        text = cells.get(column)
        if text is None:
            continue
        now[column] = "|".join(codes.get(code, code) for code in text.split("|"))
        names = _name_successors(data_set.element(column), codes)
        name = cells.get(f"{column}_name")
        if name is not None:
            now[f"{column}_name"] = names.get((text, name), name)
    return now


def current_cells_sql(data_set: Any, number: str) -> str:
    """Return the same for a file: the DuckDB select list over its text cells ``r_<column>``."""
    replaced = list(_replacements(data_set, number))
    return f"* REPLACE ({', '.join(replaced)})" if replaced else "*"


def _replacements(data_set: Any, number: str) -> Iterator[str]:
    for column, codes in successors(data_set, number).items():
        whens = " ".join(f"WHEN {_quoted(old)} THEN {_quoted(new)}" for old, new in codes.items())
        yield (
            f"array_to_string(list_transform(string_split(r_{column}, '|'),"
            f" lambda code: CASE code {whens} ELSE code END), '|') AS r_{column}"
        )
        names = _name_successors(data_set.element(column), codes)
        if names:
            whens = " ".join(
                f"WHEN r_{column} = {_quoted(old)} AND r_{column}_name = {_quoted(name)} THEN {_quoted(new)}"
                for (old, name), new in names.items()
            )
            yield f"CASE {whens} ELSE r_{column}_name END AS r_{column}_name"


def _name_successors(field: Any, codes: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """Return (former code, one of its names) → name of the code now; a sender's own wording is never touched."""
    known = field.value_set
    if getattr(field, "named", True) or not known.complete:
        return {}
    former = ((known.codes[old], new) for old, new in codes.items())
    return {(code.code, name): known.name(new) for code, new in former for name in (code.name, *code.aliases)}


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _known(field: Any, number: str, *codes: str) -> None:
    known = field.value_set
    lost = [code for code in codes if known.complete and code not in known.codes]
    if lost:
        raise ValueError(f"edition {number}: value set {known.id} must keep {lost}, stored rows show their names")


def _named(field: Any, code: str) -> str:
    name = field.value_set.name(code)
    return code if name == code else f"{code} {name}"


def _demand(required: bool | Condition) -> str:
    if isinstance(required, Condition):
        return f"{required.text()}时必填"
    return "必填" if required else "选填"
