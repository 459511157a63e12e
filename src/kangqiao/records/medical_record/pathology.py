"""What the pathologist sees."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.records.medical_record.treatment import Operation
from kangqiao.standards.conditions import Rule, among, every, later_by, missing, not_before, not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table

MALIGNANT = "3"
FROZEN = "3"


class PathologyReport(EncounterRecord):
    """病理检查报告: what tissue or cells look like to the eye, under the microscope, and what that means."""

    title = "病理检查报告"
    source = "WS 445-2014 检查记录；病理项目按病理检查报告的通行项目，未与原件逐项核对"

    number = Text("病理号", "DE01.00.005.00", max_length=18, required=True)
    kind = Coded("病理检查类别代码", values="KQ.pathology-kind", required=True)
    operation = Link("手术业务主键", to=Operation)
    clinical_diagnosis = Coded("临床诊断编码", values="icd-10", named=True)
    specimen = Text("标本名称", max_length=200, required=True)
    blocks = Count("蜡块数", unit="块", plausible=(0, 500))
    taken = Moment("标本离体日期时间")
    fixed = Moment("标本固定日期时间")
    received = Moment("标本接收日期时间")
    rejected = Text("标本不合格原因", max_length=200)
    gross = Text("大体所见", max_length=4000)
    microscopic = Text("镜下所见", max_length=4000)
    frozen_diagnosis = Text("术中冰冻诊断", max_length=1000, required=among(kind, FROZEN))
    immunohistochemistry = Text("免疫组织化学结果", max_length=4000)
    molecular = Text("分子病理结果", max_length=4000)
    diagnosis_text = Text("病理诊断", max_length=4000, required=True)
    nature = Coded("病变性质代码", values="KQ.pathology-nature", required=True)
    diagnosis = Coded(
        "病理诊断疾病编码", "DE05.01.024.00", values="icd-10", named=True, required=among(nature, MALIGNANT)
    )
    morphology = Coded("肿瘤形态学编码", values="icd-10", note="ICD-O-3 形态学编码，如 M8140/3")
    differentiation = Coded("分化程度代码", values="KQ.differentiation")
    size = Quantity("肿瘤最大径（mm）", unit="mm", plausible=(0.1, 600))
    staging = Text("病理分期（pTNM）", max_length=50)
    margin = Coded("切缘情况代码", values="KQ.margin")
    nodes_examined = Count("送检淋巴结数", unit="枚", plausible=(0, 200))
    nodes_positive = Count("阳性淋巴结数", unit="枚", plausible=(0, 200))
    reported = Moment("报告日期时间", required=True)
    pathologist = Text("报告医师签名", "DE02.01.039.00", max_length=50, required=True)
    reviewer = Text("审核医师签名", "DE02.01.039.00", max_length=50)
    applying_department = Text("检查申请科室", "DE08.10.026.00", max_length=50)
    applicant = Text("申请医师姓名", "DE02.01.039.00", max_length=50)

    occurred = at(reported)
    rules = [
        not_before(fixed, taken),
        not_before(received, taken),
        not_before(reported, received),
        not_less(nodes_examined, nodes_positive),
        Rule(
            "nothing-seen",
            microscopic,
            every(missing(microscopic), missing(frozen_diagnosis), missing(rejected)),
            "“镜下所见”应填写；标本不合格的，应填写“标本不合格原因”",
            severity="warning",
        ),
        Rule(
            "no-differentiation",
            differentiation,
            every(among(nature, MALIGNANT), missing(differentiation), missing(morphology)),
            "恶性病变应填写“分化程度代码”或“肿瘤形态学编码”",
            severity="warning",
        ),
        Rule(
            "not-reviewed",
            reviewer,
            every(among(nature, MALIGNANT), missing(reviewer)),
            "恶性病变的报告应有“审核医师签名”",
            severity="warning",
        ),
        Rule("late", reported, later_by(reported, received, hours=240), "收到标本 10 天后才报告", severity="warning"),
    ]
    headline = "{specimen} {diagnosis_text}"
    panel = table(reported, kind, specimen, diagnosis_text, nature, staging, pathologist)

    class Meta(Record.Meta):
        verbose_name = "病理检查报告"
