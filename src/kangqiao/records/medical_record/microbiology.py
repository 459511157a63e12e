"""Cultures and what the germs found in them are sensitive to."""

from kangqiao.records.medical_record.findings import LabReport
from kangqiao.standards.conditions import Rule, among, either, every, missing, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Flag, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table


class CultureResult(Record):
    """微生物培养结果: one germ of a culture, or that nothing grew; stands by itself, for it has details of its own."""

    title = "微生物培养结果"
    source = "WS 445-2014 检验记录；微生物项目按检验报告的通行项目，未与原件逐项核对"

    report = Link("检验报告单编号", "DE01.00.018.00", to=LabReport, required=True)
    reported = Moment("检验报告日期", "DE04.50.133.00", required=True)
    inoculated = Moment("接种日期时间")
    result = Coded("培养结果代码", values="CV04.50.014", required=True)
    organism = Text("细菌名称", max_length=100, required=among(result, "1"))
    organism_code = Text("细菌代码", max_length=32, note="本机构代码")
    colonies = Text("菌落计数", max_length=50)
    multi_resistant = Flag("多重耐药菌标志")

    occurred = at(reported)
    rules = [not_before(reported, inoculated)]
    headline = "{result} {organism} {colonies}"
    panel = table(reported, result, organism, colonies, multi_resistant)

    class Meta(Record.Meta):
        verbose_name = "微生物培养结果"


class Susceptibility(Record):
    """药敏结果: one drug tried on one germ."""

    title = "药敏结果"
    source = "字段按药敏检验报告的通行项目，未与原件逐项核对"

    culture = Link("微生物培养结果业务主键", to=CultureResult, part_of=True, required=True)
    reported = Moment("检验报告日期", "DE04.50.133.00", required=True)
    sequence = Count("序号", plausible=(1, 99))
    drug = Text("药敏试验药物", max_length=100, required=True)
    method = Coded("药敏试验方法代码", values="KQ.susceptibility-method")
    mic = Quantity("最低抑菌浓度（mg/L）", unit="mg/L", plausible=(0.001, 2048))
    zone = Quantity("抑菌圈直径（mm）", unit="mm", plausible=(5, 60))
    result = Coded("药敏试验结果代码", values="KQ.susceptibility", required=True)

    occurred = at(reported)
    rules = [
        Rule(
            "no-measure",
            mic,
            either(
                every(among(method, "1"), missing(mic), present(zone)),
                every(among(method, "2"), missing(zone), present(mic)),
            ),
            "MIC 法应填写最低抑菌浓度，纸片扩散法应填写抑菌圈直径",
            severity="warning",
        )
    ]
    headline = "{drug} {result}"
    panel = table(drug, method, mic, zone, result)

    class Meta(Record.Meta):
        verbose_name = "药敏结果"
