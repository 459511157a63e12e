"""Value sets: CSV files with code, name and validity, listed in ``catalogue.csv``.

A value set may have several versions; a code is known while any version that is in force holds it. ``complete`` says
whether the file holds every code of the source; where it does not (ICD-10, drugs, laboratory items: their owners
distribute them), codes are checked by ``pattern`` only.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files


class UnknownValueSet(LookupError):
    """No line of ``catalogue.csv`` has this identifier."""


@dataclass(frozen=True)
class Code:
    """One code: ``aliases`` are other wordings of the name that also match it."""

    code: str
    name: str
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValueSet:
    """A value set as the gate uses it: all versions joined."""

    id: str
    title: str
    versions: tuple[str, ...]
    source: str
    complete: bool
    pattern: str | None
    codes: Mapping[str, Code]

    def accepts(self, code: str) -> bool:
        """Say whether the code may be sent: known, or of the right shape where the file is not complete."""
        if self.complete:
            return code in self.codes
        return self.pattern is None or re.fullmatch(self.pattern, code) is not None

    def matches(self, code: str, name: str) -> bool:
        """Say whether the name belongs to the code; unknown codes match any name."""
        known = self.codes.get(code)
        return known is None or not self.complete or name == known.name or name in known.aliases

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


@functools.cache
def load(identifier: str) -> ValueSet:
    """Return the value set, its versions joined (a later line of the catalogue wins a code's name)."""
    lines = catalogue().get(identifier)
    if not lines:
        raise UnknownValueSet(f"value_sets/catalogue.csv has no line with id {identifier!r}")
    codes = {row["code"]: _code(row) for line in lines for row in _read(line["file"])}
    last = lines[-1]
    return ValueSet(
        id=identifier,
        title=last["title"],
        versions=tuple(line["version"] for line in lines),
        source=last["source"],
        complete=last["complete"] == "yes",
        pattern=last.get("pattern") or None,
        codes=codes,
    )


def _code(row: dict[str, str]) -> Code:
    return Code(
        row["code"],
        row["name"],
        _day(row.get("valid_from")),
        _day(row.get("valid_to")),
        tuple(filter(None, (row.get("aliases") or "").split("|"))),
    )


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None


def _read(name: str) -> list[dict[str, str]]:
    text = (files(__name__) / name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
