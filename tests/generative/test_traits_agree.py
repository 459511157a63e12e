"""What one registration says, read alone in plain Python, against the same read by the file in compiled code."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq

from kangqiao.identity.linkage.blocking import RULES, keys_of
from kangqiao.identity.linkage.crowds import crowds_of
from kangqiao.identity.linkage.entries import ENTRY, rows_of
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.identity.traits import clues_of, compared_from, traits_from, traits_of, traits_of_file
from kangqiao.simulation.identities.generating import LAST_DAY, generate_identities


def test_registrations_read_one_by_one_are_as_read_by_the_file(tmp_path: Path) -> None:
    city = generate_identities(folder=tmp_path, people=3_000, records_per_person=1.5, seed=31)
    table = pq.read_table(city.records).sort_by("record")
    read = read_registrations(table, today=LAST_DAY)
    everybody = np.arange(len(table), dtype=np.int32)
    by_file = traits_of_file(read, everybody)
    alone = traits_from(b"".join(traits_of(_told(row), today=LAST_DAY) for row in table.to_pylist()))
    assert np.array_equal(alone["form"], by_file["form"])
    assert np.array_equal(alone["codes"], by_file["codes"])
    for word in ENTRY.names:
        assert np.array_equal(alone["entry"][word], by_file["entry"][word]), word
    compared, rows = compared_from(alone, crowds_of(read)), rows_of(read, everybody)
    for word in set(rows.dtype.names) - {"name", "mother"}:
        assert np.array_equal(compared.rows[word], rows[word]), word
    clues = clues_of(compared)
    for rule in range(len(RULES)):
        _one_to_one(clues[:, rule], keys_of(rows, rule))


def _told(row: dict) -> SimpleNamespace:
    same = ("name", "sex", "birth_date", "health_card", "phone", "division", "mother_name")
    return SimpleNamespace(
        **{word: row[word] for word in same},
        institution_id=row["institution"],
        key_type=row["document_type"],
        key_number=row["document_number"],
        shown_number=None,
        mother_number=row["mother_document"],
        registered_on=row["registered_at"],
    )


def _one_to_one(clue: np.ndarray, key: np.ndarray) -> None:
    """A clue is a rule's key under another number, none where there is none."""
    assert np.array_equal(clue == 0, key == 0)
    both = np.unique(np.stack([clue, key]), axis=1)
    assert both.shape[1] == len(np.unique(clue)) == len(np.unique(key))
