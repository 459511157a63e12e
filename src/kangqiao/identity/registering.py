"""One registration, durable and matched at once: patient, link, comparison, decision and audit in one transaction.

Whoever registers the same person at the same time shares a clue with it and waits for the other's end: of twenty
registrations of one new person one makes the resident and nineteen find it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.utils import timezone
from psycopg import Connection
from psycopg.errors import DeadlockDetected, UniqueViolation

from kangqiao.identity.clues import Clues, neighbourhood, replace_packed, sought
from kangqiao.identity.judging import judge
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.matching import REGISTERING, Verdict, ask, in_transaction, join, settle_stale
from kangqiao.identity.model_versions import NEWEST_MODEL, InUse, model_known_as
from kangqiao.identity.models import Resident
from kangqiao.identity.newcomers import store_newcomer
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.identity.traits import TRAITS, pairs_sharing_clues, traits_of
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

    `on` a connection of one's own (`clues.SESSION`), else on Django's. Raises `NotPermitted`, also for a registration
    of another institution than the actor's.
    """
    actor.require(Permission.IDENTITY_MATCH)
    require_scope(actor, registration.institution_id)
    for _ in range(ATTEMPTS - 1):
        with suppress(UniqueViolation, DeadlockDetected):
            return _register(registration, actor, on)
    return _register(registration, actor, on)


def _register(registration: Registration, actor: Actor, on: Connection | None) -> Outcome:
    packed = traits_of(registration, today=timezone.localdate())
    clues = sought([packed])
    with in_transaction(on) as connection:
        known, newest_model = _wait_for_others(connection, registration, clues)
        store = _store_known if known else _store_newcomer
        stored = store(connection, registration, packed, clues, actor)
        if stored.created or stored.changed:
            stored = _matched(connection, stored, clues, model_known_as(connection, newest_model), actor)
        record_acts(connection, actor=actor, action=Action.PATIENT_REGISTER, acts=[_act(stored)])
    return stored


def _wait_for_others(connection: Connection, registration: Registration, clues: Clues) -> tuple[bool, str | None]:
    """Wait for everybody who registers somebody alike.

    Return whether the patient was known before, and the version of the newest model.
    """
    number = {"institution_id": registration.institution_id, "local_number": registration.local_number}
    about = {"registering": REGISTERING, "clues": clues.clue} | number
    ((known, newest_model, _, _),) = connection.execute(_WAIT_FOR_OTHERS, about).fetchall()
    return known, newest_model


def _store_newcomer(
    connection: Connection, registration: Registration, packed: bytes, clues: Clues, actor: Actor
) -> Outcome:
    today = timezone.localdate()
    stored = store_newcomer(connection, registration, packed=packed, clues=clues, actor_id=actor.id, today=today)
    return Outcome(stored.patient_id, stored.resident_id, Resident.State(stored.state), created=True, changed=False)


def _store_known(
    connection: Connection, registration: Registration, packed: bytes, clues: Clues, actor: Actor
) -> Outcome:
    source = Source.registrations([registration])
    done = register_patients(connection, source=source, actor_id=actor.id)
    number = (registration.institution_id, registration.local_number)
    ((patient_id, former),) = connection.execute(_PATIENT, number).fetchall()
    if done.changed:
        replace_packed(connection, {patient_id: packed}, {patient_id: former} if former else {})
    return Outcome(patient_id, *_resident(connection, patient_id), created=False, changed=done.changed > 0)


def _matched(connection: Connection, stored: Outcome, clues: Clues, in_use: InUse, actor: Actor) -> Outcome:
    """Compare a patient that is new or has changed, and return what that adds to the outcome."""
    near = neighbourhood(connection, clues=clues, asked=[stored.patient_id], crowds=in_use.crowds)
    pairs = pairs_sharing_clues(near.scene.compared)
    patterns = patterns_between(*near.scene.compared, pairs.left, pairs.right)
    judged = judge(near.scene, pairs, patterns, in_use.model)
    verdict = Verdict(near.patients, near.residents, judged, in_use.model.version)
    joined = join(connection, verdict, actor=actor) if judged.merges else 0
    if stored.changed:
        settle_stale(connection, verdict, asked=[stored.patient_id])
    doubts = ask(connection, verdict)
    if not joined:
        return replace(stored, doubts=doubts)
    resident_id, state = _resident(connection, stored.patient_id)
    return replace(stored, resident_id=resident_id, state=state, joined=joined, doubts=doubts)


def _resident(connection: Connection, patient_id: UUID) -> tuple[UUID, Resident.State]:
    ((resident_id, state),) = connection.execute(_RESIDENT, {"patient_id": patient_id}).fetchall()
    return resident_id, Resident.State(state)


def _act(outcome: Outcome) -> Act:
    detail = {word: getattr(outcome, word) for word in ("created", "changed", "joined", "doubts")}
    return Act(outcome.resident_id, outcome.patient_id, "patient", outcome.patient_id, detail)


_WAIT_FOR_OTHERS: Final = f"""
SELECT EXISTS (SELECT FROM identity_patient
                WHERE institution_id = %(institution_id)s AND local_number = %(local_number)s),
       {NEWEST_MODEL},
       pg_advisory_xact_lock_shared(%(registering)s), (
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
