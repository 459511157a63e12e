"""The truth beside the data, for tests and benchmarks to score against: who is who, and every planted defect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kangqiao.simulation.block import Block, City
from kangqiao.simulation.consequences import Consequence
from kangqiao.simulation.defects import Planted
from kangqiao.simulation.deliveries import Delivery
from kangqiao.simulation.facts import facts
from kangqiao.simulation.illness import NEVER, conditions
from kangqiao.simulation.places import Township
from kangqiao.simulation.sheets import Pick, digits, text_of
from kangqiao.simulation.spells import WHOLLY
from kangqiao.simulation.wire import PATIENT_DIGITS

RESIDENTS, PATIENTS, DEFECTS, CONSEQUENCES = "residents", "patients", "defects", "consequences"
"""Folders of Parquet parts.

residents   resident, name, sex, birth_date, died, id_number, passport, ethnicity, county, township, village,
            household (text), mother (resident, -1 unknown), conditions (joined by |)
patients    institution_code, patient_number → resident, since, kinds, kinds_at_first: what is unusual about the
            registration as it stands in the end and as it was first sent, bits of ``identities.kinds.KINDS``
defects     institution_code, data_set, source_key, kind, column, resident (-1 where a row is about nobody); a row has
            one at most. Of a double-entry the key is that of the second row; no-diagnosis is noted of the visit
consequences  institution_code, data_set, source_key, kind: rows without a fault of their own that stored data show as
            no-visit, missing-parent or no-diagnosis, since the gate refuses the other row, or it is void, or as
            other-sex-diagnosis, since the patient is registered with the wrong sex
"""

RATES, RESENT, SPELLS = "rates.parquet", "resent.parquet", "spells.parquet"
"""Parquet files.

rates       institution_code, data_set, column, kind, rate
resent      sender, number of batches that repeat another
spells      institution_code, data_set, kind, first_day, last_day in which an institution sends too little:
            weekend-gap (no rows on Saturdays and Sundays), sudden-drop (85 % of the rows are missing). One line for
            each data set whose rows all go; others that hang on visits lack those rows too
"""


def note_block(block: Block, *, city: City, township: Township, folder: Path, part: str) -> int:
    """Write what is true of a block; return how many defects were planted."""
    for name in (RESIDENTS, PATIENTS, CONSEQUENCES):
        (folder / name).mkdir(parents=True, exist_ok=True)
    pq.write_table(_residents(block, city, township), folder / RESIDENTS / f"{part}.parquet")
    pq.write_table(_patients(block, city), folder / PATIENTS / f"{part}.parquet")
    consequences = pa.concat_tables([_consequence(one, city) for one in block.consequences])
    pq.write_table(consequences, folder / CONSEQUENCES / f"{part}.parquet")
    return note_defects(block.planted, city=city, folder=folder, part=part)


def note_defects(sheets: list[Planted], *, city: City, folder: Path, part: str) -> int:
    """Write which rows of some sheets are wrong; return how many."""
    (folder / DEFECTS).mkdir(parents=True, exist_ok=True)
    defects = pa.concat_tables([_defects(planted, city) for planted in sheets])
    pq.write_table(defects, folder / DEFECTS / f"{part}.parquet")
    return defects.num_rows


def _residents(block: Block, city: City, township: Township) -> pa.Table:
    people = block.people
    codes = Pick.of(people.village, township.villages).arrow()
    ill = block.health.began < NEVER
    shifts = np.left_shift(1, np.arange(ill.shape[1], dtype=np.int64))
    masks, number = np.unique((ill * shifts).sum(axis=1), return_inverse=True)
    keys = conditions()["key"]
    words = ["|".join(keys[np.flatnonzero(mask & shifts)]) for mask in masks]
    groups = facts("ethnic_groups")["name"]
    return pa.table(
        {
            "resident": people.number,
            "name": people.name,
            "sex": people.sex,
            "birth_date": pa.array(people.born),
            "died": pa.array(people.died),
            "id_number": people.id_number,
            "passport": people.passport,
            "ethnicity": Pick.of(people.ethnicity, groups).arrow(),
            "county": Pick.of(np.zeros(len(people), np.int32), [city.places.county_names[township.county]]).arrow(),
            "township": Pick.of(np.zeros(len(people), np.int32), [township.name]).arrow(),
            "village": codes,
            "household": digits(people.household, 7, township.code),
            "mother": np.where(people.mother < 0, -1, people.number[0] + people.mother),
            "conditions": Pick.of(number.astype(np.int32), words).arrow(),
        }
    )


def _patients(block: Block, city: City) -> pa.Table:
    registered = block.registered
    known = registered.patients
    return pa.table(
        {
            "institution_code": Pick(known.institution, city.institutions.codes).arrow(),
            "patient_number": digits(known.patient, PATIENT_DIGITS),
            "resident": block.people.number[known.person],
            "since": pa.array(known.since),
            "kinds": registered.kinds,
            "kinds_at_first": registered.at_first,
        }
    ).unify_dictionaries()


def _defects(planted: Planted, city: City) -> pa.Table:
    truth, table = planted.truth, facts("defects")
    count = len(truth.line)
    return pa.table(
        {
            "institution_code": city.institutions.codes.take(pa.array(truth.institution)),
            "data_set": text_of([planted.sheet.data_set]).take(pa.array(np.zeros(count, np.int32))),
            "source_key": truth.keys.text(),
            "kind": text_of(table["kind"]).take(pa.array(truth.line)),
            "column": text_of(table["column"]).take(pa.array(truth.line)),
            "resident": truth.person,
        }
    )


def _consequence(one: Consequence, city: City) -> pa.Table:
    same = pa.array(np.zeros(len(one.institution), np.int32))
    return pa.table(
        {
            "institution_code": city.institutions.codes.take(pa.array(one.institution)),
            "data_set": text_of([one.data_set]).take(same),
            "source_key": one.keys.text(),
            "kind": text_of([one.kind]).take(same),
        }
    )


def note_city(city: City, deliveries: list[Delivery], *, folder: Path) -> None:
    """Write the rates at which each institution errs, which batches were sent twice, and when too little was sent."""
    folder.mkdir(parents=True, exist_ok=True)
    table, codes = facts("defects"), city.institutions.codes
    institution, line = np.divmod(np.arange(city.rates.size), len(table))
    rates = {name: text_of(table[name]).take(pa.array(line)) for name in ("data_set", "column", "kind")}
    rates = {"institution_code": codes.take(pa.array(institution)), **rates, "rate": city.rates.ravel()}
    pq.write_table(pa.table(rates), folder / RATES)
    twice = [delivery for delivery in deliveries if delivery.resent]
    repeated = {"sender": text_of([d.sender for d in twice]), "number": text_of([d.number for d in twice])}
    pq.write_table(pa.table(repeated), folder / RESENT)
    pq.write_table(_spells(city), folder / SPELLS)


def _spells(city: City) -> pa.Table:
    codes = city.institutions.codes.to_pylist()
    noted = [(spell, word) for spell in city.spells for word in WHOLLY[spell.data_set]]
    return pa.table(
        {
            "institution_code": text_of([codes[spell.institution] for spell, _ in noted]),
            "data_set": text_of([word for _, word in noted]),
            "kind": text_of([spell.kind for spell, _ in noted]),
            "first_day": pa.array(np.array([spell.first for spell, _ in noted], dtype="datetime64[D]")),
            "last_day": pa.array(np.array([spell.last for spell, _ in noted], dtype="datetime64[D]")),
        }
    )
