"""Defects of the synthetic city that only stored data show: brute force finds those noted, and no other."""

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from kangqiao.formats import archives, tabular
from kangqiao.intake import manifest as manifests
from kangqiao.simulation.city import CityManifest, generate_city
from kangqiao.simulation.consequences import REFUSED
from kangqiao.simulation.identities.kinds import bit
from kangqiao.standards import value_sets
from kangqiao.standards.data_set import data_sets
from kangqiao.standards.quality import STAND_INS

LOOKED_AT = (
    "patient-registration",
    "outpatient-encounter",
    "inpatient-stay",
    "diagnosis",
    "prescription",
    "prescription-item",
    "lab-report",
    "lab-result",
    "vaccination",
    "exam-report",
    "vital-signs",
    "charge",
)
OF_ENCOUNTERS = ("diagnosis", "prescription", "lab-report", "exam-report", "vital-signs", "charge")

LIVING = {
    "718-7": (10, 280),
    "789-8": (0.4, 11),
    "4544-3": (5, 80),
    "770-8": (0, 100),
    "736-9": (0, 100),
    "14771-0": (0.3, 90),
    "4548-4": (2, 25),
    "1751-7": (5, 80),
    "2885-2": (15, 160),
    "2823-3": (1, 12),
    "2951-2": (85, 210),
    "2075-0": (50, 160),
    "5811-5": (1.0, 1.1),
    "5803-2": (3.5, 10),
}
"""LOINC code → what a living person can have, in the unit that the generator uses."""

IMPOSSIBLE = """
    sex = '1' AND (code LIKE 'O%' OR code BETWEEN 'N70' AND 'N99' OR code LIKE 'D25%' OR code LIKE 'Z34%')
    OR sex = '2' AND code BETWEEN 'N40' AND 'N52'
    OR age NOT BETWEEN 12 AND 55 AND (code LIKE 'O%' OR code LIKE 'Z34%')
    OR age > 1 AND code LIKE 'P%'
    OR age < 35 AND (code LIKE 'N40%' OR code LIKE 'H25%')
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory) -> Iterator[CityManifest]:
    folder = tmp_path_factory.mktemp("defects") / "lincang"
    yield generate_city(folder=folder, residents=20_000, years=1, seed=12, institutions=30, processes=1)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def stored(city, tmp_path_factory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Return DuckDB with a table per data set, as a platform stores it, and the truth.

    Of each key the latest version, neither void nor refused by the gate, as text; ``day`` says when it happened.
    """
    with duckdb.connect() as session:
        for part in ("defects", "consequences", "patients", "residents"):
            session.register(part, pa.dataset.dataset(city.truth / part).to_table())
        session.register("spells", pq.read_table(city.truth / "spells.parquet"))
        for word in LOOKED_AT:
            columns = ", ".join(f'"{field.name}" VARCHAR' for field in data_sets()[word].wire())
            session.execute(f'CREATE TABLE "all {word}" ({columns})')
        _load(session, city.batches, tmp_path_factory.mktemp("opened"))
        for word in LOOKED_AT:
            session.execute(f"""
                CREATE TABLE "{word}" AS SELECT *, "{data_sets()[word].occurred.field.name}"[:10]::DATE AS day
                FROM (SELECT DISTINCT ON (institution_code, source_key) * FROM "all {word}"
                      ORDER BY institution_code, source_key, revised_at DESC)
                WHERE voided NOT IN ('T', 'true') AND (institution_code, source_key) NOT IN (
                    SELECT (institution_code, source_key) FROM defects
                    WHERE data_set = '{word}' AND kind IN {REFUSED})""")
        yield session


def _load(session: duckdb.DuckDBPyConnection, batches: tuple[Path, ...], work: Path) -> None:
    for path in batches:
        folder = path if path.is_dir() else work / path.stem
        if folder is not path:
            folder.mkdir()
            archives.unpack(path, folder)
        for entry in manifests.read((folder / manifests.MANIFEST).read_bytes()).data_sets:
            if entry.data_set in LOOKED_AT:
                _insert(session, folder, entry, work)


def _insert(session: duckdb.DuckDBPyConnection, folder: Path, entry: manifests.Entry, work: Path) -> None:
    source = tabular.prepare(folder / entry.file, work)
    names = tabular.header(session, source)
    if source.format is tabular.TableFormat.NDJSON:
        names = [field.name for field in data_sets()[entry.data_set].wire()]
    cells = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in names)
    rows = f"SELECT {cells} FROM {tabular.source_sql(source, names)}"
    session.execute(f'INSERT INTO "all {entry.data_set}" BY NAME {rows}')


