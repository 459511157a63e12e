"""Patients that wait to be compared, some at a time: found by their clues, judged, and what follows carried out.

First what they say is kept with their clues and committed; then, when every registration that was under way has
ended, they are compared. So of any two, however they meet, at least one finds the other. Killed at any point and begun
again, it ends the same.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg import Connection

from kangqiao.identity.absorbing import Absorption, Evidence, absorb, bring_strays_along
from kangqiao.identity.clues import keep_traits, near, neighbourhood, read_patients
from kangqiao.identity.errors import MatchingBusy
from kangqiao.identity.judging import Judged, Merge, Question, judge
from kangqiao.identity.linkage.blocking import RULES, candidate_pairs
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.model_versions import model_in_use
from kangqiao.identity.models import Decision, Unmatched
from kangqiao.infra.ids import uuid7
from kangqiao.infra.postgres.statement import Session, Statement, as_json, is_in_transaction, rows_in
from kangqiao.registry.queries import COUNTY_DIGITS
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import Act, record_acts

AT_ONCE: Final = 1000
"""Patients compared in one transaction."""
MATCHING: Final = zlib.crc32(b"identity.matching")
"""Advisory lock of whoever compares; one at a time."""
REGISTERING: Final = zlib.crc32(b"identity.registering")
"""Advisory lock that every registration which is matched at once shares until it ends."""

Report = Callable[[int, int], None]
"""Told how many are done and how many there are in all."""


class Matched(NamedTuple):
    """What matching did: patients compared, residents that were joined to others, doubts raised."""

    compared: int = 0
    joined: int = 0
    doubts: int = 0

    def and_(self, other: "Matched") -> "Matched":
        """Return both together."""
        return Matched(*(one + two for one, two in zip(self, other, strict=True)))


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What was judged, with the ids of its patients and residents, and the version of the model that judged."""

    patients: Sequence[UUID]
    residents: Sequence[UUID]
    judged: Judged
    model: str


def match_waiting(*, actor: Actor, report: Report = lambda _done, _all: None) -> Matched:
    """Compare whoever waits until nobody does. Raises `MatchingBusy` where somebody else is at it."""
    done = Matched()
    with matching_alone():
        while some := match_some(actor=actor):
            done = done.and_(some)
            report(done.compared, done.compared + Unmatched.objects.count())
    return done


def match_some(*, actor: Actor, at_once: int = AT_ONCE) -> Matched | None:
    """Compare some of those who wait and return what came of it, None when nobody waits. Only for one at a time."""
    raw = psycopg_connection()
    with transaction.atomic():
        waiting = dict(Unmatched.objects.order_by("since", "patient_id").values_list("patient_id", "since")[:at_once])
        if not waiting:
            return None
        bring_strays_along(raw, list(waiting))
        clues = keep_traits(raw, read_patients(raw, list(waiting)), today=timezone.localdate())
    raw.execute("SELECT pg_advisory_lock(%s), pg_advisory_unlock(%s)", (REGISTERING, REGISTERING))
    with transaction.atomic():
        in_use = model_in_use(raw)
        found = near(raw, clues=clues, asked=list(waiting))
        around = neighbourhood(found, asked=waiting, crowds=in_use.crowds)
        pairs = candidate_pairs(around.scene.compared.rows)
        patterns = patterns_between(*around.scene.compared, pairs.left, pairs.right)
        judged = judge(around.scene, pairs, patterns, in_use.model)
        verdict = Verdict(around.patients, around.residents, judged, in_use.model.version)
        joined = join(raw, verdict, actor=actor)
        settle_stale(raw, verdict, asked=list(waiting))
        doubts = len(ask(raw, verdict))
        forget_waiting(raw, waiting)
    return Matched(len(waiting), joined, doubts)


@contextmanager
def matching_alone() -> Iterator[None]:
    """Hold the lock of whoever compares. Raises `MatchingBusy`."""
    raw = psycopg_connection()
    if raw.execute("SELECT pg_try_advisory_lock(%s)", (MATCHING,)).fetchall() != [(True,)]:
        raise MatchingBusy
    try:
        yield
    finally:
        if not raw.closed:
            raw.execute("SELECT pg_advisory_unlock(%s)", (MATCHING,))


