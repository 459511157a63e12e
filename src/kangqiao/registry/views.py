"""The pages of the registry: institutions, divisions, and bringing a workbook in."""

from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from kangqiao.registry.errors import RegistryError, WorkbookUnreadable
from kangqiao.registry.models import Division, Import, Institution
from kangqiao.registry.queries import (
    count_below,
    division_names,
    division_on,
    divisions_above,
    divisions_below,
    divisions_on,
    find_divisions,
    find_institutions,
    former_names,
)
from kangqiao.registry.services import confirm_import, keep_import, preview_import
from kangqiao.registry.workbook import template
from kangqiao.standards import value_sets
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

CITY: Final = "530900000000"
PAGE: Final = 50
MOST_SHOWN: Final = 200
MOST_BYTES: Final = 20 << 20
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class InstitutionSearch(forms.Form):
    """Which institutions to list."""

    q = forms.CharField(required=False, max_length=40)
    county = forms.ChoiceField(required=False)
    kind = forms.ChoiceField(required=False)
    level = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        counties = divisions_on(timezone.localdate()).filter(level=Division.Level.COUNTY)
        fields: dict[str, Any] = self.fields
        fields["county"].choices = [("", "全部县区"), *counties.values_list("stats_code", "name")]
        fields["kind"].choices = [("", "全部类别"), *_present("type", "WS218")]
        fields["level"].choices = [("", "全部等级"), *_present("level", "institution-level")]


class WorkbookForm(forms.Form):
    """A workbook to bring in."""

    file = forms.FileField(
        label="填好的 Excel 文件",
        help_text="用下面的模板填写，.xlsx 格式，20 MB 以内。先核对，确认后才导入。",
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx"}),
        error_messages={"required": "请选择填好的 Excel 文件。", "empty": "文件是空的，请重新选择。"},
    )

    def clean_file(self) -> UploadedFile:
        """Refuse a file that is too large."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError("文件超过 20 MB，请分几次导入。")
        return file


@permission_required(Permission.INSTITUTION_READ)
def institutions(request: HttpRequest) -> HttpResponse:
    """List institutions."""
    form = InstitutionSearch(request.GET)
    wanted = form.cleaned_data if form.is_valid() else {}
    found = find_institutions(
        text=wanted.get("q", ""),
        county=wanted.get("county", ""),
        kind=wanted.get("kind", ""),
        level=wanted.get("level", ""),
    )
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    places = division_names((each.division_code for each in page), timezone.localdate())
    context = {
        "title": "机构目录",
        "form": form,
        "selects": [(form["county"], "县区"), (form["kind"], "类别"), (form["level"], "等级")],
        "page": page,
        "rows": [_described(each, places) for each in page],
        "may_import": request_actor(request).may(Permission.REGISTRY_IMPORT),
    }
    return render(request, "registry/institutions.html", context)


@permission_required(Permission.INSTITUTION_READ)
def institution(request: HttpRequest, institution_id: int) -> HttpResponse:
    """Show one institution with its departments, staff and the institutions that report through it."""
    shown = get_object_or_404(Institution.objects.select_related("parent"), id=institution_id)
    places = division_names([shown.division_code], timezone.localdate())
    specialties = value_sets.load("specialty")
    departments = shown.departments.order_by("code")
    staff = shown.staff.select_related("department").order_by("code")
    context = {
        "title": shown.name,
        "shown": _described(shown, places),
        "departments": [(each, specialties.name(each.specialty) if each.specialty else None) for each in departments],
        "page": Paginator(staff, PAGE).get_page(request.GET.get("page")),
        "children": shown.children.order_by("code")[:MOST_SHOWN],
    }
    return render(request, "registry/institution.html", context)


@permission_required(Permission.INSTITUTION_READ)
def divisions(request: HttpRequest) -> HttpResponse:
    """Show the counties of the city, or the divisions a search finds."""
    text = request.GET.get("q", "").strip()[:40]
    if not text:
        return _division_page(request, CITY)
    today = timezone.localdate()
    page = Paginator(find_divisions(text, today), PAGE).get_page(request.GET.get("page"))
    names = division_names((each.parent_code for each in page), today)
    context = {
        "title": "行政区划",
        "text": text,
        "page": page,
        "rows": _with_counts(list(page)),
        "parents": names,
    }
    return render(request, "registry/divisions_found.html", context)


@permission_required(Permission.INSTITUTION_READ)
def division(request: HttpRequest, code: str) -> HttpResponse:
    """Show one division and what stands directly below it."""
    return _division_page(request, code)


@permission_required(Permission.REGISTRY_IMPORT)
def bring(request: HttpRequest) -> HttpResponse:
    """Take a workbook and lead to what it would do."""
    form = WorkbookForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        kept = keep_import(content=form.cleaned_data["file"].read(), actor=request_actor(request))
        return redirect("registry:brought", kept.id)
    context = {"title": "导入机构、科室和人员", "form": form}
    return render(request, "registry/bring.html", context, status=422 if form.errors else 200)


@permission_required(Permission.REGISTRY_IMPORT)
def empty_workbook(request: HttpRequest) -> HttpResponse:
    """Hand out the template."""
    name = quote("机构科室人员-填报模板.xlsx")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return HttpResponse(template(), content_type=XLSX, headers=headers)


@permission_required(Permission.REGISTRY_IMPORT)
def brought(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Show what a workbook would do, or every place in it that does not fit."""
    kept = get_object_or_404(Import, id=import_id)
    if kept.confirmed_at:
        messages.info(request, "这次导入已经完成。")
        return redirect("registry:institutions")
    try:
        preview = preview_import(kept)
    except WorkbookUnreadable as error:
        messages.error(request, str(error))
        return redirect("registry:bring")
    context = {
        "title": "核对导入内容",
        "kept": kept,
        "changes": preview.changes,
        "something": any(change.created or change.changed for change in preview.changes.values()),
        "count": len(preview.faults),
        "faults": preview.faults[:MOST_SHOWN],
    }
    return render(request, "registry/brought.html", context)


