"""`kangqiao doctor`: quiet when all is well, and for each planted fault the line that says how to mend it."""

import socket
from collections.abc import Iterator

import pytest

from installation import Installation
from kangqiao.portal import assets


@pytest.fixture(scope="module")
def home() -> Iterator[Installation]:
    made = Installation()
    assert made.run("manage", "migrate").returncode == 0
    yield made
    made.close()


@pytest.fixture
def examined(home: Installation):
    def examine(**environment: str) -> tuple[int, str]:
        kept = dict(home.environment)
        home.environment |= environment
        try:
            result = home.run("doctor")
        finally:
            home.environment = kept
        return result.returncode, result.stdout + result.stderr

    return examine


def test_a_sound_installation_has_nothing_to_mend(examined):
    code, said = examined()
    assert (code, said.count("✗")) == (0, 0), said
    assert "✓ 数据库：PostgreSQL 18." in said
    assert said.endswith("一切正常\n")


def test_a_database_out_of_reach_is_found(examined):
    code, said = examined(KANGQIAO_DATABASE_URL="postgresql://nobody:secret@127.0.0.1:1/nothing")
    assert code == 1
    assert "✗ 数据库：" in said
    assert "KANGQIAO_DATABASE_URL" in said
    assert "secret" not in said


def test_migrations_not_applied_are_found(examined, home):
    assert home.run("manage", "migrate", "sessions", "zero").returncode == 0
    code, said = examined()
    assert home.run("manage", "migrate").returncode == 0
    assert code == 1
    assert "✗ 数据表结构：有 1 项变更未执行" in said
    assert "manage migrate" in said


def test_a_taken_port_is_found(examined, home):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", home.port))
        taken.listen()
        code, said = examined()
    assert code == 1
    assert f"✗ 端口：{home.port} 已被别的程序占用" in said


def test_an_archive_that_cannot_be_written_is_found(examined, home):
    (home.home / "file").write_bytes(b"")
    code, said = examined(KANGQIAO_ARCHIVE_URL=(home.home / "file" / "archive").as_uri())
    assert code == 1
    assert "✗ 归档：不可用" in said


def test_a_secret_key_open_to_others_is_found(examined, home):
    (home.home / "secret-key").chmod(0o644)
    code, said = examined()
    (home.home / "secret-key").chmod(0o600)
    assert code == 1
    assert f"chmod 600 {home.home / 'secret-key'}" in said


def test_missing_page_assets_are_found(examined):
    asset = assets.VENDOR / "htmx" / "htmx.min.js"
    moved = asset.with_suffix(".away")
    asset.rename(moved)
    try:
        code, said = examined()
    finally:
        moved.rename(asset)
    assert code == 1
    assert "✗ 页面素材：缺少 htmx/htmx.min.js" in said
    assert "make setup" in said
