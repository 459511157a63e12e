"""The machine door of intake: ``/api/intake`` with uploads, batches and the contract."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec
from django.db import close_old_connections, connection, transaction

from kangqiao.gateway.errors import Forbidden, GatewayError, Malformed, MethodNotAllowed, NotFound
from kangqiao.gateway.http import Request, Response
from kangqiao.gateway.uploads import Declared, Upload, Uploads
from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, Door
from kangqiao.intake.services import queue, submit_parcel
from kangqiao.standards.contract import contract
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission
from kangqiao.trust.rules import require_scope

JSON: Final = "application/json"
LARGEST_REQUEST: Final = 64 << 10

Returned = TypeVar("Returned")
_ENCODER = msgspec.json.Encoder()


class ApiDoor:
    """Answers everything under ``/api/intake``."""

    def __init__(self, *, uploads: Uploads, archive_url: str) -> None:
        self.uploads, self._archive_url = uploads, archive_url

    async def answer(self, request: Request, actor: Actor) -> Response:
        """Return the response to one request; errors are raised."""
        match request.path.removeprefix("/api/intake").strip("/").split("/"):
            case ["contract"]:
                _only(request, "GET")
                _allow(actor, Permission.CONTRACT_READ)
                return _json(200, await asyncio.to_thread(contract))
            case ["uploads"]:
                _only(request, "POST")
                return await self._begin(request, actor)
            case ["uploads", id]:
                _only(request, "PATCH", "HEAD", "DELETE")
                _allow(actor, Permission.BATCH_SUBMIT)
                return await self._continue(request, self.uploads.find(id, actor), actor)
            case ["batches", id]:
                _only(request, "GET")
                _allow(actor, Permission.BATCH_READ)
                return _json(200, await in_thread(_read_batch, id, actor))
        raise NotFound("没有这个地址")

    async def _begin(self, request: Request, actor: Actor) -> Response:
        _allow(actor, Permission.BATCH_SUBMIT)
        try:
            declared = msgspec.json.decode(await request.body(LARGEST_REQUEST), type=Declared)
        except msgspec.DecodeError as error:
            raise Malformed('请求应为 JSON：{"file": 文件名, "size": 字节数}') from error
        upload = self.uploads.begin(declared, actor)
        location = f"/api/intake/uploads/{upload.id}"
        answer = _json(201, {"upload": str(upload.id), "offset": 0, "size": upload.size, "location": location})
        answer.headers += [(b"location", location.encode()), (b"upload-offset", b"0")]
        return answer

    async def _continue(self, request: Request, upload: Upload, actor: Actor) -> Response:
        if request.method == "DELETE":
            self.uploads.forget(upload)
            return Response(204)
        if request.method == "HEAD":
            return Response(200, headers=_offset(upload, upload.offset(self.uploads.folder)))
        if request.header(b"content-type").lower() != "application/offset+octet-stream":
            raise Malformed("Content-Type 应为 application/offset+octet-stream")
        written = request.header(b"upload-offset")
        if not written.isdigit():
            raise Malformed("请求头 Upload-Offset 应为已传的字节数")
        offset = await self.uploads.receive(upload, request, int(written))
        if offset < upload.size:
            return Response(204, headers=_offset(upload, offset))
        try:
            batch = await in_thread(_submit, upload.path(self.uploads.folder), actor, self._archive_url)
        except NotPermitted:
            self.uploads.forget(upload)
            raise
        self.uploads.forget(upload)
        answer = _json(200, batch)
        answer.headers += [*_offset(upload, offset), (b"location", f"/api/intake/batches/{batch['batch']}".encode())]
        return answer


def problem_response(error: GatewayError) -> Response:
    """Return an error as this door words it."""
    problem = error.problems[0]
    answer = _json(error.status, {"error": problem.code, "message": problem.message})
    answer.headers += error.headers
    return answer


def _submit(path: Path, actor: Actor, archive_url: str) -> dict[str, Any]:
    batch = submit_parcel(path=path, door=Door.UPLOAD, actor=actor, store=FileStore(archive_url))
    if batch.receipt is None:
        queue(batch.id)
    return _described(batch)


def _read_batch(id: str, actor: Actor) -> dict[str, Any]:
    try:
        batch = Batch.objects.filter(id=UUID(id)).first()
    except ValueError:
        batch = None
    if batch is None:
        raise NotFound("没有这个批次")
    require_scope(actor, batch.sender_id)
    with transaction.atomic():
        record_act(actor=actor, action=Action.BATCH_READ, object_kind="batch", object_id=batch.id)
    return _described(batch)


def _described(batch: Batch) -> dict[str, Any]:
    return {"batch": str(batch.id), "number": batch.number, "state": batch.state, "receipt": batch.receipt}


async def in_thread(act: Callable[..., Returned], *arguments: Any) -> Returned:
    """Run something that uses Django's connection; the thread gives it back afterwards."""

    def run() -> Returned:
        close_old_connections()
        try:
            return act(*arguments)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise MethodNotAllowed


def _allow(actor: Actor, permission: Permission) -> None:
    if not actor.may(permission):
        raise Forbidden(f"接口令牌没有“{permission.label}”的权限")


def _offset(upload: Upload, offset: int) -> list[tuple[bytes, bytes]]:
    return [(b"upload-offset", str(offset).encode()), (b"upload-length", str(upload.size).encode())]


def _json(status: int, content: Any) -> Response:
    return Response(status, _ENCODER.encode(content), JSON)
