"""Rows waiting for their batch: each block's tables on disk, cut by sender and period, read back piece by piece."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Piece:
    """Rows of one data set for one sender and period: record batch ``number`` of an Arrow file."""

    data_set: str
    sender: int
    period: int
    rows: int
    path: Path
    number: int


def put(table: pa.Table, *, data_set: str, sender: np.ndarray, period: np.ndarray, path: Path) -> list[Piece]:
    """Write a block's table of one data set, ordered by sender and period; return its pieces."""
    periods = int(period.max()) + 1
    group = sender.astype(np.int64) * periods + period
    order = np.argsort(group, kind="stable")
    batch = table.take(pa.array(order)).combine_chunks().to_batches()[0]
    found, first = np.unique(group[order], return_index=True)
    last = np.r_[first[1:], len(group)]
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        for start, end in zip(first, last, strict=True):
            writer.write_batch(batch.slice(start, end - start))
    return [
        Piece(data_set, int(key // periods), int(key % periods), int(end - start), path, number)
        for number, (key, start, end) in enumerate(zip(found, first, last, strict=True))
    ]


def tables(pieces: list[Piece], *, rows: int) -> Iterator[pa.Table]:
    """Yield the pieces' rows in their order, in tables of about this many rows, dictionaries made one."""
    waiting: list[pa.RecordBatch] = []
    for piece in pieces:
        waiting.append(_opened(piece.path).get_batch(piece.number))
        if sum(batch.num_rows for batch in waiting) >= rows:
            yield pa.Table.from_batches(waiting).unify_dictionaries()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).unify_dictionaries()


@functools.lru_cache(maxsize=64)
def _opened(path: Path) -> pa.ipc.RecordBatchFileReader:
    """Return a spooled file, kept open: many senders have a piece in it."""
    return pa.ipc.open_file(pa.OSFile(str(path)))
