"""Reading people: who fits a search, and how one person is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from django.db.models import Count, Q

from kangqiao.identity.documents import DocumentType
from kangqiao.identity.models import Link, Resident, ResidentIdentifier
from kangqiao.identity.searching import ByDocument, ByName

MOST_FOUND: Final = 50
DIFFERENCES: Final = {"name_differs": "姓名", "sex_differs": "性别", "birth_date_differs": "出生日期"}
SEXES: Final = {"1": "男", "2": "女", "9": "未说明的性别"}


@dataclass(frozen=True, slots=True, repr=False)
class Document:
    """A document that says who the resident is."""

    type_code: str
    number: str

    @property
    def label(self) -> str:
        """What kind of document it is."""
        return DocumentType(self.type_code).label


@dataclass(frozen=True, slots=True, repr=False)
class KnownAs:
    """A patient of the resident: how one institution knows the person, why it counts as the same, what differs."""

    patient_id: UUID
    institution_id: int
    local_number: str
    reason: str
    linked_at: datetime
    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Person:
    """A resident as pages show them. `patients` is empty where only their number was asked for."""

    id: UUID
    name: str | None
    sex: str | None
    birth_date: date | None
    state: Resident.State
    merged_into: UUID | None
    documents: tuple[Document, ...]
    places: int
    patients: tuple[KnownAs, ...] = ()

    @property
    def sex_label(self) -> str:
        """男, 女, or what the registration says instead."""
        return SEXES.get(self.sex or "", "性别不详")

    def age_on(self, day: date) -> int | None:
        """Return the years completed on a day, None without a date of birth."""
        born = self.birth_date
        return None if born is None else day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def residents_that_fit(search: ByDocument | ByName) -> list[UUID]:
    """Return the ids of the residents a search finds, at most `MOST_FOUND`; merged ones are left out."""
    if isinstance(search, ByDocument):
        either = Q(_connector=Q.OR)
        for key in search.keys:
            either |= Q(type=key.type_code, number=key.number)
        found = ResidentIdentifier.objects.filter(either, valid=True).values_list("resident_id", flat=True)
        return list(dict.fromkeys(found[:MOST_FOUND]))
    named = Resident.objects.filter(name__in=search.names, birth_date=search.birth_date)
    return list(named.exclude(state=Resident.State.MERGED).order_by("id").values_list("id", flat=True)[:MOST_FOUND])


def people(ids: Sequence[UUID]) -> list[Person]:
    """Return the residents with these ids that still stand for themselves, in this order."""
    documents = _documents(ids)
    current = Count("links", filter=Q(links__undone_at=None))
    found = {
        each.id: _person(each, documents.get(each.id, ()), places=each.places)
        for each in Resident.objects.filter(id__in=ids).exclude(state=Resident.State.MERGED).annotate(places=current)
    }
    return [found[id] for id in ids if id in found]


def person(resident_id: UUID) -> Person | None:
    """Return one resident with everything that says who they are, or None when nobody has this id."""
    resident = Resident.objects.filter(id=resident_id).first()
    if resident is None:
        return None
    patients = _patients(resident_id)
    return _person(resident, _documents([resident_id]).get(resident_id, ()), places=len(patients), patients=patients)


def residents_of(patients: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return patient → resident by the current links; patients who are linked to nobody are left out."""
    links = Link.objects.filter(patient_id__in=set(patients), undone_at=None)
    return dict(links.values_list("patient_id", "resident_id"))


def _person(
    resident: Resident, documents: tuple[Document, ...], *, places: int, patients: tuple[KnownAs, ...] = ()
) -> Person:
    return Person(
        id=resident.id,
        name=resident.name,
        sex=resident.sex,
        birth_date=resident.birth_date,
        state=Resident.State(resident.state),
        merged_into=resident.merged_into_id,
        documents=documents,
        places=places,
        patients=patients,
    )


def _documents(ids: Sequence[UUID]) -> dict[UUID, tuple[Document, ...]]:
    held: dict[UUID, tuple[Document, ...]] = {}
    rows = ResidentIdentifier.objects.filter(resident_id__in=ids, valid=True).order_by("type", "id")
    for resident_id, kind, number in rows.values_list("resident_id", "type", "number"):
        held[resident_id] = (*held.get(resident_id, ()), Document(kind, number))
    return held


def _patients(resident_id: UUID) -> tuple[KnownAs, ...]:
    links = Link.objects.filter(resident_id=resident_id, undone_at=None)
    rows = links.order_by("patient__institution_id", "patient__local_number").values_list(
        *("patient_id", "patient__institution_id", "patient__local_number", "reason", "linked_at"),
        *(f"patient__conflict__{differs}" for differs in DIFFERENCES),
    )
    return tuple(
        KnownAs(
            patient_id=patient_id,
            institution_id=institution_id,
            local_number=local_number,
            reason=Link.Reason(reason).label,
            linked_at=linked_at,
            differences=tuple(word for word, differs in zip(DIFFERENCES.values(), differing, strict=True) if differs),
        )
        for patient_id, institution_id, local_number, reason, linked_at, *differing in rows
    )
