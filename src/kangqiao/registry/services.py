"""The verbs of the registry: bringing institutions, departments and staff in, one or a workbook of them."""

import tempfile
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from kangqiao.registry.errors import AlreadyConfirmed, Fault, RegistryRefused
from kangqiao.registry.models import Department, Import, Institution, Staff
from kangqiao.registry.queries import divisions_on
from kangqiao.registry.rows import (
    DEPARTMENTS,
    INSTITUTIONS,
    STAFF,
    DepartmentRow,
    InstitutionRow,
    Placed,
    StaffRow,
    circular,
)
from kangqiao.registry.workbook import Brought, read_workbook
from kangqiao.trust.actions import Action
from kangqiao.trust.actors import Actor
from kangqiao.trust.audit import record_act
from kangqiao.trust.permissions import Permission


@dataclass(frozen=True, slots=True)
class Change:
    """What rows of one kind do to the registry: how many are new, different, and already as they are brought."""

    created: int = 0
    changed: int = 0
    same: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """What a workbook would do: changes by sheet title, or the faults for which nothing is done."""

    changes: dict[str, Change]
    faults: tuple[Fault, ...]


def register_institution(*, actor: Actor, **given: Any) -> Institution:
    """Create or change one institution, given the fields of `InstitutionRow`, and return it.

    Raises `RegistryRefused` when its division or parent is unknown.
    """
    row = InstitutionRow(**given)
    register(actor=actor, institutions=[row])
    return Institution.objects.get(code=row.code)


def register(
    *,
    actor: Actor,
    institutions: Sequence[InstitutionRow] = (),
    departments: Sequence[DepartmentRow] = (),
    staff: Sequence[StaffRow] = (),
) -> dict[str, Change]:
    """Create or change all of these, or none: raises `RegistryRefused`. Return the changes by sheet title."""
    brought = Brought(
        {
            sheet.title: [Placed(number, row) for number, row in enumerate(rows, 1)]
            for sheet, rows in ((INSTITUTIONS, institutions), (DEPARTMENTS, departments), (STAFF, staff))
        }
    )
    return _store(brought, actor, None)


def import_registry(*, path: Path, actor: Actor) -> dict[str, Change]:
    """Store a filled-in workbook, all of it or nothing. Return the changes by sheet title.

    Raises `WorkbookUnreadable` for what is no workbook, `RegistryRefused` with every fault.
    """
    actor.require(Permission.REGISTRY_IMPORT)
    return _store(read_workbook(path), actor, None)


def keep_import(*, content: bytes, actor: Actor) -> Import:
    """Keep a workbook for a look at what it would do; nothing in the registry changes yet."""
    actor.require(Permission.REGISTRY_IMPORT)
    return Import.objects.create(content=content, actor_id=actor.id)


def preview_import(kept: Import) -> Preview:
    """Return what the workbook would do now. Raises `WorkbookUnreadable`."""
    brought = _read(kept)
    faults = (*brought.faults, *_unknown(brought))
    changes = {title: change for title, _, change in _differences(brought)} if not faults else {}
    return Preview(changes, faults)


def confirm_import(*, import_id: UUID, actor: Actor) -> dict[str, Change]:
    """Store the kept workbook, all of it or nothing. Raises `AlreadyConfirmed`, `RegistryRefused`."""
    actor.require(Permission.REGISTRY_IMPORT)
    with transaction.atomic():
        kept = Import.objects.select_for_update().get(id=import_id)
        if kept.confirmed_at:
            raise AlreadyConfirmed
        kept.confirmed_at = timezone.now()
        kept.save(update_fields=["confirmed_at"])
        return _store(_read(kept), actor, kept.id)


def _read(kept: Import) -> Brought:
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(kept.content)
        file.flush()
        return read_workbook(Path(file.name))


def _store(brought: Brought, actor: Actor, import_id: UUID | None) -> dict[str, Change]:
    actor.require(Permission.REGISTRY_IMPORT)
    with transaction.atomic():
        faults = [*brought.faults, *_unknown(brought)]
        if faults:
            raise RegistryRefused(faults)
        changes = {}
        for title, rows, change in _differences(brought):
            _WRITE[title](rows)
            changes[title] = change
        record_act(
            actor=actor,
            action=Action.REGISTRY_IMPORT,
            object_kind="import",
            object_id=import_id,
            detail={title: [change.created, change.changed, change.same] for title, change in changes.items()},
        )
    return changes


# -- what the rows refer to --------------------------------------------------------------------------------------------


def _unknown(brought: Brought) -> list[Fault]:
    """Return the rows that refer to a division, institution or department that neither exists nor is brought."""
    institutions, departments, staff = (brought.rows[sheet.title] for sheet in (INSTITUTIONS, DEPARTMENTS, STAFF))
    parents = dict(Institution.objects.values_list("code", "parent__code"))
    parents |= {placed.row.code: placed.row.parent_code for placed in institutions}
    parents |= dict.fromkeys(brought.named[INSTITUTIONS.title] - parents.keys())
    places = set(divisions_on(date.max).values_list("stats_code", flat=True))
    sections = set(Department.objects.values_list("institution__code", "code"))
    sections |= {placed.row.key for placed in departments} | brought.named[DEPARTMENTS.title]
    return [
        *_not_among(INSTITUTIONS.title, "所在区划", institutions, places, lambda row: row.division_code),
        *_not_among(INSTITUTIONS.title, "上级机构代码", institutions, parents, lambda row: row.parent_code),
        *circular(institutions, parents),
        *_not_among(DEPARTMENTS.title, "机构代码", departments, parents, lambda row: row.institution_code),
        *_not_among(STAFF.title, "机构代码", staff, parents, lambda row: row.institution_code),
        *_not_among(STAFF.title, "科室代码", staff, sections, _section),
    ]


