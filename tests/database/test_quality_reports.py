"""Monthly reports: they say what the scoreboard says, to those who may see it, and leave an audit entry."""

import datetime as dt
import io
import re
import zipfile
from urllib.parse import unquote

import openpyxl
import pypdf
import pytest
from django.test import Client
from django.utils import timezone
from typer.testing import CliRunner

from kangqiao.cli.main import program
from kangqiao.formats import typesetting
from kangqiao.infra.ids import uuid7
from kangqiao.quality import board
from kangqiao.quality.advice import OF_CHECK
from kangqiao.quality.board import Look
from kangqiao.quality.issues import Issue
from kangqiao.quality.models import Example, Measure, Measurement, Standing, Volume
from kangqiao.quality.places import CITY, Kind, Place, ground_of
from kangqiao.quality.queries import By
from kangqiao.quality.reports import services
from kangqiao.quality.reports.figures import KEYS_OF_RULE
from kangqiao.quality.reports.services import Form, NotMeasured, TooMany, file_name, make_archive, make_report
from kangqiao.registry.models import Institution
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import stranger as nobody
from kangqiao.trust.actors import system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.permissions import Role
from kangqiao.trust.services import create_account

OCTOBER, SEPTEMBER = dt.date(2026, 10, 1), dt.date(2026, 9, 1)
VITAL = "vital-signs"
EVERYTHING = system_actor("test")
LATE = "revised_at:late"


@pytest.fixture
def hospital(database) -> Institution:
    return _institutions()


def _institutions() -> Institution:
    """A hospital in Linxiang; a clinic in Gengma reports through it, another hospital stands for itself."""
    common = {"type": "A100", "ownership": "public"}
    hospital = Institution.objects.create(
        code="530902001", name="县医院", short_name="县医院", division_code="530902001000", **common
    )
    Institution.objects.create(
        code="530926001", name="村卫生室", short_name="卫生室", division_code="530926100000", parent=hospital, **common
    )
    Institution.objects.create(
        code="530902002", name="别的医院", short_name="别的医院", division_code="530902002000", **common
    )
    return hospital


@pytest.fixture
def clinic(hospital):
    return Institution.objects.get(name="村卫生室")


@pytest.fixture
def stranger(hospital):
    return Institution.objects.get(name="别的医院")


@pytest.fixture
def measured(hospital):
    _measure()


def _measure():
    """Two months: in October the hospital is late with one row in ten, the other hospital with half of them."""
    now = timezone.now()
    Measurement.objects.create(started_at=now, finished_at=now, settled=now, rows=0, failed=0, seconds={})
    for name, failed in (("县医院", 10), ("村卫生室", 0), ("别的医院", 50)):
        for month, fails in ((OCTOBER, failed), (SEPTEMBER, 0)):
            _have(Institution.objects.get(name=name), month, fails)


def _have(institution, month, failed):
    common = {"institution_id": institution.id, "data_set": VITAL}
    Standing.objects.create(**common, dimension=Dimension.TIMELINESS, month=month, assessed=100, failed=failed)
    Standing.objects.create(**common, dimension=Dimension.VALIDITY, month=month, assessed=100, failed=0)
    Volume.objects.create(**common, day=month, rows=100, failed=failed, refused=0)
    if failed:
        Measure.objects.create(**common, rule=LATE, month=month, assessed=100, failed=failed)


@pytest.fixture
def failing(measured, hospital):
    """Two refused rows of the hospital; a careless sender took an identity number as the key of one."""
    for number, key in enumerate(("V-0815", "53090219900307123X"), 1):
        Example.objects.create(
            institution_id=hospital.id,
            data_set=VITAL,
            rule=LATE,
            day=OCTOBER,
            batch_id=uuid7(),
            row_number=number,
            source_key=key,
        )


