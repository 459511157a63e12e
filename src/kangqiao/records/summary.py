"""What a doctor wants to know before reading: who this is, allergies, diagnoses, drugs in use."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from kangqiao.records.health_record.models import ArchiveCover
from kangqiao.records.medical_record.models import (
    Allergy,
    Diagnosis,
    InpatientStay,
    OutpatientEncounter,
    PrescriptionItem,
)
from kangqiao.records.population.models import PatientRegistration
from kangqiao.records.queries import rows_of
from kangqiao.records.wording import with_unit, words
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import DataSet

NO_ALLERGY: Final = "1"
OTHER_ALLERGY: Final = "5"
NO_DISEASE: Final = "1"
RULED_OUT: Final = "3"
UNKNOWN_ABO: Final = "5"
UNKNOWN_RH: Final = ("3", "4")
ADDRESS: Final = ("city", "county", "township", "village")
MOST_REGISTRATIONS: Final = 30
MOST_HISTORIES: Final = 50
DIAGNOSED_WITHIN: Final = dt.timedelta(days=3 * 365)
PRESCRIBED_WITHIN: Final = dt.timedelta(days=180)
MOST_DIAGNOSES: Final = 8
MOST_DRUGS: Final = 10


@dataclass(frozen=True, slots=True)
class AllergyNote:
    """Something the person does not tolerate, in whose words, and the row that says so."""

    text: str
    kind: str
    id: UUID
    institution_id: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What the head of the page says beside the name; "" where nobody has told.

    `denied`: somebody asked about allergies and was told that there are none.
    """

    ethnicity: str
    blood: str
    died_at: dt.datetime | None
    phone: str
    address: str
    archive_number: str
    chronic: tuple[str, ...]
    allergies: tuple[AllergyNote, ...]
    denied: bool


@dataclass(frozen=True, slots=True)
class DiagnosisNote:
    """A disease: how often and where it was diagnosed, first and last."""

    name: str
    code: str
    first: dt.datetime
    last: dt.datetime
    times: int
    institutions: int
    id: UUID


@dataclass(frozen=True, slots=True)
class DrugNote:
    """A drug: how it was last prescribed, and until when that lasts (None: the days were not told)."""

    name: str
    dosage: str
    last: dt.datetime
    until: dt.date | None
    times: int
    institution_id: int
    id: UUID

    def in_use_on(self, day: dt.date) -> bool:
        """Return whether the last prescription still lasts."""
        return self.until is not None and self.until >= day


def facts_of(patients: Sequence[UUID]) -> Facts:
    """Return the facts of a person from all institutions, the newest statement of each."""
    registrations = rows_of(
        PatientRegistration, patients, "ethnicity", "abo", "rh", "phone", "died_at", *ADDRESS, most=MOST_REGISTRATIONS
    )
    covers = rows_of(
        ArchiveCover,
        patients,
        *("archive_number", "abo", "rh", "diseases", "drug_allergies", "other_allergy"),
        most=MOST_REGISTRATIONS,
    )
    allergies, denied = _allergies(patients, covers)
    return Facts(
        ethnicity=_newest(PatientRegistration, registrations, "ethnicity"),
        blood=_blood(sorted((*registrations, *covers), key=lambda row: row.occurred_at, reverse=True)),
        died_at=next((row.died_at for row in registrations if row.died_at), None),
        phone=_newest(PatientRegistration, registrations, "phone"),
        address=next(filter(None, map(_address, registrations)), ""),
        archive_number=_newest(ArchiveCover, covers, "archive_number"),
        chronic=_chronic(covers),
        allergies=allergies,
        denied=denied,
    )


def diagnoses_of(patients: Sequence[UUID], *, now: dt.datetime) -> tuple[DiagnosisNote, ...]:
    """Return the diseases diagnosed in the last three years, the most recent first; suspected ones are left out."""
    found: dict[str, list[Any]] = {}
    for row in rows_of(Diagnosis, patients, "code", "code_name", "suspected", since=now - DIAGNOSED_WITHIN):
        if not row.suspected:
            found.setdefault(row.code or row.code_name, []).append(row)
    notes = [
        DiagnosisNote(
            name=rows[0].code_name,
            code=rows[0].code or "",
            first=rows[-1].occurred_at,
            last=rows[0].occurred_at,
            times=len({(row.institution_id, row.occurred_at.astimezone(CITY_TIME).date()) for row in rows}),
            institutions=len({row.institution_id for row in rows}),
            id=rows[0].id,
        )
        for rows in found.values()
    ]
    return tuple(notes[:MOST_DIAGNOSES])


