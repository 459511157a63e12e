"""One person who is described, against everybody: who it may be, how surely and why. Writes nothing but who asked."""

from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from django.utils import timezone
from psycopg import Connection

from kangqiao.identity.clues import sharing, sought, traits_in
from kangqiao.identity.errors import NothingToCompare
from kangqiao.identity.linkage.blocking import Pairs
from kangqiao.identity.linkage.comparison import BITS, OBSTACLE
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.linkage.model import Model, Step, explained
from kangqiao.identity.linkage.scoring import weighed
from kangqiao.identity.matching import in_transaction, probability
from kangqiao.identity.model_versions import InUse, model_in_use
from kangqiao.identity.traits import compared_from, pairs_with_first, traits_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, record_acts
from kangqiao.trust.permissions import Permission

MOST_CANDIDATES: Final = 20


class Demographics(NamedTuple):
    """A person as described; what is not known stays None. Document as `rules.normalise_document` reads it."""

    name: str | None = None
    sex: str | None = None
    birth_date: date | None = None
    key_type: str | None = None
    key_number: str | None = None
    shown_number: str | None = None
    health_card: str | None = None
    phone: str | None = None
    division: str | None = None
    mother_name: str | None = None
    mother_number: str | None = None
    registered_on: date | None = None
    institution_id: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A resident it may be, by the patient of it that is most alike.

    `weight` in bits; `excluded` where something forbids that it is the same person, whatever else agrees.
    """

    resident_id: UUID
    patient_id: UUID
    rule: int
    pattern: int
    weight: float
    model: Model = field(repr=False)

    @property
    def probability(self) -> float:
        """How probable it is that it is the same person."""
        return probability(self.weight)

    @property
    def excluded(self) -> bool:
        return self.pattern >> (BITS * OBSTACLE) != 0

    @property
    def steps(self) -> list[Step]:
        """The waterfall that explains the weight."""
        return explained(self.model, pattern=self.pattern, rule=self.rule)


def match(*, demographics: Demographics, actor: Actor, on: Connection | None = None) -> list[Candidate]:
    """Return who the person described may be, the likeliest first, at most `MOST_CANDIDATES`; nothing is changed.

    `on` a connection of one's own (`clues.SESSION`), else on Django's. Raises `NothingToCompare` where too little is
    said, and `NotPermitted`.
    """
    actor.require(Permission.IDENTITY_MATCH)
    with in_transaction(on) as connection:
        found = likeliest(connection, demographics, model_in_use(connection), today=timezone.localdate())
        only = found[0].resident_id if len(found) == 1 else None
        detail = {"found": len(found), "residents": [str(each.resident_id) for each in found]}
        record_acts(
            connection, actor=actor, action=Action.RESIDENT_MATCH, acts=[Act(only, None, "resident", only, detail)]
        )
    return found


def likeliest(connection: Connection, described: Demographics, in_use: InUse, *, today: date) -> list[Candidate]:
    """Return the same without writing who asked."""
    packed = traits_of(described, today=today)
    clues = sought([packed])
    if not clues.clue:
        raise NothingToCompare
    persons = sharing(connection, clues)
    if not len(persons):
        return []
    compared = compared_from(traits_in(persons, packed), in_use.crowds)
    pairs = pairs_with_first(compared)
    patterns = patterns_between(*compared, pairs.left, pairs.right)
    weights = weighed(patterns, in_use.model.weights, in_use.model.priors)
    return _best(persons, pairs, patterns, weights, in_use.model)


def _best(
    persons: np.ndarray, pairs: Pairs, patterns: np.ndarray, weights: np.ndarray, model: Model
) -> list[Candidate]:
    """Return the likeliest residents, each by the likeliest of its patients."""
    residents, patients = persons["resident"].tolist(), persons["patient"].tolist()
    other = (pairs.right - 1).tolist()
    best: dict[bytes, int] = {}
    for place in np.argsort(-weights, kind="stable").tolist():
        best.setdefault(residents[other[place]], place)
    return [
        Candidate(
            resident_id=UUID(bytes=resident),
            patient_id=UUID(bytes=patients[other[place]]),
            rule=int(pairs.rule[place]),
            pattern=int(patterns[place]),
            weight=float(weights[place]),
            model=model,
        )
        for resident, place in islice(best.items(), MOST_CANDIDATES)
    ]
