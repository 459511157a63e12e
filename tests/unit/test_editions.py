"""What is derived of a data set's editions: dates, the former contract, the reading of former rows, the comparison."""

import datetime as dt

import pytest
from django.test.utils import isolate_apps

from changed_data_set import (
    FIRST_CHANGE,
    FIRST_OVER,
    SECOND_CHANGE,
    SECOND_OVER,
    ClinicVisit,
    clinic_visit,
)
from kangqiao.standards.checks import checks_of
from kangqiao.standards.comparison import UnknownEdition, compare
from kangqiao.standards.conditions import among, at_least, either, every, missing, no, present
from kangqiao.standards.contract import describe
from kangqiao.standards.data_set import Record, at, data_sets
from kangqiao.standards.documents import interface_document, minimal_row, value_sets_of
from kangqiao.standards.editions import (
    Edition,
    EditionState,
    accepted_on,
    accepted_until,
    added,
    blames_absence,
    implied,
    narrowed,
    numbers_of,
    rank,
    renamed,
    withdrawn,
)
from kangqiao.standards.fields import Coded, Moment, Text
from kangqiao.standards.validation import check_row

RECEIVED = dt.datetime(2026, 6, 10, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


def checked(edition, **changes):
    return check_row(ClinicVisit, clinic_visit(**changes), institution_id=1, received_at=RECEIVED, edition=edition)


def found(edition, **changes):
    return {(check.column, check.word) for check in checked(edition, **changes).failed}


# -- days ------------------------------------------------------------------------------------------------------


def test_a_data_set_without_changes_has_one_edition_that_never_ends():
    plain = data_sets()["vital-signs"]
    assert numbers_of(plain) == ["1.0"]
    assert accepted_on(plain, dt.date(2099, 1, 1)) == ["1.0"]
    assert accepted_until(plain, "1.0") is None


@pytest.mark.parametrize(
    ("day", "taken"),
    [
        (FIRST_CHANGE - DAY, ["1.0"]),
        (FIRST_CHANGE, ["1.0", "1.1"]),
        (SECOND_CHANGE, ["1.0", "1.1", "1.3"]),
        (FIRST_OVER, ["1.0", "1.1", "1.3"]),
        (FIRST_OVER + DAY, ["1.1", "1.3"]),
        (SECOND_OVER, ["1.1", "1.3"]),
        (SECOND_OVER + DAY, ["1.3"]),
    ],
)
def test_editions_are_taken_from_their_first_day_to_the_last_day_of_the_parallel_time(day, taken):
    assert accepted_on(ClinicVisit, day) == taken


@pytest.mark.parametrize(
    ("day", "state"),
    [
        (FIRST_CHANGE - DAY, EditionState.ANNOUNCED),
        (FIRST_CHANGE, EditionState.BESIDE),
        (FIRST_OVER, EditionState.BESIDE),
        (FIRST_OVER + DAY, EditionState.ALONE),
    ],
)
def test_an_edition_is_announced_then_beside_the_former_one_then_alone(day, state):
    assert ClinicVisit.editions[0].state(day) == state


@pytest.mark.parametrize(
    ("contract", "edition"), [("1.0", "1.0"), ("1.1", "1.1"), ("1.2", "1.1"), ("1.3", "1.3"), ("1.10", "1.3")]
)
def test_a_version_of_the_contract_implies_the_edition_of_its_time(contract, edition):
    assert implied(ClinicVisit, contract) == edition


def test_the_tenth_edition_comes_after_the_ninth():
    assert rank("1.10") > rank("1.9")


# -- the former contract ---------------------------------------------------------------------------------------


def contract_of(edition):
    return {column["column"]: column for column in describe(ClinicVisit, edition)["columns"]}


def test_an_element_is_in_the_contract_since_its_edition_with_its_companions():
    for name in ("weight", "weight_unit", "illness", "illness_name"):
        assert name not in contract_of("1.0")
        assert name in contract_of("1.1")


def test_an_element_that_is_withdrawn_is_in_the_former_contract_only():
    assert "old_note" in contract_of("1.1")
    assert "old_note" not in contract_of("1.3")


def test_what_is_required_since_an_edition_was_not_before():
    assert contract_of("1.0")["reason"]["required"] is False
    assert contract_of("1.1")["reason"]["required"] is True
    assert contract_of("1.0")["diagnosis_name"]["required"] is False
    assert contract_of("1.1")["diagnosis_name"]["required"] is True


def test_the_codes_of_an_edition_are_those_of_its_time():
    def codes(edition):
        return {known.id: set(known.codes) for known in value_sets_of(ClinicVisit, edition)}

    assert codes("1.0")["GBT2261.1"] == {"0", "1", "2", "9"}
    assert codes("1.1")["GBT2261.1"] == {"0", "1", "2"}
    assert codes("1.3")["GBT2261.1"] == {"1", "2"}
    assert {"02", "03"} <= codes("1.0")["CV07.10.005"]
    assert "04" not in codes("1.0")["CV07.10.005"]
    assert "04" in codes("1.3")["CV07.10.005"]


def test_the_contract_says_which_editions_there_are_and_until_when():
    editions = describe(ClinicVisit)["editions"]
    assert [each["edition"] for each in editions] == ["1.0", "1.1", "1.3"]
    assert [each["accepted_until"] for each in editions] == ["2026-06-30", "2026-12-31", None]
    assert "新增“体重”" in editions[1]["changes"]


@pytest.mark.parametrize("edition", ["1.0", "1.1", "1.3"])
def test_the_minimal_row_of_an_edition_is_accepted_in_it(edition):
    row = minimal_row(ClinicVisit, edition)
    result = check_row(ClinicVisit, row, institution_id=1, received_at=RECEIVED, edition=edition)
    assert [check.message for check in result.failed if check.refuses] == []


def test_the_document_has_a_chapter_of_changes_with_their_days():
    document = interface_document(ClinicVisit)
    assert "本数据集 1.3 版" in document
    assert "2026-01-10 公告，2026-03-01 起接收，1.0 版接收至 2026-06-30（含当日）。" in document
    assert "- “支付方式代码”的代码 03 新型农村合作医疗改为 02 城镇居民基本医疗保险" in document
    assert "## 六、变更" not in interface_document(data_sets()["vital-signs"])


# -- rows of a former edition ----------------------------------------------------------------------------------


def test_the_newest_edition_asks_for_everything():
    assert found(None) == set()
    assert found(None, weight=None) == {("weight", "required")}
    assert found(None, reason=None) == {("reason", "required")}
    assert found(None, illness=None, illness_name=None) == {("illness_name", "required")}
    assert found(None, children="2") == {("children", "alone")}


def test_a_former_edition_does_not_ask_for_what_came_later():
    assert found("1.0", weight=None, weight_unit=None, reason=None, illness=None, illness_name=None) == set()
    assert found("1.0", diagnosis=None, diagnosis_name=None) == set()
    assert found("1.1", weight=None) == {("weight", "required")}
    assert found("1.1", children="2") == set()


def test_a_rule_that_blames_a_missing_new_element_is_not_asked_of_rows_that_never_had_it():
    assert found("1.1", sex="2", weight=None) == {("weight", "required"), ("reason", "no-weight")}
    assert found("1.0", sex="2", weight=None) == set()


def test_a_former_edition_still_asks_what_it_asked():
    assert found("1.0", payment=None) == {("payment", "required")}
    assert found("1.0", ended="2026-01-01 00:00:00") == {("ended", "not-before")}
    assert found("1.0", sex="7") == {("sex", "value-set")}


def test_a_code_that_is_dropped_is_kept_in_former_rows_and_refused_in_newer_ones():
    assert checked("1.0", sex="9").values["sex"] == "9"
    assert found("1.0", sex="9") == set()
    (check,) = checked("1.1", sex="9").failed
    assert (check.word, check.message) == (
        "former-code-1.1",
        "“性别代码”自 1.1 版起不再使用代码“9”",
    )


def test_every_check_of_a_column_has_a_word_of_its_own():
    keys = [(check.column, check.word) for check in checks_of(ClinicVisit)]
    assert ("sex", "former-code-1.1") in keys
    assert ("sex", "former-code-1.3") in keys
    assert len(set(keys)) == len(keys)


def test_a_code_that_is_renamed_is_translated_through_every_edition_since():
    assert checked("1.0", payment="03").values["payment"] == "01"
    assert checked("1.0", payment="02").values["payment"] == "01"
    assert checked("1.1", payment="02").values["payment"] == "01"
    (check,) = checked("1.1", payment="03").failed
    assert check.message == "“支付方式代码”自 1.1 版起不再使用代码“03”（请改用“01”）"


def test_each_of_several_codes_is_translated():
    assert checked("1.0", exposures="1|4|2").values["exposures"] == ["1", "3", "2"]
    assert found("1.1", exposures="1|4|2") == {("exposures", "former-code-1.1")}


def test_the_name_of_a_renamed_code_goes_with_it_and_another_name_is_still_refused():
    assert found("1.0", payment="03", payment_name="新农合") == set()
    assert found("1.0", payment="03", payment_name="贫困救助") == {("payment_name", "name")}


def test_a_file_of_a_former_edition_may_have_newer_elements_already():
    assert checked("1.0").values["weight"] == 61.5


def test_an_element_that_is_withdrawn_is_read_where_it_belonged_only():
    assert checked("1.1", old_note="旧").values["old_note"] == "旧"
    assert checked("1.3", old_note="旧").values["old_note"] is None


# -- columns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["weight", "reason", "illness_name", "diagnosis_name"])
def test_older_rows_may_lack_what_is_required_now(name):
    assert ClinicVisit.element(name).null


def test_what_was_always_required_is_never_missing():
    assert not ClinicVisit.element("payment").null


# -- comparison ------------------------------------------------------------------------------------------------


def differences(former, newer):
    return {(each.column, each.what, each.former, each.newer) for each in compare(ClinicVisit, former, newer)}


def test_two_editions_are_compared_element_by_element():
    assert differences("1.0", "1.1") == {
        ("reason", "必填", "选填", "必填"),
        ("sex", "代码停用", "9 未说明的性别", "—"),
        ("payment", "代码替换", "03 新型农村合作医疗", "02 城镇居民基本医疗保险"),
        ("exposures", "代码替换", "4 射线", "3 毒物"),
        ("diagnosis_name", "必填", "选填", "必填"),
        ("illness", "新增数据项", "—", "应填，缺少时提醒，代码 icd-10"),
        ("illness_name", "新增数据项", "—", "必填，AN..200"),
        ("weight", "新增数据项", "—", "必填，N"),
        ("weight_unit", "新增数据项", "—", "选填，AN..30"),
        ("reason", "新增要求", "—", "女性应填写“体重”"),
    }


def test_editions_further_apart_are_compared_across_those_between():
    far, near = differences("1.0", "1.3"), differences("1.1", "1.3")
    assert ("payment", "代码替换", "02 城镇居民基本医疗保险", "01 城镇职工基本医疗保险") in far & near
    assert ("old_note", "不再报送", "选填，AN..50", "—") in far & near
    assert ("payment", "新增代码", "—", "04 贫困救助") in far & near
    assert ("children", "新增要求", "—", "填写“子女数”时应填写“暴露史”") in far & near
    assert ("reason", "必填", "选填", "必填") in far - near


def test_an_edition_that_never_was_can_not_be_compared():
    with pytest.raises(UnknownEdition, match=r"“门诊随访”没有 1\.2 版，现有 1\.0、1\.1、1\.3"):
        compare(ClinicVisit, "1.0", "1.2")


# -- what may not be declared ----------------------------------------------------------------------------------


def edition(number="1.1", *changes, **days):
    given = {"announced": FIRST_CHANGE, "accepted_from": FIRST_CHANGE, "former_until": FIRST_OVER}
    return Edition(number, **(given | days), changes=changes)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: edition(number="2"), "numbered"),
        (lambda: edition(former_until=FIRST_CHANGE - DAY), "follow each other"),
        (lambda: edition(announced=FIRST_CHANGE + DAY), "follow each other"),
    ],
)
def test_an_edition_that_can_not_be_is_refused(declare, message):
    with pytest.raises(ValueError, match=message):
        declare()


