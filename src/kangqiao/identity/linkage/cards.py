"""Numbers of health cards as they are compared: hashes, and none of what is written where there is no card."""
# mypy: disable-error-code="no-untyped-def"

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from kangqiao.identity.linkage.columns import NONE
from kangqiao.identity.linkage.hashing import text_hash, text_hashes
from kangqiao.identity.rules import FILLERS

_FILLERS: Final = np.array(sorted(map(text_hash, FILLERS)))


def card_of(number: str) -> int:
    """Return the hash of a card's number, NONE where it says nothing."""
    return NONE if number.strip(" ") in FILLERS else text_hash(number)


def read_cards(numbers: pa.Array) -> np.ndarray:
    """Return `card_of` each number (int64)."""
    found = text_hashes(numbers)
    _leave_out(found, _FILLERS)
    return found


@numba.njit(cache=True, nogil=True)
def _leave_out(found, fillers):  # pragma: no cover - compiled
    for row in range(len(found)):
        if found[row] != NONE:
            place = np.searchsorted(fillers, found[row])
            if place < len(fillers) and fillers[place] == found[row]:
                found[row] = NONE
