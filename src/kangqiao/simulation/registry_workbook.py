"""The workbook of institutions, departments and staff that the simulated city's registry starts from."""

from __future__ import annotations

from pathlib import Path

import openpyxl

from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import Institutions, titles

INSTITUTIONS = ("机构代码", "机构名称", "简称", "机构类别", "医院等级", "所在区划", "上级机构代码", "办别")
DEPARTMENTS = ("机构代码", "科室代码", "科室名称", "诊疗科目")
STAFF = ("机构代码", "工号", "姓名", "类别", "职称", "科室代码")

_SHORT = (
    ("临沧市", "市"),
    ("双江拉祜族佤族布朗族傣族自治县", "双江县"),
    ("耿马傣族佤族自治县", "耿马县"),
    ("沧源佤族自治县", "沧源县"),
    ("社区卫生服务中心", "社区中心"),
    ("疾病预防控制中心", "疾控中心"),
)
_LABORATORY_FIELDS = ("3000", "3200", "3201", "3202", "3203", "3205", "3206", "3211")


def write_workbook(institutions: Institutions, path: Path) -> None:
    """Write the sheets 机构, 科室 and 人员; village doctors, technicians, nurses and physicians by their work."""
    book = openpyxl.Workbook(write_only=True)
    for title, header, rows in (
        ("机构", INSTITUTIONS, _institutions(institutions)),
        ("科室", DEPARTMENTS, _departments(institutions)),
        ("人员", STAFF, _staff(institutions)),
    ):
        sheet = book.create_sheet(title)
        sheet.append(header)
        for row in rows:
            sheet.append(row)
    book.save(path)


def short_name(name: str) -> str:
    """Return the name people use."""
    for long, short in _SHORT:
        name = name.replace(long, short)
    return name


def _institutions(institutions: Institutions) -> list[tuple]:
    kinds = facts("institution_kinds")
    types = dict(zip(kinds["key"], zip(kinds["type_code"], kinds["level_code"], strict=True), strict=True))
    rows = []
    for one in institutions.each:
        kind, level = types[one.kind]
        parent = institutions.each[one.parent].code if one.parent >= 0 else None
        ownership = "民营" if one.kind == "private" else "公立"
        short = short_name(one.name)
        rows.append((one.code, one.name, short, kind, level or None, one.division, parent, ownership))
    return rows


def _departments(institutions: Institutions) -> list[tuple]:
    departments = institutions.departments
    names, codes = departments.names.to_pylist(), departments.codes.to_pylist()
    code_of = [institutions.each[number].code for number in departments.institution]
    return list(zip(code_of, codes, names, codes, strict=True))


def _staff(institutions: Institutions) -> list[tuple]:
    staff, departments = institutions.staff, institutions.departments
    fields = departments.codes.to_pylist()
    words = titles().to_pylist()
    rows = []
    for number, (department, name, code) in enumerate(
        zip(staff.department, staff.names.to_pylist(), staff.codes.to_pylist(), strict=True)
    ):
        one = institutions.each[departments.institution[department]]
        title = words[staff.titles[number]]
        rows.append((one.code, code, name, work_of(one.kind, fields[department], title), title, fields[department]))
    return rows


def work_of(kind: str, field: str, title: str) -> str:
    """Return what somebody with a title does in a department (code) of an institution of a kind."""
    if kind in ("village_clinic", "community_station"):
        return "乡村医生"
    if field in _LABORATORY_FIELDS:
        return "医技人员"
    if field == "0100":
        return "公共卫生人员"
    return "护士" if title.endswith("护师") else "医师"
