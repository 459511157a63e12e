"""A session for one row after the other: what it prepares outlives mistakes, what it does is done as a whole."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from kangqiao.infra.postgres.statement import Session, Statement

SUM = Statement("SELECT %(one)s::int + %(other)s::int, %(one)s::text, %(raw)s::bytea")
STORE = Statement("INSERT INTO held VALUES (%(number)s::int)")
HELD = Statement("SELECT number FROM held ORDER BY number")


@pytest.fixture
def session(committed_database: str) -> Iterator[Session]:
    with Session.open(committed_database) as session:
        session.execute("CREATE TEMP TABLE held (number int PRIMARY KEY)")
        yield session


def test_a_statement_returns_the_same_in_a_session_as_elsewhere(session: Session, committed_database: str) -> None:
    about = {"one": 2, "other": None, "raw": b"\x00\xff"}
    with psycopg.connect(committed_database) as plain:
        assert SUM.rows(session, about) == SUM.rows(plain, about) == [(None, "2", b"\x00\xff")]


def test_a_text_with_a_null_character_is_refused_and_not_cut_short(session: Session) -> None:
    with pytest.raises(psycopg.DataError):
        SUM.rows(session, {"one": "1\0", "other": 2, "raw": b""})


def test_what_is_done_in_between_is_kept_or_undone_as_a_whole(session: Session) -> None:
    with session.short_transaction():
        STORE.rows(session, {"number": 1})
    with suppress(ZeroDivisionError), session.short_transaction():
        STORE.rows(session, {"number": 2})
        raise ZeroDivisionError
    assert HELD.rows(session, {}) == [(1,)]


def test_a_refused_statement_raises_what_psycopg_raises_and_can_be_executed_again(session: Session) -> None:
    with session.short_transaction():
        STORE.rows(session, {"number": 1})
    for _ in range(2):
        with pytest.raises(UniqueViolation), session.short_transaction():
            STORE.rows(session, {"number": 1})
        assert session.info.transaction_status == TransactionStatus.IDLE
    STORE.rows(session, {"number": 2})
    assert HELD.rows(session, {}) == [(1,), (2,)]


def test_a_commit_that_is_refused_raises(session: Session) -> None:
    session.execute("CREATE TEMP TABLE late (number int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    late = Statement("INSERT INTO late VALUES (%(number)s::int)")
    late.rows(session, {"number": 1})
    with pytest.raises(UniqueViolation), session.short_transaction():
        late.rows(session, {"number": 1})


def test_a_server_that_went_away_is_an_operational_error(session: Session, committed_database: str) -> None:
    with psycopg.connect(committed_database, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (session.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError), session.short_transaction():
        HELD.rows(session, {})
    assert session.closed
