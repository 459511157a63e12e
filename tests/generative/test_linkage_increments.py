"""New registrations linked with those that were linked before: as if all had come at once."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kangqiao.identity.linkage.increments import Increment, Index, link_new, open_index, prepare_index
from kangqiao.identity.linkage.linking import Linkage, compare, decide, learn
from kangqiao.identity.linkage.model import Model
from kangqiao.simulation.identities.generating import generate_identities
from linkage_records import TODAY, groups, number, registrations


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identities")
    generate_identities(folder=folder, people=4_000, records_per_person=3, seed=29)
    return folder


@pytest.fixture(scope="module")
def model(city: Path) -> Model:
    return learn(compare(city / "records.parquet", today=TODAY), version="试用-1")


def indexed(folder: Path, table: pa.Table, model: Model) -> tuple[Index, Linkage]:
    found = compare(table, today=TODAY)
    linkage = decide(found, model)
    return prepare_index(folder, found, linkage.persons), linkage


def followed(linkage: Linkage, increment: Increment) -> pa.Table:
    """Return who is one person after the increment."""
    into = dict(zip(*(increment.merged[word].to_pylist() for word in ("person", "into")), strict=True))
    persons = pa.concat_tables([linkage.persons, increment.persons])
    return persons.set_column(1, "person", pa.array([into.get(one, one) for one in persons["person"].to_pylist()]))


def pairs_of(persons: pa.Table) -> set[tuple[int, int]]:
    together = (sorted(records) for records in groups(persons))
    return {(one, other) for records in together for one in records for other in records if one < other}


def test_a_few_linked_later_are_linked_as_all_at_once(tmp_path: Path, city: Path, model: Model) -> None:
    """All but one in a thousand pairs: what a later registration would have decided otherwise may differ."""
    table = pq.read_table(city / "records.parquet")
    late = np.random.default_rng(3).random(len(table)) < 0.05
    index, linkage = indexed(tmp_path, table.filter(pa.array(~late)), model)
    later = pairs_of(followed(linkage, link_new(table.filter(pa.array(late)), index=index, model=model, today=TODAY)))
    at_once = pairs_of(decide(compare(table, today=TODAY), model).persons)
    assert len(later ^ at_once) < 0.001 * len(at_once)


def test_new_registrations_leave_every_former_person_whole(tmp_path: Path, city: Path, model: Model) -> None:
    table = pq.read_table(city / "records.parquet")
    index, linkage = indexed(tmp_path, table.slice(600), model)
    increment = link_new(table.slice(0, 600), index=index, model=model, today=TODAY)
    assert pairs_of(linkage.persons) <= pairs_of(followed(linkage, increment))


FIRST, SECOND = {"phone": "13987600011"}, {"phone": "13987600012", "division": "530922102204"}
STRANGER = {
    "name": "赵国强",
    "document_number": number("53352219620304231"),
    "birth_date": date(1962, 3, 4),
    "sex": "1",
}


def later(*changes: dict, first: int) -> pa.Table:
    table = registrations(*changes)
    return table.set_column(0, "record", pa.array(np.arange(first, first + len(changes))))


def test_a_known_person_keeps_its_number_and_a_stranger_gets_one(tmp_path: Path, model: Model) -> None:
    index, _ = indexed(tmp_path, registrations(FIRST, STRANGER), model)
    newcomer = {"name": "李小梅", "document_type": None, "document_number": None, "birth_date": date(1999, 9, 9)}
    increment = link_new(later(SECOND, newcomer, first=2), index=index, model=model, today=TODAY)
    assert increment.persons.to_pydict() == {"record": [2, 3], "person": [0, 3]}
    assert increment.merged.num_rows == 0
    assert {tuple(sorted((link["left"], link["right"]))) for link in increment.links.to_pylist()} == {(0, 2)}


def test_an_index_read_from_its_folder_serves_the_same(tmp_path: Path, model: Model) -> None:
    index, _ = indexed(tmp_path, registrations(FIRST, STRANGER), model)
    new = later(SECOND, first=2)
    one, other = (link_new(new, index=each, model=model, today=TODAY) for each in (index, open_index(tmp_path)))
    assert one.persons.equals(other.persons)
    assert one.links.equals(other.links)


def test_persons_joined_by_what_is_new_are_reported(tmp_path: Path, model: Model) -> None:
    """Two registrations that share nothing but the name are one person by a third that shares half with each."""
    nothing = {"document_type": None, "document_number": None}
    one = nothing | {"phone": "13987600077", "division": None, "birth_date": None}
    index, linkage = indexed(tmp_path, registrations({"phone": None}, one), model)
    assert len(groups(linkage.persons)) == 2
    increment = link_new(later({"phone": "13987600077"}, first=2), index=index, model=model, today=TODAY)
    assert increment.merged.to_pydict() == {"person": [1], "into": [0]}
    assert increment.persons.to_pydict() == {"record": [2], "person": [0]}
