"""Workbooks both ways: refused rows go out as they came, and what Excel makes of them comes back as it was meant."""

import datetime as dt
import json
import zipfile
from itertools import count

import openpyxl
import pytest

from kangqiao.formats import workbooks
from kangqiao.infra.files import FileStore, sm3_of_file
from kangqiao.intake import excel
from kangqiao.intake.errors import BatchRefused
from kangqiao.intake.excel import refused_file
from kangqiao.intake.filled_in import parcel_from_workbook, submit_workbook
from kangqiao.intake.models import BatchState, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.records.population.models import PatientRegistration
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.documents import excel_template
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.permissions import Permission, Role, permissions_of
from parcels import CLINIC, HOSPITAL, register_institutions, registration, vital_signs, write_parcel

ACTOR = system_actor("test")


@pytest.fixture
def hospital(committed_database):
    return register_institutions()


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def process(hospital, store, tmp_path):
    """Process a batch and return it finished."""
    return lambda batch: process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")


@pytest.fixture
def send(process, store, tmp_path):
    """Send rows as files and return the finished batch."""

    def send(data_sets, **options):
        path = write_parcel(tmp_path / "parcel", data_sets, **options)
        return process(submit_parcel(path=path, door=Door.COMMAND, actor=ACTOR, store=store))

    return send


@pytest.fixture
def folder(tmp_path):
    """A function that makes an empty folder."""
    made = count()

    def new():
        path = tmp_path / f"folder-{next(made)}"
        path.mkdir()
        return path

    return new


@pytest.fixture
def refused(store, folder):
    """The refused rows of a batch as a file."""

    def refused(batch):
        parts = list(batch.parts.filter(refused__gt=0).order_by("id"))
        return refused_file(actor=ACTOR, batch=batch, parts=parts, store=store, folder=folder())

    return refused


@pytest.fixture
def hand_in(hospital, store, folder):
    """Submit a workbook as the hospital's own person."""

    def hand_in(file, *, sender=HOSPITAL, number=None, actor=ACTOR):
        return submit_workbook(file=file, sender=sender, number=number, actor=actor, store=store, folder=folder())

    return hand_in


@pytest.fixture
def book(folder):
    """A workbook with sheets of rows; a row is a list of cells."""

    def book(**sheets):
        workbook = openpyxl.Workbook()
        workbook.remove(workbook.active)
        for name, rows in sheets.items():
            sheet = workbook.create_sheet(name)
            for row in rows:
                sheet.append(row)
        path = folder() / "book.xlsx"
        workbook.save(path)
        return path

    return book


@pytest.fixture
def read(folder):
    """The rows of one data set that a workbook becomes, as dicts of wire text."""

    def read(file, word="vital-signs"):
        path = parcel_from_workbook(file, sender=HOSPITAL, number="1", folder=folder())
        lines = (path / f"{word}.csv").read_text(encoding="utf-8").splitlines()
        heads, *rows = (line.split(",") for line in lines)
        return [dict(zip(heads, row, strict=True)) for row in rows]

    return read


def signs(**changes):
    """A sheet of one measurement under column names, and the changed cell."""
    row = vital_signs(**changes)
    return [list(row), list(row.values())]


def people(**changes):
    """A sheet of one registration under column names."""
    row = registration(**changes)
    return [list(row), list(row.values())]


def problem(call):
    with pytest.raises(BatchRefused) as caught:
        call()
    assert caught.value.word == "workbook"
    return str(caught.value)


# -- refused rows go out -------------------------------------------------------------------------------------

BAD = {
    "patient-registration": [registration(sex="7"), registration("P2", name="")],
    "vital-signs": [vital_signs(), vital_signs("V2", measured="昨天", systolic="高"), vital_signs("V3", systolic="70")],
}


def test_refused_rows_are_a_sheet_per_data_set_under_the_columns_of_the_contract(send, refused):
    sheets = openpyxl.load_workbook(refused(send(BAD)))
    assert sheets.sheetnames == ["说明", "患者基本信息", "体征"]
    sheet = sheets["体征"]
    fields = data_sets()["vital-signs"].wire()
    titles, names, first, second = sheet.iter_rows(values_only=True)
    assert titles == ("行号", "问题", *(field.title for field in fields))
    assert names == ("row_number", "findings", *(field.name for field in fields))
    assert (first[0], second[0]) == ("2", "3")
    assert dict(zip(names, first, strict=True))["measured"] == "昨天"
    assert first[1].splitlines()[0].startswith("“记录日期时间”应为日期时间")
    assert len(first[1].splitlines()) == 2


