"""How rows read: headlines, values, days, and what a request asks for."""

import datetime as dt
from uuid import UUID

import pytest

from kangqiao.records.asking import NotUnderstood, place_word, wanted_of
from kangqiao.records.curves import line_name, measured_fields
from kangqiao.records.days import SHOWN_AT_ONCE, days_of
from kangqiao.records.health_record.models import DiabetesFollowUp, HypertensionFollowUp, PhysicalExamination
from kangqiao.records.items import columns_of, title_of
from kangqiao.records.medical_record.models import (
    Charge,
    Diagnosis,
    InpatientStay,
    LabResult,
    OutpatientEncounter,
    VitalSigns,
)
from kangqiao.records.rules import PURPOSES, read_purpose, require_reading
from kangqiao.records.summary import AllergyNote, _once
from kangqiao.records.themes import Theme, in_order_of_care, members
from kangqiao.records.timeline import PAGE, Item, Page, Place, heads
from kangqiao.records.wording import headline_of, words
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.trust.actions import Purpose
from kangqiao.trust.actors import stranger, system_actor
from kangqiao.trust.errors import NotPermitted

TODAY = dt.date(2026, 11, 22)


# -- headlines ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data_set", "values", "line"),
    [
        (HypertensionFollowUp, (132.0, 84.0, "1"), "血压 132/84 mmHg 控制满意"),
        (HypertensionFollowUp, (132.0, None, "1"), "血压 132/— mmHg 控制满意"),
        (HypertensionFollowUp, (None, None, "1"), "控制满意"),
        (DiabetesFollowUp, (7.0, None), "空腹血糖 7 mmol/L"),
        (VitalSigns, ("120", "80", None, "72", None), "血压 120/80 脉率 72"),
        (VitalSigns, (None,) * 5, ""),
        (Diagnosis, ("1", "高血压病", "I10.x00"), "主要诊断 高血压病 I10.x00"),
        (Charge, ("01", "286.40", "71.60"), "城镇职工基本医疗保险 总费用 286.40 元，个人承担 71.60 元"),
        (Charge, (None, "286.40", "71.60"), "总费用 286.40 元，个人承担 71.60 元"),
        (Charge, (None, None, "71.60"), "个人承担 71.60 元"),
        (LabResult, ("血钾", 3.1, "mmol/L", None, "L"), "血钾 3.1 mmol/L 偏低"),
        (LabResult, ("尿蛋白", None, "g/L", "阴性", None), "尿蛋白 阴性"),
        (InpatientStay, ("内科", "2024-06-11 16:20", None, None), "内科 2024-06-11 16:20"),
    ],
)
def test_a_headline_leaves_out_what_is_missing_together_with_its_label_and_unit(data_set, values, line):
    assert headline_of(data_set).of(values) == line


def test_values_read_by_name_in_city_time_and_without_digits_nobody_measured():
    assert words(VitalSigns.element("temperature"), 36.50) == "36.5"
    assert words(VitalSigns.element("ventilated"), True) == "是"
    assert words(VitalSigns.element("measured"), dt.datetime(2026, 1, 1, 1, 5, tzinfo=dt.UTC)) == "2026-01-01 09:05"
    assert words(Diagnosis.element("role"), "2") == "其他诊断"
    assert words(Diagnosis.element("role"), "X") == "X"
    assert words(PhysicalExamination.element("symptoms"), ["1", "2"]) == "无症状、头痛"
    assert words(PhysicalExamination.element("symptoms"), "1|2") == "无症状、头痛"
    assert words(VitalSigns.element("pulse"), None) == ""


def test_titles_on_screens_leave_out_that_a_value_is_a_code_and_its_unit():
    assert title_of(OutpatientEncounter.element("kind")) == "患者类型"
    assert title_of(VitalSigns.element("systolic")) == "收缩压"


# -- themes ------------------------------------------------------------------------------------------------------------


def test_every_data_set_has_its_place_on_the_page():
    assert {each for theme in Theme for each in members(theme)} == set(heads().values())


def test_a_visit_stands_before_what_was_done_in_it_and_costs_come_last():
    order = [data_set.word for data_set in in_order_of_care()]
    assert order.index("outpatient-encounter") < order.index("diagnosis") < order.index("vital-signs")
    assert order.index("vital-signs") < order.index("lab-report") < order.index("prescription") < order.index("charge")


def test_results_and_items_are_no_events_of_their_own():
    assert not {"lab-result", "prescription-item", "charge-item"} & heads().keys()


def test_a_table_of_results_shows_item_value_and_range_but_no_column_that_is_empty():
    row = LabResult(item_name="血钾", quantity=3.1, low=3.5, high=5.3)
    assert [field.name for field in columns_of(LabResult, [row])] == ["item", "quantity", "low", "high"]
    assert [field.name for field in columns_of(LabResult, [row, LabResult(text="阴性")])][:3] == [
        "item",
        "quantity",
        "text",
    ]


def test_pressure_is_found_in_every_data_set_that_measures_it():
    carriers = {data_set for data_set, fields in measured_fields().items() if fields[0][0].word == "pressure"}
    assert {VitalSigns, HypertensionFollowUp, DiabetesFollowUp, PhysicalExamination} <= carriers


def test_a_line_is_named_by_what_was_measured_on_whichever_side():
    assert line_name(PhysicalExamination.element("left_systolic")) == "收缩压"
    assert line_name(VitalSigns.element("systolic")) == "收缩压"


