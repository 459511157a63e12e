"""Stewards at the review desk, in a real browser and by keys: answer, take back, confirm, check, correct."""

from collections.abc import Callable
from datetime import date

import pytest
from django.db import connection, transaction
from playwright.sync_api import Page, expect
from stage.journey import Site, fits_its_width, make_account, sign_in

from doubtful import doubt, resident_of, steward, told
from kangqiao.identity.absorbing import Absorption, Evidence, absorb
from kangqiao.identity.decisions import Decision, Doubt
from kangqiao.identity.doubts import answer_same, confirm
from kangqiao.infra.ids import uuid7
from kangqiao.records.health_record.models import ArchiveCover
from kangqiao.records.medical_record.models import Diagnosis, OutpatientEncounter
from kangqiao.registry.models import Institution
from kangqiao.trust.models import AuditEntry
from people import citizen_number, make_institution, moment, write

Shoot = Callable[[str], None]
KEY, OTHER_KEY = citizen_number(order="122"), citizen_number(order="124")
BORN = date(1965, 8, 12)


class Desk:
    """Two hospitals in two counties, and a doubt of each of four kinds."""

    def __init__(self) -> None:
        self.city = make_institution("临沧市人民医院", "530900001").id
        self.county = make_institution("云县爱华镇卫生院", "530922001").id
        Institution.objects.filter(id=self.county).update(division_code="530922100000", type="C220")
        self.similar = self._similar()
        self.linked = self._linked()
        self.two_numbers = self._two_numbers()
        self.match = self._match()

    def _similar(self) -> Doubt:
        said = {"phone": "13988031234", "division": "530902001001"}
        one = told(self.city, "A0317", "王秀英", key=KEY, registered_on=date(2019, 3, 2), **said)
        other = told(self.county, "B2201", "王秀瑛", registered_on=date(2023, 6, 1), **said)
        for patient in (one, other):
            write(ArchiveCover, patient, moment("2020-05-06"), archive_number="53090200100100317", abo="1")
            write(Diagnosis, patient, moment("2024-03-01"), role="1", code="I10.x00", code_name="高血压病")
            write(
                OutpatientEncounter, patient, moment("2025-04-02 09:10"), kind="1", department="内科", doctor="赵文斌"
            )
        return doubt(one, other)

    def _linked(self) -> Doubt:
        key = citizen_number("19900305", "128")
        one = told(self.city, "A0400", "李小燕", key=key, birth_date=date(1990, 3, 5))
        other = told(self.county, "B0400", "李小燕", key=key, sex="1", birth_date=date(1990, 3, 5))
        return doubt(other, one, kind=Doubt.Kind.LINKED, weight=3)

    def _two_numbers(self) -> Doubt:
        said = {"birth_date": date(1972, 1, 8)}
        one = told(self.city, "A0500", "张桂兰", key=citizen_number("19720108", "122"), **said)
        other = told(self.county, "B0500", "张桂兰", key=citizen_number("19720108", "146"), **said)
        return doubt(one, other, kind=Doubt.Kind.TWO_NUMBERS, weight=7)

    def _match(self) -> Decision:
        one, other = told(self.city, "A0600", "罗正明"), told(self.county, "B0600", "罗正明")
        why = Evidence(other, one, "phone-name", self.similar.pattern, 9.0, 0.998, self.similar.model)
        decision = Absorption(uuid7(), one, other, Decision.Kind.MATCH, "电话、姓名相同", evidence=why)
        with transaction.atomic():
            absorb(connection.connection, [decision])
        return Decision.objects.get(id=decision.decision_id)


@pytest.fixture
def desk(site: Site) -> Desk:
    return Desk()


def enter(page: Page, username: str, name: str) -> None:
    make_account(username, "steward", display_name=name)
    sign_in(page, username)
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def look(page: Page, shoot: Shoot, name: str) -> None:
    shoot(f"desk-{name}")
    assert fits_its_width(page), name