def test_cells_at_fault_are_coloured_and_every_cell_is_text(send, refused):
    sheet = openpyxl.load_workbook(refused(send(BAD)))["体征"]
    names = [cell.value for cell in sheet[2]]
    coloured = {names[at] for at, cell in enumerate(sheet[3]) if cell.fill.fgColor.rgb == "00FFC7CE"}
    assert coloured == {"measured", "systolic"}
    filled = [cell for row in sheet.iter_rows(min_row=3) for cell in row if cell.value is not None]
    assert {(cell.number_format, cell.data_type) for cell in filled} == {("@", "s")}
    widths = [sheet.column_dimensions[cell.column_letter] for cell in sheet[2][2:]]
    assert {width.number_format for width in widths} == {"@"}


def test_a_slip_with_a_code_is_answered_with_the_code_that_was_meant(send, refused):
    batch = send({"patient-registration": [registration("P1", document_type="1"), registration("P2", sex="岩香")]})
    sheet = openpyxl.load_workbook(refused(batch))["患者基本信息"]
    said = [row[1] for row in sheet.iter_rows(min_row=3, values_only=True)]
    assert said[0].endswith("内的代码；“1”缺前导零，应为“01”（居民身份证）")
    assert said[1].endswith("内的代码")


def test_the_notes_say_which_batch_it_was(send, refused):
    batch = send(BAD, number="六月/一")
    said = dict(row[:2] for row in openpyxl.load_workbook(refused(batch))["说明"].iter_rows(values_only=True))
    assert (said["上传机构代码"], said["原批次号"], said["平台批次编号"]) == (HOSPITAL, "六月/一", str(batch.id))
    assert said["体征"] == "退回 2 行"


def test_lines_that_could_not_be_read_are_counted_in_the_notes(send, refused, tmp_path, process, store):
    parcel = write_parcel(tmp_path / "torn", {"vital-signs": [vital_signs(), vital_signs("V2", measured="昨天")]})
    file = parcel / "vital-signs.csv"
    file.write_bytes(file.read_bytes() + b"a,b\r\n")
    manifest = json.loads((parcel / "manifest.json").read_text())
    manifest["data_sets"][0] |= {"rows": 3, "sm3": sm3_of_file(file)}
    (parcel / "manifest.json").write_text(json.dumps(manifest))
    batch = process(submit_parcel(path=parcel, door=Door.COMMAND, actor=ACTOR, store=store))
    sheets = openpyxl.load_workbook(refused(batch))
    said = dict(row[:2] for row in sheets["说明"].iter_rows(values_only=True))
    assert said["体征"].startswith("退回 2 行，其中 1 行的列数或引号不对")
    assert sheets["体征"].max_row == 3


NASTY = ["=1+1", "a\x07b", "_x0041_", "行一\n行二", " 空格 ", "+8613800000000", "𠮷"]


def test_cells_come_back_exactly_as_they_came(send, refused, hand_in, process):
    rows = [registration(f"P{number}", name=text, sex="7") for number, text in enumerate(NASTY)]
    file = refused(send({"patient-registration": rows}, form="parquet"))
    corrections = [{"sex": "1"}] * len(NASTY)
    again = process(hand_in(_corrected(file, "患者基本信息", *corrections)))
    assert again.receipt["totals"]["new"] == len(NASTY)
    stored = PatientRegistration.objects.order_by("source_key").values_list("name", flat=True)
    assert list(stored) == [text.strip(" ") for text in NASTY]


def test_more_rows_than_anybody_corrects_come_as_csv(send, refused, monkeypatch):
    monkeypatch.setattr(excel, "MOST_ROWS", 3)
    file = refused(send(BAD, number="2026-7"))
    with zipfile.ZipFile(file) as packed:
        assert packed.namelist() == ["说明.txt", "patient-registration.csv", "vital-signs.csv"]
        assert "原批次号\t2026-7" in packed.read("说明.txt").decode("utf-8-sig")
        head, first, *_ = packed.read("vital-signs.csv").decode("utf-8-sig").splitlines()
    assert head.startswith("row_number,findings,institution_code")
    assert first.startswith("2,“记录日期时间”应为日期时间")


