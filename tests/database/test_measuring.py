"""Data quality over what institutions sent: a small hospital's rows, and what the rules say of them."""

import datetime as dt

import pytest

from kangqiao.infra.files import FileStore
from kangqiao.intake.models import Door
from kangqiao.intake.services import process_batch, submit_parcel
from kangqiao.quality.models import Example, FailedDay, Measure, Measurement, Standing, Volume
from kangqiao.quality.services import measure
from kangqiao.records.lake import LakeBusy, open_lake
from kangqiao.standards.quality import Dimension
from kangqiao.trust.actors import system_actor
from kangqiao.trust.models import AuditEntry
from parcels import HOSPITAL, register_institutions, registration, vital_signs, write_parcel

FEBRUARY = dt.date(2026, 2, 1)


@pytest.fixture
def hospital(committed_database):
    return register_institutions()


@pytest.fixture
def store(tmp_path):
    return FileStore((tmp_path / "archive").as_uri())


@pytest.fixture
def send(hospital, store, tmp_path):
    """Take rows in as a batch of the hospital."""

    def send(number, period=("2026-02-01", "2026-02-28"), **data_sets):
        listed = {word.replace("_", "-"): rows for word, rows in data_sets.items()}
        days = {"from": period[0], "to": period[1]}
        parcel = write_parcel(tmp_path / f"parcel-{number}", listed, number=number, period=days)
        batch = submit_parcel(path=parcel, door=Door.COMMAND, actor=system_actor("test"), store=store)
        return process_batch(batch_id=batch.id, store=store, work=tmp_path / "work")

    return send


@pytest.fixture
def measured(store, tmp_path):
    """Measure and return the failing rows by data set and rule."""

    def measured():
        measure(home=tmp_path, store=store, actor=system_actor("test"))
        found = Measure.objects.filter(failed__gt=0).values_list("data_set", "rule", "failed")
        return {f"{data_set}.{rule}": failed for data_set, rule, failed in found}

    return measured


def visit(key="J1", **changes):
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-02-03 10:00:00",
        "kind": "1",
        "visited": "2026-02-03 09:00:00",
        "department": "内科",
        "chief_complaint": "咳嗽",
        "doctor": "李医生",
    }
    return row | changes


def diagnosis(key="D1", **changes):
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-02-03 10:00:00",
        "encounter": "J1",
        "encounter_kind": "1",
        "role": "1",
        "code": "I10",
        "code_name": "原发性高血压",
        "diagnosed": "2026-02-03 09:30:00",
    }
    return row | changes


def lab_report(key="R1", **changes):
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-02-03 12:00:00",
        "subject": "电解质",
        "sampled": "2026-02-03 10:00:00",
        "reported": "2026-02-03 12:00:00",
    }
    return row | changes


def lab_result(key="L1", **changes):
    row = {
        "institution_code": HOSPITAL,
        "patient_number": "P1",
        "source_key": key,
        "revised_at": "2026-02-03 12:00:00",
        "report": "R1",
        "item": "2823-3",
        "item_name": "钾",
        "quantity": "4.1",
        "quantity_unit": "mmol/L",
        "reported": "2026-02-03 12:00:00",
    }
    return row | changes


PATIENT = registration(sex="2", abo="1", rh="2")


def test_sound_rows_fail_no_rule(send, measured):
    send(
        "1",
        patient_registration=[PATIENT],
        outpatient_encounter=[visit()],
        diagnosis=[diagnosis()],
        lab_report=[lab_report()],
        lab_result=[lab_result()],
    )
    assert measured() == {}
    assert set(Standing.objects.values_list("failed", flat=True)) == {0}


