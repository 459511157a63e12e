"""Signing in and out, and one's own password."""

from typing import cast

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from kangqiao.portal.forms import PasswordForm, SignInForm
from kangqiao.trust.errors import AccountRefused, TrustError
from kangqiao.trust.http import permission_required, public, request_actor
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Permission
from kangqiao.trust.services import change_password, record_sign_out, sign_in


@public
@sensitive_post_parameters()
def sign_in_page(request: HttpRequest) -> HttpResponse:
    """Show the form, or open a session and lead on to where the person was going."""
    goal = _safe_goal(request)
    if isinstance(request.user, Account):
        return redirect(goal)
    form = SignInForm(request.POST or None)
    refusal = None
    if request.method == "POST" and form.is_valid():
        try:
            account = sign_in(**form.cleaned_data, address=request.META.get("REMOTE_ADDR") or None)
        except TrustError as error:
            refusal = error
        else:
            login(request, account)
            return redirect(goal)
    return render(
        request,
        "portal/sign_in.html",
        {"title": "登录", "form": form, "refusal": refusal, "goal": request.GET.get("next", "")},
        status=422 if request.method == "POST" else 200,
    )


@require_POST
@permission_required(Permission.SESSION_USE)
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    record_sign_out(actor=request_actor(request))
    logout(request)
    messages.success(request, "您已安全退出。")
    return redirect("portal:sign-in")


@permission_required(Permission.SESSION_USE)
@sensitive_post_parameters()
def password(request: HttpRequest) -> HttpResponse:
    """Change one's own password; this session goes on, others end."""
    account = cast(Account, request.user)
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change_password(account=account, old=given["old"], new=given["new"], actor=request_actor(request))
        except AccountRefused as error:
            form.add_error(error.element, str(error))
        else:
            update_session_auth_hash(request, account)
            messages.success(request, "密码已修改，其他设备上的登录已退出。")
            return redirect("portal:home")
    context = {"title": "修改密码", "form": form, "due": account.must_change_password}
    return render(request, "portal/password.html", context, status=422 if form.errors else 200)


def _safe_goal(request: HttpRequest) -> str:
    """Return where to go after signing in: an address of this site only."""
    goal = request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(goal, {request.get_host()}, require_https=request.is_secure()):
        return goal
    return resolve_url("portal:home")
