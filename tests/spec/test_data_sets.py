"""The first data sets as a data manager reads them: what a row must not say."""

import datetime as dt
import string
from decimal import Decimal
from typing import Any

import pytest

from kangqiao.records.health_record.models import (
    ArchiveCover,
    DiabetesFollowUp,
    HypertensionFollowUp,
    PhysicalExamination,
    Vaccination,
)
from kangqiao.records.medical_record.models import (
    Charge,
    ExamReport,
    InpatientStay,
    LabReport,
    LabResult,
    MedicalOrder,
    Operation,
    OutpatientEncounter,
    Prescription,
    VitalSigns,
)
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards.checks import ABOUT_TEXT
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet, Record, data_sets
from kangqiao.standards.fields import Count, Money, Quantity
from kangqiao.standards.limits import diagnosis_limits
from kangqiao.standards.panels import Curve

FIRST_TWENTY = {
    "patient-registration": "患者基本信息",
    "outpatient-encounter": "门急诊就诊",
    "diagnosis": "诊断",
    "prescription": "处方",
    "prescription-item": "处方明细",
    "inpatient-stay": "住院",
    "medical-order": "医嘱",
    "operation": "手术",
    "lab-report": "检验报告",
    "lab-result": "检验结果",
    "exam-report": "检查报告",
    "vital-signs": "体征",
    "allergy": "过敏",
    "charge": "费用",
    "charge-item": "费用明细",
    "archive-cover": "个人基本信息",
    "physical-examination": "健康体检",
    "hypertension-follow-up": "高血压随访",
    "diabetes-follow-up": "2型糖尿病随访",
    "vaccination": "预防接种",
}


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, number, 9, tzinfo=CITY_TIME)


# data set, a row, the words of the rules it breaks
BROKEN: list[tuple[type[DataSet], dict[str, Any], set[str]]] = [
    (PatientRegistration, {"birth_date": dt.date(1980, 1, 1)}, {"no-document"}),
    (
        PatientRegistration,
        {"document_number": "x", "birth_date": dt.date(1980, 1, 1)},
        {"together"},
    ),
    (
        PatientRegistration,
        {"document_type": "01", "document_number": "x", "mother_document": "y", "registered_at": day(4)},
        {"together"},
    ),
    (
        PatientRegistration,
        {
            "document_type": "01",
            "document_number": "x",
            "birth_date": dt.date(2026, 3, 5),
            "registered_at": day(4),
        },
        {"not-before"},
    ),
    *[
        (
            PatientRegistration,
            {
                "document_type": "01",
                "document_number": "x",
                "document_valid_until": dt.date(2026, 3, last),
                "registered_at": day(4),
            },
            broken,
        )
        for last, broken in ((3, {"expired"}), (4, set()))
    ],
    (OutpatientEncounter, {"department": "内科", "visited": day(2), "ended": day(1)}, {"not-before"}),
    (OutpatientEncounter, {"department": "内科", "visited": day(1), "ended": day(1)}, set()),
    (InpatientStay, {"admitted": day(5), "discharged": day(4), "leaving": "1"}, {"not-before"}),
    (InpatientStay, {"admitted": day(1), "discharged": day(4)}, {"leaving-missing"}),
    (InpatientStay, {"admitted": day(1), "leaving": "1"}, {"left-without-date"}),
    (
        InpatientStay,
        {"admitted": day(1), "discharged": day(4), "leaving": "5", "outcome": "1"},
        {"death-contradicted"},
    ),
    (InpatientStay, {"admitted": day(1)}, set()),
    (
        InpatientStay,
        {"admitted": day(1), "total_cost": Decimal("10"), "self_paid": Decimal("10.01")},
        {"not-less"},
    ),
    (Prescription, {"doctor": "甲", "prescribed": day(2), "dispensed": day(1)}, {"not-before"}),
    (MedicalOrder, {"kind": "01", "ordered": day(1)}, {"dose-missing"}),
    (MedicalOrder, {"kind": "02", "ordered": day(2), "stopped": day(1)}, {"not-before"}),
    (Operation, {"surgeon": "甲", "transfusion_reaction": True}, {"reaction-without-blood"}),
    (Operation, {"surgeon": "甲", "transfusion_reaction": False}, set()),
    (LabReport, {"subject": "血常规", "sampled": day(3), "reported": day(2)}, {"not-before"}),
    (LabResult, {"low": 5.0, "high": 4.0, "reported": day(2)}, {"not-less"}),
    (LabResult, {"low": 4.0, "high": 4.0, "reported": day(2)}, set()),
    (ExamReport, {"reported": day(2)}, {"no-result"}),
    (VitalSigns, {"systolic": 80.0, "diastolic": 120.0}, {"not-less"}),
    (Charge, {"total": Decimal("1"), "self_paid": Decimal("2")}, {"not-less"}),
    (ArchiveCover, {"status": "2", "doctor": "甲"}, {"closed-without-date"}),
    (
        PhysicalExamination,
        {"right_systolic": 90.0, "right_diastolic": 95.0, "fasting_glucose": 5.0},
        {"not-less"},
    ),
    (PhysicalExamination, {"fasting_glucose": 5.0}, {"no-pressure"}),
    (HypertensionFollowUp, {"systolic": 162.0, "evaluation": "1", "next_due": day(9)}, {"not-controlled"}),
    (HypertensionFollowUp, {"systolic": 138.0, "evaluation": "1", "next_due": day(9)}, set()),
    (HypertensionFollowUp, {"systolic": 185.0, "evaluation": "2", "next_due": day(9)}, {"urgent-referral"}),
    (
        HypertensionFollowUp,
        {"systolic": 185.0, "evaluation": "2", "referral_reason": "血压过高", "next_due": day(9)},
        set(),
    ),
    (DiabetesFollowUp, {"fasting_glucose": 8.1, "evaluation": "1", "next_due": day(9)}, {"not-controlled"}),
    (DiabetesFollowUp, {"fasting_glucose": 17.0, "evaluation": "2", "next_due": day(9)}, {"urgent-referral"}),
    (Vaccination, {"lot": "A1", "vaccinated": day(2), "expires": dt.date(2026, 3, 1)}, {"not-before"}),
    (Vaccination, {"lot": "A1", "vaccinated": day(2), "expires": dt.date(2026, 3, 2)}, set()),
]

