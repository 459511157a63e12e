"""The illness of the synthetic city: seasonal, lasting where it lasts, and visible in what is measured."""

import datetime as dt

import numpy as np
import pytest

from kangqiao.simulation.block import City, live_through
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import rates
from kangqiao.simulation.draws import stream
from kangqiao.simulation.facts import facts
from kangqiao.simulation.illness import NEVER, Episodes, Health, examine, live
from kangqiao.simulation.institutions import found
from kangqiao.simulation.people import populate
from kangqiao.simulation.places import settle

SEED = 5
CALENDAR = Calendar.of(years=3, until=dt.date(2026, 10, 31))


@pytest.fixture(scope="module")
def city() -> City:
    places = settle(residents=12_000, institutions=12, seed=SEED)
    institutions = found(places=places, seed=SEED)
    return City(SEED, places, CALENDAR, institutions, np.zeros_like(rates(institutions, SEED)))


@pytest.fixture(scope="module")
def lived(city):
    """Return (health, episodes) of a township at the border."""
    township = city.places.townships[-1]
    people = populate(places=city.places, township=township, calendar=CALENDAR, seed=SEED)
    health = examine(stream(SEED, "test"), people, CALENDAR)
    return health, live(stream(SEED, "test", 2), health, CALENDAR, border=True)


@pytest.fixture(scope="module")
def sheets(city):
    """Return the sheets of the same township by data set, without defects."""
    township = city.places.townships[-1]
    people = populate(places=city.places, township=township, calendar=CALENDAR, seed=SEED)
    block = live_through(city, township, 0, people)
    return block, {planted.sheet.data_set: planted.sheet for planted in block.planted}


def _months(episodes: Episodes, *diseases: str) -> np.ndarray:
    rows = facts("diseases").rows("key", np.array(diseases, dtype=object))
    days = episodes.day[np.isin(episodes.disease, rows)]
    return np.bincount(days.astype("datetime64[M]").astype(int) % 12, minlength=12)


def test_respiratory_infections_peak_in_winter(lived):
    months = _months(lived[1], "cold", "bronchitis", "influenza", "pneumonia")
    assert months[[11, 0, 1]].sum() > 1.5 * months[[5, 6, 7]].sum()


def test_dengue_comes_in_late_summer_and_autumn(lived):
    months = _months(lived[1], "dengue")
    assert months.sum() > 5
    assert months[7:11].sum() > 0.6 * months.sum()


def test_nobody_is_ill_before_birth_or_after_death(lived):
    health, episodes = lived
    people = health.people
    died = people.died[episodes.person]
    assert (episodes.day > people.born[episodes.person]).all()
    assert not (episodes.day > died)[~np.isnat(died)].any()
    assert (~np.isnat(died)).any()


def test_prevalence_rises_with_age(lived):
    health, _ = lived
    age = CALENDAR.ages(health.people.born, CALENDAR.last)
    pressure, sugar = (health.has(key) < NEVER for key in ("hypertension", "diabetes"))
    assert 0.35 < pressure[age >= 65].mean() < 0.7
    assert pressure[age < 35].mean() < 0.06
    assert sugar[pressure].mean() > 1.4 * sugar[~pressure & (age > 40)].mean()


def test_every_child_born_in_these_years_has_a_mother_who_gave_birth_that_day(lived):
    health, episodes = lived
    rows = facts("diseases").rows("key", np.array(["delivery", "caesarean"], dtype=object))
    births = {(p, d) for p, d in zip(episodes.person, episodes.day, strict=True)}
    of_birth = np.isin(episodes.disease, rows)
    births = set(zip(episodes.person[of_birth].tolist(), episodes.day[of_birth].tolist(), strict=True))
    people = health.people
    children = np.flatnonzero((people.mother >= 0) & (people.born > CALENDAR.first))
    alive = np.isnat(people.died[people.mother[children]]) & (people.born[children] <= CALENDAR.last)
    expected = {(int(people.mother[c]), people.born[c].item()) for c in children[alive]}
    assert expected
    assert expected <= births


