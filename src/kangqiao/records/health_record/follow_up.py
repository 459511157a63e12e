"""Follow-up visits of chronic disease management."""

from kangqiao.standards.conditions import Rule, among, at_least, either, every, missing, no, not_before, not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Quantity, Text
from kangqiao.standards.panels import curve


class HypertensionFollowUp(Record):
    """高血压随访: one follow-up of a person managed for hypertension."""

    title = "高血压随访"
    source = "国家基本公共卫生服务规范（第三版，2017）高血压患者随访服务记录表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    followed_up = Moment("随访日期", "DE06.00.109.00", required=True)
    manner = Coded("随访方式代码", "DE06.00.108.00", values="CV06.00.207", required=True)
    symptoms = Codes("症状代码", values="GW2017.hypertension-symptom")
    other_symptom = Text("其他症状", "DE04.01.117.00", max_length=200)
    systolic = Quantity(
        "收缩压（mmHg）",
        "DE04.10.174.00",
        unit="mmHg",
        plausible=(50, 280),
        required=among(manner, "1", "2"),
    )
    diastolic = Quantity(
        "舒张压（mmHg）",
        "DE04.10.176.00",
        unit="mmHg",
        plausible=(20, 180),
        required=among(manner, "1", "2"),
    )
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(20, 300))
    weight_goal = Quantity("目标体重（kg）", unit="kg", plausible=(20, 200))
    bmi = Quantity("体质指数（kg/m²）", unit="kg/m²", plausible=(10, 80))
    heart_rate = Quantity("心率（次/min）", "DE04.10.206.00", unit="次/min", plausible=(20, 250))
    other_sign = Text("其他体征", max_length=200)
    cigarettes = Count("日吸烟量（支）", "DE03.00.053.00", unit="支", plausible=(0, 100))
    cigarettes_goal = Count("目标日吸烟量（支）", unit="支", plausible=(0, 100))
    alcohol = Quantity("日饮酒量（两）", unit="两", plausible=(0, 50))
    alcohol_goal = Quantity("目标日饮酒量（两）", unit="两", plausible=(0, 50))
    exercises = Count("每周运动次数", unit="次/周", plausible=(0, 50))
    exercise_minutes = Count("每次运动时间（min）", unit="min", plausible=(0, 600))
    salt = Coded("摄盐情况代码", values="GW2017.salt")
    salt_goal = Coded("目标摄盐情况代码", values="GW2017.salt")
    psychology = Coded("心理调整代码", values="GW2017.grade")
    compliance = Coded("遵医行为代码", values="GW2017.grade")
    auxiliary = Text("辅助检查", "DE04.30.009.00", max_length=500)
    adherence = Coded("服药依从性代码", values="GW2017.adherence")
    adverse_reaction = Coded("药物不良反应代码", values="GW2017.presence")
    adverse_reaction_note = Text(
        "药物不良反应情况", "DE06.00.129.00", max_length=200, required=among(adverse_reaction, "2")
    )
    evaluation = Coded("随访评价结果代码", values="CV05.10.012", required=True)
    drugs = Text("用药情况", max_length=1000, note="药物名称、每日次数、每次剂量；多种药物用分号隔开")
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=no(missing(referral_reason)))
    next_due = Date("下次随访日期", expected=True)
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(followed_up)
    rules = [
        not_less(systolic, diastolic),
        not_before(next_due, followed_up),
        Rule(
            "not-controlled",
            evaluation,
            every(among(evaluation, "1"), either(at_least(systolic, 150), at_least(diastolic, 90))),
            "血压未达标时，“随访评价结果代码”不应为控制满意",
            severity="warning",
        ),
        Rule(
            "urgent-referral",
            referral_reason,
            every(either(at_least(systolic, 180), at_least(diastolic, 110)), missing(referral_reason)),
            "收缩压不低于 180 或舒张压不低于 110 mmHg 时，应紧急转诊并填写“转诊原因”",
            severity="warning",
        ),
    ]
    headline = "血压 {systolic}/{diastolic} mmHg {evaluation}"
    panel = curve(systolic, diastolic, over=followed_up)

    class Meta(Record.Meta):
        verbose_name = "高血压随访"


