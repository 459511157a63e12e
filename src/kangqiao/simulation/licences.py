"""证照 of institutions and 药品经营许可: what market supervision sends, once in a township and not about people."""

from __future__ import annotations

import numpy as np

from kangqiao.simulation.facts import facts
from kangqiao.simulation.institutions import BUREAUS
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.names import strangers
from kangqiao.simulation.sheets import Keys, Sheet

PHARMACIES = ("惠民大药房（演示）", "康宁药店（演示）")
FIRST_LICENCE = np.datetime64("2019-02-01")


def licences(life: Life) -> list[Sheet]:
    """Return the licences of the institutions and pharmacies of a township; with the first those of the city."""
    if life.people.number[0] != life.township.first_person:
        return []
    return [_institutions(life), _pharmacies(life)]


def _institutions(life: Life) -> Sheet:
    township, kinds = life.township.number, facts("institution_kinds")
    places = (township, -1) if township == 0 else (township,)
    each = life.institutions.each
    number = np.array([n for n, one in enumerate(each) if one.township in places and one.kind not in BUREAUS])
    chosen = [each[n] for n in number]
    types = dict(zip(kinds["key"], kinds["type_code"], strict=True))
    issued = FIRST_LICENCE + number * 37 % 2000
    return life.of_nobody(
        "institution-licence",
        "market_bureau",
        moments(issued, 10),
        Keys("ZZ", number, 6),
        kind=same(len(number), "2"),
        number=Keys("PDY", number, 8),
        holder=codes(np.arange(len(number)), *(one.name for one in chosen)),
        credit_code=Keys("12530900", number, 10),
        institution=codes(np.arange(len(number)), *(one.code for one in chosen)),
        institution_kind=codes(np.arange(len(number)), *(types[one.kind] for one in chosen)),
        division=codes(np.arange(len(number)), *(one.division for one in chosen)),
        issued=issued,
        expires=issued + 5475,
        issuer=same(len(number), life.institutions.each[life.institutions.bureau("health_commission")].name),
        state=same(len(number), "1"),
    )


def _pharmacies(life: Life) -> Sheet:
    township, count = life.township, len(PHARMACIES)
    number = township.number * count + np.arange(count)
    issued = FIRST_LICENCE + 1000 + number * 41 % 1500
    place = f"{life.places.county_names[township.county]}{township.name}"
    return life.of_nobody(
        "drug-licence",
        "market_bureau",
        moments(issued, 10),
        Keys("YP", number, 6),
        number=Keys("滇DA883", number, 5),
        holder=codes(np.arange(count), *(f"{township.name}{name}" for name in PHARMACIES)),
        credit_code=Keys("91530900", number, 10),
        manner=same(count, "3"),
        scope=codes(np.arange(count), "01|02|03", "02|03|04"),
        division=same(count, township.code),
        address=same(count, f"{place}主街"),
        issued=issued,
        expires=issued + 1826,
        issuer=same(count, life.institutions.each[life.institutions.bureau("market_bureau")].name),
        quality_manager=strangers(life.random, born=1975 + number % 20, sex=1 + number % 2),
        state=same(count, "1"),
    )
