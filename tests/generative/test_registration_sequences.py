"""A slow obvious register, kept in dictionaries, referees the set-based statements."""

from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_invariants import broken_invariants
from kangqiao.identity.models import Link
from kangqiao.identity.services import Registration, Source, ensure_patients, register_patients

KEYS = [None, ("01", "11010519491231002X"), ("01", "440524188001010014"), ("03", "G12345678"), ("04", "南01234567")]
PATIENTS = st.tuples(st.integers(1, 2), st.sampled_from("abcd"))
REGISTRATIONS = st.dictionaries(PATIENTS, st.tuples(st.sampled_from(KEYS), st.sampled_from(["张", "李"])), max_size=6)
NAMED = st.lists(PATIENTS, max_size=6)
STEPS = st.lists(st.one_of(REGISTRATIONS, NAMED), max_size=8)


@dataclass
class Obvious:
    """Who is whom: each patient's key and name as registered, and whose number it was found to be.

    A patient is grouped by its key where the one who holds it bears the same name: holders are called what most of
    their patients are called now, what the first of them is called where as many say one thing as another.
    """

    told: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)
    named: dict = field(default_factory=dict)
    relinked: int = 0

    def ensure(self, patients: list) -> None:
        for patient in sorted(patients):
            self.told.setdefault(patient, (None, None))
            self.held.setdefault(patient, patient)

    def register(self, registrations: dict) -> None:
        news = {patient: told for patient, told in sorted(registrations.items()) if self.told.get(patient) != told}
        anew = {
            patient for patient, (key, _) in news.items() if patient not in self.told or self.told[patient][0] != key
        }
        for patient, (key, name) in news.items():
            if patient in anew and key:
                self.named.setdefault(key, name)
        for patient, (key, name) in news.items():
            if patient not in anew:
                continue
            holder = key if key and self.named[key] in (None, name) else patient
            self.relinked += self.held.get(patient, holder) != holder
            self.held[patient] = holder
        for patient, told in news.items():
            self.told[patient] = told
        self.named = {key: self.called(key) for key in self.named}

    def called(self, key: tuple) -> str | None:
        names = [self.told[each][1] for each in sorted(self.told) if self.held[each] == key]
        return max(names, key=names.count, default=None)

    def groups(self) -> set[frozenset]:
        same: dict = {}
        for patient, holder in self.held.items():
            same.setdefault(holder, set()).add(patient)
        return {frozenset(group) for group in same.values()}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@pytest.mark.usefixtures("database")
def test_any_sequence_of_files_groups_patients_by_their_last_document_and_its_holders_name(steps: list) -> None:
    expected = Obvious()
    with transaction.atomic():
        for step in steps:
            if isinstance(step, dict):
                expected.register(step)
                register(step)
            else:
                expected.ensure(step)
                ensure_patients(connection.connection, source=Source.numbers(step), actor_id=None)
            assert broken_invariants(connection.connection) == []
        assert stored_groups() == expected.groups()
        assert Link.objects.exclude(undone_at=None).count() == expected.relinked
        transaction.set_rollback(True)


def register(registrations: dict) -> None:
    rows = [
        Registration(*patient, name, None, None, *(key or (None, None)))
        for patient, (key, name) in registrations.items()
    ]
    connection.ensure_connection()
    register_patients(connection.connection, source=Source.registrations(rows), actor_id=None)


def stored_groups() -> set[frozenset]:
    same: dict = {}
    current = Link.objects.filter(undone_at=None)
    for resident, *patient in current.values_list("resident_id", "patient__institution_id", "patient__local_number"):
        same.setdefault(resident, set()).add(tuple(patient))
    return {frozenset(group) for group in same.values()}
