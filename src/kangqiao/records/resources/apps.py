"""The Django app `resources`."""

from django.apps import AppConfig


class ResourcesConfig(AppConfig):
    """卫生资源: what institutions have and how they run."""

    name = "kangqiao.records.resources"
    label = "resources"
    verbose_name = "卫生资源"
