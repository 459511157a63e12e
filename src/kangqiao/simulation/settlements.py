"""医疗保障基金结算清单 with its lines, and DIP 分组结果: how the insurance pays for stays that have ended."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.discharges import AFTER, ended, of_stays, says
from kangqiao.simulation.facts import facts
from kangqiao.simulation.life import HOUR, Life, codes, facts_column, part_keys, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet, concatenated, take
from kangqiao.simulation.visits import STAY_DAYS, STAY_DAYS_OF

FEES = ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11")
FEE_OF_CATEGORY = {
    **{"01": "09", "02": "11", "03": "10", "04": "02", "05": "03", "06": "04", "07": "03", "08": "05", "09": "06"},
    "99": "08",
}
"""CV07.10.001 → KQ.settlement-fee; what a ward charges by the day is told by its name."""

FEE_OF_NAME = {"普通床位费": "01", "二级护理": "07"}
INSURED = (1, 2)
UNIT_VALUE = 8.0
BY_THE_DAY, FIXED = 300.0, 700.0
"""What a group is worth: yuan a day of its usual stay, and beside that."""

CONSERVATIVE = "保守治疗"
HIGH, LOW = 2.0, 0.5
UNGROUPED = 0.015


def settlements(
    life: Life, *, stays: Sheet, diagnoses: Sheet, operations: Sheet, charges: Sheet, items: Sheet
) -> list[Sheet]:
    """Return the settlement lists of insured people's stays with fees, diagnoses and operations, and their groups."""
    stays = ended(stays)
    insured = np.isin(life.people.insurance[stays.person - life.people.number[0]], INSURED)
    stays = stays.take(np.flatnonzero(insured))
    charges = charges.take(_places(charges.columns["encounter"].numbers, stays.keys.numbers))
    lists = Keys("QD", stays.keys.numbers, 10)
    return [
        _lists(life, stays, charges, lists),
        _fees(stays, charges, items, lists),
        _diagnoses(stays, charges, diagnoses, lists),
        _operations(stays, operations, lists),
        _groups(life, stays, diagnoses, operations, lists),
    ]


