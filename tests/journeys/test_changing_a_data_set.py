"""docs/changing-a-data-set.md, followed word by word in a copy of the program whose database has rows."""

import datetime as dt
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import kangqiao
from installation import Installation
from parcels import HOSPITAL, registration, write_parcel

PACKAGE = Path(kangqiao.__file__).parent
DOCS = PACKAGE.parents[1] / "docs"
ADDING, CHANGING = (DOCS / name for name in ("adding-a-data-set.md", "changing-a-data-set.md"))
WRITTEN = re.compile(
    r"(?P<how>[Ww]rite the file|append to)\s+`(?P<path>[^`]+)`:\n\n```\w+\n(?P<text>.*?)```", re.DOTALL | re.I
)
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
DIFF = re.compile(r"```diff\n(.*?)```", re.DOTALL)
WORD = "oral-examination"
TODAY = dt.date.today()

REGISTER = f"""
from kangqiao.registry.models import Institution
Institution.objects.create(code="{HOSPITAL}", name="县医院", short_name="县医院", type="A100",
    division_code="530902000000", ownership="public")
"""
READ = """
import asyncio, json, re, sys
from django.conf import settings
from django.test import Client
from kangqiao.identity.models import Link
from kangqiao.records.health_record.models import OralExamination
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import Account
from kangqiao.trust.services import create_account

settings.ALLOWED_HOSTS.append("testserver")

def browser(role):
    known = Account.objects.filter(username=role).first() or create_account(username=role, display_name="测试员",
        roles=[role], institution_id=1, actor=system_actor("test"), must_change_password=False).account
    client = Client()
    client.force_login(Account.objects.get(id=known.id))
    return client

def text(page):
    return re.sub(r"\\s+", " ", re.sub("<[^>]*>", " ", page.content.decode()))

doctor = browser("clinician")
resident = Link.objects.get(undone_at=None).resident_id
doctor.post(f"/records/residents/{resident}/purpose", {"purpose": "treatment"})
items = {row.source_key: text(doctor.get(f"/records/residents/{resident}/items/oral-examination/{row.id}"))
    for row in OralExamination.objects.all()}
sender = browser("sender")
print("READ" + json.dumps({
    "items": items,
    "timeline": text(doctor.get(f"/records/residents/{resident}/timeline", headers={"HX-Request": "true"})),
    "changes": text(sender.get("/standards/changes")),
    "compared": text(sender.get("/standards/oral-examination/compare")),
    "stored": list(OralExamination.objects.order_by("source_key")
        .values_list("source_key", "payment", "risk", "version")),
}))
"""


@pytest.fixture
def program(tmp_path):
    """The folder of a copy of the program to which the data set was added."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "kangqiao", ignore=shutil.ignore_patterns("__pycache__"))
    for step in WRITTEN.finditer(ADDING.read_text(encoding="utf-8")):
        with (tmp_path / step["path"]).open("a", encoding="utf-8") as file:
            file.write(step["text"])
    return tmp_path


@pytest.fixture
def copy(program, monkeypatch):
    """An installation that runs the copy."""
    monkeypatch.chdir(program)
    installation = Installation(PYTHONPATH=str(program / "src"))
    yield installation
    installation.close()


def follow(copy, page):
    """Give the commands of a page; returns everything they said."""
    said = ""
    for block in COMMANDS.findall(page.read_text(encoding="utf-8")):
        for command in block.splitlines():
            done = copy.run(*command.removeprefix("kangqiao ").split())
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
    return said


def change_class(program):
    """Change the class as the page says, with days around today: announced, in use, the former one not yet ended."""
    (diff,) = DIFF.findall(CHANGING.read_text(encoding="utf-8"))
    for written, day in (("2026, 12, 1", -60), ("2027, 1, 1", -30), ("2027, 6, 30", 30)):
        then = TODAY + dt.timedelta(days=day)
        assert f"dt.date({written})" in diff
        diff = diff.replace(f"dt.date({written})", f"dt.date({then.year}, {then.month}, {then.day})")
    (program / "change.diff").write_text(diff, encoding="utf-8")
    subprocess.run(["git", "apply", "--recount", "change.diff"], cwd=program, check=True)


def end_former_edition(program):
    """Let the last day of the former edition lie in the past."""
    path = program / "src/kangqiao/records/health_record/oral.py"
    over = TODAY - dt.timedelta(days=1)
    text = path.read_text(encoding="utf-8")
    ended = re.sub(
        r"former_until=dt\.date\([^)]*\)", f"former_until=dt.date({over.year}, {over.month}, {over.day})", text
    )
    assert ended != text
    path.write_text(ended, encoding="utf-8")


def examination(key, **changes):
    """One row of the first edition as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-01-03 08:00:00",
        "examined": "2026-01-03 08:00:00",
        "teeth": "20",
        "carious_teeth": "2",
        "risk": "1",
        "payment": "03",
    }
    return row | changes


