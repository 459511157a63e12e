"""The whole: registrations in, persons and explained links out."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa

from kangqiao.identity.linkage.blocking import RULES, Pairs, candidate_pairs
from kangqiao.identity.linkage.clusters import Decision, clustered
from kangqiao.identity.linkage.columns import Registrations
from kangqiao.identity.linkage.model import Model, Thresholds, model_of
from kangqiao.identity.linkage.reading import Source, read_registrations
from kangqiao.identity.linkage.scoring import compared, weighed
from kangqiao.identity.linkage.training import train


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Registrations with their candidate pairs and the pattern of each (int64)."""

    registrations: Registrations
    pairs: Pairs
    patterns: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Linkage:
    """What was decided.

    persons  record, person: the smallest record of the same person; ordered by record
    links    left, right: records; rule: word; pattern; weight in bits; decision: SAME or REVIEW (`clusters.Decision`)
    model    version of the model that decided
    """

    persons: pa.Table
    links: pa.Table
    model: str


def compare(source: Source, *, today: date) -> Compared:
    """Read registrations and compare every candidate pair."""
    registrations = read_registrations(source, today=today)
    pairs = candidate_pairs(registrations)
    return Compared(registrations, pairs, compared(registrations, pairs.left, pairs.right))


def learn(found: Compared, *, version: str, thresholds: Thresholds | None = None) -> Model:
    """Learn the weights from the registrations themselves."""
    return model_of(train(found.patterns), version=version, thresholds=thresholds or Thresholds())


def decide(found: Compared, model: Model) -> Linkage:
    """Decide with a model who is one person; the same registrations in any order are decided alike."""
    weights = weighed(found.patterns, model.weights, model.priors)
    clusters = clustered(found.registrations, found.pairs, found.patterns, weights, model.thresholds)
    record = found.registrations.columns.record
    kept = np.flatnonzero(clusters.decision != Decision.DIFFERENT)
    rules = pa.array([rule.word for rule in RULES])
    links = pa.table(
        {
            "left": record[found.pairs.left[kept]],
            "right": record[found.pairs.right[kept]],
            "rule": pa.DictionaryArray.from_arrays(pa.array(found.pairs.rule[kept]), rules),
            "pattern": found.patterns[kept],
            "weight": weights[kept],
            "decision": clusters.decision[kept],
        }
    )
    return Linkage(pa.table({"record": record, "person": record[clusters.person]}), links, model.version)


def link(source: Source, *, model: Model, today: date) -> Linkage:
    """Link registrations with a model that was learnt before. Raises KeyError when a column is missing."""
    return decide(compare(source, today=today), model)
