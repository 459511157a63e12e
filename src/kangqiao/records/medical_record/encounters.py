"""Visits and stays, and the diagnoses made in them."""

from kangqiao.standards import fhir as r4
from kangqiao.standards.conditions import Rule, among, every, missing, not_before, not_less, present, yes
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Flag, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table
from kangqiao.standards.quality import fits_age, fits_sex, leads_to, named_right, needs, once

INPATIENT = ("IMP", "ACUTE", "NONAC", "SS")
"""Classes of FHIR encounters (v3-ActCode) that are stays."""

NOT_BEGUN = (r4.refuse("status", "planned", message="就诊尚未开始（planned），开始后再报送"),)


class EncounterRecord(Record):
    """Something done for a patient during a visit or a stay, named by that row's source key."""

    encounter = Text("所属就诊业务主键", max_length=64, note="门急诊就诊或住院记录的业务主键")
    encounter_kind = Coded(
        "患者类型代码",
        "DE02.01.060.00",
        values="CV09.00.404",
        required=present(encounter),
        note="1 门诊、2 急诊时“所属就诊”指门急诊就诊，3 住院时指住院",
    )

    stored = [
        leads_to(
            encounter,
            "outpatient-encounter",
            "inpatient-stay",
            message="“所属就诊业务主键”应指向已报送的门急诊就诊或住院",
        )
    ]

    class Meta(Record.Meta):
        abstract = True


class OutpatientEncounter(Record):
    """门急诊就诊: one visit to an outpatient or emergency department."""

    title = "门急诊就诊"
    source = "WS 445-2014 门急诊病历"

    number = Text("门（急）诊号", "DE01.00.010.00", max_length=32)
    kind = Coded("患者类型代码", "DE02.01.060.00", values="CV09.00.404", required=True)
    visited = Moment("就诊日期时间", "DE06.00.062.00", required=True)
    ended = Moment("离院日期时间", note="急诊留观、抢救者必报")
    department_code = Text("科室代码", max_length=32, note="本机构科室代码")
    department = Text("科室名称", "DE08.10.026.00", max_length=50, expected=True)
    first_visit = Coded("初诊标志代码", "DE06.00.196.00", values="DE06.00.196.00")
    chief_complaint = Text("主诉", "DE04.01.119.00", max_length=1000, expected=True)
    present_illness = Text("现病史", "DE02.10.071.00", max_length=4000)
    past_history = Text("既往史", "DE02.10.099.00", max_length=2000)
    has_allergy = Flag("过敏史标志", "DE02.10.023.00")
    allergy_history = Text("过敏史", "DE02.10.022.00", max_length=1000, required=yes(has_allergy))
    physical_findings = Text("体格检查", "DE04.10.258.00", max_length=2000)
    auxiliary_results = Text("辅助检查结果", "DE04.30.009.00", max_length=2000)
    tcm_observation = Text("中医“四诊”观察结果", "DE02.10.028.00", max_length=1000)
    tcm_treatment = Text("治则治法", "DE06.00.300.00", max_length=200)
    advice = Text("处理意见", max_length=2000)
    doctor_number = Text("医师工号", max_length=32)
    doctor = Text("医师签名", "DE02.01.039.00", max_length=50)
    payment = Coded("医疗付费方式代码", "DE07.00.007.00", values="CV07.10.005")

    occurred = at(visited)
    rules = [not_before(ended, visited)]
    stored = [
        needs("diagnosis", by="encounter", message="每次门急诊就诊应有诊断"),
        once(visited, department, doctor, chief_complaint),
    ]
    steady = True
    headline = "{kind} {department} {chief_complaint}"
    panel = table(visited, kind, department, chief_complaint, doctor)
    fhir = r4.resource(
        "Encounter",
        when=r4.no(r4.among("class", *INPATIENT)),
        refused=NOT_BEGUN,
        voided=r4.among("status", "cancelled"),
        number=r4.identifier(),
        kind=r4.coded("class", to={"AMB": "1", "EMER": "2"}, otherwise="9"),
        visited=r4.moment("period.start"),
        ended=r4.moment("period.end"),
        department=r4.wording("serviceType"),
        chief_complaint=r4.joined("reasonCode"),
        doctor=r4.person("participant.individual"),
    )

    class Meta(Record.Meta):
        verbose_name = "门急诊就诊"


