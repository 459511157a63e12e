"""What one piece of the registrations adds when many machines link them: Arrow tables in, Arrow tables out.

Every function sees only its piece and decides nothing that another piece could decide otherwise. `spark` brings the
pieces together. An entry travels as bytes, with all that a comparison with any other entry needs.
"""
# mypy: disable-error-code="no-untyped-def"

from datetime import date
from typing import Final

import numba
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kangqiao.identity.linkage.blocking import RULES, Pairs, keys_of
from kangqiao.identity.linkage.clusters import clustered, head_of
from kangqiao.identity.linkage.columns import NONE, Registrations
from kangqiao.identity.linkage.crowds import LIMITS, NO_CROWDS, SHARED, Crowds, crowds_counted
from kangqiao.identity.linkage.entries import ENTRY, content_and_likeness, rows_of
from kangqiao.identity.linkage.grouping import scattered
from kangqiao.identity.linkage.joining import patterns_between
from kangqiao.identity.linkage.linking import explained_links
from kangqiao.identity.linkage.model import Model
from kangqiao.identity.linkage.names import LONGEST, NO_NAME
from kangqiao.identity.linkage.reading import read_registrations
from kangqiao.identity.linkage.scoring import weighed

TRAVELLING: Final = np.dtype(
    [("row", ENTRY), ("rank", np.uint64), ("form", np.int64), ("codes", np.int32, (LONGEST,))], align=True
)
"""An entry on its way: the row, its rank (entries are ordered by rank and record), and the name it points to."""


def sightings(registrations: pa.Table, *, today: date) -> pa.Table:
    """Return what may turn out to be shared, each once: place in `crowds.LIMITS`, value and what stands behind it."""
    read = read_registrations(registrations, today=today, crowds=NO_CROWDS)
    return pa.concat_tables([_seen(place, *sharing(*read)) for place, sharing in enumerate(SHARED)])


def _seen(place: int, value: np.ndarray, behind: np.ndarray) -> pa.Table:
    told = np.unique(np.stack([value, behind.astype(np.int64)], axis=1)[value != NONE], axis=0)
    return pa.table({"sharing": np.full(len(told), place, np.int8), "value": told[:, 0], "behind": told[:, 1]})


def crowds_in(counts: pa.Table) -> Crowds:
    """Return the crowds of counted values: sharing (place in `crowds.LIMITS`), value, count."""
    sharing, value, count = (counts[word].to_numpy() for word in ("sharing", "value", "count"))
    return crowds_counted((value[sharing == place], count[sharing == place]) for place in range(len(LIMITS)))


def travelling(registrations: pa.Table, *, today: date, crowds: Crowds) -> pa.Table:
    """Return record, content and entry of registrations.

    Registrations of equal content are one entry; that of a registration that stands alone is below zero and its own.
    """
    read = read_registrations(registrations, today=today, crowds=crowds)
    content, likeness = content_and_likeness(*read)
    record = read.rows["record"].copy()
    entry = _packed(_travelling(read, scattered(likeness)))
    return pa.table({"record": record, "content": np.where(content != NONE, content, -1 - record), "entry": entry})


def _travelling(read: Registrations, rank: np.ndarray) -> np.ndarray:
    rows, names = read
    found = np.empty(len(rank), TRAVELLING)
    found["row"] = rows_of(read, np.arange(len(rank), dtype=np.int32))
    found["rank"], found["form"], found["codes"] = rank, names.form[rows["name"]], names.codes[rows["name"]]
    return found


def _packed(entries: np.ndarray) -> pa.Array:
    edges = np.arange(len(entries) + 1, dtype=np.int32) * np.int32(TRAVELLING.itemsize)
    return pa.Array.from_buffers(pa.binary(), len(entries), [None, pa.py_buffer(edges), pa.py_buffer(entries)])


def _unpacked(column: pa.ChunkedArray) -> np.ndarray:
    return np.concatenate([np.empty(0, TRAVELLING), *map(_chunk, column.chunks)])


def _chunk(chunk: pa.Array) -> np.ndarray:
    _, edges, data = chunk.cast(pa.binary()).buffers()
    start = np.frombuffer(edges, np.int32)[chunk.offset] if len(chunk) else 0
    return np.frombuffer(data or b"", TRAVELLING, count=len(chunk), offset=start)


