"""The SQL of registration: a handful of set-based statements for one row or for a million.

They run in this order inside the caller's transaction (READ COMMITTED: each sees what others committed before it).
Whoever runs them at the same time never waits in a circle: patients are inserted and changed in the order of
(institution, number), then identifiers in the order of (type, number), then residents in the order of their ids.
A patient's row stays locked to the end of the transaction, and with it the patient's links.

New ids are made of the call's parameters and a row's ordinal: asking the database for a random one per row takes
as long as inserting the row where the server is built without OpenSSL.
"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from psycopg import Connection, sql

from kangqiao.identity.documents import DocumentType
from kangqiao.identity.linkage.unnamed import SAYS_LITTLE
from kangqiao.identity.survivorship import RANKS, Rank
from kangqiao.infra.postgres.statement import Statement, as_array

IS_ESTABLISHED: Final = f"""EXISTS (SELECT FROM identity_residentidentifier document
        WHERE document.resident_id = {{}} AND document.valid AND document.type <> '{DocumentType.OTHER}')"""
"""Whether a document says who the resident is for good: a child with a birth certificate has no number yet, and a
comparison may join it to whom it has become."""

WORKSPACE_SIZE: Final = """
SELECT pg_relation_size(to_regclass('pg_temp.identity_arrival'))
     + pg_relation_size(to_regclass('pg_temp.identity_mapping'))
"""
"""Bytes, NULL where the session has no workspace yet."""

WORKSPACE: Final = """
CREATE TEMP TABLE identity_arrival (
    institution_id int, local_number text, name text, sex text, birth_date date, key_type text, key_number text,
    shown_number text, health_card text, archive_number text, phone text, division text, mother_name text,
    mother_number text, registered_on date, insurance_number text, document_issuer text, document_valid_until date,
    ordinal bigint, patient_id uuid, known bool, relink bool, key_changes smallint, own_type text, own_number text
);
CREATE TEMP TABLE identity_left (resident_id uuid, patient_id uuid);
CREATE TEMP TABLE identity_touched (resident_id uuid);
CREATE TEMP TABLE identity_mapping (
    institution_id int, local_number text, ordinal bigint, patient_id uuid, fresh bool
)
"""
"""Tables of the session: kept, so that single rows do not churn the system catalogue, and not emptied by the commit,
which would take longer than everything else about a single row."""

CLEAR_ARRIVALS: Final = "DELETE FROM identity_arrival; DELETE FROM identity_left; DELETE FROM identity_touched"
CLEAR_MAPPING: Final = "DELETE FROM identity_mapping"
CLEAR_MUCH: Final = "TRUNCATE identity_arrival, identity_left, identity_touched, identity_mapping"


def _new_id(kind: str) -> str:
    """SQL of a new version 7 id (RFC 9562): the call's milliseconds and random bits, the row's ordinal, random bits."""
    low = f"%({kind})s::bigint + ordinal * 1048576 + floor(random() * 1048576)::bigint"
    return f"(%(prefix)s || to_hex({low}))::uuid"


def _batch(row: str) -> str:
    """SQL of the batch that an institution's rows came with, NULL where they came without one."""
    return f"(%(batches)s ->> {row}.institution_id::text)::uuid"


# -- patients that records name ---------------------------------------------------------------------------------------

MAP: Final = sql.SQL(f"""
WITH mapped AS (
    INSERT INTO identity_mapping
    SELECT named.institution_id, named.local_number, named.ordinal, coalesce(patient.id, {_new_id("patients")}),
           patient.id IS NULL
      FROM (SELECT institution_id, local_number, row_number() OVER (ORDER BY institution_id, local_number) AS ordinal
              FROM {{source}} AS source GROUP BY 1, 2) named
      LEFT JOIN identity_patient patient
        ON patient.institution_id = named.institution_id AND patient.local_number = named.local_number
    RETURNING fresh
)
SELECT count(*), count(*) FILTER (WHERE fresh) FROM mapped
""")

