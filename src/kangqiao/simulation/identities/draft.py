"""Registrations while they are being written: columns, and what has gone wrong with each row so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.simulation.identities.characters import Codes, codes_of, text_of_codes
from kangqiao.simulation.identities.contacts import Contacts
from kangqiao.simulation.identities.kinds import bit
from kangqiao.simulation.identities.lives import CITIZEN_ID, Lives


@dataclass
class Draft:
    """One row per contact.

    document_kind  place in DOCUMENT_TYPES, -1 for none
    phone          number, -1 for none
    division       number of twelve digits, -1 for none
    kinds          bits of KINDS
    """

    lives: Lives
    contacts: Contacts
    name: pa.Array
    sex: np.ndarray
    birth_date: np.ndarray
    document_kind: np.ndarray
    document: pa.Array
    phone: np.ndarray
    division: np.ndarray
    kinds: np.ndarray

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def age(self) -> np.ndarray:
        """Return the ages in years on the day of the contact."""
        return (self.contacts.day - self.lives.people.born[self.contacts.person]).astype(np.int64) / 365.25

    @property
    def citizen(self) -> np.ndarray:
        """Say which rows show a number that is meant for a citizen's own."""
        return (self.document_kind == CITIZEN_ID) & np.asarray(pc.is_valid(self.document))

    def mark(self, rows: np.ndarray, kind: str) -> None:
        self.kinds[rows] |= bit(kind)

    def write_names(self, rows: np.ndarray, names: pa.Array) -> None:
        self.name = written(self.name, rows, names)

    def write_documents(self, rows: np.ndarray, kind: int, documents: pa.Array) -> None:
        self.document = written(self.document, rows, documents)
        self.document_kind[rows] = kind

    def misspell(self, column: str, rows: np.ndarray, change: Callable[[Codes], Codes], kind: str) -> None:
        """Change the characters of a text column in some rows, and mark those that became others."""
        text = getattr(self, column)
        codes = codes_of(text.take(pa.array(rows)))
        fresh = change(codes.copy())
        differ = (fresh != codes).any(axis=1)
        setattr(self, column, written(text, rows[differ], text_of_codes(fresh[differ])))
        self.mark(rows[differ], kind)


def written(column: pa.Array, rows: np.ndarray, values: pa.Array) -> pa.Array:
    """Return a column with new values in some rows, which need not be in order."""
    order = np.argsort(rows)
    mask = np.zeros(len(column), dtype=bool)
    mask[rows] = True
    return pc.replace_with_mask(column, pa.array(mask), values.take(pa.array(order)))


def truthful(lives: Lives, contacts: Contacts) -> Draft:
    """Return what the people's papers say on the day of each contact."""
    person, day = contacts.person, contacts.day
    draft = Draft(
        lives=lives,
        contacts=contacts,
        name=lives.name.at(person, day)[0],
        sex=lives.people.sex[person].copy(),
        birth_date=lives.people.born[person].copy(),
        document_kind=lives.document_kind.at(person, day)[0].copy(),
        document=lives.document.at(person, day)[0],
        phone=lives.phone.at(person, day)[0].copy(),
        division=lives.division.at(person, day)[0].copy(),
        kinds=np.zeros(len(person), dtype=np.int64),
    )
    draft.mark(np.flatnonzero(lives.twin[person]), "twin")
    draft.mark(np.flatnonzero(lives.name.at(person, day)[1]), "changed-name")
    draft.mark(np.flatnonzero(lives.division.at(person, day)[1]), "moved")
    draft.mark(np.flatnonzero(lives.phone.at(person, day)[1]), "old-phone")
    return draft
