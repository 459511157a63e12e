"""The synthetic city on disk: batches a hospital could have sent, and the truth about every one of their rows."""

import datetime as dt
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from kangqiao.formats import archives, tabular
from kangqiao.infra.files import sm3_of_file
from kangqiao.intake import manifest as manifests
from kangqiao.simulation.block import DATA_SETS
from kangqiao.simulation.city import CityManifest, generate_city, read_city
from kangqiao.simulation.consequences import REFUSED
from kangqiao.simulation.facts import facts
from kangqiao.standards.data_set import Record, data_sets
from kangqiao.standards.fields import Link
from kangqiao.standards.validation import check_row

RECEIVED = dt.datetime(2026, 11, 15, tzinfo=dt.UTC)
ACCEPTED_ANYWAY = {
    "swapped-rh",
    "missing-parent",
    "wrong-unit",
    "wrong-total",
    "late-row",
    "corrected-row",
    "voided-row",
    "no-diagnosis",
    "no-visit",
    "other-sex-diagnosis",
    "impossible-age-diagnosis",
    "code-name-swapped",
    "not-alive",
    "double-entry",
    "empty-field",
}
"""Defects of rows that the gate takes: what they say is possible, though not true."""

KINDS_FOUND = {"unknown-code", "lost-zero", "missing-required", "code-name-mismatch", "duplicate-row"}


def _generate(folder: Path, **changes) -> CityManifest:
    return generate_city(**{"folder": folder, "residents": 700, "years": 2, "seed": 3, "processes": 1} | changes)


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> CityManifest:
    return _generate(tmp_path_factory.mktemp("city") / "lincang")


@pytest.fixture(scope="module")
def opened(city, tmp_path_factory) -> list[Path]:
    """Return the folders of all batches in order, zip files unpacked."""
    work = tmp_path_factory.mktemp("opened")
    return [_folder(path, work) for path in city.batches]


def _folder(batch: Path, work: Path) -> Path:
    if batch.is_dir():
        return batch
    folder = work / batch.stem
    folder.mkdir()
    archives.unpack(batch, folder)
    return folder


