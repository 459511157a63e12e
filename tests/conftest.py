"""A throw-away PostgreSQL for the whole run; Django is set up before any test module imports a model."""

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import django
import psycopg
import pytest
from hypothesis import settings as generative
from psycopg import sql

MEMORY = Path("/dev/shm")
ROOMY = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4 << 30
HOME = (MEMORY if ROOMY else Path(tempfile.gettempdir())) / f"kangqiao-test-{os.getpid()}"
"""In memory where there is room: creating a database for a test takes 20 ms there, up to 500 on a disk."""
os.environ |= {
    "KANGQIAO_HOME": str(HOME),
    "KANGQIAO_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings",
    "DJANGO_ALLOW_ASYNC_UNSAFE": "1",
}
for name in ("KANGQIAO_DATABASE_URL", "KANGQIAO_ARCHIVE_URL", "KANGQIAO_INBOX", "KANGQIAO_DEBUG"):
    os.environ.pop(name, None)
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, transaction  # noqa: E402

from kangqiao.infra import postgres  # noqa: E402
from kangqiao.wiring.settings import database as database_settings  # noqa: E402

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


generative.register_profile("busy", deadline=None)
generative.load_profile("busy")  # a first example may wait for compiled code, or for the machine


CHEAPEST_FIRST = ("architecture", "unit", "spec", "generative", "database", "journeys")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What fails fast runs first. Journeys run last: their browser keeps an event loop running in this thread."""
    folders = Path(__file__).parent
    items.sort(key=lambda item: CHEAPEST_FIRST.index(item.path.relative_to(folders).parts[0]))


@pytest.fixture(scope="session", autouse=True)
def _home() -> Iterator[None]:
    """Stop and remove what killed runs left behind, and this run's folder at the end."""
    for left in HOME.parent.glob("kangqiao-test-*"):
        pid = left.name.rpartition("-")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            _remove(left)
    yield
    _remove(HOME)


@pytest.fixture(scope="session")
def cluster(_home: None) -> Iterator[postgres.Connection]:
    """A running cluster of this run with a database `template` in which every migration has been applied."""
    with postgres.in_use(HOME, durable=False) as running:
        _create_database(running, "template", template="template1")
        _point_django_at(running.url("template"))
        call_command("migrate", verbosity=0)
        _create_database(running, "rolled_back", template="template")
        yield running
        connections.close_all()


@pytest.fixture
def database(cluster: postgres.Connection) -> Iterator[None]:
    """Django's connection inside a transaction that is rolled back after the test."""
    _point_django_at(cluster.url("rolled_back"))
    atomic = transaction.atomic()
    atomic._from_testcase = True  # lets code ask for a durable transaction, as in Django's own TestCase
    with atomic:
        yield
        transaction.set_rollback(True)


@pytest.fixture
def database_name() -> str:
    """The name of `committed_database`; tests that share a server give all of theirs one name."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def committed_database(cluster: postgres.Connection, database_name: str) -> Iterator[str]:
    """The URL of a fresh database, for tests that commit or use several connections; Django points at it."""
    name = database_name
    _create_database(cluster, name, template="template")
    url = cluster.url(name)
    _point_django_at(url)
    yield url
    connections.close_all()
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as session:
        session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _create_database(running: postgres.Connection, name: str, *, template: str) -> None:
    connections.close_all()
    words = (sql.Identifier(name), sql.Identifier(template), sql.Identifier(postgres.ROLE))
    with psycopg.connect(running.superuser_url(), autocommit=True) as session:
        session.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {} STRATEGY FILE_COPY").format(*words))


def _point_django_at(url: str) -> None:
    wanted = database_settings(url)
    wanted["OPTIONS"].pop("pool")
    if connection.settings_dict["NAME"] != wanted["NAME"]:
        connections.close_all()
    connection.settings_dict.update(wanted)


def _remove(home: Path) -> None:
    known = postgres.recorded(home)
    postgres.Cluster(home=home).stop()
    if known and not known.place.is_relative_to(home):
        shutil.rmtree(known.place, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
