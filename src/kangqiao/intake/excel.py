"""Refused rows as a workbook that the sender corrects and sends again.

A sheet per data set, named by its Chinese title: the titles in the first row, the contract's column names in the
second, then the rows as they came, every cell text. In front of them stand the row's number in the sender's file and
what is wrong with it; the cells at fault are coloured. :mod:`kangqiao.intake.filled_in` reads it back.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
from django.utils import timezone
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from kangqiao.formats.workbooks import StyledText, fill
from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Batch, Part
from kangqiao.intake.queries import Row, refused_stream
from kangqiao.registry.models import Institution
from kangqiao.standards.code_traps import cell_hints
from kangqiao.standards.data_set import DataSet, data_sets, wire_only
from kangqiao.standards.documents import header_comment, header_fill
from kangqiao.standards.fields import Coded, Codes, Element, Text
from kangqiao.trust.actors import Actor

LEADING = {"row_number": "行号", "findings": "问题"}
"""Columns before the contract's: which row of the sender's file this was, and what is wrong with it."""

ORIGIN_SHEET = "说明"
SENDER_LABEL, NUMBER_LABEL, EDITION_LABEL = "上传机构代码", "原批次号", "版本："

MOST_ROWS = 200_000
"""Refused rows that are put into a workbook; more come as CSV files, since nobody corrects them by hand."""


def refused_file(*, actor: Actor, batch: Batch, parts: Sequence[Part], store: FileStore, folder: Path) -> Path:
    """Write the refused rows of some parts of a batch into ``folder`` and return the file.

    It is a workbook that can be corrected and sent again, or a zip archive of CSV files when there are more than
    ``MOST_ROWS``. Rows are streamed. Raises ``FileMissing`` for a part that has no refused rows.
    """
    with ExitStack() as opened:
        tables = [_refused_table(part, opened, actor=actor, batch=batch, store=store) for part in parts]
        if sum(part.refused for part in parts) > MOST_ROWS:
            return _write_archive(batch, tables, folder / "refused.zip")
        return _write_workbook(batch, tables, folder / "refused.xlsx")


@dataclass(frozen=True)
class _RefusedTable:
    part: Part
    data_set: type[DataSet]
    columns: list[str]
    rows: Iterator[Row]

    def elements(self) -> list[Element]:
        """Return the elements behind the columns, as the edition of the part has them where it does."""
        known = {field.name: field for field in self.data_set.columns()}
        known |= {field.name: field for field in self.data_set.wire(self.part.edition)}
        return [known.get(column) or wire_only(column, Text(column)) for column in self.columns]


def _refused_table(part: Part, opened: ExitStack, **source: Any) -> _RefusedTable:
    columns, rows = opened.enter_context(refused_stream(data_set=part.data_set, **source))
    return _RefusedTable(part, data_sets()[part.data_set], columns[len(LEADING) :], rows)


def titles_of(data_set: type[DataSet]) -> dict[str, str]:
    """Return the Chinese titles of a data set's columns by name."""
    return {element.name: element.title for element in data_set.columns()}


def problems(
    data_set: type[DataSet], findings: Iterable[str], cells: Mapping[str, str | None]
) -> list[tuple[str, str]]:
    """Return the findings of a refused row as (column, what to say of it), the column's title in front.

    ``cells`` are the row's texts by column: where a code was probably meant, it is named.
    """
    titles = titles_of(data_set)
    found = [finding.partition("|")[::2] for finding in findings]
    return [
        (
            column,
            (message if message.startswith("“") else f"“{titles.get(column, column)}”：{message}")
            + "".join(f"；{hint}" for hint in _refusal_hints(data_set, column, cells.get(column))),
        )
        for column, message in found
    ]


def _refusal_hints(data_set: type[DataSet], column: str, text: str | None) -> list[str]:
    """Return hints for a cell at fault; a code that is merely out of use is no reason to refuse a row."""
    field = next((each for each in data_set.elements() if each.name == column), None)
    if field is None or not text or not isinstance(field, Coded | Codes):
        return []
    return [] if all(map(field.value_set.accepts, text.split("|"))) else cell_hints(field, text.strip(" "))


class _Styles(NamedTuple):
    """Numbers of the workbook's styles: a cell as it came, one at fault, and what is wrong."""

    plain: int
    faulty: int
    said: int


def _write_workbook(batch: Batch, tables: list[_RefusedTable], target: Path) -> Path:
    book = openpyxl.Workbook()
    styles = _write_origin(book.active, batch, tables)
    for table in tables:
        _write_head(book.create_sheet(table.data_set.title), table)
    book.active = 1
    skeleton = target.with_suffix(".skeleton")
    book.save(skeleton)
    fill(skeleton, target, {table.data_set.title: _styled_rows(table, styles) for table in tables})
    skeleton.unlink()
    return target


