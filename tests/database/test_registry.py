"""Institutions, departments and staff as they are brought in, one by one or as a workbook."""

import io
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from uuid import uuid4

import openpyxl
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from kangqiao.registry.errors import AlreadyConfirmed, RegistryRefused, WorkbookUnreadable
from kangqiao.registry.models import Department, Institution, Staff
from kangqiao.registry.queries import codes_reported_by, institution_ids, scope_of
from kangqiao.registry.rows import SHEETS
from kangqiao.registry.services import (
    Change,
    confirm_import,
    import_registry,
    keep_import,
    preview_import,
    register_institution,
)
from kangqiao.registry.workbook import template
from kangqiao.simulation.institutions import BUREAUS, found
from kangqiao.simulation.places import settle
from kangqiao.simulation.registry_workbook import write_workbook
from kangqiao.trust.actors import Actor, ActorKind, stranger, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import AuditEntry
from kangqiao.trust.permissions import Permission

pytestmark = pytest.mark.usefixtures("database")

CITY, COUNTY, CLINIC = "12533500431850127X", "125335224318501281", "PDY00001X53090211C2201"
MANAGER = Actor(
    kind=ActorKind.ACCOUNT,
    id=uuid4(),
    name="李敏",
    institution_id=None,
    permissions=frozenset({Permission.REGISTRY_IMPORT}),
)
INSTITUTION_HEAD = ["机构代码", "机构名称", "简称", "机构类别", "医院等级", "所在区划", "上级机构代码", "办别"]
INSTITUTION_ROWS = [
    [CITY, "临沧市人民医院", "市人民医院", "A100", "32", "530902001000", None, "公立"],
    [COUNTY, "凤庆县人民医院", None, "综合医院", "二级甲等", "530921101000", CITY, "公立"],
    [CLINIC, "落星村卫生室", None, "D600", None, "530921101205", COUNTY, "民营"],
]
DEPARTMENT_ROWS = [[CITY, "0301", "呼吸内科", "呼吸内科专业"], [CITY, "0300", "内科门诊", "0300"]]
STAFF_ROWS = [
    [CITY, "D0001", "李敏", "医师", "副主任医师", "0301", "是"],
    [CLINIC, 7, "杨正", "乡村医生", None, None, None],
]
Workbook = Callable[..., Path]


@pytest.fixture
def workbook(tmp_path: Path) -> Workbook:
    """Write a workbook; each sheet is given by its rows, or left at rows that fit."""

    def write(
        institutions: list = INSTITUTION_ROWS, departments: list = DEPARTMENT_ROWS, staff: list = STAFF_ROWS
    ) -> Path:
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, head, rows in (
            ("机构", INSTITUTION_HEAD, institutions),
            ("科室", ["机构代码", "科室代码", "科室名称", "诊疗科目"], departments),
            ("人员", ["机构代码", "工号", "姓名", "类别", "职称", "科室代码", "在岗"], staff),
        ):
            sheet = book.create_sheet(title)
            for row in [head, *rows]:
                sheet.append(row)
        path = tmp_path / "登记.xlsx"
        book.save(path)
        return path

    return write


def faults_of(path: Path) -> list[str]:
    with pytest.raises(RegistryRefused) as refused:
        import_registry(path=path, actor=MANAGER)
    return [str(fault) for fault in refused.value.faults]


def test_a_workbook_brings_institutions_their_departments_and_staff(workbook: Workbook) -> None:
    changes = import_registry(path=workbook(), actor=MANAGER)
    assert changes == {"机构": Change(created=3), "科室": Change(created=2), "人员": Change(created=2)}
    county = Institution.objects.get(code=COUNTY)
    assert (county.type, county.level, county.short_name, county.parent.code) == ("A100", "22", "凤庆县人民医院", CITY)
    assert Institution.objects.get(code=CLINIC).ownership == "private"
    assert Department.objects.get(code="0301").specialty == "0301"
    minister = Staff.objects.get(code="D0001")
    assert (minister.department.name, minister.title, minister.kind) == ("呼吸内科", "副主任医师", "physician")
    assert Staff.objects.get(code="7").institution.code == CLINIC


