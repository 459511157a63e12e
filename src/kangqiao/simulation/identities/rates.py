"""How often which mess is made: ``identity_rates.csv``."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.facts import facts


@functools.cache
def rate(kind: str) -> float:
    """Return the rate of a kind, as a share of what the table says; raises KeyError for an unknown one."""
    table = facts("identity_rates")
    return float(table["rate"][table.rows("kind", np.array([kind], dtype=object))[0]])
