"""Checks of the surroundings that need no installation."""

from pathlib import Path

import pytest

from kangqiao.cli import doctor


def test_packages_that_agree_with_the_lock_are_in_order():
    installed = doctor.version("django")
    assert doctor.packages(f"django=={installed} \\\n    --hash=sha256:00\n    # via kangqiao\n").remedy == ""


def test_a_package_of_another_version_is_named():
    finding = doctor.packages("django==1.0 \\\n")
    assert "django 是 " in finding.seen
    assert "应为 1.0" in finding.seen
    assert "make setup" in finding.remedy


def test_a_package_pinned_differently_for_each_python_may_be_any_of_these():
    installed = doctor.version("django")
    lock = f"django==1.0 ; python_full_version >= '3.99' \\\ndjango=={installed} ; python_full_version < '3.99' \\\n"
    assert doctor.packages(lock).remedy == ""


@pytest.mark.parametrize(("line", "faulty"), [("absent==1", True), ("absent==1 ; sys_platform == 'win32'", False)])
def test_an_absent_package_is_a_fault_unless_its_pin_has_a_condition(line, faulty):
    assert bool(doctor.packages(line).remedy) == faulty


@pytest.mark.parametrize(("amount", "faulty"), [(1 << 30, True), (4 << 30, False)])
def test_too_little_memory_is_a_fault(amount, faulty):
    assert bool(doctor.memory(amount).remedy) == faulty


@pytest.mark.parametrize(("free", "faulty"), [(1 << 30, True), (50 << 30, False)])
def test_too_little_disk_is_a_fault(free, faulty):
    assert bool(doctor.disk(Path("/"), free).remedy) == faulty
