"""What FHIR resources become, as tables a hospital's interface engineer can check."""

import json
from datetime import UTC, datetime

import pytest
from django.core.exceptions import FieldDoesNotExist

from kangqiao.formats.fhir.documents import read_resource
from kangqiao.formats.fhir.mapping import declarations, rows_of
from kangqiao.formats.fhir.surroundings import Among
from kangqiao.gateway.gate import judge
from kangqiao.standards.data_set import data_sets

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
P1 = {"reference": "Patient/p1"}
DAY = "2026-03-01"


def text(words: str, *codings: str) -> dict:
    """A CodeableConcept; codings as ``system|code``."""
    pairs = (coding.split("|") for coding in codings)
    return {"text": words, "coding": [{"system": system, "code": code} for system, code in pairs]}


def category(code: str) -> list[dict]:
    return [{"coding": [{"code": code}]}]


def quantity(value: float, unit: str) -> dict:
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def observation(loinc: str, **elements: object) -> dict:
    coded = {"coding": [{"system": "http://loinc.org", "code": loinc, "display": loinc}]}
    return {"resourceType": "Observation", "id": "o1", "status": "final", "code": coded, "subject": P1} | elements


def vital(code: str, value: float, unit: str) -> dict:
    return observation(
        code, category=category("vital-signs"), effectiveDateTime=DAY, valueQuantity=quantity(value, unit)
    )


def laboratory(**elements: object) -> dict:
    given = {"category": category("laboratory"), "issued": "2026-03-02T08:00:00+08:00", "effectiveDateTime": DAY}
    return observation("718-7", **(given | elements))


def medication(**elements: object) -> dict:
    given = {"status": "active", "intent": "order", "subject": P1, "authoredOn": DAY, "id": "m1"}
    drug = {"medicationCodeableConcept": text("氨氯地平片", "http://www.whocc.no/atc|C08CA01")}
    return {"resourceType": "MedicationRequest", **given, **drug, **elements}


def condition(**elements: object) -> dict:
    given = {"id": "c1", "subject": P1, "code": text("原发性高血压"), "recordedDate": DAY}
    return {"resourceType": "Condition", **given, **elements}


def encounter(code: str, **elements: object) -> dict:
    given = {"id": "e1", "status": "finished", "subject": P1, "period": {"start": "2026-03-01T09:00:00+08:00"}}
    return {"resourceType": "Encounter", "class": {"code": code}, **given, **elements}


def report(**elements: object) -> dict:
    given = {
        "id": "d1",
        "status": "final",
        "subject": P1,
        "issued": "2026-03-02T08:00:00+08:00",
        "code": text("血常规"),
    }
    return {"resourceType": "DiagnosticReport", **given, **elements}


def patient(**elements: object) -> dict:
    given = {"id": "p1", "name": [{"text": "岩香"}], "gender": "male", "birthDate": "1949-12-31"}
    return {"resourceType": "Patient", **given, **elements}


def mapped(resource: dict, *others: dict, kinds: dict[str, str] | None = None):
    """Return what a resource becomes, with others that came along in the same Bundle."""
    came = [read_resource(json.dumps(each).encode()) for each in (resource, *others)]
    entries = [(None, f"{each['resourceType']}/{each['id']}", each) for each in came]
    return rows_of(came[0], Among(entries, received_at=NOW, kinds=kinds))


def cells(resource: dict, data_set: str, *others: dict, **options: object) -> dict[str, str]:
    """Return the filled cells of the one row a resource becomes of a data set."""
    found = [row for row in mapped(resource, *others, **options).rows if row.data_set.word == data_set]
    assert len(found) == 1
    return {name: cell for name, cell in found[0].cells.items() if cell is not None}


def told(resource: dict, *others: dict) -> list[tuple[str, str, str]]:
    """Return (severity, message, FHIR path) of everything the gate says."""
    _, problems = judge(mapped(resource, *others), institution_id=1, received_at=NOW)
    return [(problem.severity, problem.message, problem.expression) for problem in problems]


