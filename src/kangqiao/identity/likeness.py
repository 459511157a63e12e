"""One person who is described, against everybody: who it may be, how surely and why. Writes nothing but who asked."""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from django.utils import timezone
from psycopg import Connection
from psycopg import Error as PostgresError

from kangqiao.identity.clues import PERSON, sharing, sought
from kangqiao.identity.errors import NothingToCompare
from kangqiao.identity.linkage.comparison import BITS, OBSTACLE
from kangqiao.identity.linkage.model import Model, Step, explained
from kangqiao.identity.matching import in_transaction, probability
from kangqiao.identity.model_versions import InUse, model_in_use
from kangqiao.identity.traits import likest_first, traits_from, traits_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, Done, record_done
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


class Candidate(NamedTuple):
    """A resident it may be, by the patient of it that is most alike.

    `weight` in bits; `excluded` where something forbids that it is the same person, whatever else agrees.
    """

    resident_id: UUID
    patient_id: UUID
    rule: int
    pattern: int
    weight: float
    model: Model

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

    `on` a session of one's own, else on Django's. Raises `NothingToCompare` where too little is said, and
    `NotPermitted`.
    """
    (found,) = match_together([(demographics, actor)], on=on)
    if isinstance(found, Exception):
        raise found
    return found


def match_together(
    asked: Sequence[tuple[Demographics, Actor]], *, on: Connection | None = None
) -> list[list[Candidate] | Exception]:
    """Return the same, or what it raises, for questions that wait together; one transaction writes down who asked."""
    today, answers = timezone.localdate(), list[list[Candidate] | Exception]()
    with in_transaction(on) as connection:
        in_use = model_in_use(connection)
        for demographics, actor in asked:
            try:
                actor.require(Permission.IDENTITY_MATCH)
                answers.append(likeliest(connection, demographics, in_use, today=today))
            except PostgresError:
                raise
            except Exception as error:
                answers.append(error)
        found = zip(asked, answers, strict=True)
        record_done(connection, [_done(actor, each) for (_, actor), each in found if not isinstance(each, Exception)])
    return answers


def _done(actor: Actor, found: list[Candidate]) -> Done:
    only = found[0].resident_id if len(found) == 1 else None
    detail = {"found": len(found), "residents": [str(each.resident_id) for each in found]}
    return Done(actor, Action.RESIDENT_MATCH, Act(only, None, "resident", only, detail))


def likeliest(connection: Connection, described: Demographics, in_use: InUse, *, today: date) -> list[Candidate]:
    """Return the same without writing who asked."""
    packed = traits_of(described, today=today)
    clues = sought([packed])
    if not clues.clue:
        raise NothingToCompare
    found, traits = sharing(connection, clues)
    persons = np.frombuffer(found, np.int64).reshape(-1, 2, 2)
    likest = likest_first(
        traits_from(packed + traits), persons[:, 1], in_use.crowds, in_use.model, most=MOST_CANDIDATES
    )
    return [
        Candidate(*_ids(found, place), rule, pattern, weight, in_use.model)
        for place, rule, pattern, weight in zip(*likest, strict=True)
    ]


def _ids(persons: bytes, place: int) -> tuple[UUID, UUID]:
    """Return resident and patient at a place of `clues.PERSON`."""
    start = place * PERSON.itemsize
    return UUID(bytes=persons[start + 16 : start + 32]), UUID(bytes=persons[start : start + 16])
