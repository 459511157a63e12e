"""Registrations as institutions write them down: each kind of mess looks as it should, and the truth knows of it."""

import datetime as dt
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from kangqiao.identity.documents import DocumentKey, DocumentType, Unusable
from kangqiao.identity.rules import normalise_document
from kangqiao.simulation.identities.characters import codes_of, text_of_codes
from kangqiao.simulation.identities.generating import (
    RECORD_SCHEMA,
    TRUTH_SCHEMA,
    Identities,
    generate_identities,
    scattered,
)
from kangqiao.simulation.identities.kinds import KINDS, MISTAKEN, bit, marked, words
from kangqiao.simulation.institutions import found
from kangqiao.simulation.places import settle
from kangqiao.standards.lunar import lunar_month_and_day, written_as_solar

PEOPLE, PER_PERSON, SEED = 60_000, 2.0, 5
TODAY = dt.date(2026, 10, 31)
CITIZEN = DocumentType.CITIZEN_ID

RATES = {
    "no-id": (0.05, 0.15),
    "junk-id": (0.005, 0.03),
    "borrowed-id": (0.001, 0.01),
    "shared-id": (0.00005, 0.002),
    "id-digit-swap": (0.003, 0.015),
    "id-digit-wrong": (0.005, 0.02),
    "fifteen-digit": (0.002, 0.015),
    "untidy-id": (0.002, 0.015),
    "newborn-name": (0.002, 0.02),
    "newborn-mothers-id": (0.001, 0.01),
    "homophone": (0.003, 0.02),
    "similar-glyph": (0.001, 0.01),
    "rare-character": (0.0005, 0.01),
    "name-dot": (0.001, 0.02),
    "name-order": (0.0005, 0.01),
    "lunar-birthday": (0.0005, 0.01),
    "estimated-birthday": (0.0002, 0.01),
    "birth-date-wrong": (0.002, 0.012),
    "sex-wrong": (0.001, 0.006),
    "birth-certificate": (0.002, 0.03),
    "passport-only": (0.00002, 0.01),
    "residence-card": (0.00001, 0.01),
    "travel-permit": (0.00002, 0.002),
    "changed-name": (0.002, 0.015),
    "twin": (0.001, 0.015),
    "moved": (0.02, 0.10),
    "township-renamed": (0.005, 0.25),
    "old-phone": (0.04, 0.15),
    "household-phone": (0.15, 0.45),
    "village-doctor-phone": (0.005, 0.06),
    "no-phone": (0.05, 0.07),
}


def _generate(folder: Path, seed: int = SEED, people: int = PEOPLE) -> pa.Table:
    made = generate_identities(folder=folder, people=people, records_per_person=PER_PERSON, seed=seed, institutions=90)
    return _read(made)


