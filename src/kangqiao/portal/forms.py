"""What people type into the portal's own pages."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone

from kangqiao.registry.models import Institution
from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.models import Account
from kangqiao.trust.passwords import FourClassPassword
from kangqiao.trust.permissions import MACHINE_PERMISSIONS, Permission, Role
from kangqiao.trust.queries import AuditFilter
from kangqiao.trust.rules import plain_username

TOKEN_DAYS = (("90", "90 天"), ("365", "1 年"), ("1095", "3 年"))


def _password(label: str, autocomplete: str, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=200,
        strip=False,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete}),
    )


class InstitutionChoice(forms.ModelChoiceField):
    """One active institution, shown as name and code."""

    def label_from_instance(self, obj: Institution) -> str:
        """Return name and code: several clinics share a name."""
        return f"{obj.name}（{obj.code}）"


def _institutions() -> QuerySet[Institution]:
    return Institution.objects.filter(active=True).order_by("name")


class SignInForm(forms.Form):
    """Username and password."""

    username = forms.CharField(
        label="账号",
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True, "autocapitalize": "none"}),
    )
    password = _password("密码", "current-password")


class PasswordForm(forms.Form):
    """The old password once, the new one twice."""

    old = _password("当前密码", "current-password")
    new = _password("新密码", "new-password", FourClassPassword().get_help_text())
    again = _password("再次输入新密码", "new-password")

    def clean_again(self) -> str:
        """Refuse a second entry that differs from the first."""
        if self.cleaned_data.get("new") != self.cleaned_data["again"]:
            raise forms.ValidationError("两次输入的新密码不一致。")
        return self.cleaned_data["again"]


class AccountForm(forms.Form):
    """A new account."""

    username = forms.CharField(
        label="账号名",
        max_length=32,
        help_text="3–32 个小写字母、数字、点、横线或下划线，创建后不能更改。",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    display_name = forms.CharField(label="姓名", max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    roles = forms.MultipleChoiceField(
        label="角色",
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="平台数据管理员、系统管理员、安全审计员三权分设，只能选其中一个。",
    )
    institution_id = InstitutionChoice(
        label="所属机构",
        queryset=_institutions(),
        required=False,
        empty_label="全市（不限机构）",
        help_text="临床医生和机构数据员须选定机构。",
    )


class AccountSearch(forms.Form):
    """Which accounts to list."""

    q = forms.CharField(
        label="账号名或姓名",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"data-search": "", "autocomplete": "off", "placeholder": "账号名或姓名"}),
    )
    role = forms.ChoiceField(label="角色", required=False, choices=[("", "全部角色"), *Role.choices])


class TokenForm(forms.Form):
    """A new machine token."""

    institution_id = InstitutionChoice(label="机构", queryset=_institutions(), empty_label="请选择机构")
    name = forms.CharField(
        label="令牌名称",
        max_length=40,
        help_text="写明给哪个系统用，例如“人民医院 HIS 接口”。",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    permissions = forms.MultipleChoiceField(
        label="接口权限",
        choices=[(word.value, word.label) for word in Permission if word in MACHINE_PERMISSIONS],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.ChoiceField(label="有效期", choices=TOKEN_DAYS, initial="365")


class AuditSearch(forms.Form):
    """Which audit entries to list. The days are days in Shanghai, both included."""

    since = forms.DateField(label="起始日期", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="截止日期", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    actor = forms.CharField(
        label="操作者账号名",
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"data-search": "", "autocomplete": "off", "autocapitalize": "none"}),
    )
    action = forms.ChoiceField(label="操作", required=False, choices=[("", "全部操作"), *Action.choices])
    outcome = forms.ChoiceField(label="结果", required=False, choices=[("", "全部结果"), *Outcome.choices])
    object = forms.CharField(
        label="对象编号",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "placeholder": "居民、患者、批次等的内部编号"}),
    )

    def clean_actor(self) -> Account | None:
        """Return the account of this exact name."""
        name = plain_username(self.cleaned_data["actor"])
        if not name:
            return None
        account = Account.objects.filter(username=name).first()
        if account is None:
            raise forms.ValidationError("没有这个账号名。")
        return account

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", "截止日期不能早于起始日期。")
        return self.cleaned_data

    def wanted(self) -> AuditFilter:
        """Return the filter of a valid form."""
        given = self.cleaned_data
        until = given["until"] and given["until"] + timedelta(days=1)
        return AuditFilter(
            since=given["since"] and _midnight(given["since"]),
            until=until and _midnight(until),
            actor_id=given["actor"].id if given["actor"] else None,
            action=given["action"] or None,
            outcome=given["outcome"] or None,
            object_id=given["object"].strip() or None,
        )


def _midnight(day: Any) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