@require_POST
@permission_required(Permission.REGISTRY_IMPORT)
def confirm(request: HttpRequest, import_id: UUID) -> HttpResponse:
    """Store a workbook that was looked at."""
    get_object_or_404(Import, id=import_id)
    try:
        changes = confirm_import(import_id=import_id, actor=request_actor(request))
    except RegistryError as error:
        messages.error(request, str(error))
        return redirect("registry:brought", import_id)
    told = "；".join(f"{title}新增 {change.created}、更新 {change.changed}" for title, change in changes.items())
    messages.success(request, f"导入完成：{told}。")
    return redirect("registry:institutions")


def _present(field: str, value_set: str) -> list[tuple[str, str]]:
    known = value_sets.load(value_set)
    codes = Institution.objects.exclude(**{field: None}).order_by(field).values_list(field, flat=True).distinct()
    return [(code, known.name(code)) for code in codes]


def _described(each: Institution, places: dict[str, str]) -> dict[str, Any]:
    return {
        "institution": each,
        "kind": value_sets.load("WS218").name(each.type),
        "level": value_sets.load("institution-level").name(each.level) if each.level else None,
        "place": places.get(each.division_code, each.division_code),
    }


def _division_page(request: HttpRequest, code: str) -> HttpResponse:
    today = timezone.localdate()
    shown = division_on(code, today)
    if shown is None:
        raise Http404
    context = {
        "title": "行政区划" if code == CITY else shown.name,
        "shown": shown,
        "above": divisions_above(shown, today),
        "rows": _with_counts(divisions_below(code, today)),
        "former": former_names([code], today).get(code),
    }
    return render(request, "registry/division.html", context)


def _with_counts(shown: list[Division]) -> list[tuple[Division, int, Division | None]]:
    """Return each division with how many stand below it and what it was called before."""
    today = timezone.localdate()
    codes = [each.stats_code for each in shown]
    counts, former = count_below(codes, today), former_names(codes, today)
    return [(each, counts.get(each.stats_code, 0), former.get(each.stats_code)) for each in shown]
