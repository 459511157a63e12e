"""What people type into the pages of issues."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef
from django.utils import timezone

from kangqiao.quality.issue_queries import IssueFilter, Thresholds, clerks_of, visible_issues
from kangqiao.quality.issue_services import LONGEST
from kangqiao.quality.issues import Issue, IssueState
from kangqiao.quality.queries import measured_months, usual_month
from kangqiao.registry.models import Division, Institution
from kangqiao.registry.queries import divisions_on, scope_of
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actors import Actor
from kangqiao.trust.models import Account

SEVERITIES = (("error", "错误"), ("warning", "提示"))
MONTHS = 24
GOING_ON = ("going-on", "全部进行中")


class InstitutionChoice(forms.ModelChoiceField):
    """One institution, by name."""

    def label_from_instance(self, obj: Institution) -> str:
        """Return name and code: several clinics share a name."""
        return f"{obj.name}（{obj.code}）"


class ClerkChoice(forms.ModelChoiceField):
    """One account of an institution, by name."""

    def label_from_instance(self, obj: Account) -> str:
        """Return name and username: two clerks may share a name."""
        return f"{obj.display_name}（{obj.username}）"


def county_choices() -> list[tuple[str, str]]:
    """Return code and name of every county."""
    counties = divisions_on(timezone.localdate()).filter(level=Division.Level.COUNTY)
    return list(counties.values_list("stats_code", "name"))


def _choice(label: str, every: str, choices: Any = ()) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", every), *choices])


class IssueSearch(forms.Form):
    """Which issues to list."""

    state = _choice("状态", "全部状态", [GOING_ON, *IssueState.choices])
    county = _choice("县区", "全部县区")
    institution = InstitutionChoice(
        label="机构", queryset=Institution.objects.none(), required=False, empty_label="全部机构"
    )
    dimension = _choice("维度", "全部维度", [(each.value, each.title) for each in Dimension])
    overdue = _choice("期限", "不限", [("yes", "已逾期")])

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        concerned = Exists(visible_issues(actor=actor).filter(institution_id=OuterRef("id")))
        fields["institution"].queryset = Institution.objects.filter(concerned).order_by("name")
        if len(scope_of(actor.institution_id)) == 1:
            del fields["institution"]
        if actor.institution_id is None:
            fields["county"].choices = [("", "全部县区"), *county_choices()]
        else:
            del fields["county"]

    def wanted(self) -> IssueFilter:
        """Return the filter of a valid form."""
        given = self.cleaned_data
        return IssueFilter(
            state=given["state"],
            county=given.get("county", ""),
            institution_id=given["institution"].id if given.get("institution") else None,
            dimension=given["dimension"],
            overdue_on=timezone.localdate() if given["overdue"] else None,
        )


class Opening(forms.Form):
    """From when on a rule of a month is worth an issue."""

    month = forms.ChoiceField(label="月份")
    failed = forms.IntegerField(label="不合格数不少于", min_value=1, max_value=10**9, initial=10)
    percent = forms.FloatField(
        label="不合格率不低于 %",
        min_value=0,
        max_value=100,
        initial=1,
        widget=forms.NumberInput(attrs={"step": "0.1"}),
    )
    severity = _choice("程度", "错误和提示", SEVERITIES)
    dimension = _choice("维度", "全部维度", [(each.value, each.title) for each in Dimension])
    county = _choice("县区", "全部县区")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        months = measured_months(until=timezone.localdate(), count=MONTHS)
        fields["month"].choices = [(f"{each:%Y-%m}", f"{each:%Y-%m}") for each in months]
        if usual := usual_month(months):
            fields["month"].initial = f"{usual:%Y-%m}"
        fields["county"].choices = [("", "全部县区"), *county_choices()]

    def wanted(self) -> Thresholds:
        """Return the thresholds of a valid form."""
        given = self.cleaned_data
        return Thresholds(
            month=dt.date.fromisoformat(f"{given['month']}-01"),
            failed=given["failed"],
            percent=given["percent"],
            severity=given["severity"],
            dimension=given["dimension"],
            county=given["county"],
        )


class Assigning(forms.Form):
    """Who at the institution looks after an issue."""

    assignee = ClerkChoice(
        label="机构数据员", queryset=Account.objects.none(), required=False, empty_label="不指定账号"
    )
    contact = forms.CharField(
        label="联系人",
        required=False,
        max_length=100,
        help_text="科室、姓名和电话；没有账号的机构填这一项。",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, issue: Issue, **options: Any) -> None:
        options.setdefault("initial", {"assignee": issue.assignee_id, "contact": issue.contact})
        super().__init__(*args, **options)
        self.fields["assignee"].queryset = clerks_of(issue.institution_id)  # type: ignore[attr-defined]


class Saying(forms.Form):
    """What is said with a step."""

    note = forms.CharField(
        label="说明",
        required=False,
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": 3, "maxlength": LONGEST}),
    )
