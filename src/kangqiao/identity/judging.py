"""What a comparison makes of residents: which are one person, and about whom a human must be asked. Pure decisions."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from kangqiao.identity.decisions import Doubt
from kangqiao.identity.linkage.blocking import Pairs
from kangqiao.identity.linkage.clusters import for_a_human, of_either_twin, only_fitting
from kangqiao.identity.linkage.columns import FAR, NONE
from kangqiao.identity.linkage.comparison import BITS, LEVELS, OBSTACLE, Document, Name, Obstacle
from kangqiao.identity.linkage.joining import Joined, Persons, joined, unlike_their_own
from kangqiao.identity.linkage.model import Model, Thresholds
from kangqiao.identity.linkage.scoring import weighed
from kangqiao.identity.traits import Compared

KINDS: Final = tuple(Doubt.Kind)
"""A doubt's kind is a place among these; of several the first, the most dangerous one, is told."""
BETWEEN: Final = tuple(
    KINDS.index(kind)
    for kind in (Doubt.Kind.ONE_NUMBER, Doubt.Kind.TWO_NUMBERS, Doubt.Kind.NEWBORN, Doubt.Kind.SIMILAR)
)
"""The places of those that two residents raise."""
DOCUMENT_BITS: Final = LEVELS - 1
OBSTACLE_BITS: Final = (LEVELS - 1) << (BITS * OBSTACLE)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Patients with the residents they are linked to; places of both in the order of their ids, older ones first.

    Of patients of one resident that say the same only the first is there.

    asked    of each patient, whether it is what the comparison is about (bool)
    by_hand  of each patient, whether somebody decided its link (bool)
    """

    compared: Compared
    known: Persons
    asked: np.ndarray
    by_hand: np.ndarray


class Merge(NamedTuple):
    """`absorbed` is `kept` (places of residents), because of the pair at a place of `Judged.pairs`."""

    kept: int
    absorbed: int
    pair: int


class Question(NamedTuple):
    """A doubt about two residents, or about a link where both are one; `patient` speaks for `first`."""

    kind: Doubt.Kind
    first: int
    second: int
    patient: int
    other: int
    pair: int


class Weighed(NamedTuple):
    """Candidate pairs of a scene, with pattern and weight (bits) of each, and what it weighs without documents."""

    pairs: Pairs
    patterns: np.ndarray
    weights: np.ndarray
    without_document: np.ndarray


class Judged(NamedTuple):
    """What follows from a scene."""

    by: Weighed
    merges: list[Merge]
    questions: list[Question]


def judge(scene: Scene, pairs: Pairs, patterns: np.ndarray, model: Model) -> Judged:
    """Decide about the residents of those asked for. The same patients are judged alike in any order."""
    by = Weighed(
        pairs,
        patterns,
        weighed(patterns, model.weights, model.priors),
        weighed(patterns & ~(DOCUMENT_BITS | OBSTACLE_BITS), model.weights, model.priors),
    )
    across, within = _across(scene, pairs), _within(scene, by, model.thresholds.review)
    if not across.any():
        return Judged(by, [], within)
    found = _joined(scene, by, across, model.thresholds)
    kept = _kept(found.head, scene.known.confirmed)
    between = _between(scene, by, across, kept, model.thresholds)
    return Judged(by, _merges(scene, pairs, found, kept), [*between, *within])


def _across(scene: Scene, pairs: Pairs) -> np.ndarray:
    """Say which pairs are of two residents and of somebody asked for."""
    person = scene.known.person
    return (person[pairs.left] != person[pairs.right]) & (scene.asked[pairs.left] | scene.asked[pairs.right])


def _joined(scene: Scene, by: Weighed, across: np.ndarray, thresholds: Thresholds) -> Joined:
    """Join residents by strong pairs, and then who fits one person only to that one, as `linkage.clusters` does.

    What has grown may let in more: it is asked again until nothing does, so that comparing again changes nothing.
    """
    rows, pairs, person = scene.compared.rows, by.pairs, scene.known.person
    linkable = ~_for_a_human(scene, by) & (by.patterns >> (BITS * OBSTACLE) == Obstacle.SILENT)
    strong = np.flatnonzero(linkable & (by.weights >= thresholds.same))
    strong = strong[~of_either_twin(rows, pairs.left[strong], pairs.right[strong])]
    linkable &= across
    strong = _strongest_first(by, strong[linkable[strong]])
    own = np.where((rows["key"] > 0) & (rows["fit"] != FAR), rows["key"], NONE)
    order, found = strong, _joined_by(scene, by, strong, thresholds)
    while True:
        fitting = only_fitting(pairs, by.weights, linkable, found.head[person], own, thresholds)
        order = np.concatenate([order, strong, _strongest_first(by, fitting)])
        further = _joined_by(scene, by, order, thresholds)
        if len(further.by) == len(found.by):
            return found
        found = further


def _joined_by(scene: Scene, by: Weighed, order: np.ndarray, thresholds: Thresholds) -> Joined:
    return joined(*scene.compared, scene.known, by.pairs, by.weights, order, average=thresholds.average)


def _for_a_human(scene: Scene, by: Weighed) -> np.ndarray:
    return for_a_human(scene.compared.rows, by.pairs, by.patterns)


def _strongest_first(by: Weighed, chosen: np.ndarray) -> np.ndarray:
    """Return the chosen pairs in the order in which they join; of equally strong ones older patients go first."""
    return chosen[np.lexsort((by.pairs.right[chosen], by.pairs.left[chosen], -by.weights[chosen]))]


def _kept(head: np.ndarray, confirmed: np.ndarray) -> np.ndarray:
    """Return for each resident who it is now: the confirmed one of its group, else the oldest."""
    kept = np.arange(len(head), dtype=np.int32)
    sure = np.flatnonzero(confirmed)
    kept[head[sure]] = sure
    return kept[head]


def _merges(scene: Scene, pairs: Pairs, found: Joined, kept: np.ndarray) -> list[Merge]:
    """Return who is absorbed by whom, each with the pair that leads from it towards the one that is kept."""
    person = scene.known.person
    ways: dict[int, list[tuple[int, int]]] = {}
    for pair in found.by.tolist():
        one, other = int(person[pairs.left[pair]]), int(person[pairs.right[pair]])
        ways.setdefault(one, []).append((other, pair))
        ways.setdefault(other, []).append((one, pair))
    merges: list[Merge] = []
    for root in sorted({int(kept[each]) for each in ways}):
        reached, ahead = {root}, [root]
        while ahead:
            for other, pair in ways[ahead.pop()]:
                if other not in reached:
                    reached.add(other)
                    ahead.append(other)
                    merges.append(Merge(root, other, pair))
    return merges


def _between(scene: Scene, by: Weighed, across: np.ndarray, kept: np.ndarray, thresholds: Thresholds) -> list[Question]:
    """Return the doubts between residents that stay two, one per pair of residents."""
    left, right = by.pairs.left, by.pairs.right
    first, second = kept[scene.known.person[left]], kept[scene.known.person[right]]
    apart_still = (first != second) & across
    if not apart_still.any():
        return []
    kind = _kinds(scene, by, thresholds)
    places = np.flatnonzero((kind >= 0) & apart_still)
    places = places[np.lexsort((right[places], left[places], -by.weights[places], kind[places]))]
    apart = _pairs_apart(scene.known, kept)
    asked: dict[tuple[int, int], Question] = {}
    for place in places.tolist():
        ends = (int(first[place]), int(left[place])), (int(second[place]), int(right[place]))
        (one, patient), (other, other_patient) = sorted(ends)
        if (one, other) not in apart and (one, other) not in asked:
            asked[one, other] = Question(KINDS[kind[place]], one, other, patient, other_patient, place)
    return list(asked.values())


def _kinds(scene: Scene, by: Weighed, thresholds: Thresholds) -> np.ndarray:
    """Return what a pair makes doubtful, a place of KINDS, or -1: nothing."""
    left, right = by.pairs.left, by.pairs.right
    document, obstacle = by.patterns & DOCUMENT_BITS, by.patterns >> (BITS * OBSTACLE)
    rows, confirmed, person = scene.compared.rows, scene.known.confirmed, scene.known.person
    free = obstacle == Obstacle.SILENT
    alike = free & (by.weights >= thresholds.review)
    shown_by_both = (document >= Document.SAME) & (document <= Document.SAME_OF_SEVERAL)
    otherwise_fitting = (obstacle == Obstacle.TWO_DOCUMENTS) & (by.without_document >= thresholds.same)
    found = (
        free & shown_by_both & _under_other_names(by.patterns),
        otherwise_fitting | (alike & confirmed[person[left]] & confirmed[person[right]]),
        alike & ((rows["newborn"][left] | rows["newborn"][right]) != 0),
        alike,
    )
    return np.select(found, BETWEEN, default=-1)


def _under_other_names(patterns: np.ndarray) -> np.ndarray:
    name = patterns >> BITS & (LEVELS - 1)
    return (name == Name.DIFFERENT) | (name == Name.OTHER_MOTHER)


def _pairs_apart(known: Persons, kept: np.ndarray) -> set[tuple[int, int]]:
    first, second = np.divmod(known.apart, max(len(known.confirmed), 1))
    ends = zip(kept[first].tolist(), kept[second].tolist(), strict=True)
    return {(min(pair), max(pair)) for pair in ends}


def _within(scene: Scene, by: Weighed, review: float) -> list[Question]:
    """Return the doubts about links: patients that fit none of the others of their resident, the first one excepted."""
    odd, best = unlike_their_own(scene.known, by.pairs, by.weights, least=review)
    told = (scene.asked & ~scene.by_hand)[odd]
    return [
        _about_link(scene, by.pairs, patient, pair)
        for patient, pair in zip(odd[told].tolist(), best[told].tolist(), strict=True)
    ]


def _about_link(scene: Scene, pairs: Pairs, patient: int, pair: int) -> Question:
    resident = int(scene.known.person[patient])
    left, right = int(pairs.left[pair]), int(pairs.right[pair])
    return Question(Doubt.Kind.LINKED, resident, resident, patient, right if left == patient else left, pair)
