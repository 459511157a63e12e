"""Counting the population: who counts, where they live, what a division shows, and when it is counted again."""

import datetime as dt
import io

import openpyxl
import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from doubtful import told
from kangqiao.apps.population import jobs
from kangqiao.apps.population.models import (
    ELSEWHERE,
    NOWHERE,
    Event,
    EventCount,
    Headcount,
    HouseholdCount,
    Tally,
)
from kangqiao.apps.population.places import NoSuchDivision, ground_of
from kangqiao.apps.population.published import published_population
from kangqiao.apps.population.queries import overview_of, years_of
from kangqiao.apps.population.residence import home_of
from kangqiao.apps.population.services import count_population
from kangqiao.identity.deciding import merge_residents, unlink_patient
from kangqiao.identity.models import Link
from kangqiao.infra.ids import uuid7
from kangqiao.intake.models import Batch, Door
from kangqiao.records.population.models import Death, HukouRegistration, Migration, PatientRegistration
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.permissions import Permission, Role
from kangqiao.trust.services import create_account
from people import citizen_number, moment, resident_of, write
from village import (
    CITY,
    COUNTY,
    KUNMING,
    NEXT_VILLAGE,
    OTHER_COUNTY,
    TOWNSHIP,
    VILLAGE,
    Village,
    settle,
)

EVERYTHING = system_actor("test")
TODAY = timezone.localdate()


@pytest.fixture
def village(database) -> Village:
    return Village()


def people_in(division: str, **chosen) -> int:
    return sum(Headcount.objects.filter(division=division, **chosen).values_list("people", flat=True))


def test_a_living_person_counts_once_in_the_village_and_in_everything_above(village):
    tally = count_population(actor=EVERYTHING)
    assert tally.people == 4
    for division in (VILLAGE, TOWNSHIP, COUNTY, CITY):
        assert people_in(division, state="confirmed") == 3, division
    assert people_in(VILLAGE, state="confirmed", sex="2") == 2
    assert people_in(NEXT_VILLAGE, state="pending") == people_in(CITY, state="pending") == 1


def test_the_dead_are_not_counted_whoever_says_that_they_died(village):
    settle(
        village.hospital,
        "P9",
        "刀美",
        "2",
        "1950-01-01",
        key=citizen_number("19500101", "126"),
        died_at=moment("2026-01-01"),
    )
    count_population(actor=EVERYTHING)
    assert people_in(CITY, age__gte=70) == 0
    Death.objects.update(voided=True)
    count_population(actor=EVERYTHING)
    assert people_in(CITY, age__gte=70) == 1


def test_a_resident_without_patients_and_a_merged_one_are_nobody(village):
    link = Link.objects.get(patient_id=village.mother, undone_at=None)
    for each in Link.objects.filter(resident_id=link.resident_id, undone_at=None):
        unlink_patient(link_id=each.id, reason="登记有误", actor=EVERYTHING)
    count_population(actor=EVERYTHING)
    assert people_in(CITY, state="confirmed") == 2
    assert people_in(CITY, state="pending") == 3


def test_ages_are_completed_years_of_today(village):
    birthday = TODAY.replace(year=TODAY.year - 30) if (TODAY.month, TODAY.day) != (2, 29) else dt.date(1996, 2, 28)
    settle(village.hospital, "P7", "今天", "1", birthday.isoformat(), division=OTHER_COUNTY)
    settle(village.hospital, "P8", "明天", "1", (birthday + dt.timedelta(days=1)).isoformat(), division=OTHER_COUNTY)
    count_population(actor=EVERYTHING)
    assert sorted(Headcount.objects.filter(division=OTHER_COUNTY).values_list("age", flat=True)) == [29, 30]


def test_one_lives_where_the_newest_registration_says(village):
    older, newer = moment("2026-03-02"), moment("2026-05-02")
    told = {"name": "李国强", "sex": "1"}
    write(PatientRegistration, village.father, older, division=OTHER_COUNTY, revised_at=newer, **told)
    write(PatientRegistration, village.father, newer, division=NEXT_VILLAGE, revised_at=older, **told)
    assert home_of(resident_of(village.father)).division == OTHER_COUNTY
    count_population(actor=EVERYTHING)
    assert people_in(OTHER_COUNTY) == 1


def test_the_household_register_counts_where_no_registration_says_anything(village):
    PatientRegistration.objects.update(division=None)
    assert isinstance(home_of(resident_of(village.mother)), HukouRegistration)
    count_population(actor=EVERYTHING)
    assert people_in(VILLAGE) == 3
    assert people_in(NOWHERE) == 1
    HukouRegistration.objects.update(state="2")
    assert home_of(resident_of(village.mother)) is None