def _read(made: Identities) -> pa.Table:
    records, truth = pq.read_table(made.records), pq.read_table(made.truth)
    return records.append_column("person", truth["person"]).append_column("kinds", truth["kinds"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("identities")


@pytest.fixture(scope="module")
def registrations(folder) -> pa.Table:
    return _generate(folder)


def _of(registrations: pa.Table, kind: str) -> list[dict]:
    return registrations.filter(pa.array(marked(registrations["kinds"].to_numpy(), kind))).to_pylist()


def _clean(registrations: pa.Table) -> pa.Table:
    return registrations.filter(pa.array(registrations["kinds"].to_numpy() & MISTAKEN == 0))


def _key(row: dict) -> DocumentKey | Unusable:
    return normalise_document(row["document_type"], row["document_number"], today=TODAY)


def _numbers(registrations: pa.Table) -> dict[int, set[str]]:
    """Return the citizens' numbers that the clean registrations of each person show."""
    known: dict[int, set[str]] = {}
    for row in _clean(registrations).select(["person", "document_type", "document_number"]).to_pylist():
        if row["document_type"] == CITIZEN:
            known.setdefault(row["person"], set()).add(row["document_number"])
    return known


def test_files_have_the_declared_columns_and_one_truth_per_record(folder, registrations):
    assert pq.read_schema(folder / "records.parquet").equals(RECORD_SCHEMA)
    assert pq.read_schema(folder / "truth.parquet").equals(TRUTH_SCHEMA, check_metadata=True)
    records, truth = (pq.read_table(folder / f"{name}.parquet")["record"] for name in ("records", "truth"))
    assert records.equals(truth)
    assert sorted(records.to_pylist()) == list(range(round(PEOPLE * PER_PERSON)))


def test_no_more_than_a_township_is_held_in_memory(folder):
    groups = pq.ParquetFile(folder / "records.parquet").metadata
    sizes = [groups.row_group(number).num_rows for number in range(groups.num_row_groups)]
    assert len(sizes) > 10
    assert max(sizes) < 0.2 * sum(sizes)


def test_everybody_has_a_registration(registrations):
    assert set(registrations["person"].to_pylist()) == set(range(PEOPLE))


def test_local_numbers_are_unique_in_an_institution(registrations):
    pairs = registrations.group_by(["institution", "local_number"]).aggregate([])
    assert len(pairs) == len(registrations)


def test_the_same_seed_gives_the_same_files_and_another_one_others(tmp_path, registrations):
    assert _generate(tmp_path / "again").equals(registrations)
    other = _generate(tmp_path / "other", seed=SEED + 1)
    assert not other["name"].equals(registrations["name"])


def test_numbers_are_scattered_without_meeting_twice():
    assert sorted(scattered(np.arange(1000), 1000, 0.618).tolist()) == list(range(1000))


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_mess_occurs_about_as_often_as_assumed(registrations, kind):
    least, most = RATES[kind]
    assert least < len(_of(registrations, kind)) / len(registrations) < most


def test_most_registrations_are_clean_and_show_an_own_valid_number(registrations):
    clean = _clean(registrations)
    assert 0.77 < len(clean) / len(registrations) < 0.88
    rows = [row for row in clean.slice(0, 20_000).to_pylist() if row["document_type"] == CITIZEN]
    assert len(rows) > 18_000
    for row in rows:
        number = row["document_number"]
        assert _key(row) == DocumentKey(CITIZEN, number)
        assert (number[6:14], "21"[int(number[16]) % 2]) == (f"{row['birth_date']:%Y%m%d}", row["sex"])


def test_clean_registrations_never_show_one_number_for_two_people(registrations):
    owners: dict[str, set[int]] = {}
    for person, numbers in _numbers(registrations).items():
        for number in numbers:
            owners.setdefault(number, set()).add(person)
    assert max(map(len, owners.values())) == 1


def test_typing_village_clinics_make_more_mistakes_than_card_reading_hospitals(registrations):
    settled = settle(residents=PEOPLE, institutions=90, seed=SEED)
    clinic = np.array([one.village >= 0 for one in found(places=settled, seed=SEED).each])
    mistaken = registrations["kinds"].to_numpy() & MISTAKEN != 0
    village = clinic[registrations["institution"].to_numpy()]
    assert mistaken[village].mean() > 1.5 * mistaken[~village].mean()


def test_nobody_is_registered_before_birth(registrations):
    assert pc.all(pc.greater_equal(registrations["registered_at"], registrations["birth_date"])).as_py()


def test_without_a_number_there_is_none_and_junk_is_nobodys_own(registrations):
    assert {row["document_number"] for row in _of(registrations, "no-id")} == {None}
    junk = _of(registrations, "junk-id")
    own = _numbers(registrations)
    assert not any(row["document_number"] in own.get(row["person"], ()) for row in junk)
    assert {"无", "000000", "111111111111111111"} < {row["document_number"] for row in junk}
    assert any(row["document_number"] == row["phone"] for row in junk)


def test_a_borrowed_number_is_that_of_another_resident(registrations):
    own = _numbers(registrations)
    everyones = set().union(*own.values())
    rows = [row for row in _of(registrations, "borrowed-id") if row["kinds"] & _RETYPED == 0]
    known = [row for row in rows if row["document_number"] in everyones]
    assert len(known) > 0.7 * len(rows)
    assert not any(row["document_number"] in own.get(row["person"], ()) for row in known)


_RETYPED = bit("id-digit-swap") | bit("id-digit-wrong") | bit("untidy-id") | bit("fifteen-digit")


def test_newborns_are_their_mothers_sons_and_daughters(registrations):
    for row in _of(registrations, "newborn-name"):
        if not marked(row["kinds"], "birth-date-wrong"):
            assert 0 <= (row["registered_at"] - row["birth_date"]).days < 3
        suffix = row["name"].rpartition("之")[2]
        assert suffix[-1] in "子女"
        spelt_otherwise = any(marked(row["kinds"], kind) for kind in ("homophone", "similar-glyph", "rare-character"))
        if row["mother_name"] and not spelt_otherwise:
            assert row["name"].startswith(row["mother_name"])


def test_under_the_mothers_number_a_newborn_shows_it(registrations):
    rows = [row for row in _of(registrations, "newborn-mothers-id") if row["kinds"] & _RETYPED == 0]
    shown = [row for row in rows if row["mother_document"]]
    assert len(shown) > 5
    assert all(row["document_number"] == row["mother_document"] for row in shown)


@pytest.mark.parametrize(("kind", "places"), [("id-digit-swap", (2,)), ("id-digit-wrong", (1,))])
def test_a_mistyped_number_differs_from_the_own_one_in_few_places(registrations, kind, places):
    own, seen, invalid = _numbers(registrations), 0, 0
    for row in _of(registrations, kind):
        for number in own.get(row["person"], ()) if row["kinds"] & _LENT == 0 else ():
            differ = sum(a != b for a, b in zip(number[:17], row["document_number"], strict=False))
            seen += 1
            assert differ in (*places, *(place - 1 for place in places))
            invalid += isinstance(_key(row), Unusable)
    assert seen > 50
    assert 0.8 < invalid / seen < 1


_LENT = bit("borrowed-id") | bit("newborn-mothers-id") | bit("shared-id")


def test_fifteen_digits_and_untidy_numbers_are_read_as_the_own_number(registrations):
    own = _numbers(registrations)
    for kind in ("fifteen-digit", "untidy-id"):
        rows = [row for row in _of(registrations, kind) if row["kinds"] & _LENT == 0]
        read = [(own.get(row["person"]), _key(row)) for row in rows]
        known = [(numbers, key) for numbers, key in read if numbers]
        assert len(known) > 50
        assert all(isinstance(key, DocumentKey) and key.number in numbers for numbers, key in known)
    assert {len(row["document_number"]) for row in _of(registrations, "fifteen-digit")} == {15}


def test_a_shared_number_is_seen_at_two_people_of_one_birth_date(registrations):
    owners: dict[str, set[int]] = {}
    for row in _of(registrations, "shared-id"):
        if row["kinds"] & _RETYPED == 0:
            owners.setdefault(row["document_number"], set()).add(row["person"])
    assert any(len(people) == 2 for people in owners.values())
    assert all(len(people) <= 2 for people in owners.values())


def test_other_documents_have_a_form_that_says_who_their_holder_is(registrations):
    for kind, document in (
        ("passport-only", "03"),
        ("travel-permit", "06"),
        ("residence-card", "99"),
        ("birth-certificate", "99"),
    ):
        for row in _of(registrations, kind):
            key = _key(row)
            assert isinstance(key, DocumentKey)
            assert key.type_code == document


def test_names_written_otherwise_differ_from_the_persons_clean_names(registrations):
    clean = _clean(registrations)
    names: dict[int, set[str]] = {}
    for person, name in zip(clean["person"].to_pylist(), clean["name"].to_pylist(), strict=True):
        names.setdefault(person, set()).add(name)
    alone = ("homophone", "similar-glyph", "rare-character")
    for kind in alone:
        rows = [row for row in _of(registrations, kind) if words(row["kinds"] & _NAMED) == (kind,)]
        known = [(row["name"], names[row["person"]]) for row in rows if row["person"] in names]
        assert len(known) > 10
        assert all(name not in true for name, true in known)
        close = [
            any(len(name) == len(one) and sum(a != b for a, b in zip(name, one, strict=True)) == 1 for one in true)
            for name, true in known
        ]
        assert sum(close) > 0.95 * len(close)


_NAMED = sum(map(bit, ("homophone", "similar-glyph", "rare-character", "name-dot", "name-order", "newborn-name")))


def test_twins_are_born_on_one_day_and_have_different_numbers(registrations):
    twins = {row["person"] for row in _of(registrations, "twin")}
    own = _numbers(registrations)
    shown = [own[person] for person in twins if person in own]
    assert len(shown) > 20
    assert len(set().union(*shown)) == sum(map(len, shown))


def test_phones_of_village_doctors_are_those_of_many(registrations):
    phones = pa.array([row["phone"] for row in _of(registrations, "village-doctor-phone")]).value_counts().to_pylist()
    assert np.mean([one["counts"] for one in phones]) > 5


def test_estimated_birthdays_are_the_first_of_january(registrations):
    assert {(row["birth_date"].month, row["birth_date"].day) for row in _of(registrations, "estimated-birthday")} == {
        (1, 1)
    }


@pytest.mark.parametrize(
    ("day", "lunar"),
    [
        ("2000-02-05", (1, 1)),
        ("2024-02-09", (12, 30)),
        ("1950-02-17", (1, 1)),
        ("2023-09-29", (8, 15)),
        ("2020-06-20", (4, 29)),
        ("2020-06-21", (5, 1)),
    ],
)
def test_days_have_their_lunar_dates(day, lunar):
    month, date = lunar_month_and_day(np.array([day], dtype="datetime64[D]"))
    assert (month[0], date[0]) == lunar


def test_a_lunar_birthday_written_as_solar_lies_weeks_before():
    born = np.arange("1930-01-01", "2000-01-01", dtype="datetime64[D]")
    shift = (born - written_as_solar(born)).astype(int)
    assert shift.min() > 15
    assert shift.max() < 60


def test_names_pass_through_code_points_unchanged():
    names = pa.array(["岩温", "玛·钦瑞", "", None, "Anna Li", "欧阳梓涵之长女"])
    assert text_of_codes(codes_of(names)).to_pylist() == ["岩温", "玛·钦瑞", "", "", "Anna Li", "欧阳梓涵之长女"]


def test_fewer_records_than_people_are_refused(tmp_path):
    with pytest.raises(ValueError, match="至少一条"):
        generate_identities(folder=tmp_path, people=100, records_per_person=0.5, seed=1)
