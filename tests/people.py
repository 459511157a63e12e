"""People with records, for tests: institutions, linked patients, rows stored through the real classes."""

import datetime as dt
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from kangqiao.identity.models import Link, Patient
from kangqiao.identity.rules import check_character
from kangqiao.identity.services import Registration, Source, register_patients
from kangqiao.infra.ids import uuid7
from kangqiao.records.health_record.models import (
    ArchiveCover,
    DiabetesFollowUp,
    HypertensionFollowUp,
    PhysicalExamination,
    Vaccination,
)
from kangqiao.records.medical_record.models import (
    Allergy,
    Charge,
    ChargeItem,
    Diagnosis,
    ExamReport,
    InpatientStay,
    LabReport,
    LabResult,
    MedicalOrder,
    Operation,
    OutpatientEncounter,
    Prescription,
    PrescriptionItem,
    VitalSigns,
)
from kangqiao.records.population.models import PatientRegistration
from kangqiao.registry.models import Institution
from kangqiao.standards.conditions import CITY_TIME
from kangqiao.standards.data_set import Record

NAMES = ("临沧市人民医院", "云县人民医院", "凤庆县中医医院", "临翔区凤翔街道社区卫生服务中心", "云县爱华镇卫生院")
BATCH = UUID("01900000-0000-7000-8000-000000000001")


def moment(text: str) -> dt.datetime:
    """Return a time in the city: `2026-03-05` or `2026-03-05 08:30`."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=CITY_TIME)


def citizen_number(birth: str = "19650812", order: str = "122", region: str = "530902") -> str:
    """Return a citizen number with the right check character; an even order is a woman's."""
    body = f"{region}{birth}{order}"
    return body + check_character(body)


def make_institution(name: str = NAMES[0], code: str = "530900001") -> Institution:
    """Return an institution of the city."""
    return Institution.objects.create(
        code=code, name=name, short_name=name[-6:], type="A100", division_code="530902000000", ownership="public"
    )


def register(
    institution: Institution, number: str, *, name: str = "王秀英", key: str | None = None, birth: str = "1965-08-12"
) -> UUID:
    """Register a patient as intake does, and return its id."""
    row = Registration(institution.id, number, name, "2", dt.date.fromisoformat(birth), "01" if key else None, key)
    with transaction.atomic():
        register_patients(connection.connection, source=Source.registrations([row]), actor_id=None)
    return Patient.objects.get(institution_id=institution.id, local_number=number).id


def resident_of(patient_id: UUID) -> UUID:
    """Return the resident a patient is linked to."""
    return Link.objects.get(patient_id=patient_id, undone_at=None).resident_id


def write(data_set: type[Record], patient_id: UUID, at: dt.datetime, **values: Any) -> Any:
    """Store a row of a data set that happened at a time, and return it."""
    row = build(data_set, Patient.objects.get(id=patient_id), at, **values)
    row.save(force_insert=True)
    return row


def build(data_set: type[Record], patient: Patient, at: dt.datetime, **values: Any) -> Any:
    """Return a row of a data set as intake would store it, its occurrence at `at`."""
    return data_set(
        **{
            "id": uuid7(),
            "institution_id": patient.institution_id,
            "source_key": f"{data_set.word}-{uuid7()}",
            "patient_id": patient.id,
            "occurred_at": at,
            "revised_at": at,
            "received_at": at + dt.timedelta(hours=6),
            "batch_id": BATCH,
            "version": 1,
            "voided": False,
            data_set.occurred.field.name: at,
            **values,
        }
    )