def drugs_of(patients: Sequence[UUID], *, now: dt.datetime) -> tuple[DrugNote, ...]:
    """Return the drugs prescribed in the last half year, those in use first."""
    today = now.astimezone(CITY_TIME).date()
    found: dict[str, list[Any]] = {}
    told = ("drug_name", "dose", "dose_unit", "frequency", "route", "days")
    for row in rows_of(PrescriptionItem, patients, *told, since=now - PRESCRIBED_WITHIN):
        found.setdefault(row.drug_name, []).append(row)
    notes = [_drug(name, rows) for name, rows in found.items()]
    return tuple(sorted(notes, key=lambda note: not note.in_use_on(today)))[:MOST_DRUGS]


def _drug(name: str, rows: list[Any]) -> DrugNote:
    last = rows[0]
    dose = with_unit(PrescriptionItem.element("dose"), last.dose, {"dose_unit": last.dose_unit})
    parts = [dose, _said(PrescriptionItem, last, "frequency"), _said(PrescriptionItem, last, "route")]
    day = last.occurred_at.astimezone(CITY_TIME).date()
    return DrugNote(
        name=name,
        dosage=" ".join(filter(None, parts)),
        last=last.occurred_at,
        until=None if last.days is None else day + dt.timedelta(days=last.days),
        times=len(rows),
        institution_id=last.institution_id,
        id=last.id,
    )


def _allergies(patients: Sequence[UUID], covers: Sequence[Any]) -> tuple[tuple[AllergyNote, ...], bool]:
    """Return what the allergy rows, the archive and the histories of visits and stays say, each thing once."""
    notes, denied = [], False
    for row in rows_of(Allergy, patients, "allergen_name", "severity", "resolved", "certainty"):
        if row.resolved is None and row.certainty != RULED_OUT:
            severity = _said(Allergy, row, "severity")
            notes.append(_note(Allergy, row, row.allergen_name + (f"（{severity}）" if severity else "")))
    for cover in covers[:1]:
        named = [code for code in cover.drug_allergies or () if code != NO_ALLERGY]
        denied = NO_ALLERGY in (cover.drug_allergies or ())
        words_of = [words(ArchiveCover.element("drug_allergies"), [code]) for code in named if code != OTHER_ALLERGY]
        notes += [_note(ArchiveCover, cover, text) for text in (*words_of, cover.other_allergy) if text]
    for stay in rows_of(InpatientStay, patients, "drug_allergies", most=MOST_HISTORIES):
        notes += [_note(InpatientStay, stay, stay.drug_allergies)] if stay.drug_allergies else []
    for visit in rows_of(OutpatientEncounter, patients, "has_allergy", "allergy_history", most=MOST_HISTORIES):
        if visit.has_allergy and visit.allergy_history:
            notes.append(_note(OutpatientEncounter, visit, visit.allergy_history))
        denied = denied or visit.has_allergy is False
    return tuple(_once(notes)), denied


def _once(notes: Sequence[AllergyNote]) -> list[AllergyNote]:
    """Return the notes without those that only repeat what an earlier one says in other words."""
    kept: list[AllergyNote] = []
    for note in notes:
        substance = _substance(note.text)
        if not any(substance in _substance(other.text) for other in kept):
            kept.append(note)
    return kept


def _substance(text: str) -> str:
    return re.sub(r"（.*?）|对|过敏|史|药物|[\s。，,.]", "", text)


def _note(data_set: type[DataSet], row: Any, text: str) -> AllergyNote:
    return AllergyNote(text, data_set.word, row.id, row.institution_id, row.occurred_at)


def _chronic(covers: Sequence[Any]) -> tuple[str, ...]:
    field: Any = ArchiveCover.element("diseases")
    codes: list[str] = next((cover.diseases for cover in covers if cover.diseases), [])
    return tuple(field.value_set.name(code) for code in codes if code != NO_DISEASE)


def _blood(rows: Sequence[Any]) -> str:
    known = next((row for row in rows if row.abo and row.abo != UNKNOWN_ABO), None)
    if known is None:
        return ""
    rh = f" Rh {_said(ArchiveCover, known, 'rh')}" if known.rh and known.rh not in UNKNOWN_RH else ""
    return _said(ArchiveCover, known, "abo") + rh


def _newest(data_set: type[DataSet], rows: Sequence[Any], name: str) -> str:
    return next((said for row in rows if (said := _said(data_set, row, name))), "")


def _said(data_set: type[DataSet], row: Any, name: str) -> str:
    return words(data_set.element(name), getattr(row, name))


def _address(row: Any) -> str:
    return "".join(filter(None, (getattr(row, name) for name in ADDRESS)))
