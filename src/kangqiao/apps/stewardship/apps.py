"""The Django app of the review desk."""

from django.apps import AppConfig


class StewardshipConfig(AppConfig):
    """Requests for correction, and checks of what comparisons decided."""

    name = "kangqiao.apps.stewardship"
    label = "stewardship"
    verbose_name = "主索引"
