"""The medical record database (电子病历): one class per data set, grouped by theme."""

from kangqiao.records.medical_record.charges import Charge, ChargeItem
from kangqiao.records.medical_record.critical_value import CriticalValue
from kangqiao.records.medical_record.documents import ClinicalDocument, DocumentSection
from kangqiao.records.medical_record.encounters import Diagnosis, InpatientStay, OutpatientEncounter
from kangqiao.records.medical_record.findings import Allergy, ExamReport, LabReport, LabResult, VitalSigns
from kangqiao.records.medical_record.front_page import FrontPage, FrontPageDiagnosis, FrontPageOperation
from kangqiao.records.medical_record.microbiology import CultureResult, Susceptibility
from kangqiao.records.medical_record.referral import Referral
from kangqiao.records.medical_record.treatment import MedicalOrder, Operation, Prescription, PrescriptionItem

__all__ = [
    "Allergy",
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
    "Operation",
    "OutpatientEncounter",
    "Prescription",
    "PrescriptionItem",
    "Referral",
    "Susceptibility",
    "VitalSigns",
]
