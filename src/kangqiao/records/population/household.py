"""Households, who belongs to them, and where somebody is registered: what the police know."""

from django.db import models

from kangqiao.standards.conditions import Rule, among, every, missing, no, not_before, present
from kangqiao.standards.data_set import DataSet, Record, at
from kangqiao.standards.fields import Coded, Count, Date, Link, Moment, Text
from kangqiao.standards.panels import table


class Household(DataSet):
    """户: people registered under one number at one address."""

    title = "户信息"
    source = "字段按居民户口簿的通行项目，未与原件逐项核对"

    number = Text("户号", max_length=20, required=True)
    kind = Coded("户类别代码", values="KQ.household-kind", required=True)
    head_name = Text("户主姓名", "DE02.01.039.00", max_length=50, required=among(kind, "1"))
    head_document_type = Coded("户主身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    head_document = Text("户主身份证件号码", "DE02.01.030.00", max_length=30, required=present(head_document_type))
    members = Count("户内人数", unit="人", plausible=(0, 500))
    division = Coded(
        "户籍地行政区划代码", values="division", required=True, note="统计用区划代码，12 位，尽量填到村（居）"
    )
    address = Text("户籍地址", max_length=200, required=True)
    police_station = Text("户籍派出所名称", max_length=70)
    formed = Date("立户日期", required=True)
    state = Coded("登记状态代码", values="KQ.register-state", required=True)
    cancelled = Date("销户日期", required=among(state, "2"))

    occurred = at(formed)
    rules = [
        not_before(cancelled, formed),
        Rule(
            "cancelled",
            state,
            every(present(cancelled), no(among(state, "2"))),
            "填写了“销户日期”时，“登记状态代码”应为注销",
        ),
        Rule("no-members", members, missing(members), "“户内人数”应填写", severity="warning"),
    ]
    headline = "户号 {number} 户主 {head_name} {members} 人 {address}"
    panel = table(formed, number, kind, head_name, members, address, state)

    class Meta(DataSet.Meta):
        verbose_name = "户信息"
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["division", "number"], name="%(class)s_place"),
        )


class HouseholdMember(Record):
    """户成员: one person of a household and what they are to its head."""

    title = "户成员"
    source = "字段按居民户口簿的通行项目，未与原件逐项核对；GB/T 4761-2008 家庭关系代码"

    household = Link("户业务主键", to=Household, required=True)
    relation = Coded("与户主关系代码", values="GBT4761", required=True)
    joined = Date("入户日期")
    recorded = Moment("登记日期时间", required=True)
    state = Coded("登记状态代码", values="KQ.register-state", required=True)
    left = Date("离户日期", required=among(state, "2"))
    reason = Coded("离户原因代码", values="KQ.hukou-end", required=among(state, "2"))

    occurred = at(recorded)
    rules = [
        not_before(left, joined),
        Rule("left", state, every(present(left), no(among(state, "2"))), "填写了“离户日期”时，“登记状态代码”应为注销"),
    ]
    headline = "与户主关系 {relation} {state} 户 {household}"
    panel = table(recorded, household, relation, joined, state, left, reason)

    class Meta(Record.Meta):
        verbose_name = "户成员"
        indexes = (  # type: ignore[assignment]
            *Record.Meta.indexes,
            models.Index(fields=["institution_id", "household"], name="%(class)s_household"),
        )


class HukouRegistration(Record):
    """户籍人口: the registration of a person at the police, as it was last changed."""

    title = "户籍人口信息"
    source = "字段按常住人口登记表的通行项目，未与原件逐项核对；GB/T 2261、GB/T 3304、GB/T 4658 相关代码"

    household = Link("户业务主键", to=Household)
    kind = Coded("户口性质代码", values="KQ.hukou-kind", required=True)
    division = Coded(
        "户籍地行政区划代码", values="division", required=True, note="统计用区划代码，12 位，尽量填到村（居）"
    )
    address = Text("户籍地址", max_length=200)
    birthplace = Text("出生地", max_length=70)
    native_place = Text("籍贯", max_length=70)
    former_name = Text("曾用名", "DE02.01.039.00", max_length=50)
    ethnicity = Coded("民族代码", "DE02.01.025.00", values="GBT3304")
    marital = Coded("婚姻状况代码", "DE02.01.018.00", values="GBT2261.2")
    education = Coded("学历代码", "DE02.01.041.00", values="GBT4658")
    occupation = Coded("职业类别代码", "DE02.01.052.00", values="GBT2261.4")
    registered = Date("户口登记日期")
    reason = Coded("登记原因代码", values="KQ.hukou-reason")
    changed = Moment("最近变动日期时间", required=True, note="登记事项最近一次变动的时间")
    state = Coded("登记状态代码", values="KQ.register-state", required=True)
    cancelled = Date("户口注销日期", required=among(state, "2"))
    end_reason = Coded("户口注销原因代码", values="KQ.hukou-end", required=among(state, "2"))

    occurred = at(changed)
    rules = [
        not_before(changed, registered),
        not_before(cancelled, registered),
        Rule(
            "cancelled",
            state,
            every(present(cancelled), no(among(state, "2"))),
            "填写了“户口注销日期”时，“登记状态代码”应为注销",
        ),
        Rule("no-household", household, missing(household), "“户业务主键”应填写", severity="warning"),
    ]
    in_record = False
    headline = "{kind} {address} {state} {end_reason}"
    panel = table(changed, kind, address, registered, reason, state, cancelled, end_reason)

    class Meta(Record.Meta):
        verbose_name = "户籍人口信息"
