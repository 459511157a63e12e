"""How right a linkage is: how many of the pairs of registrations it joins are of one person, and how many it misses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.dataset

from kangqiao.simulation.identities.kinds import KINDS, MISTAKEN, marked

CLEAN = "clean"
"""Registrations without any mistake, in :func:`scores_by_kind`."""


@dataclass(frozen=True)
class Score:
    """Pairs of registrations, or of some of them with all others.

    registrations  how many were looked at
    both           pairs that are joined and of one person
    joined, true   pairs that are joined; pairs of one person
    """

    registrations: int
    both: float
    joined: float
    true: float

    @property
    def precision(self) -> float:
        """Return the share of the joined pairs that are of one person; 1 where none is joined."""
        return self.both / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """Return the share of the pairs of one person that are joined; 1 where there is none."""
        return self.both / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        return 2 * self.precision * self.recall / (self.precision + self.recall or 1)


def score(person: np.ndarray, found: np.ndarray) -> Score:
    """Score the groups ``found`` against the people behind the registrations; both are any labels, one for each."""
    true, joined, both = (others / 2 for others in _others(person, found))
    return Score(len(person), both.sum(), joined.sum(), true.sum())


def scores_by_kind(person: np.ndarray, found: np.ndarray, kinds: np.ndarray) -> dict[str, Score]:
    """Score the registrations of each kind of mess (bits of KINDS) with all others; those without mistakes as CLEAN."""
    true, joined, both = _others(person, found)
    rows = {CLEAN: kinds & MISTAKEN == 0} | {kind: marked(kinds, kind) for kind in KINDS}
    return {
        word: Score(int(chosen.sum()), both[chosen].sum(), joined[chosen].sum(), true[chosen].sum())
        for word, chosen in rows.items()
        if chosen.any()
    }


@dataclass(frozen=True)
class Found:
    """Patients of a synthetic city: whose they are, which resident they were linked to, bits of KINDS."""

    person: np.ndarray
    found: np.ndarray
    kinds: np.ndarray


def beside_truth(links: Iterable[tuple[str, str, object]], truth: Path) -> Found:
    """Put links (institution code, local number, resident) beside the truth of a city (``CityManifest.truth``).

    The kinds are those of the registration as it stands in the end. Raises KeyError for a patient nobody generated.
    """
    rows = pyarrow.dataset.dataset(truth / "patients").to_table().to_pylist()
    known = {(row["institution_code"], row["patient_number"]): (row["resident"], row["kinds"]) for row in rows}
    true, found = [], []
    for institution, number, resident in links:
        true.append(known[institution, number])
        found.append(str(resident))
    person, kinds = np.array(true, dtype=np.int64).reshape(-1, 2).T
    return Found(person, np.array(found), kinds)


def _others(person: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for every registration how many others are of its person, of its group, of both."""
    people, true = _numbered(person)
    groups, joined = _numbered(found)
    return true, joined, _numbered(people * (int(groups.max(initial=0)) + 1) + groups)[1]


def _numbered(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as numbers from 0, and how many others have the same."""
    number, size = np.unique(labels, return_inverse=True, return_counts=True)[1:]
    return number, (size[number] - 1).astype(np.float64)
