"""What was prescribed, ordered and operated."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards import fhir as r4
from kangqiao.standards.conditions import Rule, among, every, missing, not_before, yes
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table

NO_PRESCRIPTION = (
    r4.refuse("intent", "proposal", "plan", message="intent 为建议或计划，不是处方，请在开立后报送"),
    r4.refuse("status", "draft", message="处方还是草稿（draft），请在开立后报送"),
)

ROUTES = {
    **{"26643006": "1", "PO": "1", "37161004": "2", "PR": "2", "37839007": "3", "SL": "3"},
    **{"34206005": "401", "SQ": "401", "372464004": "402", "ID": "402", "78421000": "403", "255559005": "403"},
    **{"IM": "403", "47625008": "404", "IV": "404", "IVINJ": "404", "446406008": "5", "IPINHL": "5"},
    **{"16857009": "605", "54485002": "607", "46713006": "608", "6064005": "6", "359540000": "6"},
}
"""Routes of SNOMED CT and HL7 v3, and their code in CV06.00.102."""


class Prescription(EncounterRecord):
    """处方: one sheet a doctor signed."""

    title = "处方"
    source = "WS 445-2014 西药处方、中药处方"

    number = Text("处方编号", "DE01.00.020.00", max_length=32)
    kind = Coded("处方类别代码", values="KQ.prescription-kind", required=True)
    control = Coded("处方管理类别代码", values="KQ.prescription-control")
    prescribed = Moment("处方开立日期", "DE08.50.033.00", required=True)
    valid_days = Count("处方有效天数", "DE06.00.294.00", unit="天", plausible=(1, 90))
    department = Text("处方开立科室名称", "DE08.10.026.00", max_length=50)
    diagnosis = Text("诊断名称", "DE05.01.025.00", max_length=500)
    doctor_number = Text("处方开立医师工号", max_length=32)
    doctor = Text("处方开立医师签名", "DE02.01.039.00", max_length=50, expected=True)
    reviewer = Text("处方审核药剂师签名", "DE02.01.039.00", max_length=50)
    dispenser = Text("处方发药药剂师签名", "DE02.01.039.00", max_length=50)
    dispensed = Moment("发药日期时间")
    herbal_doses = Count(
        "中药饮片剂数（剂）", "DE08.50.050.00", unit="剂", plausible=(1, 99), required=among(kind, "3")
    )
    herbal_decoction = Text("中药饮片煎煮法", "DE08.50.047.00", max_length=100)
    herbal_usage = Text("中药用药方法", "DE06.00.136.00", max_length=100)
    amount = Money("处方药品金额", "DE07.00.004.00", plausible=(0, 100_000))
    note = Text("处方备注信息", "DE06.00.179.00", max_length=500)

    occurred = at(prescribed)
    rules = [not_before(dispensed, prescribed)]
    steady = True
    headline = "{kind} {department} {diagnosis}"
    panel = table(prescribed, kind, department, diagnosis, doctor, amount)
    fhir = r4.resource(
        "MedicationRequest",
        refused=NO_PRESCRIPTION,
        voided=r4.among("status", "cancelled"),
        number=r4.identifier(),
        kind=r4.fixed("9"),
        prescribed=r4.moment("authoredOn"),
        diagnosis=r4.joined("reasonCode"),
        doctor=r4.person("requester"),
        note=r4.joined("note"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "处方"


class PrescriptionItem(Record):
    """处方明细: one drug of a prescription."""

    title = "处方明细"
    source = "WS 445-2014 西药处方、中药处方"

    prescription = Link("处方业务主键", to=Prescription, part_of=True, required=True)
    prescribed = Moment("处方开立日期", "DE08.50.033.00", required=True)
    group = Text("处方药品组号", "DE08.50.056.00", max_length=32)
    drug = Coded("药物代码", values="drug", named=True, required=True)
    specification = Text("药物规格", "DE08.50.043.00", max_length=100)
    form = Coded("药物剂型代码", "DE08.50.011.00", values="CV08.50.002")
    maker = Text("生产企业名称", max_length=100)
    dose = Quantity("药物使用次剂量", "DE08.50.023.00", plausible=(0, 100_000))
    frequency = Coded("药物使用频次代码", "DE06.00.133.00", values="CV06.00.228")
    route = Coded("药物使用途径代码", "DE06.00.134.00", values="CV06.00.102", expected=True)
    usage = Text("用药说明", max_length=500)
    days = Count("用药天数", unit="天", plausible=(1, 90))
    total_dose = Quantity("药物使用总剂量", "DE06.00.135.00", plausible=(0, 10_000_000))
    quantity = Quantity("发药数量", plausible=(0, 100_000))
    unit_price = Money("单价", plausible=(0, 100_000))
    amount = Money("金额", plausible=(0, 1_000_000))
    is_essential = Flag("国家基本药物标志")
    is_antibacterial = Flag("抗菌药物标志")
    is_injection = Flag("注射剂标志")

    occurred = at(prescribed)
    headline = "{drug_name} {specification} {dose} {dose_unit} {frequency} {route}"
    panel = table(drug, specification, dose, frequency, route, days, quantity, amount)
    fhir = r4.resource(
        "MedicationRequest",
        refused=NO_PRESCRIPTION,
        voided=r4.among("status", "cancelled"),
        prescription=r4.own_key(),
        prescribed=r4.moment("authoredOn"),
        group=r4.text("groupIdentifier.value"),
        drug=r4.concept("medicationCodeableConcept", "medicationReference", systems=r4.ATC),
        dose=r4.measure("dosageInstruction.doseAndRate.doseQuantity"),
        frequency=r4.frequency("dosageInstruction.timing"),
        route=r4.coded("dosageInstruction.route", to=ROUTES),
        usage=r4.joined("dosageInstruction.text"),
        days=r4.amount("dispenseRequest.expectedSupplyDuration", unit="d"),
        quantity=r4.measure("dispenseRequest.quantity"),
    )

    class Meta(Record.Meta):
        verbose_name = "处方明细"


class MedicalOrder(EncounterRecord):
    """医嘱: one order of a doctor, standing or single."""

    title = "医嘱"
    source = "WS 445-2014 住院医嘱"

    category = Coded("医嘱类别代码", "DE06.00.286.00", values="DE06.00.286.00")
    kind = Coded("医嘱项目类型代码", "DE06.00.289.00", values="CV06.00.229", required=True)
    group = Text("处方药品组号", "DE08.50.056.00", max_length=32)
    item_code = Text("医嘱项目代码", max_length=64, note="本机构项目代码")
    content = Text("医嘱项目内容", "DE06.00.288.00", max_length=500, required=True)
    dose = Quantity("药物使用次剂量", "DE08.50.023.00", plausible=(0, 100_000))
    frequency = Coded("药物使用频次代码", "DE06.00.133.00", values="CV06.00.228")
    route = Coded("药物使用途径代码", "DE06.00.134.00", values="CV06.00.102")
    ordered = Moment("医嘱开立日期时间", "DE06.00.220.00", required=True)
    department = Text("医嘱开立科室", "DE08.10.026.00", max_length=50)
    doctor_number = Text("医嘱开立者工号", max_length=32)
    doctor = Text("医嘱开立者签名", "DE02.01.039.00", max_length=50)
    planned_start = Moment("医嘱计划开始日期时间", "DE06.00.222.00")
    planned_end = Moment("医嘱计划结束日期时间", "DE06.00.219.00")
    reviewed = Moment("医嘱审核日期时间", "DE09.00.088.00")
    reviewer = Text("医嘱审核人签名", "DE02.01.039.00", max_length=50)
    executed = Moment("医嘱执行日期时间", "DE06.00.222.00")
    executing_department = Text("医嘱执行科室", "DE08.10.026.00", max_length=50)
    executor = Text("医嘱执行者签名", "DE02.01.039.00", max_length=50)
    status = Text("医嘱执行状态", "DE06.00.290.00", max_length=50)
    stopped = Moment("医嘱停止日期时间", "DE06.00.218.00")
    cancelled = Moment("医嘱取消日期时间", "DE06.00.234.00")
    application = Text("电子申请单编号", "DE01.00.008.00", max_length=64)
    note = Text("医嘱备注信息", "DE06.00.179.00", max_length=500)

    occurred = at(ordered)
    rules = [
        not_before(planned_end, planned_start),
        not_before(executed, ordered, severity="warning"),
        not_before(stopped, ordered),
        not_before(cancelled, ordered),
        Rule(
            "dose-missing",
            dose,
            every(among(kind, "01"), missing(dose)),
            "药品类医嘱的“药物使用次剂量”应填写",
            severity="warning",
        ),
    ]
    headline = "{category} {content} {dose} {dose_unit} {frequency}"
    panel = table(ordered, category, kind, content, doctor, status)

    class Meta(Record.Meta):
        verbose_name = "医嘱"


class Operation(EncounterRecord):
    """手术: one operation or procedure."""

    title = "手术"
    source = "WS 445-2014 住院病案首页、一般手术记录"

    code = Coded("手术及操作编码", "DE06.00.093.00", values="icd-9-cm-3", named=True, required=True)
    main = Flag("主要手术标志")
    begun = Moment("手术开始日期时间", "DE06.00.221.00", required=True)
    ended = Moment("手术结束日期时间", "DE06.00.218.00")
    level = Coded("手术级别代码", "DE06.00.255.00", values="CV05.10.024")
    incision = Coded("手术切口类别代码", "DE06.00.257.00", values="CV05.10.022")
    healing = Coded("切口愈合等级代码", "DE05.10.147.00", values="CV05.10.023")
    site = Text("手术目标部位名称", "DE06.00.187.00", max_length=100)
    position = Coded("手术体位代码", "DE06.00.260.00", values="CV06.00.223")
    preoperative_diagnosis = Coded("术前诊断编码", "DE05.01.024.00", values="icd-10")
    postoperative_diagnosis = Coded("术后诊断编码", "DE05.01.024.00", values="icd-10")
    anaesthesia = Coded("麻醉方法代码", "DE06.00.073.00", values="CV06.00.103")
    anaesthetist = Text("麻醉医师姓名", "DE02.01.039.00", max_length=50)
    surgeon = Text("手术者姓名", "DE02.01.039.00", max_length=50, expected=True)
    first_assistant = Text("Ⅰ助姓名", "DE02.01.039.00", max_length=50)
    second_assistant = Text("Ⅱ助姓名", "DE02.01.039.00", max_length=50)
    blood_loss = Quantity("出血量（mL）", "DE06.00.097.00", unit="mL", plausible=(0, 30_000))
    transfused = Quantity("输血量（mL）", "DE06.00.267.00", unit="mL", plausible=(0, 30_000))
    infused = Quantity("输液量（mL）", "DE06.00.268.00", unit="mL", plausible=(0, 50_000))
    transfusion_reaction = Flag("输血反应标志", "DE06.00.264.00")
    implant = Text("介入物名称", "DE08.50.037.00", max_length=200)
    drained = Flag("引流标志", "DE05.10.165.00")
    course = Text("手术过程描述", "DE05.10.063.00", max_length=8000)
    department = Text("科室名称", "DE08.10.026.00", max_length=50)
    room = Text("手术间编号", "DE06.00.256.00", max_length=20)

    occurred = at(begun)
    rules = [
        not_before(ended, begun),
        Rule(
            "reaction-without-blood",
            transfused,
            every(yes(transfusion_reaction), missing(transfused)),
            "有输血反应时，“输血量（mL）”应填写",
            severity="warning",
        ),
    ]
    headline = "{code_name} {level} {surgeon}"
    panel = table(begun, code, level, incision, healing, surgeon)
    fhir = r4.resource(
        "Procedure",
        refused=(r4.refuse("status", "not-done", "preparation", message="手术或操作没有实施，不是手术记录"),),
        code=r4.concept("code", systems=r4.ICD_9_CM_3),
        begun=r4.moment("performedDateTime", "performedPeriod.start"),
        ended=r4.moment("performedPeriod.end"),
        site=r4.joined("bodySite"),
        surgeon=r4.person("performer.actor"),
        encounter=r4.encounter("encounter"),
    )

    class Meta(Record.Meta):
        verbose_name = "手术"
