"""Editions of vocabularies from files laid out as their owners distribute them."""

import datetime as dt
import zipfile
from pathlib import Path

import openpyxl
import pytest

from kangqiao.registry.errors import TerminologyRefused
from kangqiao.registry.models import TerminologyCode, TerminologyEdition
from kangqiao.registry.terminology.layouts import LAYOUTS, Kind
from kangqiao.registry.terminology.queries import Change, Differences, differing_codes, find_codes
from kangqiao.registry.terminology.services import import_terminology, initials_of, publish_codes
from kangqiao.standards import imported_codes
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Role, permissions_of

pytestmark = pytest.mark.usefixtures("database")

CLINICAL = ["主要编码", "附加编码", "疾病名称"]
INSURANCE = ["章", "章代码范围", "类目代码", "类目名称", "亚目代码", "亚目名称", "诊断代码", "诊断名称"]


def book(path: Path, *sheets: tuple[str, list[list[object]]]) -> Path:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets:
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.save(path)
    return path


def bring(path: Path, kind=Kind.ICD_10_CLINICAL, edition="2.0", since="2024-01-01", actor=None):
    day = dt.date.fromisoformat(since)
    actor = actor or system_actor("test")
    return import_terminology(kind=kind, path=path, edition=edition, valid_from=day, actor=actor)


def clinical(path: Path, *codes: tuple[str, str]) -> Path:
    return book(path, ("Sheet1", [CLINICAL, *([code, None, name] for code, name in codes)]))


def stored(edition: TerminologyEdition) -> dict[str, str]:
    return dict(edition.codes.order_by("code").values_list("code", "name"))


# -- layouts -----------------------------------------------------------------------------------------------


def test_the_clinical_edition_of_icd_10_is_a_sheet_with_a_title_above_its_heads(tmp_path):
    rows = [
        ["疾病分类与代码国家临床版2.0"],
        CLINICAL,
        ["A17.000x001+", "G01*", "结核性脑膜炎"],
        ["I10.x00x002", None, "高血压"],
    ]
    path = book(tmp_path / "国临版.xlsx", ("说明", [["编制说明", "略"]]), ("代码", rows))
    edition = bring(path).edition
    assert stored(edition) == {"A17.000x001+": "结核性脑膜炎", "I10.x00x002": "高血压"}
    assert edition.codes.get(code="A17.000x001+").detail == "G01*"


def test_the_insurance_edition_of_icd_10_has_headings_between_its_codes(tmp_path):
    chapter = ["9", "I00-I99", "I10", "原发性高血压", None, None, None, None]
    code = [
        "9",
        "I00-I99",
        "I10",
        "原发性高血压",
        "I10.x",
        "原发性高血压",
        "I10.x00",
        "原发性高血压",
    ]
    path = book(tmp_path / "医保版.xlsx", ("Sheet1", [INSURANCE, chapter, code]))
    assert stored(bring(path, Kind.ICD_10_INSURANCE).edition) == {"I10.x00": "原发性高血压"}


OWNERS = {
    # kind: heads, a row, and what is stored of it: code, name, detail
    Kind.ICD_9_CLINICAL: (
        "主要编码,手术名称,类别,录入选项",
        "00.0100,血管治疗性超声,治疗性操作,选择",
        ("00.0100", "血管治疗性超声", "治疗性操作 选择"),
    ),
    Kind.ICD_9_INSURANCE: (
        "章,类目代码,细目代码,手术操作代码,手术操作名称",
        "0,00,00.01,00.0100,血管治疗性超声",
        ("00.0100", "血管治疗性超声", ""),
    ),
    Kind.DRUG_INSURANCE: (
        "药品代码,注册名称,商品名称,注册剂型,注册规格,药品企业,批准文号",
        "XC08CAA191A001010100001,氨氯地平片,无,片剂,5mg,某药厂,国药准字H1",
        ("XC08CAA191A001010100001", "氨氯地平片", "片剂 5mg 某药厂 国药准字H1"),
    ),
    Kind.DRUG_STANDARD: (
        "批准文号,产品名称,剂型,规格,生产单位,药品本位码",
        "国药准字H1,氨氯地平片,片剂,5mg,某药厂,86900000000012",
        ("86900000000012", "氨氯地平片", "片剂 5mg 某药厂 国药准字H1"),
    ),
    Kind.CONSUMABLE: (
        "医用耗材代码,一级分类,医保通用名,耗材材质,规格,耗材企业",
        "C0101010011303807555,非血管介入,气管支架,镍钛,支架类,某公司",
        ("C0101010011303807555", "气管支架", "镍钛 支架类 某公司"),
    ),
}


