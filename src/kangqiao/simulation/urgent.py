"""危急值, 微生物培养 and 转诊: what the laboratory calls about, what grows there, and who is sent on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys, same
from kangqiao.simulation.sheets import Column, Keys, Sheet, take
from kangqiao.simulation.visits import INPATIENT

UNANSWERED = 0.03
CULTURED = {"pneumonia": 0.5, "urinary_infection": 0.6, "copd_flare": 0.3}
SPECIMENS = {"pneumonia": "痰", "urinary_infection": "中段尿", "copd_flare": "痰"}
CULTURE_RANK = 99
"""Cultures are numbered behind the other reports of a visit."""

GROWN = 0.55
GERMS = ("肺炎克雷伯菌", "大肠埃希菌", "铜绿假单胞菌", "金黄色葡萄球菌", "肺炎链球菌")
DRUGS = ("头孢曲松", "左氧氟沙星", "阿米卡星", "哌拉西林/他唑巴坦", "亚胺培南", "复方磺胺甲噁唑")
REFERRED = 0.012


def critical_values(life: Life, reports: Sheet, results: Sheet) -> Sheet:
    """Return the register of critical laboratory results, nearly all of them answered."""
    rows = np.flatnonzero(results.columns["critical"])
    results = results.take(rows)
    found, random, count = results.columns, life.random, len(rows)
    order = np.argsort(reports.keys.numbers, kind="stable")
    report = order[np.searchsorted(reports.keys.numbers, found["report"].numbers, sorter=order)] if count else rows
    seen = found["reported"]
    told = seen + random.integers(60, 900, count)
    received = told + random.integers(60, 300, count)
    answered = random.random(count) > UNANSWERED
    place = results.institution.astype(np.int64)
    value = pc.binary_join_element_wise(
        pc.cast(pa.array(found["quantity"]), "string"), found["quantity_unit"].text(), " ", null_handling="skip"
    )
    return Sheet(
        "critical-value",
        results.person,
        results.institution,
        results.patient,
        Keys("WJ", results.keys.numbers, results.keys.width),
        received + 2 * HOUR,
        {
            "encounter": take(reports.columns["encounter"], report),
            "encounter_kind": take(reports.columns["encounter_kind"], report),
            "source_kind": same(count, "1"),
            "report_number": found["report"],
            "item": found["item_name"],
            "value": value,
            "found": seen,
            "reported": told,
            "reporter": life.staff(life.colleague(place, "3000", 2)),
            "received": np.where(answered, received, np.datetime64("NaT")),
            "receiver": life.staff(life.colleague(place, "0301", 71)),
            "handled": np.where(answered, received + 600, np.datetime64("NaT")),
            "handling": codes(np.where(answered, 0, -1), "已通知主管医师，复查并对症处理"),
        },
    )


def cultures(life: Life) -> list[Sheet]:
    """Return reports of cultures of inpatients with infections, what grew, and what it is sensitive to."""
    visits, random, table = life.visits, life.random, facts("diseases")
    chance = np.zeros(len(table["key"]))
    chance[table.rows("key", np.array(list(CULTURED)))] = list(CULTURED.values())
    large = life.institutions.levels[visits.institution] >= CARE.index("county_general")
    cultured = (visits.kind == INPATIENT) & large & _before_the_end(life, days=4)
    visit = np.flatnonzero(cultured & (random.random(len(visits)) < chance[visits.disease]))
    count, place = len(visit), visits.institution[visit]
    sampled = visits.at[visit] + 2 * HOUR
    reported = sampled + 66 * HOUR + random.integers(0, 6 * HOUR, count)
    keys = part_keys("JY", encounter_keys(visits.serial[visit]), np.full(count, CULTURE_RANK))
    specimen = np.array([list(CULTURED).index(key) if key in CULTURED else 0 for key in table["key"]])
    technician = life.staff(life.colleague(place, "3000", 2))
    head = life.of_visits(
        "lab-report",
        visit,
        keys,
        reported + HOUR,
        number=Keys("", keys.numbers, 12),
        category=same(count, "微生物"),
        subject=same(count, "细菌培养及鉴定、药敏试验"),
        applying_department=life.department_names(visits.department[visit]),
        applicant=life.staff(visits.doctor[visit]),
        diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        specimen=codes(specimen[visits.disease[visit]], *SPECIMENS.values()),
        specimen_number=Keys("S", keys.numbers, 12),
        sampled=sampled,
        delivered=sampled + 1200,
        tested=sampled + HOUR,
        reported=reported,
        technician=technician,
        reporter=technician,
        reviewer=life.staff(life.colleague(place, "3000", 3)),
    )
    grown = random.random(count) < GROWN
    germ = random.integers(0, len(GERMS), count)
    result = _part(
        head,
        np.arange(count),
        "culture-result",
        Keys("JP", keys.numbers, 12),
        report=keys,
        reported=reported,
        inoculated=sampled + HOUR,
        result=codes(np.where(grown, 0, 1), "1", "2"),
        organism=codes(np.where(grown, germ, -1), *GERMS),
        colonies=codes(np.where(grown, 0, -1), "＞10^5 CFU/mL"),
        multi_resistant=codes(np.where(grown, (random.random(count) < 0.12).astype(int), -1), "F", "T"),
    )
    return [head, result, _susceptibility(life, head, result, np.flatnonzero(grown))]


def _before_the_end(life: Life, days: int) -> np.ndarray:
    """Say which visits began so many days before the last one, so that what follows them is known."""
    return life.visits.at.astype("datetime64[D]") <= life.calendar.last - days


def _susceptibility(life: Life, head: Sheet, result: Sheet, grown: np.ndarray) -> Sheet:
    row, drug = np.repeat(grown, len(DRUGS)), np.tile(np.arange(len(DRUGS)), len(grown))
    outcome = np.searchsorted([0.62, 0.7], life.random.random(len(row)))
    mic = np.array([0.25, 4.0, 32.0])[outcome]
    return _part(
        head,
        row,
        "susceptibility",
        part_keys("YM", take(result.keys, row), drug),
        culture=take(result.keys, row),
        reported=head.columns["reported"][row],
        sequence=drug + 1,
        drug=codes(drug, *DRUGS),
        method=same(len(row), "1"),
        mic=mic,
        result=codes(outcome, "S", "I", "R"),
    )


def _part(head: Sheet, row: np.ndarray, data_set: str, keys: Keys, **columns: Column) -> Sheet:
    return Sheet(data_set, head.person[row], head.institution[row], head.patient[row], keys, head.revised[row], columns)


def referrals(life: Life) -> Sheet:
    """Return the referrals of some who came to their township to the county's hospital."""
    visits, random = life.visits, life.random
    township = life.institutions.levels[visits.institution] == CARE.index("township")
    seen = township & (visits.kind != INPATIENT) & _before_the_end(life, days=2)
    hospital = life.institutions.of_county("general", life.township.county)
    visit = np.flatnonzero(seen & (random.random(len(visits)) < REFERRED) & (hospital >= 0))
    count = len(visit)
    applied = visits.at[visit] + HOUR // 2
    taken = random.random(count) < 0.94
    answered = applied + random.integers(300, 7000, count)
    arrived = np.where(taken, answered + random.integers(4, 40, count) * HOUR, np.datetime64("NaT"))
    return life.of_visits(
        "referral",
        visit,
        Keys("ZZ", visits.serial[visit], 10),
        np.fmax(answered, arrived) + HOUR,
        direction=same(count, "1"),
        applied=applied,
        from_department=life.department_names(visits.department[visit]),
        doctor=life.staff(visits.doctor[visit]),
        to_institution=life.institution_names(np.full(count, hospital)),
        diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        diagnosis_name=facts_column("diseases", "name", visits.disease[visit]),
        reason=same(count, "病情需要上级医院进一步诊治"),
        condition=facts_column("diseases", "name", visits.disease[visit]),
        state=codes(np.where(taken, 0, 1), "2", "3"),
        answered=answered,
        refusal=codes(np.where(taken, -1, 0), "床位已满，建议联系其他医院"),
        arrived=arrived,
    )
