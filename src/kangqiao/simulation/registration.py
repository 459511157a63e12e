"""患者基本信息 and 过敏: who a patient is, as each institution wrote it down at the first visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.draws import Choices, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import HOUR, SENT_AFTER, Life, codes, facts_column, moments, same
from kangqiao.simulation.people import EDUCATION
from kangqiao.simulation.sheets import Keys, Pick, Sheet, digits

ALLERGIC = 0.06
CHINESE, BURMESE = "156", "104"


@dataclass(frozen=True)
class Patients:
    """Every (institution, local number) of a block: whose it is (position) and since when."""

    person: np.ndarray
    institution: np.ndarray
    patient: np.ndarray
    since: np.ndarray

    def __len__(self) -> int:
        return len(self.person)


def patients(life: Life, sheets: list[Sheet]) -> Patients:
    """Return the patients that visits and sheets speak of, registered at their first contact."""
    visits = life.visits
    person = np.concatenate([visits.person, *(sheet.person - life.people.number[0] for sheet in sheets)])
    institution = np.concatenate([visits.institution, *(sheet.institution for sheet in sheets)]).astype(np.int64)
    patient = np.concatenate([visits.patient, *(sheet.patient for sheet in sheets)])
    at = np.concatenate([visits.at, *(sheet.revised - SENT_AFTER for sheet in sheets)])
    key = institution * 10**9 + patient
    order = np.lexsort((at, key))
    first = order[np.r_[True, np.diff(key[order]) != 0]] if len(order) else order
    return Patients(person[first], institution[first].astype(np.int32), patient[first], at[first] - 600)


def registrations(life: Life, known: Patients) -> Sheet:
    """Return the registration of every patient: what the person's documents say.

    Columns with _ are what clerks mix up (see ``mistakes``); they never leave the hospital.
    """
    people, person, township = life.people, known.person, life.township
    since = np.maximum(known.since, (people.born[person]).astype("datetime64[s]"))
    citizen = people.id_number.take(pa.array(person))
    passport = people.passport.take(pa.array(person))
    has_number, has_passport = (np.asarray(pc.is_valid(column)) for column in (citizen, passport))
    age = life.age_at(person, since)
    foreign = people.ethnicity[person] < 0
    village = people.village[person]
    archive = np.where(steady_uniform(known.patient, 81) < 0.3, people.archive[person], -1)
    contact = _contact(life, person)
    count = len(person)
    return Sheet(
        "patient-registration",
        people.number[person],
        known.institution,
        known.patient,
        Keys("P", known.patient, 9),
        since + HOUR,
        {
            "document_type": codes(np.where(has_number, 0, np.where(has_passport, 1, -1)), "01", "03"),
            "document_number": pc.coalesce(citizen, passport),
            "archive_number": Keys("", archive, 17),
            "name": people.name.take(pa.array(person)),
            "sex": codes(people.sex[person] - 1, "1", "2"),
            "birth_date": people.born[person],
            "nationality": codes(foreign.astype(int), CHINESE, BURMESE),
            "ethnicity": facts_column("ethnic_groups", "code", people.ethnicity[person]),
            "marital": marital_codes(people.married[person]),
            "education": education_codes(people.education[person]),
            "occupation": facts_column("occupations", "code", people.occupation[person]),
            "phone": Keys("", people.phone[person], 11),
            "division": codes(village, *township.villages),
            "province": same(count, "云南省"),
            "city": same(count, "临沧市"),
            "county": same(count, life.places.county_names[township.county]),
            "township": same(count, township.name),
            "village": codes(village, *township.village_names),
            "house": pc.binary_join_element_wise(digits(people.household[person] + 1, 4), "号", ""),
            "contact_name": _of(people.name, contact),
            "contact_relation": codes(np.where(contact < 0, -1, contact != people.mother[person]), "5", "8"),
            "contact_phone": Keys("", np.where(contact < 0, -1, people.phone[contact]), 11),
            "insurance": codes(np.searchsorted([1, 2, 7], people.insurance[person]), "01", "02", "99"),
            "abo": codes(np.where(age > 1, people.abo[person], -1), "1", "2", "3", "4", "5"),
            "rh": codes(np.where(age > 1, people.rh[person], -1), "1", "2", "3", "4"),
            "registered_at": since,
            "_mother_id": _of(people.id_number, people.mother[person]),
            "_mother_name": _of(people.name, people.mother[person]),
        },
    )


def marital_codes(married: np.ndarray) -> Pick:
    """Return a column of GB/T 2261.2 of numbers as in ``People.married``."""
    return codes(np.searchsorted([10, 20, 30, 40], married), "10", "20", "30", "40")


def education_codes(code: np.ndarray) -> Pick:
    """Return a column of GB/T 4658 of numbers as in ``People.education``."""
    words = [str(word) for word in EDUCATION]
    return codes(np.where(code < 0, -1, np.searchsorted(EDUCATION, code)), *words)


def _of(column: pa.Array, person: np.ndarray) -> pa.Array:
    """Return a column of other people (positions), null where there is none."""
    return column.take(pa.array(person, mask=person < 0))


def _contact(life: Life, person: np.ndarray) -> np.ndarray:
    """Return whom to call: the mother, else the first of the household; -1 where that is the person."""
    people = life.people
    head = np.searchsorted(people.household, people.household[person])
    mother = people.mother[person]
    return np.where(mother >= 0, mother, np.where(head == person, -1, head))


def allergies(life: Life, known: Patients) -> Sheet:
    """Return what patients do not tolerate, as far as each institution knows it."""
    people, table = life.people, facts("allergies")
    number = people.number[known.person]
    penicillin = steady_uniform(number, 8) < 0.03
    other = steady_uniform(number, 82) < ALLERGIC - 0.03
    asked = life.institutions.levels[known.institution] >= 1
    rows = np.flatnonzero((penicillin | other) & asked & (life.random.random(len(known)) < 0.8))
    number = number[rows]
    choices = Choices.of(table.numbers("weight")[1:])
    lot = (steady_uniform(number, 83) * 0.999999)[:, None]
    substance = 1 + (lot > choices.cumulative[None, :]).sum(axis=1)
    substance = np.where(penicillin[rows], 0, substance)
    opening = life.calendar.first + life.random.integers(0, 300, len(rows))
    at = np.maximum(known.since[rows] + 1800, moments(opening, 9.5))
    place = known.institution[rows]
    return Sheet(
        "allergy",
        number,
        place,
        known.patient[rows],
        Keys("GM", known.patient[rows] * 10 + substance % 10, 10),
        at + HOUR,
        {
            "category": facts_column("allergies", "category", substance),
            "allergen": facts_column("allergies", "code", substance),
            "allergen_name": facts_column("allergies", "name", substance),
            "reaction": facts_column("allergies", "reaction", substance),
            "severity": codes((steady_uniform(number, 84) < 0.15).astype(int), "1", "2"),
            "certainty": codes((steady_uniform(number, 85) < 0.4).astype(int), "1", "2"),
            "recorded": at,
            "recorder": life.staff(life.colleague(place, "0200", 12)),
        },
    )
