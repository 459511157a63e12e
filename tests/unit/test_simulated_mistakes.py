"""Mistakes on purpose: those that tidy reading undoes, and those that nobody can undo."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from kangqiao.identity.documents import Problem, Unusable
from kangqiao.identity.rules import normalise_document
from kangqiao.simulation.citizen_numbers import as_text, citizen_numbers
from kangqiao.simulation.mistakes import CHANGES
from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of

TODAY = dt.date(2026, 11, 1)
COUNT = 60


@pytest.fixture
def sheet() -> Sheet:
    """Return registrations of sixty people born from 1940 on."""
    rows = np.arange(COUNT)
    born = np.datetime64("1940-01-17") + rows * 401
    sex = (rows % 2 + 1).astype(np.int8)
    numbers = as_text(citizen_numbers(np.full(COUNT, 533522), born, sex, rows))
    return Sheet(
        "patient-registration",
        rows,
        np.zeros(COUNT, np.int32),
        rows,
        Keys("P", rows, 9),
        np.full(COUNT, np.datetime64("2026-05-01T08:00:00")),
        {
            "document_type": Pick(np.zeros(COUNT, np.int32), text_of(["01"])),
            "document_number": numbers,
            "name": text_of(["玛·钦钦" if row % 2 else "李建华" for row in rows]),
            "birth_date": born,
            "registered_at": np.full(COUNT, np.datetime64("2026-05-01T08:00:00")),
            "rh": Pick(np.ones(COUNT, np.int32), text_of(["1", "2", "3", "4"])),
        },
    )


def _keys(numbers: pa.Array) -> list:
    return [normalise_document("01", number, today=TODAY) for number in numbers.to_pylist()]


def _spoil(sheet: Sheet, kind: str, column: str) -> tuple[Sheet, np.ndarray]:
    return CHANGES[kind](sheet, np.arange(len(sheet)), column)


@pytest.mark.parametrize("kind", ["full-width-id", "look-alike-id", "spaced-id", "fifteen-digit-id"])
def test_untidy_numbers_still_say_who_somebody_is(sheet, kind):
    spoilt, rows = _spoil(sheet, kind, "document_number")
    true = sheet.columns["document_number"].take(pa.array(rows))
    written = spoilt.columns["document_number"].take(pa.array(rows))
    assert len(rows) > COUNT / 2
    assert not any(a == b for a, b in zip(true.to_pylist(), written.to_pylist(), strict=True))
    assert _keys(written) == _keys(true)


@pytest.mark.parametrize("kind", ["transposed-id", "wrong-check-digit"])
def test_mistyped_numbers_are_found_out(sheet, kind):
    spoilt, rows = _spoil(sheet, kind, "document_number")
    found = _keys(spoilt.columns["document_number"])
    assert len(rows) == COUNT
    assert all(isinstance(key, Unusable) for key in found)
    assert {key.problem for key in found} <= {Problem.CHECK_DIGIT, Problem.BIRTH_DATE}


def test_a_missing_number_leaves_no_type_behind(sheet):
    spoilt, rows = _spoil(sheet, "missing-id", "document_number")
    assert spoilt.columns["document_number"].null_count == len(rows) == COUNT
    assert (spoilt.columns["document_type"].index == -1).all()


def test_a_name_variant_sounds_the_same_and_differs_in_one_character(sheet):
    spoilt, rows = _spoil(sheet, "name-variant", "name")
    pairs = [(sheet.columns["name"][row].as_py(), spoilt.columns["name"][row].as_py()) for row in rows]
    assert pairs
    assert all(sum(a != b for a, b in zip(*pair, strict=True)) == 1 for pair in pairs)


def test_only_names_with_a_dot_lose_it(sheet):
    spoilt, rows = _spoil(sheet, "missing-dot", "name")
    assert rows.tolist() == list(range(1, COUNT, 2))
    assert spoilt.columns["name"][1].as_py() == "玛钦钦"


def test_rh_positive_becomes_negative(sheet):
    spoilt, rows = _spoil(sheet, "swapped-rh", "rh")
    assert len(rows) == COUNT
    assert spoilt.columns["rh"].text().to_pylist() == ["1"] * COUNT


def test_a_lost_zero_changes_only_codes_that_have_one(sheet):
    spoilt, rows = _spoil(sheet, "lost-zero", "document_type")
    assert len(rows) == COUNT
    assert spoilt.columns["document_type"].text().to_pylist() == ["1"] * COUNT
    assert len(_spoil(sheet, "lost-zero", "rh")[1]) == 0


def test_other_rows_are_left_as_they_were(sheet):
    spoilt, _ = CHANGES["transposed-id"](sheet, np.array([3]), "document_number")
    before, after = (one.columns["document_number"].to_pylist() for one in (sheet, spoilt))
    assert [row for row, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [3]
