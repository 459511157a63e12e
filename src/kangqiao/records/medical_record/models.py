"""The medical record database (电子病历): one class per data set, grouped by theme."""

from kangqiao.records.medical_record.charges import Charge, ChargeItem
from kangqiao.records.medical_record.critical_value import CriticalValue
from kangqiao.records.medical_record.documents import ClinicalDocument, DocumentSection
from kangqiao.records.medical_record.encounters import Diagnosis, InpatientStay, OutpatientEncounter
from kangqiao.records.medical_record.findings import Allergy, ExamReport, LabReport, LabResult, VitalSigns
from kangqiao.records.medical_record.front_page import FrontPage, FrontPageDiagnosis, FrontPageOperation
from kangqiao.records.medical_record.microbiology import CultureResult, Susceptibility
from kangqiao.records.medical_record.nursing import NursingAssessment, NursingRecord
from kangqiao.records.medical_record.pathology import PathologyReport
from kangqiao.records.medical_record.perioperative import Anaesthesia, Transfusion
from kangqiao.records.medical_record.referral import Referral
from kangqiao.records.medical_record.settlement import (
    CaseGroup,
    SettlementDiagnosis,
    SettlementFee,
    SettlementList,
    SettlementOperation,
)
from kangqiao.records.medical_record.treatment import MedicalOrder, Operation, Prescription, PrescriptionItem

__all__ = [
    "Allergy",
    "Anaesthesia",
    "CaseGroup",
    "Charge",
    "ChargeItem",
    "ClinicalDocument",
    "CriticalValue",
    "CultureResult",
    "Diagnosis",
    "DocumentSection",
    "ExamReport",
    "FrontPage",
    "FrontPageDiagnosis",
    "FrontPageOperation",
    "InpatientStay",
    "LabReport",
    "LabResult",
    "MedicalOrder",
    "NursingAssessment",
    "NursingRecord",
    "Operation",
    "OutpatientEncounter",
    "PathologyReport",
    "Prescription",
    "PrescriptionItem",
    "Referral",
    "SettlementDiagnosis",
    "SettlementFee",
    "SettlementList",
    "SettlementOperation",
    "Susceptibility",
    "Transfusion",
    "VitalSigns",
]
