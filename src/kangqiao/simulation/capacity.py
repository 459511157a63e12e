"""床位, 设备 and 人员执业资格: what institutions work with."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.draws import below, repeated, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institution_sheets import Premises, sheet_of
from kangqiao.simulation.institutions import titles
from kangqiao.simulation.life import codes, facts_column, same
from kangqiao.simulation.registry_workbook import work_of
from kangqiao.simulation.sheets import Keys, Pick, Sheet, digits

FEWEST_BEDS, SPARE = 2, 1.15
OVERFULL = 0.08
"""Share of departments that have set up more beds than they may."""

BED_KINDS = {"0502": "4", "0701": "3", "1600": "5", "1603": "5", "1604": "5", "1700": "5", "2000": "6"}
"""Departments whose beds are of their own kind, KQ.bed-kind."""

PHYSICIAN, NURSE, TECHNICIAN, VILLAGE_DOCTOR = 0, 1, 2, 3
LICENCES = {
    "医师": PHYSICIAN,
    "公共卫生人员": PHYSICIAN,
    "护士": NURSE,
    "医技人员": TECHNICIAN,
    "乡村医生": VILLAGE_DOCTOR,
}
SCOPES = {
    "5": "中医专业",
    "12": "口腔专业",
    "01": "公共卫生类别专业",
    "05": "妇产科专业",
    "07": "儿科专业",
    "04": "外科专业",
}
MULTI_SITE = 0.05
EXPIRED = 0.01


def open_beds(premises: Premises) -> tuple[np.ndarray, np.ndarray]:
    """Return (departments with beds of these institutions, beds set up in each): enough for their fullest day."""
    departments = premises.city.institutions.departments
    own = np.flatnonzero(departments.wards & np.isin(departments.institution, premises.reporting))
    fullest = premises.activity.beds[own].max(axis=1)
    return own, np.maximum(FEWEST_BEDS, np.ceil(SPARE * fullest)).astype(np.int64)


def beds(premises: Premises) -> Sheet:
    """Return the beds of every department at the ends of the reported months."""
    calendar, departments = premises.city.calendar, premises.city.institutions.departments
    own, opened = open_beds(premises)
    place, month = (part.ravel() for part in np.indices((len(own), len(calendar.month_ends))))
    day, department, opened = calendar.month_ends[month], own[place], opened[place]
    overfull = steady_uniform(department, 51) < OVERFULL
    fields = facts("departments")["code"]
    kind = np.array([BED_KINDS.get(code, "1") for code in fields], dtype=object)
    since = (day - calendar.reported_days[0]).astype(np.int64)
    return sheet_of(
        "bed-count",
        departments.institution[department],
        Keys("CW", department * 100_000 + calendar.reported_months[month].astype(np.int64), 10),
        day,
        counted=day,
        department_code=Pick(department, departments.codes).compact(),
        department=Pick(department, departments.names).compact(),
        kind=Pick.of(departments.field[department], kind),
        authorised=np.where(overfull, opened - 1, np.ceil(opened * 1.05).astype(np.int64)),
        open=opened,
        occupied=premises.activity.beds[department, since],
        extra=np.zeros(len(day), np.int64),
        reserved=opened // 10,
    )


def equipment(premises: Premises) -> Sheet:
    """Return the devices of these institutions by their kind, as equipment.csv lists them."""
    table, institutions = facts("equipment"), premises.reporting
    kinds = [words.split() for words in table["kinds"]]
    has = np.array([[kind in words for words in kinds] for kind in premises.kinds(institutions)])
    place, row = np.nonzero(has.reshape(len(institutions), len(table)))
    owner, rank = repeated(table.numbers("count")[row].astype(np.int64))
    institution, row = institutions[place[owner]], row[owner]
    number = row * 100 + rank + 1
    last = premises.city.calendar.last
    bought = last - 120 - below(3400, institution, number, 52)
    state = np.searchsorted([0.93, 0.96, 0.98], steady_uniform(institution, number, 53))
    inspected = np.maximum(last - 20 - below(330, institution, number, 54), bought + 30)
    code = table.numbers("large").astype(np.int64)[row]
    return sheet_of(
        "equipment",
        institution,
        Keys("SB", number, 5),
        np.full(len(row), last - 70),
        number=Keys("", institution * 100_000 + number, 9),
        device=facts_column("equipment", "device", row),
        kind=facts_column("equipment", "kind", row),
        model=facts_column("equipment", "model", row),
        origin=facts_column("equipment", "origin", row),
        serial=Keys("SN", below(10**9, institution, number, 55), 9),
        large=facts_column("equipment", "large", row),
        licence=Keys("乙", np.where(code == 2, institution * 1000 + row, -1), 8),
        value=np.round(table.numbers("value")[row] * (0.9 + 0.2 * steady_uniform(institution, number, 56)), -2),
        bought=bought,
        in_use=bought + 25,
        department=_department_names(premises, institution, row),
        state=codes(state, "1", "3", "2", "4"),
        scrapped=np.where(state == 3, last - 80, np.datetime64("NaT")),
        inspected=inspected,
        inspection_due=inspected + 365,
    )


def _department_names(premises: Premises, institution: np.ndarray, row: np.ndarray) -> Pick:
    """Return the departments that use the devices; none where equipment.csv names none."""
    words, fields = facts("equipment")["department"], facts("departments")
    known = {code: place for place, code in enumerate(fields["code"])}
    field = np.array([known.get(word, -1) for word in words])[row]
    built = premises.city.institutions
    return Pick(np.where(field < 0, -1, built.treating[institution, field]), built.departments.names).compact()


def licences(premises: Premises) -> Sheet:
    """Return what every member of the staff of these institutions may do."""
    city, staff, fields = premises.city, premises.city.institutions.staff, facts("departments")["code"]
    institution = city.institutions.departments.institution[staff.department]
    person = np.flatnonzero(np.isin(institution, premises.institutions))
    institution, field = institution[person], city.institutions.departments.field[staff.department[person]]
    kind, rank = _licence_kinds(premises, institution, fields[field], person), staff.titles[person]
    last = city.calendar.last
    registered = last - 400 - below(3000, person, 57)
    renewed = last + below(1700, person, 58) + 40
    until = np.where(steady_uniform(person, 59) < EXPIRED, last - 30, renewed)
    several = (kind == PHYSICIAN) & (steady_uniform(person, 60) < MULTI_SITE)
    prescribes = np.isin(kind, (PHYSICIAN, VILLAGE_DOCTOR))
    return sheet_of(
        "staff-licence",
        institution,
        Keys("ZY", person, 7),
        np.full(len(person), last - 70),
        staff_number=Pick(person, staff.codes).compact(),
        staff=premises.staff(person),
        kind=codes(kind, "1", "3", "5", "6"),
        qualification=digits(2_000_530_000_000_000 + person * 37, 16),
        number=_licence_numbers(kind, person),
        category=_categories(kind, fields[field]),
        scope=_scopes(kind, fields[field]),
        title_name=Pick(rank, titles()).compact(),
        registered=registered,
        valid_until=np.where(np.isin(kind, (NURSE, VILLAGE_DOCTOR)), until, np.datetime64("NaT")),
        state=same(len(person), "1"),
        main_place=premises.names(institution),
        multi_site=several,
        other_places=premises.names(np.where(several, _others(premises, institution), -1)),
        prescribes=prescribes,
        prescribes_controlled=(kind == PHYSICIAN) & (rank <= 2),
        antibacterial_class=codes(np.where(kind == PHYSICIAN, np.array([2, 2, 1, 0, 0])[rank], -1), "1", "2", "3"),
    )


def _licence_kinds(premises: Premises, institution: np.ndarray, field: np.ndarray, person: np.ndarray) -> np.ndarray:
    words = titles().to_pylist()
    titled = [words[rank] for rank in premises.city.institutions.staff.titles[person]]
    work = map(work_of, premises.kinds(institution), field, titled)
    return np.array([LICENCES[word] for word in work])


def _licence_numbers(kind: np.ndarray, person: np.ndarray) -> Keys:
    """Return fifteen digits for those who need a licence to practise."""
    return Keys("", np.where(kind == TECHNICIAN, -1, (kind + 1) * 10**14 + 53_090_200_000_000 + person), 15)


def _categories(kind: np.ndarray, field: np.ndarray) -> Pick:
    starts = [("5", 1), ("12", 2), ("01", 3)]
    category = np.array([next((code for start, code in starts if word.startswith(start)), 0) for word in field])
    return codes(np.where(kind == PHYSICIAN, category, -1), "1", "2", "3", "4")


def _scopes(kind: np.ndarray, field: np.ndarray) -> Pick:
    words = ["内科专业", *SCOPES.values()]
    starts = list(SCOPES)
    scope = [next((place for place, start in enumerate(starts, 1) if word.startswith(start)), 0) for word in field]
    return codes(np.where(kind == PHYSICIAN, scope, -1), *words)


def _others(premises: Premises, institution: np.ndarray) -> np.ndarray:
    """Return where else people practise: another of those who report, the same for a whole institution."""
    reporting = premises.city.institutions.reporting
    other = reporting[below(len(reporting), institution, 61)]
    return np.where(other == institution, reporting[0], other)
