"""Reactions to drugs."""

from kangqiao.records.resources.drugs import Dispensing
from kangqiao.standards.conditions import Rule, among, every, later_by, no, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Date, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table

SEVERE = ("3", "4")
SOON = ("2", "3", "4")
"""Severe or new reactions, as KQ.reaction-class codes them."""

SOON_HOURS, LATE_HOURS = 15 * 24, 30 * 24


class AdverseDrugReaction(Record):
    """药品不良反应报告: one reaction that may have to do with a drug."""

    title = "药品不良反应报告"
    source = "字段按药品不良反应/事件报告表的通行项目，未与原件逐项核对"

    number = Text("报告编号", max_length=40)
    kind = Coded("药品不良反应报告类别代码", values="KQ.reaction-report-kind", required=True)
    classification = Coded("药品不良反应类型代码", values="KQ.reaction-class", required=True)
    harm = Codes("药品不良反应严重后果代码", values="KQ.reaction-harm", required=among(classification, *SEVERE))
    weight = Quantity("体重（kg）", "DE04.10.188.00", unit="kg", plausible=(0.5, 250))
    disease = Coded("原患疾病代码", values="icd-10", named=True)
    former_reactions = Text("既往药品不良反应", max_length=500)
    dispensing = Link("发药记录业务主键", to=Dispensing)
    drug = Coded("怀疑药品编码", values="drug", named=True, required=True)
    approval_number = Text("批准文号", max_length=50)
    maker = Text("生产企业名称", max_length=100)
    lot = Text("生产批号", max_length=50, expected=True, note="没有批号不能追溯同批药品")
    usage = Text("用法用量", max_length=200)
    route = Coded("药物使用途径代码", "DE06.00.134.00", values="CV06.00.102")
    begun = Date("用药开始日期", required=True)
    stopped = Date("用药停止日期")
    indication = Text("用药原因", max_length=200)
    concomitant = Text("并用药品", max_length=1000)
    reaction = Text("不良反应名称", max_length=200, required=True)
    began = Moment("不良反应发生日期时间", required=True)
    found = Moment("不良反应发现日期时间")
    course = Text("不良反应过程描述及处理", max_length=4000, required=among(classification, *SEVERE))
    outcome = Coded("药品不良反应结果代码", values="KQ.reaction-outcome", required=True)
    sequelae = Text("后遗症表现", max_length=500, required=among(outcome, "5"))
    died = Moment("死亡日期时间", required=among(outcome, "6"))
    death_cause = Text("直接死因", max_length=200, required=among(outcome, "6"))
    dechallenge = Coded("停药或减量后反应是否消失或减轻代码", values="KQ.reaction-test")
    rechallenge = Coded("再次使用后是否再次出现同样反应代码", values="KQ.reaction-test")
    effect = Coded("对原患疾病的影响代码", values="KQ.reaction-effect")
    causality = Coded("报告人关联性评价代码", values="KQ.reaction-causality", required=True)
    unit_causality = Coded("报告单位关联性评价代码", values="KQ.reaction-causality")
    reported = Moment("报告日期时间", required=True)
    reporter = Text("报告人姓名", "DE02.01.039.00", max_length=50)
    reporter_phone = Text("联系电话", max_length=20)
    note = Text("备注", max_length=500)

    occurred = at(began)
    rules = [
        not_before(began, begun),
        not_before(stopped, begun),
        not_before(found, began),
        not_before(reported, began),
        not_before(died, began),
        Rule(
            "harmless",
            harm,
            every(present(harm), present(classification), no(among(classification, *SEVERE))),
            "填写了严重后果时，“药品不良反应类型代码”应为严重",
        ),
        Rule(
            "late-15d",
            reported,
            every(among(classification, *SOON), later_by(reported, began, hours=SOON_HOURS)),
            "新的或严重的药品不良反应应在 15 日内报告",
            severity="warning",
        ),
        Rule(
            "late-30d",
            reported,
            every(no(among(classification, *SOON)), later_by(reported, began, hours=LATE_HOURS)),
            "药品不良反应应在 30 日内报告",
            severity="warning",
        ),
    ]
    headline = "{reaction} 怀疑 {drug_name} {classification} {outcome}"
    panel = table(began, drug, reaction, classification, outcome, causality)

    class Meta(Record.Meta):
        verbose_name = "药品不良反应报告"
