"""How an institution knows its patients."""

from kangqiao.records.population.document_rules import document_rules
from kangqiao.standards import fhir as r4
from kangqiao.standards.conditions import Rule, later, missing, not_before, present, together
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Date, Moment, Text
from kangqiao.standards.panels import table
from kangqiao.standards.quality import agrees, own_name

DOCUMENT_KINDS = {"2.16.156.10011.1.3": "01", "NNCHN": "01", "PPN": "03"}
"""Identity documents among FHIR identifiers, by OID (WS/T 500) or HL7 table 0203, and their code in CV02.01.101."""

OF_CHILDREN = "新生儿、儿童填写"


class PatientRegistration(Record):
    """患者基本信息: who a patient is, as one institution registered them."""

    title = "患者基本信息"
    source = "WS 445-2014 患者基本信息；证件签发机构与有效期、医保编号、母亲姓名与证件为区域扩展"

    document_type = Coded("身份证件类别代码", "DE02.01.031.00", values="CV02.01.101")
    document_number = Text("身份证件号码", "DE02.01.030.00", max_length=30, required=present(document_type))
    document_issuer = Text("身份证件签发机构名称", "DE08.10.013.00", max_length=70)
    document_valid_until = Date("身份证件有效期截止日期", note="长期有效的填 99991231")
    health_card = Text("居民健康卡号", "DE01.00.021.00", max_length=64)
    archive_number = Text("城乡居民健康档案编号", "DE01.00.009.00", max_length=17)
    name = Text("姓名", "DE02.01.039.00", required=True, max_length=50)
    sex = Coded("性别代码", "DE02.01.040.00", values="GBT2261.1", required=True)
    birth_date = Date("出生日期", "DE02.01.005.01", expected=True)
    nationality = Coded("国籍代码", "DE02.01.015.00", values="GBT2659")
    ethnicity = Coded("民族代码", "DE02.01.025.00", values="GBT3304")
    marital = Coded("婚姻状况代码", "DE02.01.018.00", values="GBT2261.2")
    education = Coded("学历代码", "DE02.01.041.00", values="GBT4658")
    occupation = Coded("职业类别代码", "DE02.01.052.00", values="GBT2261.4")
    employer = Text("工作单位名称", "DE02.01.004.00", max_length=70)
    phone = Text("患者电话号码", "DE02.01.010.00", max_length=20, expected=True)
    division = Coded("现住址行政区划代码", values="division", note="统计用区划代码，12 位，尽量填到村（居）")
    province = Text("现住址-省（自治区、直辖市）", "DE02.01.009.01", max_length=70)
    city = Text("现住址-市（地区、州）", "DE02.01.009.02", max_length=70)
    county = Text("现住址-县（区）", "DE02.01.009.03", max_length=70)
    township = Text("现住址-乡（镇、街道办事处）", "DE02.01.009.04", max_length=70)
    village = Text("现住址-村（街、路、弄等）", "DE02.01.009.05", max_length=70)
    house = Text("现住址-门牌号码", "DE02.01.009.06", max_length=70)
    contact_name = Text("联系人姓名", "DE02.01.039.00", max_length=50)
    contact_relation = Coded("联系人与患者的关系代码", "DE02.10.024.00", values="GBT4761")
    contact_phone = Text("联系人电话号码", "DE02.01.010.00", max_length=20)
    mother_name = Text("母亲姓名", "DE02.01.039.00", max_length=50, note=OF_CHILDREN)
    mother_document_type = Coded("母亲身份证件类别代码", "DE02.01.031.00", values="CV02.01.101", note=OF_CHILDREN)
    mother_document = Text(
        "母亲身份证件号码",
        "DE02.01.030.00",
        max_length=30,
        required=present(mother_document_type),
        note=OF_CHILDREN,
    )
    insurance = Coded("医疗保险类别代码", "DE02.01.044.00", values="CV02.01.204")
    insurance_number = Text("医保编号", max_length=40, note="国家医疗保障信息平台的个人编号")
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020")
    died_at = Moment("死亡日期时间")
    registered_at = Moment("建档日期时间", "DE06.00.218.00", required=True, note="患者在本机构首次登记的时间")

    occurred = at(registered_at)
    rules = [
        together(document_type, document_number),
        together(mother_document_type, mother_document),
        not_before(registered_at, birth_date),
        not_before(died_at, birth_date),
        Rule(
            "no-document",
            document_number,
            missing(document_number),
            "没有身份证件号码的患者只能单独建档，核对身份后才能与其他机构的记录合并",
            severity="warning",
        ),
        Rule(
            "expired",
            document_valid_until,
            later(registered_at, document_valid_until),
            "登记时身份证件已过有效期，请核对或提醒患者换证",
            severity="warning",
        ),
    ]
    stored = [
        *document_rules(document_number, birth_date=birth_date, sex=sex),
        own_name(name),
        agrees(name, "patient-registration"),
        agrees(abo, "patient-registration", "archive-cover", silent=("5",)),
        agrees(rh, "patient-registration", "archive-cover", silent=("3", "4")),
    ]
    headline = "{name} {sex} {birth_date}"
    panel = table(document_type, document_number, phone, township, village, insurance, registered_at)
    fhir = r4.resource(
        "Patient",
        patient=None,
        refused=(
            r4.refuse_when(
                r4.has_extension("http://hl7.org/fhir/StructureDefinition/patient-animal"),
                "extension",
                "该患者是动物，不登记为居民",
            ),
        ),
        document_type=r4.document_type(DOCUMENT_KINDS),
        document_number=r4.identifier(*DOCUMENT_KINDS),
        document_issuer=r4.assigner(*DOCUMENT_KINDS),
        document_valid_until=r4.until(*DOCUMENT_KINDS),
        health_card=r4.identifier("2.16.156.10011.1.19"),
        archive_number=r4.identifier("2.16.156.10011.1.2"),
        insurance_number=r4.identifier("MB"),
        name=r4.name("name"),
        sex=r4.coded("gender", to={"male": "1", "female": "2", "unknown": "0"}, otherwise="9", absent="9"),
        birth_date=r4.day("birthDate"),
        marital=r4.coded("maritalStatus", to={"S": "10", "M": "20", "W": "30", "D": "40"}, otherwise="90"),
        phone=r4.phone("telecom"),
        province=r4.text("address.state"),
        city=r4.text("address.city"),
        county=r4.text("address.district"),
        house=r4.text("address.line"),
        contact_name=r4.name("contact.name"),
        contact_phone=r4.phone("contact.telecom"),
        mother_name=r4.relative("contact", "MTH"),
        died_at=r4.moment("deceasedDateTime"),
        registered_at=r4.or_receipt(r4.moment("identifier.period.start", "meta.lastUpdated")),
    )

    class Meta(Record.Meta):
        verbose_name = "患者基本信息"
