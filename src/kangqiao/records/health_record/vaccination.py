"""Immunization."""

from kangqiao.standards import fhir as r4
from kangqiao.standards.conditions import among, not_before
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Date, Link, Moment, Quantity, Text
from kangqiao.standards.panels import table
from kangqiao.standards.quality import once


class Vaccination(Record):
    """预防接种: one dose given."""

    title = "预防接种"
    source = "国家基本公共卫生服务规范（第三版，2017）预防接种卡；WS 364.16-2011 疫苗名称代码表"

    card_number = Text("预防接种卡（证）号", max_length=32)
    kind = Coded("疫苗名称代码", values="CV08.50.001")
    vaccine = Coded("疫苗产品代码", values="vaccine", named=True, required=True)
    dose_number = Count("接种剂次", unit="剂", plausible=(1, 10))
    vaccinated = Moment("接种日期时间", required=True)
    lot = Text("疫苗批号", max_length=50, expected=True)
    trace_code = Text("疫苗追溯码", max_length=30)
    maker = Text("疫苗生产企业名称", max_length=100)
    expires = Date("疫苗有效期")
    amount = Quantity("接种剂量（mL）", unit="mL", plausible=(0.01, 10))
    site = Coded("接种部位代码", values="KQ.vaccination-site")
    route = Coded("接种途径代码", "DE06.00.134.00", values="CV06.00.102")
    funding = Coded("疫苗属性代码", values="KQ.vaccine-funding")
    reaction = Coded("疑似预防接种异常反应代码", values="CV05.01.032")
    reaction_note = Text("接种反应描述", max_length=500)
    place = Text("接种单位名称", "DE08.10.013.00", max_length=70)
    vaccinator = Text("接种者姓名", "DE02.01.039.00", max_length=50)
    next_due = Date("下次接种日期")

    occurred = at(vaccinated)
    rules = [
        not_before(expires, vaccinated),
        not_before(next_due, vaccinated),
    ]
    stored = [once(vaccine, dose_number, lot)]
    headline = "{vaccine_name} 第 {dose_number} 剂 批号 {lot}"
    panel = table(vaccinated, vaccine, dose_number, lot, place)
    fhir = r4.resource(
        "Immunization",
        patient="patient",
        refused=(r4.refuse("status", "not-done", message="没有接种（not-done），不是接种记录"),),
        vaccine=r4.concept("vaccineCode", systems=r4.ATC),
        dose_number=r4.text("protocolApplied.doseNumberPositiveInt"),
        vaccinated=r4.moment("occurrenceDateTime"),
        lot=r4.text("lotNumber"),
        maker=r4.organization("manufacturer"),
        expires=r4.day("expirationDate"),
        amount=r4.amount("doseQuantity", unit="mL"),
        site=r4.coded("site", to={"LA": "1", "RA": "2", "LT": "3", "RT": "4"}, otherwise="9"),
        route=r4.coded("route", to={"IM": "403", "SQ": "401", "ID": "402", "IDINJ": "402", "PO": "1"}),
        funding=r4.coded("fundingSource", to={"public": "1", "private": "2"}),
        place=r4.organization("location"),
        vaccinator=r4.person("performer.actor"),
    )

    class Meta(Record.Meta):
        verbose_name = "预防接种"


class VaccineReaction(Record):
    """疑似预防接种异常反应: a reaction that may have to do with a vaccination."""

    title = "疑似预防接种异常反应"
    source = "WS 364.10-2011；字段按疑似预防接种异常反应个案报告的通行项目，未与原件逐项核对"

    vaccination = Link("预防接种业务主键", to=Vaccination)
    vaccine = Coded("疫苗产品代码", values="vaccine", named=True, required=True)
    lot = Text("疫苗批号", max_length=50, expected=True)
    dose_number = Count("接种剂次", unit="剂", plausible=(1, 10))
    vaccinated = Moment("接种日期时间", required=True)
    began = Moment("反应发生日期时间", required=True)
    found = Moment("反应发现日期时间")
    signs = Text("主要临床经过", max_length=1000)
    temperature = Quantity("腋下体温（℃）", "DE04.10.186.00", unit="℃", plausible=(35, 43))
    swelling = Quantity("局部红肿直径（cm）", unit="cm", plausible=(0, 30))
    diagnosis = Coded("临床诊断代码", values="CV05.01.032")
    classification = Coded("反应分类代码", values="KQ.aefi-class", required=True)
    serious = Coded("严重程度代码", values="KQ.aefi-severity", required=True)
    outcome = Coded("转归代码", "DE05.10.113.00", values="CV05.10.010")
    handling = Text("处理情况", max_length=500, required=among(serious, "2"))
    reported = Moment("报告日期时间", required=True)
    reporter = Text("报告人", "DE02.01.039.00", max_length=50)

    occurred = at(began)
    rules = [
        not_before(began, vaccinated),
        not_before(reported, began),
    ]
    headline = "{vaccine_name} {classification} {serious} {signs}"
    panel = table(began, vaccine, lot, classification, serious, outcome)

    class Meta(Record.Meta):
        verbose_name = "疑似预防接种异常反应"
