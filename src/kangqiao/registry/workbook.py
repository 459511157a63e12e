"""The workbook of the registry: the template people fill in, and what they have filled in."""

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook as NewWorkbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from kangqiao.formats.workbooks import Broken, Cell, UnreadableWorkbook, Workbook
from kangqiao.registry.errors import Fault, WorkbookUnreadable
from kangqiao.registry.models import Institution, Staff
from kangqiao.registry.rows import SHEETS, Placed, Sheet, named_by, read_row, repeated, unordered
from kangqiao.standards import value_sets

MOST_ROWS = 200_000
NOTES = "填写说明"

_HEAD = PatternFill("solid", fgColor="E3F1F1")
_LISTED: dict[str, list[Any]] = {
    "办别": Institution.Ownership.labels,
    "类别": Staff.Kind.labels,
    "状态": ["启用", "停用"],
    "在岗": ["是", "否"],
}
_VALUE_SETS = ("WS218", "institution-level", "specialty")


@dataclass(slots=True)
class Brought:
    """What a workbook holds: its rows by sheet title, what does not fit by itself, and the keys of rows that do not."""

    rows: dict[str, list[Placed]] = field(default_factory=lambda: {sheet.title: [] for sheet in SHEETS})
    faults: list[Fault] = field(default_factory=list)
    named: dict[str, set[Any]] = field(default_factory=lambda: {sheet.title: set() for sheet in SHEETS})


def read_workbook(path: Path) -> Brought:
    """Read a filled-in workbook. Sheets may be missing, columns stand in any order, empty rows do not matter.

    Raises `WorkbookUnreadable` for what is no workbook.
    """
    brought = Brought()
    try:
        book = Workbook(path)
        for sheet in SHEETS:
            if sheet.title in book.names:
                _read_sheet(sheet, [list(map(_text, row)) for row in book.rows(sheet.title)], brought)
    except UnreadableWorkbook as error:
        raise WorkbookUnreadable(str(error)) from error
    if not brought.faults and not any(brought.rows.values()):
        titles = "、".join(f"“{sheet.title}”" for sheet in SHEETS)
        brought.faults.append(Fault("工作簿", 0, "", f"在{titles}中至少有一行数据", "没有数据"))
    return brought


def template() -> bytes:
    """Return an empty workbook to fill in: a sheet per kind of row, how to fill them in, and the codes.

    Its columns hold text, so that a code keeps its leading zeros.
    """
    book = NewWorkbook()
    book.remove(book.active)
    for sheet in SHEETS:
        _add_sheet(book.create_sheet(sheet.title), sheet)
    _add_notes(book.create_sheet(NOTES))
    for identifier in _VALUE_SETS:
        known = value_sets.load(identifier)
        rows = [("代码", "名称"), *((code.code, code.name) for code in known.codes.values())]
        _add_table(book.create_sheet(known.title), rows)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _read_sheet(sheet: Sheet, lines: list[list[str]], brought: Brought) -> None:
    head = lines[0] if lines else []
    missing = [column.title for column in sheet.columns if column.required and column.title not in head]
    if missing:
        found = "、".join(filter(None, head)) or "空表"
        brought.faults.append(Fault(sheet.title, 1, "、".join(missing), "首行有这些列名", found))
        return
    if len(lines) > MOST_ROWS:
        brought.faults.append(Fault(sheet.title, 0, "", f"不超过 {MOST_ROWS} 行，可分几次导入", f"{len(lines)} 行"))
        return
    rows, faults = [], []
    for number, line in enumerate(lines[1:], 2):
        cells = dict(zip(head, line, strict=False))
        if any(cells.values()):
            placed, unfit = read_row(sheet, number, cells)
            if placed:
                rows.append(placed)
            else:
                brought.named[sheet.title].add(named_by(sheet, cells))
            faults += unfit
    brought.faults += faults + repeated(sheet, rows)
    if sheet is SHEETS[0]:
        brought.faults += unordered(rows)
    brought.rows[sheet.title] = rows


def _text(cell: Cell) -> str:
    """Return a cell as people would have typed it: 530900000000.0 is 530900000000, a day is 2026-01-31."""
    if isinstance(cell, Broken):
        return cell.reason
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime):
        return cell.date().isoformat()
    return str(cell).strip()


def _add_sheet(page: Worksheet, sheet: Sheet) -> None:
    page.append([column.title for column in sheet.columns])
    for number, column in enumerate(sheet.columns, 1):
        cell = page.cell(1, number)
        cell.font, cell.fill = Font(bold=True, color="B42318" if column.required else "17343B"), _HEAD
        letter = get_column_letter(number)
        page.column_dimensions[letter].width = max(14, 2 * len(column.title) + 4)
        page.column_dimensions[letter].number_format = "@"
        if column.title in _LISTED:
            offer = DataValidation(type="list", formula1='"' + ",".join(map(str, _LISTED[column.title])) + '"')
            page.add_data_validation(offer)
            offer.add(f"{letter}2:{letter}{MOST_ROWS}")
    page.freeze_panes = "A2"


def _add_notes(page: Worksheet) -> None:
    rows = [("工作表", "列", "必填", "填写要求", "示例")]
    rows += [
        (sheet.title, column.title, "必填" if column.required else "", column.expected, column.example)
        for sheet in SHEETS
        for column in sheet.columns
    ]
    _add_table(page, rows)
    page.append([])
    page.append(
        ["已登记的机构、科室、人员按代码更新，没有登记的新增；表中没有的保持不变。有任何一处不符合要求，整份不导入。"]
    )


def _add_table(page: Worksheet, rows: Sequence[tuple[str, ...]]) -> None:
    for row in rows:
        page.append(row)
    for number in range(1, len(rows[0]) + 1):
        page.cell(1, number).font, page.cell(1, number).fill = Font(bold=True), _HEAD
        width = max(len(row[number - 1]) for row in rows)
        page.column_dimensions[get_column_letter(number)].width = min(60, 2 * width + 4)
        for line in range(1, len(rows) + 1):
            page.cell(line, number).alignment = Alignment(wrap_text=True, vertical="top")
    page.freeze_panes = "A2"
