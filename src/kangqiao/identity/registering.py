"""One registration, durable and matched at once: patient, link, comparison, decision and audit in one transaction.

Whoever registers the same person at the same time shares a clue with it and waits for the other's end: of twenty
registrations of one new person one makes the resident and nineteen find it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from django.utils import timezone
from psycopg import Connection
from psycopg.errors import DeadlockDetected

from kangqiao.identity.clues import Clues, neighbourhood, replace_packed, sought
from kangqiao.identity.judging import judge
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.matching import REGISTERING, Verdict, ask, in_transaction, join, settle_stale
from kangqiao.identity.model_versions import model_in_use
from kangqiao.identity.models import Resident
from kangqiao.identity.services import Registered, Registration, Source, register_patients
from kangqiao.identity.traits import TRAITS, pairs_sharing_clues, traits_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, record_acts
from kangqiao.trust.permissions import Permission
from kangqiao.trust.rules import require_scope

ATTEMPTS: Final = 3

Given = ParamSpec("Given")
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a registration.

    `created` a new patient, `changed` one that was known under another registration, neither: nothing new was said.
    `joined` residents were found to be one person by comparison, `doubts` are left to a human.
    """

    patient_id: UUID
    resident_id: UUID
    state: Resident.State
    created: bool
    changed: bool
    joined: int = 0
    doubts: int = 0


def in_turn(act: Callable[Given, Returned]) -> Callable[Given, Returned]:
    """Do a transaction again that PostgreSQL ended because two waited for each other."""

    @wraps(act)
    def again(*args: Given.args, **kwargs: Given.kwargs) -> Returned:
        for _ in range(ATTEMPTS - 1):
            with suppress(DeadlockDetected):
                return act(*args, **kwargs)
        return act(*args, **kwargs)

    return again


@in_turn
def register(*, registration: Registration, actor: Actor, on: Connection | None = None) -> Outcome:
    """Register a patient, or what has changed about a known one, and match it at once; all of it or nothing.

    `on` a connection of one's own (`clues.SESSION`), else on Django's. Raises `NotPermitted`, also for a registration
    of another institution than the actor's.
    """
    actor.require(Permission.IDENTITY_MATCH)
    require_scope(actor, registration.institution_id)
    packed = traits_of(registration, today=timezone.localdate())
    with in_transaction(on) as connection:
        clues = sought([packed])
        connection.execute(_WAIT_FOR_OTHERS, {"registering": REGISTERING, "clues": clues.clue})
        source = Source.registrations([registration])
        done = register_patients(connection, source=source, actor_id=actor.id)
        patient_id, former = _patient(connection, registration)
        joined, doubts = 0, 0
        if done.created or done.changed:
            replace_packed(connection, {patient_id: packed}, {patient_id: former} if former else {})
            joined, doubts = _match(connection, patient_id, clues, actor, known=former is not None)
        outcome = _outcome(connection, patient_id, done, joined, doubts)
        record_acts(connection, actor=actor, action=Action.PATIENT_REGISTER, acts=[_act(outcome)])
    return outcome


def _match(connection: Connection, patient_id: UUID, clues: Clues, actor: Actor, *, known: bool) -> tuple[int, int]:
    """Compare one patient; return how many residents were joined to others and how many doubts raised."""
    in_use = model_in_use(connection)
    near = neighbourhood(connection, clues=clues, asked=[patient_id], crowds=in_use.crowds)
    pairs = pairs_sharing_clues(near.scene.compared)
    patterns = patterns_between(*near.scene.compared, pairs.left, pairs.right)
    judged = judge(near.scene, pairs, patterns, in_use.model)
    verdict = Verdict(near.patients, near.residents, judged, in_use.model.version)
    joined = join(connection, verdict, actor=actor) if judged.merges else 0
    if known:
        settle_stale(connection, verdict, asked=[patient_id])
    return joined, ask(connection, verdict)


def _patient(connection: Connection, registration: Registration) -> tuple[UUID, bytes | None]:
    number = (registration.institution_id, registration.local_number)
    ((id, former),) = connection.execute(_PATIENT, number).fetchall()
    return id, former


def _outcome(connection: Connection, patient_id: UUID, done: Registered, joined: int, doubts: int) -> Outcome:
    ((resident_id, state),) = connection.execute(_RESIDENT, {"patient_id": patient_id}).fetchall()
    created, changed = done.created > 0, done.changed > 0
    return Outcome(patient_id, resident_id, Resident.State(state), created, changed, joined, doubts)


def _act(outcome: Outcome) -> Act:
    detail = {word: getattr(outcome, word) for word in ("created", "changed", "joined", "doubts")}
    return Act(outcome.resident_id, outcome.patient_id, "patient", outcome.patient_id, detail)


_WAIT_FOR_OTHERS: Final = """
SELECT pg_advisory_xact_lock_shared(%(registering)s), (
    SELECT count(*) FROM (SELECT pg_advisory_xact_lock(clue) FROM unnest(%(clues)s::bigint[]) AS sought(clue)) held)
"""
"""In ascending order, so that two who share several wait for each other on one side only."""

_PATIENT: Final = f"""
SELECT patient.id, traits.content
  FROM identity_patient patient
  LEFT JOIN identity_traits traits
    ON traits.patient_id = patient.id AND octet_length(traits.content) = {TRAITS.itemsize}
 WHERE institution_id = %s AND local_number = %s
"""
_RESIDENT: Final = """
WITH waits_no_longer AS (DELETE FROM identity_unmatched WHERE patient_id = %(patient_id)s)
SELECT resident.id, resident.state FROM identity_link link JOIN identity_resident resident ON resident.id = resident_id
 WHERE patient_id = %(patient_id)s AND undone_at IS NULL
"""
