"""The data set: one class from which table, contract, template, validation, FHIR mapping and page are derived.

A concrete class lives in ``kangqiao.records`` and reads like the standard::

    class LabResult(Record):
        title = "检验结果"
        source = "WS 445.4-2014 检验记录"

        report = Link("检验报告单编号", "DE01.00.018.00", to=LabReport, part_of=True)
        ...
        occurred = at(reported)
        rules = [not_before(reported, sampled)]
        headline = "{item_name} {quantity} {quantity_unit}"
        panel = curve(quantity, over=sampled, group=item)

Class attributes
    title      Chinese name
    source     the book the fields follow
    occurred   ``at(field)``: the required field that says when it happened, or from when or for which day it holds
    rules      relations between fields (``standards.conditions``)
    stored     relations to other rows and to the patient (``standards.quality``)
    steady     its rows come every day, so that their number says something (weekend gaps, sudden drops)
    in_record  a resident's record shows its rows; what other departments know is not for every doctor's eyes
    headline   one line that sums a row up, ``{column}`` filled with its value (codes by name)
    panel      how a person's rows are shown together (``standards.panels``)
    fhir       which FHIR resources become rows of it (``standards.fhir``)
    editions   how it became what it is (``standards.editions``)
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from kangqiao.standards.conditions import Rule
from kangqiao.standards.editions import (
    Added,
    Change,
    Demanded,
    Edition,
    later_editions,
    mark_changes,
    numbers_of,
    rank,
)
from kangqiao.standards.fields import Coded, Codes, Element, Flag, Link, Moment, Text

if TYPE_CHECKING:
    from kangqiao.standards.quality import StoredRule


def wire_only(name: str, field: Element, *, companion_of: Element | None = None) -> Element:
    """Return the field as a column that is sent but not stored under its own name."""
    field.name, field.companion_of = name, companion_of
    return field


INSTITUTION_CODE = wire_only("institution_code", Text("医疗机构代码", "DE08.10.052.00", required=True, max_length=22))
"""Who the row is from; stored as ``institution_id``."""

PATIENT_NUMBER = wire_only(
    "patient_number", Text("患者院内号", "", required=True, max_length=64, note="患者在本机构的唯一编号")
)
"""Whose row it is, as the institution numbers its patients; stored as ``patient_id``."""


@dataclass(frozen=True)
class at:  # noqa: N801  (reads as a word inside a data set)
    """Points at a field without declaring it again."""

    field: Any


class DataSet(models.Model):
    """Rows an institution sends, each known by the institution and its source key."""

    title: ClassVar[str]
    source: ClassVar[str] = ""
    occurred: ClassVar[at]
    rules: ClassVar[Sequence[Rule]] = ()
    stored: ClassVar[Sequence[StoredRule]] = ()
    steady: ClassVar[bool] = False
    in_record: ClassVar[bool] = True
    headline: ClassVar[str] = ""
    panel: ClassVar[Any] = None
    fhir: ClassVar[Any] = None
    editions: ClassVar[Sequence[Edition]] = ()

    id = models.UUIDField(primary_key=True)
    institution_id = models.IntegerField()
    source_key = Text("业务主键", "", required=True, max_length=64, note="本机构内唯一且不变；同一主键再次上传视为更正")
    revised_at = Moment("数据更新时间", "", required=True, note="本行在业务系统中最近一次修改的时间，较新者为准")
    voided = Flag("作废标志", "", required=True, absent="F", note="T 表示本行作废；不填视为 F")
    received_at = models.DateTimeField()
    batch_id = models.UUIDField()
    version = models.IntegerField()

    class Meta:
        abstract = True
        constraints = (models.UniqueConstraint(fields=["institution_id", "source_key"], name="%(class)s_source_key"),)
        indexes = (BrinIndex(fields=["received_at"], name="%(class)s_rcvd", autosummarize=True),)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.word = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()
        mark_changes(cls.editions)

    word: ClassVar[str]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Stand for the companion columns (``item_name``, ``quantity_unit``), which no line declares."""

    @classmethod
    def edition(cls) -> str:
        """Return the number of the newest edition: what the class says."""
        return numbers_of(cls)[-1]

    @classmethod
    def wire(cls, edition: str | None = None) -> list[Element]:
        """Return the elements of an edition (None: the newest) as they were in it, in the order of the template."""
        number = edition or cls.edition()
        return [_as_of(cls, field, number) for field in cls.columns() if _had(cls, field, number)]

    @classmethod
    def readable(cls, edition: str) -> list[Element]:
        """Return the elements that a file of an edition is read for, as they are now; newer ones may be there, too."""
        return [field for field in cls.columns() if not _is_gone(field, edition)]

    @classmethod
    def columns(cls) -> list[Element]:
        """Return the elements of all editions as they are now."""
        columns = [INSTITUTION_CODE, *([PATIENT_NUMBER] if issubclass(cls, Record) else [])]
        for field in cls.elements():
            columns.append(field)
            if isinstance(field, Coded) and not field.named:
                columns.append(wire_only(f"{field.name}_name", Text(field.name_title), companion_of=field))
        return columns

    @classmethod
    def elements(cls) -> list[Element]:
        """Return the stored elements in the order of the class, companions behind their field."""
        fields: Sequence[Any] = cls._meta.local_fields
        stored: list[Element] = [field for field in fields if isinstance(field, Element)]
        ordered: list[Element] = []
        for field in (field for field in stored if field.companion_of is None):
            ordered += [field, *(other for other in stored if other.companion_of is field)]
        return ordered

    @classmethod
    def element(cls, name: str) -> Element:
        """Return one element by its column name; raises FieldDoesNotExist."""
        field: Any = cls._meta.get_field(name)
        return field

    @classmethod
    def table(cls) -> str:
        """Return the table name."""
        return cls._meta.db_table

    @classmethod
    def part_of(cls) -> Link | None:
        """Return the link to the data set this one is a detail of."""
        return next((f for f in cls.elements() if isinstance(f, Link) and f.part_of), None)


