"""A submission killed at any moment and started again ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time

import psycopg

from kangqiao.identity.models import Patient
from kangqiao.intake.models import Batch, BatchState
from kangqiao.records.medical_record.models import VitalSigns
from kangqiao.records.models import FormerVersion
from kangqiao.trust.models import AuditEntry
from parcels import register_institutions, registration, vital_signs, write_parcel

ROWS = 60_000
PATIENTS = 3_000

_RUNNING = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE '{}%'"
MOMENTS = {
    "recorded, nothing stored": "SELECT FROM intake_batch",
    "while registrations are copied": _RUNNING.format("COPY population_patientregistration "),
    "one data set stored": "SELECT FROM intake_part WHERE state = 'stored'",
    "while vital signs are copied": _RUNNING.format("COPY medical_record_vitalsigns "),
}


def test_a_submission_killed_at_any_stage_finishes_exactly_once(committed_database, tmp_path):
    register_institutions()
    parcel = _parcel(tmp_path / "parcel")
    command = [sys.executable, "-m", "kangqiao.cli.main", "intake", "submit", str(parcel), "--json"]
    environment = os.environ | {"KANGQIAO_HOME": str(tmp_path / "home"), "KANGQIAO_DATABASE_URL": committed_database}
    for moment in MOMENTS:
        _kill_at(moment, command, environment, committed_database)
    finished = subprocess.run(command, env=environment, capture_output=True, timeout=120, check=True)
    receipt = json.loads(finished.stdout)
    assert (receipt["totals"]["rows"], receipt["totals"]["new"]) == (ROWS + PATIENTS, ROWS + PATIENTS)
    assert Batch.objects.get().state == BatchState.COMPLETED
    assert VitalSigns.objects.filter(version=1).count() == ROWS
    assert Patient.objects.filter(registered=True).count() == PATIENTS
    assert FormerVersion.objects.count() == 0
    assert AuditEntry.objects.filter(action="intake:batch:store").count() == 2
    again = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
    assert json.loads(again.stdout) == receipt


def _kill_at(moment, command, environment, database):
    """Start the command and kill it hard as soon as the query finds something."""
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with psycopg.connect(database, autocommit=True) as watcher:
        while watcher.execute(MOMENTS[moment]).fetchone() is None:
            assert process.poll() is None, f"finished before: {moment}"
            time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    _wait_until_the_server_noticed(database)


def _wait_until_the_server_noticed(database):
    with psycopg.connect(database, autocommit=True) as watcher:
        while watcher.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND state <> 'idle'"
        ).fetchone():
            time.sleep(0.02)


def _parcel(folder):
    return write_parcel(
        folder,
        {
            "patient-registration": [
                registration(f"P{n}", document_type=None, document_number=None) for n in range(PATIENTS)
            ],
            "vital-signs": [vital_signs(f"V{n}", patient_number=f"P{n % PATIENTS}") for n in range(ROWS)],
        },
        form="parquet",
    )
