"""Institutions as people read them."""

from collections.abc import Iterable

from kangqiao.registry.models import Institution


def institution_names(ids: Iterable[int | None]) -> dict[int, str]:
    """Return id → name of these institutions."""
    return dict(Institution.objects.filter(id__in={each for each in ids if each}).values_list("id", "name"))


def place_of(institution_id: int | None, names: dict[int, str]) -> str:
    """Return an institution's name for people; None is the whole city."""
    if institution_id is None:
        return "全市（不限机构）"
    return names.get(institution_id, f"机构 {institution_id}")
