"""Excel workbooks (.xlsx): read those that nobody here made without trusting them, and write many rows quickly.

Reading is calamine's, which is fast but lays every sheet out as a full rectangle and shows an error value as an empty
cell. So each sheet is surveyed first: how far it reaches, and which cells hold an error or a formula without a
result.

Openpyxl takes 20 µs to write a cell; as text it takes less than one. So openpyxl makes the workbook with its styles
and heads, and :func:`fill` writes the rows into it.
"""

from __future__ import annotations

import datetime as dt
import functools
import io
import re
import string
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import escape

import openpyxl
import python_calamine
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from kangqiao.formats.archives import Limits, Meter, UnreadableArchive

BLOCK = 1 << 20
MOST_CELLS = 8_000_000
"""How large the rectangle of one sheet may be: 256 MB of memory while it is read."""

LIMITS = Limits(files=2000, total_bytes=1 << 30)

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, KeyError, ElementTree.ParseError)


class UnreadableWorkbook(Exception):
    """The file is no .xlsx workbook, is damaged or too large; the Chinese text says which and what to do."""


@dataclass(frozen=True)
class Broken:
    """A cell whose value is lost: an error such as #N/A, or a formula without a result."""

    reason: str


Cell = str | int | float | bool | dt.datetime | dt.date | dt.time | dt.timedelta | Broken


class Workbook:
    """An opened workbook: ``epoch`` is the day its day numbers count from, ``saved_at`` when it was last saved."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with zipfile.ZipFile(path) as packed:
                self._read_parts(packed)
            self._reader = python_calamine.load_workbook(path)
        except UnreadableArchive as error:
            raise UnreadableWorkbook(str(error)) from error
        except (*_BROKEN, python_calamine.CalamineError) as error:
            raise UnreadableWorkbook(_what_is_wrong(path)) from error

    def _read_parts(self, packed: zipfile.ZipFile) -> None:
        self.epoch = _epoch(packed)
        self.saved_at = _saved_at(packed)
        self._surveys = _surveys(packed, self._path.stat().st_size)

    @property
    def names(self) -> list[str]:
        """The titles of its sheets, in order."""
        kind = python_calamine.SheetTypeEnum.WorkSheet
        return [each.name for each in self._reader.sheets_metadata if each.typ == kind]

    def rows(self, name: str) -> Iterator[list[Cell]]:
        """Yield a sheet's rows from row 1, each from column A; an empty cell is ``""``."""
        try:
            survey, sheet = self._surveys[name], self._reader.get_sheet_by_name(name)
        except (KeyError, python_calamine.CalamineError) as error:
            raise UnreadableWorkbook(f"工作表“{name}”损坏，无法读取；请用 Excel 或 WPS 打开后另存再试") from error
        if sheet.start is None:
            return
        margin: list[Cell] = [""] * sheet.start[1]
        for number, cells in enumerate(sheet.iter_rows(), 1):
            yield survey.marked(number, [*margin, *cells])