@pytest.mark.parametrize("kind", OWNERS)
def test_each_owners_columns_are_found_by_their_heads(tmp_path, kind):
    heads, row, expected = OWNERS[kind]
    path = tmp_path / "目录.csv"
    path.write_text(f"{heads}\n{row}\n", encoding="gb18030")
    assert list(bring(path, kind).edition.codes.values_list("code", "name", "detail")) == [expected]


def test_loinc_is_taken_from_its_release_and_deprecated_terms_are_marked(tmp_path):
    table = (
        '"LOINC_NUM","COMPONENT","STATUS","SHORTNAME","LONG_COMMON_NAME"\n'
        '"2345-7","Glucose","ACTIVE","Glucose SerPl-mCnc","Glucose [Mass/volume] in Serum or Plasma"\n'
        '"10000-8","R wave","DEPRECATED","R wave","R wave duration in lead AVR"\n'
    )
    path = tmp_path / "Loinc_2.77.zip"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("LoincTableCore/LoincTableCore.csv", "LOINC_NUM\n")
        packed.writestr("LoincTable/Loinc.csv", table)
    edition = bring(path, Kind.LOINC, "2.77").edition
    assert dict(edition.codes.values_list("code", "active")) == {"2345-7": True, "10000-8": False}


def test_every_kind_has_a_layout():
    assert set(LAYOUTS) == set(Kind)


# -- what is refused ---------------------------------------------------------------------------------------


def refused(path: Path, kind=Kind.ICD_10_CLINICAL) -> str:
    with pytest.raises(TerminologyRefused) as error:
        bring(path, kind)
    assert not TerminologyEdition.objects.exists()
    assert not TerminologyCode.objects.exists()
    return str(error.value)


def test_a_file_with_other_columns_is_refused_with_what_was_expected_and_found(tmp_path):
    path = book(tmp_path / "别的.xlsx", ("Sheet1", [["科室代码", "科室名称"], ["1", "内科"]]))
    said = refused(path)
    assert "“主要编码”和“疾病名称”" in said
    assert "“科室代码、科室名称”" in said


def test_one_code_under_two_names_is_refused_with_its_place_and_nothing_is_stored(tmp_path):
    path = clinical(tmp_path / "a.xlsx", ("I10", "高血压"), ("I10", "高血压"), ("I10", "低血压"))
    assert "工作表“Sheet1”第 4 行：代码“I10”已在前面以另一名称出现" in refused(path)


def test_a_code_that_became_a_number_is_refused_since_its_zeros_are_lost(tmp_path):
    path = book(tmp_path / "a.xlsx", ("Sheet1", [["主要编码", "手术名称"], [0.01, "治疗性超声"]]))
    assert "第 2 行：代码应是文本" in refused(path, Kind.ICD_9_CLINICAL)


def test_a_long_number_has_lost_nothing(tmp_path):
    path = book(tmp_path / "a.xlsx", ("Sheet1", [["药品本位码", "产品名称"], [86900000000012, "氨氯地平片"]]))
    assert stored(bring(path, Kind.DRUG_STANDARD).edition) == {"86900000000012": "氨氯地平片"}


def test_heads_without_codes_a_code_without_a_name_and_other_files_are_refused(tmp_path):
    assert "没有数据" in refused(clinical(tmp_path / "a.xlsx"))
    assert "代码“I10”应有名称" in refused(clinical(tmp_path / "b.xlsx", ("I10", "")))
    old = tmp_path / "c.xls"
    old.write_bytes(b"\xd0\xcf\x11\xe0")
    assert "另存为 .xlsx" in refused(old)
    empty = tmp_path / "d.zip"
    with zipfile.ZipFile(empty, "w") as packed:
        packed.writestr("readme.txt", "")
    assert "Loinc.csv" in refused(empty, Kind.LOINC)
    assert "实有 0 个" in refused(empty)


