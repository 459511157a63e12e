"""Machine tokens, for the administrator."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from kangqiao.portal.forms import TokenForm
from kangqiao.portal.places import institution_names, place_of
from kangqiao.trust.errors import AccountRefused
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.models import MachineToken
from kangqiao.trust.permissions import Permission
from kangqiao.trust.services import issue_token, revoke_token

PAGE = 50


@permission_required(Permission.ACCOUNT_MANAGE)
def tokens(request: HttpRequest) -> HttpResponse:
    """List tokens, newest first."""
    page = Paginator(MachineToken.objects.order_by("-id"), PAGE).get_page(request.GET.get("page"))
    names = institution_names(token.institution_id for token in page)
    rows = [(token, place_of(token.institution_id, names), _labels(token), _status_of(token)) for token in page]
    return render(request, "portal/tokens.html", {"title": "接口令牌", "page": page, "rows": rows})


@permission_required(Permission.ACCOUNT_MANAGE)
def new_token(request: HttpRequest) -> HttpResponse:
    """Issue a token and show it, once."""
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            issued = issue_token(
                institution_id=given["institution_id"].id,
                name=given["name"],
                permissions=given["permissions"],
                valid_until=timezone.now() + timedelta(days=int(given["days"])),
                actor=request_actor(request),
            )
        except AccountRefused as error:
            form.add_error(error.element, str(error))
        else:
            context = {"title": "令牌已签发", "issued": issued, "institution": given["institution_id"]}
            return render(request, "portal/token_issued.html", context)
    context = {"title": "签发接口令牌", "form": form}
    return render(request, "portal/token_new.html", context, status=422 if form.errors else 200)


@require_POST
@permission_required(Permission.ACCOUNT_MANAGE)
def token_revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """Revoke a token."""
    revoke_token(token_id=token_id, actor=request_actor(request))
    messages.success(request, "令牌已停用。")
    return redirect("portal:tokens")


def _labels(token: MachineToken) -> list[str]:
    return [str(Permission(word).label) for word in token.permissions]


def _status_of(token: MachineToken) -> tuple[str, str]:
    if token.revoked_at:
        return "已停用", "plain"
    return ("已过期", "warn") if token.valid_until <= timezone.now() else ("有效", "ok")
