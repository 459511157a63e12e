"""The cover of a resident's health archive."""

from kangqiao.standards.conditions import Rule, among, every, missing, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Codes, Date, Moment, Text
from kangqiao.standards.panels import table
from kangqiao.standards.quality import agrees


class ArchiveCover(Record):
    """个人基本信息: the first sheet of a health archive, in the order of the national form."""

    title = "个人基本信息"
    source = "国家基本公共卫生服务规范（第三版，2017）个人基本信息表"

    archive_number = Text(
        "城乡居民健康档案编号",
        "DE01.00.009.00",
        required=True,
        max_length=17,
        note="17 位：县 6 位、乡 3 位、村 3 位、序号 5 位，均按统计用区划代码",
    )
    residence = Coded("常住类型代码", values="GW2017.residence")
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020")
    payments = Codes("医疗费用支付方式代码", values="GW2017.payment")
    drug_allergies = Codes("药物过敏史代码", values="GW2017.drug-allergy")
    other_allergy = Text("其他药物过敏源", "DE02.10.022.00", max_length=200)
    exposures = Codes("暴露史代码", values="GW2017.exposure")
    diseases = Codes("既往疾病代码", values="GW2017.past-disease")
    disease_notes = Text(
        "既往疾病说明", "DE02.10.026.00", max_length=500, note="恶性肿瘤、职业病、其他的名称和确诊时间"
    )
    hypertension_since = Date("高血压确诊日期")
    diabetes_since = Date("糖尿病确诊日期")
    operations = Text("手术史", "DE02.10.061.00", max_length=500)
    injuries = Text("外伤史", max_length=500)
    transfusions = Text("输血史", "DE02.10.100.00", max_length=500)
    father_diseases = Codes("家族史-父亲", values="GW2017.family-disease")
    mother_diseases = Codes("家族史-母亲", values="GW2017.family-disease")
    sibling_diseases = Codes("家族史-兄弟姐妹", values="GW2017.family-disease")
    child_diseases = Codes("家族史-子女", values="GW2017.family-disease")
    hereditary_disease = Text("遗传病名称", max_length=200)
    disabilities = Codes("残疾情况代码", values="GW2017.disability")
    kitchen = Coded("厨房排风设施代码", values="GW2017.kitchen")
    fuel = Coded("燃料类型代码", values="GW2017.fuel")
    water = Coded("饮水代码", values="GW2017.water")
    toilet = Coded("厕所代码", values="GW2017.toilet")
    livestock = Coded("禽畜栏代码", values="GW2017.livestock")
    status = Coded("档案状态代码", values="KQ.archive-status", required=True)
    closed = Date("档案终止日期")
    closing_reason = Text("档案终止原因", max_length=200)
    doctor = Text("责任医生姓名", "DE02.01.039.00", max_length=50, expected=True)
    built_by = Text("建档者姓名", "DE02.01.039.00", max_length=50)
    built = Moment("建档日期时间", "DE06.00.218.00", required=True)

    occurred = at(built)
    rules = [
        not_before(closed, built),
        Rule(
            "closed-without-date",
            closed,
            every(among(status, "2", "3", "4", "5"), missing(closed)),
            "档案已终止的，“档案终止日期”应填写",
            severity="warning",
        ),
    ]
    stored = [
        agrees(abo, "patient-registration", "archive-cover", silent=("5",)),
        agrees(rh, "patient-registration", "archive-cover", silent=("3", "4")),
    ]
    headline = "档案 {archive_number} 既往疾病：{diseases}"
    panel = table(built, archive_number, status, diseases, drug_allergies, doctor)

    class Meta(Record.Meta):
        verbose_name = "个人基本信息"
