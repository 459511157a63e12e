"""The health record database (电子健康档案): one class per data set, grouped by theme."""

from kangqiao.records.health_record.archive import ArchiveCover
from kangqiao.records.health_record.children import ChildExamination, ChildTcmGuidance, NewbornVisit
from kangqiao.records.health_record.elderly import ConstitutionAssessment, SelfCareAssessment
from kangqiao.records.health_record.examination import PhysicalExamination
from kangqiao.records.health_record.follow_up import DiabetesFollowUp, HypertensionFollowUp
from kangqiao.records.health_record.pregnancy import (
    AntenatalVisit,
    FirstAntenatalVisit,
    PostpartumExamination,
    PostpartumVisit,
)
from kangqiao.records.health_record.vaccination import Vaccination

__all__ = [
    "AntenatalVisit",
    "ArchiveCover",
    "ChildExamination",
    "ChildTcmGuidance",
    "ConstitutionAssessment",
    "DiabetesFollowUp",
    "FirstAntenatalVisit",
    "HypertensionFollowUp",
    "NewbornVisit",
    "PhysicalExamination",
    "PostpartumExamination",
    "PostpartumVisit",
    "SelfCareAssessment",
    "Vaccination",
]
