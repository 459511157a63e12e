"""What records say about two residents, piece by piece: what supports, what contradicts, what says nothing."""

from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest

from doubtful import told
from kangqiao.apps.stewardship import evidence
from kangqiao.apps.stewardship.evidence import PIECES, Finding, Side, evidence_of
from kangqiao.records.health_record.models import ArchiveCover
from kangqiao.records.medical_record.models import Diagnosis, InpatientStay, LabResult, OutpatientEncounter
from kangqiao.records.population.models import Birth, Death
from kangqiao.registry.models import Institution
from people import citizen_number, make_institution, moment, write

pytestmark = pytest.mark.usefixtures("database")

MOTHER = citizen_number("19900305", "128")
CONTRADICTS, SUPPORTS, SILENT = Finding.CONTRADICTS, Finding.SUPPORTS, Finding.SILENT


class Two:
    """A patient in each of two counties."""

    def __init__(self) -> None:
        here, there = make_institution("临沧市人民医院", "530900001"), make_institution("云县人民医院", "530922001")
        Institution.objects.filter(id=there.id).update(division_code="530922000000")
        self.one, self.other = (
            told(here.id, "a", "王秀英", key=MOTHER, birth_date=date(1990, 3, 5)),
            told(there.id, "b", "王秀瑛", birth_date=date(1990, 3, 5)),
        )

    def finding(self, piece: Callable, sexes: tuple[str | None, str | None] = ("2", "2")) -> Finding:
        """Return what a piece says, which must not depend on who is first."""
        one, other = Side((self.one,), sexes[0]), Side((self.other,), sexes[1])
        found, turned = piece(one, other), piece(other, one)
        assert found.finding == turned.finding
        assert {(row.first, row.text) for row in found.rows} == {(not row.first, row.text) for row in turned.rows}
        return found.finding


@pytest.fixture
def two(database: None) -> Two:
    return Two()


def test_nothing_is_said_where_nothing_is_recorded(two: Two) -> None:
    assert [two.finding(piece) for piece in PIECES] == [SILENT] * len(PIECES)


def test_visits_on_one_day_in_two_counties_contradict(two: Two) -> None:
    visit(two.one, "2025-04-02 09:10")
    visit(two.other, "2025-04-03 09:10")
    assert two.finding(evidence.visits_on_one_day) == SILENT
    visit(two.other, "2025-04-02 16:00")
    assert two.finding(evidence.visits_on_one_day) == CONTRADICTS


def test_visits_on_one_day_in_one_county_say_nothing(two: Two) -> None:
    Institution.objects.update(division_code="530902000000")
    visit(two.one, "2025-04-02 09:10")
    visit(two.other, "2025-04-02 16:00")
    assert two.finding(evidence.visits_on_one_day) == SILENT


@pytest.mark.parametrize(("sex", "finding"), [("1", CONTRADICTS), ("2", SILENT), (None, SILENT), ("9", SILENT)])
def test_a_pregnancy_contradicts_a_man(two: Two, sex: str | None, finding: Finding) -> None:
    diagnose(two.one, "O80.900", "顺产")
    diagnose(two.one, "I10.x00", "高血压病")
    assert two.finding(evidence.diagnoses_of_the_other_sex, ("2", sex)) == finding


@pytest.mark.parametrize(("groups", "finding"), [("11", SUPPORTS), ("12", CONTRADICTS), ("15", SILENT)])
def test_blood_groups_agree_or_contradict_and_unknown_ones_say_nothing(two: Two, groups: str, finding: Finding) -> None:
    for patient, group in zip((two.one, two.other), groups, strict=True):
        write(ArchiveCover, patient, moment("2020-05-06"), archive_number="53090200100100317", abo=group)
    assert two.finding(evidence.blood_groups) == finding


def test_a_lasting_disease_on_both_sides_supports_a_cold_does_not(two: Two) -> None:
    for patient in (two.one, two.other):
        diagnose(patient, "J00.x00", "急性鼻咽炎")
    assert two.finding(evidence.lasting_diseases) == SILENT
    diagnose(two.one, "E11.900", "2 型糖尿病")
    diagnose(two.other, "E11.200", "2 型糖尿病肾病")
    assert two.finding(evidence.lasting_diseases) == SUPPORTS


def test_one_specimens_result_on_both_sides_supports(two: Two) -> None:
    for patient, value in ((two.one, 7.4), (two.other, 7.5)):
        result(patient, value)
    assert two.finding(evidence.shared_laboratory_results) == SILENT
    result(two.other, 7.4)
    assert two.finding(evidence.shared_laboratory_results) == SUPPORTS


def test_a_visit_after_the_others_death_contradicts(two: Two) -> None:
    write(Death, two.one, moment("2024-06-01 08:00"), cause="I21.900", registered=date(2024, 6, 2), state="1")
    visit(two.other, "2024-05-30 09:00")
    visit(two.other, "2024-06-01 19:00")
    assert two.finding(evidence.records_after_death) == SILENT
    visit(two.other, "2024-07-01 09:00")
    assert two.finding(evidence.records_after_death) == CONTRADICTS


def test_mother_and_child_are_two(two: Two) -> None:
    born(two.other, "2024-03-05 03:10", mother_document=MOTHER)
    assert two.finding(evidence.births) == CONTRADICTS


@pytest.mark.parametrize(
    ("at", "order", "finding"),
    [("03:10", 1, SUPPORTS), ("03:25", 2, CONTRADICTS)],
)
def test_one_birth_supports_and_twins_contradict(two: Two, at: str, order: int, finding: Finding) -> None:
    born(two.one, "2024-03-05 03:10", mother_document="M")
    born(two.other, f"2024-03-05 {at}", mother_document="M", child_order=order)
    assert two.finding(evidence.births) == finding


def test_stays_that_overlap_contradict_a_transfer_does_not(two: Two) -> None:
    stay(two.one, "2024-06-11", "2024-06-19 10:00")
    stay(two.other, "2024-06-19 08:00", "2024-06-25")
    assert two.finding(evidence.overlapping_stays) == SILENT
    stay(two.other, "2024-06-14", "2024-06-17")
    assert two.finding(evidence.overlapping_stays) == CONTRADICTS


def test_what_contradicts_stands_first(two: Two) -> None:
    diagnose(two.one, "O80.900", "顺产")
    diagnose(two.one, "E11.900", "2 型糖尿病")
    diagnose(two.other, "E11.900", "2 型糖尿病")
    found = evidence_of(Side((two.one,), "2"), Side((two.other,), "1"))
    assert [each.finding for each in found[:3]] == [CONTRADICTS, SUPPORTS, SILENT]


def visit(patient: UUID, at: str) -> None:
    write(OutpatientEncounter, patient, moment(at), kind="1", department="内科", doctor="赵文斌")


def diagnose(patient: UUID, code: str, name: str) -> None:
    write(Diagnosis, patient, moment("2024-03-01"), role="1", code=code, code_name=name)


def result(patient: UUID, value: float) -> None:
    at = moment("2024-03-01 10:00")
    values = {"report": "R1", "item": "14771-0", "item_name": "空腹葡萄糖", "quantity": value, "sampled": at}
    write(LabResult, patient, at, **values)


def born(patient: UUID, at: str, **said: object) -> None:
    values = {"child_order": 1, "mother_name": "王秀英", "mother_document_type": "01", "registered": date(2024, 3, 6)}
    write(Birth, patient, moment(at), **values | said)


def stay(patient: UUID, begun: str, ended: str) -> None:
    write(InpatientStay, patient, moment(begun), discharged=moment(ended))