@dataclass
class Life:
    """A person with years of care in five institutions; always the same."""

    key: str = field(default_factory=citizen_number)
    name: str = "王秀英"
    institutions: list[Institution] = field(default_factory=list)
    patients: list[UUID] = field(default_factory=list)
    random: Random = field(default_factory=lambda: Random(7))
    rows: list[Any] = field(default_factory=list)

    def begin(self) -> "Life":
        """Create the institutions and the patients, and let the years pass."""
        for index, name in enumerate(NAMES):
            institution = make_institution(name, f"5309000{index}{self.key[-1]}")
            self.institutions.append(institution)
            self.patients.append(register(institution, f"P{index}0317", name=self.name, key=self.key))
        for index, patient in enumerate(self.patients):
            self._registration(patient, index)
        for year in range(2021, 2027):
            self._year(year)
        self._stay()
        self._allergies()
        for data_set in dict.fromkeys(map(type, self.rows)):
            data_set._default_manager.bulk_create(row for row in self.rows if type(row) is data_set)
        return self

    @property
    def resident_id(self) -> UUID:
        """The one resident behind the five patients."""
        return resident_of(self.patients[0])

    def _add(self, data_set: type[Record], patient: UUID, at: dt.datetime, **values: Any) -> Any:
        known = Patient(id=patient, institution_id=self.institutions[self.patients.index(patient)].id)
        self.rows.append(build(data_set, known, at, **values))
        return self.rows[-1]

    def _registration(self, patient: UUID, index: int) -> None:
        self._add(
            PatientRegistration,
            patient,
            moment(f"{2017 + index}-02-0{index + 1} 09:00"),
            document_type="01",
            document_number=self.key,
            name=self.name,
            sex="2",
            birth_date=dt.date(1965, 8, 12),
            ethnicity="21",
            phone="13988031234",
            city="临沧市",
            county="临翔区",
            township="凤翔街道",
            village="文华社区",
            abo="1",
            rh="2",
            registered_at=moment(f"{2017 + index}-02-0{index + 1} 09:00"),
        )
        if index == 3:
            self._add(
                ArchiveCover,
                patient,
                moment("2018-05-06"),
                archive_number="53090200100100317",
                abo="1",
                rh="2",
                drug_allergies=["2"],
                diseases=["2", "3"],
                status="1",
                doctor="杨国芬",
                built=moment("2018-05-06"),
            )

    def _year(self, year: int) -> None:
        hospital, county, _, centre, township = self.patients
        for month in range(1, 12 if year == 2026 else 13):
            day = f"{year}-{month:02d}"
            if month % 3 == 2:
                self._follow_up(centre, moment(f"{day}-10 09:20"), year)
            if month % 4 == 1:
                self._visit((hospital, county, township)[(year + month) % 3], moment(f"{day}-17 10:05"), year)
        self._examination(centre, moment(f"{year}-04-21 08:40"), year)
        self._add(
            Vaccination,
            centre,
            moment(f"{year}-10-15 15:10"),
            kind="14",
            vaccine="J07BB02",
            vaccine_name="流感疫苗",
            dose_number=1,
            vaccinated=moment(f"{year}-10-15 15:10"),
            lot=f"2{year}0903",
            maker="华兰生物疫苗股份有限公司",
            site="1",
            place=NAMES[3],
            vaccinator="李秋月",
        )

    def _pressure(self, year: int) -> tuple[int, int]:
        base = 158 - (year - 2021) * 4
        return base + self.random.randint(-9, 9), 92 - (year - 2021) * 2 + self.random.randint(-6, 6)

    def _follow_up(self, patient: UUID, at: dt.datetime, year: int) -> None:
        systolic, diastolic = self._pressure(year)
        good = systolic < 140
        self._add(
            HypertensionFollowUp,
            patient,
            at,
            manner="1",
            symptoms=["1"],
            systolic=systolic,
            diastolic=diastolic,
            weight=64 - (year - 2021) * 0.7,
            bmi=25.1,
            salt="2",
            adherence="1",
            evaluation="1" if good else "2",
            drugs="氨氯地平片 每日 1 次 每次 5mg",
            doctor="杨国芬",
        )
        glucose = round(8.6 - (year - 2021) * 0.3 + self.random.uniform(-0.9, 0.9), 1)
        self._add(
            DiabetesFollowUp,
            patient,
            at + dt.timedelta(minutes=15),
            manner="1",
            symptoms=["1"],
            systolic=systolic,
            diastolic=diastolic,
            fasting_glucose=glucose,
            evaluation="1" if glucose < 7 else "2",
            drugs="二甲双胍片 每日 2 次 每次 0.5g",
            doctor="杨国芬",
        )

    def _examination(self, patient: UUID, at: dt.datetime, year: int) -> None:
        systolic, diastolic = self._pressure(year)
        self._add(
            PhysicalExamination,
            patient,
            at,
            symptoms=["1"],
            left_systolic=systolic - 4,
            left_diastolic=diastolic,
            right_systolic=systolic,
            right_diastolic=diastolic,
            height=158,
            weight=64 - (year - 2021) * 0.7,
            bmi=round((64 - (year - 2021) * 0.7) / 1.58**2, 1),
            fasting_glucose=7.4,
            haemoglobin=128,
            ldl=3.6,
            evaluation="2",
            abnormalities="血压偏高，空腹血糖偏高",
            doctor="杨国芬",
        )

    def _visit(self, patient: UUID, at: dt.datetime, year: int) -> None:
        visit = self._add(
            OutpatientEncounter,
            patient,
            at,
            kind="1",
            department="心血管内科",
            chief_complaint="反复头晕 3 年，加重 1 周",
            present_illness="患者 3 年前无明显诱因出现头晕，测血压最高 168/98 mmHg，长期口服氨氯地平，控制欠佳。",
            has_allergy=True,
            allergy_history="青霉素过敏",
            doctor="赵文斌",
        )
        within = {"encounter": visit.source_key, "encounter_kind": "1"}
        later = at + dt.timedelta(minutes=20)
        for number, (code, name) in enumerate((("I10.x00", "高血压病"), ("E11.900", "2 型糖尿病"))):
            self._add(Diagnosis, patient, later, role="1" if number == 0 else "2", code=code, code_name=name, **within)
        systolic, diastolic = self._pressure(year)
        self._add(
            VitalSigns,
            patient,
            at,
            systolic=systolic,
            diastolic=diastolic,
            pulse=76,
            temperature=36.5,
            weight=62,
            **within,
        )
        self._laboratory(patient, at + dt.timedelta(hours=1), year, within)
        self._prescription(patient, at + dt.timedelta(minutes=90), within)
        charge = self._add(
            Charge,
            patient,
            at + dt.timedelta(hours=2),
            payment="01",
            total=286.4,
            self_paid=71.6,
            fund_paid=214.8,
            **within,
        )
        for name, amount in (("诊查费", 12), ("生化全套", 150), ("氨氯地平片", 68.4), ("二甲双胍片", 56)):
            self._add(
                ChargeItem,
                patient,
                charge.occurred_at,
                charge=charge.source_key,
                item_name=name,
                quantity=1,
                amount=amount,
            )
        if year % 2:
            self._add(
                ExamReport,
                patient,
                at + dt.timedelta(hours=3),
                modality="US",
                item_name="颈部血管彩超",
                site="颈部",
                seen="双侧颈总动脉内-中膜增厚，左侧分叉处见 8×2 mm 低回声斑块。",
                impression="双侧颈动脉内-中膜增厚伴左侧斑块形成",
                reporter="段丽",
                reviewer="普红",
                **within,
            )

    def _laboratory(self, patient: UUID, at: dt.datetime, year: int, within: dict[str, str]) -> None:
        report = self._add(
            LabReport,
            patient,
            at,
            subject="生化全套",
            specimen="血清",
            applying_department="心血管内科",
            reviewer="罗琼",
            **within,
        )
        fall = (year - 2021) * 0.25
        for code, name, value, unit, low, high in (
            ("14771-0", "空腹葡萄糖", 8.2 - fall, "mmol/L", 3.9, 6.1),
            ("4548-4", "糖化血红蛋白", 8.1 - fall, "%", 4, 6),
            ("14647-2", "总胆固醇", 5.9 - fall, "mmol/L", 2.8, 5.2),
            ("14927-8", "甘油三酯", 2.3, "mmol/L", 0.4, 1.7),
            ("22748-8", "低密度脂蛋白胆固醇", 3.8 - fall, "mmol/L", 0, 3.4),
            ("14682-9", "肌酐", 68, "μmol/L", 41, 81),
            ("1742-6", "丙氨酸氨基转移酶", 22, "U/L", 7, 40),
        ):
            measured = round(value + self.random.uniform(-0.3, 0.3), 2)
            flag = "H" if measured > high else "L" if measured < low else "N"
            self._add(
                LabResult,
                patient,
                at,
                report=report.source_key,
                item=code,
                item_name=name,
                quantity=measured,
                quantity_unit=unit,
                low=low,
                high=high,
                abnormal=flag,
            )

    def _prescription(self, patient: UUID, at: dt.datetime, within: dict[str, str]) -> None:
        sheet = self._add(
            Prescription,
            patient,
            at,
            kind="1",
            department="心血管内科",
            diagnosis="高血压病；2 型糖尿病",
            doctor="赵文斌",
            amount=124.4,
            **within,
        )
        for name, specification, dose, unit, frequency in (
            ("苯磺酸氨氯地平片", "5mg×28 片", 5, "mg", "09"),
            ("盐酸二甲双胍片", "0.5g×60 片", 0.5, "g", "01"),
        ):
            self._add(
                PrescriptionItem,
                patient,
                at,
                prescription=sheet.source_key,
                drug_name=name,
                specification=specification,
                dose=dose,
                dose_unit=unit,
                frequency=frequency,
                route="1",
                days=84,
                quantity=3,
                quantity_unit="盒",
            )

    def _stay(self) -> None:
        patient = self.patients[0]
        begun = moment("2024-06-11 16:20")
        stay = self._add(
            InpatientStay,
            patient,
            begun,
            number="240611077",
            admission_department="心血管内科",
            discharged=moment("2024-06-19 10:00"),
            discharge_department="心血管内科",
            days=8,
            leaving="1",
            outcome="2",
            has_drug_allergy=True,
            drug_allergies="青霉素",
            chief_complaint="发作性胸闷 2 天",
            attending_doctor="赵文斌",
            total_cost=9876.5,
            self_paid=2410.2,
        )
        within = {"encounter": stay.source_key, "encounter_kind": "3"}
        self._add(Diagnosis, patient, begun, role="4", code="I20.900", code_name="心绞痛", **within)
        self._add(
            Operation,
            patient,
            moment("2024-06-13 09:10"),
            code="88.5600",
            code_name="冠状动脉造影",
            level="3",
            surgeon="赵文斌",
            **within,
        )
        for hour in range(0, 24, 2):
            self._add(
                MedicalOrder,
                patient,
                begun + dt.timedelta(hours=hour // 3),
                category="1" if hour % 4 else "2",
                kind="01",
                content=("阿司匹林肠溶片", "阿托伐他汀钙片", "心电监护", "低盐低脂饮食")[hour // 2 % 4],
                dose=100,
                dose_unit="mg",
                frequency="09",
                doctor="赵文斌",
                status="已执行",
                **within,
            )
        for day in range(8):
            for hour in (6, 14, 22):
                at = moment("2024-06-12") + dt.timedelta(days=day, hours=hour)
                systolic, diastolic = self._pressure(2024)
                self._add(
                    VitalSigns,
                    patient,
                    at,
                    temperature=round(36.4 + self.random.uniform(0, 0.6), 1),
                    pulse=78,
                    respiration=18,
                    systolic=systolic,
                    diastolic=diastolic,
                    **within,
                )

    def _allergies(self) -> None:
        self._add(
            Allergy,
            self.patients[0],
            moment("2024-06-11 17:00"),
            category="1",
            allergen_name="青霉素",
            reaction="皮疹、呼吸困难",
            severity="3",
            certainty="1",
            recorder="赵文斌",
        )
