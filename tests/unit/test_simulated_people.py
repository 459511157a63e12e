"""The people of the synthetic city: numbered, named and aged as people of Lincang are."""

import datetime as dt
from itertools import chain, pairwise

import numpy as np
import pytest

from kangqiao.identity.documents import CitizenId
from kangqiao.identity.rules import citizen_id
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.facts import facts
from kangqiao.simulation.people import People, populate
from kangqiao.simulation.places import CITY_RESIDENTS, Places, settle, share

SEED = 11
TODAY = dt.date(2026, 10, 31)
CALENDAR = Calendar.of(years=3, until=TODAY)


@pytest.fixture(scope="module")
def places() -> Places:
    return settle(residents=24_000, institutions=90, seed=SEED)


@pytest.fixture(scope="module")
def people(places: Places) -> list[People]:
    return [populate(places=places, township=one, calendar=CALENDAR, seed=SEED) for one in places.townships]


def _every(people: list[People], column: str) -> np.ndarray:
    return np.concatenate([getattr(one, column) for one in people])


def _groups(places: Places, people: list[People], county: str) -> dict[str, float]:
    """Return the share of each ethnic group in a county."""
    here = [p for t, p in zip(places.townships, people, strict=True) if t.code.startswith(county)]
    rows = _every(here, "ethnicity")
    return {name: float((rows == row).mean()) for row, name in enumerate(facts("ethnic_groups")["name"])}


def test_every_id_number_is_valid_and_tells_birth_and_sex(people):
    for one in people:
        for text, born, sex in zip(one.id_number.to_pylist(), one.born.tolist(), one.sex.tolist(), strict=True):
            if text is not None:
                number = citizen_id(text, today=TODAY)
                assert isinstance(number, CitizenId)
                assert (number.value, number.birth_date, number.sex) == (text, born, str(sex))


def test_no_two_residents_share_an_id_number(people):
    numbers = [text for one in people for text in one.id_number.to_pylist() if text]
    assert len(numbers) > 0.98 * sum(map(len, people))
    assert len(set(numbers)) == len(numbers)


def test_people_registered_before_lincang_was_a_city_have_its_former_region_code(people):
    for one in people:
        old = one.born < np.datetime64("2004-01-01")
        regions = np.array([(text or "5335")[:4] for text in one.id_number.to_pylist()])
        assert set(regions[old]) == {"5335"}
        assert set(regions[~old]) <= {"5309", "5335"}


def test_ages_lie_as_in_the_census(people):
    ages = CALENDAR.ages(_every(people, "born"), CALENDAR.last)
    assert 0.17 < (ages < 15).mean() < 0.21
    assert 0.09 < (ages >= 65).mean() < 0.13
    assert 0.50 < (_every(people, "sex") == 1).mean() < 0.54


@pytest.mark.parametrize(
    ("county", "group", "shares"),
    [
        ("530927", "佤", (0.6, 0.95)),
        ("530921", "汉", (0.4, 0.95)),
        ("530926", "傣", (0.06, 0.5)),
        ("530925", "拉祜", (0.05, 0.5)),
    ],
)
def test_ethnic_groups_live_where_they_live(places, people, county, group, shares):
    least, most = shares
    assert least < _groups(places, people, county)[group] < most


def test_dai_women_are_named_yu_and_men_yan(people):
    dai = facts("ethnic_groups").rows("name", np.array(["傣"], dtype=object))[0]
    for one in people:
        names = np.array(one.name.to_pylist())
        own = (one.ethnicity == dai) & np.array([name[0] in "岩玉" for name in names])
        assert all(name[0] == ("岩" if sex == 1 else "玉") for name, sex in zip(names[own], one.sex[own], strict=True))


def test_mothers_are_of_an_age_to_be_mothers_and_live_in_the_same_household(people):
    for one in people:
        child = np.flatnonzero(one.mother >= 0)
        mother = one.mother[child]
        gap = (one.born[child] - one.born[mother]).astype(int) / 365.25
        assert set(one.sex[mother]) <= {2}
        assert gap.min() > 16
        assert gap.max() < 49
        assert (one.household[child] == one.household[mother]).all()


def test_households_have_a_plausible_size(people):
    sizes = np.array(list(chain.from_iterable(np.bincount(one.household) for one in people)))
    assert 2.2 < sizes.mean() < 3.6
    assert sizes.max() <= 16


def test_a_township_has_the_same_people_in_whatever_order_townships_are_populated(places):
    last, first = places.townships[-1], places.townships[0]
    alone = populate(places=places, township=last, calendar=CALENDAR, seed=SEED)
    populate(places=places, township=first, calendar=CALENDAR, seed=SEED)
    again = populate(places=places, township=last, calendar=CALENDAR, seed=SEED)
    assert alone.name.equals(again.name)
    assert alone.id_number.equals(again.id_number)


def test_blocks_hold_everybody_once_and_keep_households_together(people):
    one = max(people, key=len)
    blocks = one.blocks(500)
    assert [number for block in blocks for number in block.number.tolist()] == one.number.tolist()
    ends = [(a.household[-1], b.household[0]) for a, b in pairwise(blocks)]
    assert all(last != first for last, first in ends)


def test_the_whole_city_has_every_township_and_village(people):
    whole = settle(residents=CITY_RESIDENTS, institutions=1_200, seed=SEED)
    assert len(whole.townships) == 77
    assert sum(len(one.villages) for one in whole.townships) > 930
    assert sum(one.population for one in whole.townships) == CITY_RESIDENTS


@pytest.mark.parametrize("institutions", [12, 20, 30, 60, 200])
def test_institutions_of_every_level_are_shared_out_exactly(institutions):
    plan = share(institutions)
    counties = plan.counties * len(plan.county_kinds) + len(plan.first_county_kinds)
    assert len(plan.city_kinds) + counties + plan.private + plan.townships + plan.villages == institutions
    assert plan.counties >= 2
