from django.db import migrations

# PostgreSQL 18 makes version 7 itself; before, 48 bits of milliseconds are laid over a random version 4 (RFC 9562, 5.7).
UUID7 = """
DO $do$
BEGIN
    IF current_setting('server_version_num')::int >= 180000 THEN
        CREATE FUNCTION kangqiao_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS 'SELECT uuidv7()';
    ELSE
        CREATE FUNCTION kangqiao_uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
            SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
                substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
                52, 1), 53, 1), 'hex')::uuid
        $$;
    END IF;
END
$do$
"""

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
        migrations.RunSQL(UUID7, "DROP FUNCTION kangqiao_uuid7()"),
        migrations.RunSQL(CONFLICT, "DROP VIEW identity_conflict"),
    ]
