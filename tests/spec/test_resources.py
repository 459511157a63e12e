"""Drugs, beds, devices, people and accounts as those who supervise them read them: what a row must not say."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kangqiao.records.medical_record.models import Prescription
from kangqiao.records.queries import part_data_sets
from kangqiao.records.resources.models import (
    AdverseDrugReaction,
    BedCount,
    DailyOperations,
    Dispensing,
    DrugPurchase,
    DrugShortage,
    DrugStock,
    Equipment,
    FormularyItem,
    MonthlyFinance,
    StaffLicence,
)
from kangqiao.records.themes import Theme, members
from kangqiao.records.timeline import heads
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet, Record, data_sets


def day(number: int) -> dt.date:
    return dt.date(2026, 3, number)


def noon(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, number, 12, tzinfo=CITY_TIME)


def yuan(**amounts: float) -> dict[str, Decimal]:
    return {name: Decimal(str(amount)) for name, amount in amounts.items()}


def bought(amount: str, price: str, quantity: float) -> dict[str, Any]:
    return {"amount": Decimal(amount), "unit_price": Decimal(price), "quantity": quantity}


# data set, row, the words of the rules it breaks
BROKEN: list[tuple[type[DataSet], dict[str, Any], set[str]]] = [
    (FormularyItem, {"is_antibacterial": True, "antibacterial_class": "1", "ddd": 1.5}, set()),
    (FormularyItem, {"is_antibacterial": True, "antibacterial_class": "1"}, {"no-ddd"}),
    (FormularyItem, {"is_antibacterial": False, "antibacterial_class": "1"}, {"class-of-other-drug"}),
    (FormularyItem, {"listed": day(2), "delisted": day(1)}, {"not-before"}),
    (DrugPurchase, bought("68.00", "6.80", 10.0), set()),
    (DrugPurchase, bought("69.00", "6.80", 10.0), {"multiplies"}),
    (DrugPurchase, bought("0.33", "0.03", 10.0), set()),  # the price was rounded from 0.033
    (DrugPurchase, {"ordered": noon(2), "received": noon(1)}, {"not-before"}),
    (DrugPurchase, {"received": noon(2), "expires": day(1)}, {"expired"}),
    (DrugPurchase, {"received": noon(2), "expires": day(2)}, set()),
    (DrugStock, {"counted": day(2), "expires": day(1), "state": "1"}, {"expired"}),
    (DrugStock, {"counted": day(2), "expires": day(1), "state": "3"}, set()),
    (DrugStock, {"produced": day(2), "expires": day(1)}, {"not-before"}),
    (Dispensing, {"dispensed": noon(2), "expires": day(1)}, {"expired"}),
    (Dispensing, {"dispensed": noon(2), "expires": day(2)}, set()),
    (Dispensing, bought("-6.80", "6.80", -1.0), set()),
    (Dispensing, bought("6.80", "6.80", -1.0), {"multiplies"}),
    (DrugShortage, {"began": day(2), "reported": noon(1)}, {"not-before"}),
    (DrugShortage, {"state": "2", "resolved": day(3)}, {"resolved"}),
    (DrugShortage, {"state": "3", "resolved": day(3)}, set()),
    (AdverseDrugReaction, {"begun": day(2), "began": noon(1)}, {"not-before"}),
    (AdverseDrugReaction, {"classification": "1", "harm": ["5"]}, {"harmless"}),
    (AdverseDrugReaction, {"classification": "3", "harm": ["5"]}, set()),
    (AdverseDrugReaction, {"classification": "3", "began": noon(1), "reported": noon(16)}, set()),
    (AdverseDrugReaction, {"classification": "3", "began": noon(1), "reported": noon(17)}, {"late-15d"}),
    (AdverseDrugReaction, {"classification": "1", "began": noon(1), "reported": noon(17)}, set()),
    (
        AdverseDrugReaction,
        {"classification": "1", "began": noon(1), "reported": noon(31) + dt.timedelta(hours=1)},
        {"late-30d"},
    ),
    (BedCount, {"authorised": 40, "open": 40, "occupied": 40}, set()),
    (BedCount, {"authorised": 40, "open": 44, "occupied": 40}, {"not-less"}),
    (BedCount, {"open": 40, "occupied": 41}, {"no-extra"}),
    (BedCount, {"open": 40, "occupied": 41, "extra": 0}, {"no-extra"}),
    (BedCount, {"open": 40, "occupied": 41, "extra": 1}, set()),
    (BedCount, {"open": 4, "occupied": 1, "reserved": 5}, {"not-less"}),
    (Equipment, {"bought": day(2), "in_use": day(1)}, {"not-before"}),
    (Equipment, {"state": "1", "scrapped": day(2)}, {"scrapped"}),
    (Equipment, {"state": "4", "scrapped": day(2)}, set()),
    (StaffLicence, {"kind": "3", "prescribes": True}, {"prescribes"}),
    (StaffLicence, {"kind": "1", "prescribes": True}, set()),
    (StaffLicence, {"kind": "1", "prescribes": False, "prescribes_controlled": True}, {"controlled"}),
    (StaffLicence, {"other_places": "别的医院", "multi_site": False}, {"one-site"}),
    (StaffLicence, {"registered": day(2), "valid_until": day(1)}, {"not-before"}),
    (DailyOperations, yuan(income=100, outpatient_income=60, inpatient_income=40, drug_income=30), set()),
    (DailyOperations, yuan(income=110, outpatient_income=60, inpatient_income=40), {"adds-up"}),
    (DailyOperations, yuan(income=100), set()),
    (DailyOperations, yuan(income=100, drug_income=101), {"within"}),
    (DailyOperations, {"discharges": 1, "deaths": 2}, {"not-less"}),
    (DailyOperations, {"open_bed_days": 40, "occupied_bed_days": 41}, {"not-less"}),
    (DailyOperations, {"occupied_bed_days": 1}, {"no-open-beds"}),
    (MonthlyFinance, yuan(income=100, medical_income=70, fiscal_income=25, other_income=5), set()),
    (MonthlyFinance, yuan(income=100, medical_income=70, fiscal_income=25), {"adds-up"}),
    (MonthlyFinance, yuan(expenditure=90, staff_cost=40, drug_cost=30, other_cost=20), set()),
    (MonthlyFinance, yuan(expenditure=80, staff_cost=40, drug_cost=30, other_cost=20), {"adds-up"}),
    (MonthlyFinance, yuan(income=100, expenditure=110, balance=-10), set()),
    (MonthlyFinance, yuan(income=100, expenditure=110, balance=10), {"balance"}),
    (MonthlyFinance, yuan(income=100, expenditure=110), set()),
    (MonthlyFinance, yuan(assets=100, debts=110), {"not-less"}),
]

# data set, column, a row in which it must be present
REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (FormularyItem, "antibacterial_class", {"is_antibacterial": True}),
    (FormularyItem, "delisted", {"state": "2"}),
    (DrugPurchase, "lot", {"state": "3"}),
    (DrugPurchase, "received", {"state": "3"}),
    (DrugShortage, "substitute", {"has_substitute": True}),
    (DrugShortage, "measure", {"state": "3"}),
    (AdverseDrugReaction, "harm", {"classification": "4"}),
    (AdverseDrugReaction, "death_cause", {"outcome": "6"}),
    (AdverseDrugReaction, "sequelae", {"outcome": "5"}),
    (Equipment, "licence", {"large": "2"}),
    (Equipment, "scrapped", {"state": "4"}),
    (StaffLicence, "valid_until", {"kind": "3"}),
    (StaffLicence, "scope", {"kind": "1"}),
    (StaffLicence, "other_places", {"multi_site": True}),
]


@pytest.mark.parametrize(("data_set", "row", "words"), BROKEN)
def test_a_row_breaks_exactly_these_rules(data_set: type[DataSet], row: dict[str, Any], words: set[str]) -> None:
    assert {rule.word for rule in data_set.rules if rule.violated.holds(row)} == words


@pytest.mark.parametrize(("data_set", "column", "row"), REQUIRED_WHEN)
def test_a_field_is_required_when(data_set: type[DataSet], column: str, row: dict[str, Any]) -> None:
    required = data_set.element(column).required
    assert isinstance(required, Condition)
    assert required.holds(row)
    assert not required.holds({})


ABOUT_PATIENTS = {Dispensing, AdverseDrugReaction}


def test_only_what_was_dispensed_and_reactions_are_about_patients() -> None:
    resources = {each for each in data_sets().values() if each._meta.app_label == "resources"}
    named = {each for each in resources if "patient_number" in {field.name for field in each.wire()}}
    assert named == {each for each in resources if issubclass(each, Record)} == ABOUT_PATIENTS
    assert not (resources - ABOUT_PATIENTS) & set(heads().values())


def test_reactions_are_read_with_the_drugs_and_what_was_dispensed_inside_the_prescription() -> None:
    assert AdverseDrugReaction in members(Theme.MEDICATION)
    assert Dispensing not in heads().values()
    assert Dispensing in part_data_sets(Prescription)
