"""健康体检: the yearly examination of the old and of people managed for a lasting illness."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.archives import combinations, home_institution
from kangqiao.simulation.bedside import body, pressures
from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.laboratory import values
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

CAME = 0.62
FINDINGS = (
    ("pressure", "血压偏高"),
    ("glucose", "空腹血糖偏高"),
    ("lipids", "血脂异常"),
    ("weight", "超重或肥胖"),
    ("creatinine", "肌酐偏高"),
    ("ecg", "心电图异常"),
    ("liver", "脂肪肝"),
)
_BLOOD = {
    "haemoglobin": "HGB",
    "leukocytes": "WBC",
    "platelets": "PLT",
    "fasting_glucose": "GLU",
    "alt": "ALT",
    "ast": "AST",
    "bilirubin": "TBIL",
    "creatinine": "CREA",
    "urea": "UREA",
    "cholesterol": "TC",
    "triglycerides": "TG",
    "ldl": "LDLC",
    "hdl": "HDLC",
}


def checkups(life: Life, catchment: np.ndarray, attendance: tuple[np.ndarray, np.ndarray]) -> Sheet:
    """Return the examinations at the township of those who attend."""
    person, at = attendance
    place = home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))
    height, weight = body(life, person, at)
    bmi = np.round(weight / (height / 100) ** 2, 1)
    systolic, diastolic = pressures(life, person, at)
    blood = {name: _measured(life, person, at, item) for name, item in _BLOOD.items()}
    lot = life.random.random((3, len(person)))
    ecg, liver = lot[0] < 0.22, lot[1] < 0.16
    found = _findings(systolic, diastolic, blood, bmi=bmi, ecg=ecg, liver=liver)
    old = life.age_at(person, at) >= 65
    number = life.people.number[person]
    return life.of_people(
        "physical-examination",
        person,
        place,
        at,
        Keys("TJ", number * 100 + at.astype("datetime64[Y]").astype(np.int64) % 100, 10),
        archive_number=Keys("", life.people.archive[person], 17),
        examined=at,
        doctor=life.staff(life.colleague(place, "0200", 10)),
        symptoms=codes(np.where(lot[2] < 0.7, 0, np.where(lot[2] < 0.85, 1, 2)), "1", "3", "14"),
        temperature=np.round(36.4 + 0.2 * life.random.standard_normal(len(person)), 1),
        pulse=np.round(life.health.pulse[person]),
        respiration=np.full(len(person), 18.0),
        left_systolic=systolic,
        left_diastolic=diastolic,
        right_systolic=systolic + life.random.integers(-3, 5, len(person)),
        right_diastolic=diastolic,
        height=height,
        weight=weight,
        waist=np.round(2.35 * bmi + 26, 1),
        bmi=bmi,
        **_of_the_old(old, lot[2]),
        **_habits(life, person, number),
        **_organs(life, person, ecg, liver),
        **blood,
        **_conclusion(life, person, at, found),
    )


def attendance(life: Life) -> tuple[np.ndarray, np.ndarray]:
    """Return (person, at): those of 65 and more or with a managed illness, once a year, March to November."""
    people, calendar, random = life.people, life.calendar, life.random
    years = np.arange(calendar.first.astype("datetime64[Y]"), calendar.last.astype("datetime64[Y]") + 1)
    day = years[None, :].astype("datetime64[D]") + random.integers(62, 330, (len(people), len(years)))
    age = calendar.ages(people.born[:, None], day)
    managed = (life.health.has("hypertension")[:, None] < day) | (life.health.has("diabetes")[:, None] < day)
    due = (age >= 65) | (managed & (steady_uniform(people.number, 61) < 0.5)[:, None])
    came = random.random(day.shape) < CAME * (0.6 + 0.8 * life.health.adherence[:, None])
    within = (day >= calendar.first) & (day < calendar.last) & (day < life.health.last_day[:, None])
    person, year = np.nonzero(due & came & within & (people.archive >= 0)[:, None])
    return person, moments(day[person, year], 7.8 + 3 * random.random(len(person)))


def _measured(life: Life, person: np.ndarray, at: np.ndarray, item: str) -> np.ndarray:
    return values(life, person=person, item=np.full(len(person), facts("lab_items").row(item)), at=at)


def _findings(
    systolic: np.ndarray,
    diastolic: np.ndarray,
    blood: dict[str, np.ndarray],
    *,
    bmi: np.ndarray,
    ecg: np.ndarray,
    liver: np.ndarray,
) -> np.ndarray:
    """Return the bits of FINDINGS that apply to each examination."""
    applies = (
        (systolic >= 140) | (diastolic >= 90),
        blood["fasting_glucose"] >= 7,
        (blood["cholesterol"] > 6.2) | (blood["triglycerides"] > 2.3),
        bmi >= 24,
        blood["creatinine"] > 110,
        ecg,
        liver,
    )
    return np.sum([finding.astype(np.int64) << bit for bit, finding in enumerate(applies)], axis=0)


def _of_the_old(old: np.ndarray, lot: np.ndarray) -> dict[str, Column]:
    return {
        "elderly_health": codes(np.where(old, np.where(lot < 0.55, 0, np.where(lot < 0.9, 1, 3)), -1), *"1234"),
        "elderly_self_care": codes(np.where(old, np.where(lot < 0.86, 0, np.where(lot < 0.96, 1, 2)), -1), *"123"),
        "elderly_cognition": codes(np.where(old, (lot > 0.94).astype(int), -1), "1", "2"),
        "elderly_emotion": codes(np.where(old, (lot > 0.97).astype(int), -1), "1", "2"),
    }


def _habits(life: Life, person: np.ndarray, number: np.ndarray) -> dict[str, Column]:
    smoker, drinker = life.health.smoker[person], life.health.drinker[person]
    return {
        "exercise": codes(np.searchsorted([0.3, 0.55, 0.8], steady_uniform(number, 71)), *"1234"),
        "diet": codes(np.searchsorted([0.6, 0.85], steady_uniform(number, 72)), "1", "1|4", "4|5"),
        "smoking": codes(np.where(smoker, 1, 0), "1", "3"),
        "cigarettes": np.where(smoker, 5 + 5 * (number % 4), np.nan),
        "drinking": codes(np.where(drinker, 2, 0), "1", "2", "3"),
        "alcohol": np.where(drinker, 1.0 + number % 3, np.nan),
    }


def _organs(life: Life, person: np.ndarray, ecg: np.ndarray, liver: np.ndarray) -> dict[str, Column]:
    count = len(person)
    sight = np.round(np.clip(1.1 - 0.4 * life.random.random((2, count)), 0.1, 1.5), 1)
    return {
        "lips": same(count, "1"),
        "throat": same(count, "1"),
        "left_vision": sight[0],
        "right_vision": sight[1],
        "hearing": codes((steady_uniform(life.people.number[person], 73) < 0.08).astype(int), "1", "2"),
        "motion": same(count, "1"),
        "skin": same(count, "01"),
        "sclera": same(count, "1"),
        "lymph_nodes": same(count, "1"),
        "breath_sounds": same(count, "1"),
        "rales": same(count, "1"),
        "heart_rate": np.round(life.health.pulse[person]),
        "heart_rhythm": same(count, "1"),
        "heart_murmur": same(count, "1"),
        "abdominal_mass": same(count, "1"),
        "oedema": same(count, "1"),
        "foot_pulse": same(count, "2"),
        "urine_protein": codes((life.random.random(count) < 0.06).astype(int), "-", "+"),
        "urine_sugar": codes((life.random.random(count) < 0.04).astype(int), "-", "+"),
        "ecg": codes(ecg.astype(int), "1", "2"),
        "ecg_finding": codes(np.where(ecg, 0, -1), "窦性心律，ST-T改变"),
        "ultrasound": codes(liver.astype(int), "1", "2"),
        "ultrasound_finding": codes(np.where(liver, 0, -1), "脂肪肝声像"),
    }


@functools.cache
def _texts() -> tuple[str | None, ...]:
    words = [text for _, text in FINDINGS]
    return tuple(
        "；".join(w for bit, w in enumerate(words) if mask >> bit & 1) or None for mask in range(1 << len(words))
    )


def _conclusion(life: Life, person: np.ndarray, at: np.ndarray, found: np.ndarray) -> dict[str, Column]:
    words = Pick.of(found.astype(np.int32), _texts()).compact()
    managed = life.had("hypertension", person, at) | life.had("diabetes", person, at)
    guidance = managed.astype(np.int64) | (found > 0).astype(np.int64) << 1
    smoker, drinker = life.health.smoker[person], life.health.drinker[person]
    heavy = found >> 3 & 1
    risks = smoker | drinker.astype(np.int64) << 1 | 1 << 2 | 1 << 3 | heavy << 4
    return {
        "evaluation": codes((found > 0).astype(int), "1", "2"),
        "abnormalities": words,
        "problems": words,
        "guidance": combinations(guidance, ("1", "2"), none=None),
        "risk_control": combinations(risks, ("1", "2", "3", "4", "5"), none=None),
    }
