"""Doubts say where both were registered and what waiting costs; an index holds those that wait in their order."""

import django.contrib.postgres.fields
from django.db import migrations, models

FILL = """
UPDATE identity_doubt doubt SET counties = ARRAY(
       SELECT DISTINCT left(institution.division_code, 6) FROM identity_patient patient
         JOIN registry_institution institution ON institution.id = patient.institution_id
        WHERE patient.id IN (doubt.patient_id, doubt.other_patient_id) ORDER BY 1)
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0009_decisions_taken_back"), ("registry", "0001_initial")]
    operations = [
        migrations.RemoveIndex(model_name="doubt", name="doubt_queue"),
        migrations.AddField(
            model_name="doubt",
            name="counties",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=6), db_default=[], size=None, verbose_name="县区"
            ),
        ),
        migrations.AddField(
            model_name="doubt",
            name="risk",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(kind__in=["one-number", "linked"], then=models.Value(1)),
                    models.When(kind="two-numbers", then=models.Value(2), weight__gte=6.5),
                    models.When(kind="newborn", then=models.Value(2)),
                    models.When(kind="similar", then=models.Value(2), weight__gte=4.0),
                    default=models.Value(3),
                ),
                output_field=models.SmallIntegerField(),
                verbose_name="风险",
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name="doubt",
            index=models.Index(
                models.OrderBy(models.F("postponed_at"), nulls_first=True),
                models.F("risk"),
                models.F("opened_at"),
                models.F("id"),
                condition=models.Q(("state", "open")),
                include=("kind", "counties"),
                name="doubt_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="doubt",
            index=models.Index(
                condition=models.Q(("state", "proposed")), fields=["proposed_at", "id"], name="doubt_proposed"
            ),
        ),
    ]
