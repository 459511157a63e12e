"""Signing in, being refused, managing accounts, reading the audit log: in a real browser, at desk and phone width."""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import openpyxl
import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from stage.journey import PASSWORD, Site, fits_its_width, make_account, sign_in

from kangqiao.registry.models import Institution
from kangqiao.trust.models import Account, AuditEntry, MachineToken

Shoot = Callable[[str], None]


def open_menu(page: Page) -> None:
    """Make the navigation visible: it is a drawer on a phone."""
    button = page.get_by_role("button", name="导航菜单")
    if button.is_visible():
        button.click()


def open_account_menu(page: Page) -> None:
    page.locator("details.kq-menu summary").click()


def a_hospital() -> Institution:
    return Institution.objects.create(
        code="530900001",
        name="临沧市人民医院",
        short_name="市医院",
        type="A1",
        division_code="530902001000",
        ownership="public",
    )


# -- signing in --------------------------------------------------------------------------------------------------------


def test_a_clinician_signs_in_sees_a_workbench_and_signs_out(page: Page, shoot: Shoot):
    make_account("doctor", "clinician", institution_id=1, display_name="李医生")
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in"))
    expect(page.get_by_label("账号")).to_be_focused()
    shoot("sign-in")
    assert fits_its_width(page)
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_contain_text("李医生")
    expect(page.get_by_role("main").get_by_text("临床医生")).to_be_visible()
    shoot("home-clinician")
    assert fits_its_width(page)
    open_account_menu(page)
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_text("您已安全退出")).to_be_visible()
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_a_wrong_password_is_said_plainly_and_the_fifth_locks(page: Page, shoot: Shoot):
    make_account("doctor", "clinician", institution_id=1)
    for _ in range(4):
        sign_in(page, "doctor", "wrong")
        expect(page.get_by_role("alert")).to_contain_text("账号或密码不正确")
    shoot("sign-in-wrong")
    assert page.get_by_label("账号").input_value() == "doctor"
    assert page.get_by_label("密码").input_value() == ""
    sign_in(page, "doctor", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("已锁定")
    sign_in(page, "doctor")
    expect(page.get_by_role("alert")).to_contain_text("15 分钟后再试")
    shoot("sign-in-locked")


def test_empty_fields_are_marked_where_they_are(page: Page):
    page.goto("/sign-in")
    page.locator("form").evaluate("form => form.noValidate = true")
    page.get_by_role("button", name="登录").click()
    field = page.get_by_label("账号")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text("必填")


def test_signing_in_leads_on_to_the_page_one_wanted_but_never_to_another_site(page: Page, site: Site):
    make_account("keeper", "auditor")
    page.goto("/audit?outcome=refused")
    page.get_by_label("账号").fill("keeper")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{site.url}/audit?outcome=refused")
    page.goto("/sign-in?next=https://example.org/")
    expect(page).to_have_url(f"{site.url}/")


def test_a_first_password_must_be_changed_before_anything_else(page: Page, shoot: Shoot):
    make_account("keeper", "auditor", must_change_password=True)
    sign_in(page, "keeper")
    expect(page).to_have_url(re.compile("/password$"))
    page.goto("/audit")
    expect(page).to_have_url(re.compile("/password$"))
    page.get_by_label("当前密码").fill(PASSWORD)
    page.get_by_label("新密码", exact=False).nth(0).fill("weak")
    page.get_by_label("再次输入新密码").fill("weak")
    page.get_by_role("button", name="保存新密码").click()
    expect(page.get_by_text("密码至少 12 个字符")).to_be_visible()
    shoot("password")
    page.get_by_label("当前密码").fill(PASSWORD)
    page.get_by_label("新密码", exact=False).nth(0).fill("Nan-ding-he-2027")
    page.get_by_label("再次输入新密码").fill("Nan-ding-he-2027")
    page.get_by_role("button", name="保存新密码").click()
    expect(page.get_by_text("密码已修改")).to_be_visible()
    open_menu(page)
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="审计日志").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("审计日志")


# -- what one may not --------------------------------------------------------------------------------------------------


