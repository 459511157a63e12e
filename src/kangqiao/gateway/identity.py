"""The machine door of the master index: ``/api/identity``. Numbers and names travel in bodies, never in addresses."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar
from uuid import UUID

import msgspec
import psycopg
from django.utils import timezone
from msgspec import Meta, Struct

from kangqiao.gateway.api import in_thread
from kangqiao.gateway.errors import Forbidden, Malformed, MethodNotAllowed, NotFound, Unavailable
from kangqiao.gateway.gathering import Gathered
from kangqiao.gateway.http import Request, Response
from kangqiao.identity.documents import HELD, DocumentKey, Unusable
from kangqiao.identity.errors import ModelOutdated, NothingToCompare, Overtaken, SeveralResidents
from kangqiao.identity.rules import EARLIEST_BIRTH, FILLERS, normalise_document
from kangqiao.infra.postgres.statement import Session
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission

if TYPE_CHECKING:
    from kangqiao.identity.cross_references import By
    from kangqiao.identity.likeness import Candidate, Demographics
    from kangqiao.identity.numbers import Number
    from kangqiao.identity.registering import Outcome
    from kangqiao.identity.services import Registration

PREFIX: Final = "/api/identity/"
JSON: Final = "application/json"
LARGEST_REQUEST: Final = 16 << 10
THREADS: Final = 4
TOGETHER: Final = 8
"""What is answered in one transaction; of more each would wait longer than it gains."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)

Returned = TypeVar("Returned")
Asked = TypeVar("Asked", bound=Struct)
Text = Annotated[str, Meta(min_length=1, max_length=100)]


class Described(Struct, forbid_unknown_fields=True, kw_only=True):
    """A person as the sender describes it."""

    name: Text | None = None
    sex: Literal["0", "1", "2", "9"] | None = None
    birth_date: date | None = None
    document_type: Annotated[str, Meta(max_length=2)] | None = None
    document_number: Text | None = None
    health_card: Text | None = None
    phone: Text | None = None
    division: Annotated[str, Meta(pattern=r"^\d{6,12}$")] | None = None
    mother_name: Text | None = None
    mother_document: Text | None = None
    registered_on: date | None = None


class Registering(Described, kw_only=True):
    """The same with how the token's institution knows the person."""

    local_number: Text
    archive_number: Text | None = None
    insurance_number: Text | None = None
    document_issuer: Text | None = None
    document_valid_until: date | None = None


TOLD_TO_REGISTER: Final = ("archive_number", "insurance_number", "document_issuer", "document_valid_until")


class Numbered(Struct, forbid_unknown_fields=True, kw_only=True):
    """One number of a person: a document's, an institution's own, or one of `HELD`."""

    document_type: Annotated[str, Meta(max_length=2)] | None = None
    document_number: Text | None = None
    institution: int | None = None
    local_number: Text | None = None
    health_card: Text | None = None
    archive_number: Text | None = None
    insurance_number: Text | None = None


