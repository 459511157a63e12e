"""医院运营日报 and 财务月报: reports that follow what was done."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.capacity import open_beds
from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.institution_sheets import Premises, sheet_of
from kangqiao.simulation.sheets import Keys, Sheet

CENTS = 100
SUBSIDIES = {"private": 0.0, "township": 0.55, "community": 0.5}
"""Public money, as a share of what care earns."""

SUBSIDY = 0.12
RESEARCH = {"city_general": 0.01}
COSTS = {"staff_cost": 0.38, "consumable_cost": 0.13, "depreciation": 0.06, "management_cost": 0.08, "other_cost": 0.05}
"""Shares of the whole income that are spent, drugs apart."""

COUNTED = ("outpatients", "emergencies", "admissions", "discharges", "deaths", "operations", "discharged_bed_days")


def daily_operations(premises: Premises) -> Sheet:
    """Return the report of every day and institution."""
    activity, rows, days = premises.activity, premises.rows, premises.city.calendar.reported_days
    department, opened = open_beds(premises)
    owner = premises.city.institutions.departments.institution[department]
    here = premises.reporting[:, None] == owner
    open_days, occupied = here @ opened, here.astype(np.int64) @ activity.beds[department]
    place, day = (part.ravel() for part in np.indices((len(rows), len(days))))
    cents = {name: activity.measure(f"{name}_cents")[rows].ravel() for name in ("outpatient", "inpatient")}
    return sheet_of(
        "daily-operations",
        premises.reporting[place],
        Keys("RB", days[day].astype(np.int64), 6),
        days[day],
        counted=days[day],
        **{name: activity.measure(name)[rows].ravel() for name in COUNTED},
        open_bed_days=open_days[place],
        occupied_bed_days=occupied.ravel(),
        income=(cents["outpatient"] + cents["inpatient"]) / CENTS,
        outpatient_income=cents["outpatient"] / CENTS,
        inpatient_income=cents["inpatient"] / CENTS,
        drug_income=activity.measure("drug_cents")[rows].ravel() / CENTS,
        examination_income=activity.measure("examination_cents")[rows].ravel() / CENTS,
        operation_income=activity.measure("operation_cents")[rows].ravel() / CENTS,
    )


def monthly_finance(premises: Premises) -> Sheet:
    """Return the accounts of every month and institution."""
    calendar, kinds = premises.city.calendar, premises.kinds(premises.reporting)
    place, month = (part.ravel() for part in np.indices((len(kinds), len(calendar.reported_months))))
    medical = (_by_month(premises, "outpatient_cents") + _by_month(premises, "inpatient_cents")).ravel()
    drugs = _by_month(premises, "drug_cents").ravel()
    luck = 0.94 + 0.12 * steady_uniform(premises.reporting[place], month, 62)
    fiscal = _share(medical, np.array([SUBSIDIES.get(kind, SUBSIDY) for kind in kinds])[place])
    research = _share(medical, np.array([RESEARCH.get(kind, 0) for kind in kinds])[place])
    other = _share(medical, 0.015)
    income = medical + fiscal + research + other
    costs = {name: _share(income, share * luck) for name, share in COSTS.items()} | {"drug_cost": _share(drugs, 0.98)}
    expenditure = sum(costs.values())
    cents = {
        "income": income,
        "medical_income": medical,
        "fiscal_income": fiscal,
        "research_income": research,
        "other_income": other,
        "drug_income": drugs,
        "consumable_income": _share(medical, 0.08),
        "expenditure": expenditure,
        **costs,
        "balance": income - expenditure,
    }
    ends = (calendar.reported_months + 1).astype("datetime64[D]") - 1
    return sheet_of(
        "monthly-finance",
        premises.reporting[place],
        Keys("CB", calendar.reported_months[month].astype(np.int64), 5),
        calendar.month_ends[month],
        month_end=ends[month],
        **{name: amount / CENTS for name, amount in cents.items()},
    ).take(np.flatnonzero(ends[month] <= calendar.last))


def _by_month(premises: Premises, measure: str) -> np.ndarray:
    """Return one measure summed over the days of each month (institutions, months)."""
    calendar = premises.city.calendar
    first = np.searchsorted(calendar.reported_days, calendar.reported_months.astype("datetime64[D]"))
    return np.add.reduceat(premises.activity.measure(measure)[premises.rows], first, axis=1)


def _share(cents: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    return np.rint(cents * share).astype(np.int64)
