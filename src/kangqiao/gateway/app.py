"""The gateway as an ASGI application: who asks, which door, what went wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from pathlib import Path
from typing import Final

from kangqiao.formats.fhir.mapping import declarations
from kangqiao.formats.fhir.outcomes import outcome_bytes
from kangqiao.gateway import identity, records
from kangqiao.gateway.api import ApiDoor, problem_response
from kangqiao.gateway.errors import GatewayError, Unavailable
from kangqiao.gateway.fhir import FhirDoor
from kangqiao.gateway.http import FHIR_JSON, Disconnected, Receive, Request, Response, Scope, Send
from kangqiao.gateway.reader import Reader
from kangqiao.gateway.scribe import Scribe
from kangqiao.gateway.tokens import Tokens
from kangqiao.gateway.uploads import Uploads
from kangqiao.trust.errors import NotPermitted

log = logging.getLogger(__name__)

SWITCH_SECONDS: Final = 0.0005
"""How long a thread may keep the interpreter while another waits for it: the scribe's and the event loop's."""


def answers(path: str) -> bool:
    """Say whether an address is one of the gateway's."""
    return path in ("/fhir", "/api/intake") or path.startswith(
        ("/fhir/", "/api/intake/", records.PREFIX, identity.PREFIX)
    )


class Gateway:
    """One gateway per process; started and stopped by the ASGI lifespan."""

    def __init__(self, *, url: str, home: Path, archive_url: str) -> None:
        self._url, self._home, self._archive_url = url, home, archive_url
        self._records: records.RecordDoor | None = None

    async def start(self) -> None:
        """Open connections and begin to take requests."""
        sys.setswitchinterval(SWITCH_SECONDS)
        declarations()
        gc.collect()
        gc.freeze()  # what is here at the start stays; the collector need not look at it again and again
        self._scribe = Scribe(self._url)
        self._scribe.start()
        self._tokens, self._reader = Tokens(self._url), Reader(self._url)
        self._fhir = FhirDoor(reader=self._reader, scribe=self._scribe)
        self._identity = identity.IdentityDoor(self._url)
        self._api = ApiDoor(uploads=Uploads(self._home / "uploads"), archive_url=self._archive_url)
        self._records = await records.open_door(self._url)

    async def stop(self) -> None:
        """Finish what is under way and close connections."""
        if self._records is not None:
            await self._scribe.stop()
            await self._reader.close()
            await self._tokens.close()
            await self._identity.close()
            await self._records.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Disconnected:
            return
        await response.send(send)

    def _door(self, path: str) -> records.RecordDoor | identity.IdentityDoor | ApiDoor:
        if path.startswith(records.PREFIX):
            assert self._records is not None
            return self._records
        return self._identity if path.startswith(identity.PREFIX) else self._api

    async def _answer(self, request: Request) -> Response:
        is_fhir = request.path.startswith("/fhir")
        try:
            if self._records is None:
                raise Unavailable
            actor = await self._tokens.actor(request.headers.get(b"authorization"), request.address)
            if is_fhir:
                return await self._fhir.answer(request, actor)
            return await self._door(request.path).answer(request, actor)
        except GatewayError as error:
            return _told(error, is_fhir)
        except NotPermitted as error:
            return _told(_forbidden(error), is_fhir)
        except (Disconnected, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a request failed")
            return _told(GatewayError(), is_fhir)


def _forbidden(error: NotPermitted) -> GatewayError:
    told = GatewayError(str(error))
    told.status, told.code = 403, "forbidden"
    return told


def _told(error: GatewayError, is_fhir: bool) -> Response:
    if not is_fhir:
        return problem_response(error)
    return Response(error.status, outcome_bytes(error.problems), FHIR_JSON, list(error.headers))
