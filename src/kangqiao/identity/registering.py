"""Registrations, durable and matched at once: patient, link, comparison, decision and audit in one transaction.

Whoever registers the same person at the same time shares a clue with it and waits for the other's end: of twenty
registrations of one new person one makes the resident and nineteen find it. Those that wait for the same connection
and share nothing are registered in one transaction: every statement, and the commit, then serves all of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Final, NamedTuple
from uuid import UUID

from django.utils import timezone
from psycopg import Connection
from psycopg.errors import DeadlockDetected, UniqueViolation

from kangqiao.identity.absorbing import absorb
from kangqiao.identity.clues import Clues, Near, keep_packed, near, neighbourhood
from kangqiao.identity.errors import Overtaken
from kangqiao.identity.judging import judge
from kangqiao.identity.matching import (
    REGISTERING,
    Verdict,
    absorption_of,
    act_of,
    ask,
    in_transaction,
    join,
    settle_stale,
)
from kangqiao.identity.model_versions import InUse, model_known_as
from kangqiao.identity.models import Resident
from kangqiao.identity.newcomers import Arrival, Found, Newcomer, among_others, arrival_of, look, store
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.identity.traits import pairs_sharing_clues
from kangqiao.infra.postgres.statement import Statement
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, Done, record_done
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
    return _alone(_permitted(registration, actor), on)


def register_together(
    told: Sequence[tuple[Registration, Actor]], *, on: Connection | None = None
) -> Iterator[tuple[int, Outcome | Exception]]:
    """Do the same with registrations that wait together; yield the place of each with its outcome once it is durable.

    What one of them raises is yielded for it and does not concern the others. Raises OperationalError where the
    connection breaks; what was not yielded by then is not registered.
    """
    arrivals: dict[int, Arrival] = {}
    for place, (registration, actor) in enumerate(told):
        try:
            arrivals[place] = _permitted(registration, actor)
        except Exception as error:
            yield place, error
    for some in _strangers(arrivals):
        try:
            outcomes = _register(list(some.values()), on)
        except Exception:
            yield from _each_alone(some, on)
        else:
            yield from zip(some, outcomes, strict=True)


def _each_alone(some: Mapping[int, Arrival], on: Connection | None) -> Iterator[tuple[int, Outcome | Exception]]:
    for place, arrival in some.items():
        try:
            outcome: Outcome | Exception = _alone(arrival, on)
        except Exception as error:
            if on and on.closed:
                raise
            outcome = error
        yield place, outcome


def _alone(arrival: Arrival, on: Connection | None) -> Outcome:
    for _ in range(ATTEMPTS - 1):
        with suppress(UniqueViolation, DeadlockDetected, Overtaken):
            return _register([arrival], on)[0]
    return _register([arrival], on)[0]


def _permitted(registration: Registration, actor: Actor) -> Arrival:
    actor.require(Permission.IDENTITY_MATCH)
    require_scope(actor, registration.institution_id)
    return arrival_of(registration, actor=actor, today=timezone.localdate())


def _strangers(arrivals: Mapping[int, Arrival]) -> Iterator[dict[int, Arrival]]:
    """Yield them all, at a time those that share neither clue nor number with an earlier one."""
    waiting = dict(arrivals)
    while waiting:
        met: set[object] = set()
        some: dict[int, Arrival] = {}
        for place, arrival in waiting.items():
            own = {arrival.number, *arrival.clues.clue}
            if met.isdisjoint(own):
                some[place] = arrival
            met |= own
        yield some
        waiting = {place: arrival for place, arrival in waiting.items() if place not in some}


def _register(arrivals: Sequence[Arrival], on: Connection | None) -> list[Outcome]:
    """Register those of whom no two share anything."""
    today, clues = timezone.localdate(), _clues_of_all(arrivals)
    with in_transaction(on) as connection:
        _WAIT_FOR_OTHERS.later(connection, {"registering": REGISTERING, **clues.told()})
        around = look(connection, arrivals, clues)
        in_use = model_known_as(connection, around.newest_model)
        with_found = list(zip(arrivals, around.found, strict=True))
        newcomers = [Newcomer(arrival, found) for arrival, found in with_found if not found.patient_id]
        known = around.near
        created, done = _register_newcomers(connection, newcomers, known, in_use, today) if newcomers else ([], [])
        made = iter(created)
        outcomes = [
            _register_known(connection, arrival, found, in_use) if found.patient_id else next(made)
            for arrival, found in with_found
        ]
        registered = zip(arrivals, outcomes, strict=True)
        done += [Done(arrival.actor, Action.PATIENT_REGISTER, _act(each)) for arrival, each in registered]
        record_done(connection, done)
    return outcomes


def _clues_of_all(arrivals: Sequence[Arrival]) -> Clues:
    if len(arrivals) == 1:
        return arrivals[0].clues
    most = dict(chain.from_iterable(zip(*each.clues, strict=True) for each in arrivals))
    clues = sorted(most)
    return Clues(clues, [most[clue] for clue in clues])


def _register_newcomers(
    connection: Connection, newcomers: Sequence[Newcomer], known: Near, in_use: InUse, today: date
) -> tuple[list[Outcome], list[Done]]:
    """Judge who patients that nobody knew are, and store them; return also what is to be audited of others."""
    verdict = _judged(among_others(newcomers, known), [each.patient_id for each in newcomers], in_use)
    stands, done = _store(connection, newcomers, verdict, today)
    doubts = Counter(chain.from_iterable(map(set, ask(connection, verdict))))
    outcomes = [
        Outcome(
            newcomer.patient_id,
            stand.resident_id,
            stand.state,
            created=True,
            changed=False,
            joined=stand.joined,
            doubts=doubts[stand.resident_id],
        )
        for newcomer, stand in zip(newcomers, stands, strict=True)
    ]
    return outcomes, done


class _Standing(NamedTuple):
    """Which resident somebody is now, and how many others were joined to that one."""

    resident_id: UUID
    state: Resident.State
    joined: int


def _store(
    connection: Connection, newcomers: Sequence[Newcomer], verdict: Verdict, today: date
) -> tuple[list[_Standing], list[Done]]:
    """Store newcomers, join the residents that are one person and return where each newcomer stands then, and who was
    joined.

    Where others than newcomers join somebody, `absorb` sees to all of them.
    """
    own = {each.patient_id for each in newcomers if each.resident_id == each.patient_id}
    merges, residents = verdict.judged.merges, verdict.residents
    kept_by = {residents[each.absorbed]: residents[each.kept] for each in merges}
    roots = [kept_by.get(each.resident_id, each.resident_id) for each in newcomers]
    actors = {root: each.arrival.actor for root, each in reversed(list(zip(roots, newcomers, strict=True)))}
    absorptions = [absorption_of(each, verdict, actor_id=actors[residents[each.kept]].id) for each in merges]
    known = {kept for absorbed, kept in kept_by.items() if absorbed not in own}
    at_once = [each for each in absorptions if each.kept not in known]
    states = store(connection, newcomers, {each.absorbed: each for each in at_once}, today=today)
    others = [each for each in absorptions if each.kept in known]
    effective = absorb(connection, others) if others else set()
    carried_out = at_once + [each for each in others if each.decision_id in effective]
    joined = Counter(each.kept for each in carried_out)
    stands = [
        _Standing(*_resident(connection, each.patient_id), joined[root])
        if root in known
        else _Standing(root, Resident.State(states.get(root, each.state)), joined[root])
        for root, each in zip(roots, newcomers, strict=True)
    ]
    return stands, [Done(actors[each.kept], Action.RESIDENT_MERGE, act_of(each)) for each in carried_out]


def _register_known(connection: Connection, arrival: Arrival, known: Found, in_use: InUse) -> Outcome:
    """Store what is said now about a patient that is known, and judge anew who it is."""
    assert known.patient_id
    patient_id = known.patient_id
    if known.unchanged:
        return Outcome(patient_id, *_resident(connection, patient_id), created=False, changed=False)
    actor = arrival.actor
    register_patients(connection, source=Source.registrations([arrival.registration]), actor_id=actor.id)
    keep_packed(connection, {patient_id: arrival.traits})
    found = near(connection, clues=arrival.clues, asked=[patient_id])
    verdict = _judged(found, [patient_id], in_use)
    joined = join(connection, verdict, actor=actor)
    settle_stale(connection, verdict, asked=[patient_id])
    doubts = len(ask(connection, verdict))
    connection.execute(_COMPARED, (patient_id,))
    resident = _resident(connection, patient_id)
    return Outcome(patient_id, *resident, created=False, changed=True, joined=joined, doubts=doubts)


def _judged(found: Near, asked: Sequence[UUID], in_use: InUse) -> Verdict:
    around = neighbourhood(found, asked=asked, crowds=in_use.crowds)
    judged = judge(around.scene, *pairs_sharing_clues(around.scene.compared), in_use.model)
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

_COMPARED: Final = "DELETE FROM identity_unmatched WHERE patient_id = %s"
_RESIDENT: Final = Statement("""
SELECT resident.id, resident.state FROM identity_link link JOIN identity_resident resident ON resident.id = resident_id
 WHERE patient_id = %(patient_id)s::uuid AND undone_at IS NULL
""")
