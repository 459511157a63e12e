"""Care of women before and after birth."""

from kangqiao.standards.conditions import Rule, among, at_least, either, every, missing, not_before, not_less, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Quantity, Text
from kangqiao.standards.panels import curve, table


class FirstAntenatalVisit(Record):
    """第1次产前检查: the visit at which a pregnancy is registered, before the 13th week if possible."""

    title = "第1次产前检查"
    source = "国家基本公共卫生服务规范（第三版，2017）第 1 次产前检查服务记录表"

    visited = Moment("填表日期", required=True)
    gestational_weeks = Quantity("孕周（周）", unit="周", plausible=(3, 42), required=True)
    gravidity = Count("孕次", unit="次", plausible=(1, 20), required=True)
    vaginal_births = Count("阴道分娩次数", unit="次", plausible=(0, 15))
    caesareans = Count("剖宫产次数", unit="次", plausible=(0, 8))
    last_menses = Date("末次月经日期")
    due = Date("预产期", required=True)
    husband_name = Text("丈夫姓名", max_length=50)
    husband_age = Count("丈夫年龄", unit="岁", plausible=(16, 90))
    past_illness = Codes("既往病史代码", values="GW2017.maternal-history")
    family_history = Codes("家族史代码", values="GW2017.maternal-family-history")
    habits = Codes("个人史代码", values="GW2017.maternal-habit")
    gynaecological_operation = Text("妇产科手术史", max_length=200)
    abortions = Count("自然流产次数", unit="次", plausible=(0, 15))
    induced_abortions = Count("人工流产次数", unit="次", plausible=(0, 15))
    stillbirths = Count("死胎次数", unit="次", plausible=(0, 10))
    neonatal_deaths = Count("新生儿死亡次数", unit="次", plausible=(0, 10))
    height = Quantity("身高（cm）", "DE04.10.167.00", unit="cm", plausible=(120, 200))
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(30, 160))
    bmi = Quantity("体质指数（kg/m²）", unit="kg/m²", plausible=(12, 60))
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(60, 240), required=True)
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(30, 150), required=True)
    heart = Coded("心脏听诊代码", values="GW2017.normal")
    lungs = Coded("肺部听诊代码", values="GW2017.normal")
    vulva = Coded("外阴检查结果代码", values="GW2017.normal")
    vagina = Coded("阴道检查结果代码", values="GW2017.normal")
    cervix = Coded("宫颈检查结果代码", values="GW2017.normal")
    uterus = Coded("子宫检查结果代码", values="GW2017.normal")
    adnexa = Coded("附件检查结果代码", values="GW2017.normal")
    haemoglobin = Quantity("血红蛋白值（g/L）", unit="g/L", plausible=(30, 220))
    leukocytes = Quantity("白细胞计数（×10⁹/L）", unit="10^9/L", plausible=(0.5, 100))
    platelets = Quantity("血小板计数（×10⁹/L）", unit="10^9/L", plausible=(5, 1500))
    urine_protein = Text("尿蛋白", max_length=20)
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020")
    glucose = Quantity("血糖（mmol/L）", unit="mmol/L", plausible=(1, 40))
    alt = Quantity("血清谷丙转氨酶（U/L）", unit="U/L", plausible=(0, 5000))
    creatinine = Quantity("血清肌酐（μmol/L）", unit="μmol/L", plausible=(5, 2000))
    hbsag = Coded("乙型肝炎表面抗原代码", values="GW2017.serology")
    syphilis = Coded("梅毒血清学试验代码", values="GW2017.serology")
    hiv = Coded("HIV抗体检测代码", values="GW2017.serology")
    ultrasound = Text("B超", max_length=500)
    evaluation = Coded("总体评估代码", values="GW2017.no-abnormality", required=True)
    abnormality = Text("总体评估异常描述", max_length=500, required=among(evaluation, "2"))
    guidance = Codes("保健指导代码", values="GW2017.antenatal-guidance")
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=present(referral_reason))
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [
        not_less(systolic, diastolic),
        not_before(due, last_menses),
        not_before(visited, last_menses),
        not_before(next_due, visited),
        Rule(
            "hypertension",
            abnormality,
            every(either(at_least(systolic, 140), at_least(diastolic, 90)), among(evaluation, "1")),
            "血压不低于 140/90 mmHg 时，“总体评估代码”不应为未见异常",
            severity="warning",
        ),
    ]
    headline = "孕 {gestational_weeks} 周 预产期 {due} 血压 {systolic}/{diastolic} {evaluation}"
    panel = table(visited, gestational_weeks, due, systolic, diastolic, evaluation)

    class Meta(Record.Meta):
        verbose_name = "第1次产前检查"


