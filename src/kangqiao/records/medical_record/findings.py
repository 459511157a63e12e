"""What was measured, seen and found: laboratory, examinations, vital signs, allergies."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import Rule, every, missing, not_before, not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Date, Flag, Link, Moment, Quantity, Text
from kangqiao.standards.panels import curve, table


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
    headline = "{subject} {specimen} {conclusion}"
    panel = table(reported, subject, specimen, applying_department, reviewer)

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
    headline = "{item_name} {quantity} {quantity_unit} {text} {abnormal}"
    panel = curve(quantity, over=reported, group=item, low=low, high=high)

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
    headline = "{item_name} {impression}"
    panel = table(reported, modality, item, impression, reviewer)

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

    class Meta(Record.Meta):
        verbose_name = "过敏"
