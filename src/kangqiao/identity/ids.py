"""Ids by the thousand, as they lie in memory."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np


class Ids(Sequence[UUID]):
    """Ids (n, 16) uint8 that become `UUID` when they are asked for."""

    def __init__(self, octets: np.ndarray) -> None:
        self.octets = octets

    def __len__(self) -> int:
        return len(self.octets)

    def __getitem__(self, place):  # type: ignore[no-untyped-def, override]
        return UUID(bytes=self.octets[place].tobytes())
