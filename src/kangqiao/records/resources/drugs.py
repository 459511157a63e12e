"""Supply of drugs: what an institution lists, buys, keeps and hands out, and what it lacks."""

from django.db import models

from kangqiao.records.medical_record.models import Prescription, PrescriptionItem
from kangqiao.standards.conditions import (
    Rule,
    among,
    every,
    later,
    missing,
    multiplies,
    no,
    not_before,
    present,
    together,
    yes,
)
from kangqiao.standards.data_set import DataSet, Record, at
from kangqiao.standards.fields import Coded, Count, Date, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table


class FormularyItem(DataSet):
    """药品目录: one drug, in one pack of one maker, that an institution uses."""

    title = "药品目录"
    source = "字段按医疗机构药品目录的通行项目，未与原件逐项核对；WS 364.16-2011 药物剂型代码表"

    code = Text("院内药品编码", max_length=64, required=True)
    drug = Coded("药品编码", values="drug", named=True, required=True)
    approval_number = Text("批准文号", max_length=50)
    insurance_code = Text("国家医保药品编码", max_length=50)
    specification = Text("药物规格", "DE08.50.043.00", max_length=100, required=True)
    form = Coded("药物剂型代码", "DE08.50.011.00", values="CV08.50.002")
    unit = Text("包装单位", max_length=20, required=True)
    maker = Text("生产企业名称", max_length=100, required=True)
    price = Money("销售单价（元）", required=True, plausible=(0, 100_000))
    is_essential = Flag("国家基本药物标志", required=True)
    is_central = Flag("国家集中带量采购标志", required=True)
    is_antibacterial = Flag("抗菌药物标志", required=True)
    antibacterial_class = Coded("抗菌药物分级代码", values="KQ.antibacterial-class", required=yes(is_antibacterial))
    ddd = Quantity("限定日剂量（DDD）", plausible=(0.000_001, 100_000), note="一名成人一日的平均维持剂量")
    is_controlled = Flag("麻醉药品和精神药品标志")
    listed = Date("目录启用日期", required=True)
    state = Coded("药品目录状态代码", values="KQ.formulary-state", required=True)
    delisted = Date("目录停用日期", required=among(state, "2"))

    occurred = at(listed)
    rules = [
        not_before(delisted, listed),
        Rule(
            "class-of-other-drug",
            antibacterial_class,
            every(present(antibacterial_class), present(is_antibacterial), no(yes(is_antibacterial))),
            "不是抗菌药物时，不应填写“抗菌药物分级代码”",
        ),
        Rule(
            "no-ddd",
            ddd,
            every(yes(is_antibacterial), missing(ddd)),
            "抗菌药物的“限定日剂量（DDD）”应填写，否则不能计算使用强度",
            severity="warning",
        ),
    ]
    headline = "{drug_name} {specification} {maker} {state}"
    panel = table(code, drug, specification, maker, price, is_essential, state)

    class Meta(DataSet.Meta):
        verbose_name = "药品目录"


class DrugPurchase(DataSet):
    """药品采购: one line of a purchase order, completed when the goods are accepted."""

    title = "药品采购"
    source = "字段按药品采购与验收记录的通行项目，未与原件逐项核对"

    order_number = Text("采购单号", max_length=64, required=True)
    item = Link("药品目录业务主键", to=FormularyItem, required=True)
    drug = Coded("药品编码", values="drug", named=True, required=True)
    channel = Coded("药品采购方式代码", values="KQ.purchase-channel", required=True)
    supplier = Text("供应商名称", max_length=100, required=True)
    ordered = Moment("下单日期时间", required=True)
    state = Coded("药品采购状态代码", values="KQ.purchase-state", required=True)
    quantity = Quantity("采购数量", required=True, plausible=(0, 10_000_000))
    unit_price = Money("采购单价（元）", required=True, plausible=(0, 100_000))
    amount = Money("采购金额（元）", required=True, plausible=(0, 100_000_000))
    received = Moment("验收日期时间", required=among(state, "3"))
    received_quantity = Quantity("验收数量", required=among(state, "3"), plausible=(0, 10_000_000))
    lot = Text("生产批号", max_length=50, required=among(state, "3"))
    produced = Date("生产日期")
    expires = Date("有效期至", required=among(state, "3"))
    invoice = Text("发票号码", max_length=64)
    receiver = Text("验收人员姓名", "DE02.01.039.00", max_length=50)

    occurred = at(ordered)
    rules = [
        not_before(received, ordered),
        not_before(expires, produced),
        multiplies(amount, unit_price, quantity),
        Rule(
            "expired",
            expires,
            later(received, expires),
            "验收入库的药品不应已过有效期",
        ),
    ]
    headline = "{drug_name} {quantity} {quantity_unit} {supplier} {state}"
    panel = table(ordered, drug, supplier, quantity, amount, state, lot, expires)

    class Meta(DataSet.Meta):
        verbose_name = "药品采购"
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["institution_id", "ordered"], name="%(class)s_ordered"),
        )


