"""Whatever a sender puts into a resource, the answer is an acceptance or a refusal, never a fault of ours."""

import copy
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_examples import TYPES, examples
from kangqiao.formats.fhir.documents import read_resource
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.errors import Malformed, Refused
from kangqiao.gateway.preparing import key_of, prepare
from kangqiao.infra.ids import uuid7
from kangqiao.trust.actors import Actor, ActorKind

ACTOR = Actor(kind=ActorKind.TOKEN, id=UUID(int=1), name="HIS", institution_id=1, permissions=frozenset())
NOW = datetime(2026, 11, 22, tzinfo=UTC)
LARGEST = 60_000

GARBAGE = [None, True, 7, -1, 1e300, "", "x", "2026", "2026-13-45", "9" * 400, [], {}, [None], [[]], {"value": []}]
GARBAGE += [{"reference": "#x"}, {"reference": 7}, {"coding": "x"}, {"coding": [7]}, "e1", {"value": "1e999999"}]


def places(node: Any, path: tuple = ()) -> list[tuple]:
    """Return the way to every value inside a resource."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in inner for place in [(*path, key), *places(value, (*path, key))]]


def replaced(resource: dict, path: tuple, value: Any) -> dict:
    changed = copy.deepcopy(resource)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return changed


@cache
def known() -> list[dict]:
    """Return the smaller examples of every type."""
    found = [each for kind in TYPES for each in examples(kind) if len(each.content) < LARGEST]
    return [each.resource for each in found]


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_a_garbled_example_is_accepted_or_refused(data: st.DataObject):
    resource = known()[data.draw(st.integers(0, len(known()) - 1))]
    for _ in range(data.draw(st.integers(1, 3))):
        ways = [way for way in places(resource) if way != ("resourceType",)]
        way = ways[data.draw(st.integers(0, len(ways) - 1))]
        resource = replaced(resource, way, data.draw(st.sampled_from(GARBAGE)))
    read = read_resource(json.dumps(resource).encode())
    try:
        id = uuid7()
        around = Among([(None, key_of(read, id), read)], received_at=NOW)
        write = prepare(read, b"{}", id=id, around=around, actor=ACTOR, media_type="", if_version=None)
    except (Refused, Malformed):
        return
    assert write.rows or write.listing or write.unless_known