def errors(resource: dict, *others: dict) -> list[tuple[str, str]]:
    return [(message, path) for severity, message, path in told(resource, *others) if severity == "error"]


DECLARED = [
    pytest.param(data_set, declaration, id=f"{kind}-{data_set.word}")
    for kind, pairs in declarations().items()
    for data_set, declaration in pairs
]


@pytest.mark.parametrize(("data_set", "declaration"), DECLARED)
def test_a_declaration_names_columns_of_its_data_set(data_set, declaration):
    for column in declaration.columns:
        try:
            data_set.element(column)
        except FieldDoesNotExist:
            pytest.fail(f"{data_set.word} has no column {column}")


@pytest.mark.parametrize(("data_set", "declaration"), DECLARED)
def test_a_declaration_fills_every_column_that_must_not_be_empty(data_set, declaration):
    given = {"institution_code", "patient_number", "source_key", "revised_at", "voided"}
    for field in data_set.wire():
        if field.required is True and field.name not in given:
            assert field.name.removesuffix("_name") in declaration.columns, field.name


def test_the_types_of_the_issue_are_declared():
    assert set(declarations()) == {
        "AllergyIntolerance",
        "Condition",
        "DiagnosticReport",
        "Encounter",
        "Immunization",
        "MedicationRequest",
        "Observation",
        "Patient",
        "Procedure",
    }
    assert {data_set.word for data_set in data_sets().values() if data_set.fhir} == {
        "allergy",
        "diagnosis",
        "exam-report",
        "inpatient-stay",
        "lab-report",
        "lab-result",
        "operation",
        "outpatient-encounter",
        "patient-registration",
        "prescription",
        "prescription-item",
        "vaccination",
        "vital-signs",
    }


# -- who it is about -------------------------------------------------------------------------------------------------

CONTAINED = {"resourceType": "Patient", "id": "x", "identifier": [{"system": "urn:mrn", "value": "12345"}]}

SUBJECTS = [
    ({"reference": "Patient/p1"}, "p1"),
    ({"reference": "Patient/p1/_history/3"}, "p1"),
    ({"reference": "https://his.example/fhir/Patient/p1"}, "p1"),
    ({"identifier": {"system": "urn:mrn", "value": "12345"}}, "12345"),
    ({"reference": "#x"}, "12345"),
]

WRONG_SUBJECTS = [
    ({"display": "某人"}, "只写了名称，没有指明是哪位患者（缺少 reference 或 identifier）"),
    ({"reference": "Group/herd"}, "主体是 Group，不是患者，不收入个人档案"),
    ({"reference": "#y"}, "所引用的内含资源不存在"),
    ({"reference": "#loc"}, "主体是 Location，不是患者，不收入个人档案"),
    ({"reference": "#nobody"}, "内含的患者没有 identifier，无法确定是谁"),
    (
        {"reference": "urn:uuid:04121321-4af5-424c-a0e1-ed3aab1c349d"},
        "所引用的患者不在本次报送中，也不是 Patient/编号 的形式，无法确定是谁",
    ),
    (
        {"reference": "Patient?identifier=1"},
        "所引用的患者不在本次报送中，也不是 Patient/编号 的形式，无法确定是谁",
    ),
    (None, "“患者院内号”必填"),
]

INSIDE = [CONTAINED, {"resourceType": "Location", "id": "loc"}, {"resourceType": "Patient", "id": "nobody"}]


@pytest.mark.parametrize(("subject", "number"), SUBJECTS)
def test_the_patient_is_who_the_subject_says(subject, number):
    assert cells(condition(subject=subject, contained=INSIDE), "diagnosis")["patient_number"] == number


@pytest.mark.parametrize(("subject", "message"), WRONG_SUBJECTS)
def test_a_subject_that_names_no_patient_is_refused_with_the_reason(subject, message):
    assert errors(condition(subject=subject, contained=INSIDE)) == [(message, "Condition.subject")]


