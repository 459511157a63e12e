"""The pages of the record view, asked as a browser asks: what is shown, to whom, and what is written down."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import isolate_apps

from kangqiao.identity.models import Resident
from kangqiao.infra.ids import uuid7
from kangqiao.records import curves, queries, themes, timeline
from kangqiao.records.medical_record.models import Diagnosis, LabReport, LabResult, OutpatientEncounter
from kangqiao.records.models import FormerVersion, Original
from kangqiao.records.originals import packed
from kangqiao.records.population.models import PatientRegistration
from kangqiao.records.themes import Theme
from kangqiao.standards import data_set as catalogue
from kangqiao.standards.data_set import DataSet, Record, at, data_sets
from kangqiao.standards.fields import Coded, Codes, Date, Flag, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table
from kangqiao.trust.actions import Action, Outcome
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.services import create_account
from people import NAMES, Life, citizen_number, make_institution, moment, register, resident_of, write

KEY = citizen_number()


@pytest.fixture
def patient(database: None) -> UUID:
    """One patient of one hospital."""
    return register(make_institution(), "P1", key=KEY)


@pytest.fixture
def doctor(database: None) -> Client:
    """A clinician's browser."""
    return browser_of("doctor", "clinician")


@pytest.fixture
def reading(doctor: Client, patient: UUID) -> Client:
    """A clinician's browser in which the purpose has been chosen."""
    doctor.post(f"/records/residents/{resident_of(patient)}/purpose", {"purpose": "treatment"})
    return doctor


def browser_of(username: str, role: str) -> Client:
    account = create_account(
        username=username,
        display_name="测试员",
        roles=[role],
        institution_id=1,
        actor=system_actor("test"),
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    return client


def record_of(patient: UUID, rest: str = "") -> str:
    return f"/records/residents/{resident_of(patient)}{rest}"


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def entries(action: Action) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(action=action).order_by("id"))


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement sent to the database from now on, through Django or beside it."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def note(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", note)
    return sent


# -- finding a person --------------------------------------------------------------------------------------------------


def test_a_person_is_found_by_number_and_shown_with_the_number_masked(patient, doctor):
    page = text_of(doctor.post("/residents/", {"text": f" {KEY[:6]} {KEY[6:]} "}, follow=True))
    assert "王秀英" in page
    assert f"{KEY[:3]}***********{KEY[-4:]}" in page
    assert KEY not in page


def test_a_person_is_found_by_name_and_date_of_birth(patient, doctor):
    assert "王秀英" in text_of(doctor.post("/residents/", {"text": "王秀英 1965-08-12"}, follow=True))
    assert "没有找到" in text_of(doctor.post("/residents/", {"text": "王秀英 1965-08-13"}, follow=True))


def test_an_unclear_search_says_what_to_type_and_finds_nobody(patient, doctor):
    answer = doctor.post("/residents/", {"text": "王秀英"})
    assert answer.status_code == 422
    assert "加上出生日期" in answer.content.decode()
    assert entries(Action.RESIDENT_FIND) == []


def test_a_search_and_its_list_are_written_down_without_what_was_typed(patient, doctor):
    doctor.post("/residents/", {"text": KEY}, follow=True)
    searched, listed = entries(Action.RESIDENT_FIND)
    assert searched.resident_id == listed.resident_id == resident_of(patient)
    assert (searched.detail["by"], searched.detail["found"]) == ("document", 1)
    assert KEY not in str([searched.detail, listed.detail])


def test_neither_address_nor_session_keeps_what_was_typed(patient, doctor):
    answer = doctor.post("/residents/", {"text": KEY}, follow=True)
    assert answer.redirect_chain == [("/residents/", 302)]
    assert KEY not in str(dict(doctor.session.items()))


# -- purpose and permission --------------------------------------------------------------------------------------------


def test_without_a_purpose_nothing_of_the_person_is_shown(patient, doctor):
    write(Diagnosis, patient, moment("2026-03-01"), role="1", code_name="高血压病")
    page = text_of(doctor.get(record_of(patient)))
    assert "您为什么调阅" in page
    assert "王秀英" not in page
    assert "高血压病" not in page
    assert entries(Action.TIMELINE_READ) == []


