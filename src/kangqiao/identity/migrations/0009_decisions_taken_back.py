"""Decisions that were taken back, in the order in which they were."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0008_traits")]
    operations = [
        migrations.AddIndex(
            model_name="decision",
            index=models.Index(
                fields=["undone_at", "id"],
                name="decision_by_undoing",
                condition=models.Q(undone_at__isnull=False),
            ),
        ),
    ]
