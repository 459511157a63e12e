"""What senders get to read and fill in, derived from a data set's class: interface document and Excel template."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from kangqiao.standards.checks import checks_of
from kangqiao.standards.conditions import Condition, Rule
from kangqiao.standards.data_set import DataSet, Record, contract_version
from kangqiao.standards.editions import Edition, numbers_of
from kangqiao.standards.fields import (
    Coded,
    Codes,
    Count,
    Date,
    Element,
    Flag,
    Link,
    Moment,
    Money,
    Quantity,
    Text,
)
from kangqiao.standards.value_sets import Code, ValueSet

HEADER_ROWS = 2
"""Rows of a filled-in template before its data: the Chinese titles, then the column names."""

LISTED_CODES = 80
"""A value set with at most so many codes is printed in the document; a longer one is referred to."""

DATA_SHEET, NOTES_SHEET = "数据", "填写说明"


def interface_document(data_set: type[DataSet], edition: str | None = None) -> str:
    """Return the interface document of a data set in an edition (None: the newest) as Chinese Markdown."""
    number = edition or data_set.edition()
    return "\n".join(
        [
            f"# {data_set.title}（{data_set.word}）接口说明",
            "",
            f"接入标准版本 {contract_version()}，本数据集 {number} 版。依据：{data_set.source}。",
            "",
            "## 一、用途",
            "",
            *(f"- {line}" for line in _purpose(data_set)),
            "",
            "## 二、数据项",
            "",
            *_markdown_table(
                ("序号", "列名", "名称", "数据元标识符", "格式", "必填", "取值", "说明", "示例"),
                (_document_row(data_set, place, field) for place, field in enumerate(data_set.wire(number), 1)),
            ),
            "",
            "## 三、数据项之间的关系",
            "",
            *_relations(data_set, number),
            "",
            "## 四、值域",
            "",
            *_value_set_chapters(data_set, number),
            "## 五、最小示例",
            "",
            "只含必填列的一行（NDJSON）：",
            "",
            "```json",
            json.dumps(minimal_row(data_set, number), ensure_ascii=False),
            "```",
            "",
            *_changes(data_set),
        ]
    )


def excel_template(data_set: type[DataSet], rows: Iterable[Mapping[str, str | None]] = ()) -> bytes:
    """Return a workbook to fill in: the data sheet, how to fill it in, and a sheet per value set.

    ``rows`` are cells by column name to start with, for a sender who corrects refused rows. Every cell is text, so
    that no leading zero is lost.
    """
    book = Workbook()
    sheet = book.active
    sheet.title = DATA_SHEET
    fields = data_set.wire()
    _fill_header(sheet, fields)
    for number, row in enumerate(rows, HEADER_ROWS + 1):
        _fill_row(sheet, number, [row.get(field.name) for field in fields])
    _fill_notes(book.create_sheet(NOTES_SHEET), data_set)
    offered = {known.id: known for known in value_sets_of(data_set)}
    for known in offered.values():
        _fill_value_set(book.create_sheet(known.id), known)
    for column, field in enumerate(fields, 1):
        if isinstance(field, Coded) and field.value_set.complete:
            _offer(sheet, column, offered[field.values])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def value_sets_of(data_set: type[DataSet], edition: str | None = None) -> list[ValueSet]:
    """Return the value sets of an edition with the codes that may be sent, each once, in the order of its columns."""
    used: dict[str, ValueSet] = {}
    for field in data_set.wire(edition):
        if isinstance(field, Coded | Codes):
            known, offered = used.get(field.values), field.offered
            used[field.values] = replace(offered, codes={**known.codes, **offered.codes}) if known else offered
    return list(used.values())


def minimal_row(data_set: type[DataSet], edition: str | None = None) -> dict[str, str]:
    """Return the shortest row that is accepted: what is always required, and what that makes required."""
    cells: dict[str, str] = {}
    values: dict[str, Any] = {}
    for field in data_set.wire(edition):
        if _always(field) or (isinstance(field.required, Condition) and field.required.holds(values)):
            cells[field.name] = example(field)
            values[field.name] = field.parse(cells[field.name])
    return cells


def example(field: Element) -> str:
    """Return a wire text that the field accepts, "" where the platform ships no code of its value set."""
    if isinstance(field, Coded | Codes):
        return next(iter(field.offered.codes), "")
    if isinstance(field, Quantity | Count | Money):
        return _example_number(field)
    fixed = next((text for kind, text in _EXAMPLES if isinstance(field, kind)), _SOME_TEXT)
    return "A0001" if field.name in ("institution_code", "patient_number", "source_key") else fixed


_SOME_TEXT = "文字"
_EXAMPLES = ((Flag, "F"), (Moment, "20260131T093000"), (Date, "20260131"), (Link, "A0001"))


def _example_number(field: Quantity | Count | Money) -> str:
    low, high = field.plausible or (1, 100)
    if isinstance(field, Count) and low == 0:
        return "0"
    middle = math.sqrt(low * high) if low > 0 else min(high, 10)
    if isinstance(field, Money):
        return f"{middle:.2f}"
    return f"{middle:.0f}" if isinstance(field, Count) or middle >= 10 else f"{middle:.1f}"


# -- words -------------------------------------------------------------------------------------------------


def requirement(field: Element) -> str:
    """Return in Chinese when the field must be filled in: "必填", a condition, or "选填"."""
    if isinstance(field.required, Condition):
        return f"{field.required.text()}时必填"
    if isinstance(field, Coded) and field.named and field.name_required is True:
        return "应填，缺少时提醒"
    return "必填" if _always(field) else "选填"


def _always(field: Element) -> bool:
    return field.required is True and field.absent is None


def values_allowed(field: Element) -> str:
    """Return in Chinese which values the field takes: its value set, range and unit, what it refers to, its length."""
    words = []
    if isinstance(field, Coded | Codes):
        known = field.value_set
        words.append(f"值域 {known.id} {known.title}" + ("" if known.complete else "（只核格式）"))
        words += ["多个代码用 | 分隔"] if isinstance(field, Codes) else []
        words += [f"不再使用 {'、'.join(_retired(field))}"] if field.retired else []
        words += [f"尚未使用 {'、'.join(sorted(field.unborn))}"] if field.unborn else []
    elif isinstance(field, Link):
        words.append(f"“{field.to.title}”的业务主键")  # type: ignore[attr-defined]
    elif isinstance(field, Text):
        words.append(f"不超过 {field.limit} 字")
    else:
        words.append(field.expects)
    if isinstance(field, Quantity | Count | Money):
        words += [f"单位 {field.unit}"] if field.unit else []
        words += ["通常在 {:g} 与 {:g} 之间".format(*field.plausible)] if field.plausible else []
    return "；".join(words)


def _retired(field: Coded | Codes) -> Iterator[str]:
    return (f"{code}（改用 {new}）" if new else code for code, (_, new) in field.retired.items())


def _purpose(data_set: type[DataSet]) -> Iterator[str]:
    whole = data_set.part_of()
    if whole is not None:
        yield f"每行是一份“{whole.to.title}”的一条明细，用“{whole.title}”（{whole.name}）关联。"  # type: ignore[attr-defined]
    else:
        yield f"每行是一条“{data_set.title}”。"
    yield "“医疗机构代码”与“业务主键”合起来唯一；同一主键再次上传视为更正，“数据更新时间”较新者为准。"
    if issubclass(data_set, Record):
        yield f"“{data_set.occurred.field.title}”是这件事发生的时间，档案按它排列。"
    else:
        yield f"各行不涉及具体患者；“{data_set.occurred.field.title}”说明这一行属于哪一天。"
    yield f"文件：`{data_set.word}.csv`（UTF-8 或 GB18030）、`.ndjson` 或 `.parquet`，首行或键名用下表的列名。"


def _document_row(data_set: type[DataSet], number: int, field: Element) -> tuple[str, ...]:
    return (
        str(number),
        f"`{field.name}`",
        field.title,
        field.element,
        field.wire_format,
        requirement(field),
        values_allowed(field),
        _note(data_set, field),
        f"`{example(field)}`" if example(field) not in ("", _SOME_TEXT) else "",
    )


def note_of(field: Element) -> str:
    """Return in Chinese what to mind when filling in the field: its own note, and that of its value set."""
    trap = field.value_set.note if isinstance(field, Coded | Codes) else ""
    return "；".join(note for note in (field.note, trap) if note)


def _note(data_set: type[DataSet], field: Element) -> str:
    coded = {f"{other.name}_name": other for other in data_set.elements() if isinstance(other, Coded)}
    owner = coded.get(field.name)
    if owner is None:
        return note_of(field)
    if owner.named:
        return "按本机构的原有名称填写"
    return "可不填；填写时应与代码在值域中的名称一致" if owner.value_set.complete else "可不填"


def _relations(data_set: type[DataSet], edition: str) -> Iterator[str]:
    asked = {(check.column, check.word) for check in checks_of(data_set) if check.asked_in(edition)}
    relations = [(rule.message, _kind(rule)) for rule in data_set.rules if (rule.field.name, rule.word) in asked]
    if not relations:
        yield "无。"
    else:
        yield from _markdown_table(("要求", "不符合时"), relations)


def _kind(rule: Rule) -> str:
    return "退回" if rule.severity == "error" else "接收并提醒"


def _value_set_chapters(data_set: type[DataSet], edition: str) -> Iterator[str]:
    for known in value_sets_of(data_set, edition):
        yield f"### {known.id} {known.title}"
        yield ""
        yield f"来源：{known.source}。"
        yield ""
        if known.note:
            yield f"注意：{known.note}。"
            yield ""
        if not known.complete:
            yield f"代码不限于本平台所列，格式应符合 `{known.pattern}`。"
        elif len(known.codes) > LISTED_CODES:
            yield f"共 {len(known.codes)} 个代码，见模板中的同名工作表。"
        else:
            yield from _markdown_table(("代码", "名称"), ((code.code, _name(code)) for code in known.codes.values()))
        yield ""


def _name(code: Code) -> str:
    """Return the name of a code, and until when it was in use."""
    if code.valid_to is None:
        return code.name
    return f"{code.name}（用至 {code.valid_to}" + (f"，之后用 {code.successor}）" if code.successor else "）")


def _changes(data_set: type[DataSet]) -> Iterator[str]:
    if not data_set.editions:
        return
    yield "## 六、变更"
    yield ""
    yield "清单 manifest.json 中的 `edition` 写明文件按哪一版导出；不写时按 `contract` 的版本。"
    yield ""
    formers = numbers_of(data_set)
    for former, edition in zip(formers, data_set.editions, strict=False):
        yield f"### {edition.number} 版"
        yield ""
        yield f"{edition_days(edition, former)}。"
        yield ""
        yield from (f"- {change.text()}" for change in edition.changes)
        yield ""


def edition_days(edition: Edition, former: str) -> str:
    """Return in Chinese when an edition was announced, from when it is taken, and until when the former one is."""
    return (
        f"{edition.announced} 公告，{edition.accepted_from} 起接收，{former} 版接收至 {edition.former_until}（含当日）"
    )


def _markdown_table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    head = list(head)
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        cells = [cell.replace("|", r"\|") for cell in row]
        yield f"| {' | '.join(cells)} |"


# -- workbook ----------------------------------------------------------------------------------------------

_ALWAYS, _SOMETIMES, _OPTIONAL = (PatternFill("solid", fgColor=colour) for colour in ("F8D7DA", "FFF3CD", "E9ECEF"))


def _fill_header(sheet: Worksheet, fields: list[Element]) -> None:
    sheet.append([field.title for field in fields])
    sheet.append([field.name for field in fields])
    sheet.freeze_panes = f"A{HEADER_ROWS + 1}"
    for column, field in enumerate(fields, 1):
        head = sheet.cell(1, column)
        head.font, head.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="center")
        head.fill = header_fill(field)
        head.comment = header_comment(field)
        sheet.cell(2, column).font = Font(color="808080", size=9)
        width = sheet.column_dimensions[get_column_letter(column)]
        width.width, width.number_format = max(12, min(30, 2 * len(field.title))), "@"


def _fill_row(sheet: Worksheet, number: int, cells: Iterable[str | None]) -> None:
    """Write cells as text: never a formula, and without the control characters a workbook can not hold."""
    for column, text in enumerate(cells, 1):
        cell = sheet.cell(number, column, text and ILLEGAL_CHARACTERS_RE.sub("", text))
        cell.data_type, cell.number_format = "s", "@"


def header_fill(field: Element) -> PatternFill:
    """Return the colour of a column's head: red where it is required, yellow where it may be, grey elsewhere."""
    if isinstance(field.required, Condition):
        return _SOMETIMES
    return _ALWAYS if _always(field) else _OPTIONAL