def test_the_purpose_is_asked_once_in_a_session_and_written_down_with_every_reading(patient, doctor):
    doctor.post(record_of(patient, "/purpose"), {"purpose": "public-health"})
    for rest in ("", "/themes/visits", "/timeline"):
        text_of(doctor.get(record_of(patient, rest), headers={"HX-Request": "true"}))
    read = entries(Action.TIMELINE_READ)
    assert {entry.purpose for entry in read} == {"public-health"}
    assert [entry.detail["part"] for entry in read] == ["overview", "visits", "timeline"]
    assert {entry.resident_id for entry in read} == {resident_of(patient)}


def test_supervision_is_no_purpose_to_open_a_record(patient, doctor):
    answer = doctor.post(record_of(patient, "/purpose"), {"purpose": "supervision"})
    assert "您为什么调阅" in answer.content.decode()
    assert "您为什么调阅" in text_of(doctor.get(record_of(patient)))


@pytest.mark.parametrize("role", ["sender", "auditor", "regulator", "administrator", "data-manager"])
def test_who_is_no_clinician_is_refused_and_the_refusal_written_down(patient, role):
    row = write(Diagnosis, patient, moment("2026-03-01"), role="1", code_name="高血压病")
    other = browser_of("other", role)
    item = f"/items/diagnosis/{row.id}"
    for rest in ("", "/timeline", "/themes/visits", "/laboratory-item", item, f"{item}/original"):
        answer = other.get(record_of(patient, rest))
        assert answer.status_code == 403, rest
        assert "高血压病" not in answer.content.decode()
    for rest in ("/documents", f"{item}/whole"):
        assert other.post(record_of(patient, rest)).status_code == 403
    assert other.get("/residents/").status_code == 403
    refused = entries(Action.PERMISSION_REFUSE)
    assert {entry.outcome for entry in refused} == {Outcome.REFUSED}
    assert len(refused) == 9


def test_a_reading_that_fails_leaves_no_entry_and_an_entry_that_fails_no_reading(patient, reading, monkeypatch):
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    with monkeypatch.context() as patch:
        patch.setattr(queries, "timeline_page", broken)
        with pytest.raises(RuntimeError):
            reading.get(record_of(patient))
    assert entries(Action.TIMELINE_READ) == []
    monkeypatch.setattr("kangqiao.records.services.record_act", broken)
    with pytest.raises(RuntimeError):
        reading.get(record_of(patient))


# -- the record --------------------------------------------------------------------------------------------------------


def test_the_head_says_who_it_is_and_masks_the_numbers_until_they_are_asked_for(patient, reading):
    write(
        PatientRegistration,
        patient,
        moment("2020-01-01"),
        name="王秀英",
        sex="2",
        ethnicity="21",
        abo="1",
        rh="1",
        phone="13988031234",
    )
    page = text_of(reading.get(record_of(patient)))
    for words in ("王秀英", "女", "1965-08-12 出生", "佤族", "血型 A型 Rh 阴性", "139****1234", NAMES[0], "P1"):
        assert words in page
    assert KEY not in page
    assert "13988031234" not in page
    revealed = text_of(reading.post(record_of(patient, "/documents")))
    assert KEY in revealed
    assert "13988031234" in revealed
    assert entries(Action.TIMELINE_READ)[-1].detail == {"part": "documents", "revealed": True}


def test_a_resident_without_a_usable_document_is_marked(doctor, database):
    pending = register(make_institution(), "P2", name="无名氏", key=None)
    doctor.post(record_of(pending, "/purpose"), {"purpose": "treatment"})
    assert "待核" in text_of(doctor.get(record_of(pending)))


def test_a_patient_registered_under_another_name_is_marked(patient, reading):
    other = make_institution(NAMES[1], "530900002")
    register(other, "P9", key=KEY)
    register(other, "P9", name="王秀珍", key=KEY)
    assert "姓名不同" in text_of(reading.get(record_of(patient)))


def test_nobody_is_found_under_an_unknown_id_and_a_merged_resident_elsewhere(patient, reading):
    assert reading.get(f"/records/residents/{uuid7()}").status_code == 404
    gone = Resident.objects.create(state="merged", merged_into_id=resident_of(patient))
    answer = reading.get(f"/records/residents/{gone.id}")
    assert (answer.status_code, answer["Location"]) == (302, record_of(patient))