def test_the_same_workbook_again_changes_nothing(workbook: Workbook) -> None:
    import_registry(path=workbook(), actor=MANAGER)
    before = Institution.objects.get(code=CITY).id
    changes = import_registry(path=workbook(), actor=MANAGER)
    assert changes == {"机构": Change(same=3), "科室": Change(same=2), "人员": Change(same=2)}
    assert Institution.objects.get(code=CITY).id == before


def test_what_differs_is_changed_and_what_is_not_brought_stays(workbook: Workbook) -> None:
    import_registry(path=workbook(), actor=MANAGER)
    renamed = [CITY, "临沧市第一人民医院", "市一院", "A100", "32", "530902001000", None, "公立"]
    changes = import_registry(path=workbook([renamed], [], []), actor=MANAGER)
    assert changes["机构"] == Change(changed=1)
    assert Institution.objects.get(code=CITY).name == "临沧市第一人民医院"
    assert (Institution.objects.count(), Staff.objects.count()) == (3, 2)


REFUSED = [
    ({"institutions": [[None, *INSTITUTION_ROWS[0][1:]]]}, "“机构”第 2 行“机构代码”应为18 位统一社会信用代码或"),
    ({"institutions": [["12", *INSTITUTION_ROWS[0][1:]]]}, "实为“12”"),
    ({"institutions": [[CITY, "医院", None, "宠物医院", None, "530902001000", None, "公立"]]}, "实为“宠物医院”"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:4], "九级", *INSTITUTION_ROWS[0][5:]]]}, "“医院等级”应为"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:5], "530999999000", None, "公立"]]}, "“所在区划”应为已登记的"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:5], "5309", None, "公立"]]}, "“所在区划”应为12 位统计用区划代码"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:6], "999999999", "公立"]]}, "“上级机构代码”应为已登记的"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:7], "国营"]]}, "“办别”应为公立或民营，实为“国营”"),
    ({"institutions": [*INSTITUTION_ROWS, INSTITUTION_ROWS[0]]}, "第 5 行“机构代码”应为不与别行重复，实为“与第 2 行"),
    ({"institutions": [[*INSTITUTION_ROWS[0][:6], COUNTY, "公立"], *INSTITUTION_ROWS[1:]]}, "应为不经由自己的上级机构"),
    ({"departments": [["999999999", "1", "内科", None]]}, "“科室”第 2 行“机构代码”应为已登记的"),
    ({"departments": [[CITY, "0301", "内科", "999"]]}, "“诊疗科目”应为四位诊疗科目代码或名称，实为“999”"),
    ({"staff": [[CITY, "1", "李", "院长", None, None, None]]}, "“类别”应为医师、护士、"),
    ({"staff": [[CLINIC, "1", "李", "医师", None, "0301", None]]}, "“人员”第 2 行“科室代码”应为已登记的"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "message"), REFUSED)
def test_one_fault_refuses_the_whole_workbook_and_says_where(workbook: Workbook, rows: dict, message: str) -> None:
    assert any(message in fault for fault in faults_of(workbook(**rows)))
    assert not Institution.objects.exists()


def test_every_fault_is_listed_not_only_the_first(workbook: Workbook) -> None:
    wrong = [CITY, None, None, "宠物医院", None, "5309", None, "国营"]
    assert len(faults_of(workbook([wrong, wrong]))) >= 8


def test_rows_that_refer_to_a_row_with_a_fault_are_not_blamed_for_it(workbook: Workbook) -> None:
    wrong = [*INSTITUTION_ROWS[0][:7], "国营"]
    department = [CITY, "0301", "呼吸内科", "999"]
    faults = faults_of(workbook([wrong, *INSTITUTION_ROWS[1:]], [department]))
    assert [fault.partition("应为")[0] for fault in faults] == ["“机构”第 2 行“办别”", "“科室”第 2 行“诊疗科目”"]