def psycopg_connection() -> Connection:
    """Return the connection below Django's."""
    connection.ensure_connection()
    return connection.connection


@contextmanager
def in_transaction(on: Connection | None) -> Iterator[Connection]:
    """Yield a connection in a transaction: one's own, or Django's."""
    if on is None:
        with transaction.atomic():
            yield psycopg_connection()
    elif isinstance(on, Session) and not is_in_transaction(on):
        with on.short_transaction():
            yield on
    else:
        with on.transaction():
            yield on


def join(raw: Connection, verdict: Verdict, *, actor: Actor) -> int:
    """Join the residents that are one person, with explanation and audit; return how many were absorbed."""
    absorptions = [absorption_of(each, verdict, actor_id=actor.id) for each in verdict.judged.merges]
    effective = absorb(raw, absorptions) if absorptions else set()
    acts = [act_of(each) for each in absorptions if each.decision_id in effective]
    record_acts(raw, actor=actor, action=Action.RESIDENT_MERGE, acts=acts)
    return len(effective)


def act_of(absorption: Absorption) -> Act:
    """Return what is audited of a resident that a comparison joined to another."""
    detail = {"merged": str(absorption.absorbed), "by": "comparison"}
    return Act(absorption.kept, None, "decision", absorption.decision_id, detail)


def absorption_of(merge: Merge, verdict: Verdict, *, actor_id: UUID | None) -> Absorption:
    """Return what carries out a merge, with what speaks for it."""
    by, patients, pair = verdict.judged.by, verdict.patients, merge.pair
    rule, weight = RULES[by.pairs.rule[pair]], float(by.weights[pair])
    ends = patients[by.pairs.left[pair]], patients[by.pairs.right[pair]]
    evidence = Evidence(*ends, rule.word, int(by.patterns[pair]), weight, probability(weight), verdict.model)
    return Absorption(
        decision_id=uuid7(),
        kept=verdict.residents[merge.kept],
        absorbed=verdict.residents[merge.absorbed],
        kind=Decision.Kind.MATCH,
        reason=f"比对：{rule.title}",
        actor_id=actor_id,
        evidence=evidence,
    )


def probability(weight: float) -> float:
    """Return how probable it is that a pair of this weight (bits) is one person."""
    return 1 / (1 + 2.0**-weight)


def ask(raw: Connection, verdict: Verdict) -> list[tuple[UUID, UUID]]:
    """Raise the doubts that are not raised or answered yet and return the residents that each of these is about."""
    if not verdict.judged.questions:
        return []
    about = {"raised": as_json([_raised(each, verdict) for each in verdict.judged.questions])}
    _TELL_AGAIN.later(raw, about)
    return _ASK.rows(raw, about)


def _raised(question: Question, verdict: Verdict) -> dict[str, Any]:
    by, residents, patients = verdict.judged.by, verdict.residents, verdict.patients
    return {
        "id": uuid7(),
        "kind": question.kind.value,
        "first_id": residents[question.first],
        "second_id": residents[question.second],
        "patient_id": patients[question.patient],
        "other_patient_id": patients[question.other],
        "rule": RULES[by.pairs.rule[question.pair]].word,
        "pattern": int(by.patterns[question.pair]),
        "weight": float(by.weights[question.pair]),
        "model": verdict.model,
    }


def settle_stale(raw: Connection, verdict: Verdict, *, asked: Sequence[UUID]) -> None:
    """Close the doubts that those asked for had raised and that nothing raises any more."""
    about = {"asked": list(asked), "residents": list(verdict.residents)}
    raw.execute(_SETTLE_STALE, about | _standing(verdict))


def settle_before(raw: Connection, verdict: Verdict, *, moment: datetime) -> None:
    """Close all doubts that were open at the moment and that nothing raises any more."""
    raw.execute(_SETTLE_BEFORE, {"moment": moment} | _standing(verdict))


