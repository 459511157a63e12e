"""门急诊就诊, 住院 and 诊断: that somebody came, stayed, and what they had."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.draws import Lists, repeated
from kangqiao.simulation.facts import facts
from kangqiao.simulation.illness import condition_rows
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys
from kangqiao.simulation.sheets import Keys, Pick, Sheet
from kangqiao.simulation.visits import INPATIENT

PAYMENT = {1: "01", 2: "02", 7: "07"}
"""Insurance (people.insurance) → 医疗付费方式 CV07.10.005."""

SECONDARY = 0.30
MOST_SECONDARY = 4
CURED, BETTER, STABLE, DIED = "1", "2", "3", "5"
HOME, TRANSFERRED, DEAD = "1", "2", "5"


def payment_column(life: Life, person: np.ndarray) -> Pick:
    """Return the way each person pays, CV07.10.005."""
    words = list(PAYMENT.values())
    return codes(np.searchsorted(list(PAYMENT), life.people.insurance[person]), *words)


@functools.cache
def _complaints() -> Lists:
    return Lists.of(facts("diseases").rows("key", facts("complaints")["disease"]), len(facts("diseases")))


def complaints(life: Life, visit: np.ndarray) -> Pick:
    """Return what people complained of at visits."""
    lists, disease = _complaints(), life.visits.disease[visit]
    first, last = lists.start[disease], lists.start[disease + 1]
    chosen = first + (life.random.random(len(visit)) * (last - first)).astype(np.int64)
    return facts_column("complaints", "complaint", lists.entries[chosen])


def outpatient_encounters(life: Life) -> Sheet:
    """Return the visits to outpatient and emergency departments."""
    visits = life.visits
    rows = np.flatnonzero(visits.kind != INPATIENT)
    at, staff, departments = visits.at[rows], life.institutions.staff, life.institutions.departments
    keys = encounter_keys(visits.serial[rows])
    return life.about_visits(
        "outpatient-encounter",
        rows,
        keys,
        visits.until[rows] + HOUR,
        {
            "number": Keys("M", keys.numbers, 10),
            "kind": codes(visits.kind[rows] - 1, "1", "2", "3"),
            "visited": at,
            "department_code": Pick(visits.department[rows], departments.codes).compact(),
            "department": life.department_names(visits.department[rows]),
            "first_visit": codes(visits.follow_up[rows].astype(np.int32), "1", "2"),
            "chief_complaint": complaints(life, rows),
            "doctor_number": Pick(visits.doctor[rows], staff.codes).compact(),
            "doctor": life.staff(visits.doctor[rows]),
            "payment": payment_column(life, visits.person[rows]),
        },
    )


def inpatient_stays(life: Life, cost: np.ndarray, self_paid: np.ndarray) -> Sheet:
    """Return the stays in wards; ``cost`` and ``self_paid`` are yuan per visit."""
    visits, random = life.visits, life.random
    rows = np.flatnonzero(visits.kind == INPATIENT)
    count = len(rows)
    left = ~np.isnat(visits.until[rows])
    died = left & (visits.until[rows].astype("datetime64[D]") == life.people.died[visits.person[rows]])
    sent_on = left & ~died & (random.random(count) < 0.025)
    outcome = np.where(died, 3, np.where(random.random(count) < 0.35, 0, np.where(random.random(count) < 0.8, 1, 2)))
    keys = encounter_keys(visits.serial[rows])
    end = np.where(left, visits.until[rows], (life.calendar.last + 1).astype("datetime64[s]") - 2 * HOUR)
    departments, doctor = life.department_names(visits.department[rows]), life.staff(visits.doctor[rows])
    resident = life.institutions.staff.of(visits.department[rows], random.random(count))
    return life.about_visits(
        "inpatient-stay",
        rows,
        keys,
        end + HOUR,
        {
            "number": Keys("Z", keys.numbers, 10),
            "record_number": Keys("B", visits.patient[rows], 9),
            "times": 1 + (random.random(count) < 0.3) + (random.random(count) < 0.1),
            "admitted": visits.at[rows],
            "route": codes(
                np.where(random.random(count) < 0.35, 0, np.where(random.random(count) < 0.9, 1, 2)), *"123"
            ),
            "admission_department": departments,
            "bed": codes(random.integers(0, 60, count), *(f"{bed}床" for bed in range(1, 61))),
            "discharged": visits.until[rows],
            "discharge_department": departments,
            "days": np.where(left, visits.days(life.calendar)[rows], np.nan),
            "leaving": codes(np.where(left, np.where(died, 2, np.where(sent_on, 1, 0)), -1), HOME, TRANSFERRED, DEAD),
            "receiver": codes(np.where(sent_on, 0, -1), "临沧市人民医院"),
            "outcome": codes(np.where(left, outcome, -1), CURED, BETTER, STABLE, DIED),
            "chief_complaint": complaints(life, rows),
            "attending_doctor": doctor,
            "resident_doctor": life.staff(resident),
            "payment": payment_column(life, visits.person[rows]),
            "total_cost": np.where(left, cost[rows], np.nan),
            "self_paid": np.where(left, self_paid[rows], np.nan),
        },
    )


def diagnoses(life: Life) -> Sheet:
    """Return the main diagnosis of every visit and the lasting conditions noted beside it.

    Columns with _ are what a doctor sees of the patient (see ``contradictions``); they never leave the hospital.
    """
    visits, random = life.visits, life.random
    present = life.health.began[visits.person] <= visits.at.astype("datetime64[D]")[:, None]
    noted = present & (random.random(present.shape) < np.where(visits.kind == INPATIENT, 0.9, SECONDARY)[:, None])
    noted &= condition_rows()[None, :] != visits.disease[:, None]
    noted &= np.cumsum(noted, axis=1) <= MOST_SECONDARY
    visit, rank = repeated(1 + noted.sum(axis=1))
    disease = visits.disease[visit]
    disease[rank > 0] = condition_rows()[np.nonzero(noted)[1]]
    inpatient = visits.kind[visit] == INPATIENT
    role = np.where(rank > 0, 1, np.where(inpatient, 2, 0))
    at = np.where(inpatient & ~np.isnat(visits.until[visit]), visits.until[visit] - HOUR, visits.at[visit] + HOUR // 4)
    return life.of_visits(
        "diagnosis",
        visit,
        part_keys("ZD", encounter_keys(visits.serial[visit]), rank),
        at + HOUR,
        role=codes(role, "3", "2", "1"),
        sequence=rank + 1,
        code=facts_column("diseases", "icd10", disease),
        code_name=facts_column("diseases", "name", disease),
        diagnosed=at,
        admission_condition=codes(np.where(inpatient, np.where(random.random(len(visit)) < 0.93, 0, 1), -1), "1", "2"),
        department=life.department_names(visits.department[visit]),
        doctor=life.staff(visits.doctor[visit]),
        _sex=life.people.sex[visits.person[visit]],
        _born=life.people.born[visits.person[visit]],
    )
