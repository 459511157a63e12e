"""The gate's two renderings give the same answer: a whole file in DuckDB, one row in Python."""

import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from changed_data_set import ClinicVisit, clinic_visit
from kangqiao.formats.tabular import TableFile, TableFormat
from kangqiao.intake.gate import Gate, Sender, check_files
from kangqiao.standards import imported_codes, value_sets
from kangqiao.standards.checks import _retirement
from kangqiao.standards.data_set import at, data_sets
from kangqiao.standards.editions import numbers_of
from kangqiao.standards.fields import Coded, Codes, Count, Date, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.validation import check_row, failed_checks, mask_columns
from kangqiao.standards.value_sets import Code, ValueSet

RECEIVED = dt.datetime(2026, 6, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=8)))
SENDER = Sender(UUID(int=1), RECEIVED, {"H1": 1})
NOISE = [
    "x",
    "0",
    "-1",
    "1e5",
    "2026-13-01",
    "00000000",
    "  ",
    "'",
    '"',
    "，",
    "NaN",
    "inf",
    "T",
    "99999999999999999999",
]
DATES = [
    "20260131",
    "2026-01-31",
    "2026-02-30",
    "20260230",
    "2026/01/31",
    "2027-01-01",
    "2026-06-02",
    "2026-06-03",
    "1899-12-31",
]
MOMENTS = [
    *DATES,
    "20260131T093000",
    "20260131093000",
    "2026-01-31T09:30:00+08:00",
    "2026-01-31 09:30:00",
    "2026-01-31T01:30:00Z",
    "2026-06-02T11:59:59",
    "2026-06-02T12:00:01",
    "20260131T256000",
    "2026-01-31T09:30",
]


def _texts(field):  # noqa: PLR0911
    """Plausible and implausible wire texts for one field."""
    match field:
        case Coded():
            codes = list(field.value_set.codes)[:8] or ["A00"]
            return st.sampled_from([*codes, *NOISE])
        case Codes():
            codes = list(field.value_set.codes)[:6]
            return st.lists(st.sampled_from([*codes, "?"]), min_size=1, max_size=3).map("|".join)
        case Moment():
            return st.sampled_from([*MOMENTS, *NOISE])
        case Date():
            return st.sampled_from([*DATES, *NOISE])
        case Quantity() | Money():
            return st.sampled_from(
                ["0", "1.5", "36.6", "120", "-3", "1.234", "12345678901.5", "+7", ".5", "1.", *NOISE]
            )
        case Count():
            return st.sampled_from(["0", "1", "40", "1234567890", "1.0", "-2", "+3", *NOISE])
        case Flag():
            return st.sampled_from(["T", "F", "true", "0", "1", "是", "否", "y", "maybe", *NOISE])
        case Text() | Link():
            return st.sampled_from(["文字", "甲" * field.limit, "乙" * (field.limit + 1), *NOISE])
        case _:
            raise AssertionError(field)


def _rows(data_set):
    names = {field.name: field for field in data_set.columns()}
    cells = {name: st.none() | _texts(field) for name, field in names.items()}
    for name, field in names.items():
        if isinstance(field, Coded) and f"{name}_name" in names and not field.named:
            wordings = [code.name for code in field.value_set.codes.values()][:8]
            cells[f"{name}_name"] = st.none() | st.sampled_from([*wordings, "别的"])
    cells["institution_code"] = st.sampled_from(["H1", "H1", "H1", "H9", None])
    row = st.fixed_dictionaries(cells)
    return st.lists(row, min_size=1, max_size=12)


