"""公民身份号码 for many people at once: region, birth date, sequence with the sex's parity, check character."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kangqiao.simulation.sheets import fixed_text

WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
CHECK = np.frombuffer(b"10X98765432", dtype=np.uint8)
SEQUENCES = 500
"""Sequence numbers of one sex, region and day."""


def citizen_numbers(region: np.ndarray, birth: np.ndarray, sex: np.ndarray, sequence: np.ndarray) -> np.ndarray:
    """Return the numbers as ASCII cells (n, 18).

    ``region`` six digits, ``birth`` datetime64[D], ``sex`` 1 or 2, ``sequence`` below 500; made valid by the check
    character of ISO 7064 MOD 11-2 (as implemented by every public validator of GB 11643).
    """
    month = birth.astype("datetime64[M]")
    year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
    date = year * 10_000 + (month.astype(np.int64) % 12 + 1) * 100 + (birth - month).astype(np.int64) + 1
    order = 2 * sequence.astype(np.int64) + (sex == 1)
    body = (region.astype(np.int64) * 10**8 + date) * 1000 + order
    figures = np.empty((len(body), 17), dtype=np.int64)
    for place in range(16, -1, -1):
        body, figures[:, place] = np.divmod(body, 10)
    cells = np.empty((len(body), 18), dtype=np.uint8)
    cells[:, :17] = figures + ord("0")
    cells[:, 17] = CHECK[figures @ WEIGHTS % 11]
    return cells


def as_text(cells: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Return number cells as a string array, null where ``missing``."""
    return fixed_text(cells, missing)
