"""docs/adding-a-data-set.md, followed word by word in a copy of the program."""

import json
import re
import shutil
from pathlib import Path

import pytest

import kangqiao
from installation import Installation
from parcels import HOSPITAL, registration, write_parcel

PACKAGE = Path(kangqiao.__file__).parent
PAGE = PACKAGE.parents[1] / "docs" / "adding-a-data-set.md"
WRITTEN = re.compile(
    r"(?P<how>[Ww]rite the file|append to)\s+`(?P<path>[^`]+)`:\n\n```\w+\n(?P<text>.*?)```", re.DOTALL | re.I
)
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
REGISTER = f"""
from kangqiao.registry.models import Institution
Institution.objects.create(code="{HOSPITAL}", name="县医院", short_name="县医院", type="A100",
    division_code="530902000000", ownership="public")
"""


@pytest.fixture
def copy(tmp_path):
    """An installation that runs a copy of the program, changed as the page says."""
    shutil.copytree(PACKAGE, tmp_path / "src" / "kangqiao", ignore=shutil.ignore_patterns("__pycache__"))
    for step in WRITTEN.finditer(PAGE.read_text(encoding="utf-8")):
        with (tmp_path / step["path"]).open("a", encoding="utf-8") as file:
            file.write(step["text"])
    installation = Installation(PYTHONPATH=str(tmp_path / "src"))
    yield installation
    installation.close()


def oral_examination(key, **changes):
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-01-03 08:00:00",
        "examined": "2026-01-03 08:00:00",
        "teeth": "20",
        "carious_teeth": "2",
        "risk": "1",
    }
    return row | changes


def test_the_page_leads_to_rows_in_a_table(copy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in COMMANDS.findall(PAGE.read_text(encoding="utf-8")):
        for command in block.splitlines():
            done = copy.run(*command.removeprefix("kangqiao ").split())
            assert done.returncode == 0, done.stdout + done.stderr
    migrations = [path.name for path in (tmp_path / "src/kangqiao/records/health_record/migrations").glob("0*.py")]
    assert len(migrations) == len(list((PACKAGE / "records/health_record/migrations").glob("0*.py"))) + 1
    contract = json.loads((tmp_path / "contract.json").read_text(encoding="utf-8"))
    assert "oral-examination" in json.dumps(contract)
    assert (tmp_path / "oral-examination.xlsx").stat().st_size > 0
    assert "龋病风险" in (tmp_path / "documents" / "oral-examination.md").read_text(encoding="utf-8")

    assert copy.run("manage", "shell", "-c", REGISTER).returncode == 0
    rows = [
        oral_examination("K1"),
        oral_examination("K2", carious_teeth="21"),
        oral_examination("K3", risk="4"),
        oral_examination("K4", risk="3"),
        oral_examination("K5", risk="3", advice="涂氟"),
    ]
    parcel = write_parcel(tmp_path / "parcel", {"patient-registration": [registration()], "oral-examination": rows})
    receipt = json.loads(copy.run("intake", "submit", str(parcel), "--json").stdout)
    part = next(part for part in receipt["data_sets"] if part["data_set"] == "oral-examination")
    assert (part["rows"], part["refused"], part["warned"], part["new"]) == (5, 3, 1, 2)
