"""The forms of public health as a public health doctor reads them: what a row must not say."""

import datetime as dt
from typing import Any

import pytest

from kangqiao.records.health_record.models import (
    AntenatalVisit,
    BirthCertificate,
    ChildExamination,
    ConstitutionAssessment,
    DeathCertificate,
    FamilyDoctorAgreement,
    FirstAntenatalVisit,
    HealthEducationActivity,
    InfectiousDiseaseReport,
    MentalDisorderFollowUp,
    NewbornVisit,
    PostpartumExamination,
    PostpartumVisit,
    SelfCareAssessment,
    SupervisionClue,
    SupervisionPatrol,
    TuberculosisFollowUp,
    VaccineReaction,
)
from kangqiao.standards.conditions import CITY_TIME, Condition
from kangqiao.standards.data_set import DataSet


def day(number: int) -> dt.datetime:
    return dt.datetime(2026, 3, number, 9, tzinfo=CITY_TIME)


def hours_later(moment: dt.datetime, hours: int) -> dt.datetime:
    return moment + dt.timedelta(hours=hours)


def care(*scores: int, total: int, level: str) -> dict[str, Any]:
    named = zip(("eating", "grooming", "dressing", "toileting", "moving"), scores, strict=True)
    return dict(named) | {"total": total, "level": level}


# data set, row, the words of the rules it breaks
BROKEN: list[tuple[type[DataSet], dict[str, Any], set[str]]] = [
    (SelfCareAssessment, care(0, 1, 0, 0, 1, total=2, level="1"), set()),
    (SelfCareAssessment, care(0, 1, 0, 0, 1, total=3, level="1"), {"adds-up"}),
    (SelfCareAssessment, care(0, 1, 3, 0, 0, total=4, level="1"), {"level"}),
    (SelfCareAssessment, care(0, 1, 3, 0, 0, total=4, level="2"), set()),
    (SelfCareAssessment, care(3, 0, 5, 0, 0, total=8, level="2"), set()),
    (SelfCareAssessment, care(3, 1, 5, 0, 0, total=9, level="2"), {"level"}),
    (SelfCareAssessment, care(3, 7, 3, 5, 0, total=18, level="3"), set()),
    (SelfCareAssessment, care(3, 7, 3, 5, 1, total=19, level="3"), {"level"}),
    (SelfCareAssessment, care(5, 7, 5, 10, 10, total=37, level="4"), set()),
    (ConstitutionAssessment, {"constitution": ["2"]}, {"no-guidance"}),
    (ConstitutionAssessment, {"constitution": ["2"], "guidance": ["1"]}, set()),
    (FirstAntenatalVisit, {"systolic": 142.0, "diastolic": 80.0, "evaluation": "1"}, {"hypertension"}),
    (FirstAntenatalVisit, {"systolic": 142.0, "diastolic": 80.0, "evaluation": "2"}, set()),
    (FirstAntenatalVisit, {"last_menses": dt.date(2026, 3, 2), "visited": day(1)}, {"not-before"}),
    (AntenatalVisit, {"systolic": 165.0, "diastolic": 100.0}, {"urgent-referral"}),
    (AntenatalVisit, {"systolic": 165.0, "diastolic": 100.0, "referral_reason": "血压过高"}, set()),
    (AntenatalVisit, {"systolic": 80.0, "diastolic": 100.0}, {"not-less"}),
    (NewbornVisit, {"birth_weight": 1.4}, {"low-birth-weight"}),
    (NewbornVisit, {"birth_weight": 1.4, "referral_reason": "低体重"}, set()),
    (NewbornVisit, {"birth_weight": 1.5}, set()),
    (ChildExamination, {"haemoglobin": 89.0}, {"anaemia"}),
    (ChildExamination, {"haemoglobin": 90.0}, set()),
    (PostpartumVisit, {"delivered": dt.date(2026, 3, 5), "visited": day(4)}, {"not-before"}),
    (PostpartumVisit, {"delivered": dt.date(2026, 3, 5), "visited": day(5)}, set()),
    (PostpartumExamination, {"delivered": dt.date(2026, 3, 5), "discharged": dt.date(2026, 3, 4)}, {"not-before"}),
    (MentalDisorderFollowUp, {"risk": "4", "classification": "3"}, {"unstable"}),
    (MentalDisorderFollowUp, {"risk": "4", "classification": "1"}, set()),
    (MentalDisorderFollowUp, {"risk": "3", "classification": "3"}, set()),
    (TuberculosisFollowUp, {"doses_due": 180, "doses_taken": 181}, {"not-less"}),
    (InfectiousDiseaseReport, {"disease": "301", "diagnosed": day(1), "reported": hours_later(day(1), 24)}, set()),
    (
        InfectiousDiseaseReport,
        {"disease": "301", "diagnosed": day(1), "reported": hours_later(day(1), 25)},
        {"late-24h"},
    ),
    (InfectiousDiseaseReport, {"disease": "102", "diagnosed": day(1), "reported": hours_later(day(1), 3)}, {"late-2h"}),
    (InfectiousDiseaseReport, {"disease": "102", "diagnosed": day(1), "reported": hours_later(day(1), 2)}, set()),
    (VaccineReaction, {"lot": "A1", "vaccinated": day(2), "began": day(1)}, {"not-before"}),
    (BirthCertificate, {"born": day(2), "issued": dt.date(2026, 3, 1), "gestational_weeks": 39}, {"not-before"}),
    (DeathCertificate, {"cause_a": "I46.9", "cause_c": "I10"}, {"broken-chain"}),
    (DeathCertificate, {"cause_a": "I46.9", "cause_b": "I25.1", "cause_c": "I10"}, set()),
    (FamilyDoctorAgreement, {"state": "1", "ended": dt.date(2026, 3, 1)}, {"ended"}),
    (FamilyDoctorAgreement, {"state": "2", "ended": dt.date(2026, 3, 1)}, set()),
    (HealthEducationActivity, {"evaluation": "好", "archived": ["5"]}, set()),
    (HealthEducationActivity, {"evaluation": "好"}, {"nothing-archived"}),
    (HealthEducationActivity, {"evaluation": "好", "archived": ["3"], "materials": 200}, {"no-kinds"}),
    (
        HealthEducationActivity,
        {"evaluation": "好", "archived": ["5"], "held": day(2), "filled": dt.date(2026, 3, 1)},
        {"not-before"},
    ),
    (SupervisionClue, {"found": day(1), "reported": hours_later(day(1), 24), "receiver": "县监督所"}, set()),
    (SupervisionClue, {"found": day(1), "reported": hours_later(day(1), 25), "receiver": "县监督所"}, {"late"}),
    (SupervisionClue, {"found": day(1), "reported": day(1)}, {"no-receiver"}),
    (SupervisionPatrol, {"handling": "1"}, {"no-revisit"}),
    (SupervisionPatrol, {"handling": "1", "patrolled": day(2), "revisit": dt.date(2026, 3, 1)}, {"not-before"}),
    (SupervisionPatrol, {"handling": "3"}, set()),
]

