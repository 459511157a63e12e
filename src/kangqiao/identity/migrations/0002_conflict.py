from django.db import migrations

CONFLICT = """
CREATE VIEW identity_conflict AS
SELECT * FROM (
    SELECT link.patient_id, link.resident_id, patient.institution_id,
           coalesce(translate(patient.name, ' 　·•・．.', '') <> translate(resident.name, ' 　·•・．.', ''), false)
               AS name_differs,
           coalesce(patient.sex IN ('1', '2') AND resident.sex IN ('1', '2') AND patient.sex <> resident.sex, false)
               AS sex_differs,
           coalesce(patient.birth_date <> resident.birth_date, false) AS birth_date_differs
      FROM identity_link link
      JOIN identity_patient patient ON patient.id = link.patient_id
      JOIN identity_resident resident ON resident.id = link.resident_id
     WHERE link.undone_at IS NULL AND link.reason <> 'own'
) compared
WHERE name_differs OR sex_differs OR birth_date_differs
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0001_initial")]
    operations = [
        migrations.RunSQL(CONFLICT, "DROP VIEW identity_conflict"),
    ]
