"""Filled-in workbooks: a template somebody typed into, or refused rows somebody corrected, become a batch.

What comes in takes the way of every other batch: :func:`submit_workbook` writes the files and the manifest that a
hospital's system would, and submits them. Sheets are known by the data set's Chinese title or word, or by their
columns; the first row holds Chinese titles or column names, a second one may hold column names.
"""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone
from openpyxl.utils import get_column_letter

from kangqiao.formats.workbooks import Cell, UnreadableWorkbook, Workbook
from kangqiao.infra.files import FileStore, sm3_of_file
from kangqiao.intake.cells import LossyCell, wire_text
from kangqiao.intake.editions import city_day, fitting_edition
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.excel import EDITION_LABEL, LEADING, NUMBER_LABEL, ORIGIN_SHEET, SENDER_LABEL
from kangqiao.intake.manifest import MANIFEST, Entry, Manifest, Period
from kangqiao.intake.models import Batch, Door
from kangqiao.intake.services import submit_parcel
from kangqiao.standards import value_sets
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet, contract_version, data_sets
from kangqiao.standards.documents import NOTES_SHEET
from kangqiao.standards.fields import Element
from kangqiao.trust.actors import Actor


def submit_workbook(
    *, file: Path, sender: str | None, number: str | None, actor: Actor, store: FileStore, folder: Path
) -> Batch:
    """Turn a workbook into a batch in ``folder`` (empty) and submit it; returns the batch.

    ``sender`` may be None for a workbook of refused rows, which names its own. Without a ``number`` the first free
    one after the original's is taken: ``…-更正1``. The same file sent twice is one batch. Raises
    :class:`BatchRefused` with word ``workbook``, ``sender-…`` or ``number-reused``, and ``NotPermitted``.
    """
    book = _open(file)
    origin = _origin_of(book)
    if origin and sender and origin.sender != sender:
        raise BatchRefused("sender-differs", "这是退给另一家机构的数据，只能由那家机构报送；请检查是否选错了文件")
    sender = sender or (origin.sender if origin else None)
    if not sender:
        raise BatchRefused("sender-missing", "请选择上传机构")
    tables = _write_tables(book, folder, origin)
    if number:
        return submit_parcel(
            path=_write_manifest(tables, sender, number, folder), door=Door.EXCEL, actor=actor, store=store
        )
    for candidate in _numbers(origin, tables):
        path = _write_manifest(tables, sender, candidate, folder)
        try:
            return submit_parcel(path=path, door=Door.EXCEL, actor=actor, store=store)
        except BatchRefused as refusal:
            if refusal.word != "number-reused":
                raise
    raise AssertionError("numbers never end")


def parcel_from_workbook(file: Path, *, sender: str, number: str, folder: Path) -> Path:
    """Write a workbook's rows as a batch into ``folder``: a UTF-8 CSV file per data set, and the manifest.

    Raises :class:`BatchRefused` that lists what can not be read, by sheet, row and column.
    """
    book = _open(file)
    return _write_manifest(_write_tables(book, folder, _origin_of(book)), sender, number, folder)


@dataclass(frozen=True)
class Origin:
    """Which batch a workbook of refused rows came from.

    editions  the edition each data set's rows followed, by its Chinese title
    """

    sender: str
    number: str
    editions: dict[str, str]


@dataclass(frozen=True)
class _Tables:
    entries: tuple[Entry, ...]
    period: Period
    created_at: dt.datetime


def _open(file: Path) -> Workbook:
    try:
        return Workbook(file)
    except UnreadableWorkbook as error:
        raise BatchRefused("workbook", str(error)) from error


def _origin_of(book: Workbook) -> Origin | None:
    if ORIGIN_SHEET not in book.names:
        return None
    said = {str(row[0]).strip(): str(row[1]).strip() for row in book.rows(ORIGIN_SHEET) if len(row) > 1}
    sender = said.get(SENDER_LABEL)
    editions = {
        label.removeprefix(EDITION_LABEL): text for label, text in said.items() if label.startswith(EDITION_LABEL)
    }
    return Origin(sender, said.get(NUMBER_LABEL, ""), editions) if sender else None


