"""What mistakes do to rows that are right: a row is kept out or void, and those that belong to it hang in the air.

A rule over stored rows finds them as it finds planted ones; the truth tells them apart.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from kangqiao.simulation.defects import Planted
from kangqiao.simulation.facts import facts
from kangqiao.simulation.identities.kinds import marked
from kangqiao.simulation.registration import Patients, Registered
from kangqiao.simulation.sheets import Keys, Sheet, take
from kangqiao.simulation.wire import ENCOUNTERS, PATIENT_DIGITS, links
from kangqiao.standards.limits import diagnosis_limits

REFUSED = (
    "born-after-visit",
    "unknown-code",
    "lost-zero",
    "code-name-mismatch",
    "missing-required",
    "future-date",
    "discharge-before-admission",
    "report-before-sampling",
    "swapped-pressures",
    "wrong-sum",
)
"""Kinds of defects for which the gate refuses a row."""


@dataclass(frozen=True)
class Consequence:
    """Rows without a defect of their own that stored data show as ``kind``."""

    data_set: str
    kind: str
    institution: np.ndarray
    keys: Keys


def consequences(planted: list[Planted]) -> list[Consequence]:
    """Return the rows of a block's sheets that lack a parent, or every diagnosis, since that is refused or void."""
    by_word = {one.sheet.data_set: one for one in planted}
    gone = {word: _gone(one) for word, one in by_word.items()}
    found = [
        _of(one, _orphans(one, column, parents, gone), _kind(column))
        for one in planted
        for column, parents in links(one.sheet)
    ]
    for word in ENCOUNTERS:
        if word in by_word:
            found.append(_of(by_word[word], _undiagnosed(by_word, word, gone), "no-diagnosis"))
    return found


def of_wrong_sexes(planted: list[Planted], registered: Registered) -> Consequence:
    """Return the diagnoses that fit the patients' sex, but not the one they are registered with."""
    diagnoses = next(one for one in planted if one.sheet.data_set == "diagnosis")
    wrong = marked(registered.kinds, "sex-wrong")
    patients = registered.patients
    misread = np.isin(_keys(diagnoses.sheet), _keys(patients)[wrong])
    code = diagnoses.sheet.columns["code"]
    limited = np.array([word[:3] in _of_one_sex() for word in code.words.to_pylist()] + [False])
    return _of(diagnoses, misread & limited[code.index], "other-sex-diagnosis")


def _keys(rows: Sheet | Patients) -> np.ndarray:
    return rows.institution.astype(np.int64) * 10**PATIENT_DIGITS + rows.patient


@functools.cache
def _of_one_sex() -> frozenset[str]:
    """Return the categories of ICD-10 that only one sex can have."""
    return frozenset(one for limit in diagnosis_limits() if limit.sex for one in limit.categories)


def _kind(column: str) -> str:
    return "no-visit" if column == "encounter" else "missing-parent"


def _gone(planted: Planted) -> np.ndarray:
    """Return the numbers in the keys of the rows that the gate refuses or that are void in the end."""
    refused = np.isin(facts("defects")["kind"][planted.truth.line], REFUSED)
    return np.r_[planted.truth.keys.numbers[refused], planted.sheet.keys.numbers[planted.sheet.voided]]


def _orphans(planted: Planted, column: str, parents: tuple[str, ...], gone: dict[str, np.ndarray]) -> np.ndarray:
    lost = np.concatenate([gone[word] for word in parents if word in gone] or [np.zeros(0, np.int64)])
    return np.isin(planted.sheet.columns[column].numbers, lost) & _stored(planted, gone)


def _undiagnosed(by_word: dict[str, Planted], word: str, gone: dict[str, np.ndarray]) -> np.ndarray:
    """Say which visits had diagnoses of which none was taken."""
    visits, diagnoses = by_word[word], by_word["diagnosis"]
    named, stored = diagnoses.sheet.columns["encounter"].numbers, _stored(diagnoses, gone)
    had, has = (np.isin(visits.sheet.keys.numbers, numbers) for numbers in (named, named[stored]))
    return had & ~has & _stored(visits, gone)


def _stored(planted: Planted, gone: dict[str, np.ndarray]) -> np.ndarray:
    return ~np.isin(planted.sheet.keys.numbers, gone[planted.sheet.data_set])


def _of(planted: Planted, rows: np.ndarray, kind: str) -> Consequence:
    """Return rows as consequences, each key once."""
    sheet = planted.sheet
    once = np.flatnonzero(rows)
    once = once[np.unique(sheet.keys.numbers[once], return_index=True)[1]]
    return Consequence(sheet.data_set, kind, sheet.institution[once], take(sheet.keys, once))
