"""How scores, ranks and tables of the scoreboard come about, as tables a clerk can check with a pencil."""

import datetime as dt

import pytest

from kangqiao.quality.advice import OF_CHECK, advice_on
from kangqiao.quality.board import COUNT_ORDERS, SCORE_ORDERS, CountLine, Rank, ScoreLine, matching, ordered
from kangqiao.quality.catalogue import FORMER, rule_by_key, rule_of
from kangqiao.quality.places import CITY, Kind, Place, place_of
from kangqiao.quality.queries import NO_SCORE, Amount, Period, Score, month_of, months_before
from kangqiao.quality.rows import columns_of, shown_cell
from kangqiao.quality.rules import Count, ranks, total_score
from kangqiao.quality.templatetags import quality as words
from kangqiao.records.health_record.certificates import BirthCertificate
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import Dimension


@pytest.mark.parametrize(
    ("counts", "score"),
    [
        ([], None),
        ([(0, 0), (0, 0)], None),
        ([(10, 0)], 100),
        ([(10, 1), (10, 0)], 95),
        ([(1000, 1), (1, 1)], 49.95),
        ([(10, 1), (0, 0)], 90),
    ],
    ids=["nothing", "nothing-assessed", "all-pass", "mean", "dimensions-weigh-the-same", "unassessed-left-out"],
)
def test_a_total_is_the_mean_of_the_dimensions_that_can_be_assessed(counts, score):
    assert total_score(Count(*each) for each in counts) == pytest.approx(score)


@pytest.mark.parametrize(
    ("scores", "places"),
    [
        ({"甲": 90.0, "乙": 95.0, "丙": 80.0}, {"甲": 2, "乙": 1, "丙": 3}),
        ({"甲": 90.0, "乙": 90.0, "丙": 80.0}, {"甲": 1, "乙": 1, "丙": 3}),
        ({"甲": 90.0, "乙": None}, {"甲": 1, "乙": None}),
        ({}, {}),
    ],
)
def test_equal_scores_share_a_place_and_who_has_none_has_no_place(scores, places):
    assert ranks(scores) == places


@pytest.mark.parametrize(
    ("score", "text"),
    [(100.0, "100.00"), (99.9999, "99.99"), (99.83, "99.83"), (0.0, "0.00"), (None, "不可评价")],
)
def test_only_what_is_perfect_reads_100(score, text):
    assert words.score(score) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0.00%"), (0.0001, "<0.01%"), (12.345, "12.35%"), (100.0, "100.00%"), (None, "—")]
)
def test_a_share_that_is_not_nothing_never_reads_as_nothing(share, text):
    assert words.share(share) == text


@pytest.mark.parametrize(("moved", "text"), [(2, "升 2 位"), (-1, "降 1 位"), (0, "不变"), (None, "—")])
def test_a_rank_says_how_it_moved(moved, text):
    assert words.moved(Rank(3, 12, moved)) == text


def test_rows_pass_that_are_stored_and_fail_no_rule():
    assert Amount(rows=90, failed=5, refused=10).passed == pytest.approx(85)
    assert Amount(0, 0, 0).passed is None


@pytest.mark.parametrize(
    ("day", "first", "last", "year_before"),
    [
        ((2026, 2, 14), (2026, 2, 1), (2026, 2, 28), (2025, 2, 1)),
        ((2024, 12, 31), (2024, 12, 1), (2024, 12, 31), (2023, 12, 1)),
        ((2026, 1, 1), (2026, 1, 1), (2026, 1, 31), (2025, 1, 1)),
    ],
)
def test_a_month_is_its_days_and_months_are_counted_over_the_turn_of_the_year(day, first, last, year_before):
    period = month_of(dt.date(*day))
    assert period == Period(dt.date(*first), dt.date(*last))
    assert months_before(period.first, 12) == dt.date(*year_before)
    assert months_before(months_before(period.first, 5), 7) == dt.date(*year_before)


# -- tables ------------------------------------------------------------------------------------------------------------


