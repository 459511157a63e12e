"""A session for one row after the other: what it prepares outlives mistakes, what it does is done as a whole."""

from collections.abc import Iterator, Sequence
from contextlib import suppress

import psycopg
import pytest
from psycopg.errors import UniqueViolation
from psycopg.pq import TransactionStatus

from kangqiao.infra.postgres.statement import Session, Statement, is_in_transaction

SUM = Statement("SELECT %(one)s::int + %(other)s::int, %(one)s::text, %(raw)s::bytea")
STORE = Statement("INSERT INTO held VALUES (%(number)s::int)")
ADD = Statement("UPDATE held SET number = number + %(number)s::int")
HELD = Statement("SELECT number FROM held ORDER BY number")


@pytest.fixture
def session(committed_database: str) -> Iterator[Session]:
    with Session.open(committed_database) as session:
        session.execute("CREATE TEMP TABLE held (number int PRIMARY KEY)")
        yield session


def store_later(session: Session, numbers: Sequence[int], *, ask: bool) -> None:
    """Store numbers in one transaction that asks for something at its end, or not."""
    with session.short_transaction():
        for number in numbers:
            STORE.later(session, {"number": number})
        if ask:
            HELD.rows(session, {})


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


def test_what_waits_is_executed_in_its_order_before_what_is_asked_next(session: Session) -> None:
    with session.short_transaction():
        STORE.later(session, {"number": 1})
        ADD.later(session, {"number": 1})
        assert HELD.rows(session, {}) == [(2,)]
        STORE.later(session, {"number": 1})
        assert session.execute("SELECT count(*) FROM held").fetchall() == [(2,)]
        STORE.later(session, {"number": 3})
    assert HELD.rows(session, {}) == [(1,), (2,), (3,)]


def test_a_transaction_that_waits_to_begin_is_one(session: Session) -> None:
    assert not is_in_transaction(session)
    with session.short_transaction():
        assert is_in_transaction(session)
    assert not is_in_transaction(session)
    with session.transaction():
        assert is_in_transaction(session)


def test_what_may_wait_does_not_where_nothing_would_end_it(session: Session, committed_database: str) -> None:
    STORE.later(session, {"number": 1})
    assert session.execute("SELECT count(*) FROM held").fetchall() == [(1,)]
    with psycopg.connect(committed_database) as plain:
        plain.execute("CREATE TEMP TABLE held (number int)")
        STORE.later(plain, {"number": 1})
        assert HELD.rows(plain, {}) == [(1,)]


@pytest.mark.parametrize("ending", ["asked", "committed"])
def test_what_waits_and_is_refused_raises_with_what_comes_next_and_nothing_is_kept(
    session: Session, ending: str
) -> None:
    with pytest.raises(UniqueViolation):
        store_later(session, (1, 2, 2, 3), ask=ending == "asked")
    assert session.info.transaction_status == TransactionStatus.IDLE
    assert HELD.rows(session, {}) == []


def test_what_waits_when_something_else_goes_wrong_is_forgotten(session: Session) -> None:
    with suppress(ZeroDivisionError), session.short_transaction():
        STORE.later(session, {"number": 1})
        raise ZeroDivisionError
    with session.short_transaction():
        STORE.later(session, {"number": 2})
    assert HELD.rows(session, {}) == [(2,)]


def test_what_waits_is_there_for_what_is_prepared_after_it(session: Session) -> None:
    with session.short_transaction():
        Statement("CREATE TEMP TABLE made (number int)").later(session, {})
        Statement("INSERT INTO made VALUES (1)").later(session, {})
        assert Statement("SELECT number FROM made").rows(session, {}) == [(1,)]


def test_more_than_a_socket_takes_may_wait(session: Session) -> None:
    much = Statement("SELECT length(%(text)s::text), %(text)s::text")
    with session.short_transaction():
        for _ in range(20):
            much.later(session, {"text": "x" * 1_000_000})
        assert much.rows(session, {"text": "y"}) == [(1, "y")]


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


def test_so_is_one_that_goes_away_before_it_answers_what_waited(session: Session) -> None:
    gone = Statement("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(psycopg.OperationalError), session.short_transaction():
        gone.later(session, {})
    assert session.closed
