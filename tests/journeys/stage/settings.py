"""The platform's settings with quick password hashes, and one page more: the gallery of the design system."""

from pathlib import Path

from kangqiao.wiring.settings import *  # noqa: F403
from kangqiao.wiring.settings import TEMPLATES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
ROOT_URLCONF = "stage.urls"
TEMPLATES[0]["DIRS"] = [Path(__file__).parent / "templates"]
