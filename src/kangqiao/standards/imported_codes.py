"""Codes of imported terminologies, as the gate compares with them: one text file per value set, one code a line.

The files are written when a terminology is imported and lie in the folder that :func:`keep_in` was told at start-up.
Where there is no file, nothing is imported and nothing can be said of a code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import duckdb

from kangqiao.standards.value_sets import imported_ones

_NOTHING = "SELECT NULL::VARCHAR AS code"


class _Place:
    folder: Path | None = None


place = _Place()
_read: dict[Path, tuple[int, frozenset[str]]] = {}


def keep_in(folder: Path) -> None:
    """Say where the files lie."""
    place.folder = folder


def publish(identifier: str, codes: Iterable[str]) -> None:
    """Replace the imported codes of a value set, in one step: a reader sees the old ones or the new ones."""
    target = _path(identifier)
    if target is None:
        raise RuntimeError("keep_in() was not called")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{code}\n" for code in codes)
    draft.replace(target)


def imported(identifier: str) -> frozenset[str] | None:
    """Return the imported codes of a value set, None where there are none; a new import is seen at once."""
    path = _path(identifier)
    if path is None:
        return None
    try:
        changed = path.stat().st_mtime_ns
    except FileNotFoundError:
        return None
    known = _read.get(path)
    if known is None or known[0] != changed:
        known = _read[path] = changed, frozenset(path.read_text(encoding="utf-8").splitlines())
    return known[1]


def view(identifier: str) -> str:
    """Return the quoted name of the DuckDB view that :func:`define_views` makes, with the one column ``code``."""
    return f'"imported {identifier}"'


def define_views(session: duckdb.DuckDBPyConnection) -> None:
    """Let the checks of a DuckDB session read the imported codes as they are now.

    Where nothing is imported, a view's only row is NULL, so that no comparison fails.
    """
    for identifier in imported_ones():
        session.execute(f"CREATE OR REPLACE TEMPORARY VIEW {view(identifier)} AS {_query(identifier)}")


def _query(identifier: str) -> str:
    path = _path(identifier)
    if path is None or not path.exists():
        return _NOTHING
    quoted = "'" + str(path).replace("'", "''") + "'"
    return (
        f"SELECT code FROM read_csv({quoted}, header = false, auto_detect = false, delim = '\\n', quote = '',"
        " escape = '', columns = {code: 'VARCHAR'})"
    )


def _path(identifier: str) -> Path | None:
    return place.folder / f"{identifier}.txt" if place.folder else None