INSERT_NAMED_PATIENTS: Final = """
INSERT INTO identity_patient (id, institution_id, local_number, registered)
SELECT patient_id, institution_id, local_number, false FROM identity_mapping WHERE fresh
 ORDER BY institution_id, local_number
ON CONFLICT (institution_id, local_number) DO NOTHING
"""

ADOPT_NAMED_PATIENTS: Final = """
UPDATE identity_mapping mapping SET patient_id = patient.id, fresh = false
  FROM identity_patient patient
 WHERE mapping.fresh AND patient.id <> mapping.patient_id
   AND patient.institution_id = mapping.institution_id AND patient.local_number = mapping.local_number
"""

INSERT_NAMED_RESIDENTS: Final = """
INSERT INTO identity_resident (id, state) SELECT patient_id, 'pending' FROM identity_mapping WHERE fresh
"""

INSERT_NAMED_LINKS: Final = f"""
INSERT INTO identity_link (id, patient_id, resident_id, reason, actor_id, batch_id)
SELECT {_new_id("links")}, patient_id, patient_id, 'own', %(actor_id)s, {_batch("mapping")}
  FROM identity_mapping mapping WHERE fresh
"""

# -- patients that are registered -------------------------------------------------------------------------------------

TOLD: Final = (
    *("name", "sex", "birth_date", "key_type", "key_number", "shown_number", "health_card", "archive_number", "phone"),
    *("division", "mother_name", "mother_number", "registered_on"),
    *("insurance_number", "document_issuer", "document_valid_until"),
)
"""What a registration says of a patient: columns of the arrival and of `identity_patient` alike."""


def _told(prefix: str = "") -> str:
    return ", ".join(f"{prefix}{column}" for column in TOLD)


def is_own(row: str) -> str:
    """SQL that tells whether the document is the patient's own, not the mother's or one borrowed."""
    told = ("key_type", "key_number", "name", "birth_date", "registered_on", "mother_number")
    return f"identity_number_is_own({', '.join(f'{row}.{column}' for column in told)})"


def is_unchanged(patient: str, arriving: str) -> str:
    """SQL that tells whether a patient, or nobody, was last registered as it is now."""
    return f"({patient}.registered IS TRUE AND ({_told(f'{patient}.')}) IS NOT DISTINCT FROM ({_told(f'{arriving}.')}))"


def says_otherwise(patient: str, resident: str) -> str:
    """SQL that tells whether a patient says anything of a resident that is not known so already."""
    words = ("name", "sex", "birth_date")
    told = ", ".join(f"coalesce({patient}.{word}, {resident}.{word})" for word in words)
    return f"(({told}) IS DISTINCT FROM ({', '.join(f'{resident}.{word}' for word in words)}))"


ARRIVE: Final = sql.SQL(f"""
WITH arrived AS (
    INSERT INTO identity_arrival
    SELECT arriving.*, coalesce(patient.id, {_new_id("patients")}), patient.id IS NOT NULL,
           patient.id IS NULL
           OR (patient.key_type, patient.key_number) IS DISTINCT FROM (arriving.key_type, arriving.key_number)
           OR {is_own("patient")} IS DISTINCT FROM {is_own("arriving")},
           patient.key_changes,
           CASE WHEN {is_own("arriving")} THEN arriving.key_type END,
           CASE WHEN {is_own("arriving")} THEN arriving.key_number END
      FROM (SELECT DISTINCT ON (institution_id, local_number)
                   institution_id, local_number, {_told()},
                   row_number() OVER (ORDER BY institution_id, local_number) AS ordinal
              FROM {{source}} AS source ORDER BY institution_id, local_number) arriving
      LEFT JOIN identity_patient patient
        ON patient.institution_id = arriving.institution_id AND patient.local_number = arriving.local_number
     WHERE NOT {is_unchanged("patient", "arriving")}
    RETURNING known, relink, own_number IS NOT NULL AS keyed,
              own_number IS NOT NULL AND (document_issuer IS NOT NULL OR document_valid_until IS NOT NULL) AS described
)
SELECT count(*) FILTER (WHERE NOT known) AS fresh,
       count(*) FILTER (WHERE known) AS changed,
       count(*) FILTER (WHERE known AND relink) AS relinked,
       count(*) FILTER (WHERE relink AND keyed) AS keyed,
       count(*) FILTER (WHERE relink AND NOT keyed) AS keyless,
       count(*) FILTER (WHERE described) AS described
  FROM arrived
""")
"""Only rows that change something are kept: a registration that arrives again unchanged costs the comparison.

A document counts as the patient's own key unless what else is registered contradicts it (`identity_number_is_own`).
"""

