"""The whole: registrations in, persons and explained links out."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from kangqiao.identity.linkage.blocking import RULES, Pairs, candidate_pairs
from kangqiao.identity.linkage.clusters import Decision, clustered
from kangqiao.identity.linkage.entries import Entries, entries_of
from kangqiao.identity.linkage.model import Model, Thresholds, model_of
from kangqiao.identity.linkage.reading import Source, read_registrations
from kangqiao.identity.linkage.scoring import compared, weighed
from kangqiao.identity.linkage.training import train


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Entries with their candidate pairs and the pattern of each (int64).

    record     of each registration, in the order of `entries.entry`
    speaker    the smallest record of each entry
    """

    record: np.ndarray
    speaker: np.ndarray
    entries: Entries
    pairs: Pairs
    patterns: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What was decided.

    persons  record, person: the smallest record of the same person; ordered by record
    links    left, right: records; rule: word; pattern; weight in bits; decision: SAME or REVIEW (`clusters.Decision`).
             Of registrations that say the same under the same own number only the first has links.
    model    version of the model that decided
    """

    persons: pa.Table
    links: pa.Table
    model: str


def compare(source: Source, *, today: date) -> Compared:
    """Read registrations and compare every candidate pair."""
    registrations = read_registrations(source, today=today)
    record, entries = registrations.rows["record"].copy(), entries_of(registrations)
    del registrations
    pairs = candidate_pairs(entries.rows)
    speaker = _smallest(entries.entry, record, len(entries.rows))
    return Compared(record, speaker, entries, pairs, compared(entries, pairs.left, pairs.right))


def _smallest(group: np.ndarray, record: np.ndarray, groups: int) -> np.ndarray:
    """Return the smallest record of each group; records are in ascending order."""
    smallest = np.empty(groups, dtype=np.int64)
    smallest[group[::-1]] = record[::-1]
    return smallest


def learn(found: Compared, *, version: str, thresholds: Thresholds | None = None) -> Model:
    """Learn the weights from the registrations themselves."""
    return model_of(train(found.patterns), version=version, thresholds=thresholds or Thresholds())


def decide(found: Compared, model: Model) -> Linkage:
    """Decide with a model who is one person; the same registrations in any order are decided alike."""
    weights = weighed(found.patterns, model.weights, model.priors)
    clusters = clustered(found.entries.rows, found.pairs, found.patterns, weights, model.thresholds)
    links = explained_links(found.speaker, found.pairs, found.patterns, weights, clusters.decision)
    group = clusters.person[found.entries.entry]
    person = _smallest(group, found.record, len(found.entries.rows))[group]
    return Linkage(pa.table({"record": found.record, "person": person}), links, model.version)


def explained_links(
    speaker: np.ndarray, pairs: Pairs, patterns: np.ndarray, weights: np.ndarray, decision: np.ndarray
) -> pa.Table:
    """Return the links of `Linkage`: pairs that are one person or for a human. `speaker` as in `Compared`."""
    kept = np.flatnonzero(decision != Decision.DIFFERENT)
    rules = pa.array([rule.word for rule in RULES])
    return pa.table(
        {
            "left": speaker[pairs.left[kept]],
            "right": speaker[pairs.right[kept]],
            "rule": pa.DictionaryArray.from_arrays(pa.array(pairs.rule[kept]), rules),
            "pattern": patterns[kept],
            "weight": weights[kept],
            "decision": decision[kept],
        }
    )


def link(source: Source, *, model: Model, today: date) -> Linkage:
    """Link registrations with a model that was learnt before. Raises KeyError when a column is missing."""
    return decide(compare(source, today=today), model)