def _section(row: StaffRow) -> tuple[str, str] | None:
    return (row.institution_code, row.department_code) if row.department_code else None


def _not_among(
    sheet: str, column: str, rows: Iterable[Placed], known: Container[Any], refer: Callable[[Any], Any]
) -> list[Fault]:
    faults = []
    for placed in rows:
        named = refer(placed.row)
        if named is not None and named not in known:
            found = named if isinstance(named, str) else named[-1]
            faults.append(Fault(sheet, placed.number, column, "已登记的，或在本工作簿中的", found))
    return faults


# -- what the rows change ----------------------------------------------------------------------------------------------


def _differences(brought: Brought) -> list[tuple[str, list[Any], Change]]:
    """Return, sheet by sheet, the rows that are new or differ from what is stored, and how many."""
    stored: dict[str, Callable[[], dict[Any, Any]]] = {
        INSTITUTIONS.title: _stored_institutions,
        DEPARTMENTS.title: _stored_departments,
        STAFF.title: _stored_staff,
    }
    differences = []
    for title, placed in brought.rows.items():
        before, rows = stored[title](), [_whole(each.row) for each in placed]
        new = [row for row in rows if row.key not in before]
        changed = [row for row in rows if row.key in before and row != before[row.key]]
        change = Change(len(new), len(changed), len(rows) - len(new) - len(changed))
        differences.append((title, [*new, *changed], change))
    return differences


def _whole(row: Any) -> Any:
    """Return the row with what is not filled in and has an obvious value."""
    return replace(row, short_name=row.short_name or row.name) if isinstance(row, InstitutionRow) else row


def _stored_institutions() -> dict[Any, InstitutionRow]:
    plain = [each.name for each in fields(InstitutionRow) if each.name != "parent_code"]
    rows = Institution.objects.annotate(parent_code=models.F("parent__code")).values(*plain, "parent_code")
    return {row["code"]: InstitutionRow(**row) for row in rows}


def _stored_departments() -> dict[Any, DepartmentRow]:
    of = models.F("institution__code")
    rows = Department.objects.values("code", "name", "specialty", "active", institution_code=of)
    return {(row["institution_code"], row["code"]): DepartmentRow(**row) for row in rows}


def _stored_staff() -> dict[Any, StaffRow]:
    of, section = models.F("institution__code"), models.F("department__code")
    plain = ("code", "name", "kind", "title", "valid")
    rows = Staff.objects.values(*plain, institution_code=of, department_code=section)
    return {(row["institution_code"], row["code"]): StaffRow(**row) for row in rows}


def _write_institutions(rows: Sequence[InstitutionRow]) -> None:
    """Write the institutions first and their parents then: both may be new."""
    plain = [each.name for each in fields(InstitutionRow) if each.name != "parent_code"]
    written = [Institution(**{name: getattr(row, name) for name in plain}) for row in rows]
    _upsert(Institution, written, key=["code"], rest=[name for name in plain if name != "code"])
    ids = dict(Institution.objects.values_list("code", "id"))
    placed = [
        Institution(id=ids[row.code], parent_id=ids[row.parent_code] if row.parent_code else None) for row in rows
    ]
    Institution.objects.bulk_update(placed, ["parent"], batch_size=1000)


def _write_departments(rows: Sequence[DepartmentRow]) -> None:
    ids = dict(Institution.objects.values_list("code", "id"))
    written = [
        Department(
            institution_id=ids[row.institution_code],
            code=row.code,
            name=row.name,
            specialty=row.specialty,
            active=row.active,
        )
        for row in rows
    ]
    _upsert(Department, written, key=["institution", "code"], rest=["name", "specialty", "active"])


def _write_staff(rows: Sequence[StaffRow]) -> None:
    ids = dict(Institution.objects.values_list("code", "id"))
    sections: dict[tuple[str, str | None], Any] = {
        (of, code): id for of, code, id in Department.objects.values_list("institution__code", "code", "id")
    }
    written = [
        Staff(
            institution_id=ids[row.institution_code],
            code=row.code,
            name=row.name,
            kind=row.kind,
            title=row.title,
            department_id=sections.get((row.institution_code, row.department_code)),
            valid=row.valid,
        )
        for row in rows
    ]
    _upsert(Staff, written, key=["institution", "code"], rest=["name", "kind", "title", "department", "valid"])


def _upsert(model: type[models.Model], rows: list[Any], *, key: list[str], rest: list[str]) -> None:
    model._default_manager.bulk_create(
        rows, batch_size=1000, update_conflicts=True, unique_fields=key, update_fields=rest
    )


_WRITE: dict[str, Callable[[Any], None]] = {
    INSTITUTIONS.title: _write_institutions,
    DEPARTMENTS.title: _write_departments,
    STAFF.title: _write_staff,
}