@pytest.fixture(scope="module")
def gate(city, opened, tmp_path_factory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return DuckDB with the truth, every row delivered (``seen``) with the gate's verdict, and every ``link``."""
    work = tmp_path_factory.mktemp("gate")
    seen, links = [], []
    with duckdb.connect() as session:
        for number, folder in enumerate(opened):
            for entry in manifests.read((folder / manifests.MANIFEST).read_bytes()).data_sets:
                rows = _read(session, folder, entry.file, work)
                assert len(rows) == entry.rows
                seen.append(_judged(number, entry.data_set, rows))
                links += [link for row in rows for link in _links(entry.data_set, row)]
        session.register("seen", pa.concat_tables(seen))
        names = ("data_set", "institution", "key", "link", "target")
        session.register("links", pa.table(dict(zip(names, map(list, zip(*links, strict=True)), strict=True))))
        session.register("defects", _truth(city, "defects"))
        session.register("patients", _truth(city, "patients"))
        yield session


def _links(word: str, row: dict[str, str]) -> list[tuple]:
    fields = [field for field in data_sets()[word].elements() if isinstance(field, Link)]
    ends = [(field.name, field.to.word) for field in fields]
    if "encounter" in row:
        ends.append(("encounter", "inpatient-stay" if row["encounter_kind"] == "3" else "outpatient-encounter"))
    return [(word, row["institution_code"], row["source_key"], row.get(name), target) for name, target in ends]


def _judged(batch: int, word: str, rows: list[dict[str, str]]) -> pa.Table:
    """Return (batch, data_set, institution, key, patient, bad) of rows; of equal keys in a file one is taken."""
    columns = zip(*(_verdict(batch, word, row) for row in rows), strict=True)
    names = ("batch", "data_set", "institution", "key", "patient", "bad")
    judged = {name: list(column) for name, column in zip(names, columns, strict=True)}
    keys = list(zip(judged["institution"], judged["key"], strict=True))
    taken = {key for key, bad in zip(keys, judged["bad"], strict=True) if not bad}
    times = Counter(keys)
    repeated = {key for key in taken if times[key] > 1}
    judged["bad"] = [bad or key in repeated for key, bad in zip(keys, judged["bad"], strict=True)]
    return pa.table(judged)


def _verdict(batch: int, word: str, row: dict[str, str]) -> tuple:
    checked = check_row(data_sets()[word], row, institution_id=1, received_at=RECEIVED)
    return batch, word, row["institution_code"], row["source_key"], row.get("patient_number", ""), checked.refused


def _truth(city: CityManifest, part: str) -> pa.Table:
    return pa.dataset.dataset(city.truth / part).to_table()


def _read(session: duckdb.DuckDBPyConnection, folder: Path, file: str, work: Path) -> list[dict[str, str]]:
    """Return the rows of a delivered file as wire text, as the gate reads it."""
    source = tabular.prepare(folder / file, work)
    names = tabular.header(session, source)
    if source.format is tabular.TableFormat.NDJSON:  # a line leaves out what it has no value for
        names = [field.name for field in data_sets()[file.partition(".")[0]].wire()]
    words = ", ".join(f'"{name}"::VARCHAR' for name in names)
    found = session.execute(f"SELECT {words} FROM {tabular.source_sql(source, names)}").fetchall()
    return [{name: cell for name, cell in zip(names, row, strict=True) if cell is not None} for row in found]


def test_the_manifest_can_be_read_again(city):
    assert read_city(city.folder) == city
    assert city.registry.exists()
    assert all(path.exists() for path in city.batches)


def test_every_batch_has_a_valid_manifest_with_the_digests_of_its_files(opened):
    numbers = set()
    for folder in opened:
        manifest = manifests.read((folder / manifests.MANIFEST).read_bytes())
        numbers.add((manifest.sender, manifest.number))
        for entry in manifest.data_sets:
            assert sm3_of_file(folder / entry.file) == entry.sm3
        assert {file.name for file in folder.iterdir()} == {entry.file for entry in manifest.data_sets} | {
            manifests.MANIFEST
        }
    assert len(numbers) == len(opened)


def test_batches_lie_in_the_order_of_their_periods(opened):
    periods = [manifests.read((f / manifests.MANIFEST).read_bytes()).period.end for f in opened]
    assert periods == sorted(periods)
    assert len(set(periods)) == 3


def test_every_data_set_and_every_file_format_occurs(city, opened):
    files = [file for folder in opened for file in folder.iterdir()]
    assert {file.name.split(".")[0] for file in files} >= set(DATA_SETS) - {"operation", "critical-value"}
    assert {file.name.partition(".")[2] for file in files} == {"json", "parquet", "csv", "ndjson.gz", "ndjson.zst"}
    assert any(path.suffix == ".zip" for path in city.batches)
    assert any(_is_gb18030(file) for file in files if file.suffix == ".csv")


def _is_gb18030(file: Path) -> bool:
    try:
        file.read_bytes().decode()
    except UnicodeDecodeError:
        return "云南省" in file.read_bytes().decode("gb18030")
    return False


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(city, tmp_path):
    again, other = _generate(tmp_path / "again"), _generate(tmp_path / "other", seed=4)
    assert _digests(again) == _digests(city)
    assert _digests(other) != _digests(city)


def test_processes_change_nothing(city, tmp_path):
    assert _digests(_generate(tmp_path / "two", processes=2)) == _digests(city)


def _digests(city: CityManifest) -> dict[str, str]:
    files = [file for path in city.batches for file in ([path] if path.is_file() else path.iterdir())]
    return {file.name + file.parent.name: sm3_of_file(file) for file in files if file.suffix != ".zip"}


def test_the_gate_refuses_planted_rows_only(gate):
    refused = gate.execute(f"""
        SELECT seen.data_set, seen.key, count(*) FROM seen WHERE bad AND NOT EXISTS (
            SELECT 1 FROM defects WHERE defects.data_set = seen.data_set AND defects.source_key = seen.key
            AND defects.institution_code = seen.institution AND kind NOT IN ({_listed(ACCEPTED_ANYWAY)}))
        GROUP BY ALL""").fetchall()
    assert refused == []


def test_every_defect_that_can_be_seen_in_a_row_is_refused(gate):
    missed = gate.execute(f"""
        SELECT kind, data_set, "column", count(*) FROM defects
        WHERE kind NOT IN ({_listed(ACCEPTED_ANYWAY)}) AND NOT EXISTS (
            SELECT 1 FROM seen WHERE bad AND defects.data_set = seen.data_set AND defects.source_key = seen.key
            AND defects.institution_code = seen.institution)
        GROUP BY ALL""").fetchall()
    assert missed == []
    kinds = {row[0] for row in gate.execute("SELECT DISTINCT kind FROM defects").fetchall()}
    assert kinds >= KINDS_FOUND


def test_the_truth_knows_which_defects_the_gate_refuses():
    kinds = set(facts("defects")["kind"])
    assert kinds - ACCEPTED_ANYWAY - {"duplicate-row"} == set(REFUSED)


def _listed(words: set[str]) -> str:
    return ", ".join(f"'{word}'" for word in sorted(words))


def test_careless_hospitals_err_far_more_than_others(gate):
    shares = gate.execute("""
        SELECT institution, avg(bad::INT) FROM seen GROUP BY 1 HAVING count(*) > 200 ORDER BY 2 DESC""").fetchall()
    assert shares[0][1] > 0.03
    assert shares[-1][1] < 0.01


def test_every_patient_of_a_row_is_registered_and_known_to_the_truth(gate):
    records = {word for word, data_set in data_sets().items() if issubclass(data_set, Record)}
    gate.execute(f"CREATE TEMP VIEW about_people AS SELECT * FROM seen WHERE data_set IN ({_listed(records)})")
    unknown = gate.execute("""
        SELECT count(*) FROM about_people AS seen WHERE NOT EXISTS (
            SELECT 1 FROM patients
            WHERE institution_code = institution AND patient_number = patient)""").fetchall()
    unregistered = gate.execute("""
        SELECT count(*) FROM about_people AS seen WHERE data_set <> 'patient-registration' AND NOT EXISTS (
            SELECT 1 FROM seen AS other WHERE other.data_set = 'patient-registration'
            AND other.institution = seen.institution AND other.patient = seen.patient)""").fetchall()
    assert (unknown, unregistered) == ([(0,)], [(0,)])


def test_rows_name_a_patient_where_their_data_set_is_about_patients(gate):
    named = dict(gate.execute("SELECT data_set, bool_or(patient <> '') FROM seen GROUP BY 1").fetchall())
    assert {word for word, is_named in named.items() if not is_named} == {
        word for word in DATA_SETS if not issubclass(data_sets()[word], Record)
    }


def test_people_are_patients_of_several_institutions_under_different_numbers(city):
    patients = _truth(city, "patients").to_pylist()
    institutions = Counter(resident for resident, _ in {(p["resident"], p["institution_code"]) for p in patients})
    assert sum(count >= 3 for count in institutions.values()) > 0.2 * len(institutions)
    numbers = Counter((p["resident"], p["institution_code"]) for p in patients)
    assert any(count == 2 for count in numbers.values())
    assert len({(p["institution_code"], p["patient_number"]) for p in patients}) == len(patients)


def test_links_lead_to_rows_of_the_same_institution_unless_planted_otherwise(gate):
    lost = gate.execute("""
        SELECT data_set, target, count(*) FROM links WHERE NOT EXISTS (
            SELECT 1 FROM seen WHERE seen.data_set = links.target AND seen.key = links.link
            AND seen.institution = links.institution)
        AND NOT EXISTS (
            SELECT 1 FROM defects WHERE kind IN ('missing-parent', 'no-visit') AND defects.data_set = links.data_set
            AND defects.source_key = links.key) GROUP BY ALL""").fetchall()
    assert lost == []
    targets = {row[0] for row in gate.execute("SELECT DISTINCT target FROM links").fetchall()}
    assert targets == {
        "outpatient-encounter",
        "inpatient-stay",
        "prescription",
        "prescription-item",
        "dispensing",
        "formulary-item",
        "lab-report",
        "charge",
        "vaccination",
        "family-doctor-agreement",
        "front-page",
        "clinical-document",
        "culture-result",
        "household",
        "operation",
        "settlement-list",
    }


def test_corrections_and_voidings_come_in_a_later_batch(gate):
    together = gate.execute("""
        SELECT defects.kind, max(times) FROM defects JOIN (
            SELECT batch, data_set, institution, key, count(*) AS times FROM seen GROUP BY ALL) AS counted
        ON defects.data_set = counted.data_set AND source_key = key AND institution_code = institution
        WHERE kind IN ('corrected-row', 'voided-row') GROUP BY 1""").fetchall()
    assert together
    assert {times for _, times in together} == {1}


def test_batches_sent_twice_are_noted(city, opened):
    twice = {(row["sender"], row["number"]) for row in pq.read_table(city.truth / "resent.parquet").to_pylist()}
    seconds = {
        (manifest.sender, manifest.number)
        for manifest in (manifests.read((folder / manifests.MANIFEST).read_bytes()) for folder in opened)
        if manifest.number.endswith("-02")
    }
    assert twice == seconds
    assert twice


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "kept").write_text("x")
    with pytest.raises(FileExistsError):
        _generate(tmp_path)


def test_memory_does_not_grow_with_the_city(tmp_path):
    small, large = (_peak(tmp_path / str(residents), residents) for residents in (18_000, 54_000))
    assert large < 1.5 * small
    assert large < 600


def _peak(folder: Path, residents: int) -> float:
    """Return the peak memory in MB of a process that generates a city of one year.

    Linux counts it from the start of the program in VmHWM; ``ru_maxrss`` would count the tests' process, too.
    """
    code = (
        "import django, pathlib; django.setup()\n"
        "from kangqiao.simulation.city import generate_city\n"
        f"generate_city(folder=pathlib.Path({str(folder)!r}), residents={residents}, years=1, seed=1,"
        " institutions=12, processes=1)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return int(done.stdout) / 1024
