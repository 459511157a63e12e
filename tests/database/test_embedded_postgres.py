"""The PostgreSQL of our own: created once, recovered after a kill, stopped by its last user."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from kangqiao.infra import postgres
from kangqiao.infra.errors import PostgresError


@pytest.fixture
def home() -> Iterator[Path]:
    """A home whose path is short enough for a Unix socket, as pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="kq-"))
    folder.chmod(0o711)
    yield folder
    known = postgres.recorded(folder)
    postgres.Cluster(home=folder).stop()
    if known:
        shutil.rmtree(known.place, ignore_errors=True)
    shutil.rmtree(folder)


def _started(home: Path) -> postgres.Connection:
    return postgres.Cluster(home=home, durable=False).start()


def _pid(connection: postgres.Connection) -> int:
    pid = postgres.running_process(connection.place / "data")
    assert pid is not None
    return pid


def _run(connection: postgres.Connection, statement: str) -> list[tuple]:
    with psycopg.connect(connection.url(), autocommit=True) as session:
        cursor = session.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_rows_survive_a_killed_server(home):
    cluster = postgres.Cluster(home=home)
    connection = cluster.start()
    _run(connection, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    os.kill(_pid(connection), signal.SIGKILL)
    assert _run(cluster.start(), "SELECT count(*) FROM kept") == [(1000,)]


def test_a_server_on_its_way_out_is_waited_for_and_started_again(home):
    cluster = postgres.Cluster(home=home, durable=False)
    with psycopg.connect(cluster.start().url()) as busy:
        leaving = _pid(postgres.recorded(home))
        os.kill(leaving, signal.SIGTERM)  # a smart shutdown: it waits for this session and refuses new ones
        threading.Timer(1.0, busy.close).start()
        again = cluster.start()
    assert _pid(again) != leaving
    assert _run(again, "SELECT 1") == [(1,)]


def test_a_stale_process_number_of_another_program_does_not_hinder_the_start(home):
    connection = _started(home)
    note = (connection.place / "data" / "postmaster.pid").read_text()
    postgres.Cluster(home=home).stop()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (connection.place / "data" / "postmaster.pid").write_text(
            note.replace(note.split("\n", 1)[0], str(stranger.pid), 1)
        )
        assert _run(_started(home), "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def test_a_taken_port_is_exchanged_for_another_and_recorded(home):
    connection = _started(home)
    postgres.Cluster(home=home).stop()
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", connection.port))
        taken.listen()
        moved = _started(home)
    assert moved.port != connection.port
    assert postgres.recorded(home) == moved
    assert _run(moved, "SELECT 1") == [(1,)]


def test_the_last_of_two_users_stops_the_server(home):
    with postgres.in_use(home, durable=False) as first:
        data = first.place / "data"
        with postgres.in_use(home, durable=False) as second:
            assert second == first
        assert postgres.running_process(data)
    assert postgres.running_process(data) is None


def test_a_creation_cut_short_is_begun_anew(home):
    (home / "postgres" / "data.new").mkdir(parents=True)
    (home / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    assert _run(_started(home), "SELECT 1") == [(1,)]


def test_passwords_are_readable_by_their_owner_only(home):
    connection = _started(home)
    assert stat.S_IMODE((home / "postgres.json").stat().st_mode) == 0o600
    assert not list(connection.place.glob("password*"))


def test_a_wrong_password_is_refused(cluster):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.url().replace(cluster.password, "wrong"))


def test_the_program_is_no_superuser(cluster):
    assert _run(cluster, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") == [(False,)]


def test_chinese_text_is_stored_as_utf8_and_sorted_by_code_point(cluster):
    rows = _run(cluster, "SELECT string_agg(n, '' ORDER BY n) FROM unnest(ARRAY['沧', '临', 'Z']) AS n")
    assert rows == [("Z临沧",)]


def test_a_failing_statement_leaves_no_value_in_the_log(cluster):
    with psycopg.connect(cluster.url(), autocommit=True) as session:
        session.execute("CREATE TEMPORARY TABLE people (name text PRIMARY KEY)")
        session.execute("INSERT INTO people VALUES ('王小明')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("INSERT INTO people VALUES ('王小明')")
        with pytest.raises(psycopg.errors.InvalidDatetimeFormat):
            session.execute("SELECT '王小明'::date")
    assert "王小明" not in (cluster.place / "log").read_text(encoding="utf-8")


def test_data_of_another_major_version_is_not_touched(home):
    connection = _started(home)
    postgres.Cluster(home=home).stop()
    (connection.place / "data" / "PG_VERSION").write_text("14\n")
    with pytest.raises(PostgresError, match="PostgreSQL 14"):
        _started(home)


def test_a_home_that_was_moved_is_found_again(home):
    connection = _started(home)
    _run(connection, "CREATE TABLE kept ()")
    postgres.Cluster(home=home).stop()
    elsewhere = home.with_name(f"{home.name}-moved")
    home.rename(elsewhere)
    try:
        assert _run(_started(elsewhere), "SELECT count(*) FROM kept") == [(0,)]
    finally:
        postgres.Cluster(home=elsewhere).stop()
        elsewhere.rename(home)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another user")
def test_a_folder_closed_to_the_servers_user_stays_closed(home):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    inner = closed / "home"
    inner.mkdir()
    connection = _started(inner)
    try:
        assert _run(connection, "SELECT 1") == [(1,)]
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert not connection.place.is_relative_to(home)
    finally:
        postgres.Cluster(home=inner).stop()
        shutil.rmtree(connection.place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hand the server to another user")
def test_programs_closed_to_the_servers_user_are_copied_once(home, monkeypatch):
    from kangqiao.infra.postgres import binaries

    package = binaries._packaged_folder().parents[1]
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(package, closed / package.name)
    shutil.copytree(package.with_name(f"{package.name}.libs"), closed / f"{package.name}.libs")
    monkeypatch.setattr(binaries, "_packaged_folder", lambda: closed / package.name / "pginstall" / "bin")
    before = os.umask(0o077)
    try:
        connection = _started(home)
    finally:
        os.umask(before)
    assert _run(connection, "SELECT 1") == [(1,)]
    assert [copy.name for copy in connection.place.glob("binaries*")] == ["binaries-18.6"]