INSERT_PATIENTS: Final = f"""
INSERT INTO identity_patient (id, institution_id, local_number, {_told()}, registered)
SELECT patient_id, institution_id, local_number, {_told()}, true
  FROM identity_arrival WHERE NOT known
 ORDER BY institution_id, local_number
ON CONFLICT (institution_id, local_number) DO NOTHING
"""

ADOPT_PATIENTS: Final = """
UPDATE identity_arrival arrival SET patient_id = patient.id, known = true
  FROM identity_patient patient
 WHERE NOT arrival.known AND patient.id <> arrival.patient_id
   AND patient.institution_id = arrival.institution_id AND patient.local_number = arrival.local_number
"""

CHANGE_PATIENTS: Final = f"""
WITH changed AS (
    INSERT INTO identity_patient AS patient (id, institution_id, local_number, {_told()}, registered)
    SELECT patient_id, institution_id, local_number, {_told()}, true
      FROM identity_arrival WHERE known
     ORDER BY institution_id, local_number
    ON CONFLICT (institution_id, local_number) DO UPDATE
       SET ({_told()}, registered) = ({_told("excluded.")}, true),
           key_changes = patient.key_changes + CASE WHEN (patient.key_type, patient.key_number) IS DISTINCT FROM
                                                         (excluded.key_type, excluded.key_number)
                                                      OR {is_own("patient")} IS DISTINCT FROM {is_own("excluded")}
                                                    THEN 1 ELSE 0 END
    RETURNING id, key_changes
)
UPDATE identity_arrival arrival SET relink = true FROM changed
 WHERE changed.id = arrival.patient_id AND NOT arrival.relink AND changed.key_changes <> arrival.key_changes
"""
"""An upsert that always finds its row: unlike UPDATE … FROM it locks in the order of its input.

Counts the patients whose key somebody else changed between the comparison and the lock; they are linked anew too.
"""

INSERT_RESIDENTS_BY_KEY: Final = f"""
WITH wanted AS MATERIALIZED (
    SELECT DISTINCT ON (own_type, own_number) own_type, own_number, name, sex, birth_date, institution_id, ordinal,
           document_issuer, document_valid_until
      FROM identity_arrival WHERE relink AND own_number IS NOT NULL
     ORDER BY own_type, own_number, institution_id, local_number
), made AS (
    INSERT INTO identity_residentidentifier
           (id, resident_id, type, number, first_seen_on, last_seen_on, institution_id, issuer, valid_until)
    SELECT {_new_id("identifiers")}, {_new_id("residents")}, own_type, own_number, %(today)s, %(today)s, institution_id,
           document_issuer, document_valid_until
      FROM wanted
     WHERE NOT EXISTS (SELECT FROM identity_residentidentifier identifier
                        WHERE identifier.valid AND identifier.type = own_type AND identifier.number = own_number)
     ORDER BY own_type, own_number
    ON CONFLICT (type, number) WHERE valid DO NOTHING
    RETURNING resident_id, type, number
)
INSERT INTO identity_resident (id, name, sex, birth_date, state)
SELECT made.resident_id, wanted.name,
       CASE WHEN type = '01' THEN CASE WHEN substr(number, 17, 1) IN ('1', '3', '5', '7', '9') THEN '1' ELSE '2' END
            ELSE wanted.sex END,
       CASE WHEN type = '01' THEN to_date(substr(number, 7, 8), 'YYYYMMDD') ELSE wanted.birth_date END,
       'confirmed'
  FROM made JOIN wanted ON wanted.own_type = made.type AND wanted.own_number = made.number
"""
"""A citizen number tells sex and birth date; what the institution wrote may differ and is then a conflict."""

