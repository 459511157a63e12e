"""Batches for tests: rows become a folder with a manifest, as a hospital would send it."""

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from kangqiao.infra.files import sm3_of_file
from kangqiao.registry.models import Institution

HOSPITAL, CLINIC, STRANGER = "530902000000000001", "530902000000000002", "530902000000000009"


def register_institutions():
    """A hospital, the clinic that reports through it, and a hospital of its own."""
    common = {"type": "A100", "division_code": "530902000000", "ownership": "public"}
    hospital = Institution.objects.create(code=HOSPITAL, name="县医院", short_name="县医院", **common)
    Institution.objects.create(code=CLINIC, name="村卫生室", short_name="村卫生室", parent=hospital, **common)
    Institution.objects.create(code=STRANGER, name="别的医院", short_name="别的医院", **common)
    return hospital


def registration(number="P1", **changes):
    """One patient's registration as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "patient_number": number,
        "source_key": number,
        "revised_at": "2026-01-02 08:00:00",
        "document_type": "01",
        "document_number": "11010519491231002X",
        "name": "岩香",
        "sex": "1",
        "birth_date": "1949-12-31",
        "phone": "13500000000",
        "registered_at": "2026-01-02 08:00:00",
    }
    return row | changes


def vital_signs(key="V1", **changes):
    """One measurement as wire text."""
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-02-01 09:05:00",
        "voided": "F",
        "measured": "2026-02-01 09:00:00",
        "systolic": "128",
        "diastolic": "82",
    }
    return row | changes


def write_parcel(folder: Path, data_sets, *, number="2026-001", form="csv", sender=HOSPITAL, editions=None, **manifest):
    """Write rows by data set word into ``folder`` with a manifest; ``form`` is the file's suffix.

    ``editions`` says by word which edition a file follows, where its entry says it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for word, rows in data_sets.items():
        file = folder / f"{word}.{form}"
        file.write_bytes(_encoded(rows, form))
        entry = {"data_set": word, "file": file.name, "rows": len(rows), "sm3": sm3_of_file(file)}
        entries.append(entry | ({"edition": editions[word]} if word in (editions or {}) else {}))
    content = {
        "sender": sender,
        "number": number,
        "contract": "1.0",
        "created_at": "2026-02-02T08:00:00+08:00",
        "period": {"from": "2026-02-01", "to": "2026-02-01"},
        "data_sets": entries,
    }
    (folder / "manifest.json").write_text(json.dumps(content | manifest), encoding="utf-8")
    return folder


def sign_again(parcel, files=None):
    """Bring the manifest's digests in line with changed files."""
    path = parcel / "manifest.json"
    content = json.loads(path.read_text())
    for entry in content["data_sets"]:
        entry["file"] = (files or {}).get(entry["data_set"], entry["file"])
        entry["sm3"] = sm3_of_file(parcel / entry["file"])
    path.write_text(json.dumps(content), encoding="utf-8")


def _encoded(rows, form):
    columns = list({name: None for row in rows for name in row})
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), sink)
        return sink.getvalue()
    if form.startswith("ndjson"):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        sink = io.StringIO()
        writer = csv.DictWriter(sink, columns, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
        text = sink.getvalue()
    plain = text.encode()
    if form.endswith(".gz"):
        return gzip.compress(plain)
    return zstandard.compress(plain) if form.endswith(".zst") else plain
