"""What is true of patients, links and residents after every commit."""

from psycopg import Connection

INVARIANTS = {
    "a patient has exactly one current link": """
        SELECT FROM identity_patient patient
         WHERE (SELECT count(*) FROM identity_link WHERE patient_id = patient.id AND undone_at IS NULL) <> 1""",
    "a link joins a patient and a resident that exist": """
        SELECT FROM identity_link link
         WHERE NOT EXISTS (SELECT FROM identity_patient WHERE id = link.patient_id)
            OR NOT EXISTS (SELECT FROM identity_resident WHERE id = link.resident_id)""",
    "an identifier belongs to a confirmed resident": """
        SELECT FROM identity_residentidentifier identifier
         WHERE NOT EXISTS (SELECT FROM identity_resident
                            WHERE id = identifier.resident_id AND state = 'confirmed')""",
    "a confirmed resident has an identifier": """
        SELECT FROM identity_resident resident
         WHERE state = 'confirmed'
           AND NOT EXISTS (SELECT FROM identity_residentidentifier WHERE resident_id = resident.id)""",
    "a pending resident is the own one of a patient and has somebody linked": """
        SELECT FROM identity_resident resident
         WHERE state = 'pending'
           AND NOT (EXISTS (SELECT FROM identity_patient WHERE id = resident.id)
                    AND EXISTS (SELECT FROM identity_link WHERE resident_id = resident.id AND undone_at IS NULL))""",
    "nobody is linked to a merged resident": """
        SELECT FROM identity_link link JOIN identity_resident resident ON resident.id = link.resident_id
         WHERE undone_at IS NULL AND state = 'merged'""",
    "a link by document agrees with the patient's key": """
        SELECT FROM identity_link link JOIN identity_patient patient ON patient.id = link.patient_id
         WHERE undone_at IS NULL AND link.reason IN ('citizen_id', 'document')
           AND NOT EXISTS (SELECT FROM identity_residentidentifier
                            WHERE valid AND (type, number) = (patient.key_type, patient.key_number)
                              AND resident_id = link.resident_id)""",
    "whoever was merged leads to somebody who stands": """
        WITH RECURSIVE led AS (
            SELECT merged_into_id AS at, 1 AS steps FROM identity_resident WHERE state = 'merged'
            UNION ALL
            SELECT resident.merged_into_id, steps + 1 FROM led JOIN identity_resident resident ON resident.id = led.at
             WHERE resident.state = 'merged' AND steps < 100)
        SELECT FROM led
         WHERE steps = 100 OR NOT EXISTS (SELECT FROM identity_resident WHERE id = led.at)""",
}


def broken_invariants(connection: Connection) -> list[str]:
    """Return the names of the invariants that do not hold."""
    return [name for name, query in INVARIANTS.items() if connection.execute(query).fetchone() is not None]