def test_the_same_identifier_stands_for_the_same_patient_whatever_it_looks_like():
    odd = {"identifier": {"system": "urn:mrn", "value": "号 12/3"}}
    first, second = (cells(condition(subject=odd), "diagnosis")["patient_number"] for _ in range(2))
    assert first == second
    assert cells(condition(subject={"identifier": {"value": "号 12/4"}}), "diagnosis")["patient_number"] != first


# -- dates -----------------------------------------------------------------------------------------------------------

MOMENTS = [
    ("2026-03-01", "2026-03-01"),
    ("2026-03-01T09:30:00+08:00", "2026-03-01T09:30:00+08:00"),
    ("2026-03-01T01:30:00Z", "2026-03-01T01:30:00Z"),
    ("2026-03-01T01:30:00.123456789Z", "2026-03-01T01:30:00.123456Z"),
]


@pytest.mark.parametrize(("written", "cell"), MOMENTS)
def test_a_point_in_time_is_taken_as_it_is_written(written, cell):
    assert cells(condition(recordedDate=written), "diagnosis")["diagnosed"] == cell


@pytest.mark.parametrize(("written", "precision"), [("2026", "年"), ("2026-03", "年月")])
def test_no_day_is_made_up_for_a_partial_date(written, precision):
    told_required = errors(condition(recordedDate=written))
    assert told_required == [(f"“诊断日期”只精确到{precision}，入库须精确到日", "Condition.recordedDate")]
    told_optional = told(condition(onsetDateTime=written))
    assert ("warning", f"“发病日期时间”只精确到{precision}，未采用", "Condition.onsetDateTime") in told_optional
    assert "onset" not in cells(condition(onsetDateTime=written), "diagnosis")


def test_a_missing_date_of_diagnosis_is_replaced_by_the_onset_with_a_warning():
    resource = condition(recordedDate=None, onsetDateTime=DAY)
    assert cells(resource, "diagnosis")["diagnosed"] == DAY
    assert ("warning", "没有 recordedDate，以 onsetDateTime 代替", "Condition.onsetDateTime") in told(resource)


def test_words_are_no_date():
    assert errors(condition(recordedDate=None, onsetString="去年")) == [("“诊断日期”必填", "Condition.recordedDate")]


# -- patients --------------------------------------------------------------------------------------------------------

NAMES = [
    ([{"text": "岩香"}], "岩香"),
    ([{"family": "张", "given": ["无", "忌"]}], "张无忌"),
    ([{"family": "Chalmers", "given": ["Peter", "James"]}], "Peter James Chalmers"),
    (
        [{"use": "maiden", "text": "旧名"}, {"use": "usual", "text": "小名"}, {"use": "official", "text": "大名"}],
        "大名",
    ),
]


@pytest.mark.parametrize(("names", "cell"), NAMES)
def test_a_patient_is_called_by_the_official_name(names, cell):
    assert cells(patient(name=names), "patient-registration")["name"] == cell


@pytest.mark.parametrize(
    ("gender", "code"), [("male", "1"), ("female", "2"), ("other", "9"), ("unknown", "0"), (None, "9")]
)
def test_administrative_gender_becomes_gb_t_2261_1(gender, code):
    assert cells(patient(gender=gender), "patient-registration")["sex"] == code


DOCUMENTS = [
    ({"system": "urn:oid:2.16.156.10011.1.3", "value": "11010519491231002X"}, "01"),
    ({"type": {"coding": [{"code": "NNCHN"}]}, "value": "11010519491231002X"}, "01"),
    ({"type": {"coding": [{"code": "PPN"}]}, "value": "E12345678"}, "03"),
]


@pytest.mark.parametrize(("identifier", "kind"), DOCUMENTS)
def test_an_identity_document_is_known_by_its_oid_or_type(identifier, kind):
    row = cells(patient(identifier=[{"value": "mrn"}, identifier]), "patient-registration")
    assert (row["document_type"], row["document_number"]) == (kind, identifier["value"])


def test_a_number_of_the_hospital_is_no_identity_document():
    row = cells(patient(identifier=[{"type": {"coding": [{"code": "MR"}]}, "value": "12345"}]), "patient-registration")
    assert "document_number" not in row


