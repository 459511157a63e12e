"""What simulated institutions report of themselves agrees with what they did for people."""

import datetime as dt

import numpy as np
import pytest

from kangqiao.simulation.activity import MEASURES, Activity
from kangqiao.simulation.block import BLOCK, City, live_through
from kangqiao.simulation.calendar import Calendar
from kangqiao.simulation.defects import rates
from kangqiao.simulation.institution_sheets import Premises
from kangqiao.simulation.institutions import found
from kangqiao.simulation.people import populate
from kangqiao.simulation.places import settle
from kangqiao.simulation.resources import resources
from kangqiao.simulation.sheets import Sheet

SEED, RESIDENTS = 5, 6_000
CALENDAR = Calendar.of(years=2, until=dt.date(2026, 10, 31))
FIRST = np.datetime64("2025-11-01")


@pytest.fixture(scope="module")
def city() -> City:
    places = settle(residents=RESIDENTS, institutions=12, seed=SEED)
    institutions = found(places=places, seed=SEED)
    return City(SEED, places, CALENDAR, institutions, np.zeros_like(rates(institutions, SEED)))


@pytest.fixture(scope="module")
def blocks(city):
    """Return every block of people as they lived, without defects."""
    return [
        live_through(city, township, number, block)
        for township in city.places.townships
        for number, block in enumerate(
            populate(places=city.places, township=township, calendar=CALENDAR, seed=SEED).blocks(BLOCK)
        )
    ]


@pytest.fixture(scope="module")
def activity(city, blocks) -> Activity:
    return sum((block.activity for block in blocks), Activity.none(city.institutions, CALENDAR))


@pytest.fixture(scope="module")
def reported(city, activity) -> dict[str, Sheet]:
    """Return every sheet about institutions."""
    return {sheet.data_set: sheet for sheet in resources(Premises(city, np.arange(len(city.institutions)), activity))}


@pytest.fixture(scope="module")
def cared(blocks):
    """Return the sheets of a data set about patients."""
    return lambda word: [p.sheet for block in blocks for p in block.planted if p.sheet.data_set == word]


def _by_institution_and_day(sheets: list[Sheet], column: str, *, kind: str | None = None) -> dict:
    counted: dict = {}
    for sheet in sheets:
        codes = sheet.columns["kind"].text().to_pylist() if kind else [None] * len(sheet)
        days = sheet.columns[column].astype("datetime64[D]")
        for institution, day, code in zip(sheet.institution, days, codes, strict=True):
            if not np.isnat(day) and day >= FIRST and code == kind:
                counted[institution, day] = counted.get((institution, day), 0) + 1
    return counted


@pytest.mark.parametrize(
    "counted",
    [
        ("outpatients", "outpatient-encounter", "visited", "1"),
        ("emergencies", "outpatient-encounter", "visited", "2"),
        ("admissions", "inpatient-stay", "admitted", None),
        ("discharges", "inpatient-stay", "discharged", None),
        ("operations", "operation", "begun", None),
    ],
)
def test_daily_reports_count_the_rows_that_hospitals_send(city, cared, reported, counted):
    measure, word, column, kind = counted
    daily = reported["daily-operations"]
    told = {
        (institution, day): number
        for institution, day, number in zip(
            daily.institution, daily.columns["counted"], daily.columns[measure], strict=True
        )
        if number
    }
    reporting = set(city.institutions.reporting.tolist())
    sent = _by_institution_and_day(cared(word), column, kind=kind)
    assert told == {key: number for key, number in sent.items() if key[0] in reporting}
    assert told


def test_income_is_what_was_charged(cared, city, reported):
    daily = reported["daily-operations"].columns
    charged = sum(
        sheet.columns["total"][
            np.isin(sheet.institution, city.institutions.reporting)
            & (sheet.columns["settled"].astype("datetime64[D]") >= FIRST)
            & (sheet.columns["settled"].astype("datetime64[D]") <= CALENDAR.last)
        ].sum()
        for sheet in cared("charge")
    )
    assert daily["income"].sum() == pytest.approx(charged, rel=1e-3)
    finance = reported["monthly-finance"].columns
    assert finance["medical_income"].sum() == pytest.approx(daily["income"].sum())


def test_beds_hold_whom_stays_put_there_and_are_never_fewer(cared, reported):
    beds, day = reported["bed-count"], np.datetime64("2026-05-31")
    assert (beds.columns["occupied"] <= beds.columns["open"]).all()
    inside = sum(
        int(((sheet.columns["admitted"].astype("datetime64[D]") <= day) & ~(left <= day)).sum())
        for sheet in cared("inpatient-stay")
        for left in [sheet.columns["discharged"].astype("datetime64[D]")]
    )
    assert beds.columns["occupied"][beds.columns["counted"] == day].sum() == inside > 0


def test_stock_is_what_was_bought_less_what_was_handed_out(reported, activity):
    stock = reported["drug-stock"].columns
    assert (stock["quantity"] >= 0).all()
    bought = reported["drug-purchase"].columns["quantity"].sum()
    assert activity.drugs.sum() < bought


def test_every_drug_handed_out_is_listed_and_its_lot_was_bought(cared, reported):
    bought = reported["drug-purchase"]
    lots = set(zip(bought.institution, bought.columns["lot"].numbers, strict=True))
    listed = set(zip(reported["formulary-item"].institution, reported["formulary-item"].keys.numbers, strict=True))
    for sheet in cared("dispensing"):
        assert set(zip(sheet.institution, sheet.columns["item"].numbers, strict=True)) <= listed
        assert set(zip(sheet.institution, sheet.columns["lot"].numbers, strict=True)) <= lots
        assert (sheet.columns["expires"] > sheet.columns["dispensed"].astype("datetime64[D]")).all()


def test_everybody_on_the_staff_has_a_licence(city, reported):
    assert len(reported["staff-licence"]) == len(city.institutions.staff.department)


def test_keys_are_unique_at_an_institution(reported):
    for word, sheet in reported.items():
        keys = list(zip(sheet.institution.tolist(), sheet.keys.text().to_pylist(), strict=True))
        assert len(set(keys)) == len(keys), word


def test_what_two_blocks_did_adds_up(city, blocks):
    whole = blocks[0].activity + blocks[1].activity
    outpatients = MEASURES.index("outpatients")
    parts = [block.activity.days[:, :, outpatients].sum() for block in blocks[:2]]
    assert whole.measure("outpatients").sum() == sum(parts) > 0
