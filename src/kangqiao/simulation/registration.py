"""患者基本信息 and 过敏: who a patient is, as each institution wrote it down at the first visit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.draws import Choices, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.cards import ends, issuers
from kangqiao.simulation.identities.clerks import health_cards, mothers, written_down
from kangqiao.simulation.identities.contacts import READERS, Contacts
from kangqiao.simulation.identities.draft import Draft, truthful
from kangqiao.simulation.identities.kinds import MISTAKEN, bit
from kangqiao.simulation.identities.lives import DOCUMENT_TYPES
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.life import HOUR, SENT_AFTER, Life, codes, facts_column, moments, same
from kangqiao.simulation.people import EDUCATION
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet, digits, stack

ALLERGIC = 0.06
NEWBORN_DAYS = 7
INSURANCE_SHOWN = 0.8
AS_MOTHERS_CHILD = bit("newborn-name") | bit("newborn-mothers-id")
UNUSUAL = MISTAKEN | bit("no-phone")
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

    def of(self, rows: np.ndarray) -> Patients:
        """Return some of the patients."""
        return Patients(self.person[rows], self.institution[rows], self.patient[rows], self.since[rows])


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


@dataclass(frozen=True)
class Registered:
    """The registrations of a block's patients.

    sheet     one row for each patient, behind them the newer versions of some
    spoilt    rows that are unusual: no other mistake is to be made in them
    kinds     bits of KINDS for each patient, as the registration stands in the end
    at_first  the same as it was first sent
    """

    patients: Patients
    sheet: Sheet
    spoilt: np.ndarray
    kinds: np.ndarray
    at_first: np.ndarray


def registrations(life: Life, known: Patients) -> Registered:
    """Return what clerks wrote down of every patient; newborns of some are named later, under the same number."""
    since = np.maximum(known.since, life.people.born[known.person].astype("datetime64[s]"))
    known = replace(known, since=since)
    first = written_down(life.papers, _contacts(life, known), life.random)
    again, named = _named_later(life, known, first)
    later = life.calendar.period(named.contacts.day) > life.calendar.period(since[again])
    kept = np.ones(len(known), dtype=bool)
    kept[again[~later]] = False
    kinds, at_first = first.kinds.copy(), first.kinds.copy()
    kinds[again], at_first[again[~later]] = named.kinds, named.kinds[~later]
    sheet = stack(
        [
            _written(life, known, first, since + HOUR).take(np.flatnonzero(kept)),
            _written(life, known.of(again), named, named.contacts.day.astype("datetime64[s]") + 9 * HOUR),
        ]
    )
    spoilt = np.r_[first.kinds[kept] & UNUSUAL != 0, np.ones(len(again), dtype=bool)]
    return Registered(known, sheet, spoilt, kinds, at_first)


def _contacts(life: Life, known: Patients) -> Contacts:
    """Return the contacts that registered the patients; bureaus know everybody by the papers they have in the end."""
    level = life.institutions.levels[known.institution]
    day = np.where(level < 0, life.calendar.last, known.since.astype("datetime64[D]"))
    age = (day - life.people.born[known.person]).astype(np.int64)
    newborn = (level >= 0) & (age < NEWBORN_DAYS) & (life.people.mother[known.person] >= 0)
    without = np.r_[[rate(f"no-card-reader-{one}") for one in READERS], 0]
    typed = newborn | (life.random.random(len(known)) < without[level])
    return Contacts(known.person, known.institution, level, day, newborn, typed)


def _named_later(life: Life, known: Patients, first: Draft) -> tuple[np.ndarray, Draft]:
    """Return newborns (positions) that are registered properly once they have papers, and how."""
    day = life.papers.document.until[known.person] + 1
    alive = np.isnat(life.people.died[known.person]) | (day < life.people.died[known.person])
    again = first.contacts.newborn & (first.kinds & AS_MOTHERS_CHILD != 0) & (day < life.calendar.last) & alive
    again = np.flatnonzero(again & (life.random.random(len(known)) < rate("newborn-corrected")))
    return again, truthful(life.papers, first.contacts.on(again, day[again]))


def _written(life: Life, known: Patients, draft: Draft, revised: np.ndarray) -> Sheet:
    """Return registrations with all that goes with what the clerks asked for."""
    people, person, day = life.people, known.person, draft.contacts.day
    age = life.age_at(person, known.since)
    foreign = people.ethnicity[person] < 0
    insured = (people.insurance[person] != 7) & (steady_uniform(known.patient, 82) < INSURANCE_SHOWN)
    archive = np.where(steady_uniform(known.patient, 81) < 0.3, people.archive[person], -1)
    contact = _contact(life, person)
    called, reached = (had.at(np.maximum(contact, 0), day)[0] for had in (life.papers.name, life.papers.phone))
    mother_name, mother_document = mothers(draft, life.random)
    return Sheet(
        "patient-registration",
        people.number[person],
        known.institution,
        known.patient,
        Keys("P", known.patient, 9),
        revised,
        {
            "document_type": codes(draft.document_kind, *DOCUMENT_TYPES),
            "document_number": draft.document,
            "document_issuer": issuers(draft, places=life.places, township=life.township),
            "document_valid_until": ends(draft),
            "health_card": health_cards(draft, life.random),
            "archive_number": Keys("", archive, 17),
            "name": draft.name,
            "sex": codes(draft.sex - 1, "1", "2"),
            "birth_date": draft.birth_date,
            "nationality": codes(foreign.astype(int), CHINESE, BURMESE),
            "ethnicity": facts_column("ethnic_groups", "code", people.ethnicity[person]),
            "marital": marital_codes(people.married[person]),
            "education": education_codes(people.education[person]),
            "occupation": facts_column("occupations", "code", people.occupation[person]),
            "phone": Keys("", draft.phone, 11),
            **_address(life, draft),
            "house": pc.binary_join_element_wise(digits(people.household[person] + 1, 4), "号", ""),
            "contact_name": pc.if_else(pa.array(contact >= 0), called, pa.scalar(None, pa.string())),
            "contact_relation": codes(np.where(contact < 0, -1, contact != people.mother[person]), "5", "8"),
            "contact_phone": Keys("", np.where(contact < 0, -1, reached), 11),
            "mother_name": mother_name,
            "mother_document_type": codes(np.asarray(pc.is_valid(mother_document)) - 1, "01"),
            "mother_document": mother_document,
            "insurance": codes(np.searchsorted([1, 2, 7], people.insurance[person]), "01", "02", "99"),
            "insurance_number": insurance_numbers(np.where(insured, people.number[person], -1)),
            "abo": codes(np.where(age > 1, people.abo[person], -1), "1", "2", "3", "4", "5"),
            "rh": codes(np.where(age > 1, people.rh[person], -1), "1", "2", "3", "4"),
            "registered_at": known.since,
        },
    )


def _address(life: Life, draft: Draft) -> dict[str, Column]:
    """Return where people lived, in words as exactly as the division was written."""
    villages, count = life.places.villages, len(draft)
    home, _ = life.papers.division.at(draft.contacts.person, draft.contacts.day)
    place = np.searchsorted(villages.codes, home)
    divisions, which = np.unique(draft.division, return_inverse=True)
    return {
        "division": codes(np.where(draft.division < 0, -1, which), *map(str, divisions)),
        "province": same(count, "云南省"),
        "city": same(count, "临沧市"),
        "county": codes(place, *villages.counties),
        "township": codes(np.where(draft.division < 0, -1, place), *villages.townships),
        "village": codes(np.where((draft.division < 0) | (draft.division % 1000 == 0), -1, place), *villages.names),
    }


def insurance_numbers(number: np.ndarray) -> Keys:
    """Return the insurance numbers of people (numbers in the city, -1: none)."""
    return Keys("5309", number, 10)


def marital_codes(married: np.ndarray) -> Pick:
    """Return a column of GB/T 2261.2 of numbers as in ``People.married``."""
    return codes(np.searchsorted([10, 20, 30, 40], married), "10", "20", "30", "40")


def education_codes(code: np.ndarray) -> Pick:
    """Return a column of GB/T 4658 of numbers as in ``People.education``."""
    words = [str(word) for word in EDUCATION]
    return codes(np.where(code < 0, -1, np.searchsorted(EDUCATION, code)), *words)


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
