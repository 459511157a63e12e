"""Patients as files bring them: ensured when a record names them, registered, and linked by their documents.

Who decides otherwise does so one by one (`deciding`) or by comparison (`matching`).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from psycopg import Connection, Cursor, sql
from psycopg.types.json import Jsonb

from kangqiao.identity import statements
from kangqiao.infra.ids import uuid7

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
FEW: Final = 1000
"""Up to so many rows the planner needs no statistics, and prepared plans made for single rows serve."""
MUCH: Final = 1 << 20
"""Temporary tables of more bytes are truncated before they are used again, smaller ones emptied row by row."""


class Registration(NamedTuple):
    """One patient as an institution registers it; key_type and key_number from `rules.normalise_document`.

    `shown_number` is what was written where it makes no key, `mother_number` the mother's document as written,
    `division` the statistical code of where the patient lives; `document_issuer` and `document_valid_until` are of the
    document, whether it makes a key or not.
    """

    institution_id: int
    local_number: str
    name: str | None
    sex: str | None
    birth_date: date | None
    key_type: str | None
    key_number: str | None
    shown_number: str | None = None
    health_card: str | None = None
    archive_number: str | None = None
    phone: str | None = None
    division: str | None = None
    mother_name: str | None = None
    mother_number: str | None = None
    registered_on: date | None = None
    insurance_number: str | None = None
    document_issuer: str | None = None
    document_valid_until: date | None = None


DAYS: Final = ("registered_on", "document_valid_until")
DECLARED: Final = "institution_id integer, local_number text, name text, sex text, birth_date date, " + ", ".join(
    f"{name} {'date' if name in DAYS else 'text'}" for name in Registration._fields[5:]
)
"""The columns of `Registration` as SQL declares them."""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows for a bulk verb: SQL that may stand after FROM, with its parameters.

    For `ensure_patients` its columns are institution_id int and local_number text (not null, repeats allowed);
    for `register_patients` all of `Registration` (`DECLARED`). Further columns do not matter.
    """

    relation: sql.Composable
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def table(cls, name: str) -> "Source":
        """Rows waiting in a table or view, temporary ones included; the name may be qualified."""
        return cls(sql.Identifier(*name.split(".")))

    @classmethod
    def numbers(cls, numbers: Sequence[tuple[int, str]]) -> "Source":
        """A few (institution id, local number) at hand."""
        relation = "unnest(%(institution_ids)s::int[], %(local_numbers)s::text[]) AS t(institution_id, local_number)"
        parameters = {
            "institution_ids": [institution_id for institution_id, _ in numbers],
            "local_numbers": [number for _, number in numbers],
        }
        return cls(sql.SQL(f"(SELECT * FROM {relation})"), parameters)

    @classmethod
    def registrations(cls, rows: Sequence[Registration]) -> "Source":
        """A few registrations at hand."""
        arrays = ", ".join("%({})s::{}[]".format(*column.split(" ")) for column in DECLARED.split(", "))
        names = ", ".join(Registration._fields)
        values = zip(*rows, strict=True) if rows else ([] for _ in Registration._fields)
        parameters = {name: list(column) for name, column in zip(Registration._fields, values, strict=True)}
        return cls(sql.SQL(f"(SELECT * FROM unnest({arrays}) AS t({names}))"), parameters)


@dataclass(frozen=True, slots=True)
class Ensured:
    """What `ensure_patients` did: how many patients were named, how many of them were new."""

    named: int
    created: int


@dataclass(frozen=True, slots=True)
class Registered:
    """What `register_patients` did. Registrations that changed nothing are in none of the counts.

    `created` patients are new, `changed` were known, `linked` links were written and `undone` links undone,
    `residents` confirmed residents are new.
    """

    created: int = 0
    changed: int = 0
    linked: int = 0
    undone: int = 0
    residents: int = 0


def ensure_patients(
    connection: Connection, *, source: Source, actor_id: UUID | None, batches: Mapping[int, UUID] | None = None
) -> Ensured:
    """Make sure that every patient named by the rows exists; a missing one is created as its own pending resident.

    Afterwards the temporary table `identity_mapping` (institution_id int, local_number text, patient_id uuid,
    fresh bool) has each named patient once, until the connection's next call. Runs in the caller's
    transaction; in one transaction call `register_patients` first.
    """
    run = _Run(connection, source, {"actor_id": actor_id, "batches": _as_json(batches)})
    run.clear(statements.CLEAR_MAPPING)
    named, fresh = run.row(statements.MAP.format(source=source.relation))
    run.plan_for(named, "identity_mapping")
    if not fresh:
        return Ensured(named, 0)
    created = run.count(statements.INSERT_NAMED_PATIENTS)
    if created < fresh:
        run.count(statements.ADOPT_NAMED_PATIENTS)
    run.count(statements.INSERT_NAMED_RESIDENTS)
    run.count(statements.INSERT_NAMED_LINKS)
    return Ensured(named, created)