class DiabetesFollowUp(Record):
    """2型糖尿病随访: one follow-up of a person managed for type 2 diabetes."""

    title = "2型糖尿病随访"
    source = "国家基本公共卫生服务规范（第三版，2017）2型糖尿病患者随访服务记录表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    followed_up = Moment("随访日期", "DE06.00.109.00", required=True)
    manner = Coded("随访方式代码", "DE06.00.108.00", values="CV06.00.207", required=True)
    symptoms = Codes("症状代码", values="GW2017.diabetes-symptom")
    other_symptom = Text("其他症状", "DE04.01.117.00", max_length=200)
    systolic = Quantity("收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(50, 280))
    diastolic = Quantity("舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(20, 180))
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(20, 300))
    weight_goal = Quantity("目标体重（kg）", unit="kg", plausible=(20, 200))
    bmi = Quantity("体质指数（kg/m²）", unit="kg/m²", plausible=(10, 80))
    foot_pulse = Coded("足背动脉搏动代码", values="GW2017.foot-pulse")
    other_sign = Text("其他体征", max_length=200)
    cigarettes = Count("日吸烟量（支）", "DE03.00.053.00", unit="支", plausible=(0, 100))
    cigarettes_goal = Count("目标日吸烟量（支）", unit="支", plausible=(0, 100))
    alcohol = Quantity("日饮酒量（两）", unit="两", plausible=(0, 50))
    alcohol_goal = Quantity("目标日饮酒量（两）", unit="两", plausible=(0, 50))
    exercises = Count("每周运动次数", unit="次/周", plausible=(0, 50))
    exercise_minutes = Count("每次运动时间（min）", unit="min", plausible=(0, 600))
    staple_food = Quantity("日主食量（g）", unit="g", plausible=(0, 2000))
    staple_food_goal = Quantity("目标日主食量（g）", unit="g", plausible=(0, 2000))
    psychology = Coded("心理调整代码", values="GW2017.grade")
    compliance = Coded("遵医行为代码", values="GW2017.grade")
    fasting_glucose = Quantity(
        "空腹血糖（mmol/L）",
        "DE04.50.102.00",
        unit="mmol/L",
        plausible=(0.5, 60),
        required=among(manner, "1", "2"),
    )
    hba1c = Quantity("糖化血红蛋白（%）", unit="%", plausible=(2, 25))
    hba1c_date = Date("糖化血红蛋白检查日期")
    auxiliary = Text("其他辅助检查", "DE04.30.009.00", max_length=500)
    adherence = Coded("服药依从性代码", values="GW2017.adherence")
    adverse_reaction = Coded("药物不良反应代码", values="GW2017.presence")
    adverse_reaction_note = Text(
        "药物不良反应情况", "DE06.00.129.00", max_length=200, required=among(adverse_reaction, "2")
    )
    hypoglycaemia = Coded("低血糖反应代码", values="GW2017.hypoglycaemia")
    evaluation = Coded("随访评价结果代码", values="CV05.10.012", required=True)
    drugs = Text("用药情况", max_length=1000, note="药物名称、每日次数、每次剂量；多种药物用分号隔开")
    insulin = Text("胰岛素用法和用量", max_length=200)
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转入机构及科室", max_length=100, required=no(missing(referral_reason)))
    next_due = Date("下次随访日期", expected=True)
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(followed_up)
    rules = [
        not_less(systolic, diastolic),
        not_before(next_due, followed_up),
        not_before(followed_up, hba1c_date),
        Rule(
            "not-controlled",
            evaluation,
            every(among(evaluation, "1"), at_least(fasting_glucose, 7)),
            "空腹血糖不低于 7.0 mmol/L 时，“随访评价结果代码”不应为控制满意",
            severity="warning",
        ),
        Rule(
            "urgent-referral",
            referral_reason,
            every(at_least(fasting_glucose, 16.7), missing(referral_reason)),
            "空腹血糖不低于 16.7 mmol/L 时，应紧急转诊并填写“转诊原因”",
            severity="warning",
        ),
    ]
    headline = "空腹血糖 {fasting_glucose} mmol/L {evaluation}"
    panel = curve(fasting_glucose, over=followed_up)

    class Meta(Record.Meta):
        verbose_name = "2型糖尿病随访"
