"""The FHIR door: ``/fhir`` (http://hl7.org/fhir/R4/http.html), as far as the CapabilityStatement says."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final
from uuid import UUID

import msgspec

from kangqiao.formats.fhir.capability import capability_statement
from kangqiao.formats.fhir.documents import Unreadable, read_bundle, read_resource
from kangqiao.formats.fhir.outcomes import outcome_bytes
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.bundles import Bundles
from kangqiao.gateway.directory import KINDS
from kangqiao.gateway.errors import (
    Forbidden,
    Gone,
    Malformed,
    MethodNotAllowed,
    NotFound,
    Refused,
)
from kangqiao.gateway.http import FHIR_JSON, Request, Response, http_date
from kangqiao.gateway.preparing import check_type, if_match, is_taken, key_of, prepare
from kangqiao.gateway.reader import Found, Reader, Refusal, Wanted
from kangqiao.gateway.scribe import Scribe
from kangqiao.gateway.writes import Write, Written, deletion, failure, status_of
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission

LARGEST_BODY: Final = 16 << 20
LARGE_BODY: Final = 256 << 10
LARGE_AT_ONCE: Final = 8
"""So many bodies over `LARGE_BODY` are in memory at once; more wait at the door."""

PAGE: Final = 50
LARGEST_PAGE: Final = 200

_ENCODER = msgspec.json.Encoder()


class FhirDoor:
    """Answers everything under ``/fhir``."""

    def __init__(self, *, reader: Reader, scribe: Scribe) -> None:
        self.reader, self.scribe = reader, scribe
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")

    async def answer(self, request: Request, actor: Actor) -> Response:
        """Return the response to one request; errors are raised."""
        request.accepts_json()
        place = request.path.removeprefix("/fhir").strip("/").split("/")
        if request.method == "GET":
            return await self._get(request, actor, place)
        match request.method, place:
            case "POST", [kind]:
                return await self._post(request, actor, kind or None)
            case "PUT", [kind, id]:
                return await self._put(request, actor, kind, id)
            case "DELETE", [kind, id]:
                return await self._delete(request, actor, kind, id)
        raise MethodNotAllowed

    async def _get(self, request: Request, actor: Actor, place: list[str]) -> Response:
        match place:
            case ["metadata"]:
                return self._metadata(request)
            case [kind] if kind:
                return await self.search(actor, kind, request.query(), base=request.base)
            case [kind, id]:
                return await self.read(actor, kind, id, None, etag=request.header(b"if-none-match"))
            case [kind, id, "_history", number]:
                return await self.read(actor, kind, id, number)
        raise NotFound("没有这个地址，见 /fhir/metadata")

    # -- reading ------------------------------------------------------------------------------------------------------

    async def read(self, actor: Actor, kind: str, id: str, number: str | None, *, etag: str = "") -> Response:
        """Return one version of a resource as it came."""
        await self._allow(actor, Permission.FHIR_READ, kind)
        if number is not None and not re.fullmatch("[0-9]{1,9}", number):
            raise NotFound("没有这个版本")
        wanted = Wanted(actor, kind, f"{kind}/{id}", int(number) if number else None)
        found = await self.reader.read(wanted)
        if found is None:
            raise NotFound("没有这个资源，或者它不属于本机构")
        if found.content is None:
            raise Gone
        headers = _version_headers(found.version, found.received_at)
        if etag and etag in (f'W/"{found.version}"', f'"{found.version}"'):
            return Response(304, headers=headers)
        return Response(200, found.content, found.media_type, headers)

    async def search(self, actor: Actor, kind: str, query: dict[str, str], *, base: str) -> Response:
        """Return a page of a patient's resources of a type, the newest first."""
        await self._allow(actor, Permission.FHIR_READ, kind)
        if not is_taken(kind):
            raise NotFound(f"平台不收录 {kind} 资源，见 /fhir/metadata")
        patient = query.pop("patient", None) or query.pop("subject", None)
        count, cursor = query.pop("_count", str(PAGE)), query.pop("_cursor", None)
        query.pop("_format", None)
        if query:
            raise Malformed(f"不支持的检索参数：{'、'.join(sorted(query))[:100]}", code="not-supported")
        if not patient:
            raise Malformed("检索须用 patient 指明患者，例如 ?patient=Patient/123", code="required")
        if not (count.isascii() and count.isdigit() and int(count) > 0):
            raise Malformed("_count 应为正整数", code="value")
        size = min(int(count), LARGEST_PAGE)
        number = patient.removeprefix("Patient/")
        found = await self.reader.search(actor, kind, number, before=_cursor(cursor), most=size + 1)
        links = [{"relation": "self", "url": f"{base}/fhir/{kind}?patient={patient}&_count={size}"}]
        if len(found) > size:
            found = found[:size]
            links.append({"relation": "next", "url": f"{links[0]['url']}&_cursor={found[-1].id}"})
        return Response(200, _ENCODER.encode(_searchset(found, links, base)))

    def _metadata(self, request: Request) -> Response:
        statement = capability_statement(
            base=request.base, version=version("kangqiao"), others=KINDS, date=self._started
        )
        return Response(200, _ENCODER.encode(statement))

    # -- writing ------------------------------------------------------------------------------------------------------

    async def _post(self, request: Request, actor: Actor, kind: str | None) -> Response:
        await self._allow(actor, Permission.FHIR_WRITE, kind or "Bundle")
        media_type = request.media_type()
        if request.header(b"if-none-exist"):
            raise Malformed(
                "不支持条件创建（If-None-Exist）；相同 id 或 identifier 重复发送不会重复入库", code="not-supported"
            )
        body = await self._body(request)
        resource = _read(body)
        if resource["resourceType"] == "Bundle" and kind is None:
            bundle = _readable(read_bundle, body)
            return await Bundles(self, actor, request.base).answer(bundle)
        _expect_type(resource, kind)
        return await self._store(request, actor, resource, body, media_type, asked=None)

    async def _put(self, request: Request, actor: Actor, kind: str, id: str) -> Response:
        await self._allow(actor, Permission.FHIR_WRITE, kind)
        media_type = request.media_type()
        body = await self._body(request)
        resource = _read(body)
        _expect_type(resource, kind)
        return await self._store(request, actor, resource, body, media_type, asked=id)

    async def _store(
        self, request: Request, actor: Actor, resource: Any, body: bytes, media_type: str, *, asked: str | None
    ) -> Response:
        check_type(resource["resourceType"])
        id = uuid7()
        key = key_of(resource, id, asked=asked)
        around = Among([(None, key, resource)], received_at=datetime.now(UTC))
        try:
            write = prepare(
                resource,
                body,
                id=id,
                around=around,
                actor=actor,
                media_type=media_type,
                if_version=if_match(request.header(b"if-match")),
            )
        except Refused:
            await self.reader.note_refusal(Refusal(actor, Action.FHIR_WRITE, resource["resourceType"]))
            raise
        (written,) = await self.scribe.write([write])
        return _stored(write, written, prefer=request.header(b"prefer"), body=body)

    async def _delete(self, request: Request, actor: Actor, kind: str, id: str) -> Response:
        await self._allow(actor, Permission.FHIR_WRITE, kind)
        check_type(kind)
        write = deletion(actor, kind, id, if_match(request.header(b"if-match")))
        (written,) = await self.scribe.write([write])
        if not written.done:
            raise failure(written)
        return Response(204, headers=[(b"etag", f'W/"{written.version}"'.encode())] if written.version else [])

    # -- at the door --------------------------------------------------------------------------------------------------

    async def _allow(self, actor: Actor, permission: Permission, kind: str) -> None:
        if not actor.may(permission):
            await self.reader.note_refusal(Refusal(actor, Action.PERMISSION_REFUSE, kind[:40]))
            raise Forbidden(f"接口令牌没有“{permission.label}”的权限")

    async def _body(self, request: Request) -> bytes:
        length = request.header(b"content-length")
        if length.isdigit() and int(length) <= LARGE_BODY:
            return await request.body(LARGEST_BODY)
        async with self._large:
            return await request.body(LARGEST_BODY)


