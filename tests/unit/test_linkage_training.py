"""What the model learns, keeps and explains."""

import json
from pathlib import Path

import numpy as np
import pytest

from kangqiao.identity.linkage.comparison import (
    FIELDS,
    LEVELS,
    Birth,
    Document,
    Name,
    Obstacle,
    Phone,
    Place,
    Sex,
    pattern_of,
)
from kangqiao.identity.linkage.model import (
    FORBIDDEN,
    Model,
    Thresholds,
    UnreadableModel,
    explained,
    load_model,
    model_of,
    save_model,
)
from kangqiao.identity.linkage.scoring import weighed
from kangqiao.identity.linkage.training import CLASSES, Estimates, estimated, train


def planted(random: np.random.Generator, pairs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return levels (pairs, fields), the class of each pair, and the chances and shares they were drawn from."""
    shares = np.array([0.6, 0.4])
    chances = np.zeros((2, 5, LEVELS))
    for place, field in enumerate(FIELDS[:5]):
        count = len(field.levels) - 1
        chances[0, place, 1 : count + 1] = np.r_[0.9, np.full(count - 1, 0.1 / (count - 1))]
        chances[1, place, 1 : count + 1] = np.r_[0.2, np.full(count - 1, 0.8 / (count - 1))]
    group = (random.random(pairs) > shares[0]).astype(int)
    drawn = [(random.random(pairs)[:, None] > chances[group, place].cumsum(axis=1)).sum(axis=1) for place in range(5)]
    return np.stack(drawn, axis=1), group, chances, shares


def test_training_recovers_the_chances_that_pairs_were_drawn_from() -> None:
    levels, _, chances, shares = planted(np.random.default_rng(5), 200_000)
    distinct, counts = np.unique(levels, axis=0, return_counts=True)
    belief = np.stack([(distinct == 1).mean(axis=1), 1 - (distinct == 1).mean(axis=1)], axis=1)
    learnt = estimated(distinct, counts.astype(float), belief, np.ones((len(distinct), 2), dtype=bool))
    assert learnt.shares == pytest.approx(shares, abs=0.01)
    assert np.abs(learnt.chances - chances).max() < 0.015


def test_a_class_that_is_impossible_for_a_pattern_learns_nothing_from_it() -> None:
    levels = np.array([[1, 1], [2, 2]])
    possible = np.array([[True, False], [False, True]])
    learnt = estimated(levels, np.array([100.0, 300.0]), np.ones((2, 2)), possible)
    assert learnt.shares.tolist() == [0.25, 0.75]
    assert learnt.chances[0, 0, 1] > 0.9
    assert learnt.chances[1, 0, 1] < 0.1


def some_model() -> Model:
    """Return a model of chances drawn at random."""
    random = np.random.default_rng(3)
    chances = np.zeros((len(CLASSES), len(FIELDS), LEVELS))
    for place, field in enumerate(FIELDS):
        drawn = random.random((len(CLASSES), len(field.levels) - 1)) + 0.01
        chances[:, place, 1 : len(field.levels)] = drawn / drawn.sum(axis=1, keepdims=True)
    shares = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    return model_of(Estimates(chances, shares, 1000, 12), version="试用-1", thresholds=Thresholds())


PATTERN = pattern_of(
    Document.NEIGHBOURS_INVALID, Name.HOMOPHONE, Birth.SAME, Sex.SAME, Phone.SAME_CROWD, Place.SAME_VILLAGE
)


def test_the_waterfall_ends_at_the_weight_of_the_pair() -> None:
    model = some_model()
    steps = explained(model, pattern=PATTERN, rule=0)
    (weight,) = weighed(np.array([PATTERN]), model.weights, model.priors)
    assert steps[-1].total == pytest.approx(weight)
    assert sum(step.weight for step in steps) == pytest.approx(weight)


def test_the_waterfall_speaks_chinese_and_leaves_out_what_is_silent() -> None:
    steps = explained(some_model(), pattern=PATTERN, rule=0)
    assert steps[0].finding.startswith("证件相同；若非同一人，则是")
    assert [step.title for step in steps[1:]] == ["证件", "姓名", "出生日期", "性别", "电话", "住址"]
    assert steps[2].finding == "姓名同音"


def test_an_obstacle_outweighs_everything_else() -> None:
    model = some_model()
    pattern = pattern_of(Document.SAME, Name.SAME_RARE, Birth.SAME, *[Sex.SILENT] * 5, Obstacle.MOTHER_AND_CHILD)
    (weight,) = weighed(np.array([pattern]), model.weights, model.priors)
    assert weight < FORBIDDEN / 2


def test_a_model_read_from_its_file_weighs_as_before(tmp_path: Path) -> None:
    model = some_model()
    save_model(model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert np.array_equal(again.weights, model.weights)
    assert np.array_equal(again.priors, model.priors)
    assert (again.version, again.thresholds, again.statistics) == (model.version, model.thresholds, model.statistics)


@pytest.mark.parametrize("spoil", [{"format": 0}, {"classes": ["同一个人"]}, {"fields": {}}])
def test_a_model_of_another_kind_is_refused(tmp_path: Path, spoil: dict) -> None:
    save_model(some_model(), tmp_path / "model.json")
    content = json.loads((tmp_path / "model.json").read_text("utf-8"))
    (tmp_path / "model.json").write_text(json.dumps(content | spoil), "utf-8")
    with pytest.raises(UnreadableModel):
        load_model(tmp_path / "model.json")


def test_training_takes_agreement_for_one_person_without_being_told() -> None:
    same = pattern_of(Document.SILENT, Name.SAME_RARE, Birth.SAME, Sex.SAME, Phone.SAME, Place.SAME_VILLAGE)
    namesake = pattern_of(Document.SILENT, Name.SAME_RARE, Birth.FAR, Sex.SAME, Phone.DIFFERENT, Place.DIFFERENT)
    household = pattern_of(Document.SILENT, Name.SURNAME, Birth.FAR, Sex.SAME, Phone.SAME, Place.SAME_VILLAGE)
    model = model_of(
        train(np.repeat([same, namesake, household], [500, 300, 300])), version="1", thresholds=Thresholds()
    )
    weights = weighed(np.array([same, namesake, household]), model.weights, model.priors)
    assert weights[0] > model.thresholds.same
    assert max(weights[1:]) < 0
