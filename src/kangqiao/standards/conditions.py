"""A small language of conditions over the fields of one row, with two renderings that must agree.

``sql()`` is a DuckDB boolean expression over typed columns; ``holds(row)`` decides one row of typed values. A missing
operand never satisfies a comparison, in either. ``text()`` says the condition in Chinese.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

CITY_TIME = ZoneInfo("Asia/Shanghai")
"""Times that arrive without a zone are city time."""

Row = Mapping[str, Any]


class Condition(ABC):
    """A decision about one row."""

    @abstractmethod
    def sql(self) -> str:
        """Return a DuckDB expression that is TRUE or FALSE, never NULL."""

    @abstractmethod
    def holds(self, row: Row) -> bool:
        """Decide a row of typed values."""

    @abstractmethod
    def text(self) -> str:
        """Return the condition in Chinese."""


@dataclass(frozen=True)
class Missing(Condition):
    field: Any

    def sql(self) -> str:
        return f'"{self.field.name}" IS NULL'

    def holds(self, row: Row) -> bool:
        return row.get(self.field.name) is None

    def text(self) -> str:
        return f"“{self.field.title}”未填"


@dataclass(frozen=True)
class Unnamed(Condition):
    """A coded field that keeps the sender's wording (``named``) has none; whether it has a code does not matter."""

    field: Any

    def sql(self) -> str:
        return f'"{self.field.name}_name" IS NULL'

    def holds(self, row: Row) -> bool:
        return row.get(f"{self.field.name}_name") is None

    def text(self) -> str:
        return f"“{self.field.name_title}”未填"


@dataclass(frozen=True)
class Among(Condition):
    field: Any
    codes: tuple[str, ...]

    def sql(self) -> str:
        listed = ", ".join(f"'{code}'" for code in self.codes)
        return f'coalesce("{self.field.name}" IN ({listed}), FALSE)'

    def holds(self, row: Row) -> bool:
        return row.get(self.field.name) in self.codes

    def text(self) -> str:
        known = getattr(self.field, "value_set", None)
        named = [f"{code} {known.name(code)}" if known else code for code in self.codes]
        return f"“{self.field.title}”为 {' 或 '.join(named)} "


@dataclass(frozen=True)
class Yes(Condition):
    field: Any

    def sql(self) -> str:
        return f'coalesce("{self.field.name}", FALSE)'

    def holds(self, row: Row) -> bool:
        return row.get(self.field.name) is True

    def text(self) -> str:
        return f"“{self.field.title}”为是"


@dataclass(frozen=True)
class AtLeast(Condition):
    field: Any
    number: float

    def sql(self) -> str:
        return f'coalesce("{self.field.name}" >= {self.number}, FALSE)'

    def holds(self, row: Row) -> bool:
        value = row.get(self.field.name)
        return value is not None and bool(value >= self.number)

    def text(self) -> str:
        return f"“{self.field.title}”不低于 {self.number:g}"


@dataclass(frozen=True)
class Greater(Condition):
    """One number is greater than the other, or one time is later; where either is a date, days are compared."""

    field: Any
    other: Any

    def sql(self) -> str:
        days = "::DATE" if "DATE" in (self.field.duckdb_type, self.other.duckdb_type) else ""
        return f'coalesce("{self.field.name}"{days} > "{self.other.name}"{days}, FALSE)'

    def holds(self, row: Row) -> bool:
        one, other = row.get(self.field.name), row.get(self.other.name)
        if one is None or other is None:
            return False
        if isinstance(one, dt.datetime) != isinstance(other, dt.datetime):
            one, other = day_of(one), day_of(other)
        return bool(one > other)

    def text(self) -> str:
        word = "大于" if self.field.duckdb_type in ("DOUBLE", "INTEGER", "DECIMAL(12,2)") else "晚于"
        return f"“{self.field.title}”{word}“{self.other.title}”"