def test_who_lives_outside_the_city_or_nowhere_is_counted_apart(village):
    settle(village.hospital, "P7", "远方", "1", "1990-01-01", division=KUNMING)
    settle(village.hospital, "P8", "不详", "1", "1990-01-01", division="5309")
    count_population(actor=EVERYTHING)
    assert people_in(ELSEWHERE) == people_in(NOWHERE) == 1


def test_events_count_by_year_and_a_move_inside_is_no_move_of_the_whole(village):
    count_population(actor=EVERYTHING)
    years = {each.year: each for each in years_of(VILLAGE)}
    assert (years[2020].births, years[2020].growth) == (1, 1)
    assert (years[2025].deaths, years[2025].growth) == (1, -1)
    assert years[2024].moved_out == 1
    assert list(years) == [2025, 2024, 2023, 2022, 2021, 2020]
    Migration.objects.update(to_division=NEXT_VILLAGE)
    count_population(actor=EVERYTHING)
    moved = EventCount.objects.filter(event=Event.MOVE_OUT).values_list("division", flat=True)
    assert list(moved) == [VILLAGE]


def test_an_event_reported_twice_counts_once(village):
    again = Death.objects.get()
    told = {"cause": "I64", "cause_name": "脑卒中", "registered": dt.date(2025, 2, 4), "state": "1"}
    write(Death, again.patient_id, moment("2025-02-03 05:00"), division=VILLAGE, **told)
    count_population(actor=EVERYTHING)
    assert EventCount.objects.get(division=CITY, event=Event.DEATH).people == 1


def test_registered_households_count(village):
    count_population(actor=EVERYTHING)
    assert HouseholdCount.objects.get(division=TOWNSHIP).households == 1


def test_an_overview_adds_up(village):
    settle(village.hospital, "P7", "只到县", "1", "1990-01-01", key=citizen_number("19900101", "115"), division=COUNTY)
    count_population(actor=EVERYTHING)
    ground = ground_of(EVERYTHING, TODAY)
    seen = overview_of(ground.division(COUNTY), ground, with_pending=False)
    assert seen.sums.confirmed == 4 == sum(line.sums.confirmed for line in seen.below)
    assert seen.below[-1].division is None
    assert seen.below[-1].sums.confirmed == 1
    assert sum(band.people for band in seen.bands) == 4
    assert seen.line.published.population == 370947
    assert seen.line.coverage == pytest.approx(4 / 3709.47)
    assert seen.is_sample
    whole = overview_of(ground.division(COUNTY), ground, with_pending=True)
    assert sum(band.people for band in whole.bands) == 5


def test_counting_writes_an_audit_entry_and_replaces_what_was_counted(village):
    count_population(actor=EVERYTHING)
    count_population(actor=EVERYTHING)
    assert people_in(VILLAGE) == 3
    assert AuditEntry.objects.filter(action=Action.POPULATION_COUNT).count() == Tally.objects.count() == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"sex": "3"},
        {"age": -1},
        {"state": "merged"},
        {"people": 0},
        {"division": "5309"},
    ],
)
def test_the_database_refuses_a_headcount_that_can_not_be(database, wrong):
    right = {"division": VILLAGE, "sex": "1", "age": 3, "state": "confirmed", "people": 1}
    with pytest.raises(IntegrityError), transaction.atomic():
        Headcount.objects.create(**right | wrong)


