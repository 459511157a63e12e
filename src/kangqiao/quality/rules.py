"""How a score comes about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FORMULA = (
    "得分 = 各可评价维度得分的平均；维度得分 = 100 ×（1 − 不合格行数 ÷ 应评价行数）；"
    "没有应评价的行时不可评价，不计入平均"
)
"""Shown wherever a score is."""

NOT_ASSESSABLE = "不可评价"


@dataclass(frozen=True, slots=True)
class Count:
    """So many assessed (rows, or days for stability), and of them so many failed."""

    assessed: int
    failed: int

    @property
    def score(self) -> float | None:
        """0 to 100, or None where nothing was assessed."""
        return None if self.assessed == 0 else 100 * (1 - self.failed / self.assessed)

    def __add__(self, other: Count) -> Count:
        return Count(self.assessed + other.assessed, self.failed + other.failed)


NOTHING = Count(0, 0)


def total_score(counts: Iterable[Count]) -> float | None:
    """Return the mean score of the dimensions that can be assessed, or None where none can.

    It is rounded to six digits, so that equal counts in another order share a place.
    """
    scores = [score for count in counts if (score := count.score) is not None]
    return round(sum(scores) / len(scores), 6) if scores else None


def ranks(scores: Mapping[Any, float | None]) -> dict[Any, int | None]:
    """Return each one's place: the best is 1, equal scores share a place, those without a score have none."""
    places: dict[float, int] = {}
    for place, score in enumerate(sorted((score for score in scores.values() if score is not None), reverse=True), 1):
        places.setdefault(score, place)
    return {key: None if score is None else places[score] for key, score in scores.items()}
