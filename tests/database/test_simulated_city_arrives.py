"""The synthetic city goes through intake as hospitals' data does, and the truth tells whether it arrived well."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from kangqiao.identity.models import Link
from kangqiao.infra.files import FileStore
from kangqiao.intake.models import BatchState, Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.records.medical_record.models import LabResult, OutpatientEncounter
from kangqiao.registry.models import Institution
from kangqiao.registry.services import import_registry
from kangqiao.simulation.city import CityManifest, generate_city
from kangqiao.simulation.identities.kinds import bit
from kangqiao.simulation.identities.scoring import Found, beside_truth, score
from kangqiao.trust.actors import system_actor

MISLEADING = ("borrowed-id", "newborn-mothers-id", "shared-id", "junk-id", "id-digit-swap", "id-digit-wrong")
"""Registrations that may show the number of somebody else: links that follow documents alone have to believe them."""

NUMBERLESS = ("no-id", "birth-certificate")
"""Registrations that show no number others show, too."""


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
    _check_residents(_linked(city))


def _check_residents(known: Found) -> None:
    """Nobody is taken for another but under a number not their own; who shows the own number is recognised."""
    assert len(set(known.person.tolist())) == 300
    misled, lost = (_any(known.kinds, *kinds) for kinds in (MISLEADING, NUMBERLESS))
    assert score(known.person[~misled], known.found[~misled]).precision == 1
    own = ~misled & ~lost
    assert score(known.person[own], known.found[own]).recall > 0.9  # other spellings wait to be compared
    everyone = score(known.person, known.found)
    assert everyone.precision > 0.98
    assert everyone.recall > 0.75


def _linked(city: CityManifest) -> Found:
    links = Link.objects.filter(undone_at=None).select_related("patient")
    codes = dict(Institution.objects.values_list("id", "code"))
    return beside_truth(
        ((codes[link.patient.institution_id], link.patient.local_number, link.resident_id) for link in links),
        city.truth,
    )


def _any(kinds: np.ndarray, *words: str) -> np.ndarray:
    return kinds & sum(map(bit, words)) != 0