@dataclass(frozen=True)
class Unlike(Condition):
    """Two fields are both given and not the same."""

    field: Any
    other: Any

    def sql(self) -> str:
        return f'coalesce("{self.field.name}" <> "{self.other.name}", FALSE)'

    def holds(self, row: Row) -> bool:
        one, other = row.get(self.field.name), row.get(self.other.name)
        return one is not None and other is not None and bool(one != other)

    def text(self) -> str:
        return f"“{self.field.title}”与“{self.other.title}”不同"


@dataclass(frozen=True)
class LaterBy(Condition):
    """One moment is later than another by more than so many hours."""

    field: Any
    other: Any
    hours: int

    def sql(self) -> str:
        return f'coalesce("{self.field.name}" > "{self.other.name}" + INTERVAL {self.hours} HOUR, FALSE)'

    def holds(self, row: Row) -> bool:
        one, other = row.get(self.field.name), row.get(self.other.name)
        return one is not None and other is not None and bool(one > other + dt.timedelta(hours=self.hours))

    def text(self) -> str:
        return f"“{self.field.title}”比“{self.other.title}”晚 {self.hours} 小时以上"


@dataclass(frozen=True)
class Differs(Condition):
    """A total is not the sum of its parts; parts that are missing count nothing, a sum of no parts is not judged."""

    total: Any
    parts: tuple[Any, ...]
    tolerance: float = 0.005

    def sql(self) -> str:
        summed = " + ".join(f'coalesce("{part.name}", 0)' for part in self.parts)
        given = "coalesce(" + ", ".join(f'"{part.name}"' for part in self.parts) + ")"
        return f'coalesce({given} IS NOT NULL AND abs("{self.total.name}" - ({summed})) > {self.tolerance}, FALSE)'

    def holds(self, row: Row) -> bool:
        total = row.get(self.total.name)
        given = [value for part in self.parts if (value := row.get(part.name)) is not None]
        return total is not None and bool(given) and abs(float(total) - float(sum(given))) > self.tolerance

    def text(self) -> str:
        return f"“{self.total.title}”不等于{'、'.join(f'“{part.title}”' for part in self.parts)}之和"


@dataclass(frozen=True)
class NotProduct(Condition):
    """An amount is not price times quantity, allowing for a price and an amount that were rounded to cents."""

    amount: Any
    price: Any
    quantity: Any

    def sql(self) -> str:
        amount, price, quantity = (f'"{field.name}"::DOUBLE' for field in (self.amount, self.price, self.quantity))
        return f"coalesce(abs({amount} - {price} * {quantity}) > 0.0051 + 0.005 * abs({quantity}), FALSE)"

    def holds(self, row: Row) -> bool:
        given = [row.get(field.name) for field in (self.amount, self.price, self.quantity)]
        if any(value is None for value in given):
            return False
        amount, price, quantity = (float(value) for value in given if value is not None)
        return abs(amount - price * quantity) > 0.0051 + 0.005 * abs(quantity)

    def text(self) -> str:
        return f"“{self.amount.title}”不等于“{self.price.title}”乘以“{self.quantity.title}”"


@dataclass(frozen=True)
class Every(Condition):
    parts: tuple[Condition, ...]

    def sql(self) -> str:
        return "(" + " AND ".join(part.sql() for part in self.parts) + ")"

    def holds(self, row: Row) -> bool:
        return all(part.holds(row) for part in self.parts)

    def text(self) -> str:
        return " 且 ".join(part.text() for part in self.parts)


@dataclass(frozen=True)
class Either(Condition):
    parts: tuple[Condition, ...]

    def sql(self) -> str:
        return "(" + " OR ".join(part.sql() for part in self.parts) + ")"

    def holds(self, row: Row) -> bool:
        return any(part.holds(row) for part in self.parts)

    def text(self) -> str:
        return " 或 ".join(part.text() for part in self.parts)


