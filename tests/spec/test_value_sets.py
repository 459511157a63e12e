"""Value sets against facts kept beside this test.

``ws364_2011_codes.csv`` is an independent copy of WS 364-2011 in which every leading zero was lost and some names were
mistyped; what a set must hold is derived from it by the two rules below, not read from the files under test.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kangqiao.standards import value_sets
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Coded, Codes, Count, Date, Element, Flag, Link, Moment, Money, Quantity, Text

HERE = Path(__file__).parent

MISTYPED = {
    "硬脊椎外腔阻滞麻醉": "硬脊膜外腔阻滞麻醉",
    "疫苗相关麻痹型骨髓灰质炎": "疫苗相关麻痹型脊髓灰质炎",
    "脊椎灰质炎疫苗": "脊髓灰质炎疫苗",
    "灌汤剂": "灌肠剂",
    "淀剂，糖淀": "锭剂，糖锭",
    "调释片，缓释片，控释片，长效片，多层片，": "调释片，缓释片，控释片，长效片，多层片",
}

# Sets whose book is not among the copied ones: their codes as the standards and forms print them.
PRINTED_CODES = {
    "CV05.10.019": "1 2 3 4",
    "CV05.10.022": "1 2 3 4",
    "CV05.10.023": "1 2 3 9",
    "CV05.10.024": "1 2 3 4",
    "CV06.00.223": "1 2 3 4 5 6 9",
    "CV06.00.226": "1 2 3 4 5 9",
    "CV06.00.228": "01 02 03 04 05 06 07 08 09 10 11 12 13 99",
    "CV06.00.229": "01 02 03 04 05 06 07 08 99",
    "CV09.00.403": "1 2 3 9",
    "CV09.00.404": "1 2 3 9",
    "DE04.30.017.00": "1 2 3",
    "DE06.00.196.00": "1 2",
    "DE06.00.286.00": "1 2 9",
    "GBT2261.1": "0 1 2 9",
    "GBT2261.2": "10 20 21 22 23 30 40 90",
    "GBT2261.4": "11 13 17 21 24 27 31 37 51 54 70 80 90",
    "GBT3304": " ".join(f"{number:02d}" for number in range(1, 57)),
    "GBT4658": "10 11 12 13 14 15 16 17 18 19 20 21 22 23 28 30 31 32 33 40 41 42 43 44 45 46 47 48 49"
    " 50 60 61 62 63 70 71 73 80 81 83 90",
    "GBT4761": "0 1 2 3 4 5 6 7 8",
}

HOW_MANY_CHOICES_A_FORM_PRINTS = {
    "GW2017.adherence": 3,
    "GW2017.antenatal-guidance": 9,
    "GW2017.child-complexion": 3,
    "GW2017.child-growth": 5,
    "GW2017.child-guidance": 6,
    "GW2017.child-illness": 5,
    "GW2017.child-tcm-service": 6,
    "GW2017.consent": 2,
    "GW2017.constitution": 9,
    "GW2017.delivery": 7,
    "GW2017.development": 5,
    "GW2017.diabetes-symptom": 10,
    "GW2017.disability": 8,
    "GW2017.disease-screening": 5,
    "GW2017.drinking": 4,
    "GW2017.drug-allergy": 5,
    "GW2017.economy": 2,
    "GW2017.evaluation": 2,
    "GW2017.exercise": 4,
    "GW2017.exposure": 4,
    "GW2017.family-disease": 12,
    "GW2017.feeding": 3,
    "GW2017.foot-pulse": 3,
    "GW2017.fuel": 6,
    "GW2017.grade": 3,
    "GW2017.growth": 3,
    "GW2017.guidance": 3,
    "GW2017.hearing": 2,
    "GW2017.hypertension-symptom": 10,
    "GW2017.hypoglycaemia": 3,
    "GW2017.infant-complexion": 3,
    "GW2017.infant-stool": 3,
    "GW2017.insight": 3,
    "GW2017.jaundice": 5,
    "GW2017.kitchen": 4,
    "GW2017.livestock": 4,
    "GW2017.locked-up": 3,
    "GW2017.manner": 3,
    "GW2017.maternal-family-history": 4,
    "GW2017.maternal-habit": 7,
    "GW2017.maternal-history": 8,
    "GW2017.mental-adherence": 4,
    "GW2017.mental-effect": 4,
    "GW2017.mental-symptom": 12,
    "GW2017.mental-treatment": 3,
    "GW2017.motion": 2,
    "GW2017.newborn-guidance": 6,
    "GW2017.newborn-screening": 4,
    "GW2017.no-abnormality": 2,
    "GW2017.normal": 2,
    "GW2017.passed": 2,
    "GW2017.past-disease": 13,
    "GW2017.payment": 8,
    "GW2017.postpartum-42-guidance": 5,
    "GW2017.postpartum-disposal": 2,
    "GW2017.postpartum-guidance": 6,
    "GW2017.pregnancy-illness": 4,
    "GW2017.presence": 2,
    "GW2017.rales": 4,
    "GW2017.recovery": 2,
    "GW2017.residence": 2,
    "GW2017.resistance": 3,
    "GW2017.rhythm": 3,
    "GW2017.rickets-sign": 9,
    "GW2017.rickets-symptom": 4,
    "GW2017.risk-control": 7,
    "GW2017.salt": 3,
    "GW2017.screening": 2,
    "GW2017.serology": 2,
    "GW2017.smoking": 3,
    "GW2017.sputum": 3,
    "GW2017.symptom": 25,
    "GW2017.tb-drug-form": 4,
    "GW2017.tb-education": 10,
    "GW2017.tb-kind": 2,
    "GW2017.tb-stop": 4,
    "GW2017.tb-supervisor": 4,
    "GW2017.tb-symptom": 11,
    "GW2017.tb-usage": 2,
    "GW2017.tcm-guidance": 6,
    "GW2017.throat": 3,
    "GW2017.toilet": 5,
    "GW2017.umbilicus": 4,
    "GW2017.water": 6,
}

NAMES_PEOPLE_GET_WRONG = [
    ("CV02.01.101", "01", "居民身份证"),
    ("CV04.50.020", "1", "阴性"),
    ("CV04.50.020", "2", "阳性"),
    ("CV04.50.005", "4", "AB型"),
    ("CV05.10.022", "1", "0类切口"),
    ("CV05.10.022", "4", "Ⅲ类切口"),
    ("CV06.00.226", "5", "死亡"),
    ("CV06.00.229", "01", "药品类医嘱"),
    ("CV06.00.228", "09", "qd"),
    ("CV07.10.005", "07", "全自费"),
    ("CV09.00.404", "3", "住院"),
    ("DE04.30.017.00", "1", "正常"),
    ("GBT2261.1", "1", "男性"),
    ("GBT2261.2", "30", "丧偶"),
    ("GBT3304", "01", "汉族"),
    ("GBT3304", "07", "彝族"),
    ("GBT3304", "18", "傣族"),
    ("GBT3304", "20", "傈僳族"),
    ("GBT3304", "21", "佤族"),
    ("GBT3304", "24", "拉祜族"),
    ("GBT3304", "34", "布朗族"),
    ("GBT3304", "46", "德昂族"),
    ("GBT3304", "56", "基诺族"),
    ("GBT4658", "60", "普通高级中学教育"),
    ("GBT4761", "1", "配偶"),
    ("GW2017.smoking", "1", "从不吸烟"),
    ("GW2017.smoking", "3", "吸烟"),
    ("GW2017.past-disease", "2", "高血压"),
    ("GW2017.past-disease", "10", "肝炎"),
]


SAID_WHOLE = {
    ("CV05.01.017", "2031"): "甲型病毒性肝炎",
    ("CV05.01.017", "2032"): "乙型病毒性肝炎",
    ("CV05.01.017", "2033"): "丙型病毒性肝炎",
    ("CV05.01.017", "2034"): "戊型病毒性肝炎",
    ("CV05.01.017", "2035"): "病毒性肝炎（未分型）",
    ("CV05.01.017", "2123"): "炭疽（未分型）",
    ("CV05.01.017", "2131"): "细菌性痢疾",
    ("CV05.01.017", "2132"): "阿米巴性痢疾",
    ("CV05.01.017", "2141"): "肺结核（涂阳）",
    ("CV05.01.017", "2142"): "肺结核（仅培阳）",
    ("CV05.01.017", "2143"): "肺结核（菌阴）",
    ("CV05.01.017", "2144"): "肺结核（未痰检）",
    ("CV05.01.017", "2151"): "伤寒（不含副伤寒）",
    ("CV05.01.017", "2231"): "Ⅰ期梅毒",
    ("CV05.01.017", "2232"): "Ⅱ期梅毒",
    ("CV05.01.017", "2233"): "Ⅲ期梅毒",
    ("CV05.01.017", "2234"): "胎传梅毒",
    ("CV05.01.017", "2235"): "隐性梅毒",
    ("CV05.01.017", "2263"): "疟疾（未分型）",
}
"""Sub-classes that the standard prints as half a name, under the name of their class."""


def test_every_code_of_ws364_is_held_with_its_leading_zero() -> None:
    copied: dict[str, list[tuple[str, str]]] = {}
    for row in _rows("ws364_2011_codes.csv"):
        copied.setdefault(row["id"], []).append((row["code"], row["name"]))
    for identifier, rows in copied.items():
        expected = {
            restored(code, rows): SAID_WHOLE.get((identifier, code), MISTYPED.get(name, name)) for code, name in rows
        }
        held = {code.code: code.name for code in value_sets.load(identifier).codes.values()}
        assert held == expected, identifier


def restored(code: str, rows: list[tuple[str, str]]) -> str:
    """Return a code as WS 364 prints it: where the last class of a table is 99, its classes have two digits each."""
    if not any(code == "99" for code, _ in rows):
        return code
    return code.zfill(len(code) + len(code) % 2)


def test_other_closed_sets_hold_the_codes_their_books_print() -> None:
    for identifier, printed in PRINTED_CODES.items():
        assert sorted(value_sets.load(identifier).codes) == sorted(printed.split()), identifier


def test_choices_of_the_national_forms_are_numbered_from_one() -> None:
    for identifier, choices in HOW_MANY_CHOICES_A_FORM_PRINTS.items():
        expected = [str(number) for number in range(1, choices + 1)]
        assert sorted(value_sets.load(identifier).codes, key=int) == expected, identifier


def test_every_closed_set_of_a_data_set_has_its_expectation_here() -> None:
    copied = {row["id"] for row in _rows("ws364_2011_codes.csv")}
    named = {field.values for _, field in _fields() if isinstance(field, Coded | Codes)}
    national = {name for name in named if value_sets.load(name).complete and not name.startswith("KQ.")}
    assert national == copied | set(PRINTED_CODES) | set(HOW_MANY_CHOICES_A_FORM_PRINTS)


@pytest.mark.parametrize(("identifier", "code", "name"), NAMES_PEOPLE_GET_WRONG)
def test_names_people_get_wrong_are_right(identifier: str, code: str, name: str) -> None:
    assert value_sets.load(identifier).name(code) == name


@pytest.mark.parametrize(
    ("identifier", "code", "wording"),
    [
        ("GBT3304", "21", "佤"),
        ("GBT2261.1", "1", "男"),
        ("CV02.01.101", "01", "身份证"),
        ("CV07.10.005", "02", "城乡居民基本医疗保险"),
        ("CV08.50.001", "03", "脊椎灰质炎疫苗"),
    ],
)
def test_common_wordings_match_their_code(identifier: str, code: str, wording: str) -> None:
    assert value_sets.load(identifier).matches(code, wording)


def test_a_wording_belongs_to_one_code_of_its_set_only() -> None:
    for identifier in value_sets.catalogue():
        known = value_sets.load(identifier)
        if known.complete:
            wordings = [word for code in known.codes.values() for word in {code.name, *code.aliases}]
            assert len(wordings) == len(set(wordings)), identifier


def test_codes_of_open_sets_have_the_shape_that_is_checked() -> None:
    for identifier in value_sets.catalogue():
        known = value_sets.load(identifier)
        if not known.complete:
            assert known.pattern, identifier
            assert all(known.accepts(code) for code in known.codes), identifier


@pytest.mark.parametrize("code", ["I10", "I10.x00x002", "E11.900", "A18.0+M49.0*", "M49.0*", "S72.0", "M8140/3", "B54"])
def test_diagnosis_codes_in_use_have_an_accepted_shape(code: str) -> None:
    assert value_sets.load("icd-10").accepts(code)


@pytest.mark.parametrize("code", ["高血压", "i10", "I1", "10.1", "I10.", "I10 "])
def test_other_texts_are_no_diagnosis_codes(code: str) -> None:
    assert not value_sets.load("icd-10").accepts(code)


def test_every_value_set_that_a_data_set_names_can_be_loaded() -> None:
    named = {field.values for _, field in _fields() if isinstance(field, Coded | Codes)}
    assert all(value_sets.load(identifier).title for identifier in named)


def test_multiple_choices_come_from_closed_sets() -> None:
    assert all(field.value_set.complete for _, field in _fields() if isinstance(field, Codes))


def test_every_file_of_the_folder_is_in_the_catalogue() -> None:
    folder = Path(value_sets.__file__).parent
    listed = {line["file"] for lines in value_sets.catalogue().values() for line in lines}
    assert {path.name for path in folder.glob("*.csv")} - {"catalogue.csv"} == listed


def test_every_data_element_identifier_has_the_national_form() -> None:
    for data_set, field in _fields():
        assert field.element == "" or re.fullmatch(r"DE\d\d\.\d\d\.\d{3}\.\d\d", field.element), (data_set, field.name)


# Elements that name a part played (who signed, which department): the data set's title says which part.
GENERAL_ELEMENTS = {
    "DE02.01.039.00",  # a person's name
    "DE05.01.025.00",  # name of a diagnosis
    "DE05.10.130.00",  # a disease or syndrome of traditional medicine
    "DE06.00.179.00",  # note
    "DE07.00.010.00",  # an amount of a stay
    "DE08.10.013.00",  # name of an institution
    "DE08.10.026.00",  # name of a department
    "DE08.10.052.00",  # code of an institution
    "DE09.00.104.00",  # state at admission
}

TYPES = {
    "S1": (Text, Link, Coded),
    "S2": (Coded, Text),
    "S3": (Coded, Text),
    "N": (Quantity, Count, Money),
    "D": (Date, Moment),
    "DT": (Moment,),
    "L": (Flag,),
}


def test_elements_of_the_medical_record_are_those_of_ws445_by_number_name_and_type() -> None:
    names: dict[str, set[str]] = {}
    types: dict[str, set[str]] = {}
    for row in _rows("ws445_elements.csv"):
        names.setdefault(row["de_id"], set()).add(row["name"])
        types.setdefault(row["de_id"], set()).add(row["type"])
    for data_set, field in _fields():
        if data_set._meta.app_label != "medical_record" or not field.element:
            continue
        where = f"{data_set.word}.{field.name}"
        assert field.element in names, where
        assert field.title in names[field.element] or field.element in GENERAL_ELEMENTS, where
        assert isinstance(field, tuple(kind for letter in types[field.element] for kind in TYPES[letter])), where


def _fields() -> Iterator[tuple[type[DataSet], Element]]:
    return ((data_set, field) for data_set in data_sets().values() for field in data_set.elements())


def _rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