def _found(session: duckdb.DuckDBPyConnection, sql: str) -> set[tuple[str, str]]:
    """Return the institutions and keys of the rows that a query finds."""
    return set(session.execute(sql).fetchall())


def _noted(session: duckdb.DuckDBPyConnection, data_set: str, *kinds: str, truth: str = "defects") -> set:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    return _found(
        session,
        f"SELECT institution_code, source_key FROM {truth} WHERE data_set = '{data_set}' AND kind IN ({listed})",
    )


def test_a_row_has_one_defect_at_most(stored):
    assert (
        stored.execute("""
        SELECT data_set, source_key FROM defects GROUP BY data_set, institution_code, source_key HAVING count(*) > 1
    """).fetchall()
        == []
    )


def test_every_kind_for_rules_over_stored_data_is_planted(stored):
    counts = dict(stored.execute("SELECT kind || ' ' || data_set, count(*) FROM defects GROUP BY 1").fetchall())
    wanted = [
        "no-diagnosis outpatient-encounter",
        "no-visit prescription",
        "no-visit lab-report",
        "other-sex-diagnosis diagnosis",
        "impossible-age-diagnosis diagnosis",
        "code-name-swapped diagnosis",
        "not-alive lab-result",
        "double-entry outpatient-encounter",
        "double-entry lab-result",
        "double-entry vaccination",
        "empty-field outpatient-encounter",
    ]
    assert [kind for kind in wanted if counts.get(kind, 0) < 3] == []


@pytest.mark.parametrize("word", OF_ENCOUNTERS)
def test_visits_are_missing_only_where_that_is_noted(stored, word):
    orphans = _found(
        stored,
        f"""
        SELECT institution_code, source_key FROM "{word}" AS row WHERE encounter IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM "outpatient-encounter" AS visit
            WHERE visit.source_key = encounter AND visit.institution_code = row.institution_code)
        AND NOT EXISTS (
            SELECT 1 FROM "inpatient-stay" AS stay
            WHERE stay.source_key = encounter AND stay.institution_code = row.institution_code)""",
    )
    planted = _noted(stored, word, "no-visit")
    followed = _noted(stored, word, "no-visit", truth="consequences")
    assert orphans == planted | followed
    assert not planted & followed


@pytest.mark.parametrize(
    ("word", "column", "parent"),
    [
        ("prescription-item", "prescription", "prescription"),
        ("lab-result", "report", "lab-report"),
    ],
)
def test_parents_are_missing_only_where_that_is_noted(stored, word, column, parent):
    orphans = _found(
        stored,
        f"""
        SELECT institution_code, source_key FROM "{word}" AS row WHERE NOT EXISTS (
            SELECT 1 FROM "{parent}" AS parent
            WHERE parent.source_key = row."{column}" AND parent.institution_code = row.institution_code)""",
    )
    noted = (_noted(stored, word, "missing-parent", truth=truth) for truth in ("defects", "consequences"))
    assert orphans == set.union(*noted)


@pytest.mark.parametrize("word", ["outpatient-encounter", "inpatient-stay"])
def test_visits_without_diagnosis_are_those_noted(stored, word):
    bare = _found(
        stored,
        f"""
        SELECT institution_code, source_key FROM "{word}" AS visit WHERE NOT EXISTS (
            SELECT 1 FROM diagnosis
            WHERE encounter = visit.source_key AND diagnosis.institution_code = visit.institution_code)""",
    )
    noted = (_noted(stored, word, "no-diagnosis", truth=truth) for truth in ("defects", "consequences"))
    assert bare == set.union(*noted)


def test_diagnoses_fit_sex_and_age_unless_planted_otherwise(stored):
    stored.execute("""CREATE OR REPLACE VIEW diagnosed AS
        SELECT diagnosis.*, resident.sex::VARCHAR AS sex, (day - birth_date::DATE) / 365.25 AS age
        FROM diagnosis JOIN patients USING (institution_code, patient_number)
        JOIN residents AS resident ON resident.resident = patients.resident""")
    found = _found(stored, f"SELECT institution_code, source_key FROM diagnosed WHERE {IMPOSSIBLE}")
    assert found == _noted(stored, "diagnosis", "other-sex-diagnosis", "impossible-age-diagnosis")


def test_diagnoses_fit_the_registered_sex_unless_noted(stored):
    stored.execute("""CREATE OR REPLACE VIEW registered AS
        SELECT diagnosis.*, registration.sex, NULL::DOUBLE AS age FROM diagnosis
        JOIN "patient-registration" AS registration USING (institution_code, patient_number)""")
    found = _found(stored, f"SELECT institution_code, source_key FROM registered WHERE {IMPOSSIBLE}")
    followed = _noted(stored, "diagnosis", "other-sex-diagnosis", truth="consequences")
    planted = _noted(stored, "diagnosis", "other-sex-diagnosis", "impossible-age-diagnosis")
    assert len(followed) > 3
    assert found - planted == followed - planted


