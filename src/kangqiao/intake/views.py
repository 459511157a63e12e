"""The pages of intake: batches and their receipts, refused rows, and sending by hand."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_http_methods, require_safe

from kangqiao.formats.archives import SUFFIXES
from kangqiao.infra import configuration
from kangqiao.infra.files import CHUNK, FileStore
from kangqiao.infra.paging import key_page
from kangqiao.intake.display import ADVICE, FATES, advance_of, shown_parts, state_of
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.excel import LEADING, problems, refused_file, titles_of
from kangqiao.intake.filled_in import submit_workbook
from kangqiao.intake.forms import LARGEST_ARCHIVE, LARGEST_WORKBOOK, BatchSearch, Sending
from kangqiao.intake.models import Batch, BatchState, Door, Part, PartState
from kangqiao.intake.queries import Row, find_batches, refused_rows, visible_batches
from kangqiao.intake.services import submit_parcel
from kangqiao.registry.models import Institution
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.http import permission_required, request_actor
from kangqiao.trust.permissions import Permission

REFUSED_PAGE = 25
RUNNING = (BatchState.RECEIVED, BatchState.PROCESSING)


@require_safe
@permission_required(Permission.BATCH_READ)
def batches(request: HttpRequest) -> HttpResponse:
    """List batches, newest first; the list refreshes itself while one of them is in work."""
    actor = request_actor(request)
    form = BatchSearch(request.GET, actor=actor)
    page = None
    if form.is_valid():
        page = find_batches(actor=actor, after=request.GET.get("after", ""), **form.wanted())
    found = page.rows if page else []
    names = _sender_names(found)
    context = {
        "title": "数据批次",
        "form": form,
        "page": page,
        "rows": [(each, names.get(each.sender_id), state_of(each, each.refused)) for each in found],  # type: ignore[attr-defined]
        "running": any(each.state in RUNNING for each in found),
        "filtered": any(request.GET.get(name) for name in form.fields),
        "whole_city": actor.institution_id is None,
        "may_submit": actor.may(Permission.BATCH_SUBMIT),
    }
    return render(request, "intake/batches.html", context)


@require_safe
@permission_required(Permission.BATCH_READ)
def batch(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Show one batch: its progress while it is in work, its receipt afterwards."""
    actor = request_actor(request)
    shown = _batch(actor, batch_id)
    if request.headers.get("HX-Request") and shown.receipt is not None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    parts = list(shown.parts.order_by("id"))  # type: ignore[attr-defined]
    refused = sum(part.refused for part in parts)
    totals = [(word, label, sum(getattr(part, word) for part in parts)) for word, label in FATES.items()]
    context = {
        "title": f"批次 {shown.number}" if shown.number else "无法读取批次号的批次",
        "batch": shown,
        "sender": _sender_names([shown]).get(shown.sender_id),
        "door": Door(shown.door).label,
        "state": state_of(shown, refused),
        "running": shown.receipt is None,
        "advance": advance_of(shown, parts),
        "parts": shown_parts(parts),
        "rows": sum(part.rows for part in parts),
        "totals": totals,
        "warned": sum(part.warned for part in parts),
        "refused": refused,
        "refused_files": sum(part.state == PartState.REFUSED for part in parts),
        "advice": ADVICE.get((shown.problem or {}).get("word", ""), ""),
        "seconds": (shown.finished_at - shown.received_at).total_seconds() if shown.finished_at else None,
        "may_see_rows": actor.may(Permission.REFUSED_DOWNLOAD),
        "may_submit": actor.may(Permission.BATCH_SUBMIT),
        "operator": actor.institution_id is None,
    }
    return render(request, "intake/batch.html", context)


