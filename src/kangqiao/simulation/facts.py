"""The generator's facts: small CSV tables in ``simulation/data`` (see its README), plausible and made up (演示)."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib.resources import files

import numpy as np


@dataclass(frozen=True)
class Facts:
    """A table of facts, column by column.

    ``facts["name"]`` gives the words of a column as an object array, :meth:`numbers` the same column as floats.
    """

    columns: dict[str, np.ndarray]

    def __getitem__(self, column: str) -> np.ndarray:
        return self.columns[column]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def numbers(self, *columns: str) -> np.ndarray:
        """Return one column as floats (n,), or several side by side (n, columns)."""
        arrays = [self.columns[column].astype(np.float64) for column in columns]
        return arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=1)

    def rows(self, column: str, keys: np.ndarray) -> np.ndarray:
        """Return the row number of each key in a column of unique words; raises KeyError for an unknown one."""
        known = {word: row for row, word in enumerate(self.columns[column])}
        return np.array([known[key] for key in keys], dtype=np.int32)

    def row(self, key: str) -> int:
        """Return the row whose ``key`` column holds this word."""
        return int(self.rows("key", np.array([key], dtype=object))[0])


@functools.cache
def facts(name: str) -> Facts:
    """Return the table ``data/<name>.csv``."""
    with (files(__package__) / "data" / f"{name}.csv").open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return Facts(
        {column: np.array(values, dtype=object) for column, values in zip(header, zip(*rows, strict=True), strict=True)}
    )
