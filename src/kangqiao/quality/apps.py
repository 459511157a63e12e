"""Django's name for this package."""

from django.apps import AppConfig


class QualityConfig(AppConfig):
    """The measurements and the issues."""

    name = "kangqiao.quality"
    label = "quality"
    verbose_name = "数据质量"
