"""The Django app `health_record`."""

from django.apps import AppConfig


class HealthRecordConfig(AppConfig):
    """电子健康档案: what public health keeps about a resident."""

    name = "kangqiao.records.health_record"
    label = "health_record"
    verbose_name = "电子健康档案"
