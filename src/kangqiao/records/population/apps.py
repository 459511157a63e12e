"""The Django app `population`."""

from django.apps import AppConfig


class PopulationConfig(AppConfig):
    """全员人口: who the people are."""

    name = "kangqiao.records.population"
    label = "population"
    verbose_name = "全员人口"
