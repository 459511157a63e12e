"""处方 and 处方明细: which drugs doctors prescribe to outpatients, how much of them and how they are taken."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.charges import Lines, item_rows
from kangqiao.simulation.draws import Lists, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys
from kangqiao.simulation.sheets import Keys, Pick, Sheet
from kangqiao.simulation.visits import INPATIENT

PHARMACY_SHARE = 0.80
"""Share of visits in which drugs are prescribed at all."""

INJECTED = ("401", "402", "403", "404")


@dataclass(frozen=True)
class Treatment:
    """Drugs given at visits: position of the visit, row of facts("drugs"), ordered by visit."""

    visit: np.ndarray
    drug: np.ndarray


@functools.cache
def _treatments(setting: str) -> tuple[Lists, np.ndarray, np.ndarray]:
    """Return (rows of treatments.csv per disease, their drugs, probabilities) for outpatients ("O") or inpatients."""
    table = facts("treatments")
    disease = facts("diseases").rows("key", table["disease"])
    drug = facts("drugs").rows("key", table["drug"])
    chance = np.where(table["setting"] == setting, table.numbers("probability"), 0)
    return Lists.of(disease, len(facts("diseases"))), drug, chance


def usual_choice(number: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Return the lot that decides whether a person (number in the city) usually takes a treatment (row)."""
    return steady_uniform(number, row, 21)


def treat(life: Life, visit: np.ndarray, setting: str) -> Treatment:
    """Decide which drugs people get at visits; who has a lasting illness keeps to the same drugs."""
    lists, drug, chance = _treatments(setting)
    owner, entry = lists.expand(life.visits.disease[visit])
    who = life.people.number[life.visits.person[visit]][owner]
    lasting = facts("diseases")["kind"][life.visits.disease[visit]] == "chronic"
    lot = np.where(lasting[owner], usual_choice(who, entry), life.random.random(len(owner)))
    given = lot < chance[entry]
    return Treatment(visit[owner[given]], drug[entry[given]])


def prescriptions(life: Life) -> tuple[list[Sheet], Lines]:
    """Return the prescriptions of outpatients with their items, and what they cost."""
    visits, random = life.visits, life.random
    outpatient = np.flatnonzero((visits.kind != INPATIENT) & (random.random(len(visits)) < PHARMACY_SHARE))
    treatment = treat(life, outpatient, "O")
    table = facts("drugs")
    visit, drug = treatment.visit, treatment.drug
    days = np.maximum(1, np.round(table.numbers("days")[drug] * random.choice([0.7, 1.0, 1.0, 1.0, 1.5], len(drug))))
    days = np.minimum(days, 60)
    packs = np.maximum(1, np.ceil(days / table.numbers("pack_days")[drug]))
    price = table.numbers("price")[drug]
    amount = np.round(price * packs, 2)
    sheet, first = np.unique(visit, return_index=True)
    rank = np.arange(len(visit)) - np.repeat(first, np.diff(np.r_[first, len(visit)]))
    at = visits.at + 1200
    keys = part_keys("CF", encounter_keys(visits.serial), np.zeros(len(visits), np.int64))
    pharmacist = life.staff(life.colleague(visits.institution[sheet], "3000", 1))
    herbal = table["kind"][drug[first]] == "02"
    sheets = life.of_visits(
        "prescription",
        sheet,
        Keys("CF", keys.numbers[sheet], 12),
        visits.at[sheet] + 3 * HOUR,
        number=Keys("", keys.numbers[sheet], 12),
        kind=codes(herbal.astype(np.int32), "1", "2"),
        prescribed=at[sheet],
        valid_days=np.full(len(sheet), 3),
        department=life.department_names(visits.department[sheet]),
        diagnosis=facts_column("diseases", "name", visits.disease[sheet]),
        doctor_number=Pick(visits.doctor[sheet], life.institutions.staff.codes).compact(),
        doctor=life.staff(visits.doctor[sheet]),
        reviewer=pharmacist,
        dispenser=pharmacist,
        dispensed=at[sheet] + 900,
        amount=np.round(np.bincount(visit, amount, len(visits))[sheet], 2),
    )
    parents = Keys("CF", keys.numbers[visit], 12)
    often = facts("frequencies").rows("key", table["frequency"])
    dose = table.numbers("dose")[drug]
    items = life.about_visits(
        "prescription-item",
        visit,
        part_keys("CM", parents, rank),
        visits.at[visit] + 3 * HOUR,
        {
            "prescription": parents,
            "prescribed": at[visit],
            "drug": facts_column("drugs", "code", drug),
            "drug_name": facts_column("drugs", "name", drug),
            "specification": facts_column("drugs", "specification", drug),
            "form": facts_column("drugs", "form", drug),
            "dose": dose,
            "dose_unit": facts_column("drugs", "dose_unit", drug),
            "frequency": facts_column("frequencies", "code", often[drug]),
            "route": facts_column("drugs", "route", drug),
            "usage": facts_column("frequencies", "usage", often[drug]),
            "days": days,
            "total_dose": np.round(
                dose * np.maximum(1, facts("frequencies").numbers("per_day")[often[drug]] * days), 2
            ),
            "total_dose_unit": facts_column("drugs", "dose_unit", drug),
            "quantity": packs,
            "quantity_unit": facts_column("drugs", "unit", drug),
            "unit_price": price,
            "amount": amount,
            "is_essential": (table["essential"] == "1")[drug],
            "is_antibacterial": (table["antibiotic"] == "1")[drug],
            "is_injection": np.isin(table["route"], INJECTED)[drug],
        },
    )
    return [sheets, items], Lines(visit, item_rows("drugs", drug), packs)