@dataclass(frozen=True)
class No(Condition):
    part: Condition

    def sql(self) -> str:
        return f"(NOT {self.part.sql()})"

    def holds(self, row: Row) -> bool:
        return not self.part.holds(row)

    def text(self) -> str:
        if isinstance(self.part, Missing):
            return f"“{self.part.field.title}”已填"
        return f"并非（{self.part.text()}）"


def missing(field: Any) -> Condition:
    """The field has no value."""
    return Missing(field)


def unnamed(field: Any) -> Condition:
    """The coded field has no wording, the sender's own name of the code."""
    return Unnamed(field)


def present(field: Any) -> Condition:
    """The field has a value."""
    return No(Missing(field))


def among(field: Any, *codes: str) -> Condition:
    """The field is one of the codes."""
    return Among(field, codes)


def yes(field: Any) -> Condition:
    """The flag is set."""
    return Yes(field)


def at_least(field: Any, number: float) -> Condition:
    """The number is this great or greater."""
    return AtLeast(field, number)


def between(field: Any, low: float, high: float) -> Condition:
    """The number is at least ``low`` and below ``high``."""
    return Every((AtLeast(field, low), No(AtLeast(field, high))))


def later(field: Any, other: Any) -> Condition:
    """The first time is later than the second."""
    return Greater(field, other)


def later_by(field: Any, other: Any, *, hours: int) -> Condition:
    """The first moment is later than the second by more than so many hours."""
    return LaterBy(field, other, hours)


def greater(field: Any, other: Any) -> Condition:
    """The first number is greater than the second."""
    return Greater(field, other)


def unlike(field: Any, other: Any) -> Condition:
    """Both fields have a value, and it is not the same."""
    return Unlike(field, other)


def every(*parts: Condition) -> Condition:
    """All of the conditions hold."""
    return Every(parts)


def either(*parts: Condition) -> Condition:
    """At least one of the conditions holds."""
    return Either(parts)


def no(part: Condition) -> Condition:
    """The condition does not hold."""
    return No(part)


@dataclass(frozen=True)
class Rule:
    """A relation between fields that must not be violated.

    word      short English name, unique on the field that shows the finding
    field     the field the finding is reported at
    violated  when the rule is broken
    message   Chinese, what is expected
    severity  "error" refuses the row; "warning" accepts it and says so in the receipt
    """

    word: str
    field: Any
    violated: Condition
    message: str
    severity: str = "error"


def not_before(field: Any, other: Any, *, severity: str = "error") -> Rule:
    """``field`` may not lie before ``other``."""
    message = f"“{field.title}”不应早于“{other.title}”"
    return Rule("not-before", field, later(other, field), message, severity)


def not_less(field: Any, other: Any, *, severity: str = "error") -> Rule:
    """The number ``field`` may not be smaller than ``other``."""
    message = f"“{field.title}”不应小于“{other.title}”"
    return Rule("not-less", field, greater(other, field), message, severity)


def adds_up(total: Any, *parts: Any, severity: str = "error") -> Rule:
    """``total`` must be the sum of its parts."""
    listed = "、".join(f"“{part.title}”" for part in parts)
    return Rule("adds-up", total, Differs(total, parts), f"“{total.title}”应等于{listed}之和", severity)


def multiplies(amount: Any, price: Any, quantity: Any, *, severity: str = "warning") -> Rule:
    """``amount`` must be ``price`` times ``quantity``."""
    message = f"“{amount.title}”应等于“{price.title}”乘以“{quantity.title}”"
    return Rule("multiplies", amount, NotProduct(amount, price, quantity), message, severity)


def together(field: Any, other: Any, *, severity: str = "error") -> Rule:
    """Where ``other`` is present, ``field`` must be too."""
    message = f"填写了“{other.title}”时，“{field.title}”也应填写"
    return Rule("together", field, every(present(other), missing(field)), message, severity)


def day_of(value: dt.date) -> dt.date:
    """Return the day of a date or a moment in the city."""
    return value.astimezone(CITY_TIME).date() if isinstance(value, dt.datetime) else value
