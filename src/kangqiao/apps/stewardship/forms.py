"""What stewards type into the pages of the review desk."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils import timezone

from kangqiao.apps.stewardship.models import ABOUT, WRONG_IDENTITY
from kangqiao.identity.decisions import Decision, Doubt, Risk
from kangqiao.identity.doubt_queries import DoubtFilter
from kangqiao.registry.models import Division
from kangqiao.registry.queries import divisions_on
from kangqiao.trust.actors import Actor

LONGEST_REASON: Final = 200


def _choice(label: str, every: str, choices: Any = ()) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, required=False, choices=[("", every), *choices])


class QueueFilter(forms.Form):
    """Which doubts to list."""

    kind = _choice("类别", "全部类别", Doubt.Kind.choices)
    risk = _choice("风险", "全部风险", Risk.choices)
    county = _choice("县区", "全部县区")

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        if actor.institution_id is not None:
            del self.fields["county"]
            return
        counties = divisions_on(timezone.localdate()).filter(level=Division.Level.COUNTY)
        county: Any = self.fields["county"]
        county.choices = [("", "全部县区"), *counties.values_list("stats_code", "name")]

    def wanted(self) -> DoubtFilter:
        """Return the filter; what is not understood leaves its element open."""
        self.full_clean()
        given = self.cleaned_data
        risk = given.get("risk")
        return DoubtFilter(kind=given.get("kind", ""), risk=int(risk) if risk else None, county=given.get("county", ""))


class Answer(forms.Form):
    """How a doubt is answered: chosen or typed reason; what is typed counts."""

    answer = forms.ChoiceField(
        choices=[(word, word) for word in ("same", "apart", "later", "confirm", "reject")], widget=forms.HiddenInput
    )
    chosen = forms.CharField(required=False, max_length=LONGEST_REASON)
    typed = forms.CharField(required=False, max_length=LONGEST_REASON)

    def reason(self, usual: str) -> str:
        """Return the reason of a valid form, or the usual one."""
        return self.cleaned_data["typed"].strip() or self.cleaned_data["chosen"].strip() or usual


class Undoing(forms.Form):
    """Why a decision is taken back."""

    reason = forms.CharField(
        label="撤销理由", max_length=LONGEST_REASON, error_messages={"required": "请填写撤销的理由。"}
    )


class DecisionFilter(forms.Form):
    """Which decisions to list."""

    who = _choice("经办人", "所有人")
    kind = _choice("认定", "全部", Decision.Kind.choices)
    first_day = forms.DateField(label="从", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    last_day = forms.DateField(label="到", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, people: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        who: Any = self.fields["who"]
        who.choices = [("", "所有人"), ("machine", "自动比对"), *people]


class Filing(forms.Form):
    """A resident's request, as the clerk at the counter writes it down."""

    patient = forms.ChoiceField(label="哪家机构的登记", error_messages={"required": "请选择机构。"})
    attribute = forms.ChoiceField(label="更正项目", choices=list(ABOUT.items()))
    asked = forms.CharField(
        label="要求改为", required=False, max_length=LONGEST_REASON, help_text="选“不是本人的登记”时不用填写。"
    )
    grounds = forms.CharField(
        label="依据",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="本人出示的证件、证明，或说明。",
        error_messages={"required": "请填写依据。"},
    )

    def __init__(self, *args: Any, registrations: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        patient: Any = self.fields["patient"]
        patient.choices = registrations

    def clean(self) -> dict[str, Any]:
        """Ask for the new value unless the registration is somebody else's."""
        given = super().clean() or {}
        if given.get("attribute") != WRONG_IDENTITY and not given.get("asked"):
            self.add_error("asked", "请填写要求改为的内容。")
        return given


class Answering(forms.Form):
    """What the resident is told."""

    answer = forms.CharField(label="答复", max_length=500, error_messages={"required": "请填写答复。"})
