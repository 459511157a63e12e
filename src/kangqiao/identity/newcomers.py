"""Patients that nobody knew: where their documents lead, and everything stored by one statement.

What `services.register_patients` does for files in several: patients, residents, identifiers, links, traits and clues.
`tests/database/test_newcomers.py` holds both against each other. Where somebody else is registering the same number,
or a file the same document, PostgreSQL refuses the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg import Connection

from kangqiao.identity.absorbing import COLUMNS, Absorption, as_row
from kangqiao.identity.clues import NEAR, Clues, Near, sought
from kangqiao.identity.documents import DocumentType
from kangqiao.identity.errors import Overtaken
from kangqiao.identity.model_versions import NEWEST_MODEL
from kangqiao.identity.models import Link, Resident
from kangqiao.identity.services import DECLARED, Registration
from kangqiao.identity.statements import (
    DESCRIBED,
    IS_ESTABLISHED,
    SAYS_MORE,
    TOLD,
    follow_patients,
    is_own,
    is_unchanged,
    says_otherwise,
)
from kangqiao.identity.traits import traits_of
from kangqiao.infra.ids import uuid7
from kangqiao.infra.postgres.statement import Statement, as_array, as_json, rows_in
from kangqiao.trust.actors import Actor


class Arrival(NamedTuple):
    """A registration and who registers, with its TRAITS as bytes and the clues by which others like it are found."""

    registration: Registration
    actor: Actor
    traits: bytes
    clues: Clues

    @property
    def number(self) -> tuple[int, str]:
        """What its institution knows it by; no two have the same."""
        return self.registration[:2]


def arrival_of(registration: Registration, *, actor: Actor, today: date) -> Arrival:
    """Return a registration ready to be compared."""
    traits = traits_of(registration, today=today)
    return Arrival(registration, actor, traits, sought([traits]))


class Holder(NamedTuple):
    """Whose the document is: a resident, whether the name agrees, whether anything else is said of it now, and whether
    its documents say for good who it is (`statements.IS_ESTABLISHED`)."""

    identifier_id: UUID
    resident_id: UUID
    trusted: bool
    says_otherwise: bool
    established: bool


class Found(NamedTuple):
    """What is known of a registration before it is stored.

    patient_id    of the patient whose number it has, None: nobody's yet
    unchanged     whether that one was last registered alike
    type, number  of the document that is its own, else None
    holder        whose that document is, None: nobody's yet
    """

    patient_id: UUID | None
    unchanged: bool
    type: str | None
    number: str | None
    holder: Holder | None


class Surroundings(NamedTuple):
    """What is known before registrations are stored: the version of the model that decides, of each what is `Found`,
    and everybody they may be."""

    newest_model: str | None
    found: list[Found]
    near: Near


def look(connection: Connection, arrivals: Sequence[Arrival], clues: Clues) -> Surroundings:
    """Return what is known about registrations and about whom they may be, by the clues of all."""
    told = [each.registration._asdict() | {"place": place} for place, each in enumerate(arrivals)]
    rows = _LOOK.rows(connection, {"arriving": as_json(told), **clues.told()})
    newest_model, *near = rows[0][:5]
    found = [_found(arrival, *row[5:]) for arrival, row in zip(arrivals, rows, strict=True)]
    return Surroundings(newest_model, found, Near(*(each or b"" for each in near)))


def _found(arrival: Arrival, patient_id: UUID | None, unchanged: bool, own: bool, *held: Any) -> Found:
    registration = arrival.registration
    document = (registration.key_type, registration.key_number) if own else (None, None)
    return Found(patient_id, unchanged, *document, Holder(*held) if held[0] else None)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A patient that is to be stored, with the ids it gets."""

    arrival: Arrival
    found: Found
    patient_id: UUID = field(default_factory=uuid7)
    link_id: UUID = field(default_factory=uuid7)
    stranger_id: UUID = field(default_factory=uuid7)

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

    @property
    def reason(self) -> Link.Reason:
        """Why it is linked to that resident."""
        if not self.establishes and not self.trusted:
            return Link.Reason.OWN
        return Link.Reason.CITIZEN_ID if self.found.type == DocumentType.CITIZEN_ID else Link.Reason.DOCUMENT

    @property
    def says_otherwise(self) -> bool:
        """Whether that resident may be called otherwise now."""
        return self.found.holder is not None and self.found.holder.says_otherwise

    @property
    def is_established(self) -> bool:
        """Whether documents say for good who that resident is."""
        if self.found.holder and self.trusted:
            return self.found.holder.established
        return self.establishes and self.found.type != DocumentType.OTHER


def among_others(newcomers: Sequence[Newcomer], near: Near) -> Near:
    """Return everybody they may be and after them themselves: they are the newest."""
    persons = b"".join(each.patient_id.bytes + each.resident_id.bytes for each in newcomers)
    standing = b"".join(bytes((each.is_established, False)) for each in newcomers)
    traits = b"".join(each.arrival.traits for each in newcomers)
    return Near(near.persons + persons, near.standing + standing, near.traits + traits, near.apart)


