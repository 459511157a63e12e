"""个人基本信息: the covers of health archives, kept by the township that looks after a village."""

from __future__ import annotations

import functools

import numpy as np

from kangqiao.simulation.draws import steady_uniform
from kangqiao.simulation.illness import NEVER
from kangqiao.simulation.institutions import CARE
from kangqiao.simulation.life import Life, codes, moments, same
from kangqiao.simulation.sheets import Column, Keys, Pick, Sheet

FIRST_ARCHIVES = np.datetime64("2009-10-01")
"""Public health services began to keep archives for everybody in 2009."""

PAST = (
    ("hypertension", "2"),
    ("diabetes", "3"),
    ("coronary", "4"),
    ("copd", "5"),
    ("lung_cancer", "6"),
    ("stomach_cancer", "6"),
    ("breast_cancer", "6"),
    ("stroke_after", "7"),
    ("schizophrenia", "8"),
    ("tuberculosis", "9"),
    ("hepatitis_b", "10"),
)


def home_institution(life: Life, person: np.ndarray, catchment: np.ndarray, *, village: np.ndarray) -> np.ndarray:
    """Return who serves people (positions) in public health: the clinic of their ``village``, else the township."""
    level = np.where(village, CARE.index("village"), CARE.index("township"))
    return catchment[life.people.village[person], level].astype(np.int64)


def past_diseases(life: Life, person: np.ndarray, at: np.ndarray) -> Pick:
    """Return the codes (GW2017.past-disease, joined by |) of what people had at moments."""
    words = list(dict.fromkeys(code for _, code in PAST))
    bits = np.zeros(len(person), dtype=np.int64)
    for condition, code in PAST:
        bits |= life.had(condition, person, at).astype(np.int64) << words.index(code)
    return combinations(bits, tuple(words), none="1")


@functools.lru_cache(maxsize=32)
def _combined(count: int, words: tuple[str, ...], none: str | None) -> list[str | None]:
    return ["|".join(w for bit, w in enumerate(words) if mask >> bit & 1) or none for mask in range(count)]


def combinations(bits: np.ndarray, words: tuple[str, ...], none: str | None) -> Pick:
    """Return a column of several codes: the words whose bit is set, joined by |; ``none`` where no bit is."""
    return Pick.of(bits.astype(np.int32), _combined(1 << len(words), words, none)).compact()


def archive_covers(life: Life, catchment: np.ndarray) -> Sheet:
    """Return the cover of everybody's archive."""
    people, health, random = life.people, life.health, life.random
    person = np.flatnonzero(people.archive >= 0)
    count = len(person)
    built = np.maximum(FIRST_ARCHIVES + random.integers(0, 1100, count), people.born[person] + 30)
    late = steady_uniform(people.number[person], 51) < 0.2
    built = np.where(late, built + random.integers(300, 3000, count), built)
    last = np.minimum(life.calendar.last - 1, health.last_day[person] - 1)
    built = np.minimum(built, last)
    person, built = person[built > people.born[person]], built[built > people.born[person]]
    count = len(person)
    at = moments(built, 8.5 + 8 * random.random(count))
    place = home_institution(life, person, catchment, village=np.zeros(count, dtype=bool))
    died = people.died[person]
    now = (life.calendar.last + 1).astype("datetime64[s]")
    since = {key: health.has(key)[person] for key in ("hypertension", "diabetes")}
    rural = not life.township.is_urban
    return life.of_people(
        "archive-cover",
        person,
        place,
        at,
        Keys("DA", people.archive[person], 17),
        archive_number=Keys("", people.archive[person], 17),
        residence=codes(np.where(random.random(count) < 0.95, 0, 1), "1", "2"),
        abo=codes(people.abo[person], "1", "2", "3", "4", "5"),
        rh=codes(people.rh[person], "1", "2", "3", "4"),
        payments=codes(np.searchsorted([1, 2, 7], people.insurance[person]), "1", "2", "7"),
        drug_allergies=codes(np.where(allergic(life)[person], 1, 0), "1", "2"),
        exposures=same(count, "1"),
        diseases=past_diseases(life, person, np.full(count, now)),
        hypertension_since=_known(since["hypertension"], now),
        diabetes_since=_known(since["diabetes"], now),
        disabilities=codes(np.where(random.random(count) < 0.97, 0, random.integers(1, 4, count)), "1", "2", "3", "5"),
        **_home(life, people.household[person], rural=rural),
        status=codes(np.where(np.isnat(died), 0, 1), "1", "2"),
        closed=died,
        doctor=life.staff(life.colleague(place, "0200", 7)),
        built_by=life.staff(life.colleague(place, "0100", 8)),
        built=at,
    )


def allergic(life: Life) -> np.ndarray:
    """Say who is allergic to penicillins (most of those who are allergic to anything)."""
    return steady_uniform(life.people.number, 8) < 0.03


def _known(since: np.ndarray, now: np.datetime64) -> np.ndarray:
    return np.where((since < NEVER) & (since <= now), since, np.datetime64("NaT"))


def _home(life: Life, household: np.ndarray, *, rural: bool) -> dict[str, Column]:
    """Return the columns of the dwelling: the same for everybody of a household."""
    lot = life.township.first_person + household
    shares = {
        "kitchen": ([0.25, 0.35, 0.1, 0.3], 52),
        "fuel": ([0.15, 0.02, 0.05, 0.08, 0.7] if rural else [0.6, 0.02, 0.3, 0.02, 0.06], 53),
        "water": ([0.85, 0.03, 0.08, 0.03, 0.01], 54),
        "toilet": ([0.55, 0.15, 0.1, 0.1, 0.1] if rural else [0.8, 0.02, 0.18, 0, 0], 55),
        "livestock": ([0.35, 0.4, 0.05, 0.2] if rural else [0.95, 0.05, 0, 0], 56),
    }
    return {
        name: codes(np.searchsorted(np.cumsum(share), steady_uniform(lot, salt) * 0.9999), *"12345"[: len(share)])
        for name, (share, salt) in shares.items()
    }
