"""Every number a resident is known by: kind, issuer, validity, and who told it when."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from kangqiao.identity.documents import HELD, DocumentType
from kangqiao.identity.models import Link, Patient, ResidentIdentifier

LOCAL_NUMBER: Final = "local_number"
FOR_EVER: Final = date(9999, 12, 31)
"""Until when a document is valid that never runs out."""
LABELS: Final = {**HELD, LOCAL_NUMBER: "院内患者号"}


@dataclass(frozen=True, slots=True, repr=False)
class Number:
    """A number of a resident.

    kind          a document's type (CV02.01.101), one of `HELD`, or `LOCAL_NUMBER`
    issuer        who issued it as far as told; of a local number nobody but its institution
    valid_until   the last day of its validity as far as told, `FOR_EVER` for one that never runs out
    seen          the first and the last day it was told; None where no day was
    institutions  who tells it now; of a document nobody tells any more, where it was shown first
    current       whether it says who the resident is; only documents cease to
    patients      of a number that patients hold: these
    """

    kind: str
    number: str
    issuer: str | None
    valid_until: date | None
    seen: tuple[date, date] | None
    institutions: tuple[int, ...]
    current: bool = True
    patients: tuple[UUID, ...] = ()

    @property
    def label(self) -> str:
        """What kind of number it is."""
        return LABELS.get(self.kind) or DocumentType(self.kind).label

    @property
    def is_local(self) -> bool:
        return self.kind == LOCAL_NUMBER

    @property
    def never_ends(self) -> bool:
        return self.valid_until == FOR_EVER

    def expired_on(self, day: date) -> bool:
        """Tell whether its validity has ended; not where nobody told it."""
        return self.valid_until is not None and self.valid_until < day


def numbers_of(resident_id: UUID) -> list[Number]:
    """Return documents, those that count first, then by when they were last seen; then the numbers patients hold."""
    linked = Link.objects.filter(resident_id=resident_id, undone_at=None).values("patient_id")
    patients = list(Patient.objects.filter(id__in=linked).order_by("institution_id", "local_number"))
    return [
        *_documents(resident_id, patients),
        *(number for word in HELD for number in _held(word, patients)),
        *(_told_by(LOCAL_NUMBER, each.local_number, [each]) for each in patients),
    ]


def _documents(resident_id: UUID, patients: Sequence[Patient]) -> Iterator[Number]:
    tellers: dict[tuple[str | None, str | None], set[int]] = defaultdict(set)
    for patient in patients:
        tellers[patient.key_type, patient.key_number].add(patient.institution_id)
    rows = ResidentIdentifier.objects.filter(resident_id=resident_id).order_by("-valid", "-last_seen_on", "type", "id")
    for row in rows:
        first = set() if row.institution_id is None else {row.institution_id}
        yield Number(
            kind=row.type,
            number=row.number,
            issuer=row.issuer,
            valid_until=row.valid_until,
            seen=(row.first_seen_on, row.last_seen_on),
            institutions=tuple(sorted(tellers.get((row.type, row.number), first))),
            current=row.valid,
        )


def _held(word: str, patients: Iterable[Patient]) -> Iterator[Number]:
    holders: dict[str, list[Patient]] = defaultdict(list)
    for patient in patients:
        if number := getattr(patient, word):
            holders[number].append(patient)
    for number in sorted(holders):
        yield _told_by(word, number, holders[number])


def _told_by(kind: str, number: str, patients: Sequence[Patient]) -> Number:
    days = sorted(each.registered_on for each in patients if each.registered_on)
    return Number(
        kind=kind,
        number=number,
        issuer=None,
        valid_until=None,
        seen=(days[0], days[-1]) if days else None,
        institutions=tuple(sorted({each.institution_id for each in patients})),
        patients=tuple(each.id for each in patients),
    )
