"""Visits to new-borns and examinations of children up to six years."""

from kangqiao.standards.conditions import Rule, among, at_least, every, missing, no, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Flag, Moment, Quantity, Text
from kangqiao.standards.panels import curve, table


class NewbornVisit(Record):
    """新生儿家庭访视: the visit at home within a week after the hospital let mother and child go."""

    title = "新生儿家庭访视"
    source = "国家基本公共卫生服务规范（第三版，2017）新生儿家庭访视记录表"

    visited = Moment("本次访视日期", required=True)
    mother_name = Text("母亲姓名", max_length=50)
    mother_document = Text("母亲身份证件号码", max_length=18)
    father_name = Text("父亲姓名", max_length=50)
    gestational_weeks = Quantity("出生孕周（周）", unit="周", plausible=(22, 44))
    mother_illness = Codes("母亲妊娠期患病代码", values="GW2017.pregnancy-illness")
    birth_place = Text("助产机构名称", max_length=70)
    delivery = Codes("出生情况代码", values="GW2017.delivery")
    asphyxia = Coded("新生儿窒息代码", values="GW2017.presence")
    apgar_1 = Count("1 分钟 Apgar 评分", unit="分", plausible=(0, 10))
    apgar_5 = Count("5 分钟 Apgar 评分", unit="分", plausible=(0, 10), required=among(asphyxia, "2"))
    malformed = Coded("畸形代码", values="GW2017.presence")
    malformation = Text("畸形描述", max_length=200, required=among(malformed, "2"))
    hearing_screening = Coded("新生儿听力筛查代码", values="GW2017.newborn-screening")
    disease_screening = Codes("新生儿疾病筛查代码", values="GW2017.disease-screening")
    birth_weight = Quantity("出生体重（kg）", unit="kg", plausible=(0.4, 7), required=True)
    birth_length = Quantity("出生身长（cm）", unit="cm", plausible=(25, 62))
    weight = Quantity("目前体重（kg）", unit="kg", plausible=(0.4, 8), required=True)
    feeding = Coded("喂养方式代码", values="GW2017.feeding")
    milk_amount = Quantity("每次吃奶量（mL）", unit="mL", plausible=(0, 200))
    milk_times = Count("吃奶次数（次/日）", unit="次/日", plausible=(0, 24))
    vomiting = Coded("呕吐代码", values="GW2017.presence")
    stool = Coded("大便性状代码", values="GW2017.infant-stool")
    stool_times = Count("大便次数（次/日）", unit="次/日", plausible=(0, 20))
    temperature = Quantity("体温（℃）", "DE04.10.186.00", unit="℃", plausible=(34, 42))
    heart_rate = Quantity("心率（次/min）", "DE04.10.206.00", unit="次/min", plausible=(70, 220))
    respiration = Quantity("呼吸频率（次/min）", "DE04.10.081.00", unit="次/min", plausible=(15, 100))
    complexion = Coded("面色代码", values="GW2017.infant-complexion")
    jaundice = Codes("黄疸部位代码", values="GW2017.jaundice")
    fontanelle_length = Quantity("前囟横径（cm）", unit="cm", plausible=(0, 6))
    fontanelle_width = Quantity("前囟纵径（cm）", unit="cm", plausible=(0, 6))
    fontanelle = Coded("前囟张力代码", values="CV04.10.018")
    eyes = Coded("眼睛检查结果代码", values="GW2017.normal")
    limbs = Coded("四肢活动度代码", values="GW2017.normal")
    ears = Coded("耳外观代码", values="GW2017.normal")
    nose = Coded("鼻检查结果代码", values="GW2017.normal")
    mouth = Coded("口腔检查结果代码", values="GW2017.normal")
    heart_lungs = Coded("心肺听诊代码", values="GW2017.normal")
    abdomen = Coded("腹部触诊代码", values="GW2017.normal")
    skin = Text("皮肤", max_length=100)
    umbilicus = Coded("脐带检查结果代码", values="CV04.10.019")
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=present(referral_reason))
    guidance = Codes("指导代码", values="GW2017.newborn-guidance")
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [
        not_before(next_due, visited),
        Rule(
            "low-birth-weight",
            referral_reason,
            every(present(birth_weight), no(at_least(birth_weight, 1.5)), missing(referral_reason)),
            "出生体重不足 1.5 kg 的新生儿应转诊，并填写“转诊原因”",
            severity="warning",
        ),
    ]
    headline = "出生 {birth_weight} kg 目前 {weight} kg 黄疸 {jaundice}"
    panel = table(visited, birth_weight, weight, feeding, jaundice, doctor)

    class Meta(Record.Meta):
        verbose_name = "新生儿家庭访视"


