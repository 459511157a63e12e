"""The Django app `medical_record`."""

from django.apps import AppConfig


class MedicalRecordConfig(AppConfig):
    """电子病历: what happens to a patient at a medical institution."""

    name = "kangqiao.records.medical_record"
    label = "medical_record"
    verbose_name = "电子病历"
