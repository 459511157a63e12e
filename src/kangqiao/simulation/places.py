"""Where people live: counties, townships and villages of Lincang with plausible numbers of residents."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from kangqiao.simulation.draws import apportion, stream
from kangqiao.simulation.facts import Facts, facts

CITY_RESIDENTS = 2_260_000
FEWEST_INSTITUTIONS, RESIDENTS_PER_INSTITUTION, MOST_INSTITUTIONS = 12, 650, 1_200
_COUNTY_ORDER = ("530902", "530926", "530925", "530927", "530922", "530924", "530921", "530923")
_BORDER_TOWN = "孟定镇"


@dataclass(frozen=True)
class Township:
    """A township with the villages people live in; ``residents`` has one number per village."""

    number: int
    code: str
    name: str
    county: int
    villages: tuple[str, ...]
    village_names: tuple[str, ...]
    residents: tuple[int, ...]
    clinics: int
    slot: int
    slots: int
    first_person: int

    @property
    def is_urban(self) -> bool:
        return self.name.endswith("街道")

    @property
    def population(self) -> int:
        return sum(self.residents)


@dataclass(frozen=True)
class Places:
    """The part of the city that a simulation covers.

    counties     facts of the counties covered
    townships    in the order in which people are numbered
    institutions how many institutions the places were chosen for
    """

    counties: Facts
    county_names: tuple[str, ...]
    townships: tuple[Township, ...]
    institutions: int

    @functools.cached_property
    def villages(self) -> Villages:
        """Return every village people live in."""
        homes = [(one, place) for one in self.townships for place in range(len(one.villages))]
        homes.sort(key=lambda home: home[0].villages[home[1]])
        return Villages(
            np.array([int(one.villages[place]) for one, place in homes]),
            tuple(one.village_names[place] for one, place in homes),
            tuple(one.name for one, _ in homes),
            tuple(self.county_names[one.county] for one, _ in homes),
        )


@dataclass(frozen=True)
class Villages:
    """Villages in the order of their codes, with the names of their townships and counties."""

    codes: np.ndarray
    names: tuple[str, ...]
    townships: tuple[str, ...]
    counties: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """How a number of institutions is shared out over the levels of care."""

    counties: int
    city_kinds: tuple[str, ...]
    county_kinds: tuple[str, ...]
    first_county_kinds: tuple[str, ...]
    private: int
    townships: int
    villages: int


def share(institutions: int) -> Share:
    """Return which institutions a city of this many has: every level, at least two counties."""
    counties = int(np.clip(institutions // 10, 2, 8))
    large, middle = institutions >= 60, institutions >= 20
    city = ("city_general", "city_tcm", "city_mch", *(["city_cdc"] if middle else []))
    county = ("county_general", *(["county_tcm", "county_mch"] if middle else []), *(["county_cdc"] if large else []))
    first = ("county_cdc",) if middle and not large else ()
    private = 4 * counties if institutions >= 1000 else counties if large else 2 if middle else 1
    townships = int(np.clip(institutions // 5, counties, 77))
    used = len(city) + counties * len(county) + len(first) + private + townships
    return Share(counties, city, county, first, private, townships, max(0, institutions - used))


def institutions_for(residents: int) -> int:
    """Return how many institutions fit so many residents."""
    return int(np.clip(residents // RESIDENTS_PER_INSTITUTION, FEWEST_INSTITUTIONS, MOST_INSTITUTIONS))


def settle(*, residents: int, institutions: int, seed: int) -> Places:
    """Choose counties, townships and villages for the institutions, and share the residents out over them."""
    plan = share(institutions)
    rows = _divisions()
    random = stream(seed, "places")
    known = facts("counties")
    chosen = [row for code in _COUNTY_ORDER[: plan.counties] for row in np.flatnonzero(known["county"] == code)]
    counties = Facts({name: column[chosen] for name, column in known.columns.items()})
    townships = _townships(rows, counties, plan.townships)
    villages = _villages(rows, townships, plan.villages)
    weights = [
        float(counties.numbers("population")[county])
        / len([1 for _, other in townships if other == county])
        * (1.8 if row["name"] == counties["seat"][county] else 1.0)
        * random.lognormal(0, 0.25)
        for row, county in townships
    ]
    clinics, homes = villages
    people = apportion(residents, weights)
    built = []
    for number, ((row, county), share_) in enumerate(zip(townships, people, strict=True)):
        here = homes[row["stats_code"]]
        per_village = apportion(int(share_), random.lognormal(0, 0.45, len(here)))
        same = [other for other, (_, c) in enumerate(townships) if c == county]
        built.append(
            Township(
                number=number,
                code=row["stats_code"],
                name=row["name"],
                county=county,
                villages=tuple(village["stats_code"] for village in here),
                village_names=tuple(_short(village["name"]) for village in here),
                residents=tuple(int(n) for n in per_village),
                clinics=clinics[row["stats_code"]],
                slot=same.index(number),
                slots=len(same),
                first_person=int(people[:number].sum()),
            )
        )
    names = {row["stats_code"][:6]: row["name"] for row in rows if row["level"] == "county"}
    return Places(counties, tuple(names[code] for code in counties["county"]), tuple(built), institutions)


def _townships(rows: list[dict[str, str]], counties: Facts, count: int) -> list[tuple[dict[str, str], int]]:
    real = [row for row in rows if row["level"] == "township" and not row["note"].startswith("no same-named")]
    by_county = []
    for county, (code, seat) in enumerate(zip(counties["county"], counties["seat"], strict=True)):
        own = [row for row in real if row["stats_code"].startswith(code)]
        own.sort(key=lambda row: (row["name"] != seat, row["name"] != _BORDER_TOWN))
        by_county.append([(row, county) for row in own])
    turns = [row for turn in range(max(map(len, by_county))) for own in by_county for row in own[turn : turn + 1]]
    return sorted(turns[:count], key=lambda pair: (pair[1], pair[0]["stats_code"]))


def _villages(
    rows: list[dict[str, str]], townships: list[tuple[dict[str, str], int]], count: int
) -> tuple[dict[str, int], dict[str, list[dict[str, str]]]]:
    """Return (clinics, villages) per township: villages in turn, each with a clinic, at least one to live in."""
    own = {
        row["stats_code"]: [v for v in rows if v["level"] == "village" and v["parent"] == row["stats_code"]]
        for row, _ in townships
    }
    most = max(map(len, own.values()))
    turns = [code for turn in range(most) for code, villages in own.items() if turn < len(villages)]
    clinics = dict.fromkeys(own, 0)
    for code in turns[:count]:
        clinics[code] += 1
    return clinics, {code: villages[: max(1, clinics[code])] for code, villages in own.items()}


def _short(name: str) -> str:
    return name.replace("社区居民委员会", "社区").replace("村民委员会", "村").replace("居民委员会", "社区")


def _divisions() -> list[dict[str, str]]:
    file = files("kangqiao.registry") / "data" / "lincang-divisions.csv"
    with file.open(encoding="utf-8-sig") as opened:
        return list(csv.DictReader(opened))
