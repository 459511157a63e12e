"""What `bench/fhir.py` sends: blood pressures, laboratory results, diagnoses and prescriptions of many patients."""

import random
import uuid
from datetime import datetime, timedelta

PATIENTS = 5_000


def patient(number: int) -> dict:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "name": [{"text": f"测试{number}"}],
        "gender": ("male", "female")[number % 2],
        "birthDate": f"{1930 + number % 90}-0{1 + number % 9}-1{number % 10}",
    }


def visit(number: int) -> dict:
    return {
        "resourceType": "Encounter",
        "id": f"v{number}",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/p{number}"},
        "period": {"start": "2026-03-01T09:00:00+08:00", "end": "2026-03-01T09:20:00+08:00"},
        "serviceType": {"text": "内科"},
    }


def clinical(draw: random.Random) -> dict:
    number = draw.randrange(PATIENTS)
    when = datetime(2026, 3, 1, 8) + timedelta(minutes=draw.randrange(300_000))
    shared = {
        "id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "subject": {"reference": f"Patient/p{number}"},
    }
    if draw.random() < 0.5:
        shared["encounter"] = {"reference": f"Encounter/v{number}"}
    moment = when.isoformat() + "+08:00"
    return draw.choices((pressure, laboratory, diagnosis, prescription), (40, 40, 10, 10))[0](draw, shared, moment)


def pressure(draw: random.Random, shared: dict, moment: str) -> dict:
    def part(code: str, display: str, value: int) -> dict:
        return {
            "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": display}]},
            "valueQuantity": {
                "value": value,
                "unit": "mmHg",
                "system": "http://unitsofmeasure.org",
                "code": "mm[Hg]",
            },
        }

    return {
        "resourceType": "Observation",
        **shared,
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "vital-signs",
                        "display": "Vital Signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9", "display": "Blood pressure panel"}]},
        "effectiveDateTime": moment,
        "performer": [{"reference": "Practitioner/n1", "display": "李护士"}],
        "component": [
            part("8480-6", "Systolic blood pressure", draw.randrange(95, 190)),
            part("8462-4", "Diastolic blood pressure", draw.randrange(50, 95)),
        ],
    }


def laboratory(draw: random.Random, shared: dict, moment: str) -> dict:
    code, name, unit, low, high = draw.choice(
        (
            ("718-7", "血红蛋白", "g/L", 115, 150),
            ("14749-6", "葡萄糖", "mmol/L", 3, 11),
            ("2823-3", "钾", "mmol/L", 3, 6),
            ("1742-6", "丙氨酸氨基转移酶", "U/L", 7, 90),
        )
    )
    value = round(draw.uniform(low, high), 2)
    quantity = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {
        "resourceType": "Observation",
        **shared,
        "identifier": [{"system": "urn:lis", "value": f"L{draw.randrange(10**9)}"}],
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/observation-category",
                        "code": "laboratory",
                        "display": "Laboratory",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": name}], "text": name},
        "effectiveDateTime": moment,
        "issued": moment.replace("T", "T").replace(":00+08:00", ":30+08:00"),
        "performer": [{"reference": "Practitioner/t1", "display": "王检验师"}],
        "valueQuantity": {"value": value, **quantity},
        "interpretation": [{"coding": [{"code": draw.choice("NHL")}]}],
        "referenceRange": [{"low": {"value": low, **quantity}, "high": {"value": high, **quantity}}],
    }


def diagnosis(draw: random.Random, shared: dict, moment: str) -> dict:
    code, name = draw.choice((("I10", "原发性高血压"), ("E11.9", "2型糖尿病"), ("J06.9", "急性上呼吸道感染")))
    return {
        "resourceType": "Condition",
        **shared,
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "category": [{"coding": [{"code": "encounter-diagnosis"}]}],
        "code": {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": code, "display": name}], "text": name},
        "recordedDate": moment,
        "asserter": {"reference": "Practitioner/d1", "display": "赵医生"},
    }


def prescription(draw: random.Random, shared: dict, moment: str) -> dict:
    return {
        "resourceType": "MedicationRequest",
        **shared,
        "identifier": [{"system": "urn:his", "value": f"R{draw.randrange(10**9)}"}],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": {
            "coding": [{"system": "http://www.whocc.no/atc", "code": "C08CA01", "display": "氨氯地平"}],
            "text": "苯磺酸氨氯地平片 5mg",
        },
        "authoredOn": moment,
        "requester": {"reference": "Practitioner/d1", "display": "赵医生"},
        "dosageInstruction": [
            {
                "text": "每日一次，每次一片",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
                "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
            }
        ],
        "dispenseRequest": {"quantity": {"value": 28, "unit": "片"}},
    }
