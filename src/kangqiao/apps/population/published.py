"""The population that statisticians have published, to compare the counts with."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kangqiao.infra import configuration

FILE: Final = "published-population.csv"
"""In the home folder it replaces the one that comes with the package; `data/README.md` says what it holds."""


@dataclass(frozen=True, slots=True)
class Published:
    """How many people lived in a division in a year, and who says so."""

    population: int
    year: int
    source: str


def published_population() -> dict[str, Published]:
    """Return what is published by code of division; divisions without a figure are left out."""
    own = configuration.load().home / FILE
    return dict(_read(own if own.exists() else Path(__file__).parent / "data" / FILE))


def _read(path: Path) -> Iterator[tuple[str, Published]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        for line in csv.DictReader(file):
            yield line["code"], Published(int(line["population"]), int(line["year"]), line["source"])
