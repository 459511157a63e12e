"""Who is one person: accuracy, seconds and memory of the linkage engine, beside Splink on the same registrations.

    .venv/bin/python bench/linkage.py [shapes] [seed] [ours]     (default AC 2 both; "ours" leaves Splink out)

Shape A: a million people with 1.25 registrations each; C, as a city really is: 226,000 people with 4.4 each. Planted
mess and truth come from `kangqiao.simulation.identities`. The operating point was chosen on seed 1; score another one.
Every run is a process of its own with two threads, links a few registrations to have everything loaded, then trains on
the registrations it links, and is timed from the file to the groups of the first threshold. Where the machine has other
work, the CPU seconds of all threads tell more than the clock. Scores are over pairs of registrations of the groups that
come out; a doubt is a pair of groups of which a human must say whether they are one person.
The city is 2.26 million people with 10 million registrations.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from kangqiao.identity.duckdb_rules import with_document_key
from kangqiao.simulation.identities.generating import generate_identities
from kangqiao.simulation.identities.scoring import score, scores_by_kind

if TYPE_CHECKING:
    from splink import Linker
    from splink.internals.splink_dataframe import SplinkDataFrame

TODAY = date(2026, 10, 31)
SHAPES = {"A": (1_000_000, 1.25), "C": (226_000, 4.4), "X": (2_260_000, 10 / 2.26)}
DEFAULTS = ("AC", "2", "both")
FEW = 2_000
SPLINK_THRESHOLDS = (0.5, 0.9, 0.99, 0.999, 0.9999)
console = Console(width=140)


def main() -> None:
    """Generate each shape, link it with both, print the tables."""
    if sys.argv[1:2] == ["--run"]:
        _run(sys.argv[2], *map(Path, sys.argv[3:]))
        return
    shapes, seed, only = (*sys.argv[1:], *DEFAULTS[len(sys.argv) - 1 :])
    for shape in shapes:
        people, each = SHAPES[shape]
        with tempfile.TemporaryDirectory(prefix="kangqiao-bench-") as name:
            folder, few = Path(name), Path(name) / "few"
            for to, some in ((folder, people), (few, FEW)):
                generate_identities(folder=to, people=some, records_per_person=each, seed=int(seed))
            _report(f"shape {shape}, seed {seed}", folder, few, ["ours"] if only == "ours" else ["ours", "splink"])


def _report(title: str, folder: Path, few: Path, engines: list[str]) -> None:
    truth = pq.read_table(folder / "truth.parquet").sort_by("record")
    person, kinds = truth["person"].to_numpy(), truth["kinds"].to_numpy()
    table = Table(
        "", "groups: precision", "recall", "F1", "doubts, % of registrations", "seconds", "CPU", "MB", title=title
    )
    for engine in engines:
        subprocess.run([sys.executable, __file__, "--run", engine, str(folder), str(few)], check=True)
        told = json.loads((folder / f"{engine}.json").read_text())
        for place, (name, review) in enumerate(told["results"].items()):
            found = pq.read_table(folder / f"{engine}-{place}.parquet")["person"].to_numpy()
            known = score(person, found)
            scores = [f"{share:.5f}" for share in (known.precision, known.recall, known.f1)]
            cost = (f"{told['seconds']:.1f}", f"{told['cpu']:.1f}", f"{told['megabytes']:.0f}") if place == 0 else ()
            table.add_row(
                f"{engine}: {name}", *scores, "–" if review is None else f"{100 * review / len(person):.2f}", *cost
            )
    console.print(table)
    console.print(_by_kind(person, kinds, pq.read_table(folder / "ours-0.parquet")["person"].to_numpy()))


def _by_kind(person: np.ndarray, kinds: np.ndarray, found: np.ndarray) -> Table:
    """Per kind of mess: of its registrations' pairs with others of the same person (or group), how many are right."""
    table = Table("kind of mess", "registrations", "precision", "recall")
    for kind, known in scores_by_kind(person, found, kinds).items():
        if known.joined and known.true:
            table.add_row(kind, f"{known.registrations:,}", f"{known.precision:.4f}", f"{known.recall:.4f}")
    return table


def _run(engine: str, folder: Path, few: Path) -> None:
    groups = {"ours": _ours, "splink": _splink}[engine]
    next(groups(few))
    started, cpu_started = time.perf_counter(), time.process_time()
    seconds, cpu, results = 0.0, 0.0, {}
    for place, (name, persons, count_doubts) in enumerate(groups(folder)):
        seconds, cpu = seconds or time.perf_counter() - started, cpu or time.process_time() - cpu_started
        results[name] = count_doubts()
        pq.write_table(persons.sort_by("record"), folder / f"{engine}-{place}.parquet")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": seconds, "cpu": cpu, "megabytes": peak, "results": results}
    (folder / f"{engine}.json").write_text(json.dumps(told))


