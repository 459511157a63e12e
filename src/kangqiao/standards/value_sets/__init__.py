"""Value sets: CSV files with code, name and validity, listed in ``catalogue.csv``.

A value set may have several editions; a code is in use while any edition in force holds it, and is known for ever: one
out of use is still accepted, with a warning. ``complete`` says whether the file holds every code of the source; where
it does not (ICD-10, drugs, laboratory items: their owners distribute them), codes are checked by ``pattern`` only.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files


class UnknownValueSet(LookupError):
    """No line of ``catalogue.csv`` has this identifier."""


@dataclass(frozen=True)
class Code:
    """One code, in use from ``valid_from`` to ``valid_to``, both included; None is without limit.

    aliases    other wordings of the name that also match it
    successor  the code to use instead once this one is out of use, "" where none is known
    """

    code: str
    name: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    aliases: tuple[str, ...] = ()
    successor: str = ""

    def retired_on(self, day: dt.date) -> bool:
        """Say whether the code was out of use on a day of the city."""
        return self.valid_to is not None and day > self.valid_to


@dataclass(frozen=True)
class ValueSet:
    """A value set as the gate uses it: all editions joined.

    note      what people get wrong with it, for those who fill it in; "" where there is nothing to say
    imported  its owner distributes the codes: a code is compared with the imported editions, where there are any
    """

    id: str
    title: str
    versions: tuple[str, ...]
    source: str
    complete: bool
    pattern: str | None
    codes: Mapping[str, Code]
    note: str = ""
    imported: bool = False

    def accepts(self, code: str) -> bool:
        """Say whether the code may be sent: known, or of the right shape where the file is not complete."""
        if self.complete:
            return code in self.codes
        return self.pattern is None or re.fullmatch(self.pattern, code) is not None

    def matches(self, code: str, name: str) -> bool:
        """Say whether the name belongs to the code; unknown codes match any name."""
        known = self.codes.get(code)
        return known is None or not self.complete or name == known.name or name in known.aliases

    def retirements(self) -> Mapping[dt.date, list[str]]:
        """Return the codes that are or will be out of use, by their last day."""
        ended: dict[dt.date, list[str]] = {}
        for code in self.codes.values():
            if code.valid_to is not None:
                ended.setdefault(code.valid_to, []).append(code.code)
        return ended

    def name(self, code: str) -> str:
        """Return the name of the code, or the code itself where the file does not hold it."""
        known = self.codes.get(code)
        return known.name if known else code


@functools.cache
def catalogue() -> Mapping[str, list[dict[str, str]]]:
    """Return the lines of ``catalogue.csv`` by value set identifier."""
    lines: dict[str, list[dict[str, str]]] = {}
    for line in _read("catalogue.csv"):
        lines.setdefault(line["id"], []).append(line)
    return lines


def imported_ones() -> list[str]:
    """Return the identifiers of the value sets whose codes are compared with imported editions."""
    return [identifier for identifier, lines in catalogue().items() if lines[-1].get("imported") == "yes"]


@functools.cache
def load(identifier: str) -> ValueSet:
    """Return the value set, its editions joined; raises :class:`UnknownValueSet`."""
    lines = catalogue().get(identifier)
    if not lines:
        raise UnknownValueSet(f"value_sets/catalogue.csv has no line with id {identifier!r}")
    last = lines[-1]
    return ValueSet(
        id=identifier,
        title=last["title"],
        versions=tuple(line["version"] for line in lines),
        source=last["source"],
        complete=last["complete"] == "yes",
        pattern=last.get("pattern") or None,
        codes=joined([_edition(line) for line in lines]),
        note=last.get("note") or "",
        imported=last.get("imported") == "yes",
    )


def joined(editions: Iterable[Iterable[Code]]) -> dict[str, Code]:
    """Return the codes of several editions, the oldest first, by code.

    A later edition wins a code's name, and the former name stays another wording of it. A code is in use from its
    first edition to the end of its last one.
    """
    codes: dict[str, Code] = {}
    for edition in editions:
        for code in edition:
            former = codes.get(code.code)
            codes[code.code] = code if former is None else _continued(former, code)
    return codes


def _continued(former: Code, code: Code) -> Code:
    wordings = dict.fromkeys((*code.aliases, *former.aliases, former.name))
    return replace(
        code,
        valid_from=former.valid_from and code.valid_from and min(former.valid_from, code.valid_from),
        valid_to=former.valid_to and code.valid_to and max(former.valid_to, code.valid_to),
        aliases=tuple(word for word in wordings if word != code.name),
    )


def _edition(line: dict[str, str]) -> list[Code]:
    """Read one edition: a code without dates of its own has those of the edition."""
    start, end = line.get("valid_from"), line.get("valid_to")
    return [_code(row, start, end) for row in _read(line["file"])]


def _code(row: dict[str, str], start: str | None, end: str | None) -> Code:
    return Code(
        row["code"],
        row["name"],
        _day(row.get("valid_from") or start),
        _day(row.get("valid_to") or end),
        tuple(filter(None, (row.get("aliases") or "").split("|"))),
        row.get("successor") or "",
    )


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _read(name: str) -> list[dict[str, str]]:
    text = (files(__name__) / name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