# what is wrong, the rows beside the patient's registration, the rule that says so
WRONG = [
    ("a visit without diagnosis", {"outpatient_encounter": [visit()]}, "outpatient-encounter.source_key:lacking"),
    ("no complaint", {"outpatient_encounter": [visit(chief_complaint="")], "diagnosis": [diagnosis()]},
     "outpatient-encounter.chief_complaint:expected"),
    ("a diagnosis of no visit", {"diagnosis": [diagnosis()]}, "diagnosis.encounter:orphan"),
    ("a woman's prostate", {"outpatient_encounter": [visit()],
                            "diagnosis": [diagnosis(code="N40", code_name="前列腺增生")]},
     "diagnosis.code:other-sex"),
    ("newborn at seventy", {"outpatient_encounter": [visit()],
                            "diagnosis": [diagnosis(code="P59.9", code_name="黄疸")]},
     "diagnosis.code:other-age"),
    ("the name of another code", {"outpatient_encounter": [visit()],
                                  "diagnosis": [diagnosis(code="I10", code_name="急性阑尾炎")]},
     "diagnosis.code:name-of-another"),
    ("a visit entered twice", {"outpatient_encounter": [visit(), visit("J2")],
                               "diagnosis": [diagnosis(), diagnosis("D2", encounter="J2", code="J06.9")]},
     "outpatient-encounter.visited:double"),
    ("a lost decimal point", {"lab_report": [lab_report()], "lab_result": [lab_result(quantity="41")]},
     "lab-result.quantity:not-alive"),
    ("a result of no report", {"lab_result": [lab_result()]}, "lab-result.report:orphan"),
    ("a refused row", {"vital_signs": [vital_signs(measured="2026-02-30 09:00:00")]}, "vital-signs.measured:format"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "rule"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_one_thing_wrong_fails_one_rule(send, measured, rows, rule):
    send("1", patient_registration=[PATIENT], **rows)
    found = measured()
    assert found.pop(rule) == 1
    assert {key for key in found if not key.endswith(":required")} == set()


def test_a_number_that_is_not_the_persons_own_is_seen_by_the_date_in_it(send, measured):
    send("1", patient_registration=[PATIENT | {"birth_date": "2020-05-01", "sex": "1"}])
    assert measured() == {
        "patient-registration.document_number:other-birth-date": 1,
        "patient-registration.document_number:other-sex": 1,
    }


def test_who_is_outvoted_on_a_blood_group_is_found_and_who_says_nothing_is_not(send, measured):
    said = {"P1": "2", "P2": "2", "P3": "1", "P4": "3", "P5": "4"}
    send("1", patient_registration=[PATIENT | registration(number, sex="2", rh=rh) for number, rh in said.items()])
    assert measured() == {"patient-registration.rh:outvoted": 1}
    assert Measure.objects.get(rule="rh:outvoted").assessed == 3


def test_children_of_a_refused_row_are_not_blamed_for_it(send, measured):
    send("1", patient_registration=[PATIENT], outpatient_encounter=[visit(kind="7")], diagnosis=[diagnosis()])
    assert measured() == {"outpatient-encounter.kind:value-set": 1}


def test_a_visit_whose_diagnosis_was_refused_does_not_lack_one(send, measured):
    send("1", patient_registration=[PATIENT], outpatient_encounter=[visit()], diagnosis=[diagnosis(role="77")])
    assert measured() == {"diagnosis.role:value-set": 1}


def test_what_is_corrected_disappears_from_the_counts(send, measured):
    send("1", patient_registration=[PATIENT], vital_signs=[vital_signs(), vital_signs("V2", systolic="hoch")])
    assert measured() == {"vital-signs.systolic:format": 1}
    assert Volume.objects.get(data_set="vital-signs").refused == 1
    send("2", vital_signs=[vital_signs("V2", systolic="130", revised_at="2026-02-20 08:00:00")])
    assert measured() == {}
    assert sum(Volume.objects.filter(data_set="vital-signs").values_list("rows", "refused")[0]) == 2


def test_a_refused_row_without_a_key_stands_until_the_next_batch_is_taken(send, measured):
    send("1", patient_registration=[PATIENT], vital_signs=[vital_signs(), vital_signs("")])
    assert measured() == {"vital-signs.source_key:required": 1}
    send("2", vital_signs=[vital_signs("V2", revised_at="2026-02-20 08:00:00", measured="2026-02-20 08:00:00")])
    assert measured() == {}


def test_rows_formed_before_the_period_are_late_but_a_first_delivery_never_is(send, measured):
    send("1", patient_registration=[PATIENT], vital_signs=[vital_signs(revised_at="2025-01-01 08:00:00")])
    assert measured() == {}
    late = vital_signs("V2", measured="2026-02-20 08:00:00", revised_at="2026-02-20 08:00:00")
    send("2", period=("2026-03-01", "2026-03-31"), vital_signs=[late])
    assert measured() == {"vital-signs.revised_at:late": 1}


def test_voided_rows_are_not_judged(send, measured):
    send("1", patient_registration=[PATIENT], diagnosis=[diagnosis(voided="T")])
    assert measured() == {}


def test_an_example_names_the_row_and_never_what_is_in_it(send, measured):
    send("1", patient_registration=[PATIENT], diagnosis=[diagnosis()], vital_signs=[vital_signs(systolic="hoch")])
    measured()
    stored, refused = Example.objects.order_by("data_set")
    assert (stored.rule, stored.day, stored.batch_id) == ("encounter:orphan", dt.date(2026, 2, 3), None)
    assert (refused.rule, refused.row_number, refused.record_id) == ("systolic:format", 1, None)
    assert FailedDay.objects.get(data_set="diagnosis").day == dt.date(2026, 2, 3)


def test_dimensions_count_rows_once_however_many_of_their_rules_fail(send, measured):
    send("1", patient_registration=[PATIENT], outpatient_encounter=[visit(chief_complaint="", department="")])
    measured()
    completeness = Standing.objects.get(data_set="outpatient-encounter", dimension=Dimension.COMPLETENESS)
    assert (completeness.month, completeness.assessed, completeness.failed) == (FEBRUARY, 1, 1)


def test_measuring_again_without_news_touches_nothing(send, measured):
    send("1", patient_registration=[PATIENT], diagnosis=[diagnosis()])
    first = measured(), sorted(Measure.objects.values_list("id", flat=True))
    assert (measured(), sorted(Measure.objects.values_list("id", flat=True))) == first


def test_a_lost_lake_is_built_anew(send, measured, tmp_path):
    send("1", patient_registration=[PATIENT], diagnosis=[diagnosis()], vital_signs=[vital_signs(systolic="hoch")])
    before = measured()
    (tmp_path / "lake" / "records.duckdb").write_bytes(b"not a database")
    assert measured() == before


def test_two_measurements_do_not_run_at_once(send, measured, tmp_path):
    send("1", patient_registration=[PATIENT])
    with open_lake(tmp_path), pytest.raises(LakeBusy):
        measured()


def test_a_measurement_is_an_audited_act(send, measured):
    send("1", patient_registration=[PATIENT])
    measured()
    entry = AuditEntry.objects.get(action="quality:measure")
    assert entry.object_id == str(Measurement.objects.get().id)
    assert entry.detail["rows"] == 1
