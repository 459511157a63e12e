"""The nouns of the review desk: what residents ask to have put right, and checks of what comparisons decided."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from kangqiao.identity.survivorship import ATTRIBUTES
from kangqiao.infra.ids import uuid7

WRONG_IDENTITY = "identity"
"""What is not mine: a registration that belongs to somebody else."""

ABOUT = {**ATTRIBUTES, "document": "证件号码", WRONG_IDENTITY: "不是本人的登记"}


class CorrectionRequest(models.Model):
    """更正申请: a resident says that something held about them is wrong, and what it should be.

    About one attribute as one institution registered it (`patient_id`). Accepting it changes no institution's data: the
    institution that holds the value is told and sends the registration again. Accepting that a registration is
    somebody else's parts it from the resident at once.
    """

    class State(models.TextChoices):
        """Where it stands (`correction_rules.AFTER_CORRECTION`)."""

        FILED = "filed", "待处理"
        ACCEPTED = "accepted", "已同意"
        TOLD = "told", "已通知机构"
        REFUSED = "refused", "不予更正"
        WITHDRAWN = "withdrawn", "已撤回"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    resident_id = models.UUIDField("居民")
    patient_id = models.UUIDField("登记")
    institution_id = models.IntegerField("持有机构")
    attribute = models.CharField("更正项目", max_length=20, choices=ABOUT)
    held = models.TextField("现有内容", null=True)
    asked = models.TextField("要求改为", null=True)
    grounds = models.TextField("依据")
    state = models.CharField("状态", max_length=10, choices=State, db_default="filed")
    filed_by = models.UUIDField("受理人", null=True)
    filed_at = models.DateTimeField("申请时间", db_default=Now())
    decided_by = models.UUIDField("处理人", null=True)
    decided_at = models.DateTimeField("处理时间", null=True)
    answer = models.TextField("答复", null=True)
    decision_id = models.UUIDField("认定", null=True)
    told_by = models.UUIDField("通知人", null=True)
    told_at = models.DateTimeField("通知时间", null=True)

    class Meta:
        verbose_name = "更正申请"
        constraints = [
            models.CheckConstraint(name="correction_about_something_known", condition=Q(attribute__in=list(ABOUT))),
            models.CheckConstraint(
                name="correction_state_is_known",
                condition=Q(state__in=["filed", "accepted", "told", "refused", "withdrawn"]),
            ),
            models.CheckConstraint(name="correction_says_why", condition=~Q(grounds="")),
            models.CheckConstraint(
                name="correction_says_what",
                condition=Q(attribute=WRONG_IDENTITY) | Q(asked__isnull=False) & ~Q(asked=""),
            ),
            models.CheckConstraint(
                name="correction_answered_by_somebody",
                condition=~Q(state__in=["accepted", "told", "refused"])
                | Q(decided_by__isnull=False, decided_at__isnull=False, answer__isnull=False),
            ),
            models.CheckConstraint(
                name="correction_told_by_somebody",
                condition=~Q(state="told") | Q(told_by__isnull=False, told_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["patient_id", "attribute"], name="correction_asked_once", condition=Q(state__in=["filed"])
            ),
        ]
        indexes = [
            models.Index(fields=["state", "filed_at"], name="correction_queue"),
            models.Index(fields=["resident_id"], name="correction_of_resident"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class MatchCheck(models.Model):
    """抽查: a steward looked at what a comparison decided, drawn by lot, and said whether it was right."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    decision_id = models.UUIDField("认定", unique=True)
    right = models.BooleanField("正确")
    checked_by = models.UUIDField("抽查人", null=True)
    checked_at = models.DateTimeField("抽查时间", db_default=Now())

    class Meta:
        verbose_name = "合并抽查"
        indexes = [models.Index(F("checked_at").desc(), name="match_check_by_time")]

    def __str__(self) -> str:
        return str(self.id)
