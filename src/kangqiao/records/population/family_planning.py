"""计划生育: registering a child to come, examinations before pregnancy, contraception, support of bereaved parents."""

from kangqiao.standards.conditions import (
    Rule,
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
    together,
)
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table


class ChildbearingRegistration(Record):
    """生育登记: a couple says that it will have a child; the patient is the woman."""

    title = "生育登记"
    source = "字段按生育登记服务的通行项目，未与原件逐项核对"

    number = Text("生育登记编号", max_length=40, required=True)
    registered = Moment("登记日期", required=True)
    manner = Coded("登记方式代码", values="KQ.registration-manner")
    children = Count("现有子女数", unit="人", plausible=(0, 15), required=True)
    child_order = Count("本次登记孩次", unit="孩", plausible=(1, 15), required=True)
    married = Date("结婚登记日期")
    spouse_name = Text("配偶姓名", "DE02.01.039.00", max_length=50)
    spouse_document_type = Coded("配偶身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    spouse_document = Text("配偶身份证件号码", "DE02.01.030.00", max_length=30, required=present(spouse_document_type))
    last_menses = Date("末次月经日期")
    due = Date("预产期")
    office = Text("登记机关名称", max_length=70)
    state = Coded("登记状态代码", values="KQ.register-state", required=True)
    cancelled = Date("注销日期", required=among(state, "2"))

    occurred = at(registered)
    rules = [
        not_before(due, last_menses),
        not_before(registered, married),
        not_before(cancelled, registered),
        together(spouse_name, spouse_document),
        Rule(
            "child-order",
            child_order,
            every(present(child_order), present(children), no(greater(child_order, children))),
            "“本次登记孩次”应大于“现有子女数”",
        ),
        Rule(
            "cancelled",
            state,
            every(present(cancelled), no(among(state, "2"))),
            "填写了“注销日期”时，“登记状态代码”应为注销",
        ),
    ]
    headline = "第 {child_order} 孩 配偶 {spouse_name} 预产期 {due} {state}"
    panel = table(registered, number, child_order, children, spouse_name, due, state)

    class Meta(Record.Meta):
        verbose_name = "生育登记"


class PreconceptionExamination(Record):
    """孕前优生健康检查: one partner of a couple that plans a child, examined free of charge."""

    title = "孕前优生健康检查"
    source = "字段按孕前优生健康检查的通行项目，未与原件逐项核对"

    number = Text("检查档案编号", max_length=40, required=True)
    examined = Moment("检查日期", required=True)
    spouse_name = Text("配偶姓名", "DE02.01.039.00", max_length=50)
    height = Quantity("身高（cm）", unit="cm", plausible=(100, 230))
    weight = Quantity("体重（kg）", unit="kg", plausible=(25, 250))
    systolic = Quantity("收缩压（mmHg）", unit="mmHg", plausible=(60, 260))
    diastolic = Quantity("舒张压（mmHg）", unit="mmHg", plausible=(30, 160))
    haemoglobin = Quantity("血红蛋白（g/L）", unit="g/L", plausible=(20, 250))
    fasting_glucose = Quantity("空腹血糖（mmol/L）", unit="mmol/L", plausible=(1, 40))
    hepatitis_b = Coded("乙型肝炎表面抗原代码", values="GW2017.serology")
    syphilis = Coded("梅毒血清学试验代码", values="GW2017.serology")
    folic_acid = Date("开始服用叶酸日期")
    risk = Coded("风险评估结果代码", values="KQ.preconception-risk", required=True)
    risk_factors = Codes("风险因素代码", values="KQ.preconception-factor", required=among(risk, "2"))
    advice = Text("优生咨询指导意见", max_length=1000, required=among(risk, "2"))
    doctor = Text("检查医生签名", "DE02.01.039.00", max_length=50)

    occurred = at(examined)
    rules = [
        not_less(systolic, diastolic),
        Rule(
            "pressure",
            risk,
            every(among(risk, "1"), either(at_least(systolic, 140), at_least(diastolic, 90))),
            "血压达到 140/90 mmHg 的应评估为高风险人群",
            severity="warning",
        ),
        Rule(
            "infection",
            risk,
            every(among(risk, "1"), either(among(hepatitis_b, "2"), among(syphilis, "2"))),
            "乙型肝炎表面抗原或梅毒血清学试验阳性的应评估为高风险人群",
            severity="warning",
        ),
        Rule(
            "factors",
            risk_factors,
            every(among(risk, "1"), present(risk_factors)),
            "“风险评估结果代码”为一般人群时，不填“风险因素代码”",
        ),
    ]
    headline = "{risk} {risk_factors} 血压 {systolic}/{diastolic} mmHg"
    panel = table(examined, risk, risk_factors, systolic, diastolic, haemoglobin, advice)

    class Meta(Record.Meta):
        verbose_name = "孕前优生健康检查"


class ContraceptionService(Record):
    """避孕节育服务: a means handed out or an operation, and how the person was afterwards."""

    title = "避孕节育服务"
    source = "字段按计划生育技术服务记录的通行项目，未与原件逐项核对；WS 364.12-2011 避孕方式代码表"

    served = Moment("服务日期", required=True)
    service = Coded("服务项目代码", values="KQ.contraception-service", required=True)
    method = Coded("服务后避孕方式代码", values="CV06.00.211", required=True)
    product = Text("药具名称", max_length=100, required=among(service, "01", "02", "04"))
    amount = Count("发放数量", plausible=(1, 1000), required=among(service, "01"))
    removal_reason = Text(
        "取出（终止）原因", max_length=200, required=among(service, "03", "05"), note="取出节育器或皮下埋植剂时填写"
    )
    consent = Date("知情同意书签署日期", required=among(service, "02", "03", "04", "05", "06", "07", "08", "09"))
    operator = Text("手术者姓名", "DE02.01.039.00", max_length=50, required=present(consent))
    complication = Coded("手术并发症代码", values="KQ.contraception-complication")
    follow_up = Date("术后随访日期")
    follow_up_result = Coded("术后随访结果代码", values="KQ.contraception-follow-up", required=present(follow_up))
    provider = Text("服务人员姓名", "DE02.01.039.00", max_length=50)

    occurred = at(served)
    rules = [
        not_before(served, consent),
        not_before(follow_up, served),
        together(follow_up, follow_up_result),
        Rule(
            "sterilised",
            method,
            every(among(service, "06", "07"), no(among(method, "06"))),
            "绝育手术后，“服务后避孕方式代码”应为绝育手术",
        ),
        Rule(
            "no-follow-up",
            follow_up,
            every(present(complication), no(among(complication, "1")), missing(follow_up)),
            "有手术并发症的应填写“术后随访日期”",
            severity="warning",
        ),
    ]
    headline = "{service} {product} {method} 随访 {follow_up_result}"
    panel = table(served, service, product, method, complication, follow_up, follow_up_result)

    class Meta(Record.Meta):
        verbose_name = "避孕节育服务"


class SpecialSupport(Record):
    """计划生育特别扶助: support of somebody whose only child died or is disabled, or whom an operation harmed."""

    title = "计划生育特别扶助"
    source = "字段按计划生育家庭特别扶助的通行项目，未与原件逐项核对"

    number = Text("扶助对象编号", max_length=40, required=True)
    kind = Coded("扶助类别代码", values="KQ.special-support-kind", required=True)
    since = Moment("开始扶助日期", required=True)
    child_name = Text("子女姓名", "DE02.01.039.00", max_length=50, required=among(kind, "1", "2"))
    child_died = Date("子女死亡日期", required=among(kind, "1"))
    disability_grade = Coded("子女残疾等级代码", values="KQ.disability-grade", required=among(kind, "2"))
    complication_grade = Coded("并发症等级代码", values="KQ.complication-grade", required=among(kind, "3"))
    monthly = Money("每月扶助金额（元）", plausible=(0, 10_000), required=True)
    paid_until = Date("已发放至日期")
    state = Coded("享受状态代码", values="KQ.benefit-state", required=True)
    until = Date("停止扶助日期", required=among(state, "3"))
    stop_reason = Text("停止原因", max_length=200, required=among(state, "3"))

    occurred = at(since)
    rules = [
        not_before(until, since),
        not_before(since, child_died),
        Rule("stopped", state, every(present(until), among(state, "1")), "填写了“停止扶助日期”时不应为享受中"),
        Rule(
            "disability",
            disability_grade,
            every(among(kind, "2"), present(disability_grade), no(among(disability_grade, "1", "2", "3"))),
            "独生子女伤残的扶助一般为三级以上残疾",
            severity="warning",
        ),
    ]
    in_record = False
    headline = "{kind} 每月 {monthly} 元 {state}"
    panel = table(since, kind, monthly, state, until, stop_reason)

    class Meta(Record.Meta):
        verbose_name = "计划生育特别扶助"
