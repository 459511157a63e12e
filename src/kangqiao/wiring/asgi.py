"""The one web application of this process."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kangqiao.wiring.settings")
app = get_asgi_application()
