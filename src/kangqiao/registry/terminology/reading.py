"""Reading a vocabulary's file: Excel, CSV in UTF-8 or GB18030, or a zip archive with one of these."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from kangqiao.formats import tabular
from kangqiao.formats.archives import Limits, UnreadableArchive, read_member, unpack
from kangqiao.formats.tabular import UnreadableTable
from kangqiao.formats.workbooks import Broken, Cell, UnreadableWorkbook, Workbook
from kangqiao.registry.errors import TerminologyRefused
from kangqiao.registry.terminology.layouts import Layout

HEAD_ROWS = 10
"""The heads stand in one of so many first rows: owners put titles above them."""

LARGEST_MEMBER = 1 << 30
LIMITS = Limits(files=50, total_bytes=4 << 30)
LONGEST_DETAIL = 300
WHOLE_NUMBER_DIGITS = 8
"""From so many digits on, a code that Excel keeps as a number has not lost a leading zero that anybody would write."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One code of a file and where it stands, for messages."""

    place: str
    code: str
    name: str
    detail: str
    active: bool


def read_entries(path: Path, layout: Layout, folder: Path) -> Iterator[Entry]:
    """Yield the codes of a file in its order; ``folder`` takes what is unpacked.

    Rows without a code are skipped: owners print headings of chapters between the codes. Raises
    :class:`TerminologyRefused`.
    """
    try:
        yield from _read(_unpacked(path, layout, folder), layout, folder)
    except (UnreadableArchive, UnreadableTable, UnreadableWorkbook) as error:
        raise TerminologyRefused(f"{path.name}：{str(error).removeprefix(f'{path.name}：')}") from error


def _unpacked(path: Path, layout: Layout, folder: Path) -> Path:
    if path.suffix.lower() != ".zip":
        return path
    if layout.member is not None:
        content = read_member(path, layout.member, most=LARGEST_MEMBER)
        if content is None:
            raise TerminologyRefused(f"{path.name}：压缩包内应有 {layout.member}，没有找到；请上传发布单位的原始压缩包")
        (folder / layout.member).write_bytes(content)
        return folder / layout.member
    unpack(path, folder, LIMITS)
    tables = [each for each in folder.iterdir() if each.suffix.lower() in (".xlsx", ".csv")]
    if len(tables) != 1:
        raise TerminologyRefused(f"{path.name}：压缩包内应有一个 .xlsx 或 .csv，实有 {len(tables)} 个；请解压后导入")
    return tables[0]


def _read(path: Path, layout: Layout, folder: Path) -> Iterator[Entry]:
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        book = Workbook(path)
        sheets = {f"工作表“{name}”": book.rows(name) for name in book.names}
        yield from _entries(path, sheets, layout)
    elif suffix == ".csv":
        with ExitStack() as opened:
            plain = tabular.prepare(path, folder).path
            file = opened.enter_context(plain.open(encoding="utf-8-sig", newline=""))
            yield from _entries(path, {"": csv.reader(file)}, layout)
    else:
        raise TerminologyRefused(f"{path.name}：应为 .xlsx、.csv 或 .zip；旧的 .xls 请用 Excel 或 WPS 另存为 .xlsx")


def _entries(path: Path, sheets: Mapping[str, Iterable[Sequence[Cell]]], layout: Layout) -> Iterator[Entry]:
    first: list[str] = []
    known = False
    for title, rows in sheets.items():
        columns = None
        for number, cells in enumerate(rows, 1):
            if columns is not None:
                entry = columns.entry(f"{title}第 {number} 行", cells)
                if entry is not None:
                    yield entry
                continue
            heads = [_head(cell) for cell in cells]
            first = first or [head for head in heads if head]
            columns = _Columns.among(heads, layout)
            known = known or columns is not None
            if number == HEAD_ROWS:
                break
    if not known:
        raise TerminologyRefused(
            f"{path.name}：前 {HEAD_ROWS} 行应有“{layout.code[0]}”和“{layout.name[0]}”两列的表头，"
            f"实际读到“{'、'.join(first[:12])}”；请核对是不是这种术语的文件"
        )


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column of a sheet is what."""

    code: int
    name: int
    details: tuple[int, ...]
    ended: int | None
    endings: Sequence[str]

    @staticmethod
    def among(heads: Sequence[str], layout: Layout) -> _Columns | None:
        """Find the columns in a row of heads, None where it has no code or no name."""
        code, name = _find(heads, layout.code), _find(heads, layout.name)
        if code is None or name is None:
            return None
        details = (_find(heads, spellings) for spellings in layout.details)
        spellings, endings = layout.ended
        found = tuple(at for at in details if at is not None and at not in (code, name))
        return _Columns(code, name, found, _find(heads, spellings), endings)

    def entry(self, place: str, cells: Sequence[Cell]) -> Entry | None:
        """Return the code in a row, None where the row has none."""
        code = _code(cells[self.code], place) if self.code < len(cells) else ""
        if not code:
            return None
        name = self._text(cells, self.name)
        if not name:
            raise TerminologyRefused(f"{place}：代码“{code}”应有名称，实际为空")
        detail = " ".join(filter(None, (self._text(cells, at) for at in self.details)))
        active = self.ended is None or self._text(cells, self.ended) not in self.endings
        return Entry(place, code, name, detail[:LONGEST_DETAIL], active)

    @staticmethod
    def _text(cells: Sequence[Cell], at: int) -> str:
        cell = cells[at] if at < len(cells) else ""
        return "" if isinstance(cell, Broken) else " ".join(str(cell).split())


def _find(heads: Sequence[str], spellings: Sequence[str]) -> int | None:
    return next((heads.index(spelling) for spelling in spellings if spelling in heads), None)


def _head(cell: Cell) -> str:
    """Return a head without blanks, line ends and stars, with narrow brackets."""
    return re.sub(r"[\s*＊]", "", str(cell)).replace("（", "(").replace("）", ")")


def _code(cell: Cell, place: str) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, int | float) and cell == int(cell) and len(str(int(cell))) >= WHOLE_NUMBER_DIGITS:
        return str(int(cell))
    raise TerminologyRefused(
        f"{place}：代码应是文本，实际是数字或错误值，前导 0 可能已经丢失；请取发布单位的原始文件，不要用 Excel 改存"
    )
