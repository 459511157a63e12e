"""Data quality: its dimensions, and rules over what is stored, declared beside the data set.

A :class:`~kangqiao.standards.conditions.Rule` decides one row by itself, at the gate. A :class:`StoredRule` needs more
than the row: other rows, the patient, limits of what can be true. It is declared in a class's ``stored``::

    stored = [needs("diagnosis", by="encounter", message="每次就诊应有诊断"), once(visited, department)]

and compiles to DuckDB over the columnar copy of the tables (``records.lake``). There a row is ``t``, its patient is
``patient`` (resident_id, sex, birth_date, key_type, key_number), every data set is a table with its name in PostgreSQL,
and ``refused`` has what was sent and is not stored (data_set, institution_id, source_key, links: column → key). What
every data set owes needs no declaration: links must lead somewhere (:class:`LeadsSomewhere`), rows must come in time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kangqiao.standards.checks import FORMER_CODE, Check
from kangqiao.standards.conditions import Condition, Every, LaterBy, Missing, Rule, Unnamed
from kangqiao.standards.data_set import DataSet, data_sets
from kangqiao.standards.fields import Link
from kangqiao.standards.limits import FEMALE, MALE, diagnosis_limits, laboratory_limits
from kangqiao.standards.value_sets import ValueSet


class Dimension(StrEnum):
    """What a rule measures; ``title`` is its Chinese name."""

    title: str  # type: ignore[assignment]

    COMPLETENESS = "completeness", "完整性"
    VALIDITY = "validity", "规范性"
    CONSISTENCY = "consistency", "一致性"
    TIMELINESS = "timeliness", "及时性"
    UNIQUENESS = "uniqueness", "唯一性"
    LINKAGE = "linkage", "关联性"
    STABILITY = "stability", "稳定性"

    def __new__(cls, word: str, title: str) -> Dimension:
        member = str.__new__(cls, word)
        member._value_, member.title = word, title
        return member


STAND_INS = "之([长次双]?[子女]|婴)[一二三四甲乙大小0-9]?$|^(无名氏?|不详|未知|新生儿|测试.*|[Xx]+)$"
"""How names look that stand for a name not known yet, or for nobody."""

OF_WORD = {
    "required": Dimension.COMPLETENESS,
    "expected": Dimension.COMPLETENESS,
    "format": Dimension.VALIDITY,
    "length": Dimension.VALIDITY,
    "value-set": Dimension.VALIDITY,
    "name": Dimension.VALIDITY,
    "uncoded": Dimension.VALIDITY,
    "retired": Dimension.VALIDITY,
    "unlisted": Dimension.VALIDITY,
    "institution": Dimension.VALIDITY,
    "unreadable-line": Dimension.VALIDITY,
    "repeated": Dimension.UNIQUENESS,
}
"""Checks that every field can have; all else is a relation between fields."""


def dimension_of(check: Check, rule: Rule | None) -> Dimension:
    """Return what a check of the gate measures; ``rule`` is the relation it was derived from, if any."""
    if check.word.startswith(FORMER_CODE):
        return Dimension.VALIDITY
    if rule is None:
        return OF_WORD.get(check.word, Dimension.CONSISTENCY)
    if any(isinstance(part, LaterBy) for part in _parts(rule.violated)):
        return Dimension.TIMELINESS
    if any(isinstance(part, Missing | Unnamed) and part.field is rule.field for part in _parts(rule.violated)):
        return Dimension.COMPLETENESS
    return Dimension.CONSISTENCY


def _parts(condition: Condition) -> Iterator[Condition]:
    if isinstance(condition, Every):
        for part in condition.parts:
            yield from _parts(part)
    else:
        yield condition


@dataclass(frozen=True)
class Compiled:
    """A stored rule as DuckDB reads it: joins to add to ``FROM … AS t``, and two conditions over the joined row.

    ``prepared`` are tables the joins name, with the query that fills them: many rules of many data sets ask for the
    same, which is computed once in a measurement.
    """

    joins: tuple[str, ...]
    assessed: str
    failed: str
    prepared: tuple[tuple[str, str], ...] = ()


class StoredRule(ABC):
    """A rule over what is stored. ``field`` is where the finding is reported, ``message`` says what is expected."""

    word: str
    field: Any
    message: str
    dimension: Dimension
    severity: str = "error"

    @abstractmethod
    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        """Return the rule over rows of a data set."""


@dataclass(frozen=True)
class LeadsSomewhere(StoredRule):
    """The row a key points to was sent by the same institution, in one of the data sets ``to``, and is not void.

    A row that was sent and refused is found wanting by itself; those that point to it are not blamed for it.
    """

    field: Any
    to: tuple[str, ...]
    message: str
    word: str = "orphan"
    dimension: Dimension = Dimension.LINKAGE

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        named = " UNION ALL ".join(
            f"SELECT institution_id, source_key FROM {data_sets()[word].table()} WHERE NOT voided" for word in self.to
        )
        listed = ", ".join(f"'{word}'" for word in self.to)
        named += (
            " UNION ALL SELECT institution_id, source_key FROM refused"
            f" WHERE data_set IN ({listed}) AND source_key IS NOT NULL"
        )
        sent = ("sent " + " ".join(self.to), f"SELECT DISTINCT institution_id, source_key FROM ({named})")
        column = f't."{self.field.name}"'
        join = (
            f'LEFT JOIN "{sent[0]}" AS {alias}'
            f" ON {alias}.institution_id = t.institution_id AND {alias}.source_key = {column}"
        )
        return Compiled((join,), f"{column} IS NOT NULL", f"{alias}.source_key IS NULL", (sent,))


@dataclass(frozen=True)
class Needs(StoredRule):
    """At least one row of another data set names this row by its key in the column ``by``; refused ones count, too."""

    other: str
    by: str
    message: str
    field: Any = None
    word: str = "lacking"
    dimension: Dimension = Dimension.LINKAGE

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        named = (
            f'SELECT DISTINCT institution_id, named FROM (SELECT institution_id, "{self.by}" AS named'
            f" FROM {data_sets()[self.other].table()} WHERE NOT voided"
            f" UNION ALL SELECT institution_id, links['{self.by}'] FROM refused WHERE data_set = '{self.other}')"
            " WHERE named IS NOT NULL"
        )
        owner = (f"named by {self.other} {self.by}", named)
        join = (
            f'LEFT JOIN "{owner[0]}" AS {alias}'
            f" ON {alias}.institution_id = t.institution_id AND {alias}.named = t.source_key"
        )
        return Compiled((join,), "TRUE", f"{alias}.named IS NULL", (owner,))


@dataclass(frozen=True)
class Once(StoredRule):
    """An event is stored once: no two rows of a patient agree in all of ``fields`` (and in where and when)."""

    fields: tuple[Any, ...]
    message: str = "同一事件只应报送一次：内容相同、业务主键不同的行是重复录入"
    word: str = "double"
    dimension: Dimension = Dimension.UNIQUENESS

    @property
    def field(self) -> Any:  # type: ignore[override]
        return self.fields[0]

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        names = ["institution_id", "patient_id", "occurred_at"]
        for field in self.fields:
            names += [field.name, *(name for name, _ in field.companions())]
        digest = "hash(" + ", ".join(f'"{name}"' for name in names) + ")"
        repeated = (
            f"SELECT digest, min_by(id, source_key) AS first FROM (SELECT {digest} AS digest, id, source_key"
            f" FROM {data_set.table()} WHERE NOT voided) GROUP BY digest HAVING count(*) > 1"
        )
        of_row = "hash(" + ", ".join(f't."{name}"' for name in names) + ")"
        return Compiled(
            (f"LEFT JOIN ({repeated}) AS {alias} ON {alias}.digest = {of_row}",),
            "TRUE",
            f"coalesce({alias}.first <> t.id, FALSE)",
        )


@dataclass(frozen=True)
class FitsPatient(StoredRule):
    """A diagnosis belongs to a patient who can have it (``limits/diagnosis.csv``)."""

    field: Any

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        rows = ", ".join(
            f"('{category}', '{limit.sex}', {limit.min_age or 0}, {limit.max_age or 'NULL'})"
            for limit in diagnosis_limits()
            for category in limit.categories
        )
        join = (
            f"LEFT JOIN (VALUES {rows}) AS who(category, sex, min_age, max_age)"
            f' ON who.category = t."{self.field.name}"[:3]'
        )
        return Compiled((join,), *self.decisions())

    @abstractmethod
    def decisions(self) -> tuple[str, str]:
        """Return when a row is assessed and when it fails; ``who`` is the limit of its category."""


@dataclass(frozen=True)
class FitsSex(FitsPatient):
    """A diagnosis that only one sex can have belongs to a patient of that sex."""

    message: str = "诊断应与患者性别相符"
    word: str = "other-sex"
    dimension: Dimension = Dimension.CONSISTENCY

    def decisions(self) -> tuple[str, str]:
        assessed = f"coalesce(who.sex <> '' AND patient.sex IN ('{MALE}', '{FEMALE}'), FALSE)"
        return assessed, "patient.sex <> who.sex"


@dataclass(frozen=True)
class FitsAge(FitsPatient):
    """A diagnosis that needs an age belongs to a patient who had it when it was made."""

    message: str = "诊断应与患者年龄相符"
    word: str = "other-age"
    dimension: Dimension = Dimension.CONSISTENCY

    def decisions(self) -> tuple[str, str]:
        age = "(t.day - patient.birth_date) / 365.25"
        assessed = "(patient.birth_date IS NOT NULL AND (who.min_age > 0 OR who.max_age IS NOT NULL))"
        return f"coalesce({assessed}, FALSE)", f"{age} NOT BETWEEN who.min_age AND coalesce(who.max_age, 130)"


@dataclass(frozen=True)
class Livable(StoredRule):
    """A laboratory value in the unit the table names lies where a living person can be (``limits/laboratory.csv``)."""

    field: Any
    item: Any
    message: str = "检验结果应在人体可能的范围内，请核对数值与单位"
    word: str = "not-alive"
    dimension: Dimension = Dimension.CONSISTENCY

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        rows = ", ".join(
            f"('{limit.item}', '{unit}', {limit.low}, {limit.high})"
            for limit in laboratory_limits()
            for unit in limit.units
        )
        join = (
            f"LEFT JOIN (VALUES {rows}) AS {alias}(item, unit, low, high)"
            f' ON {alias}.item = t."{self.item.name}" AND {alias}.unit = coalesce(t."{self.field.name}_unit", \'\')'
        )
        quantity = f't."{self.field.name}"'
        return Compiled(
            (join,),
            f"({quantity} IS NOT NULL AND {alias}.item IS NOT NULL)",
            f"{quantity} NOT BETWEEN {alias}.low AND {alias}.high",
        )


@dataclass(frozen=True)
class NamedRight(StoredRule):
    """The wording beside a code of an open vocabulary is not the name of another code."""

    field: Any
    message: str = "编码与名称应指同一内容"
    word: str = "name-of-another"
    dimension: Dimension = Dimension.VALIDITY

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        code, name = f't."{self.field.name}"', f't."{self.field.name}_name"'
        known: ValueSet = self.field.value_set
        pairs = [
            (wording.replace("'", "''"), each.code)
            for each in known.codes.values()
            for wording in (each.name, *each.aliases)
        ]
        names = ", ".join(f"('{wording}', '{one}')" for wording, one in pairs)
        join = (
            f"LEFT JOIN (SELECT name, list(code) AS codes FROM (VALUES {names}) AS named(name, code) GROUP BY name)"
            f" AS {alias} ON {alias}.name = {name}"
        )
        return Compiled(
            (join,),
            f"({code} IS NOT NULL AND {alias}.name IS NOT NULL)",
            f"NOT list_contains({alias}.codes, {code})",
        )


@dataclass(frozen=True)
class Agrees(StoredRule):
    """What does not change about a person is said alike wherever the resident is known.

    ``others`` are the data sets that have a column of this name, the rule's own among them. A row is found wanting when
    it is outvoted: more of the resident's rows agree with each other than with it. Two rows that differ say nothing
    about which of them is wrong, and codes that say nothing (不详, 未查) have no vote.
    """

    field: Any
    others: tuple[str, ...]
    silent: tuple[str, ...]
    message: str
    word: str = "outvoted"
    dimension: Dimension = Dimension.CONSISTENCY
    severity: str = "warning"

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        column = f'"{self.field.name}"'
        rows = " UNION ALL ".join(
            f"SELECT patient_id, {column} AS said FROM {data_sets()[word].table()}"
            f" WHERE NOT voided AND {self._speaks(column)}"
            for word in self.others
        )
        said = (
            f"SELECT resident_id, said, count(*) AS votes FROM ({rows}) AS rows"
            " JOIN patient ON patient.id = rows.patient_id GROUP BY ALL"
        )
        heard = (
            f"said {self.field.name} by {' '.join(self.others)}",
            "SELECT resident_id, max_by(said, votes) AS said, max(votes) AS votes, sum(votes) AS heard"
            f" FROM ({said}) GROUP BY resident_id HAVING sum(votes) > 1",
        )
        join = f'LEFT JOIN "{heard[0]}" AS {alias} ON {alias}.resident_id = patient.resident_id'
        return Compiled(
            (join,),
            f"({self._speaks(f't.{column}')} AND {alias}.heard IS NOT NULL)",
            f"(t.{column} <> {alias}.said AND {alias}.votes > {alias}.heard - {alias}.votes)",
            (heard,),
        )

    def _speaks(self, column: str) -> str:
        silent = ", ".join(f"'{code}'" for code in self.silent)
        return f"{column} IS NOT NULL AND {column} NOT IN ({silent})" if silent else f"{column} IS NOT NULL"


@dataclass(frozen=True)
class Sums(StoredRule):
    """A total is the sum of the amounts of its parts, where all of its parts are stored."""

    field: Any
    part: str
    by: str
    amount: str
    message: str
    word: str = "sum-differs"
    dimension: Dimension = Dimension.CONSISTENCY
    severity: str = "warning"

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        summed = (
            f'SELECT institution_id, "{self.by}" AS whole, sum("{self.amount}") AS amount'
            f" FROM {data_sets()[self.part].table()} WHERE NOT voided GROUP BY ALL"
        )
        lacking = (
            f"SELECT DISTINCT institution_id, links['{self.by}'] AS whole FROM refused"
            f" WHERE data_set = '{self.part}' AND links['{self.by}'] IS NOT NULL"
        )
        here = "{0}.institution_id = t.institution_id AND {0}.whole = t.source_key"
        return Compiled(
            (
                f"LEFT JOIN ({summed}) AS {alias} ON {here.format(alias)}",
                f"LEFT JOIN ({lacking}) AS {alias}_lacking ON {here.format(f'{alias}_lacking')}",
            ),
            f"({alias}.amount IS NOT NULL AND {alias}_lacking.whole IS NULL)",
            f'abs(t."{self.field.name}" - {alias}.amount) > 0.005',
        )


@dataclass(frozen=True)
class Placeholder(StoredRule):
    """A name is somebody's own, not a stand-in: 某某之子, 无名氏, 新生儿, 测试."""

    field: Any
    message: str = "姓名不应是代称（如“某某之子”“无名氏”），取得姓名后请更正"
    word: str = "placeholder"
    dimension: Dimension = Dimension.VALIDITY
    severity: str = "warning"

    def compile(self, data_set: type[DataSet], alias: str) -> Compiled:
        name = f't."{self.field.name}"'
        return Compiled((), f"{name} IS NOT NULL", f"regexp_matches({name}, '{STAND_INS}')")