class Record(DataSet):
    """A row about a patient: something that happened to a person at an institution."""

    patient_id = models.UUIDField()
    occurred_at = models.DateTimeField()

    class Meta(DataSet.Meta):
        abstract = True
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["patient_id", "occurred_at"], name="%(class)s_time"),
        )


@functools.cache
def data_sets() -> dict[str, type[DataSet]]:
    """Return every data set of the installed packages by its word (``lab-result``)."""
    return {model.word: model for model in _concrete()}


def contract_version() -> str:
    """Return the version of the contract: that of the newest edition of any data set."""
    return max((each.edition() for each in data_sets().values()), key=rank)


def _had(data_set: type[DataSet], field: Element, number: str) -> bool:
    """Return whether an edition has the element."""
    owner = field.companion_of or field
    return not _is_gone(field, number) and not any(
        isinstance(change, Added) and change.field is owner for change in _changes_after(data_set, number)
    )


def _is_gone(field: Element, number: str) -> bool:
    withdrawn = (field.companion_of or field).withdrawn
    return withdrawn is not None and rank(withdrawn) <= rank(number)


def _as_of(data_set: type[DataSet], field: Element, number: str) -> Element:
    """Return the element as an edition has it: the field itself in the newest, otherwise a copy."""
    owner, changes = field.companion_of or field, _changes_after(data_set, number)
    if not changes:
        return field
    then = copy.copy(field)
    if (field is not owner) is getattr(owner, "named", False):  # of a code with a name, the name is what is required
        for change in reversed(changes):
            if isinstance(change, Demanded) and change.field is owner:
                then.required = change.formerly
    if isinstance(then, Coded | Codes):
        then.retired = {code: how for code, how in then.retired.items() if rank(how[0]) <= rank(number)}
        then.unborn = frozenset(code for code, born in then.widened.items() if rank(born) > rank(number))
    return then


def _changes_after(data_set: type[DataSet], number: str) -> list[Change]:
    return [change for edition in later_editions(data_set, number) for change in edition.changes]


def _concrete() -> Iterator[type[DataSet]]:
    return (model for model in apps.get_models() if issubclass(model, DataSet))
