"""The divisions of Lincang as two open lists publish them (`data/NOTICE`)."""

import csv
from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from typing import Any


def listed_divisions() -> Iterator[dict[str, Any]]:
    """Yield the rows of `Division`, field by field. A renamed division comes twice: as it was, and as it is.

    Where the note of the list tells only that codes differ or that a statistical unit is no township, the row says
    so by its codes; the note is kept for what they do not tell.
    """
    renamed = {row["stats_code"]: row for row in _rows("renamed-divisions.csv")}
    for row in _rows("lincang-divisions.csv"):
        division = {
            "level": row["level"],
            "stats_code": row["stats_code"],
            "mca_code": row["mca_code"] or None,
            "name": row["name"],
            "parent_code": row["parent"],
        }
        change = renamed.get(row["stats_code"])
        if change is None:
            yield division
        else:
            day = date.fromisoformat(change["renamed_on"])
            yield division | {"name": change["former_name"], "valid_to": day, "note": change["note"]}
            yield division | {"name": change["name"], "valid_from": day, "note": change["note"]}


def _rows(name: str) -> list[dict[str, str]]:
    text = (files("kangqiao.registry") / "data" / name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))