def _stored(write: Write, written: Written, *, prefer: str, body: bytes) -> Response:
    if not written.done:
        raise failure(written)
    headers = _version_headers(written.version, write.received_at)
    headers.append((b"location", f"/fhir/{write.key}/_history/{written.version}".encode()))
    if "return=representation" in prefer:
        return Response(status_of(written), body, write.media_type, headers)
    content = outcome_bytes(write.warnings) if write.warnings and "return=minimal" not in prefer else b""
    return Response(status_of(written), content, FHIR_JSON, headers)


def _version_headers(number: int, moment: datetime) -> list[tuple[bytes, bytes]]:
    return [(b"etag", f'W/"{number}"'.encode()), (b"last-modified", http_date(moment))]


def _searchset(found: list[Found], links: list[dict[str, str]], base: str) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [
            {
                "fullUrl": f"{base}/fhir/{each.key}",
                "resource": msgspec.Raw(each.content or b"null"),
                "search": {"mode": "match"},
            }
            for each in found
        ],
    }


def _cursor(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Malformed("_cursor 应取自上一页的 next 链接", code="value") from error


def _read(body: bytes) -> Any:
    return _readable(read_resource, body)


def _readable(read: Any, body: bytes) -> Any:
    try:
        return read(body)
    except Unreadable as error:
        raise Malformed(str(error), code=error.code) from error


def _expect_type(resource: Any, kind: str | None) -> None:
    found = resource["resourceType"]
    if kind is not None and not is_taken(kind):
        raise NotFound(f"平台不收录 {kind[:64]} 资源，见 /fhir/metadata")
    if kind is not None and found != kind:
        raise Malformed(f"地址要求 {kind}，内容是 {found[:64]}", expression="resourceType")
