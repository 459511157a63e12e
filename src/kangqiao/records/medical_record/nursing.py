"""What nurses find and do: assessments with their scores, and the records of a shift."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import (
    Rule,
    adds_up,
    among,
    at_least,
    between,
    either,
    every,
    missing,
    no,
    not_less,
    present,
    yes,
)
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Flag, Moment, Quantity, Text
from kangqiao.standards.panels import table


class NursingAssessment(EncounterRecord):
    """护理评估: how much care a patient needs and what threatens him in the ward, at admission and later.

    The parts of a scale may be left out where only its sum is known.
    """

    title = "护理评估"
    source = (
        "WS 445-2014 入院评估记录；Barthel 指数、Braden 量表、Morse 跌倒量表、NRS 2002 按通行量表，未与原件逐项核对"
    )

    occasion = Coded("评估时机代码", values="KQ.assessment-occasion", required=True)
    assessed = Moment("评估日期时间", "DE05.10.144.00", required=True)
    admitted_how = Text("入病房方式", "DE06.00.237.00", max_length=20)
    symptom = Text("主要症状", "DE04.01.117.00", max_length=200)
    sleep = Text("睡眠状况", "DE05.10.065.00", max_length=500)
    allergies = Text("过敏史", "DE02.10.022.00", max_length=1000)
    infectious_diseases = Text("传染病史", "DE02.10.008.00", max_length=1000)
    smokes = Flag("吸烟标志", "DE03.00.070.00")
    drinks = Flag("饮酒标志", "DE03.00.030.00")
    special = Text("特殊情况", "DE05.10.158.00", max_length=1000)

    feeding = Count("Barthel-进食", unit="分", plausible=(0, 10))
    bathing = Count("Barthel-洗澡", unit="分", plausible=(0, 5))
    grooming = Count("Barthel-修饰", unit="分", plausible=(0, 5))
    dressing = Count("Barthel-穿衣", unit="分", plausible=(0, 10))
    bowels = Count("Barthel-控制大便", unit="分", plausible=(0, 10))
    bladder = Count("Barthel-控制小便", unit="分", plausible=(0, 10))
    toileting = Count("Barthel-如厕", unit="分", plausible=(0, 10))
    transfer = Count("Barthel-床椅转移", unit="分", plausible=(0, 15))
    walking = Count("Barthel-平地行走", unit="分", plausible=(0, 15))
    stairs = Count("Barthel-上下楼梯", unit="分", plausible=(0, 10))
    barthel = Count("Barthel指数总分", unit="分", plausible=(0, 100))
    dependence = Coded("自理能力等级代码", values="KQ.dependence", required=present(barthel))

    sensory = Count("Braden-感知能力", unit="分", plausible=(1, 4))
    moisture = Count("Braden-潮湿程度", unit="分", plausible=(1, 4))
    activity = Count("Braden-活动能力", unit="分", plausible=(1, 4))
    mobility = Count("Braden-移动能力", unit="分", plausible=(1, 4))
    nutrition = Count("Braden-营养摄取", unit="分", plausible=(1, 4))
    friction = Count("Braden-摩擦力和剪切力", unit="分", plausible=(1, 3))
    braden = Count("Braden总分", unit="分", plausible=(6, 23))
    pressure_risk = Coded("压力性损伤风险代码", values="KQ.pressure-risk", required=present(braden))

    fallen = Count("Morse-跌倒史", unit="分", plausible=(0, 25))
    second_diagnosis = Count("Morse-超过一个医疗诊断", unit="分", plausible=(0, 15))
    aids = Count("Morse-行走辅助", unit="分", plausible=(0, 30))
    infusion = Count("Morse-静脉输液", unit="分", plausible=(0, 20))
    gait = Count("Morse-步态", unit="分", plausible=(0, 20))
    mental = Count("Morse-认知状态", unit="分", plausible=(0, 15))
    morse = Count("Morse跌倒评分总分", unit="分", plausible=(0, 125))
    fall_risk = Coded("跌倒风险代码", values="KQ.fall-risk", required=present(morse))

    pain = Count("疼痛评分", unit="分", plausible=(0, 10))
    malnutrition = Count("营养风险筛查（NRS 2002）评分", unit="分", plausible=(0, 7))
    measures = Text("护理措施", max_length=1000)
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    ward = Text("病区名称", "DE08.10.054.00", max_length=50)
    nurse = Text("责任护士签名", "DE02.01.039.00", max_length=50, required=True)

    occurred = at(assessed)
    rules = [
        adds_up(
            barthel,
            *(feeding, bathing, grooming, dressing, bowels, bladder, toileting, transfer, walking, stairs),
        ),
        adds_up(braden, sensory, moisture, activity, mobility, nutrition, friction),
        adds_up(morse, fallen, second_diagnosis, aids, infusion, gait, mental),
        Rule(
            "dependence",
            dependence,
            either(
                every(among(dependence, "1"), present(barthel), no(at_least(barthel, 100))),
                every(among(dependence, "2"), present(barthel), no(between(barthel, 61, 100))),
                every(among(dependence, "3"), present(barthel), no(between(barthel, 41, 61))),
                every(among(dependence, "4"), at_least(barthel, 41)),
            ),
            "Barthel 指数 100 为无需依赖、61～99 为轻度依赖、41～60 为中度依赖、40 及以下为重度依赖，等级应与总分一致",
        ),
        Rule(
            "pressure-risk",
            pressure_risk,
            either(
                every(among(pressure_risk, "1"), present(braden), no(at_least(braden, 19))),
                every(among(pressure_risk, "2"), present(braden), no(between(braden, 15, 19))),
                every(among(pressure_risk, "3"), present(braden), no(between(braden, 13, 15))),
                every(among(pressure_risk, "4"), present(braden), no(between(braden, 10, 13))),
                every(among(pressure_risk, "5"), at_least(braden, 10)),
            ),
            "Braden 总分 19 及以上为无风险、15～18 为低、13～14 为中、10～12 为高、9 及以下为极高，风险应与总分一致",
        ),
        Rule(
            "fall-risk",
            fall_risk,
            either(
                every(among(fall_risk, "1"), at_least(morse, 25)),
                every(among(fall_risk, "2"), present(morse), no(between(morse, 25, 45))),
                every(among(fall_risk, "3"), present(morse), no(at_least(morse, 45))),
            ),
            "Morse 总分 0～24 为低风险、25～44 为中风险、45 及以上为高风险，风险应与总分一致",
        ),
        Rule(
            "no-measures",
            measures,
            every(either(among(pressure_risk, "4", "5"), among(fall_risk, "3")), missing(measures)),
            "压力性损伤或跌倒的高风险患者应填写“护理措施”",
            severity="warning",
        ),
    ]
    headline = "{occasion} 自理 {dependence} 压力性损伤 {pressure_risk} 跌倒 {fall_risk}"
    panel = table(assessed, occasion, barthel, dependence, braden, pressure_risk, morse, fall_risk)

    class Meta(Record.Meta):
        verbose_name = "护理评估"


class NursingRecord(EncounterRecord):
    """护理记录: one entry of a nurse, what was seen, done, taken in and put out."""

    title = "护理记录"
    source = "WS 445-2014 一般护理记录、病重（病危）患者护理记录、出入量记录"

    recorded = Moment("记录日期时间", "DE09.00.053.00", required=True)
    grave = Flag("病重（病危）标志")
    care_level = Coded("护理等级代码", "DE06.00.211.00", values="KQ.care-level", required=True)
    care_kind = Coded("护理类型代码", "DE06.00.212.00", values="KQ.care-kind")
    consciousness = Coded("意识状态代码", values="KQ.consciousness", required=yes(grave))
    temperature = Quantity("体温（℃）", "DE04.10.186.00", unit="℃", plausible=(30, 45))
    heart_rate = Quantity("心率（次/min）", "DE04.10.206.00", unit="次/min", plausible=(0, 300))
    pulse = Quantity("脉率（次/min）", "DE04.10.118.00", unit="次/min", plausible=(0, 300))
    respiration = Quantity("呼吸频率（次/min）", "DE04.10.081.00", unit="次/min", plausible=(0, 100))
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(30, 300))
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(10, 200))
    saturation = Quantity("血氧饱和度（%）", "DE04.50.149.00", unit="%", plausible=(20, 100))
    glucose = Quantity("血糖检测值（mmol/L）", "DE04.50.102.00", unit="mmol/L", plausible=(0.5, 60))
    ventilated = Flag("使用呼吸机标志", "DE06.00.239.00")
    observed = Text("护理观察项目名称", "DE02.10.031.00", max_length=100)
    observation = Text("护理观察结果", "DE02.10.028.00", max_length=1000)
    operation = Text("护理操作名称", "DE06.00.342.00", max_length=100)
    operation_result = Text("护理操作结果", "DE06.00.209.00", max_length=1000)
    intake = Quantity("入量（mL）", unit="mL", plausible=(0, 20_000))
    output = Quantity("出量（mL）", unit="mL", plausible=(0, 20_000))
    isolated = Flag("隔离标志", "DE06.00.201.00")
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    nurse = Text("护士签名", "DE02.01.039.00", max_length=50, required=True)

    occurred = at(recorded)
    rules = [
        not_less(systolic, diastolic),
        Rule(
            "too-little-care",
            care_level,
            every(yes(grave), among(care_level, "3", "4")),
            "病重（病危）患者的护理等级应为特级或一级",
            severity="warning",
        ),
        Rule(
            "nothing-seen",
            observation,
            every(missing(observation), missing(operation), missing(temperature), missing(systolic)),
            "护理记录至少应填写观察结果、护理操作或生命体征中的一种",
            severity="warning",
        ),
    ]
    headline = "{care_level} {observation} {operation}"
    panel = table(
        recorded, care_level, temperature, heart_rate, systolic, diastolic, saturation, observation, operation
    )

    class Meta(Record.Meta):
        verbose_name = "护理记录"
