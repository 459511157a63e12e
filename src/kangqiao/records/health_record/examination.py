"""The yearly examination of public health."""

from kangqiao.standards.conditions import Rule, among, every, missing, not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Moment, Quantity, Text
from kangqiao.standards.panels import table


class PhysicalExamination(Record):
    """健康体检: one examination of a resident, in the order of the national form."""

    title = "健康体检"
    source = "国家基本公共卫生服务规范（第三版，2017）健康体检表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    examined = Moment("体检日期", required=True)
    doctor = Text("责任医生姓名", "DE02.01.039.00", max_length=50)
    symptoms = Codes("症状代码", values="GW2017.symptom", required=True)
    other_symptom = Text("其他症状", "DE04.01.117.00", max_length=200)

    # 一般状况
    temperature = Quantity("体温（℃）", "DE04.10.186.00", unit="℃", plausible=(30, 43))
    pulse = Quantity("脉率（次/min）", "DE04.10.118.00", unit="次/min", plausible=(20, 250))
    respiration = Quantity("呼吸频率（次/min）", "DE04.10.081.00", unit="次/min", plausible=(5, 80))
    left_systolic = Quantity("左侧收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(50, 280))
    left_diastolic = Quantity("左侧舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(20, 180))
    right_systolic = Quantity("右侧收缩压（mmHg）", "DE04.10.174.00", unit="mmHg", plausible=(50, 280))
    right_diastolic = Quantity("右侧舒张压（mmHg）", "DE04.10.176.00", unit="mmHg", plausible=(20, 180))
    height = Quantity("身高（cm）", "DE04.10.167.00", unit="cm", plausible=(40, 230))
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(2, 300))
    waist = Quantity("腰围（cm）", unit="cm", plausible=(30, 200))
    bmi = Quantity("体质指数（kg/m²）", unit="kg/m²", plausible=(8, 80))
    elderly_health = Coded("老年人健康状态自我评估代码", values="CV04.01.013")
    elderly_self_care = Coded("老年人生活自理能力自我评估代码", values="CV04.01.014")
    elderly_cognition = Coded("老年人认知功能粗筛结果代码", values="GW2017.screening")
    cognition_score = Count("简易智力状态检查总分", unit="分", plausible=(0, 30))
    elderly_emotion = Coded("老年人情感状态粗筛结果代码", values="GW2017.screening")
    depression_score = Count("老年人抑郁评分", unit="分", plausible=(0, 30))

    # 生活方式
    exercise = Coded("体育锻炼频率代码", values="GW2017.exercise")
    exercise_minutes = Count("每次锻炼时间（min）", unit="min", plausible=(0, 600))
    diet = Codes("饮食习惯代码", values="CV03.00.107")
    smoking = Coded(
        "吸烟状况代码", "DE03.00.073.00", values="GW2017.smoking", note="按体检表：1 从不吸烟、2 已戒烟、3 吸烟"
    )
    cigarettes = Count("日吸烟量（支）", "DE03.00.053.00", unit="支", plausible=(0, 100))
    drinking = Coded("饮酒频率代码", "DE03.00.076.00", values="GW2017.drinking")
    alcohol = Quantity("日饮酒量（两）", unit="两", plausible=(0, 50))

    # 脏器功能
    lips = Coded("口唇外观代码", values="CV04.10.007")
    throat = Coded("咽部检查结果代码", values="GW2017.throat")
    left_vision = Quantity("左眼裸眼视力", unit="", plausible=(0, 6))
    right_vision = Quantity("右眼裸眼视力", unit="", plausible=(0, 6))
    hearing = Coded("听力检查结果代码", values="GW2017.hearing")
    motion = Coded("运动功能检查结果代码", values="GW2017.motion")

    # 查体
    fundus = Coded("眼底检查结果代码", values="GW2017.normal")
    skin = Coded("皮肤检查结果代码", values="CV04.10.004")
    sclera = Coded("巩膜检查结果代码", values="CV04.10.006")
    lymph_nodes = Coded("淋巴结检查结果代码", values="CV04.10.011")
    breath_sounds = Coded("呼吸音检查结果代码", values="GW2017.normal")
    rales = Coded("肺部罗音代码", values="GW2017.rales")
    heart_rate = Quantity("心率（次/min）", "DE04.10.206.00", unit="次/min", plausible=(20, 250))
    heart_rhythm = Coded("心律代码", values="GW2017.rhythm")
    heart_murmur = Coded("心脏杂音代码", values="GW2017.presence")
    abdominal_mass = Coded("腹部包块代码", values="GW2017.presence")
    oedema = Coded("下肢水肿检查结果代码", values="CV04.10.014")
    foot_pulse = Coded("足背动脉搏动代码", values="CV04.10.015")

    # 辅助检查
    haemoglobin = Quantity("血红蛋白（g/L）", unit="g/L", plausible=(20, 260))
    leukocytes = Quantity("白细胞计数（×10⁹/L）", unit="10^9/L", plausible=(0.1, 200))
    platelets = Quantity("血小板计数（×10⁹/L）", unit="10^9/L", plausible=(1, 2000))
    urine_protein = Text("尿蛋白", max_length=20)
    urine_sugar = Text("尿糖", max_length=20)
    fasting_glucose = Quantity(
        "空腹血糖（mmol/L）", "DE04.50.102.00", unit="mmol/L", plausible=(0.5, 60), expected=True
    )
    hba1c = Quantity("糖化血红蛋白（%）", unit="%", plausible=(2, 25))
    ecg = Coded("心电图检查结果代码", values="GW2017.normal")
    ecg_finding = Text("心电图异常描述", max_length=500, required=among(ecg, "2"))
    alt = Quantity("血清谷丙转氨酶（U/L）", unit="U/L", plausible=(0, 10_000))
    ast = Quantity("血清谷草转氨酶（U/L）", unit="U/L", plausible=(0, 10_000))
    bilirubin = Quantity("总胆红素（μmol/L）", unit="μmol/L", plausible=(0, 1000))
    creatinine = Quantity("血清肌酐（μmol/L）", unit="μmol/L", plausible=(5, 3000))
    urea = Quantity("血尿素（mmol/L）", unit="mmol/L", plausible=(0.1, 100))
    cholesterol = Quantity("总胆固醇（mmol/L）", unit="mmol/L", plausible=(0.5, 40))
    triglycerides = Quantity("甘油三酯（mmol/L）", unit="mmol/L", plausible=(0.05, 120))
    ldl = Quantity("血清低密度脂蛋白胆固醇（mmol/L）", unit="mmol/L", plausible=(0.1, 30))
    hdl = Quantity("血清高密度脂蛋白胆固醇（mmol/L）", unit="mmol/L", plausible=(0.1, 10))
    chest_xray = Coded("胸部X线片检查结果代码", values="GW2017.normal")
    chest_xray_finding = Text("胸部X线片异常描述", max_length=500, required=among(chest_xray, "2"))
    ultrasound = Coded("腹部B超检查结果代码", values="GW2017.normal")
    ultrasound_finding = Text("腹部B超异常描述", max_length=500, required=among(ultrasound, "2"))

    # 评价与指导
    problems = Text("现存主要健康问题", max_length=1000)
    medication = Text("主要用药情况", max_length=1000)
    evaluation = Coded("健康评价代码", values="GW2017.evaluation", required=True)
    abnormalities = Text("体检异常描述", max_length=1000, required=among(evaluation, "2"))
    guidance = Codes("健康指导代码", values="GW2017.guidance")
    risk_control = Codes("危险因素控制代码", values="GW2017.risk-control")

    occurred = at(examined)
    rules = [
        not_less(left_systolic, left_diastolic),
        not_less(right_systolic, right_diastolic),
        Rule(
            "no-pressure",
            right_systolic,
            every(missing(left_systolic), missing(right_systolic)),
            "左、右侧血压至少应填写一侧",
            severity="warning",
        ),
    ]
    headline = "血压 {right_systolic}/{right_diastolic} 空腹血糖 {fasting_glucose} {evaluation} {abnormalities}"
    panel = table(examined, right_systolic, right_diastolic, bmi, fasting_glucose, evaluation, abnormalities)

    class Meta(Record.Meta):
        verbose_name = "健康体检"
