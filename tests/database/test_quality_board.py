"""The scoreboard: what PostgreSQL sums up, who sees which institution, and what looking at rows leaves behind."""

import datetime as dt
import io
from random import Random
from urllib.parse import quote

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from kangqiao.infra.ids import uuid7
from kangqiao.intake.models import Batch, Door
from kangqiao.quality import board, queries
from kangqiao.quality.board import Look
from kangqiao.quality.models import Example, FailedDay, Measure, Measurement, Standing, Volume
from kangqiao.quality.places import CITY, Kind, NoSuchPlace, Place, ground_of
from kangqiao.quality.queries import By, month_of
from kangqiao.quality.rules import NOTHING, Count, total_score
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.records.population.models import PatientRegistration
from kangqiao.registry.models import Institution
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.permissions import PERMISSIONS_OF, Role
from kangqiao.trust.services import create_account
from people import moment, register, resident_of, write

OCTOBER, SEPTEMBER = dt.date(2026, 10, 1), dt.date(2026, 9, 1)
LINXIANG, GENGMA = "530902", "530926"
VITAL, DIAGNOSIS = "vital-signs", "diagnosis"
EVERYTHING = system_actor("test")


@pytest.fixture
def hospital(database) -> Institution:
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
def clinic(hospital) -> Institution:
    return Institution.objects.get(name="村卫生室")


@pytest.fixture
def stranger(hospital) -> Institution:
    return Institution.objects.get(name="别的医院")


@pytest.fixture
def measured(hospital) -> Measurement:
    """A measurement whose findings each test writes for itself."""
    now = timezone.now()
    return Measurement.objects.create(started_at=now, finished_at=now, settled=now, rows=0, failed=0, seconds={})


def stand(institution, dimension, assessed, failed, *, data_set=VITAL, month=OCTOBER):
    Standing.objects.create(
        institution_id=institution.id,
        data_set=data_set,
        dimension=dimension,
        month=month,
        assessed=assessed,
        failed=failed,
    )


def count(institution, rule, assessed, failed, *, data_set=VITAL, month=OCTOBER):
    Measure.objects.create(
        institution_id=institution.id, data_set=data_set, rule=rule, month=month, assessed=assessed, failed=failed
    )


def have(institution, rows, *, failed=0, refused=0, data_set=VITAL, day=OCTOBER):
    Volume.objects.create(
        institution_id=institution.id, data_set=data_set, day=day, rows=rows, failed=failed, refused=refused
    )


def clerk_of(institution, *roles):
    permissions = frozenset().union(*(PERMISSIONS_OF[role] for role in roles or (Role.SENDER,)))
    return Actor(kind=ActorKind.ACCOUNT, id=None, name="数据员", institution_id=institution.id, permissions=permissions)


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


def look(place=CITY, *, data_set=None, actor=EVERYTHING, month=OCTOBER):
    return Look(ground_of(actor), place, month, data_set)


# -- sums --------------------------------------------------------------------------------------------------------------


def test_the_database_sums_what_the_rule_scores(hospital, clinic, stranger):
    random = Random(7)
    stood = {}
    for institution in (hospital, clinic, stranger):
        for data_set in (VITAL, DIAGNOSIS):
            for dimension in random.sample(list(Dimension), 5):
                assessed = random.choice([0, 1, 40, 1000])
                count = Count(assessed, random.randint(0, assessed))
                stand(institution, dimension, count.assessed, count.failed, data_set=data_set)
                stood[institution.id, data_set, dimension] = count
    found = {by: queries.scores(look().seats, by, month_of(OCTOBER)) for by in (By.INSTITUTION, By.DATA_SET, By.MONTH)}
    for place, by in enumerate((By.INSTITUTION, By.DATA_SET)):
        for key, score in found[by].items():
            for dimension in Dimension:
                mine = [count for of, count in stood.items() if of[place] == key and of[2] == dimension]
                assert score.counts[dimension] == sum(mine, NOTHING)
    everything = [sum((c for of, c in stood.items() if of[2] == dimension), NOTHING) for dimension in Dimension]
    assert found[By.MONTH][OCTOBER].total == total_score(everything)


