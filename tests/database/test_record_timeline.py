"""The timeline read from real tables: whose rows, in what order, by what choice."""

import datetime as dt
import itertools
from collections import Counter
from uuid import UUID

import pytest

from kangqiao.identity.models import Link
from kangqiao.records.curves import curves_of
from kangqiao.records.health_record.models import HypertensionFollowUp, PhysicalExamination
from kangqiao.records.laboratory import laboratory_of
from kangqiao.records.medical_record.models import (
    Allergy,
    Charge,
    ChargeItem,
    Diagnosis,
    LabReport,
    LabResult,
    PrescriptionItem,
    VitalSigns,
)
from kangqiao.records.queries import abnormal_in, details_of, parts_of, timeline_counts, timeline_page
from kangqiao.records.summary import diagnoses_of, drugs_of, facts_of
from kangqiao.records.timeline import Wanted
from kangqiao.standards.conditions import CITY_TIME
from people import NAMES, citizen_number, make_institution, moment, register, resident_of, write

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=CITY_TIME)


@pytest.fixture
def patients(database: None) -> list[UUID]:
    """One person, known to two hospitals."""
    key = citizen_number()
    return [register(make_institution(NAMES[n], f"53090000{n}"), f"P{n}", key=key) for n in (0, 1)]


def diagnose(patient: UUID, at: str, name: str = "高血压病", **values: object) -> Diagnosis:
    return write(Diagnosis, patient, moment(at), role="1", code="I10.x00", code_name=name, **values)


def headlines(patient: UUID, **wanted: object) -> list[str]:
    return [item.headline for item in timeline_page(resident_of(patient), Wanted(**wanted)).items]


# -- whose rows, in what order -----------------------------------------------------------------------------------------


def test_rows_of_all_institutions_and_data_sets_stand_together_newest_first(patients):
    first, second = patients
    diagnose(first, "2026-03-01 08:00")
    write(VitalSigns, second, moment("2026-03-03 08:00"), systolic=132, diastolic=84)
    write(Charge, first, moment("2026-03-02 08:00"), total=12)
    page = timeline_page(resident_of(first), Wanted())
    assert [item.kind for item in page.items] == ["vital-signs", "charge", "diagnosis"]
    assert [item.institution for item in page.items] == [NAMES[1], NAMES[0], NAMES[0]]
    assert page.items[0].headline == "血压 132/84"
    assert page.next is None


def test_rows_of_other_people_stay_away(patients):
    stranger = register(make_institution("另一家", "530900009"), "X", name="别人", key=citizen_number("19700101"))
    diagnose(stranger, "2026-03-01")
    assert headlines(patients[0]) == []


def test_rows_follow_the_link_as_it_is_now(patients):
    first, second = patients
    diagnose(second, "2026-03-01")
    resident = resident_of(first)
    assert len(timeline_page(resident, Wanted()).items) == 1
    Link.objects.filter(patient_id=second, undone_at=None).update(undone_at=NOW, undone_reason="核对后不是同一人")
    assert timeline_page(resident, Wanted()).items == ()


def test_details_stand_inside_their_row_and_not_on_the_timeline(patients):
    report = write(LabReport, patients[0], moment("2026-03-01"), subject="血常规")
    for value in (3.1, 4.2):
        write(LabResult, patients[0], report.occurred_at, report=report.source_key, item_name="血钾", quantity=value)
    write(LabResult, patients[0], report.occurred_at, report="another", item_name="血钠", quantity=140)
    assert headlines(patients[0]) == ["血常规"]
    ((part, rows),) = parts_of(report).items()
    assert part is LabResult
    assert [row.quantity for row in rows] == [3.1, 4.2]


# -- paging ------------------------------------------------------------------------------------------------------------


def test_pages_visit_every_row_once_even_when_all_happened_at_the_same_time(patients):
    at = itertools.cycle(["2026-03-01 08:00", "2026-03-01 08:00", "2026-02-01 08:00"])
    made = {diagnose(patient, next(at)).id for patient in patients for _ in range(8)}
    made |= {write(Charge, patients[0], moment("2026-03-01 08:00"), total=n).id for n in range(5)}
    seen, before = [], None
    while True:
        page = timeline_page(resident_of(patients[0]), Wanted(size=4, before=before))
        seen += page.items
        if page.next is None:
            break
        before = page.next
    assert Counter(item.id for item in seen) == Counter(made)
    places = [(item.occurred_at, item.id) for item in seen]
    assert places == sorted(places, reverse=True)


def test_a_full_last_page_has_no_next(patients):
    for day in (1, 2):
        diagnose(patients[0], f"2026-03-0{day}")
    assert timeline_page(resident_of(patients[0]), Wanted(size=2)).next is None
    assert timeline_page(resident_of(patients[0]), Wanted(size=1)).next is not None


# -- choosing ----------------------------------------------------------------------------------------------------------


def test_kinds_institutions_and_days_can_be_chosen(patients):
    first, second = patients
    diagnose(first, "2026-01-31 23:59", "一")
    diagnose(second, "2026-02-01 00:00", "二")
    write(Charge, first, moment("2026-02-02"), total=3)
    institution = Diagnosis.objects.get(code_name="二").institution_id
    assert len(headlines(first, kinds=("diagnosis",))) == 2
    assert headlines(first, institutions=(institution,)) == ["主要诊断 二 I10.x00"]
    february = {"since": moment("2026-02-01"), "until": moment("2026-02-02")}
    assert headlines(first, **february) == ["主要诊断 二 I10.x00"]
    assert headlines(first, kinds=("charge",), institutions=(institution,)) == []


