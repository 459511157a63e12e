"""The words that read one thing of a resource and fill one column, or a pair: code and name, number and unit.

What they fill in is wire text; the gate then judges it like that of any other row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kangqiao.standards.fhir.data_types import (
    Json,
    codes,
    codings,
    converted,
    decimal,
    human_name,
    plain,
    quantities,
    result_in_words,
    value_in_words,
    worded,
)
from kangqiao.standards.fhir.paths import Path, Reading

Cells = dict[str, str | None]
Fill = Callable[[Cells, str, Reading], None]
Read = Callable[[Reading], str | None]

UNKNOWN_KIND = "9"
"""Patient type of CV09.00.404 that stands for an encounter until it has been looked up."""

_PARTIAL = re.compile(r"[0-9]{4}(-[0-9]{2})?")
_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+")


@dataclass(frozen=True, slots=True)
class Source:
    """What fills a column: ``fill(cells, column, reading)``.

    paths   where it looks, the most usual first
    always  it may fill the column although none of the paths is there
    """

    paths: tuple[Path, ...]
    fill: Fill
    always: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the elements of the resource of which one must be there; empty where it must be asked anyway."""
        if self.always or not all(path.absolute for path in self.paths):
            return ()
        return tuple(dict.fromkeys(path.keys[0] for path in self.paths))


def _reads(paths: Iterable[str], read: Callable[[Json, Reading], str | None]) -> Source:
    """Return a source that takes the first path where ``read`` makes a text of the value."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for path in looked:
            value = path.first(reading)
            if value is not None and (found := read(value, reading)):
                cells[column] = found
                return

    return Source(looked, fill)


def _looked(paths: Iterable[str]) -> tuple[Path, ...]:
    return tuple(map(Path.of, paths))


def text(*paths: str) -> Source:
    """The first of the elements that is there: a string, a number, yes or no."""
    return _reads(paths, lambda value, _: decimal(value))


def joined(*paths: str) -> Source:
    """All wordings of the elements, each once."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        found = (worded(value) for path in looked for value in path.every(reading))
        cells[column] = "；".join(dict.fromkeys(filter(None, found))) or None

    return Source(looked, fill)


def moment(*paths: str, instead: tuple[str, ...] = ()) -> Source:
    """A point in time: the first of the paths; one of ``instead`` stands in for them, with a warning."""
    looked = _looked(paths)
    every_way = looked + _looked(instead)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for place, path in enumerate(every_way):
            found = path.first(reading)
            if type(found) is str:
                cells[column] = _FRACTION.sub(r"\1", found) if "." in found else found
                if len(found) < 10:
                    _note_partial(cells, column, path, reading)
                if place >= len(looked):
                    reading.warnings.append((path.text, f"没有 {paths[0]}，以 {path.text.lstrip('^')} 代替"))
                return

    return Source(every_way, fill)


def day(*paths: str) -> Source:
    """A calendar date, of a date or a date with time."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for path in looked:
            found = path.first(reading)
            if type(found) is str:
                cells[column] = found[:10]
                _note_partial(cells, column, path, reading)
                return

    return Source(looked, fill)


def _note_partial(cells: Cells, column: str, path: Path, reading: Reading) -> None:
    """Leave out a date that FHIR knows to the year or month only: no day is made up for it."""
    found = cells[column]
    if found is not None and _PARTIAL.fullmatch(found):
        reading.partial[column] = (path.text, found)
        cells[column] = None


def concept(*paths: str, systems: tuple[str, ...] = ()) -> Source:
    """A code of the systems for the column, the sender's wording for its name.

    Codes of other systems are not taken. A Reference stands for the ``code`` of the resource it points to; a drug
    that is made up and has none is named by its ingredients.
    """
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for path in looked:
            node = path.first(reading)
            if isinstance(node, dict):
                coded_by: Json = node
                name = worded(node)
                if "reference" in node:
                    found = reading.around.resolve(node, reading.resource) or {}
                    coded_by = found.get("code")
                    name = (worded(coded_by) if coded_by else _ingredients(found)) or name
                cells[column] = _code_of(coded_by, systems)
                cells[f"{column}_name"] = name
                return

    return Source(looked, fill)


def _code_of(node: Json, systems: tuple[str, ...]) -> str | None:
    own = (coding for coding in codings(node) if coding.get("system") in systems)
    return next((plain(coding.get("code")) for coding in own), None)


def _ingredients(found: Json) -> str | None:
    listed = found.get("ingredient")
    parts = listed if isinstance(listed, list) else []
    named = (worded(part.get("itemCodeableConcept")) for part in parts if isinstance(part, dict))
    return " + ".join(filter(None, named)) or None


def wording(*paths: str) -> Source:
    """The wording of a CodeableConcept, Coding or Reference (of what it points to: its type)."""

    def read(node: Json, reading: Reading) -> str | None:
        if isinstance(node, dict) and "reference" in node:
            found = reading.around.resolve(node, reading.resource) or {}
            return (worded(found.get("type")) if "type" in found else None) or worded(node)
        return worded(node)

    return _reads(paths, read)


def coded(*paths: str, to: Mapping[str, str], otherwise: str | None = None, absent: str | None = None) -> Source:
    """Our code for one of theirs; ``otherwise`` for any other, ``absent`` where the element is missing."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        said = False
        for path in looked:
            for node in path.every(reading):
                said = True
                for code in codes(node):
                    if code in to:
                        cells[column] = to[code]
                        return
        cells[column] = otherwise if said else absent

    return Source(looked, fill, always=absent is not None)


