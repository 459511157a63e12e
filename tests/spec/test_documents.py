"""What senders get: interface documents and templates say what the gate does."""

import datetime as dt
import io
import json

import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from typer.testing import CliRunner

from kangqiao.cli.standards import standards
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.documents import (
    DATA_SHEET,
    HEADER_ROWS,
    NOTES_SHEET,
    excel_template,
    interface_document,
    minimal_row,
    value_sets_of,
)
from kangqiao.standards.validation import check_row

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
EVERY = pytest.mark.parametrize("data_set", data_sets().values(), ids=data_sets())


@EVERY
def test_the_minimal_example_of_the_document_is_accepted(data_set: type[DataSet]) -> None:
    checked = check_row(data_set, minimal_row(data_set), institution_id=1, received_at=NOW)
    assert [check.message for check in checked.failed if check.refuses] == []


@EVERY
def test_each_cell_of_the_minimal_example_is_needed(data_set: type[DataSet]) -> None:
    whole = minimal_row(data_set)
    for column in whole.keys() - {"institution_code"}:
        row = {name: cell for name, cell in whole.items() if name != column}
        assert check_row(data_set, row, institution_id=1, received_at=NOW).refused, column


@EVERY
def test_the_document_has_every_column_with_its_element_and_every_value_set(data_set: type[DataSet]) -> None:
    lines = interface_document(data_set).splitlines()
    for number, field in enumerate(data_set.wire(), 1):
        assert any(
            line.startswith(f"| {number} | `{field.name}` | {field.title} | {field.element} |") for line in lines
        )
    for known in value_sets_of(data_set):
        assert f"### {known.id} {known.title}" in lines
    for rule in data_set.rules:
        assert any(rule.message in line for line in lines)


def test_the_document_says_when_a_field_is_required() -> None:
    document = interface_document(data_sets()["inpatient-stay"])
    assert (
        "| `receiver` | 拟接收医疗机构名称 | DE08.10.013.00 | AN..70 | “离院方式代码”为 2 医嘱转院 或 3 "
        "医嘱转社区卫生服务机构/乡镇卫生院 时必填 |"
    ) in document


@EVERY
def test_titles_of_one_data_set_are_different_so_that_a_file_may_be_headed_by_them(data_set: type[DataSet]) -> None:
    titles = [field.title for field in data_set.wire()]
    assert sorted(titles) == sorted(set(titles))


@EVERY
def test_the_template_is_headed_by_titles_and_column_names(data_set: type[DataSet]) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(excel_template(data_set)))[DATA_SHEET]
    rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == HEADER_ROWS
    assert list(rows[0]) == [field.title for field in data_set.wire()]
    assert list(rows[1]) == [field.name for field in data_set.wire()]


def test_the_template_has_a_sheet_of_notes_and_one_per_value_set() -> None:
    data_set = data_sets()["operation"]
    book = openpyxl.load_workbook(io.BytesIO(excel_template(data_set)))
    assert book.sheetnames == [DATA_SHEET, NOTES_SHEET, *(known.id for known in value_sets_of(data_set))]
    assert [cell.value for cell in book["CV06.00.103"]["A"][:4]] == ["代码", "1", "11", "12"]


def test_a_closed_value_set_is_offered_in_its_column_and_an_open_one_is_not() -> None:
    data_set = data_sets()["diagnosis"]
    columns = {field.name: get_column_letter(number) for number, field in enumerate(data_set.wire(), 1)}
    sheet = openpyxl.load_workbook(io.BytesIO(excel_template(data_set)))[DATA_SHEET]
    offered = {str(rule.sqref).split("3")[0]: rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert offered[columns["role"]] == "'KQ.diagnosis-role'!$A$2:$A$8"
    assert columns["code"] not in offered


def test_rows_to_correct_keep_their_leading_zeros_as_text() -> None:
    data_set = data_sets()["patient-registration"]
    rows = [{"source_key": "007", "document_type": "01", "birth_date": "20260131"}]
    sheet = openpyxl.load_workbook(io.BytesIO(excel_template(data_set, rows)))[DATA_SHEET]
    cells = {field.name: sheet.cell(HEADER_ROWS + 1, number) for number, field in enumerate(data_set.wire(), 1)}
    assert [cells[name].value for name in ("source_key", "document_type", "birth_date")] == ["007", "01", "20260131"]
    assert cells["document_type"].number_format == "@"


def test_what_a_sender_wrote_is_never_a_formula_in_the_workbook() -> None:
    data_set = data_sets()["diagnosis"]
    rows = [{"source_key": "=HYPERLINK(0)", "department": "内\x07科"}]
    sheet = openpyxl.load_workbook(io.BytesIO(excel_template(data_set, rows)))[DATA_SHEET]
    cells = {field.name: sheet.cell(HEADER_ROWS + 1, number) for number, field in enumerate(data_set.wire(), 1)}
    assert (cells["source_key"].value, cells["source_key"].data_type) == ("=HYPERLINK(0)", "s")
    assert cells["department"].value == "内科"


def test_the_command_writes_a_document_and_a_template_per_data_set(tmp_path) -> None:  # type: ignore[no-untyped-def]
    result = CliRunner().invoke(standards, ["docs", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    expected = {f"{word}{suffix}" for word in data_sets() for suffix in (".md", ".xlsx")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected


def test_the_command_prints_the_contract_as_json() -> None:
    result = CliRunner().invoke(standards, ["contract"])
    assert {each["data_set"] for each in json.loads(result.output)["data_sets"]} == set(data_sets())


def test_the_command_names_the_data_sets_when_asked_for_one_that_does_not_exist() -> None:
    result = CliRunner().invoke(standards, ["template", "nothing"])
    assert result.exit_code == 1
    assert "lab-result" in result.output.replace("\n", "")