@require_safe
@permission_required(Permission.BATCH_READ)
def receipt(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Return the receipt of a finished batch as a JSON file."""
    shown = _batch(request_actor(request), batch_id)
    if shown.receipt is None:
        raise Http404("这一批还没有处理完")
    response = JsonResponse(shown.receipt, json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = content_disposition_header(True, f"回执-{_file_name(shown)}.json")
    return response


# -- refused rows ------------------------------------------------------------------------------------------


@require_safe
@permission_required(Permission.REFUSED_DOWNLOAD)
def refused(request: HttpRequest, batch_id: UUID, word: str) -> HttpResponse:
    """Show a page of the refused rows of one data set; looking at them is audited."""
    actor = request_actor(request)
    shown = _batch(actor, batch_id)
    part, data_set = _refused_part(shown, word)
    after = _number(request.GET.get("after", ""))
    with transaction.atomic():
        columns, rows = refused_rows(
            actor=actor, batch=shown, data_set=word, store=_store(), after=after, limit=REFUSED_PAGE + 1
        )
        page = key_page(rows, size=REFUSED_PAGE, key=lambda row: row[0])
        record_act(
            actor=actor,
            action=Action.REFUSED_READ,
            object_kind="batch",
            object_id=shown.id,
            detail={"data_set": word, "rows": len(page.rows)},
        )
    heads, lines = _table(data_set, columns, page.rows)
    context = {
        "title": f"{data_set.title}：退回的行",
        "batch": shown,
        "part": part,
        "page": page,
        "heads": heads,
        "lines": lines,
    }
    return render(request, "intake/refused.html", context)


@require_safe
@permission_required(Permission.REFUSED_DOWNLOAD)
def download(request: HttpRequest, batch_id: UUID, word: str) -> HttpResponse:
    """Return the refused rows of one data set, to be corrected and sent again."""
    actor = request_actor(request)
    shown = _batch(actor, batch_id)
    part, data_set = _refused_part(shown, word)
    return _download(actor, shown, [part], f"退回行-{_file_name(shown)}-{data_set.title}")


@require_safe
@permission_required(Permission.REFUSED_DOWNLOAD)
def download_all(request: HttpRequest, batch_id: UUID) -> HttpResponse:
    """Return all refused rows of a batch, to be corrected and sent again."""
    actor = request_actor(request)
    shown = _batch(actor, batch_id)
    parts = list(shown.parts.filter(refused__gt=0).order_by("id"))  # type: ignore[attr-defined]
    if not parts:
        raise Http404("没有退回的行")
    return _download(actor, shown, parts, f"退回行-{_file_name(shown)}")


def _download(actor: Actor, shown: Batch, parts: Sequence[Part], name: str) -> HttpResponse:
    with TemporaryDirectory(prefix="refused-", dir=_work()) as folder, transaction.atomic():
        path = refused_file(actor=actor, batch=shown, parts=parts, store=_store(), folder=Path(folder))
        record_act(
            actor=actor,
            action=Action.REFUSED_DOWNLOAD,
            object_kind="batch",
            object_id=shown.id,
            detail={part.data_set: part.refused for part in parts},
        )
        response = StreamingHttpResponse(_chunks(path.open("rb")), content_type="application/octet-stream")
        response["Content-Length"] = str(path.stat().st_size)
    response["Content-Disposition"] = content_disposition_header(True, f"{name}{path.suffix}")
    return response  # type: ignore[return-value]  # sent piece by piece


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """Yield a file that may be gone from its folder, and close it."""
    with file:
        while block := await asyncio.to_thread(file.read, CHUNK):
            yield block


def _refused_part(shown: Batch, word: str) -> tuple[Part, type[DataSet]]:
    part = get_object_or_404(shown.parts, data_set=word, refused__gt=0)  # type: ignore[attr-defined]
    return part, data_sets()[word]


def _table(data_set: type[DataSet], columns: list[str], rows: Sequence[Row]) -> tuple[list[Any], list[Any]]:
    """Return (titles, lines): of the columns those at fault on this page, then those that hold something."""
    titles = titles_of(data_set)
    found = [problems(data_set, row[1], dict(zip(columns, row, strict=True))) for row in rows]
    at_fault = {column for each in found for column, _ in each}
    held = {column for row in rows for column, text in zip(columns, row, strict=True) if text is not None}
    used = [(at, column) for at, column in enumerate(columns) if column in (held | at_fault) - LEADING.keys()]
    used.sort(key=lambda place: place[1] not in at_fault)
    lines = []
    for row, each in zip(rows, found, strict=True):
        bad = {column for column, _ in each}
        cells = [(titles.get(column, column), row[at], column in bad) for at, column in used]
        lines.append((row[0], [message for _, message in each], cells))
    return [titles.get(column, column) for _, column in used], lines


# -- sending -----------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@permission_required(Permission.BATCH_SUBMIT)
def submit(request: HttpRequest) -> HttpResponse:
    """Take a workbook or an archive, and lead to its batch. The page's script is answered in JSON."""
    actor = request_actor(request)
    if request.method != "POST":
        return _submit_page(request, Sending(actor=actor))
    form = Sending(request.POST, request.FILES, actor=actor)
    if form.is_valid():
        try:
            address = reverse("intake:batch", args=[_take(form, actor).id])
        except (BatchRefused, NotPermitted) as refusal:
            form.add_error("file", str(refusal).splitlines())
        else:
            return JsonResponse({"url": address}) if _wants_json(request) else redirect(address)
    if _wants_json(request):
        return JsonResponse({"problems": [text for texts in form.errors.values() for text in texts]}, status=422)
    return _submit_page(request, form, status=422)


def _take(form: Sending, actor: Actor) -> Batch:
    """Submit the file of a valid form."""
    with TemporaryDirectory(prefix="upload-", dir=_work()) as folder:
        path = _laid_down(form.cleaned_data["file"], Path(folder))
        if not form.holds_workbook():
            return submit_parcel(path=path, door=Door.UPLOAD, actor=actor, store=_store())
        parcel = Path(folder) / "parcel"
        parcel.mkdir()
        return submit_workbook(
            file=path,
            sender=form.sender_code(),
            number=form.cleaned_data["number"].strip() or None,
            actor=actor,
            store=_store(),
            folder=parcel,
        )


def _laid_down(file: UploadedFile, folder: Path) -> Path:
    """Put an uploaded file into a folder under a plain name with its own suffix."""
    name = (file.name or "").lower()
    path = folder / f"sent{next((each for each in SUFFIXES if name.endswith(each)), Path(name).suffix)}"
    with path.open("wb") as out:
        shutil.copyfileobj(file, out, CHUNK)
    return path


def _submit_page(request: HttpRequest, form: Sending, status: int = 200) -> HttpResponse:
    context = {
        "title": "报送数据",
        "form": form,
        "largest_workbook": LARGEST_WORKBOOK,
        "largest_archive": LARGEST_ARCHIVE,
    }
    return render(request, "intake/submit.html", context, status=status)


def _wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept") == "application/json"


# -- what the views share ----------------------------------------------------------------------------------


def _batch(actor: Actor, batch_id: UUID) -> Batch:
    return get_object_or_404(visible_batches(actor=actor), id=batch_id)


def _sender_names(shown: Sequence[Batch]) -> dict[int | None, str]:
    return dict(Institution.objects.filter(id__in={each.sender_id for each in shown}).values_list("id", "name"))


def _file_name(shown: Batch) -> str:
    """Return the batch's number as a part of a file name."""
    return re.sub(r'[\s\\/:*?"<>|]+', "_", shown.number or str(shown.id))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _store() -> FileStore:
    return FileStore(configuration.load().archive_url)


def _work() -> Path:
    folder = configuration.load().home / "work"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
