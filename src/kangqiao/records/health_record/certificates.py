"""Certificates of birth and death."""

from kangqiao.standards.conditions import Rule, every, missing, not_before, present
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Date, Moment, Quantity, Text
from kangqiao.standards.panels import table


class BirthCertificate(Record):
    """出生医学证明: issued to the parents of a new-born; the patient is the child."""

    title = "出生医学证明"
    source = "字段按出生医学证明的通行项目，未与原件逐项核对；WS 364.3-2011 出生(分娩)地点类别代码表"

    number = Text("出生证编号", max_length=10, required=True)
    issue = Coded("签发类别代码", values="KQ.certificate-issue", required=True)
    child_name = Text("新生儿姓名", max_length=50, required=True)
    born = Moment("出生日期时间", required=True)
    gestational_weeks = Count("出生孕周（周）", unit="周", plausible=(20, 45), expected=True)
    birth_weight = Quantity("出生体重（g）", unit="g", plausible=(300, 8000))
    birth_length = Quantity("出生身长（cm）", unit="cm", plausible=(20, 65))
    birth_place = Coded("出生地点分类代码", values="CV02.01.102")
    midwifery = Text("接生机构名称", max_length=70)
    mother_name = Text("母亲姓名", max_length=50, required=True)
    mother_document_type = Coded("母亲证件类别代码", values="CV02.01.101")
    mother_document = Text("母亲证件号码", max_length=20, required=present(mother_document_type))
    mother_born = Date("母亲出生日期")
    mother_nationality = Coded("母亲国籍代码", values="GBT2659")
    mother_ethnicity = Coded("母亲民族代码", values="GBT3304")
    father_name = Text("父亲姓名", max_length=50)
    father_document_type = Coded("父亲证件类别代码", values="CV02.01.101")
    father_document = Text("父亲证件号码", max_length=20, required=present(father_document_type))
    father_born = Date("父亲出生日期")
    address = Text("家庭住址", max_length=200)
    issuer = Text("签发机构名称", max_length=70)
    issued = Date("签发日期", required=True)

    occurred = at(born)
    rules = [
        not_before(issued, born),
        not_before(born, mother_born),
    ]
    headline = "{child_name} 体重 {birth_weight} g 孕 {gestational_weeks} 周 编号 {number}"
    panel = table(born, number, child_name, birth_weight, gestational_weeks, midwifery)

    class Meta(Record.Meta):
        verbose_name = "出生医学证明"


class DeathCertificate(Record):
    """死亡医学证明: the chain of causes from the immediate to the underlying one."""

    title = "死亡医学证明"
    source = "字段按居民死亡医学证明（推断）书的通行项目，未与原件逐项核对；WS 364-2011 相关值域"

    number = Text("死亡证编号", max_length=30, required=True)
    died = Moment("死亡日期时间", required=True)
    place = Coded("死亡地点类别代码", values="CV02.01.103", required=True)
    cause_a = Coded("直接死因（a）代码", values="icd-10", named=True, required=True)
    interval_a = Text("直接死因（a）发病至死亡间隔", max_length=30)
    cause_b = Coded("引起（a）的疾病（b）代码", values="icd-10", named=True)
    interval_b = Text("疾病（b）发病至死亡间隔", max_length=30)
    cause_c = Coded("引起（b）的疾病（c）代码", values="icd-10", named=True)
    interval_c = Text("疾病（c）发病至死亡间隔", max_length=30)
    cause_d = Coded("引起（c）的疾病（d）代码", values="icd-10", named=True)
    other_diseases = Text("其他疾病诊断", max_length=500)
    underlying = Coded("根本死因代码", values="icd-10", named=True, required=True)
    institution_level = Coded("最高诊断机构级别代码", values="CV08.10.004")
    basis = Coded("最高诊断依据类别代码", values="CV05.01.037")
    family = Text("家属姓名", max_length=50)
    family_phone = Text("家属联系电话", max_length=20)
    investigation = Text("生前病史及症状体征", max_length=1000, note="死亡地点不在医疗机构时填写")
    issuer = Text("填发单位", max_length=70)
    doctor = Text("医师签名", "DE02.01.039.00", max_length=50)
    issued = Date("填发日期", required=True)

    occurred = at(died)
    rules = [
        not_before(issued, died),
        Rule(
            "broken-chain",
            cause_b,
            every(missing(cause_b), present(cause_c)),
            "死因链应依次填写：填写了（c）时（b）也应填写",
            severity="warning",
        ),
    ]
    headline = "根本死因 {underlying_name} 直接死因 {cause_a_name}"
    panel = table(died, place, cause_a, underlying, issuer)

    class Meta(Record.Meta):
        verbose_name = "死亡医学证明"
