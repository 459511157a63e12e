"""What is known of a resident, as pages show it: the best value of every attribute with its source, then the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from kangqiao.identity.survivorship import NUMBERS, Attribute, Said, attributes_of, read_value
from kangqiao.registry.models import Institution
from kangqiao.registry.queries import division_names


@dataclass(frozen=True, slots=True, repr=False)
class Value:
    """A value, the weightiest who says it, and how many say it."""

    text: str
    source: str
    institution: str
    said_on: date | None
    times: int


@dataclass(frozen=True, slots=True, repr=False)
class ShownAttribute:
    """An attribute with its different values, the best one first."""

    title: str
    is_number: bool
    values: tuple[Value, ...]


def attributes_shown(resident_id: UUID, day: date) -> list[ShownAttribute]:
    """Return the attributes that anybody says something about; divisions are named as on a day."""
    known = [each for each in attributes_of(resident_id) if each.said]
    said = [each for attribute in known for each in attribute.said]
    places = Institution.objects.filter(id__in={each.institution_id for each in said})
    institutions = dict(places.values_list("id", "name"))
    codes = {str(each.value) for attribute in known if attribute.word == "division" for each in attribute.said}
    divisions = division_names(codes, day)
    return [_shown(attribute, divisions, institutions) for attribute in known]


def _shown(attribute: Attribute, divisions: Mapping[str, str], institutions: Mapping[int, str]) -> ShownAttribute:
    weightiest: dict[str | date, Said] = {}
    for each in attribute.said:
        weightiest.setdefault(each.value, each)
    values = tuple(
        Value(
            text=read_value(attribute.word, value, divisions),
            source=said.source,
            institution=institutions.get(said.institution_id or 0, ""),
            said_on=said.said_on,
            times=sum(each.value == value for each in attribute.said),
        )
        for value, said in weightiest.items()
    )
    return ShownAttribute(attribute.title, attribute.word in NUMBERS, values)
