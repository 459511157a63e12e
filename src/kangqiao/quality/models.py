"""The nouns of quality: a measurement, and what it found.

A measurement replaces what the one before it found, in one transaction; a page never sees half of one. Rows of these
tables are counts by institution, never personal data, but for :class:`Example`, which names records by their id.
"""

from django.db import models
from django.db.models import F, Q

from kangqiao.infra.ids import uuid7
from kangqiao.quality.issues import Issue, IssueStep

__all__ = ["Example", "FailedDay", "Issue", "IssueStep", "Measure", "Measurement", "Standing", "Volume"]


class Measurement(models.Model):
    """测量: one run of every rule over what is stored. ``settled`` is the moment up to which rows were looked at."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    settled = models.DateTimeField()
    rows = models.BigIntegerField(help_text="rows looked at")
    failed = models.BigIntegerField(help_text="rows found wanting, once per rule")
    seconds = models.JSONField(help_text="time per stage")

    class Meta:
        verbose_name = "质量测量"
        indexes = [models.Index(fields=["-started_at"], name="measurement_newest")]


class Volume(models.Model):
    """How many rows of a data set an institution has of a day, and how many of them fail any rule.

    ``refused`` rows were sent and are still refused; they are not among ``rows``.
    """

    institution_id = models.IntegerField()
    data_set = models.TextField()
    day = models.DateField()
    rows = models.IntegerField()
    failed = models.IntegerField()
    refused = models.IntegerField()

    class Meta:
        verbose_name = "数据量"
        constraints = [
            models.UniqueConstraint(fields=["institution_id", "data_set", "day"], name="volume_of_a_day"),
            models.CheckConstraint(
                condition=Q(rows__gte=F("failed"), failed__gte=0, refused__gte=0), name="volume_failed_of_rows"
            ),
        ]
        indexes = [models.Index(fields=["day"], name="volume_day")]


class Standing(models.Model):
    """One dimension over one institution's rows of a month: rows that any of its rules assesses, or fails.

    For stability what is counted are days. ``month`` is the month's first day.
    """

    institution_id = models.IntegerField()
    data_set = models.TextField()
    dimension = models.TextField()
    month = models.DateField()
    assessed = models.IntegerField()
    failed = models.IntegerField()

    class Meta:
        verbose_name = "质量维度"
        constraints = [
            models.UniqueConstraint(
                fields=["institution_id", "data_set", "dimension", "month"], name="standing_of_a_month"
            ),
            models.CheckConstraint(
                condition=Q(failed__gte=0, assessed__gte=F("failed")), name="standing_failed_of_assessed"
            ),
        ]
        indexes = [models.Index(fields=["month"], name="standing_month")]


class Measure(models.Model):
    """One rule over one institution's rows of a month: so many assessed, so many of them failed.

    ``rule`` is the rule's word within its data set: column and check (``quantity:range``). A rule of the gate has a row
    only where it failed.
    """

    institution_id = models.IntegerField()
    data_set = models.TextField()
    rule = models.TextField()
    month = models.DateField()
    assessed = models.IntegerField()
    failed = models.IntegerField()

    class Meta:
        verbose_name = "质量指标"
        constraints = [
            models.UniqueConstraint(fields=["institution_id", "data_set", "rule", "month"], name="measure_of_a_month"),
            models.CheckConstraint(
                condition=Q(failed__gte=0, assessed__gte=F("failed")), name="measure_failed_of_assessed"
            ),
        ]
        indexes = [models.Index(fields=["month"], name="measure_month")]


class FailedDay(models.Model):
    """How often a rule failed on a day; days on which it did not have no row."""

    institution_id = models.IntegerField()
    data_set = models.TextField()
    rule = models.TextField()
    day = models.DateField()
    failed = models.IntegerField()

    class Meta:
        verbose_name = "不合格日"
        constraints = [
            models.UniqueConstraint(fields=["institution_id", "data_set", "rule", "day"], name="failed_day_of_a_rule"),
            models.CheckConstraint(condition=Q(failed__gt=0), name="failed_day_has_failures"),
        ]


class Example(models.Model):
    """A row that fails a rule: a stored record by its id, or a refused row by its place in a batch's file.

    The newest ones are kept for each institution and rule, up to ``judging.EXAMPLES``.
    """

    institution_id = models.IntegerField()
    data_set = models.TextField()
    rule = models.TextField()
    day = models.DateField()
    record_id = models.UUIDField(null=True)
    batch_id = models.UUIDField(null=True)
    row_number = models.IntegerField(null=True)
    source_key = models.TextField(null=True)

    class Meta:
        verbose_name = "不合格行"
        constraints = [
            models.CheckConstraint(
                condition=Q(record_id__isnull=False) | Q(batch_id__isnull=False, row_number__isnull=False),
                name="example_says_which_row",
            )
        ]
        indexes = [
            models.Index(fields=["institution_id", "data_set", "rule", "-day"], name="example_newest"),
        ]