def test_a_county_sums_its_institutions_before_it_is_scored(hospital, clinic, stranger):
    stand(hospital, Dimension.VALIDITY, 90, 0)
    stand(stranger, Dimension.VALIDITY, 10, 10)
    stand(clinic, Dimension.VALIDITY, 10, 5)
    found = queries.scores(look().seats, By.COUNTY, month_of(OCTOBER))
    assert found[LINXIANG].counts[Dimension.VALIDITY] == Count(100, 10)
    assert {county: score.total for county, score in found.items()} == {LINXIANG: 90, GENGMA: 50}


def test_what_can_not_be_assessed_has_no_score_and_no_rank(hospital, clinic):
    stand(hospital, Dimension.VALIDITY, 10, 0)
    stand(clinic, Dimension.VALIDITY, 0, 0)
    lines = {line.title: line for line in board.score_lines(look(), By.INSTITUTION)}
    assert lines["村卫生室"].score.total is None
    assert lines["村卫生室"].rank.place is None
    assert lines["县医院"].rank.place == 1


def test_a_rank_says_how_it_moved_against_the_month_before(hospital, clinic, stranger):
    for institution, before, now in ((hospital, 1, 5), (clinic, 5, 1), (stranger, 3, 3)):
        stand(institution, Dimension.VALIDITY, 10, before, month=SEPTEMBER)
        stand(institution, Dimension.VALIDITY, 10, now)
    lines = board.score_lines(look(), By.INSTITUTION)
    assert [(line.title, line.rank.place, line.rank.moved) for line in lines] == [
        ("村卫生室", 1, 2),
        ("别的医院", 2, 0),
        ("县医院", 3, -2),
    ]
    assert lines[0].change == pytest.approx(40)


def test_an_institution_is_ranked_within_its_county(hospital, clinic, stranger):
    for institution, failed in ((hospital, 3), (clinic, 0), (stranger, 1)):
        stand(institution, Dimension.VALIDITY, 10, failed)
    rank = board.rank_of(look(Place(Kind.INSTITUTION, str(hospital.id))))
    assert (rank.place, rank.of, rank.moved) == (2, 2, None)
    assert board.rank_of(look(Place(Kind.COUNTY, LINXIANG))).place == 2
    assert board.rank_of(look()).place is None


def test_a_rule_of_the_gate_assessed_every_row_that_was_sent(hospital, stranger):
    have(hospital, 90, refused=10)
    have(stranger, 100)
    count(hospital, "source_key:repeated", 100, 10)
    count(hospital, "systolic:range", 80, 4)
    counts = queries.rule_counts(look().seats, month_of(OCTOBER), data_set=VITAL)
    assert counts[f"{VITAL}.source_key:repeated"] == Count(200, 10)
    assert counts[f"{VITAL}.systolic:range"] == Count(80, 4)
    asked = {"data_set": VITAL, "rule": "source_key:repeated"}
    by_institution = queries.counts_of_rule(look().seats, By.INSTITUTION, month_of(OCTOBER), **asked)
    assert by_institution == {hospital.id: Count(100, 10), stranger.id: Count(100, 0)}


def test_the_rules_of_a_data_set_are_all_listed_those_of_a_place_where_they_failed(hospital):
    have(hospital, 95, refused=5)
    count(hospital, "source_key:repeated", 100, 5)
    count(hospital, "systolic:range", 80, 0)
    lines = board.rule_lines(look(data_set=VITAL))
    assert lines[0].key == f"{VITAL}.source_key:repeated"
    assert next(line for line in lines if line.key == f"{VITAL}.source_key:required").count == Count(100, 0)
    assert next(line for line in lines if line.key == f"{VITAL}.systolic:range").count == Count(80, 0)
    assert [line.key for line in board.rule_lines(look())] == [f"{VITAL}.source_key:repeated"]