DESCRIBED: Final = """
(CASE WHEN told.valid_until >= identifier.valid_until OR identifier.valid_until IS NULL
      THEN coalesce(told.issuer, identifier.issuer) ELSE coalesce(identifier.issuer, told.issuer) END,
 greatest(told.valid_until, identifier.valid_until))
"""
"""SQL of (issuer, valid_until) of a document once somebody tells them: of a card that was renewed under the same number
the later end counts, and who issued that."""

SAYS_MORE: Final = f"(identifier.issuer, identifier.valid_until) IS DISTINCT FROM {DESCRIBED}"

DESCRIBE_IDENTIFIERS: Final = f"""
WITH told AS (
    SELECT own_type, own_number, name, institution_id, local_number, document_issuer AS issuer,
           document_valid_until AS valid_until
      FROM identity_arrival
     WHERE own_number IS NOT NULL AND (document_issuer IS NOT NULL OR document_valid_until IS NOT NULL)
), latest AS MATERIALIZED (
    SELECT identifier.id, max(told.valid_until) AS valid_until,
           (array_agg(told.issuer ORDER BY told.valid_until DESC NULLS LAST, told.institution_id, told.local_number)
              FILTER (WHERE told.issuer IS NOT NULL))[1] AS issuer
      FROM told
      JOIN identity_residentidentifier identifier
        ON identifier.valid AND identifier.type = told.own_type AND identifier.number = told.own_number AND {SAYS_MORE}
      JOIN identity_resident resident ON resident.id = identifier.resident_id
     WHERE identity_same_name(told.name, resident.name)
     GROUP BY identifier.id
), due AS MATERIALIZED (
    SELECT told.*
      FROM latest told JOIN identity_residentidentifier identifier ON identifier.id = told.id
     WHERE {SAYS_MORE}
     ORDER BY identifier.type, identifier.number
       FOR UPDATE OF identifier
)
UPDATE identity_residentidentifier identifier SET (issuer, valid_until) = {DESCRIBED}
  FROM due told WHERE identifier.id = told.id
"""
"""Of borrowed documents nothing is taken. Before documents are marked as seen: who waits here holds none yet."""

SEE_IDENTIFIERS: Final = """
WITH due AS MATERIALIZED (
    SELECT identifier.id
      FROM identity_residentidentifier identifier
      JOIN identity_arrival arrival ON identifier.type = arrival.own_type AND identifier.number = arrival.own_number
     WHERE identifier.valid AND arrival.relink AND identifier.last_seen_on < %(today)s
       FOR UPDATE OF identifier SKIP LOCKED
)
UPDATE identity_residentidentifier identifier SET last_seen_on = %(today)s FROM due WHERE identifier.id = due.id
"""
"""Whoever holds a skipped row is noting the same day."""

DISTRUST: Final = """
UPDATE identity_arrival arrival SET own_type = NULL, own_number = NULL
  FROM identity_residentidentifier identifier JOIN identity_resident resident ON resident.id = identifier.resident_id
 WHERE arrival.relink AND identifier.valid
   AND identifier.type = arrival.own_type AND identifier.number = arrival.own_number
   AND NOT identity_same_name(arrival.name, resident.name)
"""
"""One number under another name than the resident's is compared before it links: it may be borrowed or mistyped."""

INSERT_OWN_RESIDENTS: Final = """
INSERT INTO identity_resident AS resident (id, name, sex, birth_date, state)
SELECT patient_id, name, sex, birth_date, 'pending' FROM identity_arrival
 WHERE relink AND own_number IS NULL
 ORDER BY patient_id
ON CONFLICT (id) DO UPDATE
   SET state = 'pending', merged_into_id = NULL,
       name = excluded.name, sex = excluded.sex, birth_date = excluded.birth_date
"""