def test_a_registration_without_a_date_is_dated_by_its_receipt():
    assert cells(patient(), "patient-registration")["registered_at"] == NOW.isoformat()


def test_the_mother_is_the_contact_whose_relationship_says_so():
    related = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "MTH"}]}]
    contacts = [{"name": {"text": "岩温"}}, {"relationship": related, "name": {"text": "玉香"}}]
    row = cells(patient(contact=contacts), "patient-registration")
    assert (row["contact_name"], row["mother_name"]) == ("岩温", "玉香")
    assert cells(patient(contact=contacts[:1]), "patient-registration").get("mother_name") is None


def test_a_document_says_who_issued_it_until_when_and_an_insurance_number_is_that_of_a_member():
    card = {
        "type": {"coding": [{"code": "NNCHN"}]},
        "value": "11010519491231002X",
        "assigner": {"display": "凤庆县公安局"},
    }
    member = {"type": {"coding": [{"code": "MB"}]}, "value": "5309", "period": {"end": "2030-01-01"}}
    row = cells(patient(identifier=[member, card | {"period": {"end": "2046-05-01"}}]), "patient-registration")
    assert (row["document_issuer"], row["document_valid_until"], row["insurance_number"]) == (
        "凤庆县公安局",
        "2046-05-01",
        "5309",
    )
    vague = cells(patient(identifier=[card | {"period": {"end": "2046-05"}}, member]), "patient-registration")
    assert "document_valid_until" not in vague


def test_an_animal_is_no_resident():
    animal = [{"url": "http://hl7.org/fhir/StructureDefinition/patient-animal"}]
    assert errors(patient(extension=animal)) == [("该患者是动物，不登记为居民", "Patient.extension")]


# -- visits and stays ------------------------------------------------------------------------------------------------

CLASSES = [
    ("AMB", "outpatient-encounter", "1"),
    ("EMER", "outpatient-encounter", "2"),
    ("HH", "outpatient-encounter", "9"),
    ("IMP", "inpatient-stay", None),
    ("ACUTE", "inpatient-stay", None),
]


@pytest.mark.parametrize(("code", "data_set", "kind"), CLASSES)
def test_the_class_of_an_encounter_decides_what_it_is(code, data_set, kind):
    assert cells(encounter(code), data_set).get("kind") == kind


def test_a_planned_encounter_has_not_happened():
    assert errors(encounter("AMB", status="planned")) == [("就诊尚未开始（planned），开始后再报送", "Encounter.status")]


def test_what_happens_in_an_encounter_names_its_kind():
    row = cells(condition(encounter={"reference": "Encounter/e1"}), "diagnosis", kinds={"Encounter/e1": "3"})
    assert (row["encounter"], row["encounter_kind"]) == ("Encounter/e1", "3")


# -- terminology -----------------------------------------------------------------------------------------------------

CODES = [
    ("http://hl7.org/fhir/sid/icd-10|I10", "I10"),
    ("urn:oid:2.16.156.10011.2.3.3.11|I10.x00", "I10.x00"),
    ("http://hl7.org/fhir/sid/icd-10-cm|I10", None),
    ("http://snomed.info/sct|59621000", None),
]


@pytest.mark.parametrize(("coding", "code"), CODES)
def test_only_codes_of_the_national_vocabulary_are_taken(coding, code):
    resource = condition(code=text("高血压", coding))
    row = cells(resource, "diagnosis")
    assert (row.get("code"), row["code_name"]) == (code, "高血压")
    uncoded = "“疾病诊断编码”未对码：只有名称，没有标准代码"
    assert (("warning", uncoded, "Condition.code") in told(resource)) == (code is None)


def test_a_laboratory_item_keeps_its_loinc_code():
    assert cells(laboratory(valueQuantity=quantity(120, "g/L")), "lab-result")["item"] == "718-7"


# -- observations ----------------------------------------------------------------------------------------------------