def test_diagnoses_have_the_name_of_another_code_only_where_planted(stored):
    named = [(code, known.name) for code, known in value_sets.load("icd-10").codes.items()]
    stored.register("named", pa.table({"code": [code for code, _ in named], "name": [name for _, name in named]}))
    found = _found(
        stored,
        """
        SELECT institution_code, source_key FROM diagnosis
        WHERE code_name IN (SELECT name FROM named) AND (code, code_name) NOT IN (SELECT (code, name) FROM named)""",
    )
    assert found == _noted(stored, "diagnosis", "code-name-swapped")


def test_values_no_living_person_has_are_planted_ones(stored):
    limits = ", ".join(f"('{item}', {low}, {high})" for item, (low, high) in LIVING.items())
    found = _found(
        stored,
        f"""
        SELECT institution_code, source_key FROM "lab-result"
        JOIN (VALUES {limits}) AS known(item, low, high) USING (item)
        WHERE quantity::DOUBLE NOT BETWEEN known.low AND known.high""",
    )
    planted = _noted(stored, "lab-result", "not-alive")
    assert planted <= found
    assert found - planted <= _noted(stored, "lab-result", "wrong-unit")


@pytest.mark.parametrize("word", ["outpatient-encounter", "lab-report", "lab-result", "vaccination", "prescription"])
def test_nothing_is_stored_twice_under_two_keys_unless_planted(stored, word):
    pairs = stored.execute(f"""
        SELECT institution_code, list(source_key) FROM "{word}"
        GROUP BY {_content(word)} HAVING count(*) > 1""").fetchall()
    planted = _noted(stored, word, "double-entry")
    assert all(len(keys) == 2 and sum((code, key) in planted for key in keys) == 1 for code, keys in pairs)
    assert len(pairs) == len(planted)


def _content(word: str) -> str:
    """Return the columns that say what happened; the row's own number in another guise is none of them."""
    own = {"source_key", "number", "specimen_number"} if word != "outpatient-encounter" else {"source_key"}
    return ", ".join(f'"{field.name}"' for field in data_sets()[word].wire() if field.name not in own)


def test_empty_fields_are_frequent_at_careless_institutions_only(stored):
    empty = _found(
        stored,
        """
        SELECT institution_code, source_key FROM "outpatient-encounter" WHERE chief_complaint IS NULL""",
    )
    assert empty == _noted(stored, "outpatient-encounter", "empty-field")
    shares = [
        share
        for (share,) in stored.execute("""
        SELECT avg((chief_complaint IS NULL)::INT) FROM "outpatient-encounter"
        GROUP BY institution_code HAVING count(*) > 100 ORDER BY 1 DESC""").fetchall()
    ]
    assert shares[0] > 0.15
    assert shares[2] < 0.05


SEEN = {
    "no-id": "document_number IS NULL",
    "newborn-name": f"regexp_matches(name, '{STAND_INS}')",
    "no-phone": "phone IS NULL",
    "fifteen-digit": "coalesce(document_type = '01' AND length(document_number) = 15, FALSE)",
}
"""What shows in a registration → how."""


@pytest.mark.parametrize("kind", SEEN)
def test_what_is_unusual_in_a_registration_is_noted_of_the_patient(stored, kind):
    rows = stored.execute(f"""
        SELECT {SEEN[kind]} AS seen, kinds & {bit(kind)} <> 0 AS noted, count(*)
        FROM "patient-registration" JOIN patients USING (institution_code, patient_number) GROUP BY ALL""").fetchall()
    assert {(seen, noted) for seen, noted, _ in rows} == {(True, True), (False, False)}
    assert min(count for *_, count in rows) > 20


def test_some_newborns_are_named_later_under_the_same_number(stored):
    named = stored.execute(f"""
        SELECT former.name, present.name, present.document_number = residents.id_number, present.name = residents.name
        FROM patients JOIN residents USING (resident)
        JOIN "patient-registration" AS present USING (institution_code, patient_number)
        JOIN "all patient-registration" AS former USING (institution_code, patient_number)
        WHERE former.revised_at < present.revised_at
            AND kinds_at_first & {bit("newborn-name")} <> 0 AND kinds & {bit("newborn-name")} = 0""").fetchall()
    assert len(named) > 3
    assert all("之" in former and "之" not in present for former, present, *_ in named)
    assert all(number and name for *_, number, name in named)


