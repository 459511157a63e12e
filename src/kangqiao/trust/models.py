"""The nouns of trust: accounts, machine tokens, audit entries."""

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from kangqiao.infra.ids import uuid7
from kangqiao.trust.actions import Outcome, Purpose
from kangqiao.trust.actors import ActorKind
from kangqiao.trust.permissions import (
    INSTITUTION_ROLES,
    MACHINE_PERMISSIONS,
    SEPARATED_ROLES,
    Permission,
    Role,
    permissions_of,
)


def _any_two_of(words: frozenset[str]) -> Q:
    pairs = [(a, b) for a in sorted(words) for b in sorted(words) if a < b]
    return Q(*(Q(roles__contains=list(pair)) for pair in pairs), _connector=Q.OR)


class Account(AbstractBaseUser):
    """A person who signs in. `institution_id` None means the whole city."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    username = models.CharField("账号", max_length=32, unique=True)
    display_name = models.CharField("姓名", max_length=40)
    roles = ArrayField(models.CharField(max_length=20), verbose_name="角色")
    institution_id = models.IntegerField("所属机构", null=True)
    is_active = models.BooleanField("启用", default=True)
    must_change_password = models.BooleanField("须修改密码", default=True)
    failed_attempts = models.SmallIntegerField("连续失败次数", default=0)
    locked_until = models.DateTimeField("锁定至", null=True)
    created_at = models.DateTimeField("创建时间", db_default=Now())

    objects = BaseUserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ["display_name", "roles"]

    class Meta:
        verbose_name = "账号"
        constraints = [
            models.CheckConstraint(
                name="account_username_is_plain", condition=Q(username__regex=r"^[a-z0-9][a-z0-9._-]{2,31}$")
            ),
            models.CheckConstraint(name="account_has_display_name", condition=~Q(display_name="")),
            models.CheckConstraint(name="account_has_a_role", condition=Q(roles__len__gt=0)),
            models.CheckConstraint(
                name="account_roles_are_known", condition=Q(roles__contained_by=sorted(Role.values))
            ),
            models.CheckConstraint(name="account_separates_administrators", condition=~_any_two_of(SEPARATED_ROLES)),
            models.CheckConstraint(
                name="account_of_institution_names_it",
                condition=Q(institution_id__isnull=False) | ~Q(roles__overlap=sorted(INSTITUTION_ROLES)),
            ),
            models.CheckConstraint(name="account_attempts_count_up", condition=Q(failed_attempts__gte=0)),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def role_labels(self) -> list[str]:
        """The Chinese titles of the account's roles."""
        return [Role(role).label for role in self.roles]

    @property
    def permissions(self) -> frozenset[Permission]:
        """What the account may do; only change its password while that is due."""
        if self.must_change_password:
            return frozenset({Permission.SESSION_USE})
        return permissions_of(self.roles)


class MachineToken(models.Model):
    """A key by which another system acts for one institution. Only the SHA-256 of the token is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    institution_id = models.IntegerField("所属机构")
    name = models.CharField("名称", max_length=40)
    permissions = ArrayField(models.CharField(max_length=40), verbose_name="权限")
    digest = models.BinaryField("令牌摘要", max_length=32, unique=True)
    created_at = models.DateTimeField("签发时间", db_default=Now())
    created_by = models.ForeignKey(Account, models.PROTECT, verbose_name="签发人", null=True)
    valid_until = models.DateTimeField("有效期至")
    revoked_at = models.DateTimeField("停用时间", null=True)

    class Meta:
        verbose_name = "接口令牌"
        constraints = [
            models.CheckConstraint(name="token_has_name", condition=~Q(name="")),
            models.CheckConstraint(name="token_has_a_permission", condition=Q(permissions__len__gt=0)),
            models.CheckConstraint(
                name="token_permissions_are_for_machines",
                condition=Q(permissions__contained_by=sorted(MACHINE_PERMISSIONS)),
            ),
            models.CheckConstraint(
                name="token_ends_after_it_begins", condition=Q(valid_until__gt=models.F("created_at"))
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class AuditEntry(models.Model):
    """One act: who, for which institution, on whose data, why, and how it ended.

    Append-only: a trigger refuses UPDATE, DELETE and TRUNCATE. `object_id` is an internal id; personal data has
    no place in an entry. Keys are time-ordered, so a page of the log is a range of the primary key.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField("时间", db_default=Now())
    actor_kind = models.CharField("操作者类型", max_length=10, choices=ActorKind)
    actor_id = models.UUIDField("操作者", null=True)
    institution_id = models.IntegerField("机构", null=True)
    action = models.CharField("操作", max_length=60)
    resident_id = models.UUIDField("居民", null=True)
    patient_id = models.UUIDField("患者", null=True)
    object_kind = models.CharField("对象类型", max_length=40, null=True)
    object_id = models.CharField("对象编号", max_length=100, null=True)
    purpose = models.CharField("目的", max_length=20, choices=Purpose, null=True)
    outcome = models.CharField("结果", max_length=10, choices=Outcome)
    address = models.GenericIPAddressField("地址", null=True)
    detail = models.JSONField("详情", null=True)

    class Meta:
        verbose_name = "审计记录"
        constraints = [
            models.CheckConstraint(
                name="audit_actor_has_id",
                condition=Q(actor_kind__in=[ActorKind.SYSTEM, ActorKind.ANONYMOUS], actor_id__isnull=True)
                | Q(actor_kind__in=[ActorKind.ACCOUNT, ActorKind.TOKEN], actor_id__isnull=False),
            ),
            models.CheckConstraint(
                name="audit_action_is_a_word", condition=Q(action__regex=r"^[a-z]+(:[a-z-]+){1,2}$")
            ),
            models.CheckConstraint(
                name="audit_purpose_is_known",
                condition=Q(purpose__isnull=True) | Q(purpose__in=Purpose.values),
            ),
            models.CheckConstraint(name="audit_outcome_is_known", condition=Q(outcome__in=Outcome.values)),
        ]
        indexes = [
            models.Index("resident_id", "id", name="audit_of_resident", condition=Q(resident_id__isnull=False)),
            models.Index("actor_id", "id", name="audit_of_actor", condition=Q(actor_id__isnull=False)),
            BrinIndex(fields=["at"], name="audit_at", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return str(self.id)
