"""The record view with millions of rows in the database.

    .venv/bin/python bench/record_view.py [rows ...]        (default 1000000 10000000)

Starts a PostgreSQL of its own in a temporary folder, fills the real tables with rows that lie as intake leaves them
(month by month, institution by institution), and reads the records of random residents through the running
application: the JSON door and the page.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HOME = Path(os.environ.get("KANGQIAO_BENCH_HOME") or tempfile.mkdtemp(prefix="kangqiao-bench-"))
os.environ |= {"KANGQIAO_HOME": str(HOME), "DJANGO_SETTINGS_MODULE": "kangqiao.wiring.settings"}
os.environ.pop("KANGQIAO_DATABASE_URL", None)

import django  # noqa: E402

django.setup()

import psycopg  # noqa: E402
from rich.console import Console  # noqa: E402

from kangqiao.infra import postgres  # noqa: E402
from kangqiao.standards.data_set import DataSet, Record, data_sets  # noqa: E402
from kangqiao.standards.fields import Coded, Codes, Date, Element, Flag, Link, Moment, Text  # noqa: E402

console = Console()

INSTITUTIONS = 300
YEARS = 6
ROWS_PER_RESIDENT = 100
SHARES = {
    "charge-item": 30,
    "lab-result": 22,
    "medical-order": 10,
    "prescription-item": 9,
    "vital-signs": 7,
    "diagnosis": 5,
    "outpatient-encounter": 4,
    "charge": 4,
    "prescription": 3,
    "lab-report": 2,
    "exam-report": 1,
    "hypertension-follow-up": 1,
    "vaccination": 1,
    "physical-examination": 0.5,
    "diabetes-follow-up": 0.5,
    "inpatient-stay": 0.4,
    "operation": 0.1,
    "allergy": 0.1,
    "archive-cover": 0.2,
    "patient-registration": 0.3,
}
FILLED = 0.55
"""How many of the optional elements a row has."""
WORDS = "患者自述反复头晕乏力伴心悸三月余加重一周血压控制不佳建议低盐饮食规律服药按时复诊监测空腹血糖变化情况"


def fill(session: psycopg.Connection, rows: int) -> None:
    """Replace the people and records of the database by `rows` rows of random residents."""
    for table in ("identity_link", "identity_patient", "identity_residentidentifier", "identity_resident"):
        session.execute(f"TRUNCATE {table} CASCADE")
    residents = rows // ROWS_PER_RESIDENT
    session.execute("SELECT setseed(0.5)")
    session.execute(
        f"""INSERT INTO identity_resident (id, name, sex, birth_date, state)
            SELECT uuidv7(), '居民' || n, (1 + n % 2)::text, date '1935-01-01' + (random() * 30000)::int, 'confirmed'
              FROM generate_series(1, {residents}) n"""
    )
    session.execute(
        f"""CREATE TEMP TABLE person AS
            SELECT row_number() OVER () AS n, id AS resident_id, exp(0.7 * random_normal() - 0.25) AS weight,
                   1 + (random() ^ 2 * 6)::int AS places
              FROM identity_resident"""
    )
    session.execute(
        f"""INSERT INTO identity_patient (id, institution_id, local_number, name, sex, birth_date, registered)
            SELECT DISTINCT ON (institution_id, n) uuidv7(), institution_id, 'P' || n, '居民' || n, '1', '1960-01-01', true
              FROM (SELECT n, 1 + (random() ^ 2 * {INSTITUTIONS - 1})::int AS institution_id
                      FROM person, generate_series(1, places)) drawn"""
    )
    session.execute(
        """INSERT INTO identity_link (id, patient_id, resident_id, reason)
           SELECT uuidv7(), patient.id, person.resident_id, 'citizen_id'
             FROM identity_patient patient JOIN person ON patient.local_number = 'P' || person.n"""
    )
    session.execute(
        """CREATE TEMP TABLE drawn_patient AS
           SELECT patient_id, institution_id, (row_number() OVER () - 1)::int AS slot
             FROM (SELECT patient.id AS patient_id, patient.institution_id
                     FROM identity_patient patient JOIN person ON patient.local_number = 'P' || person.n,
                          generate_series(1, greatest(1, (weight * 20 / places)::int))
                    ORDER BY random()) shuffled"""
    )
    session.execute("CREATE UNIQUE INDEX ON drawn_patient (slot)")
    session.execute("ANALYZE drawn_patient")
    (slots,) = session.execute("SELECT count(*) FROM drawn_patient").fetchone()
    share = sum(SHARES.get(word, 0.2) for word in data_sets())
    for word, data_set in data_sets().items():
        began = time.perf_counter()
        count = int(rows * SHARES.get(word, 0.2) / share)
        session.execute(f"TRUNCATE {data_set.table()}")
        session.execute(insert_sql(data_set, count, slots))
        seconds = time.perf_counter() - began
        console.print(f"  {word:24} {count:>9,} rows {count / seconds:>9,.0f} rows/s")
    session.execute("DROP TABLE person, drawn_patient")


def insert_sql(data_set: type[DataSet], count: int, slots: int) -> str:
    """Return the statement that fills a data set's table month by month, institution by institution."""
    values = {
        "id": "uuidv7()",
        "institution_id": "institution_id",
        "patient_id": "patient_id",
        "source_key": "to_char(occurred_at, 'YYYYMMDD') || lpad(n::text, 10, '0')",
        "occurred_at": "occurred_at",
        "revised_at": "occurred_at + interval '1 hour'",
        "received_at": "date_trunc('month', occurred_at) + interval '1 month'",
        "batch_id": "md5(institution_id || to_char(occurred_at, 'YYYYMM'))::uuid",
        "version": "1",
        "voided": "random() < 0.005",
    }
    names = [field.column for field in data_set._meta.local_fields]
    listed = ", ".join(values.get(name) or value_sql(data_set, name) for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    return f"""INSERT INTO {data_set.table()} ({quoted})
        SELECT {listed} FROM (
            SELECT n, drawn.institution_id, drawn.patient_id, occurred_at
              FROM (SELECT n, (random() * {slots - 1})::int AS slot,
                           now() - random() * interval '{YEARS} years' AS occurred_at
                      FROM generate_series(1, {count}) n OFFSET 0) event
              JOIN drawn_patient drawn USING (slot)
             ORDER BY date_trunc('month', occurred_at), drawn.institution_id) row_in_order"""


def value_sql(data_set: type[DataSet], name: str) -> str:
    """Return an expression for a plausible value of an element, missing in its share of rows."""
    field = data_set.element(name)
    if issubclass(data_set, Record) and field is data_set.occurred.field:
        return "occurred_at"
    value = _some(field)
    needed = field.required is True or (isinstance(field.companion_of, Coded) and field.companion_of.name_required)
    return value if needed else f"CASE WHEN random() < {FILLED} THEN {value} END"


def _some(field: Element) -> str:
    if isinstance(field, Link):
        return "to_char(occurred_at, 'YYYYMMDD') || lpad((n / 8)::text, 10, '0')"
    if isinstance(field, Codes):
        return "ARRAY['1', '2']"
    if isinstance(field, Coded):
        return "(1 + (random() * 8)::int)::text"
    if isinstance(field, Flag):
        return "random() < 0.5"
    if isinstance(field, Date):
        return "occurred_at::date"
    if isinstance(field, Moment):
        return "occurred_at"
    if isinstance(field, Text):
        return f"substr('{WORDS}', 1 + (random() * 20)::int, 2 + (random() * {min(field.limit, 60) / 4})::int)"
    low, high = getattr(field, "plausible", None) or (1, 100)
    return f"round(({low} + random() * ({high} - ({low})))::numeric, {1 if field.duckdb_type == 'DOUBLE' else 0})"
