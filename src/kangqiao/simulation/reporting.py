"""传染病报告, 疑似预防接种异常反应, 出生医学证明 and 死亡医学证明: what hospitals owe to the public."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kangqiao.simulation.archives import home_institution
from kangqiao.simulation.draws import steady_normal, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import HOUR, Life, codes, facts_column, moments, same
from kangqiao.simulation.sheets import Keys, Pick, Sheet
from kangqiao.standards.value_sets import load

NOTIFIABLE = {
    "influenza": "301",
    "mumps": "302",
    "child_diarrhoea": "310",
    "hand_foot_mouth": "311",
    "dengue": "211",
    "tuberculosis": "214",
    "scarlet_fever": "220",
    "malaria": "2261",
}
"""Diseases that must be reported, as CV05.01.017 calls them."""

LATE = 0.04
"""Share of cases that are reported after more than a day."""

REACTION = 0.004
"""Share of doses after which a reaction is reported."""

CAUSES = (
    ("lung_cancer", "R09.2"),
    ("stomach_cancer", "R64"),
    ("cirrhosis", "K72.9"),
    ("coronary", "I46.9"),
    ("stroke_after", "J18.9"),
    ("copd", "J96.9"),
    ("hypertension", "I50.9"),
    ("diabetes", "N17.9"),
)
"""Conditions people die of, the gravest first, and the immediate cause of such a death."""

IMMEDIATE_NAMES = {
    "R09.2": "呼吸停止",
    "R64": "恶病质",
    "K72.9": "肝衰竭",
    "I46.9": "心脏停搏",
    "J18.9": "肺炎",
    "J96.9": "呼吸衰竭",
    "I50.9": "心力衰竭",
    "N17.9": "急性肾衰竭",
}
OLD_AGE = ("R54", "衰老")


def infectious_diseases(life: Life) -> Sheet:
    """Return the report of every first visit with a notifiable disease, by the institution that found it."""
    visits, random, table = life.visits, life.random, facts("diseases")
    kind = np.full(len(table["key"]), -1)
    kind[table.rows("key", np.array(list(NOTIFIABLE)))] = np.arange(len(NOTIFIABLE))
    visit = np.flatnonzero((kind[visits.disease] >= 0) & ~visits.follow_up)
    disease, person, count = kind[visits.disease[visit]], visits.person[visit], len(visit)
    diagnosed = visits.at[visit] + 1800
    delay = np.where(random.random(count) < LATE, 30 + 60 * random.random(count), 0.5 + 10 * random.random(count))
    age = life.age_at(person, diagnosed)
    occupation = np.select([age < 3, age < 7, age < 19, age >= 60], [1, 0, 2, 4], 3)
    onset = (diagnosed - 12 * HOUR).astype("datetime64[D]") - random.integers(0, 3, count)
    columns = {
        "card_number": Keys("KP", visits.serial[visit], 10),
        "kind": same(count, "1"),
        "belonging": same(count, "1"),
        "occupation": codes(occupation, "01", "02", "03", "11", "15"),
        "certainty": codes((random.random(count) < 0.35).astype(int), "2", "3"),
        "onset": np.maximum(onset, life.people.born[person]),
        "diagnosed": diagnosed,
        "disease": codes(disease, *NOTIFIABLE.values()),
        "disease_name": codes(disease, *(load("CV05.01.017").name(code) for code in NOTIFIABLE.values())),
        "reporter_place": life.institution_names(visits.institution[visit]),
        "reporter": life.staff(visits.doctor[visit]),
        "reported": diagnosed + np.round(delay * HOUR).astype("timedelta64[s]"),
    }
    return life.about_visits(
        "infectious-disease-report", visit, Keys("CR", visits.serial[visit], 10), columns["reported"] + HOUR, columns
    )


def vaccine_reactions(life: Life, given: Sheet) -> Sheet:
    """Return reactions after a few of the doses given, reported by those who gave them."""
    rows = np.flatnonzero(life.random.random(len(given)) < REACTION)
    count, random = len(rows), life.random
    given = given.take(rows)
    vaccinated = given.columns["vaccinated"]
    began = vaccinated + np.round((1 + 30 * random.random(count)) * HOUR).astype("timedelta64[s]")
    rare = random.random(count) < 0.06
    reported = began + np.round((2 + 20 * random.random(count)) * HOUR).astype("timedelta64[s]")
    person = given.person - life.people.number[0]
    return life.of_people(
        "vaccine-reaction",
        person,
        given.institution.astype(np.int64),
        reported,
        Keys("AE", given.keys.numbers, given.keys.width),
        vaccination=given.keys,
        **{name: given.columns[name] for name in ("vaccine", "vaccine_name", "lot", "dose_number")},
        vaccinated=vaccinated,
        began=began,
        found=began,
        signs=codes(rare.astype(int), "接种后发热，局部红肿", "接种后全身散在皮疹"),
        temperature=np.where(rare, np.nan, np.round(37.6 + 0.9 * random.random(count), 1)),
        swelling=np.where(rare, np.nan, np.round(1 + 2 * random.random(count), 1)),
        classification=codes(rare.astype(int), "1", "2"),
        serious=same(count, "1"),
        outcome=same(count, "1"),
        reported=reported,
        reporter=life.staff(life.colleague(given.institution.astype(np.int64), "0100", 51)),
    )


def born_at(life: Life, child: np.ndarray) -> np.ndarray:
    """Return the moments at which children (positions) were born."""
    return moments(life.people.born[child], 24 * steady_uniform(life.people.number[child], 151) * 0.999)


def birth_weight(life: Life, child: np.ndarray) -> np.ndarray:
    """Return the weights of children (positions) at birth in g."""
    return np.round(np.clip(3200 + 420 * steady_normal(life.people.number[child], 98), 1200, 5000), -1)


def birth_certificates(life: Life) -> Sheet:
    """Return the certificates of children born within the calendar to mothers known here, by the county's hospital."""
    people = life.people
    child = np.flatnonzero(
        (people.mother >= 0) & (people.born >= life.calendar.first) & (people.born < life.calendar.last)
    )
    mother, number, count = people.mother[child], people.number[child], len(child)
    born = born_at(life, child)
    issued = np.minimum(people.born[child] + 2 + number % 3, life.calendar.last)
    hospital = np.full(count, life.institutions.of_county("general", life.township.county))
    weight = birth_weight(life, child)
    who = pa.array(mother)
    documented = people.id_number.take(who).is_valid().to_numpy(zero_copy_only=False)
    return life.of_people(
        "birth-certificate",
        child,
        hospital,
        issued.astype("datetime64[s]") + 10 * HOUR,
        Keys("CS", number, 10),
        number=Keys("U", number, 9),
        issue=same(count, "1"),
        child_name=people.name.take(pa.array(child)),
        born=born,
        gestational_weeks=np.round(np.clip(39.2 + 1.3 * steady_normal(number, 91), 34, 41.7)),
        birth_weight=weight,
        birth_length=np.round(49.8 + 2.2 * (weight / 1000 - 3.2), 1),
        birth_place=same(count, "12"),
        midwifery=life.institution_names(hospital),
        mother_name=people.name.take(who),
        mother_document_type=codes(np.where(documented, 0, -1), "01"),
        mother_document=people.id_number.take(who),
        mother_born=people.born[mother],
        mother_nationality=codes(np.where(documented, 0, -1), "CHN"),
        issuer=life.institution_names(hospital),
        issued=issued,
    )