class InpatientStay(Record):
    """住院: one stay from admission to discharge; sent at admission and again as it changes."""

    title = "住院"
    source = "WS 445-2014 住院病案首页"

    number = Text("住院号", "DE01.00.014.00", max_length=32)
    record_number = Text("病案号", "DE01.00.004.00", max_length=32)
    times = Count("住院次数", "DE02.10.090.00", plausible=(1, 300))
    admitted = Moment("入院日期时间", "DE06.00.092.00", required=True)
    route = Coded("入院途径代码", "DE06.00.339.00", values="CV09.00.403")
    admission_department = Text("入院科别", "DE08.10.026.00", max_length=50)
    ward = Text("入院病房", "DE01.00.019.00", max_length=50)
    bed = Text("病床号", "DE01.00.026.00", max_length=20)
    discharged = Moment("出院日期时间", "DE06.00.017.00")
    discharge_department = Text("出院科别", "DE08.10.026.00", max_length=50)
    days = Count("实际住院天数", "DE06.00.310.00", unit="天", plausible=(0, 1000))
    leaving = Coded("离院方式代码", "DE06.00.223.00", values="CV06.00.226")
    receiver = Text("拟接收医疗机构名称", "DE08.10.013.00", max_length=70, required=among(leaving, "2", "3"))
    outcome = Coded("治疗结果代码", "DE05.10.113.00", values="CV05.10.010")
    readmission_planned = Flag("出院31d内再住院标志", "DE06.00.194.00")
    readmission_purpose = Text("出院31d内再住院目的", "DE06.00.195.00", required=yes(readmission_planned))
    has_drug_allergy = Flag("药物过敏标志", "DE02.10.023.00")
    drug_allergies = Text("过敏药物", "DE02.10.022.00", max_length=1000, required=yes(has_drug_allergy))
    newborn_weight = Quantity("新生儿入院体重（g）", "DE04.10.019.00", unit="g", plausible=(300, 9000))
    autopsy = Flag("死亡患者尸检标志", "DE09.00.108.00")
    chief_complaint = Text("主诉", "DE04.01.119.00", max_length=1000)
    course = Text("诊疗过程描述", "DE06.00.296.00", max_length=4000)
    attending_doctor = Text("主治医师签名", "DE02.01.039.00", max_length=50)
    resident_doctor = Text("住院医师签名", "DE02.01.039.00", max_length=50)
    responsible_nurse = Text("责任护士签名", "DE02.01.039.00", max_length=50)
    coder = Text("编码员签名", "DE02.01.039.00", max_length=50)
    payment = Coded("医疗付费方式代码", "DE07.00.007.00", values="CV07.10.005")
    total_cost = Money("住院总费用", "DE07.00.010.00", plausible=(0, 5_000_000))
    self_paid = Money("住院总费用-自付金额", "DE07.00.001.00", plausible=(0, 5_000_000))

    occurred = at(admitted)
    rules = [
        not_before(discharged, admitted),
        not_less(total_cost, self_paid),
        Rule(
            "leaving-missing",
            leaving,
            every(present(discharged), missing(leaving)),
            "已出院的，“离院方式代码”应填写",
            severity="warning",
        ),
        Rule(
            "left-without-date",
            discharged,
            every(present(leaving), missing(discharged)),
            "填写了“离院方式代码”时，“出院日期时间”也应填写",
        ),
        Rule(
            "death-contradicted",
            outcome,
            every(among(leaving, "5"), present(outcome), among(outcome, "1", "2", "3", "4")),
            "“离院方式代码”为死亡时，“治疗结果代码”也应为死亡",
            severity="warning",
        ),
    ]
    stored = [
        needs("diagnosis", by="encounter", message="每次住院应有诊断"),
        once(admitted, admission_department),
    ]
    steady = True
    headline = "{admission_department} {admitted} 至 {discharged} {leaving}"
    panel = table(admitted, discharged, admission_department, days, leaving, total_cost)
    fhir = r4.resource(
        "Encounter",
        when=r4.among("class", *INPATIENT),
        refused=NOT_BEGUN,
        voided=r4.among("status", "cancelled"),
        number=r4.identifier(),
        admitted=r4.moment("period.start"),
        route=r4.coded("hospitalization.admitSource", to={"emd": "1", "outp": "2", "hosp-trans": "3"}, otherwise="9"),
        admission_department=r4.wording("serviceType"),
        discharged=r4.moment("period.end"),
        leaving=r4.coded(
            "hospitalization.dischargeDisposition",
            to={"home": "1", "alt-home": "1", "other-hcf": "2", "aadvice": "4", "exp": "5"},
            otherwise="9",
        ),
        chief_complaint=r4.joined("reasonCode"),
        attending_doctor=r4.person("participant.individual"),
    )

    class Meta(Record.Meta):
        verbose_name = "住院"


class Diagnosis(EncounterRecord):
    """诊断: one diagnosis of a visit or a stay."""

    title = "诊断"
    source = "WS 445-2014 门急诊病历、住院病案首页"

    role = Coded("诊断类别代码", values="KQ.diagnosis-role", required=True)
    sequence = Count("诊断序号", plausible=(1, 99))
    code = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10", named=True, required=True)
    tcm_disease = Coded("中医病名代码", "DE05.10.130.00", values="GBT15657", named=True)
    tcm_syndrome = Coded("中医证候代码", "DE05.10.130.00", values="GBT15657", named=True)
    diagnosed = Moment("诊断日期", "DE05.01.058.00", required=True)
    onset = Moment("发病日期时间", "DE04.01.018.00")
    suspected = Flag("疑似诊断标志")
    admission_condition = Coded("入院病情代码", "DE09.00.104.00", values="CV05.10.019")
    outcome = Coded("治疗结果代码", "DE05.10.113.00", values="CV05.10.010")
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    doctor = Text("医师签名", "DE02.01.039.00", max_length=50)

    occurred = at(diagnosed)
    rules = [not_before(diagnosed, onset)]
    stored = [fits_sex(code), fits_age(code), named_right(code), once(role, code, tcm_disease, department, doctor)]
    headline = "{role} {code_name} {code}"
    panel = table(diagnosed, role, code, outcome, department)
    fhir = r4.resource(
        "Condition",
        voided=r4.among("verificationStatus", "refuted"),
        role=r4.fixed("9"),
        code=r4.concept("code", systems=r4.ICD_10),
        diagnosed=r4.moment("recordedDate", instead=("onsetDateTime", "onsetPeriod.start")),
        onset=r4.moment("onsetDateTime", "onsetPeriod.start"),
        suspected=r4.coded(
            "verificationStatus", to={"unconfirmed": "T", "provisional": "T", "differential": "T", "confirmed": "F"}
        ),
        doctor=r4.person("asserter", "recorder"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "诊断"
