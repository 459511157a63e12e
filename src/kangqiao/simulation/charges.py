"""费用 and 费用明细: the price list, what was billed for each visit, and who paid."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.encounters import payment_column
from kangqiao.simulation.facts import Facts, facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, part_keys
from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of
from kangqiao.simulation.visits import EMERGENCY, INPATIENT

BY_THE_DAY = ("bed", "nursing", "ward_round", "ward_treatment", "material")
FUND_SHARE = {1: (0.60, 0.82), 2: (0.50, 0.72), 7: (0.0, 0.0)}
"""Insurance → share of the bill the fund pays for (visits, stays)."""


@dataclass(frozen=True)
class Lines:
    """Lines of bills: for which visit, which row of the price list, how many."""

    visit: np.ndarray
    item: np.ndarray
    quantity: np.ndarray

    @classmethod
    def joined(cls, parts: list[Lines]) -> Lines:
        return cls(*(np.concatenate(columns) for columns in zip(*(vars(part).values() for part in parts), strict=True)))


_SOURCES = ("drugs", "lab_panels", "exams", "operations", "fees")


@functools.cache
def price_list() -> Facts:
    """Return everything that is billed: drugs, laboratory panels, examinations, operations, fees."""
    category = {
        "drugs": facts("drugs")["kind"],
        "lab_panels": np.full(len(facts("lab_panels")), "06", dtype=object),
        "exams": facts("exams")["charge"],
        "operations": np.full(len(facts("operations")), "09", dtype=object),
        "fees": facts("fees")["category"],
    }
    unit = {"drugs": facts("drugs")["unit"], "fees": facts("fees")["unit"]}
    empty = {name: np.full(len(facts(name)), "", dtype=object) for name in _SOURCES}
    return Facts(
        {
            "code": np.concatenate([facts(name)["code"] for name in _SOURCES]),
            "name": np.concatenate([facts(name)["name"] for name in _SOURCES]),
            "price": np.concatenate([facts(name)["price"] for name in _SOURCES]),
            "category": np.concatenate([category[name] for name in _SOURCES]),
            "unit": np.concatenate(
                [unit.get(name, np.full(len(facts(name)), "次", dtype=object)) for name in _SOURCES]
            ),
            "specification": np.concatenate([facts("drugs")["specification"], *(empty[n] for n in _SOURCES[1:])]),
        }
    )


def item_rows(source: str, row: np.ndarray) -> np.ndarray:
    """Return the rows in the price list of rows of one of its tables."""
    before = sum(len(facts(name)) for name in _SOURCES[: _SOURCES.index(source)])
    return row + before


def fee(key: str, count: int) -> np.ndarray:
    """Return the row of a fee in the price list, ``count`` times."""
    return np.full(count, item_rows("fees", np.array([facts("fees").row(key)]))[0], dtype=np.int64)


def visit_fees(life: Life) -> Lines:
    """Return what every visit costs by itself: the consultation; a ward's bed, nursing and rounds by the day."""
    visits = life.visits
    level = life.institutions.levels[visits.institution]
    fees = [fee(key, 1)[0] for key in ("village_visit", "township_visit", "visit", "emergency")]
    which = np.select(
        [visits.kind == EMERGENCY, level == CARE.index("village"), level == CARE.index("township")], [3, 0, 1], 2
    )
    outpatient = np.flatnonzero(visits.kind != INPATIENT)
    stays = np.flatnonzero(visits.kind == INPATIENT)
    days = visits.days(life.calendar)[stays]
    return Lines.joined(
        [
            Lines(outpatient, np.array(fees)[which[outpatient]], np.ones(len(outpatient))),
            *(Lines(stays, fee(key, len(stays)), days.astype(float)) for key in BY_THE_DAY),
        ]
    )


def bill(life: Life, lines: Lines) -> tuple[list[Sheet], np.ndarray, np.ndarray]:
    """Return (sheets of charges and their items, cost per visit, what the patient paid per visit)."""
    visits, prices = life.visits, price_list()
    settled = np.flatnonzero(~np.isnat(visits.until))
    order = np.argsort(lines.visit, kind="stable")
    order = order[~np.isnat(visits.until)[lines.visit[order]]]
    visit, item, quantity = lines.visit[order], lines.item[order], lines.quantity[order]
    price = prices.numbers("price")
    amount = np.round(price[item] * quantity, 2)
    total = np.round(np.bincount(visit, amount, len(visits)), 2)
    share = np.array([FUND_SHARE[kind] for kind in FUND_SHARE])
    kind = np.searchsorted(list(FUND_SHARE), life.people.insurance[visits.person])
    fund = np.round(total * share[kind, (visits.kind == INPATIENT).astype(int)], 2)
    own = np.round(total - fund, 2)
    account = np.where(kind == 0, np.round(own * 0.4, 2), 0)
    keys = part_keys("SF", encounter_keys(visits.serial), np.zeros(len(visits), np.int64))
    at = visits.until - HOUR // 4
    rank = np.arange(len(visit)) - np.searchsorted(visit, visit)
    charges = life.of_visits(
        "charge",
        settled,
        Keys("SF", keys.numbers[settled], 12),
        visits.until[settled] + HOUR,
        settled=at[settled],
        total=total[settled],
        self_paid=own[settled],
        fund_paid=fund[settled],
        account_paid=account[settled],
        payment=payment_column(life, visits.person[settled]),
        settlement=codes(np.where(fund[settled] > 0, 1, 0), "01", "07"),
        refund=np.zeros(len(settled), dtype=bool),
        department=life.department_names(visits.department[settled]),
    )
    parents = Keys("SF", keys.numbers[visit], 12)
    details = life.about_visits(
        "charge-item",
        visit,
        part_keys("FM", parents, np.minimum(rank, 99)),
        visits.until[visit] + HOUR,
        {
            "charge": parents,
            "charged": at[visit],
            "category": _listed("category", item),
            "item": _listed("code", item),
            "item_name": _listed("name", item),
            "specification": _listed("specification", item),
            "unit_price": price[item],
            "quantity": quantity,
            "quantity_unit": _listed("unit", item),
            "amount": amount,
            "insurance_class": codes(np.where(price[item] > 100, 1, 0), "1", "2"),
            "department": life.department_names(visits.department[visit]),
            "doctor": life.staff(visits.doctor[visit]),
        },
    ).take(np.flatnonzero(rank < 100))
    return [charges, details], total, own


def _listed(column: str, item: np.ndarray) -> Pick:
    words = price_list()[column]
    return Pick(np.where((words == "")[item], -1, item).astype(np.int32), text_of(words)).compact()
