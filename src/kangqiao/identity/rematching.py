"""Everybody compared with everybody from scratch: the model learnt anew, decisions by people left as they are.

Nobody is parted: what documents, people and earlier comparisons have joined stays joined, and residents keep their
ids. Only residents without documents are joined to others; whatever else looks alike becomes a question.
"""

import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.utils import timezone
from psycopg import Connection

from kangqiao.identity.clues import PIECE, are_of_now, keep_packed, rebuild
from kangqiao.identity.errors import ModelOutdated
from kangqiao.identity.exporting import Exported, export_patients
from kangqiao.identity.ids import Ids
from kangqiao.identity.judging import Scene, judge
from kangqiao.identity.linkage.blocking import candidate_pairs
from kangqiao.identity.linkage.columns import Registrations
from kangqiao.identity.linkage.crowds import Crowds, crowds_of
from kangqiao.identity.linkage.entries import Entries, rows_of
from kangqiao.identity.linkage.joining import Persons
from kangqiao.identity.linkage.model import Thresholds, model_of
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.identity.linkage.scoring import compared
from kangqiao.identity.linkage.training import train
from kangqiao.identity.matching import (
    Matched,
    Verdict,
    ask,
    forget_waiting,
    join,
    match_waiting,
    matching_alone,
    psycopg_connection,
    settle_before,
)
from kangqiao.identity.model_versions import InUse, keep_model, model_in_use
from kangqiao.identity.models import LinkageModel, Patient, Unmatched
from kangqiao.identity.traits import TRAITS, Compared, contents_of, faces_of, said_by, traits_of_file
from kangqiao.infra.ids import first_id_since
from kangqiao.trust.actors import Actor

FEW: Final = 2_000
"""Up to so many who wait are compared some at a time, whatever their share."""
SHARE: Final = 0.2
"""When more than this share of all patients waits, everybody is compared anew."""
ENOUGH: Final = 2_000
"""Pairs that a model can be learnt from."""
STEP: Final = 5_000
"""Joins, doubts or patients of one transaction."""