def test_a_row_of_somebody_else_is_not_opened_in_this_record(patient, reading):
    other = register(make_institution("另一家", "530900009"), "X", key=citizen_number("19700101"))
    row = write(Diagnosis, other, moment("2026-03-01"), role="1", code_name="别人的病")
    assert reading.get(record_of(patient, f"/items/diagnosis/{row.id}")).status_code == 404
    assert reading.get(record_of(patient, "/items/nothing/" + str(row.id))).status_code == 404
    assert entries(Action.SOURCE_READ) == []


def test_parameters_without_meaning_do_no_harm(patient, reading):
    assert reading.get(record_of(patient, "?before=x")).status_code == 302
    part = reading.get(record_of(patient, "/timeline?kinds=x"), headers={"HX-Request": "true"})
    assert part.status_code == 400
    assert reading.get(record_of(patient, "/themes/nothing")).status_code == 404


def test_pages_are_not_kept_by_browsers(patient, reading):
    assert "no-store" in reading.get(record_of(patient))["Cache-Control"]


# -- one row -----------------------------------------------------------------------------------------------------------


def filled(data_set: type[DataSet], patient: UUID) -> Record:
    """Store a row in which every element has a value."""
    assert issubclass(data_set, Record)
    values = {field.name: value_for(field) for field in data_set.elements() if field.name not in SET_BY_WRITE}
    return write(data_set, patient, moment("2026-03-05 08:30"), **values)


SET_BY_WRITE = {"source_key", "revised_at", "voided", "encounter", "encounter_kind"}


def value_for(field: Any) -> Any:
    if isinstance(field, Codes):
        return list(field.value_set.codes)[:2]
    if isinstance(field, Coded):
        return next(iter(field.value_set.codes), "X1")
    for kind, value in (
        (Flag, True),
        (Moment, moment("2026-03-05 08:30")),
        (Date, dt.date(2026, 3, 5)),
        (Quantity, 6.5),
        ((Text, Link), f"某{field.title}"[:20]),
    ):
        if isinstance(field, kind):
            return value
    return Decimal("7") if field.duckdb_type.startswith("DECIMAL") else 7


ABOUT_PATIENTS = {word: each for word, each in data_sets().items() if issubclass(each, Record)}


@pytest.mark.parametrize("word", [word for word, each in ABOUT_PATIENTS.items() if not each.in_record])
def test_what_other_departments_know_is_in_no_part_of_the_record(patient, reading, word):
    row = filled(data_sets()[word], patient)
    assert reading.get(record_of(patient, f"/items/{word}/{row.id}")).status_code == 404
    assert data_sets()[word].title not in text_of(reading.get(record_of(patient)))


@pytest.mark.parametrize("word", [word for word, each in ABOUT_PATIENTS.items() if each.in_record])
def test_every_data_set_about_patients_is_shown_by_its_class(patient, reading, word):
    data_set = data_sets()[word]
    row = filled(data_set, patient)
    page = text_of(reading.get(record_of(patient, f"/items/{word}/{row.id}")))
    for field in data_set.elements():
        if field.name not in SET_BY_WRITE and field.companion_of is None:
            assert f">{field.title.removesuffix('代码').removesuffix('编码').split('（')[0]}" in page, field.title
    assert row.source_key in page
    if data_set.part_of() is None:
        assert data_set.title in text_of(reading.get(record_of(patient)))
        tab = text_of(reading.get(record_of(patient, f"/themes/{themes.theme_of(data_set).value}")))
        assert f'id="panel-{word}"' in tab
        assert "2026-03-05" in tab


def test_what_is_about_no_patient_is_no_item_of_a_record(patient, reading):
    assert reading.get(record_of(patient, f"/items/bed-count/{UUID(int=1)}")).status_code == 404


@pytest.mark.parametrize("theme", list(Theme))
def test_a_theme_without_rows_says_so(patient, reading, theme):
    assert "还没有记录" in text_of(reading.get(record_of(patient, f"/themes/{theme.value}")))


