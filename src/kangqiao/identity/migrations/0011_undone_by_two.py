"""What two people decided is undone by two; what was undone by one before that stays as it is."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0010_counties_of_doubts"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="doubt",
            name="doubt_state_is_known",
        ),
        migrations.RemoveConstraint(
            model_name="doubt",
            name="doubt_proposed_by_somebody",
        ),
        migrations.RemoveIndex(
            model_name="doubt",
            name="doubt_proposed",
        ),
        migrations.AddField(
            model_name="decision",
            name="undo_approved_by",
            field=models.UUIDField(null=True, verbose_name="撤销复核"),
        ),
        migrations.AlterField(
            model_name="doubt",
            name="state",
            field=models.CharField(
                choices=[
                    ("open", "待处理"),
                    ("proposed", "待复核"),
                    ("same", "已认定为同一人"),
                    ("undoing", "撤销待复核"),
                    ("apart", "已认定为不同的人"),
                    ("settled", "已不存在"),
                ],
                db_default="open",
                max_length=10,
                verbose_name="状态",
            ),
        ),
        migrations.AddIndex(
            model_name="doubt",
            index=models.Index(
                condition=models.Q(("state__in", ["proposed", "undoing"])),
                fields=["proposed_at", "id"],
                name="doubt_proposed",
            ),
        ),
        AddConstraintNotValid(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("approved_by", None),
                    ("undone_at", None),
                    models.Q(
                        ("undo_approved_by__isnull", False),
                        ("undone_by__isnull", False),
                        models.Q(("undo_approved_by", models.F("undone_by")), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="decision_of_two_undone_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="doubt",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "proposed", "same", "undoing", "apart", "settled"])),
                name="doubt_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="doubt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state__in", ["proposed", "undoing"]), _negated=True),
                    ("proposed_by__isnull", False),
                    _connector="OR",
                ),
                name="doubt_proposed_by_somebody",
            ),
        ),
    ]
