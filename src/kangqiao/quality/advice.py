"""How to put right what a rule finds, in plain words for those who keep the sending system."""

from __future__ import annotations

from kangqiao.quality.catalogue import QualityRule, Stage
from kangqiao.standards.quality import Dimension

_CODES = "在对码表中把本院用语对到标准代码，再从业务系统重新导出；值域见“数据标准”页面。"
_LINKS = "先查被引用的数据是否漏传或被退回，补传后这里会自动消失；主键写错的，改正主键后重报本行。"

OF_CHECK = {
    "required": "在业务系统中补录这一项并设为必填；已有数据补录后以原业务主键重报。",
    "expected": "尽量补录这一项；业务系统中确实没有的，与平台数据管理员说明。",
    "format": "检查导出程序写出的格式：日期写作 20260131，时间写作 20260131T093000，数字不带单位和汉字。",
    "length": "查看导出时是否拼接了多个字段；确实过长的请缩短，不要截断编码。",
    "value-set": _CODES,
    "name": "代码与名称应取自同一行字典：只报代码、不报名称，或按值域改正名称。",
    "uncoded": _CODES,
    "institution": "机构代码应与“机构目录”一致；下属机构须先登记由谁代报。",
    "repeated": "导出时按业务主键去重，每个主键一行，保留最新的一行。",
    "range": "逐行核对数值和单位，常见的是单位不同或小数点错位；核对无误的可以保留。",
    "future": "核对业务系统的时钟和时区；日期录错的，改正后重报。",
    "late": "把导出任务改为按日或按当期自动执行；补报以前的数据时，报送期写数据形成的时期。",
    "orphan": _LINKS,
    "lacking": "查应有的明细是否漏传或被退回，补传即可；确实没有的，在业务系统中补录。",
    "double": "同一事件只保留一行：确定保留哪个业务主键，其余的以作废标志 T 重报。",
    "other-sex": "核对患者登记的性别和诊断编码，改正错的一方。",
    "other-age": "核对患者的出生日期和诊断编码，改正错的一方。",
    "not-alive": "核对结果数值、计量单位与项目是否对应，特别是仪器接口换算的单位。",
    "name-of-another": "编码和名称不是同一内容：核对对码表，改正对错的一方。",
    "weekend-gap": "核对整个周末没有数据的原因：漏传的请补报；确实停诊的，与平台数据管理员说明。",
    "sudden-drop": "核对导出任务是否中断、系统是否换过版本，漏传的请补报。",
    "former": "检查规则已经修改：更正后以原业务主键重报，或请平台数据管理员确认。",
}
"""By the check's word."""

OF_DIMENSION = {
    Dimension.COMPLETENESS: "按规则所说的条件补录这一项，以原业务主键重报。",
    Dimension.VALIDITY: _CODES,
    Dimension.CONSISTENCY: "对照原始病历或登记核对规则涉及的各项，改正错的一项，以原业务主键重报。",
    Dimension.TIMELINESS: "按规则所说的时限办理和填写；时间录错的，改正后以原业务主键重报。",
    Dimension.UNIQUENESS: "确定保留哪一行，其余的作废后重报。",
    Dimension.LINKAGE: _LINKS,
    Dimension.STABILITY: "核对导出任务和报送记录，漏传的请补报。",
}
"""For all other rules, which relate fields to each other."""

STAGES = {
    Stage.GATE: "接收时检查，不合格的行退回、不入库；更正后重报并被接收，就不再计入",
    Stage.ROW: "接收时检查，不合格的行照常入库并提醒；重报更正后，下次测量时不再计入",
    Stage.STORED: "入库后对照其他数据检查；重报更正后，下次测量时不再计入",
    Stage.SERIES: "入库后按每天的行数检查，以天计数；补报后，下次测量时不再计入",
}


def advice_on(rule: QualityRule) -> str:
    """Return how to put right what a rule finds."""
    check = rule.word.partition(":")[2]
    return OF_CHECK.get(check) or OF_DIMENSION[rule.dimension]
