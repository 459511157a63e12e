"""The upload door of batches: streamed to disk, resumed after a broken connection (after the tus protocol 1.0).

An upload is a folder ``<home>/uploads/<id>`` with ``upload.json`` (what was declared, by whom) and the file itself,
whose length is the offset: what the disk has is what has arrived.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from kangqiao.formats.archives import SUFFIXES
from kangqiao.gateway.errors import GatewayError, Malformed, NotFound, TooLarge
from kangqiao.gateway.http import Disconnected, Request
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actors import Actor

LARGEST: Final = 64 << 30
KEPT_SECONDS: Final = 7 * 24 * 3600
"""An upload that nobody has continued for so long is forgotten."""

BLOCK: Final = 1 << 20
PATIENCE_SECONDS: Final = 5.0
_NAME: Final = re.compile(r"[^/\\\x00-\x1f]{1,200}")


class WrongOffset(GatewayError):
    """The upload stands elsewhere; the header says where to go on."""

    status, code = 409, "conflict"

    def __init__(self, offset: int) -> None:
        self.headers = ((b"upload-offset", str(offset).encode()),)
        super().__init__(f"已收到 {offset} 字节，请从这里继续（Upload-Offset: {offset}）")


class InUse(GatewayError):
    """Another request is writing to the same upload."""

    status, code = 423, "conflict"
    message = "另一个请求正在续传这份文件，请稍后再试"
    headers = ((b"retry-after", b"2"),)


class Declared(msgspec.Struct):
    """What a sender says it is going to send."""

    file: str
    size: int


class Upload(msgspec.Struct, frozen=True):
    """One upload on its way."""

    id: UUID
    file: str
    size: int
    token: UUID
    institution: int

    def path(self, folder: Path) -> Path:
        return folder / str(self.id) / self.file

    def offset(self, folder: Path) -> int:
        """Return how many bytes have arrived."""
        try:
            return self.path(folder).stat().st_size
        except FileNotFoundError:
            return 0


class Uploads:
    """The uploads of one installation, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def begin(self, declared: Declared, actor: Actor) -> Upload:
        """Make room for a new upload; raises :class:`Malformed` or :class:`TooLarge`."""
        if not _NAME.fullmatch(declared.file) or not declared.file.lower().endswith(SUFFIXES):
            raise Malformed(f"文件名应以 {'、'.join(SUFFIXES)} 结尾，且不含路径", expression="file")
        if declared.size <= 0:
            raise Malformed("size 应为文件的字节数", expression="size")
        self.folder.mkdir(parents=True, exist_ok=True)
        if declared.size > min(LARGEST, shutil.disk_usage(self.folder).free // 2):
            raise TooLarge("文件太大，平台放不下；请拆成几批报送")
        self._forget_old()
        assert actor.id is not None
        assert actor.institution_id is not None
        upload = Upload(uuid7(), declared.file, declared.size, actor.id, actor.institution_id)
        place = self.folder / str(upload.id)
        place.mkdir(mode=0o700)
        (place / "upload.json").write_bytes(msgspec.json.encode(upload))
        return upload

    def find(self, id: str, actor: Actor) -> Upload:
        """Return an upload of the actor's institution; raises :class:`NotFound`."""
        try:
            upload = msgspec.json.decode((self.folder / str(UUID(id)) / "upload.json").read_bytes(), type=Upload)
        except (ValueError, OSError):
            upload = None
        if upload is None or upload.institution != actor.institution_id:
            raise NotFound("没有这份上传，或者它已经完成")
        return upload

    async def receive(self, upload: Upload, request: Request, offset: int) -> int:
        """Append the body and return the new offset. What arrived before a connection broke is kept."""
        async with self._alone(upload):
            there = upload.offset(self.folder)
            if offset != there:
                raise WrongOffset(there)
            with upload.path(self.folder).open("ab") as file:
                try:
                    there = await self._append(request, file.fileno(), there, upload.size)
                except Disconnected:
                    there = upload.offset(self.folder)
                await asyncio.to_thread(os.fsync, file.fileno())
            return there

    async def _append(self, request: Request, file: int, there: int, size: int) -> int:
        waiting, length = [], 0
        try:
            async for chunk in request.chunks():
                if there + length + len(chunk) > size:
                    raise Malformed(f"内容超过声明的大小 {size} 字节")
                waiting.append(chunk)
                length += len(chunk)
                if length >= BLOCK:
                    there += await asyncio.to_thread(_write, file, waiting)
                    waiting, length = [], 0
        finally:
            there += _write(file, waiting)
        return there

    def forget(self, upload: Upload) -> None:
        """Remove an upload and its file."""
        shutil.rmtree(self.folder / str(upload.id), ignore_errors=True)

    @asynccontextmanager
    async def _alone(self, upload: Upload) -> AsyncIterator[None]:
        """Wait a moment for a request that is ending: that of a broken connection may still be writing."""
        with (self.folder / str(upload.id) / "upload.json").open("rb") as lock:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > deadline:
                        raise InUse from error
                    await asyncio.sleep(0.05)
            yield

    def _forget_old(self) -> None:
        for place in self.folder.iterdir():
            newest = max((file.stat().st_mtime for file in place.glob("*")), default=0.0)
            if newest < time.time() - KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)


def _write(file: int, chunks: list[bytes]) -> int:
    content = b"".join(chunks)
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
    return len(content)
