"""What the platform says to a code that was mistyped, or is out of use: a table a data clerk can read."""

import datetime as dt
import itertools

import pytest

from kangqiao.records.health_record.models import HypertensionFollowUp
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards import value_sets
from kangqiao.standards.checks import checks_of
from kangqiao.standards.code_traps import cell_hints, code_hint
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.documents import interface_document
from kangqiao.standards.fields import Coded, Codes
from kangqiao.standards.validation import check_row
from kangqiao.standards.value_sets import Code, joined

SLIPS = [
    # value set, as sent, what is said
    ("CV02.01.101", "1", "“1”缺前导零，应为“01”（居民身份证）"),
    ("GBT3304", "3", "“3”缺前导零，应为“03”（回族）"),
    ("GBT3304", "3.0", "“3.0”缺前导零，应为“03”（回族）"),
    ("GBT2261.1", "01", "“01”多了前导零，应为“1”（男性）"),
    ("GBT2261.1", "1.0", "“1.0”是数字格式，应为文本“1”（男性）"),
    ("GBT2261.1", "１", "“１”含全角字符，应为“1”（男性）"),
    ("GBT2261.1", "男", "“男”是名称，应填代码“1”（男性）"),
    ("CV02.01.101", "身份证", "“身份证”是名称，应填代码“01”（居民身份证）"),
    ("CV05.10.013", "0", "“0”是级别，应填代码“1”（0级）"),
    ("CV05.10.013", "3级", "“3级”是名称，应填代码“4”（3级）"),
    ("CV05.10.022", "0", "“0”是级别，应填代码“1”（0类切口）"),
    ("CV05.10.022", "II类", "“II类”是名称，应填代码“3”（Ⅱ类切口）"),
    ("CV04.50.020", "Rh阳性", "“Rh阳性”是名称，应填代码“2”（阳性）"),
    ("icd-10", "i10", "“i10”字母应大写，应为“I10”（特发性（原发性）高血压）"),
    ("GBT4658", "50", "“50”（技工学校）自 2007-03-01 起停用，改用“40”（中等职业教育）"),
]


@pytest.mark.parametrize(("identifier", "sent", "said"), SLIPS)
def test_a_slip_with_a_code_is_answered_with_the_code_that_was_meant(identifier, sent, said):
    assert code_hint(value_sets.load(identifier), sent) == said


@pytest.mark.parametrize(
    ("identifier", "sent"),
    [
        ("GBT2261.1", "岩香"),  # a name that slipped into the neighbouring column
        ("GBT2261.1", "11010519491231002X"),
        ("CV02.01.101", "13800000000"),
        ("icd-10", "高血压三级极高危组"),
        ("CV02.01.101", ""),
    ],
)
def test_a_text_that_leads_to_no_code_is_never_repeated(identifier, sent):
    assert code_hint(value_sets.load(identifier), sent) is None


def test_no_code_in_use_is_given_a_hint():
    for identifier in value_sets.catalogue():
        known = value_sets.load(identifier)
        for code in known.codes.values():
            assert (code_hint(known, code.code) is None) == (code.valid_to is None), (identifier, code.code)


def test_each_code_of_a_multiple_choice_has_its_own_hint():
    field = HypertensionFollowUp.element("symptoms")
    assert isinstance(field, Codes)
    assert cell_hints(field, "01|2|?") == [f"“01”多了前导零，应为“1”（{field.value_set.name('1')}）"]


# -- editions ----------------------------------------------------------------------------------------------

OLD = [
    Code("1", "甲", dt.date(2012, 2, 1), dt.date(2024, 3, 31)),
    Code("2", "乙", dt.date(2012, 2, 1), dt.date(2024, 3, 31), successor="4"),
    Code("3", "丙", dt.date(2012, 2, 1), dt.date(2024, 3, 31), aliases=("三",)),
]
NEW = [
    Code("1", "甲", dt.date(2024, 4, 1)),
    Code("3", "丙类", dt.date(2024, 4, 1)),
    Code("4", "丁", dt.date(2024, 4, 1)),
]


def test_a_code_of_both_editions_stays_in_use_and_its_former_name_still_matches():
    codes = joined([OLD, NEW])
    assert (codes["1"].valid_from, codes["1"].valid_to) == (dt.date(2012, 2, 1), None)
    assert codes["3"] == Code("3", "丙类", dt.date(2012, 2, 1), None, ("三", "丙"))


def test_a_code_that_the_newer_edition_dropped_is_out_of_use_from_the_day_after():
    dropped = joined([OLD, NEW])["2"]
    assert not dropped.retired_on(dt.date(2024, 3, 31))
    assert dropped.retired_on(dt.date(2024, 4, 1))
    assert dropped.successor == "4"


def test_every_successor_is_a_code_in_use_of_the_same_set():
    for identifier in value_sets.catalogue():
        known = value_sets.load(identifier)
        for code in known.codes.values():
            if code.successor:
                assert known.codes[code.successor].valid_to is None, (identifier, code.code)


def test_editions_of_a_set_follow_one_another_without_overlap():
    for identifier, lines in value_sets.catalogue().items():
        dates = [(line.get("valid_from") or "", line.get("valid_to") or "") for line in lines]
        for (_, former_end), (next_start, _) in itertools.pairwise(dates):
            assert not former_end or not next_start or former_end < next_start, identifier


REGISTRATION = {"institution_code": "H1", "education": "50", "registered_at": "2026-01-02 08:00:00"}


@pytest.mark.parametrize(
    ("registered", "warned"),
    [("2026-01-02 08:00:00", True), ("2007-03-01 00:00:00", True), ("2007-02-28 23:59:59", False)],
)
def test_a_code_out_of_use_is_taken_with_a_warning_from_the_day_it_ended(registered, warned):
    row = REGISTRATION | {"revised_at": registered, "registered_at": registered}
    checked = check_row(PatientRegistration, row, institution_id=1, received_at=dt.datetime(2026, 6, 1, tzinfo=dt.UTC))
    words = {check.word: check.severity for check in checked.failed if check.column == "education"}
    assert words == ({"retired": "warning"} if warned else {})


# -- traps in the documents --------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["CV04.50.020", "CV05.10.013", "CV05.10.022", "GW2017.smoking"])
def test_every_interface_document_warns_of_the_traps_of_its_value_sets(identifier):
    note = value_sets.load(identifier).note
    users = [
        each
        for each in data_sets().values()
        if any(isinstance(field, Coded | Codes) and field.values == identifier for field in each.elements())
    ]
    assert note
    assert users
    assert all(interface_document(each).count(note) >= 2 for each in users)


def test_only_codes_out_of_use_cost_a_check():
    for data_set in data_sets().values():
        retired = {check.column for check in checks_of(data_set) if check.word == "retired"}
        coded = [field for field in data_set.elements() if isinstance(field, Coded | Codes)]
        assert retired == {field.name for field in coded if field.value_set.retirements()}
