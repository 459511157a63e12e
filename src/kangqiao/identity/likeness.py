"""One person who is described, against everybody: who it may be, how surely and why. Writes nothing but who asked."""

from collections.abc import Sequence
from datetime import date
from itertools import chain
from typing import Final, NamedTuple
from uuid import UUID

import numpy as np
from django.utils import timezone
from psycopg import Connection

from kangqiao.identity.clues import PERSON, SHARING, Clues, sought
from kangqiao.identity.errors import NothingToCompare
from kangqiao.identity.linkage.comparison import BITS, OBSTACLE
from kangqiao.identity.linkage.model import Model, Step, explained
from kangqiao.identity.matching import in_transaction, probability
from kangqiao.identity.model_versions import NEWEST_MODEL, InUse, model_known_as
from kangqiao.identity.traits import likest_first, traits_from, traits_of
from kangqiao.infra.postgres.statement import Statement, as_array
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
    today = timezone.localdate()
    questions, answers = dict[int, Question](), dict[int, list[Candidate] | Exception]()
    for place, (demographics, actor) in enumerate(asked):
        try:
            actor.require(Permission.IDENTITY_MATCH)
            questions[place] = question_of(demographics, today=today)
        except Exception as error:
            answers[place] = error
    with in_transaction(on) as connection:
        found = dict(zip(questions, likeliest(connection, list(questions.values())), strict=True))
        record_done(connection, [_done(asked[place][1], each) for place, each in found.items()])
    answers |= found
    return [answers[place] for place in range(len(asked))]


def _done(actor: Actor, found: list[Candidate]) -> Done:
    only = found[0].resident_id if len(found) == 1 else None
    detail = {"found": len(found), "residents": [str(each.resident_id) for each in found]}
    return Done(actor, Action.RESIDENT_MATCH, Act(only, None, "resident", only, detail))


class Question(NamedTuple):
    """A description ready to be compared: TRAITS as bytes, and the clues by which others like it are found."""

    traits: bytes
    clues: Clues


def question_of(described: Demographics, *, today: date) -> Question:
    """Return what is compared. Raises `NothingToCompare`."""
    traits = traits_of(described, today=today)
    clues = sought([traits])
    if not clues.clue:
        raise NothingToCompare
    return Question(traits, clues)


def likeliest(connection: Connection, questions: Sequence[Question]) -> list[list[Candidate]]:
    """Return the same without writing who asked; all are looked up at once."""
    about = {
        "clue": as_array(chain.from_iterable(each.clues.clue for each in questions)),
        "most": as_array(chain.from_iterable(each.clues.most for each in questions)),
        "place": as_array(place for place, each in enumerate(questions) for _ in each.clues.clue),
    }
    rows = _SHARING.rows(connection, about)
    in_use = model_known_as(connection, rows[0][0])
    shared: dict[int, list[bytes]] = {place: found for _, place, *found in rows}
    return [_likeliest(question, in_use, *shared.get(place, (b"", b""))) for place, question in enumerate(questions)]


def _likeliest(question: Question, in_use: InUse, found: bytes, traits: bytes) -> list[Candidate]:
    """Return the likeliest of the patients found: PERSONs and TRAITS as bytes."""
    persons = np.frombuffer(found, np.int64).reshape(-1, 2, 2)
    likest = likest_first(
        traits_from(question.traits + traits), persons[:, 1], in_use.crowds, in_use.model, most=MOST_CANDIDATES
    )
    return [
        Candidate(*_ids(found, place), rule, pattern, weight, in_use.model)
        for place, rule, pattern, weight in zip(*likest, strict=True)
    ]


def _ids(persons: bytes, place: int) -> tuple[UUID, UUID]:
    """Return resident and patient at a place of `clues.PERSON`."""
    start = place * PERSON.itemsize
    return UUID(bytes=persons[start + 16 : start + 32]), UUID(bytes=persons[start : start + 16])


_SHARING: Final = Statement(f"SELECT {NEWEST_MODEL}, shared.* FROM (SELECT) once LEFT JOIN ({SHARING}) shared ON true")
