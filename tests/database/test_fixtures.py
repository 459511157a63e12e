"""What other tests rely on: the fixtures hand out the databases they promise."""

import psycopg
from django.db import connection, transaction


def _tables() -> set[str]:
    return set(connection.introspection.table_names())


def test_migrations_are_applied_in_a_rolled_back_database(database):
    assert "django_session" in _tables()


def test_what_one_test_creates_the_next_does_not_see_first(database):
    assert "left_behind" not in _tables()
    connection.cursor().execute("CREATE TABLE left_behind ()")


def test_what_one_test_creates_the_next_does_not_see_second(database):
    assert "left_behind" not in _tables()
    connection.cursor().execute("CREATE TABLE left_behind ()")


def test_code_may_ask_for_a_durable_transaction(database):
    with transaction.atomic(durable=True):
        connection.cursor().execute("SELECT 1")


def test_a_committed_row_is_seen_by_another_connection(committed_database):
    connection.cursor().execute("CREATE TABLE seen AS SELECT 1 AS n")
    with psycopg.connect(committed_database) as other:
        assert other.execute("SELECT n FROM seen").fetchone() == (1,)


def test_a_committed_database_starts_clean(committed_database):
    assert "seen" not in _tables()
    assert "django_session" in _tables()
