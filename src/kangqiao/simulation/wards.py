"""医嘱 and 手术: what doctors order for inpatients, and operations."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.charges import Lines, item_rows
from kangqiao.simulation.draws import Lists
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys
from kangqiao.simulation.pharmacy import INJECTED, treat
from kangqiao.simulation.sheets import Pick, Sheet, text_of
from kangqiao.simulation.visits import INPATIENT

STANDING, SINGLE = 0, 1
DRUG, LABORATORY, CARE_ORDER, ADVICE = 0, 1, 2, 3
ROUTINE = ("内科护理常规", "二级护理", "普食", "血常规、尿常规", "心电图检查")
_ROUTINE_KIND = np.array([ADVICE, CARE_ORDER, ADVICE, LABORATORY, LABORATORY])
_ROUTINE_CATEGORY = np.array([STANDING, STANDING, STANDING, SINGLE, SINGLE])


def orders(life: Life) -> tuple[list[Sheet], Lines]:
    """Return the orders of every stay: routine ones and drugs; and what the drugs cost."""
    visits = life.visits
    stays = np.flatnonzero(visits.kind == INPATIENT)
    treatment = treat(life, stays, "I")
    drugs, routine = facts("drugs"), len(ROUTINE)
    visit = np.r_[np.repeat(stays, routine), treatment.visit]
    drug = np.r_[np.full(len(stays) * routine, -1), treatment.drug]
    line = np.r_[np.tile(np.arange(routine), len(stays)), np.full(len(treatment.visit), -1)]
    order = np.argsort(visit, kind="stable")
    visit, drug, line = visit[order], drug[order], line[order]
    rank = np.arange(len(visit)) - np.searchsorted(visit, visit)
    is_drug = drug >= 0
    once = is_drug & (drugs["frequency"] == "st")[drug]
    category = np.where(is_drug, np.where(once, SINGLE, STANDING), _ROUTINE_CATEGORY[line])
    ordered = visits.at[visit] + 900 + rank * 60
    stopped = np.where(category == STANDING, visits.until[visit] - HOUR // 4, np.datetime64("NaT"))
    stopped = np.maximum(stopped, ordered)
    left = ~np.isnat(visits.until[visit])
    executed = ordered + 1800
    words = text_of([*ROUTINE, *drugs["name"]])
    often = facts("frequencies").rows("key", drugs["frequency"])
    kinds = np.where(is_drug, DRUG, _ROUTINE_KIND[line])
    sheet = life.of_visits(
        "medical-order",
        visit,
        part_keys("YZ", encounter_keys(visits.serial[visit]), np.minimum(rank, 99)),
        np.where(left, visits.until[visit], executed) + HOUR,
        category=codes(category, "1", "2"),
        kind=codes(kinds, "01", "03", "05", "07"),
        item_code=facts_column("drugs", "code", drug),
        content=Pick(np.where(is_drug, drug + routine, line).astype(np.int32), words),
        dose=np.where(is_drug, drugs.numbers("dose")[drug], np.nan),
        dose_unit=facts_column("drugs", "dose_unit", drug),
        frequency=facts_column("frequencies", "code", np.where(is_drug, often[drug], -1)),
        route=facts_column("drugs", "route", drug),
        ordered=ordered,
        department=life.department_names(visits.department[visit]),
        doctor_number=Pick(visits.doctor[visit], life.institutions.staff.codes).compact(),
        doctor=life.staff(visits.doctor[visit]),
        executed=executed,
        status=codes(np.where(left, 1, 0), "执行中", "已完成"),
        stopped=stopped,
    )
    return [sheet], _drug_lines(life, treatment.visit, treatment.drug)


def _drug_lines(life: Life, visit: np.ndarray, drug: np.ndarray) -> Lines:
    """Return what inpatients' drugs cost: packs for the days of the stay, an infusion for every injected drug."""
    table = facts("drugs")
    days = np.minimum(life.visits.days(life.calendar)[visit], table.numbers("days")[drug])
    packs = np.maximum(1, np.ceil(days / table.numbers("pack_days")[drug]))
    infused = np.flatnonzero(np.isin(table["route"], INJECTED)[drug])
    fee = item_rows("fees", np.array([facts("fees").row("infusion")]))
    return Lines(
        np.r_[visit, visit[infused]],
        np.r_[item_rows("drugs", drug), np.repeat(fee, len(infused))],
        np.r_[packs, days[infused]],
    )


@functools.cache
def _operations() -> Lists:
    return Lists.of(facts("diseases").rows("key", facts("operations")["disease"]), len(facts("diseases")))


def operations(life: Life) -> tuple[list[Sheet], Lines]:
    """Return the operations of inpatients (small ones at townships only), and what they cost."""
    visits, random, table = life.visits, life.random, facts("operations")
    stays = np.flatnonzero(visits.kind == INPATIENT)
    owner, operation = _operations().expand(visits.disease[stays])
    visit = stays[owner]
    small = table.numbers("level")[operation] <= 1
    able = small | (life.institutions.levels[visits.institution[visit]] >= CARE.index("county_general"))
    done = np.flatnonzero(able & (random.random(len(visit)) < table.numbers("probability")[operation]))
    visit, operation = visit[done], operation[done]
    days = visits.days(life.calendar)[visit]
    wait = np.where(table.numbers("level")[operation] >= 3, np.minimum(days // 2, 2), 0)
    begun = visits.at[visit] + 3 * HOUR + wait * 86_400 + random.integers(0, 2 * HOUR, len(visit))
    latest = np.where(np.isnat(visits.until[visit]), np.datetime64("2200-01-01"), visits.until[visit] - 4 * HOUR)
    begun = np.minimum(begun, latest)
    minutes = table.numbers("minutes")[operation] * random.lognormal(0, 0.2, len(visit))
    surgeon = life.institutions.staff.of(visits.department[visit], random.random(len(visit)))
    known = len(visit)
    sheet = life.of_visits(
        "operation",
        visit,
        part_keys("SS", encounter_keys(visits.serial[visit]), np.zeros(known, np.int64)),
        begun + 24 * HOUR,
        code=facts_column("operations", "code", operation),
        code_name=facts_column("operations", "name", operation),
        main=np.ones(known, dtype=bool),
        begun=begun,
        ended=begun + (minutes * 60).astype("timedelta64[s]"),
        level=facts_column("operations", "level", operation),
        incision=facts_column("operations", "incision", operation),
        healing=codes(np.where(random.random(known) < 0.96, 0, 1), "1", "2"),
        preoperative_diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        postoperative_diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        anaesthesia=facts_column("operations", "anaesthesia", operation),
        anaesthetist=life.staff(life.colleague(visits.institution[visit], "2600", 6)),
        surgeon=life.staff(surgeon),
        first_assistant=life.staff(visits.doctor[visit]),
        blood_loss=np.round(np.maximum(2, minutes * random.uniform(0.1, 1.8, known))),
        department=life.department_names(visits.department[visit]),
    )
    return [sheet], Lines(visit, item_rows("operations", operation), np.ones(known))