Sliced = TypeVar("Sliced", list, np.ndarray)
Say = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done and how much there is."""
_SILENT: Say = lambda _what, _done, _all: None  # noqa: E731


def match(*, actor: Actor, say: Say = _SILENT) -> Matched:
    """Compare whoever waits, and everybody anew when that is much. Raises `MatchingBusy`."""
    if is_outdated() or is_much(waiting=Unmatched.objects.count()):
        return rematch(actor=actor, say=say)
    return match_waiting(actor=actor, report=lambda done, everybody: say("比对待比对的患者", done, everybody))


def is_much(*, waiting: int) -> bool:
    """Say whether comparing everybody anew is due: much waits, or no model was learnt although it could be."""
    if waiting <= FEW:
        return False
    return not LinkageModel.objects.exists() or waiting > SHARE * Patient.objects.filter(registered=True).count()


def is_outdated() -> bool:
    """Say whether what was kept is of another version of the engine: model or traits."""
    try:
        model_in_use(psycopg_connection())
    except ModelOutdated:
        return True
    return not are_of_now(psycopg_connection())


def rematch(*, actor: Actor, say: Say = _SILENT) -> Matched:
    """Compare everybody with everybody. Raises `MatchingBusy` where somebody compares already."""
    started = timezone.now()
    with matching_alone(), tempfile.TemporaryDirectory(prefix="kangqiao-match-") as name:
        raw = psycopg_connection()
        say("读出登记", 0, 6)
        with transaction.atomic():
            exported = export_patients(raw, Path(name))
        say("规整登记", 1, 6)
        read = read_registrations(exported.file, today=timezone.localdate(started))
        _keep_what_they_say(raw, exported, read, say)
        say("两两比对", 3, 6)
        crowds = crowds_of(read)
        scene, faces = _scene(exported, read)
        pairs = candidate_pairs(scene.compared.rows)
        patterns = compared(Entries(scene.compared.rows, read.names, faces), pairs.left, pairs.right)
        del read
        in_use = _learnt(patterns, crowds, len(exported.patients), started, actor)
        say("认定", 4, 6)
        judged = judge(scene, pairs, patterns, in_use.model)
        verdict = Verdict(Ids(exported.patients[faces]), Ids(exported.residents), judged, in_use.model.version)
        joined, doubts = _carry_out(raw, verdict, actor, say)
        with transaction.atomic():
            settle_before(raw, verdict, moment=started)
            forget_waiting(raw, exported.waiting)
            _let_wait_who_came(raw, exported, started - MARGIN)
    return Matched(len(exported.patients), joined, doubts)


def _scene(exported: Exported, read: Registrations) -> tuple[Scene, np.ndarray]:
    """Return the scene of everybody, and the places of those who are in it (int32)."""
    everybody = np.arange(len(exported.patients), dtype=np.int32)
    contents = [
        contents_of(rows_of(read, everybody[start : start + PIECE])) for start in range(0, len(everybody), PIECE)
    ]
    faces = faces_of(said_by(np.concatenate(contents) if contents else np.zeros(0, np.int64), exported.person))
    known = Persons(exported.person[faces], exported.confirmed, _apart(exported))
    shown = Compared(rows_of(read, faces), read.names.codes)
    return Scene(shown, known, np.ones(len(faces), bool), exported.by_hand[faces]), faces


def _apart(exported: Exported) -> np.ndarray:
    with connection.cursor() as cursor:
        cursor.execute("SELECT first_id, second_id FROM identity_apart")
        pairs = cursor.fetchall()
    ends = np.array([_place(exported.residents, each) for pair in pairs for each in pair], np.int64).reshape(-1, 2)
    ends = ends[(ends >= 0).all(axis=1)]
    return np.sort(ends.min(axis=1) * len(exported.residents) + ends.max(axis=1))


def _place(ids: np.ndarray, wanted: UUID) -> int:
    """Return the place of an id among ascending ones, -1 where it is none of them."""
    place = bisect_left(Ids(ids), wanted.int, key=lambda each: each.int)
    return place if place < len(ids) and ids[place].tobytes() == wanted.bytes else -1


def _learnt(patterns: np.ndarray, crowds: Crowds, patients: int, started: datetime, actor: Actor) -> InUse:
    """Learn a model of the city; of too few pairs the one in use goes on deciding."""
    if len(patterns) < ENOUGH:
        return model_in_use(psycopg_connection())
    version = f"{timezone.localtime(started):%Y%m%d-%H%M%S.%f}"
    model = model_of(train(patterns), version=version, thresholds=Thresholds())
    return keep_model(model=model, crowds=crowds, patients=patients, actor=actor)


def _keep_what_they_say(raw: Connection, exported: Exported, read: Registrations, say: Say) -> None:
    """Keep traits and clues of those who wait; when these are most, of everybody anew."""
    say("建立查找线索", 2, 6)
    if 2 * len(exported.waiting) > len(exported.patients) or not are_of_now(raw):
        everybody = np.arange(len(exported.patients), dtype=np.int32)
        with transaction.atomic():
            rebuild(raw, exported.patients, lambda piece: traits_of_file(read, everybody[piece]))
        return
    ids = Ids(exported.patients)
    chosen = np.array(sorted(place for each in exported.waiting if (place := _place(exported.patients, each)) >= 0))
    for some in _some(chosen.astype(np.int32)):
        traits = traits_of_file(read, some)
        packed = traits.view(np.uint8).reshape(len(some), TRAITS.itemsize)
        with transaction.atomic():
            keep_packed(raw, {ids[place]: row.tobytes() for place, row in zip(some, packed, strict=True)})


def _some(everything: Sliced) -> Iterator[Sliced]:
    return (everything[start : start + STEP] for start in range(0, len(everything), STEP))


def _carry_out(raw: Connection, verdict: Verdict, actor: Actor, say: Say) -> tuple[int, int]:
    """Do what was decided, some in one transaction; what a killed run leaves undone the next one does.

    Returns how many residents were absorbed and how many doubts raised.
    """
    judged, joined, doubts = verdict.judged, 0, 0
    for merges in _some(judged.merges):
        with transaction.atomic():
            joined += join(raw, replace(verdict, judged=judged._replace(merges=merges)), actor=actor)
        say("合并同一人的居民", joined, len(judged.merges))
    for questions in _some(judged.questions):
        with transaction.atomic():
            doubts += len(ask(raw, replace(verdict, judged=judged._replace(questions=questions))))
        say("提出疑问", doubts, len(judged.questions))
    return joined, doubts


def _let_wait_who_came(raw: Connection, exported: Exported, since: datetime) -> None:
    """Who came while everybody was compared was not among them, and did not find all clues."""
    first = first_id_since(since)
    compared_now = exported.patients[bisect_left(Ids(exported.patients), first.int, key=lambda each: each.int) :]
    raw.execute(_WAIT, {"first": first, "compared": list(Ids(compared_now))})


MARGIN: Final = timedelta(minutes=1)
"""By which clocks may differ."""
_WAIT: Final = """
INSERT INTO identity_unmatched (patient_id)
SELECT id FROM identity_patient patient
 WHERE id >= %(first)s AND registered
   AND NOT EXISTS (SELECT FROM unnest(%(compared)s::uuid[]) AS compared(id) WHERE compared.id = patient.id)
ON CONFLICT DO NOTHING
"""