VITALS = [
    ("8310-5", 36.5, "Cel", "temperature", "36.5"),
    ("8310-5", 98.6, "[degF]", "temperature", "37"),
    ("8867-4", 72, "/min", "heart_rate", "72"),
    ("9279-1", 18, "/min", "respiration", "18"),
    ("59408-5", 97, "%", "oxygen", "97"),
    ("8302-2", 1.7, "m", "height", "170"),
    ("8302-2", 66.9, "[in_i]", "height", "169.926"),
    ("29463-7", 185, "[lb_av]", "weight", "83.9146"),
    ("29463-7", 3200, "g", "weight", "3.2"),
    ("39156-5", 22.5, "kg/m2", "bmi", "22.5"),
]


@pytest.mark.parametrize(("code", "value", "unit", "column", "cell"), VITALS)
def test_vital_signs_are_converted_to_our_units(code, value, unit, column, cell):
    assert cells(vital(code, value, unit), "vital-signs")[column] == cell


def test_a_blood_pressure_panel_is_one_row():
    parts = [("8480-6", 128), ("8462-4", 82)]
    panel = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": quantity(value, "mm[Hg]"),
        }
        for code, value in parts
    ]
    resource = observation("85354-9", category=category("vital-signs"), effectiveDateTime=DAY, component=panel)
    row = cells(resource, "vital-signs")
    assert (row["systolic"], row["diastolic"], row["measured"]) == ("128", "82", DAY)
    assert "other_item" not in row


def test_what_has_no_column_is_kept_in_words():
    apgar = observation(
        "9271-8", category=category("survey"), effectiveDateTime=DAY, valueQuantity=quantity(10, "{score}")
    )
    row = cells(apgar, "vital-signs")
    assert (row["other_item"], row["other_result"]) == ("9271-8", "10 {score}")


def test_a_unit_without_a_way_to_ours_is_kept_in_words():
    row = cells(vital("29463-7", 12, "[stone_av]"), "vital-signs")
    assert "weight" not in row
    assert row["other_result"] == "12 [stone_av]"


RESULTS = [
    ({"valueQuantity": quantity(6.30, "mmol/L")}, {"quantity": "6.3", "quantity_unit": "mmol/L"}),
    ({"valueQuantity": {**quantity(0.5, "mg/L"), "comparator": "<"}}, {"text": "<0.5 mg/L"}),
    ({"valueString": "阴性"}, {"text": "阴性"}),
    ({"valueCodeableConcept": text("A 型")}, {"text": "A 型"}),
    ({"valueBoolean": True}, {"text": "是"}),
    ({"valueInteger": 3}, {"text": "3"}),
    ({"valueRange": {"low": quantity(1, "g"), "high": quantity(2, "g")}}, {"text": "1 g–2 g"}),
]


@pytest.mark.parametrize(("value", "expected"), RESULTS)
def test_a_laboratory_value_is_a_number_or_words(value, expected):
    row = cells(laboratory(**value), "lab-result")
    assert {name: row.get(name) for name in ("quantity", "quantity_unit", "text") if row.get(name)} == expected


def test_decimals_keep_the_digits_they_were_sent_with():
    body = json.dumps(laboratory(valueQuantity=quantity(1, "g/L"))).replace('"value": 1', '"value": 6.300')
    resource = read_resource(body.encode())
    (row,) = (
        row
        for row in rows_of(resource, Among([(None, "Observation/o1", resource)], received_at=NOW)).rows
        if row.data_set.word == "lab-result"
    )
    assert row.cells["quantity"] == "6.300"


def test_an_analyte_sent_alone_is_a_report_of_one():
    resource = laboratory(valueQuantity=quantity(120, "g/L"))
    assert cells(resource, "lab-report")["source_key"] == "Observation/o1"
    assert cells(resource, "lab-result")["report"] == "Observation/o1"


def test_an_analyte_belongs_to_the_report_that_lists_it_and_takes_its_dates_and_patient():
    analyte = observation("718-7", valueQuantity=quantity(120, "g/L"))
    del analyte["subject"]
    listing = report(category=category("HM"), result=[{"reference": "Observation/o1"}], effectiveDateTime=DAY)
    row = cells(analyte, "lab-result", listing)
    assert (row["report"], row["reported"], row["patient_number"]) == ("DiagnosticReport/d1", listing["issued"], "p1")
    assert [row.data_set.word for row in mapped(analyte, listing).rows] == ["lab-result"]


