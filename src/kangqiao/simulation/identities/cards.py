"""What a citizen's card tells besides its number, where it is read by a machine: who issued it, and until when."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.draws import below
from kangqiao.simulation.identities.draft import Draft
from kangqiao.simulation.identities.lives import NEVER
from kangqiao.simulation.places import Places, Township
from kangqiao.simulation.sheets import Pick, text_of

ENDS_AT = np.array([5, 10, 16, 26, 46])
"""Ages at which cards run out; those of older people never do."""
FOR_EVER = np.datetime64("9999-12-31")
SOON = 300
"""Days within which people have a new card made."""


def read(draft: Draft) -> np.ndarray:
    """Say which registrations show a citizen's card that was read: neither typed nor somebody else's."""
    return draft.citizen & ~draft.contacts.typed


def issuers(draft: Draft, *, places: Places, township: Township) -> Pick:
    """Return who issued the cards that were read: the police of the county where people live."""
    village = np.searchsorted(places.villages.codes, int(township.villages[0]))
    words = text_of([f"{places.villages.counties[village]}公安局"])
    return Pick(np.where(read(draft), 0, -1).astype(np.int32), words)


def ends(draft: Draft) -> np.ndarray:
    """Return until when the cards that were read are valid, always after the contact; NEVER for all others."""
    people, person = draft.lives.people, draft.contacts.person
    place = np.searchsorted(ENDS_AT, draft.age, side="right")
    age = ENDS_AT[np.minimum(place, len(ENDS_AT) - 1)]
    days = (age * 365.25).astype(np.int64) + 1 + below(SOON, people.number[person], 341)
    end = np.where(place < len(ENDS_AT), people.born[person] + days, FOR_EVER)
    return np.where(read(draft), end, NEVER)
