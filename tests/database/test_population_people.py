"""Households, events and persons: what is shown, to whom, for which purpose, and what is written down."""

import datetime as dt

import pytest
from django.test import Client

from kangqiao.apps.population.events import Kind, list_events
from kangqiao.apps.population.households import list_households, search_households
from kangqiao.apps.population.people import MergedInto, open_person
from kangqiao.apps.population.places import ground_of
from kangqiao.identity.deciding import link_patient, unlink_patient
from kangqiao.identity.models import Link
from kangqiao.infra.ids import uuid7
from kangqiao.records.population.models import Household, Migration
from kangqiao.trust.actions import Action, Purpose
from kangqiao.trust.actors import Actor, ActorKind, system_actor
from kangqiao.trust.errors import NotPermitted
from kangqiao.trust.models import Account, AuditEntry
from kangqiao.trust.permissions import Permission, Role
from kangqiao.trust.services import create_account
from people import moment, resident_of, write
from village import CITY, COUNTY, HOUSEHOLD_NUMBER, NEXT_VILLAGE, OTHER_COUNTY, VILLAGE, Village, settle

EVERYTHING = system_actor("test")
TODAY = dt.date(2026, 11, 3)
WHY = {"actor": EVERYTHING, "purpose": Purpose.OPERATION}


@pytest.fixture
def village(database) -> Village:
    return Village()


def division(code):
    return ground_of(EVERYTHING, TODAY).division(code)


def portrait(patient_id, **how):
    return open_person(resident_id=resident_of(patient_id), day=TODAY, **WHY | how)


# -- households --------------------------------------------------------------------------------------------------------


def test_households_are_listed_in_their_division_page_by_page(village):
    same = {field.attname: getattr(village.household, field.attname) for field in Household._meta.fields}
    for number in range(60):
        Household.objects.create(**same | {"id": uuid7(), "source_key": f"HK-{number}", "number": f"1{number % 7}"})
    seen, after = [], None
    for _ in range(2):
        page = list_households(division=division(VILLAGE), after=after, **WHY)
        seen += [(each.number, each.id) for each in page.rows]
        after = page.next_key
    assert after is None
    assert len(seen) == len(set(seen)) == 61
    assert seen == sorted(seen)
    assert list_households(division=division(NEXT_VILLAGE), after=None, **WHY).rows == []


@pytest.mark.parametrize(("text", "found"), [(HOUSEHOLD_NUMBER, 1), ("李国", 1), ("国强", 0), ("5300007", 0)])
def test_a_household_is_found_by_its_number_or_the_beginning_of_its_heads_name(village, text, found):
    assert len(search_households(division=division(COUNTY), text=text, **WHY)) == found
    assert search_households(division=division(OTHER_COUNTY), text=text, **WHY) == []


def test_what_was_typed_stands_in_no_address_and_in_no_audit_entry(village):
    steward = reader(Role.STEWARD)
    answer = steward.post(f"/population/households/{CITY}/search", {"text": "李国强"}, follow=True)
    assert "李国强" in answer.text
    assert all("李" not in address for address, _ in answer.redirect_chain)
    entries = AuditEntry.objects.filter(action=Action.HOUSEHOLD_READ)
    assert entries.count() == 2
    assert "李" not in str(list(entries.values()))


def test_a_household_shows_its_members_and_links_to_them(village):
    page = reader(Role.STEWARD).get(f"/population/households/{village.household.id}").text
    for patient in (village.father, village.mother, village.child, village.old):
        assert f"/population/people/{resident_of(patient)}" in page
    assert page.index("李国强</a>") < page.index("李小花</a>") < page.index("李老根</a>")
    entry = AuditEntry.objects.get(action=Action.HOUSEHOLD_READ)
    assert len(entry.detail["shown"]) == 4
    assert entry.purpose == "operation"


# -- events ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "year", "where", "names"),
    [
        (Kind.BIRTH, 2020, VILLAGE, ["李小花"]),
        (Kind.BIRTH, 2021, VILLAGE, []),
        (Kind.DEATH, None, CITY, ["李老根"]),
        (Kind.DEATH, None, NEXT_VILLAGE, []),
        (Kind.MOVE, 2024, COUNTY, ["李国强"]),
    ],
)
def test_events_are_listed_by_division_and_year(village, kind, year, where, names):
    page = list_events(kind=kind, division=division(where), year=year, after=None, day=TODAY, **WHY)
    assert [each.person.name for each in page.rows] == names


def test_a_year_of_events_begins_and_ends_in_city_time(village):
    Migration.objects.update(occurred_at=moment("2024-01-01 00:30"))
    for year, count in ((2023, 0), (2024, 1)):
        page = list_events(kind=Kind.MOVE, division=division(CITY), year=year, after=None, day=TODAY, **WHY)
        assert len(page.rows) == count


