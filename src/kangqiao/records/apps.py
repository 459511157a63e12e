from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "kangqiao.records"
    label = "records"
    verbose_name = "健康档案与病历"
