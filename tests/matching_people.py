"""People for tests of matching: one ordinary person and what is registered differently, a mother and her baby."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import connection

from kangqiao.identity.models import Link, Patient
from kangqiao.identity.rules import check_character
from kangqiao.identity.services import Registration, Source, register_patients


def number(body: str) -> str:
    """Return the citizen number of seventeen digits."""
    return body + check_character(body)


ORDINARY: dict[str, Any] = {
    "institution_id": 1,
    "local_number": "1",
    "name": "鲁文英",
    "sex": "2",
    "birth_date": date(1987, 3, 14),
    "key_type": "01",
    "key_number": number("53352219870314082"),
    "phone": "13987600011",
    "division": "530922102203",
    "registered_on": date(2024, 5, 6),
}
WITHOUT = {"key_type": None, "key_number": None}
MOTHER = {"name": "李芳", "key_number": number("53352219960102402"), "birth_date": date(1996, 1, 2)}
BABY = {
    **WITHOUT,
    "name": "李芳之子",
    "sex": "1",
    "birth_date": date(2024, 5, 6),
    "registered_on": date(2024, 5, 6),
    "phone": "13987600077",
    "mother_name": "李芳",
}
CHILD = {**BABY, "name": "李文博", "mother_number": MOTHER["key_number"]}
CERTIFIED = {**CHILD, "key_type": "99", "key_number": "S530012345"}
NUMBERED = {**CHILD, "key_type": "01", "key_number": number("53352220240506321"), "institution_id": 5}


def registrations(*changes: dict[str, Any]) -> list[Registration]:
    """Return the ordinary person's registration, changed as told, at one institution after the other."""
    return [
        Registration(**{**ORDINARY, "institution_id": place, **change}) for place, change in enumerate(changes, start=1)
    ]


def register(*changes: dict[str, Any]) -> list[Patient]:
    """Register them as a file does, and return the patients."""
    rows = registrations(*changes)
    connection.ensure_connection()
    register_patients(connection.connection, source=Source.registrations(rows), actor_id=None)
    return [Patient.objects.get(institution_id=row.institution_id, local_number=row.local_number) for row in rows]


def grouping(patients: Sequence[Patient]) -> list[int]:
    """Return for each patient the first one that is the same resident."""
    resident = dict(Link.objects.filter(undone_at=None).values_list("patient_id", "resident_id"))
    held = [resident[patient.id] for patient in patients]
    return [held.index(each) for each in held]