class DrugStock(DataSet):
    """药品库存: how much of one lot of a drug there was when stock was taken."""

    title = "药品库存"
    source = "字段按药品库存盘点的通行项目，未与原件逐项核对"

    item = Link("药品目录业务主键", to=FormularyItem, required=True)
    drug = Coded("药品编码", values="drug", named=True, required=True)
    counted = Date("库存日期", required=True, note="每日或每月上报时点的日期")
    store = Text("库房名称", max_length=50, note="药库、门诊药房、住院药房等")
    lot = Text("生产批号", max_length=50, required=True)
    produced = Date("生产日期")
    expires = Date("有效期至", required=True)
    quantity = Quantity("库存数量", required=True, plausible=(0, 10_000_000))
    amount = Money("库存金额（元）", plausible=(0, 100_000_000))
    state = Coded("库存状态代码", values="KQ.stock-state", required=True)

    occurred = at(counted)
    rules = [
        not_before(expires, produced),
        not_before(counted, produced),
        Rule(
            "expired",
            state,
            every(later(counted, expires), among(state, "1")),
            "已过有效期的药品不应列为可用库存",
            severity="warning",
        ),
    ]
    headline = "{drug_name} 批号 {lot} {quantity} {quantity_unit} 有效期至 {expires}"
    panel = table(counted, drug, lot, expires, quantity, state)

    class Meta(DataSet.Meta):
        verbose_name = "药品库存"
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["institution_id", "counted"], name="%(class)s_counted"),
        )


class Dispensing(Record):
    """发药记录: one drug of a prescription handed out, from which lot and by whom."""

    title = "发药记录"
    source = "字段按药房发药记录的通行项目，未与原件逐项核对"

    prescription = Link("处方业务主键", to=Prescription, part_of=True, required=True)
    prescription_item = Link("处方明细业务主键", to=PrescriptionItem)
    item = Link("药品目录业务主键", to=FormularyItem)
    drug = Coded("药品编码", values="drug", named=True, required=True)
    specification = Text("药物规格", "DE08.50.043.00", max_length=100)
    dispensed = Moment("发药日期时间", required=True)
    lot = Text("生产批号", max_length=50, expected=True)
    expires = Date("有效期至")
    trace_code = Text("药品追溯码", max_length=100)
    quantity = Quantity("发药数量", required=True, plausible=(-100_000, 100_000))
    unit_price = Money("单价（元）", plausible=(0, 100_000))
    amount = Money("金额（元）", plausible=(-1_000_000, 1_000_000))
    returned = Flag("退药标志", note="退药按负数数量和金额上报")
    reviewer = Text("调配药师姓名", "DE02.01.039.00", max_length=50)
    pharmacist = Text("发药药师姓名", "DE02.01.039.00", max_length=50, required=True)
    window = Text("药房名称", max_length=50)

    occurred = at(dispensed)
    rules = [
        multiplies(amount, unit_price, quantity),
        Rule("expired", expires, later(dispensed, expires), "发出的药品已过有效期", severity="warning"),
    ]
    headline = "{drug_name} {quantity} {quantity_unit} 批号 {lot}"
    panel = table(dispensed, drug, specification, quantity, lot, pharmacist)

    class Meta(Record.Meta):
        verbose_name = "发药记录"


class DrugShortage(DataSet):
    """短缺药品报告: one drug that an institution could not get, from the first report to the end."""

    title = "短缺药品报告"
    source = "字段按短缺药品信息报告的通行项目，未与原件逐项核对"

    item = Link("药品目录业务主键", to=FormularyItem, note="不在本机构目录内的药品不填")
    drug = Coded("药品编码", values="drug", named=True, required=True)
    specification = Text("药物规格", "DE08.50.043.00", max_length=100)
    kind = Coded("药品短缺情形代码", values="KQ.shortage-kind", required=True)
    began = Date("短缺开始日期", required=True)
    reported = Moment("报告日期时间", required=True)
    reason = Text("短缺原因", max_length=500, required=among(kind, "9"))
    monthly_use = Quantity("月均使用量", plausible=(0, 10_000_000))
    in_stock = Quantity("现有库存量", plausible=(0, 10_000_000))
    days_left = Count("预计可用天数（天）", unit="天", plausible=(0, 365))
    has_substitute = Flag("有无替代药品标志", required=True)
    substitute = Text("替代药品名称", max_length=100, required=yes(has_substitute))
    state = Coded("短缺药品处理状态代码", values="KQ.shortage-state", required=True)
    resolved = Date("解决日期", required=among(state, "3"))
    measure = Text("处理措施", max_length=500, required=among(state, "3"))
    reporter = Text("报告人姓名", "DE02.01.039.00", max_length=50)
    reporter_phone = Text("联系电话", max_length=20)

    occurred = at(reported)
    rules = [
        not_before(reported, began),
        not_before(resolved, began),
        together(days_left, in_stock, severity="warning"),
        Rule(
            "resolved",
            state,
            every(present(resolved), among(state, "1", "2")),
            "填写了“解决日期”时，“短缺药品处理状态代码”应为已解决",
        ),
    ]
    headline = "{drug_name} {kind} 自 {began} {state}"
    panel = table(reported, drug, kind, began, has_substitute, state)

    class Meta(DataSet.Meta):
        verbose_name = "短缺药品报告"
