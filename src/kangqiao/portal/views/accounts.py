"""Accounts, for the administrator."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from kangqiao.portal.forms import AccountForm, AccountSearch
from kangqiao.portal.places import institution_names, place_of
from kangqiao.trust.errors import AccountRefused, OwnAccount
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.models import Account
from kangqiao.trust.permissions import Permission
from kangqiao.trust.queries import find_accounts
from kangqiao.trust.services import create_account, disable_account, enable_account, reset_password

PAGE = 50
SORTS = {"username", "-username", "display_name", "-display_name", "last_login", "-last_login"}
SORT_FIRST = "username"


@permission_required(Permission.ACCOUNT_MANAGE)
def accounts(request: HttpRequest) -> HttpResponse:
    """List accounts."""
    form = AccountSearch(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {"q": "", "role": ""}
    sort = request.GET.get("sort", SORT_FIRST)
    sort = sort if sort in SORTS else SORT_FIRST
    found = find_accounts(text=wanted["q"], role=wanted["role"]).order_by(sort, "id")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    names = institution_names(account.institution_id for account in page)
    context = {
        "title": "账号管理",
        "form": form,
        "sort": sort,
        "page": page,
        "rows": [(each, place_of(each.institution_id, names), status_of(each)) for each in page],
    }
    return render(request, "portal/accounts.html", context)


@permission_required(Permission.ACCOUNT_MANAGE)
def new_account(request: HttpRequest) -> HttpResponse:
    """Create an account and show its first password, once."""
    form = AccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        institution = given.pop("institution_id")
        try:
            issued = create_account(
                **given, institution_id=institution and institution.id, actor=request_actor(request)
            )
        except AccountRefused as error:
            form.add_error(error.element, str(error))
        else:
            context = {"title": "账号已创建", "issued": issued, "again": "portal:account-new"}
            return render(request, "portal/password_issued.html", context)
    context = {"title": "新建账号", "form": form}
    return render(request, "portal/account_new.html", context, status=422 if form.errors else 200)


@permission_required(Permission.ACCOUNT_MANAGE)
def account(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Show one account and what can be done with it."""
    shown = get_object_or_404(Account, id=account_id)
    context = {
        "title": shown.display_name,
        "account": shown,
        "status": status_of(shown),
        "institution": place_of(shown.institution_id, institution_names([shown.institution_id])),
        "own": shown.id == request_actor(request).id,
    }
    return render(request, "portal/account.html", context)


@require_POST
@permission_required(Permission.ACCOUNT_MANAGE)
def account_disable(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Disable an account."""
    try:
        disable_account(account_id=account_id, actor=request_actor(request))
        messages.success(request, "账号已停用，已打开的登录同时失效。")
    except OwnAccount as error:
        messages.error(request, str(error))
    return redirect("portal:account", account_id)


@require_POST
@permission_required(Permission.ACCOUNT_MANAGE)
def account_enable(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Enable or unlock an account."""
    try:
        enable_account(account_id=account_id, actor=request_actor(request))
        messages.success(request, "账号已启用，可以登录。")
    except OwnAccount as error:
        messages.error(request, str(error))
    return redirect("portal:account", account_id)


@require_POST
@permission_required(Permission.ACCOUNT_MANAGE)
def account_password(request: HttpRequest, account_id: UUID) -> HttpResponse:
    """Reset an account's password and show the new one, once."""
    try:
        issued = reset_password(account_id=account_id, actor=request_actor(request))
    except OwnAccount as error:
        messages.error(request, str(error))
        return redirect("portal:account", account_id)
    return render(request, "portal/password_issued.html", {"title": "密码已重置", "issued": issued})


def status_of(account: Account) -> tuple[str, str]:
    """Return an account's state as (word, badge)."""
    if not account.is_active:
        return "已停用", "plain"
    if account.locked_until and account.locked_until > timezone.now():
        return "已锁定", "bad"
    return ("待改密码", "warn") if account.must_change_password else ("正常", "ok")
