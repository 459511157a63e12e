"""A village for tests: a family in one household, a lodger without a number, somebody who died, somebody elsewhere."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from kangqiao.identity.documents import HELD
from kangqiao.identity.models import Patient
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.infra.ids import uuid7
from kangqiao.records.population.models import (
    Birth,
    Death,
    Household,
    HouseholdMember,
    HukouRegistration,
    Migration,
    PatientRegistration,
)
from kangqiao.registry.models import Institution
from people import BATCH, citizen_number, make_institution, moment, resident_of, write

CITY, COUNTY, TOWNSHIP, VILLAGE = "530900000000", "530902000000", "530902001000", "530902001001"
NEXT_VILLAGE, OTHER_COUNTY, KUNMING = "530902001002", "530926000000", "530103000000"
HOUSEHOLD_NUMBER = "53000077"
NUMBERS = (*HELD, "document_issuer", "document_valid_until")


def settle(
    institution: Institution,
    number: str,
    name: str,
    sex: str,
    birth: str,
    *,
    key: str | None = None,
    division: str | None = VILLAGE,
    revised: str = "2026-03-01",
    **said: Any,
) -> UUID:
    """Register a patient with an institution, store the row it sent, and return the patient's id."""
    born, at = dt.date.fromisoformat(birth), moment(revised)
    numbers = {word: said[word] for word in NUMBERS if word in said}
    registration = Registration(institution.id, number, name, sex, born, "01" if key else None, key, **numbers)
    with transaction.atomic():
        register_patients(connection.connection, source=Source.registrations([registration]), actor_id=None)
    patient_id = Patient.objects.get(institution_id=institution.id, local_number=number).id
    documents = {"document_type": "01", "document_number": key} if key else {}
    told = {"name": name, "sex": sex, "birth_date": born, "division": division, **documents, **said}
    write(PatientRegistration, patient_id, at, **told)
    return patient_id


class Village:
    """李国强, 王秀英, their daughter 李小花 and 李老根, dead since 2025, in one household; 岩温 lodges nearby."""

    father_key = citizen_number("19800305", "117")
    mother_key = citizen_number("19820416", "128")
    child_key = citizen_number("20200506", "146")
    old_key = citizen_number("19400101", "113")

    def __init__(self) -> None:
        self.hospital = make_institution("临翔医院", "530902001")
        self.police = make_institution("临沧市公安局", "530900901")
        self.father = settle(
            self.hospital, "P1", "李国强", "1", "1980-03-05", key=self.father_key, phone="13908830001", house="5 号"
        )
        self.mother = settle(self.hospital, "P2", "王秀英", "2", "1982-04-16", key=self.mother_key)
        card = {"document_issuer": "临翔区公安局", "document_valid_until": dt.date(2025, 6, 1)}
        numbers = {"health_card": "530900000146", "insurance_number": "53090000000146"}
        self.child = settle(self.hospital, "P3", "李小花", "2", "2020-05-06", key=self.child_key, **card, **numbers)
        self.old = settle(self.hospital, "P4", "李老根", "1", "1940-01-01", key=self.old_key)
        self.lodger = settle(self.hospital, "P5", "岩温", "1", "1990-07-01", division=NEXT_VILLAGE)
        self._happen()
        self._live_together()

    def _happen(self) -> None:
        mother = {"mother_name": "王秀英", "mother_document_type": "01", "mother_document": self.mother_key}
        father = {"father_name": "李国强", "father_document_type": "01", "father_document": self.father_key}
        written = {"child_order": 1, "registered": dt.date(2020, 5, 20), "hukou_done": True, "division": VILLAGE}
        write(Birth, self.child, moment("2020-05-06 08:30"), **mother, **father, **written)
        died = {"cause": "I64.x00", "cause_name": "脑卒中", "registered": dt.date(2025, 2, 4), "division": VILLAGE}
        write(Death, self.old, moment("2025-02-03 04:00"), state="2", cancelled=dt.date(2025, 2, 10), **died)
        moved = {"reason": "01", "registered": dt.date(2024, 3, 4), "from_division": VILLAGE, "to_division": KUNMING}
        write(Migration, self.father, moment("2024-03-02"), kind="4", returned=dt.date(2024, 12, 20), **moved)

    def _live_together(self) -> None:
        formed = moment("2002-01-01")
        self.household = Household.objects.create(
            id=uuid7(),
            institution_id=self.police.id,
            source_key="HK77",
            revised_at=formed,
            voided=False,
            received_at=formed,
            batch_id=BATCH,
            version=1,
            number=HOUSEHOLD_NUMBER,
            kind="1",
            head_name="李国强",
            head_document_type="01",
            head_document=self.father_key,
            members=3,
            division=VILLAGE,
            address="临翔区凤翔街道章嘎社区 5 号",
            formed=formed.date(),
            state="1",
        )
        self._member("H1", "李国强", "1", "1980-03-05", self.father_key, relation="0")
        self._member("H2", "王秀英", "2", "1982-04-16", self.mother_key, relation="1")
        self._member("H3", "李小花", "2", "2020-05-06", self.child_key, relation="3", since="2020-06-20")
        self._member("H4", "李老根", "1", "1940-01-01", self.old_key, relation="5", left=dt.date(2025, 2, 10))

    def _member(
        self,
        number: str,
        name: str,
        sex: str,
        birth: str,
        key: str,
        *,
        relation: str,
        since: str = "2012-05-01",
        left: dt.date | None = None,
    ) -> None:
        patient = settle(self.police, number, name, sex, birth, key=key, division=None, revised=since)
        state = {"state": "2", "left": left, "reason": "01"} if left else {"state": "1"}
        at = moment(since)
        write(HouseholdMember, patient, at, household="HK77", relation=relation, joined=at.date(), **state)
        ended = {"state": "2", "cancelled": left, "end_reason": "01"} if left else {"state": "1"}
        write(
            HukouRegistration, patient, at, household="HK77", kind="1", division=VILLAGE, registered=at.date(), **ended
        )

    def resident(self, patient_id: UUID) -> UUID:
        """The resident of one of the village's patients."""
        return resident_of(patient_id)
