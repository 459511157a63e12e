"""检查报告: X-ray, CT, ultrasound, ECG, endoscopy, with what was seen and concluded."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.charges import Lines, item_rows
from kangqiao.simulation.draws import Choices
from kangqiao.simulation.facts import facts
from kangqiao.simulation.laboratory import ordered
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys
from kangqiao.simulation.sheets import Keys, Sheet


@functools.cache
def _findings() -> tuple[Choices, np.ndarray]:
    """Return (findings per pair of examination and disease, number of diseases + 1 for nothing in particular).

    A pair without findings of its own draws from those of the examination.
    """
    table, diseases = facts("exam_findings"), len(facts("diseases"))
    exam = facts("exams").rows("key", table["exam"])
    known = {key: row for row, key in enumerate(facts("diseases")["key"])}
    disease = np.array([known.get(key, diseases) for key in table["disease"]])
    weights = np.zeros((len(facts("exams")), diseases + 1, len(table)))
    weights[exam, disease, np.arange(len(table))] = table.numbers("weight")
    silent = weights.sum(axis=2) == 0
    weights = np.where(silent[:, :, None], weights[:, -1:, :], weights)
    weights[weights.sum(axis=2) == 0] = 1
    return Choices.of(weights.reshape(-1, len(table))), np.array(diseases + 1)


def examinations(life: Life) -> tuple[list[Sheet], Lines]:
    """Return the reports of examinations ordered at visits, and what they cost."""
    visits, random = life.visits, life.random
    visit, exam = ordered(life, "exam", "exams")
    choices, width = _findings()
    finding = choices.draw(random, exam * width + visits.disease[visit])
    abnormal = facts("exam_findings")["abnormal"][finding] == "1"
    rank = np.arange(len(visit)) - np.searchsorted(visit, visit)
    examined = visits.at[visit] + 2400 + random.integers(0, 2 * HOUR, len(visit))
    reported = examined + 1200 + random.integers(0, HOUR, len(visit))
    examiner, reviewer = (life.staff(life.colleague(visits.institution[visit], "3200", part)) for part in (4, 5))
    keys = part_keys("JC", encounter_keys(visits.serial[visit]), rank)
    sheet = life.of_visits(
        "exam-report",
        visit,
        keys,
        reported + HOUR,
        number=Keys("", keys.numbers, 12),
        modality=facts_column("exams", "modality", exam),
        item=facts_column("exams", "code", exam),
        item_name=facts_column("exams", "name", exam),
        site=facts_column("exams", "site", exam),
        applying_department=life.department_names(visits.department[visit]),
        applicant=life.staff(visits.doctor[visit]),
        diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        examined=examined,
        reported=reported,
        finding=codes(abnormal.astype(np.int32), "1", "2"),
        seen=facts_column("exam_findings", "finding", finding),
        impression=facts_column("exam_findings", "conclusion", finding),
        examiner=examiner,
        reporter=examiner,
        reviewer=reviewer,
    )
    return [sheet], Lines(visit, item_rows("exams", exam), np.ones(len(visit)))
