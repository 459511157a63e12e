"""The nouns of deciding who is who: decisions with their undo, people kept apart, doubts, and what matching needs."""

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from kangqiao.infra.ids import uuid7


class Decision(models.Model):
    """Somebody, or the comparison, decided who is who. The links it made and ended carry its id: that is its undo log.

    `resident_id` is who stays, `other_id` who was joined to it, or kept apart from it. `detail` holds what links do
    not say: the former state of the other, the identifiers that moved, the residents merged into it before. What a
    comparison decided names the pair of patients that decided it, by which rule it was found, its pattern of levels,
    weight in bits and model, so that it can be explained for ever (`linkage.model.explained`).
    """

    class Kind(models.TextChoices):
        """What was decided."""

        MATCH = "match", "比对合并"
        MERGE = "merge", "人工合并"
        LINK = "link", "关联患者"
        UNLINK = "unlink", "撤销关联"
        APART = "apart", "认定不是同一人"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField("认定", max_length=10, choices=Kind)
    resident_id = models.UUIDField("居民")
    other_id = models.UUIDField("另一居民")
    actor_id = models.UUIDField("经办", null=True)
    approved_by = models.UUIDField("复核", null=True)
    reason = models.TextField("理由")
    detail = models.JSONField("详情", db_default={})
    patient_id = models.UUIDField("患者", null=True)
    compared_with = models.UUIDField("比对的患者", null=True)
    rule = models.CharField("候选规则", max_length=30, null=True)
    pattern = models.BigIntegerField("各项比较结果", null=True)
    weight = models.FloatField("权重", null=True)
    model = models.CharField("模型版本", max_length=40, null=True)
    decided_at = models.DateTimeField("认定时间", db_default=Now())
    undone_at = models.DateTimeField("撤销时间", null=True)
    undone_by = models.UUIDField("撤销人", null=True)
    undone_reason = models.TextField("撤销理由", null=True)
    undo_approved_by = models.UUIDField("撤销复核", null=True)

    class Meta:
        verbose_name = "身份认定"
        constraints = [
            models.CheckConstraint(
                name="decision_kind_is_known", condition=Q(kind__in=["match", "merge", "link", "unlink", "apart"])
            ),
            models.CheckConstraint(name="decision_says_why", condition=~Q(reason="")),
            models.CheckConstraint(
                name="decision_by_comparison_is_explained",
                condition=~Q(kind="match")
                | Q(
                    patient_id__isnull=False,
                    compared_with__isnull=False,
                    rule__isnull=False,
                    pattern__isnull=False,
                    weight__isnull=False,
                    model__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="decision_undone_says_why",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undone_reason__isnull=True)
                | (Q(undone_at__isnull=False, undone_reason__isnull=False) & ~Q(undone_reason="")),
            ),
            models.CheckConstraint(
                name="decision_approved_by_another", condition=Q(approved_by=None) | ~Q(approved_by=F("actor_id"))
            ),
            models.CheckConstraint(
                name="decision_of_two_undone_by_two",
                condition=Q(approved_by=None)
                | Q(undone_at=None)
                | Q(undone_by__isnull=False, undo_approved_by__isnull=False) & ~Q(undo_approved_by=F("undone_by")),
            ),
        ]
        indexes = [
            models.Index(fields=["resident_id"], name="decision_of_resident"),
            models.Index(fields=["other_id"], name="decision_of_other"),
            models.Index(fields=["decided_at", "id"], name="decision_by_time"),
            models.Index(fields=["undone_at", "id"], name="decision_by_undoing", condition=Q(undone_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Apart(models.Model):
    """Two residents that are different people, for ever: nothing joins them until that is taken back.

    One row per decision that says so; it follows both to whoever they are joined to.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    first_id = models.UUIDField("居民")
    second_id = models.UUIDField("另一居民")
    decision_id = models.UUIDField("认定")

    class Meta:
        verbose_name = "不是同一人"
        constraints = [
            models.CheckConstraint(name="apart_in_order", condition=Q(first_id__lt=F("second_id"))),
            models.UniqueConstraint(fields=["decision_id"], name="apart_said_once"),
        ]
        indexes = [
            models.Index(fields=["first_id"], name="apart_by_first"),
            models.Index(fields=["second_id"], name="apart_by_second"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Risk(models.IntegerChoices):
    """What waiting costs.

    Records of two people under one resident may be read at a bedside: that is the danger. One person under two
    residents hides half a history: the likelier, the sooner.
    """

    HIGH = 1, "高"
    MEDIUM = 2, "中"
    LOW = 3, "低"


QUEUE_ORDER: Final = (F("postponed_at").asc(nulls_first=True), F("risk"), F("opened_at"), F("id"))
"""The most dangerous first, then the oldest; postponed ones after all others."""


class Doubt(models.Model):
    """Two residents that may be one person: a human must look. The pair of patients that raised it explains it.

    A doubt with equal residents is about a link that stands: the patient may not be the resident it is linked to.
    `counties` holds the first six digits of where both patients were registered, when the doubt was raised.
    """

    class Kind(models.TextChoices):
        """What the doubt is about, the most dangerous first."""

        ONE_NUMBER = "one-number", "一号多人"
        TWO_NUMBERS = "two-numbers", "同一人疑有两个证件号"
        LINKED = "linked", "已关联但信息矛盾"
        NEWBORN = "newborn", "新生儿"
        SIMILAR = "similar", "疑似同一人"

    class State(models.TextChoices):
        """Where it stands (`doubt_rules.AFTER_DOUBT`)."""

        OPEN = "open", "待处理"
        PROPOSED = "proposed", "待复核"
        SAME = "same", "已认定为同一人"
        UNDOING = "undoing", "撤销待复核"
        APART = "apart", "已认定为不同的人"
        SETTLED = "settled", "已不存在"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField("类别", max_length=12, choices=Kind)
    state = models.CharField("状态", max_length=10, choices=State, db_default="open")
    first_id = models.UUIDField("居民")
    second_id = models.UUIDField("另一居民")
    patient_id = models.UUIDField("患者")
    other_patient_id = models.UUIDField("另一患者")
    rule = models.CharField("候选规则", max_length=30)
    pattern = models.BigIntegerField("各项比较结果")
    weight = models.FloatField("权重")
    risk = models.GeneratedField(
        expression=Case(
            When(kind__in=[Kind.ONE_NUMBER.value, Kind.LINKED.value], then=Value(Risk.HIGH.value)),
            When(kind=Kind.TWO_NUMBERS.value, weight__gte=6.5, then=Value(Risk.MEDIUM.value)),
            When(kind=Kind.NEWBORN.value, then=Value(Risk.MEDIUM.value)),
            When(kind=Kind.SIMILAR.value, weight__gte=4.0, then=Value(Risk.MEDIUM.value)),
            default=Value(Risk.LOW.value),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
        verbose_name="风险",
    )
    counties = ArrayField(models.CharField(max_length=6), verbose_name="县区", db_default=[])
    model = models.CharField("模型版本", max_length=40)
    opened_at = models.DateTimeField("提出时间", db_default=Now())
    proposed_by = models.UUIDField("提议人", null=True)
    proposed_at = models.DateTimeField("提议时间", null=True)
    decided_by = models.UUIDField("认定人", null=True)
    decided_at = models.DateTimeField("认定时间", null=True)
    decision_id = models.UUIDField("认定", null=True)
    postponed_at = models.DateTimeField("推后时间", null=True)
    note = models.TextField("说明", null=True)

    class Meta:
        verbose_name = "身份疑问"
        constraints = [
            models.CheckConstraint(name="doubt_in_order", condition=Q(first_id__lte=F("second_id"))),
            models.CheckConstraint(
                name="doubt_kind_is_known",
                condition=Q(kind__in=["one-number", "two-numbers", "linked", "newborn", "similar"]),
            ),
            models.CheckConstraint(
                name="doubt_state_is_known",
                condition=Q(state__in=["open", "proposed", "same", "undoing", "apart", "settled"]),
            ),
            models.CheckConstraint(
                name="doubt_proposed_by_somebody",
                condition=~Q(state__in=["proposed", "undoing"]) | Q(proposed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="doubt_confirmed_by_another",
                condition=~Q(state="same") | Q(proposed_by=None) | ~Q(proposed_by=F("decided_by")),
            ),
            models.UniqueConstraint(
                fields=["first_id", "second_id", "patient_id"],
                name="doubt_open_once",
                condition=Q(state__in=["open", "proposed"]),
            ),
        ]
        indexes = [
            models.Index(*QUEUE_ORDER, name="doubt_queue", include=["kind", "counties"], condition=Q(state="open")),
            models.Index(
                fields=["proposed_at", "id"], name="doubt_proposed", condition=Q(state__in=["proposed", "undoing"])
            ),
            models.Index(fields=["second_id"], name="doubt_by_second"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Unmatched(models.Model):
    """A patient whose registration is new or has changed and has not been compared with others yet."""

    patient_id = models.UUIDField("患者", primary_key=True)
    since = models.DateTimeField("登记时间", db_default=Now())

    class Meta:
        verbose_name = "待比对患者"

    def __str__(self) -> str:
        return str(self.patient_id)


class Clue(models.Model):
    """What a patient can be found by: the key of one blocking rule (`linkage.blocking.RULES`)."""

    pk = models.CompositePrimaryKey("clue", "patient_id")
    clue = models.BigIntegerField("线索")
    patient_id = models.UUIDField("患者")

    class Meta:
        verbose_name = "查找线索"

    def __str__(self) -> str:
        return str(self.patient_id)


class Traits(models.Model):
    """What a patient says, as it is compared (`traits.TRAITS`), of the registration that was last compared."""

    patient_id = models.UUIDField("患者", primary_key=True)
    content = models.BinaryField("比对特征")

    class Meta:
        verbose_name = "比对特征"

    def __str__(self) -> str:
        return str(self.patient_id)


class LinkageModel(models.Model):
    """A version of the model (`linkage.model.Model` as JSON), kept as long as links name it; the newest decides.

    `crowds` is what was counted in the whole city when it was learnt (`linkage` writes and reads it).
    """

    version = models.CharField("版本", max_length=40, primary_key=True)
    content = models.JSONField("内容")
    crowds = models.BinaryField("人群统计")
    patients = models.BigIntegerField("学习时的患者数")
    made_at = models.DateTimeField("建立时间", db_default=Now())

    class Meta:
        verbose_name = "比对模型"

    def __str__(self) -> str:
        return self.version
