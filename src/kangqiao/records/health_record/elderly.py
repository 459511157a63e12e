"""What public health asks of the old beside the yearly examination."""

from kangqiao.standards.conditions import Rule, adds_up, among, at_least, between, either, every, no, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Text
from kangqiao.standards.panels import table


class SelfCareAssessment(Record):
    """老年人生活自理能力评估: five activities of daily life, scored."""

    title = "老年人生活自理能力评估"
    source = "国家基本公共卫生服务规范（第三版，2017）老年人生活自理能力评估表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    assessed = Moment("评估日期", required=True)
    eating = Count("进餐评分", unit="分", plausible=(0, 5), required=True)
    grooming = Count("梳洗评分", unit="分", plausible=(0, 7), required=True)
    dressing = Count("穿衣评分", unit="分", plausible=(0, 5), required=True)
    toileting = Count("如厕评分", unit="分", plausible=(0, 10), required=True)
    moving = Count("活动评分", unit="分", plausible=(0, 10), required=True)
    total = Count("总评分", unit="分", plausible=(0, 37), required=True)
    level = Coded("自理能力评估结果代码", values="CV04.01.014", required=True)
    doctor = Text("评估医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(assessed)
    rules = [
        adds_up(total, eating, grooming, dressing, toileting, moving),
        Rule(
            "level",
            level,
            either(
                every(among(level, "1"), at_least(total, 4)),
                every(among(level, "2"), no(between(total, 4, 9))),
                every(among(level, "3"), no(between(total, 9, 19))),
                every(among(level, "4"), no(at_least(total, 19))),
            ),
            "总评分 0～3 为可自理、4～8 为轻度依赖、9～18 为中度依赖、19 及以上为不能自理，评估结果应与总评分一致",
        ),
    ]
    headline = "自理能力 {level} 总评分 {total}"
    panel = table(assessed, total, level)

    class Meta(Record.Meta):
        verbose_name = "老年人生活自理能力评估"


class ConstitutionAssessment(Record):
    """老年人中医药健康管理: the constitution according to traditional medicine, found by 33 questions."""

    title = "老年人中医药健康管理"
    source = "国家基本公共卫生服务规范（第三版，2017）老年人中医药健康管理服务记录表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    assessed = Moment("填表日期", required=True)
    answers = Text("33 项问题得分", max_length=33, note="33 个数字依次连写，每项 1～5 分")
    qi_deficiency = Count("气虚质得分", unit="分", plausible=(4, 20))
    yang_deficiency = Count("阳虚质得分", unit="分", plausible=(4, 20))
    yin_deficiency = Count("阴虚质得分", unit="分", plausible=(4, 20))
    phlegm_dampness = Count("痰湿质得分", unit="分", plausible=(4, 20))
    damp_heat = Count("湿热质得分", unit="分", plausible=(4, 20))
    blood_stasis = Count("血瘀质得分", unit="分", plausible=(4, 20))
    qi_stagnation = Count("气郁质得分", unit="分", plausible=(4, 20))
    inherited_special = Count("特禀质得分", unit="分", plausible=(4, 20))
    balanced = Count("平和质得分", unit="分", plausible=(5, 25))
    constitution = Codes("体质辨识结果代码", values="GW2017.constitution", required=True)
    tendency = Codes("倾向体质代码", values="GW2017.constitution")
    guidance = Codes("中医药保健指导代码", values="GW2017.tcm-guidance")
    other_guidance = Text("其他中医药保健指导", max_length=500)
    next_due = Date("下次评估日期")
    doctor = Text("医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(assessed)
    rules = [
        Rule(
            "no-guidance",
            guidance,
            every(present(constitution), no(present(guidance))),
            "辨识体质后，“中医药保健指导代码”应填写",
            severity="warning",
        )
    ]
    headline = "体质 {constitution} 指导 {guidance}"
    panel = table(assessed, constitution, tendency, guidance)

    class Meta(Record.Meta):
        verbose_name = "老年人中医药健康管理"
