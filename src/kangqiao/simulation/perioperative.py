"""麻醉记录, 输血记录 and 病理检查报告: what goes with operations, and the blood that is given without one, too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, facts_column, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet
from kangqiao.simulation.visits import INPATIENT

LOCAL = ("35", "36")
"""Methods of anaesthesia that surgeons give themselves."""

ASLEEP = ("11", "12", "41")
DAY = 24 * HOUR
TRANSFUSED = {
    "anaemia": 0.5,
    "haemorrhage": 0.4,
    "hip_fracture": 0.35,
    "stomach_cancer": 0.3,
    "leg_fracture": 0.15,
    "cirrhosis": 0.15,
    "chemotherapy": 0.1,
    "caesarean": 0.04,
}
"""Share of stays in which blood is given."""

BLOOD_TAKES_DAYS = 2
REACTIONS = 0.02
READ_AFTER_DAYS = 4


def anaesthesias(life: Life, operations: Sheet) -> Sheet:
    """Return the record of every anaesthesia that an anaesthetist gave."""
    method = _words(operations.columns["anaesthesia"])
    rows = np.flatnonzero(~np.isin(method, LOCAL))
    operations, asleep = operations.take(rows), np.isin(method[rows], ASLEEP)
    done, count, random = operations.columns, len(rows), life.random
    person = _position(life, operations)
    old = life.age_at(person, done["begun"]) >= 60
    asa = np.where(old, 1, 0) + (random.random(count) < 0.25)
    grave = _words(done["level"]) == "4"
    return _beside(
        operations,
        "anaesthesia",
        "MZ",
        surgery=operations.keys,
        operation=done["code"],
        operation_name=done["code_name"],
        preoperative_diagnosis=done["preoperative_diagnosis"],
        postoperative_diagnosis=done["postoperative_diagnosis"],
        abo=codes(life.people.abo[person], "1", "2", "3", "4", "5"),
        rh=codes(life.people.rh[person], "1", "2", "3", "4"),
        asa=codes(asa, "1", "2", "3"),
        method=done["anaesthesia"],
        drugs=codes(asleep.astype(int), "罗哌卡因", "丙泊酚、舒芬太尼、顺式阿曲库铵"),
        airway=codes(np.where(asleep, 0, -1), "经口气管插管"),
        breathing=codes(asleep.astype(int), "1", "3"),
        begun=done["begun"] - random.integers(1200, 2400, count),
        operation_begun=done["begun"],
        operation_ended=done["ended"],
        ended=done["ended"] + 600,
        left_room=done["ended"] + 900,
        destination=codes(np.where(grave, 2, np.where(asleep, 1, 0)), "1", "2", "3"),
        monitored=same(count, "心电、血压、血氧饱和度"),
        infusions=same(count, "复方乳酸钠注射液"),
        blood_loss=done["blood_loss"],
        effect=same(count, "满意"),
        complicated=np.zeros(count, dtype=bool),
        department=done["department"],
        surgeon=done["surgeon"],
        anaesthetist=done["anaesthetist"],
    )


def pathology_reports(life: Life, operations: Sheet) -> Sheet:
    """Return what was found in the tissue that operations took out."""
    table, code = facts("pathology"), _words(operations.columns["code"])
    known = {word: row for row, word in enumerate(table["operation"])}
    read = operations.columns["ended"] + READ_AFTER_DAYS * DAY < life.calendar.last.astype("datetime64[s]")
    rows = np.flatnonzero(np.isin(code, list(known)) & read)
    operations, found = operations.take(rows), np.array([known[word] for word in code[rows]], dtype=np.int64)
    done, count = operations.columns, len(rows)
    place = operations.institution.astype(np.int64)
    received = done["ended"] + 1800
    reported = received + life.random.integers(2 * DAY, (READ_AFTER_DAYS - 1) * DAY, count)
    malignant = np.where((table["nature"] == "3")[found], 0, -1)
    sheet = _beside(
        operations,
        "pathology-report",
        "BL",
        number=Keys("BL", operations.keys.numbers, operations.keys.width),
        kind=same(count, "1"),
        operation=operations.keys,
        clinical_diagnosis=done["preoperative_diagnosis"],
        specimen=facts_column("pathology", "specimen", found),
        taken=done["ended"] - 300,
        fixed=done["ended"] + 600,
        received=received,
        gross=facts_column("pathology", "gross", found),
        microscopic=facts_column("pathology", "microscopic", found),
        diagnosis_text=facts_column("pathology", "diagnosis", found),
        nature=facts_column("pathology", "nature", found),
        diagnosis=facts_column("pathology", "code", found),
        diagnosis_name=facts_column("pathology", "name", found),
        morphology=facts_column("pathology", "morphology", found),
        differentiation=facts_column("pathology", "differentiation", found),
        margin=codes(malignant, "1"),
        nodes_examined=np.where(malignant < 0, np.nan, 14 + found),
        nodes_positive=np.where(malignant < 0, np.nan, found % 3),
        reported=reported,
        pathologist=life.staff(life.colleague(place, "3000", 91)),
        reviewer=life.staff(life.colleague(place, "3000", 92)),
        applying_department=done["department"],
        applicant=done["surgeon"],
    )
    return replace(sheet, revised=reported + HOUR)


def transfusions(life: Life) -> Sheet:
    """Return the bags given to inpatients who lack blood."""
    visits, random, table = life.visits, life.random, facts("diseases")
    chance = np.zeros(len(table["key"]))
    chance[table.rows("key", np.array(list(TRANSFUSED)))] = list(TRANSFUSED.values())
    end = np.where(np.isnat(visits.until), (life.calendar.last + 1).astype("datetime64[s]"), visits.until)
    large = life.institutions.levels[visits.institution] >= CARE.index("county_general")
    stays = (visits.kind == INPATIENT) & large & (visits.at + BLOOD_TAKES_DAYS * DAY < end)
    visit = np.flatnonzero(stays & (random.random(len(visits)) < chance[visits.disease]))
    count, place = len(visit), visits.institution[visit]
    person = visits.person[visit]
    begun = visits.at[visit] + random.integers(20 * HOUR, 30 * HOUR, count)
    group = codes(np.minimum(life.people.abo[person], 3), "1", "2", "3", "4")
    factor = codes(np.minimum(life.people.rh[person], 1), "1", "2")
    plasma = (random.random(count) < 0.25).astype(int)
    reaction = random.random(count) < REACTIONS
    return life.of_visits(
        "transfusion",
        visit,
        Keys("SX", visits.serial[visit], 10),
        begun + 6 * HOUR,
        diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        diagnosis_name=facts_column("diseases", "name", visits.disease[visit]),
        abo=group,
        rh=factor,
        requested_abo=group,
        requested_rh=factor,
        nature=same(count, "1"),
        reason=codes(plasma, "贫血", "凝血功能异常"),
        indication=codes(plasma, "血红蛋白低于 70 g/L", "凝血酶原时间延长"),
        kind=codes(plasma, "1", "4"),
        bag=Keys("0", visits.serial[visit], 12),
        crossmatch=same(count, "1"),
        amount=np.where(plasma == 1, 200.0, 2.0),
        amount_unit=codes(plasma, "U", "mL"),
        times=np.ones(count, dtype=np.int64),
        begun=begun,
        ended=begun + random.integers(90 * 60, 210 * 60, count),
        reaction=reaction,
        reaction_kind=codes(np.where(reaction, 0, -1), "1"),
        department=life.department_names(visits.department[visit]),
        doctor=life.staff(visits.doctor[visit]),
        nurse=life.staff(life.colleague(place, "0301", 81)),
        checker=life.staff(life.colleague(place, "0301", 82)),
    )


def _beside(operations: Sheet, data_set: str, prefix: str, **columns: Column) -> Sheet:
    """Return rows that stand beside operations, one each, in the same stay."""
    stay = {name: operations.columns[name] for name in ("encounter", "encounter_kind")}
    keys = Keys(prefix, operations.keys.numbers, operations.keys.width)
    own = (operations.person, operations.institution, operations.patient, keys, operations.revised)
    return Sheet(data_set, *own, stay | columns)


def _position(life: Life, sheet: Sheet) -> np.ndarray:
    return sheet.person - life.people.number[0]


def _words(column: Pick) -> np.ndarray:
    """Return the words of a column, row by row."""
    return np.array([*column.words.to_pylist(), ""], dtype=object)[column.index].astype(str)
