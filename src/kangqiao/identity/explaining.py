"""Why two registrations were taken, or might be taken, for one person: field by field, as the model of then weighed."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from kangqiao.identity.decisions import Decision, Doubt, LinkageModel
from kangqiao.identity.linkage.blocking import RULES
from kangqiao.identity.linkage.model import Model, Step, UnreadableModel, explained
from kangqiao.identity.model_versions import model_of_version

PLACES: Final = {rule.word: place for place, rule in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Explanation:
    """The steps from the first weight to the last, in bits; none where the model is of another engine's version."""

    model: str
    weight: float
    steps: tuple[Step, ...]

    @property
    def probability(self) -> float:
        """How probable it is that both are one person, 0 to 1."""
        return 1 / (1 + math.exp2(-max(-100.0, min(100.0, self.weight))))

    def data(self) -> dict[str, Any]:
        """Return what `identity/waterfall.js` draws."""
        return {"steps": [{"title": each.title, "weight": each.weight, "total": each.total} for each in self.steps]}


def explanation_of(told: Doubt | Decision) -> Explanation | None:
    """Return why a doubt was raised or a comparison decided; None for what people decided by themselves."""
    if told.pattern is None or told.weight is None or told.model is None:
        return None
    return Explanation(told.model, told.weight, _steps(told.model, told.pattern, told.rule or ""))


@lru_cache(maxsize=8)
def _model(version: str) -> Model:
    """Return a model, read once: a version never changes."""
    return model_of_version(version)


def _steps(version: str, pattern: int, rule: str) -> tuple[Step, ...]:
    try:
        model = _model(version)
        return tuple(explained(model, pattern=pattern, rule=PLACES[rule]))
    except (LinkageModel.DoesNotExist, UnreadableModel, KeyError, ValueError):
        return ()
