"""Production lots of drugs: everywhere in the city the same lot of a drug is handed out in the same quarter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kangqiao.simulation.draws import below
from kangqiao.simulation.sheets import Keys

QUARTER = 3


class Lots(NamedTuple):
    """Lot numbers with their days of production and expiry (datetime64[D])."""

    number: Keys
    produced: np.ndarray
    expires: np.ndarray


def lots(drug: np.ndarray, month: np.ndarray) -> Lots:
    """Return the lot of each drug (row of facts("drugs")) that arrives for the quarter of a month (datetime64[M])."""
    start = month - month.astype(np.int64) % QUARTER
    age = 2 + below(10, drug, start.astype(np.int64), 31)
    made = start - age
    years = 2 + below(2, drug, 32)
    year, within = np.divmod(made.astype(np.int64), 12)
    number = ((year + 70) % 100 * 100 + within + 1) * 1000 + drug
    produced = made.astype("datetime64[D]") + 14
    return Lots(Keys("", number, 7), produced, (made + 12 * years).astype("datetime64[D]") + 13)
