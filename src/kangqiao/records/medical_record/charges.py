"""What care cost and who paid."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import not_less
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table
from kangqiao.standards.quality import sums


class Charge(EncounterRecord):
    """费用: one settlement of a visit or a stay."""

    title = "费用"
    source = "WS 445-2014 医疗费用记录"

    number = Text("结算单号", max_length=64)
    invoice = Text("票据号码", max_length=64)
    settled = Moment("结算日期时间", required=True)
    total = Money("费用总金额", "DE07.00.010.00", required=True, plausible=(-5_000_000, 5_000_000))
    self_paid = Money("个人承担费用金额", "DE07.00.001.00", plausible=(-5_000_000, 5_000_000))
    fund_paid = Money("医保统筹基金支付金额", plausible=(-5_000_000, 5_000_000))
    account_paid = Money("医保个人账户支付金额", plausible=(-5_000_000, 5_000_000))
    other_paid = Money("其他支付金额", plausible=(-5_000_000, 5_000_000))
    payment = Coded("医疗付费方式代码", "DE07.00.007.00", values="CV07.10.005")
    settlement = Coded("医疗费用结算方式代码", values="CV07.10.004")
    refund = Flag("退费标志", note="退费按负数金额上报")
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    cashier = Text("收费员姓名", "DE02.01.039.00", max_length=50)

    occurred = at(settled)
    rules = [not_less(total, self_paid, severity="warning")]
    stored = [
        sums(total, part="charge-item", by="charge", amount="amount", message="“费用总金额”应等于其费用明细的金额之和")
    ]
    steady = True
    headline = "{payment} 总费用 {total} 元，个人承担 {self_paid} 元"
    panel = table(settled, payment, total, fund_paid, self_paid)

    class Meta(Record.Meta):
        verbose_name = "费用"


class ChargeItem(Record):
    """费用明细: one item of a settlement."""

    title = "费用明细"
    source = "WS 445-2014 医疗费用记录；WS 364.13-2011 门诊费用分类代码表"

    charge = Link("费用业务主键", to=Charge, part_of=True, required=True)
    charged = Moment("收费日期时间", required=True)
    category = Coded("费用分类代码", values="CV07.10.001")
    item = Coded("收费项目代码", values="charge-item", named=True, required=True)
    specification = Text("规格", max_length=100)
    unit_price = Money("单价", plausible=(0, 1_000_000))
    quantity = Quantity("数量", plausible=(-100_000, 100_000))
    amount = Money("金额", required=True, plausible=(-1_000_000, 1_000_000))
    insurance_class = Coded("医保项目等级代码", values="KQ.insurance-class")
    order = Text("医嘱或处方业务主键", max_length=64)
    department = Text("开单科室名称", "DE08.10.026.00", max_length=50)
    doctor = Text("开单医师姓名", "DE02.01.039.00", max_length=50)
    executing_department = Text("执行科室名称", "DE08.10.026.00", max_length=50)

    occurred = at(charged)
    headline = "{item_name} {quantity} {quantity_unit} {amount} 元"
    panel = table(charged, category, item, unit_price, quantity, amount)

    class Meta(Record.Meta):
        verbose_name = "费用明细"
