"""Where quality is looked at: the city, a county or an institution, as far as the actor may see it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.utils import timezone

from kangqiao.quality.models import Measurement
from kangqiao.registry import queries as registry
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.trust.actors import Actor
from kangqiao.trust.permissions import Permission


class Kind(StrEnum):
    """How large a place is."""

    CITY = "city"
    COUNTY = "county"
    INSTITUTION = "institution"


@dataclass(frozen=True, slots=True)
class Place:
    """One place, as addresses write it: ``city``, ``county-530902``, ``institution-12``."""

    kind: Kind
    code: str = ""

    def __str__(self) -> str:
        return f"{self.kind}-{self.code}" if self.code else str(self.kind)

    @property
    def institution_id(self) -> int | None:
        """The institution's id, None for a larger place."""
        return int(self.code) if self.kind is Kind.INSTITUTION else None


CITY = Place(Kind.CITY)
SHAPE = r"city|county-[0-9]{6}|institution-[1-9][0-9]{0,8}"


def place_of(text: str) -> Place:
    """Return the place an address names; raises ValueError for any other text."""
    if not re.fullmatch(SHAPE, text):
        raise ValueError(text)
    kind, _, code = text.partition("-")
    return Place(Kind(kind), code)


@dataclass(frozen=True, slots=True)
class Seat:
    """An institution and the county it stands in (the first digits of its division)."""

    id: int
    name: str
    code: str
    county: str


@dataclass(frozen=True, slots=True)
class Seats:
    """Institutions to sum over. ``everyone`` are all there are; ``measurement`` is the one whose findings are read."""

    members: tuple[Seat, ...]
    everyone: bool
    measurement: UUID | None

    def __iter__(self) -> Iterator[Seat]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)


class NoSuchPlace(LookupError):
    """No institution the actor may see stands there."""


@dataclass(frozen=True)
class Ground:
    """What an actor may look at: institutions by id, and the names of their counties by code.

    ``whole`` says that this is the whole city; ``measurement`` is the newest one, None before the first.
    """

    seats: Mapping[int, Seat]
    counties: Mapping[str, str]
    whole: bool
    measurement: Measurement | None

    def within(self, place: Place) -> Seats:
        """Return the institutions of a place; raises :class:`NoSuchPlace` where the actor sees none."""
        found = tuple(seat for seat in self.seats.values() if _stands_in(seat, place))
        if not found and place != CITY:
            raise NoSuchPlace(str(place))
        return Seats(found, self.whole and place == CITY, self.measurement.id if self.measurement else None)

    def title(self, place: Place) -> str:
        """Return the name of a place for people."""
        if place.kind is Kind.INSTITUTION:
            return self.seats[int(place.code)].name
        if place.kind is Kind.COUNTY:
            return self.counties[place.code]
        return "全市" if self.whole else "本机构及下属机构"

    def above(self, place: Place) -> Sequence[Place]:
        """Return the places around one that the actor can look at, the largest first."""
        if place == CITY or len(self.seats) == 1:
            return ()
        if place.kind is Kind.COUNTY:
            return (CITY,)
        return (CITY, Place(Kind.COUNTY, self.seats[int(place.code)].county))


def _stands_in(seat: Seat, place: Place) -> bool:
    if place.kind is Kind.INSTITUTION:
        return seat.id == place.institution_id
    return place.kind is Kind.CITY or seat.county == place.code


def ground_of(actor: Actor) -> Ground:
    """Return the institutions an actor may see: all of the city, or its own and those that report through it."""
    actor.require(Permission.QUALITY_READ)
    measurement = Measurement.objects.order_by("-started_at").first()
    found = registry.find_institutions()
    if actor.institution_id is not None:
        found = found.filter(id__in=registry.scope_of(actor.institution_id))
    seats = {
        id: Seat(id, name, code, division[:COUNTY_DIGITS])
        for id, name, code, division in found.values_list("id", "name", "code", "division_code")
    }
    codes = sorted({seat.county for seat in seats.values()})
    names = registry.division_names((code.ljust(12, "0") for code in codes), timezone.localdate())
    counties = {code: _county_name(code, names) for code in codes}
    return Ground(seats, counties, whole=actor.institution_id is None, measurement=measurement)


def _county_name(code: str, names: Mapping[str, str]) -> str:
    if code.endswith("00"):
        return "市直属机构"
    return names.get(code.ljust(12, "0"), f"区划 {code}")