def test_components_of_a_laboratory_observation_are_rows_of_their_own():
    parts = [{"code": text(name), "valueQuantity": quantity(1, "g/L")} for name in ("甲", "乙")]
    found = mapped(laboratory(component=parts)).rows
    keys = [(row.cells["source_key"], row.cells["item_name"]) for row in found if row.data_set.word == "lab-result"]
    assert keys == [("Observation/o1#1", "甲"), ("Observation/o1#2", "乙")]


WITHOUT_CATEGORY = [
    ({"specimen": {"display": "血清"}}, "lab-result"),
    ({"code": text("葡萄糖", "http://loinc.org|14749-6")}, "lab-result"),
    ({"referenceRange": [{"low": quantity(3, "mmol/L")}]}, "lab-result"),
    ({"code": text("体温", "http://loinc.org|8310-5"), "valueQuantity": quantity(37, "Cel")}, "vital-signs"),
]


@pytest.mark.parametrize(("elements", "data_set"), WITHOUT_CATEGORY)
def test_an_observation_without_category_is_told_by_what_else_it_says(elements, data_set):
    given = {"issued": "2026-03-02T08:00:00+08:00", "effectiveDateTime": DAY, "valueQuantity": quantity(5, "mmol/L")}
    assert data_set in {row.data_set.word for row in mapped(observation("x", **(given | elements))).rows}


def test_an_observation_that_may_be_anything_is_refused():
    (message, path), *_ = errors(observation("9269-2", effectiveDateTime=DAY, valueQuantity=quantity(13, "{score}")))
    assert message.startswith("缺少 category")
    assert path == "Observation.category"


def test_an_observation_without_a_result_is_refused():
    missing = [("没有结果：value 与 component 都没有值", "Observation.value")]
    assert errors(observation("8867-4", category=category("vital-signs"), effectiveDateTime=DAY)) == missing
    assert errors(laboratory(dataAbsentReason=text("标本溶血"))) == missing


# -- reports ---------------------------------------------------------------------------------------------------------

SECTIONS = [("LAB", "lab-report"), ("HM", "lab-report"), ("MB", "lab-report"), ("RAD", "exam-report")]


@pytest.mark.parametrize(("section", "data_set"), SECTIONS)
def test_the_section_tells_a_laboratory_report_from_an_examination(section, data_set):
    assert [row.data_set.word for row in mapped(report(category=category(section))).rows] == [data_set]


@pytest.mark.parametrize(("section", "modality"), [("CT", "CT"), ("NMR", "MR"), ("RUS", "US"), ("RAD", "OT")])
def test_the_section_tells_the_kind_of_an_examination(section, modality):
    assert cells(report(category=category(section)), "exam-report")["modality"] == modality


def test_contained_results_are_results_of_the_report():
    inner = {**laboratory(valueQuantity=quantity(120, "g/L")), "id": "r1"}
    resource = report(category=category("LAB"), contained=[inner], result=[{"reference": "#r1"}])
    row = cells(resource, "lab-result")
    assert (row["source_key"], row["report"]) == ("DiagnosticReport/d1#r1", "DiagnosticReport/d1")


# -- drugs -----------------------------------------------------------------------------------------------------------