def test_days_and_months_are_summed_where_they_belong(hospital, clinic):
    have(hospital, 10, failed=1, day=dt.date(2026, 10, 31))
    have(clinic, 5, refused=5, day=dt.date(2026, 10, 31))
    have(hospital, 7, day=dt.date(2026, 9, 30))
    seats = look().seats
    days = queries.amounts(seats, By.DAY, month_of(OCTOBER))
    assert list(days) == [dt.date(2026, 10, 31)]
    assert days[dt.date(2026, 10, 31)].passed == pytest.approx(100 * (1 - 6 / 20))
    months = queries.amounts(seats, By.MONTH, queries.Period(SEPTEMBER, dt.date(2026, 10, 31)))
    assert {month: amount.sent for month, amount in months.items()} == {SEPTEMBER: 7, OCTOBER: 20}


def test_failures_are_counted_by_day(hospital, stranger):
    for institution, failed in ((hospital, 2), (stranger, 3)):
        FailedDay.objects.create(
            institution_id=institution.id, data_set=VITAL, rule="systolic:range", day=OCTOBER, failed=failed
        )
    asked = {"data_set": VITAL, "rule": "systolic:range"}
    assert queries.failed_days(look().seats, month_of(OCTOBER), **asked) == {OCTOBER: 5}
    assert queries.failed_days(look().seats, month_of(SEPTEMBER), **asked) == {}


def test_months_with_anything_measured_come_newest_first_and_not_from_the_future(hospital):
    for month in (dt.date(2024, 1, 1), SEPTEMBER, OCTOBER, dt.date(2031, 1, 1)):
        for dimension in (Dimension.VALIDITY, Dimension.LINKAGE):
            stand(hospital, dimension, 1, 0, month=month)
    until = dt.date(2026, 11, 25)
    assert queries.measured_months(until=until, count=9) == [OCTOBER, SEPTEMBER, dt.date(2024, 1, 1)]
    assert queries.measured_months(until=until, count=2) == [OCTOBER, SEPTEMBER]
    assert queries.measured_months(until=dt.date(2020, 1, 1), count=2) == []


# -- who sees what -----------------------------------------------------------------------------------------------------


def test_a_clerk_sees_the_own_institution_and_those_below_it_only(hospital, clinic, stranger):
    ground = ground_of(clerk_of(hospital))
    assert {seat.name for seat in ground.within(CITY)} == {"县医院", "村卫生室"}
    assert [seat.name for seat in ground.within(Place(Kind.COUNTY, LINXIANG))] == ["县医院"]
    with pytest.raises(NoSuchPlace):
        ground.within(Place(Kind.INSTITUTION, str(stranger.id)))
    assert set(ground_of(clerk_of(clinic)).seats) == {clinic.id}
    with pytest.raises(NoSuchPlace):
        ground_of(clerk_of(clinic)).within(Place(Kind.COUNTY, LINXIANG))


def test_no_page_of_a_clerk_names_or_counts_another_institution(measured, hospital, clinic, stranger):
    for institution, rows in ((hospital, 11), (clinic, 22), (stranger, 40404)):
        stand(institution, Dimension.VALIDITY, rows, 1)
        have(institution, rows, failed=1)
        count(institution, "systolic:range", rows, 1)
        Example.objects.create(
            institution_id=institution.id,
            data_set=VITAL,
            rule="systolic:range",
            day=OCTOBER,
            record_id=uuid7(),
        )
    clerk = browser(Role.SENDER, institution=hospital)
    for tail in ("", "?by=institution", f"/{VITAL}", f"/{VITAL}?by=institution", f"/{VITAL}/systolic:range"):
        page = clerk.get(f"/quality/city{tail}")
        assert page.status_code == 200
        assert "别的医院" not in page.text
        assert "40,4" not in page.text
    rows = clerk.get(f"/quality/city/{VITAL}/systolic:range/rows").text
    assert "县医院" in rows
    assert "别的医院" not in rows
    for tail in ("", f"/{VITAL}", f"/{VITAL}/systolic:range", f"/{VITAL}/systolic:range/rows", "/table.xlsx"):
        assert clerk.get(f"/quality/institution-{stranger.id}{tail}").status_code == 404
    sheet = table(clerk.get("/quality/city/table.xlsx?by=institution"))
    assert {row[1] for row in sheet[1:3]} == {"县医院", "村卫生室"}


