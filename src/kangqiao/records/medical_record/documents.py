"""Documents of the medical record: who wrote what kind, in sections."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import among, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Link, Moment, Text
from kangqiao.standards.panels import table


class ClinicalDocument(EncounterRecord):
    """病历文书: one document of the 53 kinds that are shared, a discharge summary for example."""

    title = "病历文书"
    source = "WS/T 500-2016 文档编码"

    kind = Coded("文档类别代码", values="KQ.document-kind", required=True)
    document_title = Text("文档标题", max_length=100, required=True)
    number = Text("文档流水号", max_length=64)
    written = Moment("文档生成日期时间", required=True)
    author = Text("文档作者", "DE02.01.039.00", max_length=50, required=True)
    signed = Moment("签名日期时间", "DE09.00.053.00")
    signer = Text("审签医师", "DE02.01.039.00", max_length=50)
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    status = Coded("文档状态代码", values="KQ.document-status", required=True)
    replaces = Text("被替换文档业务主键", max_length=64, required=among(status, "3"))

    occurred = at(written)
    rules = [not_before(signed, written)]
    headline = "{document_title} {author} {status}"
    panel = table(written, kind, document_title, author, department, status)

    class Meta(Record.Meta):
        verbose_name = "病历文书"


class DocumentSection(Record):
    """文书章节: one section of a document, coded by LOINC where the standard does so."""

    title = "文书章节"
    source = "WS/T 482-2016 章节编码（LOINC）"

    document = Link("病历文书业务主键", to=ClinicalDocument, part_of=True, required=True)
    written = Moment("文档生成日期时间", required=True)
    sequence = Count("章节序号", plausible=(1, 99), required=True)
    section = Coded("章节代码", values="KQ.document-section", required=True)
    text = Text("章节内容", max_length=8000, required=True)

    occurred = at(written)
    headline = "{section}：{text}"
    panel = table(sequence, section, text)

    class Meta(Record.Meta):
        verbose_name = "文书章节"