@pytest.fixture
def half_imported(tmp_path_factory):
    """Editions that hold every other code of the sets whose codes are imported."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(imported_codes.place, "folder", tmp_path_factory.mktemp("terminology"))
        for identifier in value_sets.imported_ones():
            imported_codes.publish(identifier, list(value_sets.load(identifier).codes)[::2])
        yield


CASES = [
    *(pytest.param(data_set, data_set.edition(), id=word) for word, data_set in sorted(data_sets().items())),
    *(pytest.param(ClinicVisit, number, id=f"changed {number}") for number in numbers_of(ClinicVisit)),
]


@pytest.mark.usefixtures("half_imported")
@pytest.mark.parametrize(("data_set", "edition"), CASES)
def test_file_and_row_get_the_same_verdict(data_set, edition, tmp_path_factory):
    folder = tmp_path_factory.mktemp(data_set.word)
    gate = Gate(folder, [SENDER])
    session = gate.session(rows=0)

    @settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(_rows(data_set))
    def compare(rows):
        for number, row in enumerate(rows):
            row["source_key"] = f"K{number}"  # repeated keys are the file's business, not the row's
        in_duckdb = _in_duckdb(session, data_set, rows, folder, edition)
        assert in_duckdb == [_in_python(data_set, row, edition) for row in rows]

    compare()
    gate.close()


@pytest.mark.parametrize("edition", numbers_of(ClinicVisit))
def test_every_code_with_every_name_reads_the_same_in_every_edition(edition, tmp_path):
    known = ClinicVisit.element("payment").value_set
    names = [name for code in known.codes.values() for name in (code.name, *code.aliases)]
    rows = [
        dict.fromkeys((field.name for field in ClinicVisit.columns()), None)
        | clinic_visit(source_key=f"{code}{name}", payment=code, payment_name=name)
        for code in known.codes
        for name in names
    ]
    gate = Gate(tmp_path, [SENDER])
    in_duckdb = _in_duckdb(gate.session(rows=0), ClinicVisit, rows, tmp_path, edition)
    assert in_duckdb == [_in_python(ClinicVisit, row, edition) for row in rows]
    gate.close()


ENDED = {"1": None, "2": dt.date(2024, 3, 31), "3": dt.date(2025, 12, 31)}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.none() | st.lists(st.sampled_from([*ENDED, "?"]), min_size=1, max_size=3),
    st.none()
    | st.sampled_from(
        [dt.datetime(2024, 3, 31, 15, 59, tzinfo=dt.UTC), dt.datetime(2024, 3, 31, 16, tzinfo=dt.UTC), RECEIVED]
    ),
)
def test_both_renderings_find_the_same_choices_out_of_use(codes, happened_at):
    chosen = Codes("选择", values="test")
    chosen.name = "chosen"
    happened = Moment("时间")
    happened.name = "happened"
    known = ValueSet(
        "test", "试验", ("1",), "", True, None, {code: Code(code, code, valid_to=end) for code, end in ENDED.items()}
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(value_sets, "load", lambda _: known)
        (check,) = _retirement(SimpleNamespace(occurred=at(happened)), chosen)
    with duckdb.connect() as session:
        session.execute("SET TimeZone = 'Asia/Shanghai'")
        found = session.execute(
            f"SELECT {check.sql} FROM (SELECT ?::VARCHAR[] AS chosen, ?::TIMESTAMPTZ AS happened)", [codes, happened_at]
        ).fetchone()
    assert found == (check.fails({}, {"chosen": codes, "happened": happened_at}),)


def _in_duckdb(session, data_set, rows, folder: Path, edition):
    path = folder / "rows.ndjson"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    checked = check_files(session, data_set, {0: TableFile(path, TableFormat.NDJSON)}, edition=edition)
    stored = [field.name for field in data_set.elements()]
    values = ", ".join(
        f'epoch_us("{field.name}")' if field.duckdb_type == "TIMESTAMPTZ" else f'"{field.name}"'
        for field in data_set.elements()
    )
    masks = mask_columns(data_set)
    query = f"SELECT {values}, {', '.join(masks)} FROM {checked.relation} ORDER BY row_number"
    return [
        (
            dict(zip(stored, row, strict=False)),
            {(check.column, check.word) for check in failed_checks(data_set, row[len(stored) :])},
        )
        for row in session.execute(query).fetchall()
    ]


def _in_python(data_set, cells, edition):
    institution = {"H1": 1}.get(cells["institution_code"])
    checked = check_row(data_set, cells, institution_id=institution, received_at=RECEIVED, edition=edition)
    values = {field.name: _comparable(checked.values[field.name]) for field in data_set.elements()}
    return values, {(check.column, check.word) for check in checked.failed}


def _comparable(value):
    if isinstance(value, dt.datetime):
        return round(value.timestamp() * 1_000_000)
    return value