def test_who_has_one_institution_comes_to_its_page(measured, clinic):
    answer = browser(Role.SENDER, institution=clinic).get("/quality/")
    assert answer.url == f"/quality/institution-{clinic.id}"


def test_pages_that_are_not_there_are_not_found(measured, hospital):
    manager = browser(Role.DATA_MANAGER)
    for address in (
        *("institution-999", "county-110101", "elsewhere", "city/nonsense", f"city/{VITAL}/systolic:nonsense"),
        f"city/{VITAL}/day:weekend-gap/rows",
    ):
        assert manager.get(f"/quality/{address}").status_code == 404


def test_before_the_first_measurement_the_page_says_so(hospital):
    page = browser(Role.DATA_MANAGER).get("/quality/").text
    assert "还没有测量过" in page
    assert "综合得分" not in page


def test_the_formula_and_the_time_of_measurement_stand_where_scores_do(measured, hospital):
    stand(hospital, Dimension.VALIDITY, 10, 1)
    manager = browser(Role.DATA_MANAGER)
    for address in ("city", f"institution-{hospital.id}", f"city/{VITAL}"):
        page = manager.get(f"/quality/{address}").text
        assert "得分 = 各可评价维度得分的平均" in page
        assert timezone.localtime(measured.finished_at).strftime("%Y-%m-%d %H:%M") in page
        assert "90.00" in page
        assert "不可评价" in page


# -- rows --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def failing(measured, hospital):
    """A stored measurement and a registration that fail a rule, each kept as an example."""
    patient = register(hospital, "P1", name="王秀英")
    row = write(VitalSigns, patient, moment("2026-10-05 08:00"), measured=moment("2026-10-05 08:00"), systolic=399)
    Example.objects.create(
        institution_id=hospital.id, data_set=VITAL, rule="systolic:range", day=dt.date(2026, 10, 5), record_id=row.id
    )
    count(hospital, "systolic:range", 100, 1)
    return row


def test_rows_show_what_the_rule_speaks_of_and_leave_an_entry(failing, hospital):
    page = browser(Role.DATA_MANAGER).get(f"/quality/institution-{hospital.id}/{VITAL}/systolic:range/rows").text
    assert failing.source_key in page
    assert "399 mmHg" in page
    assert "舒张压" not in page
    assert "/items/" not in page
    entry = AuditEntry.objects.get(action=Action.QUALITY_ROWS_READ)
    assert entry.object_id == f"{VITAL}.systolic:range"
    assert entry.detail == {"place": f"institution-{hospital.id}", "page": 1, "rows": 1}


def test_a_row_opens_for_those_who_may_read_sources(failing, hospital):
    both = browser(Role.SENDER, Role.CLINICIAN, institution=hospital)
    page = both.get(f"/quality/institution-{hospital.id}/{VITAL}/systolic:range/rows").text
    assert f"/records/residents/{resident_of(failing.patient_id)}/items/{VITAL}/{failing.id}" in page


def test_rows_are_not_for_those_who_only_read_scores(failing, hospital):
    regulator = browser(Role.REGULATOR)
    address = f"/quality/institution-{hospital.id}/{VITAL}/systolic:range"
    assert "查看不合格的行" not in regulator.get(address).text
    assert regulator.get(f"{address}/rows").status_code == 403
    assert not AuditEntry.objects.filter(action=Action.QUALITY_ROWS_READ).exists()


