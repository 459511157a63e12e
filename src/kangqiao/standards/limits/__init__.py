"""What can not be true of a living person, as tables: who can have a diagnosis, how far a laboratory value can go.

The limits are wide on purpose: a value outside them is a slip of the keyboard or of a unit, not a rare patient. They
are ours, drawn from general medical knowledge; no standard was copied.
"""

from __future__ import annotations

import csv
import functools
import io
from dataclasses import dataclass
from importlib.resources import files

MALE, FEMALE = "1", "2"


@dataclass(frozen=True)
class DiagnosisLimit:
    """Who can have the diagnoses from one three-character category of ICD-10 to another, both included.

    sex      code of GB/T 2261.1, or "" for both
    min_age  years, or None; ``max_age`` likewise
    """

    first: str
    last: str
    sex: str
    min_age: float | None
    max_age: float | None
    title: str

    @property
    def categories(self) -> list[str]:
        """Return the three-character categories from the first to the last, which begin with one letter."""
        return [f"{self.first[0]}{number:02d}" for number in range(int(self.first[1:]), int(self.last[1:]) + 1)]


@dataclass(frozen=True)
class LaboratoryLimit:
    """Below ``low`` or above ``high`` (in ``unit``) nobody lives; other wordings of the unit are separated by ``|``."""

    item: str
    title: str
    units: tuple[str, ...]
    low: float
    high: float


@functools.cache
def diagnosis_limits() -> tuple[DiagnosisLimit, ...]:
    """Return the lines of ``diagnosis.csv``."""
    return tuple(
        DiagnosisLimit(
            line["first"], line["last"], line["sex"], _number(line["min_age"]), _number(line["max_age"]), line["title"]
        )
        for line in _read("diagnosis.csv")
    )


@functools.cache
def laboratory_limits() -> tuple[LaboratoryLimit, ...]:
    """Return the lines of ``laboratory.csv``."""
    return tuple(
        LaboratoryLimit(
            line["item"], line["title"], tuple(line["units"].split("|")), float(line["low"]), float(line["high"])
        )
        for line in _read("laboratory.csv")
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def _read(name: str) -> list[dict[str, str]]:
    text = (files(__name__) / name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))
