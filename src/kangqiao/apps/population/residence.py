"""Where a person lives. The one rule: what is counted, listed and shown follows it.

A person lives where the newest valid registration of an institution says (现住址, by its 数据更新时间); where none says
anything, in the division of the household register (户籍地) that is in force; otherwise nobody knows. Registrations
come first since a census counts people where they live, and many live elsewhere than they are registered.
"""

from typing import Any, Final
from uuid import UUID

from kangqiao.identity.models import Link
from kangqiao.records.population.models import HukouRegistration, PatientRegistration
from kangqiao.records.reading import prepared


def _said(about: str = "") -> str:
    return f"""
    SELECT patient_id, division, 1 AS rank, revised_at, id
      FROM {PatientRegistration.table()} WHERE NOT voided AND division IS NOT NULL {about}
    UNION ALL
    SELECT patient_id, division, 2, revised_at, id
      FROM {HukouRegistration.table()} WHERE NOT voided AND state = '1' AND division IS NOT NULL {about}"""


def _homes(said: str, of_whom: str = "") -> str:
    return f"""
SELECT DISTINCT ON (link.resident_id) link.resident_id, said.division, said.rank, said.id
  FROM {Link._meta.db_table} link {said}
 WHERE link.undone_at IS NULL {of_whom}
 ORDER BY link.resident_id, said.rank, said.revised_at DESC, said.id DESC"""


HOMES: Final = _homes(f"JOIN ({_said()}) said ON said.patient_id = link.patient_id")
"""SQL: resident_id, division, rank (1 registration, 2 household register) and id of the row that says so."""

_HOME: Final = _homes(
    f"CROSS JOIN LATERAL ({_said('AND patient_id = link.patient_id')}) said",
    "AND link.resident_id = %(resident_id)s",
)
"""The same for one resident, by the index of the patients: the planner does not find it through a join."""


def home_of(resident_id: UUID) -> PatientRegistration | HukouRegistration | None:
    """Return the row that says where the resident lives, None where nobody does."""
    for _, _, rank, row_id in prepared(_HOME, {"resident_id": resident_id}):
        model: Any = PatientRegistration if rank == 1 else HukouRegistration
        return model._default_manager.get(id=row_id)
    return None
