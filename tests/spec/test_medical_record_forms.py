"""The papers of a hospital as its record room reads them: what a row must not say."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kangqiao.records.medical_record.models import (
    Anaesthesia,
    CaseGroup,
    ClinicalDocument,
    CriticalValue,
    CultureResult,
    FrontPage,
    FrontPageDiagnosis,
    NursingAssessment,
    NursingRecord,
    PathologyReport,
    Referral,
    SettlementDiagnosis,
    SettlementFee,
    SettlementList,
    SettlementOperation,
    Susceptibility,
    Transfusion,
)
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet


def at(hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 3, 4, hour, minute, tzinfo=CITY_TIME)


def yuan(**amounts: int) -> dict[str, Any]:
    return {name: Decimal(amount) for name, amount in amounts.items()}


def barthel(*scores: int, total: int, level: str) -> dict[str, Any]:
    parts = ("feeding", "bathing", "grooming", "dressing", "bowels", "bladder", "toileting", "transfer", "walking")
    return dict(zip((*parts, "stairs"), scores, strict=True)) | {"barthel": total, "dependence": level}


def bag(**told: Any) -> dict[str, Any]:
    return {"abo": "1", "rh": "2", "begun": at(9), "ended": at(11)} | told


INDEPENDENT = (10, 5, 5, 10, 10, 10, 10, 15, 15, 10)
HELPED = (10, 0, 5, 5, 10, 5, 5, 10, 5, 5)
TUMOUR = {"nature": "3", "microscopic": "异型腺体", "morphology": "M8140/3", "reviewer": "李明"}
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
    (FrontPageDiagnosis, {"disease_name": "高血压", "main": True, "sequence": 1}, set()),
    (FrontPageDiagnosis, {"disease_name": "高血压", "main": True, "sequence": 2}, {"main-first"}),
    (FrontPageDiagnosis, {"main": False, "sequence": 2}, {"nothing-diagnosed"}),
    (FrontPageDiagnosis, {"tcm_disease_name": "眩晕病", "sequence": 1}, set()),
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
    (Anaesthesia, {"method": "11", "airway": "经口气管插管"}, set()),
    (Anaesthesia, {"method": "11"}, {"no-airway"}),
    (Anaesthesia, {"method": "21"}, set()),
    (Anaesthesia, {"begun": at(9), "operation_begun": at(8, 59)}, {"not-before"}),
    (Anaesthesia, {"operation_ended": at(10), "left_room": at(9), "ended": at(10)}, {"not-before"}),
    (Anaesthesia, {"left_room": at(11)}, {"no-end"}),
    (Transfusion, bag(requested_abo="1", requested_rh="2"), set()),
    (Transfusion, bag(requested_abo="3"), {"other-blood-group"}),
    (Transfusion, bag(requested_rh="1"), {"other-blood-group"}),
    (Transfusion, bag(ended=at(13)), set()),
    (Transfusion, bag(ended=at(13, 1)), {"too-slow"}),
    (Transfusion, bag(crossmatch="2"), {"incompatible"}),
    (Transfusion, bag(nurse="王芳", checker="李明"), set()),
    (Transfusion, bag(nurse="王芳", checker="王芳"), {"unchecked"}),
    (Transfusion, bag(nurse="王芳"), {"unchecked"}),
    (PathologyReport, {"nature": "1", "microscopic": "平滑肌束"}, set()),
    (PathologyReport, {"nature": "1"}, {"nothing-seen"}),
    (PathologyReport, {"rejected": "标本自溶"}, set()),
    (PathologyReport, TUMOUR | {"nodes_examined": 12, "nodes_positive": 12}, set()),
    (PathologyReport, TUMOUR | {"nodes_examined": 12, "nodes_positive": 13}, {"not-less"}),
    (PathologyReport, {"nature": "3", "microscopic": "异型腺体"}, {"no-differentiation", "not-reviewed"}),
    (PathologyReport, {"microscopic": "炎细胞", "received": at(9), "reported": at(8)}, {"not-before"}),
    (NursingAssessment, barthel(*INDEPENDENT, total=100, level="1"), set()),
    (NursingAssessment, barthel(*INDEPENDENT, total=95, level="2"), {"adds-up"}),
    (NursingAssessment, barthel(*HELPED, total=60, level="3"), set()),
    (NursingAssessment, barthel(*HELPED, total=60, level="2"), {"dependence"}),
    (NursingAssessment, {"barthel": 65, "dependence": "2"}, set()),
    (NursingAssessment, {"barthel": 40, "dependence": "4"}, set()),
    (NursingAssessment, {"barthel": 45, "dependence": "4"}, {"dependence"}),
    (NursingAssessment, {"braden": 19, "pressure_risk": "1"}, set()),
    (NursingAssessment, {"braden": 18, "pressure_risk": "1"}, {"pressure-risk"}),
    (NursingAssessment, {"braden": 12, "pressure_risk": "4", "measures": "翻身"}, set()),
    (NursingAssessment, {"braden": 12, "pressure_risk": "4"}, {"no-measures"}),
    (NursingAssessment, {"braden": 9, "pressure_risk": "4", "measures": "翻身"}, {"pressure-risk"}),
    (NursingAssessment, {"morse": 24, "fall_risk": "1"}, set()),
    (NursingAssessment, {"morse": 25, "fall_risk": "1"}, {"fall-risk"}),
    (NursingAssessment, {"morse": 45, "fall_risk": "2"}, {"fall-risk"}),
    (NursingAssessment, {"morse": 45, "fall_risk": "3", "measures": "加床栏"}, set()),
    (NursingRecord, {"grave": True, "care_level": "2", "observation": "安静"}, set()),
    (NursingRecord, {"grave": True, "care_level": "3", "observation": "安静"}, {"too-little-care"}),
    (NursingRecord, {"care_level": "3"}, {"nothing-seen"}),
    (NursingRecord, {"systolic": 80.0, "diastolic": 90.0}, {"not-less"}),
    (SettlementList, yuan(total=900, fund=500, assistance=100, patient_paid=300), set()),
    (SettlementList, yuan(total=900, fund=500, patient_paid=300), {"adds-up"}),
    (SettlementList, yuan(total=300, patient_paid=300, account=100, cash=200), set()),
    (SettlementList, yuan(total=300, patient_paid=300, account=100, cash=100), {"adds-up"}),
    (SettlementList, yuan(total=300, patient_paid=300, outside_insurance=301), {"not-less"}),
    (SettlementList, {"days": 5, "first_care_days": 2, "second_care_days": 5}, set()),
    (SettlementList, {"days": 5, "third_care_days": 6}, {"care-days"}),
    (SettlementList, {"admitted": at(9), "discharged": at(8)}, {"not-before"}),
    (SettlementFee, yuan(amount=100, class_a=60, class_b=40), set()),
    (SettlementFee, yuan(amount=100, class_a=60, class_b=30), {"adds-up"}),
    (SettlementDiagnosis, {"main": True, "sequence": 2}, {"main-first"}),
    (SettlementOperation, {"main": True, "sequence": 1, "begun": at(9), "ended": at(8)}, {"not-before"}),
    (SettlementOperation, {"main": False, "sequence": 2}, set()),
    (CaseGroup, {"state": "1", **yuan(standard_cost=5000, actual_cost=5600, difference=-600)}, set()),
    (CaseGroup, {"state": "1", **yuan(standard_cost=5000, actual_cost=5600, difference=600)}, {"adds-up"}),
    (CaseGroup, {"state": "2", "ratio": 2.4}, set()),
    (CaseGroup, {"state": "2", "ratio": 0.4}, {"not-high"}),
    (CaseGroup, {"state": "3", "ratio": 1.0}, {"not-low"}),
    (CaseGroup, {"state": "4", "group_code": "K35.8：47.01"}, {"not-grouped"}),
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
    (Anaesthesia, "complications", {"complicated": True}),
    (Transfusion, "reaction_kind", {"reaction": True}),
    (PathologyReport, "diagnosis_name", {"nature": "3"}),
    (PathologyReport, "frozen_diagnosis", {"kind": "3"}),
    (NursingAssessment, "dependence", {"barthel": 60}),
    (NursingAssessment, "pressure_risk", {"braden": 12}),
    (NursingAssessment, "fall_risk", {"morse": 45}),
    (NursingRecord, "consciousness", {"grave": True}),
    (SettlementList, "receiver", {"leaving": "3"}),
    (SettlementDiagnosis, "tcm_disease_name", {"tcm_role": "1"}),
    (CaseGroup, "group_code", {"state": "1"}),
    (CaseGroup, "weight", {"scheme": "1", "state": "2"}),
    (CaseGroup, "score", {"scheme": "2", "state": "1"}),
    (CaseGroup, "ungrouped_reason", {"state": "4"}),
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
