"""A patient that nobody knew, stored by one statement: what `services.register_patients` does for files in several.

Patient, resident, identifier, link, traits and clues. `tests/database/test_registering.py` holds both against each
other. Where somebody else is registering the same number, or a file the same document, PostgreSQL refuses the whole.
"""

from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from kangqiao.identity.clues import Clues
from kangqiao.identity.services import DECLARED, Registration
from kangqiao.identity.statements import FOLLOW_PATIENTS_OF_ONE, TOLD, is_own
from kangqiao.infra.ids import uuid7


class Stored(NamedTuple):
    """Who the patient is: its id, its resident, and what is known about that."""

    patient_id: UUID
    resident_id: UUID
    state: str


def store_newcomer(
    connection: Connection,
    registration: Registration,
    *,
    packed: bytes,
    clues: Clues,
    actor_id: UUID | None,
    today: date,
) -> Stored:
    """Store a patient with its TRAITS and clues, in the caller's transaction. Raises psycopg's UniqueViolation."""
    ids = {word: uuid7() for word in ("patient_id", "resident_id", "identifier_id", "link_id")}
    known = {"content": packed, "clues": clues.clue, "actor_id": actor_id, "today": today}
    ((resident_id, state, called_otherwise),) = connection.execute(
        _STORE, registration._asdict() | ids | known
    ).fetchall()
    if called_otherwise:
        connection.execute(FOLLOW_PATIENTS_OF_ONE, {"resident_id": resident_id})
    return Stored(ids["patient_id"], resident_id, state)


_GIVEN: Final = ", ".join(
    "%({})s::{} AS {}".format(*(each := column.split(" ")), each[0]) for column in DECLARED.split(", ")
)
_STORE: Final = f"""
WITH said AS (SELECT {_GIVEN}), arriving AS MATERIALIZED (
    SELECT said.*, CASE WHEN {is_own("said")} THEN key_type END AS own_type,
           CASE WHEN {is_own("said")} THEN key_number END AS own_number
      FROM said
), held AS MATERIALIZED (
    SELECT identifier.id, identifier.last_seen_on, resident.id AS resident_id, resident.name, resident.sex,
           resident.birth_date, identity_same_name(arriving.name, resident.name) AS trusted
      FROM arriving
      JOIN identity_residentidentifier identifier
        ON identifier.valid AND identifier.type = own_type AND identifier.number = own_number
      JOIN identity_resident resident ON resident.id = identifier.resident_id
), whose AS MATERIALIZED (
    SELECT arriving.*, own_number IS NOT NULL AND held.id IS NULL AS establishes, coalesce(trusted, false) AS trusted,
           CASE WHEN own_number IS NULL OR NOT coalesce(trusted, true) THEN %(patient_id)s::uuid
                ELSE coalesce(held.resident_id, %(resident_id)s::uuid) END AS resident_id,
           (coalesce(arriving.name, held.name), coalesce(arriving.sex, held.sex),
            coalesce(arriving.birth_date, held.birth_date))
               IS DISTINCT FROM (held.name, held.sex, held.birth_date) AS says_otherwise
      FROM arriving LEFT JOIN held ON true
), patient AS (
    INSERT INTO identity_patient (id, institution_id, local_number, {", ".join(TOLD)}, registered)
    SELECT %(patient_id)s, institution_id, local_number, {", ".join(TOLD)}, true FROM whose
), resident AS (
    INSERT INTO identity_resident (id, name, sex, birth_date, state)
    SELECT resident_id, name,
           CASE WHEN NOT establishes OR own_type <> '01' THEN sex
                WHEN substr(own_number, 17, 1) IN ('1', '3', '5', '7', '9') THEN '1' ELSE '2' END,
           CASE WHEN NOT establishes OR own_type <> '01' THEN birth_date
                ELSE to_date(substr(own_number, 7, 8), 'YYYYMMDD') END,
           CASE WHEN establishes THEN 'confirmed' ELSE 'pending' END
      FROM whose WHERE NOT trusted
), identifier AS (
    INSERT INTO identity_residentidentifier
           (id, resident_id, type, number, first_seen_on, last_seen_on, institution_id)
    SELECT %(identifier_id)s, resident_id, own_type, own_number, %(today)s, %(today)s, institution_id
      FROM whose WHERE establishes
), seen AS (
    UPDATE identity_residentidentifier identifier SET last_seen_on = %(today)s
      FROM held WHERE identifier.id = held.id AND held.last_seen_on < %(today)s
), link AS (
    INSERT INTO identity_link (id, patient_id, resident_id, reason, actor_id)
    SELECT %(link_id)s, %(patient_id)s, resident_id,
           CASE WHEN NOT establishes AND NOT trusted THEN 'own' WHEN own_type = '01' THEN 'citizen_id'
                ELSE 'document' END,
           %(actor_id)s
      FROM whose
), traits AS (
    INSERT INTO identity_traits (patient_id, content) VALUES (%(patient_id)s, %(content)s)
), clue AS (
    INSERT INTO identity_clue (clue, patient_id) SELECT clue, %(patient_id)s FROM unnest(%(clues)s::bigint[]) AS t(clue)
)
SELECT resident_id, CASE WHEN establishes OR trusted THEN 'confirmed' ELSE 'pending' END, trusted AND says_otherwise
  FROM whose
"""
