"""发药记录 and 药品不良反应报告: what pharmacies handed out, and what became of it."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.draws import Choices, steady_uniform
from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, facts_column, same
from kangqiao.simulation.lots import lots
from kangqiao.simulation.sheets import Keys, Pick, Sheet

DAY = 24 * HOUR
REACTION = 0.006
"""Share of drugs handed out after which a reaction is reported."""

LATE = 0.05
"""Share of reactions that are reported after more than two weeks."""


def formulary_keys(drug: np.ndarray) -> Keys:
    """Return the source keys of drugs (rows of facts("drugs")) in every institution's formulary."""
    return Keys("YP", drug + 1, 5)


def dispensing(life: Life, items: Sheet) -> Sheet:
    """Return what was handed out for these items of prescriptions in the reported months, but for villages."""
    local = life.institutions.levels[items.institution] >= CARE.index("township")
    days = items.columns["prescribed"].astype("datetime64[D]")
    chosen = items.take(np.flatnonzero(local & (days >= life.calendar.reported_days[0])))
    given, table = chosen.columns, facts("drugs")
    drug = given["drug"].index.astype(np.int64)
    dispensed = given["prescribed"] + HOUR // 4
    lot = lots(drug, dispensed.astype("datetime64[M]"))
    pharmacists = [life.staff(life.colleague(chosen.institution, "3000", part)) for part in (1, 2)]
    return Sheet(
        "dispensing",
        chosen.person,
        chosen.institution,
        chosen.patient,
        Keys("FY", chosen.keys.numbers, chosen.keys.width),
        chosen.revised,
        {
            "prescription": given["prescription"],
            "prescription_item": chosen.keys,
            "item": formulary_keys(drug),
            "drug": given["drug"],
            "drug_name": given["drug_name"],
            "specification": given["specification"],
            "dispensed": dispensed,
            "lot": lot.number,
            "expires": lot.expires,
            "quantity": given["quantity"],
            "quantity_unit": given["quantity_unit"],
            "unit_price": table.numbers("price")[drug],
            "amount": given["amount"],
            "returned": np.zeros(len(drug), dtype=bool),
            "reviewer": pharmacists[1],
            "pharmacist": pharmacists[0],
            "window": codes(np.zeros(len(drug)), "门诊药房"),
        },
    )


def reactions(life: Life, dispensed: Sheet) -> Sheet:
    """Return the reactions reported after drugs of this sheet: mostly mild and known, some severe, some late."""
    random = life.random
    chosen = dispensed.take(np.flatnonzero(random.random(len(dispensed)) < REACTION))
    given, count = chosen.columns, len(chosen)
    drug = given["drug"].index.astype(np.int64)
    began = given["dispensed"] + (random.uniform(1, 60, count) * HOUR).astype("timedelta64[s]")
    severe, new = random.random(count) < 0.12, random.random(count) < 0.15
    delay = np.where(random.random(count) < LATE, random.uniform(16, 28, count), random.uniform(0.2, 10, count))
    reported = began + (delay * DAY).astype("timedelta64[s]")
    lot = lots(drug, given["dispensed"].astype("datetime64[M]"))
    stopped = began.astype("datetime64[D]")
    sheet = Sheet(
        "adverse-drug-reaction",
        chosen.person,
        chosen.institution,
        chosen.patient,
        Keys("ADR", chosen.keys.numbers, chosen.keys.width),
        reported + HOUR,
        {
            "number": Keys("53", chosen.keys.numbers, chosen.keys.width),
            "kind": same(count, "1"),
            "classification": codes(2 * severe + new, "1", "2", "3", "4"),
            "harm": codes(np.where(severe, 0, -1), "5"),
            "dispensing": chosen.keys,
            "drug": given["drug"],
            "drug_name": given["drug_name"],
            "maker": makers(drug),
            "lot": lot.number,
            "route": facts_column("drugs", "route", drug),
            "begun": given["dispensed"].astype("datetime64[D]"),
            "stopped": stopped,
            "reaction": _reaction_names(random, drug),
            "began": began,
            "found": began + HOUR,
            "course": codes(np.where(severe, 1, 0), "停药观察，未特殊处理。", "停药，抗过敏及对症治疗，留院观察。"),
            "outcome": codes((random.random(count) < 0.4).astype(np.int32), "1", "2"),
            "dechallenge": same(count, "1"),
            "rechallenge": same(count, "4"),
            "effect": same(count, "1"),
            "causality": codes(Choices.of([0.05, 0.35, 0.6]).draw(random, 0, count), "1", "2", "3"),
            "reported": reported,
            "reporter": given["pharmacist"],
        },
    )
    return sheet.take(np.flatnonzero(reported.astype("datetime64[D]") <= life.calendar.last))


def makers(drug: np.ndarray) -> Pick:
    """Return who makes each drug."""
    return firms("maker", drug)


def firms(role: str, drug: np.ndarray) -> Pick:
    """Return the firm of a role (maker, supplier) that each drug comes from."""
    rows = np.flatnonzero(facts("pharma_firms")["role"] == role)
    return facts_column("pharma_firms", "name", rows[(steady_uniform(drug, 33) * len(rows)).astype(np.int64)])


def _reaction_names(random: np.random.Generator, drug: np.ndarray) -> Pick:
    return facts_column("drug_reactions", "reaction", _reactions().draw(random, drug))


@functools.cache
def _reactions() -> Choices:
    """Return the reactions of every drug, weighted: those of its ATC class and those of all."""
    table, code = facts("drug_reactions"), facts("drugs")["code"]
    fitting = np.array([[word.startswith(atc) for atc in table["atc"]] for word in code])
    return Choices.of(fitting * table.numbers("weight") + 1e-12)