# data set, column, a row in which it must be present
REQUIRED_WHEN: list[tuple[type[DataSet], str, dict[str, Any]]] = [
    (NewbornVisit, "apgar_5", {"asphyxia": "2"}),
    (NewbornVisit, "malformation", {"malformed": "2"}),
    (NewbornVisit, "referral_place", {"referral_reason": "黄疸"}),
    (ChildExamination, "head", {"age": "06"}),
    (FirstAntenatalVisit, "abnormality", {"evaluation": "2"}),
    (PostpartumExamination, "referral_reason", {"disposal": "2"}),
    (TuberculosisFollowUp, "stop_reason", {"stopped": dt.date(2026, 3, 1)}),
    (InfectiousDiseaseReport, "former_disease", {"kind": "2"}),
    (VaccineReaction, "handling", {"serious": "2"}),
    (BirthCertificate, "mother_document", {"mother_document_type": "01"}),
    (FamilyDoctorAgreement, "end_reason", {"state": "2"}),
    (HealthEducationActivity, "speaker", {"form": "5"}),
    (HealthEducationActivity, "materials", {"form": "1"}),
    (SupervisionClue, "result", {"state": "3"}),
    (SupervisionPatrol, "problems", {"problem": True}),
    (SupervisionPatrol, "clue", {"handling": "2"}),
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
