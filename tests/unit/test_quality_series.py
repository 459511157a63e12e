"""Series of daily counts: what breaks with its own past, and what is only quiet."""

import numpy as np

from kangqiao.quality.series import sudden_drops, weekend_gaps

MONDAY = 0


def days(weeks, workday=20, weekend=10, seed=1):
    """Return daily counts of so many weeks from a Monday on, with chance in them."""
    random = np.random.default_rng(seed)
    usual = np.tile([workday] * 5 + [weekend] * 2, weeks)
    return random.poisson(usual)


def test_a_missing_weekend_is_a_gap():
    counts = days(40)
    counts[19 * 7 + 5 : 20 * 7] = 0
    judged, failed = weekend_gaps(counts, MONDAY)
    assert np.flatnonzero(failed).tolist() == [19 * 7 + 5, 19 * 7 + 6]
    assert judged[failed].all()


def test_an_institution_closed_on_weekends_has_no_gaps():
    judged, failed = weekend_gaps(days(40, weekend=0), MONDAY)
    assert not judged.any()
    assert not failed.any()


def test_few_rows_on_weekends_are_no_evidence_unless_several_weekends_are_empty():
    counts = days(40, weekend=2)
    counts[19 * 7 + 5 : 20 * 7] = 0
    assert not weekend_gaps(counts, MONDAY)[1].any()
    for week in (20, 21, 22):
        counts[week * 7 + 5 : (week + 1) * 7] = 0
    assert weekend_gaps(counts, MONDAY)[1].sum() == 8


def test_a_fortnight_below_a_third_of_the_past_is_a_drop():
    counts = days(40)
    counts[200:221] = counts[200:221] // 10
    judged, failed = sudden_drops(counts)
    first, last = np.flatnonzero(failed)[[0, -1]]
    assert 207 <= first <= 213
    assert 220 <= last <= 226
    assert judged[failed].all()


def test_two_rows_a_day_are_enough_to_see_that_nothing_comes_any_more():
    counts = days(60, workday=2, weekend=2)
    counts[300:] = 0
    assert sudden_drops(counts)[1].sum() > 10


def test_ordinary_chance_is_no_drop_and_no_gap():
    flagged = 0
    for seed in range(200):
        counts = days(150, workday=6, weekend=6, seed=seed)
        flagged += int(weekend_gaps(counts, MONDAY)[1].sum() + sudden_drops(counts)[1].sum())
    assert flagged <= 20  # of 200 × 1,050 days


def test_a_short_past_is_not_judged():
    counts = days(9)
    assert not sudden_drops(counts)[0].any()
    assert not weekend_gaps(counts, MONDAY)[0].any()