def store(
    connection: Connection, newcomers: Sequence[Newcomer], joined: Mapping[UUID, Absorption], *, today: date
) -> dict[UUID, str]:
    """Store patients of which no two share a clue, in the caller's transaction; in the order of their numbers.

    Of those that are their own resident some may be joined to somebody known at once: `joined` by their ids. Returns
    the state of everybody known. Raises psycopg's UniqueViolation, and `Overtaken` where one of those has been joined
    to another meanwhile.
    """
    newcomers = sorted(newcomers, key=lambda each: each.arrival.number)
    known = {each.resident_id for each in newcomers if each.trusted} | {each.kept for each in joined.values()}
    owners = [(clue, str(each.patient_id)) for each in newcomers for clue in each.arrival.clues.clue]
    about = {
        "patients": as_json([{"id": each.patient_id, **each.arrival.registration._asdict()} for each in newcomers]),
        "residents": as_json([_resident(each, joined.get(each.patient_id)) for each in newcomers if not each.trusted]),
        "identifiers": as_json([_identifier(each) for each in newcomers if each.establishes]),
        "seen": as_json([_seen(each, each.found.holder) for each in newcomers if each.found.holder]),
        "links": as_json([link for each in newcomers for link in _links(each, joined.get(each.patient_id))]),
        "decisions": as_json([as_row(each) for each in joined.values()]),
        "traits": as_json([{"patient_id": e.patient_id, "content": f"\\x{e.arrival.traits.hex()}"} for e in newcomers]),
        "clue": as_array([clue for clue, _ in owners]),
        "owner": as_array([owner for _, owner in owners]),
        "known": as_array(sorted(known)),
        "today": today,
    }
    standing = _STORE.rows(connection, about)
    if len(standing) < len(known):
        raise Overtaken
    otherwise = {each.resident_id for each in newcomers if each.trusted and each.says_otherwise}
    follow_patients(connection, otherwise | {resident for resident, _, told_otherwise in standing if told_otherwise})
    return {resident: state for resident, state, _ in standing}


def _resident(newcomer: Newcomer, joined: Absorption | None) -> dict[str, Any]:
    registration, number = newcomer.arrival.registration, newcomer.found.number
    sex, birth_date = registration.sex, registration.birth_date
    if newcomer.establishes and newcomer.found.type == DocumentType.CITIZEN_ID and number:
        sex, birth_date = _in(number)
    told = {"name": registration.name, "sex": sex, "birth_date": birth_date}
    state = {"state": Resident.State.MERGED, "merged_into_id": joined.kept} if joined else {"state": newcomer.state}
    return {"id": newcomer.resident_id, **told, **state}


def _identifier(newcomer: Newcomer) -> dict[str, Any]:
    registration = newcomer.arrival.registration
    return {
        "id": uuid7(),
        "resident_id": newcomer.resident_id,
        "type": newcomer.found.type,
        "number": newcomer.found.number,
        "institution_id": registration.institution_id,
        "issuer": registration.document_issuer,
        "valid_until": registration.document_valid_until,
    }


def _seen(newcomer: Newcomer, holder: Holder) -> dict[str, Any]:
    """Return that a document was shown; of borrowed ones nothing is taken."""
    registration = newcomer.arrival.registration
    told = {"issuer": registration.document_issuer, "valid_until": registration.document_valid_until}
    return {"id": holder.identifier_id, **(told if holder.trusted else {})}


def _links(newcomer: Newcomer, joined: Absorption | None) -> list[dict[str, Any]]:
    """Return the link of a registration, and where it was joined to somebody at once the one that follows it."""
    link = {"id": newcomer.link_id, "patient_id": newcomer.patient_id, "actor_id": newcomer.arrival.actor.id}
    own = {**link, "resident_id": newcomer.resident_id, "reason": newcomer.reason}
    if joined is None:
        return [own]
    ended = {"undone_by": joined.actor_id, "undone_reason": joined.reason, "ended_by": joined.decision_id}
    evidence = {"score": joined.evidence and joined.evidence.score, "decision_id": joined.decision_id}
    further = {"id": uuid7(), "resident_id": joined.kept, "reason": Link.Reason.MATCHED, "actor_id": joined.actor_id}
    return [own | ended, link | further | evidence]


def _in(number: str) -> tuple[str, date]:
    """Return the sex and the birth date in a citizen number."""
    return "1" if int(number[16]) % 2 else "2", date(int(number[6:10]), int(number[10:12]), int(number[12:14]))