def header_comment(field: Element) -> Comment:
    """Return what a column's head says on being pointed at: when to fill it in, and with what."""
    lines = (requirement(field), f"格式 {field.wire_format}", values_allowed(field), note_of(field), field.element)
    return Comment("\n".join(line for line in lines if line), "康桥", width=320, height=140)


def _fill_notes(sheet: Worksheet, data_set: type[DataSet]) -> None:
    sheet.append([f"{data_set.title}（{data_set.word}）填写说明"])
    sheet.append([f"接入标准版本 {contract_version()}，本数据集 {data_set.edition()} 版；依据：{data_set.source}"])
    for line in _purpose(data_set):
        sheet.append([line])
    sheet.append([f"在“{DATA_SHEET}”工作表第 {HEADER_ROWS + 1} 行起填写，前 {HEADER_ROWS} 行不要改动。"])
    sheet.append(["表头颜色：红色必填，黄色在一定条件下必填，灰色选填。单元格均为文本，代码的前导 0 不能省略。"])
    sheet.append([])
    head = ("列名", "名称", "数据元标识符", "格式", "必填", "取值", "说明")
    sheet.append(head)
    for cell in sheet[sheet.max_row]:
        cell.font = Font(bold=True)
    for number, field in enumerate(data_set.wire(), 1):
        _, column, *rest = _document_row(data_set, number, field)
        sheet.append([column.strip("`"), *rest[:-1]])
    if data_set.rules:
        sheet.append([])
        sheet.append(["数据项之间的关系"])
        for rule in data_set.rules:
            sheet.append([f"{rule.message}（不符合时{_kind(rule)}）"])
    for letter, width in zip("ABCDEFG", (24, 30, 18, 18, 34, 44, 50), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet["A1"].font = Font(bold=True, size=14)


def _fill_value_set(sheet: Worksheet, known: ValueSet) -> None:
    sheet.append(["代码", "名称", f"{known.title}；来源：{known.source}"])
    for code in known.codes.values():
        sheet.append([code.code, _name(code)])
    for (cell,) in sheet.iter_rows(min_row=2, max_col=1):
        cell.number_format = "@"
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    sheet.freeze_panes = "A2"
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 14, 40


def _offer(sheet: Worksheet, column: int, known: ValueSet) -> None:
    """Offer the codes of a closed value set in a drop-down list."""
    rule = DataValidation("list", formula1=f"'{known.id}'!$A$2:$A${len(known.codes) + 1}", allow_blank=True)
    rule.error, rule.errorTitle = f"应为值域 {known.id} 内的代码", "代码不在值域内"
    rule.prompt = "；".join(f"{code.code} {code.name}" for code in known.codes.values())[:250]
    rule.promptTitle, rule.showErrorMessage, rule.showInputMessage = known.title[:30], True, True
    letter = get_column_letter(column)
    rule.add(f"{letter}{HEADER_ROWS + 1}:{letter}{HEADER_ROWS + 5000}")
    sheet.add_data_validation(rule)