def test_pressure_at_follow_ups_follows_adherence(sheets):
    block, by_name = sheets
    sheet = by_name["hypertension-follow-up"]
    adherence = block.health.adherence[sheet.person - block.people.number[0]]
    systolic = sheet.columns["systolic"]
    faithful, careless = systolic[adherence > 0.7], systolic[adherence < 0.3]
    assert np.nanmean(faithful) < np.nanmean(careless) - 4


def test_glycated_haemoglobin_is_high_in_diabetes(sheets):
    block, by_name = sheets
    sheet = by_name["lab-result"]
    words = sheet.columns["item_name"].words.to_pylist()
    rows = sheet.columns["item_name"].index == words.index("糖化血红蛋白")
    person = (sheet.person - block.people.number[0])[rows]
    had = block.health.has("diabetes")[person] < sheet.columns["reported"][rows].astype("datetime64[D]")
    values = sheet.columns["quantity"][rows]
    assert had.sum() > 20
    assert values[had].mean() > 6.2


def test_one_person_has_steady_values(sheets: tuple[object, dict]):
    sheet = sheets[1]["lab-result"]
    words = sheet.columns["item_name"].words.to_pylist()
    rows = np.flatnonzero(sheet.columns["item_name"].index == words.index("肌酐"))
    person, values = sheet.person[rows], sheet.columns["quantity"][rows]
    several = [values[person == who] for who in np.unique(person) if (person == who).sum() > 2]
    within = np.mean([one.std() for one in several])
    assert within < 0.6 * values.std()


def test_no_two_rows_of_an_institution_have_the_same_key_unless_one_is_newer(sheets):
    for sheet in sheets[1].values():
        keys = set(zip(sheet.institution.tolist(), sheet.keys.numbers.tolist(), sheet.revised.tolist(), strict=True))
        assert len(keys) == len(sheet), sheet.data_set


def test_bills_add_up(sheets):
    charge, item = sheets[1]["charge"], sheets[1]["charge-item"]
    order = np.argsort(charge.keys.numbers)
    place = order[np.searchsorted(charge.keys.numbers[order], item.columns["charge"].numbers)]
    assert (charge.keys.numbers[place] == item.columns["charge"].numbers).all()
    total = np.bincount(place, item.columns["amount"], len(charge))
    assert np.allclose(total, charge.columns["total"], atol=0.02)
    parts = charge.columns["self_paid"] + charge.columns["fund_paid"]
    assert np.allclose(parts, charge.columns["total"], atol=0.02)


def test_most_people_are_treated_near_home(city, sheets):
    institutions = city.institutions
    visits = sheets[1]["outpatient-encounter"]
    kinds = np.array([one.kind for one in institutions.each])[visits.institution]
    near = np.isin(kinds, ("township", "community", "village_clinic", "community_station"))
    assert 0.5 < near.mean() < 0.85
    assert (kinds == "city_general").any()


def test_a_block_does_not_depend_on_others(city, sheets):
    township = city.places.townships[-1]
    live_through(
        city,
        city.places.townships[0],
        0,
        populate(places=city.places, township=city.places.townships[0], calendar=CALENDAR, seed=SEED).slice(0, 300),
    )
    people = populate(places=city.places, township=township, calendar=CALENDAR, seed=SEED)
    again = live_through(city, township, 0, people)
    for one, other in zip(again.planted, sheets[0].planted, strict=True):
        assert (one.sheet.keys.numbers == other.sheet.keys.numbers).all()
        assert (one.sheet.revised == other.sheet.revised).all()


def test_health_is_a_trait_of_the_person_not_of_the_block(lived):
    health, _ = lived
    part = examine(stream(SEED, "other"), health.people.slice(0, 200), CALENDAR)
    assert isinstance(part, Health)
    assert (part.height == health.height[:200]).all()
    assert (part.adherence == health.adherence[:200]).all()
