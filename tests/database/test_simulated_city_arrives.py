"""The synthetic city goes through intake as hospitals' data does, and the truth tells whether it arrived well."""

from collections import Counter
from pathlib import Path

import pyarrow.dataset
import pytest

from kangqiao.identity.models import Link
from kangqiao.infra.files import FileStore
from kangqiao.intake.models import BatchState, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import LabResult, OutpatientEncounter
from kangqiao.registry.models import Institution
from kangqiao.registry.services import import_registry
from kangqiao.simulation.city import CityManifest, generate_city
from kangqiao.trust.actors import system_actor

MISLEADING = ("mothers-id",)
"""Defects that make a registration name somebody else: matching on documents has to believe them."""


@pytest.fixture
def city(tmp_path: Path) -> CityManifest:
    return generate_city(folder=tmp_path / "city", residents=300, years=1, seed=8)


@pytest.fixture
def batches(committed_database, city, tmp_path):
    """Return the first delivery of every hospital after intake."""
    actor, store = system_actor("test"), FileStore((tmp_path / "archive").as_uri())
    import_registry(path=city.registry, actor=actor)
    first = [path for path in city.batches if path.name[:8] == city.batches[0].name[:8]]
    sent = [submit_parcel(path=path, door=Door.COMMAND, actor=actor, store=store) for path in first]
    return [process_batch(batch_id=batch.id, store=store, work=tmp_path / "work") for batch in sent]


def test_it_arrives_whole_and_residents_are_who_they_are(city, batches):
    assert {batch.state for batch in batches} == {BatchState.COMPLETED}
    totals: Counter[str] = Counter()
    for batch in batches:
        totals.update(batch.receipt["totals"])
    assert 0 < totals["refused"] < 0.05 * totals["rows"]
    assert totals["new"] > 0.9 * totals["rows"]
    assert OutpatientEncounter.objects.count() > 300
    assert LabResult.objects.count() > 300
    _check_links(city)


def _check_links(city: CityManifest) -> None:
    """Patients linked by a document to one resident are one person; most people's patients are linked."""
    codes = dict(Institution.objects.values_list("id", "code"))
    rows = pyarrow.dataset.dataset(city.truth / "patients").to_table().to_pylist()
    person = {(row["institution_code"], row["patient_number"]): row["resident"] for row in rows}
    defects = pyarrow.dataset.dataset(city.truth / "defects").to_table().to_pylist()
    misled = {row["source_key"] for row in defects if row["kind"] in MISLEADING}
    people: dict[object, set[int]] = {}
    links = Link.objects.filter(undone_at=None, reason=Link.Reason.CITIZEN_ID).select_related("patient")
    for link in links:
        number = link.patient.local_number
        if f"P{number}" not in misled:
            people.setdefault(link.resident_id, set()).add(person[codes[link.patient.institution_id], number])
    assert len(people) > 200
    assert all(len(one) == 1 for one in people.values())
