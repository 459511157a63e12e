"""What an operator may set, and what is decided when nothing is set."""

import stat

import pytest

from kangqiao.infra.configuration import load
from kangqiao.infra.errors import ConfigurationError


def test_the_secret_key_is_made_once_and_kept_for_its_owner(tmp_path):
    first = load({"KANGQIAO_HOME": str(tmp_path / "home")})
    assert load({"KANGQIAO_HOME": str(tmp_path / "home")}).secret_key == first.secret_key
    assert len(first.secret_key) >= 50
    assert stat.S_IMODE((tmp_path / "home" / "secret-key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret-key"]


def test_two_homes_have_two_secret_keys(tmp_path):
    keys = {load({"KANGQIAO_HOME": str(tmp_path / name)}).secret_key for name in ("one", "two")}
    assert len(keys) == 2


def test_without_settings_nothing_is_open_to_the_network(tmp_path):
    settings = load({"KANGQIAO_HOME": str(tmp_path)})
    assert settings.host == "127.0.0.1"
    assert settings.debug is False
    assert "*" not in settings.allowed_hosts


def test_the_archive_lies_in_the_home_folder_unless_a_url_is_given(tmp_path):
    assert load({"KANGQIAO_HOME": str(tmp_path)}).archive_url == (tmp_path / "archive").as_uri()
    given = load({"KANGQIAO_HOME": str(tmp_path), "KANGQIAO_ARCHIVE_URL": "s3://bucket/kangqiao"})
    assert given.archive_url == "s3://bucket/kangqiao"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KANGQIAO_PORT", "0"),
        ("KANGQIAO_PORT", "65536"),
        ("KANGQIAO_PORT", "八千"),
        ("KANGQIAO_PORT", "-1"),
        ("KANGQIAO_DEBUG", "maybe"),
    ],
)
def test_a_setting_that_cannot_be_understood_is_named(tmp_path, name, value):
    with pytest.raises(ConfigurationError, match=name):
        load({"KANGQIAO_HOME": str(tmp_path), name: value})
