"""A new patient stored by one statement is as one that came in a file."""

import duckdb
import pytest
from django.db import connection, transaction
from psycopg.errors import UniqueViolation

from identity_invariants import broken_invariants
from kangqiao.identity.clues import sought
from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.matching import psycopg_connection
from kangqiao.identity.models import Link, ResidentIdentifier
from kangqiao.identity.newcomers import store_newcomer
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.identity.traits import traits_of
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities
from matching_people import registrations

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> list[Registration]:
    folder = tmp_path_factory.mktemp("identities")
    found = generate_identities(folder=folder, people=120, records_per_person=3, seed=8)
    keyed = with_document_key(
        f"read_parquet('{found.records}')",
        type_column="document_type",
        number_column="document_number",
        today=LAST_DAY,
    )
    rows = duckdb.sql(
        f"""SELECT institution, local_number, name, sex, birth_date, key_type, key_number,
                   CASE WHEN key_number IS NULL THEN document_number END, health_card, NULL, phone, division,
                   mother_name, mother_document, registered_at FROM ({keyed}) ORDER BY record"""
    ).fetchall()
    return [Registration(*row) for row in rows]


def store(row: Registration) -> None:
    packed = traits_of(row, today=LAST_DAY)
    store_newcomer(psycopg_connection(), row, packed=packed, clues=sought([packed]), actor_id=None, today=LAST_DAY)


def by_file(row: Registration) -> None:
    register_patients(psycopg_connection(), source=Source.registrations([row]), actor_id=None)


def told() -> tuple[list, list]:
    """Return who each patient is and what its resident is called, and whose the documents are, without ids."""
    links = Link.objects.filter(undone_at=None).select_related("patient", "resident")
    named = {
        link.resident_id: (link.patient.institution_id, link.patient.local_number)
        for link in links.order_by("-patient__institution_id", "-patient__local_number")
    }
    who = [
        (
            link.patient.institution_id,
            link.patient.local_number,
            link.reason,
            named[link.resident_id],
            link.resident.state,
            link.resident.name,
            link.resident.sex,
            link.resident.birth_date,
        )
        for link in links
    ]
    held = ResidentIdentifier.objects.values_list("type", "number", "institution_id", "resident_id")
    return sorted(who, key=str), sorted((*row[:3], named[row[3]]) for row in held)


def test_one_statement_stores_what_the_statements_of_files_store(city: list[Registration]) -> None:
    found = []
    for act in (store, by_file):
        with transaction.atomic():
            for row in city:
                act(row)
            found.append(told())
            assert broken_invariants(connection.connection) == []
            transaction.set_rollback(True)
    assert len(found[0][0]) == len(city)
    assert found[0] == found[1]


def test_a_number_that_is_known_is_refused_whole() -> None:
    (row,) = registrations({})
    store(row)
    with pytest.raises(UniqueViolation), transaction.atomic():
        store(row)
    assert Link.objects.count() == 1