def measure(*paths: str) -> Source:
    """A quantity with the unit it came in. One with a comparator (``<``) is no number and left to the wording."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for path in looked:
            node = path.first(reading)
            if isinstance(node, dict) and "value" in node and "comparator" not in node:
                cells[column] = decimal(node["value"])
                cells[f"{column}_unit"] = plain(node.get("unit")) or plain(node.get("code"))
                return

    return Source(looked, fill)


def amount(*paths: str, unit: str) -> Source:
    """A quantity in our unit (UCUM); one that cannot be converted is left out with a warning."""
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for path in looked:
            node = path.first(reading)
            if isinstance(node, dict) and "value" in node and "comparator" not in node:
                cells[column] = converted(node, unit)
                if cells[column] is None:
                    reading.warnings.append((path.text, f"计量单位无法换算为 {unit}，未采用"))
                return

    return Source(looked, fill)


def measured(*loinc: str, unit: str) -> Source:
    """What an Observation or its component with one of the LOINC codes measured, in our unit (UCUM)."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        found = reading.memory.get(quantities)
        if found is None:
            found = reading.memory[quantities] = quantities(reading.resource)
        for code in loinc:
            if code in found:
                cells[column] = converted(found[code], unit)
                return

    return Source(_looked(("valueQuantity", "component")), fill)


def result() -> Source:
    """Everything an Observation found, in words: its value and its components."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        cells[column] = result_in_words(reading.resource)

    return Source(_looked(("value",)), fill, always=True)


def value(*, relative: bool = False) -> Source:
    """What one Observation, or the repetition of ``each``, found other than a plain quantity, in words."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        cells[column] = value_in_words(reading.item if relative else reading.resource, numbers=False)

    return Source(_looked((".value" if relative else "value",)), fill, always=True)


def name(path: str) -> Source:
    """What a person is called, of one HumanName or several."""
    looked = _looked((path,))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        cells[column] = human_name(looked[0].every(reading))

    return Source(looked, fill)


def relative(path: str, *relations: str) -> Source:
    """The name of the first contact whose relationship is one of the codes (HL7 v3 RoleCode)."""
    looked = _looked((path,))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        for node in looked[0].every(reading):
            if isinstance(node, dict) and _related(node, relations):
                cells[column] = human_name(node.get("name"))
                return

    return Source(looked, fill)


def _related(node: dict[str, Json], relations: tuple[str, ...]) -> bool:
    concepts = node.get("relationship")
    return isinstance(concepts, list) and any(code in relations for concept in concepts for code in codes(concept))


def person(*paths: str) -> Source:
    """The name of the person referred to."""
    return _named(paths, ("Practitioner", "Patient", "RelatedPerson"))


def organization(*paths: str) -> Source:
    """The name of the organization or place referred to."""
    return _named(paths, ("Organization", "Location", "HealthcareService"))


def _named(paths: tuple[str, ...], kinds: tuple[str, ...]) -> Source:
    looked = _looked(paths)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        nodes = (node for path in looked for node in path.every(reading) if isinstance(node, dict))
        cells[column] = next(filter(None, (_name_of(node, kinds, reading) for node in nodes)), None)

    return Source(looked, fill)


def _name_of(node: Json, kinds: tuple[str, ...], reading: Reading) -> str | None:
    key = reading.around.key(node)
    if key and not key.startswith(kinds):
        return None
    found = reading.around.resolve(node, reading.resource)
    name = found.get("name") if found else None
    return (plain(name) or human_name(name) if name else None) or plain(node.get("display"))


def phone(path: str) -> Source:
    """The first telephone number that is in use."""
    looked = _looked((path,))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        points = (node for node in looked[0].every(reading) if isinstance(node, dict))
        numbers = (node.get("value") for node in points if node.get("system") == "phone" and node.get("use") != "old")
        cells[column] = next(filter(None, map(plain, numbers)), None)

    return Source(looked, fill)