def test_a_sheet_without_its_columns_and_an_empty_workbook_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "机构"
    book.active.append(["编号", "名称"])
    book.save(tmp_path / "a.xlsx")
    assert faults_of(tmp_path / "a.xlsx") == [
        "“机构”第 1 行“机构代码、机构名称、机构类别、所在区划、办别”应为首行有这些列名，实为“编号、名称”"
    ]
    openpyxl.Workbook().save(tmp_path / "b.xlsx")
    assert "没有数据" in faults_of(tmp_path / "b.xlsx")[0]


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.xlsx").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(WorkbookUnreadable):
        import_registry(path=tmp_path / "c.xlsx", actor=MANAGER)


def test_the_template_has_every_column_and_reads_back_as_empty(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template()))
    for sheet in SHEETS:
        assert [cell.value for cell in book[sheet.title][1]] == [column.title for column in sheet.columns]
    (tmp_path / "空.xlsx").write_bytes(template())
    assert "没有数据" in faults_of(tmp_path / "空.xlsx")[0]


def test_a_template_filled_with_its_own_examples_is_accepted(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(template()))
    for sheet in SHEETS:
        for number, column in enumerate(sheet.columns, 1):
            book[sheet.title].cell(2, number).value = column.example or None
    book.save(tmp_path / "例.xlsx")
    changes = import_registry(path=tmp_path / "例.xlsx", actor=MANAGER)
    assert set(changes.values()) == {Change(created=1)}


def test_numbers_and_days_of_a_spreadsheet_are_read_as_people_see_them(workbook: Workbook, tmp_path: Path) -> None:
    path = workbook(institutions=[[*INSTITUTION_ROWS[0][:5], 530902001000, None, "公立"]], departments=[], staff=[])
    book = openpyxl.load_workbook(path)
    book["机构"]["I1"], book["机构"]["I2"] = "启用日期", datetime(2020, 1, 31)
    book.save(path)
    import_registry(path=path, actor=MANAGER)
    stored = Institution.objects.get()
    assert (stored.division_code, stored.valid_from) == ("530902001000", date(2020, 1, 31))


def test_a_kept_workbook_is_looked_at_before_it_is_confirmed_once(workbook: Workbook) -> None:
    kept = keep_import(content=workbook().read_bytes(), actor=MANAGER)
    preview = preview_import(kept)
    assert (preview.changes["机构"], preview.faults) == (Change(created=3), ())
    assert not Institution.objects.exists()
    assert confirm_import(import_id=kept.id, actor=MANAGER) == preview.changes
    with pytest.raises(AlreadyConfirmed):
        confirm_import(import_id=kept.id, actor=MANAGER)
    assert Institution.objects.count() == 3


def test_a_refused_import_stays_unconfirmed(workbook: Workbook) -> None:
    kept = keep_import(content=workbook(departments=[["999999999", "1", "内科", None]]).read_bytes(), actor=MANAGER)
    assert len(preview_import(kept).faults) >= 1
    with pytest.raises(RegistryRefused):
        confirm_import(import_id=kept.id, actor=MANAGER)
    kept.refresh_from_db()
    assert kept.confirmed_at is None


def test_an_import_is_audited_with_counts_and_needs_the_permission(workbook: Workbook) -> None:
    import_registry(path=workbook(), actor=MANAGER)
    entry = AuditEntry.objects.get(action="registry:import")
    assert (entry.actor_id, entry.detail["机构"]) == (MANAGER.id, [3, 0, 0])
    with pytest.raises(NotPermitted):
        import_registry(path=workbook(), actor=stranger(None))


def test_one_institution_can_be_registered_without_a_workbook() -> None:
    given = {
        "code": CITY,
        "name": "临沧市人民医院",
        "type": "A100",
        "division_code": "530902001000",
        "ownership": "public",
    }
    city = register_institution(actor=system_actor("demo"), **given)
    again = register_institution(actor=system_actor("demo"), **given | {"level": "32"})
    assert (again.id, again.level, again.short_name) == (city.id, "32", "临沧市人民医院")
    with pytest.raises(RegistryRefused):
        register_institution(actor=system_actor("demo"), **given | {"division_code": "110101001000"})


