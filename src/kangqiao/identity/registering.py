"""One registration, durable and matched at once: patient, link, comparison, decision and audit in one transaction.

Whoever registers the same person at the same time shares a clue with it and waits for the other's end: of twenty
registrations of one new person one makes the resident and nineteen find it.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.utils import timezone
from psycopg import Connection
from psycopg.errors import DeadlockDetected, UniqueViolation

from kangqiao.identity.clues import Near, near, neighbourhood, replace_packed
from kangqiao.identity.errors import Overtaken
from kangqiao.identity.judging import judge
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.matching import REGISTERING, Verdict, ask, in_transaction, join, join_newcomer, settle_stale
from kangqiao.identity.model_versions import InUse, model_known_as
from kangqiao.identity.models import Resident
from kangqiao.identity.newcomers import Arrival, Newcomer, arrival_of, look
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.identity.traits import TRAITS, pairs_sharing_clues
from kangqiao.infra.postgres.statement import Statement
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, record_acts
from kangqiao.trust.permissions import Permission
from kangqiao.trust.rules import require_scope

ATTEMPTS: Final = 3


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


def register(*, registration: Registration, actor: Actor, on: Connection | None = None) -> Outcome:
    """Register a patient, or what has changed about a known one, and match it at once; all of it or nothing.

    `on` a session of one's own, else on Django's. Raises `NotPermitted`, also for a registration
    of another institution than the actor's.
    """
    actor.require(Permission.IDENTITY_MATCH)
    require_scope(actor, registration.institution_id)
    for _ in range(ATTEMPTS - 1):
        with suppress(UniqueViolation, DeadlockDetected, Overtaken):
            return _register(registration, actor, on)
    return _register(registration, actor, on)


def _register(registration: Registration, actor: Actor, on: Connection | None) -> Outcome:
    today = timezone.localdate()
    arrival = arrival_of(registration, today=today)
    with in_transaction(on) as connection:
        _WAIT_FOR_OTHERS.rows(connection, {"registering": REGISTERING, **arrival.clues.told()})
        found = look(connection, arrival)
        in_use = model_known_as(connection, found.newest_model)
        if found.known:
            stored = _register_known(connection, arrival, in_use, actor)
        else:
            stored = _register_newcomer(connection, Newcomer(arrival, found, today), in_use, actor)
        record_acts(connection, actor=actor, action=Action.PATIENT_REGISTER, acts=[_act(stored)])
    return stored


def _register_newcomer(connection: Connection, newcomer: Newcomer, in_use: InUse, actor: Actor) -> Outcome:
    """Judge who a patient that nobody knew is, and store it."""
    patient_id = newcomer.patient_id
    verdict = _judged(connection, newcomer.among_others(), patient_id, in_use)
    newcomer.store(connection, actor_id=actor.id)
    if [verdict.residents[each.absorbed] for each in verdict.judged.merges] == [patient_id]:
        joined = join_newcomer(connection, verdict, link_id=newcomer.link_id, actor=actor)
    else:
        joined = join(connection, verdict, actor=actor)
    resident = _resident(connection, patient_id) if joined else (newcomer.resident_id, newcomer.state)
    doubts = ask(connection, verdict)
    return Outcome(patient_id, *resident, created=True, changed=False, joined=joined, doubts=doubts)


def _register_known(connection: Connection, arrival: Arrival, in_use: InUse, actor: Actor) -> Outcome:
    """Store what is said now about a patient that is known, and judge anew who it is."""
    registration = arrival.registration
    done = register_patients(connection, source=Source.registrations([registration]), actor_id=actor.id)
    number = (registration.institution_id, registration.local_number)
    ((patient_id, former),) = connection.execute(_PATIENT, number).fetchall()
    if not done.changed:
        return Outcome(patient_id, *_resident(connection, patient_id), created=False, changed=False)
    replace_packed(connection, {patient_id: arrival.traits}, {patient_id: former} if former else {})
    found = near(connection, clues=arrival.clues, asked=[patient_id])
    verdict = _judged(connection, found, patient_id, in_use)
    joined = join(connection, verdict, actor=actor)
    settle_stale(connection, verdict, asked=[patient_id])
    doubts = ask(connection, verdict)
    resident = _resident(connection, patient_id)
    return Outcome(patient_id, *resident, created=False, changed=True, joined=joined, doubts=doubts)


def _judged(connection: Connection, found: Near, patient_id: UUID, in_use: InUse) -> Verdict:
    around = neighbourhood(connection, found, asked=[patient_id], crowds=in_use.crowds)
    pairs = pairs_sharing_clues(around.scene.compared)
    patterns = patterns_between(*around.scene.compared, pairs.left, pairs.right)
    judged = judge(around.scene, pairs, patterns, in_use.model)
    return Verdict(around.patients, around.residents, judged, in_use.model.version)


def _resident(connection: Connection, patient_id: UUID) -> tuple[UUID, Resident.State]:
    ((resident_id, state),) = _RESIDENT.rows(connection, {"patient_id": patient_id})
    return resident_id, Resident.State(state)


def _act(outcome: Outcome) -> Act:
    detail = {word: getattr(outcome, word) for word in ("created", "changed", "joined", "doubts")}
    return Act(outcome.resident_id, outcome.patient_id, "patient", outcome.patient_id, detail)


_WAIT_FOR_OTHERS: Final = Statement("""
SELECT pg_advisory_xact_lock_shared(%(registering)s::bigint), (
    SELECT count(*) FROM (SELECT pg_advisory_xact_lock(clue) FROM unnest(%(clue)s::bigint[]) AS sought(clue)) held)
""")
"""In ascending order, so that two who share several wait for each other on one side only. What others have stored is
seen by the statement after it."""

_PATIENT: Final = f"""
SELECT patient.id, traits.content
  FROM identity_patient patient
  LEFT JOIN identity_traits traits
    ON traits.patient_id = patient.id AND octet_length(traits.content) = {TRAITS.itemsize}
 WHERE institution_id = %s AND local_number = %s
"""
_RESIDENT: Final = Statement("""
WITH waits_no_longer AS (DELETE FROM identity_unmatched WHERE patient_id = %(patient_id)s::uuid)
SELECT resident.id, resident.state FROM identity_link link JOIN identity_resident resident ON resident.id = resident_id
 WHERE patient_id = %(patient_id)s::uuid AND undone_at IS NULL
""")