TIMINGS = [
    ({"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}, "09"),
    ({"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}, "01"),
    ({"repeat": {"frequency": 1, "period": 8, "periodUnit": "h"}}, "08"),
    ({"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}}, "99"),
    ({"repeat": {"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}}, "99"),
    ({"repeat": {"when": ["HS"]}}, "03"),
    ({"repeat": {"count": 1}}, "13"),
    ({"code": {"coding": [{"code": "BID"}]}}, "01"),
    (None, None),
]


@pytest.mark.parametrize(("timing", "code"), TIMINGS)
def test_a_timing_becomes_a_frequency(timing, code):
    row = cells(medication(dosageInstruction=[{"timing": timing}]), "prescription-item")
    assert row.get("frequency") == code


def test_a_prescription_has_its_item():
    resource = medication(
        dosageInstruction=[
            {
                "text": "每日一次",
                "route": text("口服", "http://snomed.info/sct|26643006"),
                "doseAndRate": [{"doseQuantity": {"value": 5, "unit": "mg"}}],
            }
        ],
        dispenseRequest={"expectedSupplyDuration": quantity(2, "wk"), "quantity": {"value": 28, "unit": "片"}},
    )
    item = cells(resource, "prescription-item")
    taken = ("prescription", "drug", "drug_name", "dose", "dose_unit", "route", "usage", "days", "quantity")
    assert [item.get(name) for name in taken] == [
        "MedicationRequest/m1",
        "C08CA01",
        "氨氯地平片",
        "5",
        "mg",
        "1",
        "每日一次",
        "14",
        "28",
    ]
    assert cells(resource, "prescription")["source_key"] == item["source_key"]


def test_a_drug_that_is_made_up_is_named_by_its_ingredients():
    mixture = {
        "resourceType": "Medication",
        "id": "mix",
        "ingredient": [{"itemCodeableConcept": text("水杨酸")}, {"itemCodeableConcept": text("凡士林")}],
    }
    resource = medication(contained=[mixture], medicationReference={"reference": "#mix"})
    del resource["medicationCodeableConcept"]
    assert cells(resource, "prescription-item")["drug_name"] == "水杨酸 + 凡士林"


@pytest.mark.parametrize("intent", ["proposal", "plan"])
def test_a_proposal_is_no_prescription(intent):
    assert errors(medication(intent=intent)) == [
        ("intent 为建议或计划，不是处方，请在开立后报送", "MedicationRequest.intent")
    ]


# -- the rest --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "resource",
    [
        condition(verificationStatus={"coding": [{"code": "entered-in-error"}]}),
        condition(verificationStatus={"coding": [{"code": "refuted"}]}),
        medication(status="cancelled"),
        encounter("AMB", status="cancelled"),
        laboratory(status="entered-in-error", valueString="阴性"),
    ],
)
def test_what_does_not_hold_voids_its_rows(resource):
    found = mapped(resource)
    assert found.voids
    assert {row.cells["voided"] for row in found.rows} == {"T"}


def test_no_known_allergy_is_no_allergy():
    resource = {
        "resourceType": "AllergyIntolerance",
        "id": "a1",
        "patient": P1,
        "recordedDate": DAY,
        "code": text("NKA", "http://snomed.info/sct|716186003"),
    }
    assert errors(resource) == [("“无已知过敏”不是一条过敏记录，请在就诊的过敏史标志中报送", "AllergyIntolerance.code")]


def test_a_dose_in_milligrams_is_no_volume_and_said_so():
    resource = {
        "resourceType": "Immunization",
        "id": "i1",
        "status": "completed",
        "patient": P1,
        "occurrenceDateTime": DAY,
        "vaccineCode": text("乙肝疫苗"),
        "doseQuantity": quantity(5, "mg"),
    }
    assert "amount" not in cells(resource, "vaccination")
    assert ("warning", "计量单位无法换算为 mL，未采用", "Immunization.doseQuantity") in told(resource)


def test_a_name_comes_from_the_reference_or_from_who_came_along():
    doctor = {"resourceType": "Practitioner", "id": "d9", "name": [{"text": "赵医生"}]}
    shown = condition(recorder={"reference": "Practitioner/d9", "display": "赵"})
    assert cells(shown, "diagnosis")["doctor"] == "赵"
    assert cells(shown, "diagnosis", doctor)["doctor"] == "赵医生"
    assert "doctor" not in cells(condition(recorder={"reference": "Practitioner/d9"}), "diagnosis")


def test_a_slip_with_a_code_is_answered_with_the_code_that_was_meant() -> None:
    (message,) = [
        message for message, path in errors(condition(code=text("高血压", "http://hl7.org/fhir/sid/icd-10|i10")))
    ]
    assert message.endswith("；“i10”字母应大写，应为“I10”（特发性（原发性）高血压）")
