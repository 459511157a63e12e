"""A few new registrations linked with millions that were linked before: only whom they touch is looked at.

The index is a folder of arrays that are read in place: what is compared about every entry, and for each rule the keys
in order. New registrations find their neighbours by key; the persons these belong to come along whole, and the
neighbourhood is decided like a file of its own in which what was decided before stays.

What can differ from linking everything at once: a person stays one although a new registration forbids it, a stronger
link that comes later does not take the place of a weaker one, and what many share is counted when the index is made.
"""
# mypy: disable-error-code="no-untyped-def"

from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pyarrow as pa

from kangqiao.identity.linkage.blocking import RULES, candidate_pairs, keys_of
from kangqiao.identity.linkage.clusters import Decision, clustered
from kangqiao.identity.linkage.columns import Registrations
from kangqiao.identity.linkage.crowds import Crowds, crowds_among, load_crowds, save_crowds
from kangqiao.identity.linkage.entries import Entries, rows_of
from kangqiao.identity.linkage.grouping import grouped, scattered
from kangqiao.identity.linkage.linking import Compared, explained_links
from kangqiao.identity.linkage.model import Model
from kangqiao.identity.linkage.names import Names
from kangqiao.identity.linkage.reading import Source, read_registrations
from kangqiao.identity.linkage.scoring import compared, weighed
from kangqiao.identity.linkage.threads import side_by_side


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Entries that were linked, as arrays in files.

    rows      (entries,) of `entries.ENTRY`; names: which they point to
    record    smallest record of each entry (int64)
    person    of each entry (int64, any numbers that name persons)
    persons   places of entries (int32) in the order of their person
    keys      for each rule the scattered keys in ascending order (uint64), without those of none
    entries   for each rule the entries of these keys (int32)
    crowds    what many share
    """

    rows: np.ndarray
    names: Names
    record: np.ndarray
    person: np.ndarray
    persons: np.ndarray
    keys: tuple[np.ndarray, ...]
    entries: tuple[np.ndarray, ...]
    crowds: Crowds


@dataclass(frozen=True, slots=True, eq=False)
class Increment:
    """What new registrations change.

    persons  record, person: of each new registration a person of the index, or the smallest record of a new one
    merged   person, into: persons of the index that are one by what is new now
    links    as in `linking.Linkage`, only those of new registrations
    model    version of the model that decided
    """

    persons: pa.Table
    merged: pa.Table
    links: pa.Table
    model: str


def prepare_index(folder: Path, found: Compared, persons: pa.Table) -> Index:
    """Write the index of registrations that were compared and return it.

    `persons` (record, person; ordered by record) names the person of every registration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows, names, _ = found.entries
    person = persons["person"].to_numpy()[np.searchsorted(persons["record"].to_numpy(), found.speaker)]
    kept = {"rows": rows, "record": found.speaker, "person": person, "persons": np.argsort(person, kind="stable")}
    for word, array in (kept | {f"name-{word}": array for word, array in names._asdict().items()}).items():
        np.save(_file(folder, word), array.astype(np.int32) if word == "persons" else array)
    save_crowds(crowds_among(rows, names), folder / "crowds.npz")
    side_by_side(partial(_write_keys, folder, rows), range(len(RULES)))
    return open_index(folder)


def _write_keys(folder: Path, rows: np.ndarray, place: int) -> None:
    found = grouped(keys_of(rows, place))
    np.save(_file(folder, f"keys-{place}"), found.keys)
    np.save(_file(folder, f"entries-{place}"), found.rows)


def _file(folder: Path, word: str) -> Path:
    return folder / f"{word}.npy"


def open_index(folder: Path) -> Index:
    """Return an index that was prepared before; arrays stay in their files. Raises OSError when one is missing."""

    def array(word: str) -> np.ndarray:
        return np.load(_file(folder, word), mmap_mode="r")

    return Index(
        rows=array("rows"),
        names=Names(*(array(f"name-{word}") for word in Names._fields)),
        record=array("record"),
        person=array("person"),
        persons=array("persons"),
        keys=tuple(array(f"keys-{place}") for place in range(len(RULES))),
        entries=tuple(array(f"entries-{place}") for place in range(len(RULES))),
        crowds=load_crowds(folder / "crowds.npz"),
    )