def test_refused_rows_need_their_own_permission(send, store, folder):
    batch = send(BAD)
    reader = Actor(
        kind=ActorKind.ACCOUNT,
        id=None,
        name="regulator",
        institution_id=None,
        permissions=permissions_of([Role.REGULATOR]),
    )
    assert reader.may(Permission.BATCH_READ)
    with pytest.raises(NotPermitted):
        refused_file(actor=reader, batch=batch, parts=list(batch.parts.all()), store=store, folder=folder())


def test_every_title_is_a_name_that_excel_allows_for_a_sheet():
    for data_set in data_sets().values():
        assert len(data_set.title) <= 31
        assert not set(data_set.title) & set(r"[]:*?/\\")


# -- corrected rows come back --------------------------------------------------------------------------------


def _corrected(file, sheet, *changes):
    """Correct the rows of a workbook of refused rows, each by column name, and save it."""
    workbook = openpyxl.load_workbook(file)
    names = [cell.value for cell in workbook[sheet][2]]
    for row, changed in enumerate(changes, 3):
        for column, value in changed.items():
            workbook[sheet].cell(row, names.index(column) + 1).value = value
    path = file.with_name("corrected.xlsx")
    workbook.save(path)
    return path


def test_a_corrected_workbook_becomes_the_next_batch_and_is_accepted(send, refused, hand_in, process):
    first = send({"vital-signs": [vital_signs(), vital_signs("V2", measured="昨天")]}, number="2026-06")
    batch = process(hand_in(_corrected(refused(first), "体征", {"measured": "2026-02-01 10:00:00"}), sender=None))
    assert (batch.number, batch.door, batch.state) == ("2026-06-更正1", Door.EXCEL, BatchState.COMPLETED)
    assert batch.receipt["totals"]["new"] == 1
    assert batch.manifest["period"] == {"from": "2026-02-01", "to": "2026-02-01"}
    assert VitalSigns.objects.count() == 2


def test_the_same_workbook_twice_is_one_batch_and_a_second_correction_gets_the_next_number(send, refused, hand_in):
    file = refused(send({"vital-signs": [vital_signs("V2", measured="昨天")]}, number="2026-06"))
    once = _corrected(file, "体征", {"measured": "2026-02-01 10:00:00"})
    assert hand_in(once).id == hand_in(once).id
    twice = _corrected(file, "体征", {"measured": "2026-02-01 11:00:00"})
    assert hand_in(twice).number == "2026-06-更正2"


def test_a_correction_of_a_correction_counts_on_from_the_original(send, refused, hand_in, process):
    first = refused(send({"vital-signs": [vital_signs("V2", measured="昨天")]}, number="2026-06"))
    second = process(hand_in(_corrected(first, "体征", {"measured": "前天"})))
    assert second.receipt["totals"]["refused"] == 1
    third = hand_in(_corrected(refused(second), "体征", {"measured": "2026-02-01 10:00:00"}))
    assert third.number == "2026-06-更正2"


def test_a_number_of_ones_own_is_used_and_a_used_one_is_refused(hand_in, book):
    assert hand_in(book(体征=signs()), number="手工-1").number == "手工-1"
    with pytest.raises(BatchRefused, match="换一个新的批次号"):
        hand_in(book(体征=signs(systolic="150")), number="手工-1")


def test_what_was_refused_to_one_institution_is_not_sent_by_another(send, refused, hand_in):
    file = refused(send({"vital-signs": [vital_signs("V2", measured="昨天")]}))
    with pytest.raises(BatchRefused, match="退给另一家机构"):
        hand_in(file, sender=CLINIC)


def test_without_a_sender_a_plain_workbook_is_refused(hand_in, book):
    with pytest.raises(BatchRefused, match="请选择上传机构"):
        hand_in(book(体征=signs()), sender=None)


def test_every_filled_in_template_is_known_by_its_columns(read, folder):
    for word, data_set in data_sets().items():
        row = {field.name: "" for field in data_set.wire()} | {"source_key": "K1", "institution_code": HOSPITAL}
        path = folder() / "template.xlsx"
        path.write_bytes(excel_template(data_set))
        workbook = openpyxl.load_workbook(path)
        workbook.worksheets[0].append(list(row.values()))
        workbook.save(path)
        assert [row["source_key"] for row in read(path, word)] == ["K1"]


# -- what a workbook may look like ---------------------------------------------------------------------------


