"""The Django app `registry`."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Divisions, institutions, departments and staff."""

    name = "kangqiao.registry"
    label = "registry"
    verbose_name = "机构与区划"
