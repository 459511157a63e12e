"""People treated for tuberculosis at home."""

from kangqiao.standards.conditions import among, not_before, not_less, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Quantity, Text
from kangqiao.standards.panels import table


class TuberculosisFirstVisit(Record):
    """肺结核患者第一次入户随访: within 72 hours after the notice that somebody is to be managed."""

    title = "肺结核患者第一次入户随访"
    source = "国家基本公共卫生服务规范（第三版，2017）肺结核患者第一次入户随访记录表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    visited = Moment("随访时间", required=True)
    manner = Coded("随访方式代码", values="GW2017.manner", required=True)
    kind = Coded("患者类型代码", values="GW2017.tb-kind", required=True)
    sputum = Coded("痰菌情况代码", values="GW2017.sputum")
    resistance = Coded("耐药情况代码", values="GW2017.resistance")
    symptoms = Codes("症状及体征代码", values="GW2017.tb-symptom")
    other_symptom = Text("其他症状及体征", max_length=200)
    scheme = Text("化疗方案", max_length=100, required=True)
    usage = Coded("用法代码", values="GW2017.tb-usage")
    drug_form = Codes("药品剂型代码", values="GW2017.tb-drug-form")
    supervisor = Coded("督导人员代码", values="GW2017.tb-supervisor", required=True)
    own_room = Coded("单独居室代码", values="GW2017.presence")
    ventilation = Coded("通风情况代码", values="GW2017.grade")
    cigarettes = Count("日吸烟量（支）", "DE03.00.053.00", unit="支", plausible=(0, 100))
    alcohol = Quantity("日饮酒量（两）", unit="两", plausible=(0, 50))
    pharmacy = Text("取药地点", max_length=100)
    first_pickup = Date("取药时间")
    education = Codes("健康教育及培训代码", values="GW2017.tb-education")
    next_due = Date("下次随访时间")
    doctor = Text("评估医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(visited)
    rules = [not_before(next_due, visited)]
    headline = "{kind} 痰菌 {sputum} 方案 {scheme}"
    panel = table(visited, kind, sputum, scheme, supervisor)

    class Meta(Record.Meta):
        verbose_name = "肺结核患者第一次入户随访"


class TuberculosisFollowUp(Record):
    """肺结核患者随访: one follow-up during treatment; the last one says how the treatment ended."""

    title = "肺结核患者随访"
    source = "国家基本公共卫生服务规范（第三版，2017）肺结核患者随访服务记录表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    followed_up = Moment("随访时间", required=True)
    month = Count("治疗月序", unit="月", plausible=(1, 36), required=True)
    supervisor = Coded("督导人员代码", values="GW2017.tb-supervisor", required=True)
    manner = Coded("随访方式代码", values="GW2017.manner", required=True)
    symptoms = Codes("症状及体征代码", values="GW2017.tb-symptom")
    other_symptom = Text("其他症状及体征", max_length=200)
    scheme = Text("化疗方案", max_length=100)
    usage = Coded("用法代码", values="GW2017.tb-usage")
    missed_doses = Count("漏服药次数", unit="次", plausible=(0, 100))
    adverse_reaction = Coded("药物不良反应代码", values="GW2017.presence")
    adverse_reaction_note = Text("药物不良反应情况", max_length=200, required=among(adverse_reaction, "2"))
    complication = Coded("并发症或合并症代码", values="GW2017.presence")
    complication_note = Text("并发症或合并症情况", max_length=200, required=among(complication, "2"))
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转诊机构及科室", max_length=100, required=present(referral_reason))
    advice = Text("处理意见", max_length=200)
    next_due = Date("下次随访时间")
    stopped = Date("停止治疗时间")
    stop_reason = Coded("停止治疗原因代码", values="GW2017.tb-stop", required=present(stopped))
    visits_due = Count("应访视次数", unit="次", plausible=(0, 100))
    visits_made = Count("实际访视次数", unit="次", plausible=(0, 200))
    doses_due = Count("应服药次数", unit="次", plausible=(0, 2000))
    doses_taken = Count("实际服药次数", unit="次", plausible=(0, 2000))
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(followed_up)
    rules = [not_before(next_due, followed_up), not_less(doses_due, doses_taken)]
    headline = "第 {month} 月 漏服 {missed_doses} 次 {stop_reason}"
    panel = table(followed_up, month, supervisor, missed_doses, stop_reason)

    class Meta(Record.Meta):
        verbose_name = "肺结核患者随访"
