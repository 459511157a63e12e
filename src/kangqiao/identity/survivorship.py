"""One best value per attribute of a resident, out of what the institutions say; nothing that was said is lost.

Whose word counts most is declared in `RANKS`; the citizen number itself tells sex and birth date better than any
hospital. Within a rank the newest registration counts, then what most say, then the order of the institutions, so that
the same patients always give the same values: taking a decision back restores them. `FOLLOW` says the same in SQL for
name, sex and birth date, which stand in the resident's row (`tests/database/test_survivorship.py` holds both together).
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final
from uuid import UUID

from django.db.models import IntegerChoices

from kangqiao.identity.documents import DocumentType
from kangqiao.identity.linkage.unnamed import SAYS_LITTLE
from kangqiao.identity.models import Link, Patient, ResidentIdentifier
from kangqiao.registry.models import Institution


class Rank(IntegerChoices):
    """Whose word it is, the weightiest first."""

    POLICE = 1, "公安机关"
    NUMBER = 2, "公民身份号码"
    HOSPITAL = 3, "医院"
    PRIMARY_CARE = 4, "基层医疗卫生机构"
    OTHER = 5, "其他机构"


RANKS: Final[tuple[tuple[Rank, str, str], ...]] = (
    (Rank.POLICE, "Z", "公安"),
    (Rank.HOSPITAL, "A", ""),
    (Rank.HOSPITAL, "G", ""),
    (Rank.PRIMARY_CARE, "B", ""),
    (Rank.PRIMARY_CARE, "C", ""),
    (Rank.PRIMARY_CARE, "D", ""),
)
"""(rank, how the kind of an institution begins in WS 218, what its name contains); the first that fits, else other."""

ATTRIBUTES: Final = {
    "name": "姓名",
    "sex": "性别",
    "birth_date": "出生日期",
    "phone": "电话",
    "division": "现住址",
    "health_card": "健康卡号",
    "archive_number": "健康档案编号",
}
KNOWN_SEXES: Final = ("1", "2")
SEXES: Final = {"1": "男", "2": "女", "0": "未知", "9": "未说明"}
NUMBERS: Final = ("phone", "health_card", "archive_number")
"""Attributes that are masked on screens where not everybody needs them in full."""


@dataclass(frozen=True, slots=True, repr=False)
class Said:
    """A value with who said it and when; of the number itself neither patient nor day."""

    value: str | date
    rank: Rank
    institution_id: int | None = None
    local_number: str = ""
    said_on: date | None = None
    patient_id: UUID | None = None

    @property
    def source(self) -> str:
        """What kind of source it is."""
        return self.rank.label


@dataclass(frozen=True, slots=True, repr=False)
class Attribute:
    """An attribute: its best value first, then every other statement in the order of its weight."""

    word: str
    title: str
    said: tuple[Said, ...]

    @property
    def best(self) -> Said | None:
        """The value that counts."""
        return self.said[0] if self.said else None

    @property
    def others(self) -> tuple[Said, ...]:
        """Statements that differ from the best value."""
        return tuple(each for each in self.said[1:] if each.value != self.said[0].value)

    @property
    def agreeing(self) -> int:
        """How many say the best value."""
        return sum(each.value == self.said[0].value for each in self.said)


def attributes_of(resident_id: UUID) -> list[Attribute]:
    """Return every attribute of a resident, in the order of `ATTRIBUTES`."""
    current = Link.objects.filter(resident_id=resident_id, undone_at=None).values("patient_id")
    return attributes_among(Patient.objects.filter(id__in=current), number=citizen_number(resident_id))


def attributes_among(patients: Iterable[Patient], *, number: str | None = None) -> list[Attribute]:
    """Return every attribute as these patients say it, and a citizen number that is theirs."""
    known = list(patients)
    kinds = Institution.objects.in_bulk({patient.institution_id for patient in known})
    ranked = [(patient, _rank(kinds.get(patient.institution_id))) for patient in known]
    return [Attribute(word, title, _said(word, ranked, number)) for word, title in ATTRIBUTES.items()]


def read_value(word: str, value: str | date | None, divisions: Mapping[str, str]) -> str:
    """Return a value as people read it, "" for none; `divisions` are code → name."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()
    if word == "sex":
        return SEXES.get(value, value)
    return divisions.get(value, value) if word == "division" else value


def rank_of(kind: str, name: str) -> Rank:
    """Return whose word an institution's is, by its kind (WS 218) and name."""
    return next((rank for rank, begins, holds in RANKS if kind.startswith(begins) and holds in name), Rank.OTHER)


def _rank(institution: Institution | None) -> Rank:
    return rank_of(institution.type, institution.name) if institution else Rank.OTHER


def citizen_number(resident_id: UUID) -> str | None:
    """Return the citizen number of a resident; of two the lower one."""
    held = ResidentIdentifier.objects.filter(resident_id=resident_id, valid=True, type=DocumentType.CITIZEN_ID)
    return held.order_by("number").values_list("number", flat=True).first()


def _said(word: str, ranked: Sequence[tuple[Patient, Rank]], number: str | None) -> tuple[Said, ...]:
    said = [
        Said(value, rank, patient.institution_id, patient.local_number, patient.registered_on, patient.id)
        for patient, rank in ranked
        if (value := getattr(patient, word)) is not None
    ]
    if number and word in ("sex", "birth_date"):
        said.append(Said(_inside(number, word), Rank.NUMBER))
    return in_order(word, said)


def _inside(number: str, word: str) -> str | date:
    if word == "sex":
        return "1" if int(number[16]) % 2 else "2"
    return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


def in_order(word: str, said: Iterable[Said]) -> tuple[Said, ...]:
    """Return statements about an attribute, the weightiest first."""
    known = list(said)
    votes = Counter(each.value for each in known)
    return tuple(sorted(known, key=lambda each: _weight(word, each, votes[each.value])))


def _weight(word: str, said: Said, votes: int) -> tuple:
    newest_first = -said.said_on.toordinal() if said.said_on else 1
    return (
        _says_little(word, said.value),
        said.rank,
        newest_first,
        -votes,
        said.institution_id or 0,
        said.local_number.encode(),
    )


def _says_little(word: str, value: str | date) -> bool:
    """Tell whether another value is better whoever says it: a newborn named after its mother, an unknown sex."""
    if word == "name":
        return re.search(SAYS_LITTLE, str(value)) is not None
    return word == "sex" and value not in KNOWN_SEXES