def test_the_database_refuses_to_count_a_group_twice(database):
    Headcount.objects.create(division=VILLAGE, sex="1", age=None, state="confirmed", people=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Headcount.objects.create(division=VILLAGE, sex="1", age=None, state="confirmed", people=2)


# -- when --------------------------------------------------------------------------------------------------------------


def batch(finished: dt.datetime | None) -> None:
    Batch.objects.create(
        id=uuid7(),
        number=f"{uuid7()}",
        door=Door.COMMAND,
        state="completed" if finished else "received",
        receipt={} if finished else None,
        received_at=timezone.now(),
        finished_at=finished,
    )


def test_it_is_counted_after_batches_and_on_a_new_day_with_a_rest_between(database):
    assert not jobs.is_due(timezone.now())
    told(1, "a", "王秀英")
    now = timezone.now()
    batch(now - dt.timedelta(hours=1))
    assert jobs.is_due(now)
    tally = Tally.objects.create(started_at=now, finished_at=now, day=TODAY, people=0)
    later = now + dt.timedelta(minutes=5)
    assert not jobs.is_due(later)
    assert jobs.is_due(now + dt.timedelta(days=1))
    batch(now + dt.timedelta(minutes=1))
    assert jobs.is_due(later)
    assert not jobs.is_due(now + dt.timedelta(seconds=30))
    tally.finished_at = now + dt.timedelta(minutes=2)
    tally.save()
    assert not jobs.is_due(later)
    batch(None)
    assert not jobs.is_due(now + dt.timedelta(days=1))


def test_single_messages_alone_are_counted_at_once_each_hundredth_and_on_a_new_day(database):
    assert not jobs.is_due(timezone.now())
    told(1, "first", "王秀英")
    now = timezone.now()
    assert jobs.is_due(now)
    later = now + dt.timedelta(minutes=2)
    Tally.objects.create(started_at=now, finished_at=now, day=timezone.localdate(later), people=250)
    one = told(1, "a", "李小燕")
    assert not jobs.is_due(later)
    assert jobs.is_due(now + dt.timedelta(days=1))
    other = told(2, "b", "李小燕")
    assert jobs.is_due(later)
    counted = timezone.now()
    later = counted + dt.timedelta(minutes=2)
    Tally.objects.create(started_at=counted, finished_at=counted, day=timezone.localdate(later), people=3)
    assert not jobs.is_due(later)
    merge_residents(resident_id=one, other_id=other, reason="同一人", actor=EVERYTHING)
    assert jobs.is_due(later)


# -- who sees what -----------------------------------------------------------------------------------------------------


def actor_of(institution) -> Actor:
    read = frozenset({Permission.POPULATION_READ})
    return Actor(kind=ActorKind.ACCOUNT, id=None, name="", institution_id=institution.id, permissions=read)


def test_an_actor_of_an_institution_sees_its_county(village):
    ground = ground_of(actor_of(village.hospital), TODAY)
    assert ground.top.stats_code == COUNTY
    assert ground.division(VILLAGE).stats_code == VILLAGE
    assert [each.stats_code for each in ground.above(ground.division(VILLAGE))] == [COUNTY, TOWNSHIP]
    for outside in (CITY, OTHER_COUNTY):
        with pytest.raises(NoSuchDivision):
            ground.division(outside)
    assert {each.stats_code[:6] for each in ground.find("社区")} == {"530902"}


def browser(role: Role, institution=None) -> Client:
    account = create_account(
        username="worker",
        display_name="测试员",
        roles=[role],
        institution_id=institution.id if institution else None,
        actor=EVERYTHING,
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    return client


def test_a_regulator_reads_counts_down_to_the_village_and_no_names(village):
    count_population(actor=EVERYTHING)
    regulator = browser(Role.REGULATOR)
    assert regulator.get("/population/").url == f"/population/divisions/{CITY}"
    page = regulator.get(f"/population/divisions/{TOWNSHIP}").text
    assert "章嘎社区居民委员会" in page
    assert "李国强" not in page
    assert regulator.get(f"/population/divisions/{KUNMING}").status_code == 404
    assert "凤翔街道" in regulator.get("/population/divisions?q=凤翔").text


def test_a_page_before_the_first_count_says_so(village):
    assert "还没有统计过" in browser(Role.REGULATOR).get(f"/population/divisions/{CITY}").text


def test_the_workbook_holds_the_same_figures_and_is_audited(village):
    count_population(actor=EVERYTHING)
    answer = browser(Role.REGULATOR).get(f"/population/divisions/{VILLAGE}/table.xlsx?with=pending")
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    bands = list(book["年龄和性别"].iter_rows(min_row=2, max_row=22, values_only=True))
    assert sum(row[4] for row in bands) == 3
    assert bands[1][:3] == ("5–9", 0, 1)
    years = {row[0]: row[1:] for row in book["逐年变动"].iter_rows(min_row=2, max_row=7, values_only=True)}
    assert years[2025] == (0, 1, -1, 0, 0)
    assert AuditEntry.objects.get(action=Action.POPULATION_EXPORT).object_id == VILLAGE


def test_a_clinician_has_no_population_pages(village):
    assert browser(Role.CLINICIAN, village.hospital).get("/population/").status_code == 403


def test_an_own_file_of_published_figures_replaces_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("KANGQIAO_HOME", str(tmp_path))
    (tmp_path / "published-population.csv").write_text(
        "code,name,population,year,source\n530902000000,临翔区,400000,2025,年鉴\n", encoding="utf-8"
    )
    assert {code: each.population for code, each in published_population().items()} == {COUNTY: 400000}
