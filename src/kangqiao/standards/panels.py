"""How the rows of one data set are shown together on a person's page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Rows under each other, these columns, newest first."""

    columns: tuple[Any, ...]


@dataclass(frozen=True)
class Curve:
    """Values over time: one line per value field, one chart per group (an item of the laboratory, say)."""

    values: tuple[Any, ...]
    over: Any
    group: Any | None = None
    low: Any | None = None
    high: Any | None = None


def table(*columns: Any) -> Table:
    """Show the fields as a table."""
    return Table(columns)


def curve(*values: Any, over: Any, group: Any | None = None, low: Any | None = None, high: Any | None = None) -> Curve:
    """Draw numbers over time; ``low`` and ``high`` are the fields of the reference range."""
    return Curve(values, over, group, low, high)
