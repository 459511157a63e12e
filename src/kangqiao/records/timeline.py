"""The timeline: every head data set of a resident, across institutions, newest first, in one round trip.

The statements are built once from the data set classes; a data set added tomorrow is in them by itself. They go to
PostgreSQL as they are, from Django (psycopg) and from the data plane (asyncpg): only the placeholders differ.

Each table is read through its index on patient and time, at most one page per patient; the patients are those
linked to the resident now.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from kangqiao.records.wording import headline_of
from kangqiao.standards.data_set import Record, data_sets
from kangqiao.standards.fields import Codes, Moment

PAGE: Final = 40
LARGEST_PAGE: Final = 200
ARGUMENTS: Final = (
    "resident_id",
    "institutions",
    "kinds",
    "since",
    "until",
    "before_at",
    "before_id",
    "with_voided",
    "size",
)
"""The arguments of `timeline_sql`, in the order of its placeholders; `counts_sql` takes the first only."""

_LATEST: Final = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
_HIGHEST: Final = UUID(int=(1 << 128) - 1)

Placeholder = Callable[[str], str]


class Place(NamedTuple):
    """Where a page of the timeline ended: the next one goes on behind it."""

    at: dt.datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of a timeline to read; None leaves an element open.

    `kinds` are words of data sets. `since` is included, `until` is not. `before` is where the previous page ended.
    """

    kinds: tuple[str, ...] | None = None
    institutions: tuple[int, ...] | None = None
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    before: Place | None = None
    with_voided: bool = False
    size: int = PAGE

    def arguments(self, resident_id: UUID) -> tuple[Any, ...]:
        """Return the values of `ARGUMENTS`; one row more than the page is asked for, to know whether more follow."""
        before = self.before or Place(_LATEST, _HIGHEST)
        return (
            resident_id,
            None if self.institutions is None else list(self.institutions),
            None if self.kinds is None else list(self.kinds),
            self.since,
            self.until,
            before.at,
            before.id,
            self.with_voided,
            self.size + 1,
        )


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that happened: the row of a head data set, summed up in one line."""

    kind: str
    id: UUID
    patient_id: UUID
    institution_id: int
    institution: str | None
    occurred_at: dt.datetime
    version: int
    voided: bool
    headline: str


@dataclass(frozen=True, slots=True)
class Page:
    """Items newest first, and where the next page begins (None: there is none)."""

    items: tuple[Item, ...]
    next: Place | None


class Count(NamedTuple):
    """How many valid rows of a kind a month holds at an institution, on how many days; `month` is its first day."""

    kind: str
    institution_id: int
    month: dt.date
    rows: int
    days: int


@functools.cache
def heads() -> dict[str, type[Record]]:
    """Return the data sets that stand on the timeline by their word: in the record, and not a detail of another."""
    return {
        word: data_set
        for word, data_set in data_sets().items()
        if issubclass(data_set, Record) and data_set.in_record and data_set.part_of() is None
    }


def numbered(name: str) -> str:
    """Return the placeholder of asyncpg for an argument: `$1`."""
    return f"${ARGUMENTS.index(name) + 1}"


def named(name: str) -> str:
    """Return the placeholder of psycopg for an argument: `%(resident_id)s`."""
    return f"%({name})s"


@functools.cache
def timeline_sql(placeholder: Placeholder, *, along: str = "") -> str:
    """Return the statement of one page; its rows are what `item_of` takes.

    `along` is another statement that runs with it, with placeholders beyond those of `ARGUMENTS`.
    """
    slots = {name: placeholder(name) for name in ARGUMENTS}
    branches = "\nUNION ALL\n".join(_page_branch(data_set).format(**slots) for data_set in heads().values())
    first = f"along AS ({along}), " if along else ""
    return f"""WITH {first}patient AS MATERIALIZED ({_PATIENTS.format(**slots)}
       AND ({slots["institutions"]}::int[] IS NULL OR patient.institution_id = ANY({slots["institutions"]}::int[])))
