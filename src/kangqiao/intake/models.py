"""Batches and their parts: what was sent, how far it has come, what became of every row."""

from django.db import models

from kangqiao.infra.ids import uuid7


class BatchState(models.TextChoices):
    """How far a batch has come."""

    RECEIVED = "received", "已接收，等待处理"
    PROCESSING = "processing", "处理中"
    COMPLETED = "completed", "已完成"
    REFUSED = "refused", "整批退回"


class PartState(models.TextChoices):
    """How far one data set of a batch has come."""

    WAITING = "waiting", "等待处理"
    STORED = "stored", "已入库"
    REFUSED = "refused", "整份退回"


class Door(models.TextChoices):
    """Where a batch came in."""

    COMMAND = "command", "命令行"
    UPLOAD = "upload", "网络上传"
    INBOX = "inbox", "监视文件夹"
    EXCEL = "excel", "表格上传"


class Batch(models.Model):
    """One delivery. ``number`` is the sender's; the platform's own name for it is the id."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    sender_id = models.IntegerField(null=True, help_text="institution; NULL where the manifest can not be read")
    number = models.TextField(null=True)
    digest = models.TextField(help_text="SM3 of the manifest, or of the parcel where it has none that can be read")
    door = models.TextField(choices=Door)
    state = models.TextField(choices=BatchState, default=BatchState.RECEIVED)
    manifest = models.JSONField(null=True)
    problem = models.JSONField(null=True, help_text="{word, message} of a batch refused as a whole")
    submitted_by = models.UUIDField(null=True)
    received_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    receipt = models.JSONField(null=True)

    class Meta:
        verbose_name = "批次"
        constraints = [
            models.UniqueConstraint(
                fields=["sender_id", "number"],
                condition=~models.Q(state=BatchState.REFUSED),  # a batch refused as a whole frees its number
                name="batch_sender_number",
            ),
            models.CheckConstraint(condition=models.Q(state__in=BatchState.values), name="batch_state_known"),
            models.CheckConstraint(
                condition=models.Q(receipt__isnull=False) ^ models.Q(state__in=["received", "processing"]),
                name="batch_ends_with_receipt",
            ),
        ]
        indexes = [
            models.Index(fields=["-received_at"], name="batch_newest"),
            models.Index(fields=["sender_id", "-received_at"], name="batch_sender_newest"),
        ]


class Part(models.Model):
    """One data set of a batch. Its counts are written in the transaction that stores its rows."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="parts")
    data_set = models.TextField()
    file = models.TextField()
    edition = models.TextField(help_text="edition of the data set that the file follows")
    state = models.TextField(choices=PartState, default=PartState.WAITING)
    problem = models.JSONField(null=True, help_text="{word, message} of a file refused as a whole")
    rows = models.IntegerField(default=0)
    new = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    unchanged = models.IntegerField(default=0)
    stale = models.IntegerField(default=0, help_text="older than the current version; kept as former versions")
    refused = models.IntegerField(default=0)
    warned = models.IntegerField(default=0)
    findings = models.JSONField(default=list, help_text="[{column, word, severity, message, rows, examples}]")
    notes = models.JSONField(default=list, help_text="Chinese sentences about the file as a whole")
    seconds = models.JSONField(default=dict, help_text="time per stage")

    class Meta:
        verbose_name = "批次数据集"
        constraints = [
            models.UniqueConstraint(fields=["batch", "data_set"], name="part_batch_data_set"),
            models.CheckConstraint(condition=models.Q(state__in=PartState.values), name="part_state_known"),
            models.CheckConstraint(
                condition=~models.Q(state="stored")
                | models.Q(
                    rows=models.F("new")
                    + models.F("changed")
                    + models.F("unchanged")
                    + models.F("stale")
                    + models.F("refused")
                ),
                name="part_every_row_accounted",
            ),
        ]