def _rows_and_codes(entries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows of ENTRY whose names point into the codes beside them (as in `Names`)."""
    rows = np.ascontiguousarray(entries["row"])
    forms, place = np.unique(np.concatenate([[NO_NAME], entries["form"], rows["mother_form"]]), return_inverse=True)
    name, mother = np.split(place[1:], 2)
    codes = np.zeros((len(forms), LONGEST), np.int32)
    codes[name] = entries["codes"]
    rows["name"], rows["mother"] = name, mother
    return rows, codes


def keyed(entries: pa.Table) -> pa.Table:
    """Return record, rule (place in `blocking.RULES`) and key of entries (record, entry)."""
    rows, _ = _rows_and_codes(_unpacked(entries["entry"]))
    keys = np.stack([keys_of(rows, place) for place in range(len(RULES))])
    rule, row = np.nonzero(keys != NONE)
    return pa.table({"record": entries["record"].to_numpy()[row], "rule": rule.astype(np.int8), "key": keys[rule, row]})


def compared(pairs: pa.Table) -> pa.Table:
    """Return left, right, rule and pattern of pairs (left, right, rule, one, other: both entries); the entry that is
    first in order becomes the left one."""
    one, other = (_unpacked(pairs[word]) for word in ("one", "other"))
    ends = pairs["left"].to_numpy(), pairs["right"].to_numpy()
    rows, codes = _rows_and_codes(np.concatenate([one, other]))
    place = np.arange(len(one), dtype=np.int32)
    first = (one["rank"] < other["rank"]) | ((one["rank"] == other["rank"]) & (ends[0] < ends[1]))
    left, right = np.where(first, place, place + len(one)), np.where(first, place + len(one), place)
    return pa.table(
        {
            "left": np.where(first, *ends),
            "right": np.where(first, *ends[::-1]),
            "rule": pairs["rule"],
            "pattern": patterns_between(rows, codes, left.astype(np.int32), right.astype(np.int32)),
        }
    )


def near(pairs: pa.Table, *, model: Model) -> pa.Table:
    """Return the pairs (left, right) that may decide anything: decisions look no further than these lead."""
    decisive = min(model.thresholds.same, model.thresholds.fitting, model.thresholds.review)
    weights = weighed(pairs["pattern"].to_numpy(), model.weights, model.priors)
    return pairs.select(["left", "right"]).filter(pa.array(weights >= decisive))


def stars(pairs: pa.Table) -> pa.Table:
    """Return left (a record) and right: the smallest record that pairs lead it to; in place of the pairs."""
    ends = [pairs[word].to_numpy() for word in ("left", "right")]
    records, place = np.unique(np.concatenate(ends), return_inverse=True)
    left, right = np.split(place, 2)
    return pa.table({"left": records, "right": records[_heads(left, right, len(records))]})


@numba.njit(cache=True, nogil=True)
def _heads(left, right, count):  # pragma: no cover - compiled
    parent = np.arange(count)
    for pair in range(len(left)):
        one, other = head_of(parent, left[pair]), head_of(parent, right[pair])
        parent[max(one, other)] = min(one, other)
    for place in range(count):
        parent[place] = head_of(parent, place)
    return parent


def decided(entries: pa.Table, pairs: pa.Table, *, model: Model) -> pa.Table:
    """Return the links of whole groups as in `linking.Linkage`, from their entries and all pairs within them."""
    travelled, record = _unpacked(entries["entry"]), entries["record"].to_numpy()
    order = np.lexsort((record, travelled["rank"]))
    rows, _ = _rows_and_codes(travelled[order])
    record = record[order]
    found, patterns = _placed(pairs, record)
    weights = weighed(patterns, model.weights, model.priors)
    decision = clustered(rows, found, patterns, weights, model.thresholds).decision
    links = explained_links(record, found, patterns, weights, decision)
    return links.set_column(2, "rule", pc.cast(links["rule"], pa.string()))


def _placed(pairs: pa.Table, record: np.ndarray) -> tuple[Pairs, np.ndarray]:
    """Return pairs of records as pairs of places in `record`, in the order of a single machine, and their patterns."""
    ascending = np.argsort(record)
    left, right = (
        ascending[np.searchsorted(record, pairs[word].to_numpy(), sorter=ascending)].astype(np.int32)
        for word in ("left", "right")
    )
    rule = pairs["rule"].to_numpy()
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], rule[order]), pairs["pattern"].to_numpy()[order]
