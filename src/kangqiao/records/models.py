"""What the core databases share: former versions of rows."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models


class FormerVersion(models.Model):
    """A version of a row that is not the current one: replaced later, or older than the current when it arrived."""

    id = models.UUIDField(primary_key=True, db_default=RandomUUID())
    data_set = models.TextField()
    record_id = models.UUIDField()
    version = models.IntegerField(help_text="unique per row; the current row has the highest")
    revised_at = models.DateTimeField()
    received_at = models.DateTimeField()
    batch_id = models.UUIDField()
    content = models.JSONField(help_text="the whole row as it stood, by column")

    class Meta:
        verbose_name = "历史版本"
        constraints = [
            models.UniqueConstraint(fields=["record_id", "version"], name="formerversion_record_version"),
        ]


class Original(models.Model):
    """A message as it came, byte for byte: one version of a resource, or its deletion. Never changed afterwards.

    Rows made of it carry its id as ``batch_id``.
    """

    id = models.UUIDField(primary_key=True)
    institution_id = models.IntegerField()
    source_key = models.TextField(help_text="Type/id")
    kind = models.TextField(help_text="resource type")
    version = models.IntegerField(help_text="unique per key; the highest is current")
    media_type = models.TextField()
    content = models.BinaryField(null=True, help_text="zstd; NULL says that the resource was deleted")
    patient_id = models.UUIDField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        verbose_name = "原始消息"
        constraints = [
            models.UniqueConstraint(fields=["institution_id", "source_key", "version"], name="original_version"),
            models.CheckConstraint(name="original_counts_from_one", condition=models.Q(version__gte=1)),
        ]
        indexes = [
            models.Index(
                fields=["patient_id", "kind", "id"],
                name="original_of_patient",
                condition=models.Q(patient_id__isnull=False),
            )
        ]
