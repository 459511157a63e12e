"""The platform's settings for journeys.

Passwords are hashed quickly, connections are not kept (each test has a new database), and there is one page more: the
gallery of the design system.
"""

from pathlib import Path

from kangqiao.wiring.settings import *  # noqa: F403
from kangqiao.wiring.settings import DATABASES, TEMPLATES

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES["default"]["OPTIONS"].pop("pool")
ROOT_URLCONF = "stage.urls"
TEMPLATES[0]["DIRS"] = [Path(__file__).parent / "templates"]
