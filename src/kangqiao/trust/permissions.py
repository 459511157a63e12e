"""Who may do what: permissions, roles and the table between them.

The roles of system administration, data administration and security audit are separated, as level three of
the national protection scheme asks for (三权分离): no account holds two of them, and no role holds everything.
"""

from django.db.models import TextChoices


class Permission(TextChoices):
    """One act a route or verb can ask for. The value is what audit entries and tokens carry."""

    SESSION_USE = "trust:session:use", "使用平台和管理自己的密码"
    ACCOUNT_MANAGE = "trust:account:manage", "管理账号和接口令牌"
    AUDIT_READ = "trust:audit:read", "查看审计日志"
    RESIDENT_FIND = "identity:resident:find", "查找居民"
    IDENTITY_DECIDE = "identity:decide", "认定谁是谁：合并、拆分、复核、撤销"
    CORRECTION_FILE = "identity:correction:file", "受理居民的更正申请"
    IDENTITY_MATCH = "identity:match", "登记患者和比对居民"
    TIMELINE_READ = "records:timeline:read", "调阅健康档案"
    SOURCE_READ = "records:source:read", "查看来源记录和历史版本"
    BATCH_SUBMIT = "intake:batch:submit", "报送数据批次"
    BATCH_READ = "intake:batch:read", "查看数据批次和回执"
    REFUSED_DOWNLOAD = "intake:refused:download", "下载退回的数据行"
    INSTITUTION_READ = "registry:institution:read", "查看机构、科室和人员"
    REGISTRY_IMPORT = "registry:import", "导入机构、科室、人员和术语"
    CONTRACT_READ = "standards:contract:read", "查看数据集接口文档、值域和术语"
    QUALITY_READ = "quality:score:read", "查看数据质量"
    QUALITY_ROWS = "quality:rows:read", "查看不合格的数据行"
    QUALITY_MANAGE = "quality:issue:manage", "发起、复核和关闭质量整改"
    QUALITY_ANSWER = "quality:issue:answer", "处理本机构的质量整改"
    POPULATION_READ = "population:read", "查看人口统计"
    PERSON_READ = "population:person:read", "查看居民、家庭户和出生死亡迁移"
    FHIR_READ = "fhir:read", "通过 FHIR 接口读取"
    FHIR_WRITE = "fhir:write", "通过 FHIR 接口写入"


class Role(TextChoices):
    """What a person is to the platform. An account holds one or several."""

    CLINICIAN = "clinician", "临床医生"
    SENDER = "sender", "机构数据员"
    DATA_MANAGER = "data-manager", "平台数据管理员"
    ADMINISTRATOR = "administrator", "系统管理员"
    AUDITOR = "auditor", "安全审计员"
    REGULATOR = "regulator", "卫健监管"
    STEWARD = "steward", "主索引管理员"


PERMISSIONS_OF: dict[Role, frozenset[Permission]] = {
    Role.CLINICIAN: frozenset(
        {
            Permission.SESSION_USE,
            Permission.RESIDENT_FIND,
            Permission.TIMELINE_READ,
            Permission.SOURCE_READ,
        }
    ),
    Role.SENDER: frozenset(
        {
            Permission.SESSION_USE,
            Permission.BATCH_SUBMIT,
            Permission.BATCH_READ,
            Permission.REFUSED_DOWNLOAD,
            Permission.CONTRACT_READ,
            Permission.INSTITUTION_READ,
            Permission.QUALITY_READ,
            Permission.QUALITY_ROWS,
            Permission.QUALITY_ANSWER,
        }
    ),
    Role.DATA_MANAGER: frozenset(
        {
            Permission.SESSION_USE,
            Permission.BATCH_SUBMIT,
            Permission.BATCH_READ,
            Permission.REFUSED_DOWNLOAD,
            Permission.CONTRACT_READ,
            Permission.INSTITUTION_READ,
            Permission.REGISTRY_IMPORT,
            Permission.QUALITY_READ,
            Permission.QUALITY_ROWS,
            Permission.QUALITY_MANAGE,
            Permission.POPULATION_READ,
            Permission.PERSON_READ,
            Permission.CORRECTION_FILE,
        }
    ),
    Role.ADMINISTRATOR: frozenset({Permission.SESSION_USE, Permission.ACCOUNT_MANAGE, Permission.INSTITUTION_READ}),
    Role.AUDITOR: frozenset({Permission.SESSION_USE, Permission.AUDIT_READ}),
    Role.REGULATOR: frozenset(
        {
            Permission.SESSION_USE,
            Permission.BATCH_READ,
            Permission.CONTRACT_READ,
            Permission.INSTITUTION_READ,
            Permission.QUALITY_READ,
            Permission.QUALITY_MANAGE,
            Permission.POPULATION_READ,
        }
    ),
    Role.STEWARD: frozenset(
        {
            Permission.SESSION_USE,
            Permission.RESIDENT_FIND,
            Permission.IDENTITY_DECIDE,
            Permission.CORRECTION_FILE,
            Permission.INSTITUTION_READ,
            Permission.POPULATION_READ,
            Permission.PERSON_READ,
        }
    ),
}

SEPARATED_ROLES = frozenset({Role.DATA_MANAGER, Role.ADMINISTRATOR, Role.AUDITOR})
"""An account holds at most one of these."""

INSTITUTION_ROLES = frozenset({Role.CLINICIAN, Role.SENDER})
"""These work for one institution; their account must name it."""

MACHINE_PERMISSIONS = frozenset(
    {
        Permission.TIMELINE_READ,
        Permission.IDENTITY_MATCH,
        Permission.BATCH_SUBMIT,
        Permission.BATCH_READ,
        Permission.REFUSED_DOWNLOAD,
        Permission.CONTRACT_READ,
        Permission.FHIR_READ,
        Permission.FHIR_WRITE,
    }
)
"""What a machine token can carry; managing accounts and reading the audit log stay with people."""


def permissions_of(roles: list[str]) -> frozenset[Permission]:
    """Return everything that these roles may do together."""
    return frozenset().union(*(PERMISSIONS_OF[Role(role)] for role in roles))
