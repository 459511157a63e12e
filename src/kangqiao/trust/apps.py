"""The Django app `trust`."""

from django.apps import AppConfig


class TrustConfig(AppConfig):
    """Accounts, machine tokens and the audit log."""

    name = "kangqiao.trust"
    label = "trust"
    verbose_name = "账号与审计"
