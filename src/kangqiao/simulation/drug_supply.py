"""药品目录, 药品采购, 药品库存 and 短缺药品报告: stores that follow what was prescribed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.dispensaries import firms, formulary_keys, makers
from kangqiao.simulation.draws import below, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institution_sheets import Premises, sheet_of
from kangqiao.simulation.life import HOUR, codes, facts_column, same
from kangqiao.simulation.lots import QUARTER, Lots, lots
from kangqiao.simulation.sheets import Keys, Pick, Sheet

CENTRAL = 0.3
"""Share of essential drugs that are bought together for the whole nation."""

BUFFER = 1.15
STOCKTAKES = 6
"""For so many months stock is reported."""

SHORT = 0.01
"""Share of drugs and months in which a drug that is used runs short."""

CANCELLED = 0.08


@dataclass(frozen=True)
class Stores:
    """What institutions list, bought and used.

    institution  (institutions,) their numbers
    months       (months,) datetime64[M]; ``quarters`` says in which quarter each lies, counted from the first
    used         (institutions, drugs, months) packs handed out
    listed       (institutions, drugs) whether a drug is in the formulary
    bought       (institutions, drugs, quarters) packs
    """

    institution: np.ndarray
    months: np.ndarray
    quarters: np.ndarray
    used: np.ndarray
    listed: np.ndarray
    bought: np.ndarray


def drug_supply(premises: Premises) -> list[Sheet]:
    """Return the formularies, purchases, stocks and shortages of these institutions."""
    stores = _stores(premises)
    return [_formulary(stores), _purchases(premises, stores), _stocks(premises, stores), _shortages(premises, stores)]


def _stores(premises: Premises) -> Stores:
    months, used = premises.city.calendar.reported_months, premises.activity.drugs[premises.rows]
    quarters = months.astype(np.int64) // QUARTER - months[0].astype(np.int64) // QUARTER
    hospital = ~np.isin(premises.kinds(premises.reporting), ("township", "community"))
    listed = used.any(axis=2) | hospital[:, None] | (facts("drugs")["essential"] == "1")
    needed = np.stack([used[:, :, quarters == quarter].sum(axis=2) for quarter in range(quarters[-1] + 1)], axis=2)
    bought = np.where(needed > 0, np.ceil(BUFFER * needed).astype(np.int64) + 2, 0)
    bought[:, :, 0] = np.where(listed & (bought[:, :, 0] == 0), 5, bought[:, :, 0])
    return Stores(premises.reporting, months, quarters, used, listed, bought)


def _is_central(drug: np.ndarray) -> np.ndarray:
    return (facts("drugs")["essential"] == "1")[drug] & (steady_uniform(drug, 34) < CENTRAL)


def _formulary(stores: Stores) -> Sheet:
    place, drug = np.nonzero(stores.listed)
    table, classes = facts("drugs"), facts("antibacterials")
    row = np.full(len(table), -1)
    row[table.rows("key", classes["drug"])] = np.arange(len(classes))
    row = np.where((table["antibiotic"] == "1")[drug], row[drug], -1)
    ddd = np.array([float(word or "nan") for word in classes["ddd"]] + [np.nan])
    listed = stores.months[0].astype("datetime64[D]") - 30 - below(1500, drug, 35)
    return sheet_of(
        "formulary-item",
        stores.institution[place],
        formulary_keys(drug),
        np.full(len(drug), stores.months[0].astype("datetime64[D]")),
        code=Keys("D", drug + 10_001, 5),
        drug=facts_column("drugs", "code", drug),
        drug_name=facts_column("drugs", "name", drug),
        approval_number=Keys("国药准字H53", drug * 37 + 20_001, 6),
        specification=facts_column("drugs", "specification", drug),
        form=facts_column("drugs", "form", drug),
        unit=facts_column("drugs", "unit", drug),
        maker=makers(drug),
        price=table.numbers("price")[drug],
        is_essential=(table["essential"] == "1")[drug],
        is_central=_is_central(drug),
        is_antibacterial=(table["antibiotic"] == "1")[drug],
        antibacterial_class=facts_column("antibacterials", "class", row),
        ddd=ddd[row],
        ddd_unit=facts_column("antibacterials", "ddd_unit", row),
        listed=listed,
        state=same(len(drug), "1"),
    )


def _bought_lots(stores: Stores, drug: np.ndarray, quarter: np.ndarray) -> Lots:
    first = np.searchsorted(stores.quarters, quarter)
    return lots(drug, stores.months[first])


def _cancelled(stores: Stores) -> np.ndarray:
    """Say which drugs nobody needed after all (institutions, drugs): their order was called off."""
    unused = stores.listed & ~stores.used.any(axis=2)
    return unused & (steady_uniform(stores.institution[:, None], np.arange(unused.shape[1]), 36) < CANCELLED)


def _purchases(premises: Premises, stores: Stores) -> Sheet:
    place, drug, quarter = np.nonzero(stores.bought)
    institution, table = stores.institution[place], facts("drugs")
    start = stores.months[np.searchsorted(stores.quarters, quarter)].astype("datetime64[D]")
    ordered = start.astype("datetime64[s]") - (6 * 24 - 10) * HOUR - (below(120, institution, drug, 37) * HOUR)
    came = ~_cancelled(stores)[place, drug]
    received = np.where(came, ordered + 3 * 24 * HOUR, np.datetime64("NaT"))
    lot, packs, price = _bought_lots(stores, drug, quarter), stores.bought[place, drug, quarter], table.numbers("price")
    return sheet_of(
        "drug-purchase",
        institution,
        Keys("CG", drug * 100 + quarter, 7),
        (ordered + 3 * 24 * HOUR).astype("datetime64[D]"),
        order_number=Keys("DD", ordered.astype("datetime64[D]").astype(np.int64) * 1000 + drug, 8),
        item=formulary_keys(drug),
        drug=facts_column("drugs", "code", drug),
        drug_name=facts_column("drugs", "name", drug),
        channel=codes(np.where(_is_central(drug), 0, 1), "1", "2"),
        supplier=firms("supplier", drug),
        ordered=ordered,
        state=codes(np.where(came, 0, 1), "3", "5"),
        quantity=packs.astype(np.float64),
        quantity_unit=facts_column("drugs", "unit", drug),
        unit_price=price[drug],
        amount=np.round(price[drug] * packs, 2),
        received=received,
        received_quantity=np.where(came, packs, np.nan),
        received_quantity_unit=facts_column("drugs", "unit", np.where(came, drug, -1)),
        lot=Keys("", np.where(came, lot.number.numbers, -1), 7),
        produced=np.where(came, lot.produced, np.datetime64("NaT")),
        expires=np.where(came, lot.expires, np.datetime64("NaT")),
        receiver=_storekeepers(premises, institution, came),
    )


def _stocks(premises: Premises, stores: Stores) -> Sheet:
    """Return what lay in store at the ends of the last months: the lot of the last quarter in which one was bought."""
    shown = np.arange(len(stores.months))[-STOCKTAKES:]
    kept = stores.listed & ~_cancelled(stores)
    place, drug, turn = np.nonzero(np.repeat(kept[:, :, None], len(shown), axis=2))
    month = shown[turn]
    quarter = _last_bought(stores)[place, drug, stores.quarters[month]]
    left = _left(stores)[place, drug, month]
    lot, day = _bought_lots(stores, drug, quarter), premises.city.calendar.month_ends[month]
    ymd = stores.months[month].astype(np.int64)
    return sheet_of(
        "drug-stock",
        stores.institution[place],
        Keys("KC", ymd * 1000 + drug, 7),
        day,
        item=formulary_keys(drug),
        drug=facts_column("drugs", "code", drug),
        drug_name=facts_column("drugs", "name", drug),
        counted=day,
        store=same(len(drug), "药库"),
        lot=lot.number,
        produced=lot.produced,
        expires=lot.expires,
        quantity=left.astype(np.float64),
        quantity_unit=facts_column("drugs", "unit", drug),
        amount=np.round(left * facts("drugs").numbers("price")[drug], 2),
        state=codes(np.where(lot.expires < day, 1, 0), "1", "3"),
    )


def _last_bought(stores: Stores) -> np.ndarray:
    """Return (institutions, drugs, quarters): the quarter, up to each, in which a drug was last bought."""
    quarter = np.where(stores.bought > 0, np.arange(stores.bought.shape[2]), 0)
    return np.maximum.accumulate(quarter, axis=2)


def _left(stores: Stores) -> np.ndarray:
    """Return (institutions, drugs, months): packs of the last purchase that are left at the end of a month.

    In a quarter without a purchase nothing was used, so that what the former quarter left stays.
    """
    left = np.zeros_like(stores.used)
    for month, quarter in enumerate(stores.quarters):
        before = left[:, :, month - 1] if month else 0
        fresh = month == 0 or stores.quarters[month - 1] != quarter
        arrived = stores.bought[:, :, quarter]
        left[:, :, month] = np.where(fresh & (arrived > 0), arrived, before) - stores.used[:, :, month]
    return left


def _shortages(premises: Premises, stores: Stores) -> Sheet:
    place, drug, month = np.nonzero(stores.used)
    institution = stores.institution[place]
    short = steady_uniform(institution, drug, month, 38) < SHORT
    place, drug, month, institution = place[short], drug[short], month[short], institution[short]
    began = stores.months[month].astype("datetime64[D]") + below(20, institution, drug, 39)
    reported = began.astype("datetime64[s]") + (24 + 9) * HOUR
    resolved = began + 5 + below(40, institution, drug, 40)
    last = premises.city.calendar.last
    solved = resolved <= last
    other = steady_uniform(institution, drug, 41) < 0.6
    sheet = sheet_of(
        "drug-shortage",
        institution,
        Keys("QY", month * 1000 + drug, 6),
        np.where(solved, resolved, reported.astype("datetime64[D]")),
        item=formulary_keys(drug),
        drug=facts_column("drugs", "code", drug),
        drug_name=facts_column("drugs", "name", drug),
        specification=facts_column("drugs", "specification", drug),
        kind=codes(below(4, institution, drug, 42), "1", "2", "3", "5"),
        began=began,
        reported=reported,
        monthly_use=stores.used[place, drug, month].astype(np.float64),
        monthly_use_unit=facts_column("drugs", "unit", drug),
        in_stock=np.zeros(len(drug)),
        in_stock_unit=facts_column("drugs", "unit", drug),
        days_left=np.zeros(len(drug), np.int64),
        has_substitute=other,
        substitute=codes(np.where(other, 0, -1), "同类其他品种"),
        state=codes(np.where(solved, 1, 0), "2", "3"),
        resolved=np.where(solved, resolved, np.datetime64("NaT")),
        measure=codes(np.where(solved, 0, -1), "协调配送企业补货，已到货"),
        reporter=_storekeepers(premises, institution, np.ones(len(drug), dtype=bool)),
    )
    return sheet.take(np.flatnonzero(reported.astype("datetime64[D]") <= last))


def _storekeepers(premises: Premises, institution: np.ndarray, needed: np.ndarray) -> Pick:
    """Return the name of each institution's storekeeper where one was needed."""
    built = premises.city.institutions
    row = int(facts("departments").rows("code", np.array(["3000"]))[0])
    keeper = built.staff.start[built.treating[institution, row]]
    return premises.staff(np.where(needed, keeper, -1))
