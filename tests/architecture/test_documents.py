"""Documents name what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_settings_listed_are_those_that_are_read():
    read = (ROOT / "src/kangqiao/infra/configuration.py").read_text(encoding="utf-8")
    listed = set(re.findall(r"`(KANGQIAO_\w+)`", CONTRIBUTING))
    assert listed == set(re.findall(r'environment\.get\("(KANGQIAO_\w+)"', read))


@pytest.mark.parametrize("target", re.findall(r"`make (\w+)`", CONTRIBUTING))
def test_a_make_target_that_is_named_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_lock_files_name_no_registry():
    for name in ("requirements.lock", "package-lock.json", ".npmrc"):
        text = (ROOT / name).read_text(encoding="utf-8")
        hosts = re.findall(r"https?://([^/\"]+)\S*", text)
        assert {host for host in hosts if "opencollective" not in host and "github.com" not in host} == set()
