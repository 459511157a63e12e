"""护理评估 and 护理记录: what nurses find when somebody comes to the ward, and write about the gravely ill."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kangqiao.simulation.bedside import pressures
from kangqiao.simulation.illness import SEVERE
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, same
from kangqiao.simulation.sheets import Keys, Sheet
from kangqiao.simulation.visits import INPATIENT

BARTHEL = {
    "feeding": (10, 10, 10, 5, 0),
    "bathing": (5, 0, 0, 0, 0),
    "grooming": (5, 5, 5, 0, 0),
    "dressing": (10, 10, 5, 5, 0),
    "bowels": (10, 10, 10, 10, 5),
    "bladder": (10, 10, 5, 5, 0),
    "toileting": (10, 10, 5, 5, 0),
    "transfer": (15, 15, 10, 5, 0),
    "walking": (15, 10, 5, 0, 0),
    "stairs": (10, 5, 0, 0, 0),
}
"""Parts of the index of patients who need ever more help."""

BRADEN = {
    "sensory": (4, 4, 4, 3, 2),
    "moisture": (4, 4, 3, 3, 2),
    "activity": (4, 3, 3, 2, 1),
    "mobility": (4, 4, 3, 2, 1),
    "nutrition": (4, 3, 3, 2, 2),
    "friction": (3, 3, 2, 2, 1),
}
AIDS = (0, 0, 15, 15, 0)
GAIT = (0, 0, 10, 20, 20)
DEPENDENCE = (41, 61, 100)
PRESSURE = (10, 13, 15, 19)
FALL = (25, 45)


def assessments(life: Life) -> Sheet:
    """Return the assessment of every stay at admission."""
    visits, random = life.visits, life.random
    visit = np.flatnonzero(visits.kind == INPATIENT)
    count, place = len(visit), visits.institution[visit]
    old = life.age_at(visits.person[visit], visits.at[visit]) >= 75
    need = np.minimum(visits.severity[visit] + old + (random.random(count) < 0.3), 4).astype(np.int64)
    barthel, braden = _scored(BARTHEL, need), _scored(BRADEN, need)
    morse = _morse(life, need)
    totals = [np.sum(list(parts.values()), axis=0) for parts in (barthel, braden, morse)]
    pressure_risk = 4 - np.searchsorted(PRESSURE, totals[1], side="right")
    fall_risk = np.searchsorted(FALL, totals[2], side="right")
    at_risk = (pressure_risk >= 3) | (fall_risk == 2)
    assessed = visits.at[visit] + random.integers(1200, 2 * HOUR, count)
    return life.of_visits(
        "nursing-assessment",
        visit,
        Keys("HP", visits.serial[visit], 10),
        assessed + 4 * HOUR,
        occasion=same(count, "1"),
        assessed=assessed,
        admitted_how=codes(np.minimum(need, 2), "步行", "轮椅", "平车"),
        sleep=codes((random.random(count) < 0.3).astype(int), "正常", "入睡困难"),
        **barthel,
        barthel=totals[0],
        dependence=codes(3 - np.searchsorted(DEPENDENCE, totals[0], side="right"), "1", "2", "3", "4"),
        **braden,
        braden=totals[1],
        pressure_risk=codes(pressure_risk, "1", "2", "3", "4", "5"),
        **morse,
        morse=totals[2],
        fall_risk=codes(fall_risk, "1", "2", "3"),
        pain=np.minimum(need + random.integers(0, 3, count), 10),
        measures=codes(np.where(at_risk, 0, -1), "悬挂警示标识，加床栏，协助翻身，陪护宣教"),
        department=life.department_names(visits.department[visit]),
        nurse=life.staff(life.colleague(place, "0301", 83)),
    )


def records(life: Life) -> Sheet:
    """Return the first entry about every stay of the gravely ill in a hospital."""
    visits, random = life.visits, life.random
    large = life.institutions.levels[visits.institution] >= CARE.index("county_general")
    visit = np.flatnonzero((visits.kind == INPATIENT) & large & (visits.severity == SEVERE))
    count, at = len(visit), visits.at[visit] + 3 * HOUR
    systolic, diastolic = pressures(life, visits.person[visit], at)
    intake = random.integers(12, 30, count) * 100.0
    return life.of_visits(
        "nursing-record",
        visit,
        Keys("HL", visits.serial[visit], 10),
        at + 2 * HOUR,
        recorded=at,
        grave=np.ones(count, dtype=bool),
        care_level=codes((random.random(count) < 0.85).astype(int), "1", "2"),
        care_kind=same(count, "2"),
        consciousness=codes((random.random(count) < 0.2).astype(int), "1", "2"),
        temperature=np.round(36.9 + 0.5 * random.standard_normal(count), 1),
        heart_rate=np.round(92 + 12 * random.standard_normal(count)),
        respiration=np.round(21 + 2.5 * random.standard_normal(count)),
        systolic=systolic,
        diastolic=diastolic,
        saturation=np.round(np.clip(95 + 2 * random.standard_normal(count), 82, 100)),
        observed=same(count, "神志、呼吸、尿量"),
        observation=same(count, "卧床休息，生命体征平稳，无诉不适"),
        operation=same(count, "吸氧，心电监护"),
        intake=intake,
        output=intake - random.integers(1, 9, count) * 100,
        department=life.department_names(visits.department[visit]),
        nurse=life.staff(life.colleague(visits.institution[visit], "0301", 83)),
    )


def _scored(parts: Mapping[str, tuple[int, ...]], need: np.ndarray) -> dict[str, np.ndarray]:
    return {name: np.array(scores)[need] for name, scores in parts.items()}


def _morse(life: Life, need: np.ndarray) -> dict[str, np.ndarray]:
    """Return the parts of the fall scale; three patients in four get an infusion."""
    lot = life.random.random((3, len(need)))
    return {
        "fallen": np.where(lot[0] < 0.05, 25, 0),
        "second_diagnosis": np.where(lot[1] < 0.4, 15, 0),
        "aids": np.array(AIDS)[need],
        "infusion": np.where(lot[2] < 0.75, 20, 0),
        "gait": np.array(GAIT)[need],
        "mental": np.where(need == 4, 15, 0),
    }