def _write_head(sheet: Any, table: _RefusedTable) -> None:
    elements = table.elements()
    sheet.append([*LEADING.values(), *(element.title for element in elements)])
    sheet.append([*LEADING, *(element.name for element in elements)])
    sheet.freeze_panes = f"{get_column_letter(len(LEADING) + 1)}3"
    widths = (8, 46, *(max(12, min(30, 2 * len(element.title))) for element in elements))
    for column, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        title = sheet.cell(1, column)
        title.font, title.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="center")
        sheet.cell(2, column).font = Font(color="808080", size=9)
    for column, element in enumerate(elements, len(LEADING) + 1):
        title = sheet.cell(1, column)
        title.fill, title.comment = header_fill(element), header_comment(element)
        sheet.column_dimensions[get_column_letter(column)].number_format = "@"


def _styled_rows(table: _RefusedTable, styles: _Styles) -> Iterator[list[StyledText]]:
    for number, findings, *cells in table.rows:
        found = problems(table.data_set, findings, dict(zip(table.columns, cells, strict=True)))
        at_fault = {column for column, _ in found}
        yield [
            (str(number), styles.plain),
            ("\n".join(message for _, message in found), styles.said),
            *(
                (text, styles.faulty) if column in at_fault else (text, styles.plain) if text else None
                for column, text in zip(table.columns, cells, strict=True)
            ),
        ]


def _write_origin(sheet: Any, batch: Batch, tables: list[_RefusedTable]) -> _Styles:
    """Write where the rows come from and how to send them again."""
    sheet.title = ORIGIN_SHEET
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 20, 90
    sheet.append(["退回数据更正表"])
    for line in (*_facts(batch, tables), *_ADVICE):
        sheet.append(line)
    for label, text in sheet.iter_rows(min_row=2, max_col=2):
        label.font = Font(bold=True)
        text.alignment, text.number_format = Alignment(wrap_text=True, vertical="top"), "@"
    sheet["A1"].font = Font(bold=True, size=14)
    return _styles(sheet, sheet.max_row + 1)


def _styles(sheet: Any, row: int) -> _Styles:
    """Explain the colours in a row of the sheet, and return the styles of its cells."""
    sheet.append(["标记", "有问题的单元格", "其他单元格"])
    _, faulty, plain = sheet[row]
    said = sheet.cell(row, 4, "问题")
    for cell in (faulty, plain, said):
        cell.number_format, cell.alignment = "@", Alignment(vertical="top", wrap_text=cell is said)
    faulty.fill, said.font = PatternFill("solid", fgColor="FFC7CE"), Font(color="B0271E")
    return _Styles(plain.style_id, faulty.style_id, said.style_id)


def _facts(batch: Batch, tables: list[_RefusedTable]) -> Iterator[tuple[str, str]]:
    assert batch.sender_id is not None  # rows were checked, so the manifest named a sender
    sender = Institution.objects.get(id=batch.sender_id)
    yield "上传机构", sender.name
    yield SENDER_LABEL, sender.code
    yield NUMBER_LABEL, batch.number or ""
    yield "平台批次编号", str(batch.id)
    yield "接收时间", timezone.localtime(batch.received_at).strftime("%Y-%m-%d %H:%M:%S")
    for table in tables:
        lost = unreadable_lines(table.part)
        more = f"，其中 {lost} 行的列数或引号不对，读不出来，不在表中，请在原文件中改正" if lost else ""
        yield table.data_set.title, f"退回 {table.part.refused} 行{more}"
    for table in tables:
        yield f"{EDITION_LABEL}{table.data_set.title}", table.part.edition


def unreadable_lines(part: Part) -> int:
    """Return how many refused lines of a part could not be read as rows, and so are not among its refused rows."""
    return sum(finding["rows"] for finding in part.findings if finding["word"] == "unreadable-line")


_ADVICE = (
    ("怎样更正", "1. 按“问题”一列的提示改正标红的单元格；不需要再报的行整行删除。"),
    ("", "2. 前两行表头、“行号”和“问题”两列不用改；单元格都是文本格式，代码的前导 0 不能省略。"),
    ("", "3. 在平台“数据接入 → 报送数据”上传本文件。已入库的行不用再报。"),
    ("", "4. 业务主键相同的行已经入库时，“数据更新时间”要比已入库的新，更正才会生效。"),
)


def _write_archive(batch: Batch, tables: list[_RefusedTable], target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as packed:
        facts = "".join(f"{label}\t{text}\r\n" for label, text in _facts(batch, tables))
        packed.writestr(f"{ORIGIN_SHEET}.txt", f"\ufeff{facts}{_TOO_MANY}\r\n")
        for table in tables:
            with packed.open(f"{table.data_set.word}.csv", "w", force_zip64=True) as file:
                _write_csv(table, io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
    return target


def _write_csv(table: _RefusedTable, file: io.TextIOWrapper) -> None:
    writer = csv.writer(file)
    writer.writerow([*LEADING, *table.columns])
    for number, findings, *cells in table.rows:
        found = problems(table.data_set, findings, dict(zip(table.columns, cells, strict=True)))
        said = "；".join(message for _, message in found)
        writer.writerow([number, said, *cells])
    file.detach()


_TOO_MANY = "退回的行数多，不宜逐行手改：请在业务系统或导出程序中改正后，用新的批次号重新导出报送。"
