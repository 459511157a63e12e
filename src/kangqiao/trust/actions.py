"""The words of the audit log. A new act of any package adds its word and Chinese title here."""

from django.db.models import TextChoices


class Action(TextChoices):
    """What was done. Entries keep the value for ever: rename a title, never a value."""

    SESSION_OPEN = "trust:session:open", "登录"
    SESSION_CLOSE = "trust:session:close", "退出"
    PERMISSION_REFUSE = "trust:permission:refuse", "越权访问被拒"
    PASSWORD_CHANGE = "trust:password:change", "修改密码"
    PASSWORD_RESET = "trust:password:reset", "重置密码"
    ACCOUNT_CREATE = "trust:account:create", "新建账号"
    ACCOUNT_DISABLE = "trust:account:disable", "停用账号"
    ACCOUNT_ENABLE = "trust:account:enable", "启用账号"
    TOKEN_ISSUE = "trust:token:issue", "签发接口令牌"
    TOKEN_REVOKE = "trust:token:revoke", "停用接口令牌"
    AUDIT_READ = "trust:audit:read", "查看审计日志"
    AUDIT_EXPORT = "trust:audit:export", "导出审计日志"
    RESIDENT_FIND = "identity:resident:find", "查找居民"
    PATIENT_LINK = "identity:patient:link", "关联患者与居民"
    PATIENT_UNLINK = "identity:patient:unlink", "撤销患者与居民的关联"
    RESIDENT_MERGE = "identity:resident:merge", "合并居民"
    RESIDENT_APART = "identity:resident:apart", "认定不是同一人"
    DECISION_UNDO = "identity:decision:undo", "撤销身份认定"
    DOUBT_MOVE = "identity:doubt:move", "处理身份疑问"
    DOUBT_READ = "identity:doubt:read", "查看身份疑问"
    DECISION_READ = "identity:decision:read", "查看身份认定"
    MATCH_CHECK = "identity:match:check", "抽查自动合并"
    CORRECTION_FILE = "identity:correction:file", "受理更正申请"
    CORRECTION_MOVE = "identity:correction:move", "处理更正申请"
    CORRECTION_READ = "identity:correction:read", "查看更正申请"
    PATIENT_REGISTER = "identity:patient:register", "登记患者"
    RESIDENT_MATCH = "identity:resident:match", "比对居民"
    MODEL_KEEP = "identity:model:keep", "启用比对模型"
    TIMELINE_READ = "records:timeline:read", "调阅健康档案"
    SOURCE_READ = "records:source:read", "查看来源记录"
    BATCH_SUBMIT = "intake:batch:submit", "报送数据批次"
    BATCH_STORE = "intake:batch:store", "批次数据入库"
    BATCH_READ = "intake:batch:read", "查看数据批次"
    REFUSED_READ = "intake:refused:read", "查看退回的数据行"
    REFUSED_DOWNLOAD = "intake:refused:download", "下载退回的数据行"
    REGISTRY_IMPORT = "registry:import", "导入机构、科室和人员"
    TERMINOLOGY_IMPORT = "registry:terminology:import", "导入术语版本"
    QUALITY_MEASURE = "quality:measure", "测量数据质量"
    QUALITY_ROWS_READ = "quality:rows:read", "查看不合格的数据行"
    QUALITY_EXPORT = "quality:export", "导出数据质量报告"
    ISSUE_OPEN = "quality:issue:open", "发起质量整改"
    ISSUE_MOVE = "quality:issue:move", "处理质量整改"
    POPULATION_COUNT = "population:count", "统计人口"
    POPULATION_EXPORT = "population:export", "导出人口统计"
    PERSON_READ = "population:person:read", "查看居民人口信息"
    HOUSEHOLD_READ = "population:household:read", "查看家庭户"
    EVENT_READ = "population:event:read", "查看出生死亡迁移"
    FHIR_READ = "fhir:read", "FHIR 读取"
    FHIR_SEARCH = "fhir:search", "FHIR 检索"
    FHIR_WRITE = "fhir:write", "FHIR 写入"


class Outcome(TextChoices):
    """How the act ended."""

    DONE = "done", "成功"
    REFUSED = "refused", "拒绝"
    FAILED = "failed", "失败"


class Purpose(TextChoices):
    """Why personal data was looked at; every reading of a resident's record names one."""

    TREATMENT = "treatment", "诊疗"
    EMERGENCY = "emergency", "急救"
    PUBLIC_HEALTH = "public-health", "公共卫生服务"
    SUPERVISION = "supervision", "监管"
    OPERATION = "operation", "平台运维"
    OWN_REQUEST = "own-request", "居民本人申请"


OBJECT_LABELS: dict[str, str] = {
    "account": "账号",
    "token": "接口令牌",
    "route": "页面",
    "audit": "审计日志",
    "resident": "居民",
    "patient": "患者",
    "decision": "身份认定",
    "doubt": "身份疑问",
    "linkage-model": "比对模型",
    "correction": "更正申请",
    "timeline": "健康档案",
    "record": "来源记录",
    "batch": "数据批次",
    "institution": "机构",
    "terminology": "术语版本",
    "measurement": "质量测量",
    "issue": "质量整改",
    "quality": "数据质量",
    "tally": "人口统计",
    "division": "行政区划",
    "household": "家庭户",
}
"""Chinese titles of `AuditEntry.object_kind`; a kind without one (a FHIR type) is shown as it is."""
