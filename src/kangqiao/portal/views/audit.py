"""The audit log, for the auditor."""

from collections.abc import Iterator
from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.portal.forms import AuditSearch
from kangqiao.trust.actions import OBJECT_LABELS, Action, Outcome, Purpose
from kangqiao.trust.actors import ActorKind
from kangqiao.trust.audit import record_act
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Permission
from kangqiao.trust.queries import audit_entries, names_of_actors

PAGE = 50
EXPORT_LIMIT = 20_000
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = (
    "时间",
    "操作者",
    "操作者类型",
    "机构编号",
    "操作",
    "对象",
    "对象编号",
    "居民编号",
    "患者编号",
    "目的",
    "结果",
    "地址",
)


@permission_required(Permission.AUDIT_READ)
def audit(request: HttpRequest) -> HttpResponse:
    """Show a page of the log, newest first; looking at it is an entry too."""
    form = AuditSearch(request.GET)
    page = None
    if form.is_valid():
        found = audit_entries(form.wanted())
        after = _key(request.GET.get("after", ""))
        found = found.filter(id__lt=after) if after else found
        page = key_page(found[: PAGE + 1], size=PAGE, key=lambda entry: entry.id)
        _record(request, Action.AUDIT_READ, len(page.rows))
    context = {"title": "审计日志", "form": form, "page": page, "rows": _shown(page.rows) if page else []}
    return render(request, "portal/audit.html", context, status=200 if page else 422)


@permission_required(Permission.AUDIT_READ)
def audit_export(request: HttpRequest) -> HttpResponseBase:
    """Send what was searched for as an Excel file: the newest 20,000 entries, and a last line when there are more."""
    form = AuditSearch(request.GET)
    if not form.is_valid():
        return render(request, "portal/audit.html", {"title": "审计日志", "form": form, "rows": []}, status=422)
    page = key_page(audit_entries(form.wanted())[: EXPORT_LIMIT + 1], size=EXPORT_LIMIT, key=lambda entry: entry.id)
    _record(request, Action.AUDIT_EXPORT, len(page.rows))
    file = SpooledTemporaryFile(max_size=1 << 22)  # noqa: SIM115 (the response closes it)
    _workbook(page).save(file)
    file.seek(0)
    name = f"审计日志-{timezone.localtime():%Y%m%d-%H%M%S}.xlsx"
    return FileResponse(file, as_attachment=True, filename=name, content_type=EXCEL)


def _record(request: HttpRequest, action: Action, rows: int) -> None:
    with transaction.atomic():
        record_act(actor=request_actor(request), action=action, object_kind="audit", detail={"rows": rows})


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _shown(entries: list[AuditEntry]) -> Iterator[dict[str, Any]]:
    """Yield entries in words."""
    names, actions, purposes = names_of_actors(entries), dict(Action.choices), dict(Purpose.choices)
    for entry in entries:
        yield {
            "entry": entry,
            "actor": names.get(entry.actor_id) if entry.actor_id else None,
            "kind": ActorKind(entry.actor_kind).label,
            "action": actions.get(entry.action, entry.action),
            "object": OBJECT_LABELS.get(entry.object_kind or "", entry.object_kind),
            "purpose": purposes.get(entry.purpose or ""),
            "outcome": Outcome(entry.outcome).label,
        }


def _workbook(page: KeyPage[AuditEntry]) -> Workbook:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("审计日志")
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABCDEFGHIJKL", (20, 14, 12, 10, 20, 12, 38, 38, 38, 14, 8, 16), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.append(COLUMNS)
    for row in _shown(page.rows):
        entry = row["entry"]
        at = timezone.localtime(entry.at).replace(tzinfo=None)
        at -= timedelta(microseconds=at.microsecond)
        ids = [entry.object_id, entry.resident_id, entry.patient_id]
        words = [row["actor"], row["kind"], entry.institution_id, row["action"], row["object"]]
        last = [row["purpose"], row["outcome"], entry.address]
        sheet.append([at, *(_text(sheet, value) for value in [*words, *ids, *last])])
    if page.next_key:
        sheet.append([f"只导出最新的 {len(page.rows)} 条，更早的请缩小日期范围后另行导出。"])
    return book


def _text(sheet: Any, value: object) -> object:
    """Return a cell that Excel reads as text, never as a formula."""
    if value is None:
        return None
    cell = WriteOnlyCell(sheet, str(value))
    cell.data_type = "s"
    return cell