def test_without_the_right_there_is_a_plain_page_no_link_and_an_audit_entry(page: Page, shoot: Shoot):
    account = make_account("doctor", "clinician", institution_id=1)
    sign_in(page, "doctor")
    expect(page.get_by_role("link", name="账号管理")).to_have_count(0)
    response = page.goto("/accounts")
    assert response.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text("没有权限")
    expect(page.get_by_text("管理账号和接口令牌")).to_be_visible()
    shoot("no-right")
    assert fits_its_width(page)
    entry = AuditEntry.objects.get(action="trust:permission:refuse")
    assert (entry.actor_id, entry.object_id, entry.outcome) == (account.id, "portal:accounts", "refused")


def test_an_account_that_is_disabled_loses_its_open_session(page: Page):
    account = make_account("doctor", "clinician", institution_id=1)
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    Account.objects.filter(id=account.id).update(is_active=False)
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in"))


def test_faults_have_plain_pages(page: Page, shoot: Shoot):
    make_account("doctor", "clinician", institution_id=1)
    sign_in(page, "doctor")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.goto("/nothing-here").status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("页面不存在")
    shoot("not-found")
    page.goto("/password")
    page.context.clear_cookies(name="csrftoken")
    page.get_by_label("当前密码").fill("x")
    page.get_by_label("新密码", exact=False).nth(0).fill("x")
    page.get_by_label("再次输入新密码").fill("x")
    page.get_by_role("button", name="保存新密码").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("页面已过期")


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_an_administrator_creates_an_account_that_can_sign_in(page: Page, shoot: Shoot):
    hospital = a_hospital()
    make_account("root-1", "administrator", display_name="陈系统")
    sign_in(page, "root-1")
    shoot("home-administrator")
    open_menu(page)
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="账号管理").click()
    page.get_by_role("link", name="新建账号").click()
    page.get_by_label("账号名").fill("Wang.Wei")
    page.get_by_label("姓名").fill("王伟")
    page.get_by_label("机构数据员").check()
    page.get_by_role("button", name="创建账号").click()
    expect(page.get_by_text("临床医生和机构数据员须指定所属机构")).to_be_visible()
    shoot("account-new")
    assert fits_its_width(page)
    page.get_by_label("所属机构").select_option(label="临沧市人民医院（530900001）")
    page.get_by_role("button", name="创建账号").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("账号已创建")
    shoot("account-created")
    password = page.locator("#secret").inner_text()
    account = Account.objects.get(username="wang.wei")
    assert (account.roles, account.institution_id) == (["sender"], hospital.id)
    open_account_menu(page)
    page.get_by_role("button", name="退出登录").click()
    sign_in(page, "wang.wei", password)
    expect(page).to_have_url(re.compile("/password$"))


def test_accounts_are_found_while_typing_sorted_and_kept_on_one_screen(page: Page, shoot: Shoot):
    a_hospital()
    make_account("root-1", "administrator", display_name="陈系统")
    for number in range(60):
        make_account(f"doctor-{number:02}", "clinician", institution_id=1, display_name=f"医生{number:02}")
    sign_in(page, "root-1")
    page.goto("/accounts")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(page.get_by_text("共 61 条，第 1 / 2 页")).to_be_visible()
    shoot("accounts")
    assert fits_its_width(page)
    page.get_by_role("link", name="下一页").click()
    expect(rows).to_have_count(11)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("doctor-07")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile("q=doctor-07"))
    page.get_by_role("searchbox").fill("nobody at all")
    expect(page.get_by_text("没有符合条件的账号")).to_be_visible()
    page.goto("/accounts?sort=-username")
    expect(rows.first).to_contain_text("root-1")
    page.get_by_label("角色").select_option("administrator")
    expect(rows).to_have_count(1)


