"""What a command needs before it can use models: a running database and Django set up to use it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import django

from kangqiao.infra import configuration, postgres
from kangqiao.infra.configuration import Configuration


@contextmanager
def ready(report: Callable[[str], None] = lambda _: None) -> Iterator[Configuration]:
    """Set up Django with the configured database, or the embedded one, kept running while the block runs.

    Yields the configuration. Raises `InfraError` whose Chinese message says what to do.
    """
    settings = configuration.load()
    database = nullcontext() if settings.database_url else postgres.in_use(settings.home, report=report)
    with database:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kangqiao.wiring.settings")
        django.setup()
        try:
            yield settings
        finally:
            close_connections()


def close_connections() -> None:
    """Close this thread's connections and the pools of the process."""
    from django.db import connections

    for connection in connections.all(initialized_only=True):
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]  # PostgreSQL's connections have one