class Looking(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is known of the people looked for, and after whom the page begins."""

    name: Text
    birth_date: date | None = None
    birth_year: Annotated[int, Meta(ge=1880, le=2200)] | None = None
    sex: Literal["0", "1", "2", "9"] | None = None
    after: UUID | None = None
    size: Annotated[int, Meta(ge=1, le=50)] = 20


class IdentityDoor:
    """Answers everything under ``/api/identity``.

    What is asked for a single patient runs on connections of its own, one for each of a few threads: half of them for
    registrations, half for who somebody may be. What comes while all are busy is answered together.
    """

    def __init__(self, url: str) -> None:
        self._url, self._mine = url, threading.local()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="identity")
        self._registered = Gathered(self._register_together, together=TOGETHER, side_by_side=THREADS // 2)
        self._matched = Gathered(self._match_together, together=TOGETHER, side_by_side=THREADS // 2)

    async def close(self) -> None:
        """Finish what is under way; the threads' connections end with them."""
        await asyncio.to_thread(self._threads.shutdown)

    async def answer(self, request: Request, actor: Actor) -> Response:
        """Return the response to one request; errors are raised."""
        if not actor.may(Permission.IDENTITY_MATCH):
            raise Forbidden(f"接口令牌没有“{Permission.IDENTITY_MATCH.label}”的权限")
        try:
            match request.path.removeprefix(PREFIX).split("/"):
                case ["patients"]:
                    return await self._register(await _read(request, Registering), actor)
                case ["match"]:
                    return await self._match(await _read(request, Described), actor)
                case ["identifiers"]:
                    return await _identifiers(_number(await _read(request, Numbered)), actor)
                case ["residents", id, "identifiers"]:
                    _only(request, "GET")
                    return await _identifiers(_id(id), actor)
                case ["search"]:
                    return await _search(await _read(request, Looking), actor)
                case ["changes"]:
                    _only(request, "GET")
                    return await _changes(request.query(), actor)
        except NothingToCompare as error:
            raise Malformed(str(error)) from error
        except (ModelOutdated, Overtaken) as error:
            raise Unavailable(str(error)) from error
        raise NotFound("没有这个地址")

    async def _register(self, told: Registering, actor: Actor) -> Response:
        from kangqiao.identity.services import Registration

        assert actor.institution_id is not None
        registration = Registration(
            institution_id=actor.institution_id,
            local_number=told.local_number.strip(),
            **{word: getattr(told, word) for word in TOLD_TO_REGISTER},
            **_said(told),
        )
        if not registration.local_number:
            raise Malformed("local_number 不能为空白")
        done = await self._registered((registration, actor))
        if isinstance(done, psycopg.OperationalError):
            raise Unavailable from done
        if isinstance(done, Exception):
            raise done
        return _json(
            201 if done.created else 200,
            {
                "patient": done.patient_id,
                "resident": done.resident_id,
                "state": done.state.value,
                "created": done.created,
                "changed": done.changed,
                "joined": done.joined,
                "doubts": done.doubts,
            },
        )

    async def _register_together(self, told: list[tuple[Registration, Actor]]) -> list[Outcome | Exception]:
        from kangqiao.identity.registering import register_together

        done: dict[int, Outcome | Exception] = {}

        def register(on: psycopg.Connection) -> list[Outcome | Exception]:
            left = [place for place in range(len(told)) if place not in done]
            for place, outcome in register_together([told[place] for place in left], on=on):
                done[left[place]] = outcome
            return [done[place] for place in range(len(told))]

        return await self._on_a_connection(register)

    async def _match(self, told: Described, actor: Actor) -> Response:
        from kangqiao.identity.likeness import Demographics

        found = await self._matched((Demographics(**_said(told)), actor))
        if isinstance(found, Exception):
            raise found
        candidates = [
            {
                "resident": each.resident_id,
                "probability": round(each.probability, 6),
                "weight": round(each.weight, 2),
                "excluded": each.excluded,
                "steps": [
                    {"title": step.title, "finding": step.finding, "weight": round(step.weight, 2)}
                    for step in each.steps
                ],
            }
            for each in found
        ]
        return _json(200, {"candidates": candidates})

    async def _match_together(self, asked: list[tuple[Demographics, Actor]]) -> list[list[Candidate] | Exception]:
        from kangqiao.identity.likeness import match_together

        return await self._on_a_connection(lambda on: match_together(asked, on=on))

    async def _on_a_connection(self, act: Callable[[psycopg.Connection], Returned]) -> Returned:
        """Run something in a thread on its connection; once more on a new one where the server was restarted."""

        def run() -> Returned:
            try:
                try:
                    return act(self._connection())
                except psycopg.OperationalError:
                    return act(self._connection())
            except psycopg.OperationalError as error:
                raise Unavailable from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def _connection(self) -> psycopg.Connection:
        kept: Session | None = getattr(self._mine, "connection", None)
        if kept is None or kept.closed or kept.broken:
            kept = self._mine.connection = Session.open(self._url)
        return kept


def _said(told: Described) -> dict[str, Any]:
    """Return what is said as a `Registration` has it: a document that is no key is kept as it was shown."""
    today = timezone.localdate()
    if told.birth_date and not EARLIEST_BIRTH <= told.birth_date <= today:
        raise Malformed("birth_date 应在 1880-01-01 和今天之间")
    found = normalise_document(told.document_type, told.document_number, today=today)
    key = found if isinstance(found, DocumentKey) else None
    return {
        **{word: getattr(told, word) for word in ("name", "sex", "birth_date", "health_card", "phone", "division")},
        "key_type": key.type_code.value if key else None,
        "key_number": key.number if key else None,
        "shown_number": None if key else told.document_number,
        "mother_name": told.mother_name,
        "mother_number": told.mother_document,
        "registered_on": told.registered_on or today,
    }


async def _identifiers(by: By, actor: Actor) -> Response:
    from kangqiao.identity.cross_references import identifiers_of

    try:
        found = await in_thread(lambda: identifiers_of(by=by, actor=actor))
    except SeveralResidents as error:
        told = {"error": "multiple-matches", "message": str(error), "residents": error.residents}
        return _json(409, told)
    if found is None:
        raise NotFound("没有这位居民")
    return _json(200, {"resident": found.resident_id, "state": found.state.value, **_by_kind(found.numbers)})


def _by_kind(numbers: Sequence[Number]) -> dict[str, list[dict[str, Any]]]:
    """Return numbers as the door shows them: documents, each kind that patients hold, the institutions' own."""
    from kangqiao.identity.numbers import LABELS

    return {
        "documents": [
            {
                "type": each.kind,
                "number": each.number,
                "issuer": each.issuer,
                "valid_until": each.valid_until,
                **_told(each),
            }
            for each in numbers
            if each.kind not in LABELS
        ],
        **{f"{kind}s": [{"number": n.number, **_told(n)} for n in numbers if n.kind == kind] for kind in HELD},
        "local_numbers": [
            {"institution": each.institutions[0], "local_number": each.number, "patient": each.patients[0]}
            for each in numbers
            if each.is_local
        ],
    }


def _told(number: Number) -> dict[str, Any]:
    first, last = number.seen or (None, None)
    return {"first_seen_on": first, "last_seen_on": last, "institutions": number.institutions}


async def _search(told: Looking, actor: Actor) -> Response:
    from kangqiao.identity.cross_references import Sought, people_like

    sought = Sought(name=told.name, birth_date=told.birth_date, birth_year=told.birth_year, sex=told.sex)
    page = await in_thread(lambda: people_like(sought=sought, actor=actor, after=told.after, size=told.size))
    people = [
        {
            "resident": each.id,
            "name": each.name,
            "sex": each.sex,
            "birth_date": each.birth_date,
            "state": each.state.value,
            "documents": [{"type": one.type_code, "number": one.number} for one in each.documents],
            "patients": each.places,
        }
        for each in page.people
    ]
    return _json(200, {"people": people, "next": page.next})


async def _changes(query: dict[str, str], actor: Actor) -> Response:
    from kangqiao.identity.changes import changes_since

    after = _place(query["after"]) if "after" in query else None
    found = await in_thread(lambda: changes_since(after=after, actor=actor))
    changes = [
        {
            "at": each.at,
            "decision": each.id,
            "kind": each.kind,
            "taken_back": each.taken_back,
            "resident": each.resident_id,
            "other": each.other_id,
            "patient": each.patient_id,
        }
        for each in found
    ]
    last = f"{(found[-1].at - _EPOCH) // _TICK}-{found[-1].id.hex}" if found else query.get("after")
    return _json(200, {"changes": changes, "next": last})


def _place(word: str) -> tuple[datetime, UUID]:
    try:
        ticks, id = word.split("-")
        return _EPOCH + int(ticks) * _TICK, UUID(id)
    except (ValueError, OverflowError):
        raise Malformed("after 应为上一次返回的 next") from None


def _number(told: Numbered) -> By:
    from kangqiao.identity.cross_references import HeldNumber, LocalNumber

    held = [HeldNumber(kind, number.strip()) for kind in HELD if (number := getattr(told, kind))]
    local = told.local_number is not None and told.institution is not None
    if len(held) + local + (told.document_number is not None) > 1:
        raise Malformed("一次只能查一个号码")
    if held:
        if held[0].number in FILLERS:
            raise Malformed(f"“{held[0].number}”不是一个{HELD[held[0].kind]}，请填写卡上或系统里的号码")
        return held[0]
    if told.institution is not None and told.local_number:
        return LocalNumber(told.institution, told.local_number)
    found = normalise_document(told.document_type, told.document_number, today=timezone.localdate())
    if isinstance(found, Unusable):
        raise Malformed(
            f"{found.problem.message}；也可以给出 institution 和 local_number，或健康卡号、健康档案编号、医保编号"
        )
    return found


async def _read(request: Request, kind: type[Asked]) -> Asked:
    _only(request, "POST")
    try:
        told = msgspec.json.decode(await request.body(LARGEST_REQUEST), type=kind)
    except msgspec.ValidationError as error:
        raise Malformed(_explained(str(error))) from error
    except msgspec.DecodeError as error:
        raise Malformed("请求内容应为 JSON") from error
    for word in told.__struct_fields__:
        if isinstance(value := getattr(told, word), str) and "\0" in value:
            raise Malformed(f"字段 {word} 里有空字符（\\u0000），请去掉后重发")
    return told


def _explained(message: str) -> str:
    """Say in Chinese what of the request is not as the interface document says; values are not repeated."""
    field = re.search(r"`\$\.?([a-z_.]*)`$", message)
    word = re.search(r"field `([a-z_]+)`", message)
    place = (word or field or [None, ""])[1]
    if "unknown field" in message:
        return "有接口文档之外的字段，请核对字段名"
    if "missing required" in message:
        return f"缺少必填字段 {place}"
    return f"字段 {place} 的内容不符合接口文档" if place else "请求内容不符合接口文档"


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise MethodNotAllowed


def _id(word: str) -> UUID:
    try:
        return UUID(word)
    except ValueError:
        raise NotFound("没有这位居民") from None


def _json(status: int, content: Any) -> Response:
    return Response(status, msgspec.json.encode(content), JSON, [(b"cache-control", b"no-store, private")])