def _places(numbers: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each wanted number stands; every one does."""
    order = np.argsort(numbers, kind="stable")
    return order[np.searchsorted(numbers, wanted, sorter=order)] if len(wanted) else np.zeros(0, np.int64)


def _lists(life: Life, stays: Sheet, charges: Sheet, lists: Keys) -> Sheet:
    stay, paid, count = stays.columns, charges.columns, len(stays)
    kept = ("record_number", "route", "admitted", "admission_department", "discharged", "discharge_department")
    insurance = life.people.insurance[stays.person - life.people.number[0]]
    return Sheet(
        "settlement-list",
        stays.person,
        stays.institution,
        stays.patient,
        lists,
        stays.revised + AFTER,
        {
            "encounter": stays.keys,
            "encounter_kind": same(count, "3"),
            "number": Keys("QD", lists.numbers, 14),
            "front_page": Keys("BA", stays.keys.numbers, 10),
            "insurance": codes(np.searchsorted(INSURED, insurance), "01", "02"),
            "insured_place": same(count, "云南省临沧市"),
            "treatment": same(count, "1"),
            **{name: stay[name] for name in (*kept, "days", "leaving", "receiver")},
            "second_care_days": stay["days"],
            "doctor": stay["attending_doctor"],
            "business_number": charges.keys,
            "began": stay["admitted"].astype("datetime64[D]"),
            "settled": paid["settled"],
            "method": same(count, "3"),
            "total": paid["total"],
            "fund": paid["fund_paid"],
            "patient_paid": paid["self_paid"],
            "outside_insurance": np.zeros(count),
            "account": paid["account_paid"],
            "cash": np.round(paid["self_paid"] - paid["account_paid"], 2),
        },
    )


def _fees(stays: Sheet, charges: Sheet, items: Sheet, lists: Keys) -> Sheet:
    """Return what each kind of fee of a list comes to, added up from the items of its charge."""
    count = len(lists.numbers)
    row = np.full(len(items), -1, dtype=np.int64)
    if count:
        order = np.argsort(charges.keys.numbers, kind="stable")
        place = np.searchsorted(charges.keys.numbers, items.columns["charge"].numbers, sorter=order).clip(max=count - 1)
        found = order[place]
        row = np.where(charges.keys.numbers[found] == items.columns["charge"].numbers, found, -1)
    items, row = items.take(np.flatnonzero(row >= 0)), row[row >= 0]
    cell = row * len(FEES) + _fee_of(items)
    cents = np.round(items.columns["amount"] * 100).astype(np.int64)
    first_class = says(items.columns["insurance_class"], "1")
    size = count * len(FEES)
    amount = np.bincount(cell, cents, size)
    class_a = np.bincount(cell, cents * first_class, size)
    cell = np.flatnonzero(amount)
    stay, fee = np.divmod(cell, len(FEES))
    return Sheet(
        "settlement-fee",
        stays.person[stay],
        stays.institution[stay],
        stays.patient[stay],
        part_keys("QF", take(lists, stay), fee),
        stays.revised[stay] + AFTER,
        {
            "settlement": take(lists, stay),
            "settled": charges.columns["settled"][stay],
            "category": codes(fee, *FEES),
            "amount": amount[cell] / 100,
            "class_a": class_a[cell] / 100,
            "class_b": (amount - class_a)[cell] / 100,
        },
    )


def _fee_of(items: Sheet) -> np.ndarray:
    """Return which of FEES each item of a charge is."""
    category, name = (items.columns[column] for column in ("category", "item_name"))
    by_category = np.array([FEES.index(FEE_OF_CATEGORY[word]) for word in category.words.to_pylist()], dtype=np.int64)
    named = [FEES.index(FEE_OF_NAME[word]) if word in FEE_OF_NAME else -1 for word in name.words.to_pylist()]
    by_name = np.array(named, dtype=np.int64)[name.index]
    return np.where(by_name >= 0, by_name, by_category[category.index])


def _diagnoses(stays: Sheet, charges: Sheet, diagnoses: Sheet, lists: Keys) -> Sheet:
    def described(parts: Sheet, stay: np.ndarray, rank: np.ndarray) -> dict[str, Column]:
        return {
            "settlement": take(lists, stay),
            "settled": charges.columns["settled"][stay],
            "main": rank == 0,
            "disease": parts.columns["code"],
            "disease_name": parts.columns["code_name"],
            "admission_condition": codes(np.where(rank == 0, 0, 1), "1", "4"),
        }

    return of_stays("settlement-diagnosis", stays=stays, parts=diagnoses, pages=lists, prefix="QZ", columns=described)


def _operations(stays: Sheet, operations: Sheet, lists: Keys) -> Sheet:
    same_name = ("code", "code_name", "main", "begun", "ended", "anaesthesia", "surgeon", "anaesthetist")

    def described(parts: Sheet, stay: np.ndarray, rank: np.ndarray) -> dict[str, Column]:
        return {"settlement": take(lists, stay), **{name: parts.columns[name] for name in same_name}}

    return of_stays("settlement-operation", stays=stays, parts=operations, pages=lists, prefix="QS", columns=described)


def _groups(life: Life, stays: Sheet, diagnoses: Sheet, operations: Sheet, lists: Keys) -> Sheet:
    """Return the DIP group of each list: main diagnosis with operation or without, worth what such a stay costs."""
    count = len(stays)
    disease, operation = _main_disease(stays, diagnoses), _operation(stays, operations)
    worth = _worth(disease, operation)
    score = np.round(worth / UNIT_VALUE, 2)
    standard, actual = np.round(score * UNIT_VALUE, 2), stays.columns["total_cost"]
    ratio = np.round(actual / standard, 3)
    grouped = life.random.random(count) >= UNGROUPED
    state = np.where(grouped, np.where(ratio >= HIGH, 1, np.where(ratio < LOW, 2, 0)), 3)
    only = {name: np.where(grouped, values, np.nan) for name, values in (("score", score), ("standard_cost", standard))}
    operated = np.where(operation < 0, len(facts("operations")), operation)
    way = codes(operated, *facts("operations")["code"], CONSERVATIVE)
    named = codes(operated, *facts("operations")["name"], CONSERVATIVE)
    return Sheet(
        "case-group",
        stays.person,
        stays.institution,
        stays.patient,
        Keys("FZ", lists.numbers, 10),
        stays.revised + AFTER + HOUR,
        {
            "encounter": stays.keys,
            "encounter_kind": same(count, "3"),
            "settlement": lists,
            "scheme": same(count, "2"),
            "scheme_version": same(count, "演示分组目录"),
            "grouped": stays.revised + AFTER,
            "discharged": stays.columns["discharged"],
            "state": codes(state, "1", "2", "3", "4"),
            "ungrouped_reason": codes(np.where(grouped, -1, 0), "主要诊断不在分组目录内"),
            "group_code": _joined(facts_column("diseases", "icd10", disease), way, grouped),
            "group_name": _joined(facts_column("diseases", "name", disease), named, grouped),
            **only,
            "unit_value": np.where(grouped, UNIT_VALUE, np.nan),
            "actual_cost": actual,
            "difference": np.where(grouped, np.round(standard - actual, 2), np.nan),
            "ratio": np.where(grouped, ratio, np.nan),
        },
    )


def _main_disease(stays: Sheet, diagnoses: Sheet) -> np.ndarray:
    """Return the row of each stay's main diagnosis in facts("diseases")."""
    mains = diagnoses.take(np.flatnonzero(diagnoses.columns["sequence"] == 1))
    return mains.columns["code"].index[_places(mains.columns["encounter"].numbers, stays.keys.numbers)]


def _operation(stays: Sheet, operations: Sheet) -> np.ndarray:
    """Return the row of each stay's operation in facts("operations"), -1 for none."""
    row = np.full(len(stays), -1, dtype=np.int64)
    numbers = operations.columns["encounter"].numbers
    known = np.flatnonzero(np.isin(numbers, stays.keys.numbers))
    row[_places(stays.keys.numbers, numbers[known])] = operations.columns["code"].index[known]
    return row


def _worth(disease: np.ndarray, operation: np.ndarray) -> np.ndarray:
    days = np.array([STAY_DAYS_OF.get(key, STAY_DAYS[1]) for key in facts("diseases")["key"]])
    price = np.r_[facts("operations").numbers("price"), 0]
    return BY_THE_DAY * days[disease] + FIXED + 1.2 * price[operation]


def _joined(first: Pick, second: Pick, grouped: np.ndarray) -> Pick:
    """Return what two columns say with a colon between them, nothing where there is no group."""
    words = concatenated(first.text(), "：", second.text())
    index = np.where(grouped, np.arange(len(grouped)), -1).astype(np.int32)
    return Pick(index, words).compact()