def test_long_lists_of_events_go_on_where_the_page_ended(village):
    for hour in range(60):
        told = {
            "reason": "01",
            "registered": dt.date(2024, 3, 4),
            "from_division": VILLAGE,
            "to_division": NEXT_VILLAGE,
        }
        write(Migration, village.father, moment("2023-05-01") + dt.timedelta(hours=hour // 2), kind="4", **told)
    seen, after = [], None
    for _ in range(2):
        page = list_events(kind=Kind.MOVE, division=division(CITY), year=None, after=after, day=TODAY, **WHY)
        seen += page.rows
        after = page.next_key
    assert len(seen) == 61
    assert [each.at for each in seen] == sorted((each.at for each in seen), reverse=True)


# -- one person --------------------------------------------------------------------------------------------------------


def test_a_person_is_shown_with_home_household_family_and_life(village):
    seen = portrait(village.mother)
    assert seen.home.division == "临翔区 章嘎社区居民委员会"
    assert [(each.number.label, each.number.number) for each in seen.numbers] == [
        ("居民身份证", village.mother_key),
        ("院内患者号", "P2"),
        ("院内患者号", "H2"),
    ]
    assert seen.numbers[0].institutions == ("临翔医院", "临沧市公安局")
    assert [member.person.name for member in seen.households[0].members] == ["李国强", "王秀英", "李小花", "李老根"]
    assert [(each.relation, each.person.name) for each in seen.relatives] == [("子女", "李小花")]
    assert [step.title for step in seen.steps] == ["出生", "户口登记", "入户", "子女出生"]
    assert {place.institution for place in seen.places} == {"临翔医院", "临沧市公安局"}


def test_a_child_has_the_parents_its_birth_record_names(village):
    seen = portrait(village.child)
    assert [(each.relation, each.person.id) for each in seen.relatives] == [
        ("母亲", resident_of(village.mother)),
        ("父亲", resident_of(village.father)),
    ]
    assert seen.steps[0].text == "临翔区 章嘎社区居民委员会"


def test_a_parent_nobody_knows_is_named_without_a_link(village):
    for link in Link.objects.filter(resident_id=resident_of(village.mother), undone_at=None):
        unlink_patient(link_id=link.id, reason="登记有误", actor=EVERYTHING)
    mother = portrait(village.child).relatives[0]
    assert mother.name == "王秀英"


def test_a_person_who_died_is_said_to_have(village):
    seen = portrait(village.old)
    assert seen.died_on == dt.date(2025, 2, 3)
    assert [step.title for step in seen.steps][-3:] == ["死亡", "户口注销", "离户"]


def test_a_move_tells_from_where_to_where_and_the_return(village):
    steps = {step.title: step for step in portrait(village.father).steps}
    assert steps["流出"].text.startswith("临翔区 章嘎社区居民委员会 → ")
    assert steps["返回（离开）"].day == dt.date(2024, 12, 20)


def test_what_differs_at_an_institution_is_marked(village):
    settle(village.hospital, "P77", "王秀英", "2", "1982-04-19", key=village.mother_key)
    page = reader(Role.STEWARD).get(f"/population/people/{resident_of(village.mother)}").text
    assert "<mark>1982-04-1" in page
    assert "出生日期不同" in page


def test_undone_links_stay_in_the_history_with_who_and_why(village):
    steward = create_account(
        username="duan",
        display_name="段主索引",
        roles=[Role.STEWARD],
        institution_id=None,
        actor=EVERYTHING,
        must_change_password=False,
    ).account
    actor = Actor(
        kind=ActorKind.ACCOUNT,
        id=steward.id,
        name="段主索引",
        institution_id=None,
        permissions=frozenset(Permission),
    )
    link_patient(patient_id=village.lodger, resident_id=resident_of(village.father), reason="本人到场", actor=actor)
    link = Link.objects.get(patient_id=village.lodger, undone_at=None)
    unlink_patient(link_id=link.id, reason="认错了人", actor=actor)
    history = portrait(village.father).links
    assert [bool(each.undone_at) for each in history] == [False, False, True]
    assert (history[-1].by, history[-1].undone_by, history[-1].undone_reason) == ("段主索引", "段主索引", "认错了人")
    assert history[-1].decision.reason == "本人到场"
    assert history[0].by == ""


def test_a_merged_resident_is_shown_where_it_went(village):
    pending = resident_of(village.lodger)
    link_patient(
        patient_id=village.lodger, resident_id=resident_of(village.father), reason="本人到场", actor=EVERYTHING
    )
    with pytest.raises(MergedInto):
        open_person(resident_id=pending, day=TODAY, **WHY)
    answer = reader(Role.STEWARD).get(f"/population/people/{pending}")
    assert answer.url == f"/population/people/{resident_of(village.father)}"


def test_numbers_are_masked_until_somebody_asks_and_that_is_written_down(village):
    steward, address = reader(Role.STEWARD), f"/population/people/{resident_of(village.father)}"
    assert village.father_key not in steward.get(address).text
    assert "13908830001" not in steward.get(address).text
    whole = steward.post(f"{address}/whole").text
    assert village.father_key in whole
    assert "13908830001" in whole
    entries = AuditEntry.objects.filter(action=Action.PERSON_READ, resident_id=resident_of(village.father))
    assert [entry.detail.get("revealed", False) for entry in entries.order_by("id")] == [False, False, True]


# -- who may, and why --------------------------------------------------------------------------------------------------


def reader(role: Role, institution=None, *, purpose: str = "operation") -> Client:
    account = create_account(
        username=f"worker-{role.value}",
        display_name="测试员",
        roles=[role],
        institution_id=institution.id if institution else None,
        actor=EVERYTHING,
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=account.id))
    if purpose:
        client.post("/population/purpose", {"purpose": purpose})
    return client


def test_nobody_is_shown_before_the_purpose_is_said(village):
    steward = reader(Role.STEWARD, purpose="")
    address = f"/population/people/{resident_of(village.father)}"
    asked = steward.get(address, follow=True)
    assert "您为什么查看个人信息" in asked.text
    assert "李国强" not in asked.text
    answer = steward.post("/population/purpose", {"purpose": "public-health", "next": address}, follow=True)
    assert "李国强" in answer.text
    assert AuditEntry.objects.get(action=Action.PERSON_READ).purpose == "public-health"


@pytest.mark.parametrize("onward", ["//evil.example/", "https://evil.example/population/", "/accounts/"])
def test_saying_the_purpose_leads_nowhere_else(village, onward):
    answer = reader(Role.STEWARD).post("/population/purpose", {"purpose": "operation", "next": onward})
    assert answer.url == "/population/"


def test_supervision_is_no_purpose_for_names(village):
    with pytest.raises(NotPermitted):
        portrait(village.father, purpose=Purpose.SUPERVISION)
    steward = reader(Role.STEWARD, purpose="supervision")
    assert steward.get(f"/population/people/{resident_of(village.father)}").url.startswith("/population/purpose")


@pytest.mark.parametrize("role", [Role.REGULATOR, Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_has_no_business_with_names_sees_none(village, role):
    client = reader(role, purpose="")
    for address in (
        f"/population/people/{resident_of(village.father)}",
        f"/population/households/{village.household.id}",
        f"/population/households/{CITY}",
        f"/population/events/{CITY}/death",
    ):
        assert client.get(address).status_code == 403


def test_a_steward_of_a_county_finds_no_household_of_another(village):
    village.hospital.division_code = OTHER_COUNTY
    village.hospital.save()
    steward = reader(Role.STEWARD, village.hospital)
    assert steward.get(f"/population/households/{village.household.id}").status_code == 404
    assert steward.get(f"/population/households/{CITY}").status_code == 404
    assert steward.get("/population/households/").url == f"/population/households/{OTHER_COUNTY}"


def test_the_search_for_residents_leads_stewards_here_and_clinicians_to_the_record(village):
    steward = reader(Role.STEWARD)
    found = steward.post("/residents/", {"text": village.father_key}, follow=True).text
    assert f"/population/people/{resident_of(village.father)}" in found
    assert "/records/residents" not in found
    clinician = reader(Role.CLINICIAN, village.hospital, purpose="")
    found = clinician.post("/residents/", {"text": village.father_key}, follow=True).text
    assert f"/records/residents/{resident_of(village.father)}" in found
    assert "/population/people" not in found


def test_the_record_leads_here_those_who_may_see_both(village):
    address = f"/records/residents/{resident_of(village.father)}"
    both = create_account(
        username="both",
        display_name="测试员",
        roles=[Role.CLINICIAN, Role.STEWARD],
        institution_id=village.hospital.id,
        actor=EVERYTHING,
        must_change_password=False,
    ).account
    client = Client()
    client.force_login(Account.objects.get(id=both.id))
    client.post(f"{address}/purpose", {"purpose": "treatment"})
    assert f"/population/people/{resident_of(village.father)}" in client.get(address).text
    clinician = reader(Role.CLINICIAN, village.hospital, purpose="")
    clinician.post(f"{address}/purpose", {"purpose": "treatment"})
    assert "/population/people" not in clinician.get(address).text


def test_a_person_nobody_knows_is_not_found(village):
    assert reader(Role.STEWARD).get("/population/people/01900000-0000-7000-8000-000000000999").status_code == 404
