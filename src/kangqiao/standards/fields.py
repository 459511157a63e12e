"""Field types of a data set: each is a Django field that also knows its data element.

A field carries what the standard says of it (Chinese title, data element identifier, value set, unit, whether it
is required) and how its wire text becomes a value, in two renderings that must agree: ``parse`` for one value in
Python and ``sql`` for a whole column in DuckDB (``tests/generative`` holds one against the other).

In the database every field is a plain column: migrations see the Django parent type only.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.module_loading import import_string

from kangqiao.standards import value_sets
from kangqiao.standards.conditions import CITY_TIME, Condition


class Element:
    """What every field of a data set knows. Mixed into Django fields; not a field by itself.

    title     Chinese title as the standard or the form prints it
    element   data element identifier (``DE02.01.039.00``), or "" where the national set has none
    required  True, False, or a :class:`~kangqiao.standards.conditions.Condition` under which it must be present
    expected  a row without it is taken, with a warning
    note      one Chinese sentence for those who fill it in
    absent    the wire text that stands for a missing one
    late      an edition brought it or its being required, so that older rows are stored without it
    withdrawn the edition since which it is no longer sent, None while it is
    """

    wire_format: ClassVar[str]  # as WS 445 writes formats, for the contract and the interface document
    expects: ClassVar[str]  # Chinese, ends the sentence "应为…"
    duckdb_type: ClassVar[str] = "VARCHAR"

    title: str
    element: str
    required: bool | Condition
    expected: bool
    note: str
    absent: str | None
    companion_of: Element | None = None
    late: bool = False
    withdrawn: str | None = None
    name: str

    def __init__(
        self,
        title: str,
        element: str = "",
        *,
        required: bool | Condition = False,
        expected: bool = False,
        note: str = "",
        absent: str | None = None,
        **options: Any,
    ) -> None:
        self.title, self.element, self.required, self.expected = title, element, required, expected
        self.note, self.absent = note, absent
        super().__init__(verbose_name=title, null=required is not True, blank=required is not True, **options)  # type: ignore[call-arg]

    def deconstruct(self) -> tuple[str, str, list[Any], dict[str, Any]]:
        """Describe the plain Django column, so that a title never causes a migration."""
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        kwargs.pop("verbose_name", None)
        plain = next(base for base in type(self).__mro__ if base.__module__.startswith(("django.db", "django.contrib")))
        module = "django.db.models" if plain.__module__.startswith("django.db") else "django.contrib.postgres.fields"
        return name, f"{module}.{plain.__name__}", args, kwargs

    def companions(self) -> Iterable[tuple[str, Element]]:
        """Yield (column name, field) of the columns stored beside this one."""
        return ()

    def contribute_to_class(self, cls: type[models.Model], name: str, *flags: Any, **options: Any) -> None:
        super().contribute_to_class(cls, name, *flags, **options)  # type: ignore[misc]
        for column, field in self.companions():
            field.companion_of = self
            if self.late:
                field.late = field.null = field.blank = True  # type: ignore[attr-defined]
            field.contribute_to_class(cls, column)

    def clone(self) -> Any:
        """Return the plain Django field for migration states (our arguments are not part of the column)."""
        _, path, args, kwargs = self.deconstruct()
        return import_string(path)(*args, **kwargs)

    def sql(self, raw: str) -> str:
        """Return the DuckDB expression that turns the text column ``raw`` into a value, NULL where it can not."""
        return raw

    def parse(self, text: str) -> Any:
        """Return the value of a trimmed, non-empty wire text, or None where it has none."""
        return text


class Text(Element, models.TextField):
    """Free text, at most ``max_length`` characters."""

    expects = "文字"

    def __init__(self, title: str, element: str = "", *, max_length: int = 200, **options: Any) -> None:
        self.limit = max_length
        super().__init__(title, element, **options)

    @property
    def wire_format(self) -> str:  # type: ignore[override]
        return f"AN..{self.limit}"


class _Choice(Element):
    """Shared by codes: which of a value set this field takes.

    retired  code → (edition since which it is not accepted, the code to use instead or None)
    widened  code → edition since which it is accepted
    unborn   codes that the edition this field is of does not know yet
    """

    values: str
    retired: Mapping[str, tuple[str, str | None]] = {}
    widened: Mapping[str, str] = {}
    unborn: frozenset[str] = frozenset()

    @property
    def value_set(self) -> value_sets.ValueSet:
        """The whole value set: stored rows may have any code that ever was in it."""
        return value_sets.load(self.values)

    @property
    def offered(self) -> value_sets.ValueSet:
        """The value set without the codes that may not be sent."""
        known = self.value_set
        if not self.retired and not self.unborn:
            return known
        kept = {code: each for code, each in known.codes.items() if code not in {*self.retired, *self.unborn}}
        return replace(known, codes=kept)


class Coded(_Choice, models.TextField):
    """A code of a value set. On the wire a column ``<name>_name`` may accompany it and must then match.

    values    value set identifier (``CV02.01.101``); see ``value_sets/catalogue.csv``
    named     keep the sender's own wording in the column ``<name>_name``: for open vocabularies (diagnoses, drugs,
              laboratory items), where the wording says more than the code. ``required`` then speaks of the name;
              a missing code is a warning, since not every source has mapped its words yet
    """

    expects = "值域内的代码"

    def __init__(
        self,
        title: str,
        element: str = "",
        *,
        values: str,
        named: bool = False,
        required: bool | Condition = False,
        **options: Any,
    ) -> None:
        self.values, self.named, self.name_required = values, named, required
        super().__init__(title, element, required=False if named else required, **options)

    @property
    def wire_format(self) -> str:  # type: ignore[override]
        return f"代码 {self.values}"

    def companions(self) -> Iterable[tuple[str, Element]]:
        if self.named:
            yield f"{self.name}_name", Text(self.name_title, required=self.name_required)

    @property
    def name_title(self) -> str:
        """Return the title of the column that holds the code's name."""
        return self.title.removesuffix("代码").removesuffix("编码") + "名称"


