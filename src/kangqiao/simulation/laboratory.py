"""检验报告 and 检验结果: panels ordered for an illness; values around a person's own mean, moved by disease."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.charges import Lines, item_rows
from kangqiao.simulation.draws import Lists, steady_normal
from kangqiao.simulation.facts import facts
from kangqiao.simulation.illness import conditions
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import HOUR, Life, codes, encounter_keys, facts_column, part_keys
from kangqiao.simulation.sheets import Keys, Pick, Sheet, text_of
from kangqiao.simulation.visits import INPATIENT

TREATED = 0.45
"""How much of a lasting condition's effect on a value is left in a person who takes every dose."""

REPEATED = 0.45
"""Share of panels that a stay of a week or more repeats."""

CRITICAL = 1.9
CRITICAL_ITEMS = ("WBC", "HGB", "PLT", "GLU", "K", "NA", "CTNI")
"""Values of these items this many times beyond their limit are critical."""

LOWEST = 0.2
"""No value falls below this share of its lower limit."""


@functools.cache
def workups(what: str, setting: str, table: str) -> tuple[Lists, np.ndarray, np.ndarray]:
    """Return (lists per disease, rows of ``table``, probabilities) of what is ordered for a disease."""
    known = facts("workups")
    chosen = np.flatnonzero((known["what"] == what) & (known["setting"] == setting))
    disease = facts("diseases").rows("key", known["disease"][chosen])
    lists = Lists.of(disease, len(facts("diseases")))
    return lists, facts(table).rows("key", known["key"][chosen]), known.numbers("probability")[chosen]


