"""What patients say, as it is compared."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0007_postponed_doubts")]
    operations = [
        migrations.CreateModel(
            name="Traits",
            fields=[
                ("patient_id", models.UUIDField(primary_key=True, serialize=False, verbose_name="患者")),
                ("content", models.BinaryField(verbose_name="比对特征")),
            ],
            options={"verbose_name": "比对特征"},
        ),
    ]
