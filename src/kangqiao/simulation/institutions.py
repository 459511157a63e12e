"""Hospitals, clinics and centres of every level, with their departments and staff."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kangqiao.simulation.draws import Choices, repeated, stream
from kangqiao.simulation.facts import facts
from kangqiao.simulation.names import strangers
from kangqiao.simulation.places import Places, Township, share
from kangqiao.simulation.sheets import digits, text_of

CARE = (
    "village",
    "township",
    "county_general",
    "county_tcm",
    "county_mch",
    "city_general",
    "city_tcm",
    "city_mch",
    "private",
)
"""The levels of care people choose among, in the order of the columns of ``care.csv``."""

BUREAUS = (
    "health_commission",
    "police_bureau",
    "civil_bureau",
    "insurance_bureau",
    "social_bureau",
    "rural_bureau",
    "market_bureau",
)
"""Bureaus of the city that send what they know of people and treat nobody."""

_LEVELS = {"village_clinic": "village", "community_station": "village", "community": "township"}
_INSTEAD = (("village", "township"), ("county_tcm", "county_general"), ("county_mch", "county_general"))
_PRIVATE_NAMES = ("仁爱", "康泰", "惠民", "同济")
_TITLES = ("主任医师", "副主任医师", "主治医师", "医师", "护师")
_TITLE_SHARES = (0.06, 0.16, 0.34, 0.28, 0.16)


@dataclass(frozen=True)
class Institution:
    """One institution; ``county``, ``township`` and ``village`` are numbers, -1 above that level.

    sender  number of the institution in whose batches its rows travel (itself, or the hospital of its township)
    """

    code: str
    name: str
    kind: str
    division: str
    county: int
    township: int
    village: int
    parent: int
    sender: int

    @property
    def level(self) -> int:
        """Return the place in CARE, -1 for those who treat no patients."""
        word = _LEVELS.get(self.kind, self.kind)
        return CARE.index(word) if word in CARE else -1


@dataclass(frozen=True)
class Departments:
    """Departments of all institutions in their order; ``field`` is a row of facts("departments")."""

    institution: np.ndarray
    field: np.ndarray
    names: pa.Array
    codes: pa.Array
    wards: np.ndarray
    staff: np.ndarray


@dataclass(frozen=True)
class Staff:
    """Members of staff in the order of the departments; ``start[d]:start[d + 1]`` work in department d."""

    start: np.ndarray
    department: np.ndarray
    names: pa.Array
    codes: pa.Array
    titles: np.ndarray

    def of(self, department: np.ndarray, lot: np.ndarray) -> np.ndarray:
        """Return one member of staff per department, chosen by ``lot`` in [0, 1)."""
        first, last = self.start[department], self.start[department + 1]
        return first + (lot * (last - first)).astype(np.int64)


@dataclass(frozen=True)
class Institutions:
    """Every institution of the simulated city.

    treating  (institutions, facts("departments")) → department of the institution that treats such patients
    wards     the same for inpatients, -1 where there are no beds
    """

    each: tuple[Institution, ...]
    departments: Departments
    staff: Staff
    treating: np.ndarray
    wards: np.ndarray

    def __len__(self) -> int:
        return len(self.each)

    @property
    def senders(self) -> np.ndarray:
        return np.array([institution.sender for institution in self.each], dtype=np.int32)

    @property
    def levels(self) -> np.ndarray:
        return np.array([institution.level for institution in self.each], dtype=np.int32)

    @functools.cached_property
    def reporting(self) -> np.ndarray:
        """Return the numbers of those who report how they run: all that treat people, but for villages."""
        return np.flatnonzero(self.levels >= CARE.index("township"))

    @functools.cached_property
    def reporting_rows(self) -> np.ndarray:
        """Return the place of every institution among ``reporting``, -1 for the others."""
        rows = np.full(len(self), -1)
        rows[self.reporting] = np.arange(len(self.reporting))
        return rows

    @property
    def codes(self) -> pa.Array:
        return text_of([institution.code for institution in self.each])

    @property
    def names(self) -> pa.Array:
        return text_of([institution.name for institution in self.each])

    def catchment(self, township: Township) -> np.ndarray:
        """Return (villages, CARE): where the residents of each village of a township go, level by level."""
        table = np.full((len(township.villages), len(CARE)), -1, dtype=np.int32)
        for number, one in enumerate(self.each):
            if one.level < 0 or one.county not in (-1, township.county):
                continue
            if one.village >= 0:
                if one.township == township.number:
                    table[one.village, one.level] = number
            elif one.township in (-1, township.number):
                rotated = (np.arange(len(table)) + number) % 4 == 0
                table[:, one.level] = np.where(rotated | (table[:, one.level] < 0), number, table[:, one.level])
        for missing, other in (*_INSTEAD, ("private", "county_general")):
            place = CARE.index(missing)
            table[:, place] = np.where(table[:, place] < 0, table[:, CARE.index(other)], table[:, place])
        return table

    def of_county(self, kind: str, county: int) -> int:
        """Return the institution of a kind in a county, else the city's; -1 where neither has one."""
        found = [n for n, one in enumerate(self.each) if one.kind == f"county_{kind}" and one.county == county]
        found += [n for n, one in enumerate(self.each) if one.kind == f"city_{kind}"]
        return found[0] if found else -1

    def bureau(self, kind: str) -> int:
        """Return the number of a bureau of the city."""
        return next(number for number, one in enumerate(self.each) if one.kind == kind)


