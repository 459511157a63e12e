"""One registration, durable and matched at once: patient, link, comparison, decision and audit in one transaction.

Whoever registers the same person at the same time shares a clue with it and waits for the other's end: of twenty
registrations of one new person one makes the resident and nineteen find it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec, TypeVar
from uuid import UUID

from django.db import OperationalError, transaction
from django.utils import timezone
from psycopg import Connection
from psycopg.errors import DeadlockDetected

from kangqiao.identity.clues import Clues, keep_packed, neighbourhood, sought
from kangqiao.identity.judging import judge
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.matching import REGISTERING, Verdict, ask, join, psycopg_connection, settle_stale
from kangqiao.identity.model_versions import InUse, model_in_use
from kangqiao.identity.models import Resident
from kangqiao.identity.services import Registered, Registration, Source, register_patients
from kangqiao.identity.traits import pairs_sharing_clues, traits_of
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
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
            try:
                return act(*args, **kwargs)
            except OperationalError as error:
                if not isinstance(error.__cause__, DeadlockDetected):
                    raise
            except DeadlockDetected:
                pass
        return act(*args, **kwargs)

    return again


@in_turn
def register(*, registration: Registration, actor: Actor) -> Outcome:
    """Register a patient, or what has changed about a known one, and match it at once; all of it or nothing.

    Raises `NotPermitted`, also for a registration of another institution than the actor's.
    """
    actor.require(Permission.IDENTITY_MATCH)
    require_scope(actor, registration.institution_id)
    with transaction.atomic():
        raw, in_use = psycopg_connection(), model_in_use()
        packed = traits_of(registration, today=timezone.localdate())
        clues = sought([packed])
        raw.execute(_WAIT_FOR_OTHERS, {"registering": REGISTERING, "clues": clues.clue})
        source = Source.registrations([registration])
        done = register_patients(raw, source=source, actor_id=actor.id)
        patient_id = _patient(raw, registration)
        joined, doubts = 0, 0
        if done.created or done.changed:
            keep_packed(raw, {patient_id: packed})
            joined, doubts = _match(raw, patient_id, clues, in_use, actor)
        outcome = _outcome(raw, patient_id, done, joined, doubts)
        record_act(
            actor=actor,
            action=Action.PATIENT_REGISTER,
            resident_id=outcome.resident_id,
            patient_id=patient_id,
            object_kind="patient",
            object_id=patient_id,
            detail={"created": outcome.created, "changed": outcome.changed, "joined": joined, "doubts": doubts},
        )
    return outcome


def _match(raw: Connection, patient_id: UUID, clues: Clues, in_use: InUse, actor: Actor) -> tuple[int, int]:
    """Compare one patient; return how many residents were joined to others and how many doubts raised."""
    near = neighbourhood(raw, clues=clues, asked=[patient_id], crowds=in_use.crowds)
    pairs = pairs_sharing_clues(near.scene.compared)
    patterns = patterns_between(*near.scene.compared, pairs.left, pairs.right)
    verdict = Verdict(
        near.patients, near.residents, judge(near.scene, pairs, patterns, in_use.model), in_use.model.version
    )
    joined = join(raw, verdict, actor=actor)
    settle_stale(raw, verdict, asked=[patient_id])
    doubts = ask(raw, verdict)
    raw.execute("DELETE FROM identity_unmatched WHERE patient_id = %s", (patient_id,))
    return joined, doubts


def _patient(raw: Connection, registration: Registration) -> UUID:
    number = (registration.institution_id, registration.local_number)
    ((id,),) = raw.execute(_PATIENT, number).fetchall()
    return id


def _outcome(raw: Connection, patient_id: UUID, done: Registered, joined: int, doubts: int) -> Outcome:
    ((resident_id, state),) = raw.execute(_RESIDENT, (patient_id,)).fetchall()
    created, changed = done.created > 0, done.changed > 0
    return Outcome(patient_id, resident_id, Resident.State(state), created, changed, joined, doubts)


_WAIT_FOR_OTHERS: Final = """
SELECT pg_advisory_xact_lock_shared(%(registering)s), (
    SELECT count(*) FROM (SELECT pg_advisory_xact_lock(clue) FROM unnest(%(clues)s::bigint[]) AS sought(clue)) held)
"""
"""In ascending order, so that two who share several wait for each other on one side only."""

_PATIENT: Final = "SELECT id FROM identity_patient WHERE institution_id = %s AND local_number = %s"
_RESIDENT: Final = """
SELECT resident.id, resident.state FROM identity_link link JOIN identity_resident resident ON resident.id = resident_id
 WHERE patient_id = %s AND undone_at IS NULL
"""
