"""老年人生活自理能力评估 and 老年人中医药健康管理: asked of the old when they come to their yearly examination."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kangqiao.simulation.archives import combinations, home_institution
from kangqiao.simulation.draws import Choices, steady_uniform
from kangqiao.simulation.life import Life, codes
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

OLD = 65
CARE_SCORES = np.array(
    [(0, 0, 0, 0, 0), (0, 1, 0, 0, 1), (0, 1, 3, 1, 1), (3, 3, 3, 1, 5), (5, 7, 5, 10, 10)], dtype=np.int64
)
"""Scores of eating, grooming, dressing, toileting and moving, from all by oneself to nothing."""

CARE_LEVEL = np.array([0, 0, 1, 2, 3])
DEPENDENCE = {65: (0.86, 0.1, 0.03, 0.008, 0.002), 75: (0.7, 0.18, 0.08, 0.03, 0.01), 85: (0.4, 0.27, 0.18, 0.1, 0.05)}

BALANCED = 0
QUESTIONS = {
    "balanced": (1, 2, 4, 5, 13),
    "qi_deficiency": (2, 3, 4, 14),
    "yang_deficiency": (11, 12, 13, 29),
    "yin_deficiency": (10, 21, 26, 31),
    "phlegm_dampness": (9, 16, 28, 32),
    "damp_heat": (23, 25, 27, 30),
    "blood_stasis": (19, 22, 24, 33),
    "qi_stagnation": (5, 6, 7, 8),
    "inherited_special": (15, 17, 18, 20),
}
"""The questions of each constitution; for the balanced one all but the first count backwards."""

SHARES = (0.42, 0.15, 0.12, 0.1, 0.08, 0.05, 0.04, 0.03, 0.01)


def elderly(life: Life, catchment: np.ndarray, attendance: tuple[np.ndarray, np.ndarray]) -> list[Sheet]:
    """Return both forms for those of 65 and more who came to the examination."""
    person, at = attendance
    old = np.flatnonzero(life.age_at(person, at) >= OLD)
    person, at = person[old], at[old] + 1200
    place = home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))
    year = at.astype("datetime64[Y]").astype(np.int64) % 100
    number = life.people.number[person] * 100 + year
    common: dict[str, Column] = {
        "archive_number": Keys("", life.people.archive[person], 17),
        "assessed": at,
        "doctor": life.staff(life.colleague(place, "0200", 10)),
    }
    return [
        life.of_people(
            "self-care-assessment", person, place, at, Keys("ZL", number, 10), **common, **_care(life, person, at)
        ),
        life.of_people(
            "constitution-assessment",
            person,
            place,
            at,
            Keys("ZY", number, 10),
            **common,
            **_constitution(life, person),
            next_due=at.astype("datetime64[D]") + 365,
        ),
    ]


def _care(life: Life, person: np.ndarray, at: np.ndarray) -> dict[str, Column]:
    band = np.searchsorted(list(DEPENDENCE), life.age_at(person, at), side="right") - 1
    lot = steady_uniform(life.people.number[person], 121)
    state = Choices.of(list(DEPENDENCE.values())).at(band, lot)
    scores = CARE_SCORES[state]
    named = dict(zip(("eating", "grooming", "dressing", "toileting", "moving"), scores.T, strict=True))
    return {**named, "total": scores.sum(axis=1), "level": codes(CARE_LEVEL[state], "1", "2", "3", "4")}


def _constitution(life: Life, person: np.ndarray) -> dict[str, Column]:
    random, count = life.random, len(person)
    kind = Choices.of(SHARES).at(0, steady_uniform(life.people.number[person], 122))
    answers = np.where(random.random((count, 33)) < 0.75, 1, 2)
    answers[:, 0] = np.where(kind == BALANCED, 5, 3)
    for which, questions in enumerate(QUESTIONS.values()):
        if which != BALANCED:
            rows = np.flatnonzero(kind == which)
            answers[np.ix_(rows, np.array(questions) - 1)] = random.integers(3, 5, (len(rows), len(questions)))
    scores = {name: answers[:, np.array(questions) - 1].sum(axis=1) for name, questions in QUESTIONS.items()}
    scores["balanced"] = answers[:, 0] + 24 - answers[:, [1, 3, 4, 12]].sum(axis=1)
    leaning = np.stack([score for name, score in scores.items() if name != "balanced"], axis=1)
    sure, likely = leaning >= 11, (leaning >= 9) & (leaning < 11)
    balanced = (scores["balanced"] >= 17) & ~sure.any(axis=1)
    none = ~balanced & ~sure.any(axis=1)
    sure[none, leaning[none].argmax(axis=1)] = True
    words = tuple(str(code) for code in range(1, 10))
    found = np.column_stack([balanced, sure]).astype(np.int64) @ (1 << np.arange(9))
    return {
        "answers": _digits(answers),
        **scores,
        "constitution": combinations(found, words, none="1"),
        "tendency": combinations(likely.astype(np.int64) @ (2 << np.arange(8)), words, none=None),
        "guidance": _guidance(balanced),
    }


def _digits(answers: np.ndarray) -> pa.Array:
    """Return each row's digits as one text."""
    text = (answers + ord("0")).astype(np.uint8).tobytes().decode()
    width = answers.shape[1]
    return pa.array([text[start : start + width] for start in range(0, len(text), width)], type=pa.string())


def _guidance(balanced: np.ndarray) -> Pick:
    return codes(np.where(balanced, 0, 1), "2|3", "1|2|3|4")