def test_disabling_asks_first_and_a_lock_can_be_lifted(page: Page, shoot: Shoot):
    make_account("root-1", "administrator")
    doctor = make_account("doctor", "clinician", institution_id=1, display_name="李医生")
    sign_in(page, "root-1")
    page.goto(f"/accounts/{doctor.id}")
    page.get_by_role("button", name="停用账号").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("停用“李医生”的账号？")
    shoot("confirm")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert Account.objects.get(id=doctor.id).is_active
    page.get_by_role("button", name="停用账号").click()
    dialog.get_by_role("button", name="停用账号").click()
    expect(page.get_by_text("账号已停用，已打开的登录同时失效")).to_be_visible()
    assert not Account.objects.get(id=doctor.id).is_active
    page.get_by_role("button", name="启用账号").click()
    expect(page.get_by_text("账号已启用，可以登录")).to_be_visible()
    Account.objects.filter(id=doctor.id).update(locked_until=timezone.now() + timedelta(minutes=9))
    page.reload()
    expect(page.get_by_text("已锁定")).to_be_visible()
    shoot("account-locked")
    page.get_by_role("button", name="解除锁定").click()
    expect(page.get_by_text("正常")).to_be_visible()
    page.get_by_role("button", name="重置密码").click()
    page.get_by_role("dialog").get_by_role("button", name="重置密码").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("密码已重置")
    password = page.locator("#secret").inner_text()
    assert Account.objects.get(id=doctor.id).check_password(password)


def test_a_token_is_issued_shown_once_and_revoked(page: Page, shoot: Shoot):
    a_hospital()
    make_account("root-1", "administrator")
    sign_in(page, "root-1")
    page.goto("/tokens")
    expect(page.get_by_text("还没有接口令牌")).to_be_visible()
    page.get_by_role("link", name="签发令牌").click()
    page.get_by_label("机构").select_option(index=1)
    page.get_by_label("令牌名称").fill("人民医院 HIS 接口")
    page.get_by_label("报送数据批次").check()
    page.get_by_label("通过 FHIR 接口写入").check()
    shoot("token-new")
    page.get_by_role("button", name="签发令牌").click()
    expect(page.locator("#secret")).to_have_text(re.compile("^kq_"))
    shoot("token-issued")
    page.get_by_role("link", name="返回令牌列表").click()
    shoot("tokens")
    assert fits_its_width(page)
    page.get_by_role("button", name="停用").click()
    page.get_by_role("dialog").get_by_role("button", name="停用令牌").click()
    expect(page.get_by_text("令牌已停用")).to_be_visible()
    assert MachineToken.objects.get().revoked_at


# -- the audit log -----------------------------------------------------------------------------------------------------


def test_the_auditor_filters_pages_and_exports_the_log(page: Page, shoot: Shoot):
    make_account("keeper", "auditor", display_name="周审计")
    for number in range(60):
        make_account(f"doctor-{number:02}", "clinician", institution_id=1)
    for _ in range(3):
        sign_in(page, "doctor-07", "wrong")
    sign_in(page, "keeper")
    open_menu(page)
    page.get_by_role("navigation", name="主导航").get_by_role("link", name="审计日志").click()
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(50)
    shoot("audit")
    assert fits_its_width(page)
    page.get_by_role("link", name="下一页").click()
    expect(page.get_by_role("link", name="回到第一页")).to_be_visible()
    page.get_by_label("结果").select_option("refused")
    page.get_by_role("button", name="查找").click()
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text("未登录")
    page.get_by_label("操作者账号名").fill("no-such-one")
    page.get_by_role("button", name="查找").click()
    expect(page.get_by_text("没有这个账号名")).to_be_visible()
    page.goto("/audit?action=trust:session:open&outcome=refused")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="导出 Excel").click()
    sheet = openpyxl.load_workbook(io.BytesIO(downloading.value.path().read_bytes())).active
    lines = list(sheet.iter_rows(values_only=True))
    assert lines[0][:5] == ("时间", "操作者", "操作者类型", "机构编号", "操作")
    assert [line[4] for line in lines[1:]] == ["登录"] * 3
    assert downloading.value.suggested_filename.startswith("审计日志-")
    assert AuditEntry.objects.filter(action="trust:audit:export").count() == 1
    day = timezone.localtime().date()
    page.goto(f"/audit?since={day + timedelta(days=1)}")
    expect(page.get_by_text("没有符合条件的记录")).to_be_visible()


