"""An operator's own PostgreSQL, as Debian packages it, instead of the embedded one."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from installation import Installation
from kangqiao.infra import postgres
from kangqiao.infra.postgres import binaries


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Connection]:
    """A server run from the system's PostgreSQL, found as it is found where the Python package has no wheel."""
    if not binaries.system_folders():
        pytest.skip("no PostgreSQL server is installed on this system: apt-get install postgresql")
    home = Path(tempfile.mkdtemp(prefix="kq-"))
    home.chmod(0o711)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(binaries, "_packaged_folder", lambda: None)
        with postgres.in_use(home) as running:
            yield running
    shutil.rmtree(running.place, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)


def test_everything_runs_on_a_postgresql_named_by_its_url(server):
    with psycopg.connect(server.url()) as session:
        own = session.info.server_version // 10_000
    installation = Installation(KANGQIAO_DATABASE_URL=server.url())
    try:
        process = installation.up()
        with psycopg.connect(server.url()) as session:
            assert session.execute("SELECT count(*) > 0 FROM django_migrations").fetchone() == (True,)
        assert postgres.recorded(installation.home) is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert "正在创建数据库" not in installation.said()
        examined = installation.run("doctor").stdout
        assert f"✓ 数据库：PostgreSQL {own}." in examined
        assert "✓ 数据表结构：已是最新" in examined
    finally:
        installation.close()
    with psycopg.connect(server.url()) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