def test_only_who_may_import_may_import(tmp_path):
    sender = Actor(
        kind=ActorKind.ACCOUNT, id=None, name="", institution_id=1, permissions=permissions_of([Role.SENDER])
    )
    with pytest.raises(NotPermitted):
        bring(clinical(tmp_path / "a.xlsx", ("I10", "高血压")), actor=sender)


# -- editions ----------------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path):
    """The reports of importing 1.0 and 2.0."""
    old = clinical(tmp_path / "1.xlsx", ("A00", "霍乱"), ("I10", "高血压"), ("Z99", "旧代码"))
    new = clinical(tmp_path / "2.xlsx", ("A00", "霍乱"), ("I10", "原发性高血压"), ("U07", "新代码"))
    return bring(old, edition="1.0", since="2019-01-01"), bring(new)


def test_an_edition_says_what_it_changed_against_the_one_before(two):
    first, second = two
    assert (first.before, first.differences) == (None, None)
    assert (second.before, second.differences) == (first.edition, Differences(1, 1, 1))
    listed = {
        change: [
            (row.code, row.name, row.former)
            for row in differing_codes(second.edition, first.edition, change, after="", size=10).rows
        ]
        for change in Change
    }
    assert listed == {
        Change.ADDED: [("U07", "新代码", None)],
        Change.RENAMED: [("I10", "原发性高血压", "高血压")],
        Change.DROPPED: [("Z99", None, "旧代码")],
    }


def test_the_former_edition_ends_when_the_next_begins_in_whatever_order_they_come(two, tmp_path):
    between = bring(clinical(tmp_path / "3.xlsx", ("A00", "霍乱")), edition="1.5", since="2021-01-01")
    assert between.before == two[0].edition
    lines = TerminologyEdition.objects.order_by("valid_from").values_list(
        "edition", "valid_from__year", "valid_to__year"
    )
    assert list(lines) == [("1.0", 2019, 2021), ("1.5", 2021, 2024), ("2.0", 2024, None)]


def test_the_same_file_again_changes_nothing_and_another_under_its_name_is_refused(two, tmp_path):
    again = bring(tmp_path / "2.xlsx")
    assert (again.already, again.edition) == (True, two[1].edition)
    assert TerminologyCode.objects.count() == 6
    assert AuditEntry.objects.filter(action="registry:terminology:import").count() == 2
    other = clinical(tmp_path / "4.xlsx", ("A00", "霍乱"))
    with pytest.raises(TerminologyRefused, match=r"2\.0-更正1"):
        bring(other)
    with pytest.raises(TerminologyRefused, match="不同的启用日期"):
        bring(other, edition="2.1")


FOUND = [("i1", ["I10"]), ("高血压", ["I10"]), ("yfxg", ["I10"]), ("", ["A00", "I10", "U07"])]


@pytest.mark.parametrize(("text", "codes"), FOUND)
def test_codes_are_found_by_code_name_and_initials(two, text, codes):
    assert [each.code for each in find_codes(two[1].edition, text)] == codes


def test_initials_are_of_the_words_and_keep_letters_and_digits():
    assert initials_of("2型糖尿病（重庆）") == "2xtnbcq"
    assert initials_of("Glucose") == "glucose"


def test_the_gate_gets_the_codes_of_all_editions_of_a_value_set(two, tmp_path, monkeypatch):
    monkeypatch.setattr(imported_codes.place, "folder", tmp_path / "terminology")
    path = book(tmp_path / "医保版.xlsx", ("Sheet1", [["诊断代码", "诊断名称"], ["I10.x00", "高血压"]]))
    bring(path, Kind.ICD_10_INSURANCE)
    publish_codes(Kind.ICD_10_INSURANCE)
    assert imported_codes.imported("icd-10") == {"A00", "I10", "Z99", "U07", "I10.x00"}
    publish_codes(Kind.CONSUMABLE)  # nothing compares with these
    assert [each.name for each in (tmp_path / "terminology").iterdir()] == ["icd-10.txt"]
