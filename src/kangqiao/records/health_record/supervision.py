"""Helping the health inspection: what a township sees and hears, and where it looks."""

from kangqiao.standards.conditions import Rule, among, every, later_by, missing, not_before, yes
from kangqiao.standards.data_set import DataSet, at
from kangqiao.standards.fields import Coded, Date, Flag, Moment, Text

SOURCE = "国家基本公共卫生服务规范（第三版）卫生监督协管服务规范；字段按登记表的通行项目，未与原件逐项核对"


class SupervisionClue(DataSet):
    """卫生监督协管线索: something that an inspector should know, from its discovery to what came of it."""

    title = "卫生监督协管线索"
    source = SOURCE

    found = Moment("发现时间", required=True)
    kind = Coded("信息类别代码", values="KQ.supervision-kind", required=True)
    place = Text("发现地点", max_length=200)
    division = Text("所在行政区划代码", max_length=12, note="12 位统计用区划代码")
    subject = Text("涉及单位或个人", max_length=200)
    content = Text("信息内容", max_length=4000, required=True)
    reported = Moment("报告时间", required=True)
    reporter = Text("报告人", "DE02.01.039.00", max_length=50, required=True)
    receiver = Text("接收单位", max_length=100)
    state = Coded("办理状态代码", values="KQ.clue-state", required=True)
    result = Text("办理结果", max_length=2000, required=among(state, "3", "4"))
    closed = Date("办结日期", required=among(state, "3", "4"))

    occurred = at(found)
    rules = [
        not_before(reported, found),
        not_before(closed, reported),
        Rule("late", reported, later_by(reported, found, hours=24), "线索应在发现后 24 小时内报告", severity="warning"),
        Rule("no-receiver", receiver, missing(receiver), "“接收单位”应填写", severity="warning"),
    ]
    headline = "{kind} {subject} {content} {state}"

    class Meta(DataSet.Meta):
        verbose_name = "卫生监督协管线索"


class SupervisionPatrol(DataSet):
    """卫生监督协管巡查: one round that looked at a school, a waterworks, a clinic."""

    title = "卫生监督协管巡查"
    source = SOURCE

    patrolled = Moment("巡查时间", required=True)
    kind = Coded("巡查类别代码", values="KQ.supervision-kind", required=True)
    subject = Text("巡查单位名称", max_length=200, required=True)
    place = Text("巡查地点", max_length=200)
    division = Text("所在行政区划代码", max_length=12, note="12 位统计用区划代码")
    content = Text("巡查内容", max_length=2000, required=True)
    problem = Flag("发现问题标志", required=True)
    problems = Text("发现的主要问题", max_length=2000, required=yes(problem))
    handling = Coded("处理方式代码", values="KQ.patrol-handling", required=yes(problem))
    clue = Text("线索业务主键", max_length=64, required=among(handling, "2"))
    revisit = Date("复查日期")
    patrolling = Text("巡查人员", max_length=100, required=True)

    occurred = at(patrolled)
    rules = [
        not_before(revisit, patrolled),
        Rule(
            "no-revisit",
            revisit,
            every(among(handling, "1"), missing(revisit)),
            "要求改正的，应填写“复查日期”",
            severity="warning",
        ),
    ]
    headline = "{subject} {content} {handling}"

    class Meta(DataSet.Meta):
        verbose_name = "卫生监督协管巡查"
