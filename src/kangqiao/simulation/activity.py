"""What happens at institutions, counted while people are lived through: their reports and stores follow it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.charges import Lines, item_rows, price_list
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import Institutions
from kangqiao.simulation.life import Life
from kangqiao.simulation.sheets import Sheet
from kangqiao.simulation.visits import EMERGENCY, INPATIENT, OUTPATIENT

MEASURES = (
    "outpatients",
    "emergencies",
    "admissions",
    "discharges",
    "deaths",
    "operations",
    "discharged_bed_days",
    "outpatient_cents",
    "inpatient_cents",
    "drug_cents",
    "examination_cents",
    "operation_cents",
)


@dataclass(frozen=True)
class Activity:
    """Whole numbers over the reported months; those of two blocks of people add up, in any order.

    days   (institutions that report, days, MEASURES), money in cents
    drugs  (institutions that report, rows of facts("drugs"), months): packs handed out
    beds   (departments, days): patients in the beds at the end of a day
    """

    days: np.ndarray
    drugs: np.ndarray
    beds: np.ndarray

    @classmethod
    def none(cls, institutions: Institutions, calendar: Calendar) -> Activity:
        """Return an activity in which nothing happened."""
        reporting, days = len(institutions.reporting), len(calendar.reported_days)
        return cls(
            np.zeros((reporting, days, len(MEASURES)), np.int64),
            np.zeros((reporting, len(facts("drugs")), len(calendar.reported_months)), np.int64),
            np.zeros((len(institutions.departments.institution), days), np.int32),
        )

    def __add__(self, other: Activity) -> Activity:
        return Activity(self.days + other.days, self.drugs + other.drugs, self.beds + other.beds)

    def measure(self, name: str) -> np.ndarray:
        """Return one measure (institutions that report, days)."""
        return self.days[:, :, MEASURES.index(name)]


def activity(life: Life, lines: Lines, operated: Sheet) -> Activity:
    """Count what one block of people did: their visits and stays, the lines of their bills, their operations."""
    visits, counted = life.visits, _Counted(life.institutions, life.calendar)
    everyone, stays = np.arange(len(visits)), np.flatnonzero(visits.kind == INPATIENT)
    left = visits.until[stays].astype("datetime64[D]")
    died = stays[left == life.people.died[visits.person[stays]]]
    for measure, rows, moment in (
        ("outpatients", everyone[visits.kind == OUTPATIENT], visits.at),
        ("emergencies", everyone[visits.kind == EMERGENCY], visits.at),
        ("admissions", stays, visits.at),
        ("discharges", stays, visits.until),
        ("deaths", died, visits.until),
    ):
        counted.add(measure, visits.institution[rows], moment[rows])
    counted.add(
        "discharged_bed_days", visits.institution[stays], visits.until[stays], visits.days(life.calendar)[stays]
    )
    counted.add("operations", operated.institution, operated.columns["begun"])
    _add_income(counted, life, lines)
    counted.add_drugs(visits.institution[lines.visit], lines.item, visits.at[lines.visit], lines.quantity)
    counted.add_stays(visits.department[stays], visits.at[stays], visits.until[stays])
    return counted.activity


def _add_income(counted: _Counted, life: Life, lines: Lines) -> None:
    """Add the cents of every line to the day on which its visit or stay is settled."""
    visits, price = life.visits, price_list().numbers("price")
    cents = np.rint(price[lines.item] * lines.quantity * 100).astype(np.int64)
    where, settled = visits.institution[lines.visit], visits.until[lines.visit]
    inpatient = visits.kind[lines.visit] == INPATIENT
    for measure, rows in (
        ("outpatient_cents", ~inpatient),
        ("inpatient_cents", inpatient),
        ("drug_cents", _of("drugs", lines.item)),
        ("examination_cents", _of("lab_panels", lines.item) | _of("exams", lines.item)),
        ("operation_cents", _of("operations", lines.item)),
    ):
        counted.add(measure, where[rows], settled[rows], cents[rows])


def _of(source: str, item: np.ndarray) -> np.ndarray:
    """Say which rows of the price list come from one of its tables."""
    first = item_rows(source, np.zeros(1, np.int64))[0]
    return (item >= first) & (item < first + len(facts(source)))


class _Counted:
    """An activity while it is counted."""

    def __init__(self, institutions: Institutions, calendar: Calendar) -> None:
        self.activity = Activity.none(institutions, calendar)
        self.row_of = institutions.reporting_rows
        self.days, self.months = calendar.reported_days, calendar.reported_months

    def add(self, measure: str, institution: np.ndarray, at: np.ndarray, much: np.ndarray | int = 1) -> None:
        """Add so much to a measure of the institutions on the days of these moments."""
        row, day = self.row_of[institution], (at.astype("datetime64[D]") - self.days[0]).astype(np.int64)
        kept = (row >= 0) & (day >= 0) & (day < len(self.days))
        weight = np.broadcast_to(np.asarray(much), row.shape)[kept].astype(np.int64)
        np.add.at(self.activity.days[:, :, MEASURES.index(measure)], (row[kept], day[kept]), weight)

    def add_drugs(self, institution: np.ndarray, item: np.ndarray, at: np.ndarray, packs: np.ndarray) -> None:
        """Add the packs of those lines that are drugs."""
        row, month = self.row_of[institution], (at.astype("datetime64[M]") - self.months[0]).astype(np.int64)
        kept = (row >= 0) & (month >= 0) & (month < len(self.months)) & _of("drugs", item)
        np.add.at(self.activity.drugs, (row[kept], item[kept], month[kept]), packs[kept].astype(np.int64))

    def add_stays(self, department: np.ndarray, admitted: np.ndarray, left: np.ndarray) -> None:
        """Put patients into beds from the day of admission to the day before they leave."""
        days = len(self.days)
        last = np.where(np.isnat(left), self.days[-1] + 1, left.astype("datetime64[D]"))
        change = np.zeros((len(self.activity.beds), days + 1), np.int32)
        for moment, step in ((admitted.astype("datetime64[D]"), 1), (last, -1)):
            day = np.clip((moment - self.days[0]).astype(np.int64), 0, days)
            np.add.at(change, (department, day), step)
        self.activity.beds[:] = np.cumsum(change, axis=1)[:, :days]
