"""The Django app of the population pages; the data sets of `records.population` hold the label `population`."""

from django.apps import AppConfig


class PopulationPagesConfig(AppConfig):
    """Counts of the population, kept by division."""

    name = "kangqiao.apps.population"
    label = "population_pages"
    verbose_name = "全员人口库"
