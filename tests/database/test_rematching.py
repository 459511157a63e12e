"""Everybody compared from scratch: a small generated city, with its truth, and what people had decided in it."""

import duckdb
import numpy as np
import pytest
from django.db import connection, transaction

from identity_invariants import broken_invariants
from kangqiao.identity import rematching
from kangqiao.identity.deciding import merge_residents, unlink_patient
from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.identity.linkage.blocking import RULES
from kangqiao.identity.linkage.model import content_of, explained
from kangqiao.identity.matching import match_waiting, psycopg_connection
from kangqiao.identity.model_versions import import_model, model_in_use, model_of_version
from kangqiao.identity.models import (
    Apart,
    Clue,
    Decision,
    Doubt,
    Link,
    LinkageModel,
    Patient,
    Resident,
    Traits,
    Unmatched,
)
from kangqiao.identity.rematching import is_much, rematch
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities
from kangqiao.trust.actors import system_actor

SYSTEM = system_actor("test")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Registration, int]]:
    """Registrations of a small city, each with the person it truly is of."""
    folder = tmp_path_factory.mktemp("identities")
    generate_identities(folder=folder, people=900, records_per_person=3, seed=5)
    keyed = with_document_key(
        f"read_parquet('{folder / 'records.parquet'}')",
        type_column="document_type",
        number_column="document_number",
        today=LAST_DAY,
    )
    rows = duckdb.sql(
        f"""SELECT institution, local_number, name, sex, birth_date, key_type, key_number,
                   CASE WHEN key_number IS NULL THEN document_number END, health_card, NULL, phone, division,
                   mother_name, mother_document, registered_at, person
              FROM ({keyed}) JOIN read_parquet('{folder / "truth.parquet"}') USING (record) ORDER BY record"""
    ).fetchall()
    return [(Registration(*row[:-1]), row[-1]) for row in rows]


def load(city: list[tuple[Registration, int]]) -> None:
    with transaction.atomic():
        rows = [row for row, _ in city]
        register_patients(connection.connection, source=Source.registrations(rows), actor_id=None)


def residents() -> dict[tuple[int, str], object]:
    links = Link.objects.filter(undone_at=None).values_list(
        "patient__institution_id", "patient__local_number", "resident_id"
    )
    return {(institution, local): resident for institution, local, resident in links}


def groups(held: dict[tuple[int, str], object]) -> set[frozenset[tuple[int, str]]]:
    together: dict[object, set[tuple[int, str]]] = {}
    for patient, resident in held.items():
        together.setdefault(resident, set()).add(patient)
    return {frozenset(each) for each in together.values()}


def pairs(group: np.ndarray) -> float:
    size = np.unique(group, return_counts=True)[1].astype(float)
    return float((size * (size - 1) / 2).sum())


@pytest.mark.usefixtures("committed_database")
def test_a_city_compared_from_scratch(city: list[tuple[Registration, int]]) -> None:
    """Most are found, hardly anybody is taken for another, ids stay, decisions stay, order does not matter."""
    load(city)
    done = rematch(actor=SYSTEM)
    assert done.compared == len(city)
    assert broken_invariants(connection.connection) == []
    assert not Unmatched.objects.exists()
    assert Traits.objects.count() == len(city)
    held = residents()
    truth = np.array([person for _, person in city])
    place = {resident: at for at, resident in enumerate(dict.fromkeys(held.values()))}
    found = np.array([place[held[row.institution_id, row.local_number]] for row, _ in city])
    both = pairs(truth * 1_000_000 + found)
    assert both / pairs(found) > 0.998
    assert both / pairs(truth) > 0.95
    _decisions_are_explained()
    _comparing_again_changes_nothing()
    _what_people_decided_stays()


def _decisions_are_explained() -> None:
    decision = Decision.objects.filter(kind="match").first()
    assert decision is not None
    assert decision.model == LinkageModel.objects.get().version
    rule = [rule.word for rule in RULES].index(str(decision.rule))
    steps = explained(model_of_version(str(decision.model)), pattern=int(decision.pattern or 0), rule=rule)
    assert steps[-1].total == pytest.approx(decision.weight)


def _comparing_again_changes_nothing() -> None:
    """Neither from scratch nor some at a time: residents keep their ids, doubts are raised once."""
    before = [sorted(each.objects.values_list(), key=str) for each in (Link, Resident, Decision, Clue)]
    asked = set(Doubt.objects.values_list("first_id", "second_id", "state"))
    rematch(actor=SYSTEM)
    Unmatched.objects.bulk_create(Unmatched(patient_id=id) for id in Patient.objects.values_list("id", flat=True))
    match_waiting(actor=SYSTEM)
    assert [sorted(each.objects.values_list(), key=str) for each in (Link, Resident, Decision, Clue)] == before
    assert set(Doubt.objects.values_list("first_id", "second_id", "state")) == asked


def _what_people_decided_stays() -> None:
    parted = Link.objects.filter(undone_at=None, reason="matched").order_by("id").first()
    assert parted is not None
    unlink_patient(link_id=parted.id, reason="本人否认", actor=SYSTEM)
    one, other = Resident.objects.filter(state="pending").exclude(id=parted.patient_id).order_by("id")[:2]
    merge_residents(resident_id=one.id, other_id=other.id, reason="社区核实", actor=SYSTEM)
    after = residents()
    rematch(actor=SYSTEM)
    assert residents() == after
    assert Apart.objects.count() == 1
    assert broken_invariants(connection.connection) == []


@pytest.mark.usefixtures("committed_database")
def test_people_that_arrive_in_any_order_are_grouped_alike(city: list[tuple[Registration, int]]) -> None:
    found = []
    for order in (1, -1):
        _empty()
        load(city[:1200][::order])
        rematch(actor=SYSTEM)
        found.append(groups(residents()))
    assert found[0] == found[1]


@pytest.mark.usefixtures("committed_database")
def test_killed_midway_and_begun_again_it_ends_the_same(
    city: list[tuple[Registration, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    load(city)
    with monkeypatch.context() as broken:
        broken.setattr(rematching, "STEP", 20)
        broken.setattr(rematching, "ask", _killed)
        with pytest.raises(KeyboardInterrupt):
            rematch(actor=SYSTEM)
    rematch(actor=SYSTEM)
    ended, asked = groups(residents()), Doubt.objects.count()
    _empty()
    load(city)
    rematch(actor=SYSTEM)
    assert (ended, asked) == (groups(residents()), Doubt.objects.count())


def _killed(*_: object, **__: object) -> int:
    raise KeyboardInterrupt


def _empty() -> None:
    tables = [each._meta.db_table for each in (Link, Resident, Decision, Clue, Traits, Patient, Doubt, LinkageModel)]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables)}, identity_residentidentifier, identity_unmatched")


@pytest.mark.usefixtures("database")
def test_everybody_is_compared_anew_only_where_much_waits() -> None:
    assert not is_much(waiting=rematching.FEW)
    assert is_much(waiting=rematching.FEW + 1)
    LinkageModel.objects.create(version="试用", content={}, crowds=b"", patients=0)
    assert is_much(waiting=rematching.FEW + 1)


@pytest.mark.usefixtures("database")
def test_a_model_that_was_read_from_a_file_decides_from_then_on() -> None:
    content = content_of(model_in_use(psycopg_connection()).model) | {"version": "外来"}
    import_model(content=content, actor=SYSTEM)
    assert model_in_use(psycopg_connection()).model.version == "外来"
    assert np.allclose(model_in_use(psycopg_connection()).model.weights, model_of_version("simulated-city-2").weights)
