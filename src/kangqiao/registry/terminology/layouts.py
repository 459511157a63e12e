"""The files in which the owners distribute their vocabularies: which column is the code, which the name.

Column heads follow the files in circulation; they were not compared with an owner's specification, so several
spellings of each are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kangqiao.registry.models import TerminologyEdition

Kind = TerminologyEdition.Kind


@dataclass(frozen=True)
class Layout:
    """Where a file's rows have what. Each field lists the spellings of one column's head.

    details  columns that tell codes of one name apart, shown beside the name
    ended    a column whose text says that the owner withdrew the code, and these texts
    member   the file's name inside a zip archive, where the owner packs more than one
    """

    code: Sequence[str]
    name: Sequence[str]
    details: Sequence[Sequence[str]] = ()
    ended: tuple[Sequence[str], Sequence[str]] = ((), ())
    member: str | None = None


_DRUG_DETAILS = (
    ("注册剂型", "剂型", "药品剂型", "实际剂型"),
    ("注册规格", "规格", "药品规格", "实际规格"),
    ("药品企业", "生产企业", "生产单位", "上市许可持有人", "企业名称"),
    ("批准文号", "国药准字"),
)

LAYOUTS: dict[Kind, Layout] = {
    Kind.ICD_10_CLINICAL: Layout(
        code=("主要编码", "疾病编码", "诊断编码", "疾病代码", "ICD编码", "编码", "代码"),
        name=("疾病名称", "诊断名称", "名称"),
        details=(("附加编码", "附加码"),),
    ),
    Kind.ICD_10_INSURANCE: Layout(
        code=("诊断代码", "医保诊断代码", "医保疾病诊断代码", "疾病诊断代码", "医保版疾病代码"),
        name=("诊断名称", "医保诊断名称", "医保疾病诊断名称", "疾病诊断名称", "医保版疾病名称"),
    ),
    Kind.ICD_9_CLINICAL: Layout(
        code=("主要编码", "手术编码", "手术操作编码", "手术操作代码", "编码", "代码"),
        name=("手术名称", "手术操作名称", "手术及操作名称", "名称"),
        details=(("附加编码", "附加码"), ("类别", "手术类别"), ("录入选项",)),
    ),
    Kind.ICD_9_INSURANCE: Layout(
        code=("手术操作代码", "手术操作编码", "医保手术操作代码", "操作代码", "手术代码"),
        name=("手术操作名称", "医保手术操作名称", "操作名称", "手术名称"),
    ),
    Kind.DRUG_INSURANCE: Layout(
        code=("药品代码", "国家医保药品代码", "医保药品编码", "医保药品代码", "国家药品代码", "药品编码", "医保编码"),
        name=("注册名称", "药品名称", "通用名", "产品名称"),
        details=_DRUG_DETAILS,
    ),
    Kind.DRUG_STANDARD: Layout(
        code=("药品本位码", "本位码", "国家药品编码本位码"),
        name=("产品名称", "药品名称", "注册名称", "通用名"),
        details=_DRUG_DETAILS,
    ),
    Kind.CONSUMABLE: Layout(
        code=("医用耗材代码", "医保医用耗材代码", "耗材代码", "耗材编码", "医保耗材编码", "医保通用名编码"),
        name=(
            "单件产品名称",
            "注册备案产品名称",
            "耗材名称",
            "医保通用名",
            "产品名称",
            "通用名",
            "三级分类(医保通用名)",
        ),
        details=(("材质", "耗材材质"), ("规格", "特征", "规格型号"), ("耗材企业", "生产企业", "注册人", "企业名称")),
    ),
    Kind.LOINC: Layout(
        code=("LOINC_NUM",),
        name=("LONG_COMMON_NAME",),
        details=(("SHORTNAME",), ("STATUS",)),
        ended=(("STATUS",), ("DEPRECATED",)),
        member="Loinc.csv",
    ),
}
"""How each kind of vocabulary is laid out."""

VALUE_SETS: dict[Kind, str] = {
    Kind.ICD_10_CLINICAL: "icd-10",
    Kind.ICD_10_INSURANCE: "icd-10",
    Kind.ICD_9_CLINICAL: "icd-9-cm-3",
    Kind.ICD_9_INSURANCE: "icd-9-cm-3",
    Kind.DRUG_INSURANCE: "drug",
    Kind.DRUG_STANDARD: "drug",
    Kind.LOINC: "lab-item",
}
"""The value set whose built-in demonstration a vocabulary stands in for."""
