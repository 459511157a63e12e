"""A patient that nobody knew: where its document leads, and everything stored by one statement.

What `services.register_patients` does for files in several: patient, resident, identifier, link, traits and clues.
`tests/database/test_newcomers.py` holds both against each other. Where somebody else is registering the same number,
or a file the same document, PostgreSQL refuses the whole.
"""

from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from kangqiao.identity.clues import NEAR, Clues, Near, sought
from kangqiao.identity.documents import DocumentType
from kangqiao.identity.errors import Overtaken
from kangqiao.identity.model_versions import NEWEST_MODEL
from kangqiao.identity.models import Link, Resident
from kangqiao.identity.services import DECLARED, Registration
from kangqiao.identity.statements import DESCRIBED, FOLLOW_PATIENTS_OF_ONE, IS_ESTABLISHED, SAYS_MORE, TOLD, is_own
from kangqiao.identity.traits import traits_of
from kangqiao.infra.ids import uuid7
from kangqiao.infra.postgres.statement import Statement


class Arrival(NamedTuple):
    """A registration with its TRAITS as bytes and the clues by which others like it are found."""

    registration: Registration
    traits: bytes
    clues: Clues


def arrival_of(registration: Registration, *, today: date) -> Arrival:
    """Return a registration ready to be compared."""
    traits = traits_of(registration, today=today)
    return Arrival(registration, traits, sought([traits]))


class Holder(NamedTuple):
    """Whose the document is: a resident, whether the name agrees, whether anything else is said of it now, and whether
    its documents say for good who it is (`statements.IS_ESTABLISHED`)."""

    identifier_id: UUID
    resident_id: UUID
    trusted: bool
    says_otherwise: bool
    established: bool


class Found(NamedTuple):
    """What is known before a registration is stored.

    known            whether its number is a patient's already
    newest_model     the version of the model that decides
    type, number     of the document that is its own, else None
    holder           whose that document is, None: nobody's yet
    near             everybody it may be
    """

    known: bool
    newest_model: str | None
    type: str | None
    number: str | None
    holder: Holder | None
    near: Near


def look(connection: Connection, arrival: Arrival) -> Found:
    """Return what is known about a registration and about whom it may be."""
    about = arrival.registration._asdict() | arrival.clues.told()
    (row,) = _LOOK.rows(connection, about)
    known, newest_model, type, number, *rest = row
    holder, near = Holder(*rest[: len(Holder._fields)]), Near(*(each or b"" for each in rest[len(Holder._fields) :]))
    return Found(known, newest_model, type, number, holder if holder.identifier_id else None, near)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A patient that is to be stored, with the ids it gets."""

    arrival: Arrival
    found: Found
    today: date
    patient_id: UUID = field(default_factory=uuid7)
    link_id: UUID = field(default_factory=uuid7)
    stranger_id: UUID = field(default_factory=uuid7)
    identifier_id: UUID = field(default_factory=uuid7)

    @property
    def trusted(self) -> bool:
        """Whether its document makes it a resident that is known."""
        return self.found.holder is not None and self.found.holder.trusted

    @property
    def establishes(self) -> bool:
        """Whether its document makes it a resident that nobody knew."""
        return self.found.number is not None and self.found.holder is None

    @property
    def resident_id(self) -> UUID:
        """The resident it is linked to at first."""
        if self.found.holder and self.found.holder.trusted:
            return self.found.holder.resident_id
        return self.stranger_id if self.establishes else self.patient_id

    @property
    def state(self) -> Resident.State:
        """What that resident is then."""
        return Resident.State.CONFIRMED if self.establishes or self.trusted else Resident.State.PENDING

    def among_others(self) -> Near:
        """Return everybody it may be and after them itself: it is the newest."""
        persons, standing, traits = self.found.near
        itself = self.patient_id.bytes + self.resident_id.bytes
        return Near(persons + itself, standing + bytes((self._is_established(), False)), traits + self.arrival.traits)

    def _is_established(self) -> bool:
        if self.found.holder and self.trusted:
            return self.found.holder.established
        return self.establishes and self.found.type != DocumentType.OTHER

    def store(self, connection: Connection, *, actor_id: UUID | None) -> None:
        """Store it in the caller's transaction.

        Raises psycopg's UniqueViolation, and `Overtaken` where its resident has been joined to another meanwhile.
        """
        holder = self.found.holder
        about = self.arrival.registration._asdict() | self._linked() | {"actor_id": actor_id, "today": self.today}
        ((stands,),) = _STORE.rows(connection, about)
        if not stands:
            raise Overtaken
        if holder and self.trusted and holder.says_otherwise:
            FOLLOW_PATIENTS_OF_ONE.rows(connection, {"resident_id": holder.resident_id})

    def _linked(self) -> dict[str, object]:
        holder, registration = self.found.holder, self.arrival.registration
        sex, birth_date = registration.sex, registration.birth_date
        if self.establishes and self.found.type == DocumentType.CITIZEN_ID and self.found.number:
            sex, birth_date = _in(self.found.number)
        return {
            "patient_id": self.patient_id,
            "link_id": self.link_id,
            "resident_id": self.resident_id,
            "new": not self.trusted,
            "state": self.state.value,
            "resident_sex": sex,
            "resident_birth_date": birth_date,
            "reason": self._reason().value,
            "establishes": self.establishes,
            "own_type": self.found.type,
            "own_number": self.found.number,
            "identifier_id": holder.identifier_id if holder else self.identifier_id,
            "content": self.arrival.traits,
            **self.arrival.clues.told(),
        }

    def _reason(self) -> Link.Reason:
        if not self.establishes and not self.trusted:
            return Link.Reason.OWN
        return Link.Reason.CITIZEN_ID if self.found.type == DocumentType.CITIZEN_ID else Link.Reason.DOCUMENT


def _in(number: str) -> tuple[str, date]:
    """Return the sex and the birth date in a citizen number."""
    return "1" if int(number[16]) % 2 else "2", date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


_GIVEN: Final = {name: f"%({name})s::{kind}" for name, kind in (column.split(" ") for column in DECLARED.split(", "))}
_ASKED: Final = ("institution_id", "local_number", *("name", "sex", "birth_date", "key_type", "key_number"))
_SAID: Final = (*_ASKED, "registered_on", "mother_number")
_LOOK: Final = Statement(f"""
WITH said AS MATERIALIZED (
    SELECT {", ".join(f"{_GIVEN[word]} AS {word}" for word in _SAID)}
), arriving AS MATERIALIZED (
    SELECT said.*, CASE WHEN own THEN key_type END AS own_type, CASE WHEN own THEN key_number END AS own_number
      FROM (SELECT said.*, {is_own("said")} AS own FROM said) said
), holder AS MATERIALIZED (
    SELECT identifier.id, resident.id AS resident_id, identity_same_name(arriving.name, resident.name) AS trusted,
           (coalesce(arriving.name, resident.name), coalesce(arriving.sex, resident.sex),
            coalesce(arriving.birth_date, resident.birth_date))
               IS DISTINCT FROM (resident.name, resident.sex, resident.birth_date) AS says_otherwise,
           {IS_ESTABLISHED.format("resident.id")} AS established
      FROM arriving
      JOIN identity_residentidentifier identifier
        ON identifier.valid AND identifier.type = own_type AND identifier.number = own_number
      JOIN identity_resident resident ON resident.id = identifier.resident_id
)
SELECT EXISTS (SELECT FROM identity_patient known WHERE known.institution_id = arriving.institution_id
                                                     AND known.local_number = arriving.local_number),
       {NEWEST_MODEL}, own_type, own_number, holder.*, near.*
  FROM arriving LEFT JOIN holder ON true
 CROSS JOIN ({NEAR.format(besides="SELECT resident_id FROM holder WHERE trusted")}) near
