"""Reads of the registry."""

from collections.abc import Iterable
from datetime import date

from django.db.models import Count, Q, QuerySet

from kangqiao.registry.models import Division, Institution

COUNTY_DIGITS = 6
"""So many digits of a division's code name its county."""


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


def division_on(code: str, day: date) -> Division | None:
    """Return one division as it was called on a day."""
    return divisions_on(day).filter(stats_code=code).first()


def divisions_above(division: Division, day: date) -> list[Division]:
    """Return the divisions above one on a day, the topmost first."""
    above: list[Division] = []
    parent = division_on(division.parent_code, day)
    while parent is not None:
        above.insert(0, parent)
        parent = division_on(parent.parent_code, day)
    return above


def count_below(codes: Iterable[str], day: date) -> dict[str, int]:
    """Return how many divisions stand directly below each of these."""
    below = divisions_on(day).filter(parent_code__in=codes).order_by()
    return dict(below.values_list("parent_code").annotate(Count("id")))


def former_names(codes: Iterable[str], day: date) -> dict[str, Division]:
    """Return by code what these divisions were called before the name they bear on a day."""
    return {each.stats_code: each for each in Division.objects.filter(stats_code__in=codes, valid_to__lte=day)}


def find_divisions(text: str, day: date) -> QuerySet[Division]:
    """Return the divisions of a day whose name contains the text, or one of whose codes begins with it."""
    named = Q(name__contains=text)
    return divisions_on(day).filter(named | Q(stats_code__startswith=text) | Q(mca_code__startswith=text))


def division_names(codes: Iterable[str], day: date) -> dict[str, str]:
    """Return code → name with the county before it: 凤庆县 凤山镇."""
    wanted = set(codes)
    counties = {code[:COUNTY_DIGITS].ljust(12, "0") for code in wanted}
    names = dict(divisions_on(day).filter(stats_code__in=wanted | counties).values_list("stats_code", "name"))
    return {code: _placed_name(code, names) for code in wanted if code in names}


def _placed_name(code: str, names: dict[str, str]) -> str:
    county = code[:COUNTY_DIGITS].ljust(12, "0")
    return names[code] if code == county or county not in names else f"{names[county]} {names[code]}"


def find_institutions(*, text: str = "", county: str = "", kind: str = "", level: str = "") -> QuerySet[Institution]:
    """Return institutions whose name or short name contains the text or whose code begins with it, by code.

    `county` is a division code, `kind` a WS 218 code, `level` a level code; "" leaves an element open.
    """
    found = Institution.objects.order_by("code")
    if text.strip():
        words = text.strip()
        found = found.filter(
            Q(name__contains=words) | Q(short_name__contains=words) | Q(code__startswith=words.upper())
        )
    if county:
        found = found.filter(division_code__startswith=county[:COUNTY_DIGITS])
    if kind:
        found = found.filter(type=kind)
    return found.filter(level=level) if level else found