def test_children_say_who_their_mothers_are(stored):
    told = stored.execute("""
        SELECT mother.name = mother_name, mother.id_number = mother_document
        FROM "patient-registration" JOIN patients USING (institution_code, patient_number)
        JOIN residents USING (resident) JOIN residents AS mother ON mother.resident = residents.mother
        WHERE mother_name IS NOT NULL""").fetchall()
    assert len(told) > 100
    assert sum(name for name, _ in told) > 0.95 * len(told)
    assert all(number for _, number in told if number is not None)


def test_one_person_has_one_number_of_each_kind(stored):
    shares = {"health_card": (0.05, 0.5), "archive_number": (0.05, 0.5), "insurance_number": (0.6, 0.9)}
    for column, (least, most) in shares.items():
        shown = stored.execute(f"""
            SELECT count({column}), count(*), max(numbers) FROM (
                SELECT {column}, count(DISTINCT {column}) OVER (PARTITION BY resident) AS numbers
                FROM "patient-registration" JOIN patients USING (institution_code, patient_number))""").fetchall()
        assert shown[0][2] == 1
        assert least < shown[0][0] / shown[0][1] < most


def test_only_citizens_cards_that_were_read_tell_issuer_and_validity(stored):
    ((described, others, cards, longest),) = stored.execute("""
        SELECT count(document_valid_until), count_if(document_valid_until IS NOT NULL AND (
                   document_issuer IS NULL OR document_type <> '01' OR document_valid_until[:10]::DATE < day)),
               count_if(document_type = '01'), max(document_valid_until[:10]::DATE)
        FROM "patient-registration"
        """).fetchall()
    assert others == 0
    assert 0.3 < described / cards < 1
    assert longest == dt.date(9999, 12, 31)


def test_there_are_two_spells_of_each_kind_at_different_institutions(stored):
    spells = stored.execute("SELECT DISTINCT institution_code, kind FROM spells ORDER BY kind").fetchall()
    assert [kind for _, kind in spells] == ["sudden-drop", "sudden-drop", "weekend-gap", "weekend-gap"]
    assert len({code for code, _ in spells}) == 4


def _spells(session: duckdb.DuckDBPyConnection, kind: str) -> list[tuple]:
    return session.execute(
        "SELECT institution_code, data_set, first_day, last_day FROM spells WHERE kind = ?", [kind]
    ).fetchall()


def test_in_a_weekend_gap_nothing_comes_on_weekends_though_it_did_before(stored):
    for code, word, first, last in _spells(stored, "weekend-gap"):
        days = f"FROM \"{word}\" WHERE institution_code = '{code}' AND dayofweek(day) IN (0, 6)"
        within = stored.execute(f"SELECT count(*) {days} AND day BETWEEN ? AND ?", [first, last]).fetchone()
        before = stored.execute(f"SELECT count(*) {days} AND day < ?", [first]).fetchone()
        assert within == (0,)
        assert before > (40,)


def test_in_a_sudden_drop_most_rows_are_missing(stored):
    for code, word, first, last in _spells(stored, "sudden-drop"):
        rows = f"FROM \"{word}\" WHERE institution_code = '{code}' AND day"
        days = (last - first).days + 1
        within = stored.execute(f"SELECT count(*) {rows} BETWEEN ? AND ?", [first, last]).fetchone()[0]
        before = stored.execute(f"SELECT count(*) / (? - min(day)) {rows} < ?", [first, first]).fetchone()[0]
        assert days >= 14
        assert before > 1.8
        assert within < 0.35 * before * days


def test_no_other_institution_that_sends_every_day_lacks_weekends(stored):
    lacking = _found(
        stored,
        """
        SELECT institution_code, strftime(day, '%Y-%m') FROM "outpatient-encounter"
        WHERE institution_code IN (
            SELECT institution_code FROM "outpatient-encounter" GROUP BY 1 HAVING count(*) > 3 * 365)
        GROUP BY ALL HAVING count(*) FILTER (dayofweek(day) IN (0, 6)) = 0""",
    )
    spells = _spells(stored, "weekend-gap")
    gaps = {
        (code, f"{first:%Y}-{first.month + further:02d}")
        for code, word, first, _ in spells
        if word == "outpatient-encounter"
        for further in range(3)
    }
    assert lacking == gaps


def test_a_small_city_has_no_spells_since_nobody_could_tell_them_from_chance(tmp_path):
    small = generate_city(folder=tmp_path / "small", residents=700, years=1, seed=3, processes=1)
    assert pq.read_table(small.truth / "spells.parquet").num_rows == 0
