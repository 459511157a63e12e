"""How an institution runs: what it reports every day, and its accounts every month."""

from typing import Any

from django.db import models

from kangqiao.standards.conditions import Differs, Rule, adds_up, at_least, every, greater, missing, not_less, present
from kangqiao.standards.data_set import DataSet, at
from kangqiao.standards.fields import Count, Date, Money, Text
from kangqiao.standards.panels import table

MOST_VISITS, MOST_BED_DAYS, MOST_YUAN = 50_000, 10_000, 100_000_000


def _within(part: Any, whole: Any) -> Rule:
    """``part`` is contained in ``whole`` and can not be greater."""
    return Rule("within", part, greater(part, whole), f"“{part.title}”不应大于“{whole.title}”")


class DailyOperations(DataSet):
    """医院运营日报: what an institution did on one day."""

    title = "医院运营日报"
    source = "字段按医院运营日报的通行项目，未与原件逐项核对"

    counted = Date("统计日期", required=True)
    outpatients = Count("门诊人次数（人次）", unit="人次", required=True, plausible=(0, MOST_VISITS))
    emergencies = Count("急诊人次数（人次）", unit="人次", required=True, plausible=(0, MOST_VISITS))
    admissions = Count("入院人数（人）", unit="人", plausible=(0, MOST_BED_DAYS))
    discharges = Count("出院人数（人）", unit="人", plausible=(0, MOST_BED_DAYS))
    deaths = Count("死亡人数（人）", unit="人", plausible=(0, 1000), note="住院死亡人数")
    operations = Count("手术人次数（人次）", unit="人次", plausible=(0, MOST_VISITS))
    open_bed_days = Count("实际开放总床日数（床日）", unit="床日", plausible=(0, MOST_BED_DAYS))
    occupied_bed_days = Count("实际占用总床日数（床日）", unit="床日", plausible=(0, MOST_BED_DAYS))
    discharged_bed_days = Count("出院者占用总床日数（床日）", unit="床日", plausible=(0, 100_000))
    income = Money("医疗收入（元）", required=True, plausible=(0, MOST_YUAN))
    outpatient_income = Money("门急诊收入（元）", plausible=(0, MOST_YUAN))
    inpatient_income = Money("住院收入（元）", plausible=(0, MOST_YUAN))
    drug_income = Money("药品收入（元）", plausible=(0, MOST_YUAN), note="含在医疗收入内")
    examination_income = Money("检查检验收入（元）", plausible=(0, MOST_YUAN), note="含在医疗收入内")
    operation_income = Money("手术收入（元）", plausible=(0, MOST_YUAN), note="含在医疗收入内")
    reporter = Text("填报人姓名", "DE02.01.039.00", max_length=50)

    occurred = at(counted)
    rules = [
        adds_up(income, outpatient_income, inpatient_income),
        _within(drug_income, income),
        _within(examination_income, income),
        _within(operation_income, income),
        not_less(discharges, deaths),
        not_less(open_bed_days, occupied_bed_days, severity="warning"),
        Rule(
            "no-open-beds",
            open_bed_days,
            every(at_least(occupied_bed_days, 1), missing(open_bed_days)),
            "填写了“实际占用总床日数（床日）”时，“实际开放总床日数（床日）”也应填写",
        ),
    ]
    headline = "门诊 {outpatients} 急诊 {emergencies} 出院 {discharges} 收入 {income} 元"
    panel = table(counted, outpatients, emergencies, admissions, discharges, occupied_bed_days, income)

    class Meta(DataSet.Meta):
        verbose_name = "医院运营日报"
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["institution_id", "counted"], name="%(class)s_counted"),
        )


class MonthlyFinance(DataSet):
    """财务月报: an institution's income and expenditure of one month."""

    title = "财务月报"
    source = "字段按医院财务收支月报的通行项目，未与原件逐项核对"

    month_end = Date("报表月份末日", required=True, note="报表所属月份的最后一天")
    income = Money("总收入（元）", required=True, plausible=(0, 10 * MOST_YUAN))
    medical_income = Money("医疗收入（元）", plausible=(0, 10 * MOST_YUAN))
    fiscal_income = Money("财政补助收入（元）", plausible=(0, 10 * MOST_YUAN))
    research_income = Money("科教收入（元）", plausible=(0, MOST_YUAN))
    other_income = Money("其他收入（元）", plausible=(0, MOST_YUAN))
    drug_income = Money("药品收入（元）", plausible=(0, 10 * MOST_YUAN), note="含在医疗收入内")
    consumable_income = Money("卫生材料收入（元）", plausible=(0, 10 * MOST_YUAN), note="含在医疗收入内")
    expenditure = Money("总支出（元）", required=True, plausible=(0, 10 * MOST_YUAN))
    staff_cost = Money("人员经费支出（元）", plausible=(0, 10 * MOST_YUAN))
    drug_cost = Money("药品费支出（元）", plausible=(0, 10 * MOST_YUAN))
    consumable_cost = Money("卫生材料费支出（元）", plausible=(0, 10 * MOST_YUAN))
    depreciation = Money("折旧和摊销支出（元）", plausible=(0, 10 * MOST_YUAN))
    management_cost = Money("管理费用支出（元）", plausible=(0, 10 * MOST_YUAN))
    other_cost = Money("其他支出（元）", plausible=(0, 10 * MOST_YUAN))
    balance = Money("本期盈余（元）", plausible=(-10 * MOST_YUAN, 10 * MOST_YUAN), note="亏损为负数")
    assets = Money("资产总额（元）", plausible=(0, 1000 * MOST_YUAN))
    debts = Money("负债总额（元）", plausible=(0, 1000 * MOST_YUAN))
    preparer = Text("填报人姓名", "DE02.01.039.00", max_length=50)

    occurred = at(month_end)
    rules = [
        adds_up(income, medical_income, fiscal_income, research_income, other_income),
        adds_up(expenditure, staff_cost, drug_cost, consumable_cost, depreciation, management_cost, other_cost),
        _within(drug_income, medical_income),
        _within(consumable_income, medical_income),
        Rule(
            "balance",
            balance,
            every(present(balance), Differs(income, (expenditure, balance))),
            "“本期盈余（元）”应等于“总收入（元）”减去“总支出（元）”",
        ),
        not_less(assets, debts, severity="warning"),
    ]
    headline = "总收入 {income} 元 总支出 {expenditure} 元 盈余 {balance} 元"
    panel = table(month_end, income, medical_income, fiscal_income, expenditure, balance)

    class Meta(DataSet.Meta):
        verbose_name = "财务月报"