@dataclass
class _Survey:
    """What a pass over a sheet's XML finds."""

    row: int = 0
    column: int = 0
    height: int = 0
    width: int = 0
    suspects: dict[int, dict[int, str]] = field(default_factory=dict)
    _cell: dict[str, str] = field(default_factory=dict)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Take note of an element that begins."""
        if ":" in tag:
            tag = tag.rpartition(":")[2]
        if tag == "c":
            self._cell = attributes
            self.column += 1
        elif tag in ("v", "is", "f"):
            self._content(tag)
        elif tag == "row":
            self.row, self.column = int(attributes.get("r") or self.row + 1), 0

    def _content(self, tag: str) -> None:
        place, kind = self._cell.get("r"), self._cell.get("t")
        if place:
            self.column = _column_number(place.rstrip("0123456789"))
        if self.row > self.height or self.column > self.width:
            self._reach()
        if kind == "e":
            self.suspects.setdefault(self.row, {})[self.column] = "error"
        elif tag == "f" and kind != "str":
            self.suspects.setdefault(self.row, {})[self.column] = "formula"

    def _reach(self) -> None:
        self.height, self.width = max(self.row, self.height), max(self.column, self.width)
        if self.height * self.width > MOST_CELLS:
            raise UnreadableWorkbook(
                f"有一张工作表用到第 {self.height} 行、第 {self.width} 列，超过 {MOST_CELLS // 10_000} 万个单元格的"
                "上限；请删除远处的多余内容，或拆成几个工作簿；数据量大时请用 CSV 或 Parquet 报送"
            )

    def marked(self, row: int, cells: list[Cell]) -> list[Cell]:
        """Return the row with lost values in the places where calamine shows nothing."""
        for column, what in self.suspects.get(row, {}).items():
            if column <= len(cells) and (what == "error" or cells[column - 1] == ""):
                cells[column - 1] = Broken("是错误值（如 #N/A）" if what == "error" else "是没有计算结果的公式")
        return cells


def _surveys(packed: zipfile.ZipFile, packed_bytes: int) -> dict[str, _Survey]:
    """Read every file of the archive once, counting its bytes; return what its sheets hold by their titles."""
    members = packed.infolist()
    if len(members) > LIMITS.files or len({info.filename for info in members}) < len(members):
        raise UnreadableWorkbook(_ODD)
    titles = {file: title for title, file in _sheet_files(packed).items()}
    meter = Meter(packed_bytes, LIMITS)
    found = {}
    for info in members:
        with packed.open(info) as file:
            if info.filename in titles:
                found[titles[info.filename]] = _survey(file, meter)
            else:
                while block := file.read(BLOCK):
                    meter.count(len(block))
    return found


def _survey(file: IO[bytes], meter: Meter) -> _Survey:
    survey = _Survey()
    parser = expat.ParserCreate()
    parser.StartElementHandler = survey.start
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        while block := file.read(BLOCK):
            meter.count(len(block))
            parser.Parse(block)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:
        raise UnreadableWorkbook("工作簿损坏，无法读取；请用 Excel 或 WPS 打开后另存再试") from error
    return survey


def _no_doctype(*_: object) -> None:
    raise UnreadableWorkbook(_ODD)


_ODD = "不是正常的 Excel 文件；请用 Excel 或 WPS 打开后另存为 .xlsx 再试"
_BOOK = "xl/workbook.xml"
_SMALL = 4 << 20


def _epoch(packed: zipfile.ZipFile) -> dt.date:
    book = ElementTree.fromstring(_small(packed, _BOOK))
    from_1904 = any(_tag(each) == "workbookPr" and each.get("date1904") in ("1", "true") for each in book)
    return dt.date(1904, 1, 1) if from_1904 else dt.date(1899, 12, 30)


def _sheet_files(packed: zipfile.ZipFile) -> dict[str, str]:
    """Return where each sheet lies in the archive, by its title."""
    book = ElementTree.fromstring(_small(packed, _BOOK))
    links = ElementTree.fromstring(_small(packed, "xl/_rels/workbook.xml.rels"))
    targets = {each.get("Id"): _inside(each.get("Target", "")) for each in links}
    sheets = (each for each in book.iter() if _tag(each) == "sheet")
    return {each.get("name", ""): targets.get(_attribute(each, "id"), "") for each in sheets}


def _small(packed: zipfile.ZipFile, name: str) -> bytes:
    with packed.open(name) as file:
        content = file.read(_SMALL + 1)
    if len(content) > _SMALL or b"<!DOCTYPE" in content:
        raise UnreadableWorkbook(_ODD)
    return content


def _what_is_wrong(path: Path) -> str:
    with path.open("rb") as file:
        old = file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # an OLE file: .xls, or .xlsx under a password
    if old:
        return "文件加了密码，或是旧的 .xls 格式；请取消密码，用 Excel 或 WPS 另存为 .xlsx"
    return "不是有效的 .xlsx 工作簿，或文件不完整；请用 Excel 或 WPS 打开后另存为 .xlsx"


def _saved_at(packed: zipfile.ZipFile) -> dt.datetime | None:
    try:
        content = _small(packed, "docProps/core.xml").decode("utf-8", "replace")
    except KeyError:
        return None
    said = re.search(r"<dcterms:modified[^>]*>([0-9T:Z.+-]{19,32})</dcterms:modified>", content)
    try:
        saved = dt.datetime.fromisoformat(said[1]) if said else None
    except ValueError:
        return None
    return saved.replace(tzinfo=saved.tzinfo or dt.UTC) if saved else None


def _inside(target: str) -> str:
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)


@functools.cache
def _column_number(letters: str) -> int:
    """Return the number of a column: 28 for ``AB``; raises ValueError for what is none."""
    if not 1 <= len(letters) <= 3:
        raise ValueError(letters)
    return functools.reduce(lambda number, letter: number * 26 + _LETTERS.index(letter) + 1, letters, 0)


_LETTERS = string.ascii_uppercase


# -- writing -----------------------------------------------------------------------------------------------


StyledText = tuple[str | None, int] | None
"""A cell: its text (None for an empty one with a style), and the number of its style; None leaves the cell out."""


def fill(skeleton: Path, target: Path, rows: Mapping[str, Iterable[Sequence[StyledText]]]) -> None:
    """Write ``skeleton`` to ``target`` with rows of text appended to its sheets, which are named by their titles."""
    with (
        zipfile.ZipFile(skeleton) as source,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as out,
    ):
        added = {file: rows[name] for name, file in _sheet_files(source).items() if name in rows}
        for info in source.infolist():
            content = source.read(info)
            if info.filename not in added:
                out.writestr(info.filename, content)
                continue
            head, end, tail = content.partition(b"</sheetData>")
            first = head.count(b"<row ") + 1
            with out.open(info.filename, "w", force_zip64=True) as file:
                file.write(re.sub(rb"<dimension [^>]*/>", b"", head))
                for number, cells in enumerate(added[info.filename], first):
                    file.write(_row_xml(number, cells).encode())
                file.write(end + tail)


def _row_xml(number: int, cells: Sequence[StyledText]) -> str:
    return f'<row r="{number}">{"".join(_cell_xml(number, at, cell) for at, cell in enumerate(cells, 1) if cell)}</row>'


def _cell_xml(row: int, column: int, cell: tuple[str | None, int]) -> str:
    text, style = cell
    place = f'r="{get_column_letter(column)}{row}" s="{style}"'
    if text is None:
        return f"<c {place}/>"
    return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{_escaped(text)}</t></is></c>'


def _escaped(text: str) -> str:
    """Escape a text for a cell: characters XML can not hold are written ``_x0007_``, as Excel does (ST_Xstring)."""
    return escape(_SPECIAL.sub(lambda found: f"_x{ord(found[0]):04X}_", text[:_LONGEST]))


_LONGEST = 32_767
_SPECIAL = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True, slots=True)
class Table:
    """A sheet for people: a line of heads, rows, notes below. Numbers stay numbers, None is an empty cell."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = ()


