"""What holds for every page."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.cache import patch_cache_control
from django.utils.deprecation import MiddlewareMixin

from kangqiao.trust.http import PUBLIC
from kangqiao.trust.models import Account

ALLOWED_WHILE_PASSWORD_IS_DUE = {"portal:password", "portal:sign-out"}


class PagesAreNotKept(MiddlewareMixin):
    """Browsers and proxies keep no page: the next person at a ward's computer finds nothing of the last one's."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Forbid keeping the answer, unless its view decided otherwise."""
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True, private=True)
        return response


class PasswordComesFirst(MiddlewareMixin):
    """Whoever has to change the password is led there from every other page."""

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Redirect to the password page while a change is due."""
        if getattr(view, "permission", None) == PUBLIC or not isinstance(request.user, Account):
            return None
        match = request.resolver_match
        if not request.user.must_change_password or (match and match.view_name in ALLOWED_WHILE_PASSWORD_IS_DUE):
            return None
        return redirect("portal:password")
