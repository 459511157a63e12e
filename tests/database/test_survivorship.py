"""Which value of several a resident bears, who said it, and that the others are kept."""

from datetime import date

import pytest

from doubtful import resident_of, steward, told
from kangqiao.identity.deciding import merge_residents, undo_decision
from kangqiao.identity.models import Resident
from kangqiao.identity.survivorship import Attribute, Rank, attributes_of, rank_of
from kangqiao.registry.models import Institution
from people import citizen_number, make_institution

pytestmark = pytest.mark.usefixtures("database")

KEY = citizen_number()
POLICE, HOSPITAL, CLINIC = ("临沧市公安局", "Z100"), ("临沧市人民医院", "A100"), ("爱华镇卫生院", "C220")


@pytest.mark.parametrize(
    ("kind", "name", "rank"),
    [
        ("Z100", "临沧市公安局", Rank.POLICE),
        ("Z100", "临沧市医疗保障局", Rank.OTHER),
        ("A210", "凤庆县中医医院", Rank.HOSPITAL),
        ("G100", "云县妇幼保健院", Rank.HOSPITAL),
        ("B100", "凤翔街道社区卫生服务中心", Rank.PRIMARY_CARE),
        ("D600", "文华村卫生室", Rank.PRIMARY_CARE),
        ("F110", "临沧市中心血站", Rank.OTHER),
    ],
)
def test_whose_word_it_is(kind: str, name: str, rank: Rank) -> None:
    assert rank_of(kind, name) == rank


def at(place: tuple[str, str], number: int = 1) -> int:
    institution = make_institution(place[0], f"53090000{number}")
    Institution.objects.filter(id=institution.id).update(type=place[1])
    return institution.id


def best(word: str, resident_id: object) -> Attribute:
    return next(each for each in attributes_of(resident_id) if each.word == word)


def test_the_police_know_best_then_hospitals_then_primary_care() -> None:
    for number, (place, name) in enumerate([(CLINIC, "王 秀英"), (HOSPITAL, "王·秀英"), (POLICE, "王秀英")]):
        patient = told(at(place, number), "a", name, key=KEY, registered_on=date(2020 - number, 1, 1))
        resident = Resident.objects.get(id=resident_of(patient))
        assert resident.name == name
    names = best("name", resident.id)
    assert [(each.value, each.source) for each in names.said] == [
        ("王秀英", "公安机关"),
        ("王·秀英", "医院"),
        ("王 秀英", "基层医疗卫生机构"),
    ]


def test_within_a_rank_the_newest_registration_counts_then_what_most_say() -> None:
    hospital = at(HOSPITAL)
    told(hospital, "a", "王秀英", key=KEY, phone="1", registered_on=date(2019, 1, 1))
    told(hospital, "b", "王秀英", key=KEY, phone="2", registered_on=date(2021, 1, 1))
    told(hospital, "c", "王秀英", key=KEY, phone="3", registered_on=date(2021, 1, 1))
    patient = told(hospital, "d", "王秀英", key=KEY, phone="3", registered_on=date(2021, 1, 1))
    phones = best("phone", resident_of(patient))
    assert (phones.best.value, phones.best.local_number, phones.agreeing) == ("3", "c", 2)
    assert [each.value for each in phones.others] == ["2", "1"]


def test_a_citizen_number_knows_sex_and_birth_date_better_than_a_hospital_but_not_than_the_police() -> None:
    patient = told(at(HOSPITAL), "a", "王秀英", key=KEY, sex="1", birth_date=date(1965, 8, 21))
    resident = Resident.objects.get(id=resident_of(patient))
    assert (resident.sex, resident.birth_date) == ("2", date(1965, 8, 12))
    assert best("sex", resident.id).best.rank == Rank.NUMBER
    told(at(POLICE, 2), "b", "王秀英", key=KEY, birth_date=date(1965, 8, 21))
    resident.refresh_from_db()
    assert (resident.sex, resident.birth_date) == ("2", date(1965, 8, 21))


def test_a_newborn_is_called_by_its_own_name_wherever_that_was_written() -> None:
    child = citizen_number(birth="20240305")
    patient = told(at(HOSPITAL), "a", "王秀英之女", key=child, birth_date=date(2024, 3, 5))
    other = told(at(CLINIC, 2), "b", "李小燕", birth_date=date(2024, 3, 5))
    merge_residents(resident_id=resident_of(patient), other_id=resident_of(other), reason="取名", actor=steward())
    resident = Resident.objects.get(id=resident_of(patient))
    assert resident.name == "李小燕"
    assert [each.value for each in best("name", resident.id).others] == ["王秀英之女"]


def test_values_come_back_when_a_merge_is_taken_back() -> None:
    clinic, hospital = at(CLINIC), at(HOSPITAL, 2)
    one, other = told(clinic, "a", "王秀瑛", phone="1"), told(hospital, "b", "王秀英", phone="2")
    decision = merge_residents(resident_id=one, other_id=other, reason="同一人", actor=steward())
    assert Resident.objects.get(id=one).name == "王秀英"
    undo_decision(decision_id=decision.id, reason="看错了", actor=steward())
    assert Resident.objects.get(id=one).name == "王秀瑛"
    assert best("phone", one).best.value == "1"