def table_workbook(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], notes: Sequence[str] = ()) -> bytes:
    """Return a workbook of one sheet: a line of heads that stays in sight, the rows, then notes below the table.

    Numbers stay numbers and None an empty cell; a text is never taken for a formula. For tables that people read.
    """
    return tables_workbook([Table(title, heads, list(rows), notes)])


def tables_workbook(tables: Sequence[Table]) -> bytes:
    """Return a workbook with a sheet for each table, set up to be printed on A4 with the heads on every page."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for table in tables:
        sheet = book.create_sheet(re.sub(r"[\\/*?:\[\]]", " ", table.title)[:31])
        _write_table(sheet, table)
        _set_up_print(sheet)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _write_table(sheet: Worksheet, table: Table) -> None:
    noted = [*([[]] if table.notes else []), *([note] for note in table.notes)]
    for cells in (table.heads, *table.rows, *noted):
        sheet.append(list(cells))
    for cell in (cell for line in sheet.iter_rows() for cell in line if isinstance(cell.value, str)):
        cell.data_type = "s"
    for column, head in enumerate(table.heads, 1):
        sheet.cell(1, column).font = Font(bold=True)
        longest = max((len(str(row[column - 1] or "")) for row in table.rows if len(row) >= column), default=0)
        sheet.column_dimensions[get_column_letter(column)].width = max(10, min(44, 2 * max(len(head), longest) + 4))
    sheet.freeze_panes = "B2"


def _set_up_print(sheet: Worksheet) -> None:
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.orientation = sheet.ORIENTATION_LANDSCAPE
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.print_title_rows = "1:1"
    sheet.oddFooter.center.text = "&A　第 &P 页，共 &N 页"
