"""Trust at the edge of Django: every route names the permission it needs, or says that it is public."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.deprecation import MiddlewareMixin

from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import Actor, ActorKind, stranger
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Permission
from kangqiao.trust.services import account_actor

View = Callable[..., HttpResponseBase]
PUBLIC = "public"


def permission_required(permission: Permission) -> Callable[[View], View]:
    """Let only actors with the permission reach the view; strangers are led to the sign-in page.

    A refusal of someone who has signed in is audited and raises `NotPermitted`, which becomes the 403 page.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            actor = request_actor(request)
            if actor.kind == ActorKind.ANONYMOUS:
                return _to_sign_in(request)
            if not actor.may(permission):
                _record_refusal(request, actor, permission)
                raise NotPermitted(f"您的角色没有“{permission.label}”的权限。")
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]
        return guarded

    return mark


def public(view: View) -> View:
    """Mark a view that strangers may reach: sign-in, health check, the pages of an error."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def request_actor(request: HttpRequest) -> Actor:
    """Return the actor of a request; a stranger when nobody has signed in."""
    actor: Actor | None = getattr(request, "actor", None)
    if actor is None:
        address = request.META.get("REMOTE_ADDR") or None
        account = request.user
        actor = account_actor(account, address) if isinstance(account, Account) else stranger(address)
        request.actor = actor  # type: ignore[attr-defined]
    return actor


class EveryRouteNamesItsPermission(MiddlewareMixin):
    """Middleware: a view that is neither guarded nor public is never run. Stands after authentication."""

    def process_view(self, request: HttpRequest, view: View, args: Any, kwargs: Any) -> None:
        """Raise `ImproperlyConfigured` for a view without a mark."""
        if not hasattr(view, "permission"):
            raise ImproperlyConfigured(f"{view.__module__}.{view.__qualname__} names no permission")


class AccountBackend(BaseBackend):
    """Finds the account of a session. Signing in goes through `services.sign_in`, which counts attempts."""

    def get_user(self, user_id: Any) -> Account | None:
        """Return the account while it is active."""
        try:
            return Account.objects.filter(id=user_id, is_active=True).first()
        except ValidationError:
            return None


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": resolve_url(settings.LOGIN_URL)})
    if request.method == "GET":
        return redirect_to_login(request.get_full_path())
    return redirect_to_login("/")


def _record_refusal(request: HttpRequest, actor: Actor, permission: Permission) -> None:
    with transaction.atomic():
        record_act(
            actor=actor,
            action=Action.PERMISSION_REFUSE,
            object_kind="route",
            object_id=request.resolver_match.view_name if request.resolver_match else None,
            outcome=Outcome.REFUSED,
            detail={"permission": permission.value},
        )