""")
_STORE: Final = Statement(f"""
WITH standing AS MATERIALIZED (
    SELECT FROM identity_resident
     WHERE id = %(resident_id)s::uuid AND state <> '{Resident.State.MERGED}' AND NOT %(new)s::bool FOR UPDATE
), patient AS (
    INSERT INTO identity_patient (id, institution_id, local_number, {", ".join(TOLD)}, registered)
    VALUES (%(patient_id)s::uuid, {", ".join(_GIVEN[word] for word in ("institution_id", "local_number", *TOLD))}, true)
), resident AS (
    INSERT INTO identity_resident (id, name, sex, birth_date, state)
    SELECT %(resident_id)s::uuid, {_GIVEN["name"]}, %(resident_sex)s::text, %(resident_birth_date)s::date,
           %(state)s::text
     WHERE %(new)s::bool
), identifier AS (
    INSERT INTO identity_residentidentifier
           (id, resident_id, type, number, first_seen_on, last_seen_on, institution_id, issuer, valid_until)
    SELECT %(identifier_id)s::uuid, %(resident_id)s::uuid, %(own_type)s::text, %(own_number)s::text, %(today)s::date,
           %(today)s::date, {_GIVEN["institution_id"]}, {_GIVEN["document_issuer"]}, {_GIVEN["document_valid_until"]}
     WHERE %(establishes)s::bool
), told AS (
    SELECT CASE WHEN NOT %(new)s::bool THEN {_GIVEN["document_issuer"]} END AS issuer,
           CASE WHEN NOT %(new)s::bool THEN {_GIVEN["document_valid_until"]} END AS valid_until
), seen AS (
    UPDATE identity_residentidentifier identifier
       SET last_seen_on = greatest(last_seen_on, %(today)s::date), (issuer, valid_until) = {DESCRIBED}
      FROM told
     WHERE id = %(identifier_id)s::uuid
       AND (last_seen_on < %(today)s::date
            OR {SAYS_MORE})
), link AS (
    INSERT INTO identity_link (id, patient_id, resident_id, reason, actor_id)
    VALUES (%(link_id)s::uuid, %(patient_id)s::uuid, %(resident_id)s::uuid, %(reason)s::text, %(actor_id)s::uuid)
), traits AS (
    INSERT INTO identity_traits (patient_id, content) VALUES (%(patient_id)s::uuid, %(content)s::bytea)
), clue AS (
    INSERT INTO identity_clue (clue, patient_id)
    SELECT clue, %(patient_id)s::uuid FROM unnest(%(clue)s::bigint[]) AS told(clue)
)
SELECT %(new)s::bool OR EXISTS (SELECT FROM standing)
""")