class Codes(_Choice, ArrayField):
    """Several codes of one value set, separated by ``|`` on the wire (the forms' multiple choices)."""

    expects = "值域内的代码，多个用 | 分隔"
    duckdb_type = "VARCHAR[]"

    def __init__(self, title: str, element: str = "", *, values: str, **options: Any) -> None:
        self.values = values
        options.setdefault("base_field", models.TextField())
        super().__init__(title, element, **options)

    @property
    def wire_format(self) -> str:  # type: ignore[override]
        return f"代码 {self.values}，可多个"

    def sql(self, raw: str) -> str:
        return f"string_split({raw}, '|')"

    def parse(self, text: str) -> list[str]:
        return text.split("|")


class Date(Element, models.DateField):
    """A calendar date: ``YYYYMMDD`` or ``YYYY-MM-DD``."""

    wire_format = "D8"
    expects = "日期，如 20260131 或 2026-01-31"
    duckdb_type = "DATE"

    def sql(self, raw: str) -> str:
        return _date_sql(raw)

    def parse(self, text: str) -> dt.date | None:
        return _parse_date(text)


class Moment(Element, models.DateTimeField):
    """A point in time: ``YYYYMMDDhhmmss``, ``YYYYMMDDThhmmss`` or ISO 8601; city time where no zone is given."""

    wire_format = "DT15"
    expects = "日期时间，如 20260131T093000 或 2026-01-31 09:30:00"
    duckdb_type = "TIMESTAMPTZ"

    def sql(self, raw: str) -> str:
        return (
            f"CASE length({raw}) WHEN 8 THEN {_date_sql(raw)}::TIMESTAMPTZ WHEN 10 THEN {_date_sql(raw)}::TIMESTAMPTZ"
            f" WHEN 14 THEN try_strptime({raw}, '%Y%m%d%H%M%S')::TIMESTAMPTZ"
            f" WHEN 15 THEN try_strptime({raw}, '%Y%m%dT%H%M%S')::TIMESTAMPTZ"
            f" ELSE CASE WHEN regexp_full_match({raw}, '{_ISO_MOMENT}') THEN TRY_CAST({raw} AS TIMESTAMPTZ) END END"
        )

    def parse(self, text: str) -> dt.datetime | None:
        if len(text) in (8, 10):
            day = _parse_date(text)
            return None if day is None else dt.datetime(day.year, day.month, day.day, tzinfo=CITY_TIME)
        try:
            if len(text) in (14, 15):
                pattern = "%Y%m%d%H%M%S" if len(text) == 14 else "%Y%m%dT%H%M%S"
                return dt.datetime.strptime(text, pattern).replace(tzinfo=CITY_TIME)
            moment = dt.datetime.fromisoformat(text) if re.fullmatch(_ISO_MOMENT, text) else None
        except ValueError:
            return None
        return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=CITY_TIME)


class _Number(Element):
    """Shared by numbers: ``plausible`` = (lowest, highest) that a living person or a real form can have."""

    plausible: tuple[float, float] | None

    def __init__(
        self, title: str, element: str = "", *, plausible: tuple[float, float] | None = None, **options: Any
    ) -> None:
        self.plausible = plausible
        super().__init__(title, element, **options)


