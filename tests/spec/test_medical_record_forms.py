"""The papers of a hospital as its record room reads them: what a row must not say."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kangqiao.records.medical_record.models import (
    ClinicalDocument,
    CriticalValue,
    CultureResult,
    FrontPage,
    FrontPageDiagnosis,
    Referral,
    Susceptibility,
)
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, 4, hour, minute, tzinfo=CITY_TIME)


def yuan(**amounts: int) -> dict[str, Any]:
    return {name: Decimal(amount) for name, amount in amounts.items()}


ANSWERED = {"received": at(9, 10), "handled": at(9, 30)}

# data set, row, the words of the rules it breaks
BROKEN: list[tuple[type[DataSet], dict[str, Any], set[str]]] = [
    (FrontPage, {"admitted": at(9), "discharged": at(8)}, {"not-before"}),
    (FrontPage, yuan(total_cost=900, western_drugs=500, nursing=400), set()),
    (FrontPage, yuan(total_cost=900, western_drugs=500, nursing=300), {"adds-up"}),
    (FrontPage, yuan(total_cost=900, surgical=900, operation=600, anaesthesia=300), set()),
    (FrontPage, yuan(total_cost=900, self_paid=901), {"not-less"}),
    (FrontPage, yuan(total_cost=500, western_drugs=500, antibacterials=501), {"not-less"}),
    (FrontPage, {"leaving": "5"}, {"autopsy"}),
    (FrontPage, {"leaving": "5", "autopsy": False}, set()),
    (FrontPage, {"leaving": "1", "autopsy": True}, {"alive"}),
    (FrontPage, {"newborn_weight": 3100.0}, {"newborn"}),
    (FrontPageDiagnosis, {"disease": "I10", "main": True, "sequence": 1}, set()),
    (FrontPageDiagnosis, {"disease": "I10", "main": True, "sequence": 2}, {"main-first"}),
    (FrontPageDiagnosis, {"main": False, "sequence": 2}, {"nothing-diagnosed"}),
    (FrontPageDiagnosis, {"tcm_disease": "A07.01.01", "sequence": 1}, set()),
    (ClinicalDocument, {"written": at(9), "signed": at(8)}, {"not-before"}),
    (CriticalValue, {"found": at(8), "reported": at(9), **ANSWERED}, set()),
    (CriticalValue, {"found": at(7, 59), "reported": at(9), **ANSWERED}, {"late"}),
    (CriticalValue, {"found": at(9), "reported": at(9), "received": at(9, 10)}, {"not-handled"}),
    (CriticalValue, {"found": at(9), "reported": at(9)}, {"not-received", "not-handled"}),
    (CriticalValue, {"found": at(9), "reported": at(9, 20), **ANSWERED}, {"not-before"}),
    (CultureResult, {"inoculated": at(9), "reported": at(8)}, {"not-before"}),
    (Susceptibility, {"method": "1", "mic": 0.25}, set()),
    (Susceptibility, {"method": "1", "zone": 21.0}, {"no-measure"}),
    (Susceptibility, {"method": "2", "zone": 21.0}, set()),
    (Susceptibility, {"method": "2", "mic": 0.25}, {"no-measure"}),
    (Referral, {"applied": at(9), "answered": at(11), "state": "2"}, set()),
    (Referral, {"applied": at(9), "answered": at(11, 1), "state": "2"}, {"answered-late"}),
    (Referral, {"applied": at(9), "state": "1"}, set()),
    (Referral, {"applied": at(9), "state": "3"}, {"not-answered"}),
    (Referral, {"applied": at(9), "arrived": at(8), "state": "1"}, {"not-before"}),
]

# data set, column, a row in which it must be present
REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (FrontPage, "treatment_kind", {"kind": "2"}),
    (FrontPage, "receiver", {"leaving": "2"}),
    (FrontPage, "readmission_purpose", {"readmission_planned": True}),
    (FrontPage, "drug_allergies", {"has_drug_allergy": True}),
    (FrontPage, "encounter_kind", {"encounter": "J1"}),
    (ClinicalDocument, "replaces", {"status": "3"}),
    (CultureResult, "organism", {"result": "1"}),
    (Referral, "refusal", {"state": "3"}),
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
