"""Households, births, family planning and the facts of other bureaus: what a row must not say."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from kangqiao.records.population.models import (
    Birth,
    ChildbearingRegistration,
    ContraceptionService,
    Cremation,
    Death,
    DrugLicence,
    Household,
    HouseholdMember,
    HukouRegistration,
    InstitutionLicence,
    InsuredPerson,
    LowIncomeSupport,
    MarriageRegistration,
    Migration,
    MonitoredHousehold,
    PreconceptionExamination,
    SocialSecurityCard,
    SpecialSupport,
)
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet


def moment(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, number, 9, tzinfo=CITY_TIME)


def date(number: int) -> dt.date:
    return dt.date(2026, 3, number)


# data set, row, the words of the rules it breaks
BROKEN: list[tuple[type[DataSet], dict[str, Any], set[str]]] = [
    (Household, {"members": 4, "state": "1"}, set()),
    (Household, {"state": "1"}, {"no-members"}),
    (Household, {"members": 0, "state": "1", "cancelled": date(2)}, {"cancelled"}),
    (Household, {"members": 0, "state": "2", "formed": date(3), "cancelled": date(2)}, {"not-before"}),
    (HouseholdMember, {"state": "2", "joined": date(1), "left": date(2)}, set()),
    (HouseholdMember, {"state": "1", "left": date(2)}, {"left"}),
    (HukouRegistration, {"household": "H1", "state": "1", "cancelled": date(2)}, {"cancelled"}),
    (HukouRegistration, {"household": "H1", "registered": date(2), "changed": moment(1)}, {"not-before"}),
    (HukouRegistration, {"state": "1"}, {"no-household"}),
    (Birth, {"certificate": "U1", "born": moment(2), "registered": date(1)}, {"not-before"}),
    (Birth, {"certificate": "U1", "hukou_registered": date(2)}, {"together"}),
    (Birth, {"certificate": "U1", "hukou_registered": date(2), "hukou_done": True}, set()),
    (Birth, {}, {"no-certificate"}),
    (Death, {"certificate": "1", "state": "1", "cancelled": date(2)}, {"cancelled"}),
    (Death, {"certificate": "1", "state": "2", "died": moment(3), "cancelled": date(2)}, {"not-before"}),
    (Migration, {"kind": "3", "permit": "J1"}, set()),
    (Migration, {"kind": "4", "permit": "J1"}, {"permit-of-migrants"}),
    (Migration, {"kind": "4", "moved": moment(2), "returned": date(1)}, {"not-before"}),
    (ChildbearingRegistration, {"children": 1, "child_order": 2}, set()),
    (ChildbearingRegistration, {"children": 1, "child_order": 1}, {"child-order"}),
    (ChildbearingRegistration, {"spouse_document": "1"}, {"together"}),
    (PreconceptionExamination, {"risk": "1", "systolic": 141.0, "diastolic": 80.0}, {"pressure"}),
    (PreconceptionExamination, {"risk": "2", "systolic": 141.0, "diastolic": 80.0, "risk_factors": ["3"]}, set()),
    (PreconceptionExamination, {"risk": "1", "hepatitis_b": "2"}, {"infection"}),
    (PreconceptionExamination, {"risk": "1", "hepatitis_b": "1", "syphilis": "1"}, set()),
    (PreconceptionExamination, {"risk": "1", "risk_factors": ["9"]}, {"factors"}),
    (ContraceptionService, {"service": "06", "method": "03"}, {"sterilised"}),
    (ContraceptionService, {"service": "06", "method": "06"}, set()),
    (ContraceptionService, {"service": "02", "complication": "2"}, {"no-follow-up"}),
    (ContraceptionService, {"service": "02", "complication": "1"}, set()),
    (SpecialSupport, {"kind": "2", "disability_grade": "3", "state": "1"}, set()),
    (SpecialSupport, {"kind": "2", "disability_grade": "4", "state": "1"}, {"disability"}),
    (SpecialSupport, {"kind": "1", "until": date(2), "state": "1"}, {"stopped"}),
    (SpecialSupport, {"kind": "1", "child_died": date(3), "since": moment(2)}, {"not-before"}),
    (MarriageRegistration, {"kind": "1", "former_state": "40"}, set()),
    (MarriageRegistration, {"kind": "1", "former_state": "21"}, {"still-married"}),
    (MarriageRegistration, {"kind": "2", "former_state": "21"}, set()),
    (MarriageRegistration, {"registered": moment(2), "spouse_born": date(3)}, {"spouse-born"}),
    (LowIncomeSupport, {"household_size": 3, "supported_members": 4}, {"not-less"}),
    (LowIncomeSupport, {"state": "1", "until": date(2)}, {"stopped"}),
    (LowIncomeSupport, {"state": "3", "until": date(2)}, set()),
    (Cremation, {"death_certificate": "1", "died": date(3), "cremated": moment(2)}, {"not-before"}),
    (Cremation, {"died": date(3), "cremated": moment(3)}, {"no-certificate"}),
    (InsuredPerson, {"scheme": "02", "kind": "3", "state": "1"}, set()),
    (InsuredPerson, {"scheme": "02", "kind": "2", "state": "1"}, {"kind"}),
    (InsuredPerson, {"own_payment": Decimal(400), "subsidy": Decimal(670), "total": Decimal(1070)}, set()),
    (InsuredPerson, {"own_payment": Decimal(400), "subsidy": Decimal(670), "total": Decimal(1000)}, {"adds-up"}),
    (InsuredPerson, {"state": "1", "ended": date(2)}, {"ended"}),
    (SocialSecurityCard, {"issued": moment(2), "expires": date(1)}, {"not-before"}),
    (MonitoredHousehold, {"state": "1", "measures": "公益性岗位"}, set()),
    (MonitoredHousehold, {"state": "1"}, {"no-measures"}),
    (MonitoredHousehold, {"state": "1", "measures": "公益性岗位", "cleared": date(2)}, {"cleared"}),
    (InstitutionLicence, {"credit_code": "1", "state": "1", "ended": date(2)}, {"ended"}),
    (InstitutionLicence, {"state": "1"}, {"no-credit-code"}),
    (DrugLicence, {"quality_manager": "李敏", "issued": date(3), "expires": date(2)}, {"not-before"}),
    (DrugLicence, {"state": "4", "ended": date(2)}, {"no-quality-manager"}),
]

# data set, column, a row in which it must be present
REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (Household, "head_name", {"kind": "1"}),
    (Household, "cancelled", {"state": "2"}),
    (HouseholdMember, "reason", {"state": "2"}),
    (HukouRegistration, "end_reason", {"state": "2"}),
    (Birth, "mother_document", {"mother_document_type": "01"}),
    (Death, "cancelled", {"state": "2"}),
    (Migration, "from_division", {"kind": "3"}),
    (Migration, "to_division", {"kind": "4"}),
    (Migration, "reason_note", {"reason": "99"}),
    (ChildbearingRegistration, "cancelled", {"state": "2"}),
    (PreconceptionExamination, "risk_factors", {"risk": "2"}),
    (ContraceptionService, "amount", {"service": "01"}),
    (ContraceptionService, "consent", {"service": "02"}),
    (ContraceptionService, "removal_reason", {"service": "05"}),
    (ContraceptionService, "follow_up_result", {"follow_up": date(2)}),
    (SpecialSupport, "child_died", {"kind": "1"}),
    (SpecialSupport, "complication_grade", {"kind": "3"}),
    (LowIncomeSupport, "stop_reason", {"state": "3"}),
    (InsuredPerson, "employer", {"kind": "1"}),
    (InsuredPerson, "ended", {"state": "3"}),
    (SocialSecurityCard, "changed", {"state": "2"}),
    (MonitoredHousehold, "cleared", {"state": "2"}),
    (InstitutionLicence, "institution", {"kind": "2"}),
    (DrugLicence, "warehouse", {"manner": "1"}),
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