Groups: TypeAlias = Iterator[tuple[str, pa.Table, Callable[[], int | None]]]
"""A name, record → person, and what counts the doubts where there are any."""


def _ours(folder: Path) -> Groups:
    """Yield groups: the operating point first, then a looser one."""
    from kangqiao.identity.linkage.linking import compare, decide, learn
    from kangqiao.identity.linkage.model import Thresholds

    found = compare(folder / "records.parquet", today=TODAY)
    for thresholds in (Thresholds(), Thresholds(same=4.0)):
        linkage = decide(found, learn(found, version="bench", thresholds=thresholds))
        yield f"same from {thresholds.same} bits", linkage.persons, partial(_doubts, linkage.persons, linkage.links)


def _doubts(persons: pa.Table, links: pa.Table) -> int:
    from kangqiao.identity.linkage.clusters import Decision

    asked = links.filter(pa.compute.equal(links["decision"], int(Decision.REVIEW)))
    record, person = persons["record"].to_numpy(), persons["person"].to_numpy()
    ends = [person[np.searchsorted(record, asked[side].to_numpy())] for side in ("left", "right")]
    return len(np.unique(np.sort(np.stack(ends), axis=0), axis=1).T)


def splink_model(folder: Path, session: duckdb.DuckDBPyConnection) -> tuple["Linker", "SplinkDataFrame"]:
    """Return a good model by hand for this data, trained on it, and the registrations (table `registration`)."""
    import splink.comparison_level_library as level
    import splink.comparison_library as compare
    from splink import Linker, SettingsCreator, block_on
    from splink.internals.duckdb.database_api import DuckDBAPI

    keyed = with_document_key(
        f"read_parquet('{folder / 'records.parquet'}')",
        type_column="document_type",
        number_column="document_number",
        today=TODAY,
    )
    session.execute(f"""CREATE TABLE registration AS
        SELECT record AS unique_id, key_number AS key, upper(replace(document_number, ' ', '')) AS typed, sex, phone,
               regexp_replace(name, '[\\s·•.．]', '', 'g') AS name, strftime(birth_date, '%Y-%m-%d') AS birth,
               year(birth_date) AS year, division AS village, division[:9] AS township, division[:6] AS county,
               mother_name FROM ({keyed})""")
    blocks = [
        block_on("key"),
        block_on("name", "birth"),
        block_on("name", "village"),
        block_on("name", "year", "township"),
        block_on("phone", "birth"),
        block_on("phone", "name"),
    ]
    place = compare.CustomComparison(
        output_column_name="place",
        comparison_levels=[
            level.NullLevel("village"),
            level.ExactMatchLevel("village"),
            level.ExactMatchLevel("township"),
            level.ExactMatchLevel("county"),
            level.ElseLevel(),
        ],
    )
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[
            compare.DamerauLevenshteinAtThresholds("typed", [1]),
            compare.DamerauLevenshteinAtThresholds("name", [1]).configure(term_frequency_adjustments=True),
            compare.DamerauLevenshteinAtThresholds("birth", [1]),
            compare.ExactMatch("sex"),
            compare.ExactMatch("phone").configure(term_frequency_adjustments=True),
            place,
            compare.ExactMatch("mother_name"),
        ],
        blocking_rules_to_generate_predictions=blocks,
        retain_matching_columns=False,
    )
    registrations = DuckDBAPI(session).register("registration")
    linker = Linker(registrations, settings, log_level=40)
    linker.training.estimate_probability_two_random_records_match(
        [block_on("key"), block_on("name", "birth")], recall=0.9
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("key"), block_on("name", "birth"), block_on("phone", "birth")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    return linker, registrations


def _splink(folder: Path) -> Groups:
    """Yield Splink's groups at several thresholds."""
    session = duckdb.connect(config={"threads": 2})
    linker, _ = splink_model(folder, session)
    predicted = linker.inference.predict(threshold_match_probability=min(SPLINK_THRESHOLDS))
    for threshold in SPLINK_THRESHOLDS:
        groups = linker.clustering.cluster_pairwise_predictions_at_threshold(
            predicted, threshold_match_probability=threshold
        )
        persons = session.sql(
            f"""SELECT unique_id AS record, min(unique_id) OVER (PARTITION BY cluster_id) AS person
                  FROM {groups.physical_name}"""
        ).to_arrow_table()
        yield f"same from {threshold}", persons, lambda: None


if __name__ == "__main__":
    main()
