"""How rows about institutions, not about people, are addressed, and the ground they are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kangqiao.simulation.activity import Activity
from kangqiao.simulation.block import City
from kangqiao.simulation.life import HOUR
from kangqiao.simulation.sheets import Keys, Pick, Sheet


@dataclass(frozen=True)
class Premises:
    """Some institutions of a city, and what happened there.

    institutions  their numbers
    """

    city: City
    institutions: np.ndarray
    activity: Activity

    @property
    def reporting(self) -> np.ndarray:
        """Return the numbers of those who report how they run."""
        return self.institutions[self.city.institutions.reporting_rows[self.institutions] >= 0]

    @property
    def rows(self) -> np.ndarray:
        """Return the places of ``reporting`` in the activity."""
        return self.city.institutions.reporting_rows[self.reporting]

    def kinds(self, institution: np.ndarray) -> np.ndarray:
        """Return the kind of each institution."""
        return np.array([one.kind for one in self.city.institutions.each], dtype=object)[institution]

    def names(self, institution: np.ndarray) -> Pick:
        """Return a column of the names of institutions (-1: missing)."""
        return Pick(institution.astype(np.int32), self.city.institutions.names).compact()

    def staff(self, number: np.ndarray) -> Pick:
        """Return a column of the names of members of staff (-1: missing)."""
        return Pick(number.astype(np.int32), self.city.institutions.staff.names).compact()


def sheet_of(data_set: str, institution: np.ndarray, keys: Keys, day: np.ndarray, /, **columns: Any) -> Sheet:
    """Return rows about institutions, revised the morning after ``day`` (datetime64[D])."""
    nobody = np.full(len(institution), -1)
    revised = (day + 1).astype("datetime64[s]") + 8 * HOUR
    return Sheet(data_set, nobody, institution.astype(np.int32), nobody, keys, revised, columns)