def _standing(verdict: Verdict) -> dict[str, Any]:
    questions, residents = verdict.judged.questions, verdict.residents
    return {
        "first": [residents[each.first] for each in questions],
        "second": [residents[each.second] for each in questions],
    }


def forget_waiting(raw: Connection, waiting: dict[UUID, datetime]) -> None:
    """Those who have said nothing new since wait no longer. Who is saying something just now goes on waiting."""
    raw.execute(_FORGET, {"ids": list(waiting), "since": list(waiting.values())})


_RAISED: Final = (
    *("id", "kind", "first_id", "second_id", "patient_id", "other_patient_id"),
    *("rule", "pattern", "weight", "model"),
)
_FROM_RAISED: Final = rows_in(
    "raised",
    "id uuid, kind text, first_id uuid, second_id uuid, patient_id uuid, other_patient_id uuid,"
    " rule text, pattern bigint, weight float8, model text",
)
_TELL_AGAIN: Final = Statement(f"""
UPDATE identity_doubt doubt
   SET kind = raised.kind, rule = raised.rule, pattern = raised.pattern, weight = raised.weight, model = raised.model
  FROM {_FROM_RAISED}
 WHERE doubt.state = 'open' AND doubt.first_id = raised.first_id AND doubt.second_id = raised.second_id
   AND doubt.patient_id = raised.patient_id AND doubt.other_patient_id = raised.other_patient_id
   AND (doubt.kind, doubt.pattern, doubt.model) IS DISTINCT FROM (raised.kind, raised.pattern, raised.model)
""")
_ASK: Final = Statement(f"""
INSERT INTO identity_doubt ({", ".join(_RAISED)}, counties)
SELECT {", ".join(f"raised.{column}" for column in _RAISED)}, ARRAY(
       SELECT DISTINCT left(institution.division_code, {COUNTY_DIGITS}) FROM identity_patient patient
         JOIN registry_institution institution ON institution.id = patient.institution_id
        WHERE patient.id IN (raised.patient_id, raised.other_patient_id) ORDER BY 1)
  FROM {_FROM_RAISED}
 WHERE NOT EXISTS (SELECT FROM identity_apart apart
                    WHERE apart.first_id = raised.first_id AND apart.second_id = raised.second_id)
   AND NOT EXISTS (SELECT FROM identity_resident merged
                    WHERE merged.id IN (raised.first_id, raised.second_id) AND merged.state = 'merged')
   AND NOT EXISTS (SELECT FROM identity_doubt known
                    WHERE known.first_id = raised.first_id AND known.second_id = raised.second_id
                      AND (known.state IN ('open', 'proposed') OR known.kind = 'linked' AND known.state = 'same')
                      AND (raised.kind <> 'linked' OR known.patient_id = raised.patient_id))
ON CONFLICT DO NOTHING
RETURNING first_id, second_id
""")
"""One open doubt per pair of residents; what somebody has answered about a link is not asked again."""

_SETTLE: Final = """
UPDATE identity_doubt doubt SET state = 'settled', decided_at = statement_timestamp()
 WHERE doubt.state = 'open' AND {}
   AND NOT EXISTS (SELECT FROM unnest(%(first)s::uuid[], %(second)s::uuid[]) AS standing(first_id, second_id)
                    WHERE standing.first_id = doubt.first_id AND standing.second_id = doubt.second_id)
"""
_SETTLE_STALE: Final = _SETTLE.format("""
       (doubt.first_id = ANY(%(residents)s) OR doubt.second_id = ANY(%(residents)s))
   AND (doubt.patient_id = ANY(%(asked)s) OR doubt.other_patient_id = ANY(%(asked)s))
""")
_SETTLE_BEFORE: Final = _SETTLE.format("doubt.opened_at < %(moment)s")
_FORGET: Final = """
DELETE FROM identity_unmatched WHERE patient_id IN (
    SELECT waiting.patient_id FROM identity_unmatched waiting
      JOIN unnest(%(ids)s::uuid[], %(since)s::timestamptz[]) AS known(patient_id, since)
        ON known.patient_id = waiting.patient_id AND known.since = waiting.since
       FOR UPDATE OF waiting SKIP LOCKED)
"""
