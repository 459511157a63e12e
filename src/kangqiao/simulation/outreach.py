"""健康教育活动 and 卫生监督协管: what a township does for everybody, and so for nobody in particular."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, moments, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

PRINTED, BOARD, CONSULTATION, LECTURE = 0, 1, 2, 3
FORMS = ("1", "3", "4", "5")
TOPICS = (
    "合理膳食与高血压防治",
    "糖尿病自我管理",
    "春季传染病预防",
    "预防接种知识",
    "孕产期保健",
    "夏季肠道传染病预防",
    "预防野生菌中毒",
    "登革热与疟疾防控",
    "中医养生保健",
    "老年人跌倒预防",
    "结核病防治",
    "流感预防与合理用药",
)
"""From January to December."""

TRADITIONAL = 8
"""Which of them is about traditional medicine."""

PLACES = ("村委会会议室", "卫生院健康教育室", "集镇农贸市场", "中心小学")
PATROLLED = (("集镇自来水厂", "2"), ("中心小学", "3"), ("中心幼儿园", "3"), ("街道个体诊所", "4"))
PROBLEM = 0.15
CLUE = 0.5
"""Share of problems that are reported to the inspectors instead of being put right on the spot."""


def outreach(life: Life, catchment: np.ndarray) -> list[Sheet]:
    """Return a township's activities of health education, its patrols and the clues that came of them."""
    months = np.arange(life.calendar.first.astype("datetime64[M]"), life.calendar.last.astype("datetime64[M]"))
    return [_education(life, catchment, months), *_supervision(life, catchment, months)]


def _education(life: Life, catchment: np.ndarray, months: np.ndarray) -> Sheet:
    """A lecture every month, a new board every other one, nine consultations a year and a leaflet a quarter."""
    number = months.astype(np.int64)
    plan = (
        (LECTURE, number >= 0),
        (BOARD, number % 2 == 0),
        (CONSULTATION, number % 4 > 0),
        (PRINTED, number % 3 == 0),
    )
    form = np.concatenate([np.full(due.sum(), kind) for kind, due in plan])
    month = np.concatenate([months[due] for _, due in plan])
    random, count = life.random, len(form)
    topic = month.astype(np.int64) % 12
    day = month.astype("datetime64[D]") + random.integers(0, 28, count)
    held = moments(day, 9 + 6 * random.random(count))
    attended = random.integers(18, 90, count)
    handed_out = np.where(form == BOARD, np.nan, np.round(attended * np.where(form == PRINTED, 6, 1.5)))
    return _of_township(
        life,
        catchment,
        "health-education-activity",
        Keys("JK", _numbers(life, count), 9),
        held + 8 * HOUR,
        held=held,
        place=codes(random.integers(0, len(PLACES), count), *PLACES),
        division=same(count, life.township.code),
        form=codes(form, *FORMS),
        topic=codes(topic, *TOPICS),
        traditional=topic == TRADITIONAL,
        organizer=same(count, "公共卫生科"),
        speaker=_name(life, catchment, count, 31),
        audience=codes(np.where(topic == 4, 1, np.where(topic == 9, 2, 0)), "1", "3", "4"),
        attended=np.where(np.isin(form, (CONSULTATION, LECTURE)), attended, np.nan),
        material_kinds=np.where(form == BOARD, np.nan, 1 + topic % 3),
        materials=handed_out,
        content=codes(topic, *(f"围绕“{word}”讲解要点，现场答疑" for word in TOPICS)),
        evaluation=same(count, "群众参与积极，知识知晓情况较好"),
        archived=codes(form, "1|3", "2", "1|2|5", "1|2|5"),
        filled_by=_name(life, catchment, count, 32),
        responsible=_name(life, catchment, count, 33),
        filled=day,
    )


def _supervision(life: Life, catchment: np.ndarray, months: np.ndarray) -> list[Sheet]:
    """Everywhere once a quarter; what is wrong is put right on the spot or reported."""
    quarters = months[months.astype(np.int64) % 3 == 1]
    month, where = np.repeat(quarters, len(PATROLLED)), np.tile(np.arange(len(PATROLLED)), len(quarters))
    random, count = life.random, len(month)
    day = month.astype("datetime64[D]") + random.integers(0, 28, count)
    patrolled = moments(day, 9 + 6 * random.random(count))
    problem = random.random(count) < PROBLEM
    reported = problem & (random.random(count) < CLUE)
    handling = np.where(problem, reported.astype(int), -1)
    numbers = _numbers(life, count)
    patrols = _of_township(
        life,
        catchment,
        "supervision-patrol",
        Keys("XC", numbers, 9),
        patrolled + 6 * HOUR,
        patrolled=patrolled,
        kind=codes(where, *(kind for _, kind in PATROLLED)),
        subject=codes(where, *(f"{life.township.name}{subject}" for subject, _ in PATROLLED)),
        division=same(count, life.township.code),
        content=same(count, "查看卫生管理制度、人员健康证明和消毒记录"),
        problem=problem,
        problems=codes(np.where(problem, 0, -1), "消毒记录不全"),
        handling=codes(handling, "1", "2"),
        clue=Keys("XS", np.where(reported, numbers, -1), 9),
        revisit=np.where(handling == 0, day + 14, np.datetime64("NaT")),
        patrolling=_name(life, catchment, count, 34),
    )
    rows = np.flatnonzero(reported)
    return [patrols, _clues(life, catchment, patrolled[rows], where[rows], numbers[rows])]


def _clues(life: Life, catchment: np.ndarray, found: np.ndarray, where: np.ndarray, numbers: np.ndarray) -> Sheet:
    count = len(found)
    told = found + life.random.integers(HOUR, 8 * HOUR, count)
    settled = (told + 20 * 24 * HOUR).astype("datetime64[D]") < life.calendar.last
    return _of_township(
        life,
        catchment,
        "supervision-clue",
        Keys("XS", numbers, 9),
        told + 2 * HOUR,
        found=found,
        kind=codes(where, *(kind for _, kind in PATROLLED)),
        division=same(count, life.township.code),
        subject=codes(where, *(f"{life.township.name}{subject}" for subject, _ in PATROLLED)),
        content=same(count, "巡查发现消毒记录不全，存在卫生安全隐患"),
        reported=told,
        reporter=_name(life, catchment, count, 34),
        receiver=same(count, "县卫生健康综合监督执法大队"),
        state=codes(np.where(settled, 1, 0), "1", "3"),
        result=codes(np.where(settled, 0, -1), "已责令限期改正并复查合格"),
        closed=np.where(settled, (told + 18 * 24 * HOUR).astype("datetime64[D]"), np.datetime64("NaT")),
    )


def _home(catchment: np.ndarray, count: int) -> np.ndarray:
    return np.full(count, catchment[0, CARE.index("township")], dtype=np.int64)


def _name(life: Life, catchment: np.ndarray, count: int, part: int) -> Pick:
    return life.staff(life.colleague(_home(catchment, count), "0100", part))


def _numbers(life: Life, count: int) -> np.ndarray:
    return life.township.number * 10_000 + np.arange(count)


def _of_township(
    life: Life, catchment: np.ndarray, data_set: str, keys: Keys, revised: np.ndarray, **columns: Column
) -> Sheet:
    """Return rows of the township's institution that are about nobody."""
    count = len(revised)
    nobody = np.full(count, -1, dtype=np.int64)
    return Sheet(data_set, nobody, _home(catchment, count).astype(np.int32), nobody, keys, revised, columns)