_LOOK: Final = Statement(f"""
WITH arriving AS MATERIALIZED (
    SELECT arriving.*, {is_own("arriving")} AS own FROM {rows_in("arriving", f"place int, {DECLARED}")}
), holder AS MATERIALIZED (
    SELECT place, identifier.id, resident.id AS resident_id,
           identity_same_name(arriving.name, resident.name) AS trusted,
           {says_otherwise("arriving", "resident")} AS says_otherwise,
           {IS_ESTABLISHED.format("resident.id")} AS established
      FROM arriving
      JOIN identity_residentidentifier identifier
        ON own AND identifier.valid AND identifier.type = key_type AND identifier.number = key_number
      JOIN identity_resident resident ON resident.id = identifier.resident_id
)
SELECT {NEWEST_MODEL}, {", ".join(f"CASE WHEN place = 0 THEN near.{word} END" for word in Near._fields)},
       known.id, {is_unchanged("known", "arriving")}, own,
       holder.id, resident_id, trusted, says_otherwise, established
  FROM arriving
  LEFT JOIN identity_patient known
    ON known.institution_id = arriving.institution_id AND known.local_number = arriving.local_number
  LEFT JOIN holder USING (place)
 CROSS JOIN ({NEAR.format(besides="SELECT resident_id FROM holder WHERE trusted")}) near
 ORDER BY place
""")
"""Everybody who is near comes with the first row."""
_IDENTIFIER: Final = (
    "id uuid, resident_id uuid, type text, number text, institution_id int, issuer text, valid_until date"
)
_RESIDENT: Final = "id uuid, name text, sex text, birth_date date, state text, merged_into_id uuid"
_LINK: Final = (
    *("id uuid", "patient_id uuid", "resident_id uuid", "reason text", "score float8", "actor_id uuid"),
    *("decision_id uuid", "undone_by uuid", "undone_reason text", "ended_by uuid"),
)
_STORE: Final = Statement(f"""
WITH newcomer AS MATERIALIZED (SELECT * FROM {rows_in("residents", _RESIDENT)}
), standing AS MATERIALIZED (
    SELECT id, state, name, sex, birth_date
      FROM identity_resident WHERE id = ANY(%(known)s::uuid[]) AND state <> '{Resident.State.MERGED}'
     ORDER BY id FOR UPDATE
), patient AS (
    INSERT INTO identity_patient (id, institution_id, local_number, {", ".join(TOLD)}, registered)
    SELECT id, institution_id, local_number, {", ".join(TOLD)}, true FROM {rows_in("patients", f"id uuid, {DECLARED}")}
), resident AS (
    INSERT INTO identity_resident (id, name, sex, birth_date, state, merged_into_id) SELECT * FROM newcomer
), identifier AS (
    INSERT INTO identity_residentidentifier
           (id, resident_id, type, number, institution_id, issuer, valid_until, first_seen_on, last_seen_on)
    SELECT *, %(today)s::date, %(today)s::date FROM {rows_in("identifiers", _IDENTIFIER)}
), seen AS (
    UPDATE identity_residentidentifier identifier
       SET last_seen_on = greatest(last_seen_on, %(today)s::date), (issuer, valid_until) = {DESCRIBED}
      FROM (SELECT * FROM {rows_in("seen", "id uuid, issuer text, valid_until date")}) told
     WHERE identifier.id = told.id AND (last_seen_on < %(today)s::date OR {SAYS_MORE})
), link AS (
    INSERT INTO identity_link (id, patient_id, resident_id, reason, score, actor_id, decision_id,
                               undone_by, undone_reason, ended_by, undone_at)
    SELECT id, patient_id, resident_id, reason, coalesce(score, 1), actor_id, decision_id,
           undone_by, undone_reason, ended_by, CASE WHEN ended_by IS NOT NULL THEN statement_timestamp() END
      FROM {rows_in("links", ", ".join(_LINK))}
), decision AS (
    INSERT INTO identity_decision (id, kind, resident_id, other_id, actor_id, reason,
                                   patient_id, compared_with, rule, pattern, weight, model, detail)
    SELECT decision_id, kind, kept, absorbed, actor_id, reason, patient_id, compared_with, rule, pattern, weight, model,
           '{{"state": "{Resident.State.PENDING}", "identifiers": [], "merged": []}}'
      FROM {rows_in("decisions", COLUMNS)}
), traits AS (
    INSERT INTO identity_traits (patient_id, content)
    SELECT * FROM {rows_in("traits", "patient_id uuid, content bytea")}
), clue AS (
    INSERT INTO identity_clue (clue, patient_id) SELECT * FROM unnest(%(clue)s::bigint[], %(owner)s::uuid[])
)
SELECT standing.id, standing.state, coalesce(bool_or({says_otherwise("newcomer", "standing")}), false)
  FROM standing LEFT JOIN newcomer ON newcomer.merged_into_id = standing.id
 GROUP BY standing.id, standing.state
""")
"""Who says what is known already of whom it is joined to changes nothing."""