# -- the shell ---------------------------------------------------------------------------------------------------------


def test_the_gallery_shows_every_part_without_breaking_the_rules(page: Page, shoot: Shoot):
    make_account("doctor", "clinician", institution_id=1, display_name="李医生")
    sign_in(page, "doctor")
    page.goto("/gallery")
    expect(page.locator(".kq-chart svg").first).to_be_visible()
    expect(page.get_by_text("533***********1234")).to_be_visible()
    shoot("gallery")
    assert fits_its_width(page)
    page.emulate_media(media="print")
    expect(page.get_by_text("内部资料，注意保密")).to_be_visible()
    expect(page.locator(".kq-nav")).to_be_hidden()
    shoot("gallery-print")


def test_a_keyboard_reaches_everything(page: Page, shoot: Shoot):
    make_account("root-1", "administrator")
    sign_in(page, "root-1")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("main").get_by_role("link").first).to_be_focused()
    drawer = page.get_by_role("button", name="导航菜单")
    if drawer.is_visible():
        navigation = page.get_by_role("navigation", name="主导航")
        expect(navigation).to_be_hidden()
        drawer.press("Enter")
        expect(navigation.get_by_role("link", name="工作台")).to_be_focused()
        shoot("drawer")
        page.keyboard.press("Escape")
        expect(navigation).to_be_hidden()
        expect(drawer).to_be_focused()
    open_account_menu(page)
    shoot("account-menu")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="修改密码")).to_be_hidden()


CONTRAST = """
() => {
  const channel = (c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const parse = (s) => (s.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length && (c[3] ?? 1) > 0.9) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("main *, header *, nav *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility({ visibilityProperty: true }) || e.closest("svg, .kq-door-view")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.textContent.trim().slice(0, 20)}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
"""


@pytest.mark.parametrize("path", ["/sign-in", "/", "/gallery", "/accounts", "/nothing-here"])
def test_text_stands_out_from_its_ground(page: Page, path: str):
    if path != "/sign-in":
        make_account("root-1", "administrator")
        sign_in(page, "root-1")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(path)
    assert page.evaluate(CONTRAST) == []


def test_pages_forbid_foreign_code_and_are_not_kept(site: Site):
    response = httpx.get(f"{site.url}/sign-in")
    policy = response.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'self'" in policy
    assert response.headers["cache-control"] == "no-store, private"
    assert response.headers["x-frame-options"] == "DENY"
    asset = httpx.get(f"{site.url}/static/portal/kangqiao.css")
    assert asset.status_code == 200
    assert "no-store" not in asset.headers["cache-control"]


def test_a_fragment_asked_for_after_the_session_ended_leads_to_the_sign_in_page(site: Site):
    response = httpx.get(f"{site.url}/accounts", headers={"HX-Request": "true"})
    assert response.headers["hx-redirect"] == "/sign-in"


def test_a_programming_error_shows_a_plain_page_without_details(site: Site):
    make_account("doctor", "clinician", institution_id=1)
    with httpx.Client(base_url=site.url, follow_redirects=True) as client:
        form = client.get("/sign-in").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        client.post("/sign-in", data={"username": "doctor", "password": PASSWORD, "csrfmiddlewaretoken": token})
        response = client.get("/breaks")
    assert response.status_code == 500
    assert "系统出了问题" in response.text
    assert "on purpose" not in response.text


def test_an_excel_export_holds_no_formula(site: Site):
    make_account("keeper", "auditor", display_name="=1+1")
    with httpx.Client(base_url=site.url, follow_redirects=True) as client:
        form = client.get("/sign-in").text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        client.post("/sign-in", data={"username": "keeper", "password": PASSWORD, "csrfmiddlewaretoken": token})
        sheet = openpyxl.load_workbook(io.BytesIO(client.get("/audit.xlsx").content)).active
    assert sheet["B2"].value == "=1+1"
    assert sheet["B2"].data_type == "s"
