"""The nouns of the registry: divisions, institutions, their departments and staff, and terminologies."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from kangqiao.infra.ids import uuid7

INSTITUTION_CODE = r"^[0-9A-Z-]{9,22}$"
DIVISION_CODE = r"^[0-9]{12}$"


_VALIDITY = Func("valid_from", "valid_to", function="daterange", output_field=DateRangeField())
"""The days on which a row holds: from the first, included, to the last, excluded; NULL is open."""


class Division(models.Model):
    """行政区划: a city, county, township or village under the name it bore from one day to another.

    The statistics bureau and the ministry of civil affairs number townships differently; both codes are kept, and
    the statistical one is the code that others refer to. A renamed division is two rows with one statistical code.
    """

    class Level(models.TextChoices):
        """The four levels of a city's divisions."""

        CITY = "city", "市"
        COUNTY = "county", "县（区）"
        TOWNSHIP = "township", "乡镇（街道）"
        VILLAGE = "village", "村（社区）"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    level = models.CharField("级别", max_length=10, choices=Level)
    stats_code = models.CharField("统计用区划代码", max_length=12)
    mca_code = models.CharField("民政区划代码", max_length=12, null=True)
    name = models.TextField("名称")
    parent_code = models.CharField("上级统计用区划代码", max_length=12)
    valid_from = models.DateField("启用日期", null=True)
    valid_to = models.DateField("停用日期", null=True)
    note = models.TextField("说明", null=True)

    class Meta:
        verbose_name = "行政区划"
        constraints = [
            ExclusionConstraint(
                name="division_has_one_name_at_a_time",
                expressions=[
                    ("stats_code", RangeOperators.EQUAL),
                    (_VALIDITY, RangeOperators.OVERLAPS),
                ],
            ),
            models.CheckConstraint(
                name="division_level_is_known", condition=Q(level__in=["city", "county", "township", "village"])
            ),
            models.CheckConstraint(
                name="division_codes_have_twelve_digits",
                condition=Q(stats_code__regex=DIVISION_CODE, parent_code__regex=DIVISION_CODE)
                & (Q(mca_code__isnull=True) | Q(mca_code__regex=DIVISION_CODE)),
            ),
            models.CheckConstraint(
                name="division_ends_after_it_begins",
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
        ]
        indexes = [models.Index(fields=["parent_code"], name="division_of_parent")]

    def __str__(self) -> str:
        return self.name


class Institution(models.Model):
    """医疗卫生机构: whoever treats people or sends data. `parent` is the one it belongs to and reports through."""

    class Ownership(models.TextChoices):
        """Who runs it."""

        PUBLIC = "public", "公立"
        PRIVATE = "private", "民营"

    id = models.AutoField(primary_key=True)
    code = models.TextField("机构代码", unique=True)
    name = models.TextField("机构名称")
    short_name = models.TextField("简称")
    level = models.CharField("医院等级", max_length=2, null=True)
    type = models.CharField("机构类别", max_length=4)
    division_code = models.CharField("所在区划", max_length=12)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="children", verbose_name="上级（代报）机构"
    )
    ownership = models.CharField("办别", max_length=10, choices=Ownership)
    valid_from = models.DateField("启用日期", null=True)
    valid_to = models.DateField("停用日期", null=True)
    active = models.BooleanField("启用", default=True)

    class Meta:
        verbose_name = "机构"
        constraints = [
            models.CheckConstraint(name="institution_code_has_its_form", condition=Q(code__regex=INSTITUTION_CODE)),
            models.CheckConstraint(name="institution_has_names", condition=~Q(name="") & ~Q(short_name="")),
            models.CheckConstraint(
                name="institution_division_has_twelve_digits", condition=Q(division_code__regex=DIVISION_CODE)
            ),
            models.CheckConstraint(
                name="institution_is_not_its_own_parent", condition=Q(parent__isnull=True) | ~Q(parent=F("id"))
            ),
            models.CheckConstraint(
                name="institution_ownership_is_known", condition=Q(ownership__in=["public", "private"])
            ),
            models.CheckConstraint(
                name="institution_ends_after_it_begins",
                condition=Q(valid_from__isnull=True) | Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
        ]
        indexes = [models.Index(fields=["division_code"], name="institution_of_division")]

    def __str__(self) -> str:
        return self.name


class Department(models.Model):
    """科室 of an institution, under its own code; `specialty` is the national 诊疗科目 it works in."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="departments", verbose_name="机构")
    code = models.TextField("科室代码")
    name = models.TextField("科室名称")
    specialty = models.CharField("诊疗科目", max_length=4, null=True)
    active = models.BooleanField("启用", default=True)

    class Meta:
        verbose_name = "科室"
        constraints = [
            models.UniqueConstraint(fields=["institution", "code"], name="department_code_is_one_department"),
            models.CheckConstraint(name="department_has_code_and_name", condition=~Q(code="") & ~Q(name="")),
        ]

    def __str__(self) -> str:
        return self.name


class Staff(models.Model):
    """医务人员 of an institution, under the number it gives them."""

    class Kind(models.TextChoices):
        """What they are to patients."""

        PHYSICIAN = "physician", "医师"
        NURSE = "nurse", "护士"
        PHARMACIST = "pharmacist", "药师"
        TECHNICIAN = "technician", "医技人员"
        VILLAGE_DOCTOR = "village_doctor", "乡村医生"
        PUBLIC_HEALTH = "public_health", "公共卫生人员"
        OTHER = "other", "其他"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="staff", verbose_name="机构")
    code = models.TextField("工号")
    name = models.TextField("姓名")
    kind = models.CharField("人员类别", max_length=20, choices=Kind)
    title = models.TextField("职称", null=True)
    department = models.ForeignKey(Department, models.PROTECT, null=True, related_name="staff", verbose_name="科室")
    valid = models.BooleanField("在岗", default=True)

    class Meta:
        verbose_name = "医务人员"
        verbose_name_plural = "医务人员"
        constraints = [
            models.UniqueConstraint(fields=["institution", "code"], name="staff_code_is_one_person"),
            models.CheckConstraint(name="staff_has_code_and_name", condition=~Q(code="") & ~Q(name="")),
            models.CheckConstraint(
                name="staff_kind_is_known",
                condition=Q(
                    kind__in=[
                        "physician",
                        "nurse",
                        "pharmacist",
                        "technician",
                        "village_doctor",
                        "public_health",
                        "other",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Import(models.Model):
    """A workbook somebody brought to change the registry: kept as it came, confirmed or not."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    content = models.BinaryField("文件")
    actor_id = models.UUIDField("经办", null=True)
    brought_at = models.DateTimeField("上传时间", db_default=Now())
    confirmed_at = models.DateTimeField("确认时间", null=True)

    class Meta:
        verbose_name = "导入"

    def __str__(self) -> str:
        return str(self.id)


class TerminologyEdition(models.Model):
    """术语版本: one edition of a vocabulary as its owner distributed it; never changed once imported."""

    class Kind(models.TextChoices):
        """The vocabularies that can be imported."""

        ICD_10_CLINICAL = "icd-10-clinical", "疾病分类与代码（ICD-10）国家临床版"
        ICD_10_INSURANCE = "icd-10-insurance", "医保疾病诊断分类与代码（ICD-10）医保版"
        ICD_9_CLINICAL = "icd-9-cm-3-clinical", "手术操作分类代码（ICD-9-CM-3）国家临床版"
        ICD_9_INSURANCE = "icd-9-cm-3-insurance", "医保手术操作分类与代码（ICD-9-CM-3）医保版"
        DRUG_INSURANCE = "drug-insurance", "国家医保药品编码"
        DRUG_STANDARD = "drug-standard", "国家药品编码本位码"
        CONSUMABLE = "consumable", "医保医用耗材编码"
        LOINC = "loinc", "LOINC 检验检查编码"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField("术语", max_length=20, choices=Kind)
    edition = models.TextField("版本")
    valid_from = models.DateField("启用日期")
    valid_to = models.DateField("停用日期", null=True)
    file_name = models.TextField("文件名")
    digest = models.CharField("文件摘要", max_length=64)
    codes_count = models.IntegerField("代码数")
    imported_at = models.DateTimeField("导入时间", db_default=Now())
    actor_id = models.UUIDField("经办", null=True)

    class Meta:
        verbose_name = "术语版本"
        constraints = [
            models.UniqueConstraint(fields=["kind", "edition"], name="terminology_edition_is_imported_once"),
            models.UniqueConstraint(fields=["kind", "valid_from"], name="terminology_editions_begin_on_different_days"),
            models.CheckConstraint(name="terminology_edition_has_a_name", condition=~Q(edition="")),
            models.CheckConstraint(name="terminology_edition_has_codes", condition=Q(codes_count__gt=0)),
            models.CheckConstraint(
                name="terminology_edition_ends_after_it_begins",
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.edition}"


class TerminologyCode(models.Model):
    """术语代码 of one edition; `initials` are the first letters of the name's pinyin, `active` as its owner says."""

    edition = models.ForeignKey(TerminologyEdition, models.CASCADE, related_name="codes", verbose_name="版本")
    code = models.TextField("代码")
    name = models.TextField("名称")
    detail = models.TextField("说明")
    initials = models.TextField("拼音首字母")
    active = models.BooleanField("有效")

    class Meta:
        verbose_name = "术语代码"
        constraints = [
            models.UniqueConstraint(fields=["edition", "code"], name="terminology_code_is_one_of_its_edition"),
            models.CheckConstraint(name="terminology_code_has_code_and_name", condition=~Q(code="") & ~Q(name="")),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"
