"""Reading the data types of FHIR R4 as they stand in JSON: concepts, names, quantities, results.

Decimals arrive as text (``formats.fhir.documents``), so that their digits are kept. Whatever is not of the type FHIR
gives it reads as missing.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Any

LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"

_CJK = re.compile(r"[\u3400-\u9fff]")


def plain(value: Json) -> str | None:
    """Return a primitive value as wire text."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "T" if value else "F"
    return str(value) if type(value) is int else None


def decimal(value: Json) -> str | None:
    """Return a decimal as wire text: its own digits, an exponent written out."""
    found = plain(value)
    if found is None or not ("e" in found or "E" in found):
        return found
    try:
        return format(Decimal(found), "f")
    except InvalidOperation:
        return found


def codings(concept: Json) -> list[dict[str, Json]]:
    """Return the Codings of a CodeableConcept."""
    found = concept.get("coding") if type(concept) is dict else None
    return [coding for coding in found if type(coding) is dict] if type(found) is list else []


def codes(node: Json) -> list[str]:
    """Return the codes of a code, Coding or CodeableConcept."""
    if type(node) is str:
        return [node]
    if type(node) is not dict:
        return []
    found = [coding.get("code") for coding in codings(node)] if "coding" in node else [node.get("code")]
    return [code for code in found if type(code) is str]


def worded(node: Json) -> str | None:
    """Return how a CodeableConcept, Coding, Reference, Annotation or string words itself; a bare code last."""
    if not isinstance(node, dict):
        return plain(node)
    for key in ("text", "display"):
        if node.get(key):
            return plain(node[key])
    for key in ("display", "code"):
        for coding in codings(node):
            if coding.get(key):
                return plain(coding[key])
    return plain(node.get("code"))


def human_name(names: Json) -> str | None:
    """Return a person's name of one HumanName or several: the official one first, never a former one."""
    listed = [name for name in (names if isinstance(names, list) else [names]) if isinstance(name, dict)]
    for name in sorted(listed, key=lambda name: _NAME_USES.get(str(name.get("use")), 1)):
        if name.get("use") in ("old", "maiden"):
            continue
        parts = name.get("given")
        given = [part for part in parts if isinstance(part, str)] if isinstance(parts, list) else []
        family = plain(name.get("family")) or ""
        together = family + "".join(given) if _CJK.search(family) else " ".join(filter(None, [*given, family]))
        found = plain(name.get("text")) or together
        if found:
            return found
    return None


_NAME_USES = {"official": 0, "usual": 2, "temp": 3, "nickname": 4, "anonymous": 5}


def observed(resource: Json) -> list[dict[str, Json]]:
    """Return the Observation itself, then its components: each has a code and may have a value."""
    components = resource.get("component")
    found = components if isinstance(components, list) else []
    return [resource, *(node for node in found if isinstance(node, dict))]


def quantities(resource: Json) -> dict[str, dict[str, Json]]:
    """Return what an Observation and its components measured, by LOINC code; without what has a comparator."""
    found: dict[str, dict[str, Json]] = {}
    for node in observed(resource):
        value = node.get("valueQuantity")
        if isinstance(value, dict) and "comparator" not in value:
            for coding in codings(node.get("code")):
                if coding.get("system") == LOINC:
                    found.setdefault(str(coding.get("code")), value)
    return found


def has_value(node: Json) -> bool:
    """Say whether an Observation or component has a value."""
    return any(key.startswith("value") and node[key] is not None for key in node)


def value_in_words(node: Json, *, numbers: bool = True) -> str | None:
    """Return what an Observation or component found as text; a plain quantity only where ``numbers`` is set."""
    for key, value in node.items() if isinstance(node, dict) else ():
        if key == "valueQuantity" and not numbers and isinstance(value, dict) and "comparator" not in value:
            return None
        if key in _WORDINGS and isinstance(value, dict):
            return _WORDINGS[key](value)
        if key == "valueBoolean":
            return "是" if value else "否"
        if key.startswith("value"):
            return worded(value)
    return None


def result_in_words(resource: Json) -> str | None:
    """Return everything an Observation found as one text, its components behind it; None for nothing."""
    own, *parts = observed(resource)
    found = [f"{worded(part.get('code')) or ''}：{words}" for part in parts if (words := value_in_words(part))]
    return "；".join(filter(None, [value_in_words(own), *found])) or None


def quantity_in_words(node: Json) -> str:
    """Return a Quantity as people write it: ``<0.5 mmol/L``."""
    if not isinstance(node, dict):
        return ""
    unit = plain(node.get("unit")) or plain(node.get("code")) or ""
    return f"{node.get('comparator', '')}{decimal(node.get('value')) or ''} {unit}".strip()


_WORDINGS = {
    "valueQuantity": quantity_in_words,
    "valueRange": lambda value: "–".join(quantity_in_words(value.get(end)) for end in ("low", "high")),
    "valueRatio": lambda value: ":".join(quantity_in_words(value.get(part)) for part in ("numerator", "denominator")),
    "valuePeriod": lambda value: "–".join(str(value.get(end, "")) for end in ("start", "end")),
    "valueSampledData": lambda _: "波形数据，见原件",
}


def converted(quantity: Json, unit: str) -> str | None:
    """Return a Quantity's value in our unit (UCUM), None where there is no way from its unit to ours."""
    value = decimal(quantity.get("value"))
    for name in (plain(quantity.get("code")), plain(quantity.get("unit"))):
        if value is None or name is None:
            continue
        if name == unit or name in _SAME.get(unit, ()):
            return value
        if (name, unit) in _FACTORS:
            factor, offset = _FACTORS[name, unit]
            try:
                return format(round((Decimal(value) + offset) * factor, 4).normalize(), "f")
            except InvalidOperation:
                return None
    return None


_SAME = {
    "Cel": ("℃", "°C", "C", "degrees C", "摄氏度"),
    "/min": ("{beats}/min", "{breaths}/min", "次/min", "次/分", "bpm", "beats/minute", "breaths/minute"),
    "mm[Hg]": ("mmHg", "mm Hg", "毫米汞柱"),
    "kg/m2": ("kg/m²", "kg/m^2"),
    "mL": ("ml", "毫升", "cc"),
    "d": ("day", "days", "天", "日"),
}
_FACTORS = {
    ("[degF]", "Cel"): (Decimal(5) / Decimal(9), Decimal(-32)),
    ("kPa", "mm[Hg]"): (Decimal("7.50062"), Decimal(0)),
    ("m", "cm"): (Decimal(100), Decimal(0)),
    ("[in_i]", "cm"): (Decimal("2.54"), Decimal(0)),
    ("[in_us]", "cm"): (Decimal("2.54"), Decimal(0)),
    ("g", "kg"): (Decimal("0.001"), Decimal(0)),
    ("[lb_av]", "kg"): (Decimal("0.45359237"), Decimal(0)),
    ("dL", "mL"): (Decimal(100), Decimal(0)),
    ("wk", "d"): (Decimal(7), Decimal(0)),
}
"""(their unit, ours) → (factor, what is added before it is applied)."""