def test_a_row_shows_its_details_its_visit_and_where_it_came_from(patient, reading):
    visit = write(OutpatientEncounter, patient, moment("2026-03-05 08:30"), kind="1", department="心血管内科")
    within = {"encounter": visit.source_key, "encounter_kind": "1"}
    report = write(LabReport, patient, moment("2026-03-05 09:30"), subject="电解质", **within)
    result = write(
        LabResult, patient, report.occurred_at, report=report.source_key, item_name="血钾", quantity=3.1, abnormal="L"
    )
    opened = text_of(reading.get(record_of(patient, f"/items/lab-report/{report.id}")))
    for words in ("血钾", "3.1", "偏低", NAMES[0], report.source_key, str(report.batch_id), f"/{visit.id}"):
        assert words in opened
    assert "电解质" in text_of(reading.get(record_of(patient, f"/items/outpatient-encounter/{visit.id}")))
    assert f"/{report.id}" in text_of(reading.get(record_of(patient, f"/items/lab-result/{result.id}")))
    entry = entries(Action.SOURCE_READ)[0]
    assert (entry.object_kind, entry.object_id) == ("lab-report", str(report.id))


def keep_version(row: Any) -> None:
    """Keep a row as it stands, as the merge of a newer version does."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {FormerVersion._meta.db_table} "
            "(data_set, record_id, version, revised_at, received_at, batch_id, content) "
            "SELECT %s, id, version, revised_at, received_at, batch_id, to_jsonb(t) "
            f"FROM {row.table()} t WHERE id = %s",
            [row.word, row.id],
        )


def test_former_versions_are_shown_with_what_each_changed(patient, reading):
    row = write(Diagnosis, patient, moment("2026-03-05"), role="1", code="I10.x00", code_name="高血压病")
    keep_version(row)
    row.version, row.code, row.code_name = 2, "I15.900", "继发性高血压"
    row.revised_at = moment("2026-03-06 10:00")
    row.onset = moment("2026-01-01")
    row.save()
    keep_version(row)
    row.version, row.voided, row.revised_at = 3, True, moment("2026-03-07 10:00")
    row.save()
    page = text_of(reading.get(record_of(patient, f"/items/diagnosis/{row.id}")))
    newest, middle, first = page.split('<ol class="rv-history">')[1].split("<li>")[1:]
    assert "现行" in newest
    assert "<del>否</del>" in newest
    assert "<ins>是</ins>" in newest
    assert "<del>高血压病</del>" in middle
    assert "<ins>继发性高血压</ins>" in middle
    assert "<del>空</del>" in middle
    assert "2026-01-01" in middle
    assert "业务主键" not in middle
    assert "最早的一版" in first
    assert "3 版" in text_of(reading.get(record_of(patient, "?voided=1")))


def test_a_former_version_with_a_column_that_is_gone_still_says_what_stood_there(patient, reading):
    row = write(Diagnosis, patient, moment("2026-03-05"), role="1", code="I10.x00", code_name="高血压病")
    keep_version(row)
    former = FormerVersion.objects.get(record_id=row.id)
    former.content |= {"ward_note": "三病区", "old_card": "530902196508121224"}
    del former.content["onset"]
    former.save()
    row.version, row.revised_at = 2, moment("2026-03-06 10:00")
    row.save()
    page = text_of(reading.get(record_of(patient, f"/items/diagnosis/{row.id}")))
    newest, _ = page.split('<ol class="rv-history">')[1].split("<li>")[1:]
    assert "已取消的数据项 ward_note" in newest
    assert "<del>三病区</del>" in newest
    assert "530***********1224" in newest
    assert "530902196508121224" not in page


def test_masked_elements_are_shown_when_asked_for_and_that_is_written_down(patient, reading):
    row = write(
        PatientRegistration,
        patient,
        moment("2020-01-01"),
        name="王秀英",
        sex="2",
        document_number=KEY,
        phone="13988031234",
    )
    place = record_of(patient, f"/items/patient-registration/{row.id}")
    assert KEY not in text_of(reading.get(place))
    assert KEY in text_of(reading.post(f"{place}/whole"))
    assert entries(Action.SOURCE_READ)[-1].detail == {"part": "item", "revealed": True}


def test_a_row_made_of_a_message_leads_to_the_message_as_it_came(patient, reading):
    message = b'{"resourceType": "Condition", "id": "c1"}'
    original = Original.objects.create(
        id=uuid7(),
        institution_id=1,
        source_key="Condition/c1",
        kind="Condition",
        version=1,
        media_type="application/fhir+json",
        content=packed(message),
        patient_id=patient,
        received_at=moment("2026-03-05"),
    )
    row = write(Diagnosis, patient, moment("2026-03-05"), role="1", code_name="高血压病", batch_id=original.id)
    place = record_of(patient, f"/items/diagnosis/{row.id}")
    assert f"{place}/original" in text_of(reading.get(place))
    answer = reading.get(f"{place}/original")
    assert answer.content == message
    assert answer["Content-Type"] == "application/fhir+json"
    without = write(Diagnosis, patient, moment("2026-03-05"), role="1", code_name="高血压病")
    assert reading.get(record_of(patient, f"/items/diagnosis/{without.id}/original")).status_code == 404


# -- a data set added tomorrow -----------------------------------------------------------------------------------------


@pytest.fixture
def sleep_study(database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Record]]:
    """A data set that no other line of the program knows."""
    with isolate_apps("kangqiao.records.health_record"):

        class SleepStudy(Record):
            title = "睡眠监测"
            studied = Moment("监测日期时间", required=True)
            systolic = Quantity("夜间收缩压（mmHg）", "DE04.10.174.00", unit="mmHg")
            verdict = Text("监测结论")
            occurred = at(studied)
            headline = "{verdict} 血压 {systolic}"
            panel = table(studied, verdict, systolic)

            class Meta(Record.Meta):
                app_label = "health_record"

    known = list(data_sets().values())
    cached = (
        catalogue.data_sets,
        timeline.heads,
        timeline.timeline_sql,
        timeline.counts_sql,
        themes.in_order_of_care,
        curves.measured_fields,
        curves._measured_sql,
    )
    monkeypatch.setattr(catalogue, "_concrete", lambda: iter([*known, SleepStudy]))
    with connection.schema_editor() as editor:
        editor.create_model(SleepStudy)
    for each in cached:
        each.cache_clear()
    yield SleepStudy
    monkeypatch.undo()
    for each in cached:
        each.cache_clear()


def test_a_data_set_added_tomorrow_appears_by_itself(patient, reading, sleep_study):
    row = write(sleep_study, patient, moment("2026-03-05 22:00"), verdict="中度睡眠呼吸暂停", systolic=148)
    page = text_of(reading.get(record_of(patient)))
    assert "睡眠监测" in page
    assert "中度睡眠呼吸暂停 血压 148" in page
    assert "中度睡眠呼吸暂停" in text_of(reading.get(record_of(patient, "/themes/public-health")))
    assert "夜间收缩压" in text_of(reading.get(record_of(patient, f"/items/sleep-study/{row.id}")))
    assert 'id="curve-pressure"' in text_of(reading.get(record_of(patient, "/themes/signs")))


# -- how much it costs -------------------------------------------------------------------------------------------------


def count(client: Client, path: str, statements: list[str]) -> int:
    text_of(client.get(path, headers={"HX-Request": "true"} if "/timeline" in path or "/items/" in path else {}))
    statements.clear()
    text_of(client.get(path, headers={"HX-Request": "true"} if "/timeline" in path or "/items/" in path else {}))
    return len(statements)


def test_a_long_record_takes_no_more_statements_than_a_short_one(patient, reading, statements):
    life = Life(key=citizen_number("19590303", "144")).begin()
    for n in range(2):
        visit = write(OutpatientEncounter, patient, moment(f"2026-03-0{n + 1}"), kind="1")
        report = write(LabReport, patient, moment(f"2026-03-0{n + 1}"), subject="血常规", encounter=visit.source_key)
        write(LabResult, patient, report.occurred_at, report=report.source_key, item_name="血钾", quantity=n)
    other = f"/records/residents/{life.resident_id}"
    for rest in ("", "/timeline"):
        assert count(reading, other + rest, statements) == count(reading, record_of(patient, rest), statements)
    visits = [OutpatientEncounter.objects.filter(patient_id=each).first() for each in (life.patients[0], patient)]
    places = [
        f"{base}/items/outpatient-encounter/{visit.id}"
        for base, visit in zip((other, record_of(patient)), visits, strict=True)
    ]
    assert count(reading, places[0], statements) == count(reading, places[1], statements)


def test_the_timeline_is_one_statement(patient, reading, statements):
    write(Diagnosis, patient, moment("2026-03-05"), role="1", code_name="高血压病")
    count(reading, record_of(patient, "/timeline"), statements)
    assert len([sent for sent in statements if "medical_record_diagnosis" in sent]) == 1