def _numbers(origin: Origin | None, tables: _Tables) -> Iterator[str]:
    if origin and origin.number:
        stem = re.sub(r"-更正\d+$", "", origin.number)[:56] + "-更正"
    else:
        stem = f"表格-{tables.created_at.astimezone(CITY_TIME):%Y%m%d}-"
    return (f"{stem}{number}" for number in count(1))


def _write_manifest(tables: _Tables, sender: str, number: str, folder: Path) -> Path:
    manifest = Manifest(
        sender=sender,
        number=number,
        contract=contract_version(),
        created_at=tables.created_at,
        period=tables.period,
        data_sets=tables.entries,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    return folder


def _write_tables(book: Workbook, folder: Path, origin: Origin | None) -> _Tables:
    reading = _Reading(folder, book.epoch)
    try:
        with reading.opened:
            for name in book.names:
                reading.read(name, book.rows(name))
    except UnreadableWorkbook as error:
        raise BatchRefused("workbook", str(error)) from error
    reading.refuse_problems()
    written = [table for table in reading.tables.values() if table.rows]
    if not written:
        raise BatchRefused("workbook", "工作簿里没有可报送的行：表头下面没有数据，或工作表没有按数据集命名")
    days = [day for table in written for day in (table.first, table.last) if day]
    saved_on = (book.saved_at or timezone.now()).astimezone(CITY_TIME).date()
    return _Tables(
        entries=tuple(
            Entry(
                data_set=word,
                file=table.path.name,
                rows=table.rows,
                sm3=sm3_of_file(table.path),
                edition=_edition(table, origin),
            )
            for word, table in reading.tables.items()
            if table.rows
        ),
        period=Period(min(days, default=saved_on), max(days, default=saved_on)),
        created_at=book.saved_at or dt.datetime.combine(max(days, default=saved_on), dt.time(), CITY_TIME),
    )


def _edition(table: _Table, origin: Origin | None) -> str | None:
    """Return the edition the rows follow: what their refusal said, else what their columns are whole for today."""
    if not table.data_set.editions:
        return None
    said = origin.editions.get(table.data_set.title) if origin else None
    return said or fitting_edition(table.data_set, table.columns, city_day(timezone.now()))


@dataclass
class _Table:
    """The file of one data set while it is written; sheets of the same data set follow one another in it."""

    data_set: type[DataSet]
    path: Path
    columns: list[str]
    writer: Any
    rows: int = 0
    first: dt.date | None = None
    last: dt.date | None = None

    def __post_init__(self) -> None:
        self.elements = {element.name: element for element in self.data_set.columns()}
        self._when: Element = self.data_set.occurred.field

    def write(self, texts: dict[str, str]) -> None:
        """Add a row by column, unless it is empty."""
        if not any(text.strip() for text in texts.values()):
            return
        self.writer.writerow([texts.get(column, "") for column in self.columns])
        self.rows += 1
        text = texts.get(self._when.name, "").strip()
        value = self._when.parse(text) if text else None
        day = value.astimezone(CITY_TIME).date() if isinstance(value, dt.datetime) else value
        if day:
            self.first, self.last = min(self.first or day, day), max(self.last or day, day)


LISTED_PROBLEMS = 20


@dataclass
class _Reading:
    """Reads sheets one by one into tables, and collects what can not be read."""

    folder: Path
    epoch: dt.date
    opened: ExitStack = field(default_factory=ExitStack)
    tables: dict[str, _Table] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    more_problems: int = 0

    def read(self, name: str, rows: Iterator[list[Cell]]) -> None:
        """Read one sheet."""
        numbered = ((number, row) for number, row in enumerate(rows, 1) if _has_content(row))
        head = next(numbered, None)
        if head is None or name in (ORIGIN_SHEET, NOTES_SHEET) or name in value_sets.catalogue():
            return
        data_set = _named(name) or _headed(head[1])
        if data_set is None:
            self._problem(
                f"工作表“{name}”认不出是哪个数据集：请把表名改成数据集的名称（如“检验结果”），不报送的工作表请删除"
            )
            return
        columns, rest = _columns(data_set, head, numbered)
        if "source_key" not in columns.values():
            self._problem(f"工作表“{name}”第 {head[0]} 行应是表头，其中没有“业务主键”（source_key）这一列")
            return
        table = self._table(data_set, columns, name)
        if table:
            for number, row in rest:
                table.write(self._texts(table, columns, row, f"工作表“{name}”第 {number} 行"))

    def _table(self, data_set: type[DataSet], columns: dict[int, str], name: str) -> _Table | None:
        wanted = [column for column in columns.values() if column not in LEADING]
        repeated = sorted({column for column in wanted if wanted.count(column) > 1})
        if repeated:
            self._problem(f"工作表“{name}”的表头有重复的列：{'、'.join(repeated)}")
            return None
        known = self.tables.get(data_set.word)
        if known is None:
            path = self.folder / f"{data_set.word}.csv"
            writer = csv.writer(self.opened.enter_context(path.open("w", encoding="utf-8", newline="")))
            writer.writerow(wanted)
            known = self.tables[data_set.word] = _Table(data_set, path, wanted, writer)
        elif set(known.columns) != set(wanted):
            self._problem(f"工作表“{name}”与同一数据集的前一张工作表列不相同，请统一表头")
            return None
        return known

    def _texts(self, table: _Table, columns: dict[int, str], row: list[Cell], place: str) -> dict[str, str]:
        texts = {}
        for at, cell in enumerate(row):
            if cell == "":
                continue
            column = columns.get(at)
            if column is None:
                self._problem(f"{place}的 {get_column_letter(at + 1)} 列有内容，但这一列没有表头")
            if column is None or column in LEADING:
                continue
            element = table.elements.get(column)
            try:
                texts[column] = wire_text(element, cell, epoch=self.epoch) if element else str(cell)
            except LossyCell as lost:
                self._problem(f"{place}“{element.title if element else column}”：{lost}")
        return texts

    def _problem(self, text: str) -> None:
        if len(self.problems) < LISTED_PROBLEMS:
            self.problems.append(text)
        else:
            self.more_problems += 1

    def refuse_problems(self) -> None:
        """Raise :class:`BatchRefused` when anything could not be read."""
        if self.problems:
            more = [f"另有 {self.more_problems} 处问题"] if self.more_problems else []
            raise BatchRefused("workbook", "\n".join([*self.problems, *more]))


def _has_content(row: Iterable[Cell]) -> bool:
    return any(not isinstance(cell, str) or cell.strip() for cell in row)


def _named(sheet: str) -> type[DataSet] | None:
    """Return the data set a sheet is named after: by title or word, perhaps with a number behind it."""
    name = re.sub(r"\s*[（(]\d+[)）]$", "", sheet.strip())
    return next((each for each in data_sets().values() if name in (each.title, each.word)), None)


def _headed(head: Sequence[Cell]) -> type[DataSet] | None:
    """Return the one data set that has every column of a head: how a template's sheet is known."""
    heads = {str(cell).strip().removesuffix("*") for cell in head} - {"", *LEADING, *LEADING.values()}
    fitting = [each for each in data_sets().values() if heads <= _heads(each).keys()]
    return fitting[0] if len(fitting) == 1 else None


def _heads(data_set: type[DataSet]) -> dict[str, str]:
    """Return the column behind every way to head it: Chinese title or name."""
    fields = data_set.columns()
    titles = {title: name for name, title in LEADING.items()} | {field.title: field.name for field in fields}
    return titles | {name: name for name in LEADING} | {field.name: field.name for field in fields}


NumberedRow = tuple[int, list[Cell]]


def _columns(
    data_set: type[DataSet], head: NumberedRow, rest: Iterator[NumberedRow]
) -> tuple[dict[int, str], Iterator[NumberedRow]]:
    """Return (column by position, the rows of data): a second row of column names belongs to the head.

    A column the data set does not have keeps its own heading: the receipt will say that it was not used.
    """
    heads = _heads(data_set)
    second = next(rest, None)
    names = {str(cell).strip() for cell in second[1]} - {""} if second else set()
    if second and names <= {*LEADING, *(field.name for field in data_set.columns())}:
        head, second = second, None
    texts = ((at, str(cell).strip().removesuffix("*")) for at, cell in enumerate(head[1]))
    columns = {at: heads.get(text, heads.get(text.lower(), text)) for at, text in texts if text}
    return columns, chain([second], rest) if second else rest
