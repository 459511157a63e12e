"""体征: what is measured at a person's body, at visits and every day in a ward."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.draws import repeated, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, encounter_keys, part_keys
from kangqiao.simulation.sheets import Sheet
from kangqiao.simulation.visits import INPATIENT

MEASURED = 0.30
"""Share of outpatient visits with a sheet of vital signs; more for high blood pressure."""

FEVERISH = {
    "pneumonia": 1.4,
    "tonsillitis": 1.5,
    "influenza": 1.9,
    "dengue": 2.2,
    "malaria": 2.4,
    "scrub_typhus": 2.1,
    "appendicitis": 1.0,
    "hand_foot_mouth": 1.2,
    "scarlet_fever": 1.7,
    "chickenpox": 0.9,
    "child_diarrhoea": 0.9,
    "mumps": 0.9,
    "cold": 0.5,
    "copd_flare": 0.4,
}


def pressures(life: Life, person: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (systolic, diastolic) in mmHg of people (positions) at moments.

    Somebody's usual pressure, lower the better a person with hypertension keeps to treatment (better in some
    quarters than in others), higher in winter and after 65, and never the same twice.
    """
    health, number = life.health, life.people.number[person]
    day = at.astype("datetime64[D]")
    month = at.astype("datetime64[M]").astype(np.int64)
    ill = life.had("hypertension", person, at)
    quarter = month // 3
    control = np.clip(
        0.35 + 0.75 * health.adherence[person] + 0.3 * (steady_uniform(number, quarter, 41) - 0.5), 0, 1.2
    )
    years = np.clip((day - health.has("hypertension")[person]).astype(np.int64) / 365.25, 0, 1)
    eased = np.where(ill, 24 * control * years, 0)
    winter = 3.0 * np.cos((month % 12) * np.pi / 6)
    noise = life.random.standard_normal((2, len(person)))
    systolic = health.systolic[person] - eased + winter + 6.5 * noise[0]
    diastolic = health.diastolic[person] - 0.5 * eased + 0.5 * winter + 2.6 * noise[0] + 3.4 * noise[1]
    systolic = np.clip(np.round(systolic), 74, 228)
    return systolic, np.clip(np.round(diastolic), 42, np.minimum(systolic - 18, 128))


def body(life: Life, person: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (height in cm, weight in kg) of people at moments; children grow."""
    age = life.age_at(person, at)
    adult = life.health.height[person]
    grown = np.interp(age, [0, 1, 2, 5, 10, 14, 18], [0.30, 0.45, 0.53, 0.665, 0.83, 0.955, 1.0])
    height = np.round(adult * grown, 1)
    weight = life.health.bmi[person] * (height / 100) ** 2 + 0.6 * life.random.standard_normal(len(person))
    return height, np.round(np.maximum(weight, 2.6), 1)


def vital_signs(life: Life) -> Sheet:
    """Return the sheets of vital signs: at some visits, and once a day in a ward (the first ten days)."""
    visits, random = life.visits, life.random
    inpatient = visits.kind == INPATIENT
    able = life.institutions.levels[visits.institution] >= CARE.index("township")
    pressure = visits.disease == facts("diseases").row("hypertension")
    likely = np.where(pressure, 0.85, MEASURED) * able
    counts = np.where(inpatient, np.minimum(visits.days(life.calendar), 10), random.random(len(visits)) < likely)
    visit, rank = repeated(counts.astype(np.int64))
    person = visits.person[visit]
    at = visits.at[visit] + 600 + rank * 86_400
    at = np.where(rank > 0, at.astype("datetime64[D]").astype("datetime64[s]") + 7 * HOUR, at)
    systolic, diastolic = pressures(life, person, at)
    height, weight = body(life, person, at)
    fever = np.zeros(len(facts("diseases")))
    fever[facts("diseases").rows("key", np.array(list(FEVERISH)))] = list(FEVERISH.values())
    heat = fever[visits.disease[visit]] * np.exp(-rank / 2.0) * random.uniform(0.3, 1.2, len(visit))
    child = np.clip(14 - life.age_at(person, at), 0, 14)
    pulse = life.health.pulse[person] + 9 * heat + 5 * random.standard_normal(len(visit))
    first = rank == 0
    return life.of_visits(
        "vital-signs",
        visit,
        part_keys("TZ", encounter_keys(visits.serial[visit]), rank),
        at + 2 * HOUR,
        measured=at,
        temperature=np.round(36.5 + heat + 0.18 * random.standard_normal(len(visit)), 1),
        pulse=np.round(np.clip(pulse, 44, 180)),
        respiration=np.round(np.clip(17 + 0.8 * child + 1.6 * heat + random.standard_normal(len(visit)), 12, 55)),
        systolic=np.where(child > 8, np.nan, systolic),
        diastolic=np.where(child > 8, np.nan, diastolic),
        oxygen=np.round(np.clip(97.5 - 0.6 * heat + random.standard_normal(len(visit)), 82, 100)),
        height=np.where(first, height, np.nan),
        weight=np.where(first, weight, np.nan),
        department=life.department_names(visits.department[visit]),
        nurse=life.staff(life.institutions.staff.of(visits.department[visit], random.random(len(visit)))),
    )
