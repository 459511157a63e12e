"""Reading FHIR JSON as it came over the wire, and what can be wrong with it before anything is looked at."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgspec

Json = Any

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
"""The form of a FHIR id (http://hl7.org/fhir/R4/datatypes.html#id)."""

_NAMESPACE = uuid.UUID("8d3b6f0c-5a8e-4b8c-9c0a-3f1d0f6f9d57")


class Unreadable(ValueError):
    """The bytes are not a FHIR resource in JSON. ``code`` is FHIR's issue type; the message is Chinese."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


class Entry(msgspec.Struct, rename="camel"):
    """One entry of a Bundle; the resource's own bytes are kept as they came."""

    full_url: str | None = None
    resource: msgspec.Raw = msgspec.Raw()
    request: dict[str, Any] | None = None


class Bundle(msgspec.Struct, rename="camel"):
    """A Bundle as it came."""

    resource_type: str
    type: str = ""
    entry: list[Entry] = []


_DECODER = msgspec.json.Decoder(float_hook=str)  # decimals keep their digits
_BUNDLE_DECODER = msgspec.json.Decoder(Bundle)


def read_resource(body: bytes) -> dict[str, Json]:
    """Return a resource; its decimals are text. Raises :class:`Unreadable`."""
    resource = _decoded(_DECODER, body)
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise Unreadable("structure", "内容应为一个 FHIR 资源：带有 resourceType 的 JSON 对象")
    return resource


def read_bundle(body: bytes) -> Bundle:
    """Return a Bundle whose resources are still bytes. Raises :class:`Unreadable`."""
    bundle: Bundle = _decoded(_BUNDLE_DECODER, body)
    return bundle


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    if not body.strip():
        raise Unreadable("structure", "请求没有内容")
    if b"\\u0000" in body:
        raise Unreadable("value", "内容含有空字符（\\u0000），无法保存")
    try:
        return decoder.decode(body)
    except UnicodeDecodeError as error:
        raise Unreadable("structure", "内容不是 UTF-8 编码") from error
    except RecursionError as error:
        raise Unreadable("too-costly", "JSON 嵌套过深") from error
    except msgspec.ValidationError as error:
        raise Unreadable("structure", f"Bundle 的结构不对：{_place(error)}") from error
    except msgspec.DecodeError as error:
        raise Unreadable("structure", "内容不是完整的 JSON") from error


def _place(error: msgspec.ValidationError) -> str:
    """Return where a structure is wrong, without the value that stands there."""
    found = re.search(r"at `\$(\S*)`", str(error))
    return (found[1] if found else "").lstrip(".") or "resourceType"


def local_id(resource: dict[str, Json], *, otherwise: uuid.UUID) -> str:
    """Return the id a resource is known by: its own, else of its first identifier, else the one made for it."""
    own = resource.get("id")
    if isinstance(own, str) and own:
        return own
    return identifier_id(resource.get("identifier")) or str(otherwise)


def identifier_id(identifiers: Json) -> str | None:
    """Return the id that stands for the first Identifier with a value: the value where it has the form of an id.

    Any other value gives the same UUID each time, so that what is sent twice is one thing.
    """
    listed = identifiers if isinstance(identifiers, list) else [identifiers]
    for node in listed:
        value = node.get("value") if isinstance(node, dict) else None
        if isinstance(value, str) and value:
            return value if ID.fullmatch(value) else str(uuid.uuid5(_NAMESPACE, f"{node.get('system')}|{value}"))
    return None