def test_doubts_are_answered_and_taken_back_by_keys_and_two_numbers_by_two_people(page: Page, desk: Desk, shoot: Shoot):
    enter(page, "steward", "段主索引")
    page.goto("/stewardship/")
    rows = page.locator("[data-row]")
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("李小燕")
    look(page, shoot, "queue")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_contain_text("已关联但信息矛盾")
    expect(page.locator("[data-waterfall] svg")).to_be_visible()
    look(page, shoot, "linked")
    page.keyboard.press("2")
    expect(page.get_by_text("已认定为不同的人。按 u 撤销。")).to_be_visible()
    assert resident_of(desk.linked.patient_id) == desk.linked.patient_id
    page.keyboard.press("u")
    expect(page.get_by_text("已撤销，疑问重新开放。")).to_be_visible()
    assert resident_of(desk.linked.patient_id) == desk.linked.first_id
    page.keyboard.press("3")
    expect(page.get_by_role("heading", level=1)).to_contain_text("疑似同一人")
    page.goto(f"/stewardship/doubts/{desk.two_numbers.id}")
    page.get_by_label("或填写理由").fill("派出所证明同一人两个号")
    page.get_by_role("button", name="同一人").click()
    expect(page.get_by_text("已提议合并，等另一人复核")).to_be_visible()

    page.goto(f"/stewardship/doubts/{desk.similar.id}?kind=similar")
    expect(page.locator(".sd-evidence > li").filter(has_text="同一天在两个县就诊")).to_contain_text("不像同一人")
    expect(page.locator(".sd-evidence > li").filter(has_text="ABO 血型")).to_contain_text("支持同一人")
    expect(page.locator("mark").filter(has_text="瑛")).to_be_visible()
    look(page, shoot, "similar")
    page.keyboard.press("1")
    expect(page.get_by_text("没有符合条件的疑问")).to_be_visible()
    assert resident_of(desk.similar.patient_id) == resident_of(desk.similar.other_patient_id)

    page.context.clear_cookies()
    enter(page, "second-steward", "白复核")
    page.goto("/stewardship/proposed")
    look(page, shoot, "proposed")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_text("派出所证明同一人两个号")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_text("没有等您复核的提议")).to_be_visible()
    assert resident_of(desk.two_numbers.patient_id) == resident_of(desk.two_numbers.other_patient_id)
    looked = AuditEntry.objects.filter(action="identity:doubt:read", object_id=str(desk.two_numbers.id))
    assert looked.values("actor_id").distinct().count() == 2


def test_what_two_people_joined_is_parted_when_another_confirms(page: Page, desk: Desk, shoot: Shoot):
    one = desk.two_numbers
    answer_same(doubt_id=one.id, reason="派出所证明同一人两个号", actor=steward("段主索引"))
    decision = confirm(doubt_id=one.id, actor=steward("白复核")).decision_id
    enter(page, "steward", "段主索引")
    page.goto(f"/stewardship/decisions/{decision}")
    page.get_by_label("撤销理由").fill("证明是伪造的")
    look(page, shoot, "undo-by-two")
    page.get_by_role("button", name="提议撤销").click()
    page.get_by_role("dialog").get_by_role("button", name="提议").click()
    expect(page.get_by_text("已提议撤销，等另一人复核")).to_be_visible()
    look(page, shoot, "undo-proposed")
    page.get_by_role("link", name="查看提议").click()
    expect(page.get_by_text("自己的提议由别人复核。")).to_be_visible()
    page.keyboard.press("2")
    expect(page.get_by_text("提议已退回，合并不变。")).to_be_visible()
    page.goto(f"/stewardship/decisions/{decision}")
    page.get_by_label("撤销理由").fill("证明是伪造的")
    page.get_by_role("button", name="提议撤销").click()
    page.get_by_role("dialog").get_by_role("button", name="提议").click()
    expect(page.get_by_text("已提议撤销，等另一人复核")).to_be_visible()
    assert resident_of(one.patient_id) == resident_of(one.other_patient_id)
    page.goto("/stewardship/decisions")
    expect(page.get_by_role("row").filter(has_text="派出所证明同一人两个号")).to_contain_text("撤销待复核")
    look(page, shoot, "decisions-undoing")

    page.context.clear_cookies()
    enter(page, "second-steward", "白复核")
    page.goto("/stewardship/proposed")
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.get_by_text("撤销合并", exact=True)).to_be_visible()
    look(page, shoot, "undo-to-confirm")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_text("提议撤销合并：证明是伪造的")).to_be_visible()
    look(page, shoot, "undo-confirm")
    page.keyboard.press("1")
    expect(page.get_by_text("已撤销合并。")).to_be_visible()
    assert resident_of(one.patient_id) != resident_of(one.other_patient_id)
    page.goto(f"/stewardship/decisions/{decision}")
    expect(page.get_by_text("（复核 白复核）")).to_be_visible()


