"""病案首页 and 出院小结: what is written when a stay ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import HOUR, Life, codes, facts_column, part_keys, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet, stack, take

SHARES = {
    "western_drugs": 0.29,
    "laboratory": 0.17,
    "imaging": 0.12,
    "surgical": 0.1,
    "general_service": 0.06,
    "general_treatment": 0.07,
    "nursing": 0.08,
    "treatment_material": 0.06,
}
"""How a bill is shared out, the rest being other costs."""

IN_TRADITION = {
    "herbs": ("western_drugs", 0.35),
    "patent_medicines": ("western_drugs", 0.2),
    "tcm_treatment": ("general_treatment", 0.6),
    "tcm_differentiation": ("general_service", 0.25),
}
"""What a hospital of traditional medicine gives instead: a share of another part of the bill."""

TRADITIONAL_HOSPITALS = ("city_tcm", "county_tcm")

SUMMARY = "C0053"
SECTIONS = ("10154-3", "11535-2", "8648-8", "8653-8")
COURSE = "入院后完善相关检查，予对症支持治疗，病情好转。"
ADVICE = "注意休息，按时服药，一周后门诊复查，不适随诊。"
AFTER = 20 * HOUR
DEAD = "5"
"""离院方式代码 CV06.00.226: the dead have no discharge summary."""

Described = Callable[[Sheet, np.ndarray, np.ndarray], dict[str, Column]]


def discharges(life: Life, stays: Sheet, diagnoses: Sheet, operations: Sheet) -> list[Sheet]:
    """Return front pages with their diagnoses and operations, and discharge summaries, of those who have left."""
    stays = ended(stays)
    return [
        _front_pages(life, stays, diagnoses, operations),
        _with_tradition(_diagnoses(stays, diagnoses), _traditional(life, stays), stays),
        _operations(stays, operations),
        *_summaries(stays.take(np.flatnonzero(~says(stays.columns["leaving"], DEAD))), diagnoses),
    ]


def ended(stays: Sheet) -> Sheet:
    """Return the stays of those who have left, in the order of their keys."""
    stays = stays.take(np.flatnonzero(~np.isnat(stays.columns["discharged"])))
    return stays.take(np.argsort(stays.keys.numbers, kind="stable"))


def _page_keys(numbers: np.ndarray) -> Keys:
    return Keys("BA", numbers, 10)


def _shared_out(stays: Sheet, operations: Sheet) -> dict[str, np.ndarray]:
    """Return the bill of each stay in parts (fen), an operation's only where there was one."""
    cents = np.round(stays.columns["total_cost"] * 100).astype(np.int64)
    parts = {name: cents * round(share * 100) // 100 for name, share in SHARES.items()}
    parts["surgical"] *= np.isin(stays.keys.numbers, operations.columns["encounter"].numbers)
    parts["other_cost"] = cents - np.sum(list(parts.values()), axis=0)
    return parts


def _traditional(life: Life, stays: Sheet) -> np.ndarray:
    """Say which stays were at a hospital of traditional medicine, whose front page has a form of its own."""
    kinds = np.array([one.kind in TRADITIONAL_HOSPITALS for one in life.institutions.each])
    return kinds[stays.institution]


def _tradition_of(codes_of_disease: Pick) -> np.ndarray:
    """Return the line of ``tcm_diagnoses.csv`` for diagnoses of ICD-10, by chapter letter; -1 where there is none."""
    known = {letter: line for line, letter in enumerate(facts("tcm_diagnoses")["chapter"])}
    lines = [known.get((code or "")[:1], -1) for code in codes_of_disease.words.to_pylist()]
    return np.array([*lines, -1])[codes_of_disease.index]


def _main_tradition(stays: Sheet, diagnoses: Sheet) -> np.ndarray:
    """Return for every stay the line of ``tcm_diagnoses.csv`` that its main diagnosis has."""
    mains = _diagnoses(stays, diagnoses)
    mains = mains.take(np.flatnonzero(mains.columns["main"]))
    lines = np.full(len(stays), -1)
    place = np.searchsorted(stays.keys.numbers, mains.columns["front_page"].numbers)
    lines[place] = _tradition_of(mains.columns["disease"])
    return lines


def _front_pages(life: Life, stays: Sheet, diagnoses: Sheet, operations: Sheet) -> Sheet:
    stay, count = stays.columns, len(stays)
    parts, traditional = _shared_out(stays, operations), _traditional(life, stays)
    instead: dict[str, Column] = {}
    for name, (whole, share) in IN_TRADITION.items():
        moved = np.where(traditional, parts[whole] * round(share * 100) // 100, 0)
        if name != "tcm_differentiation":  # it is said beside the part it belongs to, not instead of it
            parts[whole] = parts[whole] - moved
        instead[name] = np.where(traditional, moved / 100, np.nan)
    money: dict[str, Column] = {name: part / 100 for name, part in parts.items()} | instead
    tradition = np.where(traditional, _main_tradition(stays, diagnoses), -1)
    dead = says(stay["leaving"], DEAD)
    kept = ("payment", "times", "number", "record_number", "route", "admitted", "admission_department")
    more = ("discharged", "discharge_department", "days", "leaving", "receiver", "attending_doctor", "resident_doctor")
    person = stays.person - life.people.number[0]
    return Sheet(
        "front-page",
        stays.person,
        stays.institution,
        stays.patient,
        _page_keys(stays.keys.numbers),
        stays.revised + AFTER,
        {
            "encounter": stays.keys,
            "encounter_kind": same(count, "3"),
            "kind": codes(traditional.astype(int), "1", "2"),
            "treatment_kind": codes(np.where(traditional, stays.keys.numbers % 3 // 2, -1), "3", "1"),
            "outpatient_tcm_disease_name": facts_column("tcm_diagnoses", "disease", tradition),
            "outpatient_tcm_syndrome_name": facts_column("tcm_diagnoses", "syndrome", tradition),
            "tcm_technique": codes(np.where(traditional, stays.keys.numbers % 2, -1), "T", "F"),
            "tcm_nursing": codes(np.where(traditional, 0, -1), "T"),
            **{name: stay[name] for name in (*kept, *more)},
            "abo": codes(life.people.abo[person], "1", "2", "3", "4", "5"),
            "rh": codes(life.people.rh[person], "1", "2", "3", "4"),
            "clinical_pathway": codes((stays.keys.numbers % 5 > 1).astype(int), "2", "3"),
            "autopsy": codes(np.where(dead, 0, -1), "F"),
            "quality": codes((stays.keys.numbers % 20 == 0).astype(int), "1", "2"),
            "quality_checked": stay["discharged"].astype("datetime64[D]") + 1,
            "total_cost": stay["total_cost"],
            "self_paid": stay["self_paid"],
            **money,
            "antibacterials": (parts["western_drugs"] // 5) / 100,
        },
    )


def says(column: Pick, word: str) -> np.ndarray:
    """Say in which rows a column of words holds a word."""
    words = column.words.to_pylist()
    return column.index == words.index(word) if word in words else np.zeros(len(column.index), dtype=bool)


def of_stays(data_set: str, *, stays: Sheet, parts: Sheet, pages: Keys, prefix: str, columns: Described) -> Sheet:
    """Return the numbered lines of what stays are summed up in, made of rows that name their stay.

    ``stays`` are in the order of their keys, ``pages`` the keys of what sums each of them up. ``columns`` describes
    lines by the rows they are made of, the rows of their stays and the number of each in its page, from 0.
    """
    numbers = parts.columns["encounter"].numbers
    place = np.searchsorted(stays.keys.numbers, numbers).clip(max=max(len(stays) - 1, 0))
    rows = np.flatnonzero(stays.keys.numbers[place] == numbers) if len(stays) else np.zeros(0, np.int64)
    parts, place = parts.take(rows), place[rows]
    order = np.argsort(place, kind="stable")
    parts, place = parts.take(order), place[order]
    rank = np.arange(len(parts)) - np.searchsorted(place, place)
    return Sheet(
        data_set,
        parts.person,
        parts.institution,
        parts.patient,
        part_keys(prefix, take(pages, place), rank),
        stays.revised[place] + AFTER,
        {"sequence": rank + 1, **columns(parts, place, rank)},
    )


def _diagnoses(stays: Sheet, diagnoses: Sheet) -> Sheet:
    pages = _page_keys(stays.keys.numbers)

    def described(parts: Sheet, stay: np.ndarray, rank: np.ndarray) -> dict[str, Column]:
        return {
            "front_page": take(pages, stay),
            "discharged": stays.columns["discharged"][stay],
            "main": rank == 0,
            "disease": parts.columns["code"],
            "disease_name": parts.columns["code_name"],
            "admission_condition": codes(np.where(rank == 0, 0, 1), "1", "4"),
        }

    return of_stays("front-page-diagnosis", stays=stays, parts=diagnoses, pages=pages, prefix="BZ", columns=described)


def _with_tradition(lines: Sheet, traditional: np.ndarray, stays: Sheet) -> Sheet:
    """Return the diagnoses of front pages and, behind those of a traditional page, its 主病 and 主证.

    They have names only: hospitals in the field have rarely mapped them to GB/T 15657.
    """
    page = np.searchsorted(stays.keys.numbers, lines.columns["front_page"].numbers)
    count = np.bincount(page, minlength=len(stays))
    tradition = _tradition_of(lines.columns["disease"])
    mains = np.flatnonzero(lines.columns["main"] & traditional[page] & (tradition >= 0))
    plain = {"tcm_role": codes(np.full(len(lines), -1), "1"), "tcm_disease_name": codes(np.full(len(lines), -1), "")}
    sheets = [lines.with_columns(**plain)]
    for number, column in enumerate(("disease", "syndrome")):
        main, rank = lines.take(mains), count[page[mains]] + number
        none = Pick(np.full(len(mains), -1, dtype=np.int32), main.columns["disease"].words)
        columns = {
            "sequence": rank + 1,
            "main": np.zeros(len(mains), dtype=bool),
            "disease": none,
            "disease_name": replace(none, words=main.columns["disease_name"].words),
            "tcm_role": codes(np.full(len(mains), number), "1", "2"),
            "tcm_disease_name": facts_column("tcm_diagnoses", column, tradition[mains]),
        }
        keys = part_keys("BZ", _page_keys(stays.keys.numbers[page[mains]]), rank)
        sheets.append(replace(main, keys=keys, columns=main.columns | columns))
    return stack(sheets)


def _operations(stays: Sheet, operations: Sheet) -> Sheet:
    pages = _page_keys(stays.keys.numbers)
    same_name = ("code", "code_name", "level", "incision", "healing", "anaesthesia", "surgeon", "first_assistant")

    def described(parts: Sheet, stay: np.ndarray, rank: np.ndarray) -> dict[str, Column]:
        done = parts.columns
        return {
            "front_page": take(pages, stay),
            "performed": done["begun"],
            **{name: done[name] for name in same_name},
        }

    return of_stays("front-page-operation", stays=stays, parts=operations, pages=pages, prefix="BS", columns=described)


def _summaries(stays: Sheet, diagnoses: Sheet) -> list[Sheet]:
    count, stay = len(stays), stays.columns
    written = stay["discharged"] - HOUR // 2
    keys = Keys("WS", stays.keys.numbers, 10)
    document = Sheet(
        "clinical-document",
        stays.person,
        stays.institution,
        stays.patient,
        keys,
        stays.revised,
        {
            "encounter": stays.keys,
            "encounter_kind": same(count, "3"),
            "kind": same(count, SUMMARY),
            "document_title": same(count, "出院小结"),
            "number": keys,
            "written": written,
            "author": stay["attending_doctor"],
            "signed": written + 600,
            "signer": stay["attending_doctor"],
            "department": stay["discharge_department"],
            "status": same(count, "2"),
        },
    )
    mains = _diagnoses(stays, diagnoses)
    mains = mains.take(np.flatnonzero(mains.columns["main"]))
    with_main = np.searchsorted(stays.keys.numbers, mains.columns["front_page"].numbers)
    everyone = np.arange(count)
    texts = (
        (everyone, stay["chief_complaint"]),
        (with_main, mains.columns["disease_name"]),
        (everyone, same(count, COURSE)),
        (everyone, same(count, ADVICE)),
    )
    sections = [
        Sheet(
            "document-section",
            stays.person[rows],
            stays.institution[rows],
            stays.patient[rows],
            part_keys("WZ", take(keys, rows), np.full(len(rows), number)),
            stays.revised[rows],
            {
                "document": take(keys, rows),
                "written": written[rows],
                "sequence": np.full(len(rows), number + 1),
                "section": same(len(rows), SECTIONS[number]),
                "text": text,
            },
        )
        for number, (rows, text) in enumerate(texts)
    ]
    return [document, stack(sections)]
