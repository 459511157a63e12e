"""Who is one person: on a generated city with its truth, and on families made for the purpose."""

from datetime import date
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kangqiao.identity.linkage.blocking import RULES, candidate_pairs, keys_of
from kangqiao.identity.linkage.clusters import Decision
from kangqiao.identity.linkage.comparison import BITS, LEVELS, Document, Name
from kangqiao.identity.linkage.entries import entries_of
from kangqiao.identity.linkage.linking import compare, decide, learn, link
from kangqiao.identity.linkage.model import Model
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.simulation.identities.generating import generate_identities
from kangqiao.simulation.identities.scoring import score
from linkage_records import TODAY, groups, number, registrations, shuffled

NOTHING = {"document_type": None, "document_number": None}
BABY = {**NOTHING, "birth_date": date(2024, 5, 6), "registered_at": date(2024, 5, 6), "phone": "13987600077"}
MOTHER = {"name": "李芳", "document_number": number("53352219960102402"), "birth_date": date(1996, 1, 2)}
MOTHERS_NUMBER = {"document_type": "01", "document_number": MOTHER["document_number"]}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city; its records and the truth about them."""
    folder = tmp_path_factory.mktemp("identities")
    generate_identities(folder=folder, people=8_000, records_per_person=2.5, seed=23)
    return folder


@pytest.fixture(scope="module")
def model(city: Path) -> Model:
    return learn(compare(city / "records.parquet", today=TODAY), version="试用-1")


def test_most_are_found_and_hardly_anybody_is_taken_for_another(city: Path, model: Model) -> None:
    linkage = link(city / "records.parquet", model=model, today=TODAY)
    truth = pq.read_table(city / "truth.parquet").sort_by("record")["person"].to_numpy()
    found = linkage.persons["person"].to_numpy()
    told = score(truth, found)
    assert told.precision > 0.999
    assert told.recall > 0.97


def test_no_person_shows_two_valid_numbers_under_two_names(city: Path, model: Model) -> None:
    found = compare(city / "records.parquet", today=TODAY)
    persons = decide(found, model).persons
    person = dict(zip(*(persons[word].to_pylist() for word in ("record", "person")), strict=True))
    of_each: dict[int, list[np.void]] = {}
    for row, record in zip(found.entries.rows, found.speaker.tolist(), strict=True):
        if row["key"] > 0 and row["name"] and not row["newborn"]:
            of_each.setdefault(person[record], []).append(row)
    shown = [pair for rows in of_each.values() for pair in combinations(rows, 2) if pair[0]["key"] != pair[1]["key"]]
    assert len(shown) > 10
    assert all(one["letters"] == other["letters"] or one["sound"] == other["sound"] for one, other in shown)


def test_proposed_pairs_of_two_valid_numbers_and_two_names_stay_apart(city: Path, model: Model) -> None:
    found = compare(city / "records.parquet", today=TODAY)
    persons = decide(found, model).persons
    person = persons["person"].to_numpy()[np.searchsorted(persons["record"].to_numpy(), found.speaker)]
    level = (found.patterns[:, None] >> np.array([0, BITS])) & (LEVELS - 1)
    two = np.isin(level[:, 0], (Document.DIFFERENT_VALID, Document.NEIGHBOURS_VALID))
    other_names = (Name.DIFFERENT, Name.SURNAME, Name.ONE_CHARACTER, Name.LAST_CHARACTER, Name.ONE_OF_TWO)
    apart = two & np.isin(level[:, 1], other_names)
    assert apart.sum() > 100
    assert (person[found.pairs.left[apart]] != person[found.pairs.right[apart]]).all()


def test_a_borrowed_number_is_no_obstacle_but_under_another_name_it_is_for_a_human(model: Model) -> None:
    """A number and a name can each be wrong; where both are, nothing is left to know the person by."""
    borrowed = {"document_number": number("53352219610908171")}
    once, twice = ({**borrowed, "name": name, "institution": 2} for name in ("鲁文英", "李文英"))
    assert len(groups(link(registrations({}, once), model=model, today=TODAY).persons)) == 1
    linkage = link(registrations({}, twice), model=model, today=TODAY)
    assert len(groups(linkage.persons)) == 2
    assert linkage.links["decision"].to_pylist() == [Decision.REVIEW]


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_the_order_of_the_rows_changes_nothing(city: Path, model: Model, seed: int) -> None:
    table = pq.read_table(city / "records.parquet")
    order = np.random.default_rng(seed).permutation(len(table))
    one, other = (link(each, model=model, today=TODAY) for each in (table, shuffled(table, order)))
    assert one.persons.equals(other.persons)
    assert one.links.equals(other.links)


def test_learning_twice_gives_the_same_model(city: Path, model: Model) -> None:
    again = learn(compare(city / "records.parquet", today=TODAY), version="试用-1")
    assert np.array_equal(again.weights, model.weights)


def test_each_pair_is_proposed_once_and_by_a_rule_whose_key_agrees(city: Path) -> None:
    rows = entries_of(read_registrations(city / "records.parquet", today=TODAY)).rows
    pairs = candidate_pairs(rows)
    assert len(set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))) == len(pairs.left)
    for place in range(len(RULES)):
        key, mine = keys_of(rows, place), pairs.rule == place
        assert np.array_equal(key[pairs.left[mine]], key[pairs.right[mine]])
        assert not (key[pairs.left[mine]] == 0).any()


def test_registrations_that_say_the_same_under_an_own_number_are_one_entry(city: Path) -> None:
    read = read_registrations(city / "records.parquet", today=TODAY)
    entries = entries_of(read)
    assert len(entries.rows) < len(read.rows)
    for word in ("key", "number", "birth", "sex", "phone", "division", "card", "name", "mother", "mother_key"):
        assert np.array_equal(entries.rows[word][entries.entry], read.rows[word])
    same = np.flatnonzero(np.bincount(entries.entry) > 1)
    assert (entries.rows["key"][same] > 0).all()
    assert not entries.rows["newborn"][same].any()


def test_a_baby_under_its_mothers_number_is_not_its_mother(model: Model) -> None:
    baby = {**BABY, **MOTHERS_NUMBER, "name": "李芳之子", "sex": "1", "mother_name": "李芳"}
    table = registrations(MOTHER, MOTHER | {"institution": 2}, baby)
    assert groups(link(table, model=model, today=TODAY).persons) == {frozenset({0, 1}), frozenset({2})}


def test_a_baby_without_a_birth_date_is_not_its_mother_either(model: Model) -> None:
    baby = {**BABY, **MOTHERS_NUMBER, "name": "李芳之子", "sex": "2", "birth_date": None}
    assert len(groups(link(registrations(MOTHER, baby), model=model, today=TODAY).persons)) == 2


def test_a_baby_whose_mother_is_named_is_not_its_mother_under_one_name(model: Model) -> None:
    child = {**BABY, "name": "李芳", "mother_name": "李芳", "mother_document": MOTHER["document_number"]}
    table = registrations(MOTHER, child)
    assert len(groups(link(table, model=model, today=TODAY).persons)) == 2


def test_twins_stay_two(model: Model) -> None:
    first, second = number("53352220240506321"), number("53352220240506323")
    numbered = [
        BABY | {"name": "李文博", "document_type": "01", "document_number": first, "sex": "2"},
        BABY | {"name": "李文静", "document_type": "01", "document_number": second, "sex": "2"},
    ]
    unnamed = [BABY | {"name": "李芳之女", "local_number": str(place)} for place in range(2)]
    for twins in (numbered, unnamed):
        assert len(groups(link(registrations(*twins), model=model, today=TODAY).persons)) == 2


def test_a_newborn_that_fits_either_of_twins_is_for_a_human(model: Model) -> None:
    """With one child it is that child's; with two nobody can say whose."""
    newborn = {**BABY, "name": "李芳之女", "mother_name": "李芳"}
    children = [BABY | {"name": name, "institution": 2, "mother_name": "李芳"} for name in ("李文博", "李佳静")]
    alone = link(registrations(newborn, children[0]), model=model, today=TODAY)
    assert groups(alone.persons) == {frozenset({0, 1})}
    both = link(registrations(newborn, *children), model=model, today=TODAY)
    assert len(groups(both.persons)) == 3
    assert both.links["decision"].to_pylist().count(Decision.REVIEW) >= 2


def test_a_weak_link_does_not_chain_two_people_with_numbers_of_their_own(model: Model) -> None:
    """A registration without a number fits both of two namesakes born on one day; they stay two."""
    one = {"document_number": number("53352219870314082")}
    other = {"document_number": number("53352219870314646")}
    table = registrations(one, one | {"institution": 2}, NOTHING, other, other | {"institution": 3})
    linkage = link(table, model=model, today=TODAY)
    person = linkage.persons["person"].to_pylist()
    assert person[0] == person[1] != person[3] == person[4]


def test_one_number_under_two_names_is_for_a_human(model: Model) -> None:
    table = registrations({}, {"name": "赵国强"})
    linkage = link(table, model=model, today=TODAY)
    assert len(groups(linkage.persons)) == 2
    assert linkage.links["decision"].to_pylist() in ([], [Decision.REVIEW])


def test_no_registrations_are_no_persons(model: Model) -> None:
    linkage = link(registrations(), model=model, today=TODAY)
    assert linkage.persons.num_rows == linkage.links.num_rows == 0
