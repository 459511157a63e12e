"""What every template knows."""

from typing import Any

from django.http import HttpRequest

from kangqiao.portal.navigation import navigation_of
from kangqiao.trust.http import request_actor


def shell(request: HttpRequest) -> dict[str, Any]:
    """Return the actor and, when a template asks for it, the navigation filtered by permissions."""
    return {
        "actor": lambda: request_actor(request),
        "navigation": lambda: navigation_of(request_actor(request), request.path),
    }
