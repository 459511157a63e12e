"""What people type into the pages of intake."""

import datetime as dt
from typing import Any

from django import forms
from django.db.models import Exists, OuterRef
from django.utils import timezone

from kangqiao.formats.archives import SUFFIXES
from kangqiao.intake.models import Batch, BatchState
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import Actor

EXCEL = ".xlsx"
LARGEST_WORKBOOK, LARGEST_ARCHIVE = 50 << 20, 1 << 30
"""Bytes that a browser may send; what is larger has other doors."""

_HINTS = {
    (".xls", ".et", ".ods", ".xlsm", ".xlsb"): "请用 Excel 或 WPS 另存为 .xlsx 再上传",
    (".csv", ".ndjson", ".parquet", ".json", ".gz", ".zst"): (
        "数据文件要和清单 manifest.json 一起打成一个压缩包（.zip、.tar.gz 或 .tar.zst）再上传"
    ),
    (".rar", ".7z"): "请改用 .zip 压缩后再上传",
}


def _day(label: str) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class InstitutionChoice(forms.ModelChoiceField):
    """One institution, by name."""

    def label_from_instance(self, obj: Institution) -> str:
        """Return name and code: several clinics share a name."""
        return f"{obj.name}（{obj.code}）"


class BatchSearch(forms.Form):
    """Which batches to list. The days are days in Shanghai, both included."""

    sender = InstitutionChoice(
        label="上传机构", queryset=Institution.objects.none(), required=False, empty_label="全部机构"
    )
    state = forms.ChoiceField(label="状态", required=False, choices=[("", "全部状态"), *BatchState.choices])
    since = _day("接收日期从")
    until = _day("到")
    q = forms.CharField(
        label="批次号",
        required=False,
        max_length=64,
        widget=forms.TextInput(attrs={"data-search": "", "autocomplete": "off", "placeholder": "批次号或其中一部分"}),
    )

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        if actor.institution_id is None:
            sent = Exists(Batch.objects.filter(sender_id=OuterRef("id")))
            self.fields["sender"].queryset = Institution.objects.filter(sent).order_by("name")  # type: ignore[attr-defined]
        else:
            del self.fields["sender"]

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", "截止日期不能早于起始日期。")
        return self.cleaned_data

    def wanted(self) -> dict[str, Any]:
        """Return the arguments of ``queries.find_batches`` of a valid form."""
        given = self.cleaned_data
        sender, state = given.get("sender"), given["state"]
        return {
            "sender": sender.id if sender else None,
            "state": BatchState(state) if state else None,
            "number": given["q"].strip(),
            "since": _midnight(given["since"]),
            "until": _midnight(given["until"], days=1),
        }


def _midnight(day: dt.date | None, *, days: int = 0) -> dt.datetime | None:
    if day is None:
        return None
    return timezone.make_aware(dt.datetime.combine(day + dt.timedelta(days=days), dt.time.min))


class Sending(forms.Form):
    """A file to send: a workbook or an archive."""

    file = forms.FileField(
        label="要报送的文件",
        allow_empty_file=True,  # said in our own words
        error_messages={"required": "请先选择文件。"},
        widget=forms.FileInput(attrs={"accept": ",".join((EXCEL, *SUFFIXES, ".gz", ".zst"))}),
    )
    sender = InstitutionChoice(
        label="上传机构",
        queryset=Institution.objects.filter(active=True).order_by("name"),
        required=False,
        empty_label="按文件中写明的机构",
        help_text="上传新填的模板时选择；退回数据更正表和压缩包里已经写明。",
    )
    number = forms.CharField(
        label="批次号",
        required=False,
        max_length=64,
        help_text="只用于 Excel。不填时自动编号：更正表为“原批次号-更正1”。",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, actor: Actor, **options: Any) -> None:
        super().__init__(*args, **options)
        own = actor.institution_id
        self.own = Institution.objects.filter(id=own).first() if own else None
        if self.own:
            del self.fields["sender"]

    def clean_file(self) -> Any:
        """Refuse what no door takes, and say what to do instead."""
        file = self.cleaned_data["file"]
        name = file.name.lower()
        if not file.size:
            raise forms.ValidationError("文件是空的，请检查后重新选择。")
        if not name.endswith((EXCEL, *SUFFIXES)):
            advice = next((text for endings, text in _HINTS.items() if name.endswith(endings)), _TAKEN)
            raise forms.ValidationError(f"不能接收这种文件：{advice}。")
        largest = LARGEST_WORKBOOK if self.holds_workbook() else LARGEST_ARCHIVE
        if file.size > largest:
            raise forms.ValidationError(f"文件超过 {largest >> 20} MB 的上限，请拆成几批，或改用监视文件夹、接口报送。")
        return file

    def holds_workbook(self) -> bool:
        """Return whether the file is a workbook rather than an archive."""
        return self.cleaned_data["file"].name.lower().endswith(EXCEL)

    def sender_code(self) -> str | None:
        """Return the code of the institution to send for, None where the file must say it."""
        sender = self.own or self.cleaned_data.get("sender")
        return sender.code if sender else None


_TAKEN = "应为 Excel 工作簿（.xlsx），或含 manifest.json 的压缩包（.zip、.tar、.tar.gz、.tar.zst）"