def register_patients(
    connection: Connection, *, source: Source, actor_id: UUID | None, batches: Mapping[int, UUID] | None = None
) -> Registered:
    """Store patients as their institutions register them, and link each to its resident by master key.

    A key counts unless it is somebody else's: the birth date inside is not the patient's, or it is the mother's, or
    the resident who holds it bears another name. Such a patient is its own resident until it has been compared
    (`matching`): who is new or changed waits for that in `identity_unmatched`.

    A patient whose key changed or disappeared is linked anew, the old link undone with the reason; the own pending
    resident it may leave behind is marked merged. A registration that arrives again unchanged has no effect, so
    a link that people undid stays undone. Of rows with the same number in one call one is taken. Runs in the
    caller's transaction; any number of calls may run at the same time on other connections.
    """
    today = datetime.now(SHANGHAI).date()
    run = _Run(connection, source, {"actor_id": actor_id, "batches": _as_json(batches), "today": today})
    run.clear(statements.CLEAR_ARRIVALS)
    fresh, changed, relinked, keyed, keyless, described = run.row(statements.ARRIVE.format(source=source.relation))
    if not fresh + changed:
        return Registered()
    run.plan_for(fresh + changed, "identity_arrival")
    created = run.count(statements.INSERT_PATIENTS) if fresh else 0
    if created < fresh:
        adopted = run.count(statements.ADOPT_PATIENTS)
        changed, relinked = changed + adopted, relinked + adopted
    if changed:
        late = run.count(statements.CHANGE_PATIENTS)
        relinked, keyed, keyless = relinked + late, keyed + late, keyless + late
    residents = run.count(statements.INSERT_RESIDENTS_BY_KEY) if keyed else 0
    if described:
        run.count(statements.DESCRIBE_IDENTIFIERS)
    if keyed:
        run.count(statements.SEE_IDENTIFIERS)
        keyless += run.count(statements.DISTRUST)
    if keyless:
        run.count(statements.INSERT_OWN_RESIDENTS)
    undone = run.count(statements.UNDO_LINKS) if relinked else 0
    linked = run.count(statements.INSERT_LINKS) if keyed + keyless else 0
    touched = run.count(statements.TOUCH_RESIDENTS) if keyed + changed else 0
    if undone + touched:
        run.plan_for(fresh + changed, "identity_touched")
        run.row(statements.LOCK_RESIDENTS)
    if undone:
        run.count(statements.MERGE_LEFT_RESIDENTS)
    if touched:
        run.count(statements.FOLLOW_TOUCHED)
    run.count(statements.NOTE_UNMATCHED)
    return Registered(created, changed, linked, undone, residents)


class _Run:
    """One call's statements on one connection, sharing their parameters.

    psycopg keeps plans for calls with a few rows only: a plan for one row is a disaster for a million.
    """

    def __init__(self, connection: Connection, source: Source, parameters: Mapping[str, Any]) -> None:
        self._cursor = connection.cursor()
        self._parameters = {**_beginnings_of_ids(), **parameters, **source.parameters}
        self._keep_plans = bool(source.parameters)

    def clear(self, workspace: LiteralString) -> None:
        """Make sure that the session has its temporary tables, with nothing left of an earlier call."""
        (size,) = self.row(statements.WORKSPACE_SIZE)
        if size is None:
            self._cursor.execute(statements.WORKSPACE)
        else:
            self._cursor.execute(statements.CLEAR_MUCH if size > MUCH else workspace)

    def plan_for(self, rows: int, table: str) -> None:
        """Choose how to plan, now that it is known how much there is to do."""
        self._keep_plans = rows <= FEW
        if rows > FEW:
            self._cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(table)))

    def count(self, statement: LiteralString) -> int:
        """Execute and return how many rows were written."""
        return self._execute(statement).rowcount

    def row(self, statement: LiteralString | sql.Composed) -> tuple:
        """Execute and return the one row of the result."""
        (row,) = self._execute(statement).fetchall()
        return row

    def _execute(self, statement: LiteralString | sql.Composed) -> Cursor:
        return self._cursor.execute(statement, self._parameters, prepare=None if self._keep_plans else False)


def _as_json(batches: Mapping[int, UUID] | None) -> Jsonb:
    return Jsonb({str(institution_id): str(batch_id) for institution_id, batch_id in (batches or {}).items()})


def _beginnings_of_ids() -> dict[str, Any]:
    """Return what the ids of one call share: their first half, and per table where the second half begins to count."""
    starts = {kind: secrets.randbits(61) - (1 << 63) for kind in ("patients", "residents", "identifiers", "links")}
    return {"prefix": uuid7().hex[:16], **starts}
