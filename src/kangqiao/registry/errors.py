"""The error family of the registry. Messages are Chinese, fit for a screen."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One place in a workbook that does not fit: sheet, row (counted from 1, 0 for the whole sheet), column,
    what was expected there and what was found."""

    sheet: str
    row: int
    column: str
    expected: str
    found: str

    def __str__(self) -> str:
        place = f"“{self.sheet}”第 {self.row} 行“{self.column}”" if self.row else f"“{self.sheet}”"
        return f"{place}应为{self.expected}，实为“{self.found}”"


class RegistryError(Exception):
    """Something cannot enter the registry; the message says why and what to do next."""


class WorkbookUnreadable(RegistryError):
    """The file is no workbook, or too large a one."""


class RegistryRefused(RegistryError):
    """Rows do not fit; nothing was stored. `faults` says where and why."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        first = f"：{faults[0]}" if faults else ""
        super().__init__(f"有 {len(faults)} 处不符合要求，没有导入任何一行{first}")


class AlreadyConfirmed(RegistryError):
    """The import has been confirmed before."""

    def __init__(self) -> None:
        super().__init__("这次导入已经确认过，无需再次确认。")


class TerminologyRefused(RegistryError):
    """A file of a terminology does not fit, or the edition is there with other content; nothing was stored."""
