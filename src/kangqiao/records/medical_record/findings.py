"""What was measured, seen and found: laboratory, examinations, vital signs, allergies."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards import fhir as r4
from kangqiao.standards.conditions import Rule, every, missing, not_before, not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Date, Flag, Link, Moment, Quantity, Text
from kangqiao.standards.panels import curve, table
from kangqiao.standards.quality import livable, once

LABORATORY_SECTIONS = ("LAB", "laboratory", "BG", "BLB", "CG", "CH", "HM", "IMM", "MB", "MCB", "MYC", "SR", "TX", "VR")
"""Sections of HL7 table 0074 that are laboratories, and the observation category."""

LABORATORY_REPORT = r4.either(
    r4.among("category", *LABORATORY_SECTIONS), r4.every(r4.no(r4.present("category")), r4.present("specimen"))
)
SCORE = r4.among("valueQuantity", "{score}")
LABORATORY = r4.remembered(
    r4.either(
        r4.among("category", "laboratory"),
        r4.every(
            r4.no(r4.present("category")),
            r4.either(
                r4.listed(LABORATORY_REPORT),
                r4.present("specimen"),
                r4.in_value_set("code", "lab-item"),
                r4.every(r4.present("referenceRange"), r4.present("valueQuantity"), r4.no(SCORE)),
            ),
        ),
    )
)
"""An Observation is laboratory work when it says so. Where it says nothing, its report tells, its specimen, its code,
or a measured quantity that is held against a reference range."""

SAMPLED = r4.moment("effectiveDateTime", "effectiveInstant", "effectivePeriod.start", "^effectiveDateTime")
REPORTED = r4.moment(
    "issued", "^issued", instead=("effectiveDateTime", "effectiveInstant", "effectivePeriod.end", "^effectiveDateTime")
)
ABNORMAL = {code: code for code in ("N", "H", "L", "HH", "LL", "A", "AA")}
CRITICAL = {"HH": "T", "LL": "T", "AA": "T"}

NO_RESULT = r4.refuse_when(r4.no(r4.remembered(r4.has_result)), "value", "没有结果：value 与 component 都没有值")

MODALITIES = {
    **{"CT": "CT", "NMR": "MR", "RX": "DR", "RUS": "US", "OUS": "US", "VUS": "US", "CUS": "US", "EC": "ECG"},
    **{"EN": "EEG", "PF": "LF", "NMS": "NM", "PAT": "PA", "SP": "PA", "CP": "PA"},
}
"""Sections of HL7 table 0074 that tell the kind of an examination."""

VITALS = {
    "temperature": ("Cel", ("8310-5", "8331-1")),
    "pulse": ("/min", ("8893-0", "8889-8")),
    "heart_rate": ("/min", ("8867-4",)),
    "respiration": ("/min", ("9279-1",)),
    "systolic": ("mm[Hg]", ("8480-6",)),
    "diastolic": ("mm[Hg]", ("8462-4",)),
    "oxygen": ("%", ("2708-6", "59408-5")),
    "height": ("cm", ("8302-2", "8306-3")),
    "weight": ("kg", ("29463-7", "3141-9")),
    "bmi": ("kg/m2", ("39156-5",)),
    "head": ("cm", ("9843-4",)),
    "waist": ("cm", ("8280-0", "56086-2")),
    "glucose": ("mmol/L", ("14743-9",)),
}
"""Column → (our unit as UCUM writes it, LOINC codes of what it holds)."""

VITAL_CODES = ("85354-9", *(code for _, codes in VITALS.values() for code in codes))

NO_KNOWN_ALLERGY = ("716186003", "409137002", "716184000", "429625007", "428607008", "428197003")
"""SNOMED CT codes by which FHIR says that no allergy is known."""


class LabReport(EncounterRecord):
    """检验报告: one laboratory report; its values are lab results."""

    title = "检验报告"
    source = "WS 445-2014 检验记录"

    number = Text("检验报告单编号", "DE01.00.018.00", max_length=64)
    application = Text("电子申请单编号", "DE01.00.008.00", max_length=64)
    category = Text("检验类别", "DE04.30.018.00", max_length=100)
    subject = Text("检验项目组合名称", max_length=200, note="如 血常规、肝功能")
    applying_department = Text("检验申请科室", "DE08.10.026.00", max_length=50)
    applicant = Text("检验申请医师姓名", max_length=50)
    diagnosis = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10")
    specimen = Text("标本类别", "DE04.50.134.00", max_length=50)
    specimen_number = Text("检验标本号", "DE01.00.003.00", max_length=64)
    specimen_state = Text("标本状态", "DE04.50.135.00", max_length=50)
    sampled = Moment("标本采样日期时间", "DE04.50.137.00")
    delivered = Moment("接收标本日期时间", "DE04.50.141.00")
    tested = Moment("检验日期", "DE04.50.140.00")
    reported = Moment("检验报告日期", "DE04.50.133.00", required=True)
    conclusion = Text("检验报告结果", "DE04.50.130.00", max_length=2000)
    note = Text("检验报告备注", "DE06.00.179.00", max_length=500)
    laboratory = Text("检验报告机构名称", "DE08.10.013.00", max_length=70, note="外送检验时填写")
    technician = Text("检验技师签名", "DE02.01.039.00", max_length=50)
    reporter = Text("报告医师签名", "DE02.01.039.00", max_length=50)
    reviewer = Text("审核医师签名", "DE02.01.039.00", max_length=50)
    recognised = Flag("检查检验结果互认标志")

    occurred = at(reported)
    rules = [
        not_before(delivered, sampled),
        not_before(tested, sampled, severity="warning"),
        not_before(reported, sampled),
        Rule("no-subject", subject, every(missing(subject), missing(category)), "“检验项目组合名称”应填写", "warning"),
    ]
    stored = [once(subject, specimen, sampled)]
    steady = True
    headline = "{subject} {specimen} {conclusion}"
    panel = table(reported, subject, specimen, applying_department, reviewer)
    fhir = (
        r4.resource(
            "DiagnosticReport",
            when=LABORATORY_REPORT,
            voided=r4.among("status", "cancelled"),
            adopts="result",
            number=r4.identifier(),
            category=r4.wording("category"),
            subject=r4.wording("code"),
            specimen=r4.wording("specimen"),
            sampled=r4.moment("effectiveDateTime", "effectivePeriod.start"),
            reported=r4.moment("issued", instead=("effectiveDateTime", "effectivePeriod.end")),
            conclusion=r4.joined("conclusion", "conclusionCode"),
            laboratory=r4.organization("performer"),
            reporter=r4.person("resultsInterpreter", "performer"),
            encounter=r4.encounter("encounter"),
        ),
        # An analyte sent without its report is a report of one; a panel is a report of its members.
        r4.resource(
            "Observation",
            when=r4.every(LABORATORY, r4.either(r4.no(r4.listed()), r4.present("hasMember"))),
            voided=r4.among("status", "cancelled"),
            adopts="hasMember",
            number=r4.identifier(),
            subject=r4.wording("code"),
            specimen=r4.wording("specimen"),
            sampled=SAMPLED,
            reported=REPORTED,
            laboratory=r4.organization("performer"),
            reporter=r4.person("performer"),
            note=r4.joined("note"),
            encounter=r4.encounter("encounter"),
        ),
    )

    class Meta(Record.Meta):
        verbose_name = "检验报告"


class LabResult(Record):
    """检验结果: one analyte of a laboratory report, or one antibiotic of a susceptibility test."""

    title = "检验结果"
    source = "WS 445-2014 检验记录"

    report = Link("检验报告业务主键", to=LabReport, part_of=True, required=True)
    item = Coded("检验项目代码", "DE04.30.019.00", values="lab-item", named=True, required=True)
    method = Text("检验方法名称", "DE02.10.027.00", max_length=100)
    quantity = Quantity("检验定量结果", "DE04.30.015.00")
    text = Text("检验结果描述", max_length=2000, note="定性、半定量或文字结果，如 阳性(+)、<0.5")
    finding = Coded(
        "检验结果代码",
        "DE04.30.017.00",
        values="DE04.30.017.00",
        required=every(missing(quantity), missing(text)),
    )
    low = Quantity("参考值下限", unit="")
    high = Quantity("参考值上限", unit="")
    reference = Text("参考范围描述", max_length=200)
    abnormal = Coded("异常提示代码", values="KQ.abnormal")
    critical = Flag("危急值标志")
    susceptibility = Coded("药敏试验结果代码", values="CV04.50.013")
    sampled = Moment("标本采样日期时间", "DE04.50.137.00")
    reported = Moment("检验报告日期", "DE04.50.133.00", required=True)

    occurred = at(reported)
    rules = [not_before(reported, sampled), not_less(high, low)]
    stored = [livable(quantity, item=item), once(report, item, quantity, text)]
    headline = "{item_name} {quantity} {quantity_unit} {text} {abnormal}"
    panel = curve(quantity, over=reported, group=item, low=low, high=high)
    fhir = (
        r4.resource(
            "Observation",
            when=r4.every(
                LABORATORY, r4.either(r4.has_value, r4.no(r4.either(r4.has_result, r4.present("hasMember"))))
            ),
            refused=(NO_RESULT,),
            voided=r4.among("status", "cancelled"),
            report=r4.report_key(),
            item=r4.concept("code", systems=r4.LOINC),
            method=r4.wording("method"),
            quantity=r4.measure("valueQuantity"),
            text=r4.value(),
            low=r4.text("referenceRange.low.value"),
            high=r4.text("referenceRange.high.value"),
            reference=r4.joined("referenceRange.text"),
            abnormal=r4.coded("interpretation", to=ABNORMAL),
            critical=r4.coded("interpretation", to=CRITICAL),
            susceptibility=r4.coded("interpretation", to={"R": "1", "S": "2"}),
            sampled=SAMPLED,
            reported=REPORTED,
        ),
        r4.resource(
            "Observation",
            when=r4.every(LABORATORY, r4.present("component")),
            each="component",
            voided=r4.among("status", "cancelled"),
            report=r4.report_key(),
            item=r4.concept(".code", systems=r4.LOINC),
            quantity=r4.measure(".valueQuantity"),
            text=r4.value(relative=True),
            low=r4.text(".referenceRange.low.value"),
            high=r4.text(".referenceRange.high.value"),
            reference=r4.joined(".referenceRange.text"),
            abnormal=r4.coded(".interpretation", to=ABNORMAL),
            critical=r4.coded(".interpretation", to=CRITICAL),
            sampled=SAMPLED,
            reported=REPORTED,
        ),
    )

    class Meta(Record.Meta):
        verbose_name = "检验结果"


class ExamReport(EncounterRecord):
    """检查报告: one report of imaging, ultrasound, electrocardiography, endoscopy or pathology."""

    title = "检查报告"
    source = "WS 445-2014 检查记录"

    number = Text("检查报告单编号", "DE01.00.018.00", max_length=64)
    application = Text("电子申请单编号", "DE01.00.008.00", max_length=64)
    modality = Coded("检查类别代码", values="KQ.modality")
    category = Text("检查类别", "DE04.30.018.00", max_length=100)
    item = Coded("检查项目代码", "DE04.30.019.00", values="exam-item", named=True, required=True)
    site = Text("检查部位名称", max_length=100)
    method = Text("检查方法名称", "DE02.10.027.00", max_length=100)
    applying_department = Text("检查申请科室", "DE08.10.026.00", max_length=50)
    applicant = Text("检查申请医师姓名", max_length=50)
    diagnosis = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10")
    symptoms = Text("症状描述", "DE04.01.117.00", max_length=1000)
    examined = Moment("检查日期", "DE04.50.140.00")
    reported = Moment("检查报告日期", "DE04.50.133.00", required=True)
    finding = Coded("检查结果代码", "DE04.30.017.00", values="DE04.30.017.00")
    seen = Text("检查报告结果-客观所见", "DE04.50.131.00", max_length=8000)
    impression = Text("检查报告结果-主观提示", "DE04.50.132.00", max_length=4000)
    note = Text("检查报告备注", "DE06.00.179.00", max_length=500)
    study = Text("影像检查实例号", max_length=64, note="DICOM Study Instance UID")
    place = Text("检查报告机构名称", "DE08.10.013.00", max_length=70, note="外送检查或远程诊断时填写")
    examiner = Text("检查医师签名", "DE02.01.039.00", max_length=50)
    reporter = Text("报告医师签名", "DE02.01.039.00", max_length=50)
    reviewer = Text("审核医师签名", "DE02.01.039.00", max_length=50)
    critical = Flag("危急值标志")
    recognised = Flag("检查检验结果互认标志")

    occurred = at(reported)
    rules = [
        not_before(reported, examined),
        Rule(
            "no-result",
            impression,
            every(missing(seen), missing(impression)),
            "“客观所见”与“主观提示”至少应填写一项",
            severity="warning",
        ),
    ]
    steady = True
    headline = "{item_name} {impression}"
    panel = table(reported, modality, item, impression, reviewer)
    fhir = r4.resource(
        "DiagnosticReport",
        when=r4.no(LABORATORY_REPORT),
        voided=r4.among("status", "cancelled"),
        number=r4.identifier(),
        modality=r4.coded("category", to=MODALITIES, otherwise="OT"),
        category=r4.wording("category"),
        item=r4.concept("code"),
        examined=r4.moment("effectiveDateTime", "effectivePeriod.start"),
        reported=r4.moment("issued", instead=("effectiveDateTime", "effectivePeriod.end")),
        impression=r4.joined("conclusion", "conclusionCode"),
        place=r4.organization("performer"),
        reporter=r4.person("resultsInterpreter", "performer"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "检查报告"


class VitalSigns(EncounterRecord):
    """体征: what was measured at a person's body at one time."""

    title = "体征"
    source = "WS 445-2014 生命体征测量记录"

    measured = Moment("记录日期时间", "DE09.00.053.00", required=True)
    temperature = Quantity("体温（℃）", "DE04.10.186.00", unit="℃", plausible=(25, 45))
    pulse = Quantity("脉率（次/min）", "DE04.10.118.00", unit="次/min", plausible=(20, 300))
    heart_rate = Quantity("心率（次/min）", "DE04.10.206.00", unit="次/min", plausible=(20, 300))
    respiration = Quantity("呼吸频率（次/min）", "DE04.10.081.00", unit="次/min", plausible=(4, 100))
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(40, 300))
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(20, 200))
    oxygen = Quantity("血氧饱和度（%）", "DE04.50.149.00", unit="%", plausible=(30, 100))
    height = Quantity("身高（cm）", "DE04.10.167.00", unit="cm", plausible=(20, 250))
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(0.3, 400))
    bmi = Quantity("体质指数（kg/m²）", unit="kg/m²", plausible=(8, 100))
    head = Quantity("头围（cm）", unit="cm", plausible=(20, 70))
    waist = Quantity("腰围（cm）", unit="cm", plausible=(30, 220))
    abdomen = Quantity("腹围（cm）", "DE04.10.052.00", unit="cm", plausible=(20, 250))
    glucose = Quantity("血糖检测值（mmol/L）", "DE04.50.102.00", unit="mmol/L", plausible=(0.5, 80))
    ventilated = Flag("使用呼吸机标志", "DE06.00.239.00")
    other_item = Text("护理观察项目名称", "DE02.10.031.00", max_length=100)
    other_result = Text("护理观察结果", "DE02.10.028.00", max_length=1000)
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    nurse = Text("护士签名", "DE02.01.039.00", max_length=50)

    occurred = at(measured)
    rules = [not_less(systolic, diastolic)]
    headline = "血压 {systolic}/{diastolic} 体温 {temperature} 脉率 {pulse} 体重 {weight}"
    panel = curve(systolic, diastolic, over=measured)
    fhir = r4.resource(
        "Observation",
        when=r4.no(LABORATORY),
        refused=(
            NO_RESULT,
            r4.refuse_when(
                r4.every(r4.no(r4.present("category")), r4.no(r4.among("code", *VITAL_CODES))),
                "category",
                "缺少 category，无法判断是检验（laboratory）、体征（vital-signs）还是其他观察，请补充后重报",
            ),
        ),
        voided=r4.among("status", "cancelled"),
        measured=r4.moment("effectiveDateTime", "effectiveInstant", "effectivePeriod.start", instead=("issued",)),
        **{column: r4.measured(*loinc, unit=unit) for column, (unit, loinc) in VITALS.items()},  # type: ignore[arg-type]
        other_item=r4.if_missing(VITALS, r4.wording("code")),
        other_result=r4.if_missing(VITALS, r4.result()),
        nurse=r4.person("performer"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "体征"


class Allergy(EncounterRecord):
    """过敏: something a person does not tolerate."""

    title = "过敏"
    source = "WS 445-2014 过敏史；WS 364.10-2011 过敏源代码表"

    category = Coded("过敏源类别代码", values="CV05.01.038")
    allergen = Coded("过敏源代码", values="allergen", named=True, required=True)
    reaction = Text("过敏反应描述", max_length=500)
    severity = Coded("过敏严重程度代码", values="KQ.severity")
    certainty = Coded("过敏确认状态代码", values="KQ.certainty")
    onset = Date("过敏发生日期")
    recorded = Moment("记录日期时间", "DE09.00.053.00", required=True)
    resolved = Date("过敏解除日期")
    note = Text("备注", "DE06.00.179.00", max_length=500)
    recorder = Text("记录者姓名", "DE02.01.039.00", max_length=50)

    occurred = at(recorded)
    rules = [not_before(recorded, onset), not_before(resolved, onset)]
    headline = "{allergen_name} {reaction} {severity}"
    panel = table(recorded, category, allergen, reaction, severity)
    fhir = r4.resource(
        "AllergyIntolerance",
        patient="patient",
        refused=(
            r4.refuse("code", *NO_KNOWN_ALLERGY, message="“无已知过敏”不是一条过敏记录，请在就诊的过敏史标志中报送"),
        ),
        category=r4.coded("category", to={"medication": "1", "food": "2", "environment": "3"}, otherwise="9"),
        allergen=r4.concept("code"),
        reaction=r4.joined("reaction.manifestation", "reaction.description"),
        severity=r4.coded("reaction.severity", to={"mild": "1", "moderate": "2", "severe": "3"}),
        certainty=r4.coded(
            "verificationStatus", to={"confirmed": "1", "unconfirmed": "2", "presumed": "2", "refuted": "3"}
        ),
        onset=r4.day("onsetDateTime", "onsetPeriod.start"),
        recorded=r4.moment("recordedDate", instead=("onsetDateTime",)),
        note=r4.joined("note"),
        recorder=r4.person("recorder", "asserter"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "过敏"
