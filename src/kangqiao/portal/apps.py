"""The Django app `portal`."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Pages, templates and static files."""

    name = "kangqiao.portal"
    label = "portal"
    verbose_name = "门户"
