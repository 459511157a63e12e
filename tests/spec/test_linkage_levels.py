"""What a clerk sees when two registrations are compared: each row tells how the second one is written differently."""

from datetime import date

import pytest

from kangqiao.identity.linkage.comparison import FIELDS, Birth, Document, Name, levels_of, pattern_of
from linkage_records import found_levels, number

NOTHING = {"document_type": None, "document_number": None}
SWAPPED = "53352219870341" + number("53352219870314082")[14:]

TABLE = [
    # field, level, first, second
    ("document", "SAME", {}, {}),
    (
        "document",
        "SAME",
        {},
        {"document_number": "５３３５２２１９８７０３１４０８２" + number("53352219870314082")[17]},
    ),
    ("document", "SAME_OTHER", *[{"document_type": "03", "document_number": "MC1234567"}] * 2),
    ("document", "SAME_NOT_OWN", {}, {"birth_date": date(2012, 9, 1)}),
    ("document", "NEIGHBOURS_INVALID", {}, {"document_number": SWAPPED}),
    ("document", "NEIGHBOURS_INVALID", {}, {"document_number": "533522198703140" + "72" + "0"}),
    ("document", "NEIGHBOURS_VALID", {}, {"document_number": number("53352219870314084")}),
    ("document", "DIFFERENT_VALID", {}, {"document_number": number("53352219870314646")}),
    ("document", "DIFFERENT_KINDS", {}, {"document_type": "03", "document_number": "MC1234567"}),
    ("document", None, {}, NOTHING),
    ("document", None, {}, {"document_number": "无"}),
    ("name", "SAME_RARE", {}, {}),
    ("name", "SAME_RARE", {"name": "岩·温香"}, {"name": "岩温香"}),
    ("name", "REORDERED", {"name": "AUNG MYAT THU"}, {"name": "THU AUNG MYAT"}),
    ("name", None, {}, {"name": "不详"}),
    ("name", "HOMOPHONE", {}, {"name": "鲁文瑛"}),
    ("name", "ONE_CHARACTER", {}, {"name": "曾文英"}),
    ("name", "LAST_CHARACTER", {}, {"name": "鲁文荣"}),
    ("name", "UNWRITTEN", {}, {"name": "鲁？英"}),
    ("name", "ONE_OF_TWO", {"name": "鲁英"}, {"name": "鲁荣"}),
    ("name", "ONE_OF_TWO", {"name": "刘俊"}, {"name": "到俊"}),
    ("name", "SURNAME", {}, {"name": "鲁小丽"}),
    ("name", "DIFFERENT", {}, {"name": "赵国强"}),
    ("name", "NAMED_SAME_MOTHER", {**NOTHING, "name": "李芳之子"}, {**NOTHING, "mother_name": "李芳"}),
    ("name", "OTHER_MOTHER", {**NOTHING, "name": "李芳之子"}, {**NOTHING, "mother_name": "王敏"}),
    ("birth", "SAME", {}, {}),
    ("birth", "MISTYPED", {}, {"birth_date": date(1987, 3, 15)}),
    ("birth", "MISTYPED", {"birth_date": date(1987, 3, 4)}, {"birth_date": date(1987, 4, 3)}),
    ("birth", "LUNAR", NOTHING, NOTHING | {"birth_date": date(1987, 2, 15)}),  # 丁卯年二月十五
    ("birth", "SAME_YEAR", NOTHING, NOTHING | {"birth_date": date(1987, 2, 23)}),
    ("birth", "ESTIMATED", {}, {"birth_date": date(1986, 1, 1)}),
    ("birth", "BY_NUMBER", {**NOTHING}, {"birth_date": date(1987, 2, 15)}),
    ("birth", "SAME_YEAR", {}, {"birth_date": date(1987, 11, 26)}),
    ("birth", "DIFFERENT", {}, {"birth_date": date(1981, 12, 26)}),
    ("birth", None, {}, {"birth_date": None}),
    ("sex", "SAME", {}, {"sex": "1"}),  # both own numbers say 2
    ("sex", "DIFFERENT", {**NOTHING}, {**NOTHING, "sex": "1"}),
    ("phone", "SAME", {}, {}),
    ("phone", "DIFFERENT", {}, {"phone": "13987600012"}),
    ("place", "SAME_VILLAGE", {}, {}),
    ("place", "SAME_TOWNSHIP", {}, {"division": "530922102204"}),
    ("place", "SAME_COUNTY", {}, {"division": "530922100001"}),
    ("place", "RENUMBERED", {"division": "530922102203"}, {"division": "530922101203"}),
    ("place", "DIFFERENT", {}, {"division": "530902100001"}),
    ("card", "SAME", *[{"health_card": "530900001"}] * 2),
    ("card", None, *[{"health_card": "000000"}] * 2),
    ("mother", "SAME_NAME", *[{"mother_name": "李芳"}] * 2),
]


@pytest.mark.parametrize(("field", "level", "first", "second"), TABLE)
def test_two_registrations_are_compared_in_a_clerks_words(
    field: str, level: str | None, first: dict, second: dict
) -> None:
    assert found_levels(first, second).get(field) == level


@pytest.mark.parametrize(
    ("surnames", "level"), [("鲁", "SAME"), ("鲁赵王李", "SAME_HOUSEHOLD"), ("鲁赵王李杨罗字", "SAME_CROWD")]
)
def test_a_phone_counts_less_the_more_surnames_stand_behind_it(surnames: str, level: str) -> None:
    others = [{**NOTHING, "name": f"{one}小明", "birth_date": date(1950, 1, 1)} for one in surnames]
    assert found_levels({}, {}, *others)["phone"] == level


def test_a_number_many_people_showed_is_nobodys() -> None:
    others = [{"name": f"{surname}小明"} for surname in "赵王李杨罗字"]
    assert found_levels({}, {}, *others)["document"] == "SAME_OF_MANY"


def test_every_level_has_a_chinese_title_of_its_own() -> None:
    for field in FIELDS:
        assert set(field.levels) == set(type(next(iter(field.levels))))
        assert len(set(field.levels.values())) == len(field.levels)


def test_a_pattern_keeps_every_level() -> None:
    pattern = pattern_of(Document.NOT_OWN, Name.SAME_EVERYWHERE, Birth.FAR)
    assert levels_of(pattern)[:3] == (Document.NOT_OWN, Name.SAME_EVERYWHERE, Birth.FAR)
