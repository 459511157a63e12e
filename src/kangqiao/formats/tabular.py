"""Tables in files: Parquet, CSV (UTF-8 or GB18030) and NDJSON, compressed or not, as sources DuckDB can read."""

from __future__ import annotations

import codecs
import csv
import json
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb
import zstandard

from kangqiao.formats.archives import LIMITS, Limits, Meter, UnreadableArchive, decompressed

BLOCK = 1 << 20
LONGEST_LINE = 16 << 20
"""Bytes one row may take; a file without line ends is not read into memory."""


class UnreadableTable(Exception):
    """The file is not the table it claims to be; the Chinese text says what was expected and found."""


class TableFormat(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"
    NDJSON = "ndjson"


@dataclass(frozen=True)
class TableFile:
    """A table ready for DuckDB: plain bytes, UTF-8."""

    path: Path
    format: TableFormat


def prepare(path: Path, folder: Path, limits: Limits = LIMITS) -> TableFile:
    """Decompress and transcode a table file into ``folder`` where needed; raises :class:`UnreadableTable`."""
    table_format = _format_of(path)
    if table_format is TableFormat.PARQUET:
        return TableFile(path, table_format)
    plain = folder / f"{path.name}.plain"
    try:
        _write_utf8(path, plain, "utf-8", limits)
    except UnicodeDecodeError:
        try:
            _write_utf8(path, plain, "gb18030", limits)
        except UnicodeDecodeError as error:
            raise UnreadableTable(
                f"{path.name}：文字编码应为 UTF-8 或 GB18030，文件中有两者都不能识别的内容"
            ) from error
    return TableFile(plain, table_format)


def _write_utf8(source: Path, target: Path, encoding: str, limits: Limits) -> None:
    meter = Meter(source.stat().st_size, limits)
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 0
    try:
        with decompressed(source) as stream, target.open("wb") as out:
            while block := stream.read(BLOCK):
                meter.count(len(block))
                line = len(block) - block.rfind(b"\n") - 1 if b"\n" in block else line + len(block)
                if line > LONGEST_LINE or b"\0" in block:
                    raise UnreadableTable(f"{source.name}：不是文本表格（一行过长或含空字符）")
                text = decoder.decode(block)
                out.write(block if encoding == "utf-8" else text.encode())
            decoder.decode(b"", final=True)
    except UnreadableArchive as error:
        raise UnreadableTable(f"{source.name}：{error}") from error
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        raise UnreadableTable(f"{source.name}：压缩文件损坏或不完整") from error


def _format_of(path: Path) -> TableFormat:
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic == b"PAR1":
        return TableFormat.PARQUET
    for suffix, table_format in ((".csv", TableFormat.CSV), (".ndjson", TableFormat.NDJSON)):
        if name.endswith(suffix):
            return table_format
    if name.endswith(".parquet"):
        raise UnreadableTable(f"{path.name}：不是 Parquet 文件或不完整")
    raise UnreadableTable(f"{path.name}：不认识的文件类型，应为 .parquet、.csv、.ndjson（可再加 .gz 或 .zst）")


def header(connection: duckdb.DuckDBPyConnection, table: TableFile) -> list[str]:
    """Return the column names the file has (of NDJSON: those of its first line).

    Raises :class:`UnreadableTable` for a file that can not be opened.
    """
    match table.format:
        case TableFormat.CSV:
            return _heads(table.path)
        case TableFormat.NDJSON:
            return _keys(table.path)
    try:
        rows = connection.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(table.path)]).fetchall()
        return [row[0] for row in rows]
    except duckdb.Error as error:
        raise UnreadableTable(f"{table.path.name}：无法读取，文件损坏或不完整") from error


def source_sql(table: TableFile, heads: list[str]) -> str:
    """Return a DuckDB relation over the file: its columns, and ``row_number`` counted from 1 in file order.

    ``heads`` are all the names that :func:`header` gave; NDJSON may ask for more.
    """
    path = _quoted(str(table.path))
    declared = ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in heads)
    match table.format:
        case TableFormat.PARQUET:
            return f"(SELECT *, file_row_number + 1 AS row_number FROM read_parquet({path}, file_row_number = true))"
        case TableFormat.CSV:
            return (
                f"(SELECT *, row_number() OVER () AS row_number FROM read_csv({path}, auto_detect = false,"
                f" header = true, delim = ',', quote = '\"', escape = '\"', columns = {{{declared}}},"
                f" max_line_size = {LONGEST_LINE}, store_rejects = true, rejects_limit = 0))"
            )
        case TableFormat.NDJSON:
            return (
                f"(SELECT *, row_number() OVER () AS row_number FROM read_json({path},"
                f" format = 'newline_delimited', records = true, ignore_errors = true, columns = {{{declared}}},"
                f" maximum_object_size = {LONGEST_LINE}))"
            )


UNREADABLE_LINES_SQL = """
SELECT file_path, count(DISTINCT line), list(DISTINCT line ORDER BY line)[:10]
FROM reject_errors JOIN reject_scans USING (scan_id, file_id) GROUP BY file_path"""
"""After CSV files were read on the same connection: how many lines of a file are no rows, and some of their numbers."""


def _heads(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        heads = next(csv.reader(file), [])
    return [head if heads.index(head) == place else f"{head} {place + 1}" for place, head in enumerate(heads)]


def _keys(path: Path) -> list[str]:
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE)
    try:
        return list(json.loads(first)) if first.strip() else []
    except ValueError as error:
        raise UnreadableTable(f"{path.name.removesuffix('.plain')}：第一行不是 JSON 对象") from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
