"""Which model decides: the newest that was kept, or before there is one that of a simulated city."""

import json
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from django.db import connection, transaction
from psycopg import Connection

from kangqiao.identity.errors import ModelOutdated
from kangqiao.identity.linkage.crowds import NO_CROWDS, Crowds, crowds_as_bytes, crowds_from
from kangqiao.identity.linkage.model import SIMULATED_CITY, Model, UnreadableModel, content_of, load_model, model_from
from kangqiao.identity.models import LinkageModel
from kangqiao.infra.postgres.statement import Statement
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act


@dataclass(frozen=True, slots=True, eq=False)
class InUse:
    """A model and what many share in the city it was learnt in."""

    model: Model
    crowds: Crowds


_known: dict[str, InUse] = {}


def model_in_use(on: Connection) -> InUse:
    """Return what decides now. Raises ModelOutdated where the newest model is of another version of the engine."""
    ((newest,),) = _NEWEST.rows(on, {})
    return model_known_as(on, newest)


def model_known_as(on: Connection, newest: str | None) -> InUse:
    """The same where it is known what the newest version is (`NEWEST_MODEL`)."""
    version = newest or SIMULATED_CITY.name
    if version not in _known:
        found = _kept(on, version) if newest else InUse(default_model(), NO_CROWDS)
        _known.clear()
        _known[version] = found
    return _known[version]


@cache
def default_model() -> Model:
    """Return the model that comes with the program."""
    return load_model(SIMULATED_CITY)


def model_of_version(version: str) -> Model:
    """Return a model that decided once, to explain what it decided. Raises LinkageModel.DoesNotExist."""
    default = default_model()
    return default if version == default.version else model_from(LinkageModel.objects.get(version=version).content)


def keep_model(*, model: Model, crowds: Crowds, patients: int, actor: Actor) -> InUse:
    """Keep a model that was learnt; from now on it decides."""
    with transaction.atomic():
        LinkageModel.objects.create(
            version=model.version, content=content_of(model), crowds=crowds_as_bytes(crowds), patients=patients
        )
        record_act(
            actor=actor,
            action=Action.MODEL_KEEP,
            object_kind="linkage-model",
            object_id=model.version,
            detail={"patients": patients},
        )
    return InUse(model, crowds)


def import_model(*, content: dict[str, Any], actor: Actor) -> Model:
    """Keep a model from a file; the crowds stay those of this city. Raises UnreadableModel."""
    model = model_from(content)
    connection.ensure_connection()
    keep_model(model=model, crowds=model_in_use(connection.connection).crowds, patients=0, actor=actor)
    return model


def _kept(on: Connection, version: str) -> InUse:
    ((content, crowds),) = on.execute(_CONTENT, (version,)).fetchall()
    try:
        model = model_from(content if isinstance(content, dict) else json.loads(content))
    except UnreadableModel as error:
        raise ModelOutdated from error
    return InUse(model, crowds_from(bytes(crowds)))


NEWEST_MODEL: Final = "(SELECT version FROM identity_linkagemodel ORDER BY made_at DESC, version DESC LIMIT 1)"
_NEWEST: Final = Statement(f"SELECT {NEWEST_MODEL}")
_CONTENT: Final = "SELECT content, crowds FROM identity_linkagemodel WHERE version = %s"