def test_a_doubt_is_found_by_the_number_of_a_person(page: Page, desk: Desk):
    enter(page, "steward", "段主索引")
    page.goto("/stewardship/")
    page.get_by_label("按证件号码，或姓名加出生日期查找").fill(KEY)
    page.get_by_role("button", name="查找", exact=True).click()
    expect(page.locator("[data-row]")).to_have_count(1)
    expect(page.locator("[data-row]")).to_contain_text("王秀英")
    assert KEY not in page.url


def test_matches_are_checked_by_lot_and_decisions_taken_back_with_a_reason(page: Page, desk: Desk, shoot: Shoot):
    enter(page, "steward", "段主索引")
    page.goto(f"/stewardship/doubts/{desk.similar.id}")
    page.keyboard.press("1")
    expect(page.get_by_text("已认定为同一人。按 u 撤销。")).to_be_visible()
    page.goto("/stewardship/decisions")
    page.get_by_role("link", name="抽查自动合并").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("比对合并")
    expect(page.locator("[data-waterfall] svg")).to_be_visible()
    look(page, shoot, "check")
    page.keyboard.press("2")
    expect(page.get_by_text("没有还未抽查的自动合并。")).to_be_visible()
    expect(page.locator(".kq-figure").filter(has_text="正确率")).to_contain_text("0%")
    assert resident_of(desk.match.other_id) == desk.match.other_id
    look(page, shoot, "decisions")

    page.get_by_role("link", name="王秀英").click()
    page.get_by_label("撤销理由").fill("本人来电否认")
    page.get_by_role("button", name="撤销", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="撤销").click()
    expect(page.get_by_text("本人来电否认")).to_be_visible()
    assert resident_of(desk.similar.patient_id) != resident_of(desk.similar.other_patient_id)


def test_a_resident_asks_for_a_correction_and_the_institution_is_told(page: Page, desk: Desk, shoot: Shoot):
    enter(page, "steward", "段主索引")
    page.goto(f"/stewardship/corrections/new/{desk.linked.first_id}")
    page.get_by_label("哪家机构的登记").select_option(index=1)
    page.get_by_label("更正项目").select_option("sex")
    page.get_by_label("要求改为").fill("女")
    page.get_by_label("依据").fill("本人身份证")
    look(page, shoot, "correction-new")
    page.get_by_role("button", name="受理").click()
    expect(page.get_by_text("申请已受理。")).to_be_visible()
    page.get_by_role("textbox", name="答复").fill("请机构改正性别")
    page.get_by_role("button", name="同意更正").click()
    page.get_by_role("button", name="已通知机构").click()
    expect(page.get_by_text("已记为通知机构。")).to_be_visible()
    look(page, shoot, "correction")
    page.goto("/stewardship/corrections?state=told")
    expect(page.locator("[data-row]")).to_have_count(1)
    look(page, shoot, "corrections")
