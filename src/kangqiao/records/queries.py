"""Reading records with Django. Everything is read at once: nothing is fetched while a page is rendered."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from kangqiao.identity.models import Link
from kangqiao.records.medical_record.models import InpatientStay, LabReport, LabResult, OutpatientEncounter
from kangqiao.records.models import FormerVersion
from kangqiao.records.reading import prepared
from kangqiao.records.timeline import (
    ARGUMENTS,
    Count,
    Item,
    Page,
    Wanted,
    counts_sql,
    item_of,
    named,
    page_of,
    timeline_sql,
    visit_sql,
)
from kangqiao.records.wording import headline_of
from kangqiao.registry.models import Institution
from kangqiao.standards.data_set import DataSet, Record, data_sets
from kangqiao.standards.fields import Link as PartLink

MOST_ROWS: Final = 200
"""How many rows of one data set a tab shows; older ones are on the timeline."""

DETAILS_BEFORE: Final = dt.timedelta(days=366)
"""Details may be dated long before the row they belong to: charges of a stay, settled at its end."""


class Names(NamedTuple):
    """How an institution is called: in full, and where there is little room."""

    full: str
    short: str


def timeline_page(resident_id: UUID, wanted: Wanted) -> Page:
    """Return a page of the resident's timeline."""
    arguments = dict(zip(ARGUMENTS, wanted.arguments(resident_id), strict=True))
    return page_of(prepared(timeline_sql(named), arguments), wanted.size)


def timeline_counts(resident_id: UUID) -> tuple[Count, ...]:
    """Return how many valid rows the resident has, by kind, institution and month, oldest month first."""
    return tuple(Count(*row) for row in prepared(counts_sql(named), {"resident_id": resident_id}))


def abnormal_in(items: Iterable[Item]) -> dict[UUID, int]:
    """Return how many results are flagged as abnormal in each laboratory report among these items that has any."""
    reports = [item.id for item in items if item.kind == LabReport.word]
    return dict(prepared(_ABNORMAL, {"reports": reports})) if reports else {}


_ABNORMAL: Final = f"""
SELECT report.id, count(*)::int
  FROM {LabReport.table()} report JOIN {LabResult.table()} result
    ON result.patient_id = report.patient_id AND result.institution_id = report.institution_id
   AND result.report = report.source_key
 WHERE report.id = ANY(%(reports)s::uuid[]) AND NOT result.voided AND result.abnormal <> 'N'
 GROUP BY report.id"""


def institution_names(ids: Iterable[int]) -> dict[int, Names]:
    """Return the names of institutions by id."""
    known = Institution.objects.filter(id__in=set(ids)).values_list("id", "name", "short_name")
    return {id: Names(name, short) for id, name, short in known}


def rows_of(
    data_set: type[Record],
    patients: Sequence[UUID],
    *names: str,
    since: dt.datetime | None = None,
    most: int = MOST_ROWS,
) -> list[Any]:
    """Return the newest valid rows of a data set about these patients, newest first.

    With names, only these columns are read, besides id, institution and time: a row has dozens of others.
    """
    valid = data_set._default_manager.filter(patient_id__in=patients, voided=False).order_by("-occurred_at", "-id")
    if since:
        valid = valid.filter(occurred_at__gte=since)
    if names:
        return list(valid.values_list("id", "institution_id", "occurred_at", *names, named=True)[:most])
    return list(valid[:most])


def row_of_resident(data_set: type[Record], id: UUID, resident_id: UUID) -> Any | None:
    """Return one row, voided or not, if its patient is linked to the resident now."""
    row = data_set._default_manager.filter(id=id).first()
    linked = row and Link.objects.filter(patient_id=row.patient_id, resident_id=resident_id, undone_at=None)
    return row if linked and linked.exists() else None


def visit_items(row: Any) -> tuple[Item, ...]:
    """Return what was done in a visit or stay, in the order of time; nothing for rows of another kind."""
    if type(row) not in (OutpatientEncounter, InpatientStay):
        return ()
    arguments = {"patient_id": row.patient_id, "encounter": row.source_key}
    return tuple(map(item_of, prepared(visit_sql(), arguments)))


def parts_of(row: Any) -> dict[type[Record], list[Any]]:
    """Return the details of a row by their data set, in the order the institution sent them.

    They are found among the rows of the same patient, whose index serves every view.
    """
    return {
        part: list(_same_patient(part, row).filter(**{link.name: row.source_key}).order_by("source_key"))
        for part, link in part_data_sets(type(row)).items()
    }


def details_of(head: type[DataSet], rows: Sequence[Any]) -> dict[type[Record], dict[tuple[int, str], str]]:
    """Return what the details of these rows are called, by their data set and the key of the row they belong to."""
    patients, since = {row.patient_id for row in rows}, min((row.occurred_at for row in rows), default=None)
    if since is None:
        return {}
    named: dict[type[Record], dict[tuple[int, str], str]] = {}
    for part, link in part_data_sets(head).items():
        name = headline_of(part).fields[0].name
        told = part._default_manager.filter(patient_id__in=patients, voided=False)
        told = told.filter(occurred_at__gte=since - DETAILS_BEFORE).order_by("id")
        names: dict[tuple[int, str], list[str]] = {}
        for institution_id, key, text in told.values_list("institution_id", link.name, name):
            names.setdefault((institution_id, key), []).append(text or "")
        named[part] = {key: "、".join(filter(None, texts)) for key, texts in names.items()}
    return {part: texts for part, texts in named.items() if texts}


def _same_patient(data_set: type[Record], row: Any) -> QuerySet[Any]:
    return data_set._default_manager.filter(patient_id=row.patient_id, institution_id=row.institution_id, voided=False)


def part_data_sets(head: type[DataSet]) -> Mapping[type[Record], PartLink]:
    """Return the data sets whose rows are details of `head`, with the link that says so."""
    return {
        data_set: link
        for data_set in data_sets().values()
        if issubclass(data_set, Record) and (link := data_set.part_of()) and link.to is head
    }


def former_versions(record_id: UUID) -> list[FormerVersion]:
    """Return the former versions of a row, newest first."""
    return list(FormerVersion.objects.filter(record_id=record_id).order_by("-version"))


def by_source_key(data_set: type[DataSet], institution_id: int, source_key: str) -> UUID | None:
    """Return the id of the row an institution knows by this key."""
    rows = data_set._default_manager.filter(institution_id=institution_id, source_key=source_key)
    return rows.values_list("id", flat=True).first()
