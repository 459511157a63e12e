"""What the three core databases share: former versions of rows."""

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
