"""People managed for a severe mental disorder."""

from kangqiao.standards.conditions import Rule, among, every, no, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Text
from kangqiao.standards.panels import table


class MentalDisorderCase(Record):
    """严重精神障碍患者个人信息补充表: what is asked once, when somebody is taken into management."""

    title = "严重精神障碍患者登记"
    source = "国家基本公共卫生服务规范（第三版，2017）严重精神障碍患者个人信息补充表"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    guardian = Text("监护人姓名", max_length=50)
    guardian_relation = Text("监护人与患者关系", max_length=20)
    guardian_phone = Text("监护人电话", max_length=20)
    guardian_address = Text("监护人住址", max_length=200)
    consent = Coded("知情同意代码", values="GW2017.consent", required=True)
    consented = Date("知情同意签字日期")
    onset = Date("初次发病时间")
    past_symptoms = Codes("既往主要症状代码", values="GW2017.mental-symptom")
    locked_up = Coded("既往关锁情况代码", values="GW2017.locked-up")
    outpatient_treatment = Coded("既往门诊治疗情况代码", values="GW2017.mental-treatment")
    first_treated = Date("首次抗精神病药治疗时间")
    stays = Count("曾住精神专科医院次数", unit="次", plausible=(0, 100))
    disorder = Coded("目前诊断代码", values="CV05.01.036", required=True)
    hospital = Text("确诊医院", max_length=70)
    diagnosed = Date("确诊日期", expected=True)
    effect = Coded("最近一次治疗效果代码", values="GW2017.mental-effect")
    disturbances = Count("轻度滋事次数", unit="次", plausible=(0, 500))
    incidents = Count("肇事次数", unit="次", plausible=(0, 100))
    disasters = Count("肇祸次数", unit="次", plausible=(0, 100))
    self_harms = Count("自伤次数", unit="次", plausible=(0, 100))
    suicide_attempts = Count("自杀未遂次数", unit="次", plausible=(0, 100))
    economy = Coded("经济状况代码", values="GW2017.economy")
    advice = Text("专科医生的意见", max_length=500)
    registered = Moment("填表日期", required=True)
    doctor = Text("医生签字", "DE02.01.039.00", max_length=50)

    occurred = at(registered)
    rules = [
        not_before(diagnosed, onset),
        not_before(registered, diagnosed),
    ]
    headline = "{disorder} 确诊于 {diagnosed} {hospital}"
    panel = table(registered, disorder, diagnosed, hospital, effect)

    class Meta(Record.Meta):
        verbose_name = "严重精神障碍患者登记"


class MentalDisorderFollowUp(Record):
    """严重精神障碍患者随访: one follow-up, with the risk the person is to others."""

    title = "严重精神障碍患者随访"
    source = "国家基本公共卫生服务规范（第三版，2017）严重精神障碍患者随访服务记录表；WS 364.11-2011 危害性分级"

    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    followed_up = Moment("随访日期", "DE06.00.109.00", required=True)
    manner = Coded("本次随访形式代码", values="GW2017.manner", required=True)
    lost_reason = Text("失访原因", max_length=100)
    risk = Coded("危险性评估代码", values="CV05.10.013", required=True)
    symptoms = Codes("目前症状代码", values="GW2017.mental-symptom")
    insight = Coded("自知力代码", values="GW2017.insight")
    sleep = Coded("睡眠情况代码", values="GW2017.grade")
    appetite = Coded("饮食情况代码", values="GW2017.grade")
    self_care = Coded("个人生活料理代码", values="GW2017.grade")
    housework = Coded("家务劳动代码", values="GW2017.grade")
    work = Coded("生产劳动及工作代码", values="GW2017.grade")
    learning = Coded("学习能力代码", values="GW2017.grade")
    company = Coded("社会人际交往代码", values="GW2017.grade")
    disturbances = Count("轻度滋事次数", unit="次", plausible=(0, 100))
    incidents = Count("肇事次数", unit="次", plausible=(0, 50))
    disasters = Count("肇祸次数", unit="次", plausible=(0, 50))
    self_harms = Count("自伤次数", unit="次", plausible=(0, 50))
    suicide_attempts = Count("自杀未遂次数", unit="次", plausible=(0, 50))
    locked_up = Coded("关锁情况代码", values="GW2017.locked-up")
    laboratory = Coded("实验室检查代码", values="GW2017.presence")
    adherence = Coded("服药依从性代码", values="GW2017.mental-adherence")
    adverse_reaction = Coded("药物不良反应代码", values="GW2017.presence")
    adverse_reaction_note = Text("药物不良反应情况", max_length=200, required=among(adverse_reaction, "2"))
    effect = Coded("治疗效果代码", values="GW2017.mental-effect")
    drugs = Text("用药情况", max_length=1000)
    rehabilitation = Codes("康复措施代码", values="CV06.00.209")
    classification = Coded("本次随访分类代码", values="KQ.mental-class", required=True)
    referral_reason = Text("转诊原因", max_length=200)
    referral_place = Text("转诊机构及科室", max_length=100, required=present(referral_reason))
    next_due = Date("下次随访日期")
    doctor = Text("随访医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(followed_up)
    rules = [
        not_before(next_due, followed_up),
        Rule(
            "unstable",
            classification,
            every(among(risk, "4", "5", "6"), no(among(classification, "1"))),
            "危险性为 3～5 级时，“本次随访分类代码”应为病情不稳定",
        ),
    ]
    headline = "危险性 {risk} {classification} 服药 {adherence}"
    panel = table(followed_up, risk, classification, adherence, drugs)

    class Meta(Record.Meta):
        verbose_name = "严重精神障碍患者随访"
