"""Teaching people about health."""

from kangqiao.standards.conditions import Rule, among, every, missing, not_before, present
from kangqiao.standards.data_set import DataSet, at
from kangqiao.standards.fields import Coded, Codes, Count, Date, Flag, Moment, Text


class HealthEducationActivity(DataSet):
    """健康教育活动: one lecture, consultation, board or distribution of an institution; about no single person."""

    title = "健康教育活动"
    source = "国家基本公共卫生服务规范（第三版）健康教育服务规范；字段按活动记录表的通行项目，未与原件逐项核对"

    held = Moment("活动时间", required=True)
    place = Text("活动地点", max_length=200, required=True)
    division = Text("活动所在行政区划代码", max_length=12, note="12 位统计用区划代码")
    form = Coded("活动形式代码", values="KQ.education-form", required=True)
    topic = Text("活动主题", max_length=200, required=True)
    traditional = Flag("中医药健康教育标志")
    organizer = Text("组织者", max_length=100)
    speaker = Text("主讲人", "DE02.01.039.00", max_length=50, required=among(form, "5"))
    audience = Codes("接受健康教育人员类别代码", values="KQ.education-audience")
    attended = Count("接受健康教育人数", unit="人", plausible=(0, 1_000_000), required=among(form, "4", "5", "6"))
    material_kinds = Count("发放资料种类数", unit="种", plausible=(0, 1000))
    materials = Count("发放资料数量", unit="份", plausible=(0, 1_000_000), required=among(form, "1"))
    minutes = Count("活动时长（min）", unit="min", plausible=(1, 1440))
    content = Text("活动内容", max_length=4000, required=True)
    evaluation = Text("活动总结评价", max_length=4000)
    archived = Codes("存档材料代码", values="KQ.archived-material")
    filled_by = Text("填表人签名", "DE02.01.039.00", max_length=50)
    responsible = Text("负责人签名", "DE02.01.039.00", max_length=50)
    filled = Date("填表时间")

    occurred = at(held)
    rules = [
        not_before(filled, held),
        Rule(
            "no-kinds",
            material_kinds,
            every(present(materials), missing(material_kinds)),
            "填写了“发放资料数量”时，“发放资料种类数”也应填写",
            severity="warning",
        ),
        Rule("no-evaluation", evaluation, missing(evaluation), "活动后应填写“活动总结评价”", severity="warning"),
        Rule("nothing-archived", archived, missing(archived), "“存档材料代码”应填写", severity="warning"),
    ]
    headline = "{form} {topic} {place} {attended}"

    class Meta(DataSet.Meta):
        verbose_name = "健康教育活动"
