"""Two questions about registrations that several statements ask, and the view that asks one of them anew."""

from django.db import migrations

SAME_NAME = r"""
CREATE FUNCTION identity_same_name(text, text) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(upper(translate($1, ' 　·•・．.', '')) = upper(translate($2, ' 　·•・．.', '')), true)
$$
"""
"""Spaces and separating dots do not matter; a missing name contradicts none."""

NUMBER_IS_OWN = r"""
CREATE FUNCTION identity_number_is_own(
    key_type text, key_number text, name text, birth_date date, registered_on date, mother_number text
) RETURNS bool LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT key_number IS NOT NULL AND coalesce(key_number <> mother_number, true)
   AND (key_type <> '01' OR (
       SELECT CASE WHEN birth_date IS NULL
                   THEN coalesce(name !~ '之(长|次|大|小|二|双|孪)?(子|女|婴|男婴|女婴|儿)[12一二甲乙AB大小]?$'
                                 OR registered_on - inside <= 60, true)
                   ELSE abs(birth_date - inside) <= 60
                        OR date_part('year', birth_date) = date_part('year', inside)
                        OR to_char(birth_date, 'MMDD') = to_char(inside, 'MMDD')
                        OR to_char(birth_date, 'MMDD') = '0101'
                           AND abs(date_part('year', birth_date) - date_part('year', inside)) <= 5
              END
         FROM make_date(substr(key_number, 7, 4)::int, substr(key_number, 11, 2)::int,
                        substr(key_number, 13, 2)::int) inside))
$$
"""
"""As `linkage.columns` decides it for files (FAR): `tests/generative` holds both against each other."""

CONFLICT = """
CREATE OR REPLACE VIEW identity_conflict AS
SELECT * FROM (
    SELECT link.patient_id, link.resident_id, patient.institution_id,
           NOT identity_same_name(patient.name, resident.name) AS name_differs,
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
    dependencies = [("identity", "0003_decisions_and_matching")]
    operations = [
        migrations.RunSQL(SAME_NAME, "DROP FUNCTION identity_same_name"),
        migrations.RunSQL(NUMBER_IS_OWN, "DROP FUNCTION identity_number_is_own"),
        migrations.RunSQL(CONFLICT, migrations.RunSQL.noop),
    ]