def declared(make_editions):
    with isolate_apps("kangqiao.records.health_record"):

        class Sample(Record):
            title = "样例"
            seen = Moment("日期", required=True)
            sex = Coded("性别代码", values="GBT2261.1", required=True)
            occurred = at(seen)
            editions = make_editions(sex)

            class Meta(Record.Meta):
                app_label = "health_record"

    return Sample


@pytest.mark.parametrize(
    ("make_editions", "message"),
    [
        (lambda sex: (edition("1.2"), edition("1.1")), "oldest first"),
        (lambda sex: (edition("1.0"),), "oldest first"),
        (lambda sex: (edition("1.1", withdrawn(sex)),), "can not be required"),
        (lambda sex: (edition("1.1", narrowed(sex, "8")),), "must keep"),
        (lambda sex: (edition("1.1", renamed(sex, {"1": "2", "2": "1"})),), "another meaning"),
    ],
)
def test_changes_that_would_make_stored_rows_unreadable_are_refused(make_editions, message):
    with pytest.raises(ValueError, match=message):
        declared(make_editions)


def test_a_change_can_be_declared():
    assert declared(lambda sex: (edition("1.1", narrowed(sex, "9")),)).edition() == "1.1"
    assert declared(lambda sex: (edition("1.1", added(sex)),)).element("sex").null


# -- conditions that blame what is missing ---------------------------------------------------------------------

ONE, OTHER = Text("甲"), Text("乙")
ONE.name, OTHER.name = "one", "other"


@pytest.mark.parametrize(
    ("condition", "blames"),
    [
        (missing(ONE), True),
        (present(ONE), False),
        (no(present(ONE)), True),
        (among(ONE, "1"), False),
        (no(among(ONE, "1")), True),
        (no(at_least(ONE, 3)), True),
        (every(among(OTHER, "1"), missing(ONE)), True),
        (either(among(ONE, "1"), missing(OTHER)), False),
        (no(every(present(ONE), missing(OTHER))), True),
    ],
)
def test_a_condition_blames_absence_when_a_missing_value_can_make_it_hold(condition, blames):
    assert blames_absence(condition, "one") is blames
