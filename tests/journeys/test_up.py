"""`kangqiao up` as an operator lives with it: started, interrupted, killed, started again."""

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from installation import Installation, wait_for
from kangqiao.infra import postgres


@pytest.fixture(scope="module")
def home() -> Iterator[Installation]:
    made = Installation()
    yield made
    made.close()


@pytest.fixture
def installation(home: Installation) -> Iterator[Installation]:
    yield home
    home.kill()


def _stopped(process: "subprocess.Popen[bytes]", installation: Installation) -> int:
    code = process.wait(60)
    wait_for(lambda: not installation.processes(), "every process to end", installation.processes, within=20)
    return code


@pytest.mark.parametrize("send", [lambda pid: os.kill(pid, signal.SIGTERM), lambda pid: os.killpg(pid, signal.SIGINT)])
def test_a_signal_stops_everything_and_the_database_is_shut_down_cleanly(installation, send):
    """SIGTERM as a service manager sends it, and SIGINT to the whole group as a terminal does at Ctrl-C."""
    process = installation.up()
    assert {"kangqiao.wiring.web", "kangqiao.wiring.worker", "postgres"} <= set(installation.processes().values())
    send(process.pid)
    assert _stopped(process, installation) == 0
    assert installation.said().endswith("正在停止\n✓ 已停止\n")
    assert "意外退出" not in installation.said()
    known = postgres.recorded(installation.home)
    assert (known.place / "log").read_text().endswith("database system is shut down\n")


def test_what_lies_in_the_home_folder_is_for_its_own_user(installation):
    process = installation.up()
    process.send_signal(signal.SIGTERM)
    assert _stopped(process, installation) == 0
    entries = [entry for entry in installation.home.iterdir() if entry != installation.output]
    assert {"archive", "inbox", "logs", "static", "secret-key"} <= {entry.name for entry in entries}
    readable = [entry.name for entry in entries if stat.S_IMODE(entry.stat().st_mode) & 0o066]
    assert readable == []


def test_after_a_kill_the_children_leave_and_the_next_start_finds_what_was_committed(installation):
    process = installation.up()
    known = postgres.recorded(installation.home)
    with psycopg.connect(known.url(), autocommit=True) as session:
        session.execute("CREATE TABLE kept AS SELECT 7 AS n")
    process.kill()
    process.wait()
    again = installation.up()
    with psycopg.connect(postgres.recorded(installation.home).url()) as session:
        assert session.execute("SELECT n FROM kept").fetchone() == (7,)
    workers = lambda: list(installation.processes().values()).count("kangqiao.wiring.worker")  # noqa: E731
    wait_for(lambda: workers() == 1, "the old worker to leave", installation.processes, within=20)
    again.send_signal(signal.SIGINT)
    assert _stopped(again, installation) == 0


def test_after_a_kill_of_everything_the_next_start_recovers(installation):
    process = installation.up()
    for number in installation.processes():
        os.kill(number, signal.SIGKILL)
    process.wait()
    again = installation.up()
    again.send_signal(signal.SIGINT)
    assert _stopped(again, installation) == 0


def test_children_that_die_are_started_again_while_the_rest_stays(installation):
    process = installation.up()
    before = installation.processes()
    for number, module in before.items():
        if module.startswith("kangqiao.wiring"):
            os.kill(number, signal.SIGKILL)

    def replaced() -> bool:
        fresh = {module for number, module in installation.processes().items() if number not in before}
        return {"kangqiao.wiring.web", "kangqiao.wiring.worker"} <= fresh and installation.answers()

    wait_for(replaced, "new children", installation.said)
    assert "页面服务意外退出" in installation.said()
    assert "后台任务意外退出" in installation.said()
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert _stopped(process, installation) == 0


def test_beside_a_running_installation_a_second_start_is_refused_and_other_commands_work(installation):
    process = installation.up()
    second = installation.run("up")
    assert second.returncode == 1
    assert "已经在运行" in second.stderr
    assert installation.run("manage", "showmigrations", "--plan").returncode == 0
    assert "postgres" in installation.processes().values()
    assert installation.answers()
    process.send_signal(signal.SIGINT)
    assert _stopped(process, installation) == 0


def test_a_port_taken_by_another_program_is_named_with_a_way_out(installation):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", installation.port))
        taken.listen()
        refused = installation.run("up")
    assert refused.returncode == 1
    assert f"KANGQIAO_PORT={installation.port + 1}" in refused.stderr
    assert installation.processes() == {}