class ChildExamination(Record):
    """儿童健康检查: one examination of a child, by month of age (full month to 30) or year of age (3 to 6)."""

    title = "儿童健康检查"
    source = "国家基本公共卫生服务规范（第三版，2017）儿童健康检查记录表（满月～30 月龄、3～6 岁合并）"

    age = Coded("检查月龄代码", values="KQ.child-age", required=True)
    examined = Moment("随访日期", required=True)
    weight = Quantity("体重（kg）", unit="kg", plausible=(1.5, 60), required=True)
    weight_grade = Coded("体重评价代码", values="GW2017.growth")
    height = Quantity("身长（身高）（cm）", unit="cm", plausible=(40, 150), required=True)
    height_grade = Coded("身长（身高）评价代码", values="GW2017.growth")
    weight_for_height = Coded("体重/身高评价代码", values="GW2017.growth")
    head = Quantity("头围（cm）", unit="cm", plausible=(28, 58), required=among(age, "01", "03", "06", "08"))
    growth = Codes("体格发育评价代码", values="GW2017.child-growth")
    complexion = Coded("面色代码", values="GW2017.child-complexion")
    skin = Coded("皮肤检查结果代码", values="GW2017.normal")
    fontanelle_closed = Flag("前囟闭合标志")
    fontanelle_length = Quantity("前囟横径（cm）", unit="cm", plausible=(0, 6))
    fontanelle_width = Quantity("前囟纵径（cm）", unit="cm", plausible=(0, 6))
    neck_mass = Coded("颈部包块代码", values="GW2017.presence")
    eyes = Coded("眼睛检查结果代码", values="GW2017.normal")
    left_vision = Quantity("左眼视力", unit="", plausible=(0, 6))
    right_vision = Quantity("右眼视力", unit="", plausible=(0, 6))
    ears = Coded("耳外观代码", values="GW2017.normal")
    hearing = Coded("听力筛查代码", values="GW2017.passed")
    teeth = Count("出牙数（颗）", unit="颗", plausible=(0, 28))
    carious_teeth = Count("龋齿数（颗）", unit="颗", plausible=(0, 28))
    heart_lungs = Coded("胸部（心肺听诊）代码", values="GW2017.normal")
    abdomen = Coded("腹部触诊代码", values="GW2017.normal")
    umbilicus = Coded("脐部检查结果代码", values="GW2017.umbilicus")
    limbs = Coded("四肢检查结果代码", values="GW2017.normal")
    rickets_symptoms = Codes("可疑佝偻病症状代码", values="GW2017.rickets-symptom")
    rickets_signs = Codes("可疑佝偻病体征代码", values="GW2017.rickets-sign")
    haemoglobin = Quantity("血红蛋白值（g/L）", unit="g/L", plausible=(40, 220))
    outdoor_hours = Quantity("每日户外活动时间（h）", unit="h", plausible=(0, 14))
    vitamin_d = Quantity("每日服用维生素D（IU）", unit="IU", plausible=(0, 5000))
    development = Codes("发育评估（预警征象）代码", values="GW2017.development")
    illness = Codes("两次随访间患病情况代码", values="GW2017.child-illness")
    illness_note = Text("患病情况描述", max_length=200)
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=present(referral_reason))
    guidance = Codes("指导代码", values="GW2017.child-guidance")
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(examined)
    rules = [
        not_before(next_due, examined),
        Rule(
            "anaemia",
            referral_reason,
            every(present(haemoglobin), no(at_least(haemoglobin, 90)), missing(referral_reason)),
            "血红蛋白低于 90 g/L 的儿童应转诊，并填写“转诊原因”",
            severity="warning",
        ),
    ]
    headline = "{age} 体重 {weight} kg 身长 {height} cm {growth}"
    panel = curve(weight, height, head, over=examined)

    class Meta(Record.Meta):
        verbose_name = "儿童健康检查"


class ChildTcmGuidance(Record):
    """儿童中医药健康管理: guidance of traditional medicine at 6 to 36 months."""

    title = "儿童中医药健康管理"
    source = "国家基本公共卫生服务规范（第三版，2017）0～36 个月儿童中医药健康管理服务记录表"

    age = Coded("检查月龄代码", values="KQ.child-tcm-age", required=True)
    visited = Moment("随访日期", required=True)
    services = Codes("中医药健康管理服务代码", values="GW2017.child-tcm-service", required=True)
    other_service = Text("其他中医药健康管理服务", max_length=200, note="服务代码含其他时填写")
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [not_before(next_due, visited)]
    headline = "{age} {services}"
    panel = table(visited, age, services, doctor)

    class Meta(Record.Meta):
        verbose_name = "儿童中医药健康管理"
