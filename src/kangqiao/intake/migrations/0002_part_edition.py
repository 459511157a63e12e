"""Parts say which edition of their data set they follow; until now there was one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="part",
            name="edition",
            field=models.TextField(default="1.0", help_text="edition of the data set that the file follows"),
            preserve_default=False,
        ),
    ]
