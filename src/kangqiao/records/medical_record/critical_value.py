"""Findings that can not wait (危急值)."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import Rule, later_by, missing, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Moment, Text
from kangqiao.standards.panels import table


class CriticalValue(EncounterRecord):
    """危急值: a finding that threatens life, from its discovery to what was done about it."""

    title = "危急值"
    source = "字段按危急值报告与接收登记的通行项目，未与原件逐项核对"

    source_kind = Coded("危急值来源代码", values="KQ.critical-source", required=True)
    report_number = Text("报告单编号", max_length=64, note="检验或检查报告的业务主键")
    item = Text("危急值项目", max_length=100, required=True)
    value = Text("危急值结果", max_length=200, required=True)
    found = Moment("发现日期时间", required=True)
    reported = Moment("报告日期时间", required=True)
    reporter = Text("报告者", "DE02.01.039.00", max_length=50)
    received = Moment("接收日期时间")
    receiver = Text("接收者", "DE02.01.039.00", max_length=50)
    informed_doctor = Text("接报医师", "DE02.01.039.00", max_length=50)
    handled = Moment("处置日期时间")
    handling = Text("处置措施", max_length=500)

    occurred = at(found)
    rules = [
        not_before(reported, found),
        not_before(received, reported),
        not_before(handled, received),
        Rule("not-received", received, missing(received), "危急值应有“接收日期时间”", severity="warning"),
        Rule("not-handled", handled, missing(handled), "危急值应有“处置日期时间”", severity="warning"),
        Rule("late", reported, later_by(reported, found, hours=1), "危急值应在发现后立即报告", severity="warning"),
    ]
    headline = "{item} {value} 处置：{handling}"
    panel = table(found, item, value, reported, received, handled, handling)

    class Meta(Record.Meta):
        verbose_name = "危急值"
