"""The health record database (电子健康档案): one class per data set, grouped by theme."""

from kangqiao.records.health_record.archive import ArchiveCover
from kangqiao.records.health_record.certificates import BirthCertificate, DeathCertificate
from kangqiao.records.health_record.children import ChildExamination, ChildTcmGuidance, NewbornVisit
from kangqiao.records.health_record.education import HealthEducationActivity
from kangqiao.records.health_record.elderly import ConstitutionAssessment, SelfCareAssessment
from kangqiao.records.health_record.examination import PhysicalExamination
from kangqiao.records.health_record.family_doctor import FamilyDoctorAgreement, FamilyDoctorService
from kangqiao.records.health_record.follow_up import DiabetesFollowUp, HypertensionFollowUp
from kangqiao.records.health_record.mental_disorder import MentalDisorderCase, MentalDisorderFollowUp
from kangqiao.records.health_record.notifiable import InfectiousDiseaseReport
from kangqiao.records.health_record.pregnancy import (
    AntenatalVisit,
    FirstAntenatalVisit,
    PostpartumExamination,
    PostpartumVisit,
)
from kangqiao.records.health_record.supervision import SupervisionClue, SupervisionPatrol
from kangqiao.records.health_record.tuberculosis import TuberculosisFirstVisit, TuberculosisFollowUp
from kangqiao.records.health_record.vaccination import Vaccination, VaccineReaction

__all__ = [
    "AntenatalVisit",
    "ArchiveCover",
    "BirthCertificate",
    "ChildExamination",
    "ChildTcmGuidance",
    "ConstitutionAssessment",
    "DeathCertificate",
    "DiabetesFollowUp",
    "FamilyDoctorAgreement",
    "FamilyDoctorService",
    "FirstAntenatalVisit",
    "HealthEducationActivity",
    "HypertensionFollowUp",
    "InfectiousDiseaseReport",
    "MentalDisorderCase",
    "MentalDisorderFollowUp",
    "NewbornVisit",
    "PhysicalExamination",
    "PostpartumExamination",
    "PostpartumVisit",
    "SelfCareAssessment",
    "SupervisionClue",
    "SupervisionPatrol",
    "TuberculosisFirstVisit",
    "TuberculosisFollowUp",
    "Vaccination",
    "VaccineReaction",
]
