"""Mistakes on purpose: each changes what it is meant to, and nothing else."""

import numpy as np
import pytest

from kangqiao.simulation.citizen_numbers import as_text, citizen_numbers
from kangqiao.simulation.mistakes import CHANGES
from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of

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


def _spoil(sheet: Sheet, kind: str, column: str) -> tuple[Sheet, np.ndarray]:
    return CHANGES[kind](sheet, np.arange(len(sheet)), column)


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
    spoilt, _ = CHANGES["born-after-visit"](sheet, np.array([3]), "birth_date")
    before, after = (one.columns["birth_date"].tolist() for one in (sheet, spoilt))
    assert [row for row, (a, b) in enumerate(zip(before, after, strict=True)) if a != b] == [3]