class AntenatalVisit(Record):
    """第2～5次产前随访: a later visit of the same pregnancy."""

    title = "第2～5次产前随访"
    source = "国家基本公共卫生服务规范（第三版，2017）第 2～5 次产前随访服务记录表"

    number = Count("随访次数", unit="次", plausible=(2, 20), required=True)
    visited = Moment("随访日期", required=True)
    gestational_weeks = Quantity("孕周（周）", unit="周", plausible=(12, 43), required=True)
    complaint = Text("主诉", max_length=200)
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(30, 180))
    fundal_height = Quantity("宫底高度（cm）", unit="cm", plausible=(5, 50))
    girth = Quantity("腹围（cm）", unit="cm", plausible=(50, 160))
    position = Text("胎位", max_length=20)
    fetal_heart_rate = Quantity("胎心率（次/min）", unit="次/min", plausible=(80, 220))
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(60, 240), required=True)
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(30, 150), required=True)
    haemoglobin = Quantity("血红蛋白（g/L）", unit="g/L", plausible=(30, 220))
    urine_protein = Text("尿蛋白", max_length=20)
    other_examination = Text("其他辅助检查", max_length=500)
    classification = Coded("分类代码", values="GW2017.no-abnormality", required=True)
    abnormality = Text("分类异常描述", max_length=500, required=among(classification, "2"))
    guidance = Codes("指导代码", values="GW2017.antenatal-guidance")
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=present(referral_reason))
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [
        not_less(systolic, diastolic),
        not_before(next_due, visited),
        Rule(
            "urgent-referral",
            referral_reason,
            every(either(at_least(systolic, 160), at_least(diastolic, 110)), missing(referral_reason)),
            "血压不低于 160/110 mmHg 的孕妇应转诊，并填写“转诊原因”",
            severity="warning",
        ),
    ]
    headline = "孕 {gestational_weeks} 周 血压 {systolic}/{diastolic} 胎心 {fetal_heart_rate} {classification}"
    panel = curve(systolic, diastolic, weight, fundal_height, over=visited)

    class Meta(Record.Meta):
        verbose_name = "第2～5次产前随访"


class PostpartumVisit(Record):
    """产后访视: the visit at home within a week after leaving hospital."""

    title = "产后访视"
    source = "国家基本公共卫生服务规范（第三版，2017）产后访视记录表"

    visited = Moment("随访日期", required=True)
    delivered = Date("分娩日期", required=True)
    discharged = Date("出院日期")
    temperature = Quantity("体温（℃）", "DE04.10.186.00", unit="℃", plausible=(34, 43))
    general = Text("一般健康情况", max_length=200)
    psychology = Text("一般心理状况", max_length=200)
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(60, 240))
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(30, 150))
    breasts = Coded("乳房检查结果代码", values="GW2017.no-abnormality")
    lochia = Coded("恶露代码", values="GW2017.no-abnormality")
    uterus = Coded("子宫检查结果代码", values="GW2017.no-abnormality")
    wound = Coded("伤口检查结果代码", values="GW2017.no-abnormality")
    other = Text("其他", max_length=200)
    classification = Coded("分类代码", values="GW2017.no-abnormality", required=True)
    abnormality = Text("分类异常描述", max_length=500, required=among(classification, "2"))
    guidance = Codes("指导代码", values="GW2017.postpartum-guidance")
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=present(referral_reason))
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [
        not_less(systolic, diastolic),
        not_before(discharged, delivered),
        not_before(visited, delivered),
        not_before(next_due, visited),
    ]
    headline = "产后访视 血压 {systolic}/{diastolic} {classification} {abnormality}"
    panel = table(visited, delivered, systolic, diastolic, classification, doctor)

    class Meta(Record.Meta):
        verbose_name = "产后访视"


class PostpartumExamination(Record):
    """产后42天健康检查: the examination that closes the care of a birth."""

    title = "产后42天健康检查"
    source = "国家基本公共卫生服务规范（第三版，2017）产后 42 天健康检查记录表"

    visited = Moment("随访日期", required=True)
    delivered = Date("分娩日期", required=True)
    discharged = Date("出院日期")
    general = Text("一般健康情况", max_length=200)
    psychology = Text("一般心理状况", max_length=200)
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(60, 240))
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(30, 150))
    breasts = Coded("乳房检查结果代码", values="GW2017.no-abnormality")
    lochia = Coded("恶露代码", values="GW2017.no-abnormality")
    uterus = Coded("子宫检查结果代码", values="GW2017.no-abnormality")
    wound = Coded("伤口检查结果代码", values="GW2017.no-abnormality")
    other = Text("其他", max_length=200)
    recovered = Coded("分类代码", values="GW2017.recovery", required=True)
    not_recovered = Text("未恢复描述", max_length=500, required=among(recovered, "2"))
    guidance = Codes("指导代码", values="GW2017.postpartum-42-guidance")
    disposal = Coded("处理代码", values="GW2017.postpartum-disposal")
    referral_reason = Text("转诊原因", max_length=200, required=among(disposal, "2"))
    referral_place = Text("转入机构及科室", max_length=100, required=among(disposal, "2"))
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [
        not_less(systolic, diastolic),
        not_before(discharged, delivered),
        not_before(visited, delivered),
    ]
    headline = "产后 42 天 血压 {systolic}/{diastolic} {recovered} {not_recovered}"
    panel = table(visited, delivered, systolic, diastolic, recovered, disposal)

    class Meta(Record.Meta):
        verbose_name = "产后42天健康检查"