def needs(other: str, *, by: str, message: str) -> StoredRule:
    """A row of ``other`` (the word of a data set) names this row in its column ``by``."""
    return Needs(other=other, by=by, message=message)


def once(*fields: Any) -> StoredRule:
    """No two rows of a patient at an institution, at the same time, agree in all of these fields."""
    return Once(fields)


def sums(total: Any, *, part: str, by: str, amount: str, message: str) -> StoredRule:
    """``total`` is the sum of the column ``amount`` over the rows of ``part`` that name this row in ``by``."""
    return Sums(total, part, by, amount, message)


def agrees(field: Any, *others: str, silent: tuple[str, ...] = ()) -> StoredRule:
    """All rows of these data sets (by word) about a resident say the same in the column of this name.

    ``silent`` are the codes that say nothing.
    """
    return Agrees(field, others, silent, f"“{field.title}”与本人在其他机构的登记不一致")


def own_name(field: Any) -> StoredRule:
    """The name is not a stand-in."""
    return Placeholder(field)


def fits_sex(field: Any) -> StoredRule:
    """The diagnosis fits the patient's sex."""
    return FitsSex(field)


def fits_age(field: Any) -> StoredRule:
    """The diagnosis fits the patient's age."""
    return FitsAge(field)


def livable(field: Any, *, item: Any) -> StoredRule:
    """A living person can have this value of the item."""
    return Livable(field, item)


def named_right(field: Any) -> StoredRule:
    """The name is not that of another code."""
    return NamedRight(field)


def leads_to(field: Any, *to: str, message: str) -> StoredRule:
    """The key in ``field`` is that of a row in one of the data sets ``to`` (their words)."""
    return LeadsSomewhere(field, to, message)


def stored_rules_of(data_set: type[DataSet]) -> Sequence[StoredRule]:
    """Return the rules over stored rows of a data set: one for each link, then those that its classes declare."""
    links = [
        LeadsSomewhere(field, (field.to.word,), f"“{field.title}”应指向已报送的{field.to.title}")  # type: ignore[attr-defined]
        for field in data_set.elements()
        if isinstance(field, Link)
    ]
    declared = [rule for one in reversed(data_set.__mro__) for rule in vars(one).get("stored", ())]
    return [*links, *declared]
