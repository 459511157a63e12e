"""What clerks make of people's papers: registrations with everything that goes wrong, and what they ask for besides."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from kangqiao.simulation.identities.contacts import Contacts
from kangqiao.simulation.identities.documents import citizens_number, write_documents
from kangqiao.simulation.identities.draft import Draft, truthful
from kangqiao.simulation.identities.lives import Lives
from kangqiao.simulation.identities.particulars import write_birth_dates, write_divisions, write_phones, write_sexes
from kangqiao.simulation.identities.rates import rate
from kangqiao.simulation.identities.spelling import write_names
from kangqiao.simulation.sheets import digits

CARDS_SINCE = np.datetime64("2019-01-01")
MOTHER_NAMED, MOTHER_SHOWN = (0.85, 0.35), (0.60, 0.15)
"""Shares of the registrations of newborns, and of other children below 7, with the mother's name and document."""


def written_down(lives: Lives, contacts: Contacts, random: np.random.Generator) -> Draft:
    """Return the registrations that contacts leave."""
    draft = truthful(lives, contacts)
    write_documents(draft, random)
    write_names(draft, random)
    write_birth_dates(draft, random)
    write_sexes(draft, random)
    write_phones(draft, random)
    write_divisions(draft, random)
    return draft


def health_cards(draft: Draft, random: np.random.Generator) -> pa.Array:
    """Return the numbers of the health cards that were shown, else null."""
    contacts = draft.contacts
    shown = (contacts.day >= CARDS_SINCE) & (random.random(len(draft)) < rate("health-card")) & ~contacts.newborn
    return digits(np.where(shown, draft.lives.health_card[contacts.person], -1), 12)


def mothers(draft: Draft, random: np.random.Generator) -> tuple[pa.Array, pa.Array]:
    """Return the names and citizens' numbers of the mothers of newborns and small children, as far as asked for."""
    contacts, lives = draft.contacts, draft.lives
    mother = np.where(draft.age < 7, lives.people.mother[contacts.person], -1)
    lot = random.random(len(draft))
    named = lot < np.where(contacts.newborn, *MOTHER_NAMED)
    shown = lot < np.where(contacts.newborn, *MOTHER_SHOWN)
    names, _ = lives.name.at(np.maximum(mother, 0), contacts.day)
    everywhere = np.arange(len(draft))
    documents = citizens_number(draft, everywhere, np.where(shown, mother, -1))
    return names.take(pa.array(everywhere, mask=~named | (mother < 0))), documents