def test_heads_may_be_chinese_titles(read, book):
    heads = ["医疗机构代码", "患者院内号*", "业务主键", "数据更新时间", "记录日期时间", "收缩压（mmHg）"]
    row = [HOSPITAL, "P1", "V1", "2026-02-01 09:05:00", "2026-02-01 09:00:00", 128]
    assert read(book(体征=[heads, row])) == [
        {
            "institution_code": HOSPITAL,
            "patient_number": "P1",
            "source_key": "V1",
            "revised_at": "2026-02-01 09:05:00",
            "measured": "2026-02-01 09:00:00",
            "systolic": "128",
        }
    ]


def test_empty_rows_and_rows_with_nothing_but_a_finding_are_skipped(read, book):
    heads, row = signs()
    rows = [["row_number", "findings", *heads], ["1", "有问题"], [], [None, None, *row], [" "]]
    assert [each["source_key"] for each in read(book(体征=rows))] == ["V1"]


def test_sheets_of_one_data_set_follow_one_another(read, book):
    sheets = {"体征": signs(), "体征（2）": signs(key="V2"), "体征 (3)": signs(key="V3"), "空表": []}
    assert [each["source_key"] for each in read(book(**sheets))] == ["V1", "V2", "V3"]


def test_an_unknown_column_goes_on_to_the_receipt(hand_in, process, book):
    heads, row = signs()
    batch = process(hand_in(book(体征=[[*heads, "备注栏"], [*row, "x"]])))
    assert "备注栏" in batch.receipt["data_sets"][0]["notes"][0]


@pytest.mark.parametrize(
    ("sheets", "said"),
    [
        ({"我的表": [["甲", "乙"], [1, 2]]}, "工作表“我的表”认不出是哪个数据集"),
        ({"体征": [["甲", "乙"], [1, 2]]}, "没有“业务主键”"),
        ({"体征": [["source_key", "source_key"], ["V1", "V2"]]}, "重复的列：source_key"),
        ({"体征": [["source_key"], ["V1", "多"]]}, "第 2 行的 B 列有内容，但这一列没有表头"),
        ({"体征": [["source_key"], ["V1"]], "体征(2)": [["source_key", "heart_rate"], ["V2", "1"]]}, "请统一表头"),
        ({"体征": [["source_key"]]}, "没有可报送的行"),
        ({"空表": []}, "没有可报送的行"),
    ],
)
def test_what_can_not_be_understood_is_named(read, book, sheets, said):
    assert said in problem(lambda: read(book(**sheets)))


def test_all_problems_are_listed_up_to_a_limit(read, book):
    heads, row = signs(measured=dt.time(9, 0))
    said = problem(lambda: read(book(体征=[heads, *[row] * 30]))).splitlines()
    assert said[0].startswith("工作表“体征”第 2 行“记录日期时间”：单元格只有时间")
    assert (len(said), said[-1]) == (21, "另有 10 处问题")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "不是有效的 .xlsx 工作簿"),
        (b"source_key,measured\r\nV1,x\r\n", "不是有效的 .xlsx 工作簿"),
        (b"PK\x03\x04" + b"\0" * 200, "不是有效的 .xlsx 工作簿"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "旧的 .xls 格式"),
    ],
)
def test_a_file_that_is_no_workbook_is_refused_plainly(read, folder, content, said):
    path = folder() / "book.xlsx"
    path.write_bytes(content)
    assert said in problem(lambda: read(path))


def test_a_torn_workbook_is_refused(read, book):
    path = book(体征=signs())
    path.write_bytes(path.read_bytes()[:-300])
    assert "不是有效的 .xlsx 工作簿" in problem(lambda: read(path))


def test_one_cell_in_the_last_corner_does_not_exhaust_memory(read, folder):
    workbook = openpyxl.Workbook()
    workbook.active["A1"], workbook.active["XFD1048576"] = 1, 1
    path = folder() / "book.xlsx"
    workbook.save(path)
    assert "上限" in problem(lambda: read(path))


def test_cells_that_are_only_formatted_do_not_count(read, folder):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "体征"
    for row in signs():
        sheet.append(row)
    sheet["XFD1048576"].number_format = "@"
    path = folder() / "book.xlsx"
    workbook.save(path)
    assert len(read(path)) == 1


def test_a_workbook_that_unpacks_without_end_is_refused(read, book):
    path = book(体征=signs())
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/media/image1.png", b"\0" * (80 << 20))
    assert "压缩炸弹" in problem(lambda: read(path))


# -- what Excel makes of cells -------------------------------------------------------------------------------

MORNING = dt.datetime(2026, 2, 1, 9, 0)