def found(*, places: Places, seed: int) -> Institutions:
    """Found every institution the places were chosen for, with departments and staff, and behind them the bureaus."""
    each = tuple(_institutions(places))
    departments = _departments(each)
    treating = _treating(each, departments, departments.institution >= 0)
    wards = _treating(each, departments, departments.wards)
    return Institutions(each, departments, _staff(stream(seed, "staff"), each, departments), treating, wards)


def _institutions(places: Places) -> Iterator[Institution]:
    plan, number, clinics = share(places.institutions), 0, 0
    patterns = dict(zip(facts("institution_kinds")["key"], facts("institution_kinds")["name"], strict=True))

    def one(kind: str, division: str, parent: int, place: tuple[int, int, int], sender: int = -1, **words: str):
        nonlocal number
        number += 1
        code = f"H{division[:6]}{number:05d}"
        own = number - 1
        return Institution(
            code, patterns[kind].format(**words), kind, division, *place, parent, own if sender < 0 else sender
        )

    for kind in plan.city_kinds:
        yield one(kind, "530900000000", -1, (-1, -1, -1))
    heads = {}
    for county, (code, name) in enumerate(zip(places.counties["county"], places.county_names, strict=True)):
        heads[county] = number
        for kind in plan.county_kinds + (plan.first_county_kinds if county == 0 else ()):
            yield one(kind, f"{code}000000", 0, (county, -1, -1), county=name)
    for turn in range(plan.private):
        county, word = turn % plan.counties, _PRIVATE_NAMES[turn // plan.counties % len(_PRIVATE_NAMES)]
        division, name = f"{places.counties['county'][county]}000000", places.county_names[county]
        yield one("private", division, -1, (county, -1, -1), county=name, word=word)
    for township in places.townships:
        home = number
        kind = "community" if township.is_urban else "township"
        place = (township.county, township.number, -1)
        yield one(kind, township.code, heads[township.county], place, township=township.name)
        for village in range(township.clinics):
            sender = -1 if clinics % 2 == 0 else home  # every other clinic reports by itself
            clinics += 1
            place = (township.county, township.number, village)
            name = township.village_names[village]
            post = "community_station" if name.endswith("社区") else "village_clinic"
            yield one(post, township.villages[village], home, place, sender, village=name)
    for kind in BUREAUS:
        yield one(kind, "530900000000", -1, (-1, -1, -1))


def _departments(each: tuple[Institution, ...]) -> Departments:
    table, fields = facts("kind_departments"), facts("departments")
    kinds = facts("institution_kinds")
    scale = dict(zip(kinds["key"], kinds.numbers("staff_scale"), strict=True))
    rows_of = {kind: [row for row, words in enumerate(table["kinds"]) if kind in words.split()] for kind in scale}
    institution = np.repeat(np.arange(len(each)), [len(rows_of[one.kind]) for one in each])
    rows = np.concatenate([rows_of[one.kind] for one in each]).astype(np.int64)
    field = _rows_of_codes(table["department"])[rows]
    scales = np.array([scale[one.kind] for one in each])[institution]
    return Departments(
        institution=institution,
        field=field,
        names=text_of(fields["name"][field]),
        codes=text_of(fields["code"][field]),
        wards=table["wards"][rows] == "1",
        staff=np.ceil(table.numbers("staff")[rows] * scales).astype(np.int64),
    )


def _rows_of_codes(codes: np.ndarray) -> np.ndarray:
    return facts("departments").rows("code", codes)


def _treating(each: tuple[Institution, ...], departments: Departments, usable: np.ndarray) -> np.ndarray:
    """Return which department of each institution takes the patients of each field."""
    codes = facts("departments")["code"]
    chosen = {}
    for number, one in enumerate(each):
        own = np.flatnonzero((departments.institution == number) & usable)
        offered = tuple(codes[departments.field[own]])
        key = (one.kind, offered)
        if key not in chosen:
            chosen[key] = np.array([_closest(code, offered) for code in codes])
        each_row = own[chosen[key]] if len(own) else np.full(len(codes), -1)
        if number == 0:
            table = np.empty((len(each), len(codes)), dtype=np.int32)
        table[number] = each_row
    return table


def _closest(code: str, offered: tuple[str, ...]) -> int:
    """Return which of the offered departments takes patients of a field: the same, its parent, or the first one."""
    western = facts("western_to_tcm")
    chinese = dict(zip(western["department"], western["tcm"], strict=True))
    for wanted in (code, code[:2] + "00", chinese.get(code), chinese.get(code[:2]), code[:2], "0301", "0300"):
        matches = [place for place, other in enumerate(offered) if wanted and other.startswith(wanted)]
        if matches:
            return matches[0]
    return 0


def _staff(random: np.random.Generator, each: tuple[Institution, ...], departments: Departments) -> Staff:
    department, _ = repeated(departments.staff)
    institution = departments.institution[department]
    count = len(department)
    names = strangers(random, born=random.integers(1964, 2001, count), sex=random.integers(1, 3, count))
    start = np.searchsorted(department, np.arange(len(departments.staff) + 1))
    rank = np.arange(count) - np.searchsorted(institution, institution)
    return Staff(
        start=start,
        department=department,
        names=names,
        codes=digits(rank + 1001, 5),
        titles=Choices.of(_TITLE_SHARES).draw(random, 0, count),
    )


def titles() -> pa.Array:
    """Return the words of ``Staff.titles``."""
    return text_of(list(_TITLES))
