"""The front page of an inpatient's medical record (病案首页): what a stay was, coded for statistics and payment."""

from kangqiao.records.medical_record.encounters import EncounterRecord
from kangqiao.standards.conditions import (
    Rule,
    adds_up,
    among,
    at_least,
    every,
    missing,
    not_before,
    not_less,
    present,
    unnamed,
    yes,
)
from kangqiao.standards.data_set import Record, at
from kangqiao.standards.fields import Coded, Count, Date, Flag, Link, Moment, Money, Quantity, Text
from kangqiao.standards.panels import table

COST = "DE07.00.010.00"
WESTERN, TRADITIONAL = "1", "2"
DEAD = "5"


class FrontPage(EncounterRecord):
    """住院病案首页: one page per stay, western or of traditional medicine."""

    title = "住院病案首页"
    source = "WS 445-2014 住院病案首页、中医住院病案首页"

    kind = Coded("首页类别代码", values="KQ.front-page-kind", required=True)
    health_card = Text("居民健康卡号", "DE01.00.021.00", max_length=18)
    payment = Coded("医疗付费方式代码", "DE07.00.007.00", values="CV07.10.005", required=True)
    times = Count("住院次数", "DE02.10.090.00", unit="次", plausible=(1, 200))
    number = Text("住院号", "DE01.00.014.00", max_length=18)
    record_number = Text("病案号", "DE01.00.004.00", max_length=18, required=True)
    newborn_birth_weight = Quantity("新生儿出生体重（g）", "DE04.10.019.00", unit="g", plausible=(300, 9000))
    newborn_weight = Quantity("新生儿入院体重（g）", "DE04.10.019.00", unit="g", plausible=(300, 9000))

    route = Coded("入院途径代码", "DE06.00.339.00", values="CV09.00.403")
    treatment_kind = Coded(
        "治疗类别代码", "DE06.00.304.00", values="KQ.treatment-kind", required=among(kind, TRADITIONAL)
    )
    admitted = Moment("入院日期时间", "DE06.00.092.00", required=True)
    admission_department = Text("入院科别", "DE08.10.026.00", max_length=50)
    admission_ward = Text("入院病房", "DE01.00.019.00", max_length=10)
    transfer_department = Text("转科科别", "DE08.10.026.00", max_length=50)
    discharged = Moment("出院日期时间", "DE06.00.017.00", required=True)
    discharge_department = Text("出院科别", "DE08.10.026.00", max_length=50)
    discharge_ward = Text("出院病房", "DE01.00.019.00", max_length=10)
    days = Count("实际住院天数", "DE06.00.310.00", unit="天", plausible=(1, 3650), required=True)

    outpatient_diagnosis = Coded("门（急）诊诊断疾病编码", "DE05.01.024.00", values="icd-10", named=True)
    outpatient_tcm_disease = Coded(
        "门（急）诊诊断（中医诊断）病名编码", "DE05.10.130.00", values="GBT15657", named=True
    )
    outpatient_tcm_syndrome = Coded(
        "门（急）诊诊断（中医证候）证候编码", "DE05.10.130.00", values="GBT15657", named=True
    )
    injury_cause = Coded("损伤中毒的外部原因疾病编码", "DE05.01.024.00", values="icd-10", named=True)
    pathology_diagnosis = Coded("病理诊断疾病编码", "DE05.01.024.00", values="icd-10", named=True)
    pathology_number = Text("病理号", "DE01.00.005.00", max_length=18)
    has_drug_allergy = Flag("药物过敏标志", "DE02.10.023.00")
    drug_allergies = Text("过敏药物", "DE02.10.022.00", max_length=1000, required=yes(has_drug_allergy))
    autopsy = Flag("死亡患者尸检标志", "DE09.00.108.00")
    abo = Coded("ABO血型代码", "DE04.50.001.00", values="CV04.50.005")
    rh = Coded("Rh血型代码", "DE04.50.010.00", values="CV04.50.020")

    clinical_pathway = Coded("实施临床路径标志代码", "DE06.00.247.00", values="KQ.pathway")
    own_tcm_preparation = Flag("使用医疗机构中药制剂标志", "DE06.00.243.00")
    tcm_equipment = Flag("使用中医诊疗设备标志", "DE06.00.244.00")
    tcm_technique = Flag("使用中医诊疗技术标志", "DE06.00.245.00")
    tcm_nursing = Flag("辨证施护标志", "DE06.00.180.00")

    department_head = Text("科主任签名", "DE02.01.039.00", max_length=50)
    chief_doctor = Text("主任（副主任）医师签名", "DE02.01.039.00", max_length=50)
    attending_doctor = Text("主治医师签名", "DE02.01.039.00", max_length=50)
    resident_doctor = Text("住院医师签名", "DE02.01.039.00", max_length=50)
    responsible_nurse = Text("责任护士签名", "DE02.01.039.00", max_length=50)
    visiting_doctor = Text("进修医师签名", "DE02.01.039.00", max_length=50)
    intern = Text("实习医师签名", "DE02.01.039.00", max_length=50)
    coder = Text("编码员签名", "DE02.01.039.00", max_length=50)
    quality = Coded("病案质量代码", "DE09.00.103.00", values="KQ.page-quality")
    quality_doctor = Text("质控医师签名", "DE02.01.039.00", max_length=50)
    quality_nurse = Text("质控护士签名", "DE02.01.039.00", max_length=50)
    quality_checked = Date("质控日期", "DE09.00.120.00")

    leaving = Coded("离院方式代码", "DE06.00.223.00", values="CV06.00.226", required=True)
    receiver = Text("拟接收医疗机构名称", "DE08.10.013.00", max_length=70, required=among(leaving, "2", "3"))
    readmission_planned = Flag("出院31d内再住院标志", "DE06.00.194.00")
    readmission_purpose = Text("出院31d内再住院目的", "DE06.00.195.00", required=yes(readmission_planned))
    coma_before_days = Count("颅脑损伤患者入院前昏迷时间-d", "DE05.10.138.01", unit="d", plausible=(0, 3650))
    coma_before_hours = Count("颅脑损伤患者入院前昏迷时间-h", "DE05.10.138.02", unit="h", plausible=(0, 23))
    coma_before_minutes = Count("颅脑损伤患者入院前昏迷时间-min", "DE05.10.138.03", unit="min", plausible=(0, 59))
    coma_after_days = Count("颅脑损伤患者入院后昏迷时间-d", "DE05.10.138.01", unit="d", plausible=(0, 3650))
    coma_after_hours = Count("颅脑损伤患者入院后昏迷时间-h", "DE05.10.138.02", unit="h", plausible=(0, 23))
    coma_after_minutes = Count("颅脑损伤患者入院后昏迷时间-min", "DE05.10.138.03", unit="min", plausible=(0, 59))

    total_cost = Money("住院总费用", COST, plausible=(0, 5_000_000), required=True)
    self_paid = Money("住院总费用-自付金额", "DE07.00.001.00", plausible=(0, 5_000_000))
    general_service = Money("综合医疗服务类-一般医疗服务费", COST)
    tcm_differentiation = Money("综合医疗服务类-一般医疗服务费-中医辨证论治费", COST)
    tcm_consultation = Money("综合医疗服务类-一般医疗服务费-中医辨证论治会诊费", COST)
    general_treatment = Money("综合医疗服务类-一般治疗操作费", COST)
    nursing = Money("综合医疗服务类-护理费", COST)
    other_service = Money("综合医疗服务类-其他费用", COST)
    pathology = Money("诊断类-病理诊断费", COST)
    laboratory = Money("诊断类-实验室诊断费", COST)
    imaging = Money("诊断类-影像学诊断费", COST)
    clinical_diagnosis = Money("诊断类-临床诊断项目费", COST)
    non_surgical = Money("治疗类-非手术治疗项目费", COST)
    physical_therapy = Money("治疗类-非手术治疗项目费-临床物理治疗费", COST)
    surgical = Money("治疗类-手术治疗费", COST)
    anaesthesia = Money("治疗类-手术治疗费-麻醉费", COST)
    operation = Money("治疗类-手术治疗费-手术费", COST)
    rehabilitation = Money("康复类-康复费", COST)
    tcm_diagnosis = Money("中医类-中医诊断费", COST)
    tcm_treatment = Money("中医类-中医治疗费", COST)
    tcm_other = Money("中医类-中医其他费", COST)
    western_drugs = Money("西药类-西药费", COST)
    antibacterials = Money("西药类-西药费-抗菌药物费用", COST)
    patent_medicines = Money("中药类-中成药费", COST)
    own_preparations = Money("中药类-中成药费-医疗机构中药制剂费", COST)
    herbs = Money("中药类-中草药费", COST)
    blood = Money("血液和血液制品类-血费", COST)
    albumin = Money("血液和血液制品类-白蛋白类制品费", COST)
    globulin = Money("血液和血液制品类-球蛋白类制品费", COST)
    clotting_factors = Money("血液和血液制品类-凝血因子类制品费", COST)
    cytokines = Money("血液和血液制品类-细胞因子类制品费", COST)
    examination_material = Money("耗材类-检查用一次性医用材料费", COST)
    treatment_material = Money("耗材类-治疗用一次性医用材料费", COST)
    operation_material = Money("耗材类-手术用一次性医用材料费", COST)
    other_cost = Money("其他类-其他费", COST)

    occurred = at(discharged)
    rules = [
        not_before(discharged, admitted),
        not_less(total_cost, self_paid),
        adds_up(
            total_cost,
            *(general_service, general_treatment, nursing, other_service),
            *(pathology, laboratory, imaging, clinical_diagnosis),
            *(non_surgical, surgical, rehabilitation, tcm_diagnosis, tcm_treatment, tcm_other),
            *(western_drugs, patent_medicines, herbs),
            *(blood, albumin, globulin, clotting_factors, cytokines),
            *(examination_material, treatment_material, operation_material, other_cost),
            severity="warning",
        ),
        not_less(western_drugs, antibacterials),
        not_less(patent_medicines, own_preparations),
        not_less(non_surgical, physical_therapy),
        Rule(
            "autopsy",
            autopsy,
            every(among(leaving, DEAD), missing(autopsy)),
            "“离院方式代码”为死亡时，“死亡患者尸检标志”应填写",
            severity="warning",
        ),
        Rule(
            "alive",
            autopsy,
            every(yes(autopsy), among(leaving, "1", "2", "3", "4")),
            "填写了尸检的，“离院方式代码”应为死亡",
        ),
        Rule(
            "newborn",
            newborn_birth_weight,
            every(present(newborn_weight), missing(newborn_birth_weight)),
            "填写了“新生儿入院体重（g）”时，“新生儿出生体重（g）”也应填写",
            severity="warning",
        ),
    ]
    headline = "{kind} {discharge_department} {days} 天 {leaving} 总费用 {total_cost} 元"
    panel = table(discharged, kind, discharge_department, days, leaving, total_cost, self_paid)

    class Meta(Record.Meta):
        verbose_name = "住院病案首页"