def test_voided_rows_are_shown_only_when_asked_for(patients):
    diagnose(patients[0], "2026-03-01", "误写", voided=True)
    diagnose(patients[0], "2026-03-02")
    assert len(headlines(patients[0])) == 1
    shown = timeline_page(resident_of(patients[0]), Wanted(with_voided=True)).items
    assert [item.voided for item in shown] == [False, True]


def test_counts_say_how_many_rows_and_days_each_month_has(patients):
    first, second = patients
    for at in ("2026-03-31 23:30", "2026-03-31 08:00", "2026-03-01 08:00", "2026-04-01 00:30"):
        diagnose(first, at)
    diagnose(second, "2026-03-05")
    diagnose(second, "2026-03-06", voided=True)
    counts = {
        (count.institution_id, count.month.isoformat()): (count.rows, count.days)
        for count in timeline_counts(resident_of(first))
    }
    one, two = (Diagnosis.objects.filter(patient_id=patient).first().institution_id for patient in patients)
    assert counts == {(one, "2026-03-01"): (3, 2), (one, "2026-04-01"): (1, 1), (two, "2026-03-01"): (1, 1)}


# -- what stands beside it ---------------------------------------------------------------------------------------------


def test_pressure_of_wards_follow_ups_and_examinations_is_one_curve_and_the_higher_arm_counts(patients):
    write(VitalSigns, patients[0], moment("2026-01-01"), systolic=150, diastolic=95)
    write(
        HypertensionFollowUp, patients[1], moment("2026-02-01"), manner="1", evaluation="1", systolic=140, diastolic=88
    )
    write(
        PhysicalExamination,
        patients[1],
        moment("2026-03-01"),
        symptoms=["1"],
        evaluation="1",
        left_systolic=128,
        right_systolic=136,
        right_diastolic=82,
    )
    (pressure,) = curves_of(patients)
    assert [point.value for point in pressure.lines["收缩压"]] == [150, 140, 136]
    assert [point.value for point in pressure.lines["舒张压"]] == [95, 88, 82]
    assert [(name, point.value) for name, point in pressure.latest] == [("收缩压", 136), ("舒张压", 82)]


def test_the_same_item_of_two_hospitals_is_one_row_by_code_or_by_name_but_not_in_another_unit(patients):
    for patient, code, unit, value in (
        (patients[0], "2823-3", "mmol/L", 3.1),
        (patients[1], None, "mmol/L", 4.0),
        (patients[1], "2823-3", "mg/dL", 12.1),
    ):
        report = write(LabReport, patient, moment("2026-03-01"), subject="电解质")
        write(
            LabResult,
            patient,
            report.occurred_at,
            report=report.source_key,
            item=code,
            item_name="血钾",
            quantity=value,
            quantity_unit=unit,
            abnormal="L" if value < 3.5 else "N",
        )
    items, _ = laboratory_of(patients)
    assert {(item.key, item.unit): len(item.results) for item in items} == {
        ("2823-3", "mmol/L"): 2,
        ("2823-3", "mg/dL"): 1,
    }
    page = timeline_page(resident_of(patients[0]), Wanted())
    low = next(item for item in page.items if item.patient_id == patients[0])
    assert abnormal_in(page.items) == {low.id: 1}


def test_what_a_bill_is_for_is_told_by_its_items(patients):
    bill = write(Charge, patients[0], moment("2026-03-01"), total=20)
    for name in ("诊查费", "血常规"):
        write(ChargeItem, patients[0], moment("2026-02-20"), charge=bill.source_key, item_name=name, amount=10)
    assert details_of(Charge, [bill]) == {ChargeItem: {(bill.institution_id, bill.source_key): "诊查费、血常规"}}


def test_allergies_in_force_are_told_and_resolved_or_excluded_ones_are_not(patients):
    for name, values in (
        ("青霉素", {"severity": "3"}),
        ("海鲜", {"resolved": dt.date(2025, 1, 1)}),
        ("花粉", {"certainty": "3"}),
        ("磺胺", {"voided": True}),
    ):
        write(Allergy, patients[0], moment("2024-01-01"), allergen_name=name, **values)
    facts = facts_of(patients)
    assert [note.text for note in facts.allergies] == ["青霉素（重度）"]


def test_diseases_of_three_years_are_counted_by_day_and_hospital(patients):
    first, second = patients
    for patient, day in ((first, "2026-03-01"), (second, "2026-04-01"), (first, "2026-03-01"), (first, "2020-01-01")):
        diagnose(patient, day)
    diagnose(first, "2026-05-01", suspected=True)
    (note,) = diagnoses_of(patients, now=NOW)
    assert (note.name, note.times, note.institutions) == ("高血压病", 2, 2)
    assert note.last == moment("2026-04-01")


def test_a_drug_is_in_use_while_its_last_prescription_lasts(patients):
    for name, at, days in (
        ("氨氯地平片", "2026-11-01", 28),
        ("阿莫西林胶囊", "2026-11-01", 7),
        ("旧药", "2025-01-01", 30),
    ):
        write(PrescriptionItem, patients[0], moment(at), prescription="x", drug_name=name, days=days)
    assert [(note.name, note.in_use_on(NOW.date())) for note in drugs_of(patients, now=NOW)] == [
        ("氨氯地平片", True),
        ("阿莫西林胶囊", False),
    ]
