"""The medical record database (电子病历): one class per data set, grouped by theme."""

from kangqiao.records.medical_record.charges import Charge, ChargeItem
from kangqiao.records.medical_record.encounters import Diagnosis, InpatientStay, OutpatientEncounter
from kangqiao.records.medical_record.findings import Allergy, ExamReport, LabReport, LabResult, VitalSigns
from kangqiao.records.medical_record.treatment import MedicalOrder, Operation, Prescription, PrescriptionItem

__all__ = [
    "Allergy",
    "Charge",
    "ChargeItem",
    "Diagnosis",
    "ExamReport",
    "InpatientStay",
    "LabReport",
    "LabResult",
    "MedicalOrder",
    "Operation",
    "OutpatientEncounter",
    "Prescription",
    "PrescriptionItem",
    "VitalSigns",
]