def link_new(source: Source, *, index: Index, model: Model, today: date) -> Increment:
    """Link new registrations with those of the index and among themselves. Raises KeyError when a column is missing."""
    read = read_registrations(source, today=today, crowds=index.crowds)
    new, names = _named_alike(read, index.names)
    near = _whole_persons(index, _neighbours(index, new))
    rows = np.concatenate([index.rows[near], new])
    record = np.concatenate([index.record[near], read.rows["record"]])
    found = _compared(rows, names, record)
    weights = weighed(found.patterns, model.weights, model.priors)
    first = _first_of_each(index.person[near])
    clusters = clustered(rows, found.pairs, found.patterns, weights, model.thresholds, known=first)
    persons = _named_persons(clusters.person, index.person[near], read.rows["record"])
    touched = np.where(found.pairs.right >= len(near), clusters.decision, Decision.DIFFERENT)
    links = explained_links(record, found.pairs, found.patterns, weights, touched)
    of_new = pa.table({"record": read.rows["record"], "person": persons[len(near) :]})
    return Increment(of_new, _merged(index.person[near], persons), links, model.version)


def _compared(rows: np.ndarray, names: Names, record: np.ndarray) -> Compared:
    pairs = candidate_pairs(rows)
    entries = Entries(rows, names, np.arange(len(rows), dtype=np.int32))
    return Compared(record, record, entries, pairs, compared(entries, pairs.left, pairs.right))


def _named_alike(read: Registrations, known: Names) -> tuple[np.ndarray, Names]:
    """Return the rows of new registrations, and the known names with the new ones behind them."""
    rows = rows_of(read, np.arange(len(read.rows["record"]), dtype=np.int32))
    place = np.minimum(np.searchsorted(known.form, read.names.form), len(known.form) - 1)
    unknown = known.form[place] != read.names.form
    place[unknown] = len(known.form) + np.arange(unknown.sum())
    rows["name"], rows["mother"] = place[rows["name"]], place[rows["mother"]]
    names = (np.concatenate([one, other[unknown]]) for one, other in zip(known, read.names, strict=True))
    return rows, Names(*names)


def _neighbours(index: Index, new: np.ndarray) -> np.ndarray:
    """Return the entries of the index that a rule brings together with a new registration (int32, each once)."""
    return np.unique(np.concatenate(side_by_side(partial(_met, index, new), range(len(RULES)))))


def _met(index: Index, new: np.ndarray, place: int) -> np.ndarray:
    keys = keys_of(new, place)
    asked = np.unique(scattered(keys[keys != 0]))
    start, end = (np.searchsorted(index.keys[place], asked, side=side) for side in ("left", "right"))
    block = (end > start) & (end - start <= RULES[place].most)
    return index.entries[place][_ranges(start[block], end[block])]


def _ranges(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return all numbers from each start to before its end."""
    length = end - start
    return np.arange(length.sum()) + np.repeat(start - np.concatenate([[0], length.cumsum()[:-1]]), length)


def _whole_persons(index: Index, entries: np.ndarray) -> np.ndarray:
    """Return all entries of the persons that some entries belong to, in ascending order."""
    persons = np.unique(index.person[entries])
    start, end = (_search(index.person, index.persons, persons, side) for side in (False, True))
    return np.sort(index.persons[_ranges(start, end)])


@numba.njit(cache=True, nogil=True)
def _search(value, order, asked, right):  # pragma: no cover - compiled
    """Return where asked values begin (or end: right) in `value[order]`, which ascends."""
    found = np.empty(len(asked), np.int64)
    for place in range(len(asked)):
        low, high = 0, len(order)
        while low < high:
            middle = (low + high) // 2
            if value[order[middle]] < asked[place] or (right and value[order[middle]] == asked[place]):
                low = middle + 1
            else:
                high = middle
        found[place] = low
    return found


def _first_of_each(person: np.ndarray) -> np.ndarray:
    """Return for each place the first one of the same person (int32)."""
    _, first, group = np.unique(person, return_index=True, return_inverse=True)
    return first.astype(np.int32)[group]


def _named_persons(group: np.ndarray, person: np.ndarray, record: np.ndarray) -> np.ndarray:
    """Return the person of each row: the smallest one the index knows in its group, else the smallest record."""
    unknown = np.iinfo(np.int64).max
    known, new = np.full(len(group), unknown), np.full(len(group), unknown)
    np.minimum.at(known, group[: len(person)], person)
    np.minimum.at(new, group[len(person) :], record)
    return np.where(known != unknown, known, new)[group]


def _merged(person: np.ndarray, into: np.ndarray) -> pa.Table:
    changed, first = np.unique(person, return_index=True)
    target = into[first]
    moved = changed != target
    return pa.table({"person": changed[moved], "into": target[moved]})
