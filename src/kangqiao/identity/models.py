"""The nouns of identity: residents, what identifies them, patients, and the links patient → resident.

These tables are filled by the hundred thousand, and beyond one machine they are split by patient and by resident;
so references between them are kept by the verbs of `services` and not by foreign keys, which cost a quarter or
more of the loading rate (`bench/identity.py` measures it).
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from kangqiao.identity.decisions import Apart, Clue, Decision, Doubt, LinkageModel, Traits, Unmatched
from kangqiao.identity.documents import HELD, DocumentType
from kangqiao.infra.ids import uuid7

__all__ = [
    "Apart",
    "Clue",
    "Conflict",
    "Decision",
    "Doubt",
    "Link",
    "LinkageModel",
    "Patient",
    "Resident",
    "ResidentIdentifier",
    "Traits",
    "Unmatched",
]

SEX_CODES = ["0", "1", "2", "9"]
DOCUMENT_CODES = [kind.value for kind in DocumentType]


class Resident(models.Model):
    """A person. Confirmed by a master key, or 待核 and then the own resident of one patient, with that patient's id.

    A merged resident is an own one whose patient has been linked elsewhere: kept, empty, and it says where to.
    """

    class State(models.TextChoices):
        """What is known about a resident."""

        CONFIRMED = "confirmed", "已核实"
        PENDING = "pending", "待核"
        MERGED = "merged", "已并入"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.TextField("姓名", null=True)
    sex = models.CharField("性别", max_length=1, null=True)
    birth_date = models.DateField("出生日期", null=True)
    state = models.CharField("状态", max_length=10, choices=State)
    merged_into = models.ForeignKey(
        "self", models.DO_NOTHING, null=True, db_constraint=False, db_index=False, verbose_name="并入", related_name="+"
    )
    created_at = models.DateTimeField("建立时间", db_default=Now())

    class Meta:
        verbose_name = "居民"
        constraints = [
            models.CheckConstraint(
                name="resident_state_is_known", condition=Q(state__in=["confirmed", "pending", "merged"])
            ),
            models.CheckConstraint(
                name="resident_merged_says_where_to",
                condition=Q(state="merged", merged_into__isnull=False)
                | (~Q(state="merged") & Q(merged_into__isnull=True)),
            ),
            models.CheckConstraint(name="resident_not_merged_into_itself", condition=~Q(merged_into=F("id"))),
            models.CheckConstraint(name="resident_sex_is_a_code", condition=Q(sex__isnull=True) | Q(sex__in=SEX_CODES)),
        ]
        indexes = [
            models.Index(fields=["name", "birth_date"], name="resident_by_name"),
            models.Index(fields=["merged_into"], name="resident_merged_into", condition=Q(state="merged")),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ResidentIdentifier(models.Model):
    """A document that says who the resident is. A number names one resident at a time.

    `institution_id` is where it was shown first; `issuer` and `valid_until` are those told with the latest end,
    NULL where nobody told. Numbers that institutions give themselves and those of `HELD` stay with the patients
    (`Patient`).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    resident = models.ForeignKey(
        Resident, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="identifiers"
    )
    type = models.CharField("证件类别", max_length=2)
    number = models.TextField("证件号码")
    first_seen_on = models.DateField("首次出现", db_default=Now())
    last_seen_on = models.DateField("最近出现", db_default=Now())
    institution_id = models.IntegerField("首次出示的机构", null=True)
    issuer = models.TextField("签发机构", null=True)
    valid_until = models.DateField("有效期截止日期", null=True)
    valid = models.BooleanField("有效", db_default=True)

    class Meta:
        verbose_name = "居民标识"
        constraints = [
            models.UniqueConstraint(
                fields=["type", "number"], name="identifier_names_one_resident", condition=Q(valid=True)
            ),
            models.CheckConstraint(name="identifier_type_is_a_code", condition=Q(type__in=DOCUMENT_CODES)),
            models.CheckConstraint(name="identifier_number_is_filled", condition=~Q(number="")),
            models.CheckConstraint(
                name="identifier_seen_first_then_last", condition=Q(last_seen_on__gte=F("first_seen_on"))
            ),
        ]
        indexes = [models.Index(fields=["resident"], name="identifier_of_resident")]

    def __str__(self) -> str:
        return str(self.id)