SELECT item.*, institution.name FROM (SELECT * FROM (
{branches}
) found ORDER BY occurred_at DESC, id DESC LIMIT {slots["size"]}::int) item
LEFT JOIN registry_institution institution ON institution.id = item.institution_id
ORDER BY item.occurred_at DESC, item.id DESC"""


@functools.cache
def counts_sql(placeholder: Placeholder) -> str:
    """Return the statement that counts a resident's rows by kind, institution and month; rows as `Count`."""
    branches = "\nUNION ALL\n".join(_count_branch(data_set) for data_set in heads().values())
    return f"""WITH patient AS MATERIALIZED ({_PATIENTS.format(resident_id=placeholder("resident_id"))})
SELECT kind, institution_id, date_trunc('month', day)::date AS month, count(*)::int, count(DISTINCT day)::int
  FROM (SELECT kind, institution_id, (occurred_at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM (
{branches}
) happened) dated GROUP BY kind, institution_id, month ORDER BY month"""


@functools.cache
def visit_sql() -> str:
    """Return the statement (for psycopg) of what was done in one visit or stay; rows as in `timeline_sql`."""
    branches = "\nUNION ALL\n".join(map(_visit_branch, filter(_names_encounter, heads().values())))
    return f"{branches}\nORDER BY occurred_at, id"


def page_of(rows: Sequence[Sequence[Any]], size: int) -> Page:
    """Return the page that the rows of `timeline_sql` are; `size` as it was wanted."""
    items = tuple(map(item_of, rows[:size]))
    more = len(rows) > size
    return Page(items, Place(items[-1].occurred_at, items[-1].id) if more else None)


def item_of(row: Sequence[Any]) -> Item:
    """Return the item a row of `timeline_sql` is."""
    kind, id, patient_id, institution_id, occurred_at, version, voided, summary, institution = row
    headline = headline_of(heads()[kind]).of(summary)
    return Item(kind, id, patient_id, institution_id, institution, occurred_at, version, voided, headline)


def text_sql(field: Any, alias: str = "t") -> str:
    """Return the SQL that turns a column into text, as `wording.words` reads it."""
    column = f'{alias}."{field.column}"'
    if isinstance(field, Codes):
        return f"array_to_string({column}, '|')"
    if isinstance(field, Moment):
        return f"to_char({column} AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM-DD HH24:MI')"
    return f"{column}::text"


_PATIENTS: Final = """
    SELECT patient.id, patient.institution_id
      FROM identity_link link JOIN identity_patient patient ON patient.id = link.patient_id
     WHERE link.resident_id = {resident_id}::uuid AND link.undone_at IS NULL"""


def _item_columns(data_set: type[Record]) -> str:
    summary = ", ".join(text_sql(field) for field in headline_of(data_set).fields)
    return f"""'{data_set.word}' AS kind, t.id, t.patient_id, t.institution_id, t.occurred_at, t.version, t.voided,
        ARRAY[{summary}]::text[] AS summary"""


def _page_branch(data_set: type[Record]) -> str:
    return f"""(SELECT {_item_columns(data_set)}
   FROM patient CROSS JOIN LATERAL (
        SELECT * FROM {data_set.table()} t
         WHERE t.patient_id = patient.id AND (NOT t.voided OR {{with_voided}}::bool)
           AND ({{kinds}}::text[] IS NULL OR '{data_set.word}' = ANY({{kinds}}::text[]))
           AND t.occurred_at >= coalesce({{since}}::timestamptz, '-infinity')
           AND t.occurred_at < coalesce({{until}}::timestamptz, 'infinity')
           AND (t.occurred_at, t.id) < ({{before_at}}::timestamptz, {{before_id}}::uuid)
         ORDER BY t.occurred_at DESC, t.id DESC LIMIT {{size}}::int) t)"""


def _names_encounter(data_set: type[Record]) -> bool:
    return any(field.name == "encounter" for field in data_set.elements())


def _visit_branch(data_set: type[Record]) -> str:
    return f"""SELECT {_item_columns(data_set)}, NULL::text AS name FROM {data_set.table()} t
 WHERE t.patient_id = %(patient_id)s::uuid AND t.encounter = %(encounter)s::text AND NOT t.voided"""


def _count_branch(data_set: type[Record]) -> str:
    return f"""SELECT '{data_set.word}' AS kind, patient.institution_id, t.occurred_at
  FROM patient JOIN {data_set.table()} t ON t.patient_id = patient.id AND NOT t.voided"""
