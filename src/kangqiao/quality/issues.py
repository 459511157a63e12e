"""The nouns of the loop: an issue opened for an institution, and the steps by which it was solved.

An issue is about one rule of one data set at one institution, in the months from ``first_month`` to ``last_month``.
``examples`` are failing rows as they were when it was opened or last sent back: internal ids, row numbers and source
keys, never values.
"""

from django.db import models
from django.db.models import F, Q

from kangqiao.infra.ids import uuid7
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actors import ActorKind


class IssueState(models.TextChoices):
    """How far an issue has come."""

    OPEN = "open", "待处理"
    ASSIGNED = "assigned", "整改中"
    ANSWERED = "answered", "待复核"
    ACCOUNTED = "accounted", "说明待审"
    SOLVED = "solved", "已解决"
    EXPLAINED = "explained", "已说明"
    WITHDRAWN = "withdrawn", "已撤销"


class IssueEvent(models.TextChoices):
    """What can happen to an issue."""

    OPEN = "open", "发起整改"
    ASSIGN = "assign", "指派"
    ANSWER = "answer", "已重新报送"
    ACCOUNT = "account", "说明情况"
    REOPEN = "reopen", "退回"
    ACCEPT = "accept", "认可说明"
    SOLVE = "solve", "复核通过"
    WITHDRAW = "withdraw", "撤销"
    ESCALATE = "escalate", "逾期升级"


class Level(models.IntegerChoices):
    """Who looks after an issue; overdue ones rise."""

    INSTITUTION = 0, "机构"
    COUNTY = 1, "县级督办"
    CITY = 2, "市级督办"


GOING_ON = (IssueState.OPEN, IssueState.ASSIGNED, IssueState.ANSWERED, IssueState.ACCOUNTED)
"""States of an issue that is not closed."""

WAITING = (IssueState.OPEN, IssueState.ASSIGNED)
"""States in which the institution has to act; only these can be overdue."""

_NOBODY = Q(assignee_id__isnull=True, contact="")


class Issue(models.Model):
    """质量整改: one rule that an institution's rows fail, followed until the rule finds them right."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    year = models.SmallIntegerField()
    serial = models.IntegerField(help_text="counts from 1 in each year")
    institution_id = models.IntegerField()
    data_set = models.TextField()
    rule = models.TextField(help_text="the rule's word within its data set")
    title = models.TextField(help_text="what the rule expects, as it was said when the issue was opened")
    dimension = models.TextField(choices=[(each.value, each.title) for each in Dimension])
    severity = models.TextField(choices=[("error", "错误"), ("warning", "提示")])
    first_month = models.DateField()
    last_month = models.DateField()
    state = models.TextField(choices=IssueState, default=IssueState.OPEN)
    opened_at = models.DateTimeField()
    opened_by = models.UUIDField(null=True, help_text="account; NULL is the platform")
    failed_opened = models.IntegerField()
    assessed_opened = models.IntegerField()
    failed_now = models.IntegerField()
    assessed_now = models.IntegerField()
    due_on = models.DateField()
    level = models.SmallIntegerField(choices=Level, default=Level.INSTITUTION)
    assignee_id = models.UUIDField(null=True, help_text="account of the institution")
    contact = models.TextField(default="", help_text="whom to ask at the institution, in words")
    examples = models.JSONField(default=list, help_text="[{record_id, batch_id, row_number, source_key, day}]")
    examples_complete = models.BooleanField(default=False, help_text="every failing row of the period is among them")
    answer = models.TextField(default="")
    answered_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "质量整改"
        constraints = [
            models.UniqueConstraint(fields=["year", "serial"], name="issue_number"),
            models.UniqueConstraint(
                fields=["institution_id", "data_set", "rule"],
                condition=Q(state__in=GOING_ON),
                name="issue_going_on_once",
            ),
            models.CheckConstraint(condition=Q(state__in=IssueState.values), name="issue_state_known"),
            models.CheckConstraint(condition=Q(severity__in=["error", "warning"]), name="issue_severity_known"),
            models.CheckConstraint(condition=Q(level__in=Level.values), name="issue_level_known"),
            models.CheckConstraint(condition=Q(last_month__gte=F("first_month")), name="issue_months_in_order"),
            models.CheckConstraint(
                condition=Q(failed_opened__gt=0, assessed_opened__gte=F("failed_opened")), name="issue_opened_for_rows"
            ),
            models.CheckConstraint(
                condition=Q(failed_now__gte=0, assessed_now__gte=F("failed_now")), name="issue_failed_of_assessed"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=False) ^ Q(state__in=GOING_ON), name="issue_closed_when_ended"
            ),
            models.CheckConstraint(
                condition=~Q(state=IssueState.ASSIGNED) | ~_NOBODY, name="issue_assigned_to_somebody"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[IssueState.ANSWERED, IssueState.ACCOUNTED])
                | Q(answered_at__isnull=False) & ~Q(answer=""),
                name="issue_answered_with_words",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "due_on"], name="issue_of_state"),
            models.Index(fields=["institution_id", "-opened_at"], name="issue_of_institution"),
        ]

    @property
    def number(self) -> str:
        """Return the number people use: 2026-0001."""
        return f"{self.year}-{self.serial:04}"

    @property
    def key(self) -> str:
        """Return the rule's name in the whole city."""
        return f"{self.data_set}.{self.rule}"

    @property
    def going_on(self) -> bool:
        """Return whether it is not closed."""
        return self.state in GOING_ON


class IssueStep(models.Model):
    """One step of an issue: what happened, who did it, what was said, how the counts stood."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    issue = models.ForeignKey(Issue, on_delete=models.CASCADE, related_name="steps")
    at = models.DateTimeField()
    actor_kind = models.TextField(choices=ActorKind)
    actor_id = models.UUIDField(null=True)
    event = models.TextField(choices=IssueEvent)
    note = models.TextField(default="")
    failed = models.IntegerField()
    assessed = models.IntegerField()

    class Meta:
        verbose_name = "整改经过"
        constraints = [
            models.CheckConstraint(condition=Q(event__in=IssueEvent.values), name="issue_step_event_known"),
            models.CheckConstraint(
                condition=Q(failed__gte=0, assessed__gte=F("failed")), name="issue_step_failed_of_assessed"
            ),
        ]
        indexes = [models.Index(fields=["issue", "id"], name="issue_step_in_order")]
