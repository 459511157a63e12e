"""New patients stored by one statement are as those that came in a file."""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import cycle, product
from typing import Any
from uuid import UUID

import duckdb
import pytest
from django.db import connection, transaction
from psycopg.errors import UniqueViolation

from identity_invariants import broken_invariants
from kangqiao.identity.absorbing import Absorption, Evidence, absorb
from kangqiao.identity.clues import Clues
from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.errors import Overtaken
from kangqiao.identity.matching import psycopg_connection
from kangqiao.identity.models import Decision, Link, Patient, Resident, ResidentIdentifier
from kangqiao.identity.newcomers import Newcomer, arrival_of, look
from kangqiao.identity.newcomers import store as store_all
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.infra.ids import uuid7
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities
from kangqiao.trust.actors import system_actor
from matching_people import WITHOUT, registrations

SYSTEM = system_actor("test")
DESCRIPTIONS = cycle(
    product((None, "5309000001"), (None, "临翔分局", "凤庆县公安局"), (None, date(2030, 1, 1), date(2040, 1, 1)))
)
"""An insurance number, and who issued the document until when; not all of it told by everybody."""

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
    return [Registration(*row, *next(DESCRIPTIONS)) for row in rows]


def store(row: Registration) -> None:
    store_newcomers([newcomer_of(row)])


def store_newcomers(newcomers: Sequence[Newcomer], joined: Sequence[Absorption] = ()) -> None:
    store_all(psycopg_connection(), newcomers, {each.absorbed: each for each in joined}, today=LAST_DAY)


def newcomer_of(row: Registration) -> Newcomer:
    (newcomer,) = newcomers_of([row])
    return newcomer


def newcomers_of(rows: Sequence[Registration]) -> list[Newcomer]:
    arrivals = [arrival_of(row, actor=SYSTEM, today=LAST_DAY) for row in rows]
    around = look(psycopg_connection(), arrivals, Clues([], []))
    return [Newcomer(*each) for each in zip(arrivals, around.found, strict=True)]


def store_together(rows: Sequence[Registration]) -> None:
    """Store several by one statement, of whom no two share a clue."""
    met: set[int] = set()
    some: list[Registration] = []
    for row in rows:
        clues = arrival_of(row, actor=SYSTEM, today=LAST_DAY).clues.clue
        if not met.isdisjoint(clues):
            store_newcomers(newcomers_of(some))
            met, some = set(), []
        met.update(clues)
        some.append(row)
    store_newcomers(newcomers_of(some))


def store_each(rows: Sequence[Registration]) -> None:
    for row in rows:
        store(row)


def by_file(rows: Sequence[Registration]) -> None:
    for row in rows:
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
    held = ResidentIdentifier.objects.values_list(
        "resident_id", "type", "number", "institution_id", "issuer", "valid_until"
    )
    return sorted(who, key=str), sorted(((named[resident], *row) for resident, *row in held), key=str)


def test_one_statement_stores_what_the_statements_of_files_store(city: list[Registration]) -> None:
    found = []
    for act in (store_each, store_together, by_file):
        with transaction.atomic():
            act(city)
            found.append(told())
            assert broken_invariants(connection.connection) == []
            transaction.set_rollback(True)
    assert len(found[0][0]) == len(city)
    assert found[0] == found[1] == found[2]


def test_a_number_that_is_known_is_refused_whole() -> None:
    (row,) = registrations({})
    store(row)
    with pytest.raises(UniqueViolation), transaction.atomic():
        store(row)
    assert Link.objects.count() == 1


@pytest.mark.parametrize("again", [{}, {"name": "李四光"}], ids=["alike", "otherwise"])
def test_a_newcomer_is_absorbed_as_any_other_resident(again: dict[str, Any]) -> None:
    known, again_told = registrations({}, WITHOUT | again)
    store(known)
    found = []
    for at_once in (False, True):
        with transaction.atomic():
            store_and_absorb(newcomer_of(again_told), at_once=at_once)
            found.append(what_became_of_it())
            assert broken_invariants(connection.connection) == []
            transaction.set_rollback(True)
    assert found[0] == found[1]


def store_and_absorb(newcomer: Newcomer, *, at_once: bool) -> None:
    absorption = taken_for(newcomer, Resident.objects.get(state="confirmed").id)
    store_newcomers([newcomer], [absorption] if at_once else [])
    assert at_once or absorb(psycopg_connection(), [absorption]) == {absorption.decision_id}


def taken_for(newcomer: Newcomer, kept: UUID) -> Absorption:
    evidence = Evidence(newcomer.patient_id, kept, "name-birth", 0x1234, 17.5, 0.99, "a model")
    return Absorption(uuid7(), kept, newcomer.resident_id, Decision.Kind.MATCH, "比对", evidence=evidence)


def what_became_of_it() -> tuple[list, ...]:
    """Return all that is told about both, with ids by the order in which they were made and without moments."""
    place = {id: at for at, id in enumerate(Patient.objects.order_by("id").values_list("id", flat=True))}

    def told(kind: Any) -> list:
        rows = kind.objects.order_by("undone_at" if kind is Link else "id").values()
        return [{word: _without_ids(value, place) for word, value in row.items()} for row in rows]

    return tuple(told(kind) for kind in (Link, Decision, Resident))


def _without_ids(value: Any, place: dict[UUID, int]) -> Any:
    if isinstance(value, UUID):
        return place.get(value, UUID)
    return datetime if isinstance(value, datetime) else value


def test_nobody_is_linked_to_a_resident_that_was_joined_to_another_meanwhile() -> None:
    known, again, other = registrations({}, {}, WITHOUT)
    store(known)
    late = newcomer_of(again)
    Resident.objects.filter(state="confirmed").update(state="merged", merged_into_id=uuid7())
    with pytest.raises(Overtaken), transaction.atomic():
        store_newcomers([late])
    newcomer = newcomer_of(other)
    absorption = taken_for(newcomer, Resident.objects.get(state="merged").id)
    with pytest.raises(Overtaken), transaction.atomic():
        store_newcomers([newcomer], [absorption])
