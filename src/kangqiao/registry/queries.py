"""Reads of the registry."""

from datetime import date

from django.db.models import Q, QuerySet

from kangqiao.registry.models import Division, Institution


def institution_ids() -> dict[str, int]:
    """Return the id of every active institution by its code."""
    return dict(Institution.objects.filter(active=True).values_list("code", "id"))


def codes_reported_by(institution_id: int | None) -> dict[str, int]:
    """Return code → id of the active institutions whose rows this one may send: itself and those below it."""
    ids = scope_of(institution_id)
    return dict(Institution.objects.filter(active=True, id__in=ids).values_list("code", "id"))


def scope_of(institution_id: int | None) -> set[int]:
    """Return the ids of an institution and of all that report through it, at any depth; None has an empty scope."""
    below: dict[int | None, list[int]] = {}
    for child, parent in Institution.objects.values_list("id", "parent_id"):
        below.setdefault(parent, []).append(child)
    scope: set[int] = set()
    waiting = [] if institution_id is None else [institution_id]
    while waiting:
        one = waiting.pop()
        if one not in scope:
            scope.add(one)
            waiting.extend(below.get(one, []))
    return scope


def divisions_on(day: date) -> QuerySet[Division]:
    """Return the divisions as they were called on a day, by code."""
    begun = Q(valid_from__isnull=True) | Q(valid_from__lte=day)
    lasting = Q(valid_to__isnull=True) | Q(valid_to__gt=day)
    return Division.objects.filter(begun & lasting).order_by("stats_code")


def divisions_below(parent_code: str, day: date) -> list[Division]:
    """Return the divisions directly below another one on a day, by code."""
    return list(divisions_on(day).filter(parent_code=parent_code))