def ordered(life: Life, what: str, table: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (visit, row of ``table``) of everything ordered, ordered by visit. Village clinics order nothing."""
    visits, found = life.visits, []
    able = life.institutions.levels[visits.institution] > CARE.index("village")
    for setting, here in (("O", visits.kind != INPATIENT), ("I", visits.kind == INPATIENT)):
        rows = np.flatnonzero(here & able)
        lists, thing, chance = workups(what, setting, table)
        owner, entry = lists.expand(visits.disease[rows])
        township = life.institutions.levels[visits.institution[rows[owner]]] == CARE.index("township")
        taken = life.random.random(len(owner)) < chance[entry] * np.where(township & (setting == "O"), 0.6, 1)
        found.append((rows[owner[taken]], thing[entry[taken]]))
    visit, thing = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.argsort(visit, kind="stable")
    return visit[order], thing[order]


@functools.cache
def _panel_items() -> tuple[Lists, np.ndarray]:
    """Return (lists per panel, rows of facts("lab_items"))."""
    panels = facts("lab_panels")
    pairs = [(row, item) for row, items in enumerate(panels["items"]) for item in items.split()]
    panel = np.array([row for row, _ in pairs])
    return Lists.of(panel, len(panels)), facts("lab_items").rows("key", np.array([item for _, item in pairs], object))


@functools.cache
def _effects() -> tuple[np.ndarray, np.ndarray]:
    """Return effects on items: (diseases, items) of what brought a person, (conditions, items) of what they have."""
    table = facts("lab_effects")
    effects = np.zeros((len(facts("diseases")), len(facts("lab_items"))))
    effects[facts("diseases").rows("key", table["disease"]), facts("lab_items").rows("key", table["item"])] = (
        table.numbers("effect")
    )
    return effects, effects[facts("diseases").rows("key", conditions()["key"])]


def values(
    life: Life, *, person: np.ndarray, item: np.ndarray, at: np.ndarray, disease: np.ndarray | None = None
) -> np.ndarray:
    """Return measured values of items (rows of lab_items) for people (positions) at moments.

    A value is the sex's mean, the person's own steady deviation, the effects of lasting conditions (less with good
    adherence) and of the acute disease, and the day's variation; on a log scale where the item says so.
    """
    table = facts("lab_items")
    male = life.people.sex[person] == 1
    mean = np.where(male, table.numbers("mean_male")[item], table.numbers("mean_female")[item])
    log = table["log"][item] == "1"
    acute, lasting = _effects()
    shift = table.numbers("between")[item] * steady_normal(life.people.number[person], item, 31)
    shift = shift + table.numbers("within")[item] * life.random.standard_normal(len(item))
    present = life.health.began[person] <= at.astype("datetime64[D]")[:, None]
    eased = 1 - TREATED * life.health.adherence[person]
    shift = shift + eased * np.einsum("ij,ij->i", present, lasting.T[item])
    if disease is not None:
        chronic = facts("diseases")["kind"][disease] == "chronic"
        shift = shift + np.where(chronic, 0, acute[disease, item]) * life.random.uniform(0.6, 1.25, len(item))
    value = np.where(log, mean * np.exp(np.where(log, shift, 0)), mean + shift)
    value = np.maximum(value, LOWEST * table.numbers("low_male")[item])
    value = np.clip(value, *_livable()[:, item])
    scale = 10.0 ** table.numbers("decimals")[item]
    return np.maximum(np.round(value * scale), np.where(log, 1, 0)) / scale


@functools.cache
def _livable() -> np.ndarray:
    """Return (2, items): the lowest and highest value a living person can have, infinite where no limit is known."""
    known, items = facts("life_limits"), facts("lab_items")
    limits = np.stack([np.full(len(items), -np.inf), np.full(len(items), np.inf)])
    limits[:, items.rows("key", known["item"])] = known.numbers("low"), known.numbers("high")
    return limits


def reports(life: Life) -> tuple[list[Sheet], Lines]:
    """Return laboratory reports with their results, and what they cost."""
    visits, random = life.visits, life.random
    visit, panel = ordered(life, "lab", "lab_panels")
    days = visits.days(life.calendar)
    again = np.flatnonzero((days[visit] > 6) & (random.random(len(visit)) < REPEATED))
    later = np.r_[np.zeros(len(visit), dtype=np.int64), np.minimum(days[visit[again]] - 1, 4)]
    visit, panel = np.r_[visit, visit[again]], np.r_[panel, panel[again]]
    order = np.argsort(visit, kind="stable")
    visit, panel, later = visit[order], panel[order], later[order]
    rank = np.arange(len(visit)) - np.searchsorted(visit, visit)
    sampled = visits.at[visit] + (1800 + random.integers(0, 1800, len(visit)) + later * 86_400)
    reported = sampled + 1800 + random.integers(0, 3 * HOUR, len(visit))
    place = visits.institution[visit]
    technician, reviewer = (life.staff(life.colleague(place, "3000", part)) for part in (2, 3))
    keys = part_keys("JY", encounter_keys(visits.serial[visit]), rank)
    head = life.of_visits(
        "lab-report",
        visit,
        keys,
        reported + HOUR // 2,
        number=Keys("", keys.numbers, 12),
        category=facts_column("lab_panels", "category", panel),
        subject=facts_column("lab_panels", "name", panel),
        applying_department=life.department_names(visits.department[visit]),
        applicant=life.staff(visits.doctor[visit]),
        diagnosis=facts_column("diseases", "icd10", visits.disease[visit]),
        specimen=facts_column("lab_panels", "specimen", panel),
        specimen_number=Keys("S", keys.numbers, 12),
        sampled=sampled,
        delivered=sampled + 600,
        tested=sampled + 1200,
        reported=reported,
        technician=technician,
        reporter=technician,
        reviewer=reviewer,
    )
    lists, items = _panel_items()
    report, entry = lists.expand(panel)
    results = _results(life, head, report, items[entry], visit[report])
    return [head, results], Lines(visit, item_rows("lab_panels", panel), np.ones(len(visit)))


def _results(life: Life, head: Sheet, report: np.ndarray, item: np.ndarray, visit: np.ndarray) -> Sheet:
    visits = life.visits
    person = visits.person[visit]
    sampled, reported = head.columns["sampled"][report], head.columns["reported"][report]
    value = values(life, person=person, item=item, at=sampled, disease=visits.disease[visit])
    woman = (life.people.sex[person] == 2).astype(np.int64)
    low, high = _limits()[:, item, woman]
    urgent = np.isin(facts("lab_items")["key"], CRITICAL_ITEMS)[item]
    far = np.where(urgent, CRITICAL, np.inf)
    abnormal = np.select([value > high * far, value > high, value < low / far, value < low], [3, 1, 4, 2], 0)
    parents = Keys("JY", head.keys.numbers[report], 12)
    rank = np.arange(len(report)) - np.searchsorted(report, report)
    return Sheet(
        "lab-result",
        head.person[report],
        head.institution[report],
        head.patient[report],
        part_keys("JG", parents, rank),
        head.revised[report],
        {
            "report": parents,
            "item": facts_column("lab_items", "code", item),
            "item_name": facts_column("lab_items", "name", item),
            "quantity": value,
            "quantity_unit": facts_column("lab_items", "unit", item),
            "low": low,
            "high": high,
            "reference": Pick((item * 2 + woman).astype(np.int32), text_of(_references())),
            "abnormal": codes(abnormal, "N", "H", "L", "HH", "LL"),
            "critical": abnormal >= 3,
            "sampled": sampled,
            "reported": reported,
        },
    )


@functools.cache
def _limits() -> np.ndarray:
    """Return (limits, items, sexes): low and high for men and women."""
    table = facts("lab_items")
    return np.stack([table.numbers("low_male", "low_female"), table.numbers("high_male", "high_female")])


@functools.cache
def _references() -> list[str]:
    """Return the reference ranges as people write them, for men and women in turn."""
    return [f"{low:g}-{high:g}" for item in np.moveaxis(_limits(), 0, 2) for low, high in item]