class Quantity(_Number, models.FloatField):
    """A measured value with its unit: a fixed ``unit``, or the column ``<name>_unit`` where the sender chooses."""

    wire_format = "N"
    expects = "数字"
    duckdb_type = "DOUBLE"

    def __init__(self, title: str, element: str = "", *, unit: str | None = None, **options: Any) -> None:
        self.unit = unit
        super().__init__(title, element, **options)

    def companions(self) -> Iterable[tuple[str, Element]]:
        if self.unit is None:
            yield f"{self.name}_unit", Text(f"{self.title}计量单位", max_length=30)

    def sql(self, raw: str) -> str:
        return f"CASE WHEN regexp_full_match({raw}, '{_NUMBER}') THEN TRY_CAST({raw} AS DOUBLE) END"

    def parse(self, text: str) -> float | None:
        return float(text) if re.fullmatch(_NUMBER, text) else None


class Count(_Number, models.IntegerField):
    """A whole number."""

    wire_format = "N"
    expects = "整数"
    duckdb_type = "INTEGER"

    def __init__(self, title: str, element: str = "", *, unit: str = "", **options: Any) -> None:
        self.unit = unit
        super().__init__(title, element, **options)

    def sql(self, raw: str) -> str:
        return f"CASE WHEN regexp_full_match({raw}, '{_WHOLE}') THEN TRY_CAST({raw} AS INTEGER) END"

    def parse(self, text: str) -> int | None:
        return int(text) if re.fullmatch(_WHOLE, text) else None


class Money(_Number, models.DecimalField):
    """An amount in yuan with two decimals."""

    wire_format = "N..12,2"
    expects = "金额（元，最多两位小数）"
    duckdb_type = "DECIMAL(12,2)"
    unit = "元"

    def __init__(self, title: str, element: str = "", **options: Any) -> None:
        options.update(max_digits=12, decimal_places=2)
        super().__init__(title, element, **options)

    def sql(self, raw: str) -> str:
        return f"CASE WHEN regexp_full_match({raw}, '{_AMOUNT}') THEN TRY_CAST({raw} AS DECIMAL(12,2)) END"

    def parse(self, text: str) -> Decimal | None:
        try:
            return Decimal(text).quantize(Decimal("0.01")) if re.fullmatch(_AMOUNT, text) else None
        except InvalidOperation:
            return None


class Flag(Element, models.BooleanField):
    """Yes or no: ``T``/``F``; also true/false, 1/0, 是/否, Y/N."""

    wire_format = "T/F"
    expects = "T 或 F"
    duckdb_type = "BOOLEAN"

    _yes: ClassVar = ("T", "TRUE", "1", "是", "Y")
    _no: ClassVar = ("F", "FALSE", "0", "否", "N")

    def sql(self, raw: str) -> str:
        yes, no = (", ".join(f"'{word}'" for word in words) for words in (self._yes, self._no))
        return f"CASE WHEN upper({raw}) IN ({yes}) THEN TRUE WHEN upper({raw}) IN ({no}) THEN FALSE END"

    def parse(self, text: str) -> bool | None:
        word = text.upper()
        return True if word in self._yes else False if word in self._no else None


class Link(Element, models.TextField):
    """The source key of a row of another data set at the same institution.

    to        the other data set's class
    part_of   this row is a detail of that one and is shown inside it
    """

    expects = "另一数据集的业务主键"
    wire_format = "AN..64"

    def __init__(
        self, title: str, element: str = "", *, to: type[models.Model], part_of: bool = False, **options: Any
    ) -> None:
        self.to, self.part_of, self.limit = to, part_of, 64
        super().__init__(title, element, **options)


_ISO_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}(:[0-9]{2})?)?"
_NUMBER = r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?"
_WHOLE = r"[+-]?[0-9]{1,9}"
_AMOUNT = r"-?[0-9]{1,10}(\.[0-9]{1,2})?"


def _date_sql(raw: str) -> str:
    return (
        f"CASE length({raw}) WHEN 8 THEN try_strptime({raw}, '%Y%m%d')::DATE"
        f" WHEN 10 THEN try_strptime({raw}, '%Y-%m-%d')::DATE END"
    )


def _parse_date(text: str) -> dt.date | None:
    pattern = {8: "%Y%m%d", 10: "%Y-%m-%d"}.get(len(text))
    try:
        return dt.datetime.strptime(text, pattern).date() if pattern else None
    except ValueError:
        return None
