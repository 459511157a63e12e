"""What happened to the people of one block, and how its rows are addressed: the ground every data set is drawn from."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.draws import mixed
from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.lives import Lives
from kangqiao.simulation.illness import Health
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.people import People
from kangqiao.simulation.places import Places, Township
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet, text_of
from kangqiao.simulation.visits import Visits, patient_numbers

ENCOUNTER = "J"
_STEP, _NUMBERS = 387_420_489, 10**10
HOUR = 3600
SENT_AFTER = 4 * HOUR


@dataclass(frozen=True)
class Life:
    """People, their papers, their health and their visits, with the city around them."""

    places: Places
    township: Township
    calendar: Calendar
    institutions: Institutions
    papers: Lives
    health: Health
    visits: Visits
    random: np.random.Generator

    @property
    def people(self) -> People:
        return self.papers.people

    def age_at(self, person: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """Return the ages in years of people (positions) at moments."""
        return self.calendar.ages(self.people.born[person], moment)

    def had(self, condition: str, person: np.ndarray, moment: np.ndarray) -> np.ndarray:
        """Say whether people had a lasting condition at moments."""
        return self.health.has(condition)[person] <= moment.astype("datetime64[D]")

    def staff(self, doctor: np.ndarray) -> Pick:
        """Return a column of the names of members of staff."""
        return Pick(doctor, self.institutions.staff.names).compact()

    def institution_names(self, institution: np.ndarray) -> Pick:
        """Return a column of the names of institutions (-1: missing)."""
        return Pick(institution.astype(np.int32), self.institutions.names).compact()

    def apart(self) -> Life:
        """Return the same life with a stream of chance of its own, so that what draws from it changes nothing else."""
        return replace(self, random=self.random.spawn(1)[0])

    def department_names(self, department: np.ndarray) -> Pick:
        """Return a column of the names of departments."""
        return Pick(department, self.institutions.departments.names).compact()

    def colleague(self, institution: np.ndarray, field: str, part: int) -> np.ndarray:
        """Return a member of staff of the institution's department for a field, the same one for the same day's work.

        ``part`` tells different roles apart.
        """
        row = int(facts("departments").rows("code", np.array([field]))[0])
        department = self.institutions.treating[institution, row].astype(np.int64)
        lot = (mixed(institution, part, np.arange(len(institution)) // 32) >> np.uint64(11)).astype(float) * 2.0**-53
        return self.institutions.staff.of(department, lot)

    def of_visits(self, data_set: str, visit: np.ndarray, keys: Keys, revised: np.ndarray, **columns: Column) -> Sheet:
        """Return rows that belong to visits (positions): addressed and named after their encounter."""
        visits = self.visits
        named = {
            "encounter": encounter_keys(visits.serial[visit]),
            "encounter_kind": Pick(visits.kind[visit] - 1, text_of(["1", "2", "3"])),
        }
        return self.about_visits(data_set, visit, keys, revised, named | columns)

    def about_visits(
        self, data_set: str, visit: np.ndarray, keys: Keys, revised: np.ndarray, columns: dict[str, Column]
    ) -> Sheet:
        """Return rows of the patients of visits (positions) that do not name the encounter."""
        visits = self.visits
        person = self.people.number[visits.person[visit]]
        return Sheet(data_set, person, visits.institution[visit], visits.patient[visit], keys, revised, columns)

    def of_people(
        self,
        data_set: str,
        person: np.ndarray,
        institution: np.ndarray,
        at: np.ndarray,
        keys: Keys,
        **columns: Column,
    ) -> Sheet:
        """Return rows about people (positions) at institutions, revised SENT_AFTER ``at``."""
        number = self.people.number[person]
        patient = patient_numbers(number, institution, at, self.calendar)
        return Sheet(data_set, number, institution.astype(np.int32), patient, keys, at + SENT_AFTER, columns)

    def of_bureau(
        self, data_set: str, bureau: str, person: np.ndarray, at: np.ndarray, keys: Keys, **columns: Column
    ) -> Sheet:
        """Return rows about people (positions) at a bureau, which knows everybody under one number.

        What happened before the calendar is sent as of its first day.
        """
        calendar, number = self.calendar, self.people.number[person]
        institution = np.full(len(person), self.institutions.bureau(bureau), dtype=np.int32)
        patient = patient_numbers(number, institution, calendar.first, calendar)
        sent = np.maximum(at, moments(calendar.first, 9)) + SENT_AFTER
        return Sheet(data_set, number, institution, patient, keys, sent, columns)

    def of_nobody(self, data_set: str, bureau: str, at: np.ndarray, keys: Keys, **columns: Column) -> Sheet:
        """Return rows of a bureau that are not about a person."""
        nobody = np.full(len(at), -1, dtype=np.int64)
        institution = np.full(len(at), self.institutions.bureau(bureau), dtype=np.int32)
        sent = np.maximum(at, moments(self.calendar.first, 9)) + SENT_AFTER
        return Sheet(data_set, nobody, institution, nobody, keys, sent, columns)


def encounter_keys(serial: np.ndarray) -> Keys:
    """Return the source keys of visits: ten digits that look like no order and are unique in the city."""
    return Keys(ENCOUNTER, serial * _STEP % _NUMBERS, 10)


def further_encounters(number: np.ndarray, visits: int) -> np.ndarray:
    """Return the numbers in the keys of a person's encounters so many visits after the given ones."""
    return (number + visits * _STEP) % _NUMBERS


def part_keys(prefix: str, parent: Keys, rank: np.ndarray) -> Keys:
    """Return the source keys of parts of something: the parent's digits and two for the part's rank."""
    return Keys(prefix, parent.numbers * 100 + rank, parent.width + 2)


def codes(index: np.ndarray, *words: str) -> Pick:
    """Return a column of codes: for each row the word with this number, -1 for none."""
    return Pick(np.asarray(index, dtype=np.int32), text_of(list(words)))


def same(count: int, word: str) -> Pick:
    """Return a column that holds one word everywhere."""
    return Pick(np.zeros(count, dtype=np.int32), text_of([word]))


def facts_column(name: str, column: str, row: np.ndarray) -> Pick:
    """Return a column of words of a table of facts, by row number (-1: missing); empty words are missing."""
    words, empty = _words(name, column)
    return Pick(np.where(empty[row], -1, row).astype(np.int32), words)


@functools.cache
def _words(name: str, column: str) -> tuple[pa.Array, np.ndarray]:
    """Return a column's words, and for every row number (-1 the last) whether there is none."""
    words = facts(name)[column]
    return text_of(words), np.r_[words == "", True]


def moments(days: np.ndarray | np.datetime64, hour: np.ndarray | float) -> np.ndarray:
    """Return days at an hour of the day as datetime64[s]."""
    return days.astype("datetime64[s]") + np.asarray(np.asarray(hour) * HOUR).astype("timedelta64[s]")
