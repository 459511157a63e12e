from django.apps import AppConfig


class IntakeConfig(AppConfig):
    name = "kangqiao.intake"
    label = "intake"
    verbose_name = "数据接入"