class FrontPageDiagnosis(Record):
    """病案首页诊断: one line of the diagnoses of discharge, the main one first."""

    title = "病案首页诊断"
    source = "WS 445-2014 住院病案首页、中医住院病案首页"

    front_page = Link("病案首页业务主键", to=FrontPage, part_of=True, required=True)
    discharged = Moment("出院日期时间", "DE06.00.017.00", required=True)
    sequence = Count("诊断序号", plausible=(1, 99), required=True)
    main = Flag("主要诊断标志", required=True)
    tcm_role = Coded("中医诊断类别代码", values="KQ.tcm-diagnosis-role")
    disease = Coded("疾病诊断编码", "DE05.01.024.00", values="icd-10", named=True)
    tcm_disease = Coded("中医诊断编码", "DE05.10.130.00", values="GBT15657", named=True, required=present(tcm_role))
    admission_condition = Coded("入院病情代码", "DE09.00.104.00", values="CV05.10.019")
    outcome = Coded("治疗结果代码", "DE05.10.113.00", values="CV05.10.010")

    occurred = at(discharged)
    rules = [
        Rule(
            "nothing-diagnosed",
            disease,
            every(unnamed(disease), unnamed(tcm_disease)),
            "西医疾病诊断与中医诊断至少应填写一种",
            severity="warning",
        ),
        Rule("main-first", sequence, every(yes(main), at_least(sequence, 2)), "主要诊断的“诊断序号”应为 1"),
    ]
    headline = "{sequence} {disease_name} {disease} {tcm_disease_name}"
    panel = table(sequence, disease, tcm_disease, admission_condition, outcome)

    class Meta(Record.Meta):
        verbose_name = "病案首页诊断"


