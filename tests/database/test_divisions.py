"""The divisions every database of the city starts with."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from kangqiao.registry.models import Division
from kangqiao.registry.queries import divisions_below, divisions_on

pytestmark = pytest.mark.usefixtures("database")


def test_lincang_has_eight_counties_and_955_villages() -> None:
    counted = {level: len([d for d in divisions_on(date(2026, 1, 1)) if d.level == level]) for level in Division.Level}
    assert counted == {"city": 1, "county": 8, "township": 84, "village": 955}


@pytest.mark.parametrize(
    ("code", "day", "name"),
    [
        ("530925201000", date(2020, 1, 1), "沙河乡"),
        ("530925201000", date(2024, 1, 1), "沙河镇"),
        ("530927203000", date(2023, 12, 31), "糯良乡"),
        ("530927203000", date(2026, 1, 1), "糯良镇"),
    ],
)
def test_a_renamed_township_has_the_name_of_the_day(code: str, day: date, name: str) -> None:
    assert [d.name for d in divisions_on(day) if d.stats_code == code] == [name]


def test_a_township_keeps_both_codes() -> None:
    town = Division.objects.get(name="博尚镇")
    assert (town.stats_code, town.mca_code) == ("530902102000", "530902101000")


def test_every_division_stands_below_another() -> None:
    today = list(divisions_on(date(2026, 1, 1)))
    codes = {d.stats_code for d in today}
    assert [d.name for d in today if d.parent_code not in codes] == ["临沧市"]
    assert len(divisions_below("530900000000", date(2026, 1, 1))) == 8


def test_a_division_has_one_name_at_a_time() -> None:
    with pytest.raises(IntegrityError, match="division_has_one_name_at_a_time"), transaction.atomic():
        Division.objects.create(level="township", stats_code="530902102000", name="别名", parent_code="530902000000")


@pytest.mark.parametrize(
    ("field", "value", "constraint"),
    [
        ("level", "street", "division_level_is_known"),
        ("stats_code", "53090210200", "division_codes_have_twelve_digits"),
        ("mca_code", "5309021010", "division_codes_have_twelve_digits"),
        ("parent_code", "x", "division_codes_have_twelve_digits"),
        ("valid_to", date(2000, 1, 1), "division_ends_after_it_begins"),
    ],
)
def test_a_division_that_breaks_a_rule_is_refused(field: str, value: object, constraint: str) -> None:
    fitting = {
        "level": "village", "stats_code": "530902102999", "name": "新村", "parent_code": "530902102000",
        "valid_from": date(2000, 1, 1),
    }  # fmt: skip
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Division.objects.create(**fitting | {field: value})
