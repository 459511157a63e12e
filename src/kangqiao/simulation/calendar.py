"""The time the simulated city lives through, and the months in which its hospitals report."""

from __future__ import annotations

import datetime as dt
import functools
from dataclasses import dataclass

import numpy as np

MONTHS_ONE_BY_ONE = 2
"""The last months arrive month by month; everything before arrives as one first delivery (存量)."""

REPORTED_MONTHS = 12
"""For so many months institutions report what they have and how they run."""


@dataclass(frozen=True)
class Calendar:
    """From the first to the last day, both included (datetime64[D])."""

    first: np.datetime64
    last: np.datetime64

    @classmethod
    def of(cls, *, years: int, until: dt.date) -> Calendar:
        last = np.datetime64(until, "D")
        first = np.datetime64(until.replace(year=until.year - years, day=1), "M") + 1
        return cls(first.astype("datetime64[D]"), last)

    @property
    def days(self) -> int:
        return int((self.last - self.first).astype(int)) + 1

    @property
    def years(self) -> int:
        return max(1, round(self.days / 365.25))

    @functools.cached_property
    def starts(self) -> np.ndarray:
        """Return the first day of every reporting period."""
        month = self.last.astype("datetime64[M]")
        months = month - np.arange(MONTHS_ONE_BY_ONE - 1, -1, -1)
        return np.unique(np.r_[self.first, np.maximum(months.astype("datetime64[D]"), self.first)])

    @property
    def periods(self) -> list[tuple[dt.date, dt.date]]:
        """Return (first day, last day) of every reporting period."""
        starts = self.starts
        ends = np.r_[starts[1:] - 1, self.last]
        return [(start.item(), end.item()) for start, end in zip(starts, ends, strict=True)]

    @functools.cached_property
    def reported_months(self) -> np.ndarray:
        """Return the months (datetime64[M]) for which institutions report their resources."""
        last = self.last.astype("datetime64[M]")
        return np.arange(max(self.first.astype("datetime64[M]"), last + 1 - REPORTED_MONTHS), last + 1)

    @functools.cached_property
    def reported_days(self) -> np.ndarray:
        """Return the days (datetime64[D]) of the reported months."""
        return np.arange(self.reported_months[0].astype("datetime64[D]"), self.last + 1)

    @property
    def month_ends(self) -> np.ndarray:
        """Return the last simulated day of every reported month."""
        return np.minimum((self.reported_months + 1).astype("datetime64[D]") - 1, self.last)

    def period(self, moments: np.ndarray) -> np.ndarray:
        """Return the number of the reporting period each moment falls in; later ones fall in the last."""
        days = moments.astype("datetime64[D]")
        return np.clip(np.searchsorted(self.starts, days, side="right") - 1, 0, None).astype(np.int32)

    def ages(self, birth: np.ndarray, day: np.ndarray | np.datetime64) -> np.ndarray:
        """Return ages in years with fractions on a day."""
        return (day - birth).astype("timedelta64[D]").astype(np.float64) / 365.25
