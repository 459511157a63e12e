"""What a monthly report says in words, and what it calls the most important problems."""

import dataclasses
import datetime as dt

import pytest

from kangqiao.quality.board import CountLine, Rank, ScoreLine
from kangqiao.quality.catalogue import rule_by_key
from kangqiao.quality.places import CITY
from kangqiao.quality.queries import NO_ROWS, NO_SCORE, Amount, Score
from kangqiao.quality.reports.figures import (
    Figures,
    OpenIssues,
    RankAmong,
    gain_of,
    problems_of,
    without_numbers_of_people,
)
from kangqiao.quality.reports.wording import changes_of, how_scored
from kangqiao.quality.rules import NOTHING, Count
from kangqiao.standards.quality import Dimension

OCTOBER, SEPTEMBER = dt.date(2026, 10, 1), dt.date(2026, 9, 1)
LATE, LABEL = "vital-signs.revised_at:late", "vital-signs.source_key:repeated"


def score_of(**counts):
    all_counts = {each: counts.get(each.name.lower(), NOTHING) for each in Dimension}
    return Score(all_counts)


def line(key, assessed, failed, before=0):
    rule = rule_by_key()[key]
    return CountLine(key, rule.title, Count(assessed, failed), before, rule)


NOTHING_YET = Figures(
    place=CITY,
    title="全市",
    code="",
    kind="",
    month=OCTOBER,
    measured=dt.datetime(2026, 11, 2, 4, tzinfo=dt.UTC),
    scores={},
    amounts={},
    ranks=[],
    data_sets=[],
    data_sets_before={},
    below=[],
    institutions=1,
    rules=[],
    rules_before=0,
    problems=[],
    keys=None,
    issues=OpenIssues([], 0, 0),
)


def figures(**changes):
    return dataclasses.replace(NOTHING_YET, **changes)


def two_months(now, before, sent=(100, 100), refused=(0, 0)):
    return figures(
        scores={OCTOBER: now, SEPTEMBER: before},
        amounts={
            OCTOBER: Amount(sent[0] - refused[0], 0, refused[0]),
            SEPTEMBER: Amount(sent[1] - refused[1], 0, refused[1]),
        },
    )


# the score and rows of this month and the last, what is said of them
CHANGES = [
    (
        two_months(score_of(validity=Count(100, 5)), score_of(validity=Count(100, 10))),
        "综合得分从 90.00 分升到 95.00 分，提高 5.00 分。",
    ),
    (
        two_months(score_of(validity=Count(100, 10)), score_of(validity=Count(100, 5))),
        "规范性从 95.00 分降到 90.00 分。",
    ),
    (
        two_months(score_of(validity=Count(100, 5)), score_of(validity=Count(100, 5))),
        "综合得分与上月持平，为 95.00 分。",
    ),
    (two_months(score_of(validity=Count(100, 5)), NO_SCORE), "综合得分上月不可评价，本月为 95.00 分。"),
    (two_months(NO_SCORE, NO_SCORE, sent=(80, 100)), "报送 80 行，上月 100 行，少 20 行（-20.0%）。"),
    (two_months(NO_SCORE, NO_SCORE, refused=(3, 1)), "退回未更正 3 行，上月 1 行。"),
]


@pytest.mark.parametrize(("of", "said"), CHANGES)
def test_what_changed_is_said_in_numbers(of, said):
    assert said in changes_of(of)


def test_a_month_without_data_is_said_to_be_one():
    assert changes_of(figures()) == ["本月没有数据，无法评价。"]


def test_nothing_is_compared_with_a_month_without_data():
    assert changes_of(two_months(score_of(validity=Count(9, 1)), NO_SCORE, sent=(9, 0))) == ["上月没有数据，无法比较。"]


def test_only_the_three_dimensions_that_changed_most_are_named():
    now = score_of(validity=Count(100, 1), consistency=Count(100, 2), linkage=Count(100, 3), completeness=Count(100, 4))
    before = score_of(**{each: Count(100, 0) for each in ("validity", "consistency", "linkage", "completeness")})
    said = "".join(changes_of(two_months(now, before)))
    assert "变化最大的三个维度：完整性" in said
    assert "规范性" not in said


def test_a_rank_is_said_where_it_moved():
    of = two_months(score_of(validity=Count(100, 5)), score_of(validity=Count(100, 5)))
    ranks = [RankAmong("临翔区各机构", Rank(3, 12, -2)), RankAmong("全市乡卫生院", Rank(4, 9, 0))]
    said = "".join(changes_of(dataclasses.replace(of, ranks=ranks)))
    assert "在临翔区各机构中下降 2 位，第 3 名（共 12 个）。" in said
    assert "乡卫生院" not in said


def test_data_sets_that_stayed_away_are_named():
    of = two_months(NO_SCORE, NO_SCORE)
    here = ScoreLine("diagnosis", "诊断", "diagnosis", Rank(None, 0, None), NO_SCORE, None, Amount(5, 0, 0))
    before = {"diagnosis": Amount(5, 0, 0), "vital-signs": Amount(7, 0, 0), "operation": NO_ROWS}
    said = "".join(changes_of(dataclasses.replace(of, data_sets=[here], data_sets_before=before)))
    assert "上月有数据、本月没有数据的数据集：体征。" in said


def test_the_problem_that_costs_most_points_comes_first():
    score = score_of(timeliness=Count(20, 10), uniqueness=Count(10_000, 500))
    found = problems_of([line(LABEL, 10_000, 500), line(LATE, 20, 10)], score)
    assert [(each.line.key, each.gain) for each in found] == [(LATE, 25.0), (LABEL, 2.5)]


def test_mending_a_rule_gains_no_more_than_its_dimension_lacks():
    assert gain_of(Count(100, 30), Count(100, 20), assessable=2) == 10.0
    assert gain_of(Count(0, 0), Count(0, 0), assessable=2) == 0.0


def test_of_many_problems_the_first_five_are_told():
    lines = [line(f"vital-signs.{each}", 100, 3) for each in _row_rules()[:7]]
    assert len(problems_of(lines, score_of(consistency=Count(100, 3)))) == 5


def _row_rules():
    return [key.partition(".")[2] for key in rule_by_key() if key.startswith("vital-signs.")]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("FM19588485610001", "FM19588485610001"),
        ("53090219900307123X", "530***********123X"),
        ("JZ-53090219900307123X-2", "JZ-530***********123X-2"),
        ("5309021990030712341001", "530***********12341001"),
        ("533521900307123", "533********7123"),
        ("13988412345", "139****2345"),
        ("2026-10-03-0001", "2026-10-03-0001"),
    ],
)
def test_a_key_that_is_a_number_of_a_person_is_masked(key, shown):
    assert without_numbers_of_people(key) == shown


def test_a_month_that_was_not_over_says_so():
    early = figures(measured=dt.datetime(2026, 10, 31, 15, tzinfo=dt.UTC))
    late = figures(measured=dt.datetime(2026, 10, 31, 17, tzinfo=dt.UTC))  # already November in the city
    assert "测量时2026年10月尚未结束，以上是截至测量时的结果。" in how_scored(early)
    assert len(how_scored(late)) == len(how_scored(early)) - 1
