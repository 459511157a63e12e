"""Who is whom after any sequence of registrations and decisions: as if what was taken back had never been decided.

The referee keeps nothing but a list of what happened, strikes out what was undone, and tells it all again.
"""

from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from identity_invariants import broken_invariants
from kangqiao.identity import errors
from kangqiao.identity.absorbing import Absorption, Evidence, absorb
from kangqiao.identity.deciding import (
    confirm_link,
    keep_apart,
    link_patient,
    merge_residents,
    undo_decision,
    unlink_patient,
)
from kangqiao.identity.models import Decision, Link, Patient, Resident, ResidentIdentifier
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.identity.survivorship import attributes_of
from kangqiao.infra.ids import uuid7
from kangqiao.registry.models import Institution
from kangqiao.trust.actors import Actor, ActorKind
from kangqiao.trust.permissions import Permission

STEWARD = Actor(
    kind=ActorKind.ACCOUNT,
    id=uuid4(),
    name="段主索引",
    institution_id=None,
    permissions=frozenset({Permission.IDENTITY_DECIDE}),
)
KEYS = [None, None, ("01", "11010519491231002X"), ("03", "G12345678"), ("04", "H12345678")]
NAMES = ["艾罕", "艾·罕", "艾 罕"]
SEXES = ["1", "2", "0", None]
DAYS = [None, date(1949, 12, 31)]
PUBLIC = {"division_code": "530902000000", "ownership": "public"}
NAMED = ["name", "sex", "birth_date"]
PLACES = st.integers(0, 9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("register"), st.integers(1, 2), st.sampled_from("abc"), PLACES, PLACES),
        st.tuples(st.sampled_from(["merge", "match", "apart", "link"]), PLACES, PLACES),
        st.tuples(st.sampled_from(["unlink", "confirm", "undo", "undo"]), PLACES),
    ),
    min_size=4,
    max_size=18,
)


@dataclass
class Told:
    """What happened, in its order: (word, decision, who, whom). Residents are called by their ids."""

    happened: list = field(default_factory=list)
    first_holder: dict = field(default_factory=dict)

    def strike_out(self, decision: UUID) -> None:
        self.happened = [each for each in self.happened if each[1] != decision]

    def again(self) -> "Now":
        now = Now(dict(self.first_holder))
        for word, _, who, whom in self.happened:
            getattr(now, word)(who, whom)
        return now


@dataclass
class Now:
    """Where everybody is: patient → resident, key → resident, and pairs of residents kept apart."""

    holder: dict
    place: dict = field(default_factory=dict)
    kept_apart: set = field(default_factory=set)

    def register(self, patient: UUID, key: tuple | None) -> None:
        self.place[patient] = self.holder[key] if key else patient

    def merge(self, kept: UUID, other: UUID) -> None:
        self.place = {each: kept if at == other else at for each, at in self.place.items()}
        self.holder = {key: kept if at == other else at for key, at in self.holder.items()}
        self.kept_apart = {frozenset(kept if each == other else each for each in pair) for pair in self.kept_apart}

    def link(self, patient: UUID, resident: UUID) -> None:
        self.place[patient] = resident

    def unlink(self, patient: UUID, resident: UUID) -> None:
        self.place[patient] = patient
        self.kept_apart.add(frozenset((patient, resident)))

    def apart(self, one: UUID, other: UUID) -> None:
        self.kept_apart.add(frozenset((one, other)))

    def states(self) -> dict:
        left_alone = dict.fromkeys(self.place.values(), "pending")
        return left_alone | dict.fromkeys(self.holder.values(), "confirmed")


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
@pytest.mark.usefixtures("database")
def test_everybody_is_where_they_were_as_if_what_was_taken_back_had_never_been_decided(steps: list) -> None:
    told = Told()
    with transaction.atomic():
        Institution.objects.create(id=1, code="530900001", name="市医院", short_name="市医院", type="A100", **PUBLIC)
        Institution.objects.create(id=2, code="530900002", name="公安局", short_name="公安局", type="Z100", **PUBLIC)
        for word, *choice in [("register", 1, "a", 0, 0), ("register", 2, "b", 0, 1), *steps]:
            STEP[word](told, *choice)
            expected = told.again()
            assert stored_places() == expected.place
            assert stored_holders() == expected.holder
            assert stored_states() == expected.states()
            assert stored_apart() == expected.kept_apart
            assert stored_names() == best_names()
            assert broken_invariants(connection.connection) == []
        transaction.set_rollback(True)


def register(told: Told, institution: int, number: str, key: int, name: int) -> None:
    document = KEYS[key % len(KEYS)]
    known = Patient.objects.filter(institution_id=institution, local_number=number).first()
    row = Registration(
        institution, number, NAMES[name % 3], SEXES[name % 4], DAYS[key % 2], *(document or (None, None))
    )
    row = row._replace(registered_on=DAYS[name % 2])
    connection.ensure_connection()
    register_patients(connection.connection, source=Source.registrations([row]), actor_id=None)
    patient = Patient.objects.get(institution_id=institution, local_number=number)
    if document and document not in told.first_holder:
        told.first_holder[document] = ResidentIdentifier.objects.get(type=document[0], number=document[1]).resident_id
    if known is None or (known.key_type, known.key_number) != (document or (None, None)):
        told.happened.append(("register", None, patient.id, document))


