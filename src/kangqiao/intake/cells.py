"""From an Excel cell to wire text: undo what Excel does to numbers and dates, and say where it can not be undone."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

from kangqiao.formats.workbooks import Broken, Cell
from kangqiao.standards.fields import Coded, Codes, Count, Date, Element, Flag, Moment, Money, Quantity

EXACT = 10**15
"""Excel keeps 15 digits of a number; what was longer has lost its end."""

LAST_DAY_NUMBER = 2_958_465
"""9999-12-31 as Excel counts days: a larger number in a date column was typed as YYYYMMDD."""


_SCIENTIFIC = r"\d(\.\d+)?E\+\d+"


class LossyCell(ValueError):
    """What was typed can not be told from the cell any more; the Chinese text says why and what to do."""


def wire_text(field: Element, cell: Cell, *, epoch: dt.date) -> str:
    """Return a cell as the text the contract asks for in this column, "" for an empty one.

    ``epoch`` is the day the workbook's day numbers count from. A text that is plainly wrong is passed on as it is, for
    the gate to refuse with its own message. Raises :class:`LossyCell` where Excel has changed what was typed.
    """
    match cell:
        case str():
            return _text(field, cell)
        case Broken():
            raise LossyCell(f"单元格{cell.reason}，请改填实际的值")
        case bool():
            return ("T" if cell else "F") if isinstance(field, Flag) else str(cell).upper()
        case int() | float():
            return _number(field, cell, epoch)
        case dt.datetime() | dt.date():
            return _moment(field, cell)
        case _:
            raise LossyCell("单元格只有时间，没有日期；请把这一列设为文本格式，按约定的格式重新填写")


def _text(field: Element, text: str) -> str:
    if "E+" in text and not isinstance(field, Quantity | Count | Money) and re.fullmatch(_SCIENTIFIC, text.strip()):
        raise LossyCell("号码成了科学记数法（如 5.3E+17），末尾已经丢失；请把这一列设为文本格式后重新填写")
    return text


def _number(field: Element, number: float, epoch: dt.date) -> str:
    if isinstance(field, Quantity | Count | Money):
        return _plain(number)
    if isinstance(field, Date | Moment) and 0 < number < LAST_DAY_NUMBER + 1:
        return _day_number(field, number, epoch)
    if abs(number) >= EXACT:
        raise LossyCell("号码超过 15 位，被 Excel 存成数字后末尾已经丢失；请把这一列设为文本格式后重新填写")
    text = _plain(number)
    return _with_zeros(field, text) if isinstance(field, Coded | Codes) else text


def _plain(number: float) -> str:
    """Return the number as Excel shows it: 15 digits, never an exponent."""
    return f"{Decimal(f'{number:.15g}'):f}"


def _with_zeros(field: Coded | Codes, text: str) -> str:
    """Return the one code this is without its leading zeros; the text itself where there is none."""
    known = field.value_set
    meant = [code for code in known.codes if known.complete and (code.lstrip("0") or "0") == text]
    if len(meant) > 1:
        raise LossyCell(f"可能是代码 {'、'.join(meant)}，前导 0 被 Excel 去掉了；请把这一列设为文本格式后重新填写")
    return meant[0] if meant else text


def _day_number(field: Element, number: float, epoch: dt.date) -> str:
    seconds = round(number * 86400)
    moment = dt.datetime.combine(epoch, dt.time()) + dt.timedelta(seconds=seconds)
    return _moment(field, moment if seconds % 86400 else moment.date())


def _moment(field: Element, moment: dt.date) -> str:
    if not isinstance(field, Date | Moment):
        raise LossyCell("单元格被 Excel 变成了日期；请把这一列设为文本格式后重新填写")
    if isinstance(moment, dt.datetime):
        moment = (moment + dt.timedelta(milliseconds=500)).replace(microsecond=0)
        if moment.time() == dt.time() and isinstance(field, Date):
            return moment.date().isoformat()
        return moment.isoformat(" ")
    return moment.isoformat()
