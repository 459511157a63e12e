"""What is settled with the medical insurance: the list of a stay, and the group it is paid by."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.records.medical_record.front_page import FrontPage
from kangqiao.standards.conditions import (
    Rule,
    adds_up,
    among,
    at_least,
    either,
    every,
    greater,
    missing,
    no,
    not_before,
    not_less,
    present,
    yes,
)
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Date, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table

DRG, DIP = "1", "2"
HIGH, LOW, UNGROUPED = "2", "3", "4"
PAID_BY_GROUP = ("1", HIGH, LOW)


class SettlementList(EncounterRecord):
    """医疗保障基金结算清单: what a stay was and cost, as the insurance fund settles it."""

    title = "医疗保障基金结算清单"
    source = "字段按医疗保障基金结算清单的通行项目，未与原件逐项核对"

    number = Text("清单流水号", max_length=40, required=True)
    front_page = Link("病案首页业务主键", to=FrontPage)
    record_number = Text("病案号", "DE01.00.004.00", max_length=18, required=True)
    insurance = Coded("医疗保险类别代码", "DE02.01.044.00", values="CV02.01.204", required=True)
    insured_place = Text("参保地", max_length=50)
    insured_number = Text("医保编号", max_length=40)
    special_person = Text("特殊人员类型", max_length=50)
    newborn_birth_weight = Quantity("新生儿出生体重（g）", "DE04.10.019.00", unit="g", plausible=(300, 9000))
    newborn_weight = Quantity("新生儿入院体重（g）", "DE04.10.019.00", unit="g", plausible=(300, 9000))

    treatment = Coded("住院医疗类型代码", values="KQ.inpatient-treatment", required=True)
    route = Coded("入院途径代码", "DE06.00.339.00", values="CV09.00.403")
    admitted = Moment("入院日期时间", "DE06.00.092.00", required=True)
    admission_department = Text("入院科别", "DE08.10.026.00", max_length=50)
    discharged = Moment("出院日期时间", "DE06.00.017.00", required=True)
    discharge_department = Text("出院科别", "DE08.10.026.00", max_length=50)
    days = Count("实际住院天数", "DE06.00.310.00", unit="天", plausible=(1, 3650), required=True)
    ventilated = Quantity("呼吸机使用时间（h）", unit="h", plausible=(0, 90_000))
    intensive_care = Quantity("重症监护合计时间（h）", unit="h", plausible=(0, 90_000))
    coma_before = Quantity("颅脑损伤患者入院前昏迷时间（h）", unit="h", plausible=(0, 90_000))
    coma_after = Quantity("颅脑损伤患者入院后昏迷时间（h）", unit="h", plausible=(0, 90_000))
    special_care_days = Count("特级护理天数", unit="天", plausible=(0, 3650))
    first_care_days = Count("一级护理天数", unit="天", plausible=(0, 3650))
    second_care_days = Count("二级护理天数", unit="天", plausible=(0, 3650))
    third_care_days = Count("三级护理天数", unit="天", plausible=(0, 3650))
    leaving = Coded("离院方式代码", "DE06.00.223.00", values="CV06.00.226", required=True)
    receiver = Text("拟接收医疗机构名称", "DE08.10.013.00", max_length=70, required=among(leaving, "2", "3"))
    readmission_planned = Flag("出院31d内再住院标志", "DE06.00.194.00")
    readmission_purpose = Text("出院31d内再住院目的", "DE06.00.195.00", required=yes(readmission_planned))
    doctor = Text("主诊医师姓名", "DE02.01.039.00", max_length=50)
    nurse = Text("责任护士签名", "DE02.01.039.00", max_length=50)

    business_number = Text("业务流水号", max_length=40)
    invoice = Text("票据号码", max_length=64)
    began = Date("结算起始日期", required=True)
    settled = Moment("结算日期时间", required=True)
    method = Coded("医保支付方式代码", values="KQ.fund-payment", required=True)
    total = Money("费用总金额", "DE07.00.010.00", plausible=(0, 5_000_000), required=True)
    fund = Money("医保统筹基金支付金额", plausible=(0, 5_000_000))
    serious_illness = Money("大病保险支付金额", plausible=(0, 5_000_000))
    assistance = Money("医疗救助支付金额", plausible=(0, 5_000_000))
    civil_servants = Money("公务员医疗补助支付金额", plausible=(0, 5_000_000))
    large_amount = Money("大额医疗费用补助支付金额", plausible=(0, 5_000_000))
    company = Money("企业补充医疗保险支付金额", plausible=(0, 5_000_000))
    other_paid = Money("其他支付金额", plausible=(0, 5_000_000))
    patient_paid = Money("个人承担费用金额", "DE07.00.001.00", plausible=(0, 5_000_000))
    outside_insurance = Money("个人自费金额", plausible=(0, 5_000_000))
    account = Money("医保个人账户支付金额", plausible=(0, 5_000_000))
    cash = Money("个人现金支付金额", plausible=(0, 5_000_000))

    occurred = at(settled)
    rules = [
        not_before(discharged, admitted),
        not_before(settled, began),
        adds_up(
            total,
            *(fund, serious_illness, assistance, civil_servants, large_amount, company, other_paid, patient_paid),
        ),
        adds_up(patient_paid, account, cash),
        not_less(patient_paid, outside_insurance),
        Rule(
            "care-days",
            days,
            either(
                greater(special_care_days, days),
                greater(first_care_days, days),
                greater(second_care_days, days),
                greater(third_care_days, days),
            ),
            "各级护理天数不应大于“实际住院天数”",
        ),
        Rule(
            "newborn",
            newborn_birth_weight,
            every(present(newborn_weight), missing(newborn_birth_weight)),
            "填写了“新生儿入院体重（g）”时，“新生儿出生体重（g）”也应填写",
            severity="warning",
        ),
    ]
    headline = "{insurance} {method} 总费用 {total} 元，统筹支付 {fund} 元，个人承担 {patient_paid} 元"
    panel = table(settled, insurance, method, days, total, fund, patient_paid)

    class Meta(Record.Meta):
        verbose_name = "医疗保障基金结算清单"


class SettlementFee(Record):
    """结算清单费用: one kind of fee of a settlement list, split by what the insurance says of it."""

    title = "结算清单费用"
    source = "字段按医疗保障基金结算清单的通行项目，未与原件逐项核对"

    settlement = Link("结算清单业务主键", to=SettlementList, part_of=True, required=True)
    settled = Moment("结算日期时间", required=True)
    category = Coded("清单费用类别代码", values="KQ.settlement-fee", required=True)
    amount = Money("金额", plausible=(0, 5_000_000), required=True)
    class_a = Money("甲类金额", plausible=(0, 5_000_000))
    class_b = Money("乙类金额", plausible=(0, 5_000_000))
    outside_insurance = Money("自费金额", plausible=(0, 5_000_000))
    other = Money("其他金额", plausible=(0, 5_000_000))

    occurred = at(settled)
    rules = [adds_up(amount, class_a, class_b, outside_insurance, other)]
    headline = "{category} {amount} 元"
    panel = table(category, amount, class_a, class_b, outside_insurance, other)

    class Meta(Record.Meta):
        verbose_name = "结算清单费用"


class SettlementDiagnosis(Record):
    """结算清单诊断: one line of the diagnoses the insurance groups a stay by."""

    title = "结算清单诊断"
    source = "字段按医疗保障基金结算清单的通行项目，未与原件逐项核对"

    settlement = Link("结算清单业务主键", to=SettlementList, part_of=True, required=True)
    settled = Moment("结算日期时间", required=True)
    sequence = Count("诊断序号", plausible=(1, 99), required=True)
    main = Flag("主要诊断标志", required=True)
    tcm_role = Coded("中医诊断类别代码", values="KQ.tcm-diagnosis-role")
    disease = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10", named=True, required=missing(tcm_role))
    tcm_disease = Coded("中医诊断编码", "DE05.10.130.00", values="GBT15657", named=True, required=present(tcm_role))
    admission_condition = Coded("入院病情代码", "DE09.00.104.00", values="CV05.10.019")

    occurred = at(settled)
    rules = [
        Rule("main-first", sequence, every(yes(main), at_least(sequence, 2)), "主要诊断的“诊断序号”应为 1"),
    ]
    headline = "{sequence} {disease_name} {disease} {tcm_disease_name}"
    panel = table(sequence, disease, tcm_disease, admission_condition)

    class Meta(Record.Meta):
        verbose_name = "结算清单诊断"


class SettlementOperation(Record):
    """结算清单手术: one line of the operations the insurance groups a stay by."""

    title = "结算清单手术"
    source = "字段按医疗保障基金结算清单的通行项目，未与原件逐项核对"

    settlement = Link("结算清单业务主键", to=SettlementList, part_of=True, required=True)
    sequence = Count("手术序号", plausible=(1, 99), required=True)
    main = Flag("主要手术标志", required=True)
    code = Coded("手术及操作编码", "DE06.00.093.00", values="icd-9-cm-3", named=True, required=True)
    begun = Moment("手术开始日期时间", "DE06.00.221.00", required=True)
    ended = Moment("手术结束日期时间", "DE06.00.218.00")
    anaesthesia = Coded("麻醉方法代码", "DE06.00.073.00", values="CV06.00.103")
    surgeon = Text("手术者姓名", "DE02.01.039.00", max_length=50)
    surgeon_code = Text("手术者医保代码", max_length=32)
    anaesthetist = Text("麻醉医师姓名", "DE02.01.039.00", max_length=50)
    anaesthetist_code = Text("麻醉医师医保代码", max_length=32)

    occurred = at(begun)
    rules = [
        not_before(ended, begun),
        Rule("main-first", sequence, every(yes(main), at_least(sequence, 2)), "主要手术的“手术序号”应为 1"),
    ]
    headline = "{sequence} {code_name} {surgeon}"
    panel = table(sequence, code, begun, anaesthesia, surgeon)

    class Meta(Record.Meta):
        verbose_name = "结算清单手术"


class CaseGroup(EncounterRecord):
    """DRG/DIP 分组结果: the group a stay was put into and what it is paid by."""

    title = "DRG、DIP分组结果"
    source = "字段按 DRG/DIP 分组结果的通行项目，未与原件逐项核对；分组目录由医保部门发布，此处不检查"

    settlement = Link("结算清单业务主键", to=SettlementList)
    scheme = Coded("分组方案代码", values="KQ.grouping-scheme", required=True)
    scheme_version = Text("分组方案版本", max_length=50, required=True)
    grouped = Moment("分组日期时间", required=True)
    discharged = Moment("出院日期时间", "DE06.00.017.00")
    state = Coded("分组状态代码", values="KQ.grouping-state", required=True)
    ungrouped_reason = Text("未入组原因", max_length=200, required=among(state, UNGROUPED))
    major_category = Text("主要诊断大类编码", max_length=10)
    group_code = Text("分组编码", max_length=40, required=among(state, *PAID_BY_GROUP))
    group_name = Text("分组名称", max_length=200, required=among(state, *PAID_BY_GROUP))
    weight = Quantity(
        "DRG权重", unit="", plausible=(0, 100), required=every(among(scheme, DRG), among(state, *PAID_BY_GROUP))
    )
    score = Quantity(
        "DIP病种分值",
        unit="分",
        plausible=(0, 100_000),
        required=every(among(scheme, DIP), among(state, *PAID_BY_GROUP)),
    )
    unit_value = Money("费率或点值（元）", plausible=(0, 1_000_000))
    standard_cost = Money("支付标准（元）", plausible=(0, 5_000_000))
    actual_cost = Money("实际费用（元）", plausible=(0, 5_000_000), required=True)
    difference = Money("支付标准与实际费用之差（元）", plausible=(-5_000_000, 5_000_000))
    ratio = Quantity("费用倍率", unit="", plausible=(0, 1000), note="实际费用除以支付标准")

    occurred = at(grouped)
    rules = [
        not_before(grouped, discharged),
        adds_up(standard_cost, actual_cost, difference),
        Rule(
            "not-grouped",
            group_code,
            every(among(state, UNGROUPED), present(group_code)),
            "未入组的，“分组编码”应不填",
        ),
        Rule(
            "not-high",
            ratio,
            every(among(state, HIGH), present(ratio), no(at_least(ratio, 1))),
            "高倍率病例的“费用倍率”应不低于 1",
        ),
        Rule("not-low", ratio, every(among(state, LOW), at_least(ratio, 1)), "低倍率病例的“费用倍率”应低于 1"),
    ]
    headline = "{group_code} {group_name} 支付标准 {standard_cost} 元 实际 {actual_cost} 元"
    panel = table(grouped, scheme, group_code, group_name, weight, score, standard_cost, actual_cost, difference)

    class Meta(Record.Meta):
        verbose_name = "DRG、DIP分组结果"
