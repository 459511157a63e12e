"""The Django app `identity`."""

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    """Patients, residents and the links between them."""

    name = "kangqiao.identity"
    label = "identity"
    verbose_name = "居民身份"