def send(copy, folder, number, rows, *, edition=None, contract="1.0"):
    """Send rows as a batch and return the receipt of the data set."""
    data_sets = {"patient-registration": [registration()], WORD: rows}
    editions = {WORD: edition} if edition else None
    parcel = write_parcel(folder / number, data_sets, number=number, editions=editions, contract=contract)
    done = copy.run("intake", "submit", str(parcel), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return next(part for part in json.loads(done.stdout)["data_sets"] if part["data_set"] == WORD)


def read(copy):
    """Return what the pages show of the stored rows."""
    done = copy.run("manage", "shell", "-c", READ)
    assert "READ" in done.stdout, done.stdout + done.stderr
    return json.loads(done.stdout.partition("READ")[2].splitlines()[0])


def outcome(part):
    return part["new"], part["changed"], part["refused"]


def test_a_data_set_with_rows_changes_and_both_editions_are_taken_until_the_former_one_ends(copy, program):
    follow(copy, ADDING)
    assert copy.run("manage", "shell", "-c", REGISTER).returncode == 0
    first = send(copy, program, "1", [examination("A"), examination("B", risk="2")])
    assert (first["edition"], outcome(first), first["notes"]) == ("1.0", (2, 0, 0), [])

    change_class(program)
    said = follow(copy, CHANGING)
    assert "新增数据项" in said
    assert "代码停用" in said
    until = TODAY + dt.timedelta(days=30)
    document = (program / "documents" / f"{WORD}.md").read_text(encoding="utf-8")
    assert f"1.0 版接收至 {until}（含当日）" in document
    assert json.loads((program / "contract.json").read_text(encoding="utf-8"))["contract"] == "1.1"

    old = send(copy, program, "2", [examination("C", risk="2")])
    assert (old["edition"], outcome(old)) == ("1.0", (1, 0, 0))
    assert old["notes"] == [f"本数据集 1.0 版将于 {until} 停止接收，请改用 1.1 版，变更见平台“数据标准 → 变更公告”"]
    newest = {"sealed": "4", "doctor": "李牙", "payment": "02"}
    rows = [
        examination("D", **newest),
        examination("A", revised_at="2026-02-01 08:00:00", **newest),
        examination("E", **newest | {"payment": "03"}),
        examination("F", risk="2", **newest),
        examination("G", **newest | {"sealed": ""}),
    ]
    new = send(copy, program, "3", rows, edition="1.1")
    assert (new["edition"], outcome(new), new["notes"]) == ("1.1", (1, 1, 3), [])
    assert {(each["column"], each["word"]) for each in new["findings"]} == {
        ("payment", "former-code-1.1"),
        ("risk", "former-code-1.1"),
        ("sealed", "required"),
    }

    shown = read(copy)
    assert shown["stored"] == [["A", "02", "1", 2], ["B", "03", "2", 1], ["C", "02", "2", 1], ["D", "02", "1", 1]]
    assert "新型农村合作医疗" in shown["items"]["B"]
    assert "中风险" in shown["items"]["B"]
    assert "新型农村合作医疗" in shown["items"]["A"]
    assert "城镇居民基本医疗保险" in shown["items"]["A"]
    assert "中风险" in shown["timeline"]
    assert "新旧并行" in shown["changes"]
    assert "县医院 1.1" in shown["changes"]
    assert "窝沟封闭牙数" in shown["compared"]

    end_former_edition(program)
    over = send(copy, program, "4", [examination("H")])
    assert (over["state"], over["rows"], over["problem"]["word"]) == ("refused", 0, "edition-over")
    assert f"已于 {TODAY - dt.timedelta(days=1)} 停止接收" in over["problem"]["message"]
    assert "现在接收 1.1 版；请按 1.1 版重新导出" in over["problem"]["message"]
    again = send(copy, program, "5", [examination("H", **newest)], contract="1.1")
    assert outcome(again) == (1, 0, 0)
    after = read(copy)
    assert "旧版停用" in after["changes"]
    assert "新型农村合作医疗" in after["items"]["B"]
