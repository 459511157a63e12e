"""Bundles: a transaction takes effect as a whole, a batch entry by entry; a collection is a batch of creations."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from kangqiao.formats.fhir.documents import Bundle, Entry, Unreadable, read_resource
from kangqiao.formats.fhir.mapping import Problem
from kangqiao.formats.fhir.outcomes import outcome
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.errors import GatewayError, Malformed, NotFound, Refused, TooLarge
from kangqiao.gateway.http import FHIR_JSON, Response
from kangqiao.gateway.preparing import check_type, if_match, key_of, kind_of_encounter, prepare
from kangqiao.gateway.reader import Refusal
from kangqiao.gateway.writes import Write, Written, deletion, failure, status_of
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor

if TYPE_CHECKING:
    from kangqiao.gateway.fhir import FhirDoor

MOST_ENTRIES: Final = 2000
BREATH: Final = 16
"""After so many resources other requests get their turn."""

_ENCODER = msgspec.json.Encoder()


@dataclass(slots=True)
class Step:
    """One entry on its way: what it asks for, then what is written, then what came of it."""

    place: int
    method: str
    url: str
    entry: Entry
    id: UUID
    resource: Any = None
    key: str = ""
    if_version: int | None = None
    write: Write | None = None
    error: GatewayError | None = None


class Bundles:
    """Answers Bundles of one actor."""

    def __init__(self, door: FhirDoor, actor: Actor, base: str) -> None:
        self.door, self.actor, self.base = door, actor, base

    async def answer(self, bundle: Bundle) -> Response:
        """Return the response Bundle; of a transaction that fails, the error is raised and nothing is stored."""
        if bundle.resource_type != "Bundle" or bundle.type not in ("transaction", "batch", "collection"):
            message = "Bundle 的 type 应为 transaction、batch 或 collection"
            raise Refused([Problem("error", "not-supported", message, "Bundle.type")])
        if len(bundle.entry) > MOST_ENTRIES:
            raise TooLarge(f"一个 Bundle 最多 {MOST_ENTRIES} 条，请分批发送")
        steps = [self._step(bundle, place, entry) for place, entry in enumerate(bundle.entry)]
        _refuse_repeated(steps)
        await self._prepare(steps)
        if bundle.type == "transaction":
            entries = await self._together(steps)
            return _response("transaction-response", entries)
        return _response("batch-response", await self._one_by_one(steps))

    def _step(self, bundle: Bundle, place: int, entry: Entry) -> Step:
        request = entry.request or {}
        if bundle.type == "collection":
            request = {"method": "POST", "url": ""}
        step = Step(place, str(request.get("method", "")), str(request.get("url", "")), entry, uuid7())
        try:
            if request.get("ifNoneExist") or (step.method != "GET" and "?" in step.url):
                raise Refused([Problem("error", "not-supported", "不支持带条件的创建、更新和删除")])
            step.if_version = if_match(str(request.get("ifMatch") or ""))
            self._read(step)
        except GatewayError as error:
            step.error = error
        except Unreadable as error:
            step.error = Malformed(str(error), code=error.code)
        return step

    def _read(self, step: Step) -> None:
        kind, _, id = step.url.strip("/").partition("/")
        if step.method in ("POST", "PUT"):
            step.resource = read_resource(bytes(step.entry.resource))
            check_type(step.resource["resourceType"])
            if kind and kind != step.resource["resourceType"]:
                raise Malformed("request.url 与资源类型不一致")
            step.key = key_of(step.resource, step.id, asked=id if step.method == "PUT" else None)
        elif step.method == "DELETE":
            check_type(kind)
            step.key = f"{kind}/{id}"
        elif step.method != "GET":
            raise Malformed("request.method 应为 GET、POST、PUT 或 DELETE", code="value")

    async def _prepare(self, steps: list[Step]) -> None:
        """Map and judge every resource in the light of the others."""
        came = [step for step in steps if step.error is None and step.resource is not None]
        around = Among([(s.entry.full_url, s.key, s.resource) for s in came], received_at=datetime.now(UTC))
        self._learn_encounters(came, around)
        for number, step in enumerate(steps):
            if step.error is None and step.resource is not None:
                try:
                    step.write = prepare(
                        step.resource,
                        bytes(step.entry.resource),
                        id=step.id,
                        around=around,
                        actor=self.actor,
                        media_type=FHIR_JSON,
                        if_version=step.if_version,
                    )
                except Refused as error:
                    step.error = error
            elif step.error is None and step.method == "DELETE":
                kind, _, id = step.key.partition("/")
                step.write = deletion(self.actor, kind, id, step.if_version)
            if number % BREATH == BREATH - 1:
                await asyncio.sleep(0)

    def _learn_encounters(self, came: list[Step], around: Among) -> None:
        assert self.actor.institution_id is not None
        for step in came:
            if step.resource["resourceType"] == "Encounter":
                kind = kind_of_encounter(step.resource, around, self.actor.institution_id)
                if kind:
                    around.kinds[step.key] = kind

    async def _together(self, steps: list[Step]) -> list[dict[str, Any]]:
        wrong = [step for step in steps if step.error]
        if wrong:
            await self._note_refusals(wrong)
            raise _whole(wrong)
        unit = [step for step in steps if step.write]
        written = await self.door.scribe.write([step.write for step in unit if step.write]) if unit else []
        for step, one in zip(unit, written, strict=True):
            if not one.done:
                step.error = failure(one)
        wrong = [step for step in unit if step.error]
        if wrong:
            raise _whole(wrong)
        done = {step.place: one for step, one in zip(unit, written, strict=True)}
        return [_entry(step, done[step.place]) if step.place in done else await self._get(step) for step in steps]

    async def _one_by_one(self, steps: list[Step]) -> list[dict[str, Any]]:
        await self._note_refusals([step for step in steps if step.error])
        return list(await asyncio.gather(*(self._alone(step) for step in steps)))

    async def _alone(self, step: Step) -> dict[str, Any]:
        try:
            if step.error:
                raise step.error
            if step.write is None:
                return await self._get(step)
            (written,) = await self.door.scribe.write([step.write])
            if not written.done:
                raise failure(written)
            return _entry(step, written)
        except GatewayError as error:
            return _failed(error)

    async def _get(self, step: Step) -> dict[str, Any]:
        place, _, query = step.url.partition("?")
        kind, _, id = place.strip("/").partition("/")
        try:
            if id:
                found = await self.door.read(self.actor, kind, id.partition("/")[0], _history(id))
            elif query:
                parameters = dict(parse_qsl(query, keep_blank_values=True))
                found = await self.door.search(self.actor, kind, parameters, base=self.base)
            else:
                raise NotFound("没有这个地址，见 /fhir/metadata")
        except GatewayError as error:
            return _failed(error)
        headers = dict(found.headers)
        response = {"status": _status(found.status)}
        if b"etag" in headers:
            response["etag"] = headers[b"etag"].decode()
        return {"response": response, "resource": msgspec.Raw(found.body)}

    async def _note_refusals(self, steps: list[Step]) -> None:
        kinds = [step.key.partition("/")[0] or "Bundle" for step in steps if isinstance(step.error, Refused)]
        noted = (self.door.reader.note_refusal(Refusal(self.actor, Action.FHIR_WRITE, kind)) for kind in kinds)
        await asyncio.gather(*noted)


def _history(id: str) -> str | None:
    _, _, rest = id.partition("/")
    return rest.removeprefix("_history/") if rest else None


def _refuse_repeated(steps: list[Step]) -> None:
    seen: set[str] = set()
    for step in steps:
        if step.error is None and step.key:
            if step.key in seen:
                step.error = Malformed("同一个资源在 Bundle 中出现了两次", code="duplicate")
            seen.add(step.key)


def _whole(wrong: list[Step]) -> GatewayError:
    """Return the error of a transaction: everything that is wrong with it, each with the entry it is about."""
    problems = []
    for step in wrong:
        assert step.error
        for problem in step.error.problems:
            place = f"Bundle.entry[{step.place}]"
            expression = f"{place}.resource.ofType({problem.expression.partition('.')[0]})"
            _, dot, rest = problem.expression.partition(".")
            at = f"{expression}{dot}{rest}" if problem.expression else place
            problems.append(Problem(problem.severity, problem.code, problem.message, at, problem.element))
    error = Refused(problems)
    error.status = next(step.error.status for step in wrong if step.error)
    return error


def _entry(step: Step, written: Written) -> dict[str, Any]:
    assert step.write
    response: dict[str, Any] = {"status": _status(status_of(written))}
    if written.version:
        response["etag"] = f'W/"{written.version}"'
    if step.write.content is not None:
        response["location"] = f"{step.key}/_history/{written.version}"
        response["lastModified"] = step.write.received_at.isoformat()
    if step.write.warnings:
        response["outcome"] = outcome(step.write.warnings)
    return {"response": response}


def _failed(error: GatewayError) -> dict[str, Any]:
    return {"response": {"status": _status(error.status), "outcome": outcome(error.problems)}}


def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"


def _response(kind: str, entries: list[dict[str, Any]]) -> Response:
    return Response(200, _ENCODER.encode({"resourceType": "Bundle", "type": kind, "entry": entries}))