def test_names_and_numbers_of_people_are_masked(measured, hospital):
    patient = register(hospital, "P1", name="王秀英")
    row = write(
        PatientRegistration,
        patient,
        moment("2026-10-05"),
        name="王秀英",
        document_type="01",
        document_number="533522196508121225",
    )
    rules = {"name:required": "王*英", "document_number:no-document": "533***********1225"}
    manager = browser(Role.DATA_MANAGER)
    for rule, shown in rules.items():
        Example.objects.create(
            institution_id=hospital.id, data_set="patient-registration", rule=rule, day=OCTOBER, record_id=row.id
        )
        page = manager.get(f"/quality/city/patient-registration/{rule}/rows").text
        assert shown in page
        assert "王秀英" not in page
        assert "533522196508121225" not in page


def test_a_refused_row_opens_its_batch_at_that_row(measured, hospital, stranger):
    batches = {
        each.id: Batch.objects.create(
            sender_id=each.id, number=f"B{each.id}", door=Door.UPLOAD, received_at=timezone.now()
        )
        for each in (hospital, stranger)
    }
    for batch in batches.values():  # the other hospital's batch had a row of this one
        Example.objects.create(
            institution_id=hospital.id,
            data_set=VITAL,
            rule="systolic:format",
            day=OCTOBER,
            batch_id=batch.id,
            row_number=17,
            source_key="V17",
        )
    page = browser(Role.SENDER, institution=hospital).get(f"/quality/city/{VITAL}/systolic:format/rows").text
    assert page.count("文件第 17 行") == 2
    assert f"/intake/{batches[hospital.id].id}/refused/{VITAL}?after=16" in page
    assert f"/intake/{batches[stranger.id].id}/" not in page


def test_a_page_says_when_only_the_newest_rows_are_kept(failing, hospital):
    manager = browser(Role.DATA_MANAGER)
    address = f"/quality/city/{VITAL}/systolic:range/rows"
    assert "只保留最新" not in manager.get(address).text
    count(hospital, "systolic:range", 900, 300, month=SEPTEMBER)
    page = manager.get(address).text
    assert "共有 301 行不合格" in page
    assert "这里列出 1 行" in page


def test_rows_that_have_gone_or_were_withdrawn_say_so(failing, hospital):
    failing.voided = True
    failing.save()
    Example.objects.create(
        institution_id=hospital.id, data_set=VITAL, rule="systolic:range", day=OCTOBER, record_id=uuid7()
    )
    page = browser(Role.DATA_MANAGER).get(f"/quality/city/{VITAL}/systolic:range/rows").text
    assert "已作废" in page
    assert "已不在库中" in page


# -- tables ------------------------------------------------------------------------------------------------------------


def test_a_table_is_searched_sorted_and_turned(measured, hospital, clinic, stranger):
    for institution, failed in ((hospital, 3), (clinic, 0), (stranger, 1)):
        stand(institution, Dimension.VALIDITY, 10, failed)
    manager = browser(Role.DATA_MANAGER)
    assert order_in(manager.get("/quality/city?by=institution").text) == ["村卫生室", "别的医院", "县医院"]
    assert order_in(manager.get("/quality/city?by=institution&sort=-rank").text) == ["县医院", "别的医院", "村卫生室"]
    assert order_in(manager.get("/quality/city?by=institution&q=医院&sort=nonsense").text) == ["别的医院", "县医院"]
    for number in range(30):
        made = Institution.objects.create(
            **{"code": f"5309270{number:02}", "name": f"卫生院{number:02}", "short_name": "卫生院", "type": "C100"},
            **{"division_code": "530927100000", "ownership": "public"},
        )
        stand(made, Dimension.VALIDITY, 10, 0)
    second = manager.get("/quality/city?by=institution&page=2").text
    assert "第 2 / 2 页" in second
    assert "县医院" in second


def order_in(page):
    lines = page.partition('id="quality-lines"')[2]
    names = {name: lines.find(f">{name}</a>") for name in ("县医院", "村卫生室", "别的医院")}
    return sorted((name for name, at in names.items() if at >= 0), key=names.__getitem__)


