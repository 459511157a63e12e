"""Rows of the registry as people write them: what each column holds, read from text. Pure, no database.

A value set's code and its name are both understood, and so are the ways people write a day or a yes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from django.db.models import TextChoices

from kangqiao.registry.errors import Fault
from kangqiao.registry.models import DIVISION_CODE, INSTITUTION_CODE, Institution, Staff
from kangqiao.standards import value_sets


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionRow:
    """An institution as it is brought; other institutions are named by their codes."""

    code: str
    name: str
    short_name: str | None = None
    type: str
    level: str | None = None
    division_code: str
    parent_code: str | None = None
    ownership: str
    valid_from: date | None = None
    valid_to: date | None = None
    active: bool = True

    @property
    def key(self) -> str:
        """What makes it the same institution."""
        return self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRow:
    """A department as it is brought."""

    institution_code: str
    code: str
    name: str
    specialty: str | None = None
    active: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same department."""
        return self.institution_code, self.code


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """A member of the staff as it is brought."""

    institution_code: str
    code: str
    name: str
    kind: str
    title: str | None = None
    department_code: str | None = None
    valid: bool = True

    @property
    def key(self) -> tuple[str, str]:
        """What makes them the same person."""
        return self.institution_code, self.code


Row = InstitutionRow | DepartmentRow | StaffRow


class Unfit(ValueError):
    """The text does not fit its column."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, the field it fills, how its text is read, what is expected in it, an example."""

    title: str
    field: str
    read: Callable[[str], Any]
    expected: str
    example: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of the workbook."""

    title: str
    row: type[Row]
    columns: tuple[Column, ...]


def _matching(pattern: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Unfit
        return text

    return read


def _upper_matching(pattern: str) -> Callable[[str], str]:
    match = _matching(pattern)
    return lambda text: match(text.upper())


def _coded(identifier: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        known = value_sets.load(identifier)
        by_name = {code.name: code.code for code in known.codes.values()}
        if text in by_name:
            return by_name[text]
        if not known.accepts(text):
            raise Unfit
        return text

    return read


def _chosen(choices: type[TextChoices]) -> Callable[[str], str]:
    words = {each.value: each.value for each in choices} | {str(each.label): each.value for each in choices}

    def read(text: str) -> str:
        if text not in words:
            raise Unfit
        return words[text]

    return read


def _day(text: str) -> date:
    found = re.fullmatch(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))", text)
    if not found:
        raise Unfit
    year, month, day = (int(part) for part in found.groups() if part)
    return date(year, month, day)


def _said(yes: str, no: str) -> Callable[[str], bool]:
    words = {yes: True, "是": True, "1": True, no: False, "否": False, "0": False}

    def read(text: str) -> bool:
        if text not in words:
            raise Unfit
        return words[text]

    return read


def _labels(choices: type[TextChoices]) -> str:
    return "、".join(str(each.label) for each in choices)


_INSTITUTION = Column(
    "机构代码",
    "code",
    _upper_matching(INSTITUTION_CODE),
    "18 位统一社会信用代码或 9–22 位机构代码",
    "12533500431850127X",
    required=True,
)
_OF_INSTITUTION = Column(
    "机构代码", "institution_code", _INSTITUTION.read, _INSTITUTION.expected, _INSTITUTION.example, required=True
)
_NAME = _matching(r".{1,100}")
_CODE = _matching(r"\S{1,50}")

INSTITUTIONS: Final = Sheet(
    "机构",
    InstitutionRow,
    (
        _INSTITUTION,
        Column("机构名称", "name", _NAME, "100 字以内的名称", "临沧市人民医院", required=True),
        Column("简称", "short_name", _NAME, "100 字以内的简称，不填则用机构名称", "市人民医院"),
        Column("机构类别", "type", _coded("WS218"), "WS 218 的代码或名称", "综合医院", required=True),
        Column("医院等级", "level", _coded("institution-level"), "两位等级代码或名称，不评等级的不填", "三级甲等"),
        Column(
            "所在区划", "division_code", _matching(DIVISION_CODE), "12 位统计用区划代码", "530902001000", required=True
        ),
        Column("上级机构代码", "parent_code", _INSTITUTION.read, "已登记或在本表中的上级（代报）机构代码", ""),
        Column("办别", "ownership", _chosen(Institution.Ownership), "公立或民营", "公立", required=True),
        Column("启用日期", "valid_from", _day, "日期，例如 2026-01-31", "2020-01-01"),
        Column("停用日期", "valid_to", _day, "日期，例如 2026-01-31，晚于启用日期", ""),
        Column("状态", "active", _said("启用", "停用"), "启用或停用，不填为启用", "启用"),
    ),
)
DEPARTMENTS: Final = Sheet(
    "科室",
    DepartmentRow,
    (
        _OF_INSTITUTION,
        Column("科室代码", "code", _CODE, "机构内唯一的代码，50 个字符以内", "0301", required=True),
        Column("科室名称", "name", _NAME, "100 字以内的名称", "呼吸内科", required=True),
        Column("诊疗科目", "specialty", _coded("specialty"), "四位诊疗科目代码或名称", "0301"),
        Column("状态", "active", _said("启用", "停用"), "启用或停用，不填为启用", "启用"),
    ),
)
STAFF: Final = Sheet(
    "人员",
    StaffRow,
    (
        _OF_INSTITUTION,
        Column("工号", "code", _CODE, "机构内唯一的工号，50 个字符以内", "D0001", required=True),
        Column("姓名", "name", _NAME, "100 字以内的姓名", "李敏", required=True),
        Column("类别", "kind", _chosen(Staff.Kind), _labels(Staff.Kind) + "之一", "医师", required=True),
        Column("职称", "title", _matching(r".{1,20}"), "20 字以内的职称", "副主任医师"),
        Column("科室代码", "department_code", _CODE, "该机构已登记或在“科室”表中的科室代码", "0301"),
        Column("在岗", "valid", _said("在岗", "离岗"), "是或否，不填为是", "是"),
    ),
)
SHEETS: Final = (INSTITUTIONS, DEPARTMENTS, STAFF)


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the number it has in its sheet."""

    number: int
    row: Any