@dataclass(frozen=True)
class Deaths:
    """Who died within the calendar (positions), when, of which cause (place in CAUSES, behind them old age), where."""

    person: np.ndarray
    died: np.ndarray
    cause: np.ndarray
    in_hospital: np.ndarray

    @property
    def day(self) -> np.ndarray:
        return self.died.astype("datetime64[D]")

    @property
    def disease(self) -> np.ndarray:
        """Return the row of facts("diseases") each died of, -1 for old age."""
        rows = facts("diseases").rows("key", np.array([condition for condition, _ in CAUSES]))
        return np.r_[rows, -1][self.cause]

    def underlying(self) -> tuple[Pick, Pick]:
        """Return the columns of the codes and names of the underlying causes."""
        table = facts("diseases")
        row = np.where(self.cause < len(CAUSES), self.disease, len(table["key"]))
        return codes(row, *table["icd10"], OLD_AGE[0]), codes(row, *table["name"], OLD_AGE[1])

    def place(self) -> Pick:
        """Return the column of CV02.01.103."""
        return codes(np.where(self.in_hospital, 0, 1), "01", "03")

    def certificates(self, life: Life) -> Keys:
        """Return the numbers of the death certificates."""
        return Keys("5309", life.people.number[self.person], 9)


def deaths_of(life: Life) -> Deaths:
    """Return the deaths within the calendar: the same ones whoever writes about them."""
    people = life.people
    person = np.flatnonzero((people.died >= life.calendar.first) & (people.died < life.calendar.last - 1))
    number = people.number[person]
    died = moments(people.died[person], 24 * steady_uniform(number, 152) * 0.999)
    ill = [life.had(condition, person, died) for condition, _ in CAUSES]
    cause = np.column_stack([*ill, np.ones(len(person), dtype=bool)]).argmax(axis=1)
    return Deaths(person, died, cause, (steady_uniform(number, 153) < 0.35) & (cause < len(CAUSES)))


def death_certificates(life: Life, catchment: np.ndarray) -> Sheet:
    """Return the certificates of those who died within the calendar."""
    deaths = deaths_of(life)
    person, day, cause = deaths.person, deaths.day, deaths.cause
    immediate = [code for _, code in CAUSES] + [OLD_AGE[0]]
    township = home_institution(life, person, catchment, village=np.zeros(len(person), dtype=bool))
    hospital = np.where(deaths.in_hospital, life.institutions.of_county("general", life.township.county), township)
    underlying, underlying_name = deaths.underlying()
    return life.of_people(
        "death-certificate",
        person,
        hospital,
        (day + 1).astype("datetime64[s]") + 10 * HOUR,
        Keys("SW", life.people.number[person], 10),
        number=deaths.certificates(life),
        died=deaths.died,
        place=deaths.place(),
        cause_a=codes(cause, *immediate),
        cause_a_name=codes(cause, *(IMMEDIATE_NAMES.get(code, OLD_AGE[1]) for code in immediate)),
        cause_b=facts_column("diseases", "icd10", deaths.disease),
        cause_b_name=facts_column("diseases", "name", deaths.disease),
        underlying=underlying,
        underlying_name=underlying_name,
        institution_level=codes(np.where(deaths.in_hospital, 0, 1), "03", "04"),
        basis=codes(np.where(deaths.in_hospital, 0, 1), "4", "6"),
        issuer=life.institution_names(hospital),
        doctor=life.staff(life.colleague(hospital, "0200", 52)),
        issued=day + 1,
    )