def test_a_spreadsheet_has_the_whole_table_as_numbers_with_the_formula(measured, hospital, clinic):
    stand(hospital, Dimension.VALIDITY, 8, 1)
    have(hospital, 6, failed=1, refused=2)
    stand(clinic, Dimension.VALIDITY, 10, 0)
    answer = browser(Role.REGULATOR).get("/quality/city/table.xlsx?by=institution&month=2026-10")
    assert quote("数据质量-全市-2026-10-机构.xlsx") in answer["Content-Disposition"]
    heads, first, second, *notes = table(answer)
    assert heads[:4] == ("名次", "名称", "代码", "得分")
    assert first[:4] == (1, "村卫生室", "530926001", 100)
    assert second[:4] == (2, "县医院", "530902001", 87.5)
    assert second[-3:] == (8, 1, 2)
    assert any("得分 = 各可评价维度得分的平均" in str(note[0]) for note in notes)
    assert AuditEntry.objects.get(action=Action.QUALITY_EXPORT).detail == {"month": "2026-10", "lines": 2}


def test_a_spreadsheet_of_rules_and_of_a_rule(measured, hospital):
    have(hospital, 95, refused=5)
    count(hospital, "source_key:repeated", 100, 5)
    manager = browser(Role.DATA_MANAGER)
    heads, first, *_ = table(manager.get(f"/quality/city/{VITAL}/table.xlsx?month=2026-10"))
    assert heads[0] == "名称"
    assert first[1:] == ("体征", "source_key:repeated", "唯一性", "错误", 100, 5, 5, 0)
    _, only, *_ = table(manager.get(f"/quality/city/{VITAL}/source_key:repeated/table.xlsx?month=2026-10"))
    assert (only[0], only[5:8]) == ("县医院", (100, 5, 5))


def test_a_name_in_a_spreadsheet_is_never_a_formula(measured, hospital):
    Institution.objects.filter(id=hospital.id).update(name="=1+1")
    stand(hospital, Dimension.VALIDITY, 8, 1)
    answer = browser(Role.REGULATOR).get("/quality/city/table.xlsx?by=institution")
    cell = openpyxl.load_workbook(io.BytesIO(answer.content)).active["B2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")


def table(answer):
    assert answer.status_code == 200
    return list(openpyxl.load_workbook(io.BytesIO(answer.content)).active.values)


def test_a_page_asks_the_database_no_more_often_with_more_institutions(measured, hospital):
    manager = browser(Role.DATA_MANAGER)
    for institution in Institution.objects.all():
        stand(institution, Dimension.VALIDITY, 10, 1)
    few = asked_by(lambda: manager.get("/quality/city?by=institution"))
    for number in range(40):
        made = Institution.objects.create(
            **{"code": f"5309270{number:02}", "name": f"卫生院{number:02}", "short_name": "卫生院", "type": "C100"},
            **{"division_code": "530927100000", "ownership": "public"},
        )
        stand(made, Dimension.VALIDITY, 10, 0)
    assert asked_by(lambda: manager.get("/quality/city?by=institution")) == few


def test_sums_over_many_institutions_are_remembered_until_the_next_measurement(measured, hospital):
    for number in range(queries.MANY):
        Institution.objects.create(
            **{"code": f"5309270{number:02}", "name": f"卫生院{number:02}", "short_name": "卫生院", "type": "C100"},
            **{"division_code": "530927100000", "ownership": "public"},
        )
    stand(hospital, Dimension.VALIDITY, 10, 1)
    manager = browser(Role.DATA_MANAGER)
    first = asked_by(lambda: manager.get("/quality/city"))
    assert asked_by(lambda: manager.get("/quality/city")) < first - 8
    Standing.objects.update(failed=5)
    now = timezone.now()
    Measurement.objects.create(started_at=now, finished_at=now, settled=now, rows=0, failed=0, seconds={})
    page = manager.get("/quality/city").text
    assert "50.00" in page
    assert "90.00" not in page


def asked_by(act):
    asked = []
    with connection.execute_wrapper(lambda run, query, *rest: (asked.append(query), run(query, *rest))[1]):
        act()
    return len(asked)