class FrontPageOperation(Record):
    """病案首页手术: one line of the operations and procedures of the stay."""

    title = "病案首页手术"
    source = "WS 445-2014 住院病案首页"

    front_page = Link("病案首页业务主键", to=FrontPage, part_of=True, required=True)
    sequence = Count("手术序号", plausible=(1, 99), required=True)
    code = Coded("手术及操作编码", "DE06.00.093.00", values="icd-9-cm-3", named=True, required=True)
    performed = Moment("手术及操作日期", "DE06.00.221.00", required=True)
    level = Coded("手术级别代码", "DE06.00.255.00", values="CV05.10.024")
    surgeon = Text("手术者姓名", "DE02.01.039.00", max_length=50)
    first_assistant = Text("Ⅰ助姓名", "DE02.01.039.00", max_length=50)
    second_assistant = Text("Ⅱ助姓名", "DE02.01.039.00", max_length=50)
    incision = Coded("手术切口类别代码", "DE06.00.257.00", values="CV05.10.022")
    healing = Coded("切口愈合等级代码", "DE05.10.147.00", values="CV05.10.023")
    anaesthesia = Coded("麻醉方法代码", "DE06.00.073.00", values="CV06.00.103")
    anaesthetist = Text("麻醉医师姓名", "DE02.01.039.00", max_length=50)

    occurred = at(performed)
    headline = "{sequence} {code_name} {level} {surgeon}"
    panel = table(sequence, code, performed, level, incision, healing, surgeon)

    class Meta(Record.Meta):
        verbose_name = "病案首页手术"