def merge(told: Told, one: int, other: int) -> None:
    pair = standing_pair(one, other)
    try:
        decision = merge_residents(
            resident_id=pair[0], other_id=pair[1], reason="同一人", actor=STEWARD, proposed_by=uuid4()
        )
    except (errors.KeptApart, errors.AlreadyLinked):
        assert pair[0] == pair[1] or frozenset(pair) in told.again().kept_apart
        return
    told.happened.append(("merge", decision.id, decision.resident_id, decision.other_id))


def match(told: Told, one: int, other: int) -> None:
    kept, absorbed = standing_pair(one, other)
    if kept == absorbed:
        return
    evidence = Evidence(uuid4(), uuid4(), "name", 0, 9.0, 0.998, "test")
    decision = Absorption(uuid7(), kept, absorbed, Decision.Kind.MATCH, "姓名相同", evidence=evidence)
    if absorb(connection.connection, [decision]):
        told.happened.append(("merge", decision.decision_id, kept, absorbed))
    else:
        confirmed = Resident.objects.get(id=absorbed).state == "confirmed"
        assert confirmed or frozenset((kept, absorbed)) in told.again().kept_apart


def apart(told: Told, one: int, other: int) -> None:
    pair = standing_pair(one, other)
    try:
        decision = keep_apart(resident_id=pair[0], other_id=pair[1], reason="两个人", actor=STEWARD)
    except (errors.KeptApart, errors.AlreadyLinked):
        assert pair[0] == pair[1] or frozenset(pair) in told.again().kept_apart
        return
    told.happened.append(("apart", decision.id, *pair))


def link(told: Told, which: int, whom: int) -> None:
    patient, (resident, _) = some_patient(which), standing_pair(whom, 0)
    try:
        decision = link_patient(patient_id=patient, resident_id=resident, reason="本人", actor=STEWARD)
    except (errors.KeptApart, errors.AlreadyLinked):
        now = told.again()
        assert now.place[patient] == resident or frozenset((patient, resident)) in now.kept_apart
        return
    told.happened.append(("link", decision.id, patient, resident))


def unlink(told: Told, which: int) -> None:
    patient = some_patient(which)
    current = Link.objects.get(patient_id=patient, undone_at=None)
    try:
        decision = unlink_patient(link_id=current.id, reason="误认", actor=STEWARD)
    except errors.NothingToUndo:
        assert current.resident_id == patient
        return
    told.happened.append(("unlink", decision.id, patient, current.resident_id))


def confirm(told: Told, which: int) -> None:
    patient = some_patient(which)
    current = Link.objects.get(patient_id=patient, undone_at=None)
    if current.resident_id != patient:
        decision = confirm_link(link_id=current.id, reason="本人到场", actor=STEWARD)
        told.happened.append(("link", decision.id, patient, current.resident_id))


def undo(told: Told, which: int) -> None:
    standing = Decision.objects.filter(undone_at=None).order_by("id")
    if not standing:
        return
    decision = standing[which % len(standing)]
    known = Decision.objects.latest("id").id
    undo_decision(decision_id=decision.id, reason="弄错了", actor=STEWARD, proposed_by=uuid4())
    told.strike_out(decision.id)
    kept_apart = Decision.objects.filter(kind=Decision.Kind.APART, id__gt=known).order_by("id").first()
    if kept_apart:
        told.happened.append(("apart", kept_apart.id, kept_apart.resident_id, kept_apart.other_id))


STEP = {each.__name__: each for each in (register, merge, match, apart, link, unlink, confirm, undo)}


def standing_pair(one: int, other: int) -> tuple[UUID, UUID]:
    standing = Resident.objects.exclude(state="merged").order_by("created_at", "id").values_list("id", flat=True)
    return standing[one % len(standing)], standing[other % len(standing)]


def some_patient(which: int) -> UUID:
    known = Patient.objects.order_by("institution_id", "local_number").values_list("id", flat=True)
    return known[which % len(known)]


def stored_places() -> dict:
    return dict(Link.objects.filter(undone_at=None).values_list("patient_id", "resident_id"))


def stored_holders() -> dict:
    rows = ResidentIdentifier.objects.filter(valid=True).values_list("type", "number", "resident_id")
    return {(kind, number): resident for kind, number, resident in rows}


def stored_states() -> dict:
    return dict(Resident.objects.exclude(state="merged").values_list("id", "state"))


def stored_names() -> dict:
    standing = Resident.objects.exclude(state="merged")
    return {id: tuple(told) for id, *told in standing.values_list("id", *NAMED)}


def best_names() -> dict:
    return {resident: _best(resident) for resident in stored_states()}


def _best(resident_id: UUID) -> tuple:
    best = {each.word: each.best and each.best.value for each in attributes_of(resident_id)}
    return tuple(best[word] for word in NAMED)


def stored_apart() -> set:
    with connection.cursor() as cursor:
        cursor.execute("SELECT first_id, second_id FROM identity_apart")
        return {frozenset(pair) for pair in cursor.fetchall()}
