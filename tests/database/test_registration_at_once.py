"""Two connections that register the same people at the same time."""

import random
import threading
from collections.abc import Callable
from datetime import date

import psycopg
import pytest

from identity_invariants import broken_invariants
from kangqiao.identity.services import Registered, Registration, Source, ensure_patients, register_patients

PEOPLE = 400
ROUNDS = 6


def test_two_institutions_that_bring_the_same_people_make_each_resident_once(committed_database: str) -> None:
    def bring(institution: int, seed: int) -> Callable[[psycopg.Connection], None]:
        until = date(2030 + institution, 5, 1)

        def act(connection: psycopg.Connection) -> None:
            plain = [registration(institution, person, key=person) for person in range(PEOPLE)]
            rows = [each._replace(document_valid_until=until) for each in plain]
            random.Random(seed).shuffle(rows)
            for first in range(0, PEOPLE, PEOPLE // ROUNDS):
                some = Source.registrations(rows[first : first + PEOPLE // ROUNDS])
                register_patients(connection, source=some, actor_id=None)
                connection.commit()

        return act

    at_once(committed_database, bring(1, seed=1), bring(2, seed=2))
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []
        assert one(connection, "SELECT count(*) FROM identity_resident") == PEOPLE
        assert one(connection, "SELECT count(*) FROM identity_link WHERE undone_at IS NULL") == 2 * PEOPLE
        assert one(connection, "SELECT min(valid_until) FROM identity_residentidentifier") == date(2032, 5, 1)


def test_one_patient_registered_with_two_documents_at_once_ends_with_one_of_them(committed_database: str) -> None:
    def rewrite(offset: int) -> Callable[[psycopg.Connection], None]:
        def act(connection: psycopg.Connection) -> None:
            for turn in range(ROUNDS * 3):
                rows = [
                    registration(1, person, key=None if (turn + person) % 5 == 0 else person + offset * turn % 7)
                    for person in range(60)
                ]
                register_patients(connection, source=Source.registrations(rows), actor_id=None)
                connection.commit()

        return act

    at_once(committed_database, rewrite(1), rewrite(3))
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []
        assert one(connection, "SELECT count(*) FROM identity_patient") == 60


def test_records_and_registrations_of_the_same_patients_meet(committed_database: str) -> None:
    def name(connection: psycopg.Connection) -> None:
        for person in reversed(range(PEOPLE)):
            ensure_patients(connection, source=Source.numbers([(1, str(person)), (1, str(person + 1))]), actor_id=None)
            connection.commit()

    def register(connection: psycopg.Connection) -> None:
        for person in range(0, PEOPLE, 20):
            rows = [registration(1, each, key=each) for each in range(person, person + 20)]
            register_patients(connection, source=Source.registrations(rows), actor_id=None)
            connection.commit()

    at_once(committed_database, name, register)
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []
        assert one(connection, "SELECT count(*) FROM identity_patient") == PEOPLE + 1
        assert one(connection, "SELECT count(*) FROM identity_resident WHERE state = 'confirmed'") == PEOPLE


def test_large_files_of_the_same_patients_never_wait_in_a_circle(committed_database: str) -> None:
    def name(seed: int) -> Callable[[psycopg.Connection], None]:
        def act(connection: psycopg.Connection) -> None:
            for turn in range(ROUNDS):
                numbers = [(1, f"{turn}-{person}") for person in range(5 * PEOPLE)]
                random.Random(seed).shuffle(numbers)
                ensure_patients(connection, source=Source.numbers(numbers), actor_id=None)
                connection.commit()

        return act

    at_once(committed_database, name(1), name(2))
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []
        assert one(connection, "SELECT count(*) FROM identity_patient") == ROUNDS * 5 * PEOPLE


def test_who_comes_second_adopts_the_patient_the_first_has_made(committed_database: str) -> None:
    with psycopg.connect(committed_database) as first:
        ensure_patients(first, source=Source.numbers([(1, "7")]), actor_id=None)
        done = registered_after(first, committed_database, registration(1, 7, key=7))
    assert (done.created, done.changed, done.undone) == (0, 1, 1)
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []
        assert one(connection, "SELECT count(*) FROM identity_patient") == 1


def test_who_comes_second_links_anew_when_the_first_has_changed_the_document(committed_database: str) -> None:
    with psycopg.connect(committed_database) as first:
        register_patients(first, source=Source.registrations([registration(1, 7, key=7)]), actor_id=None)
        first.commit()
        register_patients(first, source=Source.registrations([registration(1, 7, key=8)]), actor_id=None)
        only_the_name_differs = registration(1, 7, key=7)._replace(name="另一个")
        done = registered_after(first, committed_database, only_the_name_differs)
    assert (done.changed, done.linked, done.undone) == (1, 1, 1)
    with psycopg.connect(committed_database) as connection:
        assert broken_invariants(connection) == []


def registered_after(first: psycopg.Connection, url: str, row: Registration) -> Registered:
    """Register the row while `first` has an open transaction on the patient; commit that; return what was done."""
    done: list[Registered] = []

    def register() -> None:
        with psycopg.connect(url) as second:
            done.append(register_patients(second, source=Source.registrations([row]), actor_id=None))

    waiting = threading.Thread(target=register)
    waiting.start()
    waiting.join(timeout=0.5)
    assert waiting.is_alive()
    first.commit()
    waiting.join(timeout=20)
    return done[0]


def registration(institution: int, person: int, *, key: int | None) -> Registration:
    known = (None, None) if key is None else ("03", f"G{key:08d}")
    return Registration(institution, str(person), f"居民{key}", "1", date(1990, 1, 1), *known)


def at_once(url: str, *acts: Callable[[psycopg.Connection], None]) -> None:
    """Run each act on a connection and in a thread of its own, all starting together; raise what they raise."""
    together = threading.Barrier(len(acts))
    raised: list[Exception] = []

    def run(act: Callable[[psycopg.Connection], None]) -> None:
        try:
            with psycopg.connect(url) as connection:
                together.wait()
                act(connection)
        except psycopg.Error as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        pytest.fail(str(raised))


def one(connection: psycopg.Connection, query: str) -> object:
    row = connection.execute(query).fetchone()
    return row and row[0]
