"""Around an operation: how a patient was kept asleep, and the blood that was given."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.records.medical_record.treatment import Operation
from kangqiao.standards.conditions import (
    Rule,
    among,
    either,
    every,
    later_by,
    missing,
    no,
    not_before,
    present,
    unlike,
    yes,
)
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Flag, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table

GENERAL = ("1", "11", "12", "41", "44", "45")
"""Methods of CV06.00.103 under which a patient sleeps."""


class Anaesthesia(EncounterRecord):
    """麻醉: one anaesthesia from its beginning to the patient's leaving the operating room."""

    title = "麻醉记录"
    source = "WS 445-2014 麻醉记录"

    application = Text("电子申请单编号", "DE01.00.008.00", max_length=20)
    surgery = Link("手术业务主键", to=Operation)
    operation = Coded("手术及操作编码", "DE06.00.093.00", values="icd-9-cm-3", named=True)
    preoperative_diagnosis = Coded("术前诊断编码", "DE05.01.024.00", values="icd-10")
    postoperative_diagnosis = Coded("术后诊断编码", "DE05.01.024.00", values="icd-10")
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(0.5, 300))
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020")
    asa = Coded("ASA分级标准代码", "DE05.10.129.00", values="KQ.asa", required=True)
    premedication = Text("麻醉前用药", "DE06.00.136.00", max_length=100)
    method = Coded("麻醉方法代码", "DE06.00.073.00", values="CV06.00.103", required=True)
    drugs = Text("麻醉药物名称", "DE08.50.022.00", max_length=500)
    airway = Text("气管插管分类", "DE06.00.228.00", max_length=100)
    breathing = Coded("呼吸类型代码", "DE06.00.208.00", values="KQ.breathing")
    body_position = Coded("手术体位代码", "DE06.00.260.00", values="CV06.00.223")
    puncture = Text("穿刺过程", "DE05.10.063.00", max_length=2000)
    begun = Moment("麻醉开始日期时间", "DE06.00.095.00", required=True)
    operation_begun = Moment("手术开始日期时间", "DE06.00.221.00")
    operation_ended = Moment("手术结束日期时间", "DE06.00.218.00")
    ended = Moment("麻醉结束日期时间")
    left_room = Moment("出手术室日期时间", "DE06.00.191.00")
    destination = Coded("患者去向代码", "DE06.00.185.00", values="KQ.after-anaesthesia")
    monitored = Text("常规监测项目名称", "DE06.00.216.00", max_length=100)
    monitoring_results = Text("常规监测项目结果", "DE06.00.281.00", max_length=200)
    infusions = Text("术中输液项目", "DE06.00.269.00", max_length=200)
    blood_loss = Quantity("出血量（mL）", "DE06.00.097.00", unit="mL", plausible=(0, 30_000))
    transfused = Quantity("输血量（mL）", "DE06.00.267.00", unit="mL", plausible=(0, 30_000))
    urine = Quantity("尿量（mL）", unit="mL", plausible=(0, 20_000))
    effect = Text("麻醉效果", "DE06.00.253.00", max_length=100)
    description = Text("麻醉描述", "DE06.00.226.00", max_length=1000)
    complicated = Flag("麻醉并发症标志")
    complications = Text("麻醉并发症", max_length=500, required=yes(complicated))
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    room = Text("手术间编号", "DE06.00.256.00", max_length=20)
    surgeon = Text("手术者姓名", "DE02.01.039.00", max_length=50)
    anaesthetist = Text("麻醉医师签名", "DE02.01.039.00", max_length=50, required=True)

    occurred = at(begun)
    rules = [
        not_before(ended, begun),
        not_before(operation_begun, begun),
        not_before(operation_ended, operation_begun),
        not_before(left_room, operation_ended),
        Rule(
            "no-airway",
            airway,
            every(among(method, *GENERAL), missing(airway)),
            "全身麻醉应填写“气管插管分类”",
            severity="warning",
        ),
        Rule(
            "no-end",
            ended,
            every(present(left_room), missing(ended)),
            "已出手术室的，“麻醉结束日期时间”应填写",
            severity="warning",
        ),
    ]
    headline = "{method} {operation_name} {asa} {anaesthetist}"
    panel = table(begun, method, operation, asa, ended, destination, anaesthetist)

    class Meta(Record.Meta):
        verbose_name = "麻醉记录"


class Transfusion(EncounterRecord):
    """输血: one bag of blood given to a patient."""

    title = "输血记录"
    source = "WS 445-2014 输血记录；交叉配血按输血记录的通行项目，未与原件逐项核对"

    application = Text("电子申请单编号", "DE01.00.008.00", max_length=20)
    diagnosis = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10", named=True)
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005", required=True)
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020", required=True)
    requested_abo = Coded("申请ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    requested_rh = Coded("申请Rh血型代码", "DE04.50.010.00", values="CV04.50.020")
    history = Coded("输血史标识代码", "DE06.00.106.00", values="KQ.transfusion-history")
    nature = Coded("输血性质代码", "DE04.50.147.00", values="KQ.transfusion-nature")
    reason = Text("输血原因", "DE06.00.107.00", max_length=100)
    indication = Text("输血指征", "DE06.00.340.00", max_length=500, required=True)
    kind = Coded("输血品种代码", "DE08.50.040.00", values="KQ.blood-product", required=True)
    bag = Text("血袋编码", "DE01.00.023.00", max_length=32, required=True)
    crossmatch = Coded("交叉配血结果代码", values="KQ.crossmatch")
    amount = Quantity("输血量", plausible=(0.1, 10_000), required=True)
    times = Count("输血次数", "DE06.00.263.00", unit="次", plausible=(1, 99))
    begun = Moment("输血开始日期时间", required=True)
    ended = Moment("输血结束日期时间")
    reaction = Flag("输血反应标志", "DE06.00.264.00")
    reaction_kind = Coded("输血反应类型", "DE06.00.265.00", values="KQ.transfusion-reaction", required=yes(reaction))
    course = Text("输血过程记录", "DE06.00.181.00", max_length=2000)
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    doctor = Text("医师签名", "DE02.01.039.00", max_length=50)
    nurse = Text("执行护士签名", "DE02.01.039.00", max_length=50)
    checker = Text("核对者签名", "DE02.01.039.00", max_length=50)

    occurred = at(begun)
    rules = [
        not_before(ended, begun),
        Rule("too-slow", ended, later_by(ended, begun, hours=4), "一袋血应在 4 小时内输完", severity="warning"),
        Rule(
            "other-blood-group",
            requested_abo,
            either(unlike(requested_abo, abo), unlike(requested_rh, rh)),
            "申请的血型与患者的血型不同，应核对",
            severity="warning",
        ),
        Rule("incompatible", crossmatch, among(crossmatch, "2"), "交叉配血不相合的血不应输给患者", severity="warning"),
        Rule(
            "unchecked",
            checker,
            every(present(nurse), no(unlike(nurse, checker))),
            "输血前应由两人核对：“执行护士签名”与“核对者签名”应是两个人",
            severity="warning",
        ),
    ]
    headline = "{kind} {amount} {amount_unit} {indication}"
    panel = table(begun, kind, amount, indication, crossmatch, reaction)

    class Meta(Record.Meta):
        verbose_name = "输血记录"