def or_receipt(source: Source) -> Source:
    """What the source finds, else the time of receipt; a later version then keeps the first receipt."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        source.fill(cells, column, reading)
        if cells.get(column) is None:
            cells[column] = reading.around.received
            reading.by_receipt.append(column)

    return Source(source.paths, fill, always=True)


def identifier(*kinds: str, path: str = "identifier") -> Source:
    """The value of the first identifier whose type code or system is one of the kinds; of any where none is named.

    Systems that are OIDs are named without ``urn:oid:``.
    """
    looked = _looked((path,))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        if node := _identifier(looked[0], kinds, reading):
            cells[column] = plain(node["value"])

    return Source(looked, fill)


def assigner(*kinds: str) -> Source:
    """Who issued the first identifier of these kinds."""
    looked = _looked(("identifier",))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        issuer = (_identifier(looked[0], kinds, reading) or {}).get("assigner")
        if isinstance(issuer, dict):
            cells[column] = plain(issuer.get("display"))

    return Source(looked, fill)


def until(*kinds: str) -> Source:
    """The last day on which the first identifier of these kinds is valid; none where only its month is known."""
    looked = _looked(("identifier",))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        period = (_identifier(looked[0], kinds, reading) or {}).get("period")
        if isinstance(period, dict) and type(end := period.get("end")) is str:
            cells[column] = end[:10]
            _note_partial(cells, column, looked[0], reading)

    return Source(looked, fill)


def _identifier(looked: Path, kinds: tuple[str, ...], reading: Reading) -> dict[str, Json] | None:
    """Return the first identifier with a value that is of one of the kinds; of any where none is named."""
    valued = (node for node in looked.every(reading) if isinstance(node, dict) and node.get("value"))
    return next((node for node in valued if not kinds or not _kinds(node).isdisjoint(kinds)), None)


def document_type(kinds: Mapping[str, str]) -> Source:
    """Our code for the kind of the first identifier that is one of the identity documents named."""
    looked = _looked(("identifier",))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        valued = (node for node in looked[0].every(reading) if isinstance(node, dict) and node.get("value"))
        cells[column] = next((kinds[kind] for node in valued for kind in _kinds(node) if kind in kinds), None)

    return Source(looked, fill)


def _kinds(node: Json) -> set[str]:
    return {str(node.get("system", "")).removeprefix("urn:oid:"), *codes(node.get("type"))}


def encounter(path: str) -> Source:
    """The source key of the visit or stay referred to, and its kind in the column ``<name>_kind``.

    The kind of one that did not come along is found out where the row is stored.
    """
    looked = _looked((path,))

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        node = looked[0].first(reading)
        key = reading.around.key(node) if isinstance(node, dict) else None
        if key:
            kind = reading.around.encounter_kind(key)
            cells[column], cells[f"{column}_kind"] = key, kind or UNKNOWN_KIND
            if kind is None:
                reading.unresolved.append((column, path))

    return Source(looked, fill)


def own_key() -> Source:
    """The resource's own source key."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        cells[column] = reading.key

    return Source(_looked(("id",)), fill, always=True)


def report_key() -> Source:
    """The source key of the report or panel that lists the resource, or its own where none came along."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        above = reading.around.lister(reading.resource)
        cells[column] = reading.key if above is None else reading.around.key_of(above)

    return Source(_looked(("id",)), fill, always=True)


def fixed(value: str) -> Source:
    """Always the same text."""

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        cells[column] = value

    return Source((), fill, always=True)


def if_missing(columns: Iterable[str], source: Source) -> Source:
    """What stands in where none of the columns, declared before, found anything."""
    wanted = tuple(columns)

    def fill(cells: Cells, column: str, reading: Reading) -> None:
        if all(cells.get(name) is None for name in wanted):
            source.fill(cells, column, reading)

    return Source(source.paths, fill, always=source.always)


def frequency(path: str) -> Source:
    """How often a drug is taken, of a Timing: CV06.00.228, where other rhythms are 99."""

    def read(timing: Json, _: Reading) -> str | None:
        if not isinstance(timing, dict):
            return None
        named = (_TIMING_CODES[code.upper()] for code in codes(timing.get("code")) if code.upper() in _TIMING_CODES)
        repeat = timing.get("repeat")
        return next(named, None) or (_rhythm(repeat) if isinstance(repeat, dict) else None)

    return _reads((path,), read)


def _rhythm(repeat: Json) -> str:
    if repeat.get("when") == ["HS"]:
        return "03"
    if repeat.get("count") == 1 and "frequency" not in repeat:
        return "13"
    if repeat.keys() & {"frequencyMax", "periodMax", "dayOfWeek", "timeOfDay", "when"}:
        return "99"
    return _RHYTHMS.get(" ".join(str(repeat.get(key)) for key in ("frequency", "period", "periodUnit")), "99")


_TIMING_CODES = {
    "QD": "09",
    "BID": "01",
    "QID": "10",
    "QOD": "11",
    "Q1H": "05",
    "Q6H": "07",
    "Q8H": "08",
    "HS": "03",
    "BED": "03",
    "WK": "12",
}
_RHYTHMS = {
    "1 1 d": "09",
    "2 1 d": "01",
    "4 1 d": "10",
    "1 2 d": "11",
    "1 12 h": "04",
    "1 1 h": "05",
    "1 3 h": "06",
    "1 6 h": "07",
    "1 8 h": "08",
    "1 1 wk": "12",
    "2 1 wk": "02",
}