UNDO_LINKS: Final = """
WITH target AS (
    SELECT arrival.patient_id, coalesce(identifier.resident_id, arrival.patient_id) AS resident_id,
           identifier.id IS NOT NULL AS keyed
      FROM identity_arrival arrival
      LEFT JOIN identity_residentidentifier identifier
        ON identifier.valid AND identifier.type = arrival.own_type AND identifier.number = arrival.own_number
     WHERE arrival.known AND arrival.relink
), undone AS (
    UPDATE identity_link link
       SET undone_at = statement_timestamp(), undone_by = %(actor_id)s,
           undone_reason = CASE WHEN NOT target.keyed THEN '证件撤销'
                                WHEN link.reason = 'own' THEN '补登证件' ELSE '证件更正' END
      FROM target
     WHERE link.patient_id = target.patient_id AND link.undone_at IS NULL
       AND (link.resident_id <> target.resident_id OR link.decision_id IS NOT NULL)
    RETURNING link.resident_id, link.patient_id
)
INSERT INTO identity_left SELECT resident_id, patient_id FROM undone
"""
"""A link that a decision made gives way to the registration's own even where both lead to the same resident: taking the
decision back later must not part what the registration says."""

INSERT_LINKS: Final = f"""
INSERT INTO identity_link (id, patient_id, resident_id, reason, actor_id, batch_id)
SELECT {_new_id("links")}, arrival.patient_id, coalesce(identifier.resident_id, arrival.patient_id),
       CASE WHEN identifier.id IS NULL THEN 'own' WHEN identifier.type = '01' THEN 'citizen_id' ELSE 'document' END,
       %(actor_id)s, {_batch("arrival")}
  FROM identity_arrival arrival
  LEFT JOIN identity_residentidentifier identifier
    ON identifier.valid AND identifier.type = arrival.own_type AND identifier.number = arrival.own_number
 WHERE arrival.relink
   AND NOT (arrival.known AND EXISTS (SELECT FROM identity_link link
                                       WHERE link.patient_id = arrival.patient_id AND link.undone_at IS NULL))
"""

NOTE_UNMATCHED: Final = """
INSERT INTO identity_unmatched (patient_id) SELECT patient_id FROM identity_arrival ORDER BY patient_id
ON CONFLICT (patient_id) DO UPDATE SET since = excluded.since
"""
"""Whoever is new or says something new is compared with others later (`matching`). Who waits already waits anew: what
is being compared just now is what was said before."""

# -- residents that patients left, and what residents are called -------------------------------------------------------

TOUCH_RESIDENTS: Final = f"""
INSERT INTO identity_touched
SELECT resident_id FROM identity_left
 WHERE EXISTS (SELECT FROM identity_link link WHERE link.resident_id = identity_left.resident_id AND undone_at IS NULL)
    OR resident_id <> patient_id
UNION
SELECT link.resident_id FROM identity_arrival arrival
  JOIN identity_link link ON link.patient_id = arrival.patient_id AND link.undone_at IS NULL
 WHERE arrival.known AND (arrival.own_number IS NULL
                          OR arrival.patient_id NOT IN (SELECT patient_id FROM identity_left))
UNION
SELECT resident.id FROM identity_arrival arrival
  JOIN identity_residentidentifier identifier
    ON identifier.valid AND identifier.type = arrival.own_type AND identifier.number = arrival.own_number
  JOIN identity_resident resident ON resident.id = identifier.resident_id
 WHERE arrival.relink
   AND {says_otherwise("arrival", "resident")}
"""
"""Residents that may be called otherwise now: whoever was left, and whose patient, old or new, says something else.

A new patient who says what is known already changes nothing.
"""

LOCK_RESIDENTS: Final = """
SELECT count(*) FROM (
    SELECT FROM identity_resident resident
     WHERE resident.id IN (SELECT resident_id FROM identity_left UNION ALL SELECT resident_id FROM identity_touched)
     ORDER BY resident.id FOR UPDATE
) locked
"""
"""First the locks, then in a new statement what is true under them: somebody may be linking to such a resident."""