def line(title, total, *, code="", before=None):
    score = NO_SCORE if total is None else Score({Dimension.VALIDITY: Count(100, round(100 - total))})
    return ScoreLine(title, title, code, Rank(None, 0, None), score, before, Amount(1, 0, 0))


def test_lines_without_a_value_come_last_in_both_directions():
    lines = [line("甲", None), line("乙", 90.0), line("丙", 95.0)]
    assert [each.title for each in ordered(lines, "score", SCORE_ORDERS)] == ["乙", "丙", "甲"]
    assert [each.title for each in ordered(lines, "-score", SCORE_ORDERS)] == ["丙", "乙", "甲"]


def test_equal_lines_stand_in_the_order_of_their_names():
    rule = rule_by_key()["diagnosis.revised_at:late"]
    lines = [CountLine(name, name, Count(10, 1), 0, rule) for name in "cab"]
    assert [each.title for each in ordered(lines, "-failed", COUNT_ORDERS)] == ["a", "b", "c"]


def test_a_search_looks_into_names_codes_and_data_sets():
    lines = [line("县医院", 90.0, code="530902A"), line("村卫生室", 95.0, code="530926B")]
    assert [each.title for each in matching(lines, "医院")] == ["县医院"]
    assert [each.title for each in matching(lines, "530926b ")] == ["村卫生室"]
    rule = rule_by_key()["diagnosis.revised_at:late"]
    found = CountLine(rule.key, rule.title, Count(1, 1), 0, rule)
    assert matching([found], data_sets()["diagnosis"].title) == [found]
    assert matching([found], "", Dimension.TIMELINESS) == [found]
    assert matching([found], "", Dimension.VALIDITY) == []


# -- places and rules --------------------------------------------------------------------------------------------------


def test_a_place_reads_as_its_address_says():
    for place in (CITY, Place(Kind.COUNTY, "530902"), Place(Kind.INSTITUTION, "12")):
        assert place_of(str(place)) == place
    for text in ("county-53", "institution-0", "institution-x", "issues", ""):
        with pytest.raises(ValueError, match=f"^{text}$"):
            place_of(text)


def test_every_rule_says_how_to_put_right_what_it_finds():
    for rule in rule_by_key().values():
        assert advice_on(rule)
    known = {rule.word.partition(":")[2] for rule in rule_by_key().values()} | {FORMER}
    assert set(OF_CHECK) <= known


def test_what_was_refused_under_a_former_wording_is_known_by_its_column():
    former = rule_of("lab-result", "quantity:former")
    assert former is not None
    assert "检验定量结果" in former.title
    assert rule_of("lab-result", "nowhere:former") is None
    assert rule_of("lab-result", "quantity:nonsense") is None
    assert rule_of("nonsense", "quantity:former") is None


@pytest.mark.parametrize(
    ("key", "columns"),
    [
        ("lab-result.quantity:not-alive", {"quantity", "item"}),
        ("vital-signs.systolic:range", {"systolic"}),
        ("diagnosis.revised_at:late", {"revised_at"}),
        ("diagnosis.code:name-of-another", {"code"}),
    ],
)
def test_rows_show_the_columns_their_rule_speaks_of(key, columns):
    assert {field.name for field in columns_of(rule_by_key()[key])} == columns


def test_every_rule_speaks_of_stored_columns_or_of_the_row_as_a_whole():
    for rule in rule_by_key().values():
        stored = set(data_sets()[rule.data_set].elements())
        assert set(columns_of(rule)) <= stored
        if rule.column in {field.name for field in stored} - {"source_key"}:
            assert columns_of(rule), rule.key


def test_every_name_of_a_person_is_masked_in_lists_whatever_the_standard_calls_it():
    certificate = BirthCertificate(mother_name="王秀英", child_name="张小宝", issuer="县医院")
    shown = {name: shown_cell(certificate, BirthCertificate.element(name)) for name in ("mother_name", "child_name")}
    assert shown == {"mother_name": "王*英", "child_name": "张*宝"}
    assert shown_cell(certificate, BirthCertificate.element("issuer")) == "县医院"