# data set, column, a row in which it must be present
REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (PatientRegistration, "document_number", {"document_type": "01"}),
    (OutpatientEncounter, "allergy_history", {"has_allergy": True}),
    (InpatientStay, "receiver", {"leaving": "2"}),
    (InpatientStay, "readmission_purpose", {"readmission_planned": True}),
    (Prescription, "herbal_doses", {"kind": "3"}),
    (LabResult, "finding", {}),
    (LabReport, "encounter_kind", {"encounter": "E1"}),
    (PhysicalExamination, "ecg_finding", {"ecg": "2"}),
    (PhysicalExamination, "abnormalities", {"evaluation": "2"}),
    (HypertensionFollowUp, "systolic", {"manner": "1"}),
    (HypertensionFollowUp, "referral_place", {"referral_reason": "血压过高"}),
    (DiabetesFollowUp, "fasting_glucose", {"manner": "2"}),
]

NOT_REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (OutpatientEncounter, "allergy_history", {"has_allergy": False}),
    (InpatientStay, "receiver", {"leaving": "1"}),
    (Prescription, "herbal_doses", {"kind": "1"}),
    (LabResult, "finding", {"quantity": 5.0}),
    (LabResult, "finding", {"text": "阴性"}),
    (LabReport, "encounter_kind", {}),
    (HypertensionFollowUp, "systolic", {"manner": "3"}),
]


def test_the_first_twenty_data_sets_exist_under_their_words() -> None:
    titles = {word: data_set.title for word, data_set in data_sets().items()}
    assert {word: titles.get(word) for word in FIRST_TWENTY} == FIRST_TWENTY


@pytest.mark.parametrize(("data_set", "row", "words"), BROKEN)
def test_a_row_breaks_exactly_these_rules(data_set: type[DataSet], row: dict[str, Any], words: set[str]) -> None:
    assert {rule.word for rule in data_set.rules if rule.violated.holds(row)} == words


@pytest.mark.parametrize(("data_set", "column", "row"), REQUIRED_WHEN)
def test_a_field_is_required_when(data_set: type[DataSet], column: str, row: dict[str, Any]) -> None:
    required = data_set.element(column).required
    assert isinstance(required, Condition)
    assert required.holds(row)


@pytest.mark.parametrize(("data_set", "column", "row"), NOT_REQUIRED_WHEN)
def test_a_field_is_not_required_when(data_set: type[DataSet], column: str, row: dict[str, Any]) -> None:
    required = data_set.element(column).required
    assert isinstance(required, Condition)
    assert not required.holds(row)


def test_rules_of_one_field_have_different_words() -> None:
    for data_set in data_sets().values():
        keys = [(rule.field.name, rule.word) for rule in data_set.rules]
        assert len(keys) == len(set(keys)), data_set


def test_rules_have_words_of_their_own() -> None:
    assert [rule for each in data_sets().values() for rule in each.rules if rule.word in ABOUT_TEXT] == []


def test_headlines_name_stored_columns_only() -> None:
    for data_set in data_sets().values():
        columns = {name for _, name, _, _ in string.Formatter().parse(data_set.headline) if name}
        assert columns, data_set
        assert columns <= {field.name for field in data_set.elements()}, data_set


def test_what_a_panel_shows_are_fields_of_the_data_set() -> None:
    for data_set in (each for each in data_sets().values() if issubclass(each, Record)):
        panel = data_set.panel
        shown = [*panel.values, panel.over] if isinstance(panel, Curve) else panel.columns
        assert all(field in data_set.elements() for field in shown), data_set


def test_every_data_set_says_when_it_happened_by_a_required_field() -> None:
    for data_set in data_sets().values():
        assert data_set.occurred.field.required is True, data_set


def test_every_fixed_unit_that_a_title_prints_is_the_unit_of_the_field() -> None:
    for data_set in data_sets().values():
        for field in data_set.elements():
            if isinstance(field, Quantity | Count) and field.unit and field.title.endswith("）"):
                printed = field.title.rpartition("（")[2].removesuffix("）")
                assert printed.lower().replace("×10⁹", "10^9") == field.unit.lower(), (data_set, field.name)


def test_no_element_has_the_name_that_copies_give_the_day_a_row_is_about() -> None:
    assert [each for each in data_sets().values() if "day" in {field.name for field in each.elements()}] == []


def test_plausible_ranges_are_ordered() -> None:
    for data_set in data_sets().values():
        for field in data_set.elements():
            if isinstance(field, Quantity | Count | Money) and field.plausible:
                assert field.plausible[0] < field.plausible[1], (data_set, field.name)


def test_no_clinical_row_repeats_name_sex_or_birth_date() -> None:
    for word, data_set in data_sets().items():
        if word != "patient-registration":
            assert {"name", "sex", "birth_date", "document_number"}.isdisjoint(f.name for f in data_set.elements())


def test_a_category_of_diagnoses_has_one_limit() -> None:
    categories = [category for limit in diagnosis_limits() for category in limit.categories]
    assert len(categories) == len(set(categories))
    assert {"C51", "C58", "O00", "O99", "N40", "P96"} <= set(categories)
