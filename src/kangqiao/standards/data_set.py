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
    headline   one line that sums a row up, ``{column}`` filled with its value (codes by name)
    panel      how a person's rows are shown together (``standards.panels``)
    fhir       which FHIR resources become rows of it (``standards.fhir``)
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from kangqiao.standards.conditions import Rule
from kangqiao.standards.fields import Coded, Element, Flag, Link, Moment, Text

if TYPE_CHECKING:
    from kangqiao.standards.quality import StoredRule

CONTRACT_VERSION = "1.0"


def _wire_only(name: str, field: Element) -> Element:
    field.name = name
    return field


INSTITUTION_CODE = _wire_only("institution_code", Text("医疗机构代码", "DE08.10.052.00", required=True, max_length=22))
"""Who the row is from; stored as ``institution_id``."""

PATIENT_NUMBER = _wire_only(
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
    headline: ClassVar[str] = ""
    panel: ClassVar[Any] = None
    fhir: ClassVar[Any] = None

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

    word: ClassVar[str]

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Stand for the companion columns (``item_name``, ``quantity_unit``), which no line declares."""

    @classmethod
    def wire(cls) -> list[Element]:
        """Return every element a file of this data set may have, in the order of the template."""
        columns = [INSTITUTION_CODE, *([PATIENT_NUMBER] if issubclass(cls, Record) else [])]
        for field in cls.elements():
            columns.append(field)
            if isinstance(field, Coded) and not field.named:
                columns.append(_wire_only(f"{field.name}_name", Text(field.name_title)))
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


def _concrete() -> Iterator[type[DataSet]]:
    return (model for model in apps.get_models() if issubclass(model, DataSet))
