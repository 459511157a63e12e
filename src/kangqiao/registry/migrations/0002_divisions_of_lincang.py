from django.db import migrations

from kangqiao.infra.ids import uuid7
from kangqiao.registry.divisions import listed_divisions


def load(apps, schema_editor):
    division = apps.get_model("registry", "Division")
    division.objects.bulk_create(division(id=uuid7(), **row) for row in listed_divisions())


def unload(apps, schema_editor):
    apps.get_model("registry", "Division").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(load, unload)]
