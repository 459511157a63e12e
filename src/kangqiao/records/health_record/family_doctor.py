"""Family doctor agreements and what is done under them."""

from kangqiao.standards.conditions import Rule, among, every, no, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Date, Link, Moment, Money, Text
from kangqiao.standards.panels import table


class FamilyDoctorAgreement(Record):
    """家庭医生签约: one agreement of a resident with a team, for a time."""

    title = "家庭医生签约"
    source = "字段按家庭医生签约服务协议的通行项目，未与原件逐项核对"

    number = Text("协议编号", max_length=40, required=True)
    signed = Moment("签约日期", required=True)
    begins = Date("服务起始日期", required=True)
    ends = Date("服务截止日期", required=True)
    state = Coded("签约状态代码", values="KQ.agreement-state", required=True)
    team = Text("家庭医生团队名称", max_length=50, required=True)
    doctor = Text("家庭医生姓名", "DE02.01.039.00", max_length=50, required=True)
    groups = Codes("签约人群分类代码", values="KQ.agreement-group", required=True)
    package = Text("服务包名称", max_length=200)
    price = Money("服务包价格（元）", plausible=(0, 10_000))
    paid = Money("个人支付金额（元）", plausible=(0, 10_000))
    ended = Date("解约日期", required=among(state, "2"))
    end_reason = Coded("解约原因代码", values="KQ.agreement-end", required=among(state, "2"))

    occurred = at(signed)
    rules = [
        not_before(ends, begins),
        not_before(ended, begins),
        Rule(
            "ended", state, every(present(ended), no(among(state, "2"))), "填写了“解约日期”时，“签约状态代码”应为解约"
        ),
    ]
    headline = "{team} {doctor} {state} 至 {ends}"
    panel = table(signed, team, doctor, groups, package, state, ends)

    class Meta(Record.Meta):
        verbose_name = "家庭医生签约"


class FamilyDoctorService(Record):
    """家庭医生签约服务: one service given under an agreement."""

    title = "家庭医生签约服务"
    source = "字段按家庭医生签约服务记录的通行项目，未与原件逐项核对"

    agreement = Link("签约业务主键", to=FamilyDoctorAgreement, part_of=True, required=True)
    served = Moment("服务日期", required=True)
    manner = Coded("服务方式代码", "DE06.00.108.00", values="CV06.00.207", required=True)
    item = Text("服务项目", max_length=100, required=True)
    content = Text("服务内容", max_length=1000)
    doctor = Text("服务人员姓名", "DE02.01.039.00", max_length=50)

    occurred = at(served)
    headline = "{item} {content}"
    panel = table(served, item, manner, content, doctor)

    class Meta(Record.Meta):
        verbose_name = "家庭医生签约服务"
