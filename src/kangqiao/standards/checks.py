"""What the gate checks on a row: every check of a data set, derived from its class.

Each check has two renderings that must agree: ``sql`` over the columns of a whole file in DuckDB (text cells named
``r_<column>``, values named ``<column>``, and the latest time that is not in the future, ``not_after``), and ``fails``
over one row in Python. ``tests/generative`` holds one against the other.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kangqiao.standards import imported_codes
from kangqiao.standards.conditions import Condition, day_of
from kangqiao.standards.data_set import INSTITUTION_CODE, DataSet
from kangqiao.standards.editions import FIRST, rank, since, successors
from kangqiao.standards.fields import Coded, Codes, Element, Link, Text, _Number

Cells = Mapping[str, str | None]
Values = Mapping[str, Any]

CLOCK_TOLERANCE = dt.timedelta(days=1)
"""How far a sender's clock may run ahead before a time counts as lying in the future."""

FORMER_CODE = "former-code"
"""Begins the words of checks for codes that an edition gave up, its number behind it."""

ABOUT_TEXT = frozenset({"format", "length", "value-set", "retired", "unlisted", "name", "range"})
"""Words of the checks that only a cell with text can fail; rules have other words."""


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong with a row.

    word      what is wrong: "required", "expected", "format", "value-set", "retired", "unlisted", "former-code-1.1",
              "name", "length", "range", "future", or a rule's own word
    column    the wire column the finding is reported at
    severity  "error" refuses the row; "warning" accepts it and says so in the receipt
    message   Chinese: what was expected
    sql       DuckDB expression, TRUE when the check fails
    fails     the same decision for one row: (cells, values) → bool
    since     the edition of the data set since which it is asked
    """

    word: str
    column: str
    severity: str
    message: str
    sql: str
    fails: Callable[[Cells, Values], bool]
    since: str = FIRST

    def asked_in(self, edition: str) -> bool:
        """Say whether rows of an edition must pass it."""
        return rank(self.since) <= rank(edition)

    @property
    def refuses(self) -> bool:
        return self.severity == "error"

    @property
    def needs_text(self) -> bool:
        """Only a cell with text can fail it."""
        return self.word in ABOUT_TEXT or self.word.startswith(FORMER_CODE)


@functools.cache
def checks_of(data_set: type[DataSet]) -> tuple[Check, ...]:
    """Return every check of a data set in the order of its columns, relations between fields last."""
    checks = (*_envelope(data_set), *_fields(data_set), *_rules(data_set))
    if not data_set.editions:
        return checks
    dated = (replace(check, since=since(data_set, check.column, check.word)) for check in checks)
    return (*dated, *_former_codes(data_set))


def _envelope(data_set: type[DataSet]) -> Iterator[Check]:
    yield Check(
        "institution",
        INSTITUTION_CODE.name,
        "error",
        "“医疗机构代码”应为已登记、且由上传方负责上报的机构",
        "r_institution_code IS NOT NULL AND institution_id IS NULL",
        lambda cells, values: cells.get("institution_code") is not None and values["institution_id"] is None,
    )
    yield _not_in_future("revised_at", "数据更新时间")
    yield _not_in_future(data_set.occurred.field.name, data_set.occurred.field.title)


def _not_in_future(column: str, title: str) -> Check:
    def fails(_: Cells, values: Values) -> bool:
        value, latest = values[column], values["received_at"] + CLOCK_TOLERANCE
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            latest = latest.date()
        return value is not None and value > latest

    return Check(
        "future",
        column,
        "error",
        f"“{title}”不应晚于平台接收时间",
        f'coalesce("{column}" > not_after, FALSE)',
        fails,
    )


def _fields(data_set: type[DataSet]) -> Iterator[Check]:
    for field in data_set.columns():
        yield from _presence(field)
        yield from _form(field)
        yield from _vocabulary(field)
        yield from _retirement(data_set, field)
        yield from _bounds(field)


def _presence(field: Element) -> Iterator[Check]:
    column, message = field.name, f"“{field.title}”必填"
    if isinstance(field.required, Condition):
        condition = field.required
        yield Check(
            "required",
            column,
            "error",
            f"{condition.text()}时，{message}",
            f"({condition.sql()} AND r_{column} IS NULL)",
            lambda cells, values: cells.get(column) is None and condition.holds(values),
        )
    elif field.required and field.absent is None:
        yield Check(
            "required",
            column,
            "error",
            message,
            f"r_{column} IS NULL",
            lambda cells, _: cells.get(column) is None,
        )
    elif field.expected:
        yield Check(
            "expected",
            column,
            "warning",
            f"“{field.title}”应填写",
            f"r_{column} IS NULL",
            lambda cells, _: cells.get(column) is None,
        )
    if isinstance(field, Coded) and field.named:
        name = f"{column}_name"
        yield Check(
            "uncoded",
            column,
            "warning",
            f"“{field.title}”未对码：只有名称，没有标准代码",
            f"(r_{column} IS NULL AND r_{name} IS NOT NULL)",
            lambda cells, _: cells.get(column) is None and cells.get(name) is not None,
        )


def _form(field: Element) -> Iterator[Check]:
    column = field.name
    if isinstance(field, Text | Link):
        limit = field.limit
        yield Check(
            "length",
            column,
            "error",
            f"“{field.title}”不应超过 {limit} 个字",
            f"coalesce(length(r_{column}) > {limit}, FALSE)",
            lambda cells, _: len(cells.get(column) or "") > limit,
        )
    elif not isinstance(field, Coded | Codes):
        yield Check(
            "format",
            column,
            "error",
            f"“{field.title}”应为{field.expects}",
            f'(r_{column} IS NOT NULL AND "{column}" IS NULL)',
            lambda cells, values: cells.get(column) is not None and values[column] is None,
        )


def _vocabulary(field: Element) -> Iterator[Check]:
    if not isinstance(field, Coded | Codes):
        return
    column, known = field.name, field.value_set
    message = f"“{field.title}”应为值域 {known.id}（{known.title}）内的代码"
    accepted = _listed(known.codes)
    if isinstance(field, Codes):
        yield Check(
            "value-set",
            column,
            "error",
            message,
            f'coalesce(NOT list_has_all([{accepted}], "{column}"), FALSE)',
            lambda _, values: not all(known.accepts(code) for code in values[column] or ()),
        )
        return
    if known.complete:
        sql = f'("{column}" IS NOT NULL AND "{column}" NOT IN ({accepted}))'
    elif known.pattern:
        message = f"“{field.title}”应符合 {known.title} 的编码格式"
        sql = f'("{column}" IS NOT NULL AND NOT regexp_full_match("{column}", \'{known.pattern}\'))'
    else:
        return
    yield Check(
        "value-set",
        column,
        "error",
        message,
        sql,
        lambda _, values: values[column] is not None and not known.accepts(values[column]),
    )
    if known.complete:
        yield _name_matches(field)
    if known.imported:
        yield _imported(field)


def _imported(field: Coded) -> Check:
    """A code that no imported edition of its terminology holds; rows of former years may rightly have such codes."""
    column, known = field.name, field.value_set

    def fails(_: Cells, values: Values) -> bool:
        codes = imported_codes.imported(known.id)
        return codes is not None and values[column] is not None and values[column] not in codes

    return Check(
        "unlisted",
        column,
        "warning",
        f"“{field.title}”不在平台已导入的 {known.title}目录中",
        f'coalesce("{column}" NOT IN (SELECT code FROM {imported_codes.view(known.id)}), FALSE)',
        fails,
    )


def _retirement(data_set: type[DataSet], field: Element) -> Iterator[Check]:
    """A code that was out of use on the day a row speaks of."""
    if not isinstance(field, Coded | Codes) or not field.value_set.retirements():
        return
    known, several = field.value_set, isinstance(field, Codes)
    when = data_set.occurred.field.name

    def fails(_: Cells, values: Values) -> bool:
        if values[when] is None or values[field.name] is None:
            return False
        codes = values[field.name] if several else [values[field.name]]
        found = (known.codes.get(code) for code in codes)
        return any(code is not None and code.retired_on(day_of(values[when])) for code in found)

    ended = (
        f"({_holds_any(field.name, codes, several)} AND \"{when}\"::DATE > DATE '{last}')"
        for last, codes in known.retirements().items()
    )
    yield Check(
        "retired",
        field.name,
        "warning",
        f"“{field.title}”用了值域 {known.id}（{known.title}）中已停用的代码",
        f"coalesce({' OR '.join(ended)}, FALSE)",
        fails,
    )


def _holds_any(column: str, codes: Sequence[str], several: bool) -> str:
    return f'list_has_any("{column}", [{_listed(codes)}])' if several else f'"{column}" IN ({_listed(codes)})'


def _former_codes(data_set: type[DataSet]) -> Iterator[Check]:
    for field in data_set.columns():
        if isinstance(field, Coded | Codes):
            for number in dict.fromkeys(number for number, _ in field.retired.values()):
                codes = tuple(code for code, (since_then, _) in field.retired.items() if since_then == number)
                yield _former_code(field, codes, number, successors(data_set, FIRST).get(field.name, {}))


def _former_code(field: Coded | Codes, codes: tuple[str, ...], number: str, instead: Mapping[str, str]) -> Check:
    column, many = field.name, isinstance(field, Codes)
    named = "、".join(f"“{code}”（请改用“{instead[code]}”）" if code in instead else f"“{code}”" for code in codes)
    return Check(
        f"{FORMER_CODE}-{number}",
        column,
        "error",
        f"“{field.title}”自 {number} 版起不再使用代码{named}",
        f"coalesce({_holds_any(column, codes, many)}, FALSE)",
        lambda _, values: any(code in codes for code in ((values[column] or ()) if many else (values[column],))),
        number,
    )


def _name_matches(field: Coded) -> Check:
    column, name, known = field.name, f"{field.name}_name", field.value_set
    pairs = _listed(f"{code.code}:{wording}" for code in known.codes.values() for wording in (code.name, *code.aliases))
    return Check(
        "name",
        name,
        "error",
        f"“{field.name_title}”应与代码在值域 {known.id}（{known.title}）中的名称一致",
        f'(r_{name} IS NOT NULL AND "{column}" IN ({_listed(known.codes)})'
        f" AND concat(\"{column}\", ':', r_{name}) NOT IN ({pairs}))",
        lambda cells, values: (
            cells.get(name) is not None
            and values[column] is not None
            and not known.matches(values[column], cells[name] or "")
        ),
    )


def _bounds(field: Element) -> Iterator[Check]:
    if not isinstance(field, _Number) or field.plausible is None:
        return
    column, (low, high) = field.name, field.plausible
    yield Check(
        "range",
        column,
        "warning",
        f"“{field.title}”通常在 {low:g} 与 {high:g} 之间",
        f'coalesce("{column}" NOT BETWEEN {low} AND {high}, FALSE)',
        lambda _, values: values[column] is not None and not low <= values[column] <= high,
    )


def _rules(data_set: type[DataSet]) -> Iterator[Check]:
    for rule in data_set.rules:
        violated = rule.violated
        yield Check(
            rule.word,
            rule.field.name,
            rule.severity,
            rule.message,
            violated.sql(),
            lambda _, values, violated=violated: violated.holds(values),  # type: ignore[misc]
        )


def _listed(words: Any) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)
