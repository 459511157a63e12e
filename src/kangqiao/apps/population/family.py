"""Parents and children, found by the documents that birth records name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q

from kangqiao.identity.models import ResidentIdentifier
from kangqiao.identity.queries import Person, people, residents_of
from kangqiao.records.population.models import Birth

MOST_CHILDREN: Final = 50
PARENTS: Final = {"mother": "母亲", "father": "父亲"}


@dataclass(frozen=True, slots=True)
class Relative:
    """A parent or child; without a person where nobody with this document is known."""

    relation: str
    name: str
    person: Person | None


def births_of_children(person: Person) -> list[Any]:
    """Return the births whose record names a document of the person as the mother's or father's, the eldest first."""
    numbers = [document.number for document in person.documents]
    if not numbers:
        return []
    named = Q(mother_document__in=numbers) | Q(father_document__in=numbers)
    own = [known.patient_id for known in person.patients]
    rows = Birth._default_manager.filter(named, voided=False).exclude(patient_id__in=own)
    return list(rows.order_by("born", "id")[:MOST_CHILDREN])


def relatives_of(births: Sequence[Any], children: Sequence[Any]) -> list[Relative]:
    """Return mother and father as the newest birth record names them, and the children of these births."""
    return [*_parents(births), *_children(children)]


def _parents(births: Sequence[Any]) -> list[Relative]:
    named = [(title, _parent(row, word)) for row in births[:1] for word, title in PARENTS.items()]
    known = _named_by(key for _, (_, key) in named)
    return [Relative(title, name, known.get(key)) for title, (name, key) in named if name]


def _parent(row: Any, word: str) -> tuple[str | None, tuple[str, str]]:
    """Return the name and the document of a birth's mother or father."""
    kind, number = getattr(row, f"{word}_document_type"), getattr(row, f"{word}_document")
    return getattr(row, f"{word}_name"), (kind or "", number or "")


def _named_by(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Person]:
    """Return the residents whom these documents (kind, number) name."""
    either = Q(pk=None)
    for kind, number in keys:
        either |= Q(type=kind, number=number)
    rows = ResidentIdentifier.objects.filter(either, valid=True).values_list("type", "number", "resident_id")
    residents = {(kind, number): id for kind, number, id in rows}
    known = {each.id: each for each in people(list(set(residents.values())))}
    return {key: known[id] for key, id in residents.items() if id in known}


def _children(births: Sequence[Any]) -> list[Relative]:
    residents = residents_of(row.patient_id for row in births)
    in_order = dict.fromkeys(residents[row.patient_id] for row in births if row.patient_id in residents)
    return [Relative("子女", each.name or "未登记姓名", each) for each in people(list(in_order))]
