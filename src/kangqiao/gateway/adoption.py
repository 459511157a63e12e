"""Results that were sent before the report that lists them.

An analyte sent alone is a report of one. When a report arrives that lists it, its rows move into that report and the
report of one is voided; when the analyte is sent again later, it stays where it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.raw_cursor import RawCursor

from kangqiao.formats.fhir.mapping import declarations
from kangqiao.records.versions import columns, merge_of
from kangqiao.standards.data_set import DataSet

if TYPE_CHECKING:
    from kangqiao.gateway.writes import Write

ASKED = """
    unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[])
    AS asked(institution_id, patient_id, report, adopted, batch_id, at)"""


@cache
def pairs() -> tuple[tuple[type[DataSet], type[DataSet], str], ...]:
    """Return (detail, report, link column) of the data sets that adopt."""
    adopting = {data_set for found in declarations().values() for data_set, declared in found if declared.adopts}
    details = {data_set for found in declarations().values() for data_set, _ in found}
    links = ((detail, detail.part_of()) for detail in details)
    return tuple((detail, link.to, link.name) for detail, link in links if link and link.to in adopting)  # type: ignore[misc]


def adopt(cursor: RawCursor[Any], adopting: Iterable[tuple[Write, UUID | None]]) -> None:
    """Move the rows of listed resources into the reports that list them."""
    asked = [
        (write.institution_id, patient, write.key, adopted, write.id, write.received_at)
        for write, patient in adopting
        if patient
        for adopted in dict.fromkeys(write.adopts)
    ]
    if not asked:
        return
    parameters = [list(column) for column in zip(*asked, strict=True)]
    for detail, report, link in pairs():
        for data_set in (detail, report):
            cursor.execute(merge_of(data_set).create)
            cursor.execute(f"DELETE FROM {merge_of(data_set).arriving}")
        moved = cursor.execute(_move_sql(detail, link), parameters).rowcount
        if moved:
            cursor.execute(_void_report_of_one_sql(detail, report, link), parameters)
            for data_set in (detail, report):
                cursor.execute(merge_of(data_set).changed)


def keep_adopted(cursor: RawCursor[Any], arriving: set[type[DataSet]]) -> None:
    """Let rows that arrive again stay in the report that adopted them."""
    for detail, report, link in pairs():
        if detail in arriving and report in arriving:
            cursor.execute(_stay_sql(detail, report, link))
            cursor.execute(_drop_report_of_one_sql(detail, report, link))


def _taken(data_set: type[DataSet], **replaced: str) -> str:
    listed = ", ".join(f'"{name}"' for name in columns(data_set))
    values = ", ".join(replaced.get(name, f't."{name}"') for name in columns(data_set))
    return f"INSERT INTO {merge_of(data_set).arriving} ({listed}) SELECT {values}"


_NEWER = {"revised_at": "asked.at", "received_at": "asked.at", "batch_id": "asked.batch_id"}


@cache
def _move_sql(detail: type[DataSet], link: str) -> str:
    return f"""
        {_taken(detail, **{link: "asked.report"}, **_NEWER)}
          FROM {ASKED}
          JOIN {detail.table()} t ON t.patient_id = asked.patient_id AND t.institution_id = asked.institution_id
               AND (t.source_key = asked.adopted OR starts_with(t.source_key, asked.adopted || '#'))
         WHERE t.{link} = asked.adopted AND NOT t.voided"""


@cache
def _void_report_of_one_sql(detail: type[DataSet], report: type[DataSet], link: str) -> str:
    return f"""
        {_taken(report, voided="true", **_NEWER)}
          FROM {ASKED}
          JOIN {report.table()} t ON t.institution_id = asked.institution_id AND t.source_key = asked.adopted
         WHERE NOT t.voided AND EXISTS (
               SELECT FROM {merge_of(detail).arriving} a
                WHERE a.institution_id = t.institution_id AND a.{link} = asked.report
                  AND (a.source_key = t.source_key OR starts_with(a.source_key, t.source_key || '#')))"""


@cache
def _stay_sql(detail: type[DataSet], report: type[DataSet], link: str) -> str:
    return f"""
        UPDATE {merge_of(detail).arriving} a SET {link} = t.{link} FROM {detail.table()} t
         WHERE t.institution_id = a.institution_id AND t.source_key = a.source_key AND NOT t.voided
           AND a.{link} = split_part(a.source_key, '#', 1) AND t.{link} <> a.{link}
           AND EXISTS (SELECT FROM {report.table()} r
                        WHERE r.institution_id = t.institution_id AND r.source_key = t.{link} AND NOT r.voided)"""


@cache
def _drop_report_of_one_sql(detail: type[DataSet], report: type[DataSet], link: str) -> str:
    return f"""
        DELETE FROM {merge_of(report).arriving} a
         WHERE EXISTS (SELECT FROM {merge_of(detail).arriving} d
                        WHERE d.institution_id = a.institution_id AND d.{link} <> a.source_key
                          AND split_part(d.source_key, '#', 1) = a.source_key)"""