class Patient(models.Model):
    """A person as one institution knows them, under its own number. Records belong to patients and never move.

    Until its registration arrives a patient is known by its number only, because a record names it. What the newest
    registration says is kept as it was said; a `shown_number` is kept where it is no key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution_id = models.IntegerField("机构")
    local_number = models.TextField("院内患者号")
    name = models.TextField("姓名", null=True)
    sex = models.CharField("性别", max_length=1, null=True)
    birth_date = models.DateField("出生日期", null=True)
    key_type = models.CharField("主键证件类别", max_length=2, null=True)
    key_number = models.TextField("主键证件号码", null=True)
    key_changes = models.SmallIntegerField("主键证件变更次数", db_default=0)
    registered = models.BooleanField("已登记")
    shown_number = models.TextField("填写的证件号码", null=True)
    health_card = models.TextField("居民健康卡号", null=True)
    archive_number = models.TextField("健康档案编号", null=True)
    phone = models.TextField("电话", null=True)
    division = models.TextField("现住址行政区划代码", null=True)
    mother_name = models.TextField("母亲姓名", null=True)
    mother_number = models.TextField("母亲证件号码", null=True)
    registered_on = models.DateField("建档日期", null=True)
    insurance_number = models.TextField("医保编号", null=True)
    document_issuer = models.TextField("证件签发机构", null=True)
    document_valid_until = models.DateField("证件有效期截止日期", null=True)

    class Meta:
        verbose_name = "患者"
        constraints = [
            models.UniqueConstraint(fields=["institution_id", "local_number"], name="patient_number_is_one_patient"),
            models.CheckConstraint(name="patient_number_is_filled", condition=~Q(local_number="")),
            models.CheckConstraint(name="patient_sex_is_a_code", condition=Q(sex__isnull=True) | Q(sex__in=SEX_CODES)),
            models.CheckConstraint(
                name="patient_key_is_whole",
                condition=Q(key_type__isnull=True, key_number__isnull=True)
                | Q(key_type__isnull=False, key_type__in=DOCUMENT_CODES, key_number__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=[word], name=f"patient_by_{word}", condition=Q(**{f"{word}__isnull": False}))
            for word in HELD
        ]

    def __str__(self) -> str:
        return str(self.id)


class Link(models.Model):
    """Who a patient is: patient → resident, why, how surely, by whom; undone, it stays as history.

    Every patient has exactly one current link. The link of a patient that is its own resident has the reason `own`.
    A link that somebody or a comparison decided names the `Decision`, which explains it.
    """

    class Reason(models.TextChoices):
        """Why the link was made."""

        CITIZEN_ID = "citizen_id", "公民身份号码相同"
        DOCUMENT = "document", "证件相同"
        OWN = "own", "无可用证件"
        MATCHED = "matched", "比对相同"
        MANUAL = "manual", "人工认定"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    patient = models.ForeignKey(
        Patient, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="links", verbose_name="患者"
    )
    resident = models.ForeignKey(
        Resident, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="links", verbose_name="居民"
    )
    reason = models.CharField("理由", max_length=10, choices=Reason)
    score = models.FloatField("把握", db_default=1.0)
    actor_id = models.UUIDField("经办", null=True)
    batch_id = models.UUIDField("批次", null=True)
    linked_at = models.DateTimeField("关联时间", db_default=Now())
    undone_at = models.DateTimeField("撤销时间", null=True)
    undone_by = models.UUIDField("撤销人", null=True)
    undone_reason = models.TextField("撤销理由", null=True)
    decision_id = models.UUIDField("认定", null=True)
    ended_by = models.UUIDField("撤销的认定", null=True)

    class Meta:
        verbose_name = "关联"
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], name="link_one_current_per_patient", condition=Q(undone_at=None)
            ),
            models.CheckConstraint(
                name="link_reason_is_known",
                condition=Q(reason__in=["citizen_id", "document", "own", "matched", "manual"]),
            ),
            models.CheckConstraint(
                name="link_own_is_to_oneself",
                condition=Q(reason="own", resident=F("patient")) | (~Q(reason="own") & ~Q(resident=F("patient"))),
            ),
            models.CheckConstraint(name="link_score_is_a_probability", condition=Q(score__gte=0, score__lte=1)),
            models.CheckConstraint(
                name="link_undone_says_why",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undone_reason__isnull=True)
                | (Q(undone_at__isnull=False, undone_reason__isnull=False) & ~Q(undone_reason="")),
            ),
        ]
        indexes = [
            models.Index(fields=["resident"], name="link_of_resident"),
            models.Index(fields=["decision_id"], name="link_of_decision", condition=Q(decision_id__isnull=False)),
            models.Index(fields=["ended_by"], name="link_ended_by_decision", condition=Q(ended_by__isnull=False)),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Conflict(models.Model):
    """A patient whose name, sex or birth date is not that of the resident it is linked to (a view: never stale).

    Names are compared without spaces and separating dots; sex only where both are known as man or woman.
    """

    patient = models.OneToOneField(Patient, models.DO_NOTHING, primary_key=True, related_name="conflict")
    resident = models.ForeignKey(Resident, models.DO_NOTHING, related_name="conflicts")
    institution_id = models.IntegerField("机构")
    name_differs = models.BooleanField("姓名不同")
    sex_differs = models.BooleanField("性别不同")
    birth_date_differs = models.BooleanField("出生日期不同")

    class Meta:
        managed = False
        db_table = "identity_conflict"
        verbose_name = "身份矛盾"

    def __str__(self) -> str:
        return str(self.patient_id)