MERGE_LEFT_RESIDENTS: Final = """
UPDATE identity_resident resident SET state = 'merged', merged_into_id = now_at.resident_id
  FROM identity_left
  JOIN identity_link now_at ON now_at.patient_id = identity_left.patient_id AND now_at.undone_at IS NULL
 WHERE resident.id = identity_left.resident_id AND resident.state = 'pending'
   AND NOT EXISTS (SELECT FROM identity_link link WHERE link.resident_id = resident.id AND link.undone_at IS NULL)
"""

RANK: Final = "CASE {} ELSE {} END".format(
    " ".join(
        f"WHEN starts_with(institution.type, '{begins}') AND strpos(institution.name, '{holds}') > 0 THEN {rank.value}"
        for rank, begins, holds in RANKS
    ),
    Rank.OTHER.value,
)


def _best(attribute: str, says_little: str) -> str:
    """SQL of what counts most among what is said of a resident (`survivorship.in_order`)."""
    order = (
        f'{says_little}, rank, day DESC NULLS LAST, {attribute}_votes DESC, institution_id, local_number COLLATE "C"'
    )
    return f"(array_agg({attribute} ORDER BY {order}) FILTER (WHERE {attribute} IS NOT NULL))[1] AS {attribute}"


FOLLOW: Final = f"""
WITH affected AS ({{affected}}), said AS (
    SELECT link.resident_id, patient.name, patient.sex, patient.birth_date, {RANK} AS rank,
           patient.registered_on AS day, patient.institution_id, patient.local_number
      FROM affected
      JOIN identity_link link ON link.resident_id = affected.resident_id AND link.undone_at IS NULL
      JOIN identity_patient patient ON patient.id = link.patient_id
      LEFT JOIN registry_institution institution ON institution.id = patient.institution_id
    UNION ALL
    SELECT resident_id, NULL, CASE WHEN substr(number, 17, 1) IN ('1', '3', '5', '7', '9') THEN '1' ELSE '2' END,
           to_date(substr(number, 7, 8), 'YYYYMMDD'), {Rank.NUMBER.value}, NULL, 0, ''
      FROM (SELECT DISTINCT ON (identifier.resident_id) identifier.resident_id, number
              FROM affected JOIN identity_residentidentifier identifier USING (resident_id)
             WHERE valid AND type = '01' ORDER BY identifier.resident_id, number) held
), voted AS (
    SELECT *, count(*) OVER (PARTITION BY resident_id, name) AS name_votes,
           count(*) OVER (PARTITION BY resident_id, sex) AS sex_votes,
           count(*) OVER (PARTITION BY resident_id, birth_date) AS birth_date_votes
      FROM said
), best AS (
    SELECT resident_id, {_best("name", f"name ~ '{SAYS_LITTLE}'")}, {_best("sex", "sex NOT IN ('1', '2')")},
           {_best("birth_date", "false")}
      FROM voted GROUP BY resident_id
), told AS MATERIALIZED (
    SELECT resident.id, best.name, best.sex, best.birth_date
      FROM affected JOIN identity_resident resident ON resident.id = affected.resident_id
      LEFT JOIN best ON best.resident_id = affected.resident_id
     WHERE resident.state <> 'merged'
       AND (best.name, best.sex, best.birth_date) IS DISTINCT FROM (resident.name, resident.sex, resident.birth_date)
     ORDER BY resident.id
       FOR UPDATE OF resident
)
UPDATE identity_resident resident SET name = told.name, sex = told.sex, birth_date = told.birth_date
  FROM told WHERE resident.id = told.id
"""
"""A resident is called what the weightiest of its patients is called, whatever it was called before."""

FOLLOW_TOUCHED: Final = FOLLOW.format(affected="SELECT resident_id FROM identity_touched")

_FOLLOW_SOME: Final = Statement(FOLLOW.format(affected="SELECT unnest(%(residents)s::uuid[]) AS resident_id"))


def follow_patients(on: Connection, residents: Collection[UUID]) -> None:
    """The same for a few residents: when people link or undo by hand, and when a registration says something else."""
    if residents:
        _FOLLOW_SOME.rows(on, {"residents": as_array(residents)})
