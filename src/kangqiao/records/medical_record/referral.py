"""Referrals between institutions, up and down (双向转诊)."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import Rule, among, every, later_by, missing, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Date, Moment, Text
from kangqiao.standards.panels import table


class Referral(EncounterRecord):
    """转诊: one referral, from the application to what was done there."""

    title = "转诊"
    source = "WS 445-2014 转诊(院)信息；流程按双向转诊的通行做法"

    direction = Coded("转诊方向代码", values="KQ.referral-direction", required=True)
    applied = Moment("转诊申请日期时间", required=True)
    from_department = Text("转出科室", "DE08.10.026.00", max_length=50)
    doctor = Text("转诊医师", "DE02.01.039.00", max_length=50, required=True)
    to_institution = Text("转入医疗机构名称", "DE08.10.013.00", max_length=70, required=True)
    to_institution_code = Text("转入医疗机构代码", "DE08.10.052.00", max_length=22)
    to_department = Text("转入科室", "DE08.10.026.00", max_length=50)
    diagnosis = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10", named=True, required=True)
    reason = Text("转诊原因", "DE06.00.177.00", max_length=200, required=True)
    condition = Text("病历摘要", "DE06.00.182.00", max_length=2000)
    treatment = Text("诊疗过程描述", "DE06.00.296.00", max_length=2000)
    findings = Text("主要检验检查结果", max_length=2000)
    advice = Text("下一步治疗及康复建议", max_length=1000)
    state = Coded("转诊状态代码", values="KQ.referral-state", required=True)
    answered = Moment("接诊答复日期时间")
    refusal = Text("拒收原因", max_length=200, required=among(state, "3"))
    arrived = Moment("到诊日期时间")
    finished = Date("转诊完成日期")

    occurred = at(applied)
    rules = [
        not_before(answered, applied),
        not_before(arrived, applied),
        not_before(finished, applied),
        Rule(
            "not-answered",
            answered,
            every(among(state, "2", "3", "4"), missing(answered)),
            "已答复的转诊应填写“接诊答复日期时间”",
            severity="warning",
        ),
        Rule("answered-late", answered, later_by(answered, applied, hours=2), "转诊申请应在 2 小时内答复", "warning"),
    ]
    headline = "{direction} 至 {to_institution} {diagnosis_name} {state}"
    panel = table(applied, direction, to_institution, diagnosis, reason, state)

    class Meta(Record.Meta):
        verbose_name = "转诊"
