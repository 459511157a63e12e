"""Cases that the law wants reported."""

from kangqiao.standards.conditions import Rule, among, every, later_by, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Date, Moment, Text
from kangqiao.standards.panels import table

AS_CLASS_A = ("101", "102", "201", "205", "2121")
"""Plague and cholera, and what is managed like them: SARS, human avian influenza, pulmonary anthrax."""


class InfectiousDiseaseReport(Record):
    """传染病报告卡: one case of a notifiable disease."""

    title = "传染病报告"
    source = "WS 364.10-2011 传染病名称代码表；字段按传染病报告卡的通行项目，未与原件逐项核对"

    card_number = Text("卡片编号", max_length=32)
    kind = Coded("报告类别代码", values="KQ.report-kind", required=True)
    parent = Text("患儿家长姓名", max_length=50, note="14 岁以下填写")
    workplace = Text("工作单位（学校）", max_length=100)
    belonging = Coded("患者归属代码", values="CV02.01.104")
    occupation = Coded("人群分类代码", values="CV02.01.202")
    certainty = Coded("病例分类代码", values="KQ.case-certainty", required=True)
    course = Coded("急慢性代码", values="KQ.case-course", note="乙型肝炎、血吸虫病等填写")
    onset = Date("发病日期", required=True)
    diagnosed = Moment("诊断日期时间", required=True)
    died = Date("死亡日期")
    disease = Coded("传染病名称代码", values="CV05.01.017", named=True, required=True)
    former_disease = Text("订正前病名", max_length=100, required=among(kind, "2"))
    reporter_place = Text("报告单位", max_length=70)
    reporter = Text("填卡医生", "DE02.01.039.00", max_length=50)
    reporter_phone = Text("联系电话", max_length=20)
    reported = Moment("填卡日期时间", required=True)
    note = Text("备注", max_length=500)

    occurred = at(diagnosed)
    rules = [
        not_before(diagnosed, onset),
        not_before(reported, onset),
        not_before(died, onset),
        Rule(
            "late-24h",
            reported,
            later_by(reported, diagnosed, hours=24),
            "诊断后应在 24 小时内报告",
            severity="warning",
        ),
        Rule(
            "late-2h",
            reported,
            every(among(disease, *AS_CLASS_A), later_by(reported, diagnosed, hours=2)),
            "甲类及按甲类管理的传染病，诊断后应在 2 小时内报告",
            severity="warning",
        ),
    ]
    headline = "{disease_name} {certainty} 发病 {onset}"
    panel = table(diagnosed, disease, certainty, onset, reported, reporter_place)

    class Meta(Record.Meta):
        verbose_name = "传染病报告"