def test_an_institution_reports_for_itself_and_all_below_it(workbook: Workbook) -> None:
    import_registry(path=workbook(), actor=MANAGER)
    ids = institution_ids()
    assert scope_of(ids[CITY]) == set(ids.values())
    assert codes_reported_by(ids[COUNTY]) == {COUNTY: ids[COUNTY], CLINIC: ids[CLINIC]}
    Institution.objects.filter(code=CLINIC).update(active=False)
    assert codes_reported_by(ids[COUNTY]) == {COUNTY: ids[COUNTY]}
    assert (codes_reported_by(None), scope_of(None)) == ({}, set())


def test_a_workbook_of_a_whole_city_takes_a_handful_of_statements(workbook: Workbook) -> None:
    institutions = [
        [f"1253{n:014d}", f"卫生室{n}", None, "D600", None, "530902001000", None, "公立"] for n in range(1100)
    ]
    staff = [[row[0], f"{n}", "李敏", "医师", None, None, None] for row in institutions for n in range(5)]
    with CaptureQueriesContext(connection) as captured:
        import_registry(path=workbook(institutions, [], staff), actor=MANAGER)
    assert Staff.objects.count() == 5500
    assert len(captured) < 40


def test_the_synthetic_city_registers_itself_by_workbook(tmp_path: Path) -> None:
    places = settle(residents=20_000, institutions=30, seed=1)
    write_workbook(found(places=places, seed=1), tmp_path / "registry.xlsx")
    changes = import_registry(path=tmp_path / "registry.xlsx", actor=MANAGER)
    assert changes["机构"] == Change(created=30 + len(BUREAUS))
    assert min(changes["科室"].created, changes["人员"].created) > 100


INSTITUTION = {
    "code": CITY, "name": "市医院", "short_name": "市医院", "type": "A100",
    "division_code": "530902001000", "ownership": "public",
}  # fmt: skip


@pytest.mark.parametrize(
    ("breaking", "constraint"),
    [
        ({"code": "12"}, "institution_code_has_its_form"),
        ({"code": "12533500431850127x"}, "institution_code_has_its_form"),
        ({"name": ""}, "institution_has_names"),
        ({"short_name": ""}, "institution_has_names"),
        ({"division_code": "5309"}, "institution_division_has_twelve_digits"),
        ({"ownership": "state"}, "institution_ownership_is_known"),
        ({"valid_from": date(2020, 1, 1), "valid_to": date(2020, 1, 1)}, "institution_ends_after_it_begins"),
    ],
)
def test_an_institution_that_breaks_a_rule_is_refused(breaking: dict, constraint: str) -> None:
    Institution.objects.create(**INSTITUTION).delete()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Institution.objects.create(**INSTITUTION | breaking)


def test_an_institution_is_not_its_own_parent_and_has_its_code_alone() -> None:
    one = Institution.objects.create(**INSTITUTION)
    with pytest.raises(IntegrityError, match="institution_is_not_its_own_parent"), transaction.atomic():
        Institution.objects.update(parent=one)
    with pytest.raises(IntegrityError, match="registry_institution_code"), transaction.atomic():
        Institution.objects.create(**INSTITUTION)


@pytest.mark.parametrize(
    ("model", "fitting", "breaking", "constraint"),
    [
        (Department, {"code": "1", "name": "内科"}, {"name": ""}, "department_has_code_and_name"),
        (Department, {"code": "1", "name": "内科"}, {}, "department_code_is_one_department"),
        (Staff, {"code": "1", "name": "李", "kind": "nurse"}, {"code": ""}, "staff_has_code_and_name"),
        (Staff, {"code": "1", "name": "李", "kind": "nurse"}, {"code": "2", "kind": "dean"}, "staff_kind_is_known"),
        (Staff, {"code": "1", "name": "李", "kind": "nurse"}, {}, "staff_code_is_one_person"),
    ],
)
def test_a_department_or_person_that_breaks_a_rule_is_refused(
    model: type, fitting: dict, breaking: dict, constraint: str
) -> None:
    of = Institution.objects.create(**INSTITUTION)
    model.objects.create(institution=of, **fitting)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.create(institution=of, **fitting | breaking)