def read_row(sheet: Sheet, number: int, cells: dict[str, str]) -> tuple[Placed | None, list[Fault]]:
    """Read the cells of one row, by column title; return the row, or else what does not fit."""
    faults, values = [], {}
    for column in sheet.columns:
        text = cells.get(column.title, "")
        if not text and not column.required:
            continue
        try:
            if not text:
                raise Unfit
            values[column.field] = column.read(text)
        except ValueError:
            faults.append(Fault(sheet.title, number, column.title, column.expected, text or "空"))
    return (None, faults) if faults else (Placed(number, sheet.row(**values)), [])


def named_by(sheet: Sheet, cells: dict[str, str]) -> tuple[str, ...] | str | None:
    """Return the key of a row that does not fit otherwise, so that rows referring to it are not blamed as well."""
    keys = []
    for column in sheet.columns:
        if column.field in ("institution_code", "code"):
            try:
                keys.append(column.read(cells.get(column.title, "")))
            except ValueError:
                return None
    return tuple(keys) if len(keys) > 1 else keys[0]


def repeated(sheet: Sheet, rows: Iterable[Placed]) -> list[Fault]:
    """Return the rows that name something a row above them has named."""
    first: dict[Any, int] = {}
    faults = []
    for placed in rows:
        before = first.setdefault(placed.row.key, placed.number)
        if before != placed.number:
            column = next(each.title for each in sheet.columns if each.field == "code")
            faults.append(Fault(sheet.title, placed.number, column, "不与别行重复", f"与第 {before} 行相同"))
    return faults


def unordered(rows: Iterable[Placed]) -> list[Fault]:
    """Return the institutions that end before they begin."""
    return [
        Fault(INSTITUTIONS.title, placed.number, "停用日期", "晚于启用日期", placed.row.valid_to.isoformat())
        for placed in rows
        if placed.row.valid_from and placed.row.valid_to and placed.row.valid_to <= placed.row.valid_from
    ]


def circular(rows: Iterable[Placed], parents: Mapping[str, str | None]) -> list[Fault]:
    """Return the institutions that stand above themselves; `parents` is code → parent's code, rows included."""
    faults = []
    for placed in rows:
        above, passed = parents.get(placed.row.code), {placed.row.code}
        while above is not None and above not in passed:
            passed.add(above)
            above = parents.get(above)
        if above == placed.row.code:
            expected = "不经由自己的上级机构"
            faults.append(Fault(INSTITUTIONS.title, placed.number, "上级机构代码", expected, placed.row.parent_code))
    return faults
