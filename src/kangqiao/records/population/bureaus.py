"""What other bureaus know: civil affairs, insurance, social security, rural revitalisation, market supervision."""

from kangqiao.standards.conditions import (
    Rule,
    adds_up,
    among,
    every,
    later,
    missing,
    no,
    not_before,
    not_less,
    present,
    together,
)
from kangqiao.standards.data_set import DataSet, Record, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Moment, Money, Text
from kangqiao.standards.panels import table


class MarriageRegistration(Record):
    """婚姻登记: one registration of a marriage or divorce; each of the two has a row."""

    title = "婚姻登记"
    source = "字段按婚姻登记的通行项目，未与原件逐项核对"

    kind = Coded("登记类别代码", values="KQ.marriage-registration", required=True)
    certificate = Text("证书字号", max_length=40, required=True)
    registered = Moment("登记日期", required=True)
    spouse_name = Text("对方姓名", "DE02.01.039.00", max_length=50, required=True)
    spouse_document_type = Coded("对方身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    spouse_document = Text("对方身份证件号码", "DE02.01.030.00", max_length=30, required=present(spouse_document_type))
    spouse_born = Date("对方出生日期")
    former_state = Coded("登记前婚姻状况代码", values="GBT2261.2")
    marriage_ended = Date("原婚姻解除日期", note="离婚或丧偶后再婚时填写")
    office = Text("登记机关名称", max_length=70)

    occurred = at(registered)
    rules = [
        not_before(registered, marriage_ended),
        Rule("spouse-born", spouse_born, later(spouse_born, registered), "“对方出生日期”不应晚于“登记日期”"),
        together(spouse_document_type, spouse_document),
        Rule(
            "still-married",
            former_state,
            every(among(kind, "1"), among(former_state, "20", "21", "22", "23")),
            "结婚登记时，“登记前婚姻状况代码”不应为已婚",
        ),
    ]
    in_record = False
    headline = "{kind} 对方 {spouse_name} {certificate}"
    panel = table(registered, kind, spouse_name, certificate, office)

    class Meta(Record.Meta):
        verbose_name = "婚姻登记"


class LowIncomeSupport(Record):
    """低保: the minimum living allowance of a household, a row for each member it is paid for."""

    title = "社会救助（低保）"
    source = "字段按最低生活保障的通行项目，未与原件逐项核对"

    certificate = Text("救助证号", max_length=40, required=True)
    kind = Coded("救助类别代码", values="KQ.low-income-kind", required=True)
    since = Moment("开始享受日期", required=True)
    applicant = Text("申请人姓名", "DE02.01.039.00", max_length=50)
    household_size = Count("家庭人口数", unit="人", plausible=(1, 30))
    supported_members = Count("享受人数", unit="人", plausible=(1, 30))
    cause = Coded("致困原因代码", values="KQ.hardship-cause")
    monthly = Money("家庭每月救助金额（元）", plausible=(0, 50_000), required=True)
    state = Coded("享受状态代码", values="KQ.benefit-state", required=True)
    until = Date("停止享受日期", required=among(state, "3"))
    stop_reason = Text("停止原因", max_length=200, required=among(state, "3"))

    occurred = at(since)
    rules = [
        not_before(until, since),
        not_less(household_size, supported_members),
        Rule("stopped", state, every(present(until), among(state, "1")), "填写了“停止享受日期”时不应为享受中"),
    ]
    in_record = False
    headline = "{kind} 家庭 {household_size} 人 每月 {monthly} 元 {state}"
    panel = table(since, kind, certificate, supported_members, monthly, state, until)

    class Meta(Record.Meta):
        verbose_name = "社会救助（低保）"


class Cremation(Record):
    """火化: the cremation of a person who died."""

    title = "火化信息"
    source = "字段按遗体火化登记的通行项目，未与原件逐项核对"

    number = Text("火化证明编号", max_length=40, required=True)
    died = Date("死亡日期", required=True)
    cremated = Moment("火化日期时间", required=True)
    death_certificate = Text("死亡医学证明编号", "DE01.00.006.00", max_length=30)
    funeral_home = Text("殡仪馆名称", max_length=70, required=True)
    ashes = Coded("骨灰去向代码", values="KQ.ashes")
    applicant = Text("办理人姓名", "DE02.01.039.00", max_length=50)
    applicant_relation = Coded("办理人与死者的关系代码", values="GBT4761")

    occurred = at(cremated)
    rules = [
        not_before(cremated, died),
        Rule(
            "no-certificate",
            death_certificate,
            missing(death_certificate),
            "“死亡医学证明编号”应填写",
            severity="warning",
        ),
    ]
    in_record = False
    headline = "{funeral_home} 骨灰 {ashes}"
    panel = table(cremated, died, funeral_home, ashes, number)

    class Meta(Record.Meta):
        verbose_name = "火化信息"


class InsuredPerson(Record):
    """参保信息: how somebody is insured for medical care in a year."""

    title = "参保信息"
    source = "字段按基本医疗保险参保登记的通行项目，未与原件逐项核对；WS 364.3-2011 医疗保险类别代码表"

    insurance_number = Text("医保个人编号", max_length=40, required=True)
    scheme = Coded("医疗保险类别代码", "DE02.01.044.00", values="CV02.01.204", required=True)
    kind = Coded("参保人员类别代码", values="KQ.insured-kind", required=True)
    year = Count("参保年度", plausible=(1998, 2100), required=True)
    begins = Moment("参保起始日期", required=True)
    ends = Date("参保截止日期")
    area = Coded("参保地行政区划代码", values="division", required=True)
    employer = Text("参保单位名称", max_length=70, required=among(kind, "1"))
    own_payment = Money("个人缴费金额（元）", plausible=(0, 1_000_000))
    employer_payment = Money("单位缴费金额（元）", plausible=(0, 1_000_000))
    subsidy = Money("财政补助和资助金额（元）", plausible=(0, 1_000_000))
    total = Money("缴费总金额（元）", plausible=(0, 1_000_000))
    paid = Date("缴费日期")
    state = Coded("参保状态代码", values="KQ.insured-state", required=True)
    ended = Date("暂停（终止）日期", required=among(state, "2", "3"))
    end_reason = Text("暂停（终止）原因", max_length=200)

    occurred = at(begins)
    rules = [
        not_before(ends, begins),
        not_before(ended, begins),
        adds_up(total, own_payment, employer_payment, subsidy),
        Rule(
            "kind",
            kind,
            every(among(scheme, "02", "03"), among(kind, "1", "2")),
            "居民医保的参保人员不应为在职或退休职工",
        ),
        Rule("ended", state, every(present(ended), among(state, "1")), "填写了“暂停（终止）日期”时不应为正常参保"),
    ]
    headline = "{year} 年 {scheme} {kind} {state}"
    panel = table(year, scheme, kind, begins, ends, total, state)

    class Meta(Record.Meta):
        verbose_name = "参保信息"


class SocialSecurityCard(Record):
    """社会保障卡: a card of somebody, and whether it is in use."""

    title = "社会保障卡"
    source = "字段按社会保障卡持卡信息的通行项目，未与原件逐项核对"

    number = Text("社会保障卡卡号", max_length=20, required=True)
    form = Coded("卡形态代码", values="KQ.card-form", required=True)
    issued = Moment("发卡日期", required=True)
    bank = Text("合作银行名称", max_length=70)
    area = Coded("发卡地行政区划代码", values="division")
    expires = Date("有效期止")
    state = Coded("卡状态代码", values="KQ.card-state", required=True)
    changed = Date("状态变更日期", required=among(state, "2", "3"))

    occurred = at(issued)
    rules = [not_before(expires, issued), not_before(changed, issued)]
    in_record = False
    headline = "卡号 {number} {form} {state}"
    panel = table(issued, number, form, bank, state, changed)

    class Meta(Record.Meta):
        verbose_name = "社会保障卡"


class MonitoredHousehold(Record):
    """防返贫监测对象: a household that might fall into poverty, a row for each member."""

    title = "防返贫监测对象"
    source = "字段按防止返贫监测和帮扶的通行项目，未与原件逐项核对"

    household_number = Text("监测户编号", max_length=40, required=True)
    kind = Coded("监测对象类别代码", values="KQ.poverty-risk-kind", required=True)
    identified = Moment("识别日期", required=True)
    relation = Coded("与户主关系代码", values="GBT4761", required=True)
    members = Count("家庭人口数", unit="人", plausible=(1, 30))
    risks = Codes("致贫返贫风险代码", values="KQ.hardship-cause", required=True)
    risk_note = Text("风险说明", max_length=500)
    income = Money("家庭人均年纯收入（元）", plausible=(0, 1_000_000))
    measures = Text("帮扶措施", max_length=500)
    helper = Text("帮扶责任人姓名", "DE02.01.039.00", max_length=50)
    state = Coded("风险状态代码", values="KQ.poverty-risk-state", required=True)
    cleared = Date("风险消除日期", required=among(state, "2"))

    occurred = at(identified)
    rules = [
        not_before(cleared, identified),
        Rule(
            "cleared",
            state,
            every(present(cleared), no(among(state, "2"))),
            "填写了“风险消除日期”时，“风险状态代码”应为已消除",
        ),
        Rule(
            "no-measures",
            measures,
            every(among(state, "1"), missing(measures)),
            "风险未消除的应填写“帮扶措施”",
            severity="warning",
        ),
    ]
    in_record = False
    headline = "{kind} {risks} {state}"
    panel = table(identified, kind, risks, income, measures, state, cleared)

    class Meta(Record.Meta):
        verbose_name = "防返贫监测对象"


class InstitutionLicence(DataSet):
    """市场主体和医疗机构证照: a licence under which an institution works."""

    title = "市场主体（医疗机构）证照"
    source = "字段按营业执照和医疗机构执业许可证的通行项目，未与原件逐项核对"

    kind = Coded("证照类别代码", values="KQ.market-licence-kind", required=True)
    number = Text("证照编号", max_length=40, required=True)
    holder = Text("主体名称", max_length=100, required=True)
    credit_code = Text("统一社会信用代码", max_length=18)
    institution = Text("持证医疗机构代码", "DE08.10.052.00", max_length=22, required=among(kind, "2"))
    institution_kind = Coded("机构类别代码", values="WS218")
    legal_person = Text("法定代表人姓名", "DE02.01.039.00", max_length=50)
    manager = Text("主要负责人姓名", "DE02.01.039.00", max_length=50)
    division = Coded("所在地行政区划代码", values="division", required=True)
    address = Text("住所", max_length=200)
    scope = Text("经营范围（诊疗科目）", max_length=2000)
    established = Date("成立日期")
    issued = Date("发证日期", required=True)
    expires = Date("有效期止")
    issuer = Text("发证机关名称", max_length=70)
    state = Coded("证照状态代码", values="KQ.market-licence-state", required=True)
    ended = Date("注销（吊销）日期", required=among(state, "3", "4"))

    occurred = at(issued)
    rules = [
        not_before(issued, established),
        not_before(expires, issued),
        not_before(ended, issued),
        Rule("ended", state, every(present(ended), among(state, "1")), "填写了“注销（吊销）日期”时不应为有效"),
        Rule("no-credit-code", credit_code, missing(credit_code), "“统一社会信用代码”应填写", severity="warning"),
    ]
    headline = "{holder} {kind} {number} {state}"
    panel = table(issued, kind, number, holder, institution, expires, state)

    class Meta(DataSet.Meta):
        verbose_name = "市场主体（医疗机构）证照"


class DrugLicence(DataSet):
    """药品经营许可: who may sell drugs, and which."""

    title = "药品经营许可"
    source = "字段按药品经营许可证的通行项目，未与原件逐项核对"

    number = Text("许可证编号", max_length=40, required=True)
    holder = Text("企业名称", max_length=100, required=True)
    credit_code = Text("统一社会信用代码", max_length=18, required=True)
    manner = Coded("经营方式代码", values="KQ.drug-trade", required=True)
    scope = Codes("经营范围代码", values="KQ.drug-scope", required=True)
    legal_person = Text("法定代表人姓名", "DE02.01.039.00", max_length=50)
    manager = Text("主要负责人姓名", "DE02.01.039.00", max_length=50)
    quality_manager = Text("质量负责人姓名", "DE02.01.039.00", max_length=50)
    division = Coded("经营地行政区划代码", values="division", required=True)
    address = Text("经营地址", max_length=200, required=True)
    warehouse = Text("仓库地址", max_length=200, required=among(manner, "1", "2"))
    issued = Date("发证日期", required=True)
    expires = Date("有效期止", required=True)
    issuer = Text("发证机关名称", max_length=70)
    state = Coded("证照状态代码", values="KQ.market-licence-state", required=True)
    ended = Date("注销（吊销）日期", required=among(state, "3", "4"))

    occurred = at(issued)
    rules = [
        not_before(expires, issued),
        not_before(ended, issued),
        Rule("ended", state, every(present(ended), among(state, "1")), "填写了“注销（吊销）日期”时不应为有效"),
        Rule(
            "no-quality-manager",
            quality_manager,
            missing(quality_manager),
            "“质量负责人姓名”应填写",
            severity="warning",
        ),
    ]
    headline = "{holder} {manner} {scope} {state}"
    panel = table(issued, number, holder, manner, scope, expires, state)

    class Meta(DataSet.Meta):
        verbose_name = "药品经营许可"
