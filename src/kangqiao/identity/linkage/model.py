"""What every level is worth, as a versioned file: whoever scores or explains a pair uses the same one."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from kangqiao.identity.linkage.blocking import RULES
from kangqiao.identity.linkage.comparison import FIELDS, LEVELS, OBSTACLE, levels_of
from kangqiao.identity.linkage.training import CLASSES, Estimates

FORMAT: Final = 3
"""Of the file; raised when rules, fields or levels change their meaning: everybody is compared anew then."""
SIMULATED_CITY: Final = Path(__file__).parent / "data" / "simulated-city.json"
"""A model learnt on registrations of `simulation.identities`, which no real city resembles in every respect."""

FORBIDDEN: Final = -99.0
"""The weight of an obstacle, in bits: more than everything else together can outweigh."""


class UnreadableModel(Exception):
    """The file is no model of this version of the engine; the message says what differs."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The operating point, in bits: from `same` on it is one person, from `review` on a human must look.

    fitting  from here on it is one person, too, if that one is known well and nobody else fits
    average  what the pairs between two groups must weigh on average for the groups to become one
    """

    same: float = 5.5
    fitting: float = 2.0
    review: float = 1.0
    average: float = 0.0


@dataclass(frozen=True, eq=False)
class Model:
    """Weights of levels and the operating point.

    version     name of the model, written beside every link
    chances     (classes, fields, levels): how probable a level is among pairs of one person, and among each rival
    shares      (classes,): of candidate pairs
    statistics  how it was learnt, as shown to people
    """

    version: str
    chances: np.ndarray
    shares: np.ndarray
    thresholds: Thresholds
    statistics: dict[str, float]

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights (rivals, fields, levels) in bits: log2(m / u); 0 for silent levels, FORBIDDEN for obstacles."""
        logs = np.log2(self.chances, out=np.zeros_like(self.chances), where=self.chances > 0)
        weights = logs[0] - logs[1:]
        weights[:, :, 0] = 0
        weights[:, OBSTACLE, 1:] = FORBIDDEN
        return weights

    @cached_property
    def priors(self) -> np.ndarray:
        """Weights (rivals,) in bits before anything is compared."""
        return np.log2(self.shares[0] / self.shares[1:])


def model_of(estimates: Estimates, *, version: str, thresholds: Thresholds) -> Model:
    """Return the model that training found."""
    statistics = {"pairs": float(estimates.pairs), "rounds": float(estimates.rounds)}
    return Model(version, estimates.chances, estimates.shares, thresholds, statistics)


@dataclass(frozen=True, slots=True)
class Step:
    """One bar of the waterfall: a field, what was found, its weight and the sum so far, in bits."""

    title: str
    finding: str
    weight: float
    total: float


def explained(model: Model, *, pattern: int, rule: int) -> list[Step]:
    """Return the waterfall of a pair, against its likeliest rival: the last total is the pair's weight.

    First comes by which rule the pair was found and what it is if it is not one person, then field by field.
    """
    levels = levels_of(pattern)
    places = np.arange(len(FIELDS))
    rival = int(np.argmin(model.priors + model.weights[:, places, np.array(levels)].sum(axis=1)))
    total = float(model.priors[rival])
    steps = [Step("候选", f"{RULES[rule].title}；若非同一人，则是{CLASSES[rival + 1]}", total, total)]
    for place, (field, level) in enumerate(zip(FIELDS, levels, strict=True)):
        if level:
            weight = float(model.weights[rival, place, level])
            total += weight
            steps.append(Step(field.title, field.levels[level], weight, total))
    return steps


def save_model(model: Model, path: Path) -> None:
    """Write the model as a JSON file."""
    path.write_text(json.dumps(content_of(model), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def content_of(model: Model) -> dict[str, Any]:
    """Return the model as JSON that people can read: chances in the order of `classes`, weights against the rivals."""
    fields = {field.word: _told(model, place) for place, field in enumerate(FIELDS)}
    return {
        "format": FORMAT,
        "version": model.version,
        "classes": list(CLASSES),
        "shares": model.shares.tolist(),
        "thresholds": {word: getattr(model.thresholds, word) for word in ("same", "fitting", "review", "average")},
        "statistics": model.statistics,
        "fields": fields,
    }


def _told(model: Model, place: int) -> dict[str, dict[str, object]]:
    return {
        level.name.lower(): {
            "title": title,
            "chances": model.chances[:, place, level].tolist(),
            "weights": model.weights[:, place, level].round(3).tolist(),
        }
        for level, title in FIELDS[place].levels.items()
    }


def load_model(path: Path) -> Model:
    """Read a model file; raises what `model_from` raises."""
    return model_from(json.loads(path.read_text(encoding="utf-8")))


def model_from(content: dict[str, Any]) -> Model:
    """Read a model; raises UnreadableModel when it is of another format or knows other classes, fields or levels."""
    if content.get("format") != FORMAT or content.get("classes") != list(CLASSES):
        raise UnreadableModel(f"模型文件的格式应为 {FORMAT}，实为 {content.get('format')}，请重新训练")
    chances = np.zeros((len(CLASSES), len(FIELDS), LEVELS))
    for place, field in enumerate(FIELDS):
        given = content["fields"].get(field.word, {})
        if set(given) != {level.name.lower() for level in field.levels}:
            raise UnreadableModel(f"模型文件中“{field.title}”的比较等级与程序不一致，请重新训练")
        for level in field.levels:
            chances[:, place, level] = given[level.name.lower()]["chances"]
    shares, thresholds = np.array(content["shares"]), Thresholds(**content["thresholds"])
    return Model(content["version"], chances, shares, thresholds, content["statistics"])
