"""The machine door of the record view: ``GET /api/records/residents/{id}/timeline``.

One statement reads the page and writes the audit entry: both are committed together before the first byte leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import UUID

import asyncpg
import msgspec
from django.utils import timezone

from kangqiao.gateway.errors import Forbidden, Malformed, MethodNotAllowed, NotFound, Unavailable
from kangqiao.gateway.http import Request, Response
from kangqiao.gateway.lines import UNREACHABLE, asked_of_asyncpg
from kangqiao.infra.ids import uuid7
from kangqiao.records.asking import NotUnderstood, place_word, wanted_of
from kangqiao.records.rules import PURPOSES, read_purpose, require_reading
from kangqiao.records.timeline import ARGUMENTS, Item, Wanted, heads, numbered, page_of, timeline_sql
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Action, Outcome, Purpose
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission

PREFIX: Final = "/api/records/"
JSON: Final = "application/json"
READERS: Final = 4

_LAST = len(ARGUMENTS)
_NOTED: Final = f"""
    INSERT INTO trust_auditentry
           (id, actor_kind, actor_id, institution_id, action, resident_id, object_kind, purpose, outcome, address,
            detail)
    SELECT ${_LAST + 1}::uuid, ${_LAST + 2}, ${_LAST + 3}::uuid, ${_LAST + 4}::int, '{Action.TIMELINE_READ.value}', $1,
           'timeline', ${_LAST + 5}, CASE WHEN EXISTS (SELECT FROM identity_resident WHERE id = $1)
           THEN '{Outcome.DONE.value}' ELSE '{Outcome.FAILED.value}' END, ${_LAST + 6}::inet,
           '{{"part": "timeline"}}'"""
_READ: Final = timeline_sql(numbered, along=_NOTED)
_RESIDENT: Final = "SELECT merged_into_id FROM identity_resident WHERE id = $1"
_ENCODER: Final = msgspec.json.Encoder()


async def open_door(url: str) -> RecordDoor:
    """Return the door with connections of its own, opened at need.

    The statement is planned once per connection; asyncpg would not keep one of its length unasked.
    """
    pool = await asyncpg.create_pool(
        **asked_of_asyncpg(url), min_size=0, max_size=READERS, max_cacheable_statement_size=0, reset=_as_it_is
    )
    return RecordDoor(pool)


async def _as_it_is(_: asyncpg.Connection) -> None:
    """Leave a connection as it is when it goes back: nothing here changes its settings."""


class RecordDoor:
    """Answers everything under ``/api/records``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def answer(self, request: Request, actor: Actor) -> Response:
        """Return the response to one request; errors are raised."""
        match request.path.removeprefix(PREFIX).split("/"):
            case ["residents", id, "timeline"]:
                if request.method != "GET":
                    raise MethodNotAllowed
                return await self._timeline(request, _id(id), actor)
        raise NotFound("没有这个地址")

    async def _timeline(self, request: Request, resident_id: UUID, actor: Actor) -> Response:
        if not actor.may(Permission.TIMELINE_READ):
            raise Forbidden(f"接口令牌没有“{Permission.TIMELINE_READ.label}”的权限")
        parameters = parse_qs(request.scope.get("query_string", b"").decode("latin-1"), max_num_fields=200)
        purpose = _purpose(request, parameters.get("purpose", []))
        require_reading(actor, purpose)
        try:
            wanted = wanted_of(parameters, today=timezone.localdate())
        except NotUnderstood as error:
            raise Malformed(f"查询参数 {error}") from error
        rows = await self._fetch(_READ, *wanted.arguments(resident_id), *_who(actor, purpose))
        return await self._missing(resident_id, wanted) if not rows else _answer(resident_id, rows, wanted)

    async def _missing(self, resident_id: UUID, wanted: Wanted) -> Response:
        """Answer where the timeline is empty: nobody, somebody merged into another resident, or nothing yet."""
        known = await self._fetch(_RESIDENT, resident_id)
        if not known:
            raise NotFound("没有这位居民")
        if merged_into := known[0][0]:
            place = f"{PREFIX}residents/{merged_into}/timeline"
            return Response(308, headers=[(b"location", place.encode())])
        return _answer(resident_id, [], wanted)

    async def _fetch(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        try:
            try:
                return list(await self._pool.fetch(statement, *arguments))
            except UNREACHABLE:  # the server was restarted: the pool has let go of the dead connection by now
                return list(await self._pool.fetch(statement, *arguments))
        except UNREACHABLE as error:
            raise Unavailable from error


def _answer(resident_id: UUID, rows: Sequence[Any], wanted: Wanted) -> Response:
    page = page_of(rows, wanted.size)
    content = {
        "resident": str(resident_id),
        "items": [_described(item) for item in page.items],
        "next": place_word(page.next) if page.next else None,
    }
    return Response(200, _ENCODER.encode(content), JSON, [(b"cache-control", b"no-store, private")])


def _described(item: Item) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "title": heads()[item.kind].title,
        "id": str(item.id),
        "patient": str(item.patient_id),
        "institution": {"id": item.institution_id, "name": item.institution},
        "occurred_at": item.occurred_at.astimezone(CITY_TIME).isoformat(),
        "headline": item.headline,
        "version": item.version,
        "voided": item.voided,
    }


def _who(actor: Actor, purpose: Purpose) -> tuple[Any, ...]:
    return uuid7(), actor.kind.value, actor.id, actor.institution_id, purpose.value, actor.address


def _purpose(request: Request, asked: Sequence[str]) -> Purpose:
    purpose = read_purpose(request.header(b"x-purpose") or next(iter(asked), None))
    if purpose is None:
        words = "、".join(f"{each.value}（{each.label}）" for each in PURPOSES)
        raise Malformed(f"请用参数 purpose 或请求头 X-Purpose 说明调阅目的：{words}")
    return purpose


def _id(word: str) -> UUID:
    try:
        return UUID(word)
    except ValueError:
        raise NotFound("没有这位居民") from None