def browser(*roles, institution=None):
    account = create_account(
        username="worker",
        display_name="测试员",
        roles=roles,
        institution_id=institution.id if institution else None,
        actor=EVERYTHING,
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    return client


def place_of(institution):
    return Place(Kind.INSTITUTION, str(institution.id))


def look(place=CITY, *, month=OCTOBER):
    return Look(ground_of(EVERYTHING), place, month)


def read(content):
    """Return a PDF's pages and its words, without the spaces that setting type puts between them."""
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return pages, "".join("".join(page.extract_text().split()) for page in pages)


def pdf(place, *, month=OCTOBER, actor=EVERYTHING):
    return read(make_report(look=look(place, month=month), form=Form.PDF, actor=actor))


def workbook(place, *, month=OCTOBER, actor=EVERYTHING):
    return openpyxl.load_workbook(
        io.BytesIO(make_report(look=look(place, month=month), form=Form.WORKBOOK, actor=actor))
    )


def column(sheet, head):
    heads = [cell.value for cell in sheet[1]]
    return [row[heads.index(head)] for row in sheet.iter_rows(min_row=2, values_only=True) if any(row)]


# -- what stands in it -------------------------------------------------------------------------------------------------


def test_the_printed_report_says_how_the_month_was_and_what_to_do(measured, hospital):
    _, text = pdf(place_of(hospital))
    for said in (
        *("数据质量月报", "县医院", "2026年10月", "机构代码530902001"),
        *("95.00", "较上月-5.00", "综合得分从100.00分降到95.00分，下降5.00分。"),
        *("及时性", "90.00", "100行中10行不合格", "最多可提高5.00分"),
        "".join(OF_CHECK["late"].split()),
        *("稳定性：按每天的行数评价", "得分=各可评价维度得分的平均"),
    ):
        assert said in text


def test_the_printed_report_carries_its_fonts(measured, hospital):
    pages, _ = pdf(place_of(hospital))
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    assert len(fonts) >= 2
    for font in fonts:
        inner = font["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert "/FontFile3" in inner
        assert re.match(r"/[A-Z]{6}\+NotoSansHans-(Regular|Bold)", inner["/FontName"])  # a subset bears six letters


def test_the_printed_report_is_made_for_archives_and_for_screen_readers(measured, hospital):
    content = make_report(look=look(place_of(hospital)), form=Form.PDF, actor=EVERYTHING)
    metadata = pypdf.PdfReader(io.BytesIO(content)).trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata


def test_reports_and_scoreboard_show_the_same_figures(measured, hospital):
    client = browser(Role.DATA_MANAGER)
    for place, score, rows in ((CITY, "90.00", "300"), (place_of(hospital), "95.00", "100")):
        page = client.get(f"/quality/{place}?month=2026-10").content.decode()
        assert f"<dd>{score}</dd>" in page
        _, text = pdf(place)
        assert score in text
        overview = dict(row[:2] for row in workbook(place)["总览"].iter_rows(values_only=True))
        assert (overview["综合得分"], overview["报送行数"]) == (float(score), int(rows))


def test_a_workbook_has_all_lines_of_the_scoreboard(measured):
    book = workbook(CITY)
    assert book.sheetnames == ["总览", "维度", "县区", "数据集", "规则", "不合格行示例", "趋势"]
    lines = board.score_lines(look(), By.COUNTY)
    assert column(book["县区"], "得分") == [line.score.total for line in lines]
    assert column(book["县区"], "名称") == [line.title for line in lines]
    assert column(book["规则"], "不合格") == [60]
    assert column(book["趋势"], "综合得分")[-2:] == [100, 90]
    assert len(column(book["趋势"], "月份")) == board.TREND


def test_a_workbook_is_set_up_for_a4_with_its_heads_on_every_page(measured, hospital):
    for sheet in workbook(place_of(hospital)):
        assert sheet.print_title_rows == "$1:$1"
        assert sheet.page_setup.paperSize == 9
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.freeze_panes == "B2"


def test_a_name_is_never_taken_for_a_formula(measured, hospital):
    Institution.objects.filter(id=hospital.id).update(name="=1+1")
    cell = workbook(place_of(hospital))["总览"]["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def test_a_month_without_data_is_a_report_that_says_so(measured, hospital):
    _, text = pdf(place_of(hospital), month=dt.date(2024, 2, 1))
    assert "不可评价" in text
    assert "本月没有数据，七个维度都不可评价。" in text
    assert column(workbook(place_of(hospital), month=dt.date(2024, 2, 1))["数据集"], "名称") == []


def test_the_longest_name_fits_paper_and_file_system(measured, hospital):
    Institution.objects.filter(id=hospital.id).update(name="沧源佤族自治县" * 28)
    found = look(place_of(hospital))
    pages, text = pdf(place_of(hospital))
    assert "沧源佤族自治县" * 28 in text
    assert 1 <= len(pages) <= 4
    assert len(file_name(found, Form.WORKBOOK).encode()) <= 255


def test_a_report_says_what_is_being_mended(measured, hospital):
    Issue.objects.create(
        year=2026,
        serial=7,
        institution_id=hospital.id,
        data_set=VITAL,
        rule=LATE,
        title="数据应在当期报送",
        dimension=Dimension.TIMELINESS,
        severity="warning",
        first_month=OCTOBER,
        last_month=OCTOBER,
        opened_at=timezone.now(),
        failed_opened=10,
        assessed_opened=100,
        failed_now=4,
        assessed_now=100,
        due_on=timezone.localdate() - dt.timedelta(days=1),
    )
    _, text = pdf(place_of(hospital))
    assert "共1项，其中逾期1项。" in text
    assert "2026-0007" in text
    assert column(workbook(place_of(hospital))["整改"], "现不合格")[0] == 4


# -- who sees what -----------------------------------------------------------------------------------------------------


def test_an_institution_learns_its_rank_and_nothing_of_the_others(measured, hospital):
    _, text = read(browser(Role.SENDER, institution=hospital).get(_url(place_of(hospital), "report.pdf")).content)
    assert "各机构中第1名，共2个" in text
    assert "别的医院" not in text


def test_keys_of_rows_are_for_those_who_may_see_rows(failing, hospital):
    client = browser(Role.SENDER, institution=hospital)
    _, text = read(client.get(_url(place_of(hospital), "report.pdf")).content)
    assert "V-0815" in text
    entry = AuditEntry.objects.get(action=Action.QUALITY_ROWS_READ)
    assert (entry.object_id, entry.detail) == (str(place_of(hospital)), {"month": "2026-10", "rows": 2})


def test_without_that_permission_a_report_has_no_keys(failing, hospital):
    client = browser(Role.REGULATOR)
    _, text = read(client.get(_url(place_of(hospital), "report.pdf")).content)
    assert "V-0815" not in text
    book = openpyxl.load_workbook(io.BytesIO(client.get(_url(place_of(hospital), "report.xlsx")).content))
    assert "V-0815" not in str([list(sheet.values) for sheet in book])
    assert not AuditEntry.objects.filter(action=Action.QUALITY_ROWS_READ).exists()


def test_of_every_rule_the_newest_rows_are_told(measured, hospital):
    common = {"institution_id": hospital.id, "data_set": VITAL, "batch_id": uuid7()}
    for number in range(1, 29):
        Example.objects.create(
            **common, rule=LATE, day=OCTOBER.replace(day=number), row_number=number, source_key=f"第{number}行"
        )
    Example.objects.create(**common, rule=LATE, day=SEPTEMBER, row_number=99, source_key="上月的行")
    keys = column(workbook(place_of(hospital))["不合格行示例"], "业务主键")
    expected = [f"第{number}行" for number in range(28, 28 - KEYS_OF_RULE, -1)]
    assert [key for key in keys if key] == expected


def test_no_report_shows_an_identity_number(failing, hospital):
    _, text = pdf(place_of(hospital))
    keys = column(workbook(place_of(hospital))["不合格行示例"], "业务主键")
    assert "53090219900307123X" not in text + str(keys)
    assert "530***********123X" in keys


def test_the_list_has_what_the_actor_sees(measured, hospital, clinic, stranger):
    page = browser(Role.SENDER, institution=hospital).get("/quality/reports/?month=2026-10").content.decode()
    assert "县医院" in page
    assert "村卫生室" in page
    assert "别的医院" not in page
    assert "本机构及下属机构" in page
    assert "county-" not in page


def test_the_list_is_searched_and_paged(measured, hospital):
    common = {"type": "A100", "ownership": "public", "division_code": "530902001000"}
    for number in range(30):
        name = f"第{number}卫生院"
        Institution.objects.create(code=f"53090291{number:02}", name=name, short_name=name, **common)
    client = browser(Role.DATA_MANAGER)
    first = client.get("/quality/reports/?month=2026-10").content.decode()
    assert len(set(re.findall(r"institution-\d+/report.pdf", first))) == 20
    assert "?month=2026-10&amp;page=2" in first
    found = client.get("/quality/reports/?month=2026-10&q=第17").content.decode()
    assert "第17卫生院" in found
    assert "第18卫生院" not in found


@pytest.mark.parametrize("file", ["report.pdf", "report.xlsx", "institutions.zip"])
def test_others_are_not_found(measured, hospital, stranger, file):
    client = browser(Role.SENDER, institution=hospital)
    assert client.get(_url(place_of(stranger), file)).status_code == 404
    assert client.get(_url(Place(Kind.COUNTY, "530902"), file)).status_code == 404  # a part is not the county
    assert not AuditEntry.objects.filter(action=Action.QUALITY_EXPORT).exists()


def test_reports_need_the_permission(measured, hospital):
    client = browser(Role.AUDITOR)
    for url in ("/quality/reports/", _url(CITY, "report.pdf"), _url(CITY, "institutions.zip")):
        assert client.get(url).status_code == 403
    with pytest.raises(NotPermitted):
        make_report(look=look(), form=Form.PDF, actor=nobody(None))


def test_every_download_is_audited(measured, hospital):
    client = browser(Role.REGULATOR)
    response = client.get(_url(place_of(hospital), "report.xlsx"))
    assert unquote(response["Content-Disposition"]).endswith("数据质量月报-2026-10-530902001-县医院.xlsx")
    entry = AuditEntry.objects.get(action=Action.QUALITY_EXPORT)
    assert (entry.object_id, entry.detail) == (str(place_of(hospital)), {"month": "2026-10", "report": ["xlsx"]})


# -- all at once -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators")
def test_an_archive_has_both_forms_of_every_institution(measured, hospital):
    response = browser(Role.REGULATOR).get(_url(Place(Kind.COUNTY, "530902"), "institutions.zip"))
    archive = zipfile.ZipFile(io.BytesIO(b"".join(response)))
    assert archive.testzip() is None
    names = [f"数据质量月报-2026-10-{each}" for each in ("530902001-县医院", "530902002-别的医院")]
    assert archive.namelist() == [f"{name}.{form}" for name in names for form in ("pdf", "xlsx")]
    assert "别的医院" in read(archive.read(f"{names[1]}.pdf"))[1]
    audited = AuditEntry.objects.filter(action=Action.QUALITY_EXPORT).values_list("object_id", flat=True)
    assert len(set(audited)) == 2


def test_an_archive_is_made_piece_by_piece(measured):
    pieces = make_archive(ground=ground_of(EVERYTHING), place=CITY, month=OCTOBER, actor=EVERYTHING)
    assert AuditEntry.objects.filter(action=Action.QUALITY_EXPORT).count() == 0
    next(pieces)
    assert AuditEntry.objects.filter(action=Action.QUALITY_EXPORT).count() == 1


def test_too_many_institutions_are_refused_with_what_to_do(measured, monkeypatch):
    monkeypatch.setattr(services, "MOST_IN_ARCHIVE", 2)
    with pytest.raises(TooMany):
        make_archive(ground=ground_of(EVERYTHING), place=CITY, month=OCTOBER, actor=EVERYTHING)
    page = browser(Role.REGULATOR).get(_url(CITY, "institutions.zip"), follow=True).content.decode()
    assert "有 3 家机构，一次最多打包 2 家。请按县区下载" in page


@pytest.mark.parametrize("file", ["report.pdf", "institutions.zip"])
def test_without_fonts_the_page_says_how_to_install_them(measured, monkeypatch, tmp_path, file):
    monkeypatch.setattr(typesetting, "FONTS", tmp_path)
    page = browser(Role.REGULATOR).get(_url(CITY, file), follow=True).content.decode()
    assert "请运行 make setup 安装" in page


def test_before_the_first_measurement_there_is_no_report(hospital):
    with pytest.raises(NotMeasured):
        make_report(look=look(), form=Form.PDF, actor=EVERYTHING)
    page = browser(Role.REGULATOR).get(_url(CITY, "report.pdf"), follow=True).content.decode()
    assert "还没有测量过" in page


def _url(place, file):
    return f"/quality/reports/{place}/{file}?month=2026-10"


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def command(committed_database, tmp_path):
    """Run `kangqiao quality report` into a folder; return its exit code, what it said, and the files it wrote."""
    _institutions()

    def command(*words):
        folder = tmp_path / "reports"
        found = CliRunner().invoke(program, ["quality", "report", "--output", str(folder), *words])
        return found.exit_code, found.output, sorted(path.name for path in folder.glob("*"))

    return command


def test_the_command_writes_a_county_and_its_institutions(command):
    _measure()
    code, said, files = command("--month", "2026-10", "--county", "530902")
    assert code == 0, said
    assert "✓ 3 份月报" in said
    names = ("530902001-县医院", "530902002-别的医院", "临翔区")
    assert files == [f"数据质量月报-2026-10-{name}.{form}" for name in names for form in ("pdf", "xlsx")]
    assert AuditEntry.objects.filter(action=Action.QUALITY_EXPORT).count() == 3


def test_the_command_writes_everything_or_one_institution(command):
    _measure()
    assert len(command("--month", "2026-10", "--institution", "530926001")[2]) == 2
    assert len(command("--month", "2026-10", "--all")[2]) == 2 * (1 + 2 + 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--month", "10/2026", "--all"), "月份写作 2026-10"),
        (("--month", "2026-10"), "请给出 --institution、--county、--all 中的一个"),
        (("--month", "2026-10", "--all", "--county", "530902"), "请给出"),
        (("--month", "2026-10", "--institution", "5309"), "没有代码为 5309 的机构"),
        (("--month", "2026-10", "--county", "530900"), "没有县区 530900；有机构的是：530902"),
        (("--month", "2026-10", "--all"), "还没有测量过数据质量"),
    ],
)
def test_the_command_says_what_is_wrong(command, words, said):
    code, output, files = command(*words)
    assert code == 1
    assert said in output
    assert files == []