@pytest.mark.parametrize(
    ("column", "cell", "text"),
    [
        ("systolic", 128, "128"),
        ("systolic", "128", "128"),
        ("temperature", 36.6, "36.6"),
        ("temperature", 0.1 + 0.2, "0.3"),
        ("patient_number", 10023, "10023"),
        ("patient_number", 13800000000, "13800000000"),
        ("measured", MORNING, "2026-02-01 09:00:00"),
        ("measured", MORNING.replace(microsecond=999_900, second=58), "2026-02-01 09:00:59"),
        ("measured", MORNING.date(), "2026-02-01"),
        ("measured", 46054, "2026-02-01"),
        ("measured", 46054.375, "2026-02-01 09:00:00"),
        ("measured", 20260201, "20260201"),
        ("measured", 20260201090000, "20260201090000"),
        ("voided", True, "T"),
        ("voided", False, "F"),
        ("voided", 0, "0"),
    ],
)
def test_a_number_or_date_becomes_the_text_that_was_meant(read, book, column, cell, text):
    heads, row = signs()
    if column not in heads:
        heads, row = [*heads, column], [*row, cell]
    row[heads.index(column)] = cell
    assert read(book(体征=[heads, row]))[0][column] == text


@pytest.mark.parametrize(
    ("column", "cell", "text"),
    [
        ("document_type", 1, "01"),
        ("sex", 1, "1"),
        ("ethnicity", 1, "01"),
        ("birth_date", 18264, "1950-01-01"),
        ("birth_date", dt.datetime(1949, 12, 31), "1949-12-31"),
        ("birth_date", dt.datetime(1949, 12, 31, 8), "1949-12-31 08:00:00"),
        ("document_number", 110105491231002, "110105491231002"),
    ],
)
def test_leading_zeros_of_codes_and_days_are_restored(read, book, column, cell, text):
    heads, row = people()
    heads, row = ([*heads, column], [*row, cell]) if column not in heads else (heads, row)
    row[heads.index(column)] = cell
    assert read(book(患者基本信息=[heads, row]), "patient-registration")[0][column] == text


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        ("document_number", 110105194912310021, "号码超过 15 位"),
        ("document_number", "1.10105E+17", "科学记数法"),
        ("document_number", "=1/0", "没有计算结果的公式"),
        ("name", "#N/A", "错误值"),
        ("name", dt.datetime(2026, 1, 2), "被 Excel 变成了日期"),
        ("birth_date", dt.time(9, 0), "只有时间"),
    ],
)
def test_what_excel_has_destroyed_is_refused_with_its_place(read, book, column, cell, said):
    heads, row = people()
    row[heads.index(column)] = cell
    text = problem(lambda: read(book(患者基本信息=[heads, row]), "patient-registration"))
    assert text.startswith("工作表“患者基本信息”第 2 行“")
    assert said in text
    assert "110105" not in text


def test_days_count_from_1904_where_the_workbook_says_so(read, folder):
    workbook = openpyxl.Workbook()
    workbook.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    workbook.active.title = "体征"
    for row in signs(measured=46054 - 1462):
        workbook.active.append(row)
    path = folder() / "book.xlsx"
    workbook.save(path)
    assert read(path)[0]["measured"] == "2026-02-01"


def test_a_column_of_text_is_not_scientific_because_a_letter_is_e(read, book):
    heads, row = signs(key="1E5")
    assert read(book(体征=[heads, row]))[0]["source_key"] == "1E5"


def test_the_parcel_is_one_that_any_door_takes(book, folder, hospital, store, process):
    path = parcel_from_workbook(
        book(体征=signs(), 患者基本信息=people()), sender=HOSPITAL, number="2026-9", folder=folder()
    )
    packed = folder() / "parcel.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in path.iterdir():
            archive.write(file, file.name)
    batch = process(submit_parcel(path=packed, door=Door.UPLOAD, actor=ACTOR, store=store))
    assert batch.receipt["totals"]["new"] == 2
    assert PatientRegistration.objects.get().name == "岩香"


def test_what_xml_can_not_hold_is_written_as_excel_writes_it(tmp_path):
    openpyxl.Workbook().save(tmp_path / "skeleton.xlsx")
    rows = [[("<&>", 0), (None, 0)], [("\r\n\t\x00", 0), ("_x0041_", 0)]]
    workbooks.fill(tmp_path / "skeleton.xlsx", tmp_path / "full.xlsx", {"Sheet": iter(rows)})
    found = workbooks.Workbook(tmp_path / "full.xlsx").rows("Sheet")
    assert list(found) == [["<&>", ""], ["\r\n\t\x00", "_x0041_"]]
