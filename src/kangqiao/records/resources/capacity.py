"""What an institution works with: beds, equipment, and people entitled to practise."""

from django.db import models

from kangqiao.standards.conditions import (
    Rule,
    among,
    at_least,
    either,
    every,
    greater,
    missing,
    no,
    not_before,
    not_less,
    present,
    yes,
)
from kangqiao.standards.data_set import DataSet, at
from kangqiao.standards.fields import Coded, Count, Date, Flag, Money, Text
from kangqiao.standards.panels import table


class BedCount(DataSet):
    """床位: the beds of one kind in a department on one day."""

    title = "床位"
    source = "字段按床位统计的通行项目，未与原件逐项核对"

    counted = Date("统计日期", required=True)
    department_code = Text("科室代码", max_length=32, required=True, note="本机构科室代码")
    department = Text("科室名称", "DE08.10.026.00", max_length=50, required=True)
    kind = Coded("床位类别代码", values="KQ.bed-kind", required=True)
    authorised = Count("编制床位数（张）", unit="张", required=True, plausible=(0, 5000))
    open = Count("实际开放床位数（张）", unit="张", required=True, plausible=(0, 5000))
    occupied = Count("占用床位数（张）", unit="张", required=True, plausible=(0, 5000))
    extra = Count("加床数（张）", unit="张", plausible=(0, 500))
    reserved = Count("可供转诊预留床位数（张）", unit="张", plausible=(0, 500))

    occurred = at(counted)
    rules = [
        not_less(authorised, open, severity="warning"),
        not_less(open, reserved),
        Rule(
            "no-extra",
            occupied,
            every(greater(occupied, open), either(missing(extra), no(at_least(extra, 1)))),
            "“占用床位数（张）”大于“实际开放床位数（张）”时，应有加床",
        ),
    ]
    headline = "{department} {kind} 开放 {open} 张 占用 {occupied} 张"
    panel = table(counted, department, kind, authorised, open, occupied)

    class Meta(DataSet.Meta):
        verbose_name = "床位"
        indexes = (  # type: ignore[assignment]
            *DataSet.Meta.indexes,
            models.Index(fields=["institution_id", "counted"], name="%(class)s_counted"),
        )


class Equipment(DataSet):
    """设备: one device, from the day it was bought to the day it is scrapped."""

    title = "设备"
    source = "字段按医疗设备台账的通行项目，未与原件逐项核对"

    number = Text("设备编号", max_length=64, required=True)
    device = Text("设备名称", max_length=100, required=True)
    kind = Coded("设备类别代码", values="KQ.equipment-kind", required=True)
    model = Text("规格型号", max_length=100)
    maker = Text("生产厂商名称", max_length=100)
    origin = Coded("设备产地代码", values="KQ.equipment-origin")
    registration = Text("医疗器械注册证编号", max_length=50)
    serial = Text("出厂编号", max_length=64)
    large = Coded("大型医用设备管理类别代码", values="KQ.large-equipment", required=True)
    licence = Text("大型医用设备配置许可证编号", max_length=64, required=among(large, "1", "2"))
    value = Money("购置金额（元）", required=True, plausible=(0, 1_000_000_000))
    bought = Date("购置日期", required=True)
    in_use = Date("启用日期")
    department = Text("使用科室名称", "DE08.10.026.00", max_length=50)
    state = Coded("设备状态代码", values="KQ.equipment-state", required=True)
    scrapped = Date("报废日期", required=among(state, "4"))
    inspected = Date("最近计量检定日期")
    inspection_due = Date("下次计量检定日期")

    occurred = at(bought)
    rules = [
        not_before(in_use, bought),
        not_before(scrapped, bought),
        not_before(inspection_due, inspected),
        Rule(
            "scrapped",
            state,
            every(present(scrapped), among(state, "1", "2", "3")),
            "填写了“报废日期”时，“设备状态代码”应为已报废",
        ),
    ]
    headline = "{device} {model} {department} {state}"
    panel = table(bought, device, kind, model, value, department, state)

    class Meta(DataSet.Meta):
        verbose_name = "设备"


class StaffLicence(DataSet):
    """人员执业资格: what a member of staff is entitled to do, where and until when."""

    title = "人员执业资格"
    source = "字段按医师、护士执业注册信息的通行项目，未与原件逐项核对"

    staff_number = Text("工号", max_length=32, required=True)
    staff = Text("人员姓名", "DE02.01.039.00", max_length=50, required=True)
    kind = Coded("执业资格类别代码", values="KQ.licence-kind", required=True)
    qualification = Text("资格证书编号", max_length=64)
    number = Text("执业证书编号", max_length=64, required=among(kind, "1", "2", "3", "6"))
    category = Coded("医师执业类别代码", values="KQ.practice-category", required=among(kind, "1", "2"))
    scope = Text("执业范围", max_length=200, required=among(kind, "1", "2"))
    title_name = Text("专业技术职务名称", max_length=50)
    registered = Date("执业注册日期", required=True)
    valid_until = Date("执业证书有效期至", required=among(kind, "3", "6"), note="长期有效的不填")
    state = Coded("执业资格状态代码", values="KQ.licence-state", required=True)
    main_place = Text("主要执业机构名称", max_length=70)
    multi_site = Flag("多机构执业标志")
    other_places = Text("其他执业机构名称", max_length=500, required=yes(multi_site), note="多个用顿号分隔")
    prescribes = Flag("处方权标志")
    prescribes_controlled = Flag("麻醉药品和第一类精神药品处方权标志")
    antibacterial_class = Coded("抗菌药物处方权限代码", values="KQ.antibacterial-class", note="可开具的最高级别")

    occurred = at(registered)
    rules = [
        not_before(valid_until, registered),
        Rule(
            "prescribes",
            prescribes,
            every(yes(prescribes), among(kind, "3", "4", "5")),
            "护士、药师和医技人员没有处方权",
        ),
        Rule(
            "controlled",
            prescribes_controlled,
            every(yes(prescribes_controlled), no(yes(prescribes))),
            "有麻醉药品和第一类精神药品处方权的，应有处方权",
        ),
        Rule(
            "one-site",
            other_places,
            every(present(other_places), no(yes(multi_site))),
            "填写了“其他执业机构名称”时，“多机构执业标志”应为是",
            severity="warning",
        ),
    ]
    headline = "{staff} {kind} {scope} {state}"
    panel = table(registered, staff, kind, scope, valid_until, state)

    class Meta(DataSet.Meta):
        verbose_name = "人员执业资格"
