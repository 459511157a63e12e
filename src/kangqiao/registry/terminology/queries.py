"""Reads of terminology: editions, codes by what is typed, and what one edition changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from kangqiao.infra.paging import KeyPage, key_page
from kangqiao.registry.models import TerminologyCode, TerminologyEdition
from kangqiao.registry.terminology.layouts import Kind


class Change(StrEnum):
    """How a code differs between two editions."""

    ADDED = "added"
    RENAMED = "renamed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Differences:
    """How many codes an edition added, renamed and dropped."""

    added: int
    renamed: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Differing:
    """A code that differs: its name now, and in the edition before."""

    code: str
    name: str | None
    former: str | None


def editions_of(kind: Kind) -> list[TerminologyEdition]:
    """Return the imported editions of a vocabulary, the newest first."""
    return list(TerminologyEdition.objects.filter(kind=kind).order_by("-valid_from"))


def edition_before(edition: TerminologyEdition) -> TerminologyEdition | None:
    """Return the edition that was in force before this one."""
    earlier = TerminologyEdition.objects.filter(kind=edition.kind, valid_from__lt=edition.valid_from)
    return earlier.order_by("-valid_from").first()


def find_codes(edition: TerminologyEdition, text: str, *, after: str = "") -> QuerySet[TerminologyCode]:
    """Return codes that begin with the text, whose name holds it or whose initials begin with it, by code."""
    found = edition.codes.order_by("code")  # type: ignore[attr-defined]
    if after:
        found = found.filter(code__gt=after)
    if not text:
        return found
    by_initials = Q(initials__startswith=text.lower())
    return found.filter(Q(code__istartswith=text) | Q(name__icontains=text) | by_initials)


_BOTH = """
    FROM (SELECT code, name FROM registry_terminologycode WHERE edition_id = %(now)s) AS now
    FULL JOIN (SELECT code, name FROM registry_terminologycode WHERE edition_id = %(before)s) AS before USING (code)"""

_DIFFERS = {
    Change.ADDED: "before.code IS NULL",
    Change.RENAMED: "before.name <> now.name",
    Change.DROPPED: "now.code IS NULL",
}


def differences_between(now: TerminologyEdition, before: TerminologyEdition) -> Differences:
    """Count what one edition changed against another."""
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in _DIFFERS.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {counts}{_BOTH}", {"now": now.id, "before": before.id})
        return Differences(*cursor.fetchone())


def differing_codes(
    now: TerminologyEdition, before: TerminologyEdition, change: Change, *, after: str, size: int
) -> KeyPage[Differing]:
    """Return a page of the codes that differ in one way, by code."""
    query = (
        f"SELECT code, now.name, before.name{_BOTH} WHERE {_DIFFERS[change]} AND code > %(after)s"
        " ORDER BY code LIMIT %(most)s"
    )
    given: dict[str, Any] = {"now": now.id, "before": before.id, "after": after, "most": size + 1}
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        rows = [Differing(*row) for row in cursor.fetchall()]
    return key_page(rows, size=size, key=lambda row: row.code)