# -- days --------------------------------------------------------------------------------------------------------------


def item(number: int, at: str, *, kind: str = "charge", institution: int = 1) -> Item:
    moment = dt.datetime.fromisoformat(at).replace(tzinfo=CITY_TIME)
    return Item(kind, UUID(int=number), UUID(int=0), institution, "医院", moment, 1, False, f"第 {number} 条")


def test_a_day_is_the_day_in_the_city_and_its_items_stand_by_institution_and_kind():
    early = dt.datetime(2026, 3, 4, 16, 30, tzinfo=dt.UTC)  # half past midnight on the fifth
    night = Item("diagnosis", UUID(int=9), UUID(int=0), 1, "医院", early, 1, False, "夜诊")
    page = Page((item(3, "2026-03-05T10:00", institution=2), item(2, "2026-03-05T09:00"), night), None)
    (day,) = days_of(page, after=None)
    assert day.date == dt.date(2026, 3, 5)
    assert day.weekday == "星期四"
    assert [stop.institution_id for stop in day.stops] == [2, 1]
    assert [bunch.kind for bunch in day.stops[1].bunches] == ["diagnosis", "charge"]


def test_a_day_cut_by_a_page_is_continued_on_the_next():
    page = Page((item(2, "2026-03-05T09:00"), item(1, "2026-03-04T09:00")), None)
    after = Place(dt.datetime(2026, 3, 5, 10, tzinfo=CITY_TIME), UUID(int=3))
    assert [day.continued for day in days_of(page, after=after)] == [True, False]


def test_many_rows_of_a_kind_on_one_day_are_folded_up():
    page = Page(tuple(item(n, f"2026-03-05T09:{30 - n:02d}") for n in range(SHOWN_AT_ONCE + 1)), None)
    assert days_of(page, after=None)[0].stops[0].bunches[0].folded
    fewer = Page(page.items[1:], None)
    assert not days_of(fewer, after=None)[0].stops[0].bunches[0].folded


# -- asking ------------------------------------------------------------------------------------------------------------


def test_nothing_asked_is_the_newest_page_of_everything():
    wanted = wanted_of({}, today=TODAY)
    assert (wanted.kinds, wanted.institutions, wanted.since, wanted.until, wanted.before) == (None,) * 5
    assert (wanted.with_voided, wanted.size) == (False, PAGE)


def test_a_month_is_asked_for_from_its_first_midnight_in_the_city_to_the_next():
    wanted = wanted_of({"month": ["2026-02"]}, today=TODAY)
    assert wanted.since == dt.datetime(2026, 2, 1, tzinfo=CITY_TIME)
    assert wanted.until == dt.datetime(2026, 3, 1, tzinfo=CITY_TIME)


def test_days_are_both_included():
    wanted = wanted_of({"since": ["2026-01-31"], "until": ["2026-01-31"]}, today=TODAY)
    assert wanted.until - wanted.since == dt.timedelta(days=1)


def test_a_place_survives_its_way_through_a_url():
    place = Place(dt.datetime(1966, 5, 4, 3, 2, 1, 123456, tzinfo=dt.UTC), UUID(int=5))
    assert wanted_of({"before": [place_word(place)]}, today=TODAY).before == place


@pytest.mark.parametrize(
    "parameters",
    [
        {"kinds": ["lab-result"]},
        {"kinds": ["nothing"]},
        {"institutions": ["x"]},
        {"since": ["gestern"]},
        {"month": ["2026-13"]},
        {"before": ["1-2"]},
        {"before": ["99999999999999999999-" + "0" * 32]},
        {"size": ["0"]},
        {"size": ["201"]},
        {"size": ["-1"]},
    ],
)
def test_a_parameter_without_meaning_is_refused(parameters):
    with pytest.raises(NotUnderstood, match="应为"):
        wanted_of(parameters, today=TODAY)


# -- who may read ------------------------------------------------------------------------------------------------------


def test_a_purpose_is_one_of_those_for_reading_a_person():
    assert read_purpose("treatment") is Purpose.TREATMENT
    assert read_purpose("supervision") is None
    assert read_purpose(None) is None


def test_a_record_is_read_by_those_with_the_permission_for_a_purpose_of_reading():
    for purpose in PURPOSES:
        require_reading(system_actor("test"), purpose)
    with pytest.raises(NotPermitted):
        require_reading(stranger(None), Purpose.TREATMENT)
    with pytest.raises(NotPermitted):
        require_reading(system_actor("test"), Purpose.SUPERVISION)


# -- allergies ---------------------------------------------------------------------------------------------------------


def note(text: str) -> AllergyNote:
    return AllergyNote(text, "allergy", UUID(int=0), 1, dt.datetime(2026, 1, 1, tzinfo=CITY_TIME))


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (["青霉素（重度）", "青霉素", "青霉素过敏史"], ["青霉素（重度）"]),
        (["青霉素（重度）", "对青霉素、磺胺过敏"], ["青霉素（重度）", "对青霉素、磺胺过敏"]),
        (["头孢", "头孢曲松"], ["头孢", "头孢曲松"]),
    ],
)
def test_an_allergy_told_again_in_other_words_is_shown_once_and_nothing_more_is_lost(told, shown):
    assert [each.text for each in _once([note(text) for text in told])] == shown
