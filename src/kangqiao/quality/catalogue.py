"""Every quality rule there is, derived from the data sets: the checks of the gate, rules over what is stored, series.

A rule is known by its data set and its word, ``column:check``. Nothing here is written by hand: a field, a relation or
a stored rule declared in a data set's class appears of itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from kangqiao.standards.checks import Check, checks_of
from kangqiao.standards.conditions import Rule
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.quality import Compiled, Dimension, StoredRule, dimension_of, stored_rules_of


class Stage(StrEnum):
    """Where a rule is decided."""

    GATE = "gate"
    """Rows that break it are refused; they are counted while they stay refused."""
    ROW = "row"
    """The row alone decides; rows that break it are stored with a warning."""
    STORED = "stored"
    """Other rows decide, or the patient."""
    SERIES = "series"
    """The number of rows from day to day decides."""


@dataclass(frozen=True)
class QualityRule:
    """One rule of one data set.

    word       ``column:check``, unique in the data set
    title      Chinese: what is expected
    column     where the finding is reported
    severity   "error" or "warning"
    """

    data_set: str
    word: str
    title: str
    column: str
    dimension: Dimension
    severity: str
    stage: Stage
    check: Check | None = None
    stored: StoredRule | None = None

    @property
    def key(self) -> str:
        """Return the rule's name in the whole city, ``lab-result.quantity:range``."""
        return f"{self.data_set}.{self.word}"


FORMER = "former"
LATE, WEEKEND_GAP, SUDDEN_DROP = "revised_at:late", "day:weekend-gap", "day:sudden-drop"


@functools.cache
def rules_of(word: str) -> tuple[QualityRule, ...]:
    """Return every rule of a data set by the data set's word."""
    data_set = data_sets()[word]
    return (*_of_gate(data_set), *_of_stored(data_set), _late(word), *_series(data_set))


@functools.cache
def rule_by_key() -> dict[str, QualityRule]:
    """Return every rule of every data set by its key."""
    return {rule.key: rule for word in data_sets() for rule in rules_of(word)}


def rule_of(data_set: str, word: str) -> QualityRule | None:
    """Return a rule by its data set's word and its own, or None.

    What was refused by a check that has another wording by now is known under its column, ``<column>:former``.
    """
    known = rule_by_key().get(f"{data_set}.{word}")
    column, _, check = word.partition(":")
    of_data_set = data_sets().get(data_set)
    if known or check != FORMER or of_data_set is None:
        return known
    title = next((field.title for field in of_data_set.wire() if field.name == column), None)
    if title is None:
        return None
    return QualityRule(
        data_set=data_set,
        word=word,
        title=f"“{title}”：按修改以前的规则退回",
        column=column,
        dimension=Dimension.VALIDITY,
        severity="error",
        stage=Stage.GATE,
    )


def rule_of_key(key: str) -> QualityRule | None:
    """Return a rule by its name in the whole city (``lab-result.quantity:range``), or None."""
    data_set, _, word = key.partition(".")
    return rule_of(data_set, word)


def _of_gate(data_set: type[DataSet]) -> Iterator[QualityRule]:
    relations = {(rule.field.name, rule.word): rule for rule in data_set.rules}
    for check in checks_of(data_set):
        if not check.refuses and not _stored_cells(data_set, check):
            continue  # it compares a cell that is not stored; the receipt says so, nobody can say it later
        yield QualityRule(
            data_set=data_set.word,
            word=f"{check.column}:{check.word}",
            title=check.message,
            column=check.column,
            dimension=dimension_of(check, _relation(relations, check)),
            severity=check.severity,
            stage=Stage.GATE if check.refuses else Stage.ROW,
            check=check,
        )
    yield QualityRule(
        data_set=data_set.word,
        word="source_key:repeated",
        title="同一文件内业务主键不应重复",
        column="source_key",
        dimension=Dimension.UNIQUENESS,
        severity="error",
        stage=Stage.GATE,
    )


def _relation(relations: dict[tuple[str, str], Rule], check: Check) -> Rule | None:
    return relations.get((check.column, check.word))


def _stored_cells(data_set: type[DataSet], check: Check) -> bool:
    kept = {field.name for field in data_set.elements()}
    return {name for name in cells_of(check) if name != "institution_code"} <= kept


def cells_of(check: Check) -> set[str]:
    """Return the columns whose text cell (``r_<column>``) a check looks at."""
    return set(re.findall(r"\br_(\w+)", check.sql))


def _of_stored(data_set: type[DataSet]) -> Iterator[QualityRule]:
    for rule in stored_rules_of(data_set):
        column = rule.field.name if rule.field is not None else "source_key"
        yield QualityRule(
            data_set=data_set.word,
            word=f"{column}:{rule.word}",
            title=rule.message,
            column=column,
            dimension=rule.dimension,
            severity=rule.severity,
            stage=Stage.STORED,
            stored=rule,
        )


class _InItsPeriod(StoredRule):
    """A row that had its form before a reporting period began was due in an earlier one."""

    word, message = "late", "数据应在形成的当期报送：早于报送期形成的行是迟报"
    dimension, severity, field = Dimension.TIMELINESS, "warning", None

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        join = f"LEFT JOIN batch AS {alias} ON {alias}.id = t.batch_id"
        return Compiled(
            (join,), f"{alias}.id IS NOT NULL", f"coalesce(t.revised_at::DATE < {alias}.period_start, FALSE)"
        )


def _late(word: str) -> QualityRule:
    rule = _InItsPeriod()
    return QualityRule(
        data_set=word,
        word=LATE,
        title=rule.message,
        column="revised_at",
        dimension=rule.dimension,
        severity=rule.severity,
        stage=Stage.STORED,
        stored=rule,
    )


def _series(data_set: type[DataSet]) -> Iterator[QualityRule]:
    if not data_set.steady:
        return
    for word, title in (
        (WEEKEND_GAP, "平时周末有数据的机构，整个周末没有数据，可能漏传"),
        (SUDDEN_DROP, "数据量不应突然降到本机构以往水平的三分之一以下"),
    ):
        yield QualityRule(
            data_set=data_set.word,
            word=word,
            title=title,
            column="day",
            dimension=Dimension.STABILITY,
            severity="warning",
            stage=Stage.SERIES,
        )
