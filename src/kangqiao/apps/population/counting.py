"""The SQL that counts the population, division by division; run by `services.count_population`."""

from typing import Final

from kangqiao.apps.population.models import (
    ELSEWHERE,
    NOWHERE,
    Event,
    EventCount,
    Headcount,
    HouseholdCount,
)
from kangqiao.apps.population.residence import HOMES
from kangqiao.identity.models import Link, Resident
from kangqiao.records.population.models import Birth, Death, Household, Migration, PatientRegistration
from kangqiao.registry.models import DIVISION_CODE, Division

LINK: Final = Link._meta.db_table

DEAD: Final = f"""
SELECT DISTINCT link.resident_id
  FROM {LINK} link JOIN (
       SELECT patient_id FROM {Death.table()} WHERE NOT voided
       UNION ALL
       SELECT patient_id FROM {PatientRegistration.table()} WHERE NOT voided AND died_at IS NOT NULL
       ) said ON said.patient_id = link.patient_id
 WHERE link.undone_at IS NULL"""
"""Residents of whom a death record, or an institution that knows them, says that they died."""


def _levels(place: str) -> str:
    """SQL of the codes under which a place is counted: its own, its township's, county's and city's."""
    rolled = ", ".join(f"rpad(left({place}, {digits}), 12, '0')" for digits in (4, 6, 9, 12))
    return f"unnest(CASE WHEN {place} IN ('{NOWHERE}', '{ELSEWHERE}') THEN ARRAY[{place}] ELSE ARRAY[{rolled}] END)"


def _place(division: str) -> str:
    """SQL of a division's code as places are counted."""
    cities = f"SELECT left(stats_code, 4) FROM {Division._meta.db_table} WHERE level = 'city'"
    return (
        f"CASE WHEN {division} IS NULL OR {division} !~ '{DIVISION_CODE}' THEN '{NOWHERE}'"
        f" WHEN left({division}, 4) IN ({cities}) THEN {division} ELSE '{ELSEWHERE}' END"
    )


COUNT_PEOPLE: Final = f"""
WITH home AS ({HOMES}),
dead AS ({DEAD}),
counted AS (
    SELECT {_place("home.division")} AS place, CASE WHEN sex IN ('1', '2') THEN sex ELSE '9' END AS sex,
           CASE WHEN birth_date <= %(day)s THEN extract(year FROM age(%(day)s::date, birth_date)) END AS age,
           state, count(*) AS people
      FROM {Resident._meta.db_table} resident
      LEFT JOIN home ON home.resident_id = resident.id
      LEFT JOIN dead ON dead.resident_id = resident.id
     WHERE state <> 'merged' AND dead.resident_id IS NULL
       AND EXISTS (SELECT FROM {LINK} link WHERE link.resident_id = resident.id AND link.undone_at IS NULL)
     GROUP BY 1, 2, 3, 4
)
INSERT INTO {Headcount._meta.db_table} (division, sex, age, state, people)
SELECT code, sex, age, state, sum(people)
  FROM counted CROSS JOIN LATERAL (SELECT DISTINCT {_levels("counted.place")} AS code) levels
 GROUP BY 1, 2, 3, 4"""
"""Living residents that somebody is linked to; parameter: the day on which ages are taken."""

COUNT_HOUSEHOLDS: Final = f"""
WITH counted AS (
    SELECT {_place("household.division")} AS place, count(*) AS households
      FROM {Household.table()} household WHERE NOT voided AND state = '1'
     GROUP BY 1
)
INSERT INTO {HouseholdCount._meta.db_table} (division, households)
SELECT code, sum(households)
  FROM counted CROSS JOIN LATERAL (SELECT DISTINCT {_levels("counted.place")} AS code) levels
 GROUP BY 1"""


def _once_in_life(event: Event, table: str, moment: str) -> str:
    return f"""
    (SELECT DISTINCT ON (link.resident_id)
            '{event.value}' AS event, {_year(moment)} AS year, said.division, NULL AS other
       FROM {LINK} link JOIN {table} said ON said.patient_id = link.patient_id AND NOT said.voided
      WHERE link.undone_at IS NULL
      ORDER BY link.resident_id, said.revised_at DESC, said.id DESC)"""


def _moves(event: Event, kinds: str, here: str, there: str) -> str:
    return f"""
    (SELECT '{event.value}', {_year("min(moved)")}, min(said.{here}), min(said.{there})
       FROM {LINK} link JOIN {Migration.table()} said ON said.patient_id = link.patient_id AND NOT said.voided
      WHERE link.undone_at IS NULL AND said.kind IN ({kinds})
      GROUP BY link.resident_id, said.kind, (moved AT TIME ZONE 'Asia/Shanghai')::date)"""


def _year(moment: str) -> str:
    return f"extract(year FROM {moment} AT TIME ZONE 'Asia/Shanghai')"


COUNT_EVENTS: Final = f"""
WITH happened AS ({
    " UNION ALL ".join(
        (
            _once_in_life(Event.BIRTH, Birth.table(), "said.born"),
            _once_in_life(Event.DEATH, Death.table(), "said.died"),
            _moves(Event.MOVE_IN, "'1', '3'", "to_division", "from_division"),
            _moves(Event.MOVE_OUT, "'2', '4'", "from_division", "to_division"),
        )
    )
}),
counted AS (
    SELECT event, year, {_place("happened.division")} AS place, {_place("happened.other")} AS other, count(*) AS people
      FROM happened GROUP BY 1, 2, 3, 4
)
INSERT INTO {EventCount._meta.db_table} (division, year, event, people)
SELECT code, year, event, sum(people)
  FROM counted CROSS JOIN LATERAL (
       SELECT DISTINCT {_levels("counted.place")} AS code
       EXCEPT SELECT {_levels("counted.other")} WHERE counted.place NOT IN ('{NOWHERE}', '{ELSEWHERE}')
       ) levels
 GROUP BY 1, 2, 3"""
"""A person is born once and dies once, whoever reports it; the same move of a day counts once."""
